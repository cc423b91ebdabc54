//! Dialects: one folder for each vendor, both directions of every message in one file.
//!
//! Two traits cut a dialect in half, so that a microcontroller links only [`DeviceHalf`].

pub mod aliyun;
mod calls;
mod error;
pub mod jd;
mod json;
pub mod onenet;
mod sign;

pub use calls::{AnswerError, Answered, CallHalf, FileError, FileHead, WriteError};
pub use error::{LoginError, ReadError};

use alloc::{string::String, vec::Vec};

use crate::{
    Block, BlockError, BlockRequest, Config, DeviceId, GatewayAnswer, GatewayRefusal, GatewayReport,
    MessageId, NoConfig, Notice, NoticeError, Report, Version, mqtt::Message,
};

/// The platform halves of every dialect, in the order in which a login is tried.
pub const PLATFORM_HALVES: &[&dyn PlatformHalf] = &[&aliyun::Platform, &jd::PLATFORM, &onenet::Platform];

/// The platform's half of the dialect of that name.
pub fn platform_half(name: &str) -> Option<&'static dyn PlatformHalf> {
    PLATFORM_HALVES.iter().copied().find(|half| half.name() == name)
}

/// The device halves of every dialect. One dialect may have several: its vendor's SDKs of several generations.
pub const DEVICE_HALVES: &[&dyn DeviceHalf] = &[
    &aliyun::Device,
    &aliyun::DeviceV3,
    &jd::DEVICE,
    &onenet::DEVICE_TOKEN,
    &onenet::DEVICE_TID,
    &onenet::DEVICE_FUSE,
];

/// The device's half of that name. A device that speaks only one names its type instead and links nothing else.
pub fn device_half(name: &str) -> Option<&'static dyn DeviceHalf> {
    DEVICE_HALVES.iter().copied().find(|half| half.name() == name)
}

/// What a device is given when it is made.
#[derive(Clone)]
pub struct Credentials {
    /// Who it is.
    pub id: DeviceId,
    /// The device's own secret. Never written to a log.
    pub secret: String,
}

impl core::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Credentials").field("id", &self.id).finish_non_exhaustive()
    }
}

/// The three texts of a CONNECT packet by which a device proves who it is.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Login {
    /// MQTT client id, parameters included.
    pub client_id: String,
    /// MQTT user name.
    pub user_name: String,
    /// MQTT password. Never written to a log.
    pub password: String,
}

impl core::fmt::Debug for Login {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Login")
            .field("client_id", &self.client_id)
            .field("user_name", &self.user_name)
            .finish_non_exhaustive()
    }
}

/// What a login may be proven by.
#[derive(Clone, Copy)]
pub struct LoginKeys<'a> {
    /// The device's own secret.
    pub device: &'a str,
    /// Its product's, where the dialect takes that, too.
    pub product: Option<&'a str>,
    /// What time it is, in seconds since 1970: some proofs expire. 0 if no proof is to count as expired.
    pub now_s: u64,
}

impl<'a> LoginKeys<'a> {
    /// The device's secret alone, at no time.
    pub fn of_device(secret: &'a str) -> Self {
        Self { device: secret, product: None, now_s: 0 }
    }
}

impl core::fmt::Debug for LoginKeys<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("LoginKeys").field("now_s", &self.now_s).finish_non_exhaustive()
    }
}

/// How the connection is made, as far as a login tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// Plain TCP.
    Plain,
    /// TLS.
    Tls,
}

/// The device's half of a dialect. Implementations keep no state.
pub trait DeviceHalf: Sync {
    /// Its own name: the dialect's, with the generation where there are several.
    fn name(&self) -> &'static str;

    /// The name of the platform's half that understands it.
    fn dialect(&self) -> &'static str;

    /// The login of a device.
    fn write_login(&self, credentials: &Credentials, transport: Transport) -> Login;

    /// Topic filters to subscribe to after each connect, if the platform needs that; harmless where it does not.
    fn subscriptions(&self, device: &DeviceId) -> Vec<String>;

    /// Topic filters that a gateway subscribes to beside its own: what the platform answers to its words about the
    /// devices behind it. Their own topics are [`DeviceHalf::subscriptions`] of each.
    fn gateway_subscriptions(&self, _gateway: &DeviceId) -> Vec<String> {
        Vec::new()
    }

    /// Whose topic it is, if it is one of this dialect's: where one session serves several devices, it says whom a message
    /// is for.
    fn addressee(&self, topic: &str) -> Option<DeviceId>;

