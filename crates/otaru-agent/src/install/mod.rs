//! How the bytes of a package get to where they run: one installer for each module, of one of four kinds or one's own.
//!
//! | kind | file | where the bytes go | what makes them run |
//! |---|---|---|---|
//! | `slots` | `slots.rs` | two folders in the storage folder | the boot marker |
//! | `file` | `in_place.rs` | beside the files that they replace | renames |
//! | `partition` | `partition.rs` | the partition that does not run | the boot marker, read by the boot loader |
//! | `command` | `program.rs` | a folder in the storage folder | the user's own program |
//! | one's own | your program | anywhere | anything |
//!
//! The boot marker is what decides; an installer makes the world as the marker says. So a power cut at any step leaves a
//! marker that says "old" or "new", and the next start's [`Install::settle`] finishes what was interrupted.

mod files;
mod in_place;
mod installers;
mod partition;
mod program;
mod run;
mod slots;
#[cfg(test)]
mod tests;
mod work;

use std::io;

use otaru_core::{SlotError, TaskSummary};
use otaru_wire::{ByteRange, Module, Version};

use crate::boot::Slot;

pub(crate) use in_place::InPlace;
pub(crate) use installers::Installers;
pub(crate) use partition::Partition;
pub(crate) use program::{Program, Programs};
pub use slots::{Manifest, ManifestFile};
pub(crate) use slots::{Slots, folder_path};
pub(crate) use work::{Job, Lent, Settled, Surroundings};

/// Takes the bytes of a module's packages and makes them run.
///
/// For one update the calls are: `prepare`, then `store` and `sync` in turns, `read_back` of every byte, and, once these
/// bytes are proven to be the package's, `install`. The boot marker then says that the new version is on Trial, and
/// `settle` is told so; the device reboots; the new version proves itself; `confirm`; `settle` again. If it does not
/// prove itself, `settle` is told of the old version. Offsets and sizes are in bytes; they are checked against the
/// package before an installer sees them.
///
/// `install`, `confirm` and `settle` run on a thread of their own and may take their time (`policy.slot_timeout_s` ends
/// the wait); the other calls hold up the session with the platform.
///
/// The power may go at any moment, and the process with it. After it, the same Task goes on: `prepare` comes again with
/// `resume`, and `install` may come again for a package that was installed already.
///
/// ```
/// use otaru_agent::{ByteRange, Install, Running, Slot, SlotError, TaskSummary};
///
/// /// Keeps one file in memory: for a chip beside this one that is flashed at each start.
/// #[derive(Default)]
/// struct Chip {
///     image: Vec<u8>,
///     flashed: bool,
/// }
///
/// impl Install for Chip {
///     fn prepare(&mut self, _: Slot, sizes: &[u64], _resume: bool) -> Result<(), SlotError> {
///         let [size] = sizes else { return Err(SlotError::Refused("the chip takes one file".into())) };
///         let size = usize::try_from(*size).ok().filter(|size| *size <= 65_536);
///         self.image.resize(size.ok_or_else(|| SlotError::Full("the chip has 64 KiB".into()))?, 0);
///         Ok(())
///     }
///     fn store(&mut self, _file: usize, offset: u64, bytes: &[u8]) -> Result<(), SlotError> {
///         let start = offset as usize;
///         self.image[start..start + bytes.len()].copy_from_slice(bytes);
///         Ok(())
///     }
///     fn sync(&mut self) -> Result<(), SlotError> {
///         Ok(())
///     }
///     fn read_back(&mut self, _file: usize, range: ByteRange) -> Result<Vec<u8>, SlotError> {
///         Ok(self.image[range.start as usize..range.end as usize].to_vec())
///     }
///     fn install(&mut self, _: Slot, package: &TaskSummary) -> Result<(), SlotError> {
///         self.flashed = true; // package.version and package.extra say what is flashed
///         Ok(())
///     }
/// }
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let dir = std::env::temp_dir().join(format!("otaru-doc-{}", std::process::id()));
/// # let device = otaru_agent::DeviceConfig::new("pump", "pump-001", "its secret", "1.0.0")?;
/// # let broker = otaru_agent::BrokerConfig::new("127.0.0.1:1883")?;
/// # let mut config = otaru_agent::Config::new(device, broker, &dir);
/// config.modules.push(otaru_agent::ModuleConfig::new("chip", "7")?);
/// let chip: Box<dyn Install> = Box::new(Chip::default());
/// let agent = otaru_agent::Agent::with_installers(config, [("chip".parse()?, chip)])?;
/// # drop(agent);
/// # std::fs::remove_dir_all(dir)?;
/// # Ok(())
/// # }
/// ```
pub trait Install: Send {
    /// True if a package may be a difference against the running version. Asked once. Default: false, such a package is
    /// refused before a byte is fetched.
    fn accepts_delta(&self) -> bool {
        false
    }

