//! The way to a login, for a device that has none yet.

use super::{Agent, AgentError, device::Observer, millis, reaching::login};
use crate::{
    events::AgentEvent,
    handle::Wake,
    register::{Plan, Registered, Registering},
};

/// Where a registration is.
pub(super) enum Registration {
    /// Until the agent runs.
    Planned(Plan),
    /// Until the platform has granted something.
    UnderWay { _thread: Registering },
}

impl Agent {
    /// Starts to register, if the device has to.
    pub(super) fn register(&mut self) -> Result<(), AgentError> {
        if let Some(Registration::Planned(plan)) = self.registration.take() {
            let sender = self.shared.sender.clone();
            let tell = move |registered| sender.send(Wake::Registered(registered)).is_ok();
            let thread = Registering::start(plan, tell)
                .map_err(|error| AgentError::System { what: "a thread", error })?;
            self.registration = Some(Registration::UnderWay { _thread: thread });
        }
        Ok(())
    }

    pub(super) fn registered(&mut self, registered: Registered, observer: &mut Observer<'_>) {
        match registered {
            Registered::Granted(grant) => {
                self.registration = None;
                observer(None, &AgentEvent::Registered);
                if let Some(link) = &mut self.shared.link {
                    link.begin(login(&self.config, self.dialect, grant));
                }
            }
            Registered::Failed { reason, retry_after } => {
                observer(None, &AgentEvent::NotRegistered { reason, retry_after_ms: millis(retry_after) });
            }
        }
    }
}
