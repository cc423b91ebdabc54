//! The user's own installer: the package is stored and proven in a folder, then a program installs it.
//!
//! ```text
//! install/<module>/0, 1, …   the package's files, by their index
//! install/<module>/busy      locked for as long as the program runs, also without the agent
//! ```
//!
//! A power cut may fall between the program's end and the marker, so the program may be called again for a package that
//! it installed already. It never runs twice at a time: it inherits the lock on `busy` as its standard input, so even
//! when the agent alone was killed, the next one waits for its end.

use std::{ffi::OsString, io, path::PathBuf, sync::Arc, time::Duration};

use otaru_core::{SlotError, TaskSummary};
use otaru_wire::{ByteRange, DeviceId, Module};

use super::{
    Install, Running, Standing,
    files::{FreeBytes, PackageFiles},
    medium,
    run::{Ended, run},
    slots::numbered,
    unprepared,
};
use crate::{boot::Slot, folder::Folder};

const FOLDER: &str = "install";
const PACKAGE: &str = "package";
const BUSY: &str = "busy";

/// What the user's programs are and may do.
#[derive(Debug, Clone)]
pub(crate) struct Programs {
    /// Whose packages they are for.
    pub(crate) device: DeviceId,
    /// Installs; gets the files' paths after its own arguments.
    pub(crate) install: Vec<String>,
    /// Is told that the new version is kept.
    pub(crate) confirm: Option<Vec<String>>,
    /// Brings the old version back.
    pub(crate) revert: Option<Vec<String>>,
    /// How long each may take.
    pub(crate) timeout: Duration,
    /// Whether the program takes differences.
    pub(crate) accept_delta: bool,
}

/// Hands a module's packages to a program.
#[derive(Debug)]
pub(crate) struct Program {
    module: Module,
    folder: Folder,
    /// Its path, whatever the working folder of the program is.
    path: PathBuf,
    programs: Programs,
    prepared: Option<(Arc<Folder>, PackageFiles)>,
    pub(super) free_bytes: FreeBytes,
}

impl Program {
    /// The installer of a module, with its folder inside the storage folder.
    pub(crate) fn open(storage: &Folder, module: &Module, programs: Programs) -> io::Result<Self> {
        let folder = storage.child(FOLDER)?.child(module.as_str())?;
        let path = std::path::absolute(folder.path())?.join(PACKAGE);
        let module = module.clone();
        Ok(Self { module, folder, path, programs, prepared: None, free_bytes: Folder::free_bytes })
    }

    fn call(&self, command: &[String], action: &str, more: Vec<(String, OsString)>) -> Result<(), SlotError> {
        let (busy, _) = self.folder.file(BUSY).map_err(|error| medium(&error))?;
        let mut environment = vec![
            ("OTARU_ACTION".to_owned(), action.into()),
            ("OTARU_PRODUCT_KEY".to_owned(), self.programs.device.product.as_str().into()),
            ("OTARU_DEVICE_NAME".to_owned(), self.programs.device.device.as_str().into()),
            ("OTARU_MODULE".to_owned(), self.module.as_str().into()),
        ];
        environment.extend(more);
        match run(command, &environment, busy, self.programs.timeout) {
            Ended::Well => Ok(()),
            Ended::Badly(why) => Err(SlotError::Refused(why)),
        }
    }
}

impl Install for Program {
    fn accepts_delta(&self) -> bool {
        self.programs.accept_delta
    }

    fn release(&mut self) {
        self.prepared = None;
    }

    fn prepare(&mut self, _: Slot, sizes: &[u64], resume: bool) -> Result<(), SlotError> {
        self.prepared = None;
        let folder = Arc::new(self.folder.child(PACKAGE).map_err(|error| medium(&error))?);
        let files = numbered(&folder, sizes, resume, self.free_bytes)?;
        self.prepared = Some((folder, files));
        Ok(())
    }

    fn store(&mut self, file: usize, offset: u64, bytes: &[u8]) -> Result<(), SlotError> {
        self.prepared.as_mut().ok_or_else(unprepared)?.1.store(file, offset, bytes)
    }

    fn sync(&mut self) -> Result<(), SlotError> {
        self.prepared.as_mut().map_or(Ok(()), |(_, files)| files.sync())
    }

    fn read_back(&mut self, file: usize, range: ByteRange) -> Result<Vec<u8>, SlotError> {
        self.prepared.as_ref().ok_or_else(unprepared)?.1.read_back(file, range)
    }

    fn install(&mut self, _: Slot, package: &TaskSummary) -> Result<(), SlotError> {
        self.sync()?;
        let paths: Vec<PathBuf> =
            (0..package.files.len()).map(|index| self.path.join(index.to_string())).collect();
        let mut command = self.programs.install.clone();
        let mut environment = vec![
            ("OTARU_VERSION".to_owned(), package.version.as_str().into()),
            ("OTARU_DELTA".to_owned(), if package.delta { "1" } else { "0" }.into()),
            ("OTARU_FILES".to_owned(), paths.len().to_string().into()),
        ];
        environment.extend(package.extra.iter().map(|extra| ("OTARU_EXTRA".to_owned(), extra.into())));
        for (index, path) in paths.into_iter().enumerate() {
            let text = path.to_str().ok_or_else(|| {
                SlotError::Medium(format!("the path {} is no text for a program", path.display()))
            })?;
            command.push(text.to_owned());
            environment.push((format!("OTARU_FILE_{index}"), path.into()));
        }
        self.call(&command, "install", environment)
    }

    fn confirm(&mut self, running: &Running) -> Result<(), SlotError> {
        let Some(command) = &self.programs.confirm else { return Ok(()) };
        self.call(command, "confirm", vec![version(running)])
    }

    /// A fallback is told until the platform has heard of it, so reverting may come again.
    fn settle(&mut self, running: &Running) -> Result<(), SlotError> {
        match (&self.programs.revert, running.standing) {
            (Some(command), Standing::FellBack) => self.call(command, "revert", vec![version(running)]),
            _ => Ok(()),
        }
    }
}

fn version(running: &Running) -> (String, OsString) {
    ("OTARU_VERSION".to_owned(), running.version.as_str().into())
}
