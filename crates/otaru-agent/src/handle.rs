//! The loop's mailbox, and the user's end of it.

use std::{sync::mpsc::Sender, time::Duration};

use otaru_core::{Boot, Decision, FetchError, Input, RequestId, SlotError};
use otaru_wire::{DeviceId, Module, Step, Version, http::Answer};

use crate::{
    calls::CallId,
    config::SubDevice,
    control::Order,
    fetchers::Lane,
    http::FetchEvent,
    install::{Install, Settled},
    link::LinkEvent,
    number::DeviceNumber,
    register::Registered,
};

/// Everything that wakes the loop.
pub(crate) enum Wake {
    Link(LinkEvent),
    Fetch(Lane, FetchEvent),
    /// A call of the agent's own device was answered, or not.
    Answered(CallId, Result<Answer, FetchError>),
    /// Something that was done elsewhere for a device has ended.
    Done(DeviceNumber, Done),
    /// The registration went on.
    Registered(Registered),
    /// The user's word for a device; none: for the agent's own.
    Say(Option<DeviceId>, Input),
    Admit(Box<SubDevice>, OwnInstallers),
    Dismiss(DeviceId),
    Stop,
}

/// Installers of the user's own, by module.
pub(crate) type OwnInstallers = Vec<(Module, Box<dyn Install>)>;

/// What was done elsewhere, and what came of it.
pub(crate) enum Done {
    /// The health check.
    Health(Result<(), String>),
    /// The reboot command.
    Reboot(Result<(), String>),
    /// The program that a Config was shown to.
    Config(RequestId, Result<(), String>),
    /// An installer comes back from its work.
    Worked(Worked),
    /// A device that boots has its modules as their markers say.
    Settled(Boot, Vec<Settled>),
}

/// What came of a piece of work.
pub(crate) struct Worked {
    pub(crate) module: Module,
    pub(crate) install: Box<dyn Install>,
    /// The version on Trial now, if the work was to install one.
    pub(crate) activated: Option<Version>,
    pub(crate) result: Result<(), SlotError>,
}

/// Speaks to a running agent from another thread: of its own device, or of one behind it. After the agent has ended,
/// what it is told is lost.
#[derive(Debug, Clone)]
pub struct Handle {
    pub(crate) sender: Sender<Wake>,
    pub(crate) device: Option<DeviceId>,
}

impl Handle {
    /// The same for a device behind the agent's own: what is accepted, postponed, refused, canceled or reported is that
    /// device's. Said of one that is not there, it is lost.
    pub fn of(&self, device: DeviceId) -> Self {
        Self { sender: self.sender.clone(), device: Some(device) }
    }

    /// Agrees to what was offered or staged.
    pub fn accept(&self) {
        self.say(Input::Decision(Decision::Accept));
    }

    /// Asks to be asked again later.
    pub fn postpone(&self, pause: Duration) {
        self.say(Input::Decision(Decision::Postpone(pause)));
    }

    /// Refuses what was offered or staged; the platform is told the reason.
    pub fn refuse(&self, reason: impl Into<String>) {
        self.say(Input::Decision(Decision::Refuse(reason.into())));
    }

    /// Takes back the Task in hand, if it is not activated yet.
    pub fn cancel(&self) {
        self.say(Input::Cancel);
    }

    /// Reports by hand how far a module's update is, or that it failed; what over 128 bytes of the description is cut
    /// off. A failure of the Task in hand ends it. [`otaru_core::Input::Report`] has the rules.
    pub fn report(&self, module: Module, step: Step, description: impl Into<String>) {
        self.say(Input::Report { module, step, description: description.into() });
    }

    /// Asks the platform whether it has a Task for this module ("query firmware"). What it pushes is taken without a
    /// question; this is for who does not want to rely on that.
    pub fn ask_task(&self, module: Module) {
        self.say(Input::AskTask(module));
    }

    /// Asks the platform for its Config, and takes it even if it is the one taken last. Without `[remote_config]` in the
    /// agent's configuration there is no place for it, and it is refused.
    pub fn ask_config(&self) {
        self.say(Input::AskConfig);
    }

    pub(crate) fn obey(&self, order: Order) {
        match order {
            Order::Accept => self.accept(),
            Order::Postpone(pause) => self.postpone(pause),
            Order::Refuse(reason) => self.refuse(reason),
            Order::Cancel => self.cancel(),
            Order::AskTask(module) => self.ask_task(module),
            Order::AskConfig => self.ask_config(),
            Order::Report(module, step, text) => self.report(module, step, text),
            Order::Stop => self.stop(),
        }
    }

    /// From now on a device is behind the agent's own: it is logged in through the same session and updated by itself, from
    /// where its folder in the storage says that it was. One that is there already gives way to this one.
    /// [`AgentEvent::Booted`](crate::AgentEvent::Booted) follows, or
    /// [`AgentEvent::NotAdmitted`](crate::AgentEvent::NotAdmitted).
    pub fn admit(&self, device: SubDevice) {
        self.admit_with(device, []);
    }

    /// The same, with installers of one's own for some of its modules. Their `install` is not looked at.
    pub fn admit_with(&self, device: SubDevice, own: impl IntoIterator<Item = (Module, Box<dyn Install>)>) {
        self.send(Wake::Admit(Box::new(device), own.into_iter().collect()));
    }

    /// A device is not behind the agent's own any more: what is stored of its download is saved, and it is logged out. Its
    /// folder stays, for the day when it comes again. [`AgentEvent::Dismissed`](crate::AgentEvent::Dismissed) follows.
    pub fn dismiss(&self, device: DeviceId) {
        self.send(Wake::Dismiss(device));
    }

    /// Ends the agent: what is stored of every download is saved, so that the next start goes on at that byte, the
    /// platform hears a good-bye, and [`crate::Agent::run`] returns.
    pub fn stop(&self) {
        self.send(Wake::Stop);
    }

    fn say(&self, input: Input) {
        self.send(Wake::Say(self.device.clone(), input));
    }

    fn send(&self, wake: Wake) {
        let _ = self.sender.send(wake);
    }
}
