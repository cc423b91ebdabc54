//! Updates: who listens for them, what is in hand, how its bytes are taken (aliyun-iotkit-v3 §3).

mod api;
mod ioctl;
mod task;

pub(crate) use api::{close, open};
pub(crate) use task::Job;

use std::{
    ffi::{c_int, c_void},
    hash::{BuildHasher, RandomState},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicI32, Ordering},
    },
    time::{Duration, Instant},
};

use otaru_agent::{Download, DownloadError, DownloadFailed, DownloadOptions, Policy, Pull, Pulled, Trouble};
use otaru_wire::{
    DeviceId, Failure, MessageId, Module, Report, Step as Progress, Version,
    dialect::{DeviceHalf, Downlink, aliyun::DeviceV3},
    mqtt::{Message, PublishError},
};

use otaru_capi::lock;

use crate::{
    codes::{BAD_ANSWER, BROKEN, FAIL, TIMED_OUT, ota::INVALID_STATE},
    log::{Level, log},
    mqtt::client::{Client, Listener},
    settings::settings,
};
use task::{Step, Taken, Task, Wanted};

/// What the vendor's SDK says with the first byte (aliyun-iotkit-v3 §2.3).
const ENTERED: &str = "Enter in downloading state";
/// The least time between two questions for a fresh link.
const ASK_AGAIN: Duration = Duration::from_secs(10);

/// `int (*)(void *context)`, called with the handle.
pub(crate) type OnPushed = unsafe extern "C" fn(*mut c_void) -> c_int;

/// Who hears of a push.
#[derive(Clone, Copy)]
pub(crate) enum OnNews {
    /// Nobody: the application asks.
    Nobody,
    /// The application's function.
    Application(OnPushed),
    /// A part of the library.
    Library(fn(&Ota)),
}

/// One device's updates.
pub(crate) struct Ota {
    handle: usize,
    pub(crate) device: DeviceId,
    pub(crate) client: Arc<Client>,
    task: Mutex<Task>,
    download: Mutex<Running>,
    on_news: Mutex<OnNews>,
    /// A push came that the application has not heard of.
    news: AtomicBool,
    last_error: AtomicI32,
}

/// The download under way, if there is one.
#[derive(Default)]
struct Running {
    pull: Option<(u64, String, Pull)>,
    asked: Option<Instant>,
}

impl Listener for Ota {
    fn heard(&self, message: &Message) -> bool {
        match DeviceV3.read_message(&self.device, &message.topic, &message.payload) {
            Ok(Downlink::Notice(notice)) => self.pushed(Job::Firmware(notice)),
            Ok(Downlink::Config { config, push }) => self.pushed(Job::Config(config, push)),
            Ok(Downlink::NoTask) => log(Level::Info, "the platform has no update"),
            Ok(Downlink::NoConfig(why)) => {
                log(Level::Info, format_args!("the platform has no configuration: {why:?}"))
            }
            Ok(_) => return false,
            Err(error) => log(Level::Warning, format_args!("a message is dropped: {error}")),
        }
        true
    }

    /// While a task is in hand, the old version would make some platforms fail it.
    fn reconnected(&self) {
        if lock(&self.task).job().is_none() {
            self.client.report_running();
        }
    }

    fn tell(&self) {
        let on_news = *lock(&self.on_news);
        if matches!(on_news, OnNews::Nobody) || !self.news.swap(false, Ordering::AcqRel) {
            return;
        }
        match on_news {
            OnNews::Nobody => {}
            OnNews::Library(tell) => tell(self),
            OnNews::Application(callback) => {
                let handle = std::ptr::without_provenance_mut(self.handle);
                // SAFETY: what the application registered; it is called with nothing locked.
                unsafe { callback(handle) };
            }
        }
    }
}

impl Ota {
    fn new(handle: *mut c_void, device: DeviceId, client: Arc<Client>) -> Self {
        Self {
            handle: handle.addr(),
            device,
            client,
            task: Mutex::default(),
            download: Mutex::default(),
            on_news: Mutex::new(OnNews::Nobody),
            news: AtomicBool::new(false),
            last_error: AtomicI32::new(0),
        }
    }

    /// A push came, or the answer to a question.
    fn pushed(&self, job: Job) {
        let push = match &job {
            Job::Config(_, push) => push.clone(),
            Job::Firmware(_) => None,
        };
        let taken = lock(&self.task).push(job);
        match taken {
            Ok(Taken::Pushed) => self.news.store(true, Ordering::Release),
            Ok(Taken::Renewed) => log(Level::Info, "the update in hand has a fresh link"),
            Err(why) => {
                log(Level::Warning, format_args!("a push is dropped: {why:?}"));
                self.answer(push, false);
            }
        }
    }

    /// Says whether a pushed configuration is taken.
    fn answer(&self, push: Option<MessageId>, good: bool) {
        if let Some(push) = push {
            let code = if good { 200 } else { 400 };
            let _ = self.report(0, &Report::ConfigTaken { push, code });
        }
    }

    /// Who is to hear of pushes.
    pub(crate) fn on_news(&self, on_news: OnNews) {
        *lock(&self.on_news) = on_news;
    }

    /// What looks into the task.
    pub(crate) fn with_task<T>(&self, look: impl FnOnce(&mut Task) -> T) -> T {
        look(&mut lock(&self.task))
    }

    pub(crate) fn report(&self, id: u32, report: &Report) -> Result<(), PublishError> {
        self.client.report(id, report)
    }

    /// The module of which progress is told: the application's, or the job's.
    fn module(&self) -> Module {
        let own = settings().module.clone();
        own.or_else(|| lock(&self.task).module().cloned()).unwrap_or_default()
    }

