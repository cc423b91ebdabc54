//! One link and one range of its bytes, without Task and slot: for programs that fetch parts themselves.

use alloc::{
    collections::VecDeque,
    string::{String, ToString},
    vec::Vec,
};

use otaru_wire::{
    ByteRange, Digest, Hasher, Instant, MAX_URL_BYTES,
    http_range::{ContentRange, read_unsatisfied, strong_etag},
};

use crate::{
    FetchError, Head, Policy, RequestId, Spread, Trouble, progress,
    state::head::{Asked, Judgement, judge},
};

/// What is downloaded, and how patiently.
#[derive(Debug, Clone)]
pub struct DownloadOptions {
    /// An HTTP(S) link of at most [`MAX_URL_BYTES`]; redirects are its doer's.
    pub url: String,
    /// The whole file's size in bytes; a server that tells another one has another file.
    pub size: u64,
    /// What the whole file hashes to: checked if the range is the whole file. None: nothing is checked.
    pub digest: Option<Digest>,
    /// The first byte wanted, from 0.
    pub start: u64,
    /// The last byte wanted; none: the file's last one.
    pub end: Option<u64>,
    /// Of it `stall_timeout`, `retry_first`, `retry_longest` and `retry_attempts` count.
    pub policy: Policy,
    /// Spreads retries, as [`crate::UpdaterOptions::seed`] does.
    pub seed: u64,
}

/// Something happened.
#[derive(Debug)]
pub enum DownloadInput {
    /// The answer's head to [`DownloadOutput::Fetch`] came.
    Head(RequestId, Head),
    /// Bytes of the answer's body came, in order.
    Body(RequestId, Vec<u8>),
    /// The fetch is over: the body ended, or it broke.
    Ended(RequestId, Result<(), FetchError>),
    /// The time that [`Download::poll_timeout`] told has come.
    Timer,
}

/// Something to do, in the order given.
#[derive(Debug, PartialEq, Eq)]
pub enum DownloadOutput {
    /// Fetch bytes of a link; answered by `Head`, `Body`…, `Ended`. As [`crate::Output::Fetch`].
    Fetch {
        /// Names this fetch; answers to older ones are ignored.
        request: RequestId,
        /// The link.
        url: String,
        /// The bytes wanted.
        range: ByteRange,
        /// Send `If-Range` with this validator.
        etag: Option<String>,
    },
    /// Stop that fetch; no answer is awaited any more.
    StopFetch(RequestId),
    /// The next bytes of the range.
    Bytes {
        /// The offset of the first one, in bytes from the start of the file.
        offset: u64,
        /// The bytes.
        bytes: Vec<u8>,
    },
    /// A fetch failed; the next try comes at its time.
    Retrying {
        /// What went wrong.
        reason: Trouble,
        /// Milliseconds until the next try.
        after_ms: u64,
    },
    /// Every byte was given, and the digest is right if it could be checked.
    Done,
    /// It cannot go on by itself; [`Download::go`] goes on where it stopped.
    Failed(DownloadError),
}

/// Why a download failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DownloadError {
    /// The link is longer than [`MAX_URL_BYTES`].
    #[error("the link has {len} bytes; at most {MAX_URL_BYTES} are followed")]
    LinkTooLong {
        /// Its length in bytes.
        len: usize,
    },
    /// No byte of the file is in that range, or it reaches past the file.
    #[error("bytes {start} to {end} are not within a file of {size} bytes")]
    Range {
        /// The first byte wanted.
        start: u64,
        /// The last byte wanted.
        end: u64,
        /// The file's size.
        size: u64,
    },
    /// The link does not work (any more): ask for a fresh one and give it to [`Download::renew`].
    #[error("the link is refused with status {status}")]
    LinkRefused {
        /// 401, 403, 404 or 410.
        status: u16,
    },
    /// The server's file has another size than expected.
    #[error("the file has {found} bytes, expected were {expected}")]
    Size {
        /// As the server tells it.
        found: u64,
        /// As the options have it.
        expected: u64,
    },
    /// The server's file is not the one that the bytes so far are from: begin anew.
    #[error("{0}")]
    Replaced(String),
    /// The server's answer is of no use, or every retry was used up.
    #[error(transparent)]
    Trouble(#[from] Trouble),
    /// The whole file does not hash to its digest: begin anew.
    #[error("the file does not hash to its digest")]
    Digest,
}

