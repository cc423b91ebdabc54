//! What a gateway says of the devices behind it: add, remove, log in, log out, and the answers. The sheet names the login's
//! topic (aliyun-link-sdk-v4 §2.1); topics, fields and codes of the others are those of the vendor's documentation
//! ("Connect sub-devices", "Manage topological relationships").

use alloc::{
    format,
    string::{String, ToString},
    vec::Vec,
};

use serde::Deserialize;

use super::{
    json::{self, Object, Request, Scalar},
    login::{self, Parts},
    topics::Topic,
};
use crate::{
    DeviceId, DeviceName, GatewayAnswer, GatewayRefusal, GatewayReport, MessageId, ProductKey, Report,
    dialect::{Downlink, Login, LoginError, ReadError},
};

/// The most devices in one message. The vendor's bound is 30; more are asked for in several messages.
const MAX_AT_ONCE: usize = 30;

/// The vendor's codes. `BadLogin` has two there (6100 and 6287): one tells names apart from proofs, so we use the other for
/// both.
const CODES: [(GatewayRefusal, i64); 7] = [
    (GatewayRefusal::Malformed, 460),
    (GatewayRefusal::BadLogin, 6287),
    (GatewayRefusal::NotAdded, 6401),
    (GatewayRefusal::Itself, 6402),
    (GatewayRefusal::TooMany, 428),
    (GatewayRefusal::NotLoggedIn, 520),
    (GatewayRefusal::Unavailable, 500),
];

