//! The new slot is ready: activates it, if the user has nothing against it, and reboots.

use alloc::format;

use otaru_wire::Failure;

use super::{Meaning, State, decline, fail, replace, verifying::Verified, weigh};
use crate::{
    Decision, Event, Output,
    context::{Context, Cue},
    ledger::Kind,
    record::{Stage, Task},
    timers::Timer,
};

/// Holds the proof until it is spent.
pub(crate) struct Staged {
    task: Task,
    phase: Phase,
}

enum Phase {
    /// Until a platform that is asked by calls was told that all is fetched, or cannot be told: it may say that the Task is
    /// over, and some want to hear it before they hear of success (onenet §6).
    Telling(Verified),
    /// Until the user decides.
    Asking(Verified),
    /// Until the user is to be asked again.
    Postponed(Verified),
    /// Until the Record says that the slot is being activated: a Trial must find its Task.
    Saving(Verified),
    /// Until the boot marker is set.
    Activating,
    /// Until the device reboots.
    Rebooting,
}

impl Staged {
    /// All is proven.
    pub(crate) fn enter(cx: &mut Context, task: Task, proof: Verified) -> State {
        if cx.connected && cx.is_telling() {
            return State::Staged(Self { task, phase: Phase::Telling(proof) });
        }
        Self::ask(cx, task, proof)
    }

    fn ask(cx: &mut Context, task: Task, proof: Verified) -> State {
        cx.event(Event::Staged);
        // Who agreed before a power cut is not asked twice.
        if cx.policy().ask_before_activate && task.stage != Stage::Activating {
            return State::Staged(Self { task, phase: Phase::Asking(proof) });
        }
        Self::go(cx, task, proof)
    }

    fn go(cx: &mut Context, mut task: Task, proof: Verified) -> State {
        cx.timers.clear(Timer::Ask);
        task.stage = Stage::Activating;
        cx.keep_task(Some(&task));
        State::Staged(Self { task, phase: Phase::Saving(proof) })
    }

    pub(crate) fn task(&self) -> &Task {
        &self.task
    }

    /// True if a decision is awaited.
    pub(crate) fn asks(&self) -> bool {
        matches!(self.phase, Phase::Asking(_))
    }

    /// True if the next boot is the new slot's.
    pub(crate) fn activated(&self) -> bool {
        matches!(self.phase, Phase::Activating | Phase::Rebooting)
    }

    pub(crate) fn handle(self, cx: &mut Context, cue: Cue) -> State {
        match cue {
            Cue::Notice(notice) if self.activated() => {
                if notice.module != self.task.notice.module {
                    cx.put_aside(notice.module);
                }
                super::ignore(cx, "the device is about to reboot into another version".into());
                State::Staged(self)
            }
            Cue::Notice(notice) => self.on_notice(cx, notice),
            Cue::Cancel if self.activated() => {
                super::ignore(cx, "too late to cancel: the new slot is activated".into());
                State::Staged(self)
            }
            Cue::Cancel => decline(cx, &self.task.notice, "canceled"),
            Cue::Decision(decision) => self.on_decision(cx, decision),
            Cue::Connected if !self.activated() => {
                cx.report_percent(&self.task.notice, 100);
                State::Staged(self)
            }
            cue => self.on_answer(cx, cue),
        }
    }

    fn on_notice(mut self, cx: &mut Context, notice: otaru_wire::Notice) -> State {
        match weigh(cx, &self.task.notice, notice) {
            Meaning::Links(notice) => {
                self.task.refresh_links(notice);
                State::Staged(self)
            }
            Meaning::Newer(newer) => replace(cx, newer),
            Meaning::Nothing => State::Staged(self),
        }
    }

    fn on_decision(self, cx: &mut Context, decision: Decision) -> State {
        match (self.phase, decision) {
            (Phase::Asking(proof), Decision::Accept) => Self::go(cx, self.task, proof),
            (Phase::Asking(proof), Decision::Postpone(pause)) => {
                cx.start_timer(Timer::Ask, pause);
                State::Staged(Self { task: self.task, phase: Phase::Postponed(proof) })
            }
            (Phase::Asking(_), Decision::Refuse(reason)) => {
                decline(cx, &self.task.notice, &format!("refused: {reason}"))
            }
            (phase, _) => State::Staged(Self { task: self.task, phase }),
        }
    }

    fn on_answer(self, cx: &mut Context, cue: Cue) -> State {
        let Self { task, phase } = self;
        let phase = match (phase, cue) {
            (Phase::Telling(proof), Cue::Told | Cue::Disconnected) => return Self::ask(cx, task, proof),
            (Phase::Postponed(proof), Cue::Timer(Timer::Ask)) => return Self::ask(cx, task, proof),
            (Phase::Saving(proof), Cue::Saved) => {
                let (module, version) = (task.notice.module.clone(), task.notice.version.clone());
                cx.ask(Kind::Activated, Output::Activate { module, version, proof });
                Phase::Activating
            }
            (Phase::Activating, Cue::Activated(Ok(()))) | (Phase::Rebooting, Cue::Timer(Timer::Reboot)) => {
                cx.emit(Output::Reboot);
                cx.start_timer(Timer::Reboot, cx.policy().slot_timeout);
                Phase::Rebooting
            }
            (Phase::Activating, Cue::Activated(Err(error))) => {
                let reason = format!("the new slot cannot be activated: {error}");
                return fail(cx, &task.notice, Failure::Upgrade, reason);
            }
            (Phase::Activating, Cue::Timer(Timer::Answer)) => {
                let reason = "the boot marker does not answer".into();
                return fail(cx, &task.notice, Failure::Upgrade, reason);
            }
            (Phase::Rebooting, _) => Phase::Rebooting,
            (_, Cue::SaveFailed(error)) => {
                let reason = format!("the record cannot be saved: {error}");
                return fail(cx, &task.notice, Failure::Write, reason);
            }
            (_, Cue::Timer(Timer::Answer)) => {
                return fail(cx, &task.notice, Failure::Write, "the record's store does not answer".into());
            }
            (phase, _) => phase,
        };
        State::Staged(Self { task, phase })
    }
}
