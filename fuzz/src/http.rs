//! What stands in the heads of HTTP requests and answers, and what a device makes of an answer.

use otaru_core::{Head, Input, Output, Record, RequestId};
use otaru_wire::{
    ByteRange, Instant,
    dialect::{PlatformHalf, aliyun},
    http_range::{ContentRange, RangeRequest, read_unsatisfied, strong_etag, write_range, write_unsatisfied},
};

use crate::{
    device::{booted, drain, plain_notice, updater},
    me,
};

const IMAGE: &[u8] = b"123456789";

/// More steps than any of these downloads has.
const MAX_STEPS: usize = 10_000;

pub(crate) fn range(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let Some(request) = RangeRequest::read(text) else { return };
    for size in [0, 1, 9, u64::MAX] {
        if let Some(ByteRange { start, end }) = request.within(size) {
            assert!(start < end && end <= size, "{text:?} of {size} bytes");
        }
    }
}

pub(crate) fn range_seeds() -> Vec<Vec<u8>> {
    let written = write_range(ByteRange { start: 2, end: 9 });
    [written.as_str(), "bytes=0-", "bytes=-5", "bytes=0-0,2-3"].map(Into::into).into()
}

pub(crate) fn content_range(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Some(read) = ContentRange::read(text) {
        assert!(!read.range.is_empty() && read.total.is_none_or(|total| read.range.end <= total));
        assert_eq!(ContentRange::read(&read.write()), Some(read));
    }
    if let Some(size) = read_unsatisfied(text) {
        assert_eq!(read_unsatisfied(&write_unsatisfied(size)), Some(size));
    }
    if let Some(etag) = strong_etag(text) {
        assert_eq!(strong_etag(etag), Some(etag));
        assert!(!etag.contains(|c: char| c.is_ascii_control()), "a validator cannot forge a header");
    }
}

pub(crate) fn content_range_seeds() -> Vec<Vec<u8>> {
    let whole = ContentRange { range: ByteRange { start: 2, end: 9 }, total: Some(9) };
    let texts = [whole.write(), ContentRange { total: None, ..whole }.write(), write_unsatisfied(9)];
    texts.into_iter().chain(["\"15e2b0d3\"".to_owned()]).map(String::into_bytes).collect()
}

/// A download whose answers are the input: status, `Content-Length`, `Content-Range`, `ETag` and body, a line each, and a
/// blank line between answers. Whatever they say, no byte is stored past the file's end, and nothing but the image boots.
pub(crate) fn head(bytes: &[u8]) {
    let mut answers = bytes.split(|byte| *byte == 0).map(answer);
    let mut device = Download::default();
    device.begin();
    for _ in 0..MAX_STEPS {
        if !device.step(&mut answers) {
            return;
        }
    }
    panic!("a download of nine bytes has no end");
}

pub(crate) fn head_seeds() -> Vec<Vec<u8>> {
    [
        "206\n9\nbytes 0-8/9\n\"a\"\n123456789",
        "200\n9\n\n\"a\"\n123456789",
        "206\n9\nbytes 0-8/9\n\"a\"\n1234\0206\n5\nbytes 4-8/9\n\"a\"\n56789",
        "206\n9\nbytes 0-8/9\n\"a\"\n1234\0206\n5\nbytes 4-8/9\n\"b\"\n56789",
        "416\n0\nbytes */5\n\n\0403\n0\n\n\n\0200\n\n\n\n123456789",
    ]
    .map(Into::into)
    .into()
}

/// The Records that a device saves on its way through a sound download.
pub(crate) fn records() -> Vec<Record> {
    let mut device = Download::default();
    device.begin();
    let mut answers =
        head_seeds().swap_remove(2).split(|byte| *byte == 0).map(answer).collect::<Vec<_>>().into_iter();
    while device.step(&mut answers) {}
    device.saved
}

