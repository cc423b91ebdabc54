//! `aiot_dynreg_api.h`: by a form over HTTP(S).

use std::{
    ffi::{c_char, c_uint, c_void},
    ptr,
    sync::Mutex,
};

use otaru_agent::pieces::{PostFailed, post_form};
use otaru_capi::{Handles, guard, lock, out_text};
use otaru_wire::dialect::aliyun::registration::{self, Grant, HTTP_PATH};

use super::{Settings, random};
use crate::{
    code::{
        ADAPTER_COMMON, CONNECT_FAILED, DYNREG_INVALID_SECRET, DYNREG_INVALID_STATUS, DYNREG_NEED_REQUEST,
        NULL_POINTER, SUCCESS, TLS_INVALID_HANDSHAKE, result,
    },
    given::take_handle,
    sysdep::{self, Cred},
};

/// `aiot_dynreg_recv_handler_t`.
pub type RecvHandler = unsafe extern "C" fn(handle: *mut c_void, packet: *const Recv, userdata: *mut c_void);

/// `aiot_dynreg_recv_t`.
#[repr(C)]
pub struct Recv {
    kind: c_uint,
    data: RecvData,
}

#[repr(C)]
union RecvData {
    status_code: u32,
    device_secret: *mut c_char,
}

#[derive(Default)]
struct Registering {
    settings: Settings<RecvHandler>,
    /// Status and body of the answer.
    answer: Option<(u16, Vec<u8>)>,
}

static HANDLES: Handles<Mutex<Registering>> = Handles::new();

impl Registering {
    fn request(&mut self) -> Result<(), i32> {
        self.answer = None;
        let (host, device, secret) = self.settings.needed()?;
        let scheme = if matches!(self.settings.cred, Cred::Plain) { "http" } else { "https" };
        let url = format!("{scheme}://{host}:{}{HTTP_PATH}", self.settings.port);
        let form = registration::write_form(&device, secret, &random());
        let answer = post_form(&url, &self.settings.cred.trust()?, &form, self.settings.timeout);
        self.answer = Some(answer.map_err(|error| match error {
            PostFailed::NotTrusted(_) => TLS_INVALID_HANDSHAKE,
            PostFailed::Unreachable(_) => CONNECT_FAILED,
        })?);
        Ok(())
    }
}

/// Hands the answer over: the status, then the secret.
fn receive(handle: *mut c_void, registering: &Mutex<Registering>) -> Result<(), i32> {
    let (answer, handler, userdata) = {
        let mut registering = lock(registering);
        let Settings { handler, userdata, .. } = registering.settings;
        (registering.answer.take(), handler, userdata)
    };
    let (status, body) = answer.ok_or(DYNREG_NEED_REQUEST)?;
    let tell = |packet: &Recv| {
        if let Some(handler) = handler {
            // SAFETY: the program promised a function of that type; the packet outlives the call; no lock is held.
            unsafe { handler(handle, packet, userdata.0) };
        }
    };
    tell(&Recv { kind: 0, data: RecvData { status_code: status.into() } });
    if status != 200 {
        return Err(DYNREG_INVALID_STATUS);
    }
    let Ok(Grant::Secret(secret)) = registration::read_reply(&body) else {
        return Err(DYNREG_INVALID_SECRET);
    };
    let secret = out_text(&secret);
    tell(&Recv { kind: 1, data: RecvData { device_secret: secret.as_ptr().cast_mut() } });
    Ok(())
}

/// Null without a port file.
#[unsafe(no_mangle)]
pub extern "C" fn aiot_dynreg_init() -> *mut c_void {
    guard(ptr::null_mut(), || match sysdep::is_ready() {
        true => HANDLES.insert(Mutex::default()),
        false => ptr::null_mut(),
    })
}

/// Sets an option.
///
/// # Safety
/// `data` is null or what the option wants; function and userdata outlive the handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn aiot_dynreg_setopt(handle: *mut c_void, option: c_uint, data: *mut c_void) -> i32 {
    guard(ADAPTER_COMMON, || match HANDLES.get(handle).filter(|_| !data.is_null()) {
        // SAFETY: `data` is not null and, as the program promises, what the option wants.
        Some(registering) => result(unsafe { lock(&registering).settings.set(option, data) }),
        None => NULL_POINTER,
    })
}

/// Ends a handle.
///
/// # Safety
/// `handle` is null or points to a handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn aiot_dynreg_deinit(handle: *mut *mut c_void) -> i32 {
    guard(ADAPTER_COMMON, || {
        // SAFETY: as the program promises.
        let ended = unsafe { take_handle(handle) }.and_then(|handle| HANDLES.remove(handle));
        if ended.is_some() { SUCCESS } else { NULL_POINTER }
    })
}

/// Asks; blocks until the answer is here.
#[unsafe(no_mangle)]
pub extern "C" fn aiot_dynreg_send_request(handle: *mut c_void) -> i32 {
    guard(ADAPTER_COMMON, || match HANDLES.get(handle) {
        Some(registering) => result(lock(&registering).request()),
        None => NULL_POINTER,
    })
}

/// Hands the answer over.
#[unsafe(no_mangle)]
pub extern "C" fn aiot_dynreg_recv(handle: *mut c_void) -> i32 {
    guard(ADAPTER_COMMON, || match HANDLES.get(handle) {
        Some(registering) => result(receive(handle, &registering)),
        None => NULL_POINTER,
    })
}
