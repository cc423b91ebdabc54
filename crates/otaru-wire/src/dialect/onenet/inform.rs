//! MQTT, where a device has it beside HTTP: its login, and the notice that says no more than "come and check"
//! (onenet §6.1). Only the second and third generation have it.

use alloc::{
    format,
    string::{String, ToString},
};

use serde::Deserialize;

use super::{AccessKey, Authorization, AuthorizationError, Claim, Resource, body};
use crate::{
    DeviceId, DeviceName, ProductKey,
    dialect::{Login, ReadError, json},
    mqtt::{Message, Qos},
};

/// How long a platform waits for [`write_reply`], in seconds.
pub const REPLY_WITHIN_S: u64 = 20;

/// The longest number of a notice read, in bytes.
const MAX_ID_BYTES: usize = 64;

/// What stands behind product and device in the topics.
const INFORM: &str = "inform";
const INFORM_REPLY: &str = "inform_reply";

/// The topic of notices: what a device subscribes to.
pub fn topic(device: &DeviceId) -> String {
    topic_of(device, INFORM)
}

/// The topic of replies: what a device may publish on.
pub fn reply_topic(device: &DeviceId) -> String {
    topic_of(device, INFORM_REPLY)
}

fn topic_of(device: &DeviceId, last: &str) -> String {
    format!("$sys/{}/{}/ota/{last}", device.product, device.device)
}

/// Whose topic of notices or replies it is.
pub fn addressee(topic: &str) -> Option<DeviceId> {
    let mut parts = topic.strip_prefix("$sys/")?.split('/');
    let id = DeviceId { product: parts.next()?.parse().ok()?, device: parts.next()?.parse().ok()? };
    let rest = (parts.next()?, parts.next()?, parts.next());
    matches!(rest, ("ota", INFORM | INFORM_REPLY, None)).then_some(id)
}

