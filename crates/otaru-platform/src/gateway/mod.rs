//! The device gateway: MQTT 3.1.1 and 5 on one port. Not a general broker: a device may publish only what its
//! dialect allows, and notices are delivered whether or not it subscribed.
//!
//! The gateway owns sockets and sessions. What a login or a message means is [`Ingest`]'s business.

use std::{future::Future, sync::Arc};

use otaru_wire::{
    DeviceId,
    dialect::{Login, PlatformHalf},
    mqtt::Message,
};

/// A device whose proof held.
#[derive(Clone)]
pub struct Admitted {
    /// Who it is.
    pub device: DeviceId,
    /// How it speaks: gives the topic rules.
    pub dialect: &'static dyn PlatformHalf,
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
    fn login(&self, login: &Login) -> impl Future<Output = Result<Admitted, Refused>> + Send;

    /// The device's session is up and can be written to.
    fn connected(&self, device: &DeviceId) -> impl Future<Output = ()> + Send;

    /// A message on a topic that the device may publish on. Must not block: it queues.
    fn published(&self, from: &Admitted, message: Message) -> Verdict;

    /// Resolves when [`Ingest::published`] has room again for this device.
    fn ready(&self, device: &DeviceId) -> impl Future<Output = ()> + Send;

    /// The device's session is gone. Not called for a session that a newer one of the same device replaced.
    fn disconnected(&self, device: &DeviceId);
}

/// Writes to devices that are connected. Cheap to clone.
#[derive(Clone, Default)]
pub struct Sessions {
    _inner: Arc<()>,
}

/// What became of a message to a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivery {
    /// In the device's outbox; it goes out now.
    Queued,
    /// The device is not connected to this node.
    Offline,
    /// The device does not take what it was sent before; its Task will be told again later.
    Full,
}

#[allow(clippy::todo, unused_variables)]
impl Sessions {
    /// Hands a message to a device's session.
    pub fn deliver(&self, device: &DeviceId, message: Message) -> Delivery {
        todo!()
    }

    /// Is the device connected to this node?
    pub fn is_connected(&self, device: &DeviceId) -> bool {
        todo!()
    }

    /// How many devices are connected to this node.
    pub fn count(&self) -> usize {
        todo!()
    }

    /// Ends a device's session, if it has one (its secret was changed or it was deleted).
    pub fn close(&self, device: &DeviceId) {
        todo!()
    }
}
