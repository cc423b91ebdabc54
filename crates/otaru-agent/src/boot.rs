//! Which slot boots: one marker for each module, and the boot loader's step that reads it.
//!
//! `boot/<module>` is a text of two lines:
//!
//! ```text
//! {"format":1,"confirmed":{"slot":"a","version":"1.0.0"},"trial":{"version":"2.0.0","tries_left":3},"fell_back":null}
//! 9a0e4c11                                    CRC-32 (IEEE) of the line above with its line feed, hex
//! ```
//!
//! A module without a marker runs slot `a` in the version that the configuration tells. The marker is written
//! aside, synced and renamed, and the folder synced: a power cut leaves the old marker or the new one. `boot/<module>~copy`
//! is written after it in the same way, and steps in for a marker that rotted.
//!
//! | state      | marker                                  | the next start                                        |
//! | ---------- | --------------------------------------- | ----------------------------------------------------- |
//! | confirmed  | `trial` null                            | runs the confirmed slot                               |
//! | on trial   | `trial` with `tries_left` n > 0         | writes n − 1, runs the other slot as a Trial          |
//! | used up    | `trial` with `tries_left` 0             | writes `trial` null and `fell_back`, runs the confirmed slot |
//! | fell back  | `trial` null, `fell_back` a version     | runs the confirmed slot; told until it is forgotten   |
//!
//! | the power goes                                 | then                                                    |
//! | ---------------------------------------------- | ------------------------------------------------------- |
//! | before activation's rename                     | old slot runs; the Record still says "staged"           |
//! | after it, before the reboot                    | this start is the Trial's first                         |
//! | in a start, before `tries_left` is written     | that start did not happen                               |
//! | in a Trial, before it is confirmed             | the Trial runs again until its tries are used up        |
//! | before or after the confirming rename          | still on Trial, or confirmed                            |
//! | before or after the reverting rename           | still on Trial, or the old slot with `fell_back`        |
//!
//! While a module is on Trial its other slot is the way back, so [`BootMarkers::inactive`] refuses to give it out.

mod marker;

use std::{collections::BTreeMap, io, path::Path, path::PathBuf};

use otaru_core::{Boot, SlotError};
use otaru_wire::{Module, Version};
use serde::{Deserialize, Serialize};

use crate::{
    folder::Folder,
    install::{Running, medium},
};
use marker::{Confirmed, Marker, Trial};

/// The folder of the markers, inside the storage folder.
const FOLDER: &str = "boot";

/// Where an image can live.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Slot {
    /// The first.
    A,
    /// The second.
    B,
}

impl Slot {
    /// Its folder's name.
    pub fn name(self) -> &'static str {
        match self {
            Slot::A => "a",
            Slot::B => "b",
        }
    }

    /// The other one.
    pub fn other(self) -> Slot {
        match self {
            Slot::A => Slot::B,
            Slot::B => Slot::A,
        }
    }
}

/// Why it cannot be told which slot runs.
#[derive(Debug, thiserror::Error)]
pub enum BootError {
    /// The marker cannot be read or written.
    #[error("the boot marker of module {module} cannot be used: {error}")]
    Io {
        /// The module.
        module: Module,
        /// The system's word.
        error: io::Error,
    },
    /// Neither the marker's text nor its copy's is one. Which slot is good is no longer known: somebody has to look.
    #[error(
        "the boot marker {path} and its copy beside it are damaged: {problem}; remove both to run slot a in the \
         configured version"
    )]
    Damaged {
        /// The marker's file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
}

/// The markers of a device's modules.
#[derive(Debug)]
pub(crate) struct BootMarkers {
    folder: Folder,
    markers: BTreeMap<Module, Marker>,
    tries: u8,
}

impl BootMarkers {
    /// Reads the markers of these modules. `tries` is the number of starts a Trial gets.
    pub(crate) fn open(
        storage: &Folder,
        modules: &[(Module, Version)],
        tries: u8,
    ) -> Result<Self, BootError> {
        let folder =
            storage.child(FOLDER).map_err(|error| BootError::Io { module: Module::default(), error })?;
        let mut markers = BTreeMap::new();
        for (module, version) in modules {
            let marker = match marker::read(&folder, module)? {
                Some(marker) => {
                    marker::mend(&folder, module, &marker);
                    marker
                }
                None => Marker::new(version.clone()),
            };
            markers.insert(module.clone(), marker);
        }
        Ok(Self { folder, markers, tries })
    }

