//! `[device.onenet]`: what devices of OneNET sign with and tell of themselves (onenet §2.3, §3.1).

use std::time::Duration;

use otaru_wire::{
    Version,
    dialect::onenet::{self, AccessKey, Edition, Expiry, Form, Generation, Hardware, Kind, Method},
};
use serde::{Deserialize, Deserializer, de::Error as _};

use super::{Config, DeviceConfig, DialectName, Seconds, Secret, Wrong};

/// The longest version that the vendor's platforms take in a check, in bytes (onenet §2.3).
const MAX_VERSION: usize = 20;

/// How long a proof holds at least.
const SHORTEST_PROOF: Duration = Duration::from_secs(60);

/// `[device.onenet]`
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct OnenetConfig {
    /// What the device's proof speaks for. Default: `product` for `onenet-token`, which takes no other, else `device`.
    pub sign_as: Option<SignedAs>,
    /// The account, for `sign_as = "user"`; `product_secret` is then the account's access key.
    pub user: Option<String>,
    /// The hash that it is signed with. Default: `sha256`.
    pub method: SignMethod,
    /// The form of its text. Default: `2018-10-31`; for an account `2022-05-01`.
    pub edition: Option<SignEdition>,
    /// How long it holds, from when it is sent. Default: a day.
    pub sign_for_s: Option<Seconds>,
    /// When it expires, in seconds since 1970, in place of `sign_for_s`: for a device without a clock.
    pub sign_until: Option<u64>,
    /// Vendor code of the hardware, 1 to 8 digits; `onenet-token` only. Default: not told.
    #[serde(deserialize_with = "code")]
    pub manuf: Option<String>,
    /// Module code of the hardware, 1 to 8 digits; `onenet-token` only. Default: not told.
    #[serde(deserialize_with = "code")]
    pub model: Option<String>,
    /// The device cannot resolve names, so the platform is to tell an address; `onenet-token` only. Default: false.
    pub cdn: bool,
}

/// A hash that requests are signed with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SignMethod {
    /// HMAC-MD5.
    Md5,
    /// HMAC-SHA1, which the vendor's examples have.
    Sha1,
    /// HMAC-SHA256.
    #[default]
    Sha256,
}

/// What a proof speaks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SignedAs {
    /// The whole product.
    Product,
    /// This device.
    Device,
    /// An account of the vendor's cloud.
    User,
}

/// The form of a proof's text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub enum SignEdition {
    /// Of products and devices.
    #[serde(rename = "2018-10-31")]
    E2018,
    /// Of the application side of OneNET Studio.
    #[serde(rename = "2020-05-29")]
    E2020,
    /// Of accounts.
    #[serde(rename = "2022-05-01")]
    E2022,
}

impl OnenetConfig {
    /// A device's half of that generation that tells and signs as this says.
    pub(super) fn device_half(&self, generation: Generation) -> onenet::Device {
        let mut half = onenet::Device::new(generation);
        let signing = &mut half.signing;
        signing.method = match self.method {
            SignMethod::Md5 => Method::Md5,
            SignMethod::Sha1 => Method::Sha1,
            SignMethod::Sha256 => Method::Sha256,
        };
        match self.sign_as {
            None => {}
            Some(SignedAs::Product) => signing.form = Form::Product,
            Some(SignedAs::Device) => signing.form = Form::Device,
            Some(SignedAs::User) => {
                signing.form = Form::User(self.user.clone().unwrap_or_default());
                signing.edition = Edition::E2022;
            }
        }
        match self.edition {
            None => {}
            Some(SignEdition::E2018) => signing.edition = Edition::E2018,
            Some(SignEdition::E2020) => signing.edition = Edition::E2020,
            Some(SignEdition::E2022) => signing.edition = Edition::E2022,
        }
        match (self.sign_until, self.sign_for_s) {
            (Some(until), _) => signing.expiry = Expiry::At(until),
            (None, Some(Seconds(span))) => signing.expiry = Expiry::In(span.as_secs()),
            (None, None) => {}
        }
        let Self { manuf, model, cdn, .. } = self.clone();
        half.hardware = Hardware { manuf, model, cdn, ..half.hardware };
        half
    }

    /// What is wrong with the table for a device of that generation.
    fn wrong(&self, generation: Generation) -> Option<&'static str> {
        let plain = |user: &String| {
            (1..=64).contains(&user.len()) && user.bytes().all(|byte| byte.is_ascii_alphanumeric())
        };
        let hardware = self.cdn || self.manuf.is_some() || self.model.is_some();
        let user = self.sign_as == Some(SignedAs::User);
        let rules = [
            (
                hardware && generation != Generation::Token,
                "only \"onenet-token\" takes manuf, model and cdn; remove them",
            ),
            (user != self.user.is_some(), "sign_as = \"user\" needs user, and no other takes it"),
            (!self.user.iter().all(plain), "user is to be the account's number: 1 to 64 letters and digits"),
            (
                self.sign_for_s.is_some() && self.sign_until.is_some(),
                "sign_for_s and sign_until say the same thing twice; remove one of them",
            ),
            (
                self.sign_for_s.is_some_and(|Seconds(span)| span < SHORTEST_PROOF),
                "sign_for_s is to be at least 60: clocks differ",
            ),
        ];
        rules.into_iter().find_map(|(broken, problem)| broken.then_some(problem))
    }
}

