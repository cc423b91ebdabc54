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
        let boot = markers.start().unwrap();
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

#[test]
fn a_rotten_marker_is_an_error_that_names_the_file_and_the_next_step() {
    let device = Device::new();
    device.start().0.activate(&Module::default(), &version("2.0.0")).unwrap();
    let path = device.dir.path().join("boot/default");
    let good = std::fs::read(&path).unwrap();
    for at in 0..good.len() - 1 {
        let mut rotten = good.clone();
        rotten[at] ^= 1;
        std::fs::write(&path, rotten).unwrap();
        let storage = Folder::open(device.dir.path()).unwrap();
        let error = BootMarkers::open(&storage, &modules(), 3).unwrap_err();
        assert!(matches!(error, BootError::Damaged { .. }), "byte {at}: {error}");
        assert!(error.to_string().contains("boot/default"), "{error}");
    }
}
