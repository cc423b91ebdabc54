//! The message that tells a device about its Task.

use alloc::{string::String, vec::Vec};

use serde::{Deserialize, Serialize};

use crate::{Digest, Module, TaskName, TaskTerms, Version};

/// The most files a package may have (aliyun-link-sdk-v4 §2.3).
pub const MAX_FILES: usize = 20;

/// The longest link accepted, in bytes. The vendor's SDK stops at 1 KiB or less.
pub const MAX_URL_BYTES: usize = 8 * 1024;

/// One Task as the device sees it: which version of which module, and where its files are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// The version the device is to report when it is done.
    pub version: Version,
    /// The part of the device it is for.
    pub module: Module,
    /// One to [`MAX_FILES`] files, in the order they are to be fetched.
    pub files: Vec<File>,
    /// True if the files are differences against the running version.
    pub delta: bool,
    /// True if the device chooses the moment (jd-iot-engine §4.1); not part of what is offered.
    #[serde(default)]
    pub silent: bool,
    /// The package's own extra data: the text of a JSON object, as it was received.
    pub extra: Option<String>,
    /// A signature over the package, base64, where the product has one.
    pub signature: Option<String>,
    /// What only some dialects tell of the Task; not part of what is offered.
    #[serde(default)]
    pub terms: Option<TaskTerms>,
}

/// Bytes known by size and digest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct File {
    /// The name it was given at upload; only packages of several files tell it on the wire. A stranger's text: never a
    /// path.
    pub name: Option<String>,
    /// Its length in bytes, above zero.
    pub size: u64,
    /// What its bytes must hash to.
    pub digest: Digest,
    /// A digest of the other method beside it, for devices that look at one field whatever is announced: v3's SDK
    /// knows MD5 only (aliyun-iotkit-v3 §0 row 5). An MD5 beside a SHA-256 is told; the other way round there is no
    /// field for it.
    #[serde(default)]
    pub also: Option<Digest>,
    /// Where its bytes are.
    pub source: Source,
}

/// Where a file's bytes are fetched from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    /// An HTTP(S) link of at most [`MAX_URL_BYTES`], usually signed and short-lived.
    Http {
        /// The link.
        url: String,
    },
    /// Blocks over MQTT (aliyun-link-sdk-v4 §3).
    Mqtt {
        /// The stream.
        stream: u64,
        /// The file within it, from 1.
        file: u32,
    },
}

/// Why a notice cannot be followed or sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoticeError {
    /// A package needs at least one file.
    #[error("the package has no files")]
    NoFiles,
    /// More than [`MAX_FILES`] files.
    #[error("the package has {count} files; at most {MAX_FILES} are allowed")]
    TooManyFiles {
        /// How many it has.
        count: usize,
    },
    /// A file of size 0: the vendor's SDK divides by it (aliyun-link-sdk-v4 §2.3).
    #[error("file {index} has size 0")]
    EmptyFile {
        /// Which file, from 0.
        index: usize,
    },
    /// A file whose size the platform does not tell.
    #[error("file {index} has no size, and nothing is fetched that a slot cannot be checked against")]
    NoSize {
        /// Which file, from 0.
        index: usize,
    },
    /// The device's dialect cannot say something that the notice has.
    #[error("devices of this dialect cannot be told of {what}")]
    NoWord {
        /// `several files`, `a module`, `a difference`, `extra data`, `a signature`, …
        what: &'static str,
    },
    /// A link longer than [`MAX_URL_BYTES`].
    #[error("the link of file {index} has {len} bytes; at most {MAX_URL_BYTES} are allowed")]
    UrlTooLong {
        /// Which file, from 0.
        index: usize,
        /// The link's length in bytes.
        len: usize,
    },
    /// A link, file name or signature holds a character that cannot be sent or followed.
    #[error("the {what} holds {found:?}, which devices cannot read")]
    Character {
        /// `link`, `file name` or `signature`.
        what: &'static str,
        /// The first such character.
        found: char,
    },
    /// A file larger than a device's number for it can be.
    #[error("file {index} has {size} bytes; at most {max} are allowed")]
    FileTooLarge {
        /// Which file, from 0.
        index: usize,
        /// Its size in bytes.
        size: u64,
        /// The largest size, in bytes.
        max: u64,
    },
    /// A file of a package of several has no name.
    #[error("file {index} has no name; in a package of several files each needs one")]
    Unnamed {
        /// Which file, from 0.
        index: usize,
    },
    /// A file's stream or its number within the stream is missing, 0 or too large.
    #[error("file {index} has no place in a stream: stream and number start at 1")]
    Stream {
        /// Which file, from 0.
        index: usize,
    },
    /// The files' digests are of several methods, and a notice names one.
    #[error("the files have digests of different methods")]
    MixedDigests,
    /// Some files come by link and some by stream, or from several streams.
    #[error("the files come from different kinds of source, or from several streams")]
    MixedSources,
    /// The extra data cannot be sent.
    #[error("the extra data {problem}")]
    Extra {
        /// What is wrong with it.
        problem: &'static str,
    },
    /// Braces or brackets do not balance, and devices count them inside texts too.
    #[error("braces do not balance in the {what}, and devices count them inside texts too")]
    Braces {
        /// `link`, `file name` or `extra data`.
        what: &'static str,
    },
    /// Another text or the extra data would be taken for this key by devices that search for it.
    #[error("a text in the notice would be taken for its key {key:?}")]
    Shadowed {
        /// The key.
        key: &'static str,
    },
    /// A text is empty or too long.
    #[error("the {what} has {len} bytes; 1 to {max} are allowed")]
    Text {
        /// `configuration id` or `getType`.
        what: &'static str,
        /// Its length in bytes.
        len: usize,
        /// The longest length, in bytes.
        max: usize,
    },
    /// The whole message is too long.
    #[error("the notice has {len} bytes; at most {max} can be sent")]
    TooLong {
        /// Its length in bytes.
        len: usize,
        /// The longest length, in bytes.
        max: usize,
    },
}

