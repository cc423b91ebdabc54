//! `aiot_http_download_api.h`: files by HTTP(S).

mod link;
mod loading;
mod settings;
mod tally;

pub(crate) use loading::report;

use std::{
    ffi::{c_uint, c_void},
    ptr,
    sync::Arc,
};

use otaru_capi::{Handles, guard};
use otaru_wire::dialect::aliyun::StateCode as Code;

use self::loading::Loading;
use crate::{
    code::{ADAPTER_COMMON, SUCCESS, of, result},
    given::take_handle,
    sysdep,
};

/// `aiot_download_recv_handler_t`.
pub type RecvHandler = unsafe extern "C" fn(handle: *mut c_void, packet: *const Recv, userdata: *mut c_void);

/// `aiot_download_recv_t`.
#[derive(Debug)]
#[repr(C)]
pub struct Recv {
    kind: c_uint,
    data: Body,
}

#[derive(Debug)]
#[repr(C)]
struct Body {
    buffer: *mut u8,
    len: u32,
    percent: i32,
}

impl Recv {
    /// It borrows from `bytes`, so it must not outlive them.
    fn body(bytes: &mut [u8], percent: i32) -> Self {
        let len = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        Self { kind: 0, data: Body { buffer: bytes.as_mut_ptr(), len, percent } }
    }
}

static HANDLES: Handles<Loading> = Handles::new();

/// What a handle stands for; `null` is the code of one that is null or was ended.
fn find(handle: *mut c_void, null: Code) -> Result<Arc<Loading>, i32> {
    HANDLES.get(handle).ok_or(of(null))
}

/// Null without a port file.
#[unsafe(no_mangle)]
pub extern "C" fn aiot_download_init() -> *mut c_void {
    guard(ptr::null_mut(), || match sysdep::is_ready() {
        true => HANDLES.insert_with(Loading::new),
        false => ptr::null_mut(),
    })
}

/// Ends a handle.
///
/// # Safety
/// `handle` is null or points to a handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn aiot_download_deinit(handle: *mut *mut c_void) -> i32 {
    guard(ADAPTER_COMMON, || {
        // SAFETY: as the program promises.
        let ended = unsafe { take_handle(handle) }.and_then(|handle| HANDLES.remove(handle));
        let Some(loading) = ended else { return of(Code::DownloadDeinitHandleIsNull) };
        loading.end();
        SUCCESS
    })
}

/// Sets an option.
///
/// # Safety
/// `data` is null or what the option wants; function and userdata outlive the handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn aiot_download_setopt(handle: *mut c_void, option: c_uint, data: *mut c_void) -> i32 {
    guard(ADAPTER_COMMON, || {
        result(find(handle, Code::DownloadSetoptHandleIsNull).and_then(|loading| {
            if data.is_null() {
                return Err(of(Code::DownloadSetoptDataIsNull));
            }
            // SAFETY: `data` is not null and, as the program promises, what the option wants.
            unsafe { loading.set(option, data) }
        }))
    })
}

/// Begins, or goes on with the range that is set.
#[unsafe(no_mangle)]
pub extern "C" fn aiot_download_send_request(handle: *mut c_void) -> i32 {
    guard(ADAPTER_COMMON, || {
        result(find(handle, Code::DownloadRequestHandleIsNull).and_then(|loading| loading.request()))
    })
}

/// One piece for the handler, or what stands in its way.
#[unsafe(no_mangle)]
pub extern "C" fn aiot_download_recv(handle: *mut c_void) -> i32 {
    guard(ADAPTER_COMMON, || match find(handle, Code::DownloadRecvHandleIsNull) {
        Ok(loading) => loading.receive(),
        Err(code) => code,
    })
}

/// Tells the platform how far the task is.
#[unsafe(no_mangle)]
pub extern "C" fn aiot_download_report_progress(handle: *mut c_void, percent: i32) -> i32 {
    guard(ADAPTER_COMMON, || {
        result(find(handle, Code::DownloadReportHandleIsNull).and_then(|loading| loading.report(percent)))
    })
}
