//! From a configuration to an agent that is ready to run.

use std::{
    collections::{BTreeMap, VecDeque},
    io,
    sync::{
        Arc, Mutex,
        mpsc::{Sender, channel},
    },
    time::Duration,
};

use otaru_core::{Policy, Record, Updater, UpdaterOptions};
use otaru_wire::{
    Instant, Module,
    dialect::{
        Credentials, Login, Transport,
        aliyun::registration::{Grant, write_token_login},
    },
    mqtt::ClientOptions,
};
use rustls::pki_types::ServerName;

use super::{Agent, AgentError, Health, Registration, Traffic};
use crate::{
    boot::BootMarkers,
    clock::Clock,
    config::{Config, ConfigError, InstallConfig, Proof, RemoteConfig},
    fault::WriteFault,
    folder::Folder,
    handle::Wake,
    http::{FetchOptions, Fetcher},
    install::{InPlace, Install, Installers, Partition, Program, Programs, Slots, Surroundings},
    link::{Link, LinkTls},
    record_store::RecordStore,
    register::{Plan, read_kept},
    remote_config::ConfigFile,
    storage::Storage,
    tls::Trust,
};

/// How long finding and reaching a file server may take.
const FETCH_CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How much longer than the updater a read waits: the updater decides, the read only makes sure of an end.
const STALL_GRACE: Duration = Duration::from_secs(5);
/// How much longer than a program's own time the updater waits for it.
const PROGRAM_GRACE: Duration = Duration::from_secs(30);
const DEFAULT_TRIAL_BOOTS: u8 = 3;

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
        let tries = config.reboot.trial_boots.map_or(DEFAULT_TRIAL_BOOTS, |tries| tries.min(200) as u8);
        let markers = BootMarkers::open(&storage.folder, &config.module_versions(), tries)?;
        let fault = config
            .faults
            .corrupt_write_at
            .map(|at| Folder::open(&dir).and_then(|folder| WriteFault::new(folder, at)))
            .transpose()
            .map_err(at_storage)?;
        let by_module = installers(&config, &storage.folder, own.into_iter().collect())?;
        let installers = Installers::new(by_module, fault);
        let policy = policy(&config, installers.accept_delta());
        let (records, record) = RecordStore::open(&storage.folder, Record::from_bytes).map_err(at_storage)?;

        let at_file =
            |remote: &RemoteConfig, error| AgentError::RemoteConfig { file: remote.file.clone(), error };
        let remote = config.remote_config.as_ref();
        let config_file = remote
            .map(|remote| ConfigFile::open(remote).map_err(|error| at_file(remote, error)))
            .transpose()?;

        let (sender, mailbox) = channel();
        let seed = random()?;
        let updater = Updater::new(
            UpdaterOptions {
                device: config.device.id(),
                dialect: config.device.dialect.device_half(),
                policy,
                seed,
            },
            record,
        );
        let (link, registration) = link(&config, seed, &storage.folder, sender.clone())?;
        let fetcher = fetcher(&config, sender.clone())?;
        Ok(Self {
            clock: Clock::start(),
            updater,
            inputs: VecDeque::new(),
            installers,
            records,
            link,
            registration,
            online: false,
            fetcher,
            spare: None,
            downloaded_bytes: 0,
            traffic_told: Traffic { bytes: 0, at: Instant::default() },
            module: Module::default(),
            health: Health::NotAsked,
            unsettled: BTreeMap::new(),
            rebooting: None,
            config_file,
            mailbox,
            sender,
            exit: None,
            surroundings: Surroundings {
                markers: Arc::new(Mutex::new(markers)),
                _storage: Arc::new(storage),
            },
            config,
        })
    }
}

/// Each module's installer: one's own, or the one that the configuration names.
fn installers(
    config: &Config,
    storage: &Folder,
    mut own: BTreeMap<Module, Box<dyn Install>>,
) -> Result<BTreeMap<Module, Box<dyn Install>>, AgentError> {
    let mut by_module = BTreeMap::new();
    for (module, install) in config.installs() {
        let installer = match own.remove(&module) {
            Some(own) => own,
            None => configured(install, storage, &module)
                .map_err(|error| AgentError::Install { module: module.clone(), error })?,
        };
        by_module.insert(module, installer);
    }
    match own.into_keys().next() {
        Some(module) => Err(AgentError::NoModule { module }),
        None => Ok(by_module),
    }
}

