//! The line to a platform that is asked by calls: what is to be said waits its turn, and one call is under way.
//!
//! What cannot be said now is said again after a pause that grows with each try of it. What somebody did not hear goes first
//! again; what somebody heard and could not answer goes behind the others, so that one call that never works holds up no
//! other. What is superseded is dropped, so the line is never longer than a few words for each module.

use alloc::collections::VecDeque;

use otaru_wire::{
    Module, Report, Step,
    dialect::{CallHalf, WriteError},
    http::Call,
};

use super::Context;
use crate::{Event, FetchError, Output, RequestId, Trouble, timers::Timer};

/// A report or question, and the call that says it.
#[derive(Debug)]
struct Word {
    report: Report,
    call: Call,
    /// How often it was said without success.
    tries: u32,
}

#[derive(Debug, Default)]
pub(super) struct Calls {
    waiting: VecDeque<Word>,
    /// [`Timer::Call`] ends it. With none under way the same timer ends the pause.
    under_way: Option<(RequestId, Word)>,
}

/// True if nobody needs to hear `old` any more once `new` is said.
fn supersedes(new: &Report, old: &Report) -> bool {
    match (new, old) {
        (Report::Version { module: new, .. }, Report::Version { module: old, .. })
        | (Report::Query { module: new, .. }, Report::Query { module: old, .. }) => new == old,
        (
            Report::Progress { module: new, step: Step::Failed(_), .. },
            Report::Progress { module: old, step: Step::Failed(_), .. },
        ) => new == old,
        (
            Report::Progress { task: new, step: Step::Failed(_), .. },
            Report::Progress { task: old, step: Step::Percent(_), .. },
        ) => new == old,
        (Report::Done { task: new }, Report::Progress { task: old, step: Step::Percent(_), .. }) => {
            Some(new) == old.as_ref()
        }
        (
            Report::Progress { step: Step::Percent(_), .. },
            Report::Progress { step: Step::Percent(_), .. },
        )
        | (Report::TaskCheck { .. }, Report::TaskCheck { .. })
        | (Report::Done { .. }, Report::Done { .. }) => true,
        _ => false,
    }
}

impl Context {
    /// How the platform is asked, if it is asked by calls.
    pub(crate) fn call_half(&self) -> Option<&'static dyn CallHalf> {
        self.options.dialect.calls()
    }

    /// True if what is said now will be heard, or waits until it is.
    pub(crate) fn may_say(&self) -> bool {
        self.connected || self.call_half().is_some()
    }

    /// Says it by a call, when its turn comes. False if the dialect has no word for it, or the platform would refuse it.
    pub(super) fn call(&mut self, half: &dyn CallHalf, report: &Report) -> bool {
        let call = match half.write_call(&self.options.device, report) {
            Ok(call) => call,
            Err(WriteError::NoWord) => return false,
            Err(error @ WriteError::Unsound(_)) => {
                self.event(Event::Ignored { reason: alloc::format!("{error}") });
                return false;
            }
        };
        let older = self.calls.waiting.iter().position(|word| supersedes(report, &word.report));
        let tries = older.and_then(|at| self.calls.waiting.remove(at)).map_or(0, |word| word.tries);
        self.calls.waiting.push_back(Word { report: report.clone(), call, tries });
        self.call_next();
        true
    }

    /// The next call, if none is under way and no pause is kept.
    fn call_next(&mut self) {
        if self.calls.under_way.is_some() || self.timers.end(Timer::Call).is_some() {
            return;
        }
        if let Some(word) = self.calls.waiting.pop_front() {
            let request = RequestId(self.next_request());
            self.emit(Output::Call { request, call: word.call.clone() });
            self.start_timer(Timer::Call, self.policy().call_timeout);
            self.calls.under_way = Some((request, word));
        }
    }

    /// What is asked by that call, if it is under way.
    pub(crate) fn asked_by(&self, request: RequestId) -> Option<Report> {
        let (under_way, word) = self.calls.under_way.as_ref()?;
        (*under_way == request).then(|| word.report.clone())
    }

    /// The call under way was answered, and that was the platform's word.
    pub(crate) fn call_done(&mut self) {
        self.calls.under_way = None;
        self.timers.clear(Timer::Call);
        self.call_next();
    }

    /// The call under way did not reach the platform, or its answer did not come.
    pub(crate) fn call_lost(&mut self, error: Option<FetchError>) {
        self.connected = false;
        self.call_again(error.map_or(Trouble::Silent, Trouble::Fetch), VecDeque::push_front);
    }

    /// The call under way was answered, but cannot be done now.
    pub(crate) fn call_later(&mut self, reason: Trouble) {
        self.call_again(reason, VecDeque::push_back);
    }

    fn call_again(&mut self, reason: Trouble, put: fn(&mut VecDeque<Word>, Word)) {
        let Some((_, mut word)) = self.calls.under_way.take() else { return };
        word.tries = word.tries.saturating_add(1);
        let pause = self.pause(word.tries);
        match self.calls.waiting.iter_mut().find(|newer| supersedes(&newer.report, &word.report)) {
            Some(newer) => newer.tries = newer.tries.max(word.tries),
            None => put(&mut self.calls.waiting, word),
        }
        self.start_timer(Timer::Call, pause);
        self.retrying(reason, pause);
    }

    /// The time of the call under way is up, or the pause is over. True if it was the call's.
    pub(crate) fn on_call_timer(&mut self) -> bool {
        let lost = self.calls.under_way.is_some();
        match lost {
            true => self.call_lost(None),
            false => self.call_next(),
        }
        lost
    }

    /// A version that was just heard need not be said again.
    pub(crate) fn unsay_version(&mut self, heard: &Report) {
        if matches!(heard, Report::Version { .. }) {
            self.calls.waiting.retain(|word| word.report != *heard);
        }
    }

    /// A module's failure that is no longer true.
    pub(super) fn unsay_failure(&mut self, module: &Module) {
        let of_module = |report: &Report| matches!(report, Report::Progress { module: failed, step: Step::Failed(_), .. } if failed == module);
        self.calls.waiting.retain(|word| !of_module(&word.report));
    }

    /// A Task that is no longer in hand is neither checked nor told of percentages any more.
    pub(crate) fn unsay_task(&mut self) {
        let of_task = |report: &Report| {
            matches!(report, Report::TaskCheck { .. } | Report::Progress { step: Step::Percent(_), .. })
        };
        self.calls.waiting.retain(|word| !of_task(&word.report));
    }

    /// True if the platform is being told, or is to be told, how far the Task in hand is.
    pub(crate) fn is_telling(&self) -> bool {
        let under_way = self.calls.under_way.iter().map(|(_, word)| word);
        let mut words = under_way.chain(&self.calls.waiting);
        words.any(|word| matches!(word.report, Report::Progress { step: Step::Percent(_), .. }))
    }
}
