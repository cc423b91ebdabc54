//! The device's half: neutral reports as calls, answers in neutral words, and the session that says when to ask.

use alloc::{
    boxed::Box,
    format,
    string::{String, ToString},
    vec::Vec,
};

use super::{
    AccessKey, AnswerError as Unanswered, Ask, AuthorizationError, Check, Claim, DownloadError,
    DownloadRefusal, Edition, Generation, Handle, Hardware, Heard, Kind, Method, Refusal, Reply, Resource,
    Status, Step, Terms, Versions, inform,
};
use crate::{
    DeviceId, MessageId, Report, Version,
    dialect::{
        AnswerError, Answered, CallHalf, Credentials, DeviceHalf, Downlink, FileError, FileHead, Login,
        LoginError, ReadError, Transport, WriteError,
    },
    http::{Answer, Call, Head},
    mqtt::Message,
};

/// The dialect's name, of every generation.
const NAME: &str = "onenet";

/// When the tokens of the vendor's own clients expire: its users write no other into firmware (onenet §8, §9 item 21).
const FAR_S: u64 = 2_524_579_200;

/// The device's half for the first generation, as it comes.
pub static DEVICE_TOKEN: Device = Device::new(Generation::Token);

/// The device's half for the second generation, as it comes.
pub static DEVICE_TID: Device = Device::new(Generation::Tid);

/// The device's half for the third generation, as it comes.
pub static DEVICE_FUSE: Device = Device::new(Generation::Fuse);

/// The device's half, with what its user may choose.
#[derive(Debug, Clone)]
pub struct Device {
    /// Which of the platforms it speaks to.
    pub generation: Generation,
    /// What it tells of itself; only [`Generation::Token`] is told.
    pub hardware: Hardware,
    /// How it proves who it is.
    pub signing: Signing,
}

/// How a device proves who it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signing {
    /// The form of the text.
    pub edition: Edition,
    /// What it speaks for, which is a matter of whose key the secret is.
    pub form: Form,
    /// The hash it is signed with.
    pub method: Method,
    /// How long it holds.
    pub expiry: Expiry,
}

/// What a signed text speaks for (onenet §3.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Form {
    /// The product: the secret is the product's access key.
    Product,
    /// The device: the secret is its own key, or the product's.
    Device,
    /// An account of the vendor's cloud: the secret is the account's access key.
    User(String),
}

/// How long a signed text holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expiry {
    /// So many seconds from when it is signed. The device's clock must be right.
    In(u64),
    /// Until then, in seconds since 1970: for a device without a clock.
    At(u64),
}

impl Device {
    /// A half that signs as its generation accepts (onenet §3.1): by the product in the first, by the device in the others, always
    /// as of 2018 and by SHA-256, for a day.
    pub const fn new(generation: Generation) -> Self {
        let form = match generation {
            Generation::Token => Form::Product,
            Generation::Tid | Generation::Fuse => Form::Device,
        };
        let signing =
            Signing { edition: Edition::E2018, form, method: Method::Sha256, expiry: Expiry::In(86_400) };
        let hardware = Hardware { cdn: false, manuf: None, model: None, signal: None, power: None };
        Self { generation, hardware, signing }
    }

    fn claim(&self, device: &DeviceId, form: &Form, expires_s: u64) -> Claim {
        let Signing { edition, method, .. } = self.signing;
        let resource = match form {
            Form::Product => Resource::Product(device.product.clone()),
            Form::Device => Resource::Device(device.clone()),
            Form::User(user) => Resource::User(user.clone()),
        };
        Claim { edition, resource, expires_s, method }
    }

