//! Why a task, or an attempt of it, came to an end.

use std::fmt;

use otaru_wire::{Failure, Version};

/// The most of a device's own words that is kept, in bytes (aliyun-link-sdk-v4 §2.4 sends up to 128).
const MAX_DESCRIPTION_BYTES: usize = 256;

/// Why a task came to an end other than success, or one of its attempts did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    /// The device said so, with its own words.
    Device(Failure, String),
    /// The device reported a version that is neither source nor target.
    WrongVersion {
        /// What it reported.
        reported: Version,
        /// What it ran before.
        source: Version,
        /// What it was to report.
        target: Version,
    },
    /// It took too long.
    Timeout {
        /// From first progress to the limit, in seconds.
        seconds: u64,
    },
    /// The device said nothing about its notice.
    NoAnswer {
        /// From the notice to the limit, in seconds.
        seconds: u64,
    },
    /// The campaign's validity ended before the device began.
    Expired {
        /// Why the attempt before failed; none if there was none.
        before: Option<String>,
    },
    /// An operator ended it before the device was told.
    Canceled,
    /// An operator ended it after the device was told: it may still install the package.
    CanceledAfterNotice,
}

impl Reason {
    /// The device said so, with a description of any length.
    pub(crate) fn device(failure: Failure, description: &str) -> Self {
        Reason::Device(failure, words(description))
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reason::Device(failure, words) => {
                f.write_str(match failure {
                    Failure::Upgrade => "upgrade failed (-1)",
                    Failure::Download => "download failed (-2)",
                    Failure::Digest => "digest did not match (-3)",
                    Failure::Write => "writing failed (-4)",
                })?;
                if words.is_empty() { Ok(()) } else { write!(f, ": {words}") }
            }
            Reason::WrongVersion { reported, source, target } => {
                write!(f, "device reported version {reported}, neither source {source} nor target {target}")
            }
            Reason::Timeout { seconds } => {
                write!(f, "timeout: no report of the target version within {seconds} s of the first progress")
            }
            Reason::NoAnswer { seconds } => {
                write!(f, "push failed: the device said nothing about its notice within {seconds} s")
            }
            Reason::Expired { before } => {
                f.write_str("the campaign's validity ended before the device began")?;
                before.as_ref().map_or(Ok(()), |before| write!(f, "; the attempt before: {before}"))
            }
            Reason::Canceled => f.write_str("canceled by an operator before the device was told"),
            Reason::CanceledAfterNotice => f.write_str(
                "canceled by an operator after the device was told; downloads stop, but it may still install \
                 what it has",
            ),
        }
    }
}

/// A device's words, fit for a line of a table.
fn words(description: &str) -> String {
    let mut words = String::new();
    for c in description.trim().chars() {
        if words.len() + c.len_utf8() > MAX_DESCRIPTION_BYTES {
            break;
        }
        words.push(if c.is_control() { ' ' } else { c });
    }
    words
}