fn answer(bytes: &[u8]) -> (Head, Vec<u8>) {
    let mut lines = bytes.splitn(5, |byte| *byte == b'\n');
    let mut text =
        || lines.next().and_then(|line| std::str::from_utf8(line).ok()).filter(|line| !line.is_empty());
    let status = text().and_then(|status| status.parse().ok()).unwrap_or_default();
    let mut headers = otaru_wire::http::Headers::default();
    for name in ["Content-Length", "Content-Range", "ETag"] {
        if let Some(value) = text() {
            headers.add(name, value);
        }
    }
    let head = Head { status, headers };
    (head, lines.next().unwrap_or_default().to_vec())
}

/// One device with a slot in memory.
struct Download {
    updater: otaru_core::Updater,
    now: Instant,
    inputs: std::collections::VecDeque<Input>,
    slot: Vec<u8>,
    saved: Vec<Record>,
}

impl Default for Download {
    fn default() -> Self {
        Self {
            updater: updater(None),
            now: Instant(0),
            inputs: Default::default(),
            slot: Vec::new(),
            saved: Vec::new(),
        }
    }
}

impl Download {
    fn begin(&mut self) {
        let push = aliyun::Platform.write_notice(&me(), 1, &plain_notice()).expect("a push");
        let message = Input::Message { topic: push.topic, payload: push.payload };
        self.inputs.extend([booted(), Input::Connected, message]);
    }

    /// Does one thing; false if nothing is left to do, or no answer is left.
    fn step(&mut self, answers: &mut impl Iterator<Item = (Head, Vec<u8>)>) -> bool {
        match self.inputs.pop_front() {
            Some(input) => self.updater.handle(self.now, input).expect("the doer keeps to the order"),
            None => {
                let Some(due) = self.updater.poll_timeout() else { return false };
                self.now = self.now.max(due);
                self.updater.handle(self.now, Input::Timer).expect("a time has come");
            }
        }
        drain(&mut self.updater).into_iter().all(|output| self.perform(output, answers))
    }

    fn perform(&mut self, output: Output, answers: &mut impl Iterator<Item = (Head, Vec<u8>)>) -> bool {
        match output {
            Output::Fetch { request, range, .. } => return self.fetch(request, range, answers),
            Output::StopFetch(_) => {
                self.inputs.retain(|input| {
                    !matches!(input, Input::Head(..) | Input::Body(..) | Input::FetchEnded(..))
                });
            }
            Output::Store { file, offset, bytes } => {
                let (start, end) = (offset as usize, offset as usize + bytes.len());
                assert!(end <= IMAGE.len() && start <= self.slot.len(), "{start}..{end}");
                self.slot.truncate(start);
                self.slot.extend_from_slice(&bytes);
                self.inputs.push_back(Input::Stored { file, end: end as u64, result: Ok(()) });
            }
            Output::Save(record) => {
                self.saved.push(record);
                self.inputs.push_back(Input::Saved(Ok(())));
            }
            Output::ReadBack { file, range } => {
                let bytes = self.slot[range.start as usize..range.end as usize].to_vec();
                self.inputs.push_back(Input::ReadBack { file, offset: range.start, result: Ok(bytes) });
            }
            Output::Activate { .. } => {
                assert_eq!(self.slot, IMAGE, "nothing but the image may boot");
                return false;
            }
            _ => {}
        }
        true
    }

    fn fetch(
        &mut self,
        request: RequestId,
        range: ByteRange,
        answers: &mut impl Iterator<Item = (Head, Vec<u8>)>,
    ) -> bool {
        assert!(range.start < range.end && range.end <= IMAGE.len() as u64, "{range:?}");
        let Some((head, body)) = answers.next() else { return false };
        self.inputs.push_back(Input::Head(request, head));
        for piece in body.chunks(3) {
            self.inputs.push_back(Input::Body(request, piece.to_vec()));
        }
        self.inputs.push_back(Input::FetchEnded(request, Ok(())));
        true
    }
}
