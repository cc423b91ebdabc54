//! JD Cloud IoT Engine. Facts: the sheet jd-iot-engine. What JD never published, most of what a device says among it, is the
//! table of `unpublished.rs`.
//!
//! A device here is one device: JD updates no parts and no devices behind gateways, and has no remote configuration of this
//! kind (§3.1). So this dialect has no word for modules, blocks, Configs and gateways.

mod envelope;
mod login;
mod notice;
mod progress;
mod query;
mod topics;
mod unpublished;
mod version;

pub use progress::Status;
pub use unpublished::{Leaves, LoginPatterns, PROPOSAL, Statuses, Unpublished};

use alloc::{
    format,
    string::{String, ToString},
    vec::Vec,
};

use super::{
    Credentials, DeviceHalf, Downlink, Login, LoginError, LoginKeys, PlatformHalf, Question, ReadError,
    Transport, Uplink, json,
};
use crate::{
    DeviceId, MessageId, Notice, NoticeError, Report,
    mqtt::{Message, Qos},
};
use topics::Place;

/// The dialect's name, of both halves.
const NAME: &str = "jd";

/// The code of a message that says that all is well.
const OK: u16 = 200;

/// The code of an answer to what cannot be understood.
const REFUSED: u16 = 400;

/// The device's half with the proposal.
pub static DEVICE: Device = Device(&PROPOSAL);

/// The platform's half with the proposal.
pub static PLATFORM: Platform = Platform(&PROPOSAL);

/// The device's half, with what was never published.
#[derive(Debug, Clone, Copy)]
pub struct Device(pub &'static Unpublished);

/// The platform's half, with what was never published.
#[derive(Debug, Clone, Copy)]
pub struct Platform(pub &'static Unpublished);

impl Device {
    /// The topic on which notices are pushed (jd-iot-engine §4.1).
    pub fn push_topic(&self, device: &DeviceId) -> String {
        topics::of(device, topics::UPGRADE)
    }

    /// The topic on which questions for a firmware are answered (jd-iot-engine §4.2).
    pub fn answer_topic(&self, device: &DeviceId) -> String {
        topics::of(device, topics::GET_REPLY)
    }

    /// Progress as JD's C interface has it, with a status of its own beside the percentage (jd-iot-engine §6.1). Percent above
    /// 100 is 100.
    pub fn write_status(&self, device: &DeviceId, id: u32, status: Status, percent: u8) -> Message {
        let Unpublished { leaves, statuses, .. } = self.0;
        said(topics::of(device, &leaves.progress), progress::write(statuses, id, status, percent, ""))
    }
}

impl DeviceHalf for Device {
    fn name(&self) -> &'static str {
        NAME
    }

    fn dialect(&self) -> &'static str {
        NAME
    }

    fn write_login(&self, credentials: &Credentials, _transport: Transport) -> Login {
        login::write(&self.0.login, credentials)
    }

    /// The SDK subscribes to the push by itself and leaves the answer to its user (jd-iot-engine §6.1).
    fn subscriptions(&self, device: &DeviceId) -> Vec<String> {
        [self.push_topic(device), self.answer_topic(device)].into()
    }

    fn addressee(&self, topic: &str) -> Option<DeviceId> {
        Place::parse(topic)?.device().ok()
    }

    fn write_report(&self, device: &DeviceId, id: u32, report: &Report) -> Option<Message> {
        let Unpublished { leaves, statuses, .. } = self.0;
        let (leaf, payload) = match report {
            Report::Version { module, version } if module.is_default() => {
                (&leaves.version, version::write(id, version))
            }
            Report::Progress { module, step, description, .. } if module.is_default() => {
                let (status, percent) = Status::of(*step);
                (&leaves.progress, progress::write(statuses, id, status, percent, description))
            }
            Report::Query { module, wanted, .. } if module.is_default() => {
                (&leaves.get, query::write(id, wanted.as_ref()))
            }
            Report::NoticeTaken { push, code } => (&leaves.upgrade_reply, envelope::reply(push, *code)),
            _ => return None,
        };
        Some(said(topics::of(device, leaf), payload))
    }

    fn read_message(&self, device: &DeviceId, topic: &str, payload: &[u8]) -> Result<Downlink, ReadError> {
        match Place::parse(topic).filter(|place| place.is_of(device)).map(|place| place.leaf) {
            Some(topics::UPGRADE) => notice::read_push(payload),
            Some(topics::GET_REPLY) => notice::read_answer(payload),
            _ => Ok(Downlink::Foreign),
        }
    }

    /// A push that nobody answers within 10 seconds has failed (jd-iot-engine §7.3).
    fn push_to_answer(&self, device: &DeviceId, topic: &str, payload: &[u8]) -> Option<MessageId> {
        let place = Place::parse(topic)?;
        let message = envelope::read(payload).ok().filter(|message| message.has("msgId"))?;
        (place.is_of(device) && place.leaf == topics::UPGRADE).then(|| message.id().ok())?
    }
}

