//! A/B slots in a folder: the files of a package, written where nothing runs.
//!
//! ```text
//! slots/<module>/a/0, 1, …         the package's files, by their index
//! slots/<module>/a/manifest.json   version, sizes and digests; written when the slot is activated
//! slots/<module>/b/…
//! ```
//!
//! Only the slot that does not run is ever prepared; its manifest goes first, so a slot with a manifest is whole.

use std::{
    fs::File,
    io,
    os::unix::fs::{FileExt, MetadataExt},
    path::{Path, PathBuf},
};

use otaru_core::SlotError;
use otaru_wire::{ByteRange, Digest, Module, Version};
use rustix::{fs::FallocateFlags, io::Errno};
use serde::{Deserialize, Serialize};

use crate::{boot::Slot, fault::WriteFault, folder::Folder};

const FOLDER: &str = "slots";
const MANIFEST: &str = "manifest.json";

/// Bytes that a package must leave free, for the Record and the markers of its own update.
const RESERVE: u64 = 256 * 1024;

/// The longest piece read back at once, in bytes.
const MAX_READ_BACK: u64 = 4 * 1024 * 1024;

/// What an activated slot holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// The module.
    pub module: Module,
    /// The version.
    pub version: Version,
    /// Its files, in order.
    pub files: Vec<ManifestFile>,
}

/// One file of an activated slot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ManifestFile {
    /// Its name in the slot's folder.
    pub name: String,
    /// Its length in bytes.
    pub size: u64,
    /// What its bytes hash to.
    pub digest: Digest,
}

/// Tells how much room is left on the medium of a folder, in bytes.
pub(crate) type FreeBytes = fn(&Folder) -> io::Result<u64>;

/// The slots of a device's modules.
#[derive(Debug)]
pub(crate) struct Slots {
    folder: Folder,
    prepared: Result<Prepared, SlotError>,
    free_bytes: FreeBytes,
    fault: Option<WriteFault>,
}

#[derive(Debug)]
struct Prepared {
    module: Module,
    folder: Folder,
    files: Vec<SlotFile>,
    new_names: bool,
}

#[derive(Debug)]
struct SlotFile {
    file: File,
    size: u64,
    dirty: bool,
}

impl Slots {
    /// The slots inside a storage folder.
    pub(crate) fn open(storage: &Folder, fault: Option<WriteFault>) -> io::Result<Self> {
        Ok(Self {
            folder: storage.child(FOLDER)?,
            prepared: Err(SlotError::Medium("no slot was prepared".to_owned())),
            free_bytes: Folder::free_bytes,
            fault,
        })
    }

    /// Makes room in a slot for files of these sizes. With `resume` the bytes that are there stay, without it they
    /// go. A failure shows at the next [`Slots::store`] or [`Slots::read_back`].
    pub(crate) fn prepare(
        &mut self,
        module: &Module,
        slot: Result<Slot, SlotError>,
        sizes: &[u64],
        resume: bool,
    ) {
        self.prepared = slot.and_then(|slot| {
            let folder = self.folder.child(module.as_str()).and_then(|module| module.child(slot.name()));
            self.make_room(module, folder.map_err(|error| medium(&error))?, sizes, resume)
        });
        if let Err(error) = &self.prepared {
            tracing::warn!(%module, "the slot cannot be prepared: {error}");
        }
    }

    fn make_room(
        &self,
        module: &Module,
        folder: Folder,
        sizes: &[u64],
        resume: bool,
    ) -> Result<Prepared, SlotError> {
        folder.remove(MANIFEST).map_err(|error| medium(&error))?;
        let wanted: Vec<String> = (0..sizes.len()).map(|index| index.to_string()).collect();
        for name in folder.names().map_err(|error| medium(&error))? {
            // What cannot go (`lost+found` of a partition, for one) may stay: only the wanted names matter.
            if !wanted.contains(&name)
                && let Err(error) = folder.remove(&name)
            {
                tracing::warn!(%module, "left in the slot: {error}");
            }
        }
        folder.sync().map_err(|error| medium(&error))?;
        let mut new_names = false;
        let mut files = Vec::with_capacity(sizes.len());
        for (name, size) in wanted.iter().zip(sizes) {
            let (file, made) = folder.file(name).map_err(|error| medium(&error))?;
            new_names |= made;
            files.push(SlotFile { file, size: *size, dirty: true });
        }
        self.check_room(&folder, &files)?;
        for slot_file in &files {
            if !resume {
                slot_file.file.set_len(0).map_err(|error| medium(&error))?;
            }
            allocate(slot_file).inspect_err(|_| {
                // What was taken so far would starve the Record and everything else on this medium.
                if !resume {
                    files.iter().for_each(|taken| drop(taken.file.set_len(0)));
                }
            })?;
        }
        Ok(Prepared { module: module.clone(), folder, files, new_names })
    }

    /// Compares what the files still need with what the medium has.
    fn check_room(&self, folder: &Folder, files: &[SlotFile]) -> Result<(), SlotError> {
        let mut needed = RESERVE;
        for slot_file in files {
            let metadata = slot_file.file.metadata().map_err(|error| medium(&error))?;
            let held = metadata.blocks().saturating_mul(512);
            needed = needed.saturating_add(slot_file.size.saturating_sub(held));
        }
        let free = (self.free_bytes)(folder).map_err(|error| medium(&error))?;
        if needed > free {
            return Err(SlotError::Full(format!(
                "{needed} bytes are needed and {free} are free in {}",
                folder.path().display()
            )));
        }
        Ok(())
    }

