//! `aiot_mqtt_download_api.h`: files over the session.

mod receiving;

use std::{
    ffi::{c_char, c_uint, c_void},
    ptr,
    sync::Arc,
};

use otaru_capi::{Handles, guard};
use otaru_wire::dialect::aliyun::StateCode;

use self::receiving::Receiving;
use crate::{
    code::{ADAPTER_COMMON, BLOCKS_HANDLE_NULL, NULL_POINTER, SUCCESS, of, result},
    given::take_handle,
    sysdep,
};

/// `aiot_mqtt_download_recv_handler_t`.
pub type RecvHandler = unsafe extern "C" fn(handle: *mut c_void, packet: *const Recv, userdata: *mut c_void);

/// `aiot_mqtt_download_recv_t`.
#[derive(Debug)]
#[repr(C)]
pub struct Recv {
    kind: c_uint,
    data: Data,
}

#[derive(Debug)]
#[repr(C)]
struct Data {
    filename: *mut c_char,
    offset: u32,
    data_size: u32,
    data: *mut c_char,
    percent: i32,
    file_length: i32,
}

static HANDLES: Handles<Receiving> = Handles::new();

/// Null without a port file.
#[unsafe(no_mangle)]
pub extern "C" fn aiot_mqtt_download_init() -> *mut c_void {
    guard(ptr::null_mut(), || match sysdep::is_ready() {
        true => HANDLES.insert_with(Receiving::new),
        false => ptr::null_mut(),
    })
}

/// Sets an option.
///
/// # Safety
/// `data` is null or what the option wants; function and userdata outlive the handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn aiot_mqtt_download_setopt(
    handle: *mut c_void,
    option: c_uint,
    data: *mut c_void,
) -> i32 {
    guard(ADAPTER_COMMON, || {
        let Some(receiving) = HANDLES.get(handle) else { return of(StateCode::DownloadDeinitHandleIsNull) };
        if data.is_null() {
            return NULL_POINTER;
        }
        // SAFETY: `data` is not null and, as the program promises, what the option wants.
        result(unsafe { receiving.set(option, data) })
    })
}

/// Ends a handle.
///
/// # Safety
/// `handle` is null or points to a handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn aiot_mqtt_download_deinit(handle: *mut *mut c_void) -> i32 {
    guard(ADAPTER_COMMON, || {
        // SAFETY: as the program promises.
        let ended = unsafe { take_handle(handle) }.and_then(|handle| HANDLES.remove(handle));
        let Some(receiving) = ended else { return of(StateCode::DownloadDeinitHandleIsNull) };
        receiving.leave();
        SUCCESS
    })
}

/// Does what is due and tells how it stands.
#[unsafe(no_mangle)]
pub extern "C" fn aiot_mqtt_download_process(handle: *mut c_void) -> i32 {
    guard(ADAPTER_COMMON, || match HANDLES.get(handle) {
        Some(receiving) => Arc::clone(&receiving).process(),
        None => BLOCKS_HANDLE_NULL,
    })
}
