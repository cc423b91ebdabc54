//! Dynamic registration: a device that knows only its product's secret asks for a secret, or a token, of its own, and
//! keeps it (aliyun-link-sdk-v4 §1.6, aliyun-iotkit-v3 §1.6).
//!
//! One thread asks, keeps and tells; it waits longer after each failure. What was granted is told only once it is kept, so
//! a power cut between the answer and the file leaves a device that asks again.

pub(crate) mod http;
mod kept;
mod mqtt;
#[cfg(test)]
mod tests;

use std::{
    io,
    path::PathBuf,
    sync::{
        Arc,
        mpsc::{Receiver, RecvTimeoutError, Sender, channel},
    },
    thread,
    time::Duration,
};

use otaru_wire::{
    DeviceId,
    dialect::{
        Login,
        aliyun::{
            regions,
            registration::{self, Grant, Wish},
        },
    },
};
use rustls::ClientConfig;

use crate::{
    backoff::{Backoff, Setback},
    config::{Endpoint, Secret, Way},
    folder::Folder,
    tls::Trust,
};

pub(crate) use kept::read as read_kept;

/// How long one attempt may take after the connection stands: the vendor's platform ends it after about that time
/// (aliyun-link-sdk-v4 §1.6).
const PATIENCE: Duration = Duration::from_secs(15);
const STACK: usize = 256 * 1024;

/// What to register with, and where.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(crate) device: DeviceId,
    pub(crate) product_secret: Secret,
    pub(crate) way: Way,
    pub(crate) endpoint: Endpoint,
    /// TLS for MQTT, if sessions have it.
    pub(crate) tls: Option<Arc<ClientConfig>>,
    /// Whom to trust on `https`.
    pub(crate) trust: Trust,
    /// The storage folder.
    pub(crate) dir: PathBuf,
    /// Differs between devices.
    pub(crate) seed: u64,
}

/// What the thread says.
#[derive(Debug)]
pub(crate) enum Registered {
    /// What was granted, and it is kept.
    Granted(Grant),
    /// Not yet.
    Failed { reason: String, retry_after: Duration },
}

/// Why an attempt failed.
#[derive(Debug)]
struct Refused {
    reason: String,
    setback: Setback,
}

impl Refused {
    fn unreachable(reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), setback: Setback::Unreachable }
    }

    fn by_platform(what: &str) -> Self {
        let next =
            "check product_key, device_name and product_secret, and that the platform registers this product";
        Self {
            reason: format!("the platform refused to register the device ({what}); {next}"),
            setback: Setback::Refused,
        }
    }
}

/// The thread that registers; dropping this ends it at its next pause.
#[derive(Debug)]
pub(crate) struct Registering {
    _stop: Sender<()>,
}

impl Registering {
    /// Starts it. `tell` gets each failure, and at last what was granted.
    pub(crate) fn start(plan: Plan, tell: impl Fn(Registered) -> bool + Send + 'static) -> io::Result<Self> {
        let (stop, stopped) = channel();
        thread::Builder::new()
            .name("register".to_owned())
            .stack_size(STACK)
            .spawn(move || register(&plan, &stopped, &tell))?;
        Ok(Self { _stop: stop })
    }
}

fn register(plan: &Plan, stopped: &Receiver<()>, tell: &dyn Fn(Registered) -> bool) {
    let mut backoff = Backoff::new(plan.seed);
    let mut granted = None;
    loop {
        // What was granted once is not asked for again: a platform may give each secret one time only.
        let result = match granted.take() {
            Some(grant) => Ok(grant),
            None => plan.ask(),
        };
        let refused = match result {
            Ok(grant) => {
                match Folder::open(&plan.dir).and_then(|dir| kept::write(&dir, &plan.device, &grant)) {
                    Ok(()) => {
                        tell(Registered::Granted(grant));
                        return;
                    }
                    Err(error) => {
                        granted = Some(grant);
                        Refused::unreachable(format!("what the platform granted cannot be kept: {error}"))
                    }
                }
            }
            Err(refused) => refused,
        };
        let retry_after = backoff.pause(refused.setback);
        if !tell(Registered::Failed { reason: refused.reason, retry_after }) {
            return;
        }
        match stopped.recv_timeout(retry_after) {
            Err(RecvTimeoutError::Timeout) => {}
            Ok(()) | Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}

impl Plan {
    fn ask(&self) -> Result<Grant, Refused> {
        let random = getrandom::u64().map_err(|error| Refused::unreachable(error.to_string()))?;
        let random = format!("{random:016X}");
        let wish = match &self.way {
            Way::Http(url) => return http::ask(self, url, &random),
            Way::Mqtt => Wish::Secret,
            Way::MqttUnlisted => Wish::Token,
        };
        mqtt::ask(self, self.login(wish, &random), wish)
    }

    fn login(&self, wish: Wish, random: &str) -> Login {
        let mut login = registration::write_login(&self.device, wish, &self.product_secret.0, random);
        if let Some(instance) = regions::instance_of(&self.endpoint.host) {
            registration::name_instance(&mut login, instance);
        }
        login
    }
}
