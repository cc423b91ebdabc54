//! `IOT_OTA_*`, but for its requests (aliyun-iotkit-v3 §3.1).

use std::{
    ffi::{c_char, c_int, c_void},
    ptr, slice,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use otaru_capi::{Handles, guard, lock, text};
use otaru_wire::{
    DeviceId, DeviceName, ProductKey, Report, Step, Version,
    dialect::{DeviceHalf, aliyun::DeviceV3},
    mqtt::Qos,
};

use super::{OnNews, OnPushed, Ota};
use crate::{
    codes::{
        FAIL, NULL_VALUE, SUCCESS,
        ota::{GENERAL, INVALID_PARAM, INVALID_STATE, OSC_FAILED, STR_TOO_LONG},
    },
    log::{Level, log},
    mqtt::{
        client::{Callback, Client, Listener},
        client_of,
        subscriptions::Asked,
    },
    settings::settings,
};

/// The longest version told, in bytes.
const MAX_VERSION: usize = 32;
/// The longest message of progress, in bytes.
const MAX_PROGRESS: usize = 255;
/// The longest text looked at, in bytes.
const MAX_TEXT: usize = 4096;
const MAX_ID: usize = 64;
/// How long the platform may take to answer a subscription.
const PATIENCE: Duration = Duration::from_secs(5);

static OTAS: Handles<Ota> = Handles::new();
/// The handle of the one there is.
static ONE: AtomicUsize = AtomicUsize::new(0);
/// Held while the one is made.
static OPENING: Mutex<()> = Mutex::new(());

pub(super) fn ota_of(handle: *const c_void) -> Option<Arc<Ota>> {
    OTAS.get(handle)
}

/// Begins to listen for updates; none if there is one already or a subscription failed.
pub(crate) fn open(device: DeviceId, client: Arc<Client>) -> Option<(*mut c_void, Arc<Ota>)> {
    let _opening = lock(&OPENING);
    if OTAS.get(ptr::without_provenance(ONE.load(Ordering::Acquire))).is_some() {
        log(Level::Error, "there is an IOT_OTA_Init already");
        return None;
    }
    let handle = OTAS.insert_with(|handle| Ota::new(handle, device, client));
    let ota = OTAS.get(handle)?;
    // It listens before it subscribes: the answer may come with the first push behind it.
    let listener: Arc<dyn Listener> = ota.clone();
    ota.client.listen(&listener);
    for filter in DeviceV3.subscriptions(&ota.device) {
        if !subscribed(&ota.client, &filter) {
            log(Level::Error, format_args!("not subscribed to {filter}"));
            OTAS.remove(handle);
            return None;
        }
    }
    ONE.store(handle.addr(), Ordering::Release);
    Some((handle, ota))
}

fn subscribed(client: &Client, filter: &str) -> bool {
    let nobody = Callback { handler: None, context: ptr::null_mut() };
    let asked = client.subscribe(filter, Asked::Qos(Qos::AtLeastOnce), nobody);
    asked.is_ok_and(|id| client.await_subscription(id, PATIENCE) == Some(true))
}

/// Stops listening; false if there is no such handle.
pub(crate) fn close(handle: *const c_void) -> bool {
    let Some(ota) = OTAS.remove(handle) else { return false };
    ota.with_task(|task| task.reset());
    for filter in DeviceV3.subscriptions(&ota.device) {
        // Without a connection there is no subscription either.
        let _ = ota.client.unsubscribe(&filter);
    }
    true
}

/// `void *IOT_OTA_Init(const char *product_key, const char *device_name, void *ch_signal)`.
///
/// # Safety
/// The texts are null or end with NUL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn IOT_OTA_Init(
    product_key: *const c_char,
    device_name: *const c_char,
    ch_signal: *mut c_void,
) -> *mut c_void {
    guard(ptr::null_mut(), || {
        // SAFETY: as the caller promises.
        let (product, device) = unsafe { (text(product_key, MAX_ID), text(device_name, MAX_ID)) };
        let device = match (product.map(ProductKey::new), device.map(DeviceName::new)) {
            (Ok(Ok(product)), Ok(Ok(device))) => DeviceId { product, device },
            _ => return ptr::null_mut(),
        };
        let opened = client_of(ch_signal).and_then(|client| open(device, client));
        opened.map_or(ptr::null_mut(), |(handle, _)| handle)
    })
}

