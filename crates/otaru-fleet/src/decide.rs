//! What an event does to a task: one pure function for each event.
//!
//! The rules are those of aliyun-link-sdk-v4 §7.1 to §7.4, with one that is milder on purpose: the vendor's cloud
//! fails a task in progress when its device reports the source version again. Here that changes nothing, because a
//! device that reports its version after each reconnect would lose its task to a weak link.
//!
//! **Attempts.** A failed attempt leads to the next one while the rules leave one and the campaign is valid. Attempt and
//! state together only ever go forward: the next attempt is queued again, and begins at [`Task::retry_at`]. No report tells
//! which attempt it is about, so until the device is told of the next one nothing that it says counts but its version:
//! a failure said twice does not use up two attempts.

use otaru_wire::{Module, Step, Version};

use crate::{Reason, Rules, Task, TaskState, Timestamp};

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
    /// Why it came to an end, or the attempt before did.
    pub reason: Option<Reason>,
    /// What the module ran before.
    pub source_version: Option<Version>,
    /// Which attempt this is.
    pub attempt: u8,
    /// When it begins, while it waits for that.
    pub retry_at: Option<Timestamp>,
    /// When the device was first told of it.
    pub notified_at: Option<Timestamp>,
    /// When the device first answered that.
    pub answered_at: Option<Timestamp>,
    /// When the device first reported progress of it.
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
    /// The device has not been told of this attempt: what it says is about the one before, if there was one.
    NotTold,
    /// The same percentage again, or an answer where none is due.
    Repeated,
    /// A lower percentage than before: a late report.
    Late,
    /// Its time is not up, or does not run yet.
    NotDue,
}

impl Task {
    /// The device was sent its notice.
    pub fn on_notified(&self, now: Timestamp) -> Transition {
        match self.state {
            TaskState::Queued => Transition::To(Next {
                notified_at: Some(now),
                retry_at: None,
                ..self.next(TaskState::Notified, now)
            }),
            TaskState::Confirm => Transition::Keep(Keep::NotConfirmed),
            TaskState::Notified | TaskState::InProgress => Transition::Keep(Keep::AlreadyNotified),
            TaskState::Succeeded | TaskState::Failed | TaskState::Canceled => Transition::Keep(Keep::Ended),
        }
    }

    /// The device asked for its task and is sent the notice: it was told, and need not answer any more.
    pub fn on_asked(&self, now: Timestamp) -> Transition {
        match (self.on_notified(now), self.spoken(now)) {
            (Transition::To(told), _) => Transition::To(Next { answered_at: Some(now), ..told }),
            (Transition::Keep(Keep::AlreadyNotified), Some(answered)) => Transition::To(answered),
            (kept, _) => kept,
        }
    }

    /// The device fetches what its notice tells of: that is an answer, if one is due.
    pub fn on_fetched(&self, now: Timestamp) -> Transition {
        match self.spoken(now) {
            Some(answered) => Transition::To(answered),
            None if self.state.is_end() => Transition::Keep(Keep::Ended),
            None => Transition::Keep(Keep::Repeated),
        }
    }

    /// The device acknowledged its notice.
    pub fn on_answered(&self, now: Timestamp) -> Transition {
        match self.state {
            TaskState::Notified if self.answered_at.is_none() => Transition::To(self.answered(now)),
            TaskState::Notified => Transition::Keep(Keep::Repeated),
            TaskState::InProgress => Transition::Keep(Keep::Late),
            TaskState::Queued => Transition::Keep(Keep::NotTold),
            TaskState::Confirm => Transition::Keep(Keep::NotConfirmed),
            TaskState::Succeeded | TaskState::Failed | TaskState::Canceled => Transition::Keep(Keep::Ended),
        }
    }

