//! The message that tells a device about its Task.

use alloc::{string::String, vec::Vec};

use serde::{Deserialize, Serialize};

use crate::{Digest, Module, Version};

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
    /// The package's own extra data: the text of a JSON object, as it was received.
    pub extra: Option<String>,
    /// A signature over the package, base64, where the product has one.
    pub signature: Option<String>,
}

/// Bytes known by size and digest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct File {
    /// The name it was given at upload; only packages of several files tell it on the wire.
    pub name: Option<String>,
    /// Its length in bytes, above zero.
    pub size: u64,
    /// What its bytes must hash to.
    pub digest: Digest,
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
    /// A link longer than [`MAX_URL_BYTES`].
    #[error("the link of file {index} has {len} bytes; at most {MAX_URL_BYTES} are allowed")]
    UrlTooLong {
        /// Which file, from 0.
        index: usize,
        /// The link's length in bytes.
        len: usize,
    },
}

impl Notice {
    /// Checks what no dialect may break: at least one file, none empty, links of bearable length.
    ///
    /// # Errors
    /// The first rule broken.
    pub fn check(&self) -> Result<(), NoticeError> {
        match self.files.len() {
            0 => return Err(NoticeError::NoFiles),
            count if count > MAX_FILES => return Err(NoticeError::TooManyFiles { count }),
            _ => {}
        }
        for (index, file) in self.files.iter().enumerate() {
            if file.size == 0 {
                return Err(NoticeError::EmptyFile { index });
            }
            if let Source::Http { url } = &file.source
                && url.len() > MAX_URL_BYTES
            {
                return Err(NoticeError::UrlTooLong { index, len: url.len() });
            }
        }
        Ok(())
    }

    /// The bytes of all files together.
    pub fn total_size(&self) -> u64 {
        self.files.iter().fold(0, |sum, file| sum.saturating_add(file.size))
    }

    /// True if `other` offers the same bytes as the same version of the same module. Links may differ: a fresh
    /// link for the Task in hand is the same offer.
    pub fn same_offer(&self, other: &Notice) -> bool {
        self.version == other.version
            && self.module == other.module
            && self.delta == other.delta
            && self.files.len() == other.files.len()
            && self.files.iter().zip(&other.files).all(|(a, b)| a.size == b.size && a.digest == b.digest)
    }
}