impl Notice {
    /// Checks what no dialect may break: at least one file, none empty, all by link or all in blocks, links of
    /// bearable length without blanks or control characters (a line break in a link would forge a header).
    ///
    /// # Errors
    /// The first rule broken.
    pub fn check(&self) -> Result<(), NoticeError> {
        match self.files.len() {
            0 => return Err(NoticeError::NoFiles),
            count if count > MAX_FILES => return Err(NoticeError::TooManyFiles { count }),
            _ => {}
        }
        let streamed = |file: &File| matches!(file.source, Source::Mqtt { .. });
        if self.files.iter().any(streamed) && !self.files.iter().all(streamed) {
            return Err(NoticeError::MixedSources);
        }
        for (index, file) in self.files.iter().enumerate() {
            if file.size == 0 {
                return Err(NoticeError::EmptyFile { index });
            }
            if let Source::Http { url } = &file.source {
                if url.len() > MAX_URL_BYTES {
                    return Err(NoticeError::UrlTooLong { index, len: url.len() });
                }
                if let Some(found) = url.chars().find(|c| c.is_control() || c.is_whitespace()) {
                    return Err(NoticeError::Character { what: "link", found });
                }
            }
        }
        Ok(())
    }

    /// How the platform names the Task, if it does.
    pub fn task_name(&self) -> Option<&TaskName> {
        self.terms.as_ref().map(|terms| &terms.name)
    }

    /// The bytes of all files together.
    pub fn total_size(&self) -> u64 {
        self.files.iter().fold(0, |sum, file| sum.saturating_add(file.size))
    }

    /// True if `other` offers the same bytes as the same version of the same module. Links may differ: a fresh
    /// link for the Task in hand is the same offer. So may what only one of the two tells: a second digest.
    pub fn same_offer(&self, other: &Notice) -> bool {
        self.version == other.version
            && self.module == other.module
            && self.delta == other.delta
            && self.files.len() == other.files.len()
            && self.files.iter().zip(&other.files).all(|(a, b)| a.is_same(b))
    }
}

impl File {
    fn is_same(&self, other: &File) -> bool {
        let contradicted = self.also.zip(other.also).is_some_and(|(a, b)| a != b);
        self.size == other.size && self.digest == other.digest && !contradicted
    }
}

#[cfg(test)]
mod tests {
    use alloc::{string::ToString, vec};

    use super::*;

    fn notice(size: u64, url: &str) -> Notice {
        let source = Source::Http { url: url.to_string() };
        Notice {
            version: "2.0.0".parse().unwrap(),
            module: Module::default(),
            files: vec![File { name: None, size, digest: Digest::Md5([7; 16]), also: None, source }],
            delta: false,
            silent: false,
            extra: None,
            signature: None,
            terms: None,
        }
    }

    #[test]
    fn what_no_dialect_may_break_is_refused() {
        let good = notice(9, "http://files.example/a?t=1");
        assert_eq!(good.check(), Ok(()));
        assert_eq!(Notice { files: vec![], ..good.clone() }.check(), Err(NoticeError::NoFiles));
        let many = vec![good.files[0].clone(); MAX_FILES + 1];
        assert_eq!(
            Notice { files: many, ..good.clone() }.check(),
            Err(NoticeError::TooManyFiles { count: 21 })
        );
        assert_eq!(notice(0, "http://x/a").check(), Err(NoticeError::EmptyFile { index: 0 }));
        let long = "x".repeat(MAX_URL_BYTES + 1);
        assert_eq!(notice(1, &long).check(), Err(NoticeError::UrlTooLong { index: 0, len: 8193 }));
        assert_eq!(notice(1, &long[1..]).check(), Ok(()));
        let mut mixed = good.clone();
        mixed.files.push(File { source: Source::Mqtt { stream: 1, file: 1 }, ..mixed.files[0].clone() });
        assert_eq!(mixed.check(), Err(NoticeError::MixedSources));
        mixed.files.remove(0);
        assert_eq!(mixed.check(), Ok(()));
        for found in ['\r', '\n', '\0', ' ', '\u{85}', '\u{a0}'] {
            let forged = notice(1, &alloc::format!("http://x/a{found}Host: y"));
            assert_eq!(forged.check(), Err(NoticeError::Character { what: "link", found }));
        }
    }

    #[test]
    fn a_fresh_link_for_the_same_bytes_is_the_same_offer() {
        let (a, b) = (notice(9, "http://x/a?t=1"), notice(9, "http://x/a?t=2"));
        assert!(a.same_offer(&b));
        assert!(!a.same_offer(&notice(8, "http://x/a?t=1")));
        assert!(!a.same_offer(&Notice { delta: true, ..a.clone() }));
        assert!(!a.same_offer(&Notice { version: "2.0.1".parse().unwrap(), ..a.clone() }));
        assert_eq!(notice(u64::MAX, "x").total_size(), u64::MAX);
    }

    #[test]
    fn a_second_digest_may_be_missing_and_must_not_contradict() {
        let with = |also| {
            let mut notice = notice(9, "http://x/a");
            notice.files[0].also = also;
            notice
        };
        let (none, one, other) =
            (with(None), with(Some(Digest::Sha256([1; 32]))), with(Some(Digest::Sha256([2; 32]))));
        assert!(none.same_offer(&one) && one.same_offer(&none) && one.same_offer(&one));
        assert!(!one.same_offer(&other));
    }
}
