//! A download without Task and slot, against a server of values.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // clippy exempts #[test] functions only

use std::time::Duration;

use otaru_core::{
    Download, DownloadError, DownloadInput, DownloadOptions, DownloadOutput, FetchError, Head, Policy,
    RequestId, Trouble,
};
use otaru_wire::{ByteRange, Digest, DigestMethod, Instant};

const FILE: &[u8] = b"123456789";

fn options() -> DownloadOptions {
    let policy = Policy { retry_attempts: 3, ..Policy::default() };
    let digest = Digest::from_hex(DigestMethod::Md5, "25f9e794323b453885f5181f1b624d0b").ok();
    DownloadOptions { url: "http://h/f".into(), size: 9, digest, start: 0, end: None, policy, seed: 1 }
}

/// A download that runs, what came of it, and its last request.
struct Rig {
    download: Download,
    /// The first byte wanted.
    first: u64,
    now: Instant,
    bytes: Vec<u8>,
    asked: Option<(RequestId, ByteRange, Option<String>)>,
    retries: Vec<Trouble>,
    end: Option<Result<(), DownloadError>>,
}

fn rig(edit: impl FnOnce(&mut DownloadOptions)) -> Rig {
    let mut options = options();
    edit(&mut options);
    let first = options.start;
    let download = Download::new(options).unwrap();
    let mut rig =
        Rig { download, first, now: Instant(0), bytes: vec![], asked: None, retries: vec![], end: None };
    rig.download.go(rig.now);
    rig.drain();
    rig
}

impl Rig {
    fn drain(&mut self) {
        while let Some(output) = self.download.poll() {
            assert!(self.end.is_none(), "{output:?} after the end");
            match output {
                DownloadOutput::Fetch { request, range, etag, .. } => {
                    self.asked = Some((request, range, etag))
                }
                DownloadOutput::StopFetch(request) => assert_eq!(request, self.request()),
                DownloadOutput::Bytes { offset, bytes } => {
                    assert_eq!(offset, self.first + self.bytes.len() as u64);
                    self.bytes.extend(bytes);
                }
                DownloadOutput::Retrying { reason, .. } => self.retries.push(reason),
                DownloadOutput::Done => self.end = Some(Ok(())),
                DownloadOutput::Failed(error) => self.end = Some(Err(error)),
            }
        }
    }

    fn request(&self) -> RequestId {
        self.asked.as_ref().unwrap().0
    }

    fn give(&mut self, input: DownloadInput) {
        self.download.handle(self.now, input);
        self.drain();
    }

    fn head(&mut self, head: Head) {
        self.give(DownloadInput::Head(self.request(), head));
    }

    /// 206 with what was asked for.
    fn good_head(&mut self) {
        let ByteRange { start, end } = self.asked.as_ref().unwrap().1;
        let content_range = format!("bytes {start}-{}/9", end - 1);
        let length = (end - start).to_string();
        let headers =
            [("Content-Length", &length[..]), ("Content-Range", &content_range), ("ETag", "\"e\"")].into();
        self.head(Head { status: 206, headers });
    }

    fn body(&mut self, bytes: &[u8]) {
        self.give(DownloadInput::Body(self.request(), bytes.to_vec()));
    }

    fn ended(&mut self, result: Result<(), FetchError>) {
        self.give(DownloadInput::Ended(self.request(), result));
    }

    /// Lets the next time come.
    fn wait(&mut self) {
        self.now = self.download.poll_timeout().unwrap();
        self.give(DownloadInput::Timer);
    }

    fn failed(&self) -> &DownloadError {
        self.end.as_ref().unwrap().as_ref().unwrap_err()
    }
}

#[test]
fn a_break_costs_no_byte_twice_and_the_rest_is_asked_for_with_the_validator() {
    let mut rig = rig(|_| {});
    rig.good_head();
    rig.body(b"1234");
    assert_eq!(rig.download.percent(), 44);
    rig.ended(Err(FetchError::Broken("reset".into())));
    rig.wait();
    assert_eq!(rig.asked.as_ref().unwrap().1, ByteRange { start: 4, end: 9 });
    assert_eq!(rig.asked.as_ref().unwrap().2.as_deref(), Some("\"e\""));
    rig.good_head();
    rig.body(b"56789");
    rig.ended(Ok(()));
    assert_eq!((&rig.end, &rig.bytes[..]), (&Some(Ok(())), FILE));
    assert_eq!((rig.download.percent(), rig.download.poll_timeout()), (100, None));
}

#[test]
fn silence_and_short_bodies_are_tried_again_a_bounded_number_of_times() {
    let mut rig = rig(|_| {});
    for _ in 0..3 {
        rig.wait(); // nothing came for the stall timeout
        rig.wait(); // the pause
    }
    rig.good_head();
    rig.ended(Ok(()));
    assert_eq!(rig.failed(), &DownloadError::Trouble(Trouble::EndedEarly));
    assert_eq!(rig.retries, [Trouble::Silent, Trouble::Silent, Trouble::Silent]);
    assert!(rig.now >= Instant(0) + Policy::default().stall_timeout * 3);
}

