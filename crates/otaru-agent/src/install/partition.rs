//! Two raw partitions: an image is written to the one that does not run, as it is.
//!
//! The boot marker says which one is to boot; the boot loader is told by whoever reboots the machine
//! (`reboot.command`, which gets the slot's name in its environment). If the root file system lies on one of the two,
//! that one runs, whatever the marker says: a boot loader that took the old one again is noticed.

use std::{
    fs::{File, OpenOptions},
    io::{self, Seek, SeekFrom},
    os::unix::fs::{FileExt, FileTypeExt, MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use otaru_core::{SlotError, TaskSummary};
use otaru_wire::ByteRange;
use rustix::fs::{FlockOperation, OFlags};

use super::{Install, files::read_from_medium, medium, unprepared};
use crate::boot::Slot;

/// Writes images to one of two partitions.
#[derive(Debug)]
pub(crate) struct Partition {
    a: PathBuf,
    b: PathBuf,
    prepared: Option<Prepared>,
}

#[derive(Debug)]
struct Prepared {
    file: File,
    dirty: bool,
}

impl Partition {
    /// Two block devices, or regular files in their place.
    pub(crate) fn new(a: PathBuf, b: PathBuf) -> Self {
        Self { a, b, prepared: None }
    }

    fn path(&self, slot: Slot) -> &Path {
        match slot {
            Slot::A => &self.a,
            Slot::B => &self.b,
        }
    }
}

impl Install for Partition {
    fn booted(&mut self) -> Option<Slot> {
        let root = std::fs::metadata("/").ok()?.dev();
        [Slot::A, Slot::B].into_iter().find(|slot| {
            let partition = std::fs::metadata(self.path(*slot));
            partition.is_ok_and(|it| it.file_type().is_block_device() && it.rdev() == root)
        })
    }

    fn release(&mut self) {
        self.prepared = None;
    }

    fn prepare(&mut self, slot: Slot, sizes: &[u64], _resume: bool) -> Result<(), SlotError> {
        self.prepared = None;
        let [size] = sizes else {
            return Err(SlotError::Refused(format!("a partition takes one file, not {}", sizes.len())));
        };
        let path = self.path(slot);
        let at =
            |error: io::Error| medium(&io::Error::new(error.kind(), format!("{}: {error}", path.display())));
        let mut file = open_alone(path).map_err(at)?;
        // A block device's metadata tells no size; its end does.
        let held = file.seek(SeekFrom::End(0)).map_err(at)?;
        if *size > held {
            let path = path.display();
            return Err(SlotError::Full(format!("{path} has {held} bytes, the package has {size}")));
        }
        self.prepared = Some(Prepared { file, dirty: true });
        Ok(())
    }

    fn store(&mut self, _: usize, offset: u64, bytes: &[u8]) -> Result<(), SlotError> {
        let prepared = self.prepared.as_mut().ok_or_else(unprepared)?;
        prepared.dirty = true;
        prepared.file.write_all_at(bytes, offset).map_err(|error| medium(&error))
    }

    fn sync(&mut self) -> Result<(), SlotError> {
        match &mut self.prepared {
            Some(prepared) if prepared.dirty => {
                prepared.file.sync_data().map_err(|error| medium(&error))?;
                prepared.dirty = false;
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn read_back(&mut self, _: usize, range: ByteRange) -> Result<Vec<u8>, SlotError> {
        // What is not on the medium yet cannot be dropped from the cache.
        self.sync()?;
        read_from_medium(&self.prepared.as_ref().ok_or_else(unprepared)?.file, range)
    }

    fn install(&mut self, _: Slot, _: &TaskSummary) -> Result<(), SlotError> {
        self.sync()?;
        // Closed, so that whoever boots it next finds it free.
        self.prepared = None;
        Ok(())
    }
}

/// Opens a partition that nobody else uses: not mounted, not part of a RAID, not written by another agent.
fn open_alone(path: &Path) -> io::Result<File> {
    let kind = std::fs::metadata(path)?.file_type();
    let mut options = OpenOptions::new();
    options.read(true).write(true);
    if kind.is_block_device() {
        // Without O_CREAT it means: fail if the system uses the device (open(2)).
        options.custom_flags(OFlags::EXCL.bits() as i32);
    } else if !kind.is_file() {
        return Err(io::Error::other("it is neither a block device nor a regular file"));
    }
    let file = options.open(path)?;
    rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive)?;
    Ok(file)
}
