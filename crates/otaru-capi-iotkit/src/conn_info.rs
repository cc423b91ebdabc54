//! `IOT_SetupConnInfo`: in every release of v3 it gives an empty form, and the session fills in its own
//! (aliyun-iotkit-v3 §1.1).

use std::{
    ffi::{c_char, c_int, c_void},
    ptr,
};

use otaru_capi::{guard, text};

use crate::codes::{FAIL, NULL_VALUE, SUCCESS};

/// `iotx_conn_info_t`: 48 bytes on LP64.
#[repr(C)]
struct ConnInfo {
    port: u16,
    init: u8,
    host_name: *const c_char,
    client_id: *const c_char,
    username: *const c_char,
    password: *const c_char,
    pub_key: *const c_char,
}

/// The one that every caller gets.
struct Empty(ConnInfo);

// SAFETY: it points to a text that stays, and nothing here changes it.
unsafe impl Sync for Empty {}

static EMPTY: Empty = Empty(ConnInfo {
    port: 0,
    init: 0,
    host_name: c"".as_ptr(),
    client_id: c"".as_ptr(),
    username: c"".as_ptr(),
    password: c"".as_ptr(),
    pub_key: c"".as_ptr(),
});

/// `int IOT_SetupConnInfo(const char *product_key, const char *device_name, const char *device_secret, void **info_ptr)`.
///
/// # Safety
/// The texts are null or end with NUL; `info_ptr` is null or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn IOT_SetupConnInfo(
    product_key: *const c_char,
    device_name: *const c_char,
    device_secret: *const c_char,
    info_ptr: *mut *mut c_void,
) -> c_int {
    guard(FAIL, || {
        for (given, max) in [(product_key, 20), (device_name, 32), (device_secret, 64)] {
            // SAFETY: as the caller promises.
            if unsafe { text(given, max) }.is_err() {
                return NULL_VALUE;
            }
        }
        if !info_ptr.is_null() {
            // SAFETY: as the caller promises.
            unsafe { info_ptr.write_unaligned(ptr::from_ref(&EMPTY.0).cast_mut().cast()) }
        }
        SUCCESS
    })
}
