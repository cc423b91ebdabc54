//! Devices that have no session of their own: a gateway's session speaks for them.

use alloc::{string::String, vec::Vec};

use crate::{DeviceId, MessageId, dialect::Login};

/// The most devices that may be logged in through one gateway (aliyun-link-sdk-v4 §2.1).
pub const MAX_SUB_DEVICES: usize = 1500;

/// What a gateway says of the devices behind it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GatewayReport {
    /// These devices belong to it. Each proves by its own login that it agrees.
    Add(Vec<Login>),
    /// These devices do not belong to it any more.
    Remove(Vec<DeviceId>),
    /// This device speaks through it from now on. It proves itself as for a session of its own.
    Login(Login),
    /// This device does not speak through it any more.
    Logout(DeviceId),
}

/// Why a platform does not do what a gateway asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum GatewayRefusal {
    /// The message, or a device's login in it, is malformed.
    #[error("the message, or the login of a device in it, is malformed")]
    Malformed,
    /// A device that does not exist, or whose proof does not hold: one answer for both, so that a gateway cannot
    /// find out names.
    #[error("there is no such device, or its proof does not hold")]
    BadLogin,
    /// The device was not added to this gateway.
    #[error("the device was not added to this gateway")]
    NotAdded,
    /// The gateway named itself.
    #[error("a gateway cannot be behind itself")]
    Itself,
    /// [`MAX_SUB_DEVICES`] are logged in.
    #[error("no more than {MAX_SUB_DEVICES} devices may be logged in through one gateway")]
    TooMany,
    /// The device is not logged in through this gateway.
    #[error("the device is not logged in through this gateway")]
    NotLoggedIn,
    /// The platform cannot tell just now.
    #[error("the platform cannot tell just now")]
    Unavailable,
}

/// A platform's answer to a [`GatewayReport`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GatewayAnswer {
    /// The number of what is answered.
    pub id: MessageId,
    /// Done, or the platform's code and its reason, which may be empty.
    pub result: Result<(), (i64, String)>,
}
