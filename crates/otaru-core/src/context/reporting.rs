//! What the platform is told.

use alloc::{string::String, vec::Vec};

use otaru_wire::{Failure, Module, Notice, Report, Step, TaskName, Version};

use super::Context;
use crate::{
    Output,
    record::{MAX_DESCRIPTION_BYTES, MAX_OWED, Owed, clip},
    timers::Timer,
};

impl Context {
    /// Says it, if the dialect has a word for it; false if it has none.
    pub(crate) fn publish(&mut self, report: &Report) -> bool {
        self.last_message = self.last_message.wrapping_add(1);
        let message = self.options.dialect.write_report(&self.options.device, self.last_message, report);
        match (message, self.call_half()) {
            (Some(message), _) => self.emit(Output::Publish(message)),
            (None, Some(half)) => return self.call(half, report),
            (None, None) => return false,
        }
        true
    }

    /// Reports how far the Task is, if anybody listens. What the user told by hand already is left out.
    pub(crate) fn report_percent(&mut self, notice: &Notice, percent: u8) {
        if self.may_say() && percent >= self.told {
            self.told = percent;
            self.publish_percent(&notice.module, notice.task_name().cloned(), percent, String::new());
        }
    }

    /// Reports a percentage by hand; `of_task` if it is about the Task in hand. Gives why it was not told.
    pub(crate) fn report_by_hand(
        &mut self,
        module: &Module,
        percent: u8,
        description: String,
        of_task: bool,
    ) -> Result<(), &'static str> {
        let percent = percent.min(100);
        if !self.may_say() {
            return Err("there is no session with the platform");
        }
        if of_task && percent < self.told {
            return Err("a higher percentage was told before");
        }
        if of_task {
            self.told = percent;
        }
        let task = self.task().filter(|_| of_task).and_then(|task| task.notice.task_name().cloned());
        self.publish_percent(module, task, percent, clip(description, MAX_DESCRIPTION_BYTES));
        Ok(())
    }

    fn publish_percent(&mut self, module: &Module, task: Option<TaskName>, percent: u8, description: String) {
        let (module, step) = (module.clone(), Step::Percent(percent));
        self.publish(&Report::Progress { module, task, step, description });
    }

    /// Asks whether there is a Task, or for fresh links of the `wanted` version. What is asked by a message may get lost:
    /// [`Timer::Link`] says when.
    pub(crate) fn query(&mut self, module: Module, wanted: Option<Version>) {
        let running = self.running(&module).cloned();
        self.publish(&Report::Query { module, running, wanted });
        if self.call_half().is_none() {
            self.start_timer(Timer::Link, self.policy().link_timeout);
        }
    }

    /// Reports that an offer, or the Task that it became, failed.
    pub(crate) fn report_failed_offer(&mut self, notice: &Notice, failure: Failure, reason: &str) {
        self.report_failure(Owed::new(&notice.module, notice.task_name(), failure, reason));
    }

    /// Reports a failure now, or keeps it until somebody listens. What is said by a call is kept until it is answered.
    pub(crate) fn report_failure(&mut self, owed: Owed) {
        match self.call_half() {
            Some(_) if !self.publish(&owed.report()) => {}
            None if self.connected => {
                self.publish(&owed.report());
            }
            _ => self.owe(owed),
        }
    }

    fn owe(&mut self, owed: Owed) {
        self.record.owed.retain(|older| older.module != owed.module);
        self.record.owed.truncate(MAX_OWED - 1);
        self.record.owed.push(owed);
        self.save();
    }

    /// The platform heard of that failure, or wants to hear nothing of it.
    pub(crate) fn told_failure(&mut self, told: &Report) {
        let before = self.record.owed.len();
        self.record.owed.retain(|owed| owed.report() != *told);
        if self.record.owed.len() != before {
            self.save();
        }
    }

    /// True if a failure of that module waits to be reported.
    pub(crate) fn owes(&self, module: &Module) -> bool {
        self.record.owed.iter().any(|owed| owed.module == *module)
    }

    /// The module works after all: a failure that waits to be reported is no longer true.
    pub(crate) fn owe_nothing(&mut self, module: &Module) {
        self.unsay_failure(module);
        self.record.owed.retain(|owed| owed.module != *module);
    }

    /// Reports the failures that waited for somebody to listen. They go before the versions: a platform takes an
    /// unchanged version as "nothing happened yet" and would offer again.
    pub(crate) fn report_owed(&mut self) {
        let by_calls = self.call_half().is_some();
        let owed = if by_calls { self.record.owed.clone() } else { core::mem::take(&mut self.record.owed) };
        let (mut said, mut changed) = (Vec::new(), !by_calls && !owed.is_empty());
        for owed in owed {
            if self.publish(&owed.report()) { said.push(owed) } else { changed = true }
        }
        if by_calls {
            self.record.owed = said;
        }
        if let Some(module) = self.fell_back.take() {
            self.emit(Output::ForgetFallback(module));
        }
        if changed {
            self.save();
        }
    }

    /// Reports every module's version, except one on Trial and one whose Task is in progress: the vendor's platform fails
    /// such a Task at every version but the new one (aliyun-link-sdk-v4 §7.1), so that a device on a weak link could never
    /// finish. It is told when the Task ends without success.
    pub(crate) fn report_versions(&mut self, in_progress: Option<&Module>) {
        self.untold = in_progress.cloned();
        for (module, version) in self.running.clone() {
            if self.on_trial.as_ref() != Some(&module) && in_progress != Some(&module) {
                self.publish(&Report::Version { module, version });
            }
        }
    }

    /// Reports the version that was kept back, if one was.
    pub(crate) fn report_untold(&mut self) {
        let Some(module) = self.untold.take() else { return };
        if let Some(version) = self.running(&module).cloned().filter(|_| self.may_say()) {
            self.publish(&Report::Version { module, version });
        }
    }
}
