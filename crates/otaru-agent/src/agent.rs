//! The agent: one loop that does what the updater decides and tells it what came of it.

mod doing;
mod registering;
mod setup;

use registering::Registration;

use std::{
    collections::{BTreeMap, VecDeque},
    path::PathBuf,
    sync::mpsc::{Receiver, RecvTimeoutError, Sender},
    time::Duration,
};

use otaru_core::{Input, Output, SlotError, Updater};
use otaru_wire::{Instant, Module};

use crate::{
    boot::BootError,
    clock::Clock,
    command::RunningCommand,
    config::{Config, ConfigError, RebootMode},
    events::{AgentEvent, ModuleState},
    handle::{Handle, Wake},
    http::{FetchEvent, Fetcher},
    install::{Installers, Surroundings, settle_all},
    link::{Link, LinkNotice},
    record_store::RecordStore,
    remote_config::ConfigFile,
    tls::TrustError,
};

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

/// A device's agent. [`Agent::new`] opens its storage, [`Agent::run`] runs until it is to reboot or stop.
pub struct Agent {
    config: Config,
    clock: Clock,
    updater: Updater,
    inputs: VecDeque<Input>,
    installers: Installers,
    records: RecordStore,
    link: Link,
    /// Until the device has something to log in with.
    registration: Option<Registration>,
    online: bool,
    fetcher: Fetcher,
    /// Buffers of bodies that were stored, for the fetcher.
    spare: Option<Vec<u8>>,
    downloaded_bytes: u64,
    traffic_told: Traffic,
    /// The module of the Task in hand.
    module: Module,
    health: Health,
    /// Why a module's files are not what its marker says.
    unsettled: BTreeMap<Module, SlotError>,
    rebooting: Option<RunningCommand>,
    /// Where Configs go, if there is a place for them.
    config_file: Option<ConfigFile>,
    mailbox: Receiver<Wake>,
    sender: Sender<Wake>,
    exit: Option<Exit>,
    // Last, so that it is dropped last: nothing is written after the storage's lock is gone.
    surroundings: Surroundings,
}

/// What was last told of the traffic.
struct Traffic {
    bytes: u64,
    at: Instant,
}

/// Where the health check of a Trial is.
enum Health {
    NotAsked,
    /// Until the platform is reached, or it is time to say that it was not.
    AwaitingPlatform(Instant),
    Running(RunningCommand),
}

impl Agent {
    /// Speaks to this agent from other threads.
    pub fn handle(&self) -> Handle {
        Handle(self.sender.clone())
    }

    /// Runs until a reboot or a stop. `observer` gets what happens, on this thread: it should be quick.
    ///
    /// With `reboot.mode = "restart"` a reboot does not return: the process is replaced.
    ///
    /// # Errors
    /// [`AgentError`] if it cannot run any more. What the platform, the network or the medium do wrong is not among
    /// them: it shows as events.
    pub fn run(mut self, observer: &mut dyn FnMut(&AgentEvent)) -> Result<Exit, AgentError> {
        let boot = self.surroundings.markers().start(&self.installers.booted())?;
        let modules = self.surroundings.markers().running().into_iter();
        observer(&AgentEvent::Started {
            device: self.config.device.id(),
            modules: modules
                .map(|running| ModuleState {
                    module: running.module,
                    version: running.version,
                    slot: running.slot,
                })
                .collect(),
        });
        for (module, error) in settle_all(&mut self.installers, &self.surroundings) {
            observer(&AgentEvent::NotSettled { module: module.clone(), reason: error.to_string() });
            self.unsettled.insert(module, error);
        }
        self.inputs.push_back(Input::Booted(boot));
        self.register()?;
        let exit = loop {
            self.settle(observer);
            if self.traffic_due().is_some_and(|due| due <= self.clock.now()) {
                self.tell_traffic(observer);
            }
            if let Some(exit) = self.exit {
                break exit;
            }
            match self.mailbox.recv_timeout(self.next_wait()) {
                Ok(wake) => self.wake(wake, observer),
                Err(RecvTimeoutError::Timeout) => {}
                // This agent holds a sender itself.
                Err(RecvTimeoutError::Disconnected) => break Exit::Stopped,
            }
            self.timers();
        };
        self.tell_traffic(observer);
        self.link.end();
        if exit == Exit::Reboot && self.config.reboot.mode == RebootMode::Restart {
            drop(self);
            return Err(AgentError::Restart(restart()));
        }
        Ok(exit)
    }

