//! A file's bytes, and how they are refused: two conventions (onenet §4.3, §5).
//!
//! Vendors' clients flash whatever comes with status 200 and a length (onenet §9 item 6). So a refusal here has no body but
//! the one byte that they know for it, and no type that could hold another.

use alloc::{
    format,
    string::{String, ToString},
    vec,
    vec::Vec,
};

use super::{DownloadFailure, Generation, Portion, Rejection, RequestError, Step};
use crate::{
    ByteRange,
    http::{Answer, Head, Headers},
    http_range::ContentRange,
};

/// The longest file name told, in bytes.
const MAX_NAME_BYTES: usize = 64;

/// Why a file is not given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DownloadRefusal {
    /// There is no such file.
    NoFile,
    /// The file's size is not the Task's.
    SizeDiffers,
    /// The token is invalid, or the authorization does not hold.
    NotAuthentic,
    /// The file cannot be had now.
    Unobtainable,
    /// A parameter is malformed.
    BadParameter,
    /// The device's radio cell may not be used now.
    Restricted,
    /// The device is unknown.
    NoDevice,
    /// The Task expired or was canceled: the device stops and reports nothing.
    Over,
    /// A number that has no meaning here.
    Other(u8),
}

/// Each refusal, its byte in the first generation, its `Ota-Errno` in the others, and the HTTP status beside that. Where two
/// have one number, the first is what the number is read as.
const REFUSALS: [(DownloadRefusal, u8, u8, u16); 8] = [
    (DownloadRefusal::NoFile, 1, 2, 404),
    (DownloadRefusal::SizeDiffers, 2, 4, 409),
    (DownloadRefusal::NotAuthentic, 3, 6, 403),
    (DownloadRefusal::Unobtainable, 4, 3, 503),
    (DownloadRefusal::BadParameter, 5, 2, 400),
    (DownloadRefusal::Restricted, 6, 3, 503),
    (DownloadRefusal::NoDevice, 3, 1, 404),
    (DownloadRefusal::Over, 3, 5, 410),
];

impl DownloadRefusal {
    /// What the byte of the first generation means: a number or its digit, for documents have both. None if it is neither.
    pub fn from_byte(byte: u8) -> Option<Self> {
        let number = match byte {
            1..=9 => byte,
            b'1'..=b'9' => byte - b'0',
            _ => return None,
        };
        let known = REFUSALS.iter().find(|(_, old, _, _)| *old == number);
        Some(known.map_or(DownloadRefusal::Other(number), |(refusal, ..)| *refusal))
    }

    /// What an `Ota-Errno` means; none for 0, which is success.
    pub fn from_errno(number: u8) -> Option<Self> {
        let known = REFUSALS.iter().find(|(_, _, new, _)| *new == number).map(|(refusal, ..)| *refusal);
        known.or((number != 0).then_some(DownloadRefusal::Other(number)))
    }

    /// What the device reports of it; none if it is to stop without a word (onenet §4.3).
    pub fn step(self) -> Option<Step> {
        (self != DownloadRefusal::Over).then_some(Step::DownloadFailed(DownloadFailure::Other))
    }

    /// Its number in that generation. One that has no meaning is sent as that the file cannot be had.
    pub fn number(self, generation: Generation) -> u8 {
        let (_, old, new, _) = self.row();
        match generation {
            Generation::Token => old,
            Generation::Tid | Generation::Fuse => new,
        }
    }

    /// The whole answer: [`Download::write`] of this refusal.
    pub fn answer(self, generation: Generation) -> Answer {
        let (head, payload) = refused(generation, self);
        let body = match payload {
            Payload::Byte(byte) => vec![byte],
            Payload::File(_) | Payload::Nothing => Vec::new(),
        };
        Answer { head, body }
    }

    fn row(self) -> (DownloadRefusal, u8, u8, u16) {
        REFUSALS.into_iter().find(|(known, ..)| *known == self).unwrap_or((self, 4, 3, 503))
    }
}

impl From<&Rejection> for DownloadRefusal {
    fn from(rejection: &Rejection) -> Self {
        match rejection.error {
            RequestError::NotSigned | RequestError::Authorization(_) => DownloadRefusal::NotAuthentic,
            RequestError::Name(_) => DownloadRefusal::NoFile,
            _ => DownloadRefusal::BadParameter,
        }
    }
}

/// What a platform answers to a download.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Download {
    /// Bytes of the file.
    Piece {
        /// Which.
        portion: Portion,
        /// The file's size in bytes.
        size: u64,
        /// The name it is told by. Characters that could break out of a header are left out.
        name: String,
    },
    /// None.
    Refused(DownloadRefusal),
}

/// The body of a download's answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Payload {
    /// These bytes of the file.
    File(ByteRange),
    /// One byte, in one chunk.
    Byte(u8),
    /// None.
    Nothing,
}

