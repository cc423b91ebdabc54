//! What an event does to a task: one pure function for each event.
//!
//! The rules are those of aliyun-link-sdk-v4 §7.1 to §7.4, with one that is milder on purpose: the vendor's cloud
//! fails a task in progress when its device reports the source version again. Here that changes nothing, because a
//! device that reports its version after each reconnect would lose its task to a weak link.

use std::fmt;

use otaru_wire::{Failure, Module, Step, Version};

use crate::{Task, TaskState, Timestamp};

/// The most of a device's own words that is kept, in bytes (aliyun-link-sdk-v4 §2.4 sends up to 128).
const MAX_DESCRIPTION_BYTES: usize = 256;

/// What an event does to a task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Transition {
    /// It becomes this.
    To(Next),
    /// It stays as it is.
    Keep(Keep),
}

/// The parts of a task that events change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Next {
    /// Where it is now.
    pub state: TaskState,
    /// Percent.
    pub progress: u8,
    /// Why it came to an end.
    pub reason: Option<Reason>,
    /// What the module ran before.
    pub source_version: Option<Version>,
    /// When the device was first told.
    pub notified_at: Option<Timestamp>,
    /// When the device first reported progress.
    pub first_progress_at: Option<Timestamp>,
    /// The time of the event.
    pub updated_at: Timestamp,
}

/// Why an event leaves a task as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    /// It is at its end.
    Ended,
    /// It waits for a person; a device that was not told cannot be speaking of it.
    NotConfirmed,
    /// The event is about another module.
    OtherModule,
    /// The device still runs the source version.
    StillSource,
    /// The device was told before.
    AlreadyNotified,
    /// The same percentage again.
    Repeated,
    /// A lower percentage than before: a late report.
    Late,
    /// Its time is not up, or does not run yet.
    NotDue,
}

/// Why a task came to an end other than success.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    /// The device said so, with its own words.
    Device(Failure, String),
    /// The device reported a version that is neither source nor target.
    WrongVersion {
        /// What it reported.
        reported: Version,
        /// What it ran before.
        source: Version,
        /// What it was to report.
        target: Version,
    },
    /// It took too long.
    Timeout {
        /// From first progress to the limit, in seconds.
        seconds: u64,
    },
    /// An operator ended it before the device was told.
    Canceled,
    /// An operator ended it after the device was told: it may still install the package.
    CanceledAfterNotice,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reason::Device(failure, words) => {
                f.write_str(match failure {
                    Failure::Upgrade => "upgrade failed (-1)",
                    Failure::Download => "download failed (-2)",
                    Failure::Digest => "digest did not match (-3)",
                    Failure::Write => "writing failed (-4)",
                })?;
                if words.is_empty() { Ok(()) } else { write!(f, ": {words}") }
            }
            Reason::WrongVersion { reported, source, target } => {
                write!(f, "device reported version {reported}, neither source {source} nor target {target}")
            }
            Reason::Timeout { seconds } => {
                write!(f, "timeout: no report of the target version within {seconds} s of the first progress")
            }
            Reason::Canceled => f.write_str("canceled by an operator before the device was told"),
            Reason::CanceledAfterNotice => f.write_str(
                "canceled by an operator after the device was told; downloads stop, but it may still install \
                 what it has",
            ),
        }
    }
}

impl Task {
    /// The device was sent its notice.
    pub fn on_notified(&self, now: Timestamp) -> Transition {
        match self.state {
            TaskState::Queued => {
                Transition::To(Next { notified_at: Some(now), ..self.next(TaskState::Notified, now) })
            }
            TaskState::Confirm => Transition::Keep(Keep::NotConfirmed),
            TaskState::Notified | TaskState::InProgress => Transition::Keep(Keep::AlreadyNotified),
            TaskState::Succeeded | TaskState::Failed | TaskState::Canceled => Transition::Keep(Keep::Ended),
        }
    }

