//! A device's report, from its bytes to the Task it changes.

use std::time::Duration;

use otaru_fleet::{Next, Task, Timestamp, Transition};
use otaru_wire::{
    DeviceId, Module, Report, Step, Version,
    dialect::{Question, Uplink},
    mqtt::Message,
};
use tracing::{debug, error, info, warn};

use super::{Service, known::Cache, meters};
use crate::{
    gateway::Admitted,
    store::{Applied, StoreError},
};

/// How often a report is tried while the store does not work. The device is not read from meanwhile, so a full disk
/// that is noticed within ten minutes loses nothing.
const TRIES: u32 = 600;

/// A task that changes this often between read and write is not going to hold still.
pub(super) const DECISIONS: u32 = 16;

/// How long after a logged fault of a device its further ones are only counted.
const QUIET: Duration = Duration::from_secs(60);

impl Service {
    /// Understands a message and does what it asks. A message that cannot be understood changes nothing.
    pub(super) async fn take(&self, from: &Admitted, behind: Option<&DeviceId>, message: &Message) {
        let speaker = &from.device;
        let uplink = match from.dialect.read_report(&message.topic, &message.payload) {
            Ok(uplink) => uplink,
            Err(error) => {
                metrics::counter!(meters::REPORTS_MALFORMED).increment(1);
                if self.may_complain(speaker) {
                    warn!(device = %speaker, topic = message.topic, %error, "{speaker} sent what cannot be understood: {error}");
                }
                let refusal = from.dialect.write_refusal(&message.topic, &message.payload, &error);
                if let Some(refusal) = refusal.filter(|_| behind.is_none()) {
                    self.inner.parts.outbox.deliver(speaker, refusal);
                }
                return;
            }
        };
        let device = &uplink.device;
        if device != speaker && behind != Some(device) {
            metrics::counter!(meters::REPORTS_MALFORMED).increment(1);
            if self.may_complain(speaker) {
                warn!(device = %speaker, topic = message.topic, "{speaker} spoke for {device}, which it may not");
            }
            return;
        }
        metrics::counter!(meters::REPORTS, "kind" => kind(&uplink.report)).increment(1);
        self.inner.seen.note(device, self.now());
        if device != speaker {
            self.inner.seen.note(speaker, self.now());
        }
        for _ in 0..TRIES {
            let Err(error) = self.act(&message.topic, &uplink).await else {
                if let Some(receipt) = from.dialect.write_receipt(&message.topic, &uplink) {
                    self.inner.parts.outbox.deliver(device, receipt);
                }
                return;
            };
            if !matches!(error, StoreError::Full | StoreError::Broken(_)) {
                warn!(%device, %error, "a report of {device} was passed over: {error}");
                return;
            }
            error!(%device, %error, "failed to write down a report of {device}, it will be tried again: {error}");
            if !self.pause(self.inner.parts.options.try_again_after).await {
                break;
            }
        }
        metrics::counter!(meters::REPORTS_LOST).increment(1);
        error!(%device, topic = message.topic, "a report of {device} was given up");
    }

    /// The device behind a gateway that the gateway speaks for on this topic, if that device is logged in through it.
    pub(super) fn spoken_for(&self, from: &Admitted, topic: &str) -> Option<DeviceId> {
        if from.dialect.may_publish(&from.device, topic) {
            return None;
        }
        let device = from.dialect.on_behalf(topic)?;
        self.inner.parts.outbox.speaks_for(&from.device, &device).then_some(device)
    }

    /// Was no fault of this device logged for [`QUIET`]? A device that repeats one must not fill the log; each is
    /// counted in any case.
    pub(super) fn may_complain(&self, device: &DeviceId) -> bool {
        self.may_complain_in(&self.inner.complained, device)
    }

