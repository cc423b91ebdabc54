//! One download: its bytes, and whether they are the firmware.

use otaru_capi::lock;
use std::{sync::Mutex, time::Duration};

use otaru_agent::{Download, DownloadError, DownloadFailed, DownloadOptions, Policy, Pull, Pulled, Trust};
use otaru_wire::{Failure, Notice, Source};

/// How long the end of a download may take after its last byte.
const END: Duration = Duration::from_secs(5);

/// How often a break is mended before the download counts as failed, and how long the pauses are: the program sees no bytes
/// meanwhile, and is to learn of a server that is gone while somebody still watches.
const RETRIES: u32 = 5;
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

pub(super) struct Fetch {
    notice: Notice,
    /// A link that came with a later push.
    fresh: Mutex<Option<String>>,
    /// Held by the one thread that reads.
    reading: Mutex<Reading>,
}

struct Reading {
    pull: Pull,
    given: u64,
    end: End,
}

/// How the download stands.
#[derive(Debug, Clone, Copy)]
enum End {
    NotYet,
    /// Every byte was given, and they are not the firmware. The program hears it with its next call (§6.4).
    Wrong,
    Over,
}

/// What a read brought.
pub(super) enum Fetched {
    Bytes {
        len: usize,
        first: bool,
        /// All bytes are given, and they are the firmware.
        last: bool,
    },
    /// None came in time.
    Nothing,
    /// All were given before, and they are the firmware.
    Done,
    Failed(Failure),
    /// It was over before: another thread has heard how it ended.
    Over,
}

impl Fetch {
    /// None if it is nothing to fetch by a link, or the system gives no thread.
    pub(super) fn new(notice: Notice, trust: Trust) -> Option<Self> {
        let [file] = notice.files.as_slice() else { return None };
        let Source::Http { url } = &file.source else { return None };
        let mut seed = [0; 8];
        // Without chance pauses are as long as other devices'.
        let _ = getrandom::fill(&mut seed);
        let download = Download::new(DownloadOptions {
            url: url.clone(),
            size: file.size,
            digest: Some(file.digest),
            start: 0,
            end: None,
            policy: Policy { retry_attempts: RETRIES, retry_longest: LONGEST_PAUSE, ..Policy::default() },
            seed: u64::from_le_bytes(seed),
        });
        let pull = Pull::new(download.ok()?, trust, None).ok()?;
        let reading = Reading { pull, given: 0, end: End::NotYet };
        Some(Self { notice, fresh: Mutex::default(), reading: Mutex::new(reading) })
    }

    pub(super) fn notice(&self) -> &Notice {
        &self.notice
    }

    /// Takes the link of a push that announces the same firmware; false if it announces another.
    pub(super) fn renew(&self, notice: &Notice) -> bool {
        let ([old], [new]) = (self.notice.files.as_slice(), notice.files.as_slice()) else { return false };
        let same = notice.version == self.notice.version && (new.size, new.digest) == (old.size, old.digest);
        if let (true, Source::Http { url }) = (same, &new.source) {
            *lock(&self.fresh) = Some(url.clone());
        }
        same
    }

    pub(super) fn read(&self, room: &mut [u8], patience: Duration) -> Fetched {
        let mut reading = lock(&self.reading);
        match reading.end {
            End::NotYet => {}
            End::Wrong => return reading.failed(Failure::Digest),
            End::Over => return Fetched::Over,
        }
        if let Some(url) = lock(&self.fresh).take() {
            // A link that is too long is as good as none: the old one stays.
            let _ = reading.pull.renew(url);
        }
        match reading.pull.read(room, patience) {
            Ok(Pulled::Bytes(len)) => {
                let first = reading.given == 0;
                reading.given += len as u64;
                Fetched::Bytes { len, first, last: reading.given == self.size() && reading.ends_well() }
            }
            Ok(Pulled::Waiting) => Fetched::Nothing,
            Ok(Pulled::Done) => {
                reading.end = End::Over;
                Fetched::Done
            }
            Err(error) => reading.failed(failure(&error)),
        }
    }

    fn size(&self) -> u64 {
        self.notice.files.first().map_or(0, |file| file.size)
    }
}

impl Reading {
    /// After the last byte: is it the firmware?
    fn ends_well(&mut self) -> bool {
        match self.pull.read(&mut [], END) {
            Ok(Pulled::Done) => self.end = End::Over,
            Err(error) if failure(&error) == Failure::Digest => self.end = End::Wrong,
            // All bytes are there. How the connection ended does not matter; the next call asks again.
            Ok(_) | Err(_) => {}
        }
        matches!(self.end, End::Over)
    }

    fn failed(&mut self, failure: Failure) -> Fetched {
        self.end = End::Over;
        Fetched::Failed(failure)
    }
}

fn failure(error: &DownloadFailed) -> Failure {
    match error {
        DownloadFailed::Download(DownloadError::Digest) => Failure::Digest,
        _ => Failure::Download,
    }
}
