//! What is told to callbacks: `iotx_mqtt_event_msg_t` and `iotx_mqtt_topic_info_t` (aliyun-iotkit-v3 §5).

use std::ffi::{c_char, c_int, c_void};

use otaru_wire::mqtt::{Message, Qos};

/// `iotx_mqtt_event_handle_func_fpt`.
pub(crate) type Handler = Option<unsafe extern "C" fn(*mut c_void, *mut c_void, *mut EventMsg)>;

/// `iotx_mqtt_topic_info_t`: 32 bytes on LP64.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct TopicInfo {
    pub(crate) packet_id: u16,
    pub(crate) qos: u8,
    pub(crate) dup: u8,
    pub(crate) retain: u8,
    pub(crate) topic_len: u16,
    pub(crate) payload_len: u32,
    pub(crate) ptopic: *const c_char,
    pub(crate) payload: *const c_char,
}

/// `iotx_mqtt_event_msg_t`: 16 bytes on LP64.
#[repr(C)]
#[derive(Debug)]
pub struct EventMsg {
    pub(crate) event_type: c_int,
    msg: *mut c_void,
}

/// What happened, as the application hears it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Happening {
    Disconnected,
    Reconnected,
    Subscribed { id: u16, granted: bool },
    SubscribingTimedOut { id: u16 },
    Unsubscribed { id: u16 },
    UnsubscribingTimedOut { id: u16 },
    Published { id: u16, accepted: bool },
    Received(Message),
}

impl Happening {
    /// Its number in `iotx_mqtt_event_type_t`.
    fn number(&self) -> c_int {
        match self {
            Self::Disconnected => 1,
            Self::Reconnected => 2,
            Self::Subscribed { granted: true, .. } => 3,
            Self::SubscribingTimedOut { .. } => 4,
            Self::Subscribed { granted: false, .. } => 5,
            Self::Unsubscribed { .. } => 6,
            Self::UnsubscribingTimedOut { .. } => 7,
            Self::Published { accepted: true, .. } => 9,
            Self::Published { accepted: false, .. } => 11,
            Self::Received(_) => 12,
        }
    }

    /// Calls a handler with it.
    ///
    /// # Safety
    /// The handler is a function of that type, and `context` what it expects.
    pub(crate) unsafe fn tell(&self, handler: Handler, context: *mut c_void, client: *mut c_void) {
        let Some(handler) = handler else { return };
        let mut info = match self {
            Self::Received(message) => Some(TopicInfo::of(message)),
            _ => None,
        };
        let msg = match (self, &mut info) {
            (_, Some(info)) => (&raw mut *info).cast(),
            (
                Self::Subscribed { id, .. }
                | Self::SubscribingTimedOut { id }
                | Self::Unsubscribed { id }
                | Self::UnsubscribingTimedOut { id }
                | Self::Published { id, .. },
                None,
            ) => std::ptr::without_provenance_mut(usize::from(*id)),
            (_, None) => std::ptr::null_mut(),
        };
        let mut event = EventMsg { event_type: self.number(), msg };
        // SAFETY: as the caller promises; what the event points to lives until the handler returns.
        unsafe { handler(context, client, &raw mut event) }
    }
}

impl TopicInfo {
    fn of(message: &Message) -> Self {
        Self {
            packet_id: 0,
            qos: match message.qos {
                Qos::AtMostOnce => 0,
                Qos::AtLeastOnce => 1,
            },
            dup: 0,
            retain: 0,
            topic_len: u16::try_from(message.topic.len()).unwrap_or(u16::MAX),
            payload_len: u32::try_from(message.payload.len()).unwrap_or(u32::MAX),
            ptopic: message.topic.as_ptr().cast(),
            payload: message.payload.as_ptr().cast(),
        }
    }
}
