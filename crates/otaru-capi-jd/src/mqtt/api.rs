//! The functions of `iot_mqtt.h`.

use std::{
    ffi::{c_char, c_int, c_void},
    ptr,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use otaru_capi::{Handles, guard, text};
use otaru_wire::{DeviceId, DeviceName, ProductKey, dialect::jd};

use super::{
    client::{Client, Listener},
    message::{Handler, OnEvent},
    params::Params,
};

const OK: c_int = 0;
const FAILED: c_int = -1;

/// The longest name or topic looked at, in bytes.
const MAX_ID: usize = 64;
const MAX_TOPIC: usize = 1024;

/// No variable of a program lies below: the first pages are never mapped, and programs are loaded above. Handles are numbers that
/// begin far below and stay there for the first sixty thousand.
const LOWEST_VARIABLE: usize = 0x10_0000;

/// `MQTT_SUB_TYPE_OTA_FIRMWARE_GET_INF_REPLY`.
const SUB_FIRMWARE_INFO: u32 = 7;

static CLIENTS: Handles<Client> = Handles::new();
static LAST_MSGID: AtomicU32 = AtomicU32::new(0);

/// The client of a handle.
pub(crate) fn client_of(handle: *const c_void) -> Option<Arc<Client>> {
    CLIENTS.get(handle)
}

/// The next number of a message. 0 is none.
pub(crate) fn next_msgid() -> u32 {
    match LAST_MSGID.fetch_add(1, Ordering::Relaxed).wrapping_add(1) {
        0 => next_msgid(),
        id => id,
    }
}

/// A device's two names.
///
/// # Safety
/// Both are null or end with a NUL.
pub(crate) unsafe fn device(product: *const c_char, device: *const c_char) -> Option<DeviceId> {
    // SAFETY: as the caller promises.
    let (product, device) = unsafe { (text(product, MAX_ID).ok()?, text(device, MAX_ID).ok()?) };
    Some(DeviceId { product: ProductKey::new(product).ok()?, device: DeviceName::new(device).ok()? })
}

/// `void *iot_mqtt_construct(iot_mqtt_param_t *params)`.
///
/// # Safety
/// `params` is null or such a struct, whose texts are null or end with a NUL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn iot_mqtt_construct(params: *const Params) -> *mut c_void {
    guard(ptr::null_mut(), || {
        // SAFETY: as the caller promises.
        let made = unsafe { params.as_ref().and_then(|params| params.read()) };
        match made.map(Client::open) {
            Some(Ok(client)) => CLIENTS.insert_with(|handle| client.known_by(handle)),
            Some(Err(_)) | None => ptr::null_mut(),
        }
    })
}

/// `int iot_mqtt_destroy(void *client)`. JD's documents leave open whether it takes the client or the address of a variable that
/// holds it, as the SDK does that JD's is modelled on; both are taken.
///
/// # Safety
/// `client` is null, was once a client, or is the address of a variable that holds what was.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn iot_mqtt_destroy(client: *mut c_void) -> c_int {
    guard(FAILED, || {
        if client.addr() < LOWEST_VARIABLE || CLIENTS.get(client).is_some() {
            return end(client);
        }
        let variable = client.cast::<*mut c_void>();
        if !variable.is_aligned() {
            return FAILED;
        }
        // SAFETY: it is no number of ours, so it is the address of a variable.
        let ended = end(unsafe { variable.read() });
        if ended == OK {
            // SAFETY: as above.
            unsafe { variable.write(ptr::null_mut()) };
        }
        ended
    })
}

fn end(handle: *const c_void) -> c_int {
    match CLIENTS.remove(handle) {
        Some(client) => {
            client.end();
            OK
        }
        None => FAILED,
    }
}

/// `int iot_mqtt_yield(void *client, int timeout_ms)`.
#[unsafe(no_mangle)]
pub extern "C" fn iot_mqtt_yield(client: *mut c_void, timeout_ms: c_int) -> c_int {
    guard(FAILED, || {
        let Some(client) = client_of(client) else { return FAILED };
        client.receive(Duration::from_millis(u64::try_from(timeout_ms).unwrap_or(0)));
        OK
    })
}

/// `int iot_mqtt_check_state_normal(void *client)`.
#[unsafe(no_mangle)]
pub extern "C" fn iot_mqtt_check_state_normal(client: *mut c_void) -> c_int {
    guard(0, || c_int::from(client_of(client).is_some_and(|client| client.is_up())))
}

/// `int iot_mqtt_subscribe_router(void *client, iot_mqtt_sub_t type, const char *product_key, const char *device_id,
/// iot_mqtt_event_handle_func_fpt callback, void *context)`.
///
/// # Safety
/// The texts are null or end with a NUL; the callback is null or such a function.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn iot_mqtt_subscribe_router(
    client: *mut c_void,
    r#type: u32,
    product_key: *const c_char,
    device_id: *const c_char,
    callback: Handler,
    context: *mut c_void,
) -> c_int {
    guard(FAILED, || {
        // SAFETY: as the caller promises.
        let device = unsafe { device(product_key, device_id) };
        let (Some(client), Some(device), Some(_)) = (client_of(client), device, callback) else {
            return FAILED;
        };
        if r#type != SUB_FIRMWARE_INFO {
            return FAILED;
        }
        let listener = Listener::Program(OnEvent { handler: callback, context });
        client.listen(jd::DEVICE.answer_topic(&device), listener).map_or(FAILED, |()| OK)
    })
}

/// `int iot_mqtt_unsubscribe(void *client, const char *topic)`. Only what the program has subscribed to itself.
///
/// # Safety
/// The topic is null or ends with a NUL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn iot_mqtt_unsubscribe(client: *mut c_void, topic: *const c_char) -> c_int {
    guard(FAILED, || {
        // SAFETY: as the caller promises.
        let topic = unsafe { text(topic, MAX_TOPIC) };
        let (Some(client), Ok(topic)) = (client_of(client), topic) else { return FAILED };
        match client.unlisten(topic, |listener| matches!(listener, Listener::Program(_))) {
            true => OK,
            false => FAILED,
        }
    })
}

/// `uint32_t iot_mqtt_generate_msgid(void)`.
#[unsafe(no_mangle)]
pub extern "C" fn iot_mqtt_generate_msgid() -> u32 {
    guard(1, next_msgid)
}
