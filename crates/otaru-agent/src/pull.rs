//! A download whose bytes are taken when the program wants them.

use std::{
    borrow::BorrowMut,
    io,
    sync::mpsc::{Receiver, RecvTimeoutError, channel},
    time::Duration,
};

use otaru_core::{Download, DownloadError, DownloadInput, DownloadOutput};

use crate::{
    clock::Clock,
    fetch::DownloadFailed,
    http::{FetchEvent, FetchOptions, FetchRequest, Fetcher},
    pace::Pace,
    tls::Trust,
};

/// How long finding and reaching a file server may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// The longest wait: a bound for clocks that jump, not a poll.
pub(crate) const LONGEST_WAIT: Duration = Duration::from_secs(3600);
/// How long the end of a pull waits for its thread, which may be looking up a name.
const GOOD_BYE: Duration = Duration::from_secs(2);

/// What [`Pull::read`] brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pulled {
    /// So many bytes, at least one.
    Bytes(usize),
    /// No byte came in time. What is under way goes on.
    Waiting,
    /// Every byte was given, and the digest is right if the download checks one.
    Done,
}

/// A download that gives its bytes as they come, in order and each once, whatever breaks.
///
/// It fetches ahead by at most 256 KiB and then waits for [`Pull::read`].
#[derive(Debug)]
pub struct Pull {
    bytes: Bytes<Download>,
    /// A piece that came, and how much of it was given.
    piece: Vec<u8>,
    given: usize,
}

impl Pull {
    /// Makes the download ready; nothing is fetched before the first [`Pull::read`].
    ///
    /// # Errors
    /// [`DownloadFailed::System`].
    pub fn new(
        download: Download,
        trust: Trust,
        max_bytes_per_second: Option<u64>,
    ) -> Result<Self, DownloadFailed> {
        Ok(Self { bytes: Bytes::new(download, trust, max_bytes_per_second)?, piece: Vec::new(), given: 0 })
    }

    /// Writes the next bytes to the start of `out`, as many as came and fit; waits at most `patience` for the first. Begins
    /// the download, or goes on with it after an error where it stopped.
    ///
    /// # Errors
    /// [`DownloadFailed::Download`]; the bytes given so far stay good unless it says to begin anew.
    pub fn read(&mut self, out: &mut [u8], patience: Duration) -> Result<Pulled, DownloadFailed> {
        if self.given == self.piece.len() {
            match self.bytes.next(patience)? {
                Next::Bytes(piece) => (self.piece, self.given) = (piece, 0),
                Next::Waiting => return Ok(Pulled::Waiting),
                Next::Done => return Ok(Pulled::Done),
            }
        }
        let rest = self.piece.get(self.given..).unwrap_or_default();
        let len = rest.len().min(out.len());
        for (to, from) in out.iter_mut().zip(rest) {
            *to = *from;
        }
        self.given += len;
        Ok(Pulled::Bytes(len))
    }

    /// Gives it a fresh link of the same file.
    ///
    /// # Errors
    /// [`DownloadError::LinkTooLong`]; the old link stays.
    pub fn renew(&mut self, url: String) -> Result<(), DownloadError> {
        self.bytes.download.renew(url)
    }
}

/// What [`Bytes::next`] brought.
pub(crate) enum Next {
    Bytes(Vec<u8>),
    Waiting,
    Done,
}

/// The decider and the thread that does what it says.
#[derive(Debug)]
pub(crate) struct Bytes<D> {
    download: D,
    fetcher: Option<Fetcher>,
    events: Receiver<FetchEvent>,
    clock: Clock,
    /// False before it began and after an error.
    going: bool,
    /// The thread waits for the place of a body that was taken.
    owed: bool,
}

