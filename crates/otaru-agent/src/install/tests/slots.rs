//! A/B slots.

use super::{super::files::RESERVE, *};

const MANIFEST: &str = "manifest.json";

struct Rig {
    _dir: tempfile::TempDir,
    storage: Folder,
    slots: Installers,
}

fn rig() -> Rig {
    let dir = tempfile::tempdir().unwrap();
    let storage = Folder::open(dir.path()).unwrap();
    let slots = installers(Slots::open(&storage, &Module::default()).unwrap(), None);
    Rig { _dir: dir, storage, slots }
}

impl Rig {
    fn prepare(&mut self, sizes: &[u64], resume: bool) {
        // Its failure shows again at the first store.
        let _ = self.slots.prepare(&Module::default(), Ok(Slot::B), sizes.to_vec(), resume, false);
    }

    /// A new process, on a medium with so much room.
    fn restart(&mut self, free_bytes: fn(&Folder) -> io::Result<u64>, fault: Option<WriteFault>) {
        let mut slots = Slots::open(&self.storage, &Module::default()).unwrap();
        slots.free_bytes = free_bytes;
        self.slots = installers(slots, fault);
    }

    fn finish(&mut self, package: &TaskSummary) {
        let (mut install, slot) = self.slots.lend_prepared(&package.module).unwrap();
        install.install(slot, package).unwrap();
        self.slots.give_back(package.module.clone(), install);
    }

    fn on_disk(&self, name: &str) -> Vec<u8> {
        let path = folder_path(&self.storage.path(), &Module::default(), Slot::B);
        std::fs::read(path.join(name)).unwrap()
    }

    fn names(&self) -> Vec<String> {
        let folder = folder_path(&self.storage.path(), &Module::default(), Slot::B);
        let mut names = Folder::open(&folder).unwrap().names().unwrap();
        names.sort();
        names
    }
}

#[test]
fn stored_bytes_are_read_back_and_survive_a_restart_with_resume() {
    let mut rig = rig();
    rig.prepare(&[6, 3], false);
    assert_eq!(rig.slots.store(0, 0, &mut b"abc".to_vec()), Ok(()));
    assert_eq!(rig.slots.store(1, 0, &mut b"xyz".to_vec()), Ok(()));
    rig.slots.sync().unwrap();
    // A new process.
    rig.restart(Folder::free_bytes, None);
    rig.prepare(&[6, 3], true);
    assert_eq!(rig.slots.store(0, 3, &mut b"def".to_vec()), Ok(()));
    assert_eq!(rig.slots.read_back(0, ByteRange { start: 1, end: 6 }).unwrap(), b"bcdef");
    assert_eq!(rig.slots.read_back(1, ByteRange { start: 0, end: 3 }).unwrap(), b"xyz");
    rig.finish(&package("2", &[6, 3]));
    assert_eq!(rig.on_disk("0"), b"abcdef");
    let manifest: Manifest = serde_json::from_slice(&rig.on_disk(MANIFEST)).unwrap();
    assert_eq!(manifest.version.as_str(), "2");
    assert_eq!(manifest.files.iter().map(|file| file.size).collect::<Vec<_>>(), [6, 3]);
}

#[test]
fn a_fresh_preparation_leaves_nothing_of_the_package_before() {
    let mut rig = rig();
    rig.prepare(&[4, 4, 4], false);
    rig.slots.store(0, 0, &mut b"past".to_vec()).unwrap();
    rig.finish(&package("2", &[4, 4, 4]));
    rig.prepare(&[5], false);
    assert_eq!(rig.names(), ["0"], "no manifest and no file of the package before");
    assert_eq!(rig.on_disk("0"), [0; 5]);
}

#[test]
fn bytes_past_a_file_or_of_no_file_are_refused() {
    let mut rig = rig();
    assert!(matches!(rig.slots.store(0, 0, &mut [1]), Err(SlotError::Medium(_))), "nothing prepared");
    rig.prepare(&[4], false);
    assert!(matches!(rig.slots.store(0, 2, &mut [1; 3]), Err(SlotError::Medium(_))));
    assert!(matches!(rig.slots.store(0, u64::MAX, &mut [1]), Err(SlotError::Medium(_))));
    assert!(matches!(rig.slots.store(1, 0, &mut [1]), Err(SlotError::Medium(_))));
    assert!(matches!(rig.slots.read_back(0, ByteRange { start: 0, end: 5 }), Err(SlotError::Medium(_))));
    assert_eq!(rig.on_disk("0"), [0; 4]);
}