    /// What a report is in this dialect; none if it has no word for it.
    fn ask(&self, report: &Report) -> Option<Ask> {
        let handle = |task| Handle::of(task, self.generation);
        Some(match report {
            Report::Version { module, version } => Ask::Version(versions(Kind::of(module)?, version)),
            Report::Query { module, running, .. } => Ask::Check(Check {
                kind: Kind::of(module)?,
                running: running.clone()?,
                hardware: self.hardware.clone(),
            }),
            Report::TaskCheck { task } => Ask::TaskCheck(handle(task)?),
            Report::Progress { task, step, .. } => {
                Ask::Step { task: handle(task.as_ref()?)?, step: Step::of(*step) }
            }
            Report::Done { task } => Ask::Step { task: handle(task)?, step: Step::Upgraded },
            _ => return None,
        })
    }

    fn answered(&self, device: &DeviceId, ask: &Ask, reply: Reply) -> Result<Answered, AnswerError> {
        Ok(match (ask, reply) {
            (Ask::Check(check), Reply::Task(task)) => {
                let base = match &task.terms {
                    Terms::Tid { status: Status::Succeeded | Status::Failed | Status::Canceled, .. } => {
                        return Ok(Answered::NoTask);
                    }
                    Terms::Token { ip_port: Some(address), .. } => format!("http://{address}"),
                    Terms::Token { .. } | Terms::Tid { .. } => String::new(),
                };
                Answered::Task(Box::new(task.notice(self.generation, device, check.kind, &base)?))
            }
            (Ask::TaskCheck(_), Reply::Status(status)) => match status {
                Status::Waiting | Status::Downloading | Status::Upgrading => Answered::GoOn,
                Status::Succeeded => Answered::Over { reason: Refusal::Finished.meaning() },
                Status::Failed => Answered::Over { reason: "the Task failed" },
                Status::Canceled => Answered::Over { reason: Refusal::Canceled.meaning() },
            },
            (Ask::TaskCheck(_), Reply::Done) => Answered::GoOn,
            (ask, Reply::Refused(refusal)) => return self.refused(ask, refusal),
            _ => Answered::Heard,
        })
    }

    /// What a refusal means to who asked that (onenet §4.1).
    fn refused(&self, ask: &Ask, refusal: Refusal) -> Result<Answered, AnswerError> {
        let (code, meaning) = (refusal.number(self.generation), refusal.meaning());
        Ok(match (ask, refusal) {
            (_, Refusal::Internal) => return Err(AnswerError::Unable { code, meaning }),
            (_, Refusal::NotAuthentic) => return Err(AnswerError::NotAuthentic { code }),
            (Ask::Check(_), refusal) if refusal.is_no_task() || refusal.ends_task() => Answered::NoTask,
            (Ask::Check(_) | Ask::TaskCheck(_), Refusal::Paused) => Answered::Paused,
            // The platform believes that the device installs already; a download that it lacks is no fault of the Task.
            (Ask::TaskCheck(_), Refusal::NotOpen) => Answered::GoOn,
            (Ask::TaskCheck(_), Refusal::OldToken | Refusal::WrongToken) => Answered::Renamed,
            (Ask::TaskCheck(_), Refusal::NoTask | Refusal::AlreadyThere) => {
                Answered::Over { reason: meaning }
            }
            (Ask::TaskCheck(_) | Ask::Step { .. }, refusal) if refusal.ends_task() => {
                Answered::Over { reason: meaning }
            }
            _ => return Err(AnswerError::Refused { code, meaning }),
        })
    }
}

fn versions(kind: Kind, version: &Version) -> Versions {
    match kind {
        Kind::Fota => Versions { fota: Some(version.clone()), sota: None },
        Kind::Sota => Versions { fota: None, sota: Some(version.clone()) },
    }
}

impl CallHalf for Device {
    fn write_call(&self, device: &DeviceId, report: &Report) -> Result<Call, WriteError> {
        let ask = self.ask(report).ok_or(WriteError::NoWord)?;
        ask.call(self.generation, device, None).map_err(|error| WriteError::Unsound(error.to_string()))
    }

    fn read_answer(
        &self,
        device: &DeviceId,
        asked: &Report,
        answer: &Answer,
    ) -> Result<Answered, AnswerError> {
        let Some(ask) = self.ask(asked) else { return Ok(Answered::Heard) };
        match Reply::read(self.generation, &ask, answer) {
            Ok(reply) => self.answered(device, &ask, reply),
            Err(Unanswered::Unreadable(error)) => Err(error.into()),
            Err(Unanswered::Http { status }) => Err(http_error(status)),
        }
    }

