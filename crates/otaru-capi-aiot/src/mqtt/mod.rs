//! `aiot_mqtt_api.h`: the session with the platform.

mod filters;
mod messages;
mod session;
mod settings;
mod types;

pub(crate) use session::{Mqtt, open_code};
pub(crate) use settings::device_id;

use std::{
    ffi::{c_char, c_uint, c_void},
    ptr,
    sync::Arc,
};

use otaru_capi::{Handles, bytes, guard};

use self::{
    filters::To,
    messages::MAX_PAYLOAD,
    types::{RecvHandler, TopicMap},
};
use crate::{
    code::{
        self, ADAPTER_COMMON, EXEC_DISABLED, MQTT_DEINIT_TIMEOUT, NULL_POINTER, NWK_CLOSED, OUT_RANGE,
        PAYLOAD_TOO_LONG, SUCCESS,
    },
    given::{MAX_TEXT, Own, take_handle, text_of, value},
    sysdep,
};

/// Options are below this number.
const OPTIONS: c_uint = 30;
const APPEND_TOPIC_MAP: c_uint = 24;
const REMOVE_TOPIC_MAP: c_uint = 25;

static SESSIONS: Handles<Mqtt> = Handles::new();

/// The session of a handle, if it was not ended.
pub(crate) fn find(handle: *mut c_void) -> Result<Arc<Mqtt>, i32> {
    if handle.is_null() {
        return Err(NULL_POINTER);
    }
    SESSIONS.get(handle).ok_or(EXEC_DISABLED)
}

/// A call on a session: the end of the session waits for it.
fn call(handle: *mut c_void, what: impl FnOnce(&Mqtt) -> Result<i32, i32>) -> i32 {
    guard(ADAPTER_COMMON, || {
        let called = find(handle).and_then(|mqtt| {
            let _call = mqtt.calls.enter();
            what(&mqtt)
        });
        called.unwrap_or_else(|code| code)
    })
}

/// A session that is not open; null without a port file.
#[unsafe(no_mangle)]
pub extern "C" fn aiot_mqtt_init() -> *mut c_void {
    guard(ptr::null_mut(), || match sysdep::is_ready() {
        true => SESSIONS.insert_with(Mqtt::new),
        false => ptr::null_mut(),
    })
}

/// Sets an option.
///
/// # Safety
/// `data` is null or what the option wants; functions and userdata outlive the session.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn aiot_mqtt_setopt(handle: *mut c_void, option: c_uint, data: *mut c_void) -> i32 {
    call(handle, |mqtt| {
        if data.is_null() {
            return Err(NULL_POINTER);
        }
        // SAFETY: `data` is not null and, as the program promises, what the option wants.
        unsafe {
            match option {
                OPTIONS.. => return Err(OUT_RANGE),
                APPEND_TOPIC_MAP => {
                    let (filter, handler, userdata) = topic_map(data)?;
                    mqtt.filters().append(&filter, To::Program(Some(handler), userdata));
                }
                REMOVE_TOPIC_MAP => {
                    let (filter, handler, _) = topic_map(data)?;
                    mqtt.filters().remove(&filter, Some(handler));
                }
                _ => mqtt.settings().set(option, data)?,
            }
        }
        Ok(SUCCESS)
    })
}

/// # Safety
/// `data` points to a topic map whose topic is null or a text.
unsafe fn topic_map(data: *mut c_void) -> Result<(String, RecvHandler, Own), i32> {
    // SAFETY: as the caller promises.
    let (map, topic) = unsafe {
        let map: TopicMap = value(data)?;
        (map, text_of(map.topic, MAX_TEXT)?)
    };
    Ok((topic.to_owned(), map.handler.ok_or(NULL_POINTER)?, Own(map.userdata)))
}

/// Ends a handle.
///
/// # Safety
/// `handle` is null or points to a handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn aiot_mqtt_deinit(handle: *mut *mut c_void) -> i32 {
    guard(ADAPTER_COMMON, || {
        // SAFETY: as the program promises.
        let Some(taken) = (unsafe { take_handle(handle) }) else { return NULL_POINTER };
        let Some(mqtt) = SESSIONS.remove(taken) else { return EXEC_DISABLED };
        let patience = mqtt.settings().deinit_timeout();
        mqtt.end();
        if mqtt.calls.wait_for_others(patience) { SUCCESS } else { MQTT_DEINIT_TIMEOUT }
    })
}

/// Connects and logs in.
#[unsafe(no_mangle)]
pub extern "C" fn aiot_mqtt_connect(handle: *mut c_void) -> i32 {
    call(handle, |mqtt| mqtt.connect().map(|()| SUCCESS))
}

/// Says good-bye.
#[unsafe(no_mangle)]
pub extern "C" fn aiot_mqtt_disconnect(handle: *mut c_void) -> i32 {
    call(handle, |mqtt| {
        mqtt.disconnect();
        Ok(SUCCESS)
    })
}

/// Sends one sign of life.
#[unsafe(no_mangle)]
pub extern "C" fn aiot_mqtt_heartbeat(handle: *mut c_void) -> i32 {
    call(handle, |mqtt| mqtt.session.ping().map(|()| SUCCESS).map_err(|_| NWK_CLOSED))
}

/// Does what is due.
#[unsafe(no_mangle)]
pub extern "C" fn aiot_mqtt_process(handle: *mut c_void) -> i32 {
    call(handle, |mqtt| {
        mqtt.process();
        Ok(SUCCESS)
    })
}

/// Publishes.
///
/// # Safety
/// `topic` is null or a text; `payload` is null or has `payload_len` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn aiot_mqtt_pub(
    handle: *mut c_void,
    topic: *mut c_char,
    payload: *mut u8,
    payload_len: u32,
    qos: u8,
) -> i32 {
    call(handle, |mqtt| {
        if topic.is_null() || payload.is_null() {
            return Err(NULL_POINTER);
        }
        let len =
            usize::try_from(payload_len).ok().filter(|len| *len <= MAX_PAYLOAD).ok_or(PAYLOAD_TOO_LONG)?;
        // SAFETY: as the program promises.
        let (topic, payload) = unsafe { (text_of(topic, MAX_TEXT)?, bytes(payload, len)) };
        mqtt.publish(topic, payload.ok_or(NULL_POINTER)?, qos)
    })
}

/// Subscribes.
///
/// # Safety
/// `topic` is null or a text; `handler` and `userdata` outlive the subscription.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn aiot_mqtt_sub(
    handle: *mut c_void,
    topic: *mut c_char,
    handler: Option<RecvHandler>,
    qos: u8,
    userdata: *mut c_void,
) -> i32 {
    call(handle, |mqtt| {
        // SAFETY: as the program promises.
        let topic = unsafe { text_of(topic, MAX_TEXT)? };
        mqtt.subscribe(topic, handler, qos, Own(userdata)).map(|()| SUCCESS)
    })
}

/// Ends a subscription.
///
/// # Safety
/// `topic` is null or a text.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn aiot_mqtt_unsub(handle: *mut c_void, topic: *mut c_char) -> i32 {
    call(handle, |mqtt| {
        // SAFETY: as the program promises.
        let topic = unsafe { text_of(topic, MAX_TEXT)? };
        mqtt.unsubscribe(topic).map(|()| SUCCESS)
    })
}

/// Receives and calls the handlers; connects again where the connection is lost.
#[unsafe(no_mangle)]
pub extern "C" fn aiot_mqtt_recv(handle: *mut c_void) -> i32 {
    call(handle, |mqtt| Ok(code::result(mqtt.receive())))
}
