//! What the server and the slot answer while a file is fetched.

use alloc::{format, vec::Vec};

use otaru_wire::{Digest, Failure};

use super::{Fetching, Next, Phase};
use crate::{
    Event, FetchError, Head, Output, SlotError, Trouble,
    context::Context,
    hashing::{Hashing, name},
    ledger::Kind,
    record::Running,
    state::{
        State,
        head::{Asked, Judgement, judge},
    },
    timers::Timer,
};

/// Whole files in a row, though their ends were asked for, before fetching starts over at zero.
const IGNORED_RANGES: u32 = 3;

/// The longest ETag kept, in bytes; with a longer one a replaced file shows only by its digest.
const MAX_ETAG_BYTES: usize = 256;

impl Fetching {
    pub(super) fn on_head(mut self, cx: &mut Context, head: &Head) -> State {
        let Phase::Requested { range, end: None } = self.phase else {
            return State::Fetching(self);
        };
        let asked = Asked { range, size: self.wanted.size, etag: self.etag.as_deref() };
        match judge(head, &asked) {
            Judgement::Usable { end } => {
                if self.etag.is_none() {
                    self.etag = head.etag.clone().filter(|etag| etag.len() <= MAX_ETAG_BYTES);
                }
                self.phase = Phase::Requested { range, end: Some(end) };
                cx.start_timer(Timer::Stall, cx.policy().stall_timeout);
                State::Fetching(self)
            }
            Judgement::LinkRefused { status } => {
                self.break_off(cx);
                cx.event(Event::LinkRefused { status });
                self.ask_for_link(cx)
            }
            Judgement::Changed { reason } => self.start_over_elsewhere(cx, reason),
            Judgement::RangeIgnored => {
                self.ignored_ranges += 1;
                if self.ignored_ranges < IGNORED_RANGES {
                    return self.retry(cx, Trouble::RangeIgnored);
                }
                self.start_over_elsewhere(cx, "the server cannot send the end of the file".into())
            }
            Judgement::Unusable { trouble } => self.retry(cx, trouble),
        }
    }

    pub(super) fn on_body(mut self, cx: &mut Context, bytes: Vec<u8>) -> State {
        let Phase::Requested { end, .. } = self.phase else {
            return State::Fetching(self);
        };
        let Some(end) = end else {
            return self.retry(cx, Trouble::NoHead);
        };
        if bytes.is_empty() {
            return State::Fetching(self);
        }
        let len = bytes.len() as u64;
        let until = self.taken.saturating_add(len);
        if until > end {
            if self.taken < self.wanted.size {
                return self.retry(cx, Trouble::TooMany);
            }
            return self.fetch_over(cx, Trouble::TooMany);
        }
        self.hashing.update(&bytes);
        cx.ask(Kind::Stored, Output::Store { file: self.file, offset: self.taken, bytes });
        self.taken = until;
        // Saved early rather than late: one more piece like this one would be more than a cut may cost.
        let due = (until - self.checkpoint).saturating_add(len) > cx.policy().checkpoint_bytes;
        if due {
            self.checkpoint = until;
        }
        self.stores.push_back((until, due.then(|| self.hashing.clone())));
        cx.start_timer(Timer::Stall, cx.policy().stall_timeout);
        State::Fetching(self)
    }

    pub(super) fn on_fetch_ended(self, cx: &mut Context, result: Result<(), FetchError>) -> State {
        let Phase::Requested { range, end } = self.phase else {
            return State::Fetching(self);
        };
        match result {
            Ok(())
                if end == Some(self.taken) && self.taken > range.start && self.taken < self.wanted.size =>
            {
                self.tell_fetched(cx);
                self.request(cx, false)
            }
            Ok(()) => self.fetch_over(cx, Trouble::EndedEarly),
            Err(error @ (FetchError::NotTrusted(_) | FetchError::BadUrl(_) | FetchError::Redirected))
                if self.taken < self.wanted.size =>
            {
                self.fail(cx, Failure::Download, format!("{error}"))
            }
            Err(error) => self.fetch_over(cx, error.into()),
        }
    }

