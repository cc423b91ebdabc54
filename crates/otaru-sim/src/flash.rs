//! Flash with a cache: what was written is read back at once, and survives a power cut only once it is synced.

use std::{collections::HashMap, ops::Range};

use otaru_core::SlotError;
use otaru_wire::Module;

use crate::rng::Rng;

/// Files of one slot.
pub(crate) type Files = Vec<Vec<u8>>;

/// One slot's files as read, and as a power cut leaves them.
#[derive(Debug, Default, Clone)]
pub(crate) struct Slot {
    pub(crate) cached: Files,
    pub(crate) durable: Files,
    /// Bytes that differ between the two.
    dirty: Vec<(usize, Range<usize>)>,
    /// What the doer believes to have written; a lying medium holds something else.
    pub(crate) intended: Files,
}

/// Two slots for each module.
#[derive(Debug, Default)]
pub(crate) struct Flash {
    slots: HashMap<(Module, bool), Slot>,
}

impl Flash {
    /// Puts an image into a slot, as the factory does.
    pub(crate) fn burn(&mut self, module: &Module, slot: bool, files: Files) {
        let burnt =
            Slot { durable: files.clone(), intended: files.clone(), cached: files, dirty: Vec::new() };
        self.slots.insert((module.clone(), slot), burnt);
    }

    pub(crate) fn slot(&mut self, module: &Module, slot: bool) -> &mut Slot {
        self.slots.entry((module.clone(), slot)).or_default()
    }

    /// The power goes: unsynced bytes are lost, kept, or partly kept, in an order that nobody chose.
    pub(crate) fn power_cut(&mut self, rng: &mut Rng) {
        let kind = rng.between(0, 2);
        for key in sorted(&self.slots) {
            if let Some(slot) = self.slots.get_mut(&key) {
                let dirty = std::mem::take(&mut slot.dirty);
                for (file, range) in dirty {
                    if kind == 1 || kind == 2 && rng.next().is_multiple_of(2) {
                        slot.make_durable(file, range);
                    }
                }
                slot.cached.clone_from(&slot.durable);
                slot.intended.clone_from(&slot.durable);
            }
        }
    }
}

/// A hash map's own order differs from run to run.
fn sorted(slots: &HashMap<(Module, bool), Slot>) -> Vec<(Module, bool)> {
    let mut keys: Vec<_> = slots.keys().cloned().collect();
    keys.sort_by(|one, other| (one.0.as_str(), one.1).cmp(&(other.0.as_str(), other.1)));
    keys
}

impl Slot {
    /// Room for so many files, empty. Truncation is durable at once, which is the worst case.
    pub(crate) fn empty(&mut self, files: usize) {
        let files = vec![Vec::new(); files];
        *self = Self { cached: files.clone(), durable: files.clone(), intended: files, dirty: Vec::new() };
    }

    pub(crate) fn write(
        &mut self,
        file: usize,
        offset: u64,
        bytes: &[u8],
        lie: bool,
    ) -> Result<(), SlotError> {
        let at = usize::try_from(offset).unwrap_or(usize::MAX);
        let (Some(cached), Some(intended)) = (self.cached.get_mut(file), self.intended.get_mut(file)) else {
            return Err(SlotError::Medium("no such file in the slot".into()));
        };
        if at > cached.len() {
            return Err(SlotError::Medium(format!("a gap before byte {offset}")));
        }
        let range = at..at + bytes.len();
        put(cached, at, bytes);
        put(intended, at, bytes);
        if let Some(byte) = cached.get_mut(at).filter(|_| lie) {
            *byte ^= 0x10;
        }
        self.dirty.push((file, range));
        Ok(())
    }

    pub(crate) fn sync(&mut self) {
        for (file, range) in std::mem::take(&mut self.dirty) {
            self.make_durable(file, range);
        }
    }

    fn make_durable(&mut self, file: usize, range: Range<usize>) {
        let bytes = self.cached.get(file).and_then(|cached| cached.get(range.clone())).map(<[u8]>::to_vec);
        if let (Some(bytes), Some(durable)) = (bytes, self.durable.get_mut(file)) {
            put(durable, range.start, &bytes);
        }
    }
}

/// Writes over and beyond the end; what was skipped reads as zeros.
fn put(file: &mut Vec<u8>, at: usize, bytes: &[u8]) {
    let end = at + bytes.len();
    if file.len() < end {
        file.resize(end, 0);
    }
    if let Some(place) = file.get_mut(at..end) {
        place.copy_from_slice(bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_synced_bytes_surely_survive_a_power_cut() {
        let mut kinds = [false; 2];
        for seed in 0..50 {
            let mut flash = Flash::default();
            let slot = flash.slot(&Module::default(), true);
            slot.empty(1);
            slot.write(0, 0, b"synced", false).unwrap();
            slot.sync();
            slot.write(0, 6, b"lost?", false).unwrap();
            assert_eq!(slot.cached[0], b"syncedlost?");
            flash.power_cut(&mut Rng::new(seed));
            let left = &flash.slot(&Module::default(), true).cached[0];
            assert!(left.starts_with(b"synced"));
            kinds[usize::from(left.len() > 6)] = true;
        }
        assert_eq!(kinds, [true; 2], "sometimes lost, sometimes kept");
    }

    #[test]
    fn a_gap_is_refused_and_a_lie_shows_only_when_read() {
        let mut slot = Slot::default();
        slot.empty(1);
        assert!(slot.write(0, 3, b"x", false).is_err() && slot.write(1, 0, b"x", false).is_err());
        slot.write(0, 0, b"abc", true).unwrap();
        assert_ne!(slot.cached[0], b"abc");
        assert_eq!(slot.intended[0], b"abc");
    }
}
