//! Reading JSON bodies within bounds.

use serde::Deserialize;

use crate::dialect::{ReadError, json};

/// The longest body read, in bytes. No message known has more than 400; one byte more is refused.
pub const MAX_BODY_BYTES: usize = 4096;

/// Reads a body that must be one JSON object.
pub(super) fn read<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, ReadError> {
    match body.len() {
        len if len > MAX_BODY_BYTES => Err(ReadError::TooLong { len, max: MAX_BODY_BYTES }),
        _ => json::read(body),
    }
}
