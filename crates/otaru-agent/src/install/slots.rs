//! A/B slots in a folder: the files of a package, written where nothing runs.
//!
//! ```text
//! slots/<module>/a/0, 1, …         the package's files, by their index
//! slots/<module>/a/manifest.json   version, sizes and digests; written when the slot is activated
//! slots/<module>/b/…
//! ```
//!
//! Only the slot that does not run is ever prepared; its manifest goes first, so a slot with a manifest is whole. Which
//! slot runs is the boot marker's alone, so there is nothing to settle.

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use otaru_core::{SlotError, TaskSummary};
use otaru_wire::{ByteRange, Digest, Module, Version};
use serde::{Deserialize, Serialize};

use super::{
    Install,
    files::{FreeBytes, PackageFiles, Place},
    medium, unprepared,
};
use crate::{boot::Slot, folder::Folder};

const FOLDER: &str = "slots";
const MANIFEST: &str = "manifest.json";

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

/// The two slots of one module.
#[derive(Debug)]
pub(crate) struct Slots {
    all: Folder,
    module: Module,
    prepared: Option<(Arc<Folder>, PackageFiles)>,
    pub(super) free_bytes: FreeBytes,
}

impl Slots {
    /// The slots of a module, inside the storage folder.
    pub(crate) fn open(storage: &Folder, module: &Module) -> io::Result<Self> {
        let (all, module) = (storage.child(FOLDER)?, module.clone());
        Ok(Self { all, module, prepared: None, free_bytes: Folder::free_bytes })
    }
}

impl Install for Slots {
    fn release(&mut self) {
        self.prepared = None;
    }

    fn prepare(&mut self, slot: Slot, sizes: &[u64], resume: bool) -> Result<(), SlotError> {
        self.prepared = None;
        let folder = self.all.child(self.module.as_str()).and_then(|module| module.child(slot.name()));
        let folder = Arc::new(folder.map_err(|error| medium(&error))?);
        folder.remove(MANIFEST).map_err(|error| medium(&error))?;
        let files = numbered(&folder, sizes, resume, self.free_bytes)?;
        self.prepared = Some((folder, files));
        Ok(())
    }

    fn store(&mut self, file: usize, offset: u64, bytes: &[u8]) -> Result<(), SlotError> {
        let (_, files) = self.prepared.as_mut().ok_or_else(unprepared)?;
        files.store(file, offset, bytes)
    }

    fn sync(&mut self) -> Result<(), SlotError> {
        self.prepared.as_mut().map_or(Ok(()), |(_, files)| files.sync())
    }

    fn read_back(&mut self, file: usize, range: ByteRange) -> Result<Vec<u8>, SlotError> {
        self.prepared.as_ref().ok_or_else(unprepared)?.1.read_back(file, range)
    }

    /// Everything durable, then the manifest.
    fn install(&mut self, _: Slot, package: &TaskSummary) -> Result<(), SlotError> {
        self.sync()?;
        let (folder, _) = self.prepared.as_ref().ok_or_else(unprepared)?;
        let files = package.files.iter().enumerate().map(|(index, file)| ManifestFile {
            name: index.to_string(),
            size: file.size,
            digest: file.digest,
        });
        let manifest = Manifest {
            module: package.module.clone(),
            version: package.version.clone(),
            files: files.collect(),
        };
        let text = serde_json::to_vec_pretty(&manifest).map_err(|error| medium(&io::Error::other(error)))?;
        folder.replace(MANIFEST, &text).map_err(|error| medium(&error))
    }
}

/// Files `0`, `1`, … in a folder that holds nothing else.
pub(super) fn numbered(
    folder: &Arc<Folder>,
    sizes: &[u64],
    resume: bool,
    free_bytes: FreeBytes,
) -> Result<PackageFiles, SlotError> {
    let places: Vec<Place> = sizes
        .iter()
        .enumerate()
        .map(|(index, size)| Place { folder: Arc::clone(folder), name: index.to_string(), size: *size })
        .collect();
    for name in folder.names().map_err(|error| medium(&error))? {
        // What cannot go (`lost+found` of a partition, for one) may stay: only the wanted names matter.
        if !places.iter().any(|place| place.name == name)
            && let Err(error) = folder.remove(&name)
        {
            tracing::warn!("left in the slot: {error}");
        }
    }
    folder.sync().map_err(|error| medium(&error))?;
    PackageFiles::open(places, resume, free_bytes)
}

/// The folder of a slot.
pub(crate) fn folder_path(storage: &Path, module: &Module, slot: Slot) -> PathBuf {
    storage.join(FOLDER).join(module.as_str()).join(slot.name())
}
