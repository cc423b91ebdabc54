//! What a download handle stands for.

use std::{
    ffi::{c_uint, c_void},
    sync::{Condvar, Mutex, MutexGuard},
    time::{Duration, Instant},
};

use otaru_capi::lock;

use otaru_agent::{DownloadFailed, Pull, Pulled};
use otaru_core::{Download, DownloadError, DownloadOptions, FetchError, Policy, Spread, Trouble};
use otaru_wire::{Report, Step, dialect::aliyun::StateCode as Code};

use super::{
    Recv,
    link::complete,
    settings::{Changed, Settings},
    tally::{MISMATCH, Stand, Tally},
};
use crate::{
    code::{ADAPTER_COMMON, OUT_RANGE, RECV_CONNECTION_CLOSED, TLS_INVALID_HANDSHAKE, of},
    given::Own,
    mqtt,
    ota::{Place, Task},
    state::log,
};

/// The bytes cannot be had.
const FETCH_FAILED: i32 = -2;
/// The longest pause before a new request.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

pub(super) struct Loading {
    handle: Own,
    inner: Mutex<Inner>,
    /// Wakes a thread that waits without reading: something was set, or the handle was ended.
    changed: Condvar,
}

struct Inner {
    settings: Settings,
    tally: Option<Tally>,
    state: State,
    failures: u32,
    spread: Spread,
    /// The program was told a negative percent: it may have freed what it works with.
    gave_up: bool,
    ended: bool,
    /// Names the request under way, so that what an older one brings is not taken for it.
    request: u32,
}

enum State {
    /// No request was sent.
    Start,
    Fetching(Box<Pull>),
    /// A thread reads from it.
    Reading,
    /// It failed after bytes that were given: the next call tells.
    Failed {
        pull: Box<Pull>,
        error: DownloadFailed,
    },
    /// It broke; the next request comes then.
    Broken {
        pull: Box<Pull>,
        until: Instant,
    },
    /// Nothing more comes without a new request; this is what is told.
    Over(i32),
}

/// What one reading brought: bytes, and why it ended.
struct Piece {
    bytes: Vec<u8>,
    end: Result<(), DownloadFailed>,
}

impl Loading {
    pub(super) fn new(handle: *mut c_void) -> Self {
        let inner = Inner {
            settings: Settings::default(),
            tally: None,
            state: State::Start,
            failures: 0,
            spread: Spread::new(handle.addr() as u64),
            gave_up: false,
            ended: false,
            request: 0,
        };
        Self { handle: Own(handle), inner: Mutex::new(inner), changed: Condvar::new() }
    }

    /// # Safety
    /// `data` is what the option wants, and not null.
    pub(super) unsafe fn set(&self, option: c_uint, data: *mut c_void) -> Result<(), i32> {
        let mut inner = self.inner();
        // SAFETY: as the caller promises.
        match unsafe { inner.settings.set(option, data)? } {
            Changed::Nothing => {}
            Changed::Range => {
                if let Some(tally) = &mut inner.tally {
                    tally.of_range = 0;
                }
            }
            Changed::Task => {
                inner.tally = inner.settings.task.as_deref().map(Tally::new);
                inner.state = State::Start;
                inner.request += 1;
                inner.gave_up = false;
            }
        }
        self.changed.notify_all();
        Ok(())
    }

    /// Begins, or goes on with the range that is set; nothing is waited for.
    pub(super) fn request(&self) -> Result<(), i32> {
        let percent = {
            let mut inner = self.inner();
            let pull = inner.pull()?;
            inner.state = State::Fetching(Box::new(pull));
            inner.request += 1;
            inner.tally.as_ref().map_or(0, Tally::percent)
        };
        // As the SDK does with each request (§4.8). That it cannot be sent is logged.
        let _ = self.report(percent.min(100));
        Ok(())
    }

    /// Tells the platform how far the task is.
    pub(super) fn report(&self, percent: i32) -> Result<(), i32> {
        let task = self.inner().settings.task.clone().ok_or(of(Code::DownloadReportTaskDescIsNull))?;
        report(&task, percent)
    }

