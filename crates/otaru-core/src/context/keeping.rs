//! The Record: what is to be kept, one save at a time, and the memory of failed offers.

use otaru_wire::Notice;

use super::{Context, Cue};
use crate::{
    Output, SlotError,
    ledger::Kind,
    record::{FailedOffer, Task, fingerprint},
    timers::Timer,
};

/// Saves of the Record that may fail in a row before the Task does.
const SAVE_ATTEMPTS: u32 = 3;

/// Only one save is under way; what changed meanwhile goes into the next one.
#[derive(Debug, Default)]
pub(super) struct Saving {
    under_way: bool,
    changed: bool,
    failures: u32,
}

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

    /// True if the user took this Config last.
    pub(crate) fn took_config(&self, fingerprint: &[u8; 32]) -> bool {
        self.record.config.as_ref() == Some(fingerprint)
    }

    /// The user took this Config.
    pub(crate) fn keep_config(&mut self, fingerprint: [u8; 32]) {
        if !self.took_config(&fingerprint) {
            self.record.config = Some(fingerprint);
            self.save();
        }
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
