//! A rehearsed fault: one bit written wrong, once in a device's life.

use crate::folder::Folder;

/// Its presence says that the fault has happened.
const DONE: &str = "fault.done";

/// Flips one bit of one byte of a package's first file, the first time that byte is written, and never again: the
/// storage folder remembers it, so that the retry after the digest's mismatch succeeds.
#[derive(Debug)]
pub(crate) struct WriteFault {
    storage: Folder,
    at: u64,
    done: bool,
}

impl WriteFault {
    /// The fault at an offset in bytes from the start of the first file.
    pub(crate) fn new(storage: Folder, at: u64) -> std::io::Result<Self> {
        let done = storage.read(DONE, 16)?.is_some();
        Ok(Self { storage, at, done })
    }

    /// Spoils the bytes about to be written, if it is their turn.
    pub(crate) fn corrupt(&mut self, file: usize, offset: u64, bytes: &mut [u8]) {
        if self.done || file != 0 {
            return;
        }
        let index = self.at.checked_sub(offset).and_then(|index| usize::try_from(index).ok());
        let Some(byte) = index.and_then(|index| bytes.get_mut(index)) else { return };
        // Remembered first: a fault that came twice would fail the retry too.
        match self.storage.replace(DONE, b"once\n") {
            Ok(()) => {
                self.done = true;
                *byte ^= 1;
                tracing::warn!(offset = self.at, "rehearsed fault: a bit of file 0 is written wrong");
            }
            Err(error) => tracing::warn!("the rehearsed fault did not happen: {error}"),
        }
    }
}
