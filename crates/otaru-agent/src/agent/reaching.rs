//! The ways to the platform: the session, the calls, and the files.

use std::{
    sync::{Arc, mpsc::Sender},
    time::{Duration, Instant},
};

use otaru_core::{FetchError, RequestId};
use otaru_wire::{
    dialect::{
        Credentials, DeviceHalf, Login,
        aliyun::registration::{Grant, write_token_login},
    },
    http::Call,
    mqtt::{ClientOptions, Message},
};
use rustls::pki_types::ServerName;

use super::{AgentError, Shared, registering::Registration};
use crate::{
    calls::{CallId, CallOptions, Calls},
    config::{BrokerConfig, Config, ConfigError, Proof, Wrong},
    fetchers::Fetchers,
    folder::Folder,
    handle::Wake,
    http::FetchOptions,
    link::{Link, LinkTls},
    pace::Pace,
    register::{Plan, read_kept},
    tls::Trust,
};

/// How long finding and reaching a server may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How much longer than the updater a read waits: the updater decides, the read only makes sure of an end.
const GRACE: Duration = Duration::from_secs(5);

/// The session, if the platform has one, and how it comes to a login if it has none yet.
pub(super) fn link(
    config: &Config,
    dialect: &'static dyn DeviceHalf,
    seed: u64,
    storage: &Folder,
    sender: &Sender<Wake>,
) -> Result<(Option<Link>, Option<Registration>), AgentError> {
    let Some(broker) = &config.broker else { return Ok((None, None)) };
    let endpoint = broker.endpoint(&config.device.product_key).map_err(wrong)?;
    let trust = Trust::load(broker.ca.as_deref())?;
    let tls = tls(broker, &endpoint.host, &trust)?;
    let mut options = ClientOptions::new(Login::default());
    options.version = broker.mqtt_version.into();
    options.keep_alive = Duration::from_secs(broker.keep_alive_s);
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
    let sender = sender.clone();
    let tell = move |event| sender.send(Wake::Link(event)).is_ok();
    let mut link = Link::new(endpoint, tls, options, seed, Arc::new(tell));
    let registration = match known {
        Some(grant) => {
            link.begin(login(config, dialect, grant));
            None
        }
        None => plan.map(Registration::Planned),
    };
    Ok((Some(link), registration))
}

fn wrong((key, problem): Wrong) -> AgentError {
    let file = "the configuration".to_owned();
    AgentError::Config(ConfigError::Together { file, key: key.to_owned(), problem })
}

fn tls(broker: &BrokerConfig, host: &str, trust: &Trust) -> Result<Option<LinkTls>, AgentError> {
    if !broker.tls {
        return Ok(None);
    }
    let name =
        ServerName::try_from(host.to_owned()).map_err(|_| AgentError::HostName { host: host.to_owned() })?;
    Ok(Some(LinkTls { config: trust.client_config()?, name }))
}

/// How a device logs in with what it was given.
pub(super) fn login(config: &Config, dialect: &dyn DeviceHalf, grant: Grant) -> Login {
    let (id, transport) = (config.device.id(), config.transport());
    match grant {
        Grant::Secret(secret) => dialect.write_login(&Credentials { id, secret }, transport),
        Grant::Token { client_id, token } => write_token_login(&id, &client_id, &token, transport),
    }
}

/// The way to a platform that speaks HTTP, if this one does.
pub(super) fn calls(
    config: &Config,
    dialect: &'static dyn DeviceHalf,
    sender: &Sender<Wake>,
) -> Result<Option<Calls>, AgentError> {
    let (Some(platform), Some(half), Proof::Own(secret)) =
        (&config.platform, dialect.calls(), config.proof().map_err(wrong)?)
    else {
        return Ok(None);
    };
    let options = CallOptions {
        base: platform.url.clone(),
        trust: Trust::load(platform.ca.as_deref())?,
        connect_timeout: CONNECT_TIMEOUT,
        timeout: config.policy.policy().call_timeout + GRACE,
    };
    let credentials = Credentials { id: config.device.id(), secret: secret.0 };
    let sender = sender.clone();
    let deliver = move |id, result| sender.send(Wake::Answered(id, result)).is_ok();
    let calls = Calls::start(options, half, credentials, deliver);
    calls.map(Some).map_err(|error| AgentError::System { what: "a thread", error })
}

/// The files. Where the platform's own host has them, its certificates are trusted for them, too.
pub(super) fn fetchers(config: &Config, sender: &Sender<Wake>) -> Result<Fetchers, AgentError> {
    let platform = config.platform.as_ref().and_then(|platform| platform.ca.as_deref());
    let options = FetchOptions {
        trust: Trust::load(config.download.ca.as_deref().or(platform))?,
        pace: config.download.max_bytes_per_second.map(|rate| Pace::new(rate, Instant::now())),
        stall_timeout: config.policy.policy().stall_timeout + GRACE,
        connect_timeout: CONNECT_TIMEOUT,
    };
    let sender = sender.clone();
    let deliver = move |lane, event| sender.send(Wake::Fetch(lane, event)).is_ok();
    let at_once = usize::try_from(config.download.at_once).unwrap_or(1);
    Fetchers::start(options, at_once, deliver).map_err(|error| AgentError::System { what: "a thread", error })
}

impl Shared {
    /// Subscribes, if there is a session.
    pub(super) fn subscribe(&mut self, filter: &str) {
        if let Some(link) = &mut self.link {
            link.subscribe(self.clock.now(), filter);
        }
    }

    /// Makes a call to the platform.
    pub(super) fn call(&mut self, id: RequestId, call: Call) -> Result<(), FetchError> {
        match &mut self.calls {
            Some(calls) => calls.make(CallId::Updater(id), call),
            None => Err(FetchError::BadUrl("there is no [platform] to call".to_owned())),
        }
    }

    /// Where the file of a link lies, and the proof that its request needs.
    pub(super) fn locate(&self, url: String) -> Result<(String, Option<String>), FetchError> {
        match &self.calls {
            Some(calls) => calls.locate(url),
            None => Ok((url, None)),
        }
    }

    /// Publishes a message; lost without a session.
    pub(super) fn publish(&mut self, message: Message) {
        if let Some(link) = &mut self.link {
            link.publish(self.clock.now(), message);
        }
    }
}
