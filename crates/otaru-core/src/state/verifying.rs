//! Reads the whole slot back and hashes it: what the slot holds is proven, not what was sent to it.

use alloc::{format, vec::Vec};

use otaru_wire::{ByteRange, Digest, Failure, Notice};

use super::{
    Meaning, State, decline, fail, fetching::Fetching, not_prepared, replace, staged::Staged, weigh,
};
use crate::{
    Event, Output, SlotError,
    context::{Context, Cue},
    hashing::{Hashing, name},
    ledger::Kind,
    record::{Stage, Task},
    timers::Timer,
};

/// Proof that the slot's bytes, read back, hash to the offered digests. Only verification makes one.
///
/// ```compile_fail
/// let forged = otaru_core::Verified(()); // error[E0423]: the field is private
/// ```
#[derive(Debug, PartialEq, Eq)]
pub struct Verified(());

/// Reads back one file after the other.
pub(crate) struct Verifying {
    task: Task,
    /// The file, from 0.
    file: usize,
    /// The next byte asked for.
    asked: ByteRange,
    hashing: Hashing,
}

impl Verifying {
    /// Every file is stored.
    pub(crate) fn enter(cx: &mut Context, task: Task, prepared: bool) -> State {
        if !prepared {
            let Notice { module, files, .. } = &task.notice;
            let sizes = files.iter().map(|file| file.size).collect();
            cx.emit(Output::Prepare { module: module.clone(), sizes, resume: true });
        }
        Self::file(cx, task, 0)
    }

    /// Every file was stored before a power cut. A proof does not survive one, so all is read again.
    pub(crate) fn resume(cx: &mut Context, task: Task) -> State {
        Self::enter(cx, task, false)
    }

    /// Begins with that file; past the last one all is proven.
    fn file(cx: &mut Context, task: Task, file: usize) -> State {
        match task.notice.files.get(file).map(Hashing::new) {
            Some(hashing) => Self { task, file, asked: ByteRange { start: 0, end: 0 }, hashing }.read_on(cx),
            None => {
                cx.report_percent(&task.notice, 100);
                cx.event(Event::Verified);
                Staged::enter(cx, task, Verified(()))
            }
        }
    }

    pub(crate) fn task(&self) -> &Task {
        &self.task
    }

    pub(crate) fn handle(mut self, cx: &mut Context, cue: Cue) -> State {
        match cue {
            Cue::ReadBack { file, offset, result } => self.on_read_back(cx, file, offset, result),
            Cue::Timer(Timer::Answer) => self.fail(cx, Failure::Write, "the slot does not answer"),
            Cue::NotPrepared(error) => not_prepared(cx, &self.task.notice, &error),
            Cue::SaveFailed(error) => {
                self.fail(cx, Failure::Write, &format!("the record cannot be saved: {error}"))
            }
            Cue::Cancel => decline(cx, &self.task.notice, "canceled"),
            Cue::Notice(notice) => match weigh(cx, &self.task.notice, notice) {
                Meaning::Links(notice) => {
                    if !self.task.refresh_links(notice) {
                        return State::Verifying(self);
                    }
                    cx.abandon(); // what was read back so far has to hash to the new digest too
                    Self::file(cx, self.task, 0)
                }
                Meaning::Nothing => State::Verifying(self),
                Meaning::Newer(newer) => replace(cx, newer),
            },
            _ => State::Verifying(self),
        }
    }

    fn size(&self) -> u64 {
        self.task.notice.files.get(self.file).map_or(0, |file| file.size)
    }

    fn read_on(mut self, cx: &mut Context) -> State {
        let start = self.asked.end;
        let longest = u64::from(cx.policy().read_back_bytes.max(1));
        self.asked = ByteRange { start, end: start.saturating_add(longest).min(self.size()) };
        cx.ask(Kind::ReadBack, Output::ReadBack { file: self.file, range: self.asked });
        State::Verifying(self)
    }

    fn on_read_back(
        mut self,
        cx: &mut Context,
        file: usize,
        offset: u64,
        result: Result<Vec<u8>, SlotError>,
    ) -> State {
        let bytes = match result {
            Ok(bytes) => bytes,
            Err(error) => return self.fail(cx, Failure::Write, &format!("{error}")),
        };
        if (file, offset, bytes.len() as u64) != (self.file, self.asked.start, self.asked.len()) {
            let reason = format!("the slot read back {} bytes at {offset} of file {file}", bytes.len());
            return self.fail(cx, Failure::Write, &reason);
        }
        self.hashing.update(&bytes);
        if self.asked.end < self.size() {
            return self.read_on(cx);
        }
        if let Some(digest) =
            self.task.notice.files.get(self.file).and_then(|file| self.hashing.mismatch(file))
        {
            return self.wrong_digest(cx, &digest);
        }
        Self::file(cx, self.task, self.file + 1)
    }

    /// The slot does not hold what it was given: that file is fetched again from zero, the others stay.
    fn wrong_digest(mut self, cx: &mut Context, digest: &Digest) -> State {
        let method = name(digest.method());
        let reason =
            format!("file {}, read back from the slot, does not hash to its digest by {method}", self.file);
        if u32::from(self.task.digest_retries) >= cx.policy().digest_attempts {
            return self.fail(cx, Failure::Digest, &reason);
        }
        self.task.digest_retries = self.task.digest_retries.saturating_add(1);
        self.task.stage = Stage::Fetching;
        self.task.running = None;
        if let Some(complete) = self.task.complete.get_mut(self.file) {
            *complete = false;
        }
        cx.event(Event::StartedOver { reason });
        Fetching::again(cx, self.task)
    }

    fn fail(self, cx: &mut Context, failure: Failure, reason: &str) -> State {
        fail(cx, &self.task.notice, failure, reason.into())
    }
}
