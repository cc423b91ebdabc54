//! What may take long: installing, confirming, reverting. Each runs on a thread of its own, so that the session with the
//! platform lives on meanwhile.

use std::{
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
};

use otaru_core::{SlotError, TaskSummary, Verified};
use otaru_wire::Module;

use super::{Install, Installers};
use crate::{
    boot::{BootMarkers, Slot},
    storage::Storage,
};

/// One piece of work for a module's installer and its boot marker.
pub(crate) enum Job {
    /// Install the prepared package and put it on Trial. Needs the proof, and spends it: no other way leads to a new
    /// slot's boot.
    Activate { package: TaskSummary, slot: Slot, proof: Verified },
    /// Keep what is on Trial.
    Confirm(Module),
    /// Go back to what was there before.
    Revert(Module),
}

/// What the work is done on. It holds the storage's lock for as long as it lasts, whatever becomes of the agent.
#[derive(Clone)]
pub(crate) struct Surroundings {
    pub(crate) markers: Arc<Mutex<BootMarkers>>,
    pub(crate) _storage: Arc<Storage>,
}

impl Surroundings {
    pub(crate) fn markers(&self) -> MutexGuard<'_, BootMarkers> {
        self.markers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts the work; `done` gets the installer back with what came of it.
    pub(crate) fn start(
        &self,
        job: Job,
        mut install: Box<dyn Install>,
        done: impl FnOnce(Box<dyn Install>, Result<(), SlotError>) + Send + 'static,
    ) -> io::Result<()> {
        let surroundings = self.clone();
        thread::Builder::new().name("install".to_owned()).spawn(move || {
            let result = surroundings.run(job, &mut *install);
            // Before the loop hears of it: once the loop has ended, the storage is free.
            drop(surroundings);
            done(install, result);
        })?;
        Ok(())
    }

    /// Installer first, then the marker, then the world as the marker says.
    pub(crate) fn run(&self, job: Job, install: &mut dyn Install) -> Result<(), SlotError> {
        match job {
            Job::Activate { package, slot, proof } => self.activate(&package, slot, proof, install),
            Job::Confirm(module) => {
                let running = self.markers().running_one(&module)?;
                install.confirm(&running)?;
                self.markers().confirm(&module)?;
                if let Err(error) = self.settle(&module, install) {
                    // The new version is confirmed; what is left over of the old one goes at the next start.
                    tracing::warn!(%module, "not tidied up: {error}");
                }
                Ok(())
            }
            Job::Revert(module) => {
                self.markers().revert(&module)?;
                self.settle(&module, install)
            }
        }
    }

    fn activate(
        &self,
        package: &TaskSummary,
        slot: Slot,
        proof: Verified,
        install: &mut dyn Install,
    ) -> Result<(), SlotError> {
        let _: Verified = proof;
        let module = &package.module;
        install.install(slot, package)?;
        self.markers().activate(module, &package.version)?;
        self.settle(module, install).inspect_err(|_| {
            // Half a switch is no switch: the next boot is to be the old version.
            let back = self.markers().revert(module).and_then(|()| self.settle(module, install));
            if let Err(error) = back.and_then(|()| self.markers().forget_fallback(module)) {
                tracing::error!(%module, "the way back is tried again at the next start: {error}");
            }
        })
    }

    fn settle(&self, module: &Module, install: &mut dyn Install) -> Result<(), SlotError> {
        let running = self.markers().running_one(module)?;
        install.settle(&running)
    }
}

/// A start's first work: what a power cut interrupted is finished. Gives the modules whose world is not as their marker
/// says, and why.
pub(crate) fn settle_all(
    installers: &mut Installers,
    surroundings: &Surroundings,
) -> Vec<(Module, SlotError)> {
    let all = surroundings.markers().running();
    all.into_iter()
        .filter_map(|running| {
            let mut install = installers.lend(&running.module).ok()?;
            let settled = install.settle(&running);
            installers.give_back(running.module.clone(), install);
            Some((running.module, settled.err()?))
        })
        .collect()
}