impl<D: BorrowMut<Download>> Bytes<D> {
    pub(crate) fn new(
        download: D,
        trust: Trust,
        max_bytes_per_second: Option<u64>,
    ) -> Result<Self, DownloadFailed> {
        let (sender, events) = channel();
        let options = FetchOptions {
            trust,
            pace: max_bytes_per_second.map(|rate| Pace::new(rate, std::time::Instant::now())),
            // The decider's own timers are shorter; these only make sure of an end.
            stall_timeout: LONGEST_WAIT,
            connect_timeout: CONNECT_TIMEOUT,
        };
        let fetcher = Fetcher::start(options, move |event| sender.send(event).is_ok())
            .map_err(DownloadFailed::System)?;
        let clock = Clock::start();
        Ok(Self { download, fetcher: Some(fetcher), events, clock, going: false, owed: false })
    }

    /// The next bytes; waits at most `patience` for them.
    pub(crate) fn next(&mut self, patience: Duration) -> Result<Next, DownloadFailed> {
        let deadline = self.clock.now() + patience;
        if !self.going {
            self.going = true;
            self.download.borrow_mut().go(self.clock.now());
        }
        loop {
            while let Some(output) = self.download.borrow_mut().poll() {
                if let Some(next) = self.perform(output)? {
                    return Ok(next);
                }
            }
            if self.owed {
                self.owed = false;
                self.fetcher.iter().for_each(|fetcher| fetcher.returned(Vec::new()));
            }
            let due = self.download.borrow_mut().poll_timeout();
            let until = due.map_or(deadline, |due| due.min(deadline));
            let input = match self.events.recv_timeout(self.clock.until(until)) {
                Ok(FetchEvent::Head(request, head)) => DownloadInput::Head(request, head),
                Ok(FetchEvent::Body(request, bytes)) => {
                    self.owed = true;
                    DownloadInput::Body(request, bytes)
                }
                Ok(FetchEvent::Ended(request, result)) => DownloadInput::Ended(request, result),
                Err(RecvTimeoutError::Timeout) if due.is_some_and(|due| due <= self.clock.now()) => {
                    DownloadInput::Timer
                }
                Err(RecvTimeoutError::Timeout) => return Ok(Next::Waiting),
                Err(RecvTimeoutError::Disconnected) => {
                    let gone = io::Error::other("the thread of downloads is gone");
                    return Err(DownloadFailed::System(gone));
                }
            };
            self.download.borrow_mut().handle(self.clock.now(), input);
        }
    }

    fn perform(&mut self, output: DownloadOutput) -> Result<Option<Next>, DownloadFailed> {
        match (output, &self.fetcher) {
            (DownloadOutput::Fetch { request, url, range, etag }, Some(fetcher)) => {
                fetcher.fetch(FetchRequest { id: request, url, range, etag, authorization: None });
            }
            (DownloadOutput::StopFetch(request), Some(fetcher)) => fetcher.stop(request),
            (DownloadOutput::Fetch { .. } | DownloadOutput::StopFetch(_), None) => {}
            (DownloadOutput::Bytes { bytes, .. }, _) => return Ok(Some(Next::Bytes(bytes))),
            (DownloadOutput::Retrying { reason, after_ms }, _) => {
                tracing::debug!(after_ms, "a download is tried again: {reason}");
            }
            (DownloadOutput::Done, _) => return Ok(Some(Next::Done)),
            (DownloadOutput::Failed(error), _) => {
                self.going = false;
                return Err(error.into());
            }
        }
        Ok(None)
    }
}

impl<D> Drop for Bytes<D> {
    fn drop(&mut self) {
        let Some(fetcher) = self.fetcher.take() else { return };
        let Some(thread) = fetcher.end() else { return };
        // The thread's end of the line goes with it; what still comes is not wanted.
        let deadline = std::time::Instant::now() + GOOD_BYE;
        while let Ok(_) | Err(RecvTimeoutError::Timeout) =
            self.events.recv_timeout(deadline.saturating_duration_since(std::time::Instant::now()))
        {
            if std::time::Instant::now() >= deadline {
                return;
            }
        }
        // It has nothing left to do.
        let _ = thread.join();
    }
}
