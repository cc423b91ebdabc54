//! Frames to packets, both versions. The library's leniency ends here: whatever it would accept though MQTT forbids
//! it is refused.

use alloc::{
    string::{String, ToString},
    vec::Vec,
};
use core::num::NonZeroU16;

use mqtt_protocol_core::mqtt::{
    Arc,
    packet::{GenericPacketTrait, Property, SubEntry, v3_1_1, v5_0},
};

use super::{
    ProtocolVersion, Violation,
    frame::Frame,
    topic::{is_filter, is_topic},
};

/// The most filters in one SUBSCRIBE or UNSUBSCRIBE. Bounds the answer's size.
const MAX_FILTERS: usize = 128;

/// Whatever comes after CONNECT, in either direction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Packet {
    Connack(Connack),
    Publish(Publish),
    /// PUBACK, PUBREC, PUBREL or PUBCOMP.
    Ack(Ack, NonZeroU16, u8),
    Subscribe(NonZeroU16, Vec<Asked>),
    Suback(NonZeroU16, Vec<u8>),
    Unsubscribe(NonZeroU16, usize),
    Unsuback(NonZeroU16),
    Pingreq,
    Pingresp,
    Disconnect(u8),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ack {
    Puback,
    Pubrec,
    Pubrel,
    Pubcomp,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Connack {
    pub(super) session_present: bool,
    /// 0: accepted.
    pub(super) code: u8,
    pub(super) limits: Limits,
}

/// What a peer lets us do (MQTT 5 properties; MQTT 3.1.1 has none of them).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Limits {
    /// Unacknowledged QoS 1 messages it takes.
    pub(super) receive_maximum: u16,
    /// The longest packet it takes, in bytes.
    pub(super) max_packet: usize,
    /// Does it take QoS 1?
    pub(super) at_least_once: bool,
    /// The keep-alive it wants instead of ours, in seconds.
    pub(super) keep_alive: Option<u16>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Publish {
    pub(super) topic: String,
    pub(super) payload: Vec<u8>,
    pub(super) delivery: Delivery,
}

/// QoS and packet id, which belong together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Delivery {
    Qos0,
    Qos1(NonZeroU16),
    Qos2(NonZeroU16),
}

/// One line of a SUBSCRIBE.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Asked {
    pub(super) filter: String,
    pub(super) qos: u8,
}

impl Limits {
    pub(super) const NONE: Self =
        Self { receive_maximum: u16::MAX, max_packet: usize::MAX, at_least_once: true, keep_alive: None };

    pub(super) fn read<'a>(properties: impl IntoIterator<Item = &'a Property>) -> Self {
        let mut limits = Self::NONE;
        for property in properties {
            match property {
                Property::ReceiveMaximum(max) => limits.receive_maximum = max.val().max(1),
                Property::MaximumPacketSize(max) => {
                    limits.max_packet = usize::try_from(max.val()).unwrap_or(usize::MAX);
                }
                Property::MaximumQos(max) => limits.at_least_once = max.val() > 0,
                Property::ServerKeepAlive(seconds) => limits.keep_alive = Some(seconds.val()),
                _ => {}
            }
        }
        limits
    }
}

/// Refuses what is not written exactly as MQTT writes it: over-long lengths, bytes after the end.
pub(super) fn exact(packet: &impl GenericPacketTrait, frame: Frame<'_>) -> Result<(), Violation> {
    if packet.to_continuous_buffer() == frame.bytes {
        return Ok(());
    }
    Err(Violation::malformed("a packet has bytes that do not belong to it"))
}

/// The same where the library counts each length anew; spares the copy.
fn same_size(packet: &impl GenericPacketTrait, frame: Frame<'_>) -> Result<(), Violation> {
    if packet.size() == frame.bytes.len() {
        return Ok(());
    }
    Err(Violation::malformed("a packet has bytes that do not belong to it"))
}

fn id(id: u16) -> Result<NonZeroU16, Violation> {
    NonZeroU16::new(id).ok_or(Violation::malformed("a packet id is 0"))
}

