//! The device's half of a dialect whose platform is asked by HTTP calls, and says nothing by itself.

use alloc::{boxed::Box, string::String};

use super::{Credentials, LoginError, ReadError};
use crate::{
    DeviceId, Notice, Report,
    http::{Answer, Call, Head},
};

/// What a dialect of HTTP calls has beside [`super::DeviceHalf`]. Implementations keep no state.
///
/// There is no session: the device reports and asks, one call after the other, and comes back for Tasks by itself. Where such
/// a platform has MQTT too, what comes over it says no more than [`super::Downlink::Poll`].
pub trait CallHalf: Sync {
    /// A report or question as a call, without `Authorization`: that is added by who knows secret and time, with
    /// [`CallHalf::write_authorization`]. Its target is a path on the platform.
    ///
    /// # Errors
    /// [`WriteError::NoWord`] if this dialect cannot say such a thing, or [`WriteError::Unsound`] if its platform would refuse
    /// how it is said.
    fn write_call(&self, device: &DeviceId, report: &Report) -> Result<Call, WriteError>;

    /// What the answer to the call for `asked` means.
    ///
    /// # Errors
    /// [`AnswerError`] if it was not done, and whether the same call may do better later.
    fn read_answer(
        &self,
        device: &DeviceId,
        asked: &Report,
        answer: &Answer,
    ) -> Result<Answered, AnswerError>;

    /// The value of `Authorization` for a call, and for a file whose link begins with `/`: it is a path on the platform.
    /// `now_s` is wall-clock time in seconds since 1970. What is signed and how long it holds is the half's configuration.
    ///
    /// # Errors
    /// [`LoginError::Malformed`] if the secret is none of this dialect.
    fn write_authorization(&self, credentials: &Credentials, now_s: u64) -> Result<String, LoginError>;

    /// A question that changes nothing on the platform, nor tells it anything: a new version on trial asks it, before it is
    /// confirmed and may be told of. Its answer is for [`CallHalf::read_believed`].
    ///
    /// # Errors
    /// As [`CallHalf::write_call`].
    fn write_probe(&self, device: &DeviceId) -> Result<Call, WriteError>;

    /// Whether the platform was there and believed the device, whatever it was asked and whatever it said of that.
    ///
    /// # Errors
    /// [`AnswerError`] if it was not, did not, or somebody else answered.
    fn read_believed(&self, answer: &Answer) -> Result<(), AnswerError>;

    /// How many bytes of a file are asked for at once, where the user does not say.
    fn piece_bytes(&self) -> u64;

    /// What the head of a file's answer means.
    ///
    /// # Errors
    /// [`FileError`] if no bytes of the file follow.
    fn read_file_head(&self, head: &Head) -> Result<FileHead, FileError>;

    /// What a body of [`FileHead::Reason`] means, however long it is.
    fn read_file_reason(&self, body: &[u8]) -> FileError;
}

/// What an answer means to the device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answered {
    /// A report was heard.
    Heard,
    /// There is this Task. A link that begins with `/` is a path on the platform.
    Task(Box<Notice>),
    /// There is none.
    NoTask,
    /// The Task asked for is still to be done.
    GoOn,
    /// The Task is paused: ask again later, and count no try for it.
    Paused,
    /// The Task is over: done, expired or canceled. The device drops it and reports no failure.
    Over {
        /// What the platform says of it, for people.
        reason: &'static str,
    },
    /// The Task's name is no longer good: ask for the Task again.
    Renamed,
}

/// Why something cannot be said.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WriteError {
    /// The dialect has no word for it, and nobody misses it.
    #[error("this dialect has no word for it")]
    NoWord,
    /// The platform would refuse it: the device's fault, or its configuration's.
    #[error("it cannot be said: {0}")]
    Unsound(String),
}

/// Why a call was not done, though it was answered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AnswerError {
    /// Not now: the platform's fault. Call again later.
    #[error("the platform cannot answer now: {meaning} ({code})")]
    Unable {
        /// The HTTP status, or the platform's own number.
        code: u32,
        /// For people.
        meaning: &'static str,
    },
    /// The device is not believed: is its secret right, and its clock?
    #[error(
        "the platform does not believe the device ({code}): are its secret, its name and its clock right?"
    )]
    NotAuthentic {
        /// The HTTP status, or the platform's own number.
        code: u32,
    },
    /// It will not be done, and the same call again would end in the same way.
    #[error("the platform refuses: {meaning} ({code})")]
    Refused {
        /// The HTTP status, or the platform's own number.
        code: u32,
        /// For people.
        meaning: &'static str,
    },
    /// The answer is none of this dialect: somebody else answered. Call again later.
    #[error("the answer cannot be understood: {0}")]
    Unreadable(#[from] ReadError),
}

impl AnswerError {
    /// True if the same call may do better later. Else the platform has had its say.
    pub fn may_pass(&self) -> bool {
        !matches!(self, AnswerError::Refused { .. })
    }
}

/// What follows the head of a file's answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileHead {
    /// Bytes of the file. Whether they are those that were asked for is still to be judged, as of any server's.
    Bytes,
    /// Why there are none, for [`CallHalf::read_file_reason`]. Nothing of it is a file's.
    Reason,
}

/// Why no bytes of a file follow. Nothing is stored.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FileError {
    /// The Task is over: the device drops it and reports no failure.
    #[error("the task is over ({code})")]
    Over {
        /// The platform's number.
        code: u16,
    },
    /// The link is no longer good: ask for the Task again.
    #[error("the link is refused: {meaning} ({code})")]
    Link {
        /// The HTTP status, or the platform's own number.
        code: u16,
        /// For people.
        meaning: &'static str,
    },
    /// Not now; the same request may do better later.
    #[error("there are no bytes of the file: {meaning} ({code})")]
    Unable {
        /// The HTTP status, or the platform's own number; 0 if there is none.
        code: u16,
        /// For people.
        meaning: &'static str,
    },
}
