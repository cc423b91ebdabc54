//! Packets to bytes, both versions. No builder's result is unwrapped: what cannot be written is an error.

use alloc::{string::String, vec, vec::Vec};
use core::num::NonZeroU16;

use mqtt_protocol_core::mqtt::{
    packet::{
        GenericPacketTrait, MaximumPacketSize, Property, Qos as WireQos, ReceiveMaximum, ServerKeepAlive,
        SessionExpiryInterval, SharedSubscriptionAvailable, SubEntry, SubOpts,
        SubscriptionIdentifierAvailable, v3_1_1, v5_0,
    },
    result_code::{
        ConnectReasonCode, ConnectReturnCode, DisconnectReasonCode, MqttError, PubackReasonCode,
        PubrecReasonCode, SubackReasonCode, SubackReturnCode, UnsubackReasonCode,
    },
};

use super::{Message, ProtocolVersion, Refusal, Violation, packet::Ack};

/// What MQTT can express, less the longest fixed header and room for the packet's own fields.
const MAX_PAYLOAD: usize = 268_435_455 - 70_000;

/// An upper bound of the bytes a PUBLISH takes.
pub(super) fn publish_size(topic: &str, payload: &[u8]) -> usize {
    // Fixed header 5, topic length 2, packet id 2, property length 1.
    10 + topic.len() + payload.len()
}

fn put(out: &mut Vec<u8>, packet: Result<impl GenericPacketTrait, MqttError>) -> Result<(), Violation> {
    out.extend_from_slice(&packet.map_err(Violation::unwritable)?.to_continuous_buffer());
    Ok(())
}

/// PUBLISH. With `id`, QoS 1, else QoS 0.
pub(super) fn publish(
    out: &mut Vec<u8>,
    version: ProtocolVersion,
    message: &Message,
    id: Option<NonZeroU16>,
    dup: bool,
) -> Result<(), Violation> {
    if message.payload.len() > MAX_PAYLOAD {
        return Err(Violation::too_large());
    }
    let qos = if id.is_some() { WireQos::AtLeastOnce } else { WireQos::AtMostOnce };
    let (topic, payload, id) = (message.topic.as_str(), message.payload.as_slice(), id.map(NonZeroU16::get));
    match version {
        ProtocolVersion::V311 => put(
            out,
            v3_1_1::Publish::builder()
                .topic_name(topic)
                .and_then(|packet| packet.qos(qos).dup(dup).packet_id(id).payload(payload).build()),
        ),
        ProtocolVersion::V5 => put(
            out,
            v5_0::Publish::builder()
                .topic_name(topic)
                .and_then(|packet| packet.qos(qos).dup(dup).packet_id(id).payload(payload).build()),
        ),
    }
}

/// PUBACK, PUBREC, PUBREL or PUBCOMP. `refused` is told to MQTT 5 peers only, as "not authorized".
pub(super) fn ack(
    out: &mut Vec<u8>,
    version: ProtocolVersion,
    ack: Ack,
    id: NonZeroU16,
    refused: bool,
) -> Result<(), Violation> {
    let id = id.get();
    match (version, ack) {
        (ProtocolVersion::V311, Ack::Puback) => put(out, v3_1_1::Puback::builder().packet_id(id).build()),
        (ProtocolVersion::V311, Ack::Pubrec) => put(out, v3_1_1::Pubrec::builder().packet_id(id).build()),
        (ProtocolVersion::V311, Ack::Pubrel) => put(out, v3_1_1::Pubrel::builder().packet_id(id).build()),
        (ProtocolVersion::V311, Ack::Pubcomp) => put(out, v3_1_1::Pubcomp::builder().packet_id(id).build()),
        (ProtocolVersion::V5, Ack::Puback) if refused => {
            let packet = v5_0::Puback::builder().packet_id(id).reason_code(PubackReasonCode::NotAuthorized);
            put(out, packet.build())
        }
        (ProtocolVersion::V5, Ack::Pubrec) if refused => {
            let packet = v5_0::Pubrec::builder().packet_id(id).reason_code(PubrecReasonCode::NotAuthorized);
            put(out, packet.build())
        }
        (ProtocolVersion::V5, Ack::Puback) => put(out, v5_0::Puback::builder().packet_id(id).build()),
        (ProtocolVersion::V5, Ack::Pubrec) => put(out, v5_0::Pubrec::builder().packet_id(id).build()),
        (ProtocolVersion::V5, Ack::Pubrel) => put(out, v5_0::Pubrel::builder().packet_id(id).build()),
        (ProtocolVersion::V5, Ack::Pubcomp) => put(out, v5_0::Pubcomp::builder().packet_id(id).build()),
    }
}

