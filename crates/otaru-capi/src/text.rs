//! C strings and buffers, in and out, with bounds.

use std::{
    ffi::{CString, c_char},
    slice, str,
};

/// Why a text that C handed over is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TextError {
    /// The pointer is null.
    Null,
    /// No NUL within the longest length.
    TooLong,
    /// It is not UTF-8.
    NotUtf8,
}

/// The text at `text`, of at most `max` bytes before its NUL. Nothing is read beyond byte `max`.
///
/// # Errors
/// [`TextError`].
///
/// # Safety
/// `text` is null, or readable up to its NUL or to byte `max`, and stays unchanged for `'a`.
pub unsafe fn text<'a>(text: *const c_char, max: usize) -> Result<&'a str, TextError> {
    if text.is_null() {
        return Err(TextError::Null);
    }
    let start = text.cast::<u8>();
    // SAFETY: bytes are read in order and none after the NUL or beyond `max`, as the caller promises.
    let len = (0..=max).find(|&at| unsafe { start.add(at).read() } == 0).ok_or(TextError::TooLong)?;
    // SAFETY: these `len` bytes were just read.
    let bytes = unsafe { slice::from_raw_parts(start, len) };
    str::from_utf8(bytes).map_err(|_| TextError::NotUtf8)
}

/// The `len` bytes at `start`; none if it is null and `len` is not 0.
///
/// # Safety
/// `start` is null or `len` bytes are readable there, unchanged for `'a`; `len` is at most `isize::MAX`.
pub unsafe fn bytes<'a>(start: *const u8, len: usize) -> Option<&'a [u8]> {
    match (start.is_null(), len) {
        (_, 0) => Some(&[]),
        (true, _) => None,
        // SAFETY: the caller promises that they are readable.
        (false, _) => Some(unsafe { slice::from_raw_parts(start, len) }),
    }
}

/// A text for C. It ends before its first NUL, if it has one: C would stop there too.
pub fn out_text(text: &str) -> CString {
    let until = text.find('\0').unwrap_or(text.len());
    CString::new(text.get(..until).unwrap_or_default()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::ptr;

    use super::*;

    fn read(given: &[u8], max: usize) -> Result<&str, TextError> {
        // SAFETY: every sample has a NUL or more than `max` bytes.
        unsafe { text(given.as_ptr().cast(), max) }
    }

    #[test]
    fn a_text_is_read_to_its_nul_and_no_further_than_its_bound() {
        assert_eq!(read(b"pump\0more", 4), Ok("pump"));
        assert_eq!(read(b"\0", 0), Ok(""));
        assert_eq!(read(b"pumps\0", 4), Err(TextError::TooLong));
        assert_eq!(read(b"\xff\0", 4), Err(TextError::NotUtf8));
        // SAFETY: null is allowed.
        assert_eq!(unsafe { text(ptr::null(), 4) }, Err(TextError::Null));
    }

    #[test]
    fn bytes_without_a_place_are_refused_and_no_bytes_need_none() {
        // SAFETY: null is allowed, and the array has its three bytes.
        unsafe {
            assert_eq!(bytes(ptr::null(), 0), Some(&[][..]));
            assert_eq!(bytes(ptr::null(), 3), None);
            assert_eq!(bytes([1, 2, 3].as_ptr(), 3), Some(&[1, 2, 3][..]));
        }
    }

    #[test]
    fn a_text_for_c_ends_before_its_first_nul() {
        assert_eq!(out_text("2.0.0").as_bytes(), b"2.0.0");
        assert_eq!(out_text("2.0\0.0").as_bytes(), b"2.0");
    }
}
