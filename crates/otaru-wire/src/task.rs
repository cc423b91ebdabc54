//! What a platform says of a Task beside its package: its name, and what the device is to keep to.

use alloc::string::String;
use core::fmt;

use serde::{Deserialize, Serialize};

use crate::{IdError, ids};

/// How a platform names a Task towards its device: 1 to 64 letters, digits, `_` and `-`. In some dialects who knows it may
/// fetch the Task's file (onenet §1), so it is never written to a log.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TaskName(String);

impl TaskName {
    /// Takes the text if it is well formed.
    ///
    /// # Errors
    /// [`IdError`] says which rule the text breaks; its text is not told.
    pub fn new(text: impl Into<String>) -> Result<Self, IdError> {
        let text = text.into();
        ids::check("task name", &text, 64, "_-")?;
        Ok(Self(text))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for TaskName {
    type Error = IdError;

    fn try_from(text: String) -> Result<Self, IdError> {
        Self::new(text)
    }
}

impl From<TaskName> for String {
    fn from(name: TaskName) -> String {
        name.0
    }
}

impl fmt::Debug for TaskName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TaskName")
    }
}

/// What only some dialects tell of a Task (onenet §2.3). It is no part of what is offered: the same offer may come under
/// another name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskTerms {
    /// Names the Task in everything that is said of it.
    pub name: TaskName,
    /// What the device is to keep to.
    pub limits: Limits,
}

/// What a device enforces itself (onenet §2.3, §6): a platform only forwards it. 0 is no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Limits {
    /// Go on only above this signal.
    pub signal: u8,
    /// Go on only above this battery level.
    pub power: u8,
    /// How often a piece may fail.
    pub retry: u16,
    /// The pause before the next try, in seconds.
    pub interval_s: u32,
}

#[cfg(test)]
mod tests {
    use std::format;

    use super::*;

    #[test]
    fn a_task_name_is_not_shown_and_cannot_break_out_of_a_path() {
        let name = TaskName::new("ota_Zk3Qm81TtYw0aPf7LrXe").unwrap();
        assert!(!format!("{name:?}").contains("ota_"));
        for text in ["", "../x", "a%2F", "a b", &"a".repeat(65)] {
            assert!(TaskName::new(text).is_err(), "{text}");
        }
    }
}
