//! The members of `g_aiot_sysdep_portfile` on a system with std. Programs call them; otaru does not.

use std::{
    ffi::{c_char, c_void},
    sync::{Condvar, Mutex, PoisonError},
    thread,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use otaru_capi::{Handles, guard};

use super::{PortFile, network};
use crate::given::take_handle;

/// The whole port file.
pub(super) const SYSTEM: PortFile = PortFile {
    malloc: Some(allocate),
    free: Some(release),
    time: Some(time),
    sleep: Some(sleep),
    network_init: Some(network::init),
    network_setopt: Some(network::setopt),
    network_establish: Some(network::establish),
    network_recv: Some(network::recv),
    network_send: Some(network::send),
    network_deinit: Some(network::deinit),
    rand: Some(rand),
    mutex_init: Some(mutex_init),
    mutex_lock: Some(mutex_lock),
    mutex_unlock: Some(mutex_unlock),
    mutex_deinit: Some(mutex_deinit),
};

unsafe extern "C" {
    fn malloc(size: usize) -> *mut c_void;
    fn free(ptr: *mut c_void);
}

unsafe extern "C" fn allocate(size: u32, _name: *mut c_char) -> *mut c_void {
    // SAFETY: any size may be asked for.
    unsafe { malloc(size as usize) }
}

unsafe extern "C" fn release(ptr: *mut c_void) {
    // SAFETY: the program promises that it came from `allocate`, or is null.
    unsafe { free(ptr) }
}

unsafe extern "C" fn time() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

unsafe extern "C" fn sleep(time_ms: u64) {
    thread::sleep(Duration::from_millis(time_ms));
}

unsafe extern "C" fn rand(output: *mut u8, output_len: u32) {
    guard((), || {
        if !output.is_null() {
            // SAFETY: the program promises that `output_len` bytes may be written there.
            let output = unsafe { std::slice::from_raw_parts_mut(output, output_len as usize) };
            // A system without randomness leaves them as they are; the function has no way to say so.
            let _ = getrandom::fill(output);
        }
    });
}

/// A lock that one thread may take and another give back, as C's callers may do.
#[derive(Debug, Default)]
struct Lock {
    taken: Mutex<bool>,
    given_back: Condvar,
}

static LOCKS: Handles<Lock> = Handles::new();

unsafe extern "C" fn mutex_init() -> *mut c_void {
    guard(std::ptr::null_mut(), || LOCKS.insert(Lock::default()))
}

unsafe extern "C" fn mutex_lock(mutex: *mut c_void) {
    guard((), || {
        let Some(lock) = LOCKS.get(mutex) else { return };
        let taken = otaru_capi::lock(&lock.taken);
        let taken = lock.given_back.wait_while(taken, |taken| *taken);
        *taken.unwrap_or_else(PoisonError::into_inner) = true;
    });
}

unsafe extern "C" fn mutex_unlock(mutex: *mut c_void) {
    guard((), || {
        let Some(lock) = LOCKS.get(mutex) else { return };
        *otaru_capi::lock(&lock.taken) = false;
        lock.given_back.notify_one();
    });
}

unsafe extern "C" fn mutex_deinit(mutex: *mut *mut c_void) {
    guard((), || {
        // SAFETY: the program promises that it is null or points to a mutex.
        if let Some(mutex) = unsafe { take_handle(mutex) } {
            LOCKS.remove(mutex);
        }
    });
}
