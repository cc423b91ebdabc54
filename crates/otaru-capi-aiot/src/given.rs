//! What a program hands over: options behind `void *`, texts, pointers of its own.

use std::ffi::{c_char, c_void};

use otaru_capi::{TextError, text};

use crate::code::{NULL_POINTER, OUT_RANGE};

/// The longest text taken where the SDK has no limit, in bytes. Stops a program that forgot a NUL from being read on.
pub(crate) const MAX_TEXT: usize = 8 * 1024;

/// A pointer that is the program's own affair: kept, handed back, never looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Own(pub(crate) *mut c_void);

impl Own {
    /// The pointer; for closures, which otherwise capture the field alone.
    pub(crate) fn pointer(self) -> *mut c_void {
        self.0
    }
}

impl Default for Own {
    fn default() -> Self {
        Self(std::ptr::null_mut())
    }
}

// SAFETY: it is never dereferenced here; the program promises with each function that it hands over that its data may be
// used from the thread that calls.
unsafe impl Send for Own {}
// SAFETY: as above.
unsafe impl Sync for Own {}

/// A text, or the code that says what is wrong with it.
///
/// # Safety
/// As [`otaru_capi::text`].
pub(crate) unsafe fn text_of<'a>(given: *const c_char, max: usize) -> Result<&'a str, i32> {
    // SAFETY: the caller promises the same.
    unsafe { text(given, max) }.map_err(|error| match error {
        TextError::Null => NULL_POINTER,
        TextError::TooLong | TextError::NotUtf8 => OUT_RANGE,
    })
}

/// An option's value behind its pointer: `uint8_t *`, `uint16_t *`, `uint32_t *` or a struct.
///
/// # Safety
/// `data` is null or points to a `T`.
pub(crate) unsafe fn value<T: Copy>(data: *const c_void) -> Result<T, i32> {
    // SAFETY: not null here, and the caller promises the type. It need not be aligned.
    if data.is_null() { Err(NULL_POINTER) } else { Ok(unsafe { data.cast::<T>().read_unaligned() }) }
}

/// A function of the program behind `void *`, which is how options carry it.
///
/// # Safety
/// `data` is null or a function of type `F`, which is a function pointer.
pub(crate) unsafe fn function<F: Copy>(data: *mut c_void) -> Option<F> {
    const { assert!(size_of::<F>() == size_of::<*mut c_void>()) };
    // SAFETY: the caller promises the type, and the sizes are equal.
    (!data.is_null()).then(|| unsafe { std::mem::transmute_copy::<*mut c_void, F>(&data) })
}

/// Ends the handle that `handle` points to: takes it out and sets it to null. None if there is none.
///
/// # Safety
/// `handle` is null or points to a handle.
pub(crate) unsafe fn take_handle(handle: *mut *mut c_void) -> Option<*mut c_void> {
    if handle.is_null() {
        return None;
    }
    // SAFETY: not null, and the caller promises that it points to a handle.
    let taken = unsafe { handle.replace(std::ptr::null_mut()) };
    (!taken.is_null()).then_some(taken)
}
