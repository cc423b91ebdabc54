//! `aiot_ota_api.h`: updates.

mod task;
mod updates;

pub(crate) use task::{Place, Task, TaskDesc};

use std::{
    ffi::{c_char, c_uint, c_void},
    ptr,
    sync::Arc,
};

use otaru_capi::{Handles, guard};
use otaru_wire::{Module, dialect::aliyun::StateCode as Code};

use self::updates::{Updates, report_version};
use crate::{
    code::{ADAPTER_COMMON, NULL_POINTER, SUCCESS, of, result},
    given::{MAX_TEXT, take_handle, text_of},
    mqtt::device_id,
    sysdep,
};

static HANDLES: Handles<Updates> = Handles::new();

/// What a handle stands for; `null` is the code of one that is null or was ended.
fn find(handle: *mut c_void, null: Code) -> Result<Arc<Updates>, i32> {
    HANDLES.get(handle).ok_or(of(null))
}

/// Null without a port file.
#[unsafe(no_mangle)]
pub extern "C" fn aiot_ota_init() -> *mut c_void {
    guard(ptr::null_mut(), || match sysdep::is_ready() {
        true => HANDLES.insert_with(Updates::new),
        false => ptr::null_mut(),
    })
}

/// Ends a handle, before or after its session.
///
/// # Safety
/// `handle` is null or points to a handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn aiot_ota_deinit(handle: *mut *mut c_void) -> i32 {
    guard(ADAPTER_COMMON, || {
        // SAFETY: as the program promises.
        let ended = unsafe { take_handle(handle) }.and_then(|handle| HANDLES.remove(handle));
        let Some(updates) = ended else { return of(Code::OtaDeinitHandleIsNull) };
        updates.leave();
        SUCCESS
    })
}

/// Sets an option.
///
/// # Safety
/// `data` is null or what the option wants; function and userdata outlive the handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn aiot_ota_setopt(handle: *mut c_void, option: c_uint, data: *mut c_void) -> i32 {
    guard(ADAPTER_COMMON, || {
        result(find(handle, Code::OtaSetoptHandleIsNull).and_then(|updates| {
            if data.is_null() {
                return Err(of(Code::OtaSetoptDataIsNull));
            }
            // SAFETY: `data` is not null and, as the program promises, what the option wants.
            unsafe { updates.set(option, data) }
        }))
    })
}

/// Tells the platform what runs.
///
/// # Safety
/// `version` is null or a text.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn aiot_ota_report_version(handle: *mut c_void, version: *mut c_char) -> i32 {
    guard(ADAPTER_COMMON, || {
        result(find(handle, Code::OtaReportHandleIsNull).and_then(|updates| {
            // SAFETY: as the program promises.
            let version = unsafe { named(version, Code::OtaReportVersionIsNull)? };
            let mqtt = updates.session(of(Code::OtaReportMqttHandleIsNull))?;
            updates.report(&mqtt, version)
        }))
    })
}

/// The same of a device behind this gateway.
///
/// # Safety
/// Each text is null or a text.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn aiot_ota_report_version_ext(
    handle: *mut c_void,
    product_key: *mut c_char,
    device_name: *mut c_char,
    version: *mut c_char,
) -> i32 {
    guard(ADAPTER_COMMON, || {
        result(find(handle, Code::OtaReportExtHandleIsNull).and_then(|updates| {
            // SAFETY: as the program promises.
            let (version, product, device) = unsafe {
                let version = named(version, Code::OtaReportExtVersionNull)?;
                let product = named(product_key, Code::OtaReportExtProductKeyIsNull)?;
                (version, product, named(device_name, Code::OtaReportExtDeviceNameIsNull)?)
            };
            let mqtt = updates.session(of(Code::OtaReportExtMqttHandleIsNull))?;
            // Never with a module (§2.2).
            report_version(&mqtt, &device_id(product, device)?, Module::default(), version)
        }))
    })
}

/// Asks whether there is a task.
#[unsafe(no_mangle)]
pub extern "C" fn aiot_ota_query_firmware(handle: *mut c_void) -> i32 {
    guard(ADAPTER_COMMON, || {
        result(find(handle, Code::OtaQueryFirmwareHandleIsNull).and_then(|updates| {
            let mqtt = updates.session(NULL_POINTER)?;
            updates.query(&mqtt)
        }))
    })
}

/// A text, or the code of one that is null.
///
/// # Safety
/// `given` is null or a text.
unsafe fn named<'a>(given: *const c_char, null: Code) -> Result<&'a str, i32> {
    // SAFETY: as the caller promises.
    unsafe { text_of(given, MAX_TEXT) }.map_err(|code| if code == NULL_POINTER { of(null) } else { code })
}
