//! The signed text by which a device proves who it is: the value of `Authorization`, and the password over MQTT
//! (onenet §3).

use alloc::{
    format,
    string::{String, ToString},
    vec::Vec,
};
use core::fmt;

use base64::{
    Engine,
    alphabet::STANDARD,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};

use super::percent;
use crate::{
    DeviceId, DeviceName, IdError, ProductKey,
    dialect::sign::{self, Proof},
};

pub use crate::dialect::sign::Method;

/// The longest text read, in bytes. The longest that can be written has 315.
const MAX_BYTES: usize = 1024;

/// The longest access key, in bytes after decoding.
const MAX_KEY_BYTES: usize = 256;

/// Padding is written, and read where it stands: it gets lost on the way (§3.3).
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// The name of each method in `method=`.
const METHODS: [(Method, &str); 3] =
    [(Method::Md5, "md5"), (Method::Sha1, "sha1"), (Method::Sha256, "sha256")];

/// A product's or device's secret: the bytes, not the base64 text that is printed.
#[derive(Clone, PartialEq, Eq)]
pub struct AccessKey(Vec<u8>);

impl AccessKey {
    /// Decodes the text that is printed on a console.
    ///
    /// # Errors
    /// [`AuthorizationError::Malformed`] if it is not base64 or not of 1 to 256 bytes.
    pub fn from_base64(text: &str) -> Result<Self, AuthorizationError> {
        let part = "access key";
        let key = BASE64
            .decode(text.trim_ascii())
            .map_err(|_| AuthorizationError::Malformed { part, problem: "it is not base64" })?;
        match key.len() {
            1..=MAX_KEY_BYTES => Ok(Self(key)),
            _ => Err(AuthorizationError::Malformed { part, problem: "it has not 1 to 256 bytes" }),
        }
    }

    /// A new one. `random` must not be guessable.
    pub fn from_random(random: [u8; 32]) -> Self {
        Self(random.into())
    }

    /// The text that is printed on a console and written into firmware.
    pub fn to_base64(&self) -> String {
        BASE64.encode(&self.0)
    }
}

impl fmt::Debug for AccessKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AccessKey")
    }
}

/// The `version` of a signed text. It is part of what is signed; no other is accepted (§3.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Edition {
    /// `2018-10-31`: products and devices, every generation.
    E2018,
    /// `2020-05-29`: the application side of the second generation.
    E2020,
    /// `2022-05-01`: accounts on the third generation.
    E2022,
}

const EDITIONS: [(Edition, &str); 3] =
    [(Edition::E2018, "2018-10-31"), (Edition::E2020, "2020-05-29"), (Edition::E2022, "2022-05-01")];

/// What a signed text speaks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Resource {
    /// Every device of a product.
    Product(ProductKey),
    /// One device.
    Device(DeviceId),
    /// An account of the vendor's cloud. Written for that cloud; never accepted here, where there are no accounts.
    User(String),
}

impl Resource {
    /// True if it names this device or its product.
    pub fn speaks_for(&self, device: &DeviceId) -> bool {
        match self {
            Resource::Product(product) => *product == device.product,
            Resource::Device(named) => named == device,
            Resource::User(_) => false,
        }
    }

    fn read(text: &str) -> Result<Self, AuthorizationError> {
        let parts: Vec<&str> = text.split('/').take(5).collect();
        match *parts.as_slice() {
            ["products", product] => Ok(Self::Product(ProductKey::new(product)?)),
            ["products", product, "devices", device] => Ok(Self::Device(DeviceId {
                product: ProductKey::new(product)?,
                device: DeviceName::new(device)?,
            })),
            ["userid", user] if (1..=64).contains(&user.len()) && is_plain(user) => {
                Ok(Self::User(user.into()))
            }
            _ => Err(AuthorizationError::Malformed { part: "res", problem: "it names no product or device" }),
        }
    }
}

fn is_plain(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Resource::Product(product) => write!(f, "products/{product}"),
            Resource::Device(id) => write!(f, "products/{}/devices/{}", id.product, id.device),
            Resource::User(user) => write!(f, "userid/{user}"),
        }
    }
}

/// Everything that is signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// The form of the text.
    pub edition: Edition,
    /// What it speaks for.
    pub resource: Resource,
    /// When it expires, in seconds since 1970. Firmware has values far ahead, above 2^32 too (§3.3).
    pub expires_s: u64,
    /// The hash it is signed with.
    pub method: Method,
}

impl Claim {
    /// Signs it: the value of `Authorization`.
    pub fn sign(&self, key: &AccessKey) -> String {
        let sign = BASE64.encode(sign::hmac(self.method, &key.0, &self.signed_text()));
        format!(
            "version={}&res={}&et={}&method={}&sign={}",
            name(&EDITIONS, self.edition),
            percent::encode(&self.resource.to_string()),
            self.expires_s,
            name(&METHODS, self.method),
            percent::encode(&sign)
        )
    }

    /// Values only, raw, in alphabetical order of their names (§3.1). No value can hold a line break.
    fn signed_text(&self) -> String {
        let (edition, method) = (name(&EDITIONS, self.edition), name(&METHODS, self.method));
        format!("{}\n{method}\n{}\n{edition}", self.expires_s, self.resource)
    }
}

