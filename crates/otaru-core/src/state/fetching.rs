//! Fetches a package's files, one after the other, into the prepared slot.
//!
//! Bytes are hashed as they come and stored as they come. What the Record says is stored trails behind: it covers
//! only bytes the slot has acknowledged, with the state of the hash at that byte.

mod checking;
mod http;
mod link;
mod mqtt;
mod storing;

use alloc::{
    collections::VecDeque,
    format,
    string::{String, ToString},
    vec::Vec,
};

use otaru_wire::{ByteRange, Failure, File, Hasher, Notice, Source};

use super::{
    Meaning, State, decline, drop_task, fail, idle::Idle, not_prepared, replace, verifying::Verifying, weigh,
};
use crate::{
    Event, Output, Trouble,
    context::{Context, Cue},
    progress::{Pace, percent},
    record::Task,
    timers::Timer,
};
use mqtt::Blocks;

/// Fetches one file of the Task in hand.
pub(crate) struct Fetching {
    task: Task,
    /// The file, from 0.
    file: usize,
    /// Size, digests and source of it.
    wanted: File,
    /// Has taken all bytes up to `taken`, for the file's digest. A second one is proven when the slot is read back.
    hasher: Hasher,
    /// Bytes handed to the slot.
    taken: u64,
    /// Bytes the slot has.
    stored: u64,
    /// Stores under way: where each ends, and the hash there if the Record is to be saved then.
    stores: VecDeque<(u64, Option<Hasher>)>,
    /// Where the Record was last saved, or will be.
    checkpoint: u64,
    etag: Option<String>,
    phase: Phase,
    /// The slot was prepared since the last boot.
    prepared: bool,
    /// The bytes before `taken` come from before a power cut.
    resumed: bool,
    pace: Pace,
    /// Tries that failed since a byte was stored.
    retries: u32,
    /// The same, while neither server nor platform could be heard.
    without_network: u32,
    /// Fresh links asked for since a byte was stored.
    links: u32,
    blocks: Blocks,
    /// Whole files sent instead of their ends, since a byte was stored.
    ignored_ranges: u32,
}

enum Phase {
    /// Until the Record says that nothing of this file is stored: only then may old bytes be overwritten.
    Saving(Next),
    /// Until the platform says that the Task is still to be done; then bytes are asked for, and that is announced or not.
    Checking(bool),
    /// Until what was asked for is here, or cannot be had; a fetch begins when no Config is being fetched.
    Requested(Via),
    /// Until the pause after a failure is over.
    Pausing(Next),
    /// Until the platform sends a fresh link.
    AwaitingLink,
    /// Until there is a session to ask over.
    AwaitingSession,
    /// Until the slot has taken what came.
    Storing,
}

/// How the bytes that were asked for come.
enum Via {
    /// By a fetch of that range.
    Http {
        range: ByteRange,
        /// Where the body ends; none before the head was judged.
        end: Option<u64>,
    },
    /// Why there are no bytes comes instead of them.
    Reason(Vec<u8>),
    /// As one block over the session.
    Mqtt,
}

#[derive(Clone, Copy)]
enum Next {
    /// Ask for bytes again, after a break.
    Fetch,
    /// Ask for the next block: its time has come.
    Block,
    /// Ask for a fresh link.
    FreshLink,
}

impl Fetching {
    /// A Task that was just accepted and is being saved.
    pub(crate) fn begin(cx: &mut Context, task: Task) -> State {
        // Who is asked whether a named Task is still to be done knows that it begins, and some refuse 0 % (onenet §6).
        if task.notice.task_name().is_none() {
            cx.report_percent(&task.notice, 0);
        }
        let pace = Pace::reported(0, cx.now);
        Self::next(cx, task, pace, false, |state, _| state.after_save(Next::Fetch))
    }

    /// A Task that a power cut interrupted.
    pub(crate) fn resume(cx: &mut Context, task: Task) -> State {
        Self::next(cx, task, Pace::silent(0), false, |mut state, cx| {
            state.resumed = state.task.has_bytes();
            state.pace = Pace::silent(state.percent());
            state.request(cx, true)
        })
    }

