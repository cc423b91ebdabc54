//! What every state works with: outputs, timers, the Record, the platform's ear.

use alloc::{collections::VecDeque, string::String, vec::Vec};
use core::time::Duration;

use otaru_wire::{ByteRange, Failure, Instant, Module, Notice, Report, Step, Version};

use crate::{
    Event, Output, Policy, Record, RequestId, SlotError, UpdaterOptions,
    ledger::{Kind, Ledger},
    record::{FailedOffer, MAX_DESCRIPTION_BYTES, MAX_OWED, Owed, Task, clip, fingerprint},
    retry::Spread,
    timers::{Timer, Timers},
};

/// Saves of the Record that may fail in a row before the Task does.
const SAVE_ATTEMPTS: u32 = 3;

/// What a state gets to see of [`crate::Input`]: answers are known to be awaited, notices to be well formed.
#[derive(Debug)]
pub(crate) enum Cue {
    Connected,
    Notice(Notice),
    NoTask,
    Decision(crate::Decision),
    Cancel,
    Head(crate::Head),
    Body(Vec<u8>),
    FetchEnded(Result<(), crate::FetchError>),
    Stored { file: usize, end: u64, result: Result<(), SlotError> },
    Saved,
    SaveFailed(SlotError),
    ReadBack { file: usize, offset: u64, result: Result<Vec<u8>, SlotError> },
    Activated(Result<(), SlotError>),
    Health(crate::HealthVerdict),
    Settled(Result<(), SlotError>),
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
    /// The module whose fallback the boot marker still tells.
    pub(crate) fell_back: Option<Module>,
    /// Modules whose offers were put aside.
    pub(crate) aside: Vec<Module>,
    /// The fetch whose answers are awaited.
    pub(crate) fetch: Option<RequestId>,
    /// What is to be kept; what is saved may be older.
    record: Record,
    saving: Saving,
    outputs: VecDeque<Output>,
    spread: Spread,
    last_request: u32,
    last_message: u32,
}

/// Only one save is under way; what changed meanwhile goes into the next one.
#[derive(Debug, Default)]
struct Saving {
    under_way: bool,
    changed: bool,
    failures: u32,
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
            fell_back: None,
            aside: Vec::new(),
            fetch: None,
            saving: Saving::default(),
            outputs: VecDeque::new(),
            last_request: 0,
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
        self.fetch = None;
        self.on_trial = None;
    }
}

/// Fetching.
impl Context {
    pub(crate) fn fetch(&mut self, url: String, range: ByteRange, etag: Option<String>) {
        self.last_request = self.last_request.wrapping_add(1);
        let request = RequestId(self.last_request);
        self.fetch = Some(request);
        self.emit(Output::Fetch { request, url, range, etag });
    }

    pub(crate) fn stop_fetch(&mut self) {
        if let Some(request) = self.fetch.take() {
            self.emit(Output::StopFetch(request));
        }
    }

    /// True if that fetch was ever asked for.
    pub(crate) fn knows_fetch(&self, request: RequestId) -> bool {
        (1..=self.last_request).contains(&request.0)
    }
}

/// The Record.
impl Context {
    pub(crate) fn task(&self) -> Option<&Task> {
        self.record.task.as_ref()
    }

    pub(crate) fn take_task(&mut self) -> Option<Task> {
        self.record.task.take()
    }

    pub(crate) fn put_back_task(&mut self, task: Option<Task>) {
        self.record.task = task;
    }

    /// Keeps the Task in hand as it is now, or that there is none.
    pub(crate) fn keep_task(&mut self, task: Option<&Task>) {
        self.record.task = task.cloned();
        self.save();
    }

    pub(crate) fn save(&mut self) {
        if self.saving.under_way {
            self.saving.changed = true;
        } else {
            self.saving = Saving { under_way: true, changed: false, failures: self.saving.failures };
            self.ask(Kind::Saved, Output::Save(self.record.clone()));
        }
    }

    /// The doer's answer. Gives the cue, if this ends it.
    pub(crate) fn saved(&mut self, result: Result<(), SlotError>) -> Option<Cue> {
        match result {
            Ok(()) => {
                self.saving.failures = 0;
                self.saving.under_way = false;
                if self.saving.changed {
                    self.save();
                    return None;
                }
                Some(Cue::Saved)
            }
            Err(error) if self.saving.failures >= SAVE_ATTEMPTS => {
                self.saving = Saving::default();
                Some(Cue::SaveFailed(error))
            }
            Err(_) => {
                // `under_way` stays: the next try is the timer's.
                self.saving.failures += 1;
                let pause = self.pause(self.saving.failures);
                self.start_timer(Timer::Save, pause);
                None
            }
        }
    }

