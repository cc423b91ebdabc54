//! Alibaba Cloud IoT Platform: the generations of Link SDK v4 and of iotkit-embedded v3. Facts: the sheets
//! aliyun-link-sdk-v4 and aliyun-iotkit-v3. What only v3 has is in `v3.rs`.
//!
//! One file a message, both directions in it. What is written is exact to the byte, because stock SDKs search texts
//! instead of parsing JSON; what is read is taken in every spelling that a known SDK, platform or document has.

mod block;
mod config;
mod gateway;
mod login;
mod notice;
mod progress;
mod query;
pub mod regions;
pub mod registration;
#[cfg(test)]
mod samples;
mod state_code;
mod stock;
mod topics;
mod v3;
mod version;
mod writer;

pub use state_code::{Reach, StateCode};
pub use topics::Topic;
pub use v3::DeviceV3;

use alloc::{string::String, vec::Vec};

use super::{
    Credentials, DeviceHalf, Downlink, Login, LoginError, LoginKeys, PlatformHalf, Question, ReadError,
    Transport, Uplink, json, sign,
};
use crate::{
    Block, BlockError, BlockRequest, Config, DeviceId, GatewayRefusal, GatewayReport, MessageId, NoConfig,
    Notice, NoticeError, Report, Step,
    mqtt::{Message, Qos},
};

/// The dialect's name, of both halves.
const NAME: &str = "aliyun";

/// What a device may publish on.
const UP: [Topic; 11] = [
    Topic::Inform,
    Topic::Progress,
    Topic::FirmwareGet,
    Topic::ConfigGet,
    Topic::ConfigPushReply,
    Topic::Request,
    Topic::FileDownload,
    Topic::TopologyAdd,
    Topic::TopologyDelete,
    Topic::CombineLogin,
    Topic::CombineLogout,
];

/// What a gateway may publish on or subscribe to on behalf of a device behind it. Blocks of files have the gateway's own
/// topics (aliyun-link-sdk-v4 §2.1).
const ON_BEHALF: [Topic; 10] = [
    Topic::Inform,
    Topic::Upgrade,
    Topic::Progress,
    Topic::FirmwareGet,
    Topic::FirmwareGetReply,
    Topic::ConfigGet,
    Topic::ConfigGetReply,
    Topic::ConfigPush,
    Topic::ConfigPushReply,
    Topic::Request,
];

/// What a device subscribes to.
const DOWN: [Topic; 5] = [
    Topic::Upgrade,
    Topic::FirmwareGetReply,
    Topic::ConfigGetReply,
    Topic::ConfigPush,
    Topic::FileDownloadReply,
];

/// What a gateway subscribes to beside that.
const DOWN_TO_GATEWAY: [Topic; 4] = [
    Topic::TopologyAddReply,
    Topic::TopologyDeleteReply,
    Topic::CombineLoginReply,
    Topic::CombineLogoutReply,
];

/// The device's half, as a device with the v4 SDK speaks.
#[derive(Debug, Clone, Copy)]
pub struct Device;

/// The platform's half.
#[derive(Debug, Clone, Copy)]
pub struct Platform;

impl Device {
    /// [`DeviceHalf::write_login`] with what a program of the vendor's SDK may set itself: the text after `securemode=`
    /// in place of 2 or 3, and pairs added to the client id. Neither is signed.
    pub fn write_login_with(&self, credentials: &Credentials, secure_mode: &str, extra: &str) -> Login {
        login::write_with(credentials, secure_mode, extra)
    }
}