impl PlatformHalf for Platform {
    fn name(&self) -> &'static str {
        NAME
    }

    fn read_login(&self, login: &Login) -> Result<DeviceId, LoginError> {
        login::read(&self.0.login, login)
    }

    fn verify_login(&self, login: &Login, keys: &LoginKeys<'_>) -> Result<(), LoginError> {
        login::verify(&self.0.login, login, keys.device)
    }

    /// On every leaf about its own firmware: the real ones are not known.
    fn may_publish(&self, device: &DeviceId, topic: &str) -> bool {
        Place::parse(topic).is_some_and(|place| place.is_of(device))
    }

    /// Whatever is its own, wildcards included: an SDK subscribes to its services and properties as well.
    fn may_subscribe(&self, device: &DeviceId, filter: &str) -> bool {
        filter.strip_prefix(&topics::own(device)).is_some_and(|rest| !rest.is_empty())
    }

    /// By content, not by leaf, but for `get` (jd-iot-engine §5).
    fn read_report(&self, topic: &str, payload: &[u8]) -> Result<Uplink, ReadError> {
        let place = Place::parse(topic).ok_or(ReadError::UnknownTopic)?;
        let message = envelope::read(payload)?;
        let (id, data) = (message.id()?, message.data()?.unwrap_or_default());
        let report = if place.leaf == self.0.leaves.get {
            query::read(&data)?
        } else if progress::is(&data) {
            progress::read(&self.0.statuses, &message, &data)?
        } else if version::is(&data) {
            version::read(&data)?
        } else if let Some(code) = message.code()? {
            Report::NoticeTaken { push: id.clone(), code }
        } else {
            let (leaf, keys, inner) = (place.leaf, message.names(), data.names());
            return Err(json::malformed(&format!(
                "nothing known on leaf {leaf}: keys {keys}; in data: {inner}"
            )));
        };
        Ok(Uplink { device: place.device()?, id, report })
    }

    fn write_notice(&self, device: &DeviceId, now_ms: u64, notice: &Notice) -> Result<Message, NoticeError> {
        Ok(said(topics::of(device, topics::UPGRADE), notice::write_push(now_ms, notice)?))
    }

    fn write_answer(&self, question: &Question<'_>, notice: Option<&Notice>) -> Result<Message, NoticeError> {
        let payload = match notice {
            Some(notice) => notice::write_answer(question.id, notice)?,
            None => query::write_nothing(question.id, question.wanted),
        };
        Ok(said(topics::reply_to(question.topic), payload))
    }

    /// Version and progress are answered where they were said (jd-iot-engine §5).
    fn write_receipt(&self, topic: &str, heard: &Uplink) -> Option<Message> {
        let answered = matches!(heard.report, Report::Version { .. } | Report::Progress { .. });
        answered.then(|| said(topics::reply_to(topic), envelope::reply(&heard.id, OK)))
    }

    /// In JD's form of an answer that failed, where it was said, with the number if that could be read.
    fn write_refusal(&self, topic: &str, payload: &[u8], error: &ReadError) -> Option<Message> {
        let place = Place::parse(topic).filter(|place| !topics::is_reply(place.leaf))?;
        let id = envelope::read(payload).and_then(|message| message.id()).unwrap_or(MessageId::Number(0));
        let why: String = error.to_string().chars().take(MAX_TOLD).collect();
        let told = envelope::refusal(&id, REFUSED, &why);
        place.device().is_ok().then(|| said(topics::reply_to(topic), told))
    }
}

/// The most of what is wrong that a device is told, in characters: a stranger's text may be in it.
const MAX_TOLD: usize = 200;

/// QoS 1, never retained (jd-iot-engine §5).
fn said(topic: String, payload: String) -> Message {
    Message { topic, payload: payload.into_bytes(), qos: Qos::AtLeastOnce }
}

#[cfg(test)]
mod tests;
