//! The functions of `iot_ota.h`.

use std::{
    ffi::{c_char, c_int, c_void},
    ptr, slice,
    sync::Arc,
    time::Duration,
};

use otaru_agent::Trust;
use otaru_capi::{Handles, TextError, guard, lock, text};
use otaru_wire::{
    Module, Notice, Report, Version,
    dialect::jd::{self, PROPOSAL, Status},
};

use super::{Code, Ota, State};
use crate::mqtt::{
    api::{client_of, device, next_msgid},
    client::Listener,
};

const MAX_VERSION: usize = 64;
/// The longest text of certificates, in bytes.
const MAX_PEM: usize = 1024 * 1024;

static OTAS: Handles<Ota> = Handles::new();

/// `otaru_jd_firmware_t`.
#[repr(C)]
pub struct Firmware {
    version: [u8; 65],
    md5: [u8; 33],
    size: u64,
    silent: u8,
}

impl Firmware {
    fn of(notice: &Notice) -> Option<Self> {
        let file = notice.files.first()?;
        Some(Self {
            version: field(notice.version.as_str())?,
            md5: field(&file.digest.to_string())?,
            size: file.size,
            silent: notice.silent.into(),
        })
    }
}

/// A text with a NUL behind it; none if it does not fit.
fn field<const LEN: usize>(text: &str) -> Option<[u8; LEN]> {
    let byte = |at| text.as_bytes().get(at).copied().unwrap_or(0);
    (text.len() < LEN).then(|| std::array::from_fn(byte))
}

/// Carries out a function that returns 0 or a code.
fn code(call: impl FnOnce() -> Result<(), Code>) -> c_int {
    guard(Code::General as c_int, || call().map_or_else(|code| code as c_int, |()| 0))
}

fn ota_of(handle: *const c_void) -> Result<Arc<Ota>, Code> {
    OTAS.get(handle).ok_or(Code::InvalidParam)
}

/// # Safety
/// The text is null or ends with a NUL.
unsafe fn version(from: *const c_char) -> Result<Version, Code> {
    // SAFETY: as the caller promises.
    match unsafe { text(from, MAX_VERSION) } {
        Ok(text) => Version::new(text).map_err(|_| Code::InvalidParam),
        Err(TextError::TooLong) => Err(Code::StrTooLong),
        Err(TextError::Null | TextError::NotUtf8) => Err(Code::InvalidParam),
    }
}

/// `void *iot_ota_init(const char *product_key, const char *device_name, void *mqtt_client)`.
///
/// # Safety
/// The texts are null or end with a NUL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn iot_ota_init(
    product_key: *const c_char,
    device_name: *const c_char,
    mqtt_client: *mut c_void,
) -> *mut c_void {
    guard(ptr::null_mut(), || {
        // SAFETY: as the caller promises.
        let device = unsafe { device(product_key, device_name) };
        let (Some(device), Some(client)) = (device, client_of(mqtt_client)) else { return ptr::null_mut() };
        let topic = jd::DEVICE.push_topic(&device);
        // Two would both answer a push.
        if client.is_taken(&topic) {
            return ptr::null_mut();
        }
        let handle = OTAS.insert(Ota::new(device, &client));
        let listening = OTAS
            .get(handle)
            .is_some_and(|ota| client.listen(topic, Listener::Ota(Arc::downgrade(&ota))).is_ok());
        match listening {
            true => handle,
            false => {
                OTAS.remove(handle);
                ptr::null_mut()
            }
        }
    })
}

/// `int iot_ota_destroy(void *handle)`.
#[unsafe(no_mangle)]
pub extern "C" fn iot_ota_destroy(handle: *mut c_void) -> c_int {
    code(|| {
        let ota = OTAS.remove(handle).ok_or(Code::InvalidParam)?;
        if let Some(client) = ota.client.upgrade() {
            let own = |listener: &Listener| matches!(listener, Listener::Ota(it) if it.as_ptr() == Arc::as_ptr(&ota));
            client.unlisten(&jd::DEVICE.push_topic(&ota.device), own);
        }
        Ok(())
    })
}

/// `int iot_ota_report_progress(void *handle, iot_ota_status_t status, uint32_t progress)`.
#[unsafe(no_mangle)]
pub extern "C" fn iot_ota_report_progress(handle: *mut c_void, status: c_int, progress: u32) -> c_int {
    code(|| {
        let ota = ota_of(handle)?;
        let status = Status::from_number(&PROPOSAL.statuses, status.into()).ok_or(Code::InvalidParam)?;
        let percent = u8::try_from(progress).ok().filter(|percent| *percent <= 100);
        let percent = percent.ok_or(Code::InvalidParam)?;
        ota.send(jd::DEVICE.write_status(&ota.device, next_msgid(), status, percent)).map(drop)
    })
}

