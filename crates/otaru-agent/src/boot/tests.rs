//! The boot marker through starts, trials and damage.

use super::*;

fn modules() -> Vec<(Module, Version)> {
    vec![
        (Module::default(), Version::new("1.0.0").unwrap()),
        (Module::new("motor").unwrap(), Version::new("7").unwrap()),
    ]
}

fn version(text: &str) -> Version {
    Version::new(text).unwrap()
}

struct Device {
    dir: tempfile::TempDir,
}

impl Device {
    fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap() }
    }

    /// A start of the process: nothing is remembered but the storage.
    fn start(&self) -> (BootMarkers, Boot) {
        let mut markers = BootMarkers::open(&Folder::open(self.dir.path()).unwrap(), &modules(), 3).unwrap();
        let boot = markers.start(&BTreeMap::new()).unwrap();
        (markers, boot)
    }
}

fn running(boot: &Boot) -> String {
    boot.running.iter().find(|(module, _)| module.is_default()).unwrap().1.to_string()
}

#[test]
fn a_new_device_runs_slot_a_in_its_configured_versions() {
    let device = Device::new();
    let (markers, boot) = device.start();
    assert_eq!(boot.running, modules());
    assert_eq!((boot.trial, boot.fell_back), (None, None));
    assert!(markers.running().iter().all(|running| running.slot == Slot::A));
    assert_eq!(active_folder(device.dir.path(), &Module::default()).unwrap(), None);
}

#[test]
fn a_confirmed_trial_boots_from_then_on_and_the_next_update_goes_to_the_other_slot() {
    let device = Device::new();
    let module = Module::default();
    let (mut markers, _) = device.start();
    for (n, slot) in [(2, Slot::B), (3, Slot::A), (4, Slot::B)] {
        assert_eq!(markers.inactive(&module).unwrap(), slot);
        let text = format!("{n}.0.0");
        markers.activate(&module, &version(&text)).unwrap();
        let (mut trial, boot) = device.start();
        assert_eq!((running(&boot), boot.trial), (text.clone(), Some(module.clone())));
        trial.confirm(&module).unwrap();
        trial.confirm(&module).unwrap();
        let (confirmed, boot) = device.start();
        assert_eq!((running(&boot), boot.trial), (text, None));
        let active = active_folder(device.dir.path(), &module).unwrap().unwrap();
        assert!(active.ends_with(format!("slots/default/{}", slot.name())), "{}", active.display());
        markers = confirmed;
    }
}

#[test]
fn a_trial_that_is_never_confirmed_gets_its_tries_and_then_the_old_slot_is_back() {
    let device = Device::new();
    let module = Module::default();
    device.start().0.activate(&module, &version("2.0.0")).unwrap();
    for start in 1..=3 {
        let boot = device.start().1;
        assert_eq!((running(&boot), boot.trial), ("2.0.0".to_owned(), Some(module.clone())), "start {start}");
    }
    for start in 4..=5 {
        let boot = device.start().1;
        assert_eq!(running(&boot), "1.0.0", "start {start}");
        assert_eq!((boot.trial, boot.fell_back), (None, Some(module.clone())), "told until it is forgotten");
    }
    device.start().0.forget_fallback(&module).unwrap();
    assert_eq!(device.start().1.fell_back, None);
}

#[test]
fn a_reverted_trial_tells_of_its_fallback_after_the_reboot() {
    let device = Device::new();
    let module = Module::default();
    device.start().0.activate(&module, &version("2.0.0")).unwrap();
    device.start().0.revert(&module).unwrap();
    let (markers, boot) = device.start();
    assert_eq!(
        (running(&boot), boot.trial, boot.fell_back),
        ("1.0.0".to_owned(), None, Some(module.clone()))
    );
    assert_eq!(markers.inactive(&module).unwrap(), Slot::B);
}

