//! The receiving half of QoS 2, the same for both roles. We ask nobody for QoS 2, but tolerate it.

use alloc::vec::Vec;
use core::num::NonZeroU16;

use super::Violation;

/// Unacknowledged messages that the peer may have on the way to us. Told to MQTT 5 peers; bounds the half-received
/// ones of all.
pub(super) const RECEIVE_MAXIMUM: u16 = 64;

/// Ids of messages that were delivered but not yet released by the peer: if one comes again, it is a repetition.
#[derive(Debug, Default)]
pub(super) struct HalfReceived(Vec<NonZeroU16>);

impl HalfReceived {
    /// Is the message with this id to be delivered? False for a repetition.
    pub(super) fn is_new(&self, id: NonZeroU16) -> Result<bool, Violation> {
        if self.0.contains(&id) {
            return Ok(false);
        }
        if self.0.len() >= usize::from(RECEIVE_MAXIMUM) {
            return Err(Violation::new(0x93, "too many QoS 2 messages that were not released"));
        }
        Ok(true)
    }

    /// The message was delivered.
    pub(super) fn insert(&mut self, id: NonZeroU16) {
        self.0.push(id);
    }

    /// The peer will not repeat it: the id may name another message.
    pub(super) fn release(&mut self, id: NonZeroU16) {
        self.0.retain(|half| *half != id);
        if self.0.is_empty() {
            // An idle session holds nothing.
            self.0 = Vec::new();
        }
    }

    /// The connection is gone, and the session with it.
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }
}