    /// A file turned out wrong when it was read back; the slot is prepared.
    pub(super) fn again(cx: &mut Context, task: Task) -> State {
        cx.told = 0;
        cx.keep_task(Some(&task));
        Self::next(cx, task, Pace::silent(0), true, |mut state, _| {
            state.pace = Pace::silent(state.percent());
            state.after_save(Next::Fetch)
        })
    }

    /// Goes on with the first file that is not complete; or, if all are, with verification.
    fn next(
        cx: &mut Context,
        task: Task,
        pace: Pace,
        prepared: bool,
        go_on: impl FnOnce(Self, &mut Context) -> State,
    ) -> State {
        let file = task.next_file().and_then(|file| Some((file, task.notice.files.get(file)?.clone())));
        let Some((file, wanted)) = file else {
            return Verifying::enter(cx, task, prepared);
        };
        let (hasher, stored) = task.hasher(&wanted);
        let state = Self {
            file,
            hasher,
            taken: stored,
            stored,
            checkpoint: stored,
            stores: VecDeque::new(),
            etag: task.running.as_ref().and_then(|running| running.etag.clone()),
            phase: Phase::Storing,
            prepared,
            resumed: false,
            pace,
            retries: 0,
            without_network: 0,
            links: 0,
            ignored_ranges: 0,
            blocks: Blocks::new(cx, &task),
            wanted,
            task,
        };
        go_on(state, cx)
    }

    fn after_save(mut self, next: Next) -> State {
        self.phase = Phase::Saving(next);
        State::Fetching(self)
    }

    pub(crate) fn task(&self) -> &Task {
        &self.task
    }

    pub(crate) fn handle(self, cx: &mut Context, cue: Cue) -> State {
        match cue {
            Cue::Head(head) => self.on_head(cx, &head),
            Cue::Body(bytes) => self.on_body(cx, bytes),
            Cue::FetchEnded(result) => self.on_fetch_ended(cx, result),
            Cue::NotPrepared(error) => not_prepared(cx, &self.task.notice, &error),
            Cue::Stored { file, end, result } => self.on_stored(cx, file, end, result),
            Cue::Saved => match self.phase {
                Phase::Saving(Next::FreshLink) => self.ask_for_link(cx),
                Phase::Saving(_) => self.request(cx, true),
                _ => State::Fetching(self),
            },
            Cue::Block(block) => self.on_block(cx, block),
            Cue::BadBlock(error) => self.on_bad_block(cx, error),
            Cue::Disconnected => self.on_disconnected(cx),
            Cue::Timer(Timer::Stall) if matches!(self.phase, Phase::Requested(Via::Mqtt)) => {
                self.on_block_timeout(cx)
            }
            Cue::Timer(Timer::Stall) => self.retry_broken(cx, Trouble::Silent),
            Cue::Timer(Timer::Retry) => match self.phase {
                Phase::Pausing(Next::Fetch) => self.request(cx, true),
                Phase::Pausing(Next::Block) => self.request(cx, false),
                Phase::Pausing(Next::FreshLink) => self.query_link(cx),
                _ => State::Fetching(self),
            },
            Cue::Timer(Timer::Link) if matches!(self.phase, Phase::AwaitingLink) => self.on_link_timeout(cx),
            Cue::Timer(Timer::Answer) => self.fail(cx, Failure::Write, "the slot does not answer".into()),
            Cue::SaveFailed(error) => {
                self.fail(cx, Failure::Write, format!("the record cannot be saved: {error}"))
            }
            Cue::Checked(word) => self.on_checked(cx, word),
            Cue::LineFree => match self.phase {
                Phase::Requested(Via::Http { .. } | Via::Reason(_)) => self.request(cx, false),
                _ => State::Fetching(self),
            },
            Cue::Stopping => self.checkpoint_now(cx),
            Cue::Connected => self.on_connected(cx),
            Cue::NoTask if matches!(self.phase, Phase::AwaitingLink) => {
                drop_task(cx, "the platform took it back");
                Idle::enter(cx)
            }
            Cue::Notice(notice) => match weigh(cx, &self.task.notice, notice) {
                Meaning::Links(notice) => self.on_links(cx, notice),
                Meaning::Newer(newer) => replace(cx, newer),
                Meaning::Nothing => State::Fetching(self),
            },
            Cue::Cancel => decline(cx, &self.task.notice, "canceled"),
            _ => State::Fetching(self),
        }
    }

