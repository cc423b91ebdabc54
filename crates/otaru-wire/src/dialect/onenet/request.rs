//! What a device asks, in neutral words, and as a call of each generation (onenet §2): both directions.

use alloc::string::String;

use super::{
    AccessKey, Authorization, AuthorizationError, DownloadRefusal, Generation, Handle, Kind, Refusal, Reply,
    Step, Token, Versions,
};
use crate::{
    DeviceId, IdError, ProductKey, Version,
    dialect::ReadError,
    http::{Answer, Call, Headers, Method},
    http_range::RangeRequest,
};

mod read;
mod route;
mod write;

pub use read::{read, takes_body};

/// The longest version that the vendor's platforms take in a check, in bytes (onenet §2.3).
const MAX_RUNNING_BYTES: usize = 20;

/// What a device asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ask {
    /// It reports what it runs.
    Version(Versions),
    /// What has it reported?
    Versions,
    /// Is there a Task? The platform takes the running version as a report.
    Check(Check),
    /// Is this Task still to be done? Asked before each piece.
    TaskCheck(Handle),
    /// A file, or a part of it.
    Download {
        /// The Task.
        task: Handle,
        /// The part; all of it if none.
        range: Option<RangeRequest>,
    },
    /// How far a Task is, or how it ended.
    Step {
        /// The Task.
        task: Handle,
        /// How far.
        step: Step,
    },
    /// Which Task was running before the power went? Only [`Generation::Token`].
    Running {
        /// Of which firmware.
        kind: Kind,
        /// As in [`Check`].
        cdn: bool,
    },
    /// The older report of a result. Only [`Generation::Token`].
    Result {
        /// The Task.
        token: Token,
        /// 1xx, then 2xx.
        step: Step,
    },
    /// Which number has the device with this text? Only [`Generation::Token`].
    DeviceNumber {
        /// The text it was registered with; at most 128 bytes.
        auth_info: String,
    },
}

/// A question for a Task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// Of which firmware.
    pub kind: Kind,
    /// What of it is running.
    pub running: Version,
    /// The rest, which only [`Generation::Token`] has.
    pub hardware: Hardware,
}

/// What a device of the first generation tells of itself. The vendor's C client sends nothing but `cdn` (onenet §9 item 5).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Hardware {
    /// It cannot resolve names: the answer is to have an address.
    pub cdn: bool,
    /// Vendor code, 1 to 8 digits.
    pub manuf: Option<String>,
    /// Module code, 1 to 8 digits.
    pub model: Option<String>,
    /// How strong its signal is.
    pub signal: Option<u32>,
    /// How full its battery is.
    pub power: Option<u32>,
}

/// True for a vendor's or module's code: 1 to 8 digits. The vendor's have 3 and 5 (onenet §2.3).
fn is_code(text: &str) -> bool {
    (1..=8).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Why a device's question cannot be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AskError {
    /// That generation has no such request, or names Tasks otherwise.
    #[error("{} has no such request", generation.name())]
    NotSpoken {
        /// The generation.
        generation: Generation,
    },
    /// A code of the hardware is none.
    #[error("{name} is not 1 to 8 digits")]
    Code {
        /// `manuf` or `model`.
        name: &'static str,
    },
    /// The platform would refuse the version.
    #[error("the running version has {len} bytes; this platform takes {MAX_RUNNING_BYTES}")]
    VersionTooLong {
        /// Its length in bytes.
        len: usize,
    },
}

/// Whom a request is of, before anything is proven.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Who {
    /// A device.
    Device(DeviceId),
    /// A device that does not know its number yet.
    Product(ProductKey),
}

/// A request as the platform understands it.
#[derive(Debug)]
pub enum Request {
    /// A signed one.
    Signed(Signed),
    /// A download by token, which is a proof by itself.
    Bearer(Bearer),
}

/// A signed request. What it asks is told once its proof holds.
#[derive(Debug)]
pub struct Signed {
    /// How it was spelled, and how it is answered.
    pub generation: Generation,
    /// Whom it is of: look up the keys.
    pub who: Who,
    authorization: Authorization,
    ask: Ask,
}

impl Signed {
    /// Does it ask for a file? Then no client may take what it is answered for one, whatever goes wrong.
    pub fn asks_for_file(&self) -> bool {
        matches!(self.ask, Ask::Download { .. })
    }

