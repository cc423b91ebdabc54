//! The agent: one loop that does what the updaters of its devices decide and tells them what came of it.

mod answering;
mod behind;
mod device;
mod doing;
mod health;
mod opening;
mod reaching;
mod registering;
mod setup;

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{
        Arc,
        mpsc::{Receiver, RecvTimeoutError, Sender},
    },
    time::Duration,
};

use otaru_core::{Gateway, GatewayInput, Input};
use otaru_wire::{DeviceId, Module, dialect::DeviceHalf};

use crate::{
    boot::BootError,
    calls::Calls,
    clock::Clock,
    config::{Config, ConfigError, RebootMode},
    events::{AgentEvent, GatewayEvent},
    fetchers::{Fetchers, Lane},
    handle::{Handle, Wake},
    http::FetchEvent,
    link::{Link, LinkNotice},
    number::DeviceNumber,
    storage::Storage,
    tls::TrustError,
};
use behind::Leaving;
use device::{Device, Observer};
use registering::Registration;

/// The longest wait of the loop: a bound for clocks that jump, not a poll.
const LONGEST_WAIT: Duration = Duration::from_secs(3600);
/// How long fetched bytes may stay untold: what a power cut can hide of the traffic.
const TRAFFIC_INTERVAL: Duration = Duration::from_millis(250);

/// How an agent ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// The new slot is to be booted: whoever started this process is to start it again.
    Reboot,
    /// It was asked to stop.
    Stopped,
}