    /// No more bytes will come of this fetch: either all are here, or what came is kept and the rest tried again.
    fn fetch_over(mut self, cx: &mut Context, trouble: Trouble) -> State {
        if self.taken < self.wanted.size {
            return self.retry_broken(cx, trouble);
        }
        self.break_off(cx);
        self.drain(cx)
    }

    pub(super) fn on_stored(
        mut self,
        cx: &mut Context,
        file: usize,
        end: u64,
        result: Result<(), SlotError>,
    ) -> State {
        if let Err(error) = result {
            return self.fail(cx, Failure::Write, format!("{error}"));
        }
        let Some((expected, hashing)) = self.stores.pop_front() else {
            return State::Fetching(self);
        };
        if (file, end) != (self.file, expected) {
            return self.fail(cx, Failure::Write, format!("the slot stored up to {end}, not to {expected}"));
        }
        self.stored = end;
        (self.retries, self.without_network, self.links, self.ignored_ranges) = (0, 0, 0, 0);
        if let Some(hashing) = hashing {
            self.keep_stored(cx, &hashing);
        }
        self.tell_progress(cx);
        if matches!(self.phase, Phase::Draining) { self.drain(cx) } else { State::Fetching(self) }
    }

    /// Lets the Record cover all that is stored; `hashing` has taken exactly that.
    fn keep_stored(&mut self, cx: &mut Context, hashing: &Hashing) {
        let running = Running { offset: self.stored, hash: hashing.save(), etag: self.etag.clone() };
        self.task.running = Some(running);
        cx.keep_task(Some(&self.task));
    }

    /// Saves what was handed to the slot as soon as the slot has it, however little it is.
    pub(super) fn checkpoint_now(mut self, cx: &mut Context) -> State {
        if self.taken == self.checkpoint {
            return State::Fetching(self);
        }
        self.checkpoint = self.taken;
        let hashing = self.hashing.clone();
        match self.stores.back_mut() {
            Some((_, saved)) => *saved = Some(hashing),
            None => self.keep_stored(cx, &hashing),
        }
        State::Fetching(self)
    }

    fn tell_fetched(&self, cx: &mut Context) {
        cx.event(Event::Fetched { file: self.file, end: self.taken, size: self.wanted.size });
    }

    fn tell_progress(&mut self, cx: &mut Context) {
        let percent = self.percent().min(99);
        if self.pace.due(cx.now, percent, &cx.options.policy) {
            cx.event(Event::Progress { done: self.done(), total: self.task.notice.total_size() });
            cx.report_percent(&self.task.notice.module, percent);
        }
    }

    /// All bytes were handed out; when the slot has them the file is complete, if its digests are right.
    pub(super) fn drain(mut self, cx: &mut Context) -> State {
        if !self.stores.is_empty() {
            self.phase = Phase::Draining;
            return State::Fetching(self);
        }
        self.tell_fetched(cx);
        if let Some(digest) = self.hashing.mismatch(&self.wanted) {
            return self.wrong_digest(cx, &digest);
        }
        if let Some(complete) = self.task.complete.get_mut(self.file) {
            *complete = true;
        }
        self.task.running = None;
        cx.keep_task(Some(&self.task));
        let Self { task, pace, prepared, .. } = self;
        Self::next(cx, task, pace, prepared, |state, cx| state.request(cx, true))
    }

    fn wrong_digest(mut self, cx: &mut Context, digest: &Digest) -> State {
        let reason = format!("file {} does not hash to its digest by {}", self.file, name(digest.method()));
        if u32::from(self.task.digest_retries) >= cx.policy().digest_attempts {
            return self.fail(cx, Failure::Digest, reason);
        }
        self.task.digest_retries = self.task.digest_retries.saturating_add(1);
        self.start_over(cx, reason, Next::Fetch)
    }
}
