//! What came goes into the hash and into the slot; what the slot has taken goes into the Record.

use alloc::{format, vec::Vec};

use otaru_wire::{Failure, Hasher};

use super::{Fetching, Next, Phase};
use crate::{
    Event, Output, SlotError, context::Context, hashing::name, ledger::Kind, record::Running, state::State,
};

impl Fetching {
    /// Takes the next bytes of the file.
    pub(super) fn take(&mut self, cx: &mut Context, bytes: Vec<u8>) {
        let len = bytes.len() as u64;
        let until = self.taken.saturating_add(len);
        self.hasher.update(&bytes);
        cx.ask(Kind::Stored, Output::Store { file: self.file, offset: self.taken, bytes });
        self.taken = until;
        // Saved early rather than late: one more piece like this one would be more than a cut may cost.
        let due = (until - self.checkpoint).saturating_add(len) > cx.policy().checkpoint_bytes;
        if due {
            self.checkpoint = until;
        }
        self.stores.push_back((until, due.then(|| self.hasher.clone())));
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
        let Some((expected, hasher)) = self.stores.pop_front() else {
            return State::Fetching(self);
        };
        if (file, end) != (self.file, expected) {
            return self.fail(cx, Failure::Write, format!("the slot stored up to {end}, not to {expected}"));
        }
        self.stored = end;
        (self.retries, self.without_network, self.links, self.ignored_ranges) = (0, 0, 0, 0);
        if let Some(hasher) = hasher {
            self.keep_stored(cx, &hasher);
        }
        self.tell_progress(cx);
        match self.phase {
            Phase::Storing if self.stores.is_empty() => self.request(cx, false),
            _ => State::Fetching(self),
        }
    }

    /// Lets the Record cover all that is stored; `hasher` has taken exactly that.
    fn keep_stored(&mut self, cx: &mut Context, hasher: &Hasher) {
        let running = Running { offset: self.stored, hash: hasher.save(), etag: self.etag.clone() };
        self.task.running = Some(running);
        cx.keep_task(Some(&self.task));
    }

    /// Saves what was handed to the slot as soon as the slot has it, however little it is.
    pub(super) fn checkpoint_now(mut self, cx: &mut Context) -> State {
        if self.taken == self.checkpoint {
            return State::Fetching(self);
        }
        self.checkpoint = self.taken;
        let hasher = self.hasher.clone();
        match self.stores.back_mut() {
            Some((_, saved)) => *saved = Some(hasher),
            None => self.keep_stored(cx, &hasher),
        }
        State::Fetching(self)
    }

    pub(super) fn tell_fetched(&self, cx: &mut Context) {
        cx.event(Event::Fetched { file: self.file, end: self.taken, size: self.wanted.size });
    }

    fn tell_progress(&mut self, cx: &mut Context) {
        let percent = self.percent().min(99);
        if self.pace.due(cx.now, percent, &cx.options.policy) {
            cx.event(Event::Progress {
                file: self.file,
                file_done: self.stored,
                file_total: self.wanted.size,
                done: self.done(),
                total: self.task.notice.total_size(),
            });
            cx.report_percent(&self.task.notice, percent);
        }
    }

    /// All bytes were handed out; when the slot has them the file is complete, if its digest is right.
    pub(super) fn drain(mut self, cx: &mut Context) -> State {
        if !self.stores.is_empty() {
            self.phase = Phase::Storing;
            return State::Fetching(self);
        }
        self.tell_fetched(cx);
        if self.hasher.clone().finish() != self.wanted.digest {
            return self.wrong_digest(cx);
        }
        if let Some(complete) = self.task.complete.get_mut(self.file) {
            *complete = true;
        }
        self.task.running = None;
        cx.keep_task(Some(&self.task));
        let Self { task, pace, prepared, .. } = self;
        Self::next(cx, task, pace, prepared, |state, cx| state.request(cx, true))
    }

    fn wrong_digest(mut self, cx: &mut Context) -> State {
        let method = name(self.wanted.digest.method());
        let reason = format!("file {} does not hash to its digest by {method}", self.file);
        if u32::from(self.task.digest_retries) >= cx.policy().digest_attempts {
            return self.fail(cx, Failure::Digest, reason);
        }
        self.task.digest_retries = self.task.digest_retries.saturating_add(1);
        self.start_over(cx, reason, Next::Fetch)
    }
}