    /// One piece for the handler, or what stands in its way.
    pub(super) fn receive(&self) -> i32 {
        let (mut pull, wanted, patience, request) = {
            let mut inner = self.inner();
            let patience = inner.settings.recv_timeout;
            match std::mem::replace(&mut inner.state, State::Reading) {
                State::Fetching(pull) => (pull, inner.settings.buffer_len, patience, inner.request),
                State::Broken { pull, until } => return self.renew(inner, pull, until),
                State::Failed { pull, error } => return self.broken(inner, pull, &error),
                other @ (State::Start | State::Reading) => {
                    inner.state = other;
                    return 0;
                }
                State::Over(code) => {
                    inner.state = State::Over(code);
                    let ends =
                        [Code::DownloadFinished, Code::DownloadRangeFinished, Code::DownloadFetchTooMany];
                    let patience = if ends.map(of).contains(&code) { Duration::ZERO } else { patience };
                    // A program that calls again and again, as the demos do, gets no faster an answer.
                    self.wait(inner, patience);
                    return code;
                }
            }
        };
        let piece = read(&mut pull, wanted, patience);
        self.take(pull, piece, request)
    }

    /// A new request, when it is time for one.
    fn renew(&self, mut inner: MutexGuard<'_, Inner>, pull: Box<Pull>, until: Instant) -> i32 {
        let left = until.saturating_duration_since(Instant::now());
        let patience = inner.settings.recv_timeout;
        if left > patience {
            inner.state = State::Broken { pull, until };
            self.wait(inner, patience);
            return 0;
        }
        inner.state = State::Fetching(pull);
        let percent = inner.tally.as_ref().map_or(0, Tally::percent);
        self.wait(inner, left);
        // As with each request.
        let _ = self.report(percent.min(100));
        of(Code::DownloadRenewalRequestSent)
    }

    /// Waits, unless the program sets something meanwhile or ends the handle.
    fn wait(&self, inner: MutexGuard<'_, Inner>, patience: Duration) {
        let (request, ended) = (inner.request, inner.ended);
        let same = |inner: &mut Inner| inner.request == request && inner.ended == ended;
        drop(self.changed.wait_timeout_while(inner, patience, same));
    }

    /// The handle was ended: nobody waits any more.
    pub(super) fn end(&self) {
        self.inner().ended = true;
        self.changed.notify_all();
    }

    /// Counts a piece, hands it to the program and says how the download stands.
    fn take(&self, pull: Box<Pull>, mut piece: Piece, request: u32) -> i32 {
        let mut inner = self.inner();
        if inner.request != request {
            // Another request took its place meanwhile.
            return 0;
        }
        let Some(tally) = inner.tally.as_mut().filter(|_| !piece.bytes.is_empty()) else {
            return match piece.end {
                Ok(()) => {
                    inner.state = State::Fetching(pull);
                    0
                }
                Err(error) => self.broken(inner, pull, &error),
            };
        };
        let stand = tally.take(&piece.bytes);
        let (percent, of_range) = (tally.percent(), tally.of_range);
        inner.failures = 0;
        let range_done = of_range >= inner.range_len();
        let (code, percent) = match stand {
            Stand::Right => (of(Code::DownloadFinished), percent),
            Stand::Wrong => (of(Code::DownloadFinished), MISMATCH),
            Stand::TooMany => (of(Code::DownloadFetchTooMany), percent),
            Stand::Missing if range_done => (of(Code::DownloadRangeFinished), percent),
            Stand::Missing => (i32::try_from(piece.bytes.len()).unwrap_or(i32::MAX), percent),
        };
        inner.state = match piece.end {
            _ if code <= 0 => State::Over(code),
            Ok(()) => State::Fetching(pull),
            Err(error) => State::Failed { pull, error },
        };
        drop(inner);
        match stand {
            Stand::Right => log(of(Code::OtaDigestMatch), "the file is whole and right"),
            Stand::Wrong => {
                log(of(Code::OtaDigestMismatch), "the file does not hash to its digest");
                let _ = self.report(MISMATCH);
            }
            Stand::TooMany => log(code, "more bytes came than the file has: do ranges overlap?"),
            Stand::Missing => {}
        }
        self.tell(&mut piece.bytes, percent);
        code
    }

    /// A request failed: a new one follows where that can help, later with each failure.
    fn broken(&self, mut inner: MutexGuard<'_, Inner>, pull: Box<Pull>, error: &DownloadFailed) -> i32 {
        let code = failure_code(error);
        inner.failures += 1;
        let passes = match error {
            DownloadFailed::Download(error) => error.may_pass(),
            _ => false,
        };
        inner.state = if passes {
            let failures = inner.failures;
            let pause = inner.spread.pause(Policy::default().retry_first, LONGEST_PAUSE, failures);
            State::Broken { pull, until: Instant::now() + pause }
        } else {
            State::Over(code)
        };
        drop(inner);
        log(of(Code::DownloadRecvError), &error.to_string());
        if !passes {
            self.tell(&mut [], FETCH_FAILED);
        }
        code
    }