#[test]
fn while_a_module_is_on_trial_its_way_back_is_not_given_out() {
    let device = Device::new();
    let module = Module::default();
    let (mut markers, _) = device.start();
    markers.activate(&module, &version("2.0.0")).unwrap();
    assert!(matches!(markers.inactive(&module), Err(SlotError::Medium(_))));
    assert!(matches!(markers.activate(&module, &version("3.0.0")), Err(SlotError::Medium(_))));
    let (markers, _) = device.start();
    assert!(matches!(markers.inactive(&module), Err(SlotError::Medium(_))));
    assert_eq!(markers.inactive(&Module::new("motor").unwrap()).unwrap(), Slot::B, "others are free");
}

#[test]
fn a_module_of_another_device_has_no_slot() {
    let (markers, _) = Device::new().start();
    let stranger = Module::new("stranger").unwrap();
    assert_eq!(markers.inactive(&stranger), Err(SlotError::NoSlot(stranger)));
}

#[test]
fn a_power_cut_between_writing_aside_and_renaming_leaves_the_old_marker() {
    let device = Device::new();
    let module = Module::default();
    device.start().0.activate(&module, &version("2.0.0")).unwrap();
    std::fs::write(device.dir.path().join("boot/default~"), b"half a mar").unwrap();
    let (mut markers, boot) = device.start();
    assert_eq!(running(&boot), "2.0.0");
    markers.confirm(&module).unwrap();
    assert_eq!(running(&device.start().1), "2.0.0");
}

/// A device on Trial, its marker's two files and what they hold.
fn on_trial() -> (Device, [std::path::PathBuf; 2], Vec<u8>) {
    let device = Device::new();
    device.start().0.activate(&Module::default(), &version("2.0.0")).unwrap();
    let files = ["boot/default", "boot/default~copy"].map(|name| device.dir.path().join(name));
    let good = std::fs::read(&files[0]).unwrap();
    assert_eq!(std::fs::read(&files[1]).unwrap(), good);
    (device, files, good)
}

fn open(device: &Device) -> Result<BootMarkers, BootError> {
    BootMarkers::open(&Folder::open(device.dir.path()).unwrap(), &modules(), 3)
}

#[test]
fn a_marker_that_rotted_or_is_gone_is_mended_from_its_copy_and_the_other_way_round() {
    let (device, files, good) = on_trial();
    for victim in &files {
        for at in 0..good.len() - 1 {
            let mut rotten = good.clone();
            rotten[at] ^= 1;
            std::fs::write(victim, rotten).unwrap();
            let running = open(&device).unwrap().running();
            assert_eq!((running[0].version.as_str(), running[0].slot), ("2.0.0", Slot::B), "byte {at}");
            assert!(files.iter().all(|file| std::fs::read(file).unwrap() == good), "byte {at}");
        }
        std::fs::remove_file(victim).unwrap();
        assert_eq!(open(&device).unwrap().running()[0].slot, Slot::B);
        assert_eq!(std::fs::read(victim).unwrap(), good);
    }
}

#[test]
fn a_copy_that_a_power_cut_left_behind_is_not_believed() {
    let (device, [_, copy], behind) = on_trial();
    device.start().0.confirm(&Module::default()).unwrap();
    std::fs::write(&copy, &behind).unwrap();
    let (markers, boot) = device.start();
    assert_eq!((running(&boot), boot.trial), ("2.0.0".to_owned(), None));
    assert_eq!(markers.inactive(&Module::default()), Ok(Slot::A));
    assert_ne!(std::fs::read(&copy).unwrap(), behind, "it caught up");
}

#[test]
fn a_copy_that_cannot_be_written_does_not_stop_an_update() {
    let (device, [_, copy], _) = on_trial();
    std::fs::remove_file(&copy).unwrap();
    std::fs::create_dir(&copy).unwrap();
    device.start().0.confirm(&Module::default()).unwrap();
    assert_eq!(device.start().1.trial, None);
}

#[test]
fn a_marker_that_rotted_with_its_copy_is_an_error_that_names_the_file_and_the_next_step() {
    let (device, files, good) = on_trial();
    for file in &files {
        std::fs::write(file, &good[1..]).unwrap();
    }
    let error = open(&device).unwrap_err();
    assert!(matches!(error, BootError::Damaged { .. }), "{error}");
    let text = error.to_string();
    assert!(text.contains("boot/default") && text.contains("remove both"), "{text}");
}
