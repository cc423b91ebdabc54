//! `IOT_MQTT_*` (aliyun-iotkit-v3 §1.4, §5): one session a process, found by its handle or by null.

pub(crate) mod client;
pub(crate) mod event;
pub(crate) mod params;
pub(crate) mod subscriptions;

use std::{
    cell::Cell,
    ffi::{c_char, c_int, c_void},
    ptr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use otaru_capi::{Handles, bytes, guard, lock, text};
use otaru_wire::mqtt::{Message, PublishError, Qos};

use crate::{
    codes::{FAIL, NULL_VALUE, OUT_OF_RANGE, SUCCESS, TOO_MANY_WAIT},
    log::{Level, log},
};
use client::{Callback, Client};
use event::{Handler, TopicInfo};
use params::{MqttParam, Plan, plan};
use subscriptions::Asked;

/// The longest topic or filter, in bytes.
const MAX_TOPIC: usize = 128;
/// What a yield of 0 counts as.
const SHORTEST_YIELD: Duration = Duration::from_millis(10);

static CLIENTS: Handles<Client> = Handles::new();
/// The handle of the one client.
static ONE: AtomicUsize = AtomicUsize::new(0);
/// Held while the one client is made.
static OPENING: Mutex<()> = Mutex::new(());

thread_local! {
    /// This thread runs callbacks, or may at any time.
    static RUNNING: Cell<bool> = const { Cell::new(false) };
}

/// Runs what may call callbacks; `None` if this thread is within a callback: it would never end.
pub(crate) fn outside_callbacks<T>(run: impl FnOnce() -> T) -> Option<T> {
    struct Over;
    impl Drop for Over {
        fn drop(&mut self) {
            RUNNING.set(false);
        }
    }
    if RUNNING.replace(true) {
        return None;
    }
    let _over = Over;
    Some(run())
}

/// The client of a handle; null is the one there is.
pub(crate) fn client_of(handle: *const c_void) -> Option<Arc<Client>> {
    CLIENTS.get(or_one(handle))
}

fn or_one(handle: *const c_void) -> *const c_void {
    match handle.is_null() {
        true => ptr::without_provenance(ONE.load(Ordering::Acquire)),
        false => handle,
    }
}

/// The handle of the one client, which is opened with that plan if there is none. The error is for people.
pub(crate) fn open(plan: impl FnOnce() -> Result<Plan, String>) -> Result<*mut c_void, String> {
    let _opening = lock(&OPENING);
    let known = ptr::without_provenance_mut(ONE.load(Ordering::Acquire));
    if CLIENTS.get(known).is_some() {
        return Ok(known);
    }
    let client = Client::open(plan()?)?;
    let handle = CLIENTS.insert_with(|handle| client.known_as(handle));
    ONE.store(handle.addr(), Ordering::Release);
    Ok(handle)
}

/// Ends the client of a handle; false if there is none.
pub(crate) fn end(handle: *const c_void) -> bool {
    let ended = CLIENTS.remove(or_one(handle));
    if let Some(client) = &ended {
        client.end();
    }
    ended.is_some()
}

/// Reads for that time and calls callbacks.
pub(crate) fn run(client: &Client, patience: Duration) {
    let deadline = Instant::now() + patience;
    loop {
        client.dispatch();
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() || client.has_ended() {
            return;
        }
        client.pump(left);
    }
}

/// `void *IOT_MQTT_Construct(iotx_mqtt_param_t *pInitParams)`.
///
/// # Safety
/// The parameters are null or as the header has them.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn IOT_MQTT_Construct(param: *mut MqttParam) -> *mut c_void {
    guard(ptr::null_mut(), || {
        // SAFETY: as the caller promises.
        open(|| unsafe { plan(param) }).unwrap_or_else(|reason| {
            log(Level::Error, format_args!("no MQTT: {reason}"));
            ptr::null_mut()
        })
    })
}

/// `int IOT_MQTT_Destroy(void **phandle)`.
///
/// # Safety
/// `phandle` is null or points to a handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn IOT_MQTT_Destroy(phandle: *mut *mut c_void) -> c_int {
    guard(FAIL, || {
        // SAFETY: as the caller promises.
        let handle = if phandle.is_null() { ptr::null_mut() } else { unsafe { phandle.read_unaligned() } };
        if !end(handle) {
            return NULL_VALUE;
        }
        if !phandle.is_null() {
            // SAFETY: as the caller promises.
            unsafe { phandle.write_unaligned(ptr::null_mut()) }
        }
        SUCCESS
    })
}

/// `int IOT_MQTT_Yield(void *handle, int timeout_ms)`.
#[unsafe(no_mangle)]
pub extern "C" fn IOT_MQTT_Yield(handle: *mut c_void, timeout_ms: c_int) -> c_int {
    guard(FAIL, || {
        let Ok(timeout_ms) = u64::try_from(timeout_ms) else { return OUT_OF_RANGE };
        let Some(client) = client_of(handle) else { return NULL_VALUE };
        let patience = Duration::from_millis(timeout_ms).max(SHORTEST_YIELD);
        match outside_callbacks(|| run(&client, patience)) {
            Some(()) => SUCCESS,
            None => FAIL,
        }
    })
}

/// `int IOT_MQTT_CheckStateNormal(void *handle)`.
#[unsafe(no_mangle)]
pub extern "C" fn IOT_MQTT_CheckStateNormal(handle: *mut c_void) -> c_int {
    guard(0, || c_int::from(client_of(handle).is_some_and(|client| client.is_up())))
}

