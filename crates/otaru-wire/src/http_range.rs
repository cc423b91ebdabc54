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

impl RangeRequest {
    /// Reads a `Range` header. None for several ranges, another unit or anything else that is not one range of
    /// bytes: such a header is to be passed over (RFC 9110 §14.2).
    pub fn read(header: &str) -> Option<Self> {
        let (unit, range) = header.split_once('=')?;
        if !unit.trim().eq_ignore_ascii_case("bytes") {
            return None;
        }
        let (first, last) = range.trim().split_once('-')?;
        match (first, last) {
            ("", count) => Some(RangeRequest::Suffix(number(count)?)),
            (first, "") => Some(RangeRequest::From { first: number(first)?, last: None }),
            (first, last) => {
                let (first, last) = (number(first)?, number(last)?);
                (first <= last).then_some(RangeRequest::From { first, last: Some(last) })
            }
        }
    }

    /// The bytes that it means in a file of `size` bytes; none if no byte of the file is among them.
    pub fn within(self, size: u64) -> Option<ByteRange> {
        let range = match self {
            RangeRequest::From { first, last } => {
                ByteRange { start: first, end: last.map_or(size, |last| last.saturating_add(1).min(size)) }
            }
            RangeRequest::Suffix(count) => ByteRange { start: size.saturating_sub(count), end: size },
        };
        (!range.is_empty()).then_some(range)
    }
}

/// Decimal digits only: `parse` alone would take a sign. Beyond `u64` is as far as `u64` goes.
fn number(digits: &str) -> Option<u64> {
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    Some(digits.parse().unwrap_or(u64::MAX))
}

/// What a `Content-Range` header says of the bytes that follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ContentRange {
    /// The bytes that follow.
    pub range: ByteRange,
    /// The size of the whole file, if told.
    pub total: Option<u64>,
}

impl ContentRange {
    /// The value of a `Content-Range` header.
    pub fn write(&self) -> String {
        let ByteRange { start, end } = self.range;
        let last = end.saturating_sub(1);
        match self.total {
            Some(total) => format!("bytes {start}-{last}/{total}"),
            None => format!("bytes {start}-{last}/*"),
        }
    }
}

/// The value of a `Range` header for `range`.
pub fn write_range(range: ByteRange) -> String {
    format!("bytes={}-{}", range.start, range.end.saturating_sub(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(start: u64, end: u64) -> Option<ByteRange> {
        Some(ByteRange { start, end })
    }

    #[test]
    fn one_range_is_read_and_cut_to_the_file() {
        let within = |header, size| RangeRequest::read(header).unwrap().within(size);
        assert_eq!(within("bytes=0-", 10), range(0, 10));
        assert_eq!(within("bytes=3-6", 10), range(3, 7));
        assert_eq!(within("Bytes= 3-99 ", 10), range(3, 10));
        assert_eq!(within("bytes=9-18446744073709551615", 10), range(9, 10));
        assert_eq!(within("bytes=-4", 10), range(6, 10));
        assert_eq!(within("bytes=-99", 10), range(0, 10));
        assert_eq!(within("bytes=10-", 10), None);
        assert_eq!(within("bytes=99999999999999999999-", 10), None);
        assert_eq!(within("bytes=-0", 10), None);
        assert_eq!(within("bytes=0-0", 0), None);
    }

    #[test]
    fn what_is_not_one_range_of_bytes_is_passed_over() {
        for header in
            ["", "bytes", "bytes=", "bytes=-", "bytes=5-4", "bytes=0-1,3-4", "items=0-1", "bytes=+1-2"]
        {
            assert_eq!(RangeRequest::read(header), None, "{header}");
        }
    }

    #[test]
    fn what_a_device_writes_the_platform_reads() {
        let wanted = ByteRange { start: 4096, end: 8192 };
        assert_eq!(RangeRequest::read(&write_range(wanted)).unwrap().within(u64::MAX), Some(wanted));
        assert_eq!(ContentRange { range: wanted, total: Some(9000) }.write(), "bytes 4096-8191/9000");
        assert_eq!(ContentRange { range: wanted, total: None }.write(), "bytes 4096-8191/*");
    }
}