fn configured(install: &InstallConfig, storage: &Folder, module: &Module) -> io::Result<Box<dyn Install>> {
    Ok(match install.clone() {
        InstallConfig::Slots {} => Box::new(Slots::open(storage, module)?),
        InstallConfig::File { path } => Box::new(InPlace::open(&path)?),
        InstallConfig::Partition { a, b } => Box::new(Partition::new(a, b)),
        InstallConfig::Command { command: install, confirm, revert, timeout_s, accept_delta } => {
            let programs = Programs { install, confirm, revert, timeout: timeout_s.0, accept_delta };
            Box::new(Program::open(storage, module, programs)?)
        }
    })
}

/// The policy of the configuration, as the installers need it.
fn policy(config: &Config, accept_delta: bool) -> Policy {
    let mut policy = config.policy.policy();
    policy.accept_delta = accept_delta;
    let remote = config.remote_config.as_ref();
    policy.max_config_bytes = remote.map_or(0, |remote| remote.max_bytes);
    policy.ask_config_at_connect = remote.is_some_and(|remote| remote.ask_at_connect);
    for (_, install) in config.installs() {
        if let InstallConfig::Command { timeout_s, .. } = install {
            // The program's time includes the wait for an earlier run of it.
            policy.slot_timeout = policy.slot_timeout.max(timeout_s.0 + PROGRAM_GRACE);
        }
    }
    policy
}

/// The session, and how it comes to a login if it has none yet.
fn link(
    config: &Config,
    seed: u64,
    storage: &Folder,
    sender: Sender<Wake>,
) -> Result<(Link, Option<Registration>), AgentError> {
    let wrong = |(key, problem): (&str, String)| {
        let file = "the configuration".to_owned();
        AgentError::Config(ConfigError::Together { file, key: key.to_owned(), problem })
    };
    let endpoint = config.endpoint().map_err(wrong)?;
    let trust = Trust::load(config.broker.ca.as_deref())?;
    let (transport, tls) = if config.broker.tls {
        let host = endpoint.host.clone();
        let name = ServerName::try_from(host.clone()).map_err(|_| AgentError::HostName { host })?;
        (Transport::Tls, Some(LinkTls { config: trust.client_config()?, name }))
    } else {
        (Transport::Plain, None)
    };
    let mut options = ClientOptions::new(Login::default());
    options.version = config.broker.mqtt_version.into();
    options.keep_alive = Duration::from_secs(config.broker.keep_alive_s);
    let (known, plan) = match config.proof().map_err(wrong)? {
        Proof::Own(secret) => (Some(Grant::Secret(secret.0)), None),
        Proof::Product { secret: product_secret, way } => {
            let dir = config.storage.dir.clone();
            let kept = read_kept(storage, &config.device.id())
                .map_err(|error| AgentError::Storage { dir: dir.clone(), error })?;
            let (device, endpoint) = (config.device.id(), endpoint.clone());
            let tls = tls.as_ref().map(|tls| Arc::clone(&tls.config));
            (kept, Some(Plan { device, product_secret, way, endpoint, tls, trust, dir, seed }))
        }
    };
    let tell = move |event| sender.send(Wake::Link(event)).is_ok();
    let mut link = Link::new(endpoint, tls, options, seed, Arc::new(tell));
    let registration = match known {
        Some(grant) => {
            link.begin(login(config, grant, transport));
            None
        }
        None => plan.map(Registration::Planned),
    };
    Ok((link, registration))
}

/// How a device logs in with what it was given.
pub(super) fn login(config: &Config, grant: Grant, transport: Transport) -> Login {
    let id = config.device.id();
    match grant {
        Grant::Secret(secret) => {
            config.device.dialect.device_half().write_login(&Credentials { id, secret }, transport)
        }
        Grant::Token { client_id, token } => write_token_login(&id, &client_id, &token, transport),
    }
}

fn fetcher(config: &Config, sender: Sender<Wake>) -> Result<Fetcher, AgentError> {
    let options = FetchOptions {
        trust: Trust::load(config.download.ca.as_deref())?,
        max_bytes_per_second: config.download.max_bytes_per_second,
        stall_timeout: config.policy.policy().stall_timeout + STALL_GRACE,
        connect_timeout: FETCH_CONNECT_TIMEOUT,
    };
    Fetcher::start(options, move |event| sender.send(Wake::Fetch(event)).is_ok())
        .map_err(|error| AgentError::System { what: "a thread", error })
}

/// Differs between devices and starts; no secret.
fn random() -> Result<u64, AgentError> {
    getrandom::u64().map_err(|error| AgentError::System { what: "random numbers", error: error.into() })
}
