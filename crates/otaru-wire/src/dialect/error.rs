//! Why what the other side sent is refused.

use alloc::string::String;

use crate::{BlockError, IdError, NoticeError};

/// Why a login is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LoginError {
    /// The login has another dialect's form.
    #[error("the login does not have this dialect's form")]
    NotThisDialect,
    /// A part of the login is malformed.
    #[error("the {part} is malformed: {problem}")]
    Malformed {
        /// `client id`, `user name` or `password`.
        part: &'static str,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// The names in it cannot be ids.
    #[error(transparent)]
    Id(#[from] IdError),
    /// The proof does not hold.
    #[error("the password does not match the device's secret")]
    WrongPassword,
    /// The proof held once.
    #[error("the password expired at {expires_s}, and it is {now_s} (seconds since 1970)")]
    Expired {
        /// When it expired, in seconds since 1970.
        expires_s: u64,
        /// The time it was compared with.
        now_s: u64,
    },
}

/// Why a message cannot be understood. The sender broke the dialect; nothing changes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// The payload is longer than any message may be.
    #[error("the message has {len} bytes; at most {max} are read")]
    TooLong {
        /// Its length in bytes.
        len: usize,
        /// The longest length read, in bytes.
        max: usize,
    },
    /// The payload nests deeper than any message may.
    #[error("the message nests deeper than {max} levels")]
    TooDeep {
        /// The deepest nesting read.
        max: usize,
    },
    /// A progress report's step is no percentage and no known failure.
    #[error("step {found} is not one of -4 to 100")]
    Step {
        /// The number found.
        found: i64,
    },
    /// It is not JSON, or a field has the wrong type or is missing.
    #[error("malformed message: {0}")]
    Malformed(String),
    /// The topic is none of this dialect's.
    #[error("no message of this dialect has that topic")]
    UnknownTopic,
    /// A text in it cannot be an id or a version.
    #[error(transparent)]
    Id(#[from] IdError),
    /// A digest in it is malformed or its method unknown.
    #[error(transparent)]
    Digest(#[from] crate::DigestError),
    /// A block that cannot be used.
    #[error(transparent)]
    Block(#[from] BlockError),
    /// It breaks a rule that every dialect has.
    #[error(transparent)]
    Notice(#[from] NoticeError),
}
