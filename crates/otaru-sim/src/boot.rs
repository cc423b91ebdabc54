//! The boot markers and the Record's two copies: small things that are replaced whole.

use otaru_core::Boot;
use otaru_wire::{Module, Version};

/// Which slot of a module boots.
#[derive(Debug, Clone)]
pub(crate) struct Marker {
    pub(crate) module: Module,
    /// The slot to keep, and its version.
    pub(crate) slot: bool,
    pub(crate) version: Version,
    /// The version on trial in the other slot, and the starts it has left.
    pub(crate) trial: Option<(Version, u32)>,
    pub(crate) fell_back: bool,
}

impl Marker {
    /// The slot and version that run.
    pub(crate) fn running(&self) -> (bool, &Version) {
        match &self.trial {
            Some((version, _)) => (!self.slot, version),
            None => (self.slot, &self.version),
        }
    }

    /// The boot loader's step at each start.
    fn start(&mut self) {
        match &mut self.trial {
            Some((_, 0)) => self.revert(),
            Some((_, left)) => *left -= 1,
            None => {}
        }
    }

    pub(crate) fn activate(&mut self, version: Version, tries: u32) {
        self.trial = Some((version, tries));
        self.fell_back = false;
    }

    pub(crate) fn confirm(&mut self) {
        if let Some((version, _)) = self.trial.take() {
            (self.slot, self.version) = (!self.slot, version);
        }
    }

    pub(crate) fn revert(&mut self) {
        self.fell_back = self.trial.take().is_some();
    }
}

/// What the boot loader says after its step on every marker.
pub(crate) fn start(markers: &mut [Marker]) -> Boot {
    markers.iter_mut().for_each(Marker::start);
    let first =
        |wanted: fn(&&Marker) -> bool| markers.iter().find(wanted).map(|marker| marker.module.clone());
    Boot {
        running: markers.iter().map(|marker| (marker.module.clone(), marker.running().1.clone())).collect(),
        trial: first(|marker| marker.trial.is_some()),
        fell_back: first(|marker| marker.fell_back),
    }
}

/// Two copies of the Record; the older one is overwritten.
#[derive(Debug, Default)]
pub(crate) struct Copies {
    /// None while a write is under way or was cut.
    copies: [Option<(u64, Vec<u8>)>; 2],
    sequence: u64,
    next: usize,
}

impl Copies {
    /// A write begins: from here until [`Copies::finish`] that copy is torn.
    pub(crate) fn begin(&mut self, one_copy: bool) {
        if one_copy {
            self.next = 0;
        }
        if let Some(copy) = self.copies.get_mut(self.next) {
            *copy = None;
        }
    }

    pub(crate) fn finish(&mut self, record: Vec<u8>) {
        self.sequence += 1;
        if let Some(copy) = self.copies.get_mut(self.next) {
            *copy = Some((self.sequence, record));
        }
        self.next = 1 - self.next;
    }

    /// The newest whole copy; its place is kept by the next write.
    pub(crate) fn open(&mut self) -> Option<Vec<u8>> {
        let whole = self.copies.iter().enumerate().filter_map(|(at, copy)| Some((at, copy.as_ref()?)));
        let (at, (sequence, record)) = whole.max_by_key(|(_, (sequence, _))| *sequence)?;
        (self.next, self.sequence) = (1 - at, *sequence);
        Some(record.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cut_write_leaves_the_older_record_and_the_next_write_does_not_destroy_it() {
        let mut copies = Copies::default();
        assert_eq!(copies.open(), None);
        copies.begin(false);
        copies.finish(b"one".to_vec());
        for _ in 0..3 {
            copies.begin(false);
            assert_eq!(copies.open().unwrap(), b"one");
        }
        copies.begin(false);
        copies.finish(b"two".to_vec());
        assert_eq!(copies.open().unwrap(), b"two");
    }

    #[test]
    fn a_trial_has_so_many_starts_then_the_old_slot_is_back() {
        let version = |text| Version::new(text).unwrap();
        let module = Module::default();
        let mut marker =
            [Marker { module, slot: false, version: version("1"), trial: None, fell_back: false }];
        marker[0].activate(version("2"), 2);
        for _ in 0..2 {
            assert_eq!(start(&mut marker).running[0].1, version("2"));
        }
        let boot = start(&mut marker);
        assert_eq!((boot.running[0].1.clone(), boot.trial), (version("1"), None));
        assert!(boot.fell_back.is_some());
    }
}
