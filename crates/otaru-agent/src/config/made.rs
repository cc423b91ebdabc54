//! A configuration made by a program: what has to be told; all else has the default that it has in a file.

use std::path::PathBuf;

use otaru_wire::dialect::aliyun::regions;
use serde::de::DeserializeOwned;

use super::{
    BrokerConfig, Config, ConfigError, DeviceConfig, ModuleConfig, PlatformConfig, RegistrationMode,
    RemoteConfig, StorageConfig, SubDevice,
};

impl Config {
    /// A device that keeps its slots, boot markers and Record in the folder `storage`, which is made where it is
    /// missing. Set the other fields as you need them; what does not go together is refused by [`crate::Agent::new`].
    pub fn new(device: DeviceConfig, broker: BrokerConfig, storage: impl Into<PathBuf>) -> Self {
        Self { broker: Some(broker), ..Self::of(device, storage) }
    }

    /// The same for a platform that speaks HTTP: a device of OneNET, whose `dialect` says which generation. Set `broker`, too,
    /// and the platform can tell it when to ask.
    pub fn over_http(device: DeviceConfig, platform: PlatformConfig, storage: impl Into<PathBuf>) -> Self {
        Self { platform: Some(platform), ..Self::of(device, storage) }
    }

    fn of(device: DeviceConfig, storage: impl Into<PathBuf>) -> Self {
        Self {
            device,
            broker: None,
            platform: None,
            storage: StorageConfig { dir: storage.into() },
            modules: Vec::new(),
            install: Default::default(),
            sub_devices: Vec::new(),
            download: Default::default(),
            policy: Default::default(),
            health: Default::default(),
            reboot: Default::default(),
            control: Default::default(),
            remote_config: None,
            faults: Default::default(),
        }
    }
}

impl DeviceConfig {
    /// A device of Alibaba Cloud's v4 generation, unless `dialect` is set to another. `version` is what its module `default` runs before its first update.
    ///
    /// # Errors
    /// [`ConfigError::Value`] if a text cannot be what it is meant to be. It never repeats the secret.
    pub fn new(
        product_key: &str,
        device_name: &str,
        device_secret: &str,
        version: &str,
    ) -> Result<Self, ConfigError> {
        made(
            "device",
            [
                ("product_key", product_key),
                ("device_name", device_name),
                ("device_secret", device_secret),
                ("version", version),
            ],
        )
    }

    /// A device that has only its product's secret and asks for its own, once. For [`RegistrationMode::Http`] with a
    /// platform that is no region of the vendor's cloud, set `registration_url` too.
    ///
    /// # Errors
    /// As [`DeviceConfig::new`].
    pub fn registering(
        product_key: &str,
        device_name: &str,
        product_secret: &str,
        registration: RegistrationMode,
        version: &str,
    ) -> Result<Self, ConfigError> {
        let device: Self = made(
            "device",
            [
                ("product_key", product_key),
                ("device_name", device_name),
                ("product_secret", product_secret),
                ("version", version),
            ],
        )?;
        Ok(Self { registration: Some(registration), ..device })
    }
}

impl RemoteConfig {
    /// Configs go into `file`, without a program that looks at them.
    pub fn new(file: impl Into<PathBuf>) -> Self {
        let max_bytes = super::config_bytes();
        Self { file: file.into(), command: None, ask_at_connect: false, max_bytes }
    }
}

impl BrokerConfig {
    /// A platform at `address`, a host and a port with a colon between, without TLS.
    ///
    /// # Errors
    /// [`ConfigError::Value`] if `address` is something else.
    pub fn new(address: &str) -> Result<Self, ConfigError> {
        made("broker", [("address", address)])
    }

    /// The vendor's cloud in one of its regions, such as `cn-shanghai`, for products on its older public instances.
    ///
    /// # Errors
    /// [`ConfigError::Value`] if the region is not known; it names those that are.
    pub fn in_region(region: &str) -> Result<Self, ConfigError> {
        let broker: Self = made("broker", [("region", region)])?;
        match broker.region() {
            Ok(_) => Ok(broker),
            Err((_, problem)) => Err(ConfigError::Value { table: "broker", problem }),
        }
    }

    /// An instance of the vendor's cloud, by its id.
    ///
    /// # Errors
    /// [`ConfigError::Value`] if it cannot be such an id.
    pub fn of_instance(instance: &str) -> Result<Self, ConfigError> {
        if regions::instance_broker(instance).is_none() {
            let problem = format!("{instance:?} is no id of an instance");
            return Err(ConfigError::Value { table: "broker", problem });
        }
        made("broker", [("instance", instance)])
    }
}

impl PlatformConfig {
    /// A platform that speaks HTTP at `url`: scheme, host and, where it is not the scheme's own, port.
    ///
    /// # Errors
    /// [`ConfigError::Value`] if `url` is something else.
    pub fn new(url: &str) -> Result<Self, ConfigError> {
        made("platform", [("url", url)])
    }
}

impl ModuleConfig {
    /// A module beside `default`, with what it runs before its first update.
    ///
    /// # Errors
    /// [`ConfigError::Value`] if a text cannot be what it is meant to be.
    pub fn new(name: &str, version: &str) -> Result<Self, ConfigError> {
        made("module", [("name", name), ("version", version)])
    }
}

impl SubDevice {
    /// A device behind a gateway. `version` is what its module `default` runs before its first update.
    ///
    /// # Errors
    /// [`ConfigError::Value`] if a text cannot be what it is meant to be. It never repeats the secret.
    pub fn new(
        product_key: &str,
        device_name: &str,
        device_secret: &str,
        version: &str,
    ) -> Result<Self, ConfigError> {
        made(
            "sub_device",
            [
                ("product_key", product_key),
                ("device_name", device_name),
                ("device_secret", device_secret),
                ("version", version),
            ],
        )
    }
}

/// A table of the file from its values, so that each has the checks and the words that it has there.
fn made<T: DeserializeOwned, const N: usize>(
    table: &'static str,
    values: [(&str, &str); N],
) -> Result<T, ConfigError> {
    let values: toml::Table = values.map(|(key, value)| (key.to_owned(), value.into())).into_iter().collect();
    T::deserialize(values).map_err(|error| ConfigError::Value { table, problem: error.message().to_owned() })
}