/// The notice. `id` numbers it.
pub fn write(device: &DeviceId, id: &str) -> Message {
    let payload =
        format!(r#"{{"id":{},"version":"1.0","params":[]}}"#, json::quoted(json::cut(id, MAX_ID_BYTES)));
    Message { topic: topic(device), payload: payload.into_bytes(), qos: Qos::AtMostOnce }
}

#[derive(Deserialize)]
struct Told {
    id: json::Scalar,
    code: Option<json::Scalar>,
}

fn id_of(told: &Told) -> Result<String, ReadError> {
    match told.id.text() {
        id if id.len() <= MAX_ID_BYTES => Ok(id),
        _ => Err(json::malformed("id is longer than 64 bytes")),
    }
}

/// Reads a notice: its number, to be replied to. Whatever else it holds is not looked at.
///
/// # Errors
/// [`ReadError`] if it is no JSON object with an `id`.
pub fn read(payload: &[u8]) -> Result<String, ReadError> {
    id_of(&body::read(payload)?)
}

/// The device's reply to the notice with that number.
pub fn write_reply(device: &DeviceId, id: &str) -> Message {
    let payload = format!(r#"{{"id":{},"code":200,"msg":"success","data":{{}}}}"#, json::quoted(id));
    Message { topic: reply_topic(device), payload: payload.into_bytes(), qos: Qos::AtMostOnce }
}

/// Reads a reply: the number of the notice, and a code, which is 200 if the device takes it.
///
/// # Errors
/// [`ReadError`] if it is no JSON object with an `id` and a `code` of 0 to 65535.
pub fn read_reply(payload: &[u8]) -> Result<(String, u16), ReadError> {
    let told: Told = body::read(payload)?;
    let code = told.code.as_ref().and_then(json::Scalar::unsigned).and_then(|code| code.try_into().ok());
    Ok((id_of(&told)?, code.ok_or_else(|| json::malformed("code is missing or no number that is bearable"))?))
}

/// The login of a device: `claim` names it, and the signed text is the password.
pub fn write_login(device: &DeviceId, claim: &Claim, key: &AccessKey) -> Login {
    Login {
        client_id: device.device.to_string(),
        user_name: device.product.to_string(),
        password: claim.sign(key),
    }
}

/// Who a login claims to be, and its proof.
///
/// # Errors
/// [`AuthorizationError`] if its texts are no names or its password no signed text, or if that is not the device's own: a
/// product's is good over HTTP only.
pub fn read_login(login: &Login) -> Result<(DeviceId, Authorization), AuthorizationError> {
    let device = DeviceId {
        product: ProductKey::new(login.user_name.as_str())?,
        device: DeviceName::new(login.client_id.as_str())?,
    };
    let authorization = Authorization::read(&login.password)?;
    match &authorization.claim().resource {
        Resource::Device(named) if *named == device => Ok((device, authorization)),
        _ => Err(AuthorizationError::ForeignResource),
    }
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use proptest::prelude::*;

    use super::*;
    use crate::dialect::onenet::{Edition, Method};

    fn me() -> DeviceId {
        DeviceId { product: "PrdTest001".parse().unwrap(), device: "meter-01".parse().unwrap() }
    }

    /// Source: onenet §6.1.
    #[test]
    fn notice_and_reply_are_the_vendors_to_the_byte() {
        let notice = write(&me(), "ota-42");
        assert_eq!(notice.topic, "$sys/PrdTest001/meter-01/ota/inform");
        assert_eq!(notice.payload, br#"{"id":"ota-42","version":"1.0","params":[]}"#);
        let reply = write_reply(&me(), &read(&notice.payload).unwrap());
        assert_eq!(reply.topic, "$sys/PrdTest001/meter-01/ota/inform_reply");
        assert_eq!(reply.payload, br#"{"id":"ota-42","code":200,"msg":"success","data":{}}"#);
        assert_eq!(read_reply(&reply.payload), Ok(("ota-42".into(), 200)));
    }

    #[test]
    fn params_of_any_kind_and_a_reply_without_data_are_read() {
        for text in
            [r#"{"id":"7"}"#, r#"{"id":7,"params":{"x":[1]}}"#, r#"{"params":null,"id":"7","version":2}"#]
        {
            assert_eq!(read(text.as_bytes()), Ok("7".into()), "{text}");
        }
        for (text, code) in
            [(r#"{"id":"7","code":200,"msg":"success"}"#, 200), (r#"{"code":"400","id":7}"#, 400)]
        {
            assert_eq!(read_reply(text.as_bytes()), Ok(("7".into(), code)));
        }
        let long = format!(r#"{{"id":"{}"}}"#, "7".repeat(65));
        for text in ["", "[]", "{}", r#"{"id":[]}"#, &long] {
            assert!(matches!(read(text.as_bytes()), Err(ReadError::Malformed(_))), "{text}");
        }
        for text in [r#"{"id":"7"}"#, r#"{"id":"7","code":-1}"#, r#"{"code":200}"#] {
            assert!(matches!(read_reply(text.as_bytes()), Err(ReadError::Malformed(_))), "{text}");
        }
    }

    #[test]
    fn a_topic_of_another_form_is_nobodys() {
        assert_eq!(addressee(&topic(&me())), Some(me()));
        assert_eq!(addressee(&reply_topic(&me())), Some(me()));
        for topic in [
            "",
            "$sys/a/b/ota",
            "$sys/a/b/ota/inform/x",
            "$sys/a/b/cmd/inform",
            "/sys/a/b/ota/inform",
            "$sys/+/b/ota/inform",
        ] {
            assert_eq!(addressee(topic), None, "{topic}");
        }
    }

    /// Source: onenet §6.1: client id, user name and password; §3.2 row 4 has the sign.
    #[test]
    fn a_login_is_the_devices_own_and_of_nobody_else() {
        let key = AccessKey::from_base64("S2V5T2ZUaGVGYWN0U2hlZXRTZXJ2ZXJUZXN0MDAwMQ==").unwrap();
        let resource = Resource::Device(me());
        let claim =
            Claim { edition: Edition::E2018, resource, expires_s: 2_524_579_200, method: Method::Sha1 };
        let login = write_login(&me(), &claim, &key);
        assert_eq!((login.client_id.as_str(), login.user_name.as_str()), ("meter-01", "PrdTest001"));
        assert!(login.password.ends_with("sign=ipcGQljDTzJMFwiYu19iITD7OMM%3D"));
        let (device, proof) = read_login(&login).unwrap();
        assert_eq!((device, proof.verify(&key, 0)), (me(), Ok(())));
        let other = Login { client_id: "meter-02".into(), ..login };
        assert_eq!(read_login(&other).err(), Some(AuthorizationError::ForeignResource));
        let product = Claim { resource: Resource::Product(me().product), ..claim };
        let login = write_login(&me(), &product, &key);
        assert_eq!(read_login(&login).err(), Some(AuthorizationError::ForeignResource));
    }

    proptest! {
        #[test]
        fn every_number_comes_back(id in "\\PC{1,16}") {
            let heard = read(&write(&me(), &id).payload).unwrap();
            prop_assert_eq!(&heard, &id);
            prop_assert_eq!(read_reply(&write_reply(&me(), &heard).payload), Ok((id, 200)));
        }

        #[test]
        fn random_bytes_never_panic(bytes: Vec<u8>, topic: String) {
            let _ = (read(&bytes), read_reply(&bytes), addressee(&topic));
        }
    }
}
