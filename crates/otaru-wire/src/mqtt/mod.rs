//! MQTT sessions of both roles, sans-IO: they own no socket and read no clock. Packets are encoded and decoded by
//! a library; no type of it is public.
//!
//! A session is small because devices of these vendors need little: QoS 0 and 1 out, QoS 0, 1 and (tolerated) 2
//! in, packet ids, keep-alive. No routing between devices, no retained messages, no wills.

mod admission;
mod client;
mod frame;
mod half_received;
mod packet;
mod server;
#[cfg(test)]
mod tests;
mod topic;
mod violation;
mod write;

pub use admission::{Admission, Connect, MAX_CONNECT, admit};
pub use client::{Client, ClientEvent, ClientOptions, CloseReason, PublishError, Refusal, Ticket};
pub use server::{Flow, Handler, SendError, Server, ServerOptions, Taken};
pub use topic::filter_matches;
pub use violation::Violation;

use alloc::{string::String, vec::Vec};

/// How often a message is delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Qos {
    /// At most once.
    AtMostOnce,
    /// At least once.
    AtLeastOnce,
}

/// The protocol level spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProtocolVersion {
    /// MQTT 3.1.1 (level 4). Every vendor's SDK speaks it.
    V311,
    /// MQTT 5 (level 5).
    V5,
}

/// One application message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// The topic, without wildcards.
    pub topic: String,
    /// The payload.
    pub payload: Vec<u8>,
    /// The wish of the sender.
    pub qos: Qos,
}