/// `int IOT_OTA_Deinit(void *handle)`.
#[unsafe(no_mangle)]
pub extern "C" fn IOT_OTA_Deinit(handle: *mut c_void) -> c_int {
    guard(FAIL, || match () {
        () if handle.is_null() => INVALID_PARAM,
        () if close(handle) => SUCCESS,
        () => FAIL,
    })
}

/// `int IOT_OTA_ReportVersion(void *handle, const char *version)`.
///
/// # Safety
/// The version is null or ends with NUL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn IOT_OTA_ReportVersion(handle: *mut c_void, version: *const c_char) -> c_int {
    guard(FAIL, || {
        if handle.is_null() || version.is_null() {
            return INVALID_PARAM;
        }
        let Some(ota) = ota_of(handle) else { return FAIL };
        // SAFETY: as the caller promises.
        let version = unsafe { text(version, MAX_VERSION) }.ok().and_then(|text| Version::new(text).ok());
        let Some(version) = version else { return ota.erred(GENERAL) };
        let module = settings().module();
        match ota.report(0, &Report::Version { module, version }) {
            Ok(()) => SUCCESS,
            Err(_) => ota.erred(GENERAL),
        }
    })
}

/// `int IOT_OTA_ReportProgress(void *handle, IOT_OTA_Progress_t progress, const char *msg)`.
///
/// # Safety
/// The message is null or ends with NUL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn IOT_OTA_ReportProgress(
    handle: *mut c_void,
    progress: c_int,
    msg: *const c_char,
) -> c_int {
    guard(FAIL, || {
        if handle.is_null() {
            return INVALID_PARAM;
        }
        let Some(ota) = ota_of(handle) else { return FAIL };
        let Some(step) = Step::from_code(i64::from(progress)) else { return ota.erred(GENERAL) };
        // SAFETY: as the caller promises.
        let description = match unsafe { text(msg, MAX_TEXT) } {
            Ok(description) => description,
            Err(otaru_capi::TextError::Null) => "",
            Err(otaru_capi::TextError::TooLong) => return ota.erred(STR_TOO_LONG),
            Err(otaru_capi::TextError::NotUtf8) => return ota.erred(GENERAL),
        };
        if description.len() + PROGRESS_FRAME + ota.module().as_str().len() > MAX_PROGRESS {
            return ota.erred(STR_TOO_LONG);
        }
        match ota.progress(step, description) {
            Ok(()) => SUCCESS,
            Err(_) => ota.erred(OSC_FAILED),
        }
    })
}

/// What a message of progress has beside its description and its module's name, in bytes: an estimate from the longest
/// step; the vendor counts the whole message.
const PROGRESS_FRAME: usize = r#"{"id":0,"params":{"step":"100","desc":"", "module":""}}"#.len();

/// `int IOT_OTA_IsFetching(void *handle)`.
#[unsafe(no_mangle)]
pub extern "C" fn IOT_OTA_IsFetching(handle: *mut c_void) -> c_int {
    guard(0, || c_int::from(ota_of(handle).is_some_and(|ota| ota.with_task(|task| task.is_fetching()))))
}

/// `int IOT_OTA_IsFetchFinish(void *handle)`.
#[unsafe(no_mangle)]
pub extern "C" fn IOT_OTA_IsFetchFinish(handle: *mut c_void) -> c_int {
    guard(0, || c_int::from(ota_of(handle).is_some_and(|ota| ota.with_task(|task| task.is_fetched()))))
}

