//! Byte ranges and their HTTP headers, both directions: a device writes `Range` and reads `Content-Range`, the
//! platform the other way round. One range at a time, in bytes (RFC 9110 §14).

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
        Self::bounds(range.trim()).filter(|request| match request {
            RangeRequest::From { first, last } => last.is_none_or(|last| *first <= last),
            RangeRequest::Suffix(_) => true,
        })
    }

    /// Reads what stands behind the unit, whatever the order of its bounds.
    pub(crate) fn bounds(range: &str) -> Option<Self> {
        let (first, last) = range.split_once('-')?;
        Some(match (first, last) {
            ("", count) => RangeRequest::Suffix(number(count)?),
            (first, "") => RangeRequest::From { first: number(first)?, last: None },
            (first, last) => RangeRequest::From { first: number(first)?, last: Some(number(last)?) },
        })
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

    /// Reads a `Content-Range` header of a 206 answer. None for `bytes */total`, for another unit and for every range
    /// that is empty, reaches past its total or past `u64`: a client must not take the bytes then (RFC 9110 §14.4).
    pub fn read(header: &str) -> Option<Self> {
        let (range, total) = content_range(header)?;
        let (first, last) = range.split_once('-')?;
        let range = ByteRange { start: exact(first)?, end: exact(last)?.checked_add(1)? };
        let total = match total {
            "*" => None,
            total => Some(exact(total)?),
        };
        let sound = !range.is_empty() && total.is_none_or(|total| range.end <= total);
        sound.then_some(Self { range, total })
    }
}

/// The value of a `Content-Range` header of a 416 answer: the file has `size` bytes, none of them asked for
/// (RFC 9110 §15.5.17).
pub fn write_unsatisfied(size: u64) -> String {
    format!("bytes */{size}")
}

/// The file's size that a 416 answer tells; none if it tells none.
pub fn read_unsatisfied(header: &str) -> Option<u64> {
    match content_range(header)? {
        ("*", total) => exact(total),
        _ => None,
    }
}

/// What stands before and after the slash of a `Content-Range` in bytes.
fn content_range(header: &str) -> Option<(&str, &str)> {
    let (unit, rest) = header.trim().split_once(' ')?;
    if !unit.eq_ignore_ascii_case("bytes") {
        return None;
    }
    rest.trim_start().split_once('/')
}

/// The validator in an `ETag` header that may stand in `If-Range`, quotes included. None for a weak one, which does
/// not promise the same bytes, and for what is no validator at all (RFC 9110 §8.8.3, §13.1.5).
pub fn strong_etag(header: &str) -> Option<&str> {
    let tag = header.trim();
    let inner = tag.strip_prefix('"')?.strip_suffix('"')?;
    let allowed = |c: char| c == '!' || ('#'..='~').contains(&c) || c >= '\u{80}';
    inner.chars().all(allowed).then_some(tag)
}

/// Decimal digits only, and none beyond `u64`.
fn exact(digits: &str) -> Option<u64> {
    if digits.bytes().all(|byte| byte.is_ascii_digit()) { digits.parse().ok() } else { None }
}

/// The value of a `Range` header for `range`, which must hold a byte (RFC 9110 §14.2).
pub fn write_range(range: ByteRange) -> String {
    format!("bytes={}-{}", range.start, range.end.saturating_sub(1))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

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

    #[test]
    fn what_the_platform_writes_the_device_reads() {
        for (start, end, total, text) in [
            (0, 1, Some(1), "bytes 0-0/1"),
            (42, 1234, Some(1234), "bytes 42-1233/1234"),
            (42, 1234, None, "bytes 42-1233/*"),
            (0, u64::MAX, Some(u64::MAX), "bytes 0-18446744073709551614/18446744073709551615"),
        ] {
            let content = ContentRange { range: ByteRange { start, end }, total };
            assert_eq!(content.write(), text);
            assert_eq!(ContentRange::read(text), Some(content));
        }
        assert_eq!(write_unsatisfied(1234), "bytes */1234");
        assert_eq!(read_unsatisfied("bytes */1234"), Some(1234));
    }

    #[test]
    fn a_content_range_that_cannot_be_is_refused() {
        for header in [
            "",
            "bytes",
            "bytes */10",
            "bytes */*",
            "bytes 5-4/10",
            "bytes 0-10/10",
            "bytes 0-/10",
            "bytes -5/10",
            "bytes 0-4",
            "bytes 0-4/",
            "bytes 0-4/+10",
            "bytes +0-4/10",
            "bytes=0-4/10",
            "items 0-4/10",
            "bytes 0-18446744073709551615/*",
            "bytes 0-18446744073709551616/*",
            "bytes 0-4/18446744073709551616",
            "bytes 0-4/10/10",
            "bytes 0-4-5/10",
        ] {
            assert_eq!(ContentRange::read(header), None, "{header}");
        }
        for header in ["bytes 0-4/10", "bytes */*", "bytes */", "bytes */18446744073709551616", "items */3"] {
            assert_eq!(read_unsatisfied(header), None, "{header}");
        }
    }

    #[test]
    fn only_a_strong_validator_may_guard_a_resume() {
        assert_eq!(strong_etag(" \"a1b2\" "), Some("\"a1b2\""));
        assert_eq!(strong_etag("\"\""), Some("\"\""));
        for header in ["", "\"", "a1b2", "W/\"a1b2\"", "\"a\"b\"", "\"a b\"", "\"a\nb\"", "\"a\", \"b\""] {
            assert_eq!(strong_etag(header), None, "{header}");
        }
    }

    proptest! {
        #[test]
        fn every_range_comes_back_and_stays_within_the_file(start: u64, len in 1_u64.., size: u64) {
            let wanted = ByteRange { start, end: start.saturating_add(len) };
            prop_assume!(!wanted.is_empty());
            let found = RangeRequest::read(&write_range(wanted)).unwrap().within(size);
            let end = wanted.end.min(size);
            prop_assert_eq!(found, (start < end).then_some(ByteRange { start, end }));
        }

        #[test]
        fn any_header_is_read_without_a_panic(header in "(bytes[= ])?[0-9*,/ -]{0,50}", size: u64) {
            if let Some(range) = RangeRequest::read(&header).and_then(|request| request.within(size)) {
                prop_assert!(range.start < range.end && range.end <= size);
            }
            if let Some(content) = ContentRange::read(&header) {
                prop_assert!(!content.range.is_empty());
            }
            let _ = (read_unsatisfied(&header), strong_etag(&header));
        }
    }
}