    fn write_authorization(&self, credentials: &Credentials, now_s: u64) -> Result<String, LoginError> {
        let expires_s = match self.signing.expiry {
            Expiry::In(life_s) => now_s.saturating_add(life_s),
            Expiry::At(expires_s) => expires_s,
        };
        Ok(self.claim(&credentials.id, &self.signing.form, expires_s).sign(&key(credentials)?))
    }

    fn write_probe(&self, device: &DeviceId) -> Result<Call, WriteError> {
        let call = Ask::Versions.call(self.generation, device, None);
        call.map_err(|error| WriteError::Unsound(error.to_string()))
    }

    fn read_believed(&self, answer: &Answer) -> Result<(), AnswerError> {
        let ask = Ask::Version(Versions::default()); // whose answer may hold anything
        match Reply::read(self.generation, &ask, answer) {
            Ok(Reply::Refused(refusal @ (Refusal::NotAuthentic | Refusal::Internal))) => {
                self.refused(&ask, refusal).map(drop)
            }
            Ok(_) => Ok(()),
            Err(Unanswered::Unreadable(error)) => Err(error.into()),
            Err(Unanswered::Http { status }) => Err(http_error(status)),
        }
    }

    /// 64 KiB. The vendor's example asks for 4096 bytes (onenet §8), for the memory of small devices; each piece costs two calls
    /// here, and one connection serves no more than 1000 (onenet §5).
    fn piece_bytes(&self) -> u64 {
        64 * 1024
    }

    fn read_file_head(&self, head: &Head) -> Result<FileHead, FileError> {
        match Heard::read(head) {
            Ok(Heard::Bytes(_)) => Ok(FileHead::Bytes),
            Ok(Heard::Byte) => Ok(FileHead::Reason),
            Err(DownloadError::Refused(refusal)) => Err(file_error(refusal, self.generation)),
            Err(DownloadError::Http { status: code @ (401 | 403 | 404 | 410) }) => {
                Err(FileError::Link { code, meaning: "it does not work any more" })
            }
            Err(DownloadError::Http { status }) => {
                Err(FileError::Unable { code: status, meaning: "the HTTP status has no file" })
            }
            Err(DownloadError::Header { header }) => {
                let meaning = match header {
                    "Ota-Errno" => "Ota-Errno is no number",
                    "Content-Length" => "Content-Length is no number",
                    _ => "Content-Range is missing, malformed or contradicts itself",
                };
                Err(FileError::Unable { code: 0, meaning })
            }
            Err(DownloadError::Message) => {
                Err(FileError::Unable { code: head.status, meaning: "a message came instead of a file" })
            }
        }
    }

    fn read_file_reason(&self, body: &[u8]) -> FileError {
        let refusal = match body {
            [byte] => DownloadRefusal::from_byte(*byte),
            _ => None,
        };
        let nothing = FileError::Unable { code: 0, meaning: "neither a length nor a reason came" };
        refusal.map_or(nothing, |refusal| file_error(refusal, self.generation))
    }
}

/// The vendor's devices give up at once (onenet §4.3); ours ask for the Task again where that may mend it.
fn file_error(refusal: DownloadRefusal, generation: Generation) -> FileError {
    let code = match refusal {
        DownloadRefusal::Other(number) => number.into(),
        known => known.number(generation).into(),
    };
    match refusal {
        DownloadRefusal::Over => FileError::Over { code },
        DownloadRefusal::NoFile => FileError::Link { code, meaning: "there is no such file" },
        DownloadRefusal::NoDevice => FileError::Link { code, meaning: "the device is unknown" },
        DownloadRefusal::SizeDiffers => {
            FileError::Link { code, meaning: "the file's size is not the Task's" }
        }
        DownloadRefusal::NotAuthentic => {
            FileError::Link { code, meaning: "the token or the authorization does not hold" }
        }
        DownloadRefusal::Unobtainable => FileError::Unable { code, meaning: "the file cannot be had now" },
        DownloadRefusal::BadParameter => FileError::Unable { code, meaning: "a parameter is malformed" },
        DownloadRefusal::Restricted => {
            FileError::Unable { code, meaning: "the radio cell may not be used now" }
        }
        DownloadRefusal::Other(_) => {
            FileError::Unable { code, meaning: "a number that the sheet does not have" }
        }
    }
}

