//! The vendor's rules for `Range`, which are not RFC 9110: nothing is refused, and what cannot be is mended (onenet §5).

use alloc::{format, string::String};

use crate::{ByteRange, http_range::RangeRequest};

/// The bytes of a file that a request gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Portion {
    /// All of them, as status 200.
    Whole,
    /// These, as status 206. Never empty.
    Part(ByteRange),
}

/// A `Range` header. The unit stands in it, as RFC 9110 has it and every platform takes it.
pub(super) fn write(request: RangeRequest) -> String {
    match request {
        RangeRequest::From { first, last: Some(last) } => format!("bytes={first}-{last}"),
        RangeRequest::From { first, last: None } => format!("bytes={first}-"),
        RangeRequest::Suffix(count) => format!("bytes=-{count}"),
    }
}

/// Reads a `Range` header with or without `bytes=`: the vendor's C client sends `0-4095`. None for one that cannot be
/// read, which is as good as none.
pub(super) fn read(header: &str) -> Option<RangeRequest> {
    let header = header.trim_ascii();
    let range = match header.split_once('=') {
        Some((unit, range)) if unit.trim_ascii().eq_ignore_ascii_case("bytes") => range.trim_ascii(),
        Some(_) => return None,
        None => header,
    };
    RangeRequest::bounds(range).filter(|request| *request != RangeRequest::Suffix(0))
}

impl Portion {
    /// What a request gets of a file of `size` bytes: an end behind the file is its last byte, and a start behind that end
    /// is the first byte.
    pub fn of(request: Option<RangeRequest>, size: u64) -> Self {
        let (Some(request), Some(last_byte)) = (request, size.checked_sub(1)) else { return Portion::Whole };
        Portion::Part(match request {
            RangeRequest::From { first, last } => {
                let last = last.map_or(last_byte, |last| last.min(last_byte));
                ByteRange { start: if first > last { 0 } else { first }, end: last.saturating_add(1) }
            }
            RangeRequest::Suffix(count) => ByteRange { start: size.saturating_sub(count), end: size },
        })
    }

    /// The bytes in a file of `size` bytes.
    pub fn bytes(self, size: u64) -> ByteRange {
        match self {
            Portion::Whole => ByteRange { start: 0, end: size },
            Portion::Part(range) => range,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::http_range::write_range;

    const SIZE: u64 = 1000;

    /// Source: onenet §5, the table, row by row.
    #[test]
    fn every_row_of_the_vendors_table_holds() {
        let part = |start, end| Portion::Part(ByteRange { start, end });
        for (header, want) in [
            (None, Portion::Whole),
            (Some("nonsense"), Portion::Whole),
            (Some("items=0-1"), Portion::Whole),
            (Some("bytes=0-1,5-6"), Portion::Whole),
            (Some("0-99"), part(0, 100)),
            (Some("bytes=0-99"), part(0, 100)),
            (Some("900-"), part(900, 1000)),
            (Some("1000-"), part(0, 1000)),
            (Some("99999999999999999999999-"), part(0, 1000)),
            (Some("-100"), part(900, 1000)),
            (Some("bytes=-1000"), part(0, 1000)),
            (Some("-1001"), part(0, 1000)),
            (Some("990-1000"), part(990, 1000)),
            (Some("0-99999999999999999999999"), part(0, 1000)),
            (Some("99-10"), part(0, 11)),
            (Some("5000-6000"), part(0, 1000)),
            (Some("01-02"), part(1, 3)),
            (Some(" Bytes= 0-4095 "), part(0, 1000)),
            (Some("-0"), Portion::Whole),
            (Some("0-+9"), Portion::Whole),
            (Some(""), Portion::Whole),
        ] {
            assert_eq!(Portion::of(header.and_then(read), SIZE), want, "{header:?}");
        }
    }

    /// Source: onenet §5: the vendor's C client does not clamp its last request.
    #[test]
    fn the_last_piece_of_a_client_that_does_not_clamp_ends_with_the_file() {
        let last = Portion::of(read("8192-12287"), 8193);
        assert_eq!(last, Portion::Part(ByteRange { start: 8192, end: 8193 }));
    }

    proptest! {
        #[test]
        fn whatever_is_asked_for_the_bytes_lie_within_the_file(header in "(bytes=)?[0-9,-]{0,45}|.{0,20}", size: u64) {
            let bytes = Portion::of(read(&header), size).bytes(size);
            prop_assert!(bytes.start <= bytes.end && bytes.end <= size);
            prop_assert_eq!(bytes.is_empty(), size == 0);
        }

        #[test]
        fn a_range_within_the_file_is_given_exactly(start in 0..SIZE, len in 1..SIZE, unit: bool) {
            let wanted = ByteRange { start, end: (start + len).min(SIZE) };
            let header = write_range(wanted);
            let header = if unit { &header } else { header.trim_start_matches("bytes=") };
            prop_assert_eq!(Portion::of(read(header), SIZE), Portion::Part(wanted));
        }
    }
}