/// `int IOT_OTA_FetchYield(void *handle, char *buf, uint32_t buf_len, uint32_t timeout_s)`.
///
/// # Safety
/// `buf` is null or `buf_len` bytes are writable there.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn IOT_OTA_FetchYield(
    handle: *mut c_void,
    buf: *mut c_char,
    buf_len: u32,
    timeout_s: u32,
) -> c_int {
    guard(FAIL, || {
        // The vendor keeps the last byte for a NUL, so one byte is room for none.
        let room = usize::try_from(buf_len).unwrap_or(0).min(c_int::MAX as usize);
        if handle.is_null() || buf.is_null() || room < 2 {
            return INVALID_PARAM;
        }
        let Some(ota) = ota_of(handle) else { return FAIL };
        // SAFETY: as the caller promises; a zero is written first, so that the bytes are defined.
        let room = unsafe {
            ptr::write_bytes(buf, 0, room);
            slice::from_raw_parts_mut(buf.cast::<u8>(), room - 1)
        };
        match ota.fetch(room, Duration::from_secs(u64::from(timeout_s))) {
            Ok(len) => c_int::try_from(len).unwrap_or(c_int::MAX),
            Err(INVALID_STATE) => ota.erred(INVALID_STATE),
            Err(code) => code,
        }
    })
}

/// `int IOT_OTA_GetLastError(void *handle)`.
#[unsafe(no_mangle)]
pub extern "C" fn IOT_OTA_GetLastError(handle: *mut c_void) -> c_int {
    guard(FAIL, || match ota_of(handle) {
        None if handle.is_null() => NULL_VALUE,
        None => FAIL,
        Some(ota) => ota.last_error.load(Ordering::Relaxed),
    })
}

/// `int IOT_OTA_SetOnPushedCallback(void *handle, int (*callback)(void *context))`.
///
/// # Safety
/// The callback is null or such a function.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn IOT_OTA_SetOnPushedCallback(
    handle: *mut c_void,
    callback: Option<OnPushed>,
) -> c_int {
    guard(FAIL, || {
        let Some(ota) = ota_of(handle) else { return FAIL };
        ota.on_news(callback.map_or(OnNews::Nobody, OnNews::Application));
        SUCCESS
    })
}

/// `int iotx_req_image(void *handle, const char *version)`.
///
/// # Safety
/// The version is null or ends with NUL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn iotx_req_image(handle: *mut c_void, version: *const c_char) -> c_int {
    guard(FAIL, || {
        if handle.is_null() || version.is_null() {
            return INVALID_PARAM;
        }
        let Some(ota) = ota_of(handle) else { return FAIL };
        // SAFETY: as the caller promises.
        let version = unsafe { text(version, MAX_VERSION) }.ok().and_then(|text| Version::new(text).ok());
        let Some(version) = version else { return ota.erred(GENERAL) };
        if ota.with_task(|task| task.is_fetching()) || ota.ask_for_update(Some(version)).is_err() {
            return ota.erred(GENERAL);
        }
        SUCCESS
    })
}

/// `int iotx_ota_get_config(void *handle, const char *configScope, const char *getType, const char *attributeKeys)`. The
/// dialect knows one question, for a file of the product's; the last text is not looked at.
///
/// # Safety
/// The texts are null or end with NUL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn iotx_ota_get_config(
    handle: *mut c_void,
    scope: *const c_char,
    get_type: *const c_char,
    attribute_keys: *const c_char,
) -> c_int {
    guard(FAIL, || {
        if [handle.cast_const().cast(), scope, get_type, attribute_keys].iter().any(|it| it.is_null()) {
            return INVALID_PARAM;
        }
        let Some(ota) = ota_of(handle) else { return FAIL };
        // SAFETY: as the caller promises.
        let asked = unsafe { (text(scope, MAX_ID), text(get_type, MAX_ID)) };
        let busy = ota.with_task(|task| task.is_fetching());
        if asked != (Ok("product"), Ok("file")) || busy || ota.report(0, &Report::ConfigQuery).is_err() {
            return ota.erred(GENERAL);
        }
        SUCCESS
    })
}
