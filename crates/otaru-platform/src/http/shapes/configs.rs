//! Remote configuration.

pub use otaru_fleet::{ConfigId, ConfigState};
use otaru_wire::{DeviceName, ProductKey};
use serde::{Deserialize, Serialize};

/// `PUT /products/{product_key}/config`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewConfig {
    /// The SHA-256 that `PUT /files` answered.
    pub sha256: String,
}

/// One version of a product's configuration; the answer to `PUT …/config`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Config {
    /// Its number; devices are told `cfg-` and this.
    pub id: ConfigId,
    /// SHA-256, lower-case hex.
    pub sha256: String,
    /// Length in bytes.
    pub size: u64,
    /// When it was set, Unix milliseconds.
    pub created_ms: u64,
}

/// The answer to `GET …/config` and `DELETE …/config`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Configs {
    /// Whose devices it is for.
    pub product_key: ProductKey,
    /// False if it is switched off.
    pub on: bool,
    /// The last five versions, the newest first: devices get that one.
    pub versions: Vec<Config>,
}

/// `POST …/config/push`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConfigPush {
    /// To which devices; to all of the product if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub devices: Option<Vec<DeviceName>>,
}

/// The answer to `POST …/config/push`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConfigPushed {
    /// The version that is pushed.
    pub id: ConfigId,
    /// To how many devices.
    pub devices: u64,
    /// The devices asked for that there are not.
    pub unknown: Vec<DeviceName>,
}

/// What became of the configuration on a device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceConfig {
    /// The device's name.
    pub device: DeviceName,
    /// Which version.
    pub config_id: ConfigId,
    /// How far it is.
    pub state: ConfigState,
    /// What the device answered to the push; none if it did not.
    pub code: Option<u16>,
    /// The one thing that holds the push back; none if it does not wait.
    pub waiting_for: Option<String>,
    /// When anything of it last changed, Unix milliseconds.
    pub updated_ms: u64,
}

/// The answer to `GET …/config/devices`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceConfigs {
    /// In the order of their names; only devices that were ever to be told of one.
    pub devices: Vec<DeviceConfig>,
    /// What `after` is to be for the next page; none at the end.
    pub next: Option<DeviceName>,
}
