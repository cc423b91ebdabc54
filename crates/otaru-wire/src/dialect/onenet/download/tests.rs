//! Downloads and their refusals: what is never sent, and what is never taken for a file.

use proptest::prelude::*;

use super::{
    super::samples::{any_generation, assert_fits},
    *,
};
use crate::http_range::RangeRequest;

const ALL: [DownloadRefusal; 8] = [
    DownloadRefusal::NoFile,
    DownloadRefusal::SizeDiffers,
    DownloadRefusal::NotAuthentic,
    DownloadRefusal::Unobtainable,
    DownloadRefusal::BadParameter,
    DownloadRefusal::Restricted,
    DownloadRefusal::NoDevice,
    DownloadRefusal::Over,
];

fn head(status: u16, headers: &[(&str, &str)]) -> Head {
    let headers = headers.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
    Head { status, headers: Headers(headers) }
}

fn piece_of(request: Option<RangeRequest>, size: u64) -> Download {
    Download::Piece { portion: Portion::of(request, size), size, name: "fw-1.4.2.bin".into() }
}

/// Source: onenet §5, the answer's headers.
#[test]
fn a_piece_bears_the_headers_that_clients_look_for() {
    let request = RangeRequest::From { first: 8192, last: Some(12287) };
    let (answer, payload) = piece_of(Some(request), 10_000).write(Generation::Tid);
    assert_eq!(payload, Payload::File(ByteRange { start: 8192, end: 10_000 }));
    assert_eq!(answer.status, 206);
    for (name, value) in [
        ("Content-Length", "1808"),
        ("Content-Range", "bytes 8192-9999/10000"),
        ("Content-Range-Start", "8192"),
        ("Content-Range-End", "9999"),
        ("Content-Disposition", "attachment; filename=\"fw-1.4.2.bin\""),
        ("Ota-Errno", "0"),
    ] {
        assert_eq!(answer.headers.value(name), Some(value), "{name}");
    }
    let (answer, payload) = piece_of(None, 10_000).write(Generation::Token);
    assert_eq!((answer.status, payload), (200, Payload::File(ByteRange { start: 0, end: 10_000 })));
    assert_eq!(answer.headers.value("Content-Range"), None);
    assert_eq!(answer.headers.value("Ota-Errno"), None);
}

/// Sources: onenet §4.3, §9 item 6: a 200 with a body and a length is flashed.
#[test]
fn a_refusal_is_never_a_body_that_a_client_would_flash() {
    for refusal in ALL.into_iter().chain([DownloadRefusal::Other(77)]) {
        let (answer, payload) = Download::Refused(refusal).write(Generation::Token);
        let number = refusal.number(Generation::Token);
        assert_eq!((answer.status, payload), (200, Payload::Byte(number)));
        assert!((1..=6).contains(&number));
        assert_eq!(answer.headers.value("Content-Length"), None);
        assert_eq!(answer.headers.value("Transfer-Encoding"), Some("chunked"));
        for generation in [Generation::Tid, Generation::Fuse] {
            let (answer, payload) = Download::Refused(refusal).write(generation);
            assert!(answer.status >= 400, "{refusal:?}");
            assert_eq!(payload, Payload::Nothing);
            assert_eq!(
                answer.headers.value("Ota-Errno"),
                Some(refusal.number(generation).to_string().as_str())
            );
        }
    }
}

#[test]
fn a_refusal_is_heard_as_what_it_was() {
    for refusal in ALL {
        let number = refusal.number(Generation::Token);
        assert_eq!(DownloadRefusal::from_byte(number), DownloadRefusal::from_byte(number + b'0'));
        let heard = DownloadRefusal::from_byte(number).unwrap();
        assert_eq!(heard.number(Generation::Token), number);
        let (answer, _) = Download::Refused(refusal).write(Generation::Fuse);
        let Err(DownloadError::Refused(heard)) = Heard::read(&answer) else { panic!("{refusal:?}") };
        assert_eq!(heard.number(Generation::Fuse), refusal.number(Generation::Fuse));
    }
    let (answer, _) = Download::Refused(DownloadRefusal::NoFile).write(Generation::Token);
    assert_eq!(Heard::read(&answer), Ok(Heard::Byte));
    for byte in [0, 10, b'0', b':', b'{', 255] {
        assert_eq!(DownloadRefusal::from_byte(byte), None);
    }
}