    /// Gives all inputs to the updater and does all that follows, until nothing follows.
    fn settle(&mut self, observer: &mut dyn FnMut(&AgentEvent)) {
        loop {
            while let Some(notice) = self.link.poll() {
                self.link_notice(notice, observer);
            }
            let Some(input) = self.inputs.pop_front() else { return };
            let body = matches!(input, Input::Body(..));
            if let Err(error) = self.updater.handle(self.clock.now(), input) {
                // Late answers and decisions that nobody asked for; nothing changed.
                tracing::debug!("an input was refused: {error}");
            }
            while let Some(output) = self.updater.poll() {
                if let Output::Store { bytes, .. } = &output
                    && !body
                {
                    self.downloaded_bytes += bytes.len() as u64; // a block, which came as a message
                }
                self.perform(output, observer);
            }
            if body {
                // Whatever became of the body, its buffer's place is free again.
                self.fetcher.returned(self.spare.take().unwrap_or_default());
            }
        }
    }

    fn wake(&mut self, wake: Wake, observer: &mut dyn FnMut(&AgentEvent)) {
        let now = self.clock.now();
        match wake {
            Wake::Link(event) => self.link.handle(now, event),
            Wake::Fetch(FetchEvent::Head(id, head)) => self.inputs.push_back(Input::Head(id, head)),
            Wake::Fetch(FetchEvent::Body(id, bytes)) => {
                self.downloaded_bytes += bytes.len() as u64;
                self.inputs.push_back(Input::Body(id, bytes));
            }
            Wake::Fetch(FetchEvent::Ended(id, result)) => {
                self.inputs.push_back(Input::FetchEnded(id, result));
            }
            Wake::Health(result) => self.health_ended(result),
            Wake::RebootCommand(result) => {
                if let Some(command) = self.rebooting.take() {
                    command.finished();
                }
                if let Err(error) = result {
                    tracing::error!("the reboot command failed and will be tried again: {error}");
                }
            }
            Wake::Registered(registered) => self.registered(registered, observer),
            Wake::Worked(worked) => self.worked(worked, observer),
            Wake::Decide(decision) => self.inputs.push_back(Input::Decision(decision)),
            Wake::Cancel => self.inputs.push_back(Input::Cancel),
            Wake::Report(module, step, description) => {
                self.inputs.push_back(Input::Report { module, step, description });
            }
            Wake::AskConfig => self.inputs.push_back(Input::AskConfig),
            Wake::ConfigCommand(request, result) => {
                if let Some(file) = &mut self.config_file {
                    file.ended(request);
                }
                self.inputs.push_back(Input::ConfigTaken(request, result));
            }
            Wake::Stop => {
                // Saved by the time the loop looks at `exit`: all that follows of an input is done before that.
                self.inputs.push_back(Input::Stopping);
                self.exit = Some(Exit::Stopped);
            }
        }
    }

    fn link_notice(&mut self, notice: LinkNotice, observer: &mut dyn FnMut(&AgentEvent)) {
        match notice {
            LinkNotice::Online => {
                self.online = true;
                observer(&AgentEvent::Online);
                self.inputs.push_back(Input::Connected);
                if matches!(self.health, Health::AwaitingPlatform(_)) {
                    self.platform_reached();
                }
            }
            LinkNotice::Offline { reason, retry_after } => {
                if std::mem::take(&mut self.online) {
                    self.inputs.push_back(Input::Disconnected);
                }
                observer(&AgentEvent::Offline { reason, retry_after_ms: doing::millis(retry_after) });
            }
            LinkNotice::Message(message) => {
                self.inputs.push_back(Input::Message { topic: message.topic, payload: message.payload });
            }
        }
    }

    fn next_wait(&self) -> Duration {
        let health = match self.health {
            Health::AwaitingPlatform(until) => Some(until),
            _ => None,
        };
        let due = [self.updater.poll_timeout(), self.link.poll_timeout(), health, self.traffic_due()];
        let next = due.into_iter().flatten().min();
        next.map_or(LONGEST_WAIT, |deadline| self.clock.until(deadline)).min(LONGEST_WAIT)
    }

    fn timers(&mut self) {
        let now = self.clock.now();
        if self.updater.poll_timeout().is_some_and(|due| due <= now) {
            self.inputs.push_back(Input::Timer);
        }
        if matches!(self.health, Health::AwaitingPlatform(until) if until <= now) {
            self.platform_not_reached();
        }
        self.link.timer(now);
    }
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
