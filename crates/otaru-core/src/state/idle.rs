//! No Task in hand.

use otaru_wire::{Module, Notice};

use super::{State, offered::Offered, suits};
use crate::{
    Event, Trouble,
    context::{Context, Cue},
    timers::Timer,
};

/// Waits for a notice.
pub(crate) struct Idle {
    /// Offered, but it failed lately: asked for again when its time has come.
    held: Option<Module>,
}

impl Idle {
    /// Asks for the offers that were put aside.
    pub(crate) fn enter(cx: &mut Context) -> State {
        cx.report_untold();
        Self { held: None }.ask_for_aside(cx)
    }

    pub(crate) fn handle(mut self, cx: &mut Context, cue: Cue) -> State {
        match cue {
            // Else it is asked for when what is asked now is answered.
            Cue::PutAside if cx.timers.end(Timer::Link).is_none() => self.ask_for_aside(cx),
            Cue::Connected | Cue::NoTask | Cue::Timer(Timer::Link) => self.ask_for_aside(cx),
            Cue::Notice(notice) => {
                if let Some(held) = self.held.filter(|held| *held != notice.module) {
                    cx.put_aside(held);
                }
                take(cx, notice)
            }
            Cue::Timer(Timer::Hold) => {
                if let Some(module) = self.held.take() {
                    cx.put_aside(module);
                }
                self.ask_for_aside(cx)
            }
            Cue::Cancel => {
                super::ignore(cx, "there is no Task to cancel".into());
                State::Idle(self)
            }
            _ => State::Idle(self),
        }
    }

    /// Where messages are spoken, one module is asked for at a time: the answer "no Task" does not name its module.
    fn ask_for_aside(self, cx: &mut Context) -> State {
        cx.timers.clear(Timer::Link);
        if cx.call_half().is_some() {
            // The answer to a call is that call's, so all can be asked for.
            core::mem::take(&mut cx.aside).into_iter().for_each(|module| cx.query(module, None));
        } else if cx.connected && !cx.aside.is_empty() {
            let module = cx.aside.remove(0);
            cx.query(module, None);
        }
        State::Idle(self)
    }
}

/// Takes an offer while no Task is in hand, unless it failed only lately.
pub(crate) fn take(cx: &mut Context, notice: Notice) -> State {
    cx.timers.clear(Timer::Link);
    cx.aside.retain(|module| *module != notice.module);
    if !suits(cx, &notice) {
        return Idle::enter(cx);
    }
    if let Some(until) = cx.timers.end(Timer::Hold)
        && cx.failures_of(&notice) > 0
    {
        let after_ms = u64::try_from(until.since(cx.now).as_millis()).unwrap_or(u64::MAX);
        let reason = Trouble::FailedBefore(notice.version);
        cx.event(Event::Retrying { reason, after_ms });
        return Idle { held: Some(notice.module) }.ask_for_aside(cx);
    }
    cx.told = 0;
    Offered::enter(cx, notice)
}
