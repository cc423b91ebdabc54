//! `iotx_register_for_ITE_*`: one function for each event (aliyun-iotkit-v3 §4.2).

use std::{
    ffi::{CStr, CString, c_char, c_int},
    sync::Mutex,
};

use otaru_capi::{guard, lock, out_text};

use crate::codes::{FAIL, SUCCESS};

/// Declares what may be registered: the field, the function that registers, the arguments.
macro_rules! callbacks {
    ($($(#[$doc:meta])* $field:ident, $register:ident: fn($($argument:ty),*);)*) => {
        struct Callbacks {
            $($field: Option<unsafe extern "C" fn($($argument),*) -> c_int>,)*
        }

        impl Callbacks {
            const fn new() -> Self {
                Self { $($field: None,)* }
            }
        }

        $(
            $(#[$doc])*
            ///
            /// # Safety
            /// The callback is null or such a function.
            #[unsafe(no_mangle)]
            pub unsafe extern "C" fn $register(
                callback: Option<unsafe extern "C" fn($($argument),*) -> c_int>,
            ) -> c_int {
                guard(FAIL, || {
                    lock(&CALLBACKS).$field = callback;
                    SUCCESS
                })
            }
        )*
    };
}

static CALLBACKS: Mutex<Callbacks> = Mutex::new(Callbacks::new());

callbacks! {
    /// The session is up.
    connected, iotx_register_for_ITE_CONNECT_SUCC: fn();
    /// The session is gone.
    disconnected, iotx_register_for_ITE_DISCONNECTED: fn();
    /// Never called.
    _service_request, iotx_register_for_ITE_SERVICE_REQUEST:
        fn(c_int, *const c_char, c_int, *const c_char, c_int, *mut *mut c_char, *mut c_int);
    /// Never called.
    _property_set, iotx_register_for_ITE_PROPERTY_SET: fn(c_int, *const c_char, c_int);
    /// Never called.
    _report_reply, iotx_register_for_ITE_REPORT_REPLY: fn(c_int, c_int, c_int, *const c_char, c_int);
    /// Never called.
    _event_reply, iotx_register_for_ITE_TRIGGER_EVENT_REPLY:
        fn(c_int, c_int, c_int, *const c_char, c_int, *const c_char, c_int);
    /// Never called.
    _timestamp_reply, iotx_register_for_ITE_TIMESTAMP_REPLY: fn(*const c_char);
    /// `IOT_Linkkit_Connect` is done.
    initialized, iotx_register_for_ITE_INITIALIZE_COMPLETED: fn(c_int);
    /// There is firmware.
    fota, iotx_register_for_ITE_FOTA: fn(c_int, *const c_char);
    /// There is firmware for a module.
    fota_module, iotx_register_for_ITE_FOTA_MODULE: fn(c_int, *const c_char, *const c_char);
    /// There is a configuration.
    cota, iotx_register_for_ITE_COTA:
        fn(c_int, *const c_char, c_int, *const c_char, *const c_char, *const c_char, *const c_char);
    /// The session is up, told before `connected`.
    mqtt_connected, iotx_register_for_ITE_MQTT_CONNECT_SUCC: fn();
    /// Never called.
    _cloud_error, iotx_register_for_ITE_CLOUD_ERROR: fn(c_int, *const c_char, *const c_char);
    /// Never called.
    _registered, iotx_register_for_ITE_DYNREG_DEVICE_SECRET: fn(*const c_char);
    /// What goes wrong.
    state, iotx_register_for_ITE_STATE_EVERYTHING: fn(c_int, *const c_char);
}

// Each is called with nothing locked, and its texts live until it returns: that is what makes the calls below sound.

pub(super) fn connected() {
    let (mqtt, link) = {
        let callbacks = lock(&CALLBACKS);
        (callbacks.mqtt_connected, callbacks.connected)
    };
    for callback in [mqtt, link].into_iter().flatten() {
        // SAFETY: what the application registered.
        unsafe { callback() };
    }
}

pub(super) fn disconnected() {
    let callback = lock(&CALLBACKS).disconnected;
    if let Some(callback) = callback {
        // SAFETY: what the application registered.
        unsafe { callback() };
    }
}

pub(super) fn initialized(devid: c_int) {
    let callback = lock(&CALLBACKS).initialized;
    if let Some(callback) = callback {
        // SAFETY: what the application registered.
        unsafe { callback(devid) };
    }
}

/// Tells of firmware: of a module to the function for modules, if there is one.
pub(super) fn fota(version: &str, module: Option<&str>) {
    let (device, of_module) = {
        let callbacks = lock(&CALLBACKS);
        (callbacks.fota, callbacks.fota_module)
    };
    let version = out_text(version);
    match (module, of_module, device) {
        (Some(module), Some(callback), _) => {
            let module = out_text(module);
            // SAFETY: what the application registered.
            unsafe { callback(0, version.as_ptr(), module.as_ptr()) };
        }
        (_, _, Some(callback)) => {
            // SAFETY: what the application registered.
            unsafe { callback(0, version.as_ptr()) };
        }
        _ => {}
    }
}

/// The texts of a configuration, in the order of the callback.
pub(super) struct ConfigTexts {
    pub(super) id: CString,
    pub(super) size: c_int,
    pub(super) get_type: CString,
    pub(super) sign: CString,
    pub(super) sign_method: &'static CStr,
    pub(super) url: CString,
}

pub(super) fn cota(config: &ConfigTexts) {
    let callback = lock(&CALLBACKS).cota;
    let ConfigTexts { id, size, get_type, sign, sign_method, url } = config;
    if let Some(callback) = callback {
        let [id, get_type, sign, url] = [id, get_type, sign, url].map(|text| text.as_ptr());
        // SAFETY: what the application registered.
        unsafe { callback(0, id, *size, get_type, sign, sign_method.as_ptr(), url) };
    }
}

/// Tells what went wrong: a number of the vendor's, and a text for people.
pub(super) fn state(code: c_int, message: &str) {
    let callback = lock(&CALLBACKS).state;
    if let Some(callback) = callback {
        let message = out_text(message);
        // SAFETY: what the application registered.
        unsafe { callback(code, message.as_ptr()) };
    }
}