/// SUBSCRIBE to one filter.
pub(super) fn subscribe(
    out: &mut Vec<u8>,
    version: ProtocolVersion,
    id: NonZeroU16,
    filter: &str,
    qos: super::Qos,
) -> Result<(), Violation> {
    let qos = match qos {
        super::Qos::AtMostOnce => WireQos::AtMostOnce,
        super::Qos::AtLeastOnce => WireQos::AtLeastOnce,
    };
    let entry = SubEntry::new(filter, SubOpts::new().set_qos(qos)).map_err(Violation::unwritable)?;
    match version {
        ProtocolVersion::V311 => {
            put(out, v3_1_1::Subscribe::builder().packet_id(id.get()).entries(vec![entry]).build())
        }
        ProtocolVersion::V5 => {
            put(out, v5_0::Subscribe::builder().packet_id(id.get()).entries(vec![entry]).build())
        }
    }
}

/// UNSUBSCRIBE from one filter.
pub(super) fn unsubscribe(
    out: &mut Vec<u8>,
    version: ProtocolVersion,
    id: NonZeroU16,
    filter: &str,
) -> Result<(), Violation> {
    match version {
        ProtocolVersion::V311 => put(
            out,
            v3_1_1::Unsubscribe::builder()
                .packet_id(id.get())
                .entries(vec![filter])
                .and_then(|packet| packet.build()),
        ),
        ProtocolVersion::V5 => put(
            out,
            v5_0::Unsubscribe::builder()
                .packet_id(id.get())
                .entries(vec![filter])
                .and_then(|packet| packet.build()),
        ),
    }
}

/// SUBACK. For each filter the granted QoS (0 or 1), or `None`: not allowed.
pub(super) fn suback(
    out: &mut Vec<u8>,
    version: ProtocolVersion,
    id: NonZeroU16,
    granted: &[Option<u8>],
) -> Result<(), Violation> {
    match version {
        ProtocolVersion::V311 => {
            let code = |granted: &Option<u8>| match granted {
                None => SubackReturnCode::Failure,
                Some(0) => SubackReturnCode::SuccessMaximumQos0,
                Some(_) => SubackReturnCode::SuccessMaximumQos1,
            };
            let codes = granted.iter().map(code).collect();
            put(out, v3_1_1::Suback::builder().packet_id(id.get()).return_codes(codes).build())
        }
        ProtocolVersion::V5 => {
            let code = |granted: &Option<u8>| match granted {
                None => SubackReasonCode::NotAuthorized,
                Some(0) => SubackReasonCode::GrantedQos0,
                Some(_) => SubackReasonCode::GrantedQos1,
            };
            let codes = granted.iter().map(code).collect();
            put(out, v5_0::Suback::builder().packet_id(id.get()).reason_codes(codes).build())
        }
    }
}

/// UNSUBACK for `count` filters.
pub(super) fn unsuback(
    out: &mut Vec<u8>,
    version: ProtocolVersion,
    id: NonZeroU16,
    count: usize,
) -> Result<(), Violation> {
    match version {
        ProtocolVersion::V311 => put(out, v3_1_1::Unsuback::builder().packet_id(id.get()).build()),
        ProtocolVersion::V5 => {
            let codes = vec![UnsubackReasonCode::Success; count];
            put(out, v5_0::Unsuback::builder().packet_id(id.get()).reason_codes(codes).build())
        }
    }
}

/// PINGREQ.
pub(super) fn pingreq(out: &mut Vec<u8>) -> Result<(), Violation> {
    put(out, v3_1_1::Pingreq::builder().build())
}

/// PINGRESP.
pub(super) fn pingresp(out: &mut Vec<u8>) -> Result<(), Violation> {
    put(out, v3_1_1::Pingresp::builder().build())
}

/// A client's good-bye.
pub(super) fn good_bye(out: &mut Vec<u8>, version: ProtocolVersion) -> Result<(), Violation> {
    match version {
        ProtocolVersion::V311 => put(out, v3_1_1::Disconnect::builder().build()),
        ProtocolVersion::V5 => put(out, v5_0::Disconnect::builder().build()),
    }
}

