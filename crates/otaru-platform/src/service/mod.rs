//! What the platform does when a device speaks, an operator asks or time passes.
//!
//! [`Service`] is a value: it owns no socket. Operators' calls are its methods, devices reach it as the gateway's
//! [`Ingest`](crate::gateway::Ingest), and it reaches devices through an [`Outbox`]. What to do is decided in
//! `otaru-fleet`; this folder reads, asks, writes and tells.
//!
//! | file | what happens there |
//! | --- | --- |
//! | `operator.rs`, `campaigns.rs`, `configs.rs`, `secrets.rs`, `tokens.rs` | an operator asks |
//! | `ingest.rs`, `lanes.rs`, `reports.rs` | a device connects or speaks |
//! | `registration.rs` | a device registers itself |
//! | `gateways.rs` | a gateway speaks of the devices behind it |
//! | `notices.rs`, `silence.rs` | a device is told of its Task, and does not reply |
//! | `onenet` | a device asks over HTTP |
//! | `stock.rs` | an operator is warned of what stock SDKs cannot take |
//! | `grants.rs`, `blocks.rs` | a device follows a link, or asks for a block |
//! | `config_reports.rs` | a device is told of its configuration, asks for it or answers |
//! | `passing.rs` | time passes |

mod blocks;
mod campaigns;
mod config_reports;
mod configs;
mod dialects;
mod error;
mod gateways;
mod grants;
mod ingest;
mod known;
mod lanes;
pub mod meters;
mod notices;
mod onenet;
mod operator;
mod passing;
mod registration;
mod reports;
mod secrets;
mod silence;
mod stock;
mod tokens;
mod views;

#[cfg(test)]
mod tests;

use std::{sync::Arc, time::Duration};

use otaru_fleet::{Rigor, Timestamp};
use otaru_wire::{DeviceId, GatewayRefusal, mqtt::Message};
use tokio::sync::watch;

pub use dialects::Dialects;
pub use error::{GrantError, ServiceError};
pub use onenet::{Piece, Served, Untellable};
pub use registration::RegistrationError;
pub use views::{
    CampaignStarted, CampaignView, ConfigView, DeviceOrder, DeviceView, PackageOrder, ProductOrder,
    ServedFile, TaskView,
};

use crate::{
    brake::Brake,
    files::Files,
    gateway::{Delivery, Sessions},
    links::Links,
    store::Store,
};
use config_reports::ConfigTraffic;
use grants::Grants;
use known::{Cache, KnownDevices, KnownPackages};
use lanes::Lanes;
use passing::{Alarm, Noted};
use registration::Registrations;

/// Devices whose last logged fault is remembered. Bounds memory.
const COMPLAINTS: usize = 4096;

/// The wall clock.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// The system's wall clock.
pub fn system_clock() -> Clock {
    Arc::new(|| {
        let since_1970 =
            std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or(Duration::ZERO);
        Timestamp(u64::try_from(since_1970.as_millis()).unwrap_or(u64::MAX))
    })
}

/// The way to devices that are connected.
pub trait Outbox: Send + Sync + 'static {
    /// Hands a message to a device's session.
    fn deliver(&self, device: &DeviceId, message: Message) -> Delivery;

    /// Is the device connected, by itself or behind a gateway?
    fn is_connected(&self, device: &DeviceId) -> bool;

    /// Lets a device in behind a gateway that is connected, as [`Sessions::log_in_behind`]. Refused by whoever holds no
    /// gateways.
    ///
    /// # Errors
    /// [`GatewayRefusal`]
    fn log_in_behind(&self, _gateway: &DeviceId, _device: &DeviceId) -> Result<(), GatewayRefusal> {
        Err(GatewayRefusal::Unavailable)
    }

    /// Logs a device out that is behind this gateway; false if it is not.
    fn log_out_behind(&self, _gateway: &DeviceId, _device: &DeviceId) -> bool {
        false
    }

    /// Has this device logged in through this gateway's session?
    fn speaks_for(&self, _gateway: &DeviceId, _device: &DeviceId) -> bool {
        false
    }
}

impl Outbox for Sessions {
    fn deliver(&self, device: &DeviceId, message: Message) -> Delivery {
        Sessions::deliver(self, device, message)
    }

    fn is_connected(&self, device: &DeviceId) -> bool {
        Sessions::is_connected(self, device)
    }

    fn log_in_behind(&self, gateway: &DeviceId, device: &DeviceId) -> Result<(), GatewayRefusal> {
        Sessions::log_in_behind(self, gateway, device)
    }

    fn log_out_behind(&self, gateway: &DeviceId, device: &DeviceId) -> bool {
        Sessions::log_out_behind(self, gateway, device)
    }

    fn speaks_for(&self, gateway: &DeviceId, device: &DeviceId) -> bool {
        Sessions::speaks_for(self, gateway, device)
    }
}

