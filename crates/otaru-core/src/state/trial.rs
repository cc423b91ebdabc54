//! The new slot runs unconfirmed: it proves itself, or the old slot comes back.

use alloc::{
    format,
    string::{String, ToString},
};

use otaru_wire::{Instant, Module};

use super::{State, ignore, succeed};
use crate::{
    Event, HealthVerdict, Output, SlotError,
    context::{Context, Cue},
    ledger::Kind,
    record::Stage,
    timers::Timer,
};

/// Waits for the health check.
pub(crate) struct Trial {
    module: Module,
    /// When the old slot comes back.
    deadline: Instant,
    /// Why the new slot is not confirmed yet.
    problem: String,
    phase: Phase,
}

enum Phase {
    /// Until the check answers, or the next one is due.
    Checking,
    /// Until the new slot is the one that boots.
    Confirming,
    /// Until the Record says why the old slot comes back.
    Saving,
    /// Until the old slot is the one that boots.
    Reverting,
    /// Until the device reboots.
    Rebooting,
}

impl Trial {
    /// The boot loader says that this module's new slot runs on trial.
    pub(crate) fn enter(cx: &mut Context, module: Module) -> State {
        let deadline = cx.now + cx.policy().trial_timeout;
        cx.event(Event::Trial);
        cx.timers.set(Timer::Trial, deadline);
        let problem = "the health check did not answer".to_string();
        Self { module, deadline, problem, phase: Phase::Checking }.check(cx)
    }

    pub(crate) fn handle(mut self, cx: &mut Context, cue: Cue) -> State {
        match (&self.phase, cue) {
            (_, Cue::Notice(notice)) => {
                if notice.module != self.module {
                    cx.put_aside(notice.module);
                }
                ignore(cx, "a new version is on trial".to_string());
            }
            (_, Cue::Cancel) => ignore(cx, "too late to cancel: a new version is on trial".to_string()),
            (Phase::Checking, Cue::Health(HealthVerdict::Healthy)) => {
                cx.timers.clear(Timer::Trial);
                cx.ask(Kind::Settled, Output::Confirm(self.module.clone()));
                self.phase = Phase::Confirming;
            }
            (Phase::Checking, Cue::Health(HealthVerdict::Sick(problem))) => {
                self.problem = problem;
                cx.start_timer(Timer::Health, cx.policy().health_interval);
            }
            (Phase::Checking, Cue::Timer(Timer::Health)) => return self.check(cx),
            (Phase::Checking, Cue::Timer(Timer::Trial)) => return self.revert(cx),
            (Phase::Confirming, Cue::Settled(Ok(()))) => return succeed(cx, self.module),
            (Phase::Confirming, Cue::Settled(Err(error))) => return self.not_confirmed(cx, &error),
            (Phase::Confirming, Cue::Timer(Timer::Answer)) => {
                self.problem = "the boot marker does not answer".to_string();
                return self.revert(cx);
            }
            // Without the reason in the Record the platform gets to know less; the old slot comes back all the same.
            (Phase::Saving, Cue::Saved | Cue::SaveFailed(_) | Cue::Timer(Timer::Answer)) => {
                return self.bring_back(cx);
            }
            // If the marker cannot be set, the boot loader still falls back: nothing was confirmed.
            (Phase::Reverting, Cue::Settled(_) | Cue::Timer(Timer::Answer))
            | (Phase::Rebooting, Cue::Timer(Timer::Reboot)) => {
                cx.emit(Output::Reboot);
                cx.start_timer(Timer::Reboot, cx.policy().slot_timeout);
                self.phase = Phase::Rebooting;
            }
            _ => {}
        }
        State::Trial(self)
    }

    /// The user says that the new slot does not work. While it is being confirmed or given up already, that goes on.
    pub(crate) fn give_up(mut self, cx: &mut Context, reason: String) -> State {
        if !matches!(self.phase, Phase::Checking) {
            ignore(cx, "too late to report a failure: the Trial is over".to_string());
            return State::Trial(self);
        }
        self.problem = reason;
        self.revert(cx)
    }

    fn check(self, cx: &mut Context) -> State {
        cx.ledger.ask(Kind::Health);
        cx.emit(Output::CheckHealth(self.module.clone()));
        State::Trial(self)
    }

    /// Confirming is tried again with a fresh check until the time is up.
    fn not_confirmed(mut self, cx: &mut Context, error: &SlotError) -> State {
        self.problem = format!("the new slot cannot be confirmed: {error}");
        cx.timers.set(Timer::Trial, self.deadline);
        cx.start_timer(Timer::Health, cx.policy().health_interval);
        self.phase = Phase::Checking;
        State::Trial(self)
    }

    /// The time is up.
    fn revert(mut self, cx: &mut Context) -> State {
        cx.abandon();
        cx.timers.clear_task();
        match cx.task().filter(|task| task.notice.module == self.module).cloned() {
            Some(mut task) => {
                task.stage = Stage::Reverting(crate::record::clip(self.problem.clone(), u8::MAX.into()));
                cx.keep_task(Some(&task));
                self.phase = Phase::Saving;
                State::Trial(self)
            }
            None => self.bring_back(cx),
        }
    }

    fn bring_back(mut self, cx: &mut Context) -> State {
        cx.ask(Kind::Settled, Output::Revert(self.module.clone()));
        self.phase = Phase::Reverting;
        State::Trial(self)
    }
}
