//! What both generations of the interface do.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock},
    time::Duration,
};

use otaru_capi::lock;

use otaru_agent::{CallError, FetchError, HttpClient};
use otaru_wire::{
    ByteRange, DeviceId, Version,
    dialect::onenet::{
        Ask, Check, Generation, Handle, Hardware, Heard, Kind, Local, MAX_BODY_BYTES, Reply, ReturnCode,
        Step, Task, Versions,
    },
    http::Call,
    http_range::{ContentRange, RangeRequest},
};

use crate::{
    arguments::{INVALID, Outcome},
    fetched::Fetched,
};

/// `enum ota_state_t`: which call an answer came to.
#[derive(Debug, Clone, Copy)]
#[repr(u32)]
enum Event {
    PostVersion,
    CheckTask,
    CheckToken,
    DownloadPackage,
    ReportStatus,
}

/// `ota_evt_cb`.
pub(crate) type Callback = unsafe extern "C" fn(event: u32, data: *mut u8, data_len: u32) -> i32;

/// From `ota_init` to `ota_deinit`. No lock is held while a call is made or the program's callback runs, so that may call
/// back, and several threads may call.
pub(crate) struct Session {
    pub(crate) http: HttpClient,
    pub(crate) generation: Generation,
    pub(crate) device: DeviceId,
    pub(crate) authorization: String,
    pub(crate) kind: Kind,
    pub(crate) version: Version,
    /// The device wants an address instead of a name.
    pub(crate) cdn: bool,
    pub(crate) callback: Callback,
    pub(crate) fetched: Mutex<Option<Fetched>>,
}

/// The one session that a program has of a generation.
pub(crate) struct Slot(RwLock<Option<Arc<Session>>>);

impl Slot {
    pub(crate) const fn new() -> Self {
        Self(RwLock::new(None))
    }

    pub(crate) fn begin(&self, session: Session) -> Outcome {
        let mut slot = self.0.write().unwrap_or_else(PoisonError::into_inner);
        match *slot {
            Some(_) => Err(ReturnCode::Local(Local::Repetitive)),
            None => {
                *slot = Some(Arc::new(session));
                Ok(())
            }
        }
    }

    /// Calls under way end as if nothing had happened.
    pub(crate) fn end(&self) {
        let ended = self.0.write().unwrap_or_else(PoisonError::into_inner).take();
        drop(ended);
    }

    pub(crate) fn get(&self) -> Outcome<Arc<Session>> {
        let slot = self.0.read().unwrap_or_else(PoisonError::into_inner);
        slot.clone().ok_or(ReturnCode::Local(Local::Uninitialized))
    }
}

impl Session {
    pub(crate) fn post_version(&self, timeout_ms: u32) -> Outcome {
        let versions = Versions::one(self.kind, self.version.clone());
        self.ask(Event::PostVersion, &Ask::Version(versions), timeout_ms).map(drop)
    }

    /// The Task that there is. `take` puts it where the program wants it; only then it is this session's.
    pub(crate) fn check_task(&self, timeout_ms: u32, take: impl FnOnce(&Task) -> Outcome) -> Outcome {
        let hardware = Hardware { cdn: self.cdn, ..Hardware::default() };
        let check = Check { kind: self.kind, running: self.version.clone(), hardware };
        match self.ask(Event::CheckTask, &Ask::Check(check), timeout_ms)? {
            Reply::Task(task) => {
                take(&task)?;
                let mut fetched = self.fetched();
                let before = fetched.take();
                *fetched = Some(Fetched::of(&task, before));
                Ok(())
            }
            _ => Err(ReturnCode::Local(Local::NoMemory)),
        }
    }

    pub(crate) fn check_token(&self, task: Handle, timeout_ms: u32) -> Outcome {
        self.ask(Event::CheckToken, &Ask::TaskCheck(task), timeout_ms).map(drop)
    }

    pub(crate) fn report_status(&self, task: Handle, status: u32, timeout_ms: u32) -> Outcome {
        let step = Step::from_number(status.into()).ok_or(INVALID)?;
        let well = matches!(step, Step::Percent(100) | Step::Downloaded | Step::Upgraded);
        if well && self.fetched().as_ref().is_some_and(|it| it.is_of(&task) && !it.may_be_right()) {
            return Err(ReturnCode::Local(Local::InvalidData));
        }
        self.ask(Event::ReportStatus, &Ask::Step { task, step }, timeout_ms).map(drop)
    }