macro_rules! parse {
    ($version:expr, $packet:ident, $frame:expr) => {
        match $version {
            ProtocolVersion::V311 => {
                Either::V3(v3_1_1::$packet::parse($frame.body).map_err(Violation::from_library).and_then(
                    |(packet, _)| {
                        exact(&packet, $frame)?;
                        Ok(packet)
                    },
                )?)
            }
            ProtocolVersion::V5 => {
                Either::V5(v5_0::$packet::parse($frame.body).map_err(Violation::from_library).and_then(
                    |(packet, _)| {
                        exact(&packet, $frame)?;
                        Ok(packet)
                    },
                )?)
            }
        }
    };
}

/// A packet of either version.
enum Either<A, B> {
    V3(A),
    V5(B),
}

impl Packet {
    /// Reads a packet; CONNECT is read at admission and is one too many here.
    pub(super) fn read(version: ProtocolVersion, frame: Frame<'_>) -> Result<Self, Violation> {
        match frame.kind() {
            1 => Err(Violation::protocol("a second CONNECT")),
            2 => read_connack(version, frame).map(Self::Connack),
            3 => read_publish(version, frame).map(Self::Publish),
            4 => read_ack(version, Ack::Puback, frame),
            5 => read_ack(version, Ack::Pubrec, frame),
            6 => read_ack(version, Ack::Pubrel, frame),
            7 => read_ack(version, Ack::Pubcomp, frame),
            8 => read_subscribe(version, frame),
            9 => read_suback(version, frame),
            10 => read_unsubscribe(version, frame),
            11 => match parse!(version, Unsuback, frame) {
                Either::V3(packet) => id(packet.packet_id()).map(Self::Unsuback),
                Either::V5(packet) => id(packet.packet_id()).map(Self::Unsuback),
            },
            12 => empty(frame, Self::Pingreq),
            13 => empty(frame, Self::Pingresp),
            14 => read_disconnect(version, frame),
            _ => Err(Violation::protocol("an AUTH packet, though no such login was agreed")),
        }
    }
}

fn empty(frame: Frame<'_>, packet: Packet) -> Result<Packet, Violation> {
    if frame.body.is_empty() {
        Ok(packet)
    } else {
        Err(Violation::malformed("a packet without body has one"))
    }
}

fn read_connack(version: ProtocolVersion, frame: Frame<'_>) -> Result<Connack, Violation> {
    if let [_, code, ..] = *frame.body
        && code != 0
    {
        // A refusal ends the session whatever else it says; codes the library does not know are read too.
        return Ok(Connack { session_present: false, code, limits: Limits::NONE });
    }
    if frame.body.first().is_some_and(|flags| flags & 0xfe != 0) {
        return Err(Violation::malformed("reserved flags of a CONNACK are set"));
    }
    Ok(match parse!(version, Connack, frame) {
        Either::V3(packet) => {
            Connack { session_present: packet.session_present(), code: 0, limits: Limits::NONE }
        }
        Either::V5(packet) => Connack {
            session_present: packet.session_present(),
            code: 0,
            limits: Limits::read(packet.props()),
        },
    })
}

fn read_publish(version: ProtocolVersion, frame: Frame<'_>) -> Result<Publish, Violation> {
    let body: Arc<[u8]> = frame.body.into();
    let (topic, payload, packet_id) = match version {
        ProtocolVersion::V311 => {
            let (packet, _) = v3_1_1::Publish::parse(frame.flags(), body).map_err(Violation::from_library)?;
            same_size(&packet, frame)?;
            (packet.topic_name().to_string(), packet.payload().as_slice().to_vec(), packet.packet_id())
        }
        ProtocolVersion::V5 => {
            let (packet, _) = v5_0::Publish::parse(frame.flags(), body).map_err(Violation::from_library)?;
            same_size(&packet, frame)?;
            if packet.props().iter().any(|property| matches!(property, Property::TopicAlias(_))) {
                return Err(Violation::new(0x94, "a PUBLISH has a topic alias, though none was offered"));
            }
            (packet.topic_name().to_string(), packet.payload().as_slice().to_vec(), packet.packet_id())
        }
    };
    if !is_topic(&topic) {
        return Err(Violation::new(0x90, "a PUBLISH has a topic that is empty or has wildcards"));
    }
    let delivery = match (frame.flags() >> 1 & 0b11, packet_id) {
        (0, None) => Delivery::Qos0,
        (1, Some(packet_id)) => Delivery::Qos1(id(packet_id)?),
        (2, Some(packet_id)) => Delivery::Qos2(id(packet_id)?),
        _ => return Err(Violation::malformed("a PUBLISH has a packet id that does not fit its QoS")),
    };
    Ok(Publish { topic, payload, delivery })
}

