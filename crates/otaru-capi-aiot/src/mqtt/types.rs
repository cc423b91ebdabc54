//! The types of `aiot_mqtt_api.h`.

use std::ffi::{c_char, c_uint, c_void};

use otaru_wire::mqtt::Message;

/// `aiot_mqtt_recv_handler_t`.
pub type RecvHandler = unsafe extern "C" fn(handle: *mut c_void, packet: *const Recv, userdata: *mut c_void);

/// `aiot_mqtt_event_handler_t`.
pub type EventHandler = unsafe extern "C" fn(handle: *mut c_void, event: *const Event, userdata: *mut c_void);

/// `aiot_mqtt_recv_t`.
#[repr(C)]
pub struct Recv {
    kind: c_uint,
    data: RecvData,
}

#[repr(C)]
union RecvData {
    publish: Publish,
    sub_ack: SubAck,
    ack: Ack,
}

#[derive(Clone, Copy)]
#[repr(C)]
struct Publish {
    qos: u8,
    topic: *mut c_char,
    topic_len: u16,
    payload: *mut u8,
    payload_len: u32,
}

#[derive(Clone, Copy)]
#[repr(C)]
struct SubAck {
    res: i32,
    max_qos: u8,
    packet_id: u16,
}

#[derive(Clone, Copy)]
#[repr(C)]
struct Ack {
    packet_id: u16,
}

impl Recv {
    /// A message; it borrows from `message`, so it must not outlive it.
    pub(super) fn message(message: &mut Message, qos: u8) -> Self {
        let publish = Publish {
            qos,
            topic: message.topic.as_ptr().cast_mut().cast(),
            topic_len: u16::try_from(message.topic.len()).unwrap_or(u16::MAX),
            payload: message.payload.as_mut_ptr(),
            payload_len: u32::try_from(message.payload.len()).unwrap_or(u32::MAX),
        };
        Self { kind: 0, data: RecvData { publish } }
    }

    pub(super) fn heartbeat() -> Self {
        Self { kind: 1, data: RecvData { ack: Ack { packet_id: 0 } } }
    }

    pub(super) fn sub_ack(res: i32, max_qos: u8, packet_id: u16) -> Self {
        Self { kind: 2, data: RecvData { sub_ack: SubAck { res, max_qos, packet_id } } }
    }

    pub(super) fn unsub_ack(packet_id: u16) -> Self {
        Self { kind: 3, data: RecvData { ack: Ack { packet_id } } }
    }

    pub(super) fn pub_ack(packet_id: u16) -> Self {
        Self { kind: 4, data: RecvData { ack: Ack { packet_id } } }
    }
}

/// `aiot_mqtt_event_t`.
#[derive(Debug)]
#[repr(C)]
pub struct Event {
    kind: c_uint,
    disconnect: c_uint,
}

impl Event {
    pub(super) const CONNECT: Self = Self { kind: 0, disconnect: 0 };
    pub(super) const RECONNECT: Self = Self { kind: 1, disconnect: 0 };
    pub(super) const NETWORK_DISCONNECT: Self = Self { kind: 2, disconnect: 0 };
    pub(super) const HEARTBEAT_DISCONNECT: Self = Self { kind: 2, disconnect: 1 };
}

/// `aiot_mqtt_topic_map_t`.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct TopicMap {
    pub(super) topic: *const c_char,
    pub(super) handler: Option<RecvHandler>,
    pub(super) userdata: *mut c_void,
}