/// `int iot_ota_report_firmware_version(void *handle, const char *version)`.
///
/// # Safety
/// The text is null or ends with a NUL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn iot_ota_report_firmware_version(
    handle: *mut c_void,
    firmware_version: *const c_char,
) -> c_int {
    code(|| {
        let ota = ota_of(handle)?;
        // SAFETY: as the caller promises.
        let version = unsafe { version(firmware_version) }?;
        ota.report(&Report::Version { module: Module::default(), version }).map(drop)
    })
}

/// `int iot_ota_is_fetching(void *handle)`.
#[unsafe(no_mangle)]
pub extern "C" fn iot_ota_is_fetching(handle: *mut c_void) -> c_int {
    guard(0, || ota_of(handle).map_or(0, |ota| matches!(*lock(&ota.state), State::Fetching(_)).into()))
}

/// `int iot_ota_fetch_finish(void *handle)`.
#[unsafe(no_mangle)]
pub extern "C" fn iot_ota_fetch_finish(handle: *mut c_void) -> c_int {
    guard(0, || ota_of(handle).map_or(0, |ota| matches!(*lock(&ota.state), State::Fetched(_)).into()))
}

/// `int iot_ota_fetch_yield(void *handle, char *buf, uint32_t buf_len, uint32_t timeout_s)`.
///
/// # Safety
/// `buf` is null or has room for `buf_len` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn iot_ota_fetch_yield(
    handle: *mut c_void,
    buf: *mut c_char,
    buf_len: u32,
    timeout_s: u32,
) -> c_int {
    guard(Code::General as c_int, || {
        let room = usize::try_from(buf_len).unwrap_or(usize::MAX).min(c_int::MAX as usize);
        let ota = match ota_of(handle) {
            Ok(ota) if !buf.is_null() && room > 0 => ota,
            _ => return Code::InvalidParam as c_int,
        };
        // SAFETY: there is room, as the caller promises; zeros are written first, so that the bytes are defined.
        let room = unsafe {
            ptr::write_bytes(buf, 0, room);
            slice::from_raw_parts_mut(buf.cast::<u8>(), room)
        };
        match ota.fetch(room, Duration::from_secs(timeout_s.into())) {
            Ok(len) => c_int::try_from(len).unwrap_or(c_int::MAX),
            Err(code) => code as c_int,
        }
    })
}

/// `int iot_ota_get_firmware_info(void *handle, const char *product_key, const char *identifier, const char *version)`.
///
/// # Safety
/// The texts are null or end with a NUL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn iot_ota_get_firmware_info(
    handle: *mut c_void,
    product_key: *const c_char,
    identifier: *const c_char,
    firmware_version: *const c_char,
) -> c_int {
    const FAILED: c_int = -1;
    guard(FAILED, || {
        // SAFETY: as the caller promises.
        let (device, version) = unsafe { (device(product_key, identifier), version(firmware_version)) };
        let (Ok(ota), Some(device), Ok(version)) = (ota_of(handle), device, version) else { return FAILED };
        let query = Report::Query { module: Module::default(), running: None, wanted: Some(version) };
        let number = ota.report_of(&device, &query).ok();
        number.and_then(|number| c_int::try_from(number).ok()).unwrap_or(FAILED)
    })
}

/// `int otaru_jd_firmware(void *handle, otaru_jd_firmware_t *firmware)`: otaru's own.
///
/// # Safety
/// `firmware` is null or a place for one.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn otaru_jd_firmware(handle: *mut c_void, firmware: *mut Firmware) -> c_int {
    code(|| {
        let ota = ota_of(handle)?;
        if firmware.is_null() {
            return Err(Code::InvalidParam);
        }
        let told = match &*lock(&ota.state) {
            State::Ready => return Err(Code::InvalidState),
            State::Fetching(fetch) => Firmware::of(fetch.notice()),
            State::Fetched(notice) => Firmware::of(notice),
        };
        // SAFETY: it is not null, so it is a place for one.
        unsafe { firmware.write(told.ok_or(Code::General)?) };
        Ok(())
    })
}

/// `int otaru_jd_trust(void *handle, const char *ca_pem)`: otaru's own.
///
/// # Safety
/// The text is null or ends with a NUL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn otaru_jd_trust(handle: *mut c_void, ca_pem: *const c_char) -> c_int {
    code(|| {
        let ota = ota_of(handle)?;
        let trust = match ca_pem.is_null() {
            true => Trust::WebRoots,
            false => {
                // SAFETY: as the caller promises.
                let pem = unsafe { text(ca_pem, MAX_PEM) }.map_err(|_| Code::InvalidParam)?;
                Trust::read(pem.as_bytes()).map_err(|_| Code::InvalidParam)?
            }
        };
        *lock(&ota.trust) = trust;
        Ok(())
    })
}