/// `int IOT_MQTT_Subscribe(void *, const char *, iotx_mqtt_qos_t, iotx_mqtt_event_handle_func_fpt, void *)`.
///
/// # Safety
/// The filter is null or ends with NUL; the handler is null or such a function.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn IOT_MQTT_Subscribe(
    handle: *mut c_void,
    filter: *const c_char,
    qos: c_int,
    handler: Handler,
    context: *mut c_void,
) -> c_int {
    guard(FAIL, || {
        let Some(client) = client_of(handle) else { return NULL_VALUE };
        // SAFETY: as the caller promises.
        match unsafe { subscribe(&client, filter, qos, Callback { handler, context }) } {
            Ok(id) => c_int::from(id),
            Err(code) => code,
        }
    })
}

/// `int IOT_MQTT_Subscribe_Sync(…, int timeout_ms)`.
///
/// # Safety
/// As [`IOT_MQTT_Subscribe`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn IOT_MQTT_Subscribe_Sync(
    handle: *mut c_void,
    filter: *const c_char,
    qos: c_int,
    handler: Handler,
    context: *mut c_void,
    timeout_ms: c_int,
) -> c_int {
    guard(FAIL, || {
        let Some(client) = client_of(handle) else { return NULL_VALUE };
        // SAFETY: as the caller promises.
        let id = match unsafe { subscribe(&client, filter, qos, Callback { handler, context }) } {
            Ok(id) => id,
            Err(code) => return code,
        };
        let patience = Duration::from_millis(u64::try_from(timeout_ms).unwrap_or(0));
        match client.await_subscription(id, patience) {
            Some(true) => c_int::from(id),
            Some(false) | None => FAIL,
        }
    })
}

/// # Safety
/// The filter is null or ends with NUL.
unsafe fn subscribe(
    client: &Client,
    filter: *const c_char,
    qos: c_int,
    callback: Callback,
) -> Result<u16, c_int> {
    // SAFETY: as the caller promises.
    let filter = unsafe { topic(filter) }?;
    let asked = match qos {
        0 => Asked::Qos(Qos::AtMostOnce),
        1 | 2 => Asked::Qos(Qos::AtLeastOnce),
        3 => Asked::Locally,
        _ => return Err(FAIL),
    };
    client.subscribe(filter, asked, callback).map_err(code)
}

/// `int IOT_MQTT_Unsubscribe(void *handle, const char *topic_filter)`.
///
/// # Safety
/// The filter is null or ends with NUL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn IOT_MQTT_Unsubscribe(handle: *mut c_void, filter: *const c_char) -> c_int {
    guard(FAIL, || {
        let Some(client) = client_of(handle) else { return NULL_VALUE };
        // SAFETY: as the caller promises.
        match unsafe { topic(filter) } {
            Ok(filter) => match client.unsubscribe(filter) {
                Some(Ok(id)) => c_int::from(id),
                Some(Err(error)) => code(error),
                None => FAIL,
            },
            Err(code) => code,
        }
    })
}

/// `int IOT_MQTT_Publish(void *handle, const char *topic_name, iotx_mqtt_topic_info_pt topic_msg)`.
///
/// # Safety
/// The topic is null or ends with NUL; the message is null or has `payload_len` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn IOT_MQTT_Publish(
    handle: *mut c_void,
    topic_name: *const c_char,
    topic_msg: *mut TopicInfo,
) -> c_int {
    guard(FAIL, || {
        if topic_msg.is_null() {
            return NULL_VALUE;
        }
        // SAFETY: as the caller promises.
        let info = unsafe { topic_msg.read_unaligned() };
        // SAFETY: as the caller promises.
        unsafe { publish(handle, topic_name, c_int::from(info.qos), info.payload.cast(), info.payload_len) }
    })
}

/// `int IOT_MQTT_Publish_Simple(void *handle, const char *topic_name, int qos, void *data, int len)`.
///
/// # Safety
/// The topic is null or ends with NUL; `data` is null or has `len` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn IOT_MQTT_Publish_Simple(
    handle: *mut c_void,
    topic_name: *const c_char,
    qos: c_int,
    data: *mut c_void,
    len: c_int,
) -> c_int {
    guard(FAIL, || {
        let Ok(len) = u32::try_from(len) else { return FAIL };
        // SAFETY: as the caller promises.
        unsafe { publish(handle, topic_name, qos, data.cast_const().cast(), len) }
    })
}

/// # Safety
/// The topic is null or ends with NUL; `data` is null or has `len` bytes.
unsafe fn publish(
    handle: *mut c_void,
    topic_name: *const c_char,
    qos: c_int,
    data: *const u8,
    len: u32,
) -> c_int {
    let Some(client) = client_of(handle) else { return NULL_VALUE };
    // SAFETY: as the caller promises.
    let topic = match unsafe { topic(topic_name) } {
        Ok(topic) => topic.to_owned(),
        Err(code) => return code,
    };
    // SAFETY: as the caller promises.
    let Some(payload) = (unsafe { bytes(data, usize::try_from(len).unwrap_or(usize::MAX)) }) else {
        return NULL_VALUE;
    };
    let qos = match qos {
        0 => Qos::AtMostOnce,
        1 => Qos::AtLeastOnce,
        _ => return FAIL,
    };
    client.publish(Message { topic, payload: payload.to_vec(), qos }).map_or_else(code, c_int::from)
}

/// # Safety
/// The text is null or ends with NUL.
unsafe fn topic<'a>(start: *const c_char) -> Result<&'a str, c_int> {
    // SAFETY: as the caller promises.
    unsafe { text(start, MAX_TOPIC) }.map_err(|error| match error {
        otaru_capi::TextError::Null => NULL_VALUE,
        _ => FAIL,
    })
}

fn code(error: PublishError) -> c_int {
    match error {
        PublishError::Full(_) => TOO_MANY_WAIT,
        _ => FAIL,
    }
}