    /// Tells how far the update is.
    pub(crate) fn progress(&self, step: Progress, description: &str) -> Result<(), PublishError> {
        let description = description.to_owned();
        self.report(0, &Report::Progress { module: self.module(), task: None, step, description })
    }

    /// Asks whether there is an update.
    pub(crate) fn ask_for_update(&self, running: Option<Version>) -> Result<(), PublishError> {
        let module = self.module();
        self.report(0, &Report::Query { module, running, wanted: None })
    }

    /// Are all bytes there and good? `None` before they are. A bad image is told to the platform, once.
    pub(crate) fn check(&self) -> Option<bool> {
        let (good, first, job) = {
            let mut task = lock(&self.task);
            let (good, first) = task.check()?;
            (good, first, task.job().cloned()?)
        };
        match job {
            Job::Firmware(_) if first && !good => {
                let _ = self.progress(Progress::Failed(Failure::Digest), "");
            }
            Job::Config(_, push) if first => self.answer(push, good),
            _ => {}
        }
        Some(good)
    }

    /// Fetches the next bytes into `room` and waits at most `patience` for them; fills it as far as they come in time. The
    /// error is one of the vendor's numbers. What came is kept, whatever breaks.
    pub(crate) fn fetch(&self, room: &mut [u8], patience: Duration) -> Result<usize, c_int> {
        let deadline = Instant::now() + patience;
        let mut running = lock(&self.download);
        let mut filled = 0;
        loop {
            let Some(wanted) = lock(&self.task).fetch() else {
                running.pull = None;
                return if filled > 0 { Ok(filled) } else { Err(INVALID_STATE) };
            };
            let rest = room.get_mut(filled..).unwrap_or_default();
            if rest.is_empty() {
                return Ok(filled);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            let pulled = self.pull(&mut running, &wanted).and_then(|pull| pull.read(rest, left));
            match pulled {
                Ok(Pulled::Bytes(len)) => {
                    let given = rest.get(..len).unwrap_or_default();
                    let (step, firmware) = {
                        let mut task = lock(&self.task);
                        (task.given(wanted.generation, given), matches!(task.job(), Some(Job::Firmware(_))))
                    };
                    match step {
                        Step::Stale => continue,
                        // Of a configuration nothing is told: nobody could tell it from an image (§2.4).
                        Step::First if firmware => {
                            let _ = self.progress(Progress::Percent(0), ENTERED);
                        }
                        Step::First | Step::More => {}
                    }
                    filled += len;
                }
                Ok(Pulled::Waiting | Pulled::Done) if filled > 0 => return Ok(filled),
                Ok(Pulled::Waiting | Pulled::Done) => return Err(TIMED_OUT),
                Err(error) if filled > 0 => {
                    log(Level::Warning, format_args!("the download broke: {error}"));
                    return Ok(filled);
                }
                Err(error) => return Err(self.failed(&mut running, &wanted, &error)),
            }
        }
    }

    /// The download of what is wanted: the one under way, with a fresh link if there is one, or a new one.
    fn pull<'a>(&self, running: &'a mut Running, wanted: &Wanted) -> Result<&'a mut Pull, DownloadFailed> {
        match &mut running.pull {
            Some((generation, link, pull)) if *generation == wanted.generation => {
                if *link != wanted.url {
                    pull.renew(wanted.url.clone())?;
                    link.clone_from(&wanted.url);
                }
            }
            _ => running.pull = None,
        }
        if running.pull.is_none() {
            let download = Download::new(DownloadOptions {
                url: wanted.url.clone(),
                size: wanted.size,
                // The bytes are hashed as the application gets them, and checked when it asks.
                digest: None,
                start: wanted.fetched,
                end: None,
                policy: policy(),
                seed: RandomState::new().hash_one(0),
            })?;
            let pull = Pull::new(download, self.client.trust.clone(), None)?;
            running.pull = Some((wanted.generation, wanted.url.clone(), pull));
        }
        match &mut running.pull {
            Some((_, _, pull)) => Ok(pull),
            None => Err(DownloadFailed::System(std::io::ErrorKind::NotFound.into())),
        }
    }

    /// The vendor's number for what broke a download; what can be done about it is begun.
    fn failed(&self, running: &mut Running, wanted: &Wanted, error: &DownloadFailed) -> c_int {
        log(Level::Warning, format_args!("the download broke at byte {}: {error}", wanted.fetched));
        match error {
            DownloadFailed::Download(DownloadError::LinkRefused { .. }) => {
                let again = running.asked.is_none_or(|asked| asked.elapsed() >= ASK_AGAIN);
                let firmware = lock(&self.task).job().is_some_and(|job| matches!(job, Job::Firmware(_)));
                if again && firmware && self.ask_for_update(None).is_ok() {
                    running.asked = Some(Instant::now());
                }
                BROKEN
            }
            DownloadFailed::Download(DownloadError::Trouble(Trouble::NoLength))
            | DownloadFailed::Download(DownloadError::Size { .. } | DownloadError::Replaced(_)) => BAD_ANSWER,
            DownloadFailed::Download(_) => BROKEN,
            _ => FAIL,
        }
    }

    /// Where the next call on the handle finds its last error.
    pub(crate) fn erred(&self, code: c_int) -> c_int {
        self.last_error.store(code, Ordering::Relaxed);
        code
    }
}

/// An application asks again and again, so the pauses are short; each call tells when one broke.
fn policy() -> Policy {
    Policy {
        retry_first: Duration::from_millis(200),
        retry_longest: Duration::from_secs(10),
        ..Policy::default()
    }
}