#[test]
fn a_failed_download_goes_on_at_its_byte_with_a_fresh_link_and_the_digest_is_still_checked() {
    for (rest, wanted) in [(b"56789", Ok(())), (b"56780", Err(DownloadError::Digest))] {
        let mut rig = rig(|_| {});
        rig.good_head();
        rig.body(b"1234");
        rig.ended(Ok(()));
        rig.wait();
        rig.head(Head { status: 403, ..Head::default() });
        assert_eq!(rig.failed(), &DownloadError::LinkRefused { status: 403 });
        rig.end = None;
        rig.download.renew("http://h/fresh".into()).unwrap();
        rig.download.go(rig.now);
        rig.drain();
        rig.good_head();
        rig.give(DownloadInput::Body(rig.request(), rest.to_vec()));
        rig.ended(Ok(()));
        assert_eq!(rig.end, Some(wanted));
    }
}

#[test]
fn a_range_is_what_was_asked_for_and_its_digest_is_nobodys() {
    let mut rig = rig(|options| (options.start, options.end) = (2, Some(4)));
    assert_eq!(rig.asked.as_ref().unwrap().1, ByteRange { start: 2, end: 5 });
    rig.good_head();
    rig.give(DownloadInput::Body(rig.request(), b"345".to_vec()));
    rig.ended(Ok(()));
    assert_eq!((&rig.end, rig.download.offset()), (&Some(Ok(())), 5));
}

#[test]
fn a_whole_file_in_place_of_its_start_is_cut_where_the_range_ends() {
    let mut rig = rig(|options| options.end = Some(4));
    rig.head(Head { status: 200, headers: [("Content-Length", "9")].into() });
    rig.body(b"123456");
    assert_eq!((&rig.end, &rig.bytes[..]), (&Some(Ok(())), &b"12345"[..]));
}

#[test]
fn ranges_and_links_that_cannot_be_are_refused() {
    for (start, end) in [(9, None), (0, Some(9)), (5, Some(4)), (u64::MAX, None)] {
        let options = DownloadOptions { start, end, ..options() };
        assert!(matches!(Download::new(options), Err(DownloadError::Range { .. })), "{start} {end:?}");
    }
    assert!(matches!(
        Download::new(DownloadOptions { size: 0, ..options() }),
        Err(DownloadError::Range { .. })
    ));
    let url = "u".repeat(otaru_wire::MAX_URL_BYTES + 1);
    let len = url.len();
    let long = Download::new(DownloadOptions { url, ..options() });
    assert_eq!(long.unwrap_err(), DownloadError::LinkTooLong { len });
}

#[test]
fn every_useless_answer_is_a_value_of_its_own() {
    let part = |text: &str, length: &str| Head {
        status: 206,
        headers: [("Content-Length", length), ("Content-Range", text)].into(),
    };
    let whole = |length: &str| Head { status: 200, headers: [("Content-Length", length)].into() };
    let status = |status| Head { status, ..Head::default() };
    let other_range = |text: &str| Trouble::OtherRange(text.into()).into();
    for (head, wanted) in [
        (part("bytes 0-9/10", "10"), DownloadError::Size { found: 10, expected: 9 }),
        (whole("10"), DownloadError::Size { found: 10, expected: 9 }),
        (status(200), Trouble::NoLength.into()),
        (part("bytes 1-8/9", "8"), other_range("bytes 1-8/9")),
        (part("bytes 0-8/9", "8"), other_range("bytes 0-8/9")),
        (status(404), DownloadError::LinkRefused { status: 404 }),
        (status(400), Trouble::Status(400).into()),
        (status(204), Trouble::Status(204).into()),
    ] {
        let mut rig = rig(|_| {});
        rig.head(head.clone());
        assert_eq!((rig.failed(), rig.bytes.len()), (&wanted, 0), "{head:?}");
    }
    let mut rig = rig(|_| {});
    rig.head(status(503));
    assert_eq!((rig.retries.len(), rig.end.is_none()), (1, true), "a server in trouble is asked again");
    rig.wait();
    rig.good_head();
    rig.body(b"1234567890");
    assert_eq!(rig.failed(), &DownloadError::Trouble(Trouble::TooMany));
}

#[test]
fn a_replaced_file_is_never_mixed_with_what_was_given() {
    for (head, wanted) in [
        (Head { status: 200, headers: [("Content-Length", "9"), ("ETag", "\"f\"")].into() }, "replaced"),
        (Head { status: 200, headers: [("Content-Length", "9"), ("ETag", "\"e\"")].into() }, "whole file"),
    ] {
        let mut rig = rig(|_| {});
        rig.good_head();
        rig.body(b"1234");
        rig.ended(Ok(()));
        rig.wait();
        rig.head(head);
        assert!(rig.failed().to_string().contains(wanted), "{:?}", rig.end);
        rig.give(DownloadInput::Body(rig.request(), b"12345".to_vec()));
        assert_eq!(rig.bytes, b"1234", "what comes late is ignored");
    }
}

#[test]
fn a_trickling_server_is_not_silent() {
    let mut rig = rig(|_| {});
    rig.good_head();
    for byte in FILE {
        rig.now = rig.now + (Policy::default().stall_timeout - Duration::from_millis(1));
        rig.give(DownloadInput::Timer);
        rig.body(&[*byte]);
    }
    rig.ended(Ok(()));
    assert_eq!((&rig.end, rig.retries.len()), (&Some(Ok(())), 0));
}
