//! Why a task is not done yet: the one thing that holds it back, and what would release it.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{Dialect, Task, TaskState, Timestamp};

/// Can a device be told of its task now?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presence {
    /// It is connected.
    Connected,
    /// It is not connected.
    Away,
    /// It is not connected and need not be: it asks by itself.
    Asking,
}

impl Presence {
    /// Of a device that speaks this.
    pub fn of(connected: bool, dialect: Dialect) -> Self {
        match connected {
            true => Presence::Connected,
            false if dialect.asks() => Presence::Asking,
            false => Presence::Away,
        }
    }
}

/// The one thing that an open task waits for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "waits_for", rename_all = "snake_case")]
pub enum Hold {
    /// A person's yes.
    Confirmation,
    /// The device to connect.
    Connection {
        /// When it last connected or spoke; none if it never did.
        last_seen_at: Option<Timestamp>,
    },
    /// The device to ask: it does so by itself, connected or not.
    Question {
        /// When it last asked; none if it never did.
        last_seen_at: Option<Timestamp>,
    },
    /// Its turn to be told: notices go out at a bounded rate.
    Turn,
    /// Its next attempt to begin, after one that failed.
    Retry {
        /// When it begins.
        at: Timestamp,
        /// Which one that is.
        attempt: u8,
        /// Of how many.
        of: u8,
    },
    /// The device's first word about the notice it was sent.
    Answer {
        /// When it was first told.
        since: Option<Timestamp>,
        /// When the push counts as failed; none if it never does.
        until: Option<Timestamp>,
    },
    /// The device to begin: it has answered the notice.
    Begin {
        /// When it answered.
        since: Timestamp,
    },
    /// The rest of the download.
    Download {
        /// Percent, as last reported.
        progress: u8,
        /// When the task fails for taking too long.
        deadline: Option<Timestamp>,
    },
    /// The report of the target version: everything is downloaded.
    VersionReport {
        /// When the task fails for taking too long.
        deadline: Option<Timestamp>,
    },
}

impl fmt::Display for Hold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Hold::Confirmation => f.write_str("waits for a person to confirm it"),
            Hold::Connection { last_seen_at: None } => {
                f.write_str("waits for the device, which has never connected")
            }
            Hold::Connection { last_seen_at: Some(_) } => {
                f.write_str("waits for the device, which is offline; it is told again when it connects")
            }
            Hold::Question { last_seen_at: None } => {
                f.write_str("waits for the device to ask, which it never did")
            }
            Hold::Question { last_seen_at: Some(_) } => f.write_str("waits for the device to ask"),
            Hold::Turn => f.write_str("waits for its turn to be told"),
            Hold::Retry { attempt, of, .. } => {
                write!(f, "waits to be tried again (attempt {attempt} of {of})")
            }
            Hold::Begin { .. } => f.write_str("the device answered the notice and has not begun yet"),
            Hold::Answer { .. } => f.write_str("waits for the device's answer to the notice it was sent"),
            Hold::Download { progress, .. } => write!(f, "the device is downloading ({progress} %)"),
            Hold::VersionReport { .. } => {
                f.write_str("waits for the device to install, restart and report the target version")
            }
        }
    }
}