    /// The device said how far it is. 100 % is not success. The percentage never goes down, but for a restart at 0,
    /// which is shown and changes nothing else. A failure ends the task.
    pub fn on_progress(&self, step: Step, description: &str, now: Timestamp) -> Transition {
        match self.state {
            TaskState::Confirm => return Transition::Keep(Keep::NotConfirmed),
            TaskState::Succeeded | TaskState::Failed | TaskState::Canceled => {
                return Transition::Keep(Keep::Ended);
            }
            TaskState::Queued | TaskState::Notified | TaskState::InProgress => {}
        }
        let percent = match step {
            Step::Percent(percent) => percent.min(100),
            Step::Failed(failure) => {
                let reason = Reason::Device(failure, words(description));
                return Transition::To(Next { reason: Some(reason), ..self.next(TaskState::Failed, now) });
            }
        };
        if self.state == TaskState::InProgress {
            if percent == self.progress {
                return Transition::Keep(Keep::Repeated);
            }
            if percent != 0 && percent < self.progress {
                return Transition::Keep(Keep::Late);
            }
        }
        Transition::To(Next {
            progress: percent,
            notified_at: self.notified_at.or(Some(now)),
            first_progress_at: self.first_progress_at.or(Some(now)),
            ..self.next(TaskState::InProgress, now)
        })
    }

    /// The device said which version a module runs. Only this makes a task succeed.
    ///
    /// The source version never fails it. A device that had never told its version before tells its source now.
    pub fn on_version(&self, module: &Module, version: &Version, now: Timestamp) -> Transition {
        if self.state.is_end() {
            return Transition::Keep(Keep::Ended);
        }
        if *module != self.module {
            return Transition::Keep(Keep::OtherModule);
        }
        if *version == self.version {
            return Transition::To(Next { progress: 100, ..self.next(TaskState::Succeeded, now) });
        }
        match &self.source_version {
            Some(source) if source == version => Transition::Keep(Keep::StillSource),
            Some(source) => {
                let reason = Reason::WrongVersion {
                    reported: version.clone(),
                    source: source.clone(),
                    target: self.version.clone(),
                };
                Transition::To(Next { reason: Some(reason), ..self.next(TaskState::Failed, now) })
            }
            None => {
                Transition::To(Next { source_version: Some(version.clone()), ..self.next(self.state, now) })
            }
        }
    }

    /// Time passed.
    pub fn on_timeout(&self, now: Timestamp) -> Transition {
        match self.deadline() {
            Some(deadline) if deadline <= now => {
                let reason = Reason::Timeout { seconds: self.timeout.as_secs() };
                Transition::To(Next { reason: Some(reason), ..self.next(TaskState::Failed, now) })
            }
            _ if self.state.is_end() => Transition::Keep(Keep::Ended),
            _ => Transition::Keep(Keep::NotDue),
        }
    }

    /// An operator ended the campaign.
    pub fn on_cancel(&self, now: Timestamp) -> Transition {
        let reason = match self.state {
            TaskState::Confirm | TaskState::Queued => Reason::Canceled,
            TaskState::Notified | TaskState::InProgress => Reason::CanceledAfterNotice,
            TaskState::Succeeded | TaskState::Failed | TaskState::Canceled => {
                return Transition::Keep(Keep::Ended);
            }
        };
        Transition::To(Next { reason: Some(reason), ..self.next(TaskState::Canceled, now) })
    }

    fn next(&self, state: TaskState, now: Timestamp) -> Next {
        Next {
            state,
            progress: self.progress,
            reason: None,
            source_version: self.source_version.clone(),
            notified_at: self.notified_at,
            first_progress_at: self.first_progress_at,
            updated_at: now,
        }
    }
}

/// A device's words, fit for a line of a table.
fn words(description: &str) -> String {
    let mut words = String::new();
    for c in description.trim().chars() {
        if words.len() + c.len_utf8() > MAX_DESCRIPTION_BYTES {
            break;
        }
        words.push(if c.is_control() { ' ' } else { c });
    }
    words
}

#[cfg(test)]
mod tests;