fn name<T: PartialEq + Copy>(names: &[(T, &'static str)], value: T) -> &'static str {
    names.iter().find(|(known, _)| *known == value).map_or("", |(_, name)| name)
}

fn named<T: Copy>(
    names: &[(T, &str)],
    text: &str,
    part: &'static str,
    problem: &'static str,
) -> Result<T, AuthorizationError> {
    let found = names.iter().find(|(_, name)| *name == text);
    found.map(|(value, _)| *value).ok_or(AuthorizationError::Malformed { part, problem })
}

/// A signed text that somebody sent; nothing is proven before [`Authorization::verify`].
pub struct Authorization {
    claim: Claim,
    proof: Proof,
}

impl fmt::Debug for Authorization {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authorization").field("claim", &self.claim).finish_non_exhaustive()
    }
}

impl Authorization {
    /// Reads the value of `Authorization`: its parts in any order, percent-encoded or not.
    ///
    /// # Errors
    /// [`AuthorizationError`] if a part is missing, repeated or malformed; nothing about its truth.
    pub fn read(text: &str) -> Result<Self, AuthorizationError> {
        if text.len() > MAX_BYTES {
            return Err(AuthorizationError::TooLong { len: text.len() });
        }
        let part = |name: &'static str| -> Result<String, AuthorizationError> {
            let pairs = text.trim_ascii().split('&').filter_map(|pair| pair.split_once('='));
            let mut values = pairs.filter(|(key, _)| *key == name).map(|(_, value)| value);
            let value = values.next().ok_or(AuthorizationError::Missing { part: name })?;
            if values.next().is_some() {
                return Err(AuthorizationError::Repeated { part: name });
            }
            percent::decode(value)
                .ok_or(AuthorizationError::Malformed { part: name, problem: "its escapes are broken" })
        };
        let sign = BASE64.decode(part("sign")?).ok();
        let claim = Claim {
            edition: named(&EDITIONS, &part("version")?, "version", "it is none that is known")?,
            resource: Resource::read(&part("res")?)?,
            expires_s: seconds(&part("et")?)?,
            method: named(&METHODS, &part("method")?, "method", "it is not md5, sha1 or sha256")?,
        };
        let proof = sign.as_deref().and_then(Proof::from_bytes).ok_or(AuthorizationError::Malformed {
            part: "sign",
            problem: "it is not base64 of at most 32 bytes",
        })?;
        Ok(Self { claim, proof })
    }

    /// What it claims.
    pub fn claim(&self) -> &Claim {
        &self.claim
    }

    /// Checks the proof in constant time, then the expiry. `now_s` is wall-clock time in seconds since 1970; a caller who
    /// forgives devices whose clock is behind takes that from it.
    ///
    /// # Errors
    /// [`AuthorizationError::WrongSign`] or [`AuthorizationError::Expired`].
    pub fn verify(&self, key: &AccessKey, now_s: u64) -> Result<(), AuthorizationError> {
        let Claim { method, expires_s, .. } = self.claim;
        if !self.proof.holds(method, &key.0, &self.claim.signed_text()) {
            return Err(AuthorizationError::WrongSign);
        }
        match expires_s < now_s {
            true => Err(AuthorizationError::Expired { expires_s, now_s }),
            false => Ok(()),
        }
    }
}

fn seconds(text: &str) -> Result<u64, AuthorizationError> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit()); // `parse` alone would take a sign
    let leads = text.len() > 1 && text.starts_with('0'); // what is signed must be what was sent
    match text.parse() {
        Ok(seconds) if digits && !leads => Ok(seconds),
        _ => Err(AuthorizationError::Malformed { part: "et", problem: "it is no number of seconds" }),
    }
}

/// Why a device is not believed. The device's fault, or its clock's; nothing changes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AuthorizationError {
    /// The whole text is longer than any can be.
    #[error("the authorization has {len} bytes; at most {MAX_BYTES} are read")]
    TooLong {
        /// Its length in bytes.
        len: usize,
    },
    /// A part is not there.
    #[error("the authorization has no {part}")]
    Missing {
        /// Which.
        part: &'static str,
    },
    /// A part stands there twice.
    #[error("the authorization has {part} twice")]
    Repeated {
        /// Which.
        part: &'static str,
    },
    /// A part cannot be used.
    #[error("the authorization's {part} is malformed: {problem}")]
    Malformed {
        /// Which.
        part: &'static str,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// A name in it cannot be an id.
    #[error(transparent)]
    Id(#[from] IdError),
    /// It names another product or device than the request, or an account.
    #[error("the authorization does not speak for the device of the request")]
    ForeignResource,
    /// The proof does not hold.
    #[error(
        "the authorization's sign does not match the access key: is it the product's or the device's key?"
    )]
    WrongSign,
    /// It was good once.
    #[error("the authorization expired at {expires_s}, and it is {now_s} (seconds since 1970)")]
    Expired {
        /// When it expired, in seconds since 1970.
        expires_s: u64,
        /// The time it was compared with.
        now_s: u64,
    },
}

#[cfg(test)]
mod tests;
