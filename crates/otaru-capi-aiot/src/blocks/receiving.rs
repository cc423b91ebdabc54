//! What a handle stands for: one file that comes in blocks.

use std::{
    ffi::{c_uint, c_void},
    sync::{Arc, Mutex, MutexGuard, TryLockError},
};

use otaru_capi::{lock, out_text};
use otaru_core::{
    BlockDownload, BlockDownloadError, BlockDownloadOptions, BlockDownloadOutput as Output, Policy,
};
use otaru_wire::{
    Block, BlockError, ByteRange, DeviceId, Hasher, Report,
    dialect::{DeviceHalf, Downlink, ReadError, aliyun, aliyun::StateCode, aliyun::Topic},
    mqtt::Message,
};

use super::{Data, HANDLES, Recv, RecvHandler};
use crate::{
    code::{
        BLOCKS_FAILED_MISMATCH, BLOCKS_FAILED_RECVERROR, BLOCKS_FAILED_TIMEOUT, BLOCKS_FILESIZE_ERROR,
        BLOCKS_FINISHED, BLOCKS_ING, BLOCKS_SUCCESS, BLOCKS_TASK_DEINIT, OUT_RANGE, of,
    },
    download::report,
    given::{Own, function, value},
    mqtt::{self, Mqtt},
    ota::{Place, Task, TaskDesc},
    state::log,
};

/// The word of the vendor's SDK for its one download (§3.1), which otaru's requests each make their own.
const TOKEN: &str = "default";
/// Requests without a block of use before the download is given up (§3.3).
const RETRIES: u32 = 3;
/// Percent between two reports of progress (§3.3).
const STRIDE: i32 = 5;

pub(super) struct Receiving {
    handle: Own,
    inner: Mutex<Inner>,
    /// Held by the one thread that does what the download says, so that bytes reach the program in their order.
    performing: Mutex<()>,
}

#[derive(Default)]
struct Inner {
    handler: Option<RecvHandler>,
    userdata: Own,
    task: Option<Arc<Task>>,
    range_start: u32,
    /// Exclusive; 0: the file's end.
    range_end: u32,
    block_bytes: u32,
    stage: Stage,
    reported: i32,
}

#[derive(Default)]
enum Stage {
    #[default]
    Init,
    Going(Box<Going>),
    /// Every byte came; whether they are right is told by the next call.
    Finished {
        right: bool,
    },
    Over(i32),
}

struct Going {
    download: BlockDownload,
    /// Over the whole file; none for a part.
    hasher: Option<Hasher>,
    token: String,
}

impl Receiving {
    pub(super) fn new(handle: *mut c_void) -> Self {
        let inner = Inner { block_bytes: Policy::default().block_bytes, ..Inner::default() };
        Self { handle: Own(handle), inner: Mutex::new(inner), performing: Mutex::default() }
    }

    /// # Safety
    /// `data` is what the option wants, and not null.
    pub(super) unsafe fn set(&self, option: c_uint, data: *mut c_void) -> Result<(), i32> {
        let mut inner = self.inner();
        // SAFETY: as the caller promises, for each option its type.
        unsafe {
            match option {
                0 => inner.handler = function(data),
                2 => inner.userdata = Own(data),
                3 => {
                    let copied = Task::copy(&value::<TaskDesc>(data)?);
                    inner.task = Some(Arc::new(copied.ok_or(of(StateCode::DownloadSetoptCopiedDataIsNull))?));
                    inner.stage = Stage::Init;
                    inner.reported = 0;
                }
                4 => inner.range_start = value(data)?,
                5 => inner.range_end = value(data)?,
                6 => inner.block_bytes = value(data)?,
                _ => return Err(OUT_RANGE),
            }
        }
        Ok(())
    }

    /// Begins, lets time pass, and tells how it stands (§3.3). Once it is over it stays over.
    pub(super) fn process(&self) -> i32 {
        let Some(task) = self.inner().task.clone() else { return BLOCKS_TASK_DEINIT };
        let Ok(mqtt) = mqtt::find(task.mqtt.0) else { return BLOCKS_TASK_DEINIT };
        let (code, step) = {
            let mut inner = self.inner();
            match &mut inner.stage {
                Stage::Init => match inner.begin(&task, &mqtt, self.handle) {
                    Ok(()) => (BLOCKS_ING, None),
                    Err(code) => return code,
                },
                Stage::Going(going) => {
                    going.download.timer(mqtt.now());
                    let percent = i32::from(going.download.percent());
                    let due = percent < 100 && percent - inner.reported >= STRIDE;
                    (BLOCKS_ING, due.then_some(percent))
                }
                Stage::Finished { right } => {
                    let over = if *right { (BLOCKS_SUCCESS, 100) } else { (BLOCKS_FAILED_MISMATCH, -3) };
                    inner.stage = Stage::Over(over.0);
                    (over.0, Some(over.1))
                }
                Stage::Over(code) => (*code, None),
            }
        };
        if let Some(step) = step {
            self.inner().reported = step;
            // That it cannot be sent is logged.
            let _ = report(&task, step);
        }
        let failed = self.perform(&task, &mqtt).or_else(|| self.finished());
        failed.unwrap_or(code)
    }

    /// Told once when every byte is here.
    fn finished(&self) -> Option<i32> {
        let mut inner = self.inner();
        let Stage::Going(going) = &inner.stage else { return None };
        if going.download.percent() < 100 {
            return None;
        }
        let digest = inner.task.as_ref().and_then(|task| task.digest);
        let right = match &going.hasher {
            Some(hasher) => Some(hasher.clone().finish()) == digest,
            None => true,
        };
        inner.stage = Stage::Finished { right };
        drop(inner);
        match right {
            true => log(of(StateCode::OtaDigestMatch), "every byte is here, and right as far as was checked"),
            false => log(of(StateCode::OtaDigestMismatch), "the file does not hash to its digest"),
        }
        Some(BLOCKS_FINISHED)
    }

