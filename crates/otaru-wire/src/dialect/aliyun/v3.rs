//! What the older generation, iotkit-embedded v3, spells differently (aliyun-iotkit-v3 §1.2, §2). Messages that are not here
//! are those of the newer one.

use alloc::{format, string::String, vec::Vec};

use super::{
    Device, NAME, block, config, gateway,
    json::{self, Object, Request},
    login, notice,
    topics::Topic,
};
use crate::{
    DeviceId, MessageId, Module, Report, Source, Step, Version,
    dialect::{Credentials, DeviceHalf, Downlink, Login, ReadError, Transport},
    mqtt::{Message, Qos},
};

/// The device's half, as a device with the v3 SDK speaks.
#[derive(Debug, Clone, Copy)]
pub struct DeviceV3;

/// The order in which the v3 SDK subscribes (aliyun-iotkit-v3 §2.0).
const DOWN: [Topic; 4] = [Topic::Request, Topic::Upgrade, Topic::ConfigGetReply, Topic::ConfigPush];

impl DeviceV3 {
    /// [`DeviceHalf::write_login`] with pairs that a program of that SDK adds to the client id, which are not signed
    /// (aliyun-iotkit-v3 §1.2: `customize_info`).
    pub fn write_login_with(&self, credentials: &Credentials, transport: Transport, extra: &str) -> Login {
        login::write_v3(credentials, transport, extra)
    }
}

impl DeviceHalf for DeviceV3 {
    fn name(&self) -> &'static str {
        "aliyun-v3"
    }

    fn dialect(&self) -> &'static str {
        NAME
    }

    fn write_login(&self, credentials: &Credentials, transport: Transport) -> Login {
        login::write_v3(credentials, transport, "")
    }

    fn subscriptions(&self, device: &DeviceId) -> Vec<String> {
        DOWN.map(|topic| topic.of(device)).into()
    }

    fn gateway_subscriptions(&self, gateway: &DeviceId) -> Vec<String> {
        Device.gateway_subscriptions(gateway)
    }

    fn addressee(&self, topic: &str) -> Option<DeviceId> {
        Device.addressee(topic)
    }

    fn write_report(&self, device: &DeviceId, id: u32, report: &Report) -> Option<Message> {
        let (topic, payload, qos) = match report {
            Report::Version { module, version } => {
                (Topic::Inform, version_text(id, module, version), Qos::AtLeastOnce)
            }
            Report::Progress { module, step, description, .. } => {
                let qos = match step {
                    Step::Percent(_) => Qos::AtMostOnce,
                    Step::Failed(_) => Qos::AtLeastOnce,
                };
                (Topic::Progress, progress(module, *step, description), qos)
            }
            Report::Query { module, running, .. } => {
                (Topic::Request, query(module, running.as_ref()), Qos::AtLeastOnce)
            }
            Report::ConfigQuery => (Topic::ConfigGet, config_query(), Qos::AtMostOnce),
            Report::ConfigTaken { push, code } => {
                (Topic::ConfigPushReply, config::write_taken(push, *code), Qos::AtMostOnce)
            }
            Report::Block(request) => {
                (Topic::FileDownload, block::write_request(id, request), Qos::AtMostOnce)
            }
            Report::Gateway(report) => {
                let (topic, payload) = gateway::write(id, report);
                (topic, payload, Qos::AtMostOnce)
            }
            Report::NoticeTaken { .. } | Report::TaskCheck { .. } | Report::Done { .. } => return None,
        };
        Some(Message { topic: topic.of(device), payload: payload.into_bytes(), qos })
    }

    fn read_message(&self, device: &DeviceId, topic: &str, payload: &[u8]) -> Result<Downlink, ReadError> {
        match Topic::parse(topic).filter(|place| place.is_of(device)).map(|place| place.topic) {
            Some(Topic::Request) if is_own_question(payload) => Ok(Downlink::Foreign),
            Some(Topic::Request) => by_link(notice::read_answer(payload)?),
            Some(Topic::Upgrade) => by_link(notice::read_push(payload)?),
            _ => Device.read_message(device, topic, payload),
        }
    }
}

/// A plain broker gives a device its own question back, because question and answer share a topic; the SDK tells them
/// apart by the letters `url` (aliyun-iotkit-v3 §2.2), we by the parameters that only a question has.
fn is_own_question(payload: &[u8]) -> bool {
    json::read::<Request<Object<Nothing>>>(payload).is_ok()
}

#[derive(serde::Deserialize)]
struct Nothing {}

/// This generation has no files over MQTT (aliyun-iotkit-v3 §2.2).
fn by_link(downlink: Downlink) -> Result<Downlink, ReadError> {
    match &downlink {
        Downlink::Notice(notice)
            if notice.files.iter().any(|file| matches!(file.source, Source::Mqtt { .. })) =>
        {
            Err(json::malformed("the notice has no links, and this generation has no files over MQTT"))
        }
        _ => Ok(downlink),
    }
}

/// The version report: the number in quotes, a blank only before the module (aliyun-iotkit-v3 §2.1).
fn version_text(id: u32, module: &Module, version: &Version) -> String {
    format!(r#"{{"id":"{id}","params":{{"version":"{version}"{}}}}}"#, module_part(module))
}

/// Progress: the number is always 0 (aliyun-iotkit-v3 §2.3).
fn progress(module: &Module, step: Step, description: &str) -> String {
    let description = json::quoted(json::cut(description, super::progress::MAX_DESCRIPTION_BYTES));
    let step = step.code();
    format!(r#"{{"id":0,"params":{{"step":"{step}","desc":{description}{}}}}}"#, module_part(module))
}

/// The question for a Task: the number is always "0" (aliyun-iotkit-v3 §2.2).
fn query(module: &Module, running: Option<&Version>) -> String {
    match running {
        Some(version) => format!(r#"{{"id":"0","params":{{"version":"{version}"{}}}}}"#, module_part(module)),
        None => format!(r#"{{"id":"0","params":{{{}}}}}"#, json::module_part(module)),
    }
}

/// The question for a Config, its blanks and its empty list included (aliyun-iotkit-v3 §2.4).
fn config_query() -> String {
    r#"{"id" : 0,"version":"1.0","params":{"configScope":"product","getType":"file","attributeKeys":""},"method":"thing.config.get"}"#.into()
}

fn module_part(module: &Module) -> String {
    if module.is_default() { String::new() } else { format!(r#", "module":"{module}""#) }
}

/// The answer on `request`, which this SDK takes only with this `message` (aliyun-iotkit-v3 §2.2).
pub(super) fn write_answer(id: &MessageId, data: &str) -> String {
    format!(r#"{{"code":"1000","data":{data},"id":{},"message":"success"}}"#, json::message_id(id))
}

#[cfg(test)]
mod tests;
