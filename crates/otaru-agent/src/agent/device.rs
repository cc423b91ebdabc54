//! One device of the agent: its updater, what it is installed with, and its corner of the storage.

use std::{
    collections::{BTreeMap, VecDeque},
    path::PathBuf,
};

use otaru_core::{Boot, Input, Output, SlotError, Updater};
use otaru_wire::{DeviceId, Instant, Module};

use super::{Shared, TRAFFIC_INTERVAL, health::Health};
use crate::{
    boot::BootError,
    command::RunningCommand,
    config::{RebootConfig, RebootMode},
    events::{AgentEvent, ModuleState},
    handle::{Done, Wake},
    install::{Installers, Lent, Running, Settled, Standing, Surroundings},
    number::DeviceNumber,
    record_store::RecordStore,
    remote_config::ConfigFile,
};

/// Gets what happens, and to which device behind this one; none: to the agent's own.
pub(super) type Observer<'a> = dyn FnMut(Option<&DeviceId>, &AgentEvent) + 'a;

/// The agent's own device, or one behind it.
pub(super) struct Device {
    pub(super) number: DeviceNumber,
    pub(super) id: DeviceId,
    pub(super) updater: Updater,
    pub(super) inputs: VecDeque<Input>,
    pub(super) installers: Installers,
    pub(super) records: RecordStore,
    /// Its session is up.
    pub(super) session: bool,
    /// The platform hears it: over its session, or by calls where the platform is asked by them.
    pub(super) online: bool,
    /// Its updater has been told what it runs; before that it takes nothing in.
    pub(super) booted: bool,
    /// The buffer of a body that was stored, for the fetcher.
    pub(super) spare: Option<Vec<u8>>,
    pub(super) downloaded_bytes: u64,
    pub(super) traffic_told: Traffic,
    /// The module of the Task in hand.
    pub(super) module: Module,
    pub(super) health: Health,
    pub(super) health_command: Option<Vec<String>>,
    /// Why a module's files are not what its marker says.
    pub(super) unsettled: BTreeMap<Module, SlotError>,
    pub(super) reboot: Reboot,
    pub(super) rebooting: Option<RunningCommand>,
    /// Pieces of work that other threads do for it.
    pub(super) at_work: usize,
    /// Where Configs go, if there is a place for them.
    pub(super) config_file: Option<ConfigFile>,
    /// What outside the storage its installers write.
    pub(super) paths: Vec<PathBuf>,
    // Last, so that it is dropped last: nothing is written after the storage's lock is gone.
    pub(super) surroundings: Surroundings,
}

/// What was last told of the traffic.
#[derive(Default)]
pub(super) struct Traffic {
    pub(super) bytes: u64,
    pub(super) at: Instant,
}

/// What a device's reboot is.
pub(super) enum Reboot {
    /// This agent's process ends.
    Process,
    /// A program reboots the machine, this process with it.
    Machine(Vec<String>),
    /// A device behind this one boots: until a program has ended well, or at once.
    Behind(Option<Vec<String>>),
}

impl Reboot {
    pub(super) fn own(config: &RebootConfig) -> Self {
        match (config.mode, &config.command) {
            (RebootMode::Command, Some(command)) => Self::Machine(command.clone()),
            _ => Self::Process,
        }
    }
}

impl Device {
    /// True for the agent's own.
    pub(super) fn is_own(&self) -> bool {
        self.number == DeviceNumber::OWN
    }

    /// Gives an input to the updater and does all that follows, until nothing follows.
    pub(super) fn give(&mut self, input: Input, shared: &mut Shared, observer: &mut Observer<'_>) {
        self.inputs.push_back(input);
        self.settle(shared, observer);
    }

    pub(super) fn settle(&mut self, shared: &mut Shared, observer: &mut Observer<'_>) {
        while let Some(input) = self.inputs.pop_front() {
            let body = matches!(input, Input::Body(..));
            if let Err(error) = self.updater.handle(shared.clock.now(), input) {
                // Late answers and decisions that nobody asked for; nothing changed.
                tracing::debug!(device = %self.id, "an input was refused: {error}");
            }
            while let Some(output) = self.updater.poll() {
                if let Output::Store { bytes, .. } = &output
                    && !body
                {
                    self.downloaded_bytes += bytes.len() as u64; // a block, which came as a message
                }
                self.perform(output, shared, observer);
            }
        }
    }

    pub(super) fn tell(&self, event: &AgentEvent, observer: &mut Observer<'_>) {
        observer((!self.is_own()).then_some(&self.id), event);
    }

    /// What its modules run.
    pub(super) fn modules(&self) -> Vec<ModuleState> {
        let running = self.surroundings.markers().running().into_iter();
        let state = |it: Running| ModuleState { module: it.module, version: it.version, slot: it.slot };
        running.map(state).collect()
    }