/// What an HTTP status means that is no success. It is no word of the platform about what was asked: whoever stands before it
/// may have said so.
fn http_error(status: u16) -> AnswerError {
    let code = status.into();
    match status {
        401 | 403 => AnswerError::NotAuthentic { code },
        408 | 429 => AnswerError::Unable { code, meaning: "HTTP says to come back later" },
        400..500 => AnswerError::Unable { code, meaning: "HTTP says that there is no such call" },
        _ => AnswerError::Unable { code, meaning: "the HTTP status has no answer" },
    }
}

fn key(credentials: &Credentials) -> Result<AccessKey, LoginError> {
    AccessKey::from_base64(&credentials.secret).map_err(|error| {
        let problem = match error {
            AuthorizationError::Malformed { problem, .. } => problem,
            _ => "it is no access key",
        };
        LoginError::Malformed { part: "secret", problem }
    })
}

/// Words for the session that says when to ask. The first generation has none (onenet §6.1).
impl DeviceHalf for Device {
    fn name(&self) -> &'static str {
        self.generation.name()
    }

    fn dialect(&self) -> &'static str {
        NAME
    }

    /// Signed for the device, as the broker wants it, until [`Expiry::At`], else until 2050: a login has no clock, and the
    /// vendor's own users write that year. A secret that is no key gives a password that nobody accepts.
    fn write_login(&self, credentials: &Credentials, _transport: Transport) -> Login {
        let expires_s = match self.signing.expiry {
            Expiry::In(_) => FAR_S,
            Expiry::At(expires_s) => expires_s,
        };
        let claim = self.claim(&credentials.id, &Form::Device, expires_s);
        key(credentials)
            .map_or_else(|_| Login::default(), |key| inform::write_login(&credentials.id, &claim, &key))
    }

    fn subscriptions(&self, device: &DeviceId) -> Vec<String> {
        match self.generation {
            Generation::Token => Vec::new(),
            Generation::Tid | Generation::Fuse => [inform::topic(device)].into(),
        }
    }

    fn addressee(&self, topic: &str) -> Option<DeviceId> {
        inform::addressee(topic)
    }

    /// Only the reply to a notice: all else is said by [`DeviceHalf::calls`].
    fn write_report(&self, device: &DeviceId, _id: u32, report: &Report) -> Option<Message> {
        match report {
            Report::NoticeTaken { push: MessageId::Text(push), .. } => {
                Some(inform::write_reply(device, push))
            }
            Report::NoticeTaken { push: MessageId::Number(push), .. } => {
                Some(inform::write_reply(device, &push.to_string()))
            }
            _ => None,
        }
    }

    fn read_message(&self, device: &DeviceId, topic: &str, payload: &[u8]) -> Result<Downlink, ReadError> {
        match topic == inform::topic(device) && self.generation != Generation::Token {
            true => inform::read(payload).map(|_| Downlink::Poll),
            false => Ok(Downlink::Foreign),
        }
    }

    /// The platform waits 20 seconds for it (onenet §6.1).
    fn push_to_answer(&self, device: &DeviceId, topic: &str, payload: &[u8]) -> Option<MessageId> {
        let ours = topic == inform::topic(device) && self.generation != Generation::Token;
        ours.then(|| inform::read(payload).ok().map(MessageId::Text))?
    }

    fn calls(&self) -> Option<&dyn CallHalf> {
        Some(self)
    }
}

#[cfg(test)]
mod tests;