/// A code of the hardware.
fn code<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let text = String::deserialize(deserializer)?;
    match (1..=8).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit()) {
        true => Ok(Some(text)),
        false => Err(D::Error::custom(format!("{text:?} is not 1 to 8 digits"))),
    }
}

impl DialectName {
    /// OneNET's generation, if it is one of OneNET's.
    pub(crate) fn generation(self) -> Option<Generation> {
        match self {
            Self::OnenetToken => Some(Generation::Token),
            Self::OnenetTid => Some(Generation::Tid),
            Self::OnenetFuse => Some(Generation::Fuse),
            Self::Aliyun | Self::AliyunV3 | Self::Jd => None,
        }
    }
}

impl DeviceConfig {
    /// The key that a device of OneNET signs with: its own or its product's, both are good (onenet §3.1).
    pub(super) fn onenet_key(&self) -> Result<Secret, Wrong> {
        let (key, secret) = match (&self.device_secret, &self.product_secret) {
            (Some(secret), None) => ("device.device_secret", secret),
            (None, Some(secret)) => ("device.product_secret", secret),
            (None, None) => {
                let problem = "it is needed, or product_secret: the device's or the product's access key";
                return Err(("device.device_secret", problem.to_owned()));
            }
            (Some(_), Some(_)) => {
                let problem = "device_secret is there, too, and one key signs; remove one of them";
                return Err(("device.product_secret", problem.to_owned()));
            }
        };
        match AccessKey::from_base64(&secret.0) {
            Ok(_) => Ok(secret.clone()),
            Err(error) => Err((key, format!("{error}; copy the key as the platform shows it"))),
        }
    }
}

impl Config {
    /// What a device of OneNET needs, and what it has no word for.
    pub(super) fn check_onenet(&self, generation: Generation) -> Result<(), Wrong> {
        let wrong = |key, problem: &str| Err((key, problem.to_owned()));
        if self.platform.is_none() {
            return wrong("platform", "it is needed: a table whose url says where the platform is");
        }
        if let Some((key, problem)) = self.beyond_onenet() {
            return wrong(key, problem);
        }
        if generation == Generation::Token && self.broker.is_some() {
            return wrong("broker", "this generation has nothing over MQTT; remove the table");
        }
        if let Some(problem) = self.device.onenet.as_ref().and_then(|onenet| onenet.wrong(generation)) {
            return wrong("device.onenet", problem);
        }
        for (key, version) in self.versions() {
            if version.as_str().len() > MAX_VERSION {
                let problem =
                    format!("{version} is longer than the {MAX_VERSION} bytes that the platform takes");
                return wrong(key, &problem);
            }
        }
        Ok(())
    }

    fn versions(&self) -> impl Iterator<Item = (&'static str, &Version)> {
        let modules = self.modules.iter().map(|module| ("module.version", &module.version));
        [("device.version", &self.device.version)].into_iter().chain(modules)
    }

    /// The first key that is there and that devices of OneNET cannot have, and why.
    fn beyond_onenet(&self) -> Option<(&'static str, &'static str)> {
        let (device, broker) = (&self.device, self.broker.as_ref());
        let unknown_module = self.modules.iter().any(|module| Kind::of(&module.name).is_none());
        let register = "devices of OneNET do not register; remove it";
        let address = "it is a host of another vendor's cloud; give broker.address";
        let keys = [
            (
                unknown_module,
                "module.name",
                "OneNET knows one module beside the device itself: \"modem\" (FOTA)",
            ),
            (
                !self.sub_devices.is_empty(),
                "sub_device",
                "OneNET has no devices behind others; give each an agent",
            ),
            (
                self.remote_config.is_some(),
                "remote_config",
                "OneNET has no remote configuration; remove the table",
            ),
            (device.registration.is_some(), "device.registration", register),
            (device.registration_url.is_some(), "device.registration_url", register),
            (broker.is_some_and(|broker| broker.region.is_some()), "broker.region", address),
            (broker.is_some_and(|broker| broker.instance.is_some()), "broker.instance", address),
        ];
        keys.into_iter().find_map(|(there, key, problem)| there.then_some((key, problem)))
    }
}

#[cfg(test)]
mod tests;