    /// A message on the topic of blocks; it may be another download's.
    fn hear(&self, gateway: &DeviceId, message: &Message) {
        let block: Result<Block, BlockError> =
            match aliyun::Device.read_message(gateway, &message.topic, &message.payload) {
                Ok(Downlink::Block(block)) => Ok(block),
                Err(ReadError::Block(error)) => Err(error),
                _ => return,
            };
        let Some(task) = self.inner().task.clone() else { return };
        let Ok(mqtt) = mqtt::find(task.mqtt.0) else { return };
        if let Stage::Going(going) = &mut self.inner().stage {
            going.download.handle(mqtt.now(), block);
        }
        self.perform(&task, &mqtt);
    }

    /// Does what the download says; gives the code of its failure, if it failed. The program's own code may call the library
    /// meanwhile: what it finds being done is left to the thread that does it.
    fn perform(&self, task: &Task, mqtt: &Mqtt) -> Option<i32> {
        let _performing = match self.performing.try_lock() {
            Ok(turn) => turn,
            Err(TryLockError::Poisoned(turn)) => turn.into_inner(),
            Err(TryLockError::WouldBlock) => return None,
        };
        loop {
            let (output, token, percent) = {
                let mut inner = self.inner();
                let Stage::Going(going) = &mut inner.stage else { return None };
                let output = going.download.poll()?;
                if let (Output::Bytes { bytes, .. }, Some(hasher)) = (&output, &mut going.hasher) {
                    hasher.update(bytes);
                }
                (output, going.token.clone(), going.download.percent())
            };
            match output {
                Output::Ask(request) => {
                    let gateway = mqtt.settings().device();
                    // Without a session it is asked for again when its time is over.
                    let _ = gateway.and_then(|gateway| mqtt.report(&gateway, &Report::Block(request)));
                }
                Output::Bytes { offset, mut bytes } => self.tell(task, &token, offset, &mut bytes, percent),
                Output::Done => return None,
                Output::Failed(error) => {
                    let code = match error {
                        BlockDownloadError::Unanswered => BLOCKS_FAILED_TIMEOUT,
                        _ => BLOCKS_FAILED_RECVERROR,
                    };
                    self.inner().stage = Stage::Over(code);
                    log(code, &error.to_string());
                    // Writing failed, as far as the platform is concerned (§3.3).
                    let _ = report(task, -4);
                    return Some(code);
                }
            }
        }
    }

    fn tell(&self, task: &Task, token: &str, offset: u64, bytes: &mut [u8], percent: u8) {
        let (handler, userdata) = {
            let inner = self.inner();
            (inner.handler, inner.userdata)
        };
        let Some(handler) = handler else { return };
        let name = out_text(token);
        let data = Data {
            filename: name.as_ptr().cast_mut(),
            offset: u32::try_from(offset).unwrap_or(u32::MAX),
            data_size: u32::try_from(bytes.len()).unwrap_or(u32::MAX),
            data: bytes.as_mut_ptr().cast(),
            percent: percent.into(),
            file_length: i32::try_from(task.size).unwrap_or(i32::MAX),
        };
        // SAFETY: the program promised a function of that type; packet, name and bytes outlive the call; no lock is held.
        unsafe { handler(self.handle.0, &Recv { kind: 0, data }, userdata.0) };
    }

    /// Takes no blocks any more.
    pub(super) fn leave(&self) {
        let Some(task) = self.inner().task.clone() else { return };
        let Ok(mqtt) = mqtt::find(task.mqtt.0) else { return };
        let topic = mqtt.settings().device().map(|gateway| Topic::FileDownloadReply.of(&gateway));
        mqtt.leave(self.handle, topic.ok().as_deref());
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        lock(&self.inner)
    }
}

impl Inner {
    /// Subscribes and asks for the first block.
    fn begin(&mut self, task: &Task, mqtt: &Mqtt, handle: Own) -> Result<(), i32> {
        let Place::Stream { stream, file } = task.place else { return Err(BLOCKS_TASK_DEINIT) };
        let end = if self.range_end == 0 { task.size } else { self.range_end };
        let range = ByteRange { start: self.range_start.into(), end: end.into() };
        let whole = range.start == 0 && range.end == u64::from(task.size);
        let token = format!("{TOKEN}-{:x}", handle.0.addr());
        let options = BlockDownloadOptions {
            stream: stream.into(),
            file,
            size: task.size.into(),
            range,
            token: token.clone(),
            policy: Policy { block_bytes: self.block_bytes, retry_attempts: RETRIES, ..Policy::default() },
        };
        let mut download = BlockDownload::new(options).map_err(|_| BLOCKS_FILESIZE_ERROR)?;
        download.go(mqtt.now());
        let gateway = mqtt.settings().device()?;
        let topic = Topic::FileDownloadReply.of(&gateway);
        let take = move |message: &Message| {
            if let Some(receiving) = HANDLES.get(handle.pointer()) {
                receiving.hear(&gateway, message);
            }
        };
        mqtt.take(handle, &topic, true, Arc::new(take));
        let hasher = whole.then(|| Hasher::new(task.method));
        self.stage = Stage::Going(Box::new(Going { download, hasher, token }));
        Ok(())
    }
}
