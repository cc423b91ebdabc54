//! The device's role of an MQTT session.

mod keep_alive;
mod outbox;
mod session;
#[cfg(test)]
mod tests;

pub use session::Client;

use alloc::string::String;
use core::time::Duration;

use super::{Message, ProtocolVersion};
use crate::dialect::Login;

/// What a session is opened with.
#[derive(Debug, Clone)]
pub struct ClientOptions {
    /// The protocol level. Default: 3.1.1.
    pub version: ProtocolVersion,
    /// Who the device is.
    pub login: Login,
    /// Silence after which a PINGREQ is sent. Default: 60 s (platforms of this family accept 30 to 1200 s).
    pub keep_alive: Duration,
    /// How long CONNACK may take after [`Client::opened`]. Default: 10 s.
    pub connect_timeout: Duration,
    /// How long an answer (PINGRESP, PUBACK, SUBACK) may take before the connection counts as dead. Default: 20 s.
    pub answer_timeout: Duration,
    /// The longest packet accepted, in bytes; longer ones end the connection before memory is reserved.
    /// Default: 256 KiB.
    pub max_packet: usize,
    /// Messages of QoS 1 that may wait for their PUBACK or for the connection. Default: 32.
    pub max_waiting: usize,
}

/// Names one QoS 1 message until [`ClientEvent::Acknowledged`] tells that the platform has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Ticket(pub u32);

/// Why the platform refused the CONNECT.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// It does not speak this protocol level.
    ProtocolVersion,
    /// It does not accept the client id.
    ClientId,
    /// It is busy; try again later.
    Unavailable,
    /// Wrong user name or password.
    BadLogin,
    /// Not allowed.
    NotAuthorized,
    /// Any other code, as sent.
    Other(u8),
}

/// Why a session ended. Open the transport again and call [`Client::opened`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CloseReason {
    /// The platform refused the CONNECT.
    Refused(Refusal),
    /// The platform broke the protocol; the text says how.
    Misbehaved(String),
    /// No answer in time.
    Silence,
    /// The platform sent DISCONNECT (MQTT 5), with this code.
    Disconnected(u8),
    /// [`Client::lost`] was called.
    TransportLost,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClientEvent {
    /// CONNACK came: the session is up. Subscriptions must be made again.
    Connected,
    /// A message came. A QoS 1 message is acknowledged when this event has been taken.
    Message(Message),
    /// The platform has the message.
    Acknowledged(Ticket),
    /// The platform has refused the message (MQTT 5 only) with this reason code; it is not sent again.
    NotAccepted(Ticket, u8),
    /// The answer to a subscription.
    Subscribed {
        /// The filter asked for.
        filter: String,
        /// False if the platform refused it.
        granted: bool,
    },
    /// The platform has ended a subscription, or had none.
    Unsubscribed {
        /// The filter it was of.
        filter: String,
    },
    /// The platform answered [`Client::ping`]: it is there.
    Alive,
    /// The session is over: send what [`Client::poll_transmit`] still gives, then close the transport.
    Closed(CloseReason),
}

/// Why a message was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PublishError {
    /// A QoS 0 message outside a session is lost, so it is refused.
    #[error("there is no session")]
    NotConnected,
    /// [`ClientOptions::max_waiting`] messages wait already.
    #[error("{0} messages wait for the platform already")]
    Full(usize),
    /// The topic is empty, too long, or has a wildcard; or the filter is malformed.
    #[error("the topic cannot be used")]
    Topic,
    /// The message is longer than the platform takes (MQTT 5: its Maximum Packet Size), or than MQTT can express.
    #[error("the message is longer than the platform takes")]
    TooLarge,
}

impl ClientOptions {
    /// The defaults, for one login.
    pub fn new(login: Login) -> Self {
        Self {
            version: ProtocolVersion::V311,
            login,
            keep_alive: Duration::from_secs(60),
            connect_timeout: Duration::from_secs(10),
            answer_timeout: Duration::from_secs(20),
            max_packet: 256 * 1024,
            max_waiting: 32,
        }
    }
}

impl Refusal {
    /// The number in a CONNACK of either version (MQTT 3.1.1 §3.2.2.3, MQTT 5 §3.2.2.2). One table, read from
    /// both ends; the first line with a meaning is how it is written.
    const CODES: [(Self, u8, u8); 6] = [
        (Self::ProtocolVersion, 1, 0x84),
        (Self::ClientId, 2, 0x85),
        (Self::Unavailable, 3, 0x88),
        (Self::Unavailable, 3, 0x89),
        (Self::BadLogin, 4, 0x86),
        (Self::NotAuthorized, 5, 0x87),
    ];

    pub(super) fn read(version: ProtocolVersion, code: u8) -> Self {
        let known = Self::CODES.iter().find(|(_, v3, v5)| match version {
            ProtocolVersion::V311 => *v3 == code,
            ProtocolVersion::V5 => *v5 == code,
        });
        known.map_or(Self::Other(code), |(refusal, _, _)| *refusal)
    }

    pub(super) fn code(self, version: ProtocolVersion) -> u8 {
        match (self, Self::CODES.iter().find(|(refusal, _, _)| *refusal == self)) {
            (Self::Other(code), _) => code,
            (_, Some((_, v3, _))) if version == ProtocolVersion::V311 => *v3,
            (_, Some((_, _, v5))) => *v5,
            (_, None) => 0x80,
        }
    }
}