impl Download {
    /// The answer. A refusal has status 200 only in the first generation, whose clients take the missing length for one; the
    /// others get `Ota-Errno` and a status above 399, so that nobody takes nothing for a file.
    pub fn write(&self, generation: Generation) -> (Head, Payload) {
        match self {
            Download::Piece { portion, size, name } => piece(generation, *portion, *size, name),
            Download::Refused(refusal) => refused(generation, *refusal),
        }
    }
}

fn piece(generation: Generation, portion: Portion, size: u64, name: &str) -> (Head, Payload) {
    let range = portion.bytes(size);
    let mut headers = Headers::default();
    headers.add("Content-Type", "application/octet-stream");
    headers.add("Content-Length", range.len().to_string());
    headers.add("Content-Disposition", format!("attachment; filename=\"{}\"", safe(name)));
    let status = match portion {
        Portion::Whole => 200,
        Portion::Part(range) => {
            headers.add("Content-Range", ContentRange { range, total: Some(size) }.write());
            // The second vendor SDK fetches a piece again and again until it sees these (onenet §5).
            headers.add("Content-Range-Start", range.start.to_string());
            headers.add("Content-Range-End", range.end.saturating_sub(1).to_string());
            206
        }
    };
    if generation != Generation::Token {
        headers.add("Ota-Errno", "0");
    }
    (Head { status, headers }, Payload::File(range))
}

fn refused(generation: Generation, refusal: DownloadRefusal) -> (Head, Payload) {
    let (number, (_, _, _, status)) = (refusal.number(generation), refusal.row());
    let mut headers = Headers::default();
    match generation {
        Generation::Token => {
            headers.add("Content-Type", "application/octet-stream");
            headers.add("Transfer-Encoding", "chunked");
            (Head { status: 200, headers }, Payload::Byte(number))
        }
        Generation::Tid | Generation::Fuse => {
            headers.add("Content-Length", "0");
            headers.add("Ota-Errno", number.to_string());
            (Head { status, headers }, Payload::Nothing)
        }
    }
}

/// Letters, digits, `.`, `_` and `-` of a name.
fn safe(name: &str) -> String {
    let allowed = |c: &char| c.is_ascii_alphanumeric() || "._-".contains(*c);
    let safe: String = name.chars().filter(allowed).take(MAX_NAME_BYTES).collect();
    if safe.is_empty() { "firmware.bin".into() } else { safe }
}

/// What a device understands of a download's head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Heard {
    /// These bytes follow. Are they those that were asked for? The vendor's rules give others where a start is behind the
    /// end (onenet §5).
    Bytes(ContentRange),
    /// A byte follows, for [`DownloadRefusal::from_byte`]: no length is told. Nothing of it is stored.
    Byte,
}

/// Why no bytes of a file follow. Nothing is stored.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DownloadError {
    /// The platform refuses.
    #[error("the platform refuses the file: {0:?}")]
    Refused(DownloadRefusal),
    /// Another status than 200 and 206.
    #[error("the platform answered with HTTP status {status}")]
    Http {
        /// The status.
        status: u16,
    },
    /// A header contradicts the status or itself.
    #[error("the answer's {header} is missing or malformed")]
    Header {
        /// Which.
        header: &'static str,
    },
    /// It is JSON: an error that only looks like success.
    #[error("the answer is a message, not a file")]
    Message,
}

impl Heard {
    /// Reads the head of a download's answer.
    ///
    /// # Errors
    /// [`DownloadError`] if no bytes of a file follow.
    pub fn read(head: &Head) -> Result<Self, DownloadError> {
        let Head { status, headers } = head;
        if let Some(errno) = headers.value("Ota-Errno") {
            let number =
                errno.trim_ascii().parse().map_err(|_| DownloadError::Header { header: "Ota-Errno" })?;
            if let Some(refusal) = DownloadRefusal::from_errno(number) {
                return Err(DownloadError::Refused(refusal));
            }
        }
        let kind = headers.value("Content-Type").unwrap_or_default();
        if head.is_success() && kind.to_ascii_lowercase().contains("json") {
            return Err(DownloadError::Message);
        }
        match status {
            206 => {
                let content = headers.value("Content-Range").and_then(ContentRange::read);
                let content = content.ok_or(DownloadError::Header { header: "Content-Range" })?;
                let told = [
                    ("Content-Range-Start", content.range.start),
                    ("Content-Range-End", content.range.end.saturating_sub(1)),
                ];
                for (header, wanted) in told {
                    let found = headers.value(header).map(|text| text.trim_ascii().parse());
                    if found.is_some_and(|found| found != Ok(wanted)) {
                        return Err(DownloadError::Header { header });
                    }
                }
                Ok(Heard::Bytes(content))
            }
            200 => match headers.value("Content-Length").map(|length| length.trim_ascii().parse()) {
                None => Ok(Heard::Byte),
                Some(Ok(size)) => Ok(Heard::Bytes(ContentRange {
                    range: ByteRange { start: 0, end: size },
                    total: Some(size),
                })),
                Some(Err(_)) => Err(DownloadError::Header { header: "Content-Length" }),
            },
            status => Err(DownloadError::Http { status: *status }),
        }
    }
}

#[cfg(test)]
mod tests;
