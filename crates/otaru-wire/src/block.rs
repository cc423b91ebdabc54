//! A file in blocks over MQTT, for devices that have no HTTP.

use alloc::{string::String, vec::Vec};

/// The most bytes of a file asked for or sent at once. The vendor's SDK asks for 5,120, small clients for 256
/// (aliyun-link-sdk-v4 §3.1). Stops a device from making the platform hold whole files in memory.
pub const MAX_BLOCK_BYTES: usize = 64 * 1024;

/// A device asks for a part of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlockRequest {
    /// The stream that the notice named.
    pub stream: u64,
    /// The file within it, from 1.
    pub file: u32,
    /// Where the part begins, in bytes from the start of the file.
    pub offset: u64,
    /// Its length in bytes: 1 to [`MAX_BLOCK_BYTES`]. The answer may be shorter at the file's end.
    pub len: u32,
    /// A word of the device's own choice that the answer repeats.
    pub token: Option<String>,
}

/// A part of a file, whole: its checksum held when it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    /// The device's own word from its request, if the answer repeats it.
    pub token: Option<String>,
    /// The length of the whole file, in bytes.
    pub file_size: u64,
    /// Where the part begins, in bytes from the start of the file.
    pub offset: u64,
    /// The part: at most [`MAX_BLOCK_BYTES`].
    pub bytes: Vec<u8>,
}

/// Why a block cannot be used or sent. The same block can be asked for again.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BlockError {
    /// The message ends within its own frame or goes on after it.
    #[error("the block's frame needs {want} bytes; the message has {found}")]
    Length {
        /// The length that the frame announces.
        want: usize,
        /// The length found.
        found: usize,
    },
    /// The bytes were changed on the way.
    #[error("the block's checksum is {found:#06x}; its bytes have {computed:#06x}")]
    Crc {
        /// The checksum sent.
        found: u16,
        /// The checksum of the bytes that came.
        computed: u16,
    },
    /// A field that must be there is missing or no whole number.
    #[error("the block's {field} is missing or no whole number in its range")]
    Field {
        /// The field's name on the wire.
        field: &'static str,
    },
    /// Empty, or longer than [`MAX_BLOCK_BYTES`].
    #[error("a block has 1 to {MAX_BLOCK_BYTES} bytes, not {len}")]
    Size {
        /// Its length in bytes.
        len: u64,
    },
    /// The block reaches past the file's end.
    #[error("the block of {len} bytes at {offset} reaches past the file's {file_size} bytes")]
    PastEnd {
        /// Where it begins.
        offset: u64,
        /// Its length in bytes.
        len: u64,
        /// The file's length in bytes.
        file_size: u64,
    },
    /// The platform will not give it.
    #[error("the platform refuses the block with code {code}: {reason}")]
    Refused {
        /// The platform's number.
        code: i64,
        /// Its reason; may be empty.
        reason: String,
    },
}

impl Block {
    /// Checks that it has bytes, not too many, and lies within its file.
    ///
    /// # Errors
    /// [`BlockError::Size`] or [`BlockError::PastEnd`].
    pub fn check(&self) -> Result<(), BlockError> {
        check_place(self.offset, self.bytes.len() as u64, self.file_size)
    }
}

pub(crate) fn check_place(offset: u64, len: u64, file_size: u64) -> Result<(), BlockError> {
    check_len(len)?;
    match offset.checked_add(len) {
        Some(end) if end <= file_size => Ok(()),
        _ => Err(BlockError::PastEnd { offset, len, file_size }),
    }
}

pub(crate) fn check_len(len: u64) -> Result<(), BlockError> {
    if (1..=MAX_BLOCK_BYTES as u64).contains(&len) { Ok(()) } else { Err(BlockError::Size { len }) }
}
