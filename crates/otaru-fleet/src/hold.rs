//! Why a task is not done yet: the one thing that holds it back, and what would release it.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{Task, TaskState, Timestamp};

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
    /// Its turn to be told: notices go out at a bounded rate.
    Turn,
    /// The device's first word about the notice it was sent.
    Answer {
        /// When it was first told.
        since: Option<Timestamp>,
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
            Hold::Turn => f.write_str("waits for its turn to be told"),
            Hold::Answer { .. } => f.write_str("waits for the device's answer to the notice it was sent"),
            Hold::Download { progress, .. } => write!(f, "the device is downloading ({progress} %)"),
            Hold::VersionReport { .. } => {
                f.write_str("waits for the device to install, restart and report the target version")
            }
        }
    }
}

impl Task {
    /// What the task waits for; none at its end. `connected` and `last_seen_at` are its device's.
    pub fn hold(&self, connected: bool, last_seen_at: Option<Timestamp>) -> Option<Hold> {
        let deadline = self.deadline();
        Some(match self.state {
            TaskState::Succeeded | TaskState::Failed | TaskState::Canceled => return None,
            TaskState::Confirm => Hold::Confirmation,
            TaskState::InProgress if self.progress == 100 => Hold::VersionReport { deadline },
            _ if !connected => Hold::Connection { last_seen_at },
            TaskState::Queued => Hold::Turn,
            TaskState::Notified => Hold::Answer { since: self.notified_at },
            TaskState::InProgress => Hold::Download { progress: self.progress, deadline },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example_task;

    #[test]
    fn every_open_task_names_the_one_thing_it_waits_for() {
        let hold = |state, progress, connected| {
            Task { state, progress, ..example_task() }.hold(connected, Some(Timestamp(5)))
        };
        let offline = Some(Hold::Connection { last_seen_at: Some(Timestamp(5)) });
        assert_eq!(hold(TaskState::Confirm, 0, true), Some(Hold::Confirmation));
        assert_eq!(hold(TaskState::Queued, 0, false), offline);
        assert_eq!(hold(TaskState::Queued, 0, true), Some(Hold::Turn));
        assert_eq!(hold(TaskState::Notified, 0, true), Some(Hold::Answer { since: None }));
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
}
