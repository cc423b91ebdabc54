//! The health of a new slot: its device reaches the platform, and the user's program says that it works.

use otaru_core::{HealthVerdict, Input};
use otaru_wire::{Instant, Module};

use super::{
    Shared,
    device::{Device, Observer},
};
use crate::{
    command::RunningCommand,
    handle::{Done, Wake},
};

/// Where the health check of a Trial is.
pub(super) enum Health {
    NotAsked,
    /// Until the platform is reached, or it is time to say that it was not.
    AwaitingPlatform(Instant),
    /// Until the platform has answered a question, or a call of the updater's; there is one such question at a time.
    Probing,
    Running(RunningCommand),
}

impl Health {
    /// When it is time to say that the platform was not reached.
    pub(super) fn due(&self) -> Option<Instant> {
        match self {
            Health::AwaitingPlatform(until) => Some(*until),
            _ => None,
        }
    }
}

impl Device {
    pub(super) fn check_health(&mut self, module: &Module, shared: &mut Shared) {
        if let Some(error) = self.unsettled.get(module) {
            return self.health_answer(HealthVerdict::Sick(error.to_string()));
        }
        if self.online {
            return self.ask_program(shared);
        }
        self.health = match (&mut shared.calls, &self.health) {
            (None, _) => Health::AwaitingPlatform(shared.clock.now() + shared.health_interval),
            (Some(_), Health::Probing) => Health::Probing,
            (Some(calls), _) => match calls.probe() {
                Ok(()) => Health::Probing,
                Err(error) => return self.health_answer(HealthVerdict::Sick(error.to_string())),
            },
        };
    }

    /// The platform is there; a health check may have waited for it.
    pub(super) fn reached(&mut self, shared: &mut Shared, observer: &mut Observer<'_>) {
        if matches!(self.health, Health::AwaitingPlatform(_) | Health::Probing) {
            self.ask_program(shared);
            self.settle(shared, observer);
        }
    }

    /// The question whether the platform is there was not answered well.
    pub(super) fn probe_failed(&mut self, reason: &str, shared: &mut Shared, observer: &mut Observer<'_>) {
        if matches!(self.health, Health::Probing) {
            self.health_answer(HealthVerdict::Sick(reason.to_owned()));
            self.settle(shared, observer);
        }
    }

    pub(super) fn not_reached(&mut self) {
        self.health_answer(HealthVerdict::Sick("the platform has not been reached yet".to_owned()));
    }

    fn ask_program(&mut self, shared: &Shared) {
        let Some(command) = &self.health_command else {
            return self.health_answer(HealthVerdict::Healthy);
        };
        let (sender, number) = (shared.sender.clone(), self.number);
        let done = move |result| drop(sender.send(Wake::Done(number, Done::Health(result))));
        match RunningCommand::start(command, &self.environment(), done) {
            Ok(command) => self.health = Health::Running(command),
            Err(error) => self.health_answer(HealthVerdict::Sick(error.to_string())),
        }
    }

    pub(super) fn health_ended(&mut self, result: Result<(), String>) {
        if let Health::Running(command) = std::mem::replace(&mut self.health, Health::NotAsked) {
            command.finished();
            self.health_answer(match result {
                Ok(()) => HealthVerdict::Healthy,
                Err(problem) => HealthVerdict::Sick(problem),
            });
        }
    }

    fn health_answer(&mut self, verdict: HealthVerdict) {
        self.health = Health::NotAsked;
        self.inputs.push_back(Input::Health(verdict));
    }
}
