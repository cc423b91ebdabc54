//! Numbers by which packages, campaigns and tasks are known.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// A text that is not the number of anything.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not a {what} id: a whole number from 1 is")]
pub struct NotAnId {
    /// `package`, `campaign`, `task` or `config`.
    pub what: &'static str,
    /// The text, at most its first 32 characters.
    pub text: String,
}

macro_rules! number_id {
    ($(#[$doc:meta])* $name:ident, $what:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub u64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = NotAnId;

            fn from_str(text: &str) -> Result<Self, NotAnId> {
                match text.parse() {
                    Ok(number) if number > 0 => Ok(Self(number)),
                    _ => Err(NotAnId { what: $what, text: text.chars().take(32).collect() }),
                }
            }
        }
    };
}

number_id! {
    /// A package. Given by the store, from 1, never given twice.
    PackageId, "package"
}
number_id! {
    /// A campaign. Given by the store, from 1, never given twice.
    CampaignId, "campaign"
}
number_id! {
    /// A task. Given by the store, from 1, never given twice: an old download link never fits a new task.
    TaskId, "task"
}
number_id! {
    /// One version of a product's configuration. Given by the store, from 1, never given twice.
    ConfigId, "config"
}
