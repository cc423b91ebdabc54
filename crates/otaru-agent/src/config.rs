//! The agent's configuration: one TOML file, or made by a program. Every key, its unit and its default are in
//! docs/agent.md.

mod broker;
mod check;
mod device;
mod install;
mod made;
mod onenet;
mod platform;
mod policy;
mod sub_device;
mod value;

use std::path::{Path, PathBuf};

use otaru_wire::{Module, Version, dialect::Transport};
use serde::Deserialize;

pub(crate) use broker::Endpoint;
pub use broker::{BrokerConfig, MqttVersion};
pub(crate) use check::Wrong;
pub use device::{DeviceConfig, DialectName, RegistrationMode, Secret};
pub(crate) use device::{Proof, Way};
pub use install::InstallConfig;
pub use onenet::{OnenetConfig, SignEdition, SignMethod, SignedAs};
pub use platform::PlatformConfig;
pub use policy::{PolicyConfig, PolicyMode};
pub use sub_device::{SubDevice, SubRebootConfig};
pub use value::{ConfigError, Seconds};

/// Everything an agent is started with.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Who the device is.
    pub device: DeviceConfig,
    /// Where its platform takes sessions over MQTT: needed, but where it speaks HTTP.
    #[serde(default)]
    pub broker: Option<BrokerConfig>,
    /// Where its platform is, if it speaks HTTP.
    #[serde(default)]
    pub platform: Option<PlatformConfig>,
    /// Where it keeps its slots.
    pub storage: StorageConfig,
    /// Its modules beside `default`.
    #[serde(default, rename = "module")]
    pub modules: Vec<ModuleConfig>,
    /// How the packages of the module `default` are installed.
    #[serde(default)]
    pub install: InstallConfig,
    /// The devices behind it, which speak through its session.
    #[serde(default, rename = "sub_device")]
    pub sub_devices: Vec<SubDevice>,
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
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DownloadConfig {
    /// Fetches under way at the same time; others wait their turn. Default: 2. One device never has more than one.
    #[serde(deserialize_with = "value::within::<_, 1, 16>")]
    pub at_once: u64,
    /// The most bytes per second. Default: no bound.
    #[serde(deserialize_with = "value::some_within::<_, 1, { u64::MAX }>")]
    pub max_bytes_per_second: Option<u64>,
    /// A PEM file: the only certificates that a file server's may lead to. Default: the web's roots.
    pub ca: Option<PathBuf>,
}

impl Default for DownloadConfig {
    fn default() -> Self {
        Self { at_once: 2, max_bytes_per_second: None, ca: None }
    }
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
        let session = config.broker.as_mut().and_then(|broker| broker.ca.as_mut());
        let platform = config.platform.as_mut().and_then(|platform| platform.ca.as_mut());
        let others = [&mut config.download.ca, &mut config.control.socket].into_iter().flatten();
        for path in others.chain(session).chain(platform) {
            *path = base.join(&*path);
        }
        if let Some(remote) = &mut config.remote_config {
            remote.file = base.join(&remote.file);
        }
        let modules = config.modules.iter_mut().map(|module| &mut module.install);
        let behind = config.sub_devices.iter_mut().flat_map(SubDevice::installs_mut);
        for install in modules.chain(behind).chain([&mut config.install]) {
            install.resolve(base);
        }
        config.check(file)?;
        Ok(config)
    }

    /// What the device proves itself with. Checked already, so the error never comes.
    pub(crate) fn proof(&self) -> Result<Proof, Wrong> {
        match self.device.dialect.generation() {
            Some(_) => self.device.onenet_key().map(Proof::Own),
            None => self.device.proof(self.broker.as_ref()),
        }
    }

    /// How sessions are made.
    pub(crate) fn transport(&self) -> Transport {
        match self.broker.as_ref().is_some_and(|broker| broker.tls) {
            true => Transport::Tls,
            false => Transport::Plain,
        }
    }

    /// Every module and how its packages are installed.
    pub(crate) fn installs(&self) -> Vec<(Module, &InstallConfig)> {
        sub_device::installs(&self.install, &self.modules)
    }

    /// Every module and the version it was made with.
    pub fn module_versions(&self) -> Vec<(Module, Version)> {
        sub_device::module_versions(&self.device.version, &self.modules)
    }
}

#[cfg(test)]
mod tests;