/// Which topic a word goes out on, and its text.
pub(super) fn write(id: u32, report: &GatewayReport) -> (Topic, String) {
    match report {
        GatewayReport::Add(logins) => {
            let devices = list(logins.iter().map(|login| proof(login, "signmethod")));
            (Topic::TopologyAdd, topology(id, &devices, "thing.topo.add"))
        }
        GatewayReport::Remove(devices) => {
            let devices = list(devices.iter().map(|device| format!("{{{}}}", pair(device))));
            (Topic::TopologyDelete, topology(id, &devices, "thing.topo.delete"))
        }
        GatewayReport::Login(login) => {
            let proof = proof(login, "signMethod");
            let open = proof.strip_suffix('}').unwrap_or(&proof);
            (Topic::CombineLogin, format!(r#"{{"id":"{id}","params":{open},"cleanSession":"true"}}}}"#))
        }
        GatewayReport::Logout(device) => {
            (Topic::CombineLogout, format!(r#"{{"id":"{id}","params":{{{}}}}}"#, pair(device)))
        }
    }
}

fn topology(id: u32, devices: &str, method: &str) -> String {
    format!(r#"{{"id":"{id}","version":"1.0","params":{devices},"method":"{method}"}}"#)
}

fn list(elements: impl Iterator<Item = String>) -> String {
    format!("[{}]", elements.collect::<Vec<_>>().join(","))
}

fn pair(device: &DeviceId) -> String {
    format!(r#""productKey":"{}","deviceName":"{}""#, device.product, device.device)
}

/// A device's login as an object: the parts that it is signed over, and the signature.
fn proof(login: &Login, method_key: &str) -> String {
    let Ok(parts) = Parts::read(login) else {
        return "{}".into(); // a login that this dialect's half wrote always has its form
    };
    let mut object = format!(
        r#"{{"productKey":{},"deviceName":{},"clientId":{}"#,
        json::quoted(parts.product),
        json::quoted(parts.device),
        json::quoted(parts.client_id),
    );
    for (key, value) in [("timestamp", parts.timestamp), (method_key, parts.method)] {
        if let Some(value) = value {
            object.push_str(&format!(r#","{key}":{}"#, json::quoted(value)));
        }
    }
    object.push_str(&format!(r#","sign":{}}}"#, json::quoted(&login.password)));
    object
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Named {
    product_key: String,
    device_name: String,
    client_id: Option<String>,
    timestamp: Option<Scalar>,
    #[serde(alias = "signmethod")]
    sign_method: Option<String>,
    sign: Option<String>,
}

/// What a gateway says on one of its own topics.
pub(super) fn read(topic: Topic, payload: &[u8]) -> Result<(MessageId, Report), ReadError> {
    let (id, report) = match topic {
        Topic::TopologyAdd => {
            let (id, named) = several(payload)?;
            (id, GatewayReport::Add(named.into_iter().map(Named::login).collect::<Result<_, _>>()?))
        }
        Topic::TopologyDelete => {
            let (id, named) = several(payload)?;
            (id, GatewayReport::Remove(named.into_iter().map(Named::device).collect::<Result<_, _>>()?))
        }
        Topic::CombineLogin => {
            let (id, named) = one(payload)?;
            (id, GatewayReport::Login(named.login()?))
        }
        Topic::CombineLogout => {
            let (id, named) = one(payload)?;
            (id, GatewayReport::Logout(named.device()?))
        }
        _ => return Err(ReadError::UnknownTopic),
    };
    Ok((id, Report::Gateway(report)))
}

fn one(payload: &[u8]) -> Result<(MessageId, Named), ReadError> {
    let request: Request<Object<Named>> = json::read(payload)?;
    let id = request.id()?;
    let Object(named) = request.params;
    Ok((id, named))
}

fn several(payload: &[u8]) -> Result<(MessageId, Vec<Named>), ReadError> {
    let request: Request<Vec<Object<Named>>> = json::read(payload)?;
    let id = request.id()?;
    match request.params.len() {
        1..=MAX_AT_ONCE => Ok((id, request.params.into_iter().map(|Object(named)| named).collect())),
        found => {
            Err(json::malformed(&format!("1 to {MAX_AT_ONCE} devices can be named at once, not {found}")))
        }
    }
}

impl Named {
    fn device(self) -> Result<DeviceId, ReadError> {
        Ok(DeviceId {
            product: ProductKey::new(self.product_key)?,
            device: DeviceName::new(self.device_name)?,
        })
    }

    /// The login that the device would send in a session of its own, so that there is one way to check it.
    fn login(self) -> Result<Login, ReadError> {
        let missing = |field| json::malformed(&format!("{field} is missing"));
        let client_id = self.client_id.clone().ok_or_else(|| missing("clientId"))?;
        let timestamp = self.timestamp.as_ref().map(Scalar::text);
        let (method, sign) = (self.sign_method.clone(), self.sign.clone().ok_or_else(|| missing("sign"))?);
        let DeviceId { product, device } = self.device()?;
        let mut pairs = Vec::new();
        for (key, value) in [("timestamp", timestamp), ("signmethod", method)] {
            if let Some(value) = value {
                pairs.push(format!("{key}={value}"));
            }
        }
        let pairs = pairs.join(",");
        // These separate the parts of a login; within one they would say something that was not said.
        if client_id.contains('|') || pairs.contains('|') || pairs.matches(',').count() > 1 {
            return Err(json::malformed("a part of a login holds a separator"));
        }
        let login = Login {
            client_id: format!("{client_id}|{pairs}|"),
            user_name: format!("{device}&{product}"),
            password: sign,
        };
        match login::read(&login) {
            Ok(_) => Ok(login),
            Err(LoginError::Id(error)) => Err(error.into()),
            Err(error) => Err(json::malformed(&error.to_string())),
        }
    }
}

/// The platform's answer to a word, and its topic. The devices are named again, as the vendor's platform does.
pub(super) fn write_answer(
    id: &MessageId,
    report: &GatewayReport,
    answer: Result<(), GatewayRefusal>,
) -> (Topic, String) {
    let named = |devices: Vec<DeviceId>| list(devices.iter().map(|device| format!("{{{}}}", pair(device))));
    let who = |logins: &[Login]| named(logins.iter().filter_map(|login| login::read(login).ok()).collect());
    let (topic, data) = match report {
        GatewayReport::Add(logins) => (Topic::TopologyAddReply, who(logins)),
        GatewayReport::Remove(devices) => (Topic::TopologyDeleteReply, named(devices.clone())),
        GatewayReport::Login(login) => {
            let device = login::read(login).map(|device| pair(&device)).unwrap_or_default();
            (Topic::CombineLoginReply, format!("{{{device}}}"))
        }
        GatewayReport::Logout(device) => (Topic::CombineLogoutReply, format!("{{{}}}", pair(device))),
    };
    let id = json::message_id(id);
    let text = match answer {
        Ok(()) => format!(r#"{{"id":{id},"code":200,"message":"success","data":{data}}}"#),
        Err(why) => {
            let code = CODES.iter().find(|(known, _)| *known == why).map_or(500, |(_, code)| *code);
            let reason = json::quoted(&why.to_string());
            format!(r#"{{"id":{id},"code":{code},"message":{reason},"data":{{}}}}"#)
        }
    };
    (topic, text)
}

#[derive(Deserialize)]
struct Answer {
    id: Option<Scalar>,
    code: Option<Scalar>,
    message: Option<String>,
}

/// The platform's answer, whatever it names.
pub(super) fn read_answer(payload: &[u8]) -> Result<Downlink, ReadError> {
    let Answer { id, code, message } = json::read(payload)?;
    let id = json::number_of(id.as_ref())?;
    let code = code.and_then(|code| code.number()).and_then(|code| i64::try_from(code).ok());
    let code = code.ok_or_else(|| json::malformed("code is missing or no number"))?;
    let result = match code {
        200 => Ok(()),
        code => Err((code, json::cut(&message.unwrap_or_default(), 128).into())),
    };
    Ok(Downlink::Gateway(GatewayAnswer { id, result }))
}

#[cfg(test)]
mod tests;
