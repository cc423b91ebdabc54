//! What a program's callback gets.

use std::{
    ffi::{c_char, c_void},
    ptr,
};

use otaru_wire::mqtt::{Message, Qos};

/// `iot_mqtt_event_type_t`, as far as it happens here.
#[derive(Debug, Clone, Copy)]
#[repr(u32)]
pub(super) enum Event {
    Disconnect = 1,
    Reconnect = 2,
    Received = 12,
}

/// `iot_mqtt_event_handle_func_fpt`.
pub type Handler =
    Option<unsafe extern "C" fn(context: *mut c_void, client: *mut c_void, msg: *mut EventMsg)>;

/// `iot_mqtt_event_msg_t`.
#[repr(C)]
pub struct EventMsg {
    event_type: u32,
    msg: *mut c_void,
}

/// `iot_mqtt_topic_info_t`.
#[repr(C)]
struct TopicInfo {
    packet_id: u16,
    qos: u8,
    dup: u8,
    retain: u8,
    topic_len: u16,
    payload_len: u32,
    ptopic: *const c_char,
    payload: *const c_char,
}

/// A program's function, and what it wants to be given.
#[derive(Clone, Copy)]
pub(crate) struct OnEvent {
    pub(super) handler: Handler,
    pub(super) context: *mut c_void,
}

// SAFETY: neither is looked into here; the program that handed them over calls this library from the threads that it likes.
unsafe impl Send for OnEvent {}
// SAFETY: as above.
unsafe impl Sync for OnEvent {}

impl OnEvent {
    /// Tells that something happened to a client.
    pub(super) fn happened(self, client: *mut c_void, event: Event) {
        self.call(client, event, ptr::null_mut());
    }

    /// Gives a message that came. A NUL stands behind its payload, because programs print it.
    pub(super) fn received(self, client: *mut c_void, message: &Message) {
        let Message { topic, payload, qos } = message;
        let payload = [payload.as_slice(), b"\0"].concat();
        let mut info = TopicInfo {
            packet_id: 0,
            qos: u8::from(*qos == Qos::AtLeastOnce),
            dup: 0,
            retain: 0,
            topic_len: topic.len().try_into().unwrap_or(u16::MAX),
            payload_len: (payload.len() - 1).try_into().unwrap_or(u32::MAX),
            ptopic: topic.as_ptr().cast(),
            payload: payload.as_ptr().cast(),
        };
        self.call(client, Event::Received, (&raw mut info).cast());
    }

    fn call(self, client: *mut c_void, event: Event, msg: *mut c_void) {
        let mut told = EventMsg { event_type: event as u32, msg };
        if let Some(handler) = self.handler {
            // SAFETY: the program promised to take such calls; all that is pointed to outlives this one.
            unsafe { handler(self.context, client, &raw mut told) };
        }
    }
}
