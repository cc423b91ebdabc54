//! A Task is offered and the user decides.

use otaru_wire::Notice;

use super::{Meaning, State, decline, fetching::Fetching, replace, summary, weigh};
use crate::{
    Decision, Event,
    context::{Context, Cue},
    record::Task,
    timers::Timer,
};

/// Waits for the user's decision.
pub(crate) struct Offered {
    notice: Notice,
    /// False while the user wants to be left alone.
    asked: bool,
}

impl Offered {
    /// Asks the user, or goes on at once if the policy says so.
    pub(crate) fn enter(cx: &mut Context, notice: Notice) -> State {
        cx.event(Event::Offered(summary(&notice)));
        if cx.policy().ask_before_fetch {
            return State::Offered(Self { notice, asked: true });
        }
        accept(cx, notice)
    }

    pub(crate) fn notice(&self) -> &Notice {
        &self.notice
    }

    /// True if a decision is awaited.
    pub(crate) fn asks(&self) -> bool {
        self.asked
    }

    pub(crate) fn handle(mut self, cx: &mut Context, cue: Cue) -> State {
        match cue {
            Cue::Decision(Decision::Accept) => accept(cx, self.notice),
            Cue::Decision(Decision::Postpone(pause)) => {
                cx.start_timer(Timer::Ask, pause);
                self.asked = false;
                State::Offered(self)
            }
            Cue::Decision(Decision::Refuse(reason)) => {
                decline(cx, &self.notice, &alloc::format!("refused: {reason}"))
            }
            Cue::Cancel => decline(cx, &self.notice, "canceled"),
            Cue::Timer(Timer::Ask) => Self::enter(cx, self.notice),
            Cue::Notice(notice) => match weigh(cx, &self.notice, notice) {
                Meaning::Links(notice) => State::Offered(Self { notice, ..self }),
                Meaning::Newer(newer) => replace(cx, newer),
                Meaning::Nothing => State::Offered(self),
            },
            _ => State::Offered(self),
        }
    }
}

/// The Task is in hand: from here on it survives a power cut.
fn accept(cx: &mut Context, notice: Notice) -> State {
    cx.timers.clear(Timer::Ask);
    if cx.failures_of(&notice) == 0 {
        cx.forget_failures();
    }
    let task = Task::new(notice);
    cx.keep_task(Some(&task));
    Fetching::begin(cx, task)
}
