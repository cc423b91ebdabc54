//! A download that blocks: a range of one link, without Task and slot.

use std::{
    io::{self, Write},
    sync::mpsc::{RecvTimeoutError, channel},
    time::Duration,
};

use otaru_core::{Download, DownloadError, DownloadInput, DownloadOutput};

use crate::{
    clock::Clock,
    config::DownloadConfig,
    http::{FetchEvent, FetchOptions, FetchRequest, Fetcher},
    pace::Pace,
    tls::{Trust, TrustError},
};

/// How long finding and reaching a file server may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// The longest wait: a bound for clocks that jump, not a poll.
const LONGEST_WAIT: Duration = Duration::from_secs(3600);

/// Why a download ended without all its bytes.
#[derive(Debug, thiserror::Error)]
pub enum DownloadFailed {
    /// The link, the server or its file. [`fetch`] goes on with the same [`Download`] where it stopped, after
    /// [`Download::renew`] if the link was refused.
    #[error(transparent)]
    Download(#[from] DownloadError),
    /// The bytes could not be written. Some may be: begin anew.
    #[error("the bytes cannot be written: {0}")]
    Write(io::Error),
    /// The certificates cannot be used.
    #[error(transparent)]
    Trust(#[from] TrustError),
    /// The system gives no thread.
    #[error("the system refuses a thread: {0}")]
    System(io::Error),
}

/// Downloads what is missing of `download` and writes it to `out`, in order; redirects are followed at most 5 times.
/// Blocks until all is written or it failed. `config` bounds the bytes per second and says whom to trust.
///
/// ```no_run
/// use otaru_agent::{Download, DownloadConfig, DownloadOptions, Policy, fetch};
///
/// let mut first_half = Download::new(DownloadOptions {
///     url: "https://files.example/a.bin".into(),
///     size: 2_000_000,
///     digest: None,
///     start: 0,
///     end: Some(999_999),
///     policy: Policy::default(),
///     seed: 7,
/// })?;
/// let mut bytes = Vec::new();
/// fetch(&DownloadConfig::default(), &mut first_half, &mut bytes)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`DownloadFailed`]: what was written so far stays written.
pub fn fetch(
    config: &DownloadConfig,
    download: &mut Download,
    out: &mut dyn Write,
) -> Result<(), DownloadFailed> {
    let clock = Clock::start();
    let (sender, events) = channel();
    let options = FetchOptions {
        trust: Trust::load(config.ca.as_deref())?,
        pace: config.max_bytes_per_second.map(|rate| Pace::new(rate, std::time::Instant::now())),
        // The decider's own timers are shorter; these only make sure of an end.
        stall_timeout: LONGEST_WAIT,
        connect_timeout: CONNECT_TIMEOUT,
    };
    let fetcher =
        Fetcher::start(options, move |event| sender.send(event).is_ok()).map_err(DownloadFailed::System)?;
    download.go(clock.now());
    loop {
        if perform(download, &fetcher, out)? {
            return Ok(());
        }
        let wait = download.poll_timeout().map_or(LONGEST_WAIT, |due| clock.until(due));
        let (input, body) = match events.recv_timeout(wait) {
            Ok(FetchEvent::Head(request, head)) => (DownloadInput::Head(request, head), false),
            Ok(FetchEvent::Body(request, bytes)) => (DownloadInput::Body(request, bytes), true),
            Ok(FetchEvent::Ended(request, result)) => (DownloadInput::Ended(request, result), false),
            Err(RecvTimeoutError::Timeout) => (DownloadInput::Timer, false),
            Err(RecvTimeoutError::Disconnected) => {
                return Err(DownloadFailed::System(io::Error::other("the thread of downloads is gone")));
            }
        };
        download.handle(clock.now(), input);
        if body {
            // Its place is free again, whatever becomes of the bytes.
            fetcher.returned(Vec::new());
        }
    }
}

/// Does what follows; true if that was the last.
fn perform(download: &mut Download, fetcher: &Fetcher, out: &mut dyn Write) -> Result<bool, DownloadFailed> {
    while let Some(output) = download.poll() {
        match output {
            DownloadOutput::Fetch { request, url, range, etag } => {
                fetcher.fetch(FetchRequest { id: request, url, range, etag });
            }
            DownloadOutput::StopFetch(request) => fetcher.stop(request),
            DownloadOutput::Bytes { bytes, .. } => out.write_all(&bytes).map_err(DownloadFailed::Write)?,
            DownloadOutput::Retrying { reason, after_ms } => {
                tracing::debug!(after_ms, "a download is tried again: {reason}");
            }
            DownloadOutput::Done => {
                out.flush().map_err(DownloadFailed::Write)?;
                return Ok(true);
            }
            DownloadOutput::Failed(error) => return Err(error.into()),
        }
    }
    Ok(false)
}
