//! What C hands over and gets back, checked.

use std::{array, ffi::c_uchar};

use otaru_capi::guard;
use otaru_wire::dialect::onenet::{Kind, Local, ReturnCode};

/// What a call comes to.
pub(crate) type Outcome<T = ()> = Result<T, ReturnCode>;

/// An argument is NULL, or cannot be.
pub(crate) const INVALID: ReturnCode = ReturnCode::Local(Local::InvalidParameter);

/// Carries out an exported function and gives its number.
pub(crate) fn number(call: impl FnOnce() -> Outcome) -> i32 {
    guard(ReturnCode::Local(Local::Others), || call().err().unwrap_or(ReturnCode::Done)).number()
}

/// A text of 1 to `max` bytes that becomes a `T`.
///
/// # Safety
/// As [`otaru_capi::text`].
pub(crate) unsafe fn text<'a, T>(
    from: *const c_uchar,
    max: usize,
    read: impl FnOnce(&'a str) -> Option<T>,
) -> Outcome<T> {
    // SAFETY: the caller's promise is the same.
    let text = unsafe { otaru_capi::text(from.cast(), max) };
    text.ok().and_then(read).ok_or(INVALID)
}

/// A text as a field of a C struct: with a NUL behind it, and the rest zero.
pub(crate) fn field<const LEN: usize>(text: &str) -> Outcome<[u8; LEN]> {
    match text.len() < LEN {
        true => Ok(array::from_fn(|at| text.as_bytes().get(at).copied().unwrap_or(0))),
        false => Err(ReturnCode::Local(Local::Overflow)),
    }
}

/// The vendor's client takes every type but 1 for the application (§9 item 16).
pub(crate) fn kind(number: u8) -> Kind {
    Kind::from_number(number.into()).unwrap_or(Kind::Sota)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_ends_with_a_nul_and_what_does_not_fit_is_refused() {
        assert_eq!(field("2.0"), Ok(*b"2.0\0\0"));
        assert_eq!(field::<4>("2.0"), Ok(*b"2.0\0"));
        assert_eq!(field::<3>("2.0"), Err(ReturnCode::Local(Local::Overflow)));
    }

    #[test]
    fn a_panic_becomes_others() {
        assert_eq!(number(|| panic!("a bug")), -16);
    }
}
