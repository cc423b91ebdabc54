//! Dynamic registration: a device that knows only its product's secret asks for one of its own, over HTTP or MQTT
//! (aliyun-link-sdk-v4 §1.6, aliyun-iotkit-v3 §1.6). The stock v3 SDK always sends the same random text, so a request can
//! be replayed: a platform must guard registration otherwise, say by giving each secret once.

use alloc::{
    format,
    string::{String, ToString},
};

use serde::Deserialize;

use super::{
    json::{self, Object, Scalar},
    sign::{self, Method, Proof},
};
use crate::{
    DeviceId, DeviceName, ProductKey,
    dialect::{Login, LoginError, ReadError, Transport},
    mqtt::{Message, Qos},
};

/// Where the HTTP form is posted to, as `application/x-www-form-urlencoded`.
pub const HTTP_PATH: &str = "/auth/register/device";

/// The longest form read, in bytes.
const MAX_FORM_BYTES: usize = 1024;

/// The longest HTTP reply that every stock SDK takes, in bytes: v4's buffer (§1.6); v3's has 255.
const MAX_REPLY_BYTES: usize = 192;

/// The longest secret, client id or token given, in bytes (aliyun-iotkit-v3 §1.6 has 64 for secrets).
const MAX_GRANT_BYTES: usize = 64;

/// Where grants arrive; nobody subscribes to them (§1.6).
const REGISTER: &str = "/ext/register";
const REGISTER_UNLISTED: &str = "/ext/regnwl";

/// What a registration asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wish {
    /// The secret of a device that the platform knows by name.
    Secret,
    /// A client id and a token for a device that the platform may not know yet. Only over MQTT.
    Token,
}

/// What a registration gives.
#[derive(Clone, PartialEq, Eq)]
pub enum Grant {
    /// The device's own secret.
    Secret(String),
    /// For [`write_token_login`].
    Token {
        /// The first part of the client id.
        client_id: String,
        /// The password.
        token: String,
    },
}

impl core::fmt::Debug for Grant {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Grant::Secret(_) => f.write_str("Secret"),
            Grant::Token { client_id, .. } => {
                f.debug_struct("Token").field("client_id", client_id).finish_non_exhaustive()
            }
        }
    }
}

/// A request for registration, nothing proven yet.
pub struct Registration {
    /// Who it claims to be for.
    pub id: DeviceId,
    /// What it asks for.
    pub wish: Wish,
    random: String,
    method: Method,
    proof: Proof,
}

impl Registration {
    /// Checks the proof against the product's secret, in constant time.
    ///
    /// # Errors
    /// [`LoginError::WrongPassword`] if it does not hold.
    pub fn verify(&self, product_secret: &str) -> Result<(), LoginError> {
        match self.proof.holds(self.method, product_secret, &signed_text(&self.id, &self.random)) {
            true => Ok(()),
            false => Err(LoginError::WrongPassword),
        }
    }

    fn new(
        id: DeviceId,
        wish: Wish,
        random: Option<&str>,
        method: Option<&str>,
        sign: &str,
    ) -> Result<Self, LoginError> {
        let malformed = |problem| LoginError::Malformed { part: "registration", problem };
        let proof = Proof::from_hex(sign).ok_or(LoginError::WrongPassword)?;
        let method = match method {
            Some(name) => Method::from_name(name).ok_or(malformed("its signmethod is unknown"))?,
            None => proof.likely_method().ok_or(LoginError::WrongPassword)?,
        };
        let random = random.ok_or(malformed("it has no random"))?.into();
        Ok(Self { id, wish, random, method, proof })
    }
}

fn signed_text(id: &DeviceId, random: &str) -> String {
    format!("deviceName{}productKey{}random{random}", id.device, id.product)
}

fn id(product: &str, device: &str) -> Result<DeviceId, LoginError> {
    Ok(DeviceId { product: ProductKey::new(product)?, device: DeviceName::new(device)? })
}

/// The body of the HTTP form. `random` is letters and digits, new each time.
pub fn write_form(id: &DeviceId, product_secret: &str, random: &str) -> String {
    let sign = sign::hmac_sha256(product_secret, &signed_text(id, random));
    let DeviceId { product, device } = id;
    format!("productKey={product}&deviceName={device}&random={random}&sign={sign}&signMethod=hmacsha256")
}