    /// A report as the platform wants it. `id` numbers the device's messages. A [`Report::Gateway`] is the gateway's own;
    /// every other report of a device behind it is written for that device. None if this dialect has no word for it.
    fn write_report(&self, device: &DeviceId, id: u32, report: &Report) -> Option<Message>;

    /// What the platform says.
    ///
    /// # Errors
    /// [`ReadError`] if the message is for this device and topic but cannot be understood; nothing is to change then.
    fn read_message(&self, device: &DeviceId, topic: &str, payload: &[u8]) -> Result<Downlink, ReadError>;

    /// The number of a pushed notice, taken or not, if the platform wants to hear at once what became of it: the device says
    /// so with [`Report::NoticeTaken`]. None for everything else.
    fn push_to_answer(&self, _device: &DeviceId, _topic: &str, _payload: &[u8]) -> Option<MessageId> {
        None
    }

    /// How its platform is asked, if it is asked by HTTP calls. Then there need be no session, and [`DeviceHalf`] has words only
    /// for the one that says when to ask.
    fn calls(&self) -> Option<&dyn CallHalf> {
        None
    }
}

/// What a platform's message means to a device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Downlink {
    /// There is a Task, or fresh links for the one in hand.
    Notice(Notice),
    /// The answer to a query: nothing to do.
    NoTask,
    /// A part of a file that was asked for.
    Block(Block),
    /// There is a Config.
    Config {
        /// Which, and where.
        config: Config,
        /// The number to answer to if it was pushed; none if it was asked for.
        push: Option<MessageId>,
    },
    /// The answer to a query for a Config: there is none.
    NoConfig(NoConfig),
    /// The answer to a gateway's word about the devices behind it.
    Gateway(GatewayAnswer),
    /// The platform wants to be asked for a Task, by [`DeviceHalf::calls`].
    Poll,
    /// A topic this dialect does not know, or another device's.
    Foreign,
}

/// The platform's half of a dialect. Implementations keep no state.
pub trait PlatformHalf: Sync {
    /// The dialect's name, as in `--dialect`.
    fn name(&self) -> &'static str;

    /// Who a login claims to be, before anything is proven. The form alone decides whether a login is this
    /// dialect's.
    ///
    /// # Errors
    /// [`LoginError::NotThisDialect`] if another dialect should be tried, else what is malformed.
    fn read_login(&self, login: &Login) -> Result<DeviceId, LoginError>;