    /// Calls the program's handler. A negative percent is the last thing that it is told.
    fn tell(&self, bytes: &mut [u8], percent: i32) {
        let (handler, userdata) = {
            let mut inner = self.inner();
            if inner.gave_up {
                return;
            }
            inner.gave_up = percent < 0;
            (inner.settings.handler, inner.settings.userdata)
        };
        if let Some(handler) = handler {
            let packet = Recv::body(bytes, percent);
            // SAFETY: the program promised a function of that type; packet and bytes outlive the call; no lock is held.
            unsafe { handler(self.handle.0, &packet, userdata.0) };
        }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        lock(&self.inner)
    }
}

impl Inner {
    /// The last byte of the range that is set.
    fn last(&self, task: &Task) -> u32 {
        if self.settings.range_end == 0 { task.size - 1 } else { self.settings.range_end }
    }

    fn range_len(&self) -> u64 {
        let last = self.settings.task.as_ref().map_or(0, |task| self.last(task));
        u64::from(last.saturating_sub(self.settings.range_start)) + 1
    }

    /// The rest of the range that is set.
    fn pull(&mut self) -> Result<Pull, i32> {
        let task = self.settings.task.clone().ok_or(of(Code::DownloadRequestTaskDescIsNull))?;
        let Place::Link(Some(url)) = &task.place else { return Err(of(Code::DownloadRequestUrlIsNull)) };
        let url = complete(url, self.settings.port).map_err(of)?;
        let fetched = self.tally.as_ref().map_or(0, |tally| tally.of_range);
        let options = DownloadOptions {
            url,
            size: task.size.into(),
            // Counted here over all ranges.
            digest: None,
            start: u64::from(self.settings.range_start) + fetched,
            end: Some(self.last(&task).into()),
            // Each failure is told, and the program's next call goes on.
            policy: Policy { retry_attempts: 0, ..Policy::default() },
            seed: 0,
        };
        let download = Download::new(options).map_err(|error| match error {
            DownloadError::LinkTooLong { .. } => of(Code::OtaPathStringOverflow),
            _ => OUT_RANGE,
        })?;
        Pull::new(download, self.settings.cred.trust()?, None).map_err(|_| ADAPTER_COMMON)
    }
}

/// Fills a piece, or takes what came in time.
fn read(pull: &mut Pull, wanted: usize, patience: Duration) -> Piece {
    let deadline = Instant::now() + patience;
    let mut bytes = vec![0; wanted];
    let mut filled = 0;
    let mut end = Ok(());
    while let Some(rest) = bytes.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match pull.read(rest, deadline.saturating_duration_since(Instant::now())) {
            Ok(Pulled::Bytes(len)) => filled += len,
            Ok(Pulled::Waiting | Pulled::Done) => break,
            Err(error) => {
                end = Err(error);
                break;
            }
        }
    }
    bytes.truncate(filled);
    Piece { bytes, end }
}

/// Tells the platform how far a task is.
pub(crate) fn report(task: &Task, percent: i32) -> Result<(), i32> {
    let step = Step::from_code(percent.into()).ok_or(OUT_RANGE)?;
    let mqtt = mqtt::find(task.mqtt.0)?;
    let report =
        Report::Progress { module: task.module.clone(), step, description: String::new(), task: None };
    mqtt.report(&task.device, &report)
}

/// What the SDK gives for it.
fn failure_code(error: &DownloadFailed) -> i32 {
    let code = match error {
        DownloadFailed::Download(error) => match error {
            DownloadError::Trouble(Trouble::EndedEarly | Trouble::Fetch(FetchError::Broken(_))) => {
                return RECV_CONNECTION_CLOSED;
            }
            DownloadError::Trouble(Trouble::Fetch(FetchError::NotTrusted(_))) => {
                return TLS_INVALID_HANDSHAKE;
            }
            DownloadError::Trouble(Trouble::Silent) => return 0,
            DownloadError::Trouble(trouble) => trouble.state_code(),
            DownloadError::LinkRefused { .. } => Some(Code::DownloadHttprspCodeError),
            DownloadError::Size { .. } | DownloadError::Replaced(_) => Some(Code::DownloadHttprspHeaderError),
            _ => None,
        },
        _ => None,
    };
    code.map_or(ADAPTER_COMMON, of)
}
