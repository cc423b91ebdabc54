//! What a platform that is asked by calls has to say before each piece, and of its own files.

use core::time::Duration;

use otaru_wire::{
    Report, Source,
    dialect::{AnswerError, Answered, FileError},
};

use super::{Fetching, Next, Phase, Via};
use crate::{
    Event, Trouble,
    context::Context,
    state::{State, drop_task, idle::Idle},
    timers::Timer,
};

/// A reason longer than this is none, in bytes.
const MAX_REASON_BYTES: usize = 64;

impl Fetching {
    /// Asks whether the Task is still to be done, where the platform wants to be asked; then for bytes.
    pub(super) fn check(mut self, cx: &mut Context, announce: bool) -> State {
        let named = self.task.notice.task_name().cloned();
        if named.is_some_and(|task| cx.publish(&Report::TaskCheck { task })) {
            cx.timers.clear(Timer::Stall); // a call has a time of its own
            self.phase = Phase::Checking(announce);
            return State::Fetching(self);
        }
        self.fetch(cx, announce)
    }

    fn fetch(mut self, cx: &mut Context, announce: bool) -> State {
        let Source::Http { url } = self.wanted.source.clone() else { return State::Fetching(self) };
        self.announce(cx, announce);
        self.request_range(cx, url)
    }

    pub(super) fn on_checked(mut self, cx: &mut Context, word: Result<Answered, AnswerError>) -> State {
        match (word, &self.phase) {
            // An answer to a link that was asked for, too: the Task is paused.
            (Ok(Answered::Paused), Phase::Checking(_)) => self.wait_paused(cx, Next::Fetch),
            (Ok(Answered::Paused), Phase::AwaitingLink) => self.wait_paused(cx, Next::FreshLink),
            (Ok(Answered::Renamed), Phase::Checking(_)) => self.ask_for_link(cx),
            (Ok(_), Phase::Checking(announce)) => {
                let announce = *announce;
                self.phase = Phase::Storing;
                self.fetch(cx, announce)
            }
            (Err(error), Phase::Checking(_)) => self.retry(cx, error.into()),
            (Err(_), Phase::AwaitingLink) => self.ask_for_link(cx),
            _ => State::Fetching(self),
        }
    }

    /// The platform paused the Task: it is asked again later, and no try is counted (onenet §4.1).
    fn wait_paused(self, cx: &mut Context, next: Next) -> State {
        let pause = self.told_pause(cx).unwrap_or_else(|| cx.poll_pause());
        self.pause_for(cx, Trouble::Paused, pause, next)
    }

    pub(super) fn pause_for(
        mut self,
        cx: &mut Context,
        reason: Trouble,
        pause: Duration,
        next: Next,
    ) -> State {
        cx.retrying(reason, pause);
        cx.start_timer(Timer::Retry, pause);
        self.phase = Phase::Pausing(next);
        State::Fetching(self)
    }

    /// The pause that the platform told for this Task, if it did; no longer than the policy's longest.
    pub(super) fn told_pause(&self, cx: &Context) -> Option<Duration> {
        match self.task.limits().interval_s {
            0 => None,
            seconds => Some(Duration::from_secs(seconds.into()).min(cx.policy().offer_longest)),
        }
    }

    /// How often bytes may fail to come in a row: as the platform told for this Task, else the policy's.
    pub(super) fn retry_attempts(&self, cx: &Context) -> u32 {
        match self.task.limits().retry {
            0 => cx.policy().retry_attempts,
            told => told.into(),
        }
    }

    /// More of why there are no bytes.
    pub(super) fn on_reason(mut self, bytes: &[u8]) -> State {
        if let Phase::Requested(Via::Reason(reason)) = &mut self.phase {
            let room = MAX_REASON_BYTES.saturating_sub(reason.len());
            reason.extend(bytes.iter().take(room));
        }
        State::Fetching(self)
    }

    /// All is here of why there are no bytes.
    pub(super) fn on_reason_ended(self, cx: &mut Context, reason: &[u8]) -> State {
        match cx.call_half().map(|half| half.read_file_reason(reason)) {
            Some(error) => self.on_file_error(cx, error),
            None => self.retry(cx, Trouble::NoLength),
        }
    }

    /// The platform has no bytes of its file.
    pub(super) fn on_file_error(mut self, cx: &mut Context, error: FileError) -> State {
        match error {
            FileError::Over { .. } => {
                drop_task(cx, &alloc::format!("{error}"));
                Idle::enter(cx)
            }
            FileError::Link { code, .. } => {
                self.break_off(cx);
                cx.event(Event::LinkRefused { status: code });
                self.ask_for_link(cx)
            }
            FileError::Unable { .. } => self.retry(cx, error.into()),
        }
    }
}
