//! Judges the head of an HTTP answer before a byte of its body is stored.
//!
//! A resumed image is ruined by a server that ignores `Range` or serves another file meanwhile
//! (aliyun-link-sdk-v4 §8 rows 7 and 10), so nothing is taken on trust.

use alloc::{borrow::ToOwned, format, string::String};

use otaru_wire::{
    ByteRange,
    http_range::{ContentRange, read_unsatisfied},
};

use crate::{Head, Trouble};

/// What was asked for.
pub(crate) struct Asked<'a> {
    pub(crate) range: ByteRange,
    /// The file's size as offered.
    pub(crate) size: u64,
    /// The validator of the file that the stored bytes are from.
    pub(crate) etag: Option<&'a str>,
}

/// What an answer is worth.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Judgement {
    /// Its body is the bytes from the asked start to here, exclusive.
    Usable { end: u64 },
    /// The link does not work (any more).
    LinkRefused { status: u16 },
    /// The server's file is not the one the stored bytes are from.
    Changed { reason: String },
    /// The whole file, though its end was asked for: the server cannot, or will not, resume.
    RangeIgnored,
    /// Of no use; worth another try.
    Unusable { trouble: Trouble },
}

/// Judges an answer.
pub(crate) fn judge(head: &Head, asked: &Asked<'_>) -> Judgement {
    match head.status {
        206 => part(head, asked),
        200 => whole(head, asked),
        status @ (401 | 403 | 404 | 410) => Judgement::LinkRefused { status },
        416 if other_total(head, asked) => {
            Judgement::Changed { reason: "the file is shorter than offered".into() }
        }
        status => Judgement::Unusable { trouble: Trouble::Status(status) },
    }
}

fn part(head: &Head, asked: &Asked<'_>) -> Judgement {
    if let Some(reason) = other_etag(head, asked) {
        return Judgement::Changed { reason };
    }
    let text = head.headers.value("Content-Range").unwrap_or_default();
    let unusable = || Judgement::Unusable { trouble: Trouble::OtherRange(text.to_owned()) };
    // An unknown total is of no use here: the file may be another one.
    let Some(ContentRange { range: ByteRange { start, end }, total: Some(total) }) = ContentRange::read(text)
    else {
        return unusable();
    };
    if total != asked.size {
        return Judgement::Changed {
            reason: format!("the file has {total} bytes, offered were {}", asked.size),
        };
    }
    let right_length = head.content_length().is_none_or(|length| length == end - start);
    if start != asked.range.start || end > asked.range.end || !right_length {
        return unusable();
    }
    Judgement::Usable { end }
}

fn whole(head: &Head, asked: &Asked<'_>) -> Judgement {
    if let Some(reason) = other_etag(head, asked) {
        return Judgement::Changed { reason };
    }
    match head.content_length() {
        Some(length) if length != asked.size => {
            Judgement::Changed { reason: format!("the file has {length} bytes, offered were {}", asked.size) }
        }
        Some(_) if asked.range.start == 0 => Judgement::Usable { end: asked.size },
        Some(_) => Judgement::RangeIgnored,
        None => Judgement::Unusable { trouble: Trouble::NoLength },
    }
}

/// True if a 416 answer tells that the file is not as long as offered.
fn other_total(head: &Head, asked: &Asked<'_>) -> bool {
    head.headers.value("Content-Range").and_then(read_unsatisfied).is_some_and(|total| total != asked.size)
}

fn other_etag(head: &Head, asked: &Asked<'_>) -> Option<String> {
    let (old, new) = (asked.etag?, head.headers.value("ETag")?);
    (old != new).then(|| format!("the file was replaced: its etag was {old}, is {new}"))
}

#[cfg(test)]
mod tests {
    use std::string::ToString;

    use otaru_wire::http::Headers;

    use super::*;