    pub(super) fn may_complain_in(&self, complained: &Cache<DeviceId, Timestamp>, device: &DeviceId) -> bool {
        let now = self.now();
        let may = complained.find(device).is_none_or(|last| now >= last + QUIET);
        if may {
            complained.keep(device.clone(), now);
        }
        may
    }

    pub(super) async fn act(&self, topic: &str, uplink: &Uplink) -> Result<(), StoreError> {
        let Uplink { device, id, report } = uplink;
        match report {
            Report::Version { module, version } => self.version_reported(device, module, version).await,
            Report::Progress { module, step, description, .. } => {
                self.progress_reported(device, module, *step, description).await
            }
            Report::Query { module, wanted, .. } => {
                let question = Question { topic, device, id, wanted: wanted.as_ref() };
                self.asked(&question, module).await
            }
            Report::NoticeTaken { push, code } => {
                if *code != 200 {
                    info!(%device, ?push, code, "{device} does not take its notice and answers with code {code}");
                }
                self.inner.unanswered.forget(device);
                self.notice_answered(device).await
            }
            Report::Block(request) => self.answer_block(device, id, request).await,
            Report::ConfigQuery => self.answer_config(device, id).await,
            Report::ConfigTaken { push, code } => self.config_answered(device, push, *code).await,
            Report::Gateway(report) => self.gateway_said(device, id, report).await,
            // No dialect says these by a message.
            Report::TaskCheck { .. } | Report::Done { .. } => Ok(()),
        }
    }

    /// Success, failure, or one more notice for a device that still runs the old version.
    async fn version_reported(
        &self,
        device: &DeviceId,
        module: &Module,
        version: &Version,
    ) -> Result<(), StoreError> {
        match self.note_version(device, module, version).await? {
            Some(task) => self.tell(&task).await,
            None => Ok(()),
        }
    }

    /// Notes what a module runs, and what that makes of its open task; gives that task as it is then.
    pub(super) async fn note_version(
        &self,
        device: &DeviceId,
        module: &Module,
        version: &Version,
    ) -> Result<Option<Task>, StoreError> {
        for _ in 0..DECISIONS {
            let now = self.now();
            let task = self.open_task(device, module).await?;
            let decision = task.clone().and_then(|task| match task.on_version(module, version, now) {
                Transition::To(next) => Some((task, next)),
                Transition::Keep(_) => None,
            });
            let after = decision.clone().map(|(task, next)| after(task, next));
            if self.store().reported(device, module, version, decision, now).await? == Applied::Stale {
                continue;
            }
            if let (Some(before), Some(after)) = (&task, &after) {
                self.changed(before, after);
            }
            return Ok(after.or(task));
        }
        Err(StoreError::Conflict("the task would not hold still"))
    }

    async fn progress_reported(
        &self,
        device: &DeviceId,
        module: &Module,
        step: Step,
        description: &str,
    ) -> Result<(), StoreError> {
        if self.is_progress_of_config(device, step).await? {
            debug!(%device, ?step, "{device} reported progress of its configuration");
            return Ok(());
        }
        for _ in 0..DECISIONS {
            let Some(task) = self.open_task(device, module).await? else {
                debug!(%device, ?step, "{device} reported progress of module {module}, which has no open task");
                return Ok(());
            };
            let next = match task.on_progress(step, description, self.now()) {
                Transition::To(next) => next,
                Transition::Keep(why) => {
                    debug!(%device, ?step, ?why, "progress of {device} changes nothing");
                    return Ok(());
                }
            };
            if self.apply(&task, next).await? == Applied::Done {
                return Ok(());
            }
        }
        Err(StoreError::Conflict("the task would not hold still"))
    }

    /// The device acknowledged a notice, with whatever code: it is there. The acknowledgement names no module, so it is one
    /// for each notice that has none yet. A refusal fails nothing: a device refuses a notice of what it is busy with
    /// (jd-iot-engine §6.4).
    async fn notice_answered(&self, device: &DeviceId) -> Result<(), StoreError> {
        for task in self.store().open_tasks(device).await? {
            if let Transition::To(next) = task.on_answered(self.now()) {
                // Stale means that the device said more already, or that its time is up.
                self.apply(&task, next).await?;
            }
        }
        Ok(())
    }

