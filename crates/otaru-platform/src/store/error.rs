//! Why a store does not do what it is asked.

use std::fmt;

/// A kind of thing that is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    /// A product, by its key.
    Product,
    /// A device, by its product and name.
    Device,
    /// A file, by its SHA-256.
    File,
    /// A package, by its number, or by its product, module and version.
    Package,
    /// A campaign, by its number.
    Campaign,
    /// A task, by its number.
    Task,
    /// An operator's token, by its name.
    Token,
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            What::Product => "product",
            What::Device => "device",
            What::File => "file",
            What::Package => "package",
            What::Campaign => "campaign",
            What::Task => "task",
            What::Token => "token",
        })
    }
}

/// Why a store does not do what it is asked. Nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// The caller names something that is there already.
    #[error("this {what} exists already")]
    AlreadyExists {
        /// What exists.
        what: What,
    },
    /// The caller names something that is not there.
    #[error("there is no such {what}")]
    NotFound {
        /// What is missing.
        what: What,
    },
    /// The caller asks for what the present state forbids.
    #[error("{0}")]
    Conflict(&'static str),
    /// The caller's order breaks a rule of campaigns.
    #[error(transparent)]
    Campaign(#[from] otaru_fleet::CampaignError),
    /// The disk is full. The operator has to make room; then it works again.
    #[error("the disk that holds the database is full; free some space")]
    Full,
    /// The data was written by a newer otaru.
    #[error("the database has schema {found}; this otaru knows schemas up to {known}: start a newer one")]
    TooNew {
        /// The schema found.
        found: u32,
        /// The newest schema known.
        known: u32,
    },
    /// The database cannot be used: its file, its disk or this program is at fault.
    #[error("the database failed: {0}")]
    Broken(String),
}