    /// Asks for the next bytes. `announce` after every break, not between the ranges of one download.
    fn request(mut self, cx: &mut Context, announce: bool) -> State {
        if !self.prepared {
            self.prepared = true;
            let Notice { module, files, .. } = &self.task.notice;
            let sizes = files.iter().map(|file| file.size).collect();
            cx.emit(Output::Prepare { module: module.clone(), sizes, resume: self.task.has_bytes() });
        }
        if self.taken >= self.wanted.size {
            return self.drain(cx);
        }
        match self.wanted.source.clone() {
            Source::Http { .. } => self.check(cx, announce),
            Source::Mqtt { .. } if !cx.connected => {
                self.phase = Phase::AwaitingSession;
                State::Fetching(self)
            }
            Source::Mqtt { stream, file } => {
                self.announce(cx, announce);
                self.request_block(cx, stream, file)
            }
        }
    }

    fn announce(&mut self, cx: &mut Context, announce: bool) {
        if announce {
            cx.event(Event::Fetching { file: self.file, offset: self.taken, resumed: self.resumed });
            self.resumed = false;
        }
    }

    /// Starts over at zero with a fresh link: the server's file is not what it was.
    fn start_over_elsewhere(mut self, cx: &mut Context, reason: String) -> State {
        if u32::from(self.task.restarts) >= cx.policy().restart_attempts {
            return self.fail(cx, Failure::Download, reason);
        }
        self.task.restarts = self.task.restarts.saturating_add(1);
        self.start_over(cx, reason, Next::FreshLink)
    }

    /// Nothing of this file counts as stored any more. Old bytes are overwritten only after the Record says so.
    fn start_over(mut self, cx: &mut Context, reason: String, next: Next) -> State {
        self.break_off(cx);
        cx.abandon();
        cx.event(Event::StartedOver { reason });
        self.stores.clear();
        self.hasher = Hasher::new(self.wanted.digest.method());
        (self.taken, self.stored, self.checkpoint) = (0, 0, 0);
        (self.etag, self.task.running, self.resumed) = (None, None, false);
        self.ignored_ranges = 0;
        cx.told = 0;
        self.pace = Pace::silent(self.percent());
        cx.keep_task(Some(&self.task));
        self.after_save(next)
    }

    /// Ends the fetch, whatever still comes of it.
    fn break_off(&mut self, cx: &mut Context) {
        cx.stop_fetch();
        cx.timers.clear(Timer::Stall);
    }

    /// The platform is there: what only waited for it, or for any network, goes on.
    fn on_connected(mut self, cx: &mut Context) -> State {
        match self.phase {
            Phase::AwaitingLink => self.query_link(cx),
            Phase::AwaitingSession => self.request(cx, true),
            Phase::Pausing(Next::Fetch) if self.without_network > 0 => {
                self.without_network = 0;
                cx.timers.clear(Timer::Retry);
                self.request(cx, true)
            }
            _ => State::Fetching(self),
        }
    }

    fn retry(mut self, cx: &mut Context, trouble: Trouble) -> State {
        self.break_off(cx);
        self.retries += 1;
        if self.retries > self.retry_attempts(cx) {
            return self.fail(cx, Failure::Download, trouble.to_string());
        }
        let failures = self.retries.saturating_add(self.without_network);
        self.pause(cx, trouble, failures)
    }

    /// Pauses as after so many failures in a row, then asks again.
    fn pause(self, cx: &mut Context, reason: Trouble, failures: u32) -> State {
        let pause = self.told_pause(cx).unwrap_or_else(|| cx.pause(failures));
        self.pause_for(cx, reason, pause, Next::Fetch)
    }

    fn done(&self) -> u64 {
        self.task.complete_bytes().saturating_add(self.stored)
    }

    fn percent(&self) -> u8 {
        percent(self.done(), self.task.notice.total_size())
    }

    fn fail(self, cx: &mut Context, failure: Failure, reason: String) -> State {
        fail(cx, &self.task.notice, failure, reason)
    }
}