    /// The device said how far it is. 100 % is not success. The percentage never goes down, but for a restart at 0,
    /// which is shown and changes nothing else. A failure ends the attempt, and the task with the last one.
    pub fn on_progress(&self, step: Step, description: &str, now: Timestamp) -> Transition {
        match self.state {
            TaskState::Confirm => return Transition::Keep(Keep::NotConfirmed),
            TaskState::Succeeded | TaskState::Failed | TaskState::Canceled => {
                return Transition::Keep(Keep::Ended);
            }
            TaskState::Queued if self.attempt > 1 => return Transition::Keep(Keep::NotTold),
            TaskState::Queued | TaskState::Notified | TaskState::InProgress => {}
        }
        let percent = match step {
            Step::Percent(percent) => percent.min(100),
            Step::Failed(failure) => {
                return Transition::To(self.attempt_failed(Reason::device(failure, description), now));
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

    /// The device said which version a module runs. Only this makes a task succeed, and what says the same in other words:
    /// [`Word::Upgraded`](crate::Word::Upgraded).
    ///
    /// The source version never fails it. A device that had never told its version before tells its source now, and so
    /// does one that reports a third version before it is told of its next attempt.
    pub fn on_version(&self, module: &Module, version: &Version, now: Timestamp) -> Transition {
        if self.state.is_end() {
            return Transition::Keep(Keep::Ended);
        }
        if *module != self.module {
            return Transition::Keep(Keep::OtherModule);
        }
        if *version == self.version {
            return Transition::To(self.succeeded(now));
        }
        let spoken = self.spoken(now);
        match &self.source_version {
            Some(source) if source == version => {
                spoken.map_or(Transition::Keep(Keep::StillSource), Transition::To)
            }
            Some(source) if self.state != TaskState::Queued || self.attempt == 1 => {
                let reason = Reason::WrongVersion {
                    reported: version.clone(),
                    source: source.clone(),
                    target: self.version.clone(),
                };
                let mut next = self.attempt_failed(reason, now);
                if !next.state.is_end() {
                    // What it runs now, it may report again without harm.
                    next.source_version = Some(version.clone());
                }
                Transition::To(next)
            }
            Some(_) | None => {
                let next = spoken.unwrap_or_else(|| self.next(self.state, now));
                Transition::To(Next { source_version: Some(version.clone()), ..next })
            }
        }
    }

    /// Time passed. At [`Task::deadline`] it changes the task: the next attempt may begin, or something took too long.
    pub fn on_deadline(&self, now: Timestamp) -> Transition {
        if self.state.is_end() {
            return Transition::Keep(Keep::Ended);
        }
        if self.deadline().is_none_or(|deadline| now < deadline) {
            return Transition::Keep(Keep::NotDue);
        }
        let expired = self.expires_at().is_some_and(|end| end <= now);
        Transition::To(match self.state {
            // Never tried again: a device that may still be at work must not be told to begin once more.
            TaskState::InProgress => {
                self.failed(Reason::Timeout { seconds: self.rules.timeout.as_secs() }, now)
            }
            _ if expired => self.failed(Reason::Expired { before: self.reason.clone() }, now),
            TaskState::Notified => {
                let seconds = self.rules.patience.limit().unwrap_or_default().as_secs();
                self.attempt_failed(Reason::NoAnswer { seconds }, now)
            }
            _ => Next { retry_at: None, ..self.next(self.state, now) },
        })
    }

    /// An operator ended the campaign.
    pub fn on_cancel(&self, now: Timestamp) -> Transition {
        let reason = match self.state {
            TaskState::Confirm => Reason::Canceled,
            TaskState::Queued if self.attempt == 1 => Reason::Canceled,
            TaskState::Queued | TaskState::Notified | TaskState::InProgress => Reason::CanceledAfterNotice,
            TaskState::Succeeded | TaskState::Failed | TaskState::Canceled => {
                return Transition::Keep(Keep::Ended);
            }
        };
        let next = self.next(TaskState::Canceled, now);
        Transition::To(Next { reason: Some(reason), retry_at: None, ..next })
    }

    /// The device said something of the module while an answer is due: that is one (jd-iot-engine §7.4).
    fn spoken(&self, now: Timestamp) -> Option<Next> {
        let due = self.state == TaskState::Notified && self.answer_due().is_some();
        due.then(|| self.answered(now))
    }

    fn answered(&self, now: Timestamp) -> Next {
        Next { answered_at: Some(now), ..self.next(self.state, now) }
    }

    /// The next attempt, or the end if none is left or it would begin after the campaign's validity.
    fn attempt_failed(&self, reason: Reason, now: Timestamp) -> Next {
        let begins = now + self.rules.retry_interval.max(Rules::QUIET);
        let expired = self.expires_at().is_some_and(|end| end <= begins);
        if self.attempt >= self.attempts() || expired {
            return self.failed(reason, now);
        }
        Next {
            progress: 0,
            reason: Some(reason),
            attempt: self.attempt.saturating_add(1),
            retry_at: Some(begins),
            notified_at: None,
            answered_at: None,
            first_progress_at: None,
            ..self.next(TaskState::Queued, now)
        }
    }

    pub(crate) fn succeeded(&self, now: Timestamp) -> Next {
        Next { progress: 100, retry_at: None, ..self.next(TaskState::Succeeded, now) }
    }

    fn failed(&self, reason: Reason, now: Timestamp) -> Next {
        Next { reason: Some(reason), retry_at: None, ..self.next(TaskState::Failed, now) }
    }

    fn next(&self, state: TaskState, now: Timestamp) -> Next {
        Next {
            state,
            progress: self.progress,
            reason: None,
            source_version: self.source_version.clone(),
            attempt: self.attempt,
            retry_at: self.retry_at,
            notified_at: self.notified_at,
            answered_at: self.answered_at,
            first_progress_at: self.first_progress_at,
            updated_at: now,
        }
    }
}

#[cfg(test)]
mod tests;
