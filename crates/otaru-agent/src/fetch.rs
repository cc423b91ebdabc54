//! A download that blocks: a range of one link, without Task and slot.

use std::io::{self, Write};

use otaru_core::{Download, DownloadError};

use crate::{
    config::DownloadConfig,
    pull::{Bytes, LONGEST_WAIT, Next},
    tls::{Trust, TrustError},
};

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
    let trust = Trust::load(config.ca.as_deref())?;
    let mut bytes = Bytes::new(download, trust, config.max_bytes_per_second)?;
    loop {
        match bytes.next(LONGEST_WAIT)? {
            Next::Bytes(bytes) => out.write_all(&bytes).map_err(DownloadFailed::Write)?,
            Next::Waiting => {}
            Next::Done => return out.flush().map_err(DownloadFailed::Write),
        }
    }
}
