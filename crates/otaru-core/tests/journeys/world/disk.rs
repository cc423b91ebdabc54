//! Slots, the Record's store and the boot loader in memory: what is durable, and what a power cut takes.

use std::collections::HashMap;

use otaru_core::{Boot, Record, SlotError};
use otaru_wire::{Module, Version};

/// What becomes of bytes stored since the last save when the power goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unsaved {
    Lost,
    Kept,
}

/// Everything that outlives the process, and the bytes that may not.
#[derive(Default)]
pub(crate) struct Disk {
    pub(crate) record: Option<Vec<u8>>,
    pub(crate) running: Vec<(Module, Version)>,
    /// Each module's inactive slot, as a reader sees it.
    pub(crate) slots: HashMap<Module, Vec<Vec<u8>>>,
    /// The same, as a power cut leaves it.
    durable: HashMap<Module, Vec<Vec<u8>>>,
    prepared: Option<Module>,
    /// A store was refused since the slot was prepared.
    refused: bool,
    armed: Option<(Module, Version)>,
    trial: Option<(Module, Version, u32)>,
    fell_back: Option<Module>,
    /// Boots an unconfirmed slot gets before the old one comes back.
    pub(crate) trial_boots: u32,
    /// Bytes a slot holds.
    pub(crate) capacity: Option<u64>,
    /// The next stored byte goes bad on the medium, so many times.
    pub(crate) corrupt: u32,
    /// So many saves of the Record fail.
    pub(crate) failing_saves: u32,
    /// Confirming fails so many times.
    pub(crate) failing_confirms: u32,
    /// Activating fails.
    pub(crate) failing_activate: bool,
    pub(crate) confirmed: bool,
}

impl Disk {
    /// Slots empty, nothing saved, a boot loader that gives a new slot one boot.
    pub(crate) fn new(running: Vec<(Module, Version)>) -> Self {
        Self { running, trial_boots: 1, ..Self::default() }
    }

    pub(crate) fn prepare(&mut self, module: Module, sizes: &[u64], resume: bool) {
        let empty: Vec<Vec<u8>> = sizes.iter().map(|_| Vec::new()).collect();
        if !resume || self.slots.get(&module).is_none_or(|files| files.len() != sizes.len()) {
            self.slots.insert(module.clone(), empty.clone());
            self.durable.insert(module.clone(), empty); // the worst case: gone at once
        }
        self.prepared = Some(module);
        self.refused = false;
    }

    pub(crate) fn store(&mut self, file: usize, offset: u64, bytes: &[u8]) -> Result<(), SlotError> {
        let module = self.prepared.clone().expect("a slot is prepared before bytes are stored");
        let slot = &mut self.slots.get_mut(&module).unwrap()[file];
        let (start, end) = (offset as usize, offset as usize + bytes.len());
        if start > slot.len() {
            assert!(self.refused, "a gap before {start} of file {file}");
            return Err(SlotError::Medium("a gap".into())); // on its way when an earlier one was refused
        }
        if self.capacity.is_some_and(|capacity| end as u64 > capacity) {
            self.refused = true;
            return Err(SlotError::Full("0 bytes left".into()));
        }
        slot.resize(slot.len().max(end), 0);
        slot[start..end].copy_from_slice(bytes);
        if self.corrupt > 0 {
            self.corrupt -= 1;
            slot[start] ^= 0x01;
        }
        Ok(())
    }

    pub(crate) fn save(&mut self, record: &Record) -> Result<(), SlotError> {
        if self.failing_saves > 0 {
            self.failing_saves -= 1;
            return Err(SlotError::Medium("worn out".into()));
        }
        let bytes = record.to_bytes();
        assert_eq!(Record::from_bytes(&bytes).as_ref(), Ok(record));
        self.record = Some(bytes);
        self.durable = self.slots.clone();
        Ok(())
    }

    pub(crate) fn saved_record(&self) -> Option<Record> {
        self.record.as_ref().map(|bytes| Record::from_bytes(bytes).unwrap())
    }

    pub(crate) fn read_back(&self, file: usize, start: u64, end: u64) -> Vec<u8> {
        let module = self.prepared.clone().expect("a slot is prepared before it is read back");
        self.slots[&module][file].get(start as usize..end as usize).unwrap_or_default().to_vec()
    }

    pub(crate) fn activate(&mut self, module: Module, version: Version) -> Result<(), SlotError> {
        if self.failing_activate {
            return Err(SlotError::Medium("marker worn out".into()));
        }
        self.armed = Some((module, version));
        Ok(())
    }

    pub(crate) fn confirm(&mut self) -> Result<(), SlotError> {
        if self.failing_confirms > 0 {
            self.failing_confirms -= 1;
            return Err(SlotError::Medium("marker worn out".into()));
        }
        assert!(self.trial.take().is_some(), "only a trial can be confirmed");
        self.confirmed = true;
        Ok(())
    }

    pub(crate) fn revert(&mut self) {
        if let Some((_, _, boots)) = &mut self.trial {
            *boots = 0;
        }
    }

    pub(crate) fn forget_fallback(&mut self) {
        self.fell_back = None;
    }

    pub(crate) fn version(&self, module: &str) -> &str {
        self.running.iter().find(|(known, _)| known.as_str() == module).unwrap().1.as_str()
    }

    fn run(&mut self, module: &Module, version: Version) -> Version {
        let running = self.running.iter_mut().find(|(known, _)| known == module).unwrap();
        std::mem::replace(&mut running.1, version)
    }

    /// Power goes and comes: what the boot loader does.
    pub(crate) fn boot(&mut self, unsaved: Unsaved) -> Boot {
        match unsaved {
            Unsaved::Lost => self.slots = self.durable.clone(),
            Unsaved::Kept => self.durable = self.slots.clone(),
        }
        self.prepared = None;
        if let Some((module, version)) = self.armed.take() {
            let old = self.run(&module, version);
            self.trial = Some((module, old, self.trial_boots - 1));
        } else if let Some((module, old, boots)) = self.trial.take() {
            if boots == 0 {
                self.run(&module, old);
                self.fell_back = Some(module);
            } else {
                self.trial = Some((module, old, boots - 1));
            }
        }
        Boot {
            running: self.running.clone(),
            trial: self.trial.as_ref().map(|(module, ..)| module.clone()),
            fell_back: self.fell_back.clone(),
        }
    }
}