    /// Writes bytes of a file; they are durable after [`Slots::sync`]. Gives the offset after them.
    pub(crate) fn store(&mut self, file: usize, offset: u64, bytes: &mut [u8]) -> Result<u64, SlotError> {
        let prepared = self.prepared.as_mut().map_err(|error| error.clone())?;
        let slot_file = prepared.files.get_mut(file).ok_or_else(|| no_file(file))?;
        let end = offset.saturating_add(bytes.len() as u64);
        if end > slot_file.size {
            return Err(SlotError::Medium(format!(
                "bytes {offset}..{end} reach past file {file} ({} bytes)",
                slot_file.size
            )));
        }
        if let Some(fault) = &mut self.fault {
            fault.corrupt(file, offset, bytes);
        }
        slot_file.dirty = true;
        slot_file.file.write_all_at(bytes, offset).map_err(|error| medium(&error))?;
        Ok(end)
    }

    /// Makes everything stored so far durable.
    pub(crate) fn sync(&mut self) -> Result<(), SlotError> {
        let Ok(prepared) = &mut self.prepared else { return Ok(()) };
        for slot_file in prepared.files.iter_mut().filter(|slot_file| slot_file.dirty) {
            slot_file.file.sync_data().map_err(|error| medium(&error))?;
            slot_file.dirty = false;
        }
        if prepared.new_names {
            prepared.folder.sync().map_err(|error| medium(&error))?;
            prepared.new_names = false;
        }
        Ok(())
    }

    /// Reads bytes of a file back, from the medium where the system lets its cache be dropped.
    pub(crate) fn read_back(&self, file: usize, range: ByteRange) -> Result<Vec<u8>, SlotError> {
        let prepared = self.prepared.as_ref().map_err(|error| error.clone())?;
        let slot_file = prepared.files.get(file).ok_or_else(|| no_file(file))?;
        if range.end > slot_file.size || range.len() > MAX_READ_BACK {
            return Err(SlotError::Medium(format!(
                "bytes {}..{} of file {file} cannot be read at once",
                range.start, range.end
            )));
        }
        #[cfg(target_os = "linux")]
        if range.start == 0 {
            // The whole file's at once: piece by piece would drop what the system reads ahead. Advice only: where it
            // is refused, the cache's copy is read.
            for advice in [rustix::fs::Advice::DontNeed, rustix::fs::Advice::Sequential] {
                let _ = rustix::fs::fadvise(&slot_file.file, 0, None, advice);
            }
        }
        let mut bytes = vec![0; usize::try_from(range.len()).unwrap_or(0)];
        slot_file.file.read_exact_at(&mut bytes, range.start).map_err(|error| medium(&error))?;
        Ok(bytes)
    }

    /// Finishes the prepared slot: everything durable, then its manifest.
    pub(crate) fn finish(
        &mut self,
        module: &Module,
        version: &Version,
        digests: &[Digest],
    ) -> Result<(), SlotError> {
        self.sync()?;
        let prepared = self.prepared.as_ref().map_err(|error| error.clone())?;
        if prepared.module != *module || prepared.files.len() != digests.len() {
            return Err(SlotError::Medium(format!(
                "the prepared slot is {}'s with {} files, not {module}'s with {}",
                prepared.module,
                prepared.files.len(),
                digests.len()
            )));
        }
        let files = prepared.files.iter().zip(digests).enumerate().map(|(index, (slot_file, digest))| {
            ManifestFile { name: index.to_string(), size: slot_file.size, digest: *digest }
        });
        let manifest = Manifest { module: module.clone(), version: version.clone(), files: files.collect() };
        let text = serde_json::to_vec_pretty(&manifest).map_err(|error| medium(&io::Error::other(error)))?;
        prepared.folder.replace(MANIFEST, &text).map_err(|error| medium(&error))
    }
}

/// The folder of a slot.
pub(crate) fn folder_path(storage: &Path, module: &Module, slot: Slot) -> PathBuf {
    storage.join(FOLDER).join(module.as_str()).join(slot.name())
}

/// Reserves a file's bytes, so that a full medium shows before the download and not within it.
fn allocate(slot_file: &SlotFile) -> Result<(), SlotError> {
    slot_file.file.set_len(slot_file.size).map_err(|error| medium(&error))?;
    match rustix::fs::fallocate(&slot_file.file, FallocateFlags::empty(), 0, slot_file.size) {
        Ok(()) => Ok(()),
        // The file system cannot reserve: the write will tell.
        Err(Errno::OPNOTSUPP | Errno::NOSYS) => Ok(()),
        Err(error) => Err(medium(&error.into())),
    }
}

/// A slot's word for a system's error: no room is told apart, because people can make some.
pub(crate) fn medium(error: &io::Error) -> SlotError {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
            SlotError::Full(error.to_string())
        }
        _ => SlotError::Medium(error.to_string()),
    }
}

fn no_file(file: usize) -> SlotError {
    SlotError::Medium(format!("the prepared slot has no file {file}"))
}

#[cfg(test)]
mod tests;
