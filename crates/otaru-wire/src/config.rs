//! Remote configuration: a file that a device fetches beside its firmware.

use alloc::string::String;

use crate::{Digest, MAX_URL_BYTES, NoticeError};

/// One configuration as a device sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Which one. A stranger's text of 1 to 64 bytes: never a path.
    pub id: String,
    /// Its length in bytes, above zero.
    pub size: u64,
    /// What its bytes must hash to.
    pub digest: Digest,
    /// An HTTP(S) link of at most [`MAX_URL_BYTES`], valid for 30 minutes (aliyun-link-sdk-v4 §2.6).
    pub url: String,
    /// How it is fetched; `file` is the only one known (aliyun-link-sdk-v4 §2.6).
    pub get_type: String,
}

/// Why a platform has no configuration to give.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoConfig {
    /// There is none for this product.
    Absent,
    /// The product has the function switched off.
    SwitchedOff,
}

impl Config {
    /// The longest id, in bytes.
    pub const MAX_ID_BYTES: usize = 64;

    /// Checks that it has bytes, a link that can be followed, and an id of bearable length.
    ///
    /// # Errors
    /// The first rule broken; as file 0 where a file is named.
    pub fn check(&self) -> Result<(), NoticeError> {
        if self.size == 0 {
            return Err(NoticeError::EmptyFile { index: 0 });
        }
        if self.url.len() > MAX_URL_BYTES {
            return Err(NoticeError::UrlTooLong { index: 0, len: self.url.len() });
        }
        for (what, text) in [("link", &self.url), ("configuration id", &self.id), ("getType", &self.get_type)]
        {
            if let Some(found) = text.chars().find(|c| c.is_control() || c.is_whitespace()) {
                return Err(NoticeError::Character { what, found });
            }
        }
        for (what, text) in [("configuration id", &self.id), ("getType", &self.get_type)] {
            if text.is_empty() || text.len() > Self::MAX_ID_BYTES {
                return Err(NoticeError::Text { what, len: text.len(), max: Self::MAX_ID_BYTES });
            }
        }
        Ok(())
    }
}