    fn asked(start: u64, etag: Option<&str>) -> Asked<'_> {
        Asked { range: ByteRange { start, end: 100 }, size: 100, etag }
    }

    fn part_head(content_range: &str, length: u64, etag: &str) -> Head {
        let length = length.to_string();
        let headers = [("Content-Length", &length[..]), ("Content-Range", content_range), ("ETag", etag)];
        Head { status: 206, headers: headers.into() }
    }

    fn whole_head(length: Option<u64>, etag: Option<&str>) -> Head {
        let length = length.map(|length| ("Content-Length".to_string(), length.to_string()));
        let etag = etag.map(|etag| ("ETag".to_string(), etag.to_string()));
        Head { status: 200, headers: Headers([length, etag].into_iter().flatten().collect()) }
    }

    #[test]
    fn a_part_must_start_where_it_was_asked_to_and_have_the_right_total() {
        let judge_part = |text, length| judge(&part_head(text, length, "\"a\""), &asked(40, Some("\"a\"")));
        assert_eq!(judge_part("bytes 40-99/100", 60), Judgement::Usable { end: 100 });
        assert_eq!(
            judge_part("bytes 40-49/100", 10),
            Judgement::Usable { end: 50 },
            "less than asked is a start"
        );
        assert!(matches!(judge_part("bytes 40-99/101", 60), Judgement::Changed { .. }));
        for (text, length) in [
            ("bytes 39-99/100", 61),
            ("bytes 41-99/100", 59),
            ("bytes 40-99/100", 61),
            ("bytes 40-99/*", 60),
            ("bytes 99-40/100", 60),
            ("bytes +40-99/100", 60),
            ("bytes 40-99", 60),
            ("bytes -40/100", 60),
            ("octets 40-99/100", 60),
            ("bytes 40-18446744073709551615/18446744073709551615", 60),
            ("", 60),
        ] {
            assert!(
                matches!(judge_part(text, length), Judgement::Unusable { .. }),
                "{text} with length {length}"
            );
        }
    }

    #[test]
    fn a_whole_file_is_taken_only_from_zero_and_with_the_offered_length() {
        assert_eq!(judge(&whole_head(Some(100), None), &asked(0, None)), Judgement::Usable { end: 100 });
        assert_eq!(judge(&whole_head(Some(100), None), &asked(1, None)), Judgement::RangeIgnored);
        assert!(matches!(judge(&whole_head(Some(99), None), &asked(0, None)), Judgement::Changed { .. }));
        assert!(matches!(judge(&whole_head(None, None), &asked(0, None)), Judgement::Unusable { .. }));
    }

    #[test]
    fn a_range_past_the_end_of_a_shorter_file_means_another_file() {
        let head = |total: &str| Head { status: 416, headers: [("Content-Range", total)].into() };
        assert!(matches!(judge(&head("bytes */30"), &asked(40, None)), Judgement::Changed { .. }));
        assert!(matches!(judge(&head("bytes */100"), &asked(40, None)), Judgement::Unusable { .. }));
        assert!(matches!(judge(&head("bytes */"), &asked(40, None)), Judgement::Unusable { .. }));
    }

    #[test]
    fn another_etag_means_another_file() {
        let head = part_head("bytes 40-99/100", 60, "\"b\"");
        assert!(matches!(judge(&head, &asked(40, Some("\"a\""))), Judgement::Changed { .. }));
        let head = whole_head(Some(100), Some("\"b\""));
        assert!(matches!(judge(&head, &asked(40, Some("\"a\""))), Judgement::Changed { .. }));
    }

    #[test]
    fn a_status_says_whose_turn_it_is() {
        for status in [401, 403, 404, 410] {
            let head = Head { status, ..Head::default() };
            assert_eq!(judge(&head, &asked(0, None)), Judgement::LinkRefused { status });
        }
        for status in [0, 100, 204, 302, 400, 412, 416, 429, 500, 503, 999] {
            let head = Head { status, ..Head::default() };
            assert!(matches!(judge(&head, &asked(0, None)), Judgement::Unusable { .. }), "{status}");
        }
    }
}
