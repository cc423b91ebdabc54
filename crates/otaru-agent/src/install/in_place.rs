//! Files that are replaced where they are: written beside, proven, renamed into place.
//!
//! For a target `app.bin`, in its own folder:
//!
//! | name | what |
//! |---|---|
//! | `app.bin~new` | the new one, until it is in place |
//! | `app.bin~old` | the old one, until the new one is confirmed |
//! | `app.bin~none` | there was no old one |
//!
//! | the marker says | and there is | then |
//! |---|---|---|
//! | on Trial | `~new` | `~old` (or `~none`) is made where it is missing, then `~new` is renamed to the target |
//! | on Trial | no `~new` | this target is done |
//! | fallen back | `~old`, `~none` | `~old` is renamed to the target, a target with `~none` is removed |
//! | confirmed | `~old`, `~none` | they are removed |
//!
//! A `~new` that was not switched is overwritten by the next download; bytes of one under way stay at every start.
//!
//! `~old` is a second name of the same file (a copy where the file system has no such thing), so the target's name is
//! never without a whole file. Each step may come again. Several targets are switched one after the other; the marker
//! says which way all of them go.

use std::{
    fs::{File, Permissions},
    io,
    os::unix::fs::{PermissionsExt, fchown},
    path::{Path, PathBuf},
    sync::Arc,
};

use otaru_core::{SlotError, TaskSummary};
use otaru_wire::ByteRange;
use rustix::fs::FileType;

use super::{
    Install, Running, Standing,
    files::{FreeBytes, PackageFiles, Place},
    medium, unprepared,
};
use crate::{boot::Slot, folder::Folder};

/// The mode of a target that was not there before.
const NEW_FILE_MODE: u32 = 0o644;

/// Replaces one file for each file of a package.
#[derive(Debug)]
pub(crate) struct InPlace {
    targets: Vec<Target>,
    prepared: Option<PackageFiles>,
    pub(super) free_bytes: FreeBytes,
}

#[derive(Debug)]
struct Target {
    folder: Arc<Folder>,
    name: String,
}

impl InPlace {
    /// The targets, in the order of a package's files. Their folders must exist.
    pub(crate) fn open(paths: &[PathBuf]) -> io::Result<Self> {
        let targets = paths.iter().map(|path| Target::open(path)).collect::<io::Result<_>>()?;
        Ok(Self { targets, prepared: None, free_bytes: Folder::free_bytes })
    }

    fn each(&self, step: impl Fn(&Target) -> io::Result<()>) -> Result<(), SlotError> {
        self.targets.iter().try_for_each(|target| step(target).map_err(|error| medium(&error)))
    }
}

impl Install for InPlace {
    fn release(&mut self) {
        self.prepared = None;
    }

    fn prepare(&mut self, _: Slot, sizes: &[u64], resume: bool) -> Result<(), SlotError> {
        self.prepared = None;
        if sizes.len() != self.targets.len() {
            return Err(SlotError::Refused(format!(
                "the package has {} files; install.path names {}",
                sizes.len(),
                self.targets.len()
            )));
        }
        let places = self.targets.iter().zip(sizes).map(|(target, size)| Place {
            folder: Arc::clone(&target.folder),
            name: target.new_name(),
            size: *size,
        });
        self.prepared = Some(PackageFiles::open(places.collect(), resume, self.free_bytes)?);
        Ok(())
    }

    fn store(&mut self, file: usize, offset: u64, bytes: &[u8]) -> Result<(), SlotError> {
        self.prepared.as_mut().ok_or_else(unprepared)?.store(file, offset, bytes)
    }

    fn sync(&mut self) -> Result<(), SlotError> {
        self.prepared.as_mut().map_or(Ok(()), PackageFiles::sync)
    }

    fn read_back(&mut self, file: usize, range: ByteRange) -> Result<Vec<u8>, SlotError> {
        self.prepared.as_ref().ok_or_else(unprepared)?.read_back(file, range)
    }

    /// The new file gets mode and owner of the old one; then all is durable.
    fn install(&mut self, _: Slot, _: &TaskSummary) -> Result<(), SlotError> {
        let prepared = self.prepared.as_mut().ok_or_else(unprepared)?;
        prepared.sync()?;
        for (target, file) in self.targets.iter().zip(prepared.handles()) {
            target.dress(file).map_err(|error| medium(&error))?;
        }
        Ok(())
    }

    fn settle(&mut self, running: &Running) -> Result<(), SlotError> {
        match running.standing {
            Standing::Trial => self.each(Target::switch),
            Standing::FellBack => self.each(Target::switch_back),
            Standing::Confirmed => self.each(Target::forget_old),
        }
    }
}

impl Target {
    fn open(path: &Path) -> io::Result<Self> {
        let name = path.file_name().and_then(|name| name.to_str());
        let name = name.ok_or_else(|| io::Error::other(format!("{} names no file", path.display())))?;
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
        let folder = Folder::existing(parent.unwrap_or(Path::new(".")))?;
        Ok(Self { folder: Arc::new(folder), name: name.to_owned() })
    }

    fn new_name(&self) -> String {
        format!("{}~new", self.name)
    }

    fn old_name(&self) -> String {
        format!("{}~old", self.name)
    }

    fn none_name(&self) -> String {
        format!("{}~none", self.name)
    }

    fn dress(&self, file: &File) -> io::Result<()> {
        let old = self.folder.stat(&self.name)?;
        let mode = match old.filter(|old| FileType::from_raw_mode(old.st_mode).is_file()) {
            Some(old) => {
                // Only root may give a file away; anybody else's new file belongs to them, as the download did.
                let _ = fchown(file, Some(old.st_uid), Some(old.st_gid));
                old.st_mode & 0o7777
            }
            None => NEW_FILE_MODE,
        };
        file.set_permissions(Permissions::from_mode(mode))?;
        file.sync_all()
    }

    fn switch(&self) -> io::Result<()> {
        if !self.folder.has(&self.new_name())? {
            return Ok(());
        }
        if !self.folder.has(&self.old_name())? && !self.folder.has(&self.none_name())? {
            if self.folder.has(&self.name)? {
                self.folder.keep_as(&self.name, &self.old_name())?;
            } else {
                self.folder.replace(&self.none_name(), b"")?;
            }
            self.folder.sync()?;
        }
        self.folder.rename(&self.new_name(), &self.name)
    }

    fn switch_back(&self) -> io::Result<()> {
        if self.folder.has(&self.old_name())? {
            self.folder.rename(&self.old_name(), &self.name)?;
        } else if self.folder.has(&self.none_name())? {
            self.folder.remove(&self.name)?;
            self.folder.sync()?;
            self.folder.remove(&self.none_name())?;
        }
        Ok(())
    }

    fn forget_old(&self) -> io::Result<()> {
        for name in [self.old_name(), self.none_name()] {
            if self.folder.has(&name)? {
                self.folder.remove(&name)?;
                self.folder.sync()?;
            }
        }
        Ok(())
    }
}