    /// Checks the proof in a login, in constant time.
    ///
    /// # Errors
    /// [`LoginError::WrongPassword`] if the proof does not hold, [`LoginError::Expired`] if it did once.
    fn verify_login(&self, login: &Login, keys: &LoginKeys<'_>) -> Result<(), LoginError>;

    /// May this device publish on this exact topic?
    fn may_publish(&self, device: &DeviceId, topic: &str) -> bool;

    /// May this device subscribe to this filter? Notices are delivered whether or not it does.
    fn may_subscribe(&self, device: &DeviceId, filter: &str) -> bool;

    /// The device behind a gateway that a topic, or a filter without wildcards, is of, if a gateway may use it on that
    /// device's behalf. Whether the device has logged in through that gateway is for the caller to know.
    fn on_behalf(&self, _topic: &str) -> Option<DeviceId> {
        None
    }

    /// What a device says on a topic it may publish on.
    ///
    /// # Errors
    /// [`ReadError`] if it cannot be understood; nothing is to change then.
    fn read_report(&self, topic: &str, payload: &[u8]) -> Result<Uplink, ReadError>;

    /// The notice, pushed. `now_ms` is wall-clock time in milliseconds since 1970: it numbers the message.
    ///
    /// # Errors
    /// [`NoticeError`] if no device may be sent such a notice.
    fn write_notice(&self, device: &DeviceId, now_ms: u64, notice: &Notice) -> Result<Message, NoticeError>;

    /// How long a device has to say [`Report::NoticeTaken`] of a notice that was pushed, in seconds. None if it need not. That
    /// it does not is worth a word in a log; whether it costs an attempt is a campaign's rule.
    fn push_reply_within_s(&self) -> Option<u64> {
        None
    }

    /// The answer to a [`Report::Query`]; no notice means nothing to do.
    ///
    /// # Errors
    /// [`NoticeError`] if no device may be sent such a notice.
    fn write_answer(&self, question: &Question<'_>, notice: Option<&Notice>) -> Result<Message, NoticeError>;

    /// The message that tells a device that its report, which came on `topic`, was heard. None if this dialect leaves such
    /// a report unanswered, or if what it asks for is the answer.
    fn write_receipt(&self, _topic: &str, _heard: &Uplink) -> Option<Message> {
        None
    }

    /// The message that tells a device that what it said on `topic` could not be understood. None if this dialect leaves that
    /// unanswered.
    fn write_refusal(&self, _topic: &str, _payload: &[u8], _error: &ReadError) -> Option<Message> {
        None
    }

    /// A part of a file, as the answer to the [`Report::Block`] with number `id`. None if this dialect has no files
    /// over MQTT.
    ///
    /// # Errors
    /// [`BlockError`] if the block is empty, too long or reaches past its file.
    fn write_block(
        &self,
        _device: &DeviceId,
        _id: &MessageId,
        _block: &Block,
    ) -> Result<Option<Message>, BlockError> {
        Ok(None)
    }

    /// The answer to a [`Report::Block`] that cannot be fulfilled; `reason` is for people. None if this dialect has no
    /// files over MQTT.
    fn write_block_refusal(
        &self,
        _device: &DeviceId,
        _id: &MessageId,
        _request: &BlockRequest,
        _reason: &str,
    ) -> Option<Message> {
        None
    }

    /// A Config, pushed. `now_ms` numbers the message, as in [`PlatformHalf::write_notice`]. None if this dialect has
    /// no remote configuration.
    ///
    /// # Errors
    /// [`NoticeError`] if no device may be sent such a Config.
    fn write_config(
        &self,
        _device: &DeviceId,
        _now_ms: u64,
        _config: &Config,
    ) -> Result<Option<Message>, NoticeError> {
        Ok(None)
    }

    /// The answer to the [`Report::ConfigQuery`] with number `id`. None if this dialect has no remote configuration.
    ///
    /// # Errors
    /// [`NoticeError`] if no device may be sent such a Config.
    fn write_config_answer(
        &self,
        _device: &DeviceId,
        _id: &MessageId,
        _answer: Result<&Config, NoConfig>,
    ) -> Result<Option<Message>, NoticeError> {
        Ok(None)
    }

    /// The answer to the [`Report::Gateway`] with number `id` that this gateway sent. None if this dialect has no gateways.
    fn write_gateway_answer(
        &self,
        _gateway: &DeviceId,
        _id: &MessageId,
        _report: &GatewayReport,
        _answer: Result<(), GatewayRefusal>,
    ) -> Option<Message> {
        None
    }
}

/// A device's question, as far as its answer depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Question<'a> {
    /// Where it was asked: some generations are answered where they ask.
    pub topic: &'a str,
    /// Who asks.
    pub device: &'a DeviceId,
    /// Its number.
    pub id: &'a MessageId,
    /// The version asked for, if the question names one.
    pub wanted: Option<&'a Version>,
}

/// A device's message, understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Uplink {
    /// Whom it speaks of: the topic's pair, which is a sub-device's when a gateway speaks for it.
    pub device: DeviceId,
    /// Its number; 0 if it had none.
    pub id: MessageId,
    /// What it says.
    pub report: Report,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_halves_of_every_dialect_are_found_by_one_name() {
        for half in PLATFORM_HALVES {
            assert_eq!(platform_half(half.name()).map(|found| found.name()), Some(half.name()));
            assert!(DEVICE_HALVES.iter().any(|device| device.dialect() == half.name()), "{}", half.name());
        }
        for half in DEVICE_HALVES {
            assert_eq!(device_half(half.name()).map(|found| found.name()), Some(half.name()));
            assert!(platform_half(half.dialect()).is_some(), "{}", half.name());
        }
        assert!(platform_half("").is_none());
        assert!(device_half("Aliyun").is_none());
    }

    #[test]
    fn no_secret_shows_in_a_debug_text() {
        let id = DeviceId { product: "a1DemoPk001".parse().unwrap(), device: "dev-one".parse().unwrap() };
        let credentials = Credentials { id, secret: "s3cret".into() };
        let login = aliyun::Device.write_login(&credentials, Transport::Plain);
        let keys = LoginKeys { product: Some("s3cret"), ..LoginKeys::of_device("s3cret") };
        let shown = alloc::format!("{credentials:?} {login:?} {keys:?}");
        assert!(!shown.contains("s3cret") && !shown.contains(&login.password), "{shown}");
    }
}
