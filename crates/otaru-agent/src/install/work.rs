//! What may take long: installing, confirming, reverting. Each runs on a thread of its own, so that the session with the
//! platform lives on meanwhile.

use std::{
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
};

use otaru_core::{SlotError, TaskSummary, Verified};
use otaru_wire::Module;

use super::{Install, Running};
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

    /// [`Lent::settle`] on a thread of its own.
    pub(crate) fn settle(
        &self,
        all: Vec<Lent>,
        done: impl FnOnce(Vec<Settled>) + Send + 'static,
    ) -> io::Result<()> {
        let surroundings = self.clone();
        thread::Builder::new().name("settle".to_owned()).spawn(move || {
            done(Lent::settle(all));
            drop(surroundings);
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
                if let Err(error) = self.settle_one(&module, install) {
                    // The new version is confirmed; what is left over of the old one goes at the next start.
                    tracing::warn!(%module, "not tidied up: {error}");
                }
                Ok(())
            }
            Job::Revert(module) => {
                self.markers().revert(&module)?;
                self.settle_one(&module, install)
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
        self.settle_one(module, install).inspect_err(|_| {
            // Half a switch is no switch: the next boot is to be the old version.
            let back = self.markers().revert(module).and_then(|()| self.settle_one(module, install));
            if let Err(error) = back.and_then(|()| self.markers().forget_fallback(module)) {
                tracing::error!(%module, "the way back is tried again at the next start: {error}");
            }
        })
    }

    fn settle_one(&self, module: &Module, install: &mut dyn Install) -> Result<(), SlotError> {
        let running = self.markers().running_one(module)?;
        install.settle(&running)
    }
}

/// An installer on loan, with what its module's marker says.
pub(crate) struct Lent {
    pub(crate) running: Running,
    pub(crate) install: Box<dyn Install>,
}

/// An installer back from settling.
pub(crate) struct Settled {
    pub(crate) module: Module,
    pub(crate) install: Box<dyn Install>,
    /// Why the module's files are not what its marker says.
    pub(crate) result: Result<(), SlotError>,
}

impl Lent {
    /// A start's first work: what a power cut interrupted is finished.
    pub(crate) fn settle(all: Vec<Self>) -> Vec<Settled> {
        let settle = |Lent { running, mut install }| {
            let result = install.settle(&running);
            Settled { module: running.module, install, result }
        };
        all.into_iter().map(settle).collect()
    }
}
