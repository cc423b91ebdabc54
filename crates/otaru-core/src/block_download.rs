//! One file, or a part of it, in blocks over the session with the platform, without Task and slot: for programs that fetch
//! files themselves (aliyun-link-sdk-v4 §3).

use alloc::{collections::VecDeque, string::String, vec::Vec};

use otaru_wire::{Block, BlockError, BlockRequest, ByteRange, Instant, MAX_BLOCK_BYTES};

use crate::{Policy, progress};

/// What is downloaded, and how patiently.
#[derive(Debug, Clone)]
pub struct BlockDownloadOptions {
    /// The stream that the notice named.
    pub stream: u64,
    /// The file within it, from 1.
    pub file: u32,
    /// The whole file's size in bytes.
    pub size: u64,
    /// The bytes wanted.
    pub range: ByteRange,
    /// Names this download; answers to others are passed over.
    pub token: String,
    /// Of it `block_bytes`, `block_timeout` and `retry_attempts` count.
    pub policy: Policy,
}

/// Something to do, in the order given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BlockDownloadOutput {
    /// Publish this; it is answered by a block.
    Ask(BlockRequest),
    /// The next bytes of the range.
    Bytes {
        /// The offset of the first one, in bytes from the start of the file.
        offset: u64,
        /// The bytes.
        bytes: Vec<u8>,
    },
    /// Every byte was given.
    Done,
    /// It ended without all of them.
    Failed(BlockDownloadError),
}

/// Why a download failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BlockDownloadError {
    /// No byte of the file is in that range, or it reaches past the file.
    #[error("bytes {start} to {end} (not included) are not within a file of {size} bytes")]
    Range {
        /// The first byte wanted.
        start: u64,
        /// The byte after the last one wanted.
        end: u64,
        /// The file's size.
        size: u64,
    },
    /// Nothing of use came, however often it was asked for.
    #[error("the platform did not answer with a block of use")]
    Unanswered,
    /// The platform refuses, or its file is another one.
    #[error(transparent)]
    Refused(#[from] BlockError),
    /// The platform's file has another size.
    #[error("the file has {found} bytes, expected were {expected}")]
    Size {
        /// As the platform tells it.
        found: u64,
        /// As the options have it.
        expected: u64,
    },
}

/// Decides how a file comes in blocks; does no I/O and reads no clock. One block is in flight.
#[derive(Debug)]
pub struct BlockDownload {
    options: BlockDownloadOptions,
    /// Every byte before it was given.
    offset: u64,
    /// Requests in a row that brought nothing.
    failures: u32,
    /// When the block in flight counts as lost.
    due: Option<Instant>,
    outputs: VecDeque<BlockDownloadOutput>,
}

impl BlockDownload {
    /// A download of which nothing is done.
    ///
    /// # Errors
    /// [`BlockDownloadError::Range`].
    pub fn new(options: BlockDownloadOptions) -> Result<Self, BlockDownloadError> {
        let BlockDownloadOptions { size, range: ByteRange { start, end }, .. } = options;
        if start >= end || end > size {
            return Err(BlockDownloadError::Range { start, end, size });
        }
        Ok(Self { offset: start, options, failures: 0, due: None, outputs: VecDeque::new() })
    }

    /// Begins.
    pub fn go(&mut self, now: Instant) {
        self.ask(now);
    }

    /// A block came, or one that cannot be used.
    pub fn handle(&mut self, now: Instant, block: Result<Block, BlockError>) {
        if self.due.is_none() {
            return;
        }
        let block = match block {
            Ok(block) => block,
            Err(refused @ BlockError::Refused { .. }) => return self.fail(refused.into()),
            Err(_) => return self.again(now),
        };
        let ours = block.token.as_ref().is_none_or(|token| *token == self.options.token);
        if !ours || block.offset != self.offset {
            return;
        }
        if block.file_size != self.options.size {
            let (found, expected) = (block.file_size, self.options.size);
            return self.fail(BlockDownloadError::Size { found, expected });
        }
        let mut bytes = block.bytes;
        bytes.truncate(usize::try_from(self.options.range.end - self.offset).unwrap_or(usize::MAX));
        if bytes.is_empty() {
            return self.again(now);
        }
        let offset = self.offset;
        self.offset += bytes.len() as u64;
        self.failures = 0;
        self.outputs.push_back(BlockDownloadOutput::Bytes { offset, bytes });
        if self.offset == self.options.range.end {
            self.due = None;
            self.outputs.push_back(BlockDownloadOutput::Done);
        } else {
            self.ask(now);
        }
    }

    /// A time that [`BlockDownload::poll_timeout`] told has come.
    pub fn timer(&mut self, now: Instant) {
        if self.due.is_some_and(|due| due <= now) {
            self.again(now);
        }
    }