    /// The boot loader's step, once in each start: counts the starts of a Trial and falls back when they are used
    /// up, or when the old slot runs all the same. `booted` has the slot of each module where that is known.
    pub(crate) fn start(&mut self, booted: &BTreeMap<Module, Slot>) -> Result<Boot, BootError> {
        for (module, marker) in &mut self.markers {
            let Some(trial) = &marker.trial else { continue };
            let mut after = marker.clone();
            if trial.tries_left == 0 || booted.get(module) == Some(&marker.confirmed.slot) {
                after.fell_back = Some(trial.version.clone());
                after.trial = None;
            } else {
                after.trial =
                    Some(Trial { version: trial.version.clone(), tries_left: trial.tries_left - 1 });
            }
            marker::write(&self.folder, module, &after)
                .map_err(|error| BootError::Io { module: module.clone(), error })?;
            *marker = after;
        }
        let first = |wanted: fn(&Marker) -> bool| {
            self.markers.iter().find(|(_, marker)| wanted(marker)).map(|(module, _)| module.clone())
        };
        Ok(Boot {
            running: self.running().into_iter().map(|running| (running.module, running.version)).collect(),
            trial: first(|marker| marker.trial.is_some()),
            fell_back: first(|marker| marker.fell_back.is_some()),
        })
    }

    /// What every module runs.
    pub(crate) fn running(&self) -> Vec<Running> {
        self.markers.iter().map(|(module, marker)| marker.running(module)).collect()
    }

    /// What one module runs.
    ///
    /// # Errors
    /// [`SlotError::NoSlot`] for a module that is not this device's.
    pub(crate) fn running_one(&self, module: &Module) -> Result<Running, SlotError> {
        Ok(self.marker(module)?.running(module))
    }

    /// The slot that may be overwritten.
    ///
    /// # Errors
    /// [`SlotError::NoSlot`] for a module that is not this device's, [`SlotError::Medium`] while it is on Trial:
    /// then the other slot is the way back.
    pub(crate) fn inactive(&self, module: &Module) -> Result<Slot, SlotError> {
        let marker = self.marker(module)?;
        match &marker.trial {
            None => Ok(marker.confirmed.slot.other()),
            Some(trial) => Err(SlotError::Medium(format!(
                "module {module} is on trial with {}, so its other slot must stay as it is",
                trial.version
            ))),
        }
    }

    /// Makes the inactive slot boot next, as a Trial. An earlier fallback is forgotten.
    pub(crate) fn activate(&mut self, module: &Module, version: &Version) -> Result<(), SlotError> {
        self.inactive(module)?;
        let tries_left = self.tries;
        self.change(module, |marker| {
            marker.trial = Some(Trial { version: version.clone(), tries_left });
            marker.fell_back = None;
        })
    }

    /// Makes the slot on Trial the one that boots from now on. Fine to repeat.
    pub(crate) fn confirm(&mut self, module: &Module) -> Result<(), SlotError> {
        self.change(module, |marker| {
            if let Some(trial) = marker.trial.take() {
                marker.confirmed = Confirmed { slot: marker.confirmed.slot.other(), version: trial.version };
            }
        })
    }

    /// Makes the old slot boot again. Fine to repeat.
    pub(crate) fn revert(&mut self, module: &Module) -> Result<(), SlotError> {
        self.change(module, |marker| {
            if let Some(trial) = marker.trial.take() {
                marker.fell_back = Some(trial.version);
            }
        })
    }

    /// A fallback has been reported.
    pub(crate) fn forget_fallback(&mut self, module: &Module) -> Result<(), SlotError> {
        self.change(module, |marker| marker.fell_back = None)
    }

    fn marker(&self, module: &Module) -> Result<&Marker, SlotError> {
        self.markers.get(module).ok_or_else(|| SlotError::NoSlot(module.clone()))
    }

    /// Changes a marker on disk first, in memory after: a failed write changes nothing.
    fn change(&mut self, module: &Module, edit: impl FnOnce(&mut Marker)) -> Result<(), SlotError> {
        let before = self.marker(module)?;
        let mut after = before.clone();
        edit(&mut after);
        if after != *before {
            marker::write(&self.folder, module, &after).map_err(|error| medium(&error))?;
            self.markers.insert(module.clone(), after);
        }
        Ok(())
    }
}

/// The folder of the files that a module runs, for whoever inspects a device's storage from outside. None if it
/// still runs what it was made with, before any update was confirmed or tried.
///
/// # Errors
/// [`BootError`] if the marker cannot be read.
pub fn active_folder(storage: &Path, module: &Module) -> Result<Option<PathBuf>, BootError> {
    let folder = match Folder::existing(&storage.join(FOLDER)) {
        Ok(folder) => folder,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(BootError::Io { module: module.clone(), error }),
    };
    Ok(marker::read(&folder, module)?.map(|marker| {
        let confirmed = marker.confirmed.slot;
        let slot = if marker.trial.is_some() { confirmed.other() } else { confirmed };
        crate::install::folder_path(storage, module, slot)
    }))
}

#[cfg(test)]
mod tests;