/// Limits of a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// Notices sent by a starting campaign, per second; 5000 at most. Default 500. Keeps a large campaign from making all its
    /// devices download at the same moment.
    pub notices_per_second: u32,
    /// Reports that may wait to be processed, over all devices. Default 8192. Bounds memory.
    pub queued_reports: usize,
    /// Reports of one device that may wait. Default 32. A talkative device holds up only itself.
    pub queued_reports_per_device: usize,
    /// Devices whose secrets, and tasks whose links, are kept in memory. Default 65 536 of each. Bounds memory.
    pub cached_devices: usize,
    /// How long after a start no deadline of a task is kept. Default 120 s. Devices that finished or answered while the
    /// platform was down get to say so: a fault of ours must not cost them their task or an attempt.
    pub grace: Duration,
    /// How much order OneNET's devices must keep in what they say of their tasks. Default: lenient.
    pub rigor: Rigor,
    /// How long to leave a store alone that does not work, and a device that does not take its notice. Default 1 s.
    pub try_again_after: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            notices_per_second: 500,
            queued_reports: 8192,
            queued_reports_per_device: 32,
            cached_devices: 65_536,
            grace: Duration::from_secs(120),
            rigor: Rigor::default(),
            try_again_after: Duration::from_secs(1),
        }
    }
}

/// What a service is made of.
#[derive(Clone)]
pub struct Parts {
    /// Where everything is kept.
    pub store: Arc<dyn Store>,
    /// Where firmware files are kept.
    pub files: Arc<dyn Files>,
    /// Writes download links.
    pub links: Links,
    /// The way to devices.
    pub outbox: Arc<dyn Outbox>,
    /// What time it is.
    pub clock: Clock,
    /// How each dialect is spoken.
    pub dialects: Dialects,
    /// Limits.
    pub options: Options,
}

/// The platform's work. Cheap to clone.
#[derive(Clone)]
pub struct Service {
    inner: Arc<Inner>,
}

struct Inner {
    parts: Parts,
    /// Secrets of devices that logged in lately.
    devices: KnownDevices,
    /// Packages that notices and links were made of lately.
    packages: KnownPackages,
    /// Tasks whose files were fetched lately.
    grants: Grants,
    /// Devices that fetch a configuration, or have to wait for one.
    configs: ConfigTraffic,
    /// Reports that wait.
    lanes: Lanes,
    /// When devices were seen, not written down yet.
    seen: Noted,
    /// Connected devices that are still to be told of their tasks, and since when.
    untold: Noted,
    /// Connected devices that were sent a notice, and until when they are to reply to it.
    unanswered: Noted,
    /// Devices whose faults were logged lately, and when.
    complained: Cache<DeviceId, Timestamp>,
    /// Devices in whose name a question was asked that proved nothing, and when that was logged.
    impostors: Cache<DeviceId, Timestamp>,
    /// What registrations are held to.
    registrations: Registrations,
    /// Holds back answers to questions that prove nothing.
    brake: Brake,
    /// When the deadlines are looked at next.
    alarm: Alarm,
    /// How many campaigns are being announced.
    announcing: watch::Sender<usize>,
    /// True once the service is to come to its end.
    stopping: watch::Sender<bool>,
}

impl Service {
    /// A service of these parts. [`Service::run`] has to run beside it.
    pub fn new(parts: Parts) -> Self {
        let options = &parts.options;
        let inner = Inner {
            devices: KnownDevices::new(options.cached_devices),
            packages: KnownPackages::new(),
            grants: Grants::new(options.cached_devices),
            configs: ConfigTraffic::new(options.cached_devices),
            lanes: Lanes::new(options.queued_reports, options.queued_reports_per_device),
            seen: Noted::default(),
            untold: Noted::default(),
            unanswered: Noted::default(),
            complained: Cache::new(COMPLAINTS),
            impostors: Cache::new(COMPLAINTS),
            registrations: Registrations::new(),
            brake: Brake::new(),
            alarm: Alarm::default(),
            announcing: watch::Sender::new(0),
            stopping: watch::Sender::new(false),
            parts,
        };
        Self { inner: Arc::new(inner) }
    }

    /// Takes no more reports and lets [`Service::run`] come to its end.
    pub fn stop(&self) {
        self.inner.lanes.close();
        self.inner.stopping.send_replace(true);
    }

    /// Waits; false if the service is to come to its end meanwhile.
    async fn pause(&self, time: Duration) -> bool {
        let mut stopping = self.inner.stopping.subscribe();
        tokio::select! {
            () = tokio::time::sleep(time) => true,
            _ = stopping.wait_for(|stopping| *stopping) => false,
        }
    }

    /// Resolves when there is nothing left to do of what was taken: no report waits, no campaign is being announced.
    pub async fn drained(&self) {
        // The sender is ours, so the channel cannot close.
        let _ = self.inner.announcing.subscribe().wait_for(|announcing| *announcing == 0).await;
        self.inner.lanes.emptied().await;
    }

    fn now(&self) -> Timestamp {
        (self.inner.parts.clock)()
    }

    fn store(&self) -> &dyn Store {
        &*self.inner.parts.store
    }
}
