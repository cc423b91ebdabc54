//! Why something is tried again.

use alloc::string::String;

use otaru_wire::{
    BlockError, Version,
    dialect::{AnswerError, FileError},
};

use crate::FetchError;

/// What went wrong, though not for good: a later try may do better.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Trouble {
    /// The fetch ended early.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// A call was answered, but not done.
    #[error(transparent)]
    Answer(#[from] AnswerError),
    /// The platform has no bytes of its own file.
    #[error(transparent)]
    File(#[from] FileError),
    /// The platform paused the Task; no try is counted.
    #[error("the platform has paused the task")]
    Paused,
    /// The server sent nothing for [`Policy::stall_timeout`](crate::Policy::stall_timeout), or the platform nothing for
    /// [`Policy::call_timeout`](crate::Policy::call_timeout).
    #[error("the server went silent")]
    Silent,
    /// The body ended before its announced length.
    #[error("the body ended early")]
    EndedEarly,
    /// A status that has neither bytes nor a meaning of its own.
    #[error("the server answered with status {0}")]
    Status(u16),
    /// A whole file without its length.
    #[error("the server does not tell the content length")]
    NoLength,
    /// Another range than was asked for, or one that does not fit its length.
    #[error("content range {0:?} is not what was asked for")]
    OtherRange(String),
    /// The whole file, though its end was asked for.
    #[error("the server sends the whole file instead of its end")]
    RangeIgnored,
    /// More bytes than its head announced.
    #[error("the server sent more bytes than it announced")]
    TooMany,
    /// Bytes without a head: the doer's mistake.
    #[error("a body came before its head")]
    NoHead,
    /// A block came over MQTT that cannot be used.
    #[error(transparent)]
    Block(#[from] BlockError),
    /// The platform left a request for a block of so many bytes unanswered for
    /// [`Policy::block_timeout`](crate::Policy::block_timeout).
    #[error("the platform did not answer for a block of up to {0} bytes")]
    NoBlock(u32),
    /// This version failed a short time ago.
    #[error("version {0} failed before")]
    FailedBefore(Version),
}