impl Task {
    /// What the task waits for; none at its end. `presence` and `last_seen_at` are its device's.
    pub fn hold(&self, presence: Presence, last_seen_at: Option<Timestamp>) -> Option<Hold> {
        let deadline = self.deadline();
        if let (TaskState::Queued, Some(at)) = (self.state, self.retry_at) {
            return Some(Hold::Retry { at, attempt: self.attempt, of: self.attempts() });
        }
        Some(match self.state {
            TaskState::Succeeded | TaskState::Failed | TaskState::Canceled => return None,
            TaskState::Confirm => Hold::Confirmation,
            TaskState::InProgress if self.progress == 100 => Hold::VersionReport { deadline },
            _ if presence == Presence::Away => Hold::Connection { last_seen_at },
            TaskState::Queued if presence == Presence::Asking => Hold::Question { last_seen_at },
            TaskState::Queued => Hold::Turn,
            TaskState::Notified => match self.answered_at {
                None => Hold::Answer { since: self.notified_at, until: self.answer_due() },
                Some(since) => Hold::Begin { since },
            },
            TaskState::InProgress => Hold::Download { progress: self.progress, deadline },
        })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{Patience, Rules, example_task};

    #[test]
    fn every_open_task_names_the_one_thing_it_waits_for() {
        let hold = |state, progress, connected| {
            let presence = Presence::of(connected, Dialect::Aliyun);
            Task { state, progress, ..example_task() }.hold(presence, Some(Timestamp(5)))
        };
        let offline = Some(Hold::Connection { last_seen_at: Some(Timestamp(5)) });
        assert_eq!(hold(TaskState::Confirm, 0, true), Some(Hold::Confirmation));
        assert_eq!(hold(TaskState::Queued, 0, false), offline);
        assert_eq!(hold(TaskState::Queued, 0, true), Some(Hold::Turn));
        assert_eq!(hold(TaskState::Notified, 0, true), Some(Hold::Answer { since: None, until: None }));
        assert_eq!(hold(TaskState::InProgress, 7, false), offline);
        assert_eq!(
            hold(TaskState::InProgress, 7, true),
            Some(Hold::Download { progress: 7, deadline: None })
        );
        // Offline with everything downloaded is what a restart looks like.
        assert_eq!(hold(TaskState::InProgress, 100, false), Some(Hold::VersionReport { deadline: None }));
        for end in [TaskState::Succeeded, TaskState::Failed, TaskState::Canceled] {
            assert_eq!(hold(end, 100, true), None);
        }
    }

    #[test]
    fn a_device_that_asks_is_waited_for_by_what_it_said_last_and_not_by_a_connection() {
        let asking = Presence::of(false, Dialect::Onenet);
        let hold =
            |state, progress| Task { state, progress, ..example_task() }.hold(asking, Some(Timestamp(5)));
        let question = Hold::Question { last_seen_at: Some(Timestamp(5)) };
        assert_eq!(hold(TaskState::Queued, 0), Some(question));
        assert_eq!(hold(TaskState::InProgress, 7), Some(Hold::Download { progress: 7, deadline: None }));
        assert_eq!(Presence::of(true, Dialect::Onenet), Presence::Connected);
    }

    #[test]
    fn a_task_between_two_attempts_says_which_comes_next_and_when() {
        let rules = Rules { retries: 3, ..Rules::default() };
        let task = Task { attempt: 2, retry_at: Some(Timestamp(9)), rules, ..example_task() };
        let hold = task.hold(Presence::Away, None);
        assert_eq!(hold, Some(Hold::Retry { at: Timestamp(9), attempt: 2, of: 4 }), "connected or not");
        assert_eq!(hold.unwrap().to_string(), "waits to be tried again (attempt 2 of 4)");
        let due = Task { retry_at: None, ..task };
        assert_eq!(due.hold(Presence::Connected, None), Some(Hold::Turn));
    }

    #[test]
    fn a_told_task_says_until_when_it_may_be_answered_and_that_it_was() {
        let rules = Rules { patience: Patience::For(Duration::from_millis(7)), ..Rules::default() };
        let told =
            Task { state: TaskState::Notified, notified_at: Some(Timestamp(1)), rules, ..example_task() };
        let silent = Hold::Answer { since: Some(Timestamp(1)), until: Some(Timestamp(8)) };
        assert_eq!(told.hold(Presence::Connected, None), Some(silent));
        let answered = Task { answered_at: Some(Timestamp(5)), ..told };
        assert_eq!(answered.hold(Presence::Connected, None), Some(Hold::Begin { since: Timestamp(5) }));
    }
}
