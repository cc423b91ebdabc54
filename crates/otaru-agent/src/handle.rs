//! The loop's mailbox, and the user's end of it.

use std::{sync::mpsc::Sender, time::Duration};

use otaru_core::{Decision, RequestId, SlotError};
use otaru_wire::{Module, Step, Version};

use crate::{control::Order, http::FetchEvent, install::Install, link::LinkEvent, register::Registered};

/// Everything that wakes the loop.
pub(crate) enum Wake {
    Link(LinkEvent),
    Fetch(FetchEvent),
    /// The health check ended.
    Health(Result<(), String>),
    /// The reboot command ended.
    RebootCommand(Result<(), String>),
    /// The program that a Config was shown to ended.
    ConfigCommand(RequestId, Result<(), String>),
    /// The registration went on.
    Registered(Registered),
    /// An installer comes back from its work.
    Worked(Worked),
    Decide(Decision),
    Cancel,
    Report(Module, Step, String),
    AskConfig,
    Stop,
}

/// What came of a piece of work.
pub(crate) struct Worked {
    pub(crate) module: Module,
    pub(crate) install: Box<dyn Install>,
    /// The version on Trial now, if the work was to install one.
    pub(crate) activated: Option<Version>,
    pub(crate) result: Result<(), SlotError>,
}

/// Speaks to a running agent from another thread. After the agent has ended, what it is told is lost.
#[derive(Debug, Clone)]
pub struct Handle(pub(crate) Sender<Wake>);

impl Handle {
    /// Agrees to what was offered or staged.
    pub fn accept(&self) {
        self.send(Wake::Decide(Decision::Accept));
    }

    /// Asks to be asked again later.
    pub fn postpone(&self, pause: Duration) {
        self.send(Wake::Decide(Decision::Postpone(pause)));
    }

    /// Refuses what was offered or staged; the platform is told the reason.
    pub fn refuse(&self, reason: impl Into<String>) {
        self.send(Wake::Decide(Decision::Refuse(reason.into())));
    }

    /// Takes back the Task in hand, if it is not activated yet.
    pub fn cancel(&self) {
        self.send(Wake::Cancel);
    }

    /// Reports by hand how far a module's update is, or that it failed; what over 128 bytes of the description is cut
    /// off. A failure of the Task in hand ends it. [`otaru_core::Input::Report`] has the rules.
    pub fn report(&self, module: Module, step: Step, description: impl Into<String>) {
        self.send(Wake::Report(module, step, description.into()));
    }

    /// Asks the platform for its Config, and takes it even if it is the one taken last. Without `[remote_config]` in the
    /// agent's configuration there is no place for it, and it is refused.
    pub fn ask_config(&self) {
        self.send(Wake::AskConfig);
    }

    pub(crate) fn obey(&self, order: Order) {
        match order {
            Order::Accept => self.accept(),
            Order::Postpone(pause) => self.postpone(pause),
            Order::Refuse(reason) => self.refuse(reason),
            Order::Cancel => self.cancel(),
            Order::AskConfig => self.ask_config(),
            Order::Report(module, step, text) => self.report(module, step, text),
            Order::Stop => self.stop(),
        }
    }

    /// Ends the agent: what is stored of a download is saved, so that the next start goes on at that byte, the
    /// platform hears a good-bye, and [`crate::Agent::run`] returns.
    pub fn stop(&self) {
        self.send(Wake::Stop);
    }

    fn send(&self, wake: Wake) {
        let _ = self.0.send(wake);
    }
}
