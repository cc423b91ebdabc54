//! The file server: ranges, validators, links that expire, and its faults.

use std::collections::HashMap;

use otaru_core::Head;
use otaru_wire::{Block, BlockRequest, ByteRange, http::Headers, http_range::ContentRange};

use crate::{rng::Rng, weather::Weather};

/// How long a link lives, in milliseconds.
pub(crate) const LINK_LIFE_MS: u64 = 15 * 60_000;

/// One file by package and place.
#[derive(Debug)]
struct Served {
    good: Vec<u8>,
    now: Vec<u8>,
    /// Names what `now` holds; 0 is good.
    generation: u64,
}

/// All files, and what was sent.
#[derive(Debug, Default)]
pub(crate) struct Server {
    files: HashMap<(u64, usize), Served>,
    replaced: u64,
    /// Bytes of bodies.
    pub(crate) sent: u64,
    /// Times that what was served, or how, gave a device cause to start over.
    pub(crate) causes: u32,
}

/// How a body ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    Whole,
    Broken,
    Never,
}

/// An answer on its way.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) head: Head,
    pub(crate) body: Vec<u8>,
    pub(crate) end: End,
    pub(crate) generation: u64,
    /// Milliseconds between two pieces.
    pub(crate) pause: u64,
}

impl Served {
    fn replace(&mut self, generation: u64, longer: usize) {
        self.generation = generation;
        let other: Vec<u8> = self.good.iter().map(|byte| byte ^ 0x55).collect();
        self.now = [other, vec![0; longer]].concat();
    }
}

impl Server {
    pub(crate) fn put(&mut self, package: u64, file: usize, bytes: &[u8]) {
        let served = Served { good: bytes.to_vec(), now: bytes.to_vec(), generation: 0 };
        self.files.insert((package, file), served);
    }

    /// How long the file is that is served there now, in bytes.
    pub(crate) fn size(&self, place: (u64, usize)) -> u64 {
        self.files.get(&place).map_or(0, |served| served.now.len() as u64)
    }

    /// Whoever broke the files has repaired them.
    pub(crate) fn restore(&mut self) {
        for served in self.files.values_mut().filter(|served| served.generation != 0) {
            served.now.clone_from(&served.good);
            served.generation = 0;
            self.causes += 1;
        }
    }

    pub(crate) fn refuse(status: u16) -> Answer {
        let head = Head { status, headers: [("Content-Length", "5")].into() };
        Answer { head, body: b"error".to_vec(), end: End::Whole, generation: 0, pause: 1 }
    }

    /// Another file takes the place of that one; only its length tells.
    pub(crate) fn lengthen(&mut self, place: (u64, usize)) {
        if let Some(served) = self.files.get_mut(&place) {
            self.replaced += 1;
            self.causes += 1;
            served.replace(self.replaced, 7);
        }
    }

    /// The block asked for; none if there is no such file, or none so long. A stream has no validator, so that a file which
    /// is replaced by another is told by its length alone.
    pub(crate) fn block(
        &mut self,
        place: (u64, usize),
        request: &BlockRequest,
        replaced: bool,
    ) -> Option<Block> {
        if replaced {
            self.lengthen(place);
        }
        let served = self.files.get_mut(&place)?;
        let start = usize::try_from(request.offset).ok()?;
        let end = served.now.len().min(start.saturating_add(request.len as usize));
        let bytes = served.now.get(start..end)?.to_vec();
        self.sent += bytes.len() as u64;
        let (token, file_size) = (request.token.clone(), served.now.len() as u64);
        Some(Block { token, file_size, offset: request.offset, bytes })
    }

    /// Answers with the faults that the weather brings. None: no such file.
    pub(crate) fn answer(
        &mut self,
        (package, file): (u64, usize),
        range: ByteRange,
        if_range: Option<&str>,
        weather: &Weather,
        rng: &mut Rng,
    ) -> Option<Answer> {
        if weather.outage {
            return Some(Self::refuse(503));
        }
        if rng.per_mille(weather.status) {
            const STATUS: [u16; 7] = [401, 403, 404, 410, 416, 500, 503];
            return STATUS.get(rng.next() as usize % STATUS.len()).map(|status| Self::refuse(*status));
        }
        let served = self.files.get_mut(&(package, file))?;
        if rng.per_mille(weather.replaced) {
            self.replaced += 1;
            self.causes += 1;
            served.replace(self.replaced, rng.between(0, 1) as usize * 7);
        }
        let generation = served.generation;
        let etag = format!("\"{package}-{file}-{generation}\"");
        let total = served.now.len() as u64;
        let ignored = rng.per_mille(weather.whole);
        self.causes += u32::from(ignored);
        let whole = ignored || if_range.is_some_and(|tag| tag != etag) || range.start >= total;
        let sent = if whole {
            ByteRange { start: 0, end: total }
        } else {
            ByteRange { start: range.start, end: range.end.min(total) }
        };
        let mut body = served.now.get(sent.start as usize..sent.end as usize)?.to_vec();
        let mut headers: Headers = [("Content-Length", body.len().to_string()), ("ETag", etag)].into();
        if !whole {
            headers.add("Content-Range", ContentRange { range: sent, total: Some(total) }.write());
        }
        let head = Head { status: if whole { 200 } else { 206 }, headers };
        let place = rng.next() as usize % body.len().max(1);
        if rng.per_mille(weather.flips)
            && let Some(byte) = body.get_mut(place)
        {
            *byte ^= 0x80;
            self.causes += 1;
        }
        let end = if rng.per_mille(weather.breaks) {
            body.truncate(place);
            End::Broken
        } else if rng.per_mille(weather.stalls) {
            body.truncate(place);
            End::Never
        } else {
            End::Whole
        };
        if rng.per_mille(weather.short) {
            body.truncate(place);
        } else if end == End::Whole && rng.per_mille(weather.long) {
            body.extend_from_slice(b"and more");
        }
        let pause = if rng.per_mille(weather.slow) { rng.between(500, 20_000) } else { 5 };
        self.sent += body.len() as u64;
        Some(Answer { head, body, end, generation, pause })
    }
}
