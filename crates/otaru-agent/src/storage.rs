//! The storage folder, held by one agent at a time.

use std::{fs::File, io, path::Path};

use rustix::fs::FlockOperation;

use crate::folder::Folder;

const LOCK: &str = "lock";

/// The folder and the lock on it; the lock ends with the process or when this is dropped.
#[derive(Debug)]
pub(crate) struct Storage {
    pub(crate) folder: Folder,
    _lock: File,
}

impl Storage {
    /// Opens the folder; none if another agent holds it.
    pub(crate) fn open(dir: &Path) -> io::Result<Option<Self>> {
        let folder = Folder::open(dir)?;
        let (lock, _) = folder.file(LOCK)?;
        match rustix::fs::flock(&lock, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Some(Self { folder, _lock: lock })),
            Err(rustix::io::Errno::WOULDBLOCK) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}
