//! The agent's configuration: one TOML file, or made by a program. Every key, its unit and its default are in
//! docs/agent.md.

mod install;
mod made;
mod policy;
mod value;

use std::{
    fmt,
    net::ToSocketAddrs,
    path::{Path, PathBuf},
};

use otaru_wire::{
    DeviceId, DeviceName, Module, ProductKey, Version,
    dialect::{Credentials, DeviceHalf},
    mqtt::ProtocolVersion,
};
use serde::Deserialize;

pub use install::InstallConfig;
pub use policy::{PolicyConfig, PolicyMode};
pub use value::{ConfigError, Seconds};

/// Everything an agent is started with.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Who the device is.
    pub device: DeviceConfig,
    /// Where its platform is.
    pub broker: BrokerConfig,
    /// Where it keeps its slots.
    pub storage: StorageConfig,
    /// Its modules beside `default`.
    #[serde(default, rename = "module")]
    pub modules: Vec<ModuleConfig>,
    /// How the packages of the module `default` are installed.
    #[serde(default)]
    pub install: InstallConfig,
    /// How files are fetched.
    #[serde(default)]
    pub download: DownloadConfig,
    /// What is decided beforehand.
    #[serde(default)]
    pub policy: PolicyConfig,
    /// How a new slot is proven.
    #[serde(default)]
    pub health: HealthConfig,
    /// How the device reboots.
    #[serde(default)]
    pub reboot: RebootConfig,
    /// Where the agent takes orders.
    #[serde(default)]
    pub control: ControlConfig,
    /// Where the platform's Configs go. Default: nowhere; each push is answered with 400.
    #[serde(default)]
    pub remote_config: Option<RemoteConfig>,
    /// Faults for rehearsals.
    #[serde(default)]
    pub faults: FaultConfig,
}

/// `[device]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeviceConfig {
    /// The vendor's spelling spoken. Default: `aliyun`.
    #[serde(default)]
    pub dialect: DialectName,
    /// The product.
    #[serde(deserialize_with = "value::id")]
    pub product_key: ProductKey,
    /// The device's name within it.
    #[serde(deserialize_with = "value::id")]
    pub device_name: DeviceName,
    /// What it proves itself with.
    pub device_secret: Secret,
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
}

/// A text that never shows in a log or a message.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(pub String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// `[broker]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BrokerConfig {
    /// Host and port, with a colon between.
    #[serde(deserialize_with = "value::address")]
    pub address: String,
    /// TLS from the first byte. Default: false.
    #[serde(default)]
    pub tls: bool,
    /// A PEM file: the only certificates that the platform's may lead to. Default: the web's roots.
    #[serde(default)]
    pub ca: Option<PathBuf>,
    /// Silence after which the session is probed, in seconds. Default: 60.
    #[serde(default = "sixty", deserialize_with = "value::within::<_, 1, 65535>")]
    pub keep_alive_s: u64,
    /// The MQTT level. Default: `3.1.1`.
    #[serde(default)]
    pub mqtt_version: MqttVersion,
}

/// An MQTT level.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
pub enum MqttVersion {
    /// 3.1.1
    #[default]
    #[serde(rename = "3.1.1")]
    V311,
    /// 5
    #[serde(rename = "5")]
    V5,
}

/// `[storage]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StorageConfig {
    /// The folder of slots, markers and Record. Made where it is missing; one agent at a time uses it.
    pub dir: PathBuf,
}

/// `[[module]]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModuleConfig {
    /// Its name.
    #[serde(deserialize_with = "value::module")]
    pub name: Module,
    /// Its version until its first update is tried.
    #[serde(deserialize_with = "value::id")]
    pub version: Version,
    /// How its packages are installed. Default: A/B slots in the storage folder.
    #[serde(default)]
    pub install: InstallConfig,
}

/// `[download]`
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DownloadConfig {
    /// The most bytes per second. Default: no bound.
    #[serde(deserialize_with = "value::some_within::<_, 1, { u64::MAX }>")]
    pub max_bytes_per_second: Option<u64>,
    /// A PEM file: the only certificates that a file server's may lead to. Default: the web's roots.
    pub ca: Option<PathBuf>,
}

/// `[health]`
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct HealthConfig {
    /// A program and its arguments; status 0 says that the new slot works. Default: none; the new slot works once
    /// it has reached the platform.
    #[serde(deserialize_with = "value::command")]
    pub command: Option<Vec<String>>,
}

/// `[reboot]`
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RebootConfig {
    /// What a reboot is. Default: `restart`.
    pub mode: RebootMode,
    /// The program and its arguments of mode `command`.
    #[serde(deserialize_with = "value::command")]
    pub command: Option<Vec<String>>,
    /// Starts that a new slot gets to prove itself before the old one is back. Default: 3.
    #[serde(deserialize_with = "value::some_within::<_, 1, 200>")]
    pub trial_boots: Option<u64>,
}

/// What a reboot is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RebootMode {
    /// The process replaces itself by a new one of the same program and arguments.
    #[default]
    Restart,
    /// The process ends with the exit code that asks its supervisor to start it again.
    Exit,
    /// A command reboots the machine.
    Command,
}

/// `[control]`
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ControlConfig {
    /// The path of the socket that [`crate::Control`] listens at. Default: none, the agent takes no orders.
    pub socket: Option<PathBuf>,
}

