//! What the platform does when a device speaks, an operator asks or time passes.
//!
//! [`Service`] is a value: it owns no socket. Operators' calls are its methods, devices reach it as the gateway's
//! `Ingest`, and it reaches devices through an [`Outbox`]. What to do is decided in `otaru-fleet`.

mod error;
pub mod meters;
mod operator;
mod views;

use std::{sync::Arc, time::Duration};

use otaru_fleet::Timestamp;
use otaru_wire::{DeviceId, mqtt::Message};

pub use error::{GrantError, ServiceError};
pub use views::{CampaignStarted, CampaignView, DeviceView, PackageOrder, ServedFile, TaskView};

use crate::{
    files::Files,
    gateway::{Delivery, Sessions},
    links::Links,
    store::Store,
};

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

    /// Is the device connected?
    fn is_connected(&self, device: &DeviceId) -> bool;
}

impl Outbox for Sessions {
    fn deliver(&self, device: &DeviceId, message: Message) -> Delivery {
        Sessions::deliver(self, device, message)
    }

    fn is_connected(&self, device: &DeviceId) -> bool {
        Sessions::is_connected(self, device)
    }
}

/// Limits of a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// Notices sent by a starting campaign, per second. Default 500. Keeps a large campaign from making all its
    /// devices download at the same moment.
    pub notices_per_second: u32,
    /// Reports that may wait to be processed, over all devices. Default 8192. Bounds memory.
    pub queued_reports: usize,
    /// Reports of one device that may wait. Default 32. A talkative device holds up only itself.
    pub queued_reports_per_device: usize,
    /// Devices whose secrets are kept in memory. Default 65 536. Bounds memory.
    pub cached_devices: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            notices_per_second: 500,
            queued_reports: 8192,
            queued_reports_per_device: 32,
            cached_devices: 65_536,
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
    /// Limits.
    pub options: Options,
}

/// The platform's work. Cheap to clone.
#[derive(Clone)]
pub struct Service {
    parts: Arc<Parts>,
}

impl Service {
    /// A service of these parts. [`Service::run`] has to run beside it.
    pub fn new(parts: Parts) -> Self {
        Self { parts: Arc::new(parts) }
    }

    /// Does what is due as time passes: ends tasks that take too long, writes down when devices were seen. Runs
    /// until [`Service::stop`], then finishes what was taken and returns.
    pub async fn run(&self) {}

    /// Takes no more reports and lets [`Service::run`] come to its end.
    pub fn stop(&self) {}
}
