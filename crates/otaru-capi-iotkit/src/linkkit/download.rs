//! `ITM_MSG_QUERY_FOTA_DATA` and `ITM_MSG_QUERY_COTA_DATA`: a whole file into the port's flash (aliyun-iotkit-v3 §4.4).

use std::{
    ffi::c_int,
    time::{Duration, Instant},
};

use otaru_wire::{Failure, Step};

use super::callbacks;
use crate::{
    codes::{DIGEST_WRONG, FETCH_FAILED, NO_TASK, SUCCESS, TIMED_OUT, WRITE_FAILED, ota::INVALID_STATE},
    hal::{self, Image},
    ota::{Job, Ota},
    settings::settings,
};

/// How long one look for bytes may take.
const LOOK: Duration = Duration::from_secs(1);
/// The least time without a byte after which a download is given up. The vendor's example sets 30 ms, which it means as
/// seconds (aliyun-iotkit-v3 §6.2).
const LEAST_SILENCE: Duration = Duration::from_secs(10);
/// The pauses after an error: doubled from the first to the longest.
const FIRST_PAUSE_MS: u32 = 100;
const LONGEST_PAUSE_MS: u32 = 5000;
/// How often the session is looked after meanwhile.
const TEND: Duration = Duration::from_millis(200);
/// The least progress told, in percent, and the least time between two.
const STEP: u64 = 5;
const INTERVAL: Duration = Duration::from_millis(50);

/// What is downloaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum What {
    Firmware,
    Config,
}

/// How a download ended badly.
enum Bad {
    Fetch,
    Write,
    Digest,
}

/// Fetches the file of the task in pieces of `buffer`, has the port write it, and checks it. One of the vendor's numbers.
pub(super) fn run(ota: &Ota, what: What, buffer: &mut [u8]) -> c_int {
    let size = ota.with_task(|task| {
        let job = task.job().filter(|job| matches!(job, Job::Firmware(_)) == (what == What::Firmware));
        let size = job.filter(|_| task.is_fetching()).map(Job::size)?;
        task.begin_anew();
        Some(size)
    });
    let Some(size) = size else { return NO_TASK };
    let bad = match fetch(ota, what, size, buffer) {
        Ok(()) => match ota.check() {
            Some(true) => return SUCCESS,
            _ => Bad::Digest,
        },
        Err(bad) => bad,
    };
    let (failure, code, text) = match bad {
        Bad::Fetch => (Some(Failure::Download), FETCH_FAILED, "the download was given up"),
        Bad::Write => (Some(Failure::Write), WRITE_FAILED, "HAL_Firmware_Persistence_Write failed"),
        // The check has told the platform.
        Bad::Digest => (None, DIGEST_WRONG, "the digest is wrong"),
    };
    if let Some(failure) = failure.filter(|_| what == What::Firmware) {
        let _ = ota.progress(Step::Failed(failure), "");
    }
    // The next push is a new beginning.
    ota.with_task(|task| task.reset());
    callbacks::state(code, text);
    code
}

fn fetch(ota: &Ota, what: What, size: u64, buffer: &mut [u8]) -> Result<(), Bad> {
    let mut image = Image::start();
    let mut progress = Progress { told: 0, at: Instant::now() };
    let (mut alive, mut tended, mut pause_ms) = (Instant::now(), Instant::now(), FIRST_PAUSE_MS);
    let patience = Duration::from_millis(u64::from(settings().fota_timeout_ms)).max(LEAST_SILENCE);
    while !ota.with_task(|task| task.is_fetched()) {
        match ota.fetch(buffer, LOOK) {
            Ok(len) => {
                if !image.write(buffer.get_mut(..len).unwrap_or_default()) {
                    return Err(Bad::Write);
                }
                (alive, pause_ms) = (Instant::now(), FIRST_PAUSE_MS);
                if what == What::Firmware {
                    progress.tell(ota, size);
                }
            }
            Err(INVALID_STATE) => return Err(Bad::Fetch),
            Err(_) if alive.elapsed() >= patience || ota.client.has_ended() => return Err(Bad::Fetch),
            Err(TIMED_OUT) => {}
            Err(_) => {
                hal::sleep_ms(pause_ms);
                pause_ms = (pause_ms * 2).min(LONGEST_PAUSE_MS);
            }
        }
        if tended.elapsed() >= TEND {
            ota.client.tend();
            tended = Instant::now();
        }
    }
    Ok(())
}

/// What was told last.
struct Progress {
    told: u64,
    at: Instant,
}

impl Progress {
    fn tell(&mut self, ota: &Ota, size: u64) {
        let percent = ota.with_task(|task| task.fetched()) * 100 / size.max(1);
        let enough = percent > self.told + STEP && self.at.elapsed() > INTERVAL;
        if enough || percent >= 100 {
            // Lost while there is no connection; the next one tells more.
            let _ = ota.progress(Step::Percent(u8::try_from(percent).unwrap_or(100)), "");
            (self.told, self.at) = (percent, Instant::now());
        }
    }
}