fn read_ack(version: ProtocolVersion, ack: Ack, frame: Frame<'_>) -> Result<Packet, Violation> {
    if version == ProtocolVersion::V311 && frame.body.len() != 2 {
        return Err(Violation::malformed("an acknowledgement is not two bytes long"));
    }
    let packet_id = match ack {
        Ack::Puback => match parse!(version, Puback, frame) {
            Either::V3(packet) => packet.packet_id(),
            Either::V5(packet) => packet.packet_id(),
        },
        Ack::Pubrec => match parse!(version, Pubrec, frame) {
            Either::V3(packet) => packet.packet_id(),
            Either::V5(packet) => packet.packet_id(),
        },
        Ack::Pubrel => match parse!(version, Pubrel, frame) {
            Either::V3(packet) => packet.packet_id(),
            Either::V5(packet) => packet.packet_id(),
        },
        Ack::Pubcomp => match parse!(version, Pubcomp, frame) {
            Either::V3(packet) => packet.packet_id(),
            Either::V5(packet) => packet.packet_id(),
        },
    };
    // The reason code, checked by the library above, is the third byte; without it the code is 0.
    Ok(Packet::Ack(ack, id(packet_id)?, frame.body.get(2).copied().unwrap_or(0)))
}

fn read_subscribe(version: ProtocolVersion, frame: Frame<'_>) -> Result<Packet, Violation> {
    let (packet_id, asked) = match parse!(version, Subscribe, frame) {
        Either::V3(packet) => {
            let reserved = packet.entries().iter().any(|entry| entry.sub_opts().to_buffer()[0] & !0b11 != 0);
            if reserved {
                return Err(Violation::malformed("reserved bits of a SUBSCRIBE are set"));
            }
            (packet.packet_id(), read_filters(packet.entries())?)
        }
        Either::V5(packet) => (packet.packet_id(), read_filters(packet.entries())?),
    };
    Ok(Packet::Subscribe(id(packet_id)?, asked))
}

fn read_filters(entries: &[SubEntry]) -> Result<Vec<Asked>, Violation> {
    check_filters(entries.iter().map(SubEntry::topic_filter))?;
    let asked = |entry: &SubEntry| Asked {
        filter: entry.topic_filter().to_string(),
        qos: entry.sub_opts().to_buffer()[0] & 0b11,
    };
    Ok(entries.iter().map(asked).collect())
}

fn check_filters<'a>(filters: impl ExactSizeIterator<Item = &'a str>) -> Result<usize, Violation> {
    let count = filters.len();
    if count > MAX_FILTERS {
        return Err(Violation::new(0x97, "more than 128 filters in one packet"));
    }
    for filter in filters {
        if !is_filter(filter) {
            return Err(Violation::new(0x8f, "a topic filter is malformed"));
        }
    }
    Ok(count)
}

fn read_suback(version: ProtocolVersion, frame: Frame<'_>) -> Result<Packet, Violation> {
    Ok(match parse!(version, Suback, frame) {
        Either::V3(packet) => {
            let codes = packet.return_codes().into_iter().map(|code| code as u8).collect();
            Packet::Suback(id(packet.packet_id())?, codes)
        }
        Either::V5(packet) => {
            let codes = packet.reason_codes().into_iter().map(|code| code as u8).collect();
            Packet::Suback(id(packet.packet_id())?, codes)
        }
    })
}

fn read_unsubscribe(version: ProtocolVersion, frame: Frame<'_>) -> Result<Packet, Violation> {
    let (packet_id, count) = match parse!(version, Unsubscribe, frame) {
        Either::V3(packet) => {
            (packet.packet_id(), check_filters(packet.entries().iter().map(|filter| filter.as_str()))?)
        }
        Either::V5(packet) => {
            (packet.packet_id(), check_filters(packet.entries().iter().map(|filter| filter.as_str()))?)
        }
    };
    Ok(Packet::Unsubscribe(id(packet_id)?, count))
}

fn read_disconnect(version: ProtocolVersion, frame: Frame<'_>) -> Result<Packet, Violation> {
    match parse!(version, Disconnect, frame) {
        Either::V3(_) => Ok(Packet::Disconnect(0)),
        Either::V5(_) => Ok(Packet::Disconnect(frame.body.first().copied().unwrap_or(0))),
    }
}