    /// The boot loader's step, then what a power cut interrupted is finished, then the updater goes on.
    ///
    /// # Errors
    /// Without a boot marker nobody knows what runs.
    pub(super) fn boot(&mut self, shared: &mut Shared, observer: &mut Observer<'_>) -> Result<(), BootError> {
        let boot = self.surroundings.markers().start(&self.installers.booted())?;
        let running = self.surroundings.markers().running();
        let event = match self.is_own() {
            true => AgentEvent::Started { device: self.id.clone(), modules: self.modules() },
            false => AgentEvent::Booted { modules: self.modules() },
        };
        self.tell(&event, observer);
        let quick = running.iter().all(|it| it.standing == Standing::Confirmed);
        let lent = self.installers.lend_all(running);
        if self.is_own() || quick {
            let settled = Lent::settle(lent);
            self.booted(boot, settled, shared, observer);
            return Ok(());
        }
        // Its programs may take their time, and nobody else is to wait for them.
        let (number, sender) = (self.number, shared.sender.clone());
        let done = move |settled| {
            let _ = sender.send(Wake::Done(number, Done::Settled(boot, settled)));
        };
        match self.surroundings.settle(lent, done) {
            Ok(()) => self.at_work += 1,
            Err(error) => tracing::error!(device = %self.id, "no thread to settle it: {error}"),
        }
        Ok(())
    }

    /// Its modules are what their markers say, or it is known why not.
    pub(super) fn booted(
        &mut self,
        boot: Boot,
        settled: Vec<Settled>,
        shared: &mut Shared,
        observer: &mut Observer<'_>,
    ) {
        self.unsettled.clear();
        for Settled { module, install, result } in settled {
            self.installers.give_back(module.clone(), install);
            if let Err(error) = result {
                let reason = error.to_string();
                self.tell(&AgentEvent::NotSettled { module: module.clone(), reason }, observer);
                self.unsettled.insert(module, error);
            }
        }
        let first = !std::mem::replace(&mut self.booted, true);
        self.give(Input::Booted(boot), shared, observer);
        if first && self.session {
            self.give(Input::Connected, shared, observer);
        }
    }

    /// The session is up, or gone. Where the platform is asked by calls, it tells no more than when to ask.
    pub(super) fn set_session(&mut self, up: bool, shared: &mut Shared, observer: &mut Observer<'_>) {
        let was = std::mem::replace(&mut self.session, up);
        let hears = shared.calls.is_none();
        if hears {
            self.online = up;
        }
        if up {
            if hears {
                self.tell(&AgentEvent::Online, observer);
            }
            if self.booted {
                self.give(Input::Connected, shared, observer);
            }
            if hears {
                self.reached(shared, observer);
            }
        } else if was && self.booted {
            self.give(Input::Disconnected, shared, observer);
        }
    }

    /// When [`Device::timers`] is due.
    pub(super) fn due(&self) -> Option<Instant> {
        let due = [self.updater.poll_timeout(), self.health.due(), self.traffic_due()];
        due.into_iter().flatten().min()
    }

    pub(super) fn timers(&mut self, shared: &mut Shared, observer: &mut Observer<'_>) {
        let now = shared.clock.now();
        if self.updater.poll_timeout().is_some_and(|due| due <= now) {
            self.inputs.push_back(Input::Timer);
        }
        if self.health.due().is_some_and(|due| due <= now) {
            self.not_reached();
        }
        self.settle(shared, observer);
        if self.traffic_due().is_some_and(|due| due <= now) {
            self.tell_traffic(shared, observer);
        }
    }

    /// When bytes that were not told of yet are to be told.
    fn traffic_due(&self) -> Option<Instant> {
        (self.downloaded_bytes != self.traffic_told.bytes).then(|| self.traffic_told.at + TRAFFIC_INTERVAL)
    }

    /// Tells the bytes fetched, if there are new ones.
    pub(super) fn tell_traffic(&mut self, shared: &Shared, observer: &mut Observer<'_>) {
        if self.downloaded_bytes != self.traffic_told.bytes {
            self.traffic_told = Traffic { bytes: self.downloaded_bytes, at: shared.clock.now() };
            self.tell(&AgentEvent::Traffic { downloaded_bytes: self.downloaded_bytes }, observer);
        }
    }

    /// For the user's programs: which device they are about.
    pub(super) fn environment(&self) -> [(&'static str, String); 2] {
        [
            ("OTARU_PRODUCT_KEY", self.id.product.to_string()),
            ("OTARU_DEVICE_NAME", self.id.device.to_string()),
        ]
    }
}