/// Reads the body of the HTTP form, its fields in any order.
///
/// # Errors
/// [`LoginError`] if a field is missing or malformed.
pub fn read_form(body: &[u8]) -> Result<Registration, LoginError> {
    let malformed = |problem| LoginError::Malformed { part: "registration", problem };
    if body.len() > MAX_FORM_BYTES {
        return Err(malformed("it is longer than 1024 bytes"));
    }
    let text = core::str::from_utf8(body).map_err(|_| malformed("it is no text"))?.trim_ascii();
    let value = |key: &str| {
        let mut pairs = text.split('&').filter_map(|pair| pair.split_once('='));
        pairs.find_map(|(name, value)| (name == key).then_some(value))
    };
    let product = value("productKey").ok_or(malformed("it has no productKey"))?;
    let device = value("deviceName").ok_or(malformed("it has no deviceName"))?;
    let sign = value("sign").ok_or(malformed("it has no sign"))?;
    Registration::new(id(product, device)?, Wish::Secret, value("random"), value("signMethod"), sign)
}

/// The reply to an HTTP form; short enough for every stock SDK as long as the secret has at most 64 bytes. No blank
/// follows a colon, because v3's SDK would stop there.
pub fn write_reply(id: &DeviceId, secret: &str) -> String {
    let secret = json::quoted(secret);
    let DeviceId { product, device } = id;
    let whole = format!(
        r#"{{"code":200,"data":{{"productKey":"{product}","deviceName":"{device}","deviceSecret":{secret}}},"message":"success"}}"#
    );
    match whole.len() {
        len if len <= MAX_REPLY_BYTES => whole,
        _ => format!(r#"{{"code":200,"data":{{"deviceSecret":{secret}}},"message":"success"}}"#),
    }
}

/// The reply to an HTTP form that is refused. `code` is anything but 200; `reason` is for people.
pub fn write_reply_refusal(code: u16, reason: &str) -> String {
    format!(r#"{{"code":{code},"data":{{}},"message":{}}}"#, json::quoted(json::cut(reason, 96)))
}

#[derive(Deserialize)]
struct Reply {
    code: Option<Scalar>,
    data: Option<Object<Given>>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Given {
    device_secret: Option<String>,
    client_id: Option<String>,
    device_token: Option<String>,
}

/// Reads the reply to an HTTP form: the device's secret.
///
/// # Errors
/// [`ReadError::Malformed`] if it was refused or holds no secret.
pub fn read_reply(body: &[u8]) -> Result<Grant, ReadError> {
    let Reply { code, data } = json::read(body)?;
    match code.and_then(|code| code.number()) {
        Some(200) => {}
        code => {
            let code = code.map_or_else(|| "no number".to_string(), |code| code.to_string());
            return Err(json::malformed(&format!("registration is refused with code {code}")));
        }
    }
    let Object(data) = data.unwrap_or_default();
    bounded(data.device_secret, "deviceSecret").map(Grant::Secret)
}

fn bounded(field: Option<String>, name: &str) -> Result<String, ReadError> {
    match field {
        Some(text) if (1..=MAX_GRANT_BYTES).contains(&text.len()) && !text.contains(char::is_control) => {
            Ok(text)
        }
        _ => Err(json::malformed(&format!("{name} is missing or not of 1 to {MAX_GRANT_BYTES} bytes"))),
    }
}

/// A CONNECT that asks for registration over MQTT. `random` is letters and digits, new each time.
pub fn write_login(id: &DeviceId, wish: Wish, product_secret: &str, random: &str) -> Login {
    let DeviceId { product, device } = id;
    let kind = match wish {
        Wish::Secret => "register",
        Wish::Token => "regnwl",
    };
    Login {
        client_id: format!(
            "{device}.{product}|random={random},authType={kind},securemode=2,signmethod=hmacsha256|"
        ),
        user_name: format!("{device}&{product}"),
        password: sign::hmac_sha256(product_secret, &signed_text(id, random)),
    }
}

/// Names the vendor's instance in a CONNECT that asks for registration: its cloud wants it where the host is an
/// instance's (§1.6, [`super::regions::instance_of`]).
pub fn name_instance(login: &mut Login, instance: &str) {
    if login.client_id.ends_with('|') {
        login.client_id.pop();
        login.client_id.push_str(&format!(",instanceId={instance}|"));
    }
}

/// A CONNECT that asks for registration; none if it asks for anything else.
///
/// # Errors
/// [`LoginError`] if it asks, but a part is missing or malformed.
pub fn read_login(login: &Login) -> Result<Option<Registration>, LoginError> {
    let wish = match pair(login, "authType") {
        Some("register") => Wish::Secret,
        Some("regnwl") => Wish::Token,
        _ => return Ok(None),
    };
    let (device, product) = login.user_name.split_once('&').ok_or(LoginError::NotThisDialect)?;
    let (random, method) = (pair(login, "random"), pair(login, "signmethod"));
    Registration::new(id(product, device)?, wish, random, method, &login.password).map(Some)
}

/// A parameter of the client id, which stands behind its first `|`.
fn pair<'a>(login: &'a Login, key: &str) -> Option<&'a str> {
    let pairs = login.client_id.split('|').nth(1)?;
    pairs
        .split(',')
        .filter_map(|pair| pair.split_once('='))
        .find_map(|(name, value)| (name == key).then_some(value))
}

/// What the platform sends after the CONNACK, at once: the stock v3 SDK waits for less than half a second.
pub fn write_grant(grant: &Grant) -> Message {
    let (topic, payload) = match grant {
        Grant::Secret(secret) => (REGISTER, format!(r#"{{"deviceSecret":{}}}"#, json::quoted(secret))),
        Grant::Token { client_id, token } => {
            let (client_id, token) = (json::quoted(client_id), json::quoted(token));
            (REGISTER_UNLISTED, format!(r#"{{"clientId":{client_id},"deviceToken":{token}}}"#))
        }
    };
    Message { topic: topic.into(), payload: payload.into_bytes(), qos: Qos::AtMostOnce }
}

/// What the platform granted; none on any other topic. A token may come on either topic (§1.6: SDK and documentation
/// differ).
///
/// # Errors
/// [`ReadError::Malformed`] if it is neither a secret nor a token.
pub fn read_grant(topic: &str, payload: &[u8]) -> Result<Option<Grant>, ReadError> {
    if topic != REGISTER && topic != REGISTER_UNLISTED {
        return Ok(None);
    }
    let given: Given = json::read(payload)?;
    if let Some(token) = given.device_token {
        let client_id = bounded(given.client_id, "clientId")?;
        return Ok(Some(Grant::Token { client_id, token: bounded(Some(token), "deviceToken")? }));
    }
    Ok(Some(Grant::Secret(bounded(given.device_secret, "deviceSecret")?)))
}

/// The login of a device that was given a token.
pub fn write_token_login(id: &DeviceId, client_id: &str, token: &str, transport: Transport) -> Login {
    let DeviceId { product, device } = id;
    let mode = match transport {
        Transport::Tls => -2,
        Transport::Plain => 3,
    };
    let version = env!("CARGO_PKG_VERSION");
    Login {
        client_id: format!("{client_id}|authType=connwl,securemode={mode},_ss=1,ext=3,_v=otaru-{version}|"),
        user_name: format!("{device}&{product}"),
        password: token.into(),
    }
}

/// The client id that a login by token names; none if it is a login of another kind. The token is not looked at.
pub fn token_client_id(login: &Login) -> Option<&str> {
    let (client_id, _) = login.client_id.split_once('|')?;
    (pair(login, "authType") == Some("connwl")).then_some(client_id)
}

/// Checks a login by token against the token that was given, in constant time.
///
/// # Errors
/// [`LoginError::WrongPassword`] if it is another.
pub fn verify_token(login: &Login, token: &str) -> Result<(), LoginError> {
    let (a, b) = (login.password.as_bytes(), token.as_bytes());
    let differing = a.iter().zip(b).fold(0, |differing, (a, b)| differing | (a ^ b));
    match !b.is_empty() && a.len() == b.len() && core::hint::black_box(differing) == 0 {
        true => Ok(()),
        false => Err(LoginError::WrongPassword),
    }
}

#[cfg(test)]
mod tests;