/// DISCONNECT with a reason. MQTT 3.1.1 has none: nothing is written then.
pub(super) fn disconnect(out: &mut Vec<u8>, version: ProtocolVersion, code: u8) -> Result<(), Violation> {
    if version == ProtocolVersion::V311 {
        return Ok(());
    }
    let code = DisconnectReasonCode::try_from(code).unwrap_or(DisconnectReasonCode::UnspecifiedError);
    put(out, v5_0::Disconnect::builder().reason_code(code).build())
}

/// The texts of a CONNECT.
pub(super) struct ConnectTexts<'a> {
    pub(super) client_id: &'a str,
    pub(super) user_name: &'a str,
    pub(super) password: &'a str,
}

/// CONNECT with clean session, user name, password, no will (flags 0xC2, as the vendors' SDKs: aliyun-link-sdk-v4
/// §1.2). `max_packet` and `receive_maximum` are told to MQTT 5 peers only.
pub(super) fn connect(
    out: &mut Vec<u8>,
    version: ProtocolVersion,
    texts: &ConnectTexts<'_>,
    keep_alive_s: u16,
    max_packet: u32,
    receive_maximum: u16,
) -> Result<(), Violation> {
    let password = String::from(texts.password).into_bytes();
    match version {
        ProtocolVersion::V311 => put(
            out,
            v3_1_1::Connect::builder()
                .client_id(texts.client_id)
                .and_then(|packet| packet.clean_session(true).user_name(texts.user_name))
                .and_then(|packet| packet.password(password))
                .and_then(|packet| packet.keep_alive(keep_alive_s).build()),
        ),
        ProtocolVersion::V5 => {
            let properties = || -> Result<_, MqttError> {
                Ok(vec![
                    ReceiveMaximum::new(receive_maximum)?.into(),
                    MaximumPacketSize::new(max_packet)?.into(),
                ])
            };
            let properties = properties().map_err(Violation::unwritable)?;
            put(
                out,
                v5_0::Connect::builder()
                    .client_id(texts.client_id)
                    .and_then(|packet| packet.clean_start(true).user_name(texts.user_name))
                    .and_then(|packet| packet.password(password))
                    .and_then(|packet| packet.keep_alive(keep_alive_s).props(properties).build()),
            )
        }
    }
}

/// CONNACK that refuses.
pub(super) fn connack_refused(
    out: &mut Vec<u8>,
    version: ProtocolVersion,
    refusal: Refusal,
) -> Result<(), Violation> {
    let code = refusal.code(version);
    match version {
        ProtocolVersion::V311 => {
            let code = ConnectReturnCode::try_from(code).unwrap_or(ConnectReturnCode::NotAuthorized);
            put(out, v3_1_1::Connack::builder().session_present(false).return_code(code).build())
        }
        ProtocolVersion::V5 => {
            let code = ConnectReasonCode::try_from(code).unwrap_or(ConnectReasonCode::UnspecifiedError);
            put(out, v5_0::Connack::builder().session_present(false).reason_code(code).build())
        }
    }
}

/// What an MQTT 5 CONNACK tells beside "accepted".
pub(super) struct Offer {
    pub(super) receive_maximum: u16,
    pub(super) max_packet: u32,
    /// The keep-alive that counts instead of the client's, in seconds.
    pub(super) keep_alive: Option<u16>,
    /// Tell that the session ends with the connection.
    pub(super) no_expiry: bool,
}

/// CONNACK that accepts. There is never a session present.
pub(super) fn connack(out: &mut Vec<u8>, version: ProtocolVersion, offer: &Offer) -> Result<(), Violation> {
    if version == ProtocolVersion::V311 {
        let packet =
            v3_1_1::Connack::builder().session_present(false).return_code(ConnectReturnCode::Accepted);
        return put(out, packet.build());
    }
    let properties = offer_properties(offer).map_err(Violation::unwritable)?;
    let packet = v5_0::Connack::builder().session_present(false).reason_code(ConnectReasonCode::Success);
    put(out, packet.props(properties).build())
}

fn offer_properties(offer: &Offer) -> Result<Vec<Property>, MqttError> {
    let mut properties = vec![
        ReceiveMaximum::new(offer.receive_maximum)?.into(),
        MaximumPacketSize::new(offer.max_packet)?.into(),
        SubscriptionIdentifierAvailable::new(0)?.into(),
        SharedSubscriptionAvailable::new(0)?.into(),
    ];
    if let Some(seconds) = offer.keep_alive {
        properties.push(ServerKeepAlive::new(seconds)?.into());
    }
    if offer.no_expiry {
        properties.push(SessionExpiryInterval::new(0)?.into());
    }
    Ok(properties)
}