    /// What it asks, if one of the keys proves it: the product's and the device's are both good (onenet §3.1). `now_s` as
    /// in [`Authorization::verify`].
    ///
    /// # Errors
    /// [`Rejection`] if none of them does, or the proof expired.
    pub fn open(self, keys: &[AccessKey], now_s: u64) -> Result<Ask, Rejection> {
        let download = self.asks_for_file();
        match prove(&self.authorization, keys, now_s) {
            Ok(()) => Ok(self.ask),
            Err(error) => {
                let device = match self.who {
                    Who::Device(device) => Some(device),
                    Who::Product(_) => None,
                };
                Err(Rejection { generation: self.generation, download, device, error: error.into() })
            }
        }
    }
}

fn prove(authorization: &Authorization, keys: &[AccessKey], now_s: u64) -> Result<(), AuthorizationError> {
    let mut result = Err(AuthorizationError::WrongSign);
    for key in keys {
        match authorization.verify(key, now_s) {
            Err(AuthorizationError::WrongSign) => {}
            proven => result = proven,
        }
    }
    result
}

/// A download by token. Only [`Generation::Token`] has it, and only there a device is not named (onenet §2.1 row 4).
#[derive(Debug)]
pub struct Bearer {
    /// The Task's token: look up its device.
    pub token: Token,
    authorization: Option<Authorization>,
    range: Option<RangeRequest>,
}

impl Bearer {
    /// The part that is asked for, all of the file if none. `device` is the token's and `keys` are its own: if a proof was
    /// sent beside the token, it must hold.
    ///
    /// # Errors
    /// [`Rejection`] if the proof does not hold or speaks for somebody else.
    pub fn open(
        self,
        device: &DeviceId,
        keys: &[AccessKey],
        now_s: u64,
    ) -> Result<Option<RangeRequest>, Rejection> {
        let proven = match &self.authorization {
            None => Ok(()),
            Some(sent) if sent.claim().resource.speaks_for(device) => prove(sent, keys, now_s),
            Some(_) => Err(AuthorizationError::ForeignResource),
        };
        match proven {
            Ok(()) => Ok(self.range),
            Err(error) => {
                let (generation, device) = (Generation::Token, Some(device.clone()));
                Err(Rejection { generation, download: true, device, error: error.into() })
            }
        }
    }
}

/// A request of this dialect that is refused before anybody is asked. Nothing changes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{error}")]
pub struct Rejection {
    /// How it is answered.
    pub generation: Generation,
    /// True if a file was asked for: no client may take the answer for one.
    pub download: bool,
    /// The device that it names, for the log: nothing is proven.
    pub device: Option<DeviceId>,
    /// What is wrong with it.
    pub error: RequestError,
}

/// What is wrong with a request. The device's fault.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// The path is good for another method.
    #[error("this path has another method")]
    Method,
    /// Path and query are longer than any can be.
    #[error("the target has {len} bytes; at most {max} are read")]
    TargetTooLong {
        /// Their length in bytes.
        len: usize,
        /// The longest length read, in bytes.
        max: usize,
    },
    /// There is no `Authorization`.
    #[error("the request has no Authorization header")]
    NotSigned,
    /// It cannot be read, or proves nothing.
    #[error(transparent)]
    Authorization(#[from] AuthorizationError),
    /// A query's parameter is missing or malformed.
    #[error("the parameter {name} is missing or malformed")]
    Parameter {
        /// Which.
        name: &'static str,
    },
    /// A version is no version.
    #[error(transparent)]
    Version(IdError),
    /// A name, a token or a tid is none.
    #[error("the request names no device or task: {0}")]
    Name(&'static str),
    /// The body cannot be understood.
    #[error(transparent)]
    Body(#[from] ReadError),
    /// The result of the older report cannot be understood.
    #[error("the result is none: {0}")]
    Result(ReadError),
}

impl Rejection {
    /// The answer, in its generation's form: a reply, or a refused download that no client takes for a file.
    /// `request_id` as in [`Reply::write`].
    pub fn answer(&self, request_id: &str) -> Answer {
        if !self.download {
            return Reply::Refused(self.refusal()).write(self.generation, request_id);
        }
        DownloadRefusal::from(self).answer(self.generation)
    }

    /// How the platform says it where no file was asked for.
    pub fn refusal(&self) -> Refusal {
        match &self.error {
            RequestError::NotSigned | RequestError::Authorization(_) => Refusal::NotAuthentic,
            RequestError::Version(_) | RequestError::Body(ReadError::Id(_)) => Refusal::BadVersion,
            RequestError::Result(_) => Refusal::BadResult,
            RequestError::Method
            | RequestError::TargetTooLong { .. }
            | RequestError::Parameter { .. }
            | RequestError::Name(_)
            | RequestError::Body(_) => Refusal::BadParameter,
        }
    }
}

#[cfg(test)]
mod tests;
