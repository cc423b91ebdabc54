//! The device does: MQTT, HTTP ranges, A/B slots, the Record, boot. Blocking and small; no async runtime.

mod boot;
mod config;
mod fault;
mod folder;
mod http;
mod pace;
mod record_store;
mod slots;
mod tls;

pub use boot::{BootError, Slot, active_folder};
pub use config::{
    BrokerConfig, Config, ConfigError, DeviceConfig, DialectName, DownloadConfig, FaultConfig, HealthConfig, ModuleConfig,
    MqttVersion, PolicyConfig, RebootConfig, RebootMode, Seconds, Secret, StorageConfig,
};
pub use slots::{Manifest, ManifestFile};
pub use tls::TrustError;
