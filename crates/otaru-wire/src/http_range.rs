//! Byte ranges and their HTTP headers, both directions: a device writes `Range` and reads `Content-Range`, the
//! platform the other way round.

use alloc::{format, string::String};

/// Bytes `start..end` of a file; `end` is exclusive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ByteRange {
    /// The first byte.
    pub start: u64,
    /// One past the last byte.
    pub end: u64,
}

impl ByteRange {
    /// The number of bytes.
    pub fn len(&self) -> u64 {
        self.end.saturating_sub(self.start)
    }

    /// True if there is no byte in it.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// What a request asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RangeRequest {
    /// `bytes=a-b`, or `bytes=a-` when `last` is none. `last` is inclusive, as on the wire.
    From {
        /// The first byte.
        first: u64,
        /// The last byte, inclusive.
        last: Option<u64>,
    },
    /// `bytes=-n`: the last `n` bytes.
    Suffix(u64),
}

/// What a `Content-Range` header says of the bytes that follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ContentRange {
    /// The bytes that follow.
    pub range: ByteRange,
    /// The size of the whole file, if told.
    pub total: Option<u64>,
}

/// The value of a `Range` header for `range`.
pub fn write_range(range: ByteRange) -> String {
    format!("bytes={}-{}", range.start, range.end.saturating_sub(1))
}
