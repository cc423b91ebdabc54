//! Raw partitions: plain files in their place, and a loop device where the system gives one.

use std::{path::PathBuf, process::Command};

use super::*;

const SIZE: usize = 1_048_576;

struct Rig {
    dir: tempfile::TempDir,
}

impl Rig {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        for (name, byte) in [("a", 0xAA), ("b", 0xBB)] {
            std::fs::write(dir.path().join(name), vec![byte; SIZE]).unwrap();
        }
        Self { dir }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn partition(&self) -> Partition {
        Partition::new(self.path("a"), self.path("b"))
    }
}

/// Writes an image in two pieces, over a restart between them, and reads it back.
fn write(partition: impl Fn() -> Partition, slot: Slot, image: &[u8]) {
    let half = image.len() / 2;
    let size = [image.len() as u64];
    let mut first = partition();
    first.prepare(slot, &size, false).unwrap();
    first.store(0, 0, &image[..half]).unwrap();
    first.sync().unwrap();
    drop(first);
    let mut second = partition();
    second.prepare(slot, &size, true).unwrap();
    second.store(0, half as u64, &image[half..]).unwrap();
    let range = ByteRange { start: 0, end: image.len() as u64 };
    assert_eq!(second.read_back(0, range).unwrap(), image);
    second.install(slot, &package("2", &size)).unwrap();
}

#[test]
fn an_image_is_written_to_the_other_partition_as_it_is_and_nowhere_else() {
    let rig = Rig::new();
    let image: Vec<u8> = (0..300_001_u32).map(|n| (n % 251) as u8).collect();
    write(|| rig.partition(), Slot::B, &image);
    let after = std::fs::read(rig.path("b")).unwrap();
    assert_eq!(&after[..image.len()], image);
    assert!(after[image.len()..].iter().all(|byte| *byte == 0xBB) && after.len() == SIZE);
    assert!(std::fs::read(rig.path("a")).unwrap().iter().all(|byte| *byte == 0xAA));
}

#[test]
fn a_package_that_does_not_fit_is_refused_before_a_byte_is_written() {
    let rig = Rig::new();
    let mut partition = rig.partition();
    let refused = partition.prepare(Slot::B, &[SIZE as u64 + 1], false).unwrap_err();
    assert!(matches!(&refused, SlotError::Full(why) if why.contains("has 1048576 bytes")), "{refused}");
    for sizes in [&[][..], &[1, 1]] {
        assert!(matches!(partition.prepare(Slot::B, sizes, false), Err(SlotError::Refused(_))));
    }
    assert!(partition.store(0, 0, b"x").is_err(), "nothing is prepared");
    partition.prepare(Slot::B, &[SIZE as u64], false).unwrap();
    assert!(std::fs::read(rig.path("b")).unwrap().iter().all(|byte| *byte == 0xBB));
}

#[test]
fn a_partition_that_is_in_use_missing_or_a_folder_is_not_written() {
    let rig = Rig::new();
    let mut owner = rig.partition();
    owner.prepare(Slot::B, &[9], false).unwrap();
    assert!(rig.partition().prepare(Slot::B, &[9], false).is_err(), "another agent has it");
    rig.partition().prepare(Slot::A, &[9], false).unwrap();
    owner.install(Slot::B, &package("2", &[9])).unwrap();
    rig.partition().prepare(Slot::B, &[9], false).unwrap();
    for path in [rig.path("none"), rig.dir.path().to_owned()] {
        let refused = Partition::new(path.clone(), path.clone()).prepare(Slot::A, &[9], false).unwrap_err();
        assert!(refused.to_string().contains(path.to_str().unwrap()), "{refused}");
    }
}

/// A loop device on a file; detached when dropped.
struct Loop(String);

impl Loop {
    fn attach(file: &std::path::Path) -> Option<Self> {
        let out = Command::new("losetup").args(["--find", "--show"]).arg(file).output().ok()?;
        out.status.success().then(|| Self(String::from_utf8(out.stdout).unwrap().trim().to_owned()))
    }
}

impl Drop for Loop {
    fn drop(&mut self) {
        let _ = Command::new("losetup").args(["--detach", &self.0]).status();
    }
}

#[test]
#[ignore = "needs losetup, root and a kernel with loop devices"]
fn an_image_is_written_to_a_real_block_device() {
    let rig = Rig::new();
    let Some(device) = Loop::attach(&rig.path("b")) else {
        eprintln!("left out: this system gives no loop device");
        return;
    };
    let partition = || Partition::new(rig.path("a"), PathBuf::from(&device.0));
    let image: Vec<u8> = (0..700_001_u32).map(|n| (n % 241) as u8).collect();
    write(partition, Slot::B, &image);
    let refused = partition().prepare(Slot::B, &[SIZE as u64 + 1], false).unwrap_err();
    assert!(matches!(&refused, SlotError::Full(why) if why.contains("has 1048576 bytes")), "{refused}");
    // The kernel lets nobody else open it alone meanwhile, not even by another name.
    let mut owner = partition();
    owner.prepare(Slot::B, &[9], false).unwrap();
    assert!(partition().prepare(Slot::B, &[9], false).is_err());
    drop((owner, device));
    assert_eq!(&std::fs::read(rig.path("b")).unwrap()[..image.len()], image);
}