#[test]
fn a_full_medium_is_told_before_a_byte_of_the_slot_is_given_up() {
    let mut rig = rig();
    rig.prepare(&[4], false);
    rig.slots.store(0, 0, &mut b"kept".to_vec()).unwrap();
    rig.slots.sync().unwrap();
    rig.restart(|_| Ok(RESERVE + 1_000_000), None);
    rig.prepare(&[2_000_000], false);
    let error = rig.slots.store(0, 0, &mut [1]).unwrap_err();
    assert!(matches!(&error, SlotError::Full(text) if text.contains("are free in")), "{error}");
    assert_eq!(rig.on_disk("0"), b"kept");
    rig.prepare(&[900_000], false);
    assert_eq!(rig.slots.store(0, 0, &mut [1]), Ok(()), "and it works once there is room");
}

#[test]
fn a_size_that_no_medium_has_is_refused_and_takes_no_room() {
    let mut rig = rig();
    for size in [u64::MAX, i64::MAX as u64, 1 << 60] {
        rig.prepare(&[size, size], false);
        assert!(matches!(rig.slots.store(0, 0, &mut [1]), Err(SlotError::Full(_))), "{size}");
        assert_eq!(rig.on_disk("0").len(), 0);
    }
}

#[test]
fn bytes_already_stored_are_not_asked_of_the_medium_again() {
    let mut rig = rig();
    rig.prepare(&[1_000_000], false);
    rig.slots.store(0, 0, &mut vec![7; 1_000_000]).unwrap();
    rig.slots.sync().unwrap();
    rig.restart(|_| Ok(RESERVE + 4096), None);
    rig.prepare(&[1_000_000], true);
    assert_eq!(rig.slots.read_back(0, ByteRange { start: 0, end: 2 }).unwrap(), [7, 7]);
}

#[test]
fn a_link_in_the_place_of_a_slots_file_is_not_written_through() {
    let mut rig = rig();
    rig.prepare(&[4], false);
    let outside = rig.storage.path().join("outside");
    std::fs::write(&outside, b"precious").unwrap();
    let file = folder_path(&rig.storage.path(), &Module::default(), Slot::B).join("0");
    std::fs::remove_file(&file).unwrap();
    std::os::unix::fs::symlink(&outside, &file).unwrap();
    rig.prepare(&[4], false);
    assert!(matches!(rig.slots.store(0, 0, &mut b"evil".to_vec()), Err(SlotError::Medium(_))));
    assert_eq!(std::fs::read(&outside).unwrap(), b"precious");
}

#[test]
fn a_rehearsed_fault_spoils_one_bit_once_even_over_a_restart() {
    let mut rig = rig();
    let restart = |rig: &mut Rig| {
        let fault = WriteFault::new(Folder::open(&rig.storage.path()).unwrap(), 5).unwrap();
        rig.restart(Folder::free_bytes, Some(fault));
        rig.prepare(&[8, 8], false);
    };
    restart(&mut rig);
    rig.slots.store(1, 0, &mut b"01234567".to_vec()).unwrap();
    rig.slots.store(0, 0, &mut b"01234".to_vec()).unwrap();
    assert_eq!(rig.on_disk("0"), b"01234\0\0\0", "not its turn yet");
    rig.slots.store(0, 5, &mut b"567".to_vec()).unwrap();
    assert_eq!((rig.on_disk("0"), rig.on_disk("1")), (b"01234467".to_vec(), b"01234567".to_vec()));
    rig.slots.store(0, 0, &mut b"01234567".to_vec()).unwrap();
    assert_eq!(rig.on_disk("0"), b"01234567");
    restart(&mut rig);
    rig.slots.store(0, 0, &mut b"01234567".to_vec()).unwrap();
    assert_eq!(rig.on_disk("0"), b"01234567");
}

#[test]
fn what_else_lies_in_a_slot_goes_or_is_left_alone_and_never_stops_an_update() {
    let mut rig = rig();
    rig.prepare(&[3, 3], false);
    let folder = folder_path(&rig.storage.path(), &Module::default(), Slot::B);
    std::fs::create_dir(folder.join("lost+found")).unwrap();
    std::os::unix::fs::symlink("/etc/passwd", folder.join("link")).unwrap();
    rig.prepare(&[3], false);
    assert_eq!(rig.slots.store(0, 0, &mut b"abc".to_vec()), Ok(()));
    assert_eq!(rig.names(), ["0", "lost+found"]);
}

#[test]
fn a_module_without_an_installer_and_a_difference_that_none_takes_are_refused() {
    let mut rig = rig();
    let motor = Module::new("motor").unwrap();
    let refused = rig.slots.prepare(&motor, Ok(Slot::B), vec![1], false, false);
    assert_eq!(refused, Err(SlotError::NoSlot(motor)));
    let refused = rig.slots.prepare(&Module::default(), Ok(Slot::B), vec![1], false, true);
    assert!(matches!(refused, Err(SlotError::Refused(_))), "{refused:?}");
    assert!(!rig.slots.accept_delta() && rig.slots.store(0, 0, &mut [1]).is_err());
}