impl DeviceHalf for Device {
    fn name(&self) -> &'static str {
        NAME
    }

    fn dialect(&self) -> &'static str {
        NAME
    }

    fn write_login(&self, credentials: &Credentials, transport: Transport) -> Login {
        login::write(credentials, transport)
    }

    /// The vendor's platform delivers without a SUBSCRIBE and takes one too; other brokers need it
    /// (aliyun-link-sdk-v4 §2.1).
    fn subscriptions(&self, device: &DeviceId) -> Vec<String> {
        DOWN.map(|topic| topic.of(device)).into()
    }

    fn gateway_subscriptions(&self, gateway: &DeviceId) -> Vec<String> {
        DOWN_TO_GATEWAY.map(|topic| topic.of(gateway)).into()
    }

    fn addressee(&self, topic: &str) -> Option<DeviceId> {
        Topic::parse(topic)?.device().ok()
    }

    /// Version reports and failures bear QoS 1, because a Task ends by them; percentages and queries bear QoS 0.
    /// The v4 SDK sends all with QoS 0, v3 its version with QoS 1; the platform takes both
    /// (aliyun-link-sdk-v4 §2.1, aliyun-iotkit-v3 §2.0).
    fn write_report(&self, device: &DeviceId, id: u32, report: &Report) -> Option<Message> {
        let (topic, payload, qos) = match report {
            Report::Version { module, version } => {
                (Topic::Inform, version::write(id, module, version), Qos::AtLeastOnce)
            }
            Report::Progress { module, step, description, .. } => {
                let qos = match step {
                    Step::Percent(_) => Qos::AtMostOnce,
                    Step::Failed(_) => Qos::AtLeastOnce,
                };
                (Topic::Progress, progress::write(id, module, *step, description), qos)
            }
            Report::Query { module, .. } => (Topic::FirmwareGet, query::write(id, module), Qos::AtMostOnce),
            Report::Block(request) => {
                (Topic::FileDownload, block::write_request(id, request), Qos::AtMostOnce)
            }
            Report::ConfigQuery => (Topic::ConfigGet, config::write_query(id), Qos::AtMostOnce),
            Report::ConfigTaken { push, code } => {
                (Topic::ConfigPushReply, config::write_taken(push, *code), Qos::AtMostOnce)
            }
            Report::Gateway(report) => {
                let (topic, payload) = gateway::write(id, report);
                (topic, payload, Qos::AtMostOnce)
            }
            // A push is not answered (aliyun-link-sdk-v4 §2.3).
            Report::NoticeTaken { .. } | Report::TaskCheck { .. } | Report::Done { .. } => return None,
        };
        Some(Message { topic: topic.of(device), payload: payload.into_bytes(), qos })
    }

    fn read_message(&self, device: &DeviceId, topic: &str, payload: &[u8]) -> Result<Downlink, ReadError> {
        match Topic::parse(topic).filter(|place| place.is_of(device)).map(|place| place.topic) {
            Some(Topic::Upgrade) => notice::read_push(payload),
            Some(Topic::FirmwareGetReply) => notice::read_answer(payload),
            Some(Topic::ConfigPush) => config::read_push(payload),
            Some(Topic::ConfigGetReply) => config::read_answer(payload),
            Some(Topic::FileDownloadReply) => block::read_reply(payload),
            Some(topic) if DOWN_TO_GATEWAY.contains(&topic) => gateway::read_answer(payload),
            _ => Ok(Downlink::Foreign),
        }
    }
}

impl PlatformHalf for Platform {
    fn name(&self) -> &'static str {
        NAME
    }

    fn read_login(&self, login: &Login) -> Result<DeviceId, LoginError> {
        login::read(login)
    }

    fn verify_login(&self, login: &Login, keys: &LoginKeys<'_>) -> Result<(), LoginError> {
        login::verify(login, keys.device)
    }

    fn may_publish(&self, device: &DeviceId, topic: &str) -> bool {
        Topic::parse(topic).is_some_and(|place| place.is_of(device) && UP.contains(&place.topic))
    }

    fn may_subscribe(&self, device: &DeviceId, filter: &str) -> bool {
        let listens =
            |topic| DOWN.contains(&topic) || DOWN_TO_GATEWAY.contains(&topic) || topic == Topic::Request;
        Topic::parse(filter).is_some_and(|place| place.is_of(device) && listens(place.topic))
    }

    fn on_behalf(&self, topic: &str) -> Option<DeviceId> {
        let place = Topic::parse(topic).filter(|place| ON_BEHALF.contains(&place.topic))?;
        place.device().ok()
    }

    fn read_report(&self, topic: &str, payload: &[u8]) -> Result<Uplink, ReadError> {
        let place = Topic::parse(topic).ok_or(ReadError::UnknownTopic)?;
        let (id, report) = match place.topic {
            Topic::Inform => version::read(payload)?,
            Topic::Progress => progress::read(payload)?,
            Topic::FirmwareGet | Topic::Request => query::read(payload)?,
            Topic::ConfigGet => config::read_query(payload)?,
            Topic::ConfigPushReply => config::read_taken(payload)?,
            Topic::FileDownload => block::read_request(payload)?,
            topic if UP.contains(&topic) => gateway::read(topic, payload)?,
            _ => return Err(ReadError::UnknownTopic),
        };
        Ok(Uplink { device: place.device()?, id, report })
    }

    /// QoS 0, as the vendor's platform pushes (aliyun-link-sdk-v4 §2.1): what gets lost is told again when the
    /// device connects, reports or asks.
    fn write_notice(&self, device: &DeviceId, now_ms: u64, notice: &Notice) -> Result<Message, NoticeError> {
        let payload = notice::write_push(now_ms, notice)?;
        Ok(Message { topic: Topic::Upgrade.of(device), payload: payload.into_bytes(), qos: Qos::AtMostOnce })
    }

    /// On v3's topic in v3's form, else in v4's (aliyun-iotkit-v3 §2.0, §2.2).
    fn write_answer(&self, question: &Question<'_>, notice: Option<&Notice>) -> Result<Message, NoticeError> {
        let Question { topic, device, id, .. } = *question;
        let by_request = Topic::parse(topic).is_some_and(|place| place.topic == Topic::Request);
        let topic = if by_request { Topic::Request } else { Topic::FirmwareGetReply };
        let payload = match notice {
            Some(notice) if by_request => notice::write_v3_answer(id, notice)?,
            Some(notice) => notice::write_answer(id, notice)?,
            None => query::write_nothing(id),
        };
        Ok(down(topic, device, payload.into_bytes()))
    }

    fn write_block(
        &self,
        device: &DeviceId,
        id: &MessageId,
        block: &Block,
    ) -> Result<Option<Message>, BlockError> {
        let payload = block::write_reply(id, block)?;
        Ok(Some(down(Topic::FileDownloadReply, device, payload)))
    }

    fn write_block_refusal(
        &self,
        device: &DeviceId,
        id: &MessageId,
        request: &BlockRequest,
        reason: &str,
    ) -> Option<Message> {
        let payload = block::write_refusal(id, request, reason);
        Some(down(Topic::FileDownloadReply, device, payload))
    }

    fn write_config(
        &self,
        device: &DeviceId,
        now_ms: u64,
        config: &Config,
    ) -> Result<Option<Message>, NoticeError> {
        let payload = config::write_push(now_ms, config)?;
        Ok(Some(down(Topic::ConfigPush, device, payload.into_bytes())))
    }

    fn write_config_answer(
        &self,
        device: &DeviceId,
        id: &MessageId,
        answer: Result<&Config, NoConfig>,
    ) -> Result<Option<Message>, NoticeError> {
        let payload = config::write_answer(id, answer)?;
        Ok(Some(down(Topic::ConfigGetReply, device, payload.into_bytes())))
    }

    fn write_gateway_answer(
        &self,
        gateway: &DeviceId,
        id: &MessageId,
        report: &GatewayReport,
        answer: Result<(), GatewayRefusal>,
    ) -> Option<Message> {
        let (topic, payload) = gateway::write_answer(id, report, answer);
        Some(down(topic, gateway, payload.into_bytes()))
    }
}