    /// The time to save again has come.
    pub(crate) fn save_again(&mut self) {
        self.saving.under_way = false;
        self.save();
    }

    /// The store is silent: nothing is under way any more.
    pub(crate) fn give_up_saving(&mut self) {
        self.saving = Saving::default();
        self.timers.clear(Timer::Save);
    }

    /// How often this offer failed in a row.
    pub(crate) fn failures_of(&self, notice: &Notice) -> u16 {
        let failed = self.record.failed.as_ref();
        failed.filter(|failed| failed.fingerprint == fingerprint(notice)).map_or(0, |failed| failed.times)
    }

    /// Counts a failure of this offer, and does not take it again for a while.
    pub(crate) fn count_failure(&mut self, notice: &Notice) {
        let times = self.failures_of(notice).saturating_add(1);
        self.record.failed = Some(FailedOffer { fingerprint: fingerprint(notice), times });
        self.hold_failed_offer();
    }

    pub(crate) fn forget_failures(&mut self) {
        self.record.failed = None;
        self.timers.clear(Timer::Hold);
    }

    /// Starts the pause before the offer that failed last may be taken again.
    pub(crate) fn hold_failed_offer(&mut self) {
        if let Some(times) = self.record.failed.as_ref().map(|failed| failed.times) {
            let (first, longest) = (self.policy().retry_first, self.policy().offer_longest);
            let pause = self.spread.pause(first, longest, times.into());
            self.start_timer(Timer::Hold, pause);
        }
    }
}

/// Reports.
impl Context {
    pub(crate) fn publish(&mut self, report: &Report) {
        self.last_message = self.last_message.wrapping_add(1);
        let message = self.options.dialect.write_report(&self.options.device, self.last_message, report);
        self.emit(Output::Publish(message));
    }

    /// Reports how far the Task is, if anybody listens.
    pub(crate) fn report_percent(&mut self, module: &Module, percent: u8) {
        if self.connected {
            let step = Step::Percent(percent);
            self.publish(&Report::Progress { module: module.clone(), step, description: String::new() });
        }
    }

    pub(crate) fn query(&mut self, module: Module) {
        self.publish(&Report::Query { module });
    }

    /// Reports a failure now, or keeps it until somebody listens.
    pub(crate) fn report_failure(&mut self, module: &Module, failure: Failure, reason: &str) {
        let description = clip(reason.into(), MAX_DESCRIPTION_BYTES);
        let owed = Owed { module: module.clone(), failure, description };
        if self.connected {
            self.publish_failure(owed);
        } else {
            self.record.owed.retain(|older| older.module != owed.module);
            self.record.owed.truncate(MAX_OWED - 1);
            self.record.owed.push(owed);
            self.save();
        }
    }

    /// True if a failure of that module waits to be reported.
    pub(crate) fn owes(&self, module: &Module) -> bool {
        self.record.owed.iter().any(|owed| owed.module == *module)
    }

    /// The module works after all: a failure that waits to be reported is no longer true.
    pub(crate) fn owe_nothing(&mut self, module: &Module) {
        self.record.owed.retain(|owed| owed.module != *module);
    }

    /// Reports the failures that waited for somebody to listen. They go before the versions: a platform takes an
    /// unchanged version as "nothing happened yet" and would offer again.
    pub(crate) fn report_owed(&mut self) {
        let owed = core::mem::take(&mut self.record.owed);
        let changed = !owed.is_empty();
        owed.into_iter().for_each(|owed| self.publish_failure(owed));
        if let Some(module) = self.fell_back.take() {
            self.emit(Output::ForgetFallback(module));
        }
        if changed {
            self.save();
        }
    }

    fn publish_failure(&mut self, owed: Owed) {
        let Owed { module, failure, description } = owed;
        self.publish(&Report::Progress { module, step: Step::Failed(failure), description });
    }

    /// Reports every module's version, except one on Trial.
    pub(crate) fn report_versions(&mut self) {
        for (module, version) in self.running.clone() {
            if self.on_trial.as_ref() != Some(&module) {
                self.publish(&Report::Version { module, version });
            }
        }
    }
}