/// Source: onenet §4.3: what the device reports.
#[test]
fn a_device_reports_107_of_every_refusal_but_the_end_of_its_task() {
    for refusal in ALL {
        let want = (refusal != DownloadRefusal::Over).then_some(107);
        assert_eq!(refusal.step().map(Step::number), want, "{refusal:?}");
    }
    assert_eq!(DownloadRefusal::from_errno(5), Some(DownloadRefusal::Over));
}

#[test]
fn what_only_looks_like_a_file_is_refused() {
    for (head, want) in [
        (
            head(200, &[("Content-Type", "application/json;charset=UTF-8"), ("Content-Length", "40")]),
            DownloadError::Message,
        ),
        (
            head(206, &[("content-type", "text/JSON"), ("Content-Range", "bytes 0-1/2")]),
            DownloadError::Message,
        ),
        (
            head(200, &[("ota-errno", "5"), ("Content-Length", "9")]),
            DownloadError::Refused(DownloadRefusal::Over),
        ),
        (
            head(200, &[("Ota-Errno", "9"), ("Content-Length", "9")]),
            DownloadError::Refused(DownloadRefusal::Other(9)),
        ),
        (
            head(200, &[("Ota-Errno", "no"), ("Content-Length", "9")]),
            DownloadError::Header { header: "Ota-Errno" },
        ),
        (head(200, &[("Content-Length", "-9")]), DownloadError::Header { header: "Content-Length" }),
        (head(206, &[("Content-Length", "9")]), DownloadError::Header { header: "Content-Range" }),
        (head(206, &[("Content-Range", "bytes 5-4/9")]), DownloadError::Header { header: "Content-Range" }),
        (head(404, &[("Content-Type", "application/json")]), DownloadError::Http { status: 404 }),
        (head(301, &[]), DownloadError::Http { status: 301 }),
    ] {
        assert_eq!(Heard::read(&head), Err(want), "{head:?}");
    }
}

/// Source: onenet §9 items 1 to 3: at most 512 bytes on top of the piece.
#[test]
fn the_longest_head_of_a_download_fits_into_the_vendors_client() {
    let name = "n".repeat(1000);
    let portion = Portion::Part(ByteRange { start: u64::MAX - 2, end: u64::MAX });
    for generation in Generation::ALL {
        let longest = Download::Piece { portion, size: u64::MAX, name: name.clone() };
        let whole = Download::Piece { portion: Portion::Whole, size: u64::MAX, name: name.clone() };
        for answer in ALL.map(Download::Refused).into_iter().chain([longest, whole]) {
            assert_fits(&answer.write(generation).0, 0);
        }
    }
}

#[test]
fn a_file_name_cannot_break_out_of_its_header() {
    assert_eq!(safe("../a\"b\r\nX: 1;固件.bin"), "..abX1.bin");
    assert_eq!(safe("固件"), "firmware.bin");
}

proptest! {
    #[test]
    fn every_piece_is_heard_as_the_bytes_that_are_sent(
        generation in any_generation(), header in "[0-9]{0,6}-[0-9]{0,6}|x", size in 1..=1_000_000_u64,
    ) {
        let (answer, payload) = piece_of(super::super::range::read(&header), size).write(generation);
        assert_fits(&answer, 0);
        let Ok(Heard::Bytes(ContentRange { range, total })) = Heard::read(&answer) else { panic!("{answer:?}") };
        prop_assert_eq!((payload, total), (Payload::File(range), Some(size)));
    }

    #[test]
    fn any_head_is_heard_without_a_panic(
        status in 100..600_u16,
        headers in proptest::collection::vec(("(Ota-Errno|Content-(Type|Length|Range))", "(bytes )?[0-9/*-]{0,30}|\\PC{0,9}"), 0..5),
    ) {
        if let Ok(Heard::Bytes(content)) = Heard::read(&Head { status, headers: Headers(headers) }) {
            prop_assert!(matches!(status, 200 | 206) && content.range.start <= content.range.end);
        }
    }
}
