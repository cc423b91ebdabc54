//! One device's upgrade to one package.

use otaru_wire::{DeviceId, Module, Version};

use crate::{CampaignId, Next, PackageId, Rules, TaskId, Timestamp, named::named};

named! {
    /// Where a task is (aliyun-link-sdk-v4 §7.2). Within an attempt, a later state never becomes an earlier one.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
    pub enum TaskState {
        /// It waits for a person.
        Confirm = "confirm",
        /// The device has not been told of this attempt.
        Queued = "queued",
        /// The device was told; it has not said anything about it.
        Notified = "notified",
        /// The device reported progress.
        InProgress = "in_progress",
        /// The device reported the target version.
        Succeeded = "succeeded",
        /// It failed, with a reason.
        Failed = "failed",
        /// An operator ended it.
        Canceled = "canceled",
    }
    /// A text that names no state of a task.
    else UnknownState("no task state is named {0:?}")
}

impl TaskState {
    /// True for the states that a task never leaves.
    pub const fn is_end(self) -> bool {
        matches!(self, TaskState::Succeeded | TaskState::Failed | TaskState::Canceled)
    }

    /// True if the device may be told of the task and may download its files.
    pub const fn may_download(self) -> bool {
        matches!(self, TaskState::Queued | TaskState::Notified | TaskState::InProgress)
    }
}

/// One device's upgrade to one package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Task {
    /// Its number.
    pub id: TaskId,
    /// The campaign it belongs to.
    pub campaign: CampaignId,
    /// What is to be installed.
    pub package: PackageId,
    /// On which device.
    pub device: DeviceId,
    /// The part of the device.
    pub module: Module,
    /// The target: the package's version.
    pub version: Version,
    /// What the module ran before; none until the device tells.
    pub source_version: Option<Version>,
    /// Where it is.
    pub state: TaskState,
    /// Percent of the files' bytes that the device has, as it last said.
    pub progress: u8,
    /// Why it failed or was canceled; while it is open, why the attempt before this one failed.
    pub reason: Option<String>,
    /// What its campaign holds it to.
    pub rules: Rules,
    /// Which attempt this is, from 1; never more than [`Task::attempts`].
    pub attempt: u8,
    /// When this attempt begins, while it waits for that.
    pub retry_at: Option<Timestamp>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When the device was first told of this attempt.
    pub notified_at: Option<Timestamp>,
    /// When the device first answered the notice of this attempt, if that was asked for or said outright.
    pub answered_at: Option<Timestamp>,
    /// When the device first reported progress of this attempt.
    pub first_progress_at: Option<Timestamp>,
    /// When anything of it last changed.
    pub updated_at: Timestamp,
    /// How often it changed: what compare-and-set compares.
    pub revision: u64,
}

impl Task {
    /// How many attempts it has.
    pub fn attempts(&self) -> u8 {
        self.rules.retries.saturating_add(1)
    }

    /// When its campaign's validity ends; none if it never does.
    pub fn expires_at(&self) -> Option<Timestamp> {
        self.rules.valid_for.map(|span| self.created_at + span)
    }

    /// When time changes it next, by [`Task::on_deadline`]: the end of an attempt that takes too long or is not answered,
    /// the beginning of the next one, the end of the campaign's validity. None if it waits without end.
    pub fn deadline(&self) -> Option<Timestamp> {
        let or_expiry = |deadline: Option<Timestamp>| deadline.into_iter().chain(self.expires_at()).min();
        match self.state {
            TaskState::Confirm => self.expires_at(),
            TaskState::Queued => or_expiry(self.retry_at),
            TaskState::Notified => or_expiry(self.answer_due()),
            TaskState::InProgress => self.first_progress_at.map(|first| first + self.rules.timeout),
            TaskState::Succeeded | TaskState::Failed | TaskState::Canceled => None,
        }
    }

    /// May the device be told of it now? Not before its attempt begins. Nothing is pushed after the campaign's validity,
    /// but what has begun goes on.
    pub fn may_be_told(&self, now: Timestamp) -> bool {
        let expired = self.expires_at().is_some_and(|end| end <= now);
        match self.state {
            TaskState::Queued => !expired && self.retry_at.is_none_or(|at| at <= now),
            TaskState::Notified => !expired,
            TaskState::InProgress => true,
            TaskState::Confirm | TaskState::Succeeded | TaskState::Failed | TaskState::Canceled => false,
        }
    }

    /// Has it to be written down that the device is told before it is? What the device says at once would otherwise be
    /// taken for words about the attempt before, or its answer be missed.
    pub fn is_told_in_writing(&self) -> bool {
        self.state == TaskState::Queued && (self.attempt > 1 || self.rules.patience.limit().is_some())
    }

    /// When the push counts as failed; none if the device has answered or need not.
    pub(crate) fn answer_due(&self) -> Option<Timestamp> {
        let told = self.notified_at.filter(|_| self.answered_at.is_none());
        Some(told? + self.rules.patience.limit()?)
    }

    /// Becomes what a decision said.
    pub fn apply(&mut self, next: Next) {
        self.state = next.state;
        self.progress = next.progress;
        match next.reason {
            Some(reason) => self.reason = Some(reason.to_string()),
            None if next.state == TaskState::Succeeded => self.reason = None,
            None => {}
        }
        self.source_version = next.source_version;
        self.attempt = next.attempt;
        self.retry_at = next.retry_at;
        self.notified_at = next.notified_at;
        self.answered_at = next.answered_at;
        self.first_progress_at = next.first_progress_at;
        self.updated_at = next.updated_at;
        self.revision = self.revision.saturating_add(1);
    }
}

/// A queued task from 1.0.0 to 2.0.0.
#[cfg(test)]
pub(crate) fn example_task() -> Task {
    use otaru_wire::{DeviceName, ProductKey};
    Task {
        id: TaskId(1),
        campaign: CampaignId(1),
        package: PackageId(1),
        device: DeviceId {
            product: ProductKey::new("a1Demo").unwrap(),
            device: DeviceName::new("pump-1").unwrap(),
        },
        module: Module::default(),
        version: Version::new("2.0.0").unwrap(),
        source_version: Version::new("1.0.0").ok(),
        state: TaskState::Queued,
        progress: 0,
        reason: None,
        rules: Rules::default(),
        attempt: 1,
        retry_at: None,
        created_at: Timestamp(0),
        notified_at: None,
        answered_at: None,
        first_progress_at: None,
        updated_at: Timestamp(0),
        revision: 0,
    }
}