/// Decides how a range of a file is downloaded; does no I/O and reads no clock.
///
/// Call [`Download::go`], then after each [`Download::handle`] poll until nothing more comes, then wait at most until
/// [`Download::poll_timeout`]. Bytes come in order and each once, whatever breaks.
#[derive(Debug)]
pub struct Download {
    options: DownloadOptions,
    range: ByteRange,
    /// Every byte before it was given.
    offset: u64,
    hasher: Option<Hasher>,
    etag: Option<String>,
    /// The fetch whose answers are awaited, and where its body ends once its head was judged.
    fetch: Option<(RequestId, Option<u64>)>,
    /// When it counts as silent, or the next try comes.
    timer: Option<Instant>,
    retries: u32,
    spread: Spread,
    last_request: u32,
    outputs: VecDeque<DownloadOutput>,
}

impl Download {
    /// A download of which nothing is done.
    ///
    /// # Errors
    /// [`DownloadError::LinkTooLong`] or [`DownloadError::Range`].
    pub fn new(options: DownloadOptions) -> Result<Self, DownloadError> {
        let DownloadOptions { start, end, size, .. } = options;
        let last = end.unwrap_or(size.saturating_sub(1));
        if start > last || last >= size {
            return Err(DownloadError::Range { start, end: last, size });
        }
        let range = ByteRange { start, end: last + 1 };
        let whole = range.start == 0 && range.end == size;
        let hasher = options.digest.filter(|_| whole).map(|digest| Hasher::new(digest.method()));
        let spread = Spread::new(options.seed);
        check_link(&options.url)?;
        Ok(Self {
            range,
            offset: start,
            hasher,
            etag: None,
            fetch: None,
            timer: None,
            retries: 0,
            spread,
            last_request: 0,
            outputs: VecDeque::new(),
            options,
        })
    }

    /// Gives it a fresh link of the same file.
    ///
    /// # Errors
    /// [`DownloadError::LinkTooLong`]; the old link stays.
    pub fn renew(&mut self, url: String) -> Result<(), DownloadError> {
        check_link(&url)?;
        self.options.url = url;
        Ok(())
    }

    /// Begins, or goes on after [`DownloadOutput::Failed`] at the first byte that was not given.
    pub fn go(&mut self, now: Instant) {
        self.retries = 0;
        self.stop();
        self.request(now);
    }

    /// The first byte that was not given yet, from the start of the file.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// How much of the range was given, in whole percent, rounded down.
    pub fn percent(&self) -> u8 {
        progress::percent(self.offset - self.range.start, self.range.len())
    }

    /// The next thing to do.
    pub fn poll(&mut self) -> Option<DownloadOutput> {
        self.outputs.pop_front()
    }

