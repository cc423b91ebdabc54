//! What the platform is told.

use alloc::string::String;

use otaru_wire::{Failure, Module, Report, Step, Version};

use super::Context;
use crate::{
    Output,
    record::{MAX_DESCRIPTION_BYTES, MAX_OWED, Owed, clip},
};

impl Context {
    /// Says it, if the dialect has a word for it.
    pub(crate) fn publish(&mut self, report: &Report) {
        self.last_message = self.last_message.wrapping_add(1);
        let message = self.options.dialect.write_report(&self.options.device, self.last_message, report);
        if let Some(message) = message {
            self.emit(Output::Publish(message));
        }
    }

    /// Reports how far the Task is, if anybody listens. What the user told by hand already is left out.
    pub(crate) fn report_percent(&mut self, module: &Module, percent: u8) {
        if self.connected && percent >= self.told {
            self.told = percent;
            self.publish_percent(module, percent, String::new());
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
        if !self.connected {
            return Err("there is no session with the platform");
        }
        if of_task && percent < self.told {
            return Err("a higher percentage was told before");
        }
        if of_task {
            self.told = percent;
        }
        self.publish_percent(module, percent, clip(description, MAX_DESCRIPTION_BYTES));
        Ok(())
    }

    fn publish_percent(&mut self, module: &Module, percent: u8, description: String) {
        self.publish(&Report::Progress {
            module: module.clone(),
            task: None,
            step: Step::Percent(percent),
            description,
        });
    }

    /// Asks whether there is a Task, or for fresh links of the `wanted` version.
    pub(crate) fn query(&mut self, module: Module, wanted: Option<Version>) {
        let running = self.running(&module).cloned();
        self.publish(&Report::Query { module, running, wanted });
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
        self.publish(&Report::Progress { module, task: None, step: Step::Failed(failure), description });
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
        if let Some(version) = self.running(&module).cloned().filter(|_| self.connected) {
            self.publish(&Report::Version { module, version });
        }
    }
}