    /// The device asks for its task, or for fresh links.
    async fn asked(&self, question: &Question<'_>, module: &Module) -> Result<(), StoreError> {
        let asked_for = |task: &Task| {
            task.may_be_told(self.now()) && question.wanted.is_none_or(|wanted| *wanted == task.version)
        };
        let task = self.open_task(question.device, module).await?.filter(asked_for);
        match task {
            Some(task) => self.answer(question, &task).await,
            None => self.answer_nothing(question).await,
        }
    }

    pub(super) async fn open_task(
        &self,
        device: &DeviceId,
        module: &Module,
    ) -> Result<Option<Task>, StoreError> {
        let tasks = self.store().open_tasks(device).await?;
        Ok(tasks.into_iter().find(|task| task.module == *module))
    }

    /// Writes a decision on a task as it was read, and tells everyone who should know.
    pub(super) async fn apply(&self, seen: &Task, next: Next) -> Result<Applied, StoreError> {
        let applied = self.store().apply(seen, next.clone()).await?;
        if applied == Applied::Done {
            self.changed(seen, &after(seen.clone(), next));
        }
        Ok(applied)
    }

    /// Writes that a task succeeded because its device said that it runs the target, and that it does.
    pub(super) async fn apply_upgraded(&self, seen: &Task, next: Next) -> Result<Applied, StoreError> {
        let Task { device, module, version, .. } = seen;
        let (decision, now) = (Some((seen.clone(), next.clone())), self.now());
        let applied = self.store().reported(device, module, version, decision, now).await?;
        if applied == Applied::Done {
            self.changed(seen, &after(seen.clone(), next));
        }
        Ok(applied)
    }

    /// Everyone who should know that a task changed hears of it.
    fn changed(&self, before: &Task, task: &Task) {
        if let Some(deadline) = task.deadline() {
            self.inner.alarm.set(deadline);
        }
        if task.attempt > before.attempt {
            self.attempt_failed(before, task);
        }
        if !task.state.is_end() {
            return;
        }
        self.inner.grants.close(task.id);
        self.release_held_config(&task.device);
        metrics::counter!(meters::TASKS_ENDED, "state" => task.state.as_str()).increment(1);
        let (device, version) = (&task.device, &task.version);
        match &task.reason {
            None => info!(%device, task = task.id.0, "{device} runs {version}: task {} succeeded", task.id),
            Some(reason) => {
                info!(%device, task = task.id.0, "task {} of {device} is {}: {reason}", task.id, task.state);
            }
        }
    }

    fn attempt_failed(&self, before: &Task, task: &Task) {
        // Nothing of the task goes on until its next attempt.
        self.release_held_config(&task.device);
        metrics::counter!(meters::ATTEMPTS_FAILED).increment(1);
        let (device, why) = (&task.device, task.reason.as_deref().unwrap_or_default());
        info!(
            %device, task = task.id.0, attempt = before.attempt,
            "attempt {} of {} of task {} of {device} failed: {why}", before.attempt, task.attempts(), task.id
        );
    }
}

const fn kind(report: &Report) -> &'static str {
    match report {
        Report::Version { .. } => "version",
        Report::Progress { .. } => "progress",
        Report::Query { .. } => "query",
        Report::NoticeTaken { .. } => "notice_taken",
        Report::TaskCheck { .. } => "task_check",
        Report::Done { .. } => "done",
        Report::Block(_) => "block",
        Report::ConfigQuery => "config_query",
        Report::ConfigTaken { .. } => "config_taken",
        Report::Gateway(_) => "gateway",
    }
}

fn after(mut task: Task, next: Next) -> Task {
    task.apply(next);
    task
}
