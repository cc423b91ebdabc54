//! The port's functions that the library calls: its own (`hal/hal.c`), or the application's in their place.

use std::{
    ffi::{CStr, c_char, c_int, c_void},
    ptr,
};

use otaru_capi::{out_text, text};

/// The longest version, and the room for it (aliyun-iotkit-v3 §5).
const VERSION: usize = 64;
/// The longest PEM text taken, in bytes.
const MAX_PEM: usize = 256 * 1024;
/// The longest text of an identity.
const MAX_ID: usize = 64;

unsafe extern "C" {
    fn HAL_Malloc(size: u32) -> *mut c_void;
    fn HAL_SleepMs(ms: u32);
    fn HAL_Printf(format: *const c_char, ...);
    fn HAL_GetFirmwareVersion(version: *mut c_char) -> c_int;
    fn HAL_GetRootCertificate() -> *const c_char;
    fn HAL_GetProductKey(text: *mut c_char) -> c_int;
    fn HAL_GetDeviceName(text: *mut c_char) -> c_int;
    fn HAL_GetDeviceSecret(text: *mut c_char) -> c_int;
    fn HAL_Firmware_Persistence_Start();
    fn HAL_Firmware_Persistence_Write(buffer: *mut c_char, length: u32) -> c_int;
    fn HAL_Firmware_Persistence_Stop() -> c_int;
}

/// A copy of a text for the application to free with `HAL_Free`; null if there is no memory.
pub(crate) fn given_text(text: &str) -> *mut c_char {
    let text = out_text(text);
    let source = text.as_bytes_with_nul();
    let Ok(size) = u32::try_from(source.len()) else { return ptr::null_mut() };
    // SAFETY: the port's contract: a block of that size, or null.
    let block = unsafe { HAL_Malloc(size) }.cast::<u8>();
    if !block.is_null() {
        // SAFETY: the block is new and has room for these bytes.
        unsafe { ptr::copy_nonoverlapping(source.as_ptr(), block, source.len()) };
    }
    block.cast()
}

/// Sleeps.
pub(crate) fn sleep_ms(ms: u32) {
    // SAFETY: no pointer is handed over.
    unsafe { HAL_SleepMs(ms) }
}

/// Prints a line of the log.
pub(crate) fn print(line: &str) {
    let line = out_text(line);
    // SAFETY: the format takes one text, and both end with NUL.
    unsafe { HAL_Printf(c"%s\n".as_ptr(), line.as_ptr()) }
}

/// The version that runs; none if the port does not know.
pub(crate) fn firmware_version() -> Option<String> {
    asked(VERSION, HAL_GetFirmwareVersion)
}

/// Who the device is, as the port knows it; what it does not know is empty.
pub(crate) struct Identity {
    pub(crate) product_key: String,
    pub(crate) device_name: String,
    pub(crate) device_secret: String,
}

pub(crate) fn identity() -> Identity {
    Identity {
        product_key: asked(MAX_ID, HAL_GetProductKey).unwrap_or_default(),
        device_name: asked(MAX_ID, HAL_GetDeviceName).unwrap_or_default(),
        device_secret: asked(MAX_ID, HAL_GetDeviceSecret).unwrap_or_default(),
    }
}

/// Asks a function that writes a text of at most `max` bytes and returns its length.
fn asked(max: usize, function: unsafe extern "C" fn(*mut c_char) -> c_int) -> Option<String> {
    let mut room = vec![0_u8; max + 1];
    // SAFETY: the port's contract: at most `max` bytes and a NUL are written.
    let len = unsafe { function(room.as_mut_ptr().cast()) };
    let text = CStr::from_bytes_until_nul(&room).ok()?.to_str().ok()?;
    (len > 0 && !text.is_empty()).then(|| text.to_owned())
}

/// The root certificates of the port, in PEM; none if it has none.
pub(crate) fn root_certificate() -> Option<String> {
    // SAFETY: the port's contract: null, or a text that stays.
    unsafe { text(HAL_GetRootCertificate(), MAX_PEM) }.ok().map(str::to_owned).filter(|pem| !pem.is_empty())
}

/// An image on its way into the port's flash. It is stopped exactly once, whatever becomes of it.
pub(crate) struct Image(());

impl Image {
    pub(crate) fn start() -> Self {
        // SAFETY: no pointer is handed over.
        unsafe { HAL_Firmware_Persistence_Start() }
        Self(())
    }

    /// Writes the next bytes; false if the port could not.
    pub(crate) fn write(&mut self, bytes: &mut [u8]) -> bool {
        let Ok(length) = u32::try_from(bytes.len()) else { return false };
        // SAFETY: so many bytes are there.
        unsafe { HAL_Firmware_Persistence_Write(bytes.as_mut_ptr().cast(), length) >= 0 }
    }
}

impl Drop for Image {
    fn drop(&mut self) {
        // SAFETY: no pointer is handed over. What it returns is the application's to look at.
        unsafe { HAL_Firmware_Persistence_Stop() };
    }
}
