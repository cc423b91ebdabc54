//! What a device keeps across a power cut.

use alloc::vec::Vec;

/// What a device keeps across a power cut: opaque to the doer, which only stores its bytes.
///
/// The default one says that no Task is in hand; it is what a device without a saved Record has.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Record {}

/// Why bytes are not a Record.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// Cut short or damaged.
    #[error("the record is damaged")]
    Damaged,
    /// Written by a newer otaru.
    #[error("the record has version {0}, which this otaru does not know")]
    Newer(u16),
}

#[allow(clippy::todo, unused_variables)]
impl Record {
    /// The most bytes a Record has. One of a one-file package has about 600.
    pub const MAX_BYTES: usize = 256 * 1024;

    /// The Record as bytes, without sequence number and checksum.
    pub fn to_bytes(&self) -> Vec<u8> {
        todo!()
    }

    /// The Record those bytes are.
    ///
    /// # Errors
    /// [`RecordError`] if they are not one.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, RecordError> {
        todo!()
    }
}