    /// When [`BlockDownload::timer`] is due, if nothing else happens before.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.due
    }

    /// The next thing to do.
    pub fn poll(&mut self) -> Option<BlockDownloadOutput> {
        self.outputs.pop_front()
    }

    /// How much of the range was given, in whole percent, rounded down.
    pub fn percent(&self) -> u8 {
        let ByteRange { start, end } = self.options.range;
        progress::percent(self.offset - start, end - start)
    }

    fn again(&mut self, now: Instant) {
        self.failures += 1;
        if self.failures > self.options.policy.retry_attempts {
            return self.fail(BlockDownloadError::Unanswered);
        }
        self.ask(now);
    }

    fn ask(&mut self, now: Instant) {
        let most = u64::from(self.options.policy.block_bytes.clamp(1, MAX_BLOCK_BYTES as u32));
        let len = most.min(self.options.range.end - self.offset) as u32;
        let BlockDownloadOptions { stream, file, .. } = self.options;
        let token = Some(self.options.token.clone());
        self.due = Some(now + self.options.policy.block_timeout);
        let request = BlockRequest { stream, file, offset: self.offset, len, token };
        self.outputs.push_back(BlockDownloadOutput::Ask(request));
    }

    fn fail(&mut self, error: BlockDownloadError) {
        self.due = None;
        self.outputs.push_back(BlockDownloadOutput::Failed(error));
    }
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use super::*;

    const T0: Instant = Instant(1000);

    fn download(range: ByteRange) -> BlockDownload {
        let policy = Policy { block_bytes: 4, retry_attempts: 3, ..Policy::default() };
        let token = "t".into();
        let options = BlockDownloadOptions { stream: 7, file: 1, size: 9, range, token, policy };
        let mut download = BlockDownload::new(options).unwrap();
        download.go(T0);
        download
    }

    fn asked(download: &mut BlockDownload) -> (u64, u32) {
        match download.poll() {
            Some(BlockDownloadOutput::Ask(request)) => (request.offset, request.len),
            other => panic!("{other:?}"),
        }
    }

    fn block(offset: u64, bytes: &[u8]) -> Result<Block, BlockError> {
        Ok(Block { token: Some("t".into()), file_size: 9, offset, bytes: bytes.into() })
    }

    fn bytes(offset: u64, bytes: &[u8]) -> Option<BlockDownloadOutput> {
        Some(BlockDownloadOutput::Bytes { offset, bytes: bytes.into() })
    }

    #[test]
    fn a_file_comes_block_by_block_and_each_byte_once() {
        let mut download = download(ByteRange { start: 0, end: 9 });
        assert_eq!(asked(&mut download), (0, 4));
        download.handle(T0, block(4, b"5678"));
        assert_eq!(download.poll(), None, "one that is not awaited changes nothing");
        download.handle(T0, block(0, b"1234"));
        assert_eq!((download.poll(), download.percent()), (bytes(0, b"1234"), 44));
        assert_eq!(asked(&mut download), (4, 4));
        download.handle(T0, block(0, b"1234"));
        assert_eq!(download.poll(), None, "nor does one that came already");
        download.handle(T0, block(4, b"5678"));
        assert_eq!(download.poll(), bytes(4, b"5678"));
        assert_eq!(asked(&mut download), (8, 1));
        download.handle(T0, block(8, b"9"));
        assert_eq!(download.poll(), bytes(8, b"9"));
        assert_eq!((download.poll(), download.poll_timeout()), (Some(BlockDownloadOutput::Done), None));
    }

    #[test]
    fn a_part_ends_where_it_is_to_end() {
        let mut download = download(ByteRange { start: 3, end: 5 });
        assert_eq!(asked(&mut download), (3, 2));
        download.handle(T0, block(3, b"4567"));
        assert_eq!(download.poll(), bytes(3, b"45"));
        assert_eq!(download.poll(), Some(BlockDownloadOutput::Done));
    }

    #[test]
    fn what_is_lost_or_damaged_is_asked_for_again_and_not_for_ever() {
        let mut download = download(ByteRange { start: 0, end: 9 });
        let mut now = T0;
        assert_eq!(asked(&mut download), (0, 4));
        for _ in 0..2 {
            now = now + Duration::from_secs(10);
            download.timer(now);
            assert_eq!(asked(&mut download), (0, 4));
        }
        download.handle(now, Err(BlockError::Crc { found: 1, computed: 2 }));
        assert_eq!(asked(&mut download), (0, 4));
        download.timer(now + Duration::from_secs(10));
        assert_eq!(download.poll(), Some(BlockDownloadOutput::Failed(BlockDownloadError::Unanswered)));
        download.handle(now, block(0, b"1234"));
        assert_eq!(download.poll(), None, "it is over");
    }

    #[test]
    fn a_refusal_another_file_and_an_empty_range_end_it() {
        let refused = BlockError::Refused { code: 400, reason: "no".into() };
        let mut other = block(0, b"1234").unwrap();
        other.file_size = 10;
        for (answer, error) in [
            (Err(refused.clone()), BlockDownloadError::Refused(refused)),
            (Ok(other), BlockDownloadError::Size { found: 10, expected: 9 }),
        ] {
            let mut download = download(ByteRange { start: 0, end: 9 });
            asked(&mut download);
            download.handle(T0, answer);
            assert_eq!(download.poll(), Some(BlockDownloadOutput::Failed(error)));
        }
        for range in [ByteRange { start: 3, end: 3 }, ByteRange { start: 0, end: 10 }] {
            let policy = Policy::default();
            let options =
                BlockDownloadOptions { stream: 1, file: 1, size: 9, range, token: "t".into(), policy };
            assert!(BlockDownload::new(options).is_err());
        }
    }
}
