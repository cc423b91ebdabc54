//! The files that a package's bytes are written to, wherever they lie.

use std::{
    collections::BTreeMap,
    fs::File,
    io,
    os::unix::fs::{FileExt, MetadataExt},
    sync::Arc,
};

use otaru_core::SlotError;
use otaru_wire::ByteRange;
use rustix::{fs::FallocateFlags, io::Errno};

use super::medium;
use crate::folder::Folder;

/// Bytes that a package must leave free, for the Record and the markers of its own update.
pub(super) const RESERVE: u64 = 256 * 1024;

/// Tells how much room is left on the medium of a folder, in bytes.
pub(super) type FreeBytes = fn(&Folder) -> io::Result<u64>;

/// Where one file of a package goes.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) folder: Arc<Folder>,
    pub(super) name: String,
    /// Its length in bytes.
    pub(super) size: u64,
}

/// A package's files, open and with room for all their bytes.
#[derive(Debug)]
pub(super) struct PackageFiles {
    files: Vec<PackageFile>,
    /// Folders with names that are not durable yet.
    new_names: Vec<Arc<Folder>>,
}

#[derive(Debug)]
struct PackageFile {
    folder: Arc<Folder>,
    file: File,
    size: u64,
    dirty: bool,
}

impl PackageFiles {
    /// Opens the files and reserves their bytes. With `resume` the bytes that are there stay, without it they go.
    pub(super) fn open(places: Vec<Place>, resume: bool, free_bytes: FreeBytes) -> Result<Self, SlotError> {
        let mut opened = Self { files: Vec::with_capacity(places.len()), new_names: Vec::new() };
        for Place { folder, name, size } in places {
            let (file, made) = folder.file(&name).map_err(|error| medium(&error))?;
            if made {
                opened.new_names.push(Arc::clone(&folder));
            }
            opened.files.push(PackageFile { folder, file, size, dirty: true });
        }
        opened.check_room(free_bytes)?;
        for wanted in &opened.files {
            if !resume {
                wanted.file.set_len(0).map_err(|error| medium(&error))?;
            }
            wanted.allocate().inspect_err(|_| {
                // What was taken so far would starve the Record and everything else on this medium.
                if !resume {
                    opened.files.iter().for_each(|taken| drop(taken.file.set_len(0)));
                }
            })?;
        }
        Ok(opened)
    }

    /// Compares what the files still need with what their media have.
    fn check_room(&self, free_bytes: FreeBytes) -> Result<(), SlotError> {
        let mut needs: BTreeMap<u64, (u64, &Folder)> = BTreeMap::new();
        for wanted in &self.files {
            let metadata = wanted.file.metadata().map_err(|error| medium(&error))?;
            let held = metadata.blocks().saturating_mul(512);
            let (needed, _) = needs.entry(metadata.dev()).or_insert((RESERVE, &wanted.folder));
            *needed = needed.saturating_add(wanted.size.saturating_sub(held));
        }
        for (needed, folder) in needs.into_values() {
            let free = free_bytes(folder).map_err(|error| medium(&error))?;
            if needed > free {
                let place = folder.path();
                let place = place.display();
                return Err(SlotError::Full(format!(
                    "{needed} bytes are needed and {free} are free in {place}"
                )));
            }
        }
        Ok(())
    }

    /// Writes bytes of a file; they are durable after [`PackageFiles::sync`].
    pub(super) fn store(&mut self, file: usize, offset: u64, bytes: &[u8]) -> Result<(), SlotError> {
        let wanted = self.files.get_mut(file).ok_or_else(|| no_file(file))?;
        wanted.dirty = true;
        wanted.file.write_all_at(bytes, offset).map_err(|error| medium(&error))
    }

    /// Makes everything stored so far durable.
    pub(super) fn sync(&mut self) -> Result<(), SlotError> {
        for wanted in self.files.iter_mut().filter(|wanted| wanted.dirty) {
            wanted.file.sync_data().map_err(|error| medium(&error))?;
            wanted.dirty = false;
        }
        for folder in &self.new_names {
            folder.sync().map_err(|error| medium(&error))?;
        }
        self.new_names.clear();
        Ok(())
    }

    /// Reads bytes of a file back.
    pub(super) fn read_back(&self, file: usize, range: ByteRange) -> Result<Vec<u8>, SlotError> {
        let wanted = self.files.get(file).ok_or_else(|| no_file(file))?;
        read_from_medium(&wanted.file, range)
    }

    /// The files as they are open, in order.
    pub(super) fn handles(&self) -> impl Iterator<Item = &File> {
        self.files.iter().map(|wanted| &wanted.file)
    }
}

impl PackageFile {
    /// Reserves the file's bytes, so that a full medium shows before the download and not within it.
    fn allocate(&self) -> Result<(), SlotError> {
        self.file.set_len(self.size).map_err(|error| medium(&error))?;
        match rustix::fs::fallocate(&self.file, FallocateFlags::empty(), 0, self.size) {
            Ok(()) => Ok(()),
            // The file system cannot reserve: the write will tell.
            Err(Errno::OPNOTSUPP | Errno::NOSYS) => Ok(()),
            Err(error) => Err(medium(&error.into())),
        }
    }
}

/// Reads bytes, from the medium where the system lets its cache be dropped.
///
/// `O_DIRECT` would be surer, but it wants buffer, offset and length aligned as each medium likes it and is refused by
/// some file systems altogether; after a sync the cache holds no byte that is not on the medium, so dropping it does.
pub(super) fn read_from_medium(file: &File, range: ByteRange) -> Result<Vec<u8>, SlotError> {
    #[cfg(target_os = "linux")]
    if range.start == 0 {
        // The whole file's at once: piece by piece would drop what the system reads ahead. Advice only: where it
        // is refused, the cache's copy is read.
        for advice in [rustix::fs::Advice::DontNeed, rustix::fs::Advice::Sequential] {
            let _ = rustix::fs::fadvise(file, 0, None, advice);
        }
    }
    let mut bytes = vec![0; usize::try_from(range.len()).unwrap_or(0)];
    file.read_exact_at(&mut bytes, range.start).map_err(|error| medium(&error))?;
    Ok(bytes)
}

fn no_file(file: usize) -> SlotError {
    SlotError::Medium(format!("the prepared slot has no file {file}"))
}
