//! From a configuration to an agent that is ready to run.

use std::sync::{Arc, mpsc::channel};

use otaru_core::{Gateway, GatewayOptions, GatewayPolicy, Policy};
use otaru_wire::Module;

use super::{
    Agent, AgentError, Shared,
    behind::Leaving,
    device::{Device, Reboot},
    opening::Outfit,
    reaching::{calls, fetchers, link},
};
use crate::{
    clock::Clock,
    config::{Config, RemoteConfig},
    fault::WriteFault,
    folder::Folder,
    install::Install,
    number::DeviceNumber,
    remote_config::ConfigFile,
    storage::Storage,
};

impl Agent {
    /// Opens the storage and reads what the last run left. Nothing is sent before [`Agent::run`].
    ///
    /// # Errors
    /// [`AgentError`] names what is in the way.
    pub fn new(config: Config) -> Result<Self, AgentError> {
        Self::with_installers(config, [])
    }

    /// The same, with installers of one's own for some modules. Their `install` in the configuration is not looked at.
    ///
    /// # Errors
    /// [`AgentError`] names what is in the way.
    pub fn with_installers(
        config: Config,
        own: impl IntoIterator<Item = (Module, Box<dyn Install>)>,
    ) -> Result<Self, AgentError> {
        config.check("the configuration")?;
        let dir = config.storage.dir.clone();
        let at_storage = |error| AgentError::Storage { dir: dir.clone(), error };
        let storage =
            Storage::open(&dir).map_err(at_storage)?.ok_or_else(|| AgentError::InUse { dir: dir.clone() })?;
        let storage = Arc::new(storage);
        let fault = config
            .faults
            .corrupt_write_at
            .map(|at| Folder::open(&dir).and_then(|folder| WriteFault::new(folder, at)))
            .transpose()
            .map_err(at_storage)?;
        let at_file =
            |remote: &RemoteConfig, error| AgentError::RemoteConfig { file: remote.file.clone(), error };
        let remote = config.remote_config.as_ref();
        let config_file = remote
            .map(|remote| ConfigFile::open(remote).map_err(|error| at_file(remote, error)))
            .transpose()?;
        let id = config.device.id();
        let dialect = config.device.device_half();
        let outfit = Outfit {
            id: id.clone(),
            dialect,
            policy: policy(&config),
            versions: config.module_versions(),
            installs: config.installs(),
            own: own.into_iter().collect(),
            trial_boots: config.reboot.trial_boots,
            fault,
            health_command: config.health.command.clone(),
            reboot: Reboot::own(&config.reboot),
            config_file,
        };
        let device = Device::open(DeviceNumber::OWN, outfit, &storage, &storage.folder)?;

        let (sender, mailbox) = channel();
        let (link, registration) = link(&config, dialect, random()?, &storage.folder, &sender)?;
        let gateway = Gateway::new(GatewayOptions {
            gateway: id.clone(),
            dialect,
            transport: config.transport(),
            policy: GatewayPolicy::default(),
            seed: random()?,
        });
        let shared = Shared {
            clock: Clock::start(),
            link,
            calls: calls(&config, dialect, &sender)?,
            fetchers: fetchers(&config, &sender)?,
            health_interval: config.policy.policy().health_interval,
            sender,
            stopping: false,
            exit: None,
        };
        Ok(Self {
            devices: [(DeviceNumber::OWN, device)].into(),
            numbers: [(id, DeviceNumber::OWN)].into(),
            last_number: DeviceNumber::OWN,
            leaving: Leaving::default(),
            registration,
            gateway,
            retry_after_ms: 0,
            mailbox,
            shared,
            dialect,
            config,
            storage,
        })
    }
}

/// What is decided beforehand for the agent's own device.
fn policy(config: &Config) -> Policy {
    let remote = config.remote_config.as_ref();
    Policy {
        max_config_bytes: remote.map_or(0, |remote| remote.max_bytes),
        ask_config_at_connect: remote.is_some_and(|remote| remote.ask_at_connect),
        ..config.policy.policy()
    }
}

/// Differs between devices and starts; no secret.
pub(super) fn random() -> Result<u64, AgentError> {
    getrandom::u64().map_err(|error| AgentError::System { what: "random numbers", error: error.into() })
}
