//! `[device]`: who the device is and what it proves itself with.

use std::fmt;

use otaru_wire::{
    DeviceId, DeviceName, ProductKey, Version,
    dialect::{
        DeviceHalf,
        aliyun::{self, registration::HTTP_PATH},
        jd, onenet,
    },
};
use serde::Deserialize;

use super::{BrokerConfig, OnenetConfig, Wrong, value};

/// `[device]`. Either `device_secret` is given, or `product_secret` and `registration`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeviceConfig {
    /// The vendor's spelling spoken. Default: `aliyun`.
    #[serde(default)]
    pub dialect: DialectName,
    /// The product.
    #[serde(deserialize_with = "value::id")]
    pub product_key: ProductKey,
    /// The device's name within it; in the dialect `jd` its identifier.
    #[serde(deserialize_with = "value::id")]
    pub device_name: DeviceName,
    /// What it proves itself with.
    #[serde(default)]
    pub device_secret: Option<Secret>,
    /// What a device without a secret asks for one with, once.
    #[serde(default)]
    pub product_secret: Option<Secret>,
    /// How it asks.
    #[serde(default)]
    pub registration: Option<RegistrationMode>,
    /// Where it asks, for `http`. Default: the region's host.
    #[serde(default)]
    pub registration_url: Option<String>,
    /// What the dialect `jd` has otherwise than proposed, where JD published nothing. Default: nothing.
    #[serde(default)]
    pub jd: Option<jd::Unpublished>,
    /// What devices of OneNET sign with and tell of themselves. Default: what its generation takes.
    #[serde(default)]
    pub onenet: Option<OnenetConfig>,
    /// The version of the module `default` until the first update is tried.
    #[serde(deserialize_with = "value::id")]
    pub version: Version,
}

/// A vendor's spelling.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DialectName {
    /// Alibaba Cloud, Link SDK v4.
    #[default]
    Aliyun,
    /// Alibaba Cloud, iotkit-embedded v3.
    AliyunV3,
    /// JD Cloud IoT Engine, whose devices have no parts, no devices behind them and no way to register (jd-iot-engine §3.1).
    Jd,
    /// OneNET's "general OTA", whose Tasks have tokens (onenet §1). Over HTTP, as the next two.
    OnenetToken,
    /// OneNET Studio.
    OnenetTid,
    /// OneNET's platform of today.
    OnenetFuse,
}

/// How a device asks for a secret of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RegistrationMode {
    /// By a form over HTTP(S). The platform must know the device's name.
    Http,
    /// By a short session over MQTT. The platform must know the device's name.
    Mqtt,
    /// By a short session over MQTT, for a device that the platform does not know yet: it gets a token.
    MqttUnlisted,
}

/// A text that never shows in a log or a message.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(pub String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// What a device proves itself with, as its configuration has it.
#[derive(Debug, Clone)]
pub(crate) enum Proof {
    /// A secret of its own.
    Own(Secret),
    /// The product's, for a secret of its own or a token.
    Product { secret: Secret, way: Way },
}

/// The way to a secret of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Way {
    /// The whole address of the form.
    Http(String),
    Mqtt,
    MqttUnlisted,
}

impl DeviceConfig {
    /// Who it is.
    pub fn id(&self) -> DeviceId {
        DeviceId { product: self.product_key.clone(), device: self.device_name.clone() }
    }

    /// How it speaks. A table of its own lives as long as the process, as every dialect does.
    pub(crate) fn device_half(&self) -> &'static dyn DeviceHalf {
        match (self.dialect, &self.jd, self.dialect.generation(), &self.onenet) {
            (DialectName::Jd, Some(table), _, _) => {
                let table: &'static jd::Unpublished = Box::leak(Box::new(table.clone()));
                Box::leak(Box::new(jd::Device(table)))
            }
            (_, _, Some(generation), Some(table)) => Box::leak(Box::new(table.device_half(generation))),
            (dialect, ..) => dialect.device_half(),
        }
    }

    /// What is wrong with the table of `jd`, if something is.
    pub(crate) fn wrong_jd(&self) -> Option<&'static str> {
        match (self.dialect, &self.jd) {
            (DialectName::Jd, Some(table)) => table.check().err(),
            (_, Some(_)) => Some("only the dialect \"jd\" takes it"),
            (_, None) => None,
        }
    }

    /// What it proves itself with, or the key that is wrong and what is wrong with it.
    pub(crate) fn proof(&self, broker: Option<&BrokerConfig>) -> Result<Proof, Wrong> {
        let wrong = |key, problem: &str| Err((key, problem.to_owned()));
        match (&self.device_secret, &self.product_secret, self.registration) {
            (Some(_), _, _) if self.product_secret.is_some() || self.registration.is_some() => {
                wrong("device.device_secret", "a device that has one does not register")
            }
            (Some(secret), _, _) if self.registration_url.is_none() => Ok(Proof::Own(secret.clone())),
            (None, None, _) => wrong("device.device_secret", "it is needed, or product_secret"),
            (None, Some(_), None) => {
                wrong("device.registration", "product_secret needs \"http\", \"mqtt\" or \"mqtt-unlisted\"")
            }
            (None, Some(secret), Some(RegistrationMode::Http)) => {
                Ok(Proof::Product { secret: secret.clone(), way: Way::Http(self.form_address(broker)?) })
            }
            _ if self.registration_url.is_some() => {
                wrong("device.registration_url", "only registration \"http\" takes it")
            }
            (_, Some(secret), Some(mode)) => {
                let way = if mode == RegistrationMode::Mqtt { Way::Mqtt } else { Way::MqttUnlisted };
                Ok(Proof::Product { secret: secret.clone(), way })
            }
            _ => wrong("device.device_secret", "it is needed, or product_secret"),
        }
    }

    fn form_address(&self, broker: Option<&BrokerConfig>) -> Result<String, Wrong> {
        let base = match &self.registration_url {
            Some(url) if url.starts_with("http://") || url.starts_with("https://") => url.clone(),
            Some(_) => {
                return Err(("device.registration_url", "it must begin with http:// or https://".to_owned()));
            }
            None => match broker.filter(|broker| broker.region.is_some()) {
                Some(broker) => broker.region()?.registration(),
                None => {
                    let problem = "registration \"http\" needs it, unless broker.region is given";
                    return Err(("device.registration_url", problem.to_owned()));
                }
            },
        };
        Ok(format!("{}{HTTP_PATH}", base.trim_end_matches('/')))
    }
}

impl DialectName {
    /// True if a device of it may speak for others behind it.
    pub(crate) fn has_gateways(self) -> bool {
        matches!(self, Self::Aliyun | Self::AliyunV3)
    }

    /// The device's half of the dialect; of `jd` with what is proposed, of OneNET with what its generation takes.
    pub fn device_half(self) -> &'static dyn DeviceHalf {
        match self {
            DialectName::Aliyun => &aliyun::Device,
            DialectName::AliyunV3 => &aliyun::DeviceV3,
            DialectName::Jd => &jd::DEVICE,
            DialectName::OnenetToken => &onenet::DEVICE_TOKEN,
            DialectName::OnenetTid => &onenet::DEVICE_TID,
            DialectName::OnenetFuse => &onenet::DEVICE_FUSE,
        }
    }
}