    /// When [`DownloadInput::Timer`] is due, if nothing else happens before.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.timer
    }

    /// Takes an input. Answers to fetches that are over are ignored.
    pub fn handle(&mut self, now: Instant, input: DownloadInput) {
        match input {
            DownloadInput::Head(request, head) if self.awaits(request) => self.on_head(now, request, &head),
            DownloadInput::Body(request, bytes) if self.awaits(request) => self.on_body(now, bytes),
            DownloadInput::Ended(request, result) if self.awaits(request) => self.on_ended(now, result),
            DownloadInput::Timer if self.timer.is_some_and(|due| due <= now) => match self.fetch {
                Some(_) => self.retry(now, Trouble::Silent),
                None => self.request(now),
            },
            _ => {}
        }
    }

    fn awaits(&self, request: RequestId) -> bool {
        self.fetch.is_some_and(|(awaited, _)| awaited == request)
    }

    fn request(&mut self, now: Instant) {
        if self.offset == self.range.end {
            return self.finish();
        }
        self.last_request = self.last_request.wrapping_add(1);
        let request = RequestId(self.last_request);
        self.fetch = Some((request, None));
        self.timer = Some(now + self.options.policy.stall_timeout);
        // Strong validators only, and none is needed for a first byte.
        let etag = self.etag.as_deref().and_then(strong_etag).filter(|_| self.offset > self.range.start);
        let etag = etag.map(ToString::to_string);
        let range = ByteRange { start: self.offset, end: self.range.end };
        let url = self.options.url.clone();
        self.outputs.push_back(DownloadOutput::Fetch { request, url, range, etag });
    }

    fn on_head(&mut self, now: Instant, request: RequestId, head: &Head) {
        let range = ByteRange { start: self.offset, end: self.range.end };
        match judge(head, &Asked { range, size: self.options.size, etag: self.etag.as_deref() }) {
            Judgement::Usable { end } => {
                let told = || head.headers.value("ETag").map(ToString::to_string);
                self.etag = self.etag.take().or_else(told);
                self.fetch = Some((request, Some(end)));
                self.timer = Some(now + self.options.policy.stall_timeout);
            }
            Judgement::LinkRefused { status } => self.fail(DownloadError::LinkRefused { status }),
            Judgement::Changed { reason } => match told_size(head) {
                Some(found) if found != self.options.size => {
                    self.fail(DownloadError::Size { found, expected: self.options.size });
                }
                _ => self.fail(DownloadError::Replaced(reason)),
            },
            Judgement::RangeIgnored => self.fail(Trouble::RangeIgnored.into()),
            Judgement::Unusable { trouble } => self.retry(now, trouble),
        }
    }

    fn on_body(&mut self, now: Instant, mut bytes: Vec<u8>) {
        let Some((_, Some(end))) = self.fetch else { return self.fail(Trouble::NoHead.into()) };
        if bytes.is_empty() {
            return;
        }
        if bytes.len() as u64 > end - self.offset {
            return self.fail(Trouble::TooMany.into());
        }
        // A whole file in place of its start: what was not wanted is left out.
        let wanted = usize::try_from(self.range.end - self.offset).unwrap_or(usize::MAX);
        bytes.truncate(wanted);
        if let Some(hasher) = &mut self.hasher {
            hasher.update(&bytes);
        }
        let offset = self.offset;
        self.offset += bytes.len() as u64;
        self.retries = 0;
        self.timer = Some(now + self.options.policy.stall_timeout);
        self.outputs.push_back(DownloadOutput::Bytes { offset, bytes });
        if self.offset == self.range.end && end > self.range.end {
            self.finish();
        }
    }

    fn on_ended(&mut self, now: Instant, result: Result<(), FetchError>) {
        let end = self.fetch.take().and_then(|(_, end)| end);
        match result {
            // All that was announced came; if that is not all that is wanted, the rest is asked for.
            Ok(()) if end == Some(self.offset) => self.request(now),
            _ if self.offset == self.range.end => self.finish(),
            Ok(()) => self.retry(now, Trouble::EndedEarly),
            Err(error) => self.retry(now, error.into()),
        }
    }

    /// Tries again after a pause, if that can help.
    fn retry(&mut self, now: Instant, trouble: Trouble) {
        if self.offset == self.range.end {
            return self.finish();
        }
        self.retries += 1;
        if !may_pass(&trouble) || self.retries > self.options.policy.retry_attempts {
            return self.fail(trouble.into());
        }
        self.stop();
        let Policy { retry_first, retry_longest, .. } = self.options.policy;
        let pause = self.spread.pause(retry_first, retry_longest, self.retries);
        let after_ms = u64::try_from(pause.as_millis()).unwrap_or(u64::MAX);
        self.timer = Some(now + pause);
        self.outputs.push_back(DownloadOutput::Retrying { reason: trouble, after_ms });
    }

    fn finish(&mut self) {
        let wrong =
            self.hasher.as_ref().is_some_and(|hasher| Some(hasher.clone().finish()) != self.options.digest);
        if wrong {
            return self.fail(DownloadError::Digest);
        }
        self.stop();
        self.outputs.push_back(DownloadOutput::Done);
    }

    fn fail(&mut self, error: DownloadError) {
        self.stop();
        self.outputs.push_back(DownloadOutput::Failed(error));
    }

    fn stop(&mut self) {
        self.timer = None;
        if let Some((request, _)) = self.fetch.take() {
            self.outputs.push_back(DownloadOutput::StopFetch(request));
        }
    }
}

fn check_link(url: &str) -> Result<(), DownloadError> {
    if url.len() > MAX_URL_BYTES {
        return Err(DownloadError::LinkTooLong { len: url.len() });
    }
    Ok(())
}

impl DownloadError {
    /// True if [`Download::go`] may do better later, without a fresh link and without beginning anew.
    pub fn may_pass(&self) -> bool {
        matches!(self, DownloadError::Trouble(trouble) if may_pass(trouble))
    }
}

/// True for what another try may not meet again.
fn may_pass(trouble: &Trouble) -> bool {
    match trouble {
        Trouble::Status(status) => matches!(status, 408 | 429 | 500..=599),
        Trouble::Fetch(error) => matches!(error, FetchError::Broken(_) | FetchError::Unreachable(_)),
        trouble => matches!(trouble, Trouble::Silent | Trouble::EndedEarly),
    }
}

/// The size of the whole file, as an answer tells it.
fn told_size(head: &Head) -> Option<u64> {
    let range = head.headers.value("Content-Range");
    match head.status {
        200 => head.content_length(),
        206 => ContentRange::read(range?)?.total,
        _ => read_unsatisfied(range?),
    }
}