/// Everything the vendor's platform says bears QoS 0 (aliyun-link-sdk-v4 §2.1).
fn down(topic: Topic, device: &DeviceId, payload: Vec<u8>) -> Message {
    Message { topic: topic.of(device), payload, qos: Qos::AtMostOnce }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn device(product: &str, name: &str) -> DeviceId {
        DeviceId { product: product.parse().unwrap(), device: name.parse().unwrap() }
    }

    #[test]
    fn a_device_may_publish_its_reports_and_nothing_else() {
        let me = device("a1DemoPk001", "dev-one");
        for topic in Topic::ALL {
            let allowed = UP.contains(&topic);
            assert_eq!(Platform.may_publish(&me, &topic.of(&me)), allowed, "{topic:?}");
            assert!(!Platform.may_publish(&me, &topic.of(&device("a1DemoPk001", "dev-two"))), "{topic:?}");
            assert!(!Platform.may_publish(&me, &topic.of(&device("a1DemoPk002", "dev-one"))), "{topic:?}");
        }
        for topic in ["", "/", "#", "+", "$SYS/x", "/ota/device/inform/a1DemoPk001/dev-one/", "/user/x"] {
            assert!(!Platform.may_publish(&me, topic), "{topic:?}");
        }
    }

    #[test]
    fn a_device_may_subscribe_to_what_is_said_to_it_and_to_no_wildcard() {
        let me = device("a1DemoPk001", "dev-one");
        for topic in Topic::ALL {
            let allowed = [&DOWN[..], &DOWN_TO_GATEWAY, &[Topic::Request]].concat().contains(&topic);
            assert_eq!(Platform.may_subscribe(&me, &topic.of(&me)), allowed, "{topic:?}");
            assert!(!Platform.may_subscribe(&me, &topic.of(&device("a1DemoPk001", "dev-two"))), "{topic:?}");
        }
        for filter in
            ["#", "/ota/device/upgrade/+/+", "/ota/device/upgrade/a1DemoPk001/+", "/ota/device/upgrade/#"]
        {
            assert!(!Platform.may_subscribe(&me, filter), "{filter}");
        }
        let both =
            [Device.subscriptions(&me), DeviceV3.subscriptions(&me), Device.gateway_subscriptions(&me)];
        for filter in both.concat() {
            assert!(Platform.may_subscribe(&me, &filter), "{filter}");
        }
    }

    #[test]
    fn a_message_of_another_device_or_topic_is_foreign_to_a_device() {
        let me = device("a1DemoPk001", "dev-one");
        let other = device("a1DemoPk001", "dev-two");
        for topic in
            [Topic::Upgrade.of(&other), Topic::ConfigPush.of(&other), Topic::ConfigGet.of(&me), "/x".into()]
        {
            assert_eq!(Device.read_message(&me, &topic, b"not even JSON"), Ok(Downlink::Foreign), "{topic}");
        }
        assert!(Device.read_message(&me, &Topic::Upgrade.of(&me), b"not even JSON").is_err());
    }

    #[test]
    fn a_report_on_a_topic_that_is_none_is_refused() {
        let me = device("a1DemoPk001", "dev-one");
        let payload = br#"{"id":1, "params":{"version":"1.0.0"}}"#;
        for topic in [Topic::Upgrade.of(&me), "/ota/device/inform/a1DemoPk001/+".into(), "x".into()] {
            assert!(Platform.read_report(&topic, payload).is_err(), "{topic}");
        }
    }
}
