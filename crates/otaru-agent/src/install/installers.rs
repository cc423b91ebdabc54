//! The installers of a device's modules, and what is checked before one of them is called.

use std::collections::BTreeMap;

use otaru_core::SlotError;
use otaru_wire::{ByteRange, Module};

use super::{Install, Lent, Running, unprepared};
use crate::{boot::Slot, fault::WriteFault};

/// The longest piece read back at once, in bytes.
const MAX_READ_BACK: u64 = 4 * 1024 * 1024;

/// One installer for each module. While one is at work elsewhere its module cannot be written.
pub(crate) struct Installers {
    by_module: BTreeMap<Module, Option<Box<dyn Install>>>,
    prepared: Result<Prepared, SlotError>,
    fault: Option<WriteFault>,
}

#[derive(Debug)]
struct Prepared {
    module: Module,
    slot: Slot,
    sizes: Vec<u64>,
}

impl Installers {
    /// `fault` spoils a byte, for rehearsals.
    pub(crate) fn new(by_module: BTreeMap<Module, Box<dyn Install>>, fault: Option<WriteFault>) -> Self {
        let by_module = by_module.into_iter().map(|(module, install)| (module, Some(install))).collect();
        Self { by_module, prepared: Err(unprepared()), fault }
    }

    /// True if some module takes differences.
    pub(crate) fn accept_delta(&self) -> bool {
        self.by_module.values().flatten().any(|install| install.accepts_delta())
    }

    /// The slot that each module runs from, where its installer can tell.
    pub(crate) fn booted(&mut self) -> BTreeMap<Module, Slot> {
        let all = self.by_module.iter_mut();
        all.filter_map(|(module, install)| Some((module.clone(), install.as_mut()?.booted()?))).collect()
    }

    /// Makes room in a module's slot for files of these sizes. A failure is kept: all that follows refers to it.
    pub(crate) fn prepare(
        &mut self,
        module: &Module,
        slot: Result<Slot, SlotError>,
        sizes: Vec<u64>,
        resume: bool,
        delta: bool,
    ) -> Result<(), SlotError> {
        self.prepared = Err(unprepared());
        let prepared = slot.and_then(|slot| {
            let install = self.installer(module)?;
            if delta && !install.accepts_delta() {
                return Err(SlotError::Refused(format!("module {module} takes whole images only")));
            }
            install.prepare(slot, &sizes, resume)?;
            Ok(Prepared { module: module.clone(), slot, sizes })
        });
        if let Err(error) = &prepared {
            tracing::warn!(%module, "the slot cannot be prepared: {error}");
        }
        let result = prepared.as_ref().map(drop).map_err(Clone::clone);
        self.prepared = prepared;
        result
    }

    /// The Task is over: nothing is held open for it any more.
    pub(crate) fn release(&mut self) {
        if let Ok(Prepared { module, .. }) = std::mem::replace(&mut self.prepared, Err(unprepared()))
            && let Some(Some(install)) = self.by_module.get_mut(&module)
        {
            install.release();
        }
    }

    /// Writes bytes of a file; they are durable after [`Installers::sync`].
    pub(crate) fn store(&mut self, file: usize, offset: u64, bytes: &mut [u8]) -> Result<(), SlotError> {
        let end = offset.saturating_add(bytes.len() as u64);
        let module = self.within(file, ByteRange { start: offset, end })?;
        if let Some(fault) = &mut self.fault {
            fault.corrupt(file, offset, bytes);
        }
        self.installer(&module)?.store(file, offset, bytes)
    }

    /// Makes everything stored so far durable.
    pub(crate) fn sync(&mut self) -> Result<(), SlotError> {
        let Ok(Prepared { module, .. }) = &self.prepared else { return Ok(()) };
        match self.by_module.get_mut(module) {
            Some(Some(install)) => install.sync(),
            // What is at work was synced before.
            _ => Ok(()),
        }
    }

    /// Reads bytes of a file back.
    pub(crate) fn read_back(&mut self, file: usize, range: ByteRange) -> Result<Vec<u8>, SlotError> {
        let module = self.within(file, range)?;
        if range.len() > MAX_READ_BACK {
            return Err(SlotError::Medium(format!("{} bytes cannot be read at once", range.len())));
        }
        let bytes = self.installer(&module)?.read_back(file, range)?;
        match bytes.len() as u64 == range.len() {
            true => Ok(bytes),
            false => Err(SlotError::Medium(format!("{} bytes came of {}", bytes.len(), range.len()))),
        }
    }

    /// Hands out the installer of the prepared slot, and the slot, for work elsewhere.
    pub(crate) fn lend_prepared(&mut self, module: &Module) -> Result<(Box<dyn Install>, Slot), SlotError> {
        let prepared = self.prepared.as_ref().map_err(Clone::clone)?;
        if prepared.module != *module {
            return Err(SlotError::Medium(format!("the prepared slot is {}'s", prepared.module)));
        }
        let slot = prepared.slot;
        Ok((self.lend(module)?, slot))
    }

    /// Hands out a module's installer for work elsewhere.
    pub(crate) fn lend(&mut self, module: &Module) -> Result<Box<dyn Install>, SlotError> {
        let install = self.by_module.get_mut(module).ok_or_else(|| SlotError::NoSlot(module.clone()))?;
        install.take().ok_or_else(|| at_work(module))
    }

    /// Hands out the installers of all these modules that are not at work.
    pub(crate) fn lend_all(&mut self, all: Vec<Running>) -> Vec<Lent> {
        let lend = |running: Running| {
            let install = self.lend(&running.module).ok()?;
            Some(Lent { running, install })
        };
        all.into_iter().filter_map(lend).collect()
    }

    /// Takes an installer back.
    pub(crate) fn give_back(&mut self, module: Module, install: Box<dyn Install>) {
        self.by_module.insert(module, Some(install));
    }

    fn installer(&mut self, module: &Module) -> Result<&mut Box<dyn Install>, SlotError> {
        let install = self.by_module.get_mut(module).ok_or_else(|| SlotError::NoSlot(module.clone()))?;
        install.as_mut().ok_or_else(|| at_work(module))
    }

    /// The module whose package has that range of that file.
    fn within(&self, file: usize, range: ByteRange) -> Result<Module, SlotError> {
        let prepared = self.prepared.as_ref().map_err(Clone::clone)?;
        let size = prepared.sizes.get(file);
        let size = size.ok_or_else(|| SlotError::Medium(format!("the package has no file {file}")))?;
        match range.start <= range.end && range.end <= *size {
            true => Ok(prepared.module.clone()),
            false => Err(SlotError::Medium(format!(
                "bytes {}..{} reach past file {file} ({size} bytes)",
                range.start, range.end
            ))),
        }
    }
}

fn at_work(module: &Module) -> SlotError {
    SlotError::Medium(format!("the installer of module {module} is still at work"))
}