    /// Which slot runs, where the installer can tell (the boot loader may have chosen without asking the marker). Asked
    /// once in each start, first. Default: none, the marker is right.
    fn booted(&mut self) -> Option<Slot> {
        None
    }

    /// Makes room for a package's files of these sizes in `slot`, which does not run. Installers without two places
    /// ignore `slot`. With `resume` the bytes that were synced must stay, without it they may go.
    ///
    /// # Errors
    /// [`SlotError`]: the Task fails before a byte is fetched, −4 or, if [`SlotError::Refused`], −1.
    fn prepare(&mut self, slot: Slot, sizes: &[u64], resume: bool) -> Result<(), SlotError>;

    /// Writes bytes of file number `file`, from 0. Never past its size.
    ///
    /// # Errors
    /// [`SlotError`]: the Task fails with −4.
    fn store(&mut self, file: usize, offset: u64, bytes: &[u8]) -> Result<(), SlotError>;

    /// Makes everything stored so far survive a power cut.
    ///
    /// # Errors
    /// [`SlotError`]: the save counts as failed and is tried again.
    fn sync(&mut self) -> Result<(), SlotError>;

    /// Reads bytes of file number `file` back, from the medium where possible: all of `range`, which lies within the
    /// file and is at most 4 MiB long.
    ///
    /// # Errors
    /// [`SlotError`]: the Task fails with −4.
    fn read_back(&mut self, file: usize, range: ByteRange) -> Result<Vec<u8>, SlotError>;

    /// The prepared bytes are proven to be the package's: makes them ready to run in `slot`, durably. The old version
    /// must still be there.
    ///
    /// # Errors
    /// [`SlotError`]: the Task fails with −1 and this text.
    fn install(&mut self, slot: Slot, package: &TaskSummary) -> Result<(), SlotError>;

    /// The new version has proven itself; after this the marker says so. May come again.
    ///
    /// # Errors
    /// [`SlotError`]: the Trial goes on, until its time is up.
    fn confirm(&mut self, running: &Running) -> Result<(), SlotError> {
        let _ = running;
        Ok(())
    }

    /// The Task is over, whatever became of it: what was held open for it may be closed. Nothing is stored or read back before
    /// the next `prepare`.
    fn release(&mut self) {}

    /// Makes the world as the marker says: on Trial the new version runs at the next reboot, fallen back the old one
    /// does, confirmed nothing is needed for a way back. Comes after each change of the marker and at each start, so it
    /// often has nothing to do.
    ///
    /// # Errors
    /// [`SlotError`]: right after `install` the Task fails with −1; in a Trial the new version counts as sick.
    fn settle(&mut self, running: &Running) -> Result<(), SlotError> {
        let _ = running;
        Ok(())
    }
}

/// What a module runs, as its boot marker has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Running {
    /// The module.
    pub module: Module,
    /// The version that runs, or does after the next reboot.
    pub version: Version,
    /// The slot that it is in.
    pub slot: Slot,
    /// Whether it has to prove itself.
    pub standing: Standing,
}

/// How sure a version is to stay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It has proven itself, or nothing else was ever there.
    Confirmed,
    /// It is new and has to prove itself.
    Trial,
    /// It is the old one: the new one did not prove itself.
    FellBack,
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

/// What is said where nothing was prepared.
fn unprepared() -> SlotError {
    SlotError::Medium("no slot was prepared".to_owned())
}
