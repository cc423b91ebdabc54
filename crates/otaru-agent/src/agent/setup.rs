//! From a configuration to an agent that is ready to run.

use std::{
    sync::{
        Arc,
        mpsc::{Sender, channel},
    },
    time::{Duration, Instant},
};

use otaru_core::{Gateway, GatewayOptions, GatewayPolicy, Policy};
use otaru_wire::{
    Module,
    dialect::{
        Credentials, Login, Transport,
        aliyun::registration::{Grant, write_token_login},
    },
    mqtt::ClientOptions,
};
use rustls::pki_types::ServerName;

use super::{
    Agent, AgentError, Registration, Shared,
    behind::Leaving,
    device::{Device, Reboot},
    opening::Outfit,
};
use crate::{
    clock::Clock,
    config::{Config, ConfigError, Proof, RemoteConfig},
    fault::WriteFault,
    fetchers::Fetchers,
    folder::Folder,
    handle::Wake,
    http::FetchOptions,
    install::Install,
    link::{Link, LinkTls},
    number::DeviceNumber,
    pace::Pace,
    register::{Plan, read_kept},
    remote_config::ConfigFile,
    storage::Storage,
    tls::Trust,
};

/// How long finding and reaching a file server may take.
const FETCH_CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How much longer than the updater a read waits: the updater decides, the read only makes sure of an end.
const STALL_GRACE: Duration = Duration::from_secs(5);

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
        let (link, registration) = link(&config, random()?, &storage.folder, sender.clone())?;
        let gateway = Gateway::new(GatewayOptions {
            gateway: id.clone(),
            dialect,
            transport: if config.broker.tls { Transport::Tls } else { Transport::Plain },
            policy: GatewayPolicy::default(),
            seed: random()?,
        });
        let shared = Shared {
            clock: Clock::start(),
            link,
            fetchers: fetchers(&config, sender.clone())?,
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
            config.device.device_half().write_login(&Credentials { id, secret }, transport)
        }
        Grant::Token { client_id, token } => write_token_login(&id, &client_id, &token, transport),
    }
}

fn fetchers(config: &Config, sender: Sender<Wake>) -> Result<Fetchers, AgentError> {
    let options = FetchOptions {
        trust: Trust::load(config.download.ca.as_deref())?,
        pace: config.download.max_bytes_per_second.map(|rate| Pace::new(rate, Instant::now())),
        stall_timeout: config.policy.policy().stall_timeout + STALL_GRACE,
        connect_timeout: FETCH_CONNECT_TIMEOUT,
    };
    let deliver = move |lane, event| sender.send(Wake::Fetch(lane, event)).is_ok();
    let at_once = usize::try_from(config.download.at_once).unwrap_or(1);
    Fetchers::start(options, at_once, deliver).map_err(|error| AgentError::System { what: "a thread", error })
}

/// Differs between devices and starts; no secret.
pub(super) fn random() -> Result<u64, AgentError> {
    getrandom::u64().map_err(|error| AgentError::System { what: "random numbers", error: error.into() })
}
