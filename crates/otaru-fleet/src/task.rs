//! One device's upgrade to one package.

use std::time::Duration;

use otaru_wire::{DeviceId, Module, Version};

use crate::{CampaignId, Next, PackageId, TaskId, Timestamp, named::named};

named! {
    /// Where a task is (aliyun-link-sdk-v4 §7.2). A later state never becomes an earlier one.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
    pub enum TaskState {
        /// It waits for a person.
        Confirm = "confirm",
        /// The device has not been told.
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
    /// Why it failed or was canceled.
    pub reason: Option<String>,
    /// How long it may take from the first progress report on.
    pub timeout: Duration,
    /// When it was made.
    pub created_at: Timestamp,
    /// When the device was first told.
    pub notified_at: Option<Timestamp>,
    /// When the device first reported progress.
    pub first_progress_at: Option<Timestamp>,
    /// When anything of it last changed.
    pub updated_at: Timestamp,
    /// How often it changed: what compare-and-set compares.
    pub revision: u64,
}

impl Task {
    /// When it fails for taking too long; none before the first progress report and after its end.
    pub fn deadline(&self) -> Option<Timestamp> {
        match self.state {
            TaskState::InProgress => self.first_progress_at.map(|first| first + self.timeout),
            _ => None,
        }
    }

    /// Becomes what a decision said.
    pub fn apply(&mut self, next: Next) {
        self.state = next.state;
        self.progress = next.progress;
        self.reason = next.reason.map(|reason| reason.to_string());
        self.source_version = next.source_version;
        self.notified_at = next.notified_at;
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
        timeout: Duration::from_secs(3600),
        created_at: Timestamp(0),
        notified_at: None,
        first_progress_at: None,
        updated_at: Timestamp(0),
        revision: 0,
    }
}
