//! What every state works with: outputs, timers, the Record, the platform's ear.

mod calls;
mod keeping;
mod line;
mod reporting;

use alloc::{collections::VecDeque, string::String, vec::Vec};
use core::time::Duration;

use otaru_wire::{
    Failure, Instant, Module, Notice, Version,
    dialect::{AnswerError, Answered},
};

use crate::{
    Event, Output, Policy, Record, RequestId, SlotError, Trouble, UpdaterOptions,
    ledger::{Kind, Ledger},
    retry::Spread,
    timers::{Timer, Timers},
};
use calls::Calls;
use keeping::Saving;
use line::Line;

/// What a state gets to see of [`crate::Input`]: answers are known to be awaited, notices to be well formed.
#[derive(Debug)]
pub(crate) enum Cue {
    Connected,
    Disconnected,
    Notice(Notice),
    NoTask,
    /// A module was put aside, to be asked for.
    PutAside,
    Block(otaru_wire::Block),
    /// The block in flight came and cannot be used.
    BadBlock(otaru_wire::BlockError),
    Decision(crate::Decision),
    Cancel,
    /// The user reports that the Task in hand failed.
    GiveUp(Failure, String),
    Stopping,
    Head(crate::Head),
    Body(Vec<u8>),
    FetchEnded(Result<(), crate::FetchError>),
    NotPrepared(SlotError),
    Stored {
        file: usize,
        end: u64,
        result: Result<(), SlotError>,
    },
    Saved,
    SaveFailed(SlotError),
    ReadBack {
        file: usize,
        offset: u64,
        result: Result<Vec<u8>, SlotError>,
    },
    Activated(Result<(), SlotError>),
    Health(crate::HealthVerdict),
    Settled(Result<(), SlotError>),
    /// The Task waited to fetch, and can.
    LineFree,
    /// The answer to the question whether the Task in hand is still to be done.
    Checked(Result<Answered, AnswerError>),
    /// The platform says that the Task in hand is over.
    Over(String),
    /// The platform was told how far the Task in hand is, or cannot be told now.
    Told,
    Timer(Timer),
}

/// Shared by all states.
pub(crate) struct Context {
    pub(crate) options: UpdaterOptions,
    pub(crate) now: Instant,
    pub(crate) timers: Timers,
    pub(crate) ledger: Ledger,
    /// Every module and the version it runs.
    pub(crate) running: Vec<(Module, Version)>,
    pub(crate) connected: bool,
    /// The module on Trial: its version is not reported before it is confirmed.
    pub(crate) on_trial: Option<Module>,
    /// The module whose version was not told at the last connect, because its Task was in progress.
    pub(crate) untold: Option<Module>,
    /// The module whose fallback the boot marker still tells.
    pub(crate) fell_back: Option<Module>,
    /// The highest percentage told of the Task in hand since it began, or began again.
    pub(crate) told: u8,
    /// Modules whose offers were put aside.
    pub(crate) aside: Vec<Module>,
    /// The Task's fetch whose answers are awaited.
    pub(crate) fetch: Option<RequestId>,
    /// When a block was last asked for.
    pub(crate) last_block: Option<Instant>,
    /// What is to be kept; what is saved may be older.
    record: Record,
    line: Line,
    calls: Calls,
    saving: Saving,
    outputs: VecDeque<Output>,
    spread: Spread,
    last_message: u32,
}

impl Context {
    pub(crate) fn new(options: UpdaterOptions, record: Record) -> Self {
        Self {
            spread: Spread::new(options.seed),
            options,
            record,
            now: Instant::default(),
            timers: Timers::default(),
            ledger: Ledger::default(),
            running: Vec::new(),
            connected: false,
            on_trial: None,
            untold: None,
            fell_back: None,
            told: 0,
            aside: Vec::new(),
            fetch: None,
            last_block: None,
            line: Line::default(),
            calls: Calls::default(),
            saving: Saving::default(),
            outputs: VecDeque::new(),
            last_message: 0,
        }
    }

    pub(crate) fn policy(&self) -> &Policy {
        &self.options.policy
    }

    pub(crate) fn poll(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    pub(crate) fn emit(&mut self, output: Output) {
        self.outputs.push_back(output);
    }

    pub(crate) fn event(&mut self, event: Event) {
        self.emit(Output::Event(event));
    }

    /// An output that a slot answers.
    pub(crate) fn ask(&mut self, kind: Kind, output: Output) {
        self.ledger.ask(kind);
        self.timers.set(Timer::Answer, self.now + self.options.policy.slot_timeout);
        self.emit(output);
    }

    /// Nobody waits any more for answers about the Task so far.
    pub(crate) fn abandon(&mut self) {
        self.ledger.abandon_task();
        self.answered();
    }

    /// A slot answered, or need not: the clock runs on for the others.
    pub(crate) fn answered(&mut self) {
        if self.ledger.awaits_slot() {
            self.timers.set(Timer::Answer, self.now + self.options.policy.slot_timeout);
        } else {
            self.timers.clear(Timer::Answer);
        }
    }

    pub(crate) fn start_timer(&mut self, timer: Timer, after: Duration) {
        self.timers.set(timer, self.now + after);
    }

    /// The pause after so many failures in a row.
    pub(crate) fn pause(&mut self, failures: u32) -> Duration {
        let (first, longest) = (self.policy().retry_first, self.policy().retry_longest);
        self.spread.pause(first, longest, failures)
    }

    /// Tells that something is tried again after a pause.
    pub(crate) fn retrying(&mut self, reason: Trouble, pause: Duration) {
        let after_ms = u64::try_from(pause.as_millis()).unwrap_or(u64::MAX);
        self.event(Event::Retrying { reason, after_ms });
    }

    /// The pause before the platform is asked for a Task again.
    pub(crate) fn poll_pause(&mut self) -> Duration {
        let interval = self.policy().poll_interval;
        self.spread.pause(interval, interval, 1)
    }

    /// The version a module runs; none: no such module.
    pub(crate) fn running(&self, module: &Module) -> Option<&Version> {
        self.running.iter().find(|(known, _)| known == module).map(|(_, version)| version)
    }

    pub(crate) fn put_aside(&mut self, module: Module) {
        if !self.aside.contains(&module) {
            self.aside.push(module);
        }
    }

    /// Forgets everything a power cut forgets; outputs not yet taken are lost with it.
    pub(crate) fn reset(&mut self) {
        self.outputs.clear();
        self.ledger.forget();
        self.timers.clear_all();
        self.saving = Saving::default();
        (self.fetch, self.last_block) = (None, None);
        self.line.reset();
        self.calls = Calls::default();
        self.on_trial = None;
        self.untold = None;
        self.told = 0;
    }
}
