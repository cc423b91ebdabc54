//! The devices behind the agent's own: who they are, and how they come and go.

use std::collections::BTreeMap;

use otaru_core::{GatewayError, GatewayInput, GatewayOutput, Input};
use otaru_wire::{DeviceId, MAX_SUB_DEVICES, dialect::Credentials};

use super::{Agent, AgentError, device::Observer};
use crate::{
    config::SubDevice,
    events::AgentEvent,
    handle::{Done, OwnInstallers},
    number::DeviceNumber,
};

/// Devices that were dismissed while an installer of theirs was at work: until it has ended nobody else may write where
/// it writes.
#[derive(Debug, Default)]
pub(super) struct Leaving(BTreeMap<DeviceNumber, (DeviceId, usize)>);

impl Leaving {
    /// Something that was done for a device that is gone has ended.
    pub(super) fn done(&mut self, number: DeviceNumber, done: &Done) {
        if let (Some((_, left)), Done::Worked(_) | Done::Settled(..)) = (self.0.get_mut(&number), done) {
            *left = left.saturating_sub(1);
        }
        self.0.retain(|_, (_, left)| *left > 0);
    }

    fn has(&self, device: &DeviceId) -> bool {
        self.0.values().any(|(leaving, _)| leaving == device)
    }
}

impl Agent {
    /// Tells the gateway's decider what happened and does what it wants.
    pub(super) fn gateway(&mut self, input: GatewayInput, observer: &mut Observer<'_>) {
        if let Err(error) = self.gateway.handle(self.shared.clock.now(), input) {
            tracing::error!("{error}");
        }
        while let Some(output) = self.gateway.poll() {
            match output {
                GatewayOutput::Subscribe(filter) => self.shared.subscribe(&filter),
                GatewayOutput::Publish(message) => self.shared.publish(message),
                GatewayOutput::Online(device) => self.with(&device, |agent, number| {
                    agent.set_session(number, true, observer);
                }),
                GatewayOutput::Offline(device) => self.with(&device, |agent, number| {
                    agent.set_session(number, false, observer);
                    let reason = "the session that it speaks through is gone".to_owned();
                    let retry_after_ms = agent.retry_after_ms;
                    observer(Some(&device), &AgentEvent::Offline { reason, retry_after_ms });
                }),
                GatewayOutput::Message(device, message) => self.with(&device, |agent, number| {
                    let (topic, payload) = (message.topic, message.payload);
                    agent.give(number, Input::Message { topic, payload }, observer);
                }),
                GatewayOutput::Refused { device, reason, after_ms } => {
                    let offline = AgentEvent::Offline { reason, retry_after_ms: after_ms };
                    observer(Some(&device), &offline);
                }
            }
        }
    }

    fn with(&mut self, device: &DeviceId, act: impl FnOnce(&mut Self, DeviceNumber)) {
        if let Some(number) = self.numbers.get(device).copied() {
            act(self, number);
        }
    }

    /// A device is behind the agent's own from now on; what is wrong with it harms no other.
    pub(super) fn admit(
        &mut self,
        device: SubDevice,
        installers: OwnInstallers,
        observer: &mut Observer<'_>,
    ) {
        let id = device.id();
        if let Err(error) = self.try_admit(device, installers, observer) {
            observer(Some(&id), &AgentEvent::NotAdmitted { reason: error.to_string() });
        }
    }

    fn try_admit(
        &mut self,
        config: SubDevice,
        installers: OwnInstallers,
        observer: &mut Observer<'_>,
    ) -> Result<(), AgentError> {
        let id = config.id();
        let refused = |reason: String| AgentError::SubDevice { device: id.clone(), reason };
        if !self.config.device.dialect.has_gateways() {
            let dialect = self.dialect.name();
            let reason =
                format!("the dialect {dialect:?} has no devices behind others; give it an agent of its own");
            return Err(refused(reason));
        }
        config.check().map_err(refused)?;
        if self.numbers.get(&id) == Some(&DeviceNumber::OWN) {
            return Err(refused(GatewayError::Itself.to_string()));
        }
        self.dismiss(&id, observer);
        if self.leaving.has(&id) {
            return Err(refused("its installer is still at work; admit it again later".to_owned()));
        }
        // The agent's own is among them.
        if self.numbers.len() > MAX_SUB_DEVICES {
            return Err(refused(GatewayError::TooMany.to_string()));
        }
        let all = || self.devices.values().flat_map(|device| &device.paths);
        if let Some(path) = config.paths().iter().find(|path| all().any(|other| other == **path)) {
            return Err(refused(format!("{} is another device's", path.display())));
        }
        let credentials = Credentials { id: id.clone(), secret: config.device_secret.0.clone() };
        self.last_number = self.last_number.next();
        let mut device = self.open_behind(self.last_number, &config, installers)?;
        device.boot(&mut self.shared, observer)?;
        self.devices.insert(self.last_number, device);
        self.numbers.insert(id, self.last_number);
        self.gateway(GatewayInput::Admit(credentials), observer);
        Ok(())
    }

    /// A device is not behind the agent's own any more. Its folder stays.
    pub(super) fn dismiss(&mut self, id: &DeviceId, observer: &mut Observer<'_>) {
        let Some(number) = self.numbers.get(id).copied().filter(|number| *number != DeviceNumber::OWN) else {
            return;
        };
        self.give(number, Input::Stopping, observer);
        self.numbers.remove(id);
        self.shared.fetchers.forget(number);
        if let Some(mut device) = self.devices.remove(&number) {
            device.tell_traffic(&self.shared, observer);
            if device.at_work > 0 {
                self.leaving.0.insert(number, (id.clone(), device.at_work));
            }
        }
        self.gateway(GatewayInput::Dismiss(id.clone()), observer);
        observer(Some(id), &AgentEvent::Dismissed);
    }
}