/// `[remote_config]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RemoteConfig {
    /// The file that holds the newest Config.
    pub file: PathBuf,
    /// A program and its arguments, run once the file is there; status 0 says that the Config is in effect. Default:
    /// none; a Config in its file is taken.
    #[serde(default, deserialize_with = "value::command")]
    pub command: Option<Vec<String>>,
    /// Ask for the Config at each connect. Default: false.
    #[serde(default)]
    pub ask_at_connect: bool,
    /// Largest Config taken, in bytes: it is held in memory. Default: 262144.
    #[serde(default = "config_bytes", deserialize_with = "value::within::<_, 1, 16777216>")]
    pub max_bytes: u64,
}

/// `[faults]`: for rehearsals only.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct FaultConfig {
    /// Flips a bit of the byte at this offset of a package's first file, once in the storage folder's life.
    pub corrupt_write_at: Option<u64>,
}

fn config_bytes() -> u64 {
    otaru_core::Policy::default().max_config_bytes
}

fn sixty() -> u64 {
    60
}

impl Config {
    /// Reads a configuration file. Paths in it are relative to its folder.
    ///
    /// # Errors
    /// [`ConfigError`] names the file and, where it can, the line and the key.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let file = path.display().to_string();
        let text =
            std::fs::read_to_string(path).map_err(|error| ConfigError::Read { file: file.clone(), error })?;
        value::warn_if_others_can_read(path);
        let base = path.parent().unwrap_or(Path::new(""));
        Self::parse(&text, &file, base)
    }

    /// Reads a configuration's text. `file` is its name in errors, `base` what its paths are relative to.
    ///
    /// # Errors
    /// As [`Config::load`].
    pub fn parse(text: &str, file: &str, base: &Path) -> Result<Self, ConfigError> {
        let mut config: Config =
            toml::from_str(text).map_err(|error| ConfigError::from_toml(file, text, &error))?;
        config.storage.dir = base.join(&config.storage.dir);
        let paths = [&mut config.broker.ca, &mut config.download.ca, &mut config.control.socket];
        for path in paths.into_iter().flatten() {
            *path = base.join(&*path);
        }
        if let Some(remote) = &mut config.remote_config {
            remote.file = base.join(&remote.file);
        }
        let modules = config.modules.iter_mut().map(|module| &mut module.install);
        for install in modules.chain([&mut config.install]) {
            install.resolve(base);
        }
        config.check(file)?;
        Ok(config)
    }

    /// What no single key can break. `file` is what errors call this configuration.
    pub(crate) fn check(&self, file: &str) -> Result<(), ConfigError> {
        let wrong = |key: &str, problem: &str| {
            Err(ConfigError::Together {
                file: file.to_owned(),
                key: key.to_owned(),
                problem: problem.to_owned(),
            })
        };
        for (index, module) in self.modules.iter().enumerate() {
            if self.modules.iter().skip(index + 1).any(|other| other.name == module.name) {
                return wrong("module.name", &format!("{} is there twice", module.name));
            }
        }
        if let Some((key, problem)) = install::clash(&self.installs()) {
            return wrong(key, &problem);
        }
        if (self.reboot.mode == RebootMode::Command) != self.reboot.command.is_some() {
            return wrong("reboot.command", "mode \"command\" needs it and no other mode takes it");
        }
        if self.broker.ca.is_some() && !self.broker.tls {
            return wrong("broker.ca", "it needs tls = true");
        }
        Ok(())
    }

    /// Who the device is, with what it proves itself by.
    pub fn credentials(&self) -> Credentials {
        Credentials {
            id: DeviceId {
                product: self.device.product_key.clone(),
                device: self.device.device_name.clone(),
            },
            secret: self.device.device_secret.0.clone(),
        }
    }

    /// Every module and how its packages are installed.
    pub(crate) fn installs(&self) -> Vec<(Module, &InstallConfig)> {
        let named = self.modules.iter().map(|module| (module.name.clone(), &module.install));
        std::iter::once((Module::default(), &self.install)).chain(named).collect()
    }

    /// Every module and the version it was made with.
    pub fn module_versions(&self) -> Vec<(Module, Version)> {
        let own = (Module::default(), self.device.version.clone());
        let named = self.modules.iter().map(|module| (module.name.clone(), module.version.clone()));
        std::iter::once(own).chain(named).collect()
    }
}

impl BrokerConfig {
    /// The host without its port, as TLS checks it.
    pub(crate) fn host(&self) -> &str {
        let host = self.address.rsplit_once(':').map_or(self.address.as_str(), |(host, _)| host);
        host.trim_start_matches('[').trim_end_matches(']')
    }

    /// The addresses it stands for now. Asks the system's resolver: may take seconds.
    pub(crate) fn resolve(&self) -> std::io::Result<Vec<std::net::SocketAddr>> {
        Ok(self.address.to_socket_addrs()?.collect())
    }
}

impl DialectName {
    /// The device's half of the dialect.
    pub fn device_half(self) -> &'static dyn DeviceHalf {
        match self {
            DialectName::Aliyun => &otaru_wire::dialect::aliyun::Device,
            DialectName::AliyunV3 => &otaru_wire::dialect::aliyun::DeviceV3,
        }
    }
}

impl From<MqttVersion> for ProtocolVersion {
    fn from(version: MqttVersion) -> Self {
        match version {
            MqttVersion::V311 => ProtocolVersion::V311,
            MqttVersion::V5 => ProtocolVersion::V5,
        }
    }
}

#[cfg(test)]
mod tests;
