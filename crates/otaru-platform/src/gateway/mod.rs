//! The device gateway: MQTT 3.1.1 and 5 on one port. Not a general broker: a device may publish only what its
//! dialect allows, and notices are delivered whether or not it subscribed.
//!
//! The gateway owns sockets and sessions. What a login or a message means is [`Ingest`]'s business.

mod admission;
mod connection;
mod granting;
mod handle;
mod listener;
mod meters;
mod rules;
mod sessions;

pub use listener::serve;
pub use sessions::{Delivery, Sessions};

use std::{future::Future, time::Duration};

use otaru_wire::{
    DeviceId,
    dialect::{Login, PlatformHalf},
    mqtt::{Message, ServerOptions},
};

/// A device whose proof held.
#[derive(Clone)]
pub struct Admitted {
    /// Who it is.
    pub device: DeviceId,
    /// How it speaks: gives the topic rules.
    pub dialect: &'static dyn PlatformHalf,
}

/// What a login that holds leads to.
#[derive(Clone)]
pub enum Entry {
    /// A session of the device.
    Session(Admitted),
    /// This message alone: the device registers itself and comes back with what it is given.
    Grant(Message),
}

/// Why a login is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// No dialect knows such a login, the device is unknown, or its proof does not hold. One answer for all, so
    /// that a stranger learns nothing.
    BadLogin,
    /// The platform cannot tell just now.
    Unavailable,
}

/// What becomes of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Taken: acknowledge it.
    Accepted,
    /// No room just now: stop reading from this device until [`Ingest::ready`] resolves.
    Busy,
}

/// What the gateway asks of the rest of the platform.
pub trait Ingest: Send + Sync + 'static {
    /// Checks a login.
    fn login(&self, login: &Login) -> impl Future<Output = Result<Entry, Refused>> + Send;

    /// The device's session is up and can be written to.
    fn connected(&self, device: &DeviceId) -> impl Future<Output = ()> + Send;

    /// A message on a topic that the device may publish on. Must not block: it queues.
    fn published(&self, from: &Admitted, message: Message) -> Verdict;

    /// Resolves when [`Ingest::published`] has room again for this device.
    fn ready(&self, device: &DeviceId) -> impl Future<Output = ()> + Send;

    /// The device's session is gone, or that of the gateway it was behind. Not called for a device that has taken
    /// another place since.
    fn disconnected(&self, device: &DeviceId);
}

/// Limits of the gateway. Each stops a peer from taking more than its share.
#[derive(Debug, Clone)]
pub struct GatewayOptions {
    /// What a session allows: packet size, keep-alive, in-flight window.
    pub session: ServerOptions,
    /// How long a connection may take to send its CONNECT. Default: 10 s.
    pub connect_timeout: Duration,
    /// How long checking a login may take before the answer is "unavailable". Default: 10 s.
    pub login_timeout: Duration,
    /// How long a device that was admitted for a grant alone may stay. Default: 15 s (aliyun-link-sdk-v4 §1.6).
    pub grant_time: Duration,
    /// Logins checked at the same time. Default: 64.
    pub logins_at_once: usize,
    /// Connections that have not logged in; further ones are closed at once. Default: 20,000.
    pub max_strangers: usize,
    /// Bytes kept for a device whose socket does not take them; above that the device is dropped.
    /// Default: 256 KiB.
    pub max_unsent: usize,
    /// How long a device may take none of the bytes kept for it. Default: 30 s.
    pub stall_timeout: Duration,
    /// Messages that may wait for one device's in-flight window. Default: 32.
    pub max_outbox: usize,
    /// How long devices have to take their last bytes when the gateway stops. Default: 5 s.
    pub stop_timeout: Duration,
}

impl Default for GatewayOptions {
    fn default() -> Self {
        Self {
            session: ServerOptions::default(),
            connect_timeout: Duration::from_secs(10),
            login_timeout: Duration::from_secs(10),
            grant_time: Duration::from_secs(15),
            logins_at_once: 64,
            max_strangers: 20_000,
            max_unsent: 256 * 1024,
            stall_timeout: Duration::from_secs(30),
            max_outbox: 32,
            stop_timeout: Duration::from_secs(5),
        }
    }
}
