//! Where firmware files are kept: [`Files`], and a folder of them ([`LocalFiles`]).
//!
//! A file is named by the SHA-256 of its bytes, so a name never comes to mean other bytes and the same bytes are kept
//! once. Which package uses a file is the store's business, not this module's.

mod aside;
mod block;
mod local;
mod opened;

use std::{fmt, io, pin::Pin, str::FromStr};

use bytes::Bytes;
use futures_util::{Stream, future::BoxFuture};
pub use local::LocalFiles;
use otaru_wire::{Digest, DigestError, DigestMethod, http_range::ByteRange};

/// The largest file taken unless configured: 4 GiB (the vendor's own limit is 1000 MB).
pub const DEFAULT_MAX_FILE_BYTES: u64 = 4 << 30;

/// A file's name: the SHA-256 of its bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileId(pub [u8; 32]);

impl FileId {
    /// As a digest.
    pub fn digest(self) -> Digest {
        Digest::Sha256(self.0)
    }
}

impl fmt::Display for FileId {
    /// 64 lower-case hex digits.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.digest().fmt(f)
    }
}

impl FromStr for FileId {
    type Err = DigestError;

    /// Reads 64 hex digits of either case.
    fn from_str(hex: &str) -> Result<Self, DigestError> {
        match Digest::from_hex(DigestMethod::Sha256, hex)? {
            Digest::Sha256(bytes) => Ok(Self(bytes)),
            Digest::Md5(_) => Err(DigestError::UnknownMethod),
        }
    }
}

/// A file as it was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stored {
    /// Its name: SHA-256.
    pub id: FileId,
    /// Its MD5, for devices that know nothing else.
    pub md5: [u8; 16],
    /// Its length in bytes, above zero.
    pub size: u64,
}

/// Bytes on their way, in order.
pub type ByteStream<'a> = Pin<Box<dyn Stream<Item = io::Result<Bytes>> + Send + 'a>>;

/// Why a file was not taken. Whatever the reason, nothing of it is kept.
#[derive(Debug, thiserror::Error)]
pub enum PutError {
    /// No bytes at all: a device could never finish with it.
    #[error("the file is empty")]
    Empty,
    /// More than the platform is configured to take.
    #[error("the file has {size} bytes; at most {max} are taken")]
    TooLarge {
        /// The declared length.
        size: u64,
        /// The limit, in bytes.
        max: u64,
    },
    /// The sender stopped before the declared length.
    #[error("the upload was cut off after {received} of {declared} bytes")]
    CutOff {
        /// The declared length.
        declared: u64,
        /// How many bytes came.
        received: u64,
        /// What the connection said, if it said anything.
        #[source]
        cause: Option<io::Error>,
    },
    /// The sender sent more than the declared length.
    #[error("the upload has more than the {declared} bytes it declared")]
    TooLong {
        /// The declared length.
        declared: u64,
    },
    /// The disk (or the account's share of it) has no room.
    #[error("no room for {size} bytes where files are kept")]
    Full {
        /// The declared length.
        size: u64,
    },
    /// Anything else that the disk said.
    #[error("failed to write a file of {size} bytes")]
    Io {
        /// The declared length.
        size: u64,
        /// What the disk said.
        source: io::Error,
    },
}

/// Why a file cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// There is no such file.
    #[error("no file {0} is kept")]
    NotFound(FileId),
    /// It is there, but cannot be opened.
    #[error("failed to open file {id}")]
    Io {
        /// Which file.
        id: FileId,
        /// What the disk said.
        source: io::Error,
    },
}

/// Keeps files by their SHA-256.
///
/// To an implementer: after `put` returns `Ok` a power cut does not lose the file; before that, or after an error,
/// nothing of it is visible to `open`. A file that is open stays readable. The same bytes may be put any number of
/// times, also at once.
pub trait Files: Send + Sync + 'static {
    /// Takes `size` bytes from `body`.
    fn put<'a>(&'a self, size: u64, body: ByteStream<'a>) -> BoxFuture<'a, Result<Stored, PutError>>;

    /// Opens a file for reading.
    fn open(&self, id: FileId) -> BoxFuture<'_, Result<Box<dyn OpenFile>, OpenError>>;

    /// Could a file be taken now? For the health check; an error says what is wrong.
    fn check(&self) -> BoxFuture<'_, io::Result<()>>;
}

/// A file open for reading.
pub trait OpenFile: Send + Sync {
    /// Its length in bytes.
    fn size(&self) -> u64;

    /// Its bytes in `range`, which must lie within the file: a stream that ends early is an error of the file.
    fn read(&self, range: ByteRange) -> ByteStream<'static>;
}
