//! What a platform replies to everything but a download, in each generation's envelope (onenet §2.4, §4.1).

use alloc::{
    format,
    string::{String, ToString},
};

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{Ask, Generation, Refusal, Status, Task, Versions, body, task, versions};
use crate::{
    DeviceName,
    dialect::{
        ReadError,
        json::{self, Scalar},
    },
    http::{Answer, Head, Headers},
};

/// The longest `request_id` sent, in bytes: what the vendor's platform sends (onenet §2.4).
const MAX_REQUEST_ID_BYTES: usize = 32;

/// A reply in neutral words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// It is done.
    Done,
    /// What the device has reported.
    Versions(Versions),
    /// There is this Task.
    Task(Task),
    /// The Task is still to be done. The first generation says no more than [`Reply::Done`].
    Status(Status),
    /// The device's number.
    DeviceNumber(DeviceName),
    /// It is not done.
    Refused(Refusal),
}

/// Why a reply tells nothing. The platform's fault, or the way's; ask again later.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AnswerError {
    /// It came with another HTTP status than 200 to 299. What it says is not looked at.
    #[error("the platform answered with HTTP status {status}")]
    Http {
        /// The status.
        status: u16,
    },
    /// It cannot be understood.
    #[error(transparent)]
    Unreadable(#[from] ReadError),
}

#[derive(Deserialize)]
struct Envelope<'a> {
    errno: Option<Scalar>,
    code: Option<Scalar>,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
}

#[derive(Default, Deserialize)]
struct State {
    status: Option<Scalar>,
}

#[derive(Deserialize)]
struct Number {
    dev_id: Scalar,
}

impl Reply {
    /// The answer: compact JSON with status 200, and `request_id` at its end, because clients on microcontrollers search for
    /// texts instead of reading JSON (onenet §9 item 11). With its head it fits into the 512 bytes that the vendor's C client
    /// has room for. `request_id` is new each time: at most 32 letters and digits, the others are left out; only
    /// [`Generation::Fuse`] sends it.
    pub fn write(&self, generation: Generation, request_id: &str) -> Answer {
        let (number, text) = match self {
            Reply::Refused(refusal) => (refusal.number(generation), refusal.text()),
            _ => (0, "succ"),
        };
        let data = self.data(generation).map(|data| format!(r#","data":{data}"#)).unwrap_or_default();
        let body = match generation {
            Generation::Token | Generation::Tid => format!(r#"{{"errno":{number},"error":"{text}"{data}}}"#),
            Generation::Fuse => {
                let letters = request_id.chars().filter(char::is_ascii_alphanumeric);
                let request_id: String = letters.take(MAX_REQUEST_ID_BYTES).collect();
                format!(r#"{{"code":{number},"msg":"{text}"{data},"request_id":"{request_id}"}}"#)
            }
        };
        let mut headers = Headers::default();
        headers.add("Content-Type", "application/json");
        headers.add("Content-Length", body.len().to_string());
        Answer { head: Head { status: 200, headers }, body: body.into_bytes() }
    }

    fn data(&self, generation: Generation) -> Option<String> {
        match self {
            Reply::Versions(versions) => Some(versions.write()),
            Reply::Task(task) => Some(task.write()),
            Reply::Status(_) if generation == Generation::Token => None,
            Reply::Status(status) => Some(format!(r#"{{"status":{}}}"#, status.number())),
            Reply::DeviceNumber(number) => Some(format!(r#"{{"dev_id":"{number}"}}"#)),
            Reply::Done | Reply::Refused(_) => None,
        }
    }

    /// Reads the answer to `ask`. The code stands in either generation's field: some platforms send both (onenet §9 item 12).
    ///
    /// # Errors
    /// [`AnswerError`] if its status is not 200 to 299, or it cannot be understood; [`ReadError::Malformed`] for a download,
    /// whose answer is [`super::Heard`].
    pub fn read(generation: Generation, ask: &Ask, answer: &Answer) -> Result<Self, AnswerError> {
        if !answer.head.is_success() {
            return Err(AnswerError::Http { status: answer.head.status });
        }
        let Envelope { errno, code, data } = body::read(&answer.body)?;
        let number = match generation {
            Generation::Token | Generation::Tid => errno.or(code),
            Generation::Fuse => code.or(errno),
        };
        let number =
            number.and_then(|number| number.unsigned()).and_then(|number| u32::try_from(number).ok());
        let number = number.ok_or_else(|| json::malformed("errno or code is missing or no number"))?;
        match Refusal::from_number(generation, number) {
            Some(refusal) => Ok(Reply::Refused(refusal)),
            None => Ok(Self::of(generation, ask, data.map(RawValue::get))?),
        }
    }

    fn of(generation: Generation, ask: &Ask, data: Option<&str>) -> Result<Self, ReadError> {
        let data = data.filter(|data| *data != "null").unwrap_or("{}").as_bytes();
        Ok(match ask {
            Ask::Version(_) | Ask::Step { .. } | Ask::Result { .. } => Reply::Done,
            Ask::Versions => Reply::Versions(json::read::<versions::Told>(data)?.try_into()?),
            Ask::Check(_) | Ask::Running { .. } => {
                Reply::Task(Task::read(generation, json::read::<task::Told>(data)?)?)
            }
            Ask::TaskCheck(_) => match json::read::<State>(data)?.status {
                Some(status) if generation != Generation::Token => Reply::Status(Status::read(&status)?),
                _ => Reply::Done,
            },
            Ask::DeviceNumber { .. } => {
                Reply::DeviceNumber(DeviceName::new(json::read::<Number>(data)?.dev_id.text())?)
            }
            Ask::Download { .. } => return Err(json::malformed("the answer to a download is a file")),
        })
    }
}

#[cfg(test)]
mod tests;