    /// Fetches `size` bytes from `start` on, fewer only at the end of the file.
    pub(crate) fn download(&self, task: Handle, start: u32, size: u32, timeout_ms: u32) -> Outcome {
        let wanted = ByteRange { start: start.into(), end: u64::from(start) + u64::from(size) };
        let last = wanted.end.checked_sub(1).filter(|_| size > 0).ok_or(INVALID)?;
        let range = RangeRequest::From { first: wanted.start, last: Some(last) };
        let call = self.write(&Ask::Download { task: task.clone(), range: Some(range) })?;
        let max = wanted.len().max(MAX_BODY_BYTES as u64);
        let answer = self.http.call(&call, timeout(timeout_ms), max).map_err(|error| match error {
            CallError::TooLong { .. } => ReturnCode::Local(Local::InvalidData),
            error => failed(error),
        })?;
        match Heard::read(&answer.head) {
            Ok(Heard::Bytes(content)) => self.piece(&task, wanted, content, answer.body),
            Ok(Heard::Byte) => {
                let reason =
                    <[u8; 1]>::try_from(answer.body).ok().and_then(|[byte]| ReturnCode::of_byte(byte));
                Err(reason.unwrap_or(ReturnCode::Local(Local::NoMemory)))
            }
            Err(error) => Err(ReturnCode::of_download(&error)),
        }
    }

    /// Gives the program a piece, if it is the one that it asked for, of the file that its Task is about.
    fn piece(&self, task: &Handle, wanted: ByteRange, content: ContentRange, piece: Vec<u8>) -> Outcome {
        {
            let mut fetched = self.fetched();
            let known = fetched.as_mut().filter(|known| known.is_of(task));
            let size = known.as_ref().map(|known| known.size());
            let other_file = content.total.zip(size).is_some_and(|(told, size)| told != size);
            let end = size.or(content.total).map_or(content.range.end, |size| wanted.end.min(size));
            let asked_for = content.range == ByteRange { end, ..wanted } && end <= wanted.end;
            if other_file
                || !asked_for
                || content.range.is_empty()
                || piece.len() as u64 != content.range.len()
            {
                return Err(ReturnCode::Local(Local::InvalidData));
            }
            if let Some(known) = known {
                known.take(content.range, &piece);
            }
        }
        self.tell(Event::DownloadPackage, piece);
        Ok(())
    }

    /// Asks the platform, and gives the program the answer as it came (§7.1, callback rules).
    fn ask(&self, event: Event, ask: &Ask, timeout_ms: u32) -> Outcome<Reply> {
        let call = self.write(ask)?;
        let answer = self.http.call(&call, timeout(timeout_ms), MAX_BODY_BYTES as u64).map_err(failed)?;
        let reply = Reply::read(self.generation, ask, &answer);
        if answer.head.is_success() {
            self.tell(event, answer.body);
        }
        match (ReturnCode::of(self.generation, &reply), reply) {
            (ReturnCode::Done, Ok(reply)) => Ok(reply),
            (code, _) => Err(code),
        }
    }

    fn write(&self, ask: &Ask) -> Outcome<Call> {
        ask.write(self.generation, &self.device, &self.authorization).map_err(|_| INVALID)
    }

    /// Calls the program. A NUL stands behind the bytes, because programs print them.
    fn tell(&self, event: Event, mut bytes: Vec<u8>) {
        let Ok(len) = u32::try_from(bytes.len()) else { return };
        bytes.push(0);
        // SAFETY: the program promised to take such calls; the bytes are ours and outlive this one.
        unsafe { (self.callback)(event as u32, bytes.as_mut_ptr(), len) };
    }

    fn fetched(&self) -> MutexGuard<'_, Option<Fetched>> {
        lock(&self.fetched)
    }
}

fn timeout(timeout_ms: u32) -> Duration {
    Duration::from_millis(timeout_ms.into())
}

fn failed(error: CallError) -> ReturnCode {
    ReturnCode::Local(match error {
        CallError::Timeout => Local::Timeout,
        CallError::TooLong { .. } => Local::Overflow,
        CallError::Fetch(FetchError::Unreachable(_)) => Local::Network,
        CallError::Fetch(FetchError::Broken(_)) => Local::Io,
        CallError::Fetch(_) => Local::RequestFailed,
    })
}
