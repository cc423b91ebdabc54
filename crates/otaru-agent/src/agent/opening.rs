//! From what is configured of a device to one that can run.

use std::{
    collections::{BTreeMap, VecDeque},
    io,
    path::PathBuf,
    sync::{Arc, Mutex},
    time::Duration,
};

use otaru_core::{Policy, Record, Updater, UpdaterOptions};
use otaru_wire::{DeviceId, Module, Version, dialect::DeviceHalf};

use super::{
    Agent, AgentError,
    device::{Device, Reboot, Traffic},
    health::Health,
    setup::random,
};
use crate::{
    boot::BootMarkers,
    config::{InstallConfig, SubDevice},
    fault::WriteFault,
    folder::Folder,
    handle::OwnInstallers,
    install::{InPlace, Install, Installers, Partition, Program, Programs, Slots, Surroundings},
    number::DeviceNumber,
    record_store::RecordStore,
    remote_config::ConfigFile,
    storage::Storage,
};

/// How much longer than a program's own time the updater waits for it.
const PROGRAM_GRACE: Duration = Duration::from_secs(30);
const DEFAULT_TRIAL_BOOTS: u8 = 3;
/// The folder of the devices behind the agent's own, inside the storage folder.
const DEVICES: &str = "devices";

/// What a device is made of.
pub(super) struct Outfit<'a> {
    pub(super) id: DeviceId,
    pub(super) dialect: &'static dyn DeviceHalf,
    pub(super) policy: Policy,
    pub(super) versions: Vec<(Module, Version)>,
    pub(super) installs: Vec<(Module, &'a InstallConfig)>,
    /// Installers of the user's own, which go before.
    pub(super) own: OwnInstallers,
    pub(super) trial_boots: Option<u64>,
    pub(super) fault: Option<WriteFault>,
    pub(super) health_command: Option<Vec<String>>,
    pub(super) reboot: Reboot,
    pub(super) config_file: Option<ConfigFile>,
}

impl Agent {
    /// A device behind the agent's own, in a folder of its own.
    pub(super) fn open_behind(
        &self,
        number: DeviceNumber,
        config: &SubDevice,
        own: OwnInstallers,
    ) -> Result<Device, AgentError> {
        let outfit = Outfit {
            id: config.id(),
            dialect: self.dialect,
            // There is no place for Configs of theirs, and no way to them for blocks.
            policy: Policy { max_config_bytes: 0, accept_blocks: false, ..self.config.policy.policy() },
            versions: config.module_versions(),
            installs: config.installs(),
            own,
            trial_boots: config.reboot.trial_boots,
            fault: None,
            health_command: config.health.command.clone(),
            reboot: Reboot::Behind(config.reboot.command.clone()),
            config_file: None,
        };
        let storage = &self.storage;
        let folder = storage
            .folder
            .child(DEVICES)
            .and_then(|devices| devices.child(config.product_key.as_str()))
            .and_then(|product| product.child(config.device_name.as_str()))
            .map_err(|error| AgentError::Storage { dir: storage.folder.path().to_owned(), error })?;
        Device::open(number, outfit, storage, &folder)
    }
}

impl Device {
    /// Reads from its folder what the last run left.
    pub(super) fn open(
        number: DeviceNumber,
        outfit: Outfit<'_>,
        storage: &Arc<Storage>,
        folder: &Folder,
    ) -> Result<Self, AgentError> {
        let at_storage = |error| AgentError::Storage { dir: folder.path().to_owned(), error };
        let tries = outfit.trial_boots.map_or(DEFAULT_TRIAL_BOOTS, |tries| tries.min(200) as u8);
        let markers = BootMarkers::open(folder, &outfit.versions, tries)?;
        let (records, record) = RecordStore::open(folder, Record::from_bytes).map_err(at_storage)?;
        let policy = outfit.policy();
        let paths = outfit.installs.iter().flat_map(|(_, install)| install.paths()).cloned();
        let paths: Vec<PathBuf> = paths.collect();
        let by_module = installers(&outfit.id, &outfit.installs, folder, outfit.own)?;
        let installers = Installers::new(by_module, outfit.fault);
        let updater = UpdaterOptions {
            device: outfit.id.clone(),
            dialect: outfit.dialect,
            policy: Policy { accept_delta: installers.accept_delta(), ..policy },
            seed: random()?,
        };
        Ok(Self {
            number,
            id: outfit.id,
            updater: Updater::new(updater, record),
            inputs: VecDeque::new(),
            installers,
            records,
            session: false,
            online: false,
            booted: false,
            spare: None,
            downloaded_bytes: 0,
            traffic_told: Traffic::default(),
            module: Module::default(),
            health: Health::NotAsked,
            health_command: outfit.health_command,
            unsettled: BTreeMap::new(),
            reboot: outfit.reboot,
            rebooting: None,
            at_work: 0,
            config_file: outfit.config_file,
            paths,
            surroundings: Surroundings {
                markers: Arc::new(Mutex::new(markers)),
                _storage: Arc::clone(storage),
            },
        })
    }
}

impl Outfit<'_> {
    /// The policy of the configuration, as the installers need it.
    fn policy(&self) -> Policy {
        let mut policy = self.policy.clone();
        for (_, install) in &self.installs {
            if let InstallConfig::Command { timeout_s, .. } = install {
                // The program's time includes the wait for an earlier run of it.
                policy.slot_timeout = policy.slot_timeout.max(timeout_s.0 + PROGRAM_GRACE);
            }
        }
        policy
    }
}

/// Each module's installer: one's own, or the one that the configuration names.
fn installers(
    device: &DeviceId,
    installs: &[(Module, &InstallConfig)],
    folder: &Folder,
    own: OwnInstallers,
) -> Result<BTreeMap<Module, Box<dyn Install>>, AgentError> {
    let mut own: BTreeMap<_, _> = own.into_iter().collect();
    let mut by_module = BTreeMap::new();
    for (module, install) in installs {
        let installer = match own.remove(module) {
            Some(own) => own,
            None => configured(device, install, folder, module)
                .map_err(|error| AgentError::Install { module: module.clone(), error })?,
        };
        by_module.insert(module.clone(), installer);
    }
    match own.into_keys().next() {
        Some(module) => Err(AgentError::NoModule { module }),
        None => Ok(by_module),
    }
}

fn configured(
    device: &DeviceId,
    install: &InstallConfig,
    folder: &Folder,
    module: &Module,
) -> io::Result<Box<dyn Install>> {
    Ok(match install.clone() {
        InstallConfig::Slots {} => Box::new(Slots::open(folder, module)?),
        InstallConfig::File { path } => Box::new(InPlace::open(&path)?),
        InstallConfig::Partition { a, b } => Box::new(Partition::new(a, b)),
        InstallConfig::Command { command: install, confirm, revert, timeout_s, accept_delta } => {
            let device = device.clone();
            let programs = Programs { device, install, confirm, revert, timeout: timeout_s.0, accept_delta };
            Box::new(Program::open(folder, module, programs)?)
        }
    })
}
