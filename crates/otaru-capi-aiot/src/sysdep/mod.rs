//! `aiot_sysdep_api.h`: the port file, and the two objects that a program expects from outside.
//!
//! otaru brings its own memory, clock, randomness and network, so it wants a port file to be set, as the SDK does, and calls
//! nothing of it.

mod cred;
mod network;
mod port;

pub(crate) use cred::{Cred, NetworkCred};

use std::{
    cell::UnsafeCell,
    ffi::{c_char, c_uint, c_void},
    ptr,
    sync::atomic::{AtomicPtr, Ordering},
};

use otaru_capi::guard;

/// `aiot_sysdep_portfile_t`.
#[derive(Debug)]
#[repr(C)]
pub struct PortFile {
    malloc: Option<unsafe extern "C" fn(size: u32, name: *mut c_char) -> *mut c_void>,
    free: Option<unsafe extern "C" fn(ptr: *mut c_void)>,
    time: Option<unsafe extern "C" fn() -> u64>,
    sleep: Option<unsafe extern "C" fn(time_ms: u64)>,
    network_init: Option<unsafe extern "C" fn() -> *mut c_void>,
    network_setopt: Option<unsafe extern "C" fn(*mut c_void, c_uint, *mut c_void) -> i32>,
    network_establish: Option<unsafe extern "C" fn(*mut c_void) -> i32>,
    network_recv: Option<unsafe extern "C" fn(*mut c_void, *mut u8, u32, u32, *mut c_void) -> i32>,
    network_send: Option<unsafe extern "C" fn(*mut c_void, *mut u8, u32, u32, *mut c_void) -> i32>,
    network_deinit: Option<unsafe extern "C" fn(*mut *mut c_void) -> i32>,
    rand: Option<unsafe extern "C" fn(output: *mut u8, output_len: u32)>,
    mutex_init: Option<unsafe extern "C" fn() -> *mut c_void>,
    mutex_lock: Option<unsafe extern "C" fn(*mut c_void)>,
    mutex_unlock: Option<unsafe extern "C" fn(*mut c_void)>,
    mutex_deinit: Option<unsafe extern "C" fn(*mut *mut c_void)>,
}

/// An object that C may write.
#[derive(Debug)]
#[repr(transparent)]
pub struct Exported<T>(UnsafeCell<T>);

// SAFETY: the program that writes it promises to do so before threads use it, as for any global of C.
unsafe impl<T> Sync for Exported<T> {}

/// The port file for systems with sockets.
#[allow(non_upper_case_globals, reason = "the vendor's name")]
#[unsafe(no_mangle)]
pub static g_aiot_sysdep_portfile: Exported<PortFile> = Exported(UnsafeCell::new(port::SYSTEM));

/// PEM text of the roots to trust. Empty, as here: those that browsers trust.
#[allow(non_upper_case_globals, reason = "the vendor's name")]
#[unsafe(no_mangle)]
pub static ali_ca_cert: Exported<*const c_char> = Exported(UnsafeCell::new(c"".as_ptr()));

static SET: AtomicPtr<PortFile> = AtomicPtr::new(ptr::null_mut());

/// Keeps the pointer.
///
/// # Safety
/// `portfile` is null, or a port file that outlives its use.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn aiot_sysdep_set_portfile(portfile: *mut PortFile) {
    SET.store(portfile, Ordering::Release);
}

/// The port file that was set, if no member of it is missing.
#[unsafe(no_mangle)]
pub extern "C" fn aiot_sysdep_get_portfile() -> *mut PortFile {
    guard(ptr::null_mut(), || {
        let set = SET.load(Ordering::Acquire);
        // SAFETY: the program promised that it outlives its use.
        let whole = unsafe { set.as_ref() }.is_some_and(PortFile::is_whole);
        if whole { set } else { ptr::null_mut() }
    })
}

/// True if the program set a port file: without one the SDK makes no handle, and neither does otaru.
pub(crate) fn is_ready() -> bool {
    !aiot_sysdep_get_portfile().is_null()
}

impl PortFile {
    fn is_whole(&self) -> bool {
        self.malloc.is_some()
            && self.free.is_some()
            && self.time.is_some()
            && self.sleep.is_some()
            && self.network_init.is_some()
            && self.network_setopt.is_some()
            && self.network_establish.is_some()
            && self.network_recv.is_some()
            && self.network_send.is_some()
            && self.network_deinit.is_some()
            && self.rand.is_some()
            && self.mutex_init.is_some()
            && self.mutex_lock.is_some()
            && self.mutex_unlock.is_some()
            && self.mutex_deinit.is_some()
    }
}
