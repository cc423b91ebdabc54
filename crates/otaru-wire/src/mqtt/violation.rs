//! A peer's breach of the protocol: the end of its connection.

use mqtt_protocol_core::mqtt::result_code::MqttError;

/// The peer broke MQTT. The connection ends; what it did before stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{what}")]
pub struct Violation {
    what: &'static str,
    code: u8,
}

impl Violation {
    /// The MQTT 5 reason code that tells the peer (0x80 and above).
    pub fn code(&self) -> u8 {
        self.code
    }

    /// What it did, in words.
    pub fn what(&self) -> &'static str {
        self.what
    }

    pub(super) const fn new(code: u8, what: &'static str) -> Self {
        Self { what, code }
    }

    /// Bytes that are no packet.
    pub(super) const fn malformed(what: &'static str) -> Self {
        Self::new(0x81, what)
    }

    /// A packet where it must not be.
    pub(super) const fn protocol(what: &'static str) -> Self {
        Self::new(0x82, what)
    }

    pub(super) const fn too_large() -> Self {
        Self::new(0x95, "the packet is longer than the limit")
    }

    /// What the decoding library said. Its words are not shown: they name its own types.
    pub(super) fn from_library(error: MqttError) -> Self {
        match error {
            MqttError::ProtocolError => Self::protocol("a packet has contents it must not have"),
            _ => Self::malformed("a packet cannot be decoded"),
        }
    }

    /// Our own packet cannot be written: only lengths over MQTT's limits do that.
    pub(super) fn unwritable(_: MqttError) -> Self {
        Self::new(0x83, "an answer cannot be written as a packet")
    }
}
