//! Tasks of devices that ask instead of being told: the stages that such a device sees, and what it may say in each
//! (onenet §6).
//!
//! The table is [`Stage::after`]: a stage and a word give the stage that follows, or none where the word is out of turn. What
//! a word does to a [`Task`] is [`Task::on_word`], which asks the table first.

mod onenet;

use otaru_wire::{Failure, Step};

use crate::{Keep, Task, TaskState, Timestamp, Transition};

/// Where a task is, as its device sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stage {
    /// It waits for its device to begin.
    Waiting,
    /// The device fetches.
    Downloading,
    /// The device has everything and installs.
    Upgrading,
    /// It is done.
    Succeeded,
    /// It failed, or the attempt that the device knows of did.
    Failed,
    /// An operator ended it.
    Canceled,
}

impl Stage {
    /// Every stage, in order.
    pub const ALL: [Stage; 6] = [
        Stage::Waiting,
        Stage::Downloading,
        Stage::Upgrading,
        Stage::Succeeded,
        Stage::Failed,
        Stage::Canceled,
    ];

    /// The stage that follows a word; none if the word is out of turn.
    pub fn after(self, word: Word, rigor: Rigor) -> Option<Stage> {
        use {Rigor::Lenient, Stage as S, Word as W};
        match (self, word) {
            (S::Succeeded | S::Failed | S::Canceled, _) => None,
            (S::Waiting | S::Downloading, W::Begun) => Some(S::Downloading),
            (S::Waiting, W::Percent(_)) => (rigor == Lenient).then_some(S::Downloading),
            (S::Downloading, W::Percent(_)) => Some(S::Downloading),
            (S::Waiting, W::Downloaded) => (rigor == Lenient).then_some(S::Upgrading),
            (S::Downloading, W::Downloaded) => Some(S::Upgrading),
            (S::Waiting | S::Downloading, W::DownloadFailed(_)) => Some(S::Failed),
            (S::Upgrading, W::Begun | W::Percent(_) | W::Downloaded | W::DownloadFailed(_)) => None,
            (S::Waiting | S::Downloading, W::Upgraded) => (rigor == Lenient).then_some(S::Succeeded),
            (S::Upgrading, W::Upgraded) => Some(S::Succeeded),
            (S::Waiting, W::UpgradeFailed(_)) => (rigor == Lenient).then_some(S::Failed),
            (S::Downloading | S::Upgrading, W::UpgradeFailed(_)) => Some(S::Failed),
        }
    }
}

/// What a device says of its task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Word {
    /// It is about to fetch, or does.
    Begun,
    /// That much is fetched, below 100 %.
    Percent(u8),
    /// Everything is fetched.
    Downloaded,
    /// The download failed.
    DownloadFailed(Failure),
    /// It runs the target version.
    Upgraded,
    /// The upgrade failed.
    UpgradeFailed(Failure),
}

/// How much order is asked of devices.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Rigor {
    /// Steps may be left out: a success is taken from a device that never said that it fetches.
    #[default]
    Lenient,
    /// As the vendor's documents have it: each step comes after the one before, and a percentage falls to 0 only.
    Strict,
}

/// Why what a device says is refused. Nothing changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OutOfTurn {
    /// The task is over, or the attempt that the device knows of is.
    #[error("its task is over")]
    Over,
    /// An operator ended the task.
    #[error("its task was canceled")]
    Canceled,
    /// Not in this stage.
    #[error("it says {word:?} while its task is {stage:?}")]
    NotNow {
        /// Where the task is.
        stage: Stage,
        /// What the device said.
        word: Word,
    },
}

impl Task {
    /// The stage that its device sees; none while it waits for a person, when no device sees it.
    pub fn stage(&self) -> Option<Stage> {
        match self.state {
            TaskState::Confirm => None,
            // The device has not been told of this attempt, and the one that it knows failed.
            TaskState::Queued if self.attempt > 1 => Some(Stage::Failed),
            TaskState::Queued | TaskState::Notified => Some(Stage::Waiting),
            TaskState::InProgress if self.progress == 100 => Some(Stage::Upgrading),
            TaskState::InProgress => Some(Stage::Downloading),
            TaskState::Succeeded => Some(Stage::Succeeded),
            TaskState::Failed => Some(Stage::Failed),
            TaskState::Canceled => Some(Stage::Canceled),
        }
    }

    /// The device said something of it, and in which words. [`Word::Upgraded`] is a report of the target version: whoever
    /// applies that also notes that the module runs it.
    ///
    /// # Errors
    /// [`OutOfTurn`] if it may not say that now.
    pub fn on_word(
        &self,
        word: Word,
        description: &str,
        rigor: Rigor,
        now: Timestamp,
    ) -> Result<Transition, OutOfTurn> {
        let stage = self.stage().ok_or(OutOfTurn::Over)?;
        if stage.after(word, rigor).is_none() {
            return Err(match stage {
                Stage::Canceled => OutOfTurn::Canceled,
                Stage::Succeeded | Stage::Failed => OutOfTurn::Over,
                Stage::Waiting | Stage::Downloading | Stage::Upgrading => OutOfTurn::NotNow { stage, word },
            });
        }
        Ok(match word {
            Word::Begun if stage == Stage::Downloading => Transition::Keep(Keep::Repeated),
            Word::Begun => self.on_progress(Step::Percent(0), "", now),
            Word::Percent(percent) => match self.on_progress(Step::Percent(percent.min(99)), "", now) {
                Transition::Keep(Keep::Late) if rigor == Rigor::Strict => {
                    return Err(OutOfTurn::NotNow { stage, word });
                }
                decided => decided,
            },
            Word::Downloaded => self.on_progress(Step::Percent(100), "", now),
            Word::DownloadFailed(failure) | Word::UpgradeFailed(failure) => {
                self.on_progress(Step::Failed(failure), description, now)
            }
            Word::Upgraded => Transition::To(self.succeeded(now)),
        })
    }

    /// May its files still be fetched? While it is open, and after a cancel as long as `grace`, if the device had begun: what
    /// it began may end, but is not installed (onenet §6).
    pub fn may_be_fetched(&self, grace: std::time::Duration, now: Timestamp) -> bool {
        match self.stage() {
            Some(Stage::Waiting | Stage::Downloading | Stage::Upgrading) => true,
            Some(Stage::Canceled) => self.first_progress_at.is_some() && now < self.updated_at + grace,
            Some(Stage::Succeeded | Stage::Failed) | None => false,
        }
    }
}

#[cfg(test)]
mod tests;