/// Why an agent cannot run.
#[derive(Debug, thiserror::Error)]
pub enum AgentError {
    /// The configuration that a program made does not go together.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The storage folder cannot be used.
    #[error("the storage folder {dir} cannot be used: {error}")]
    Storage {
        /// The folder.
        dir: PathBuf,
        /// The system's word.
        error: std::io::Error,
    },
    /// Another agent uses the storage folder.
    #[error("the storage folder {dir} is in use by another agent; each agent needs its own")]
    InUse {
        /// The folder.
        dir: PathBuf,
    },
    /// What a module's packages are installed to cannot be used.
    #[error("the installer of module {module} cannot be set up: {error}; see [install] in the configuration")]
    Install {
        /// The module.
        module: Module,
        /// The system's word.
        error: std::io::Error,
    },
    /// A device behind this one cannot be taken care of.
    #[error("{device} cannot be behind this device: {reason}")]
    SubDevice {
        /// The device.
        device: DeviceId,
        /// Why.
        reason: String,
    },
    /// An installer is given for a module that the configuration does not have.
    #[error("the device has no module {module}; add it to the configuration")]
    NoModule {
        /// The module.
        module: Module,
    },
    /// The file of Configs cannot be written.
    #[error("remote_config.file: {file} cannot be used: {error}")]
    RemoteConfig {
        /// The file.
        file: PathBuf,
        /// The system's word.
        error: std::io::Error,
    },
    /// Which slot runs cannot be told.
    #[error(transparent)]
    Boot(#[from] BootError),
    /// The certificates cannot be used.
    #[error(transparent)]
    Trust(#[from] TrustError),
    /// The platform's host name cannot be checked against a certificate.
    #[error("[broker]: {host:?} cannot be the name in a certificate")]
    HostName {
        /// The host.
        host: String,
    },
    /// The system gives no thread or no random numbers.
    #[error("the system refuses {what}: {error}")]
    System {
        /// What was asked for.
        what: &'static str,
        /// Its word.
        error: std::io::Error,
    },
    /// The process cannot start itself again.
    #[error("the process cannot restart itself: {0}")]
    Restart(std::io::Error),
}

/// A device's agent, and that of the devices behind it. [`Agent::new`] opens its storage, [`Agent::run`] runs until it is to
/// reboot or stop.
pub struct Agent {
    config: Config,
    /// By number; the agent's own is the first.
    devices: BTreeMap<DeviceNumber, Device>,
    numbers: BTreeMap<DeviceId, DeviceNumber>,
    last_number: DeviceNumber,
    leaving: Leaving,
    gateway: Gateway,
    /// How the platform speaks.
    dialect: &'static dyn DeviceHalf,
    /// Until the agent's own device has something to log in with.
    registration: Option<Registration>,
    /// Milliseconds from the session's end to the next attempt.
    retry_after_ms: u64,
    mailbox: Receiver<Wake>,
    shared: Shared,
    // Last, so that it is dropped last: nothing is written after its lock is gone.
    storage: Arc<Storage>,
}

/// What all devices of an agent use.
struct Shared {
    clock: Clock,
    /// The session; none where the platform has no MQTT.
    link: Option<Link>,
    /// The way to a platform that speaks HTTP.
    calls: Option<Calls>,
    fetchers: Fetchers,
    /// How long a Trial's device waits for the platform before it is asked again.
    health_interval: Duration,
    sender: Sender<Wake>,
    /// The process or the machine is about to end: everything is to be saved.
    stopping: bool,
    exit: Option<Exit>,
}

impl Agent {
    /// Speaks to this agent from other threads.
    pub fn handle(&self) -> Handle {
        Handle { sender: self.shared.sender.clone(), device: None }
    }

    /// Runs until a reboot or a stop. `observer` gets what happens to the agent's own device, on this thread: it should be
    /// quick. What happens to devices behind it is told by [`Agent::run_gateway`] alone.
    ///
    /// With `reboot.mode = "restart"` a reboot does not return: the process is replaced.
    ///
    /// # Errors
    /// [`AgentError`] if it cannot run any more. What the platform, the network or the medium do wrong is not among
    /// them: it shows as events.
    pub fn run(self, observer: &mut dyn FnMut(&AgentEvent)) -> Result<Exit, AgentError> {
        self.run_telling(&mut |device, event| {
            if device.is_none() {
                observer(event);
            }
        })
    }

    /// The same for a gateway: `observer` gets what happens to every device, and to which.
    ///
    /// # Errors
    /// As [`Agent::run`].
    pub fn run_gateway(self, observer: &mut dyn FnMut(&GatewayEvent)) -> Result<Exit, AgentError> {
        self.run_telling(&mut |device, event| {
            observer(&GatewayEvent { event: event.clone(), sub_device: device.cloned() });
        })
    }

    fn run_telling(mut self, observer: &mut Observer<'_>) -> Result<Exit, AgentError> {
        if let Some(own) = self.devices.get_mut(&DeviceNumber::OWN) {
            own.boot(&mut self.shared, observer)?;
        }
        self.register()?;
        for device in std::mem::take(&mut self.config.sub_devices) {
            self.admit(device, Vec::new(), observer);
        }
        let exit = loop {
            self.settle(observer);
            if let Some(exit) = self.shared.exit {
                break exit;
            }
            match self.mailbox.recv_timeout(self.next_wait()) {
                Ok(wake) => self.wake(wake, observer),
                Err(RecvTimeoutError::Timeout) => {}
                // This agent holds a sender itself.
                Err(RecvTimeoutError::Disconnected) => break Exit::Stopped,
            }
            self.timers(observer);
        };
        if exit == Exit::Stopped {
            self.hear_out(observer);
        }
        for device in self.devices.values_mut() {
            device.tell_traffic(&self.shared, observer);
        }
        if let Some(link) = &mut self.shared.link {
            link.end();
        }
        if exit == Exit::Reboot && self.config.reboot.mode == RebootMode::Restart {
            drop(self);
            return Err(AgentError::Restart(restart()));
        }
        Ok(exit)
    }

    /// Does all that follows from what happened, until nothing follows.
    fn settle(&mut self, observer: &mut Observer<'_>) {
        loop {
            if let Some(notice) = self.shared.link.as_mut().and_then(Link::poll) {
                self.link_notice(notice, observer);
            } else if let Some((device, request)) = self.shared.fetchers.next() {
                self.give(device, Input::FetchBegins(request), observer);
            } else if std::mem::take(&mut self.shared.stopping) {
                for device in self.devices.values_mut() {
                    device.give(Input::Stopping, &mut self.shared, observer);
                }
            } else {
                return;
            }
        }
    }

    fn give(&mut self, device: DeviceNumber, input: Input, observer: &mut Observer<'_>) {
        if let Some(device) = self.devices.get_mut(&device) {
            device.give(input, &mut self.shared, observer);
        }
    }

    fn wake(&mut self, wake: Wake, observer: &mut Observer<'_>) {
        match wake {
            Wake::Link(event) => {
                if let Some(link) = &mut self.shared.link {
                    link.handle(self.shared.clock.now(), event);
                }
            }
            Wake::Fetch(lane, event) => self.fetched(lane, event, observer),
            // There are no devices behind one that makes calls.
            Wake::Answered(id, result) => {
                if let Some(own) = self.devices.get_mut(&DeviceNumber::OWN) {
                    own.answered(id, result, &mut self.shared, observer);
                }
            }
            Wake::Done(number, done) => match self.devices.get_mut(&number) {
                Some(device) => device.done(done, &mut self.shared, observer),
                None => self.leaving.done(number, &done),
            },
            Wake::Say(device, input) => {
                let number = device.map_or(Some(DeviceNumber::OWN), |it| self.numbers.get(&it).copied());
                if let Some(number) = number {
                    self.give(number, input, observer);
                }
            }
            Wake::Registered(registered) => self.registered(registered, observer),
            Wake::Admit(device, installers) => self.admit(*device, installers, observer),
            Wake::Dismiss(device) => self.dismiss(&device, observer),
            Wake::Stop => {
                // All is saved by the time the loop looks at `exit`.
                self.shared.stopping = true;
                self.shared.exit = Some(Exit::Stopped);
            }
        }
    }

    fn fetched(&mut self, lane: Lane, event: FetchEvent, observer: &mut Observer<'_>) {
        let Some((number, event)) = self.shared.fetchers.heard(lane, event) else { return };
        let Some(device) = self.devices.get_mut(&number) else { return };
        match event {
            FetchEvent::Head(id, head) => device.give(Input::Head(id, head), &mut self.shared, observer),
            FetchEvent::Body(id, bytes) => {
                device.downloaded_bytes += bytes.len() as u64;
                device.give(Input::Body(id, bytes), &mut self.shared, observer);
                // Whatever became of the body, its buffer's place is free again.
                self.shared.fetchers.returned(lane, device.spare.take().unwrap_or_default());
            }
            FetchEvent::Ended(id, result) => {
                device.give(Input::FetchEnded(id, result), &mut self.shared, observer);
            }
        }
    }

    /// The own device first: the others speak through its session.
    fn link_notice(&mut self, notice: LinkNotice, observer: &mut Observer<'_>) {
        match notice {
            LinkNotice::Online => {
                self.set_session(DeviceNumber::OWN, true, observer);
                self.gateway(GatewayInput::Connected, observer);
            }
            LinkNotice::Offline { reason, retry_after } => {
                self.set_session(DeviceNumber::OWN, false, observer);
                self.retry_after_ms = millis(retry_after);
                match &self.shared.calls {
                    None => {
                        observer(None, &AgentEvent::Offline { reason, retry_after_ms: self.retry_after_ms })
                    }
                    Some(_) => {
                        tracing::warn!(self.retry_after_ms, "no session that tells when to call: {reason}")
                    }
                }
                self.gateway(GatewayInput::Disconnected, observer);
            }
            LinkNotice::Message(message) => self.gateway(GatewayInput::Message(message), observer),
        }
    }

    fn set_session(&mut self, device: DeviceNumber, up: bool, observer: &mut Observer<'_>) {
        if let Some(device) = self.devices.get_mut(&device) {
            device.set_session(up, &mut self.shared, observer);
        }
    }

    fn next_wait(&self) -> Duration {
        let devices = self.devices.values().filter_map(Device::due);
        let link = self.shared.link.as_ref().and_then(Link::poll_timeout);
        let due = devices.chain(link).chain(self.gateway.poll_timeout()).min();
        due.map_or(LONGEST_WAIT, |deadline| self.shared.clock.until(deadline)).min(LONGEST_WAIT)
    }

    fn timers(&mut self, observer: &mut Observer<'_>) {
        let now = self.shared.clock.now();
        for device in self.devices.values_mut() {
            if device.due().is_some_and(|due| due <= now) {
                device.timers(&mut self.shared, observer);
            }
        }
        if self.gateway.poll_timeout().is_some_and(|due| due <= now) {
            self.gateway(GatewayInput::Timer, observer);
        }
        if let Some(link) = &mut self.shared.link {
            link.timer(now);
        }
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// Replaces the process by a new one of the same program; comes back only if that fails.
fn restart() -> std::io::Error {
    use std::os::unix::process::CommandExt;
    // The running program itself, even if its file was replaced or the working folder changed.
    let program = if cfg!(target_os = "linux") {
        PathBuf::from("/proc/self/exe")
    } else {
        match std::env::current_exe() {
            Ok(program) => program,
            Err(error) => return error,
        }
    };
    let mut arguments = std::env::args_os();
    let mut command = std::process::Command::new(program);
    if let Some(name) = arguments.next() {
        command.arg0(name);
    }
    command.args(arguments).exec()
}
