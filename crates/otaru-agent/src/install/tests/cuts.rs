//! Files replaced in place, with the power cut at every step and again at every step of the recovery.

use super::*;
use crate::folder::power;

const NAMES: [&str; 2] = ["app", "data"];

/// A device whose default module is two files; `data` may not exist before the first update.
struct Device {
    dir: tempfile::TempDir,
    had_data: bool,
}

/// What happens after the new version is on Trial.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Verdict {
    Confirm,
    Revert,
}

impl Device {
    /// With version 2 downloaded and proven.
    fn new(had_data: bool) -> Self {
        // In memory where there is such a place: a thousand devices sync all they write.
        let dir = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
        let device = Self { dir, had_data };
        std::fs::create_dir(device.dir.path().join("opt")).unwrap();
        device.write("app", b"old app");
        if had_data {
            device.write("data", b"old data");
        }
        device
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.dir.path().join("opt").join(name)
    }

    fn write(&self, name: &str, bytes: &[u8]) {
        std::fs::write(self.path(name), bytes).unwrap();
    }

    fn read(&self, name: &str) -> Option<Vec<u8>> {
        std::fs::read(self.path(name)).ok()
    }

    fn names(&self) -> Vec<String> {
        let mut names = Folder::open(&self.dir.path().join("opt")).unwrap().names().unwrap();
        names.sort();
        names
    }

    fn installer(&self) -> InPlace {
        InPlace::open(&NAMES.map(|name| self.path(name))).unwrap()
    }

    fn markers(&self) -> Result<BootMarkers, SlotError> {
        let storage = Folder::open(&self.dir.path().join("state")).map_err(|error| medium(&error))?;
        let modules = [(Module::default(), Version::new("1").unwrap())];
        BootMarkers::open(&storage, &modules, 3).map_err(|error| SlotError::Medium(error.to_string()))
    }

    /// What the agent does with a proven package, then a start, then the verdict and another start.
    fn update(&self, verdict: Verdict, install: &mut InPlace) -> Result<(), SlotError> {
        let module = Module::default();
        let mut markers = self.markers()?;
        install.install(Slot::B, &package("2", &[7, 8]))?;
        markers.activate(&module, &Version::new("2").unwrap())?;
        install.settle(&markers.running_one(&module)?)?;
        let mut markers = self.start()?;
        match verdict {
            Verdict::Confirm => markers.confirm(&module)?,
            Verdict::Revert => markers.revert(&module)?,
        }
        install.settle(&markers.running_one(&module)?)?;
        self.start().map(drop)
    }

    fn start(&self) -> Result<BootMarkers, SlotError> {
        let mut markers = self.markers()?;
        markers.start(&BTreeMap::new()).map_err(|error| SlotError::Medium(error.to_string()))?;
        self.installer().settle(&markers.running_one(&Module::default())?)?;
        Ok(markers)
    }

    /// The world must be the old version or the new one, as the marker says.
    fn judge(&self, context: &str) -> Standing {
        let running = self.markers().unwrap().running_one(&Module::default()).unwrap();
        let old_data = self.had_data.then(|| b"old data".to_vec());
        let wanted = match running.version.as_str() {
            "1" => [Some(b"old app".to_vec()), old_data],
            _ => [Some(b"new app".to_vec()), Some(b"new data".to_vec())],
        };
        assert_eq!(NAMES.map(|name| self.read(name)), wanted, "{context}: {running:?}, {:?}", self.names());
        running.standing
    }
}

/// A device whose new version is stored and proven, and its installer.
fn ready(had_data: bool) -> (Device, InPlace) {
    let device = Device::new(had_data);
    let mut install = device.installer();
    install.prepare(Slot::B, &[7, 8], false).unwrap();
    install.store(0, 0, b"new app").unwrap();
    install.store(1, 0, b"new data").unwrap();
    (device, install)
}

#[test]
fn a_power_cut_at_any_step_and_again_in_the_recovery_leaves_the_old_files_or_the_new_ones() {
    let mut cuts = 0;
    for (had_data, verdict) in [
        (true, Verdict::Confirm),
        (true, Verdict::Revert),
        (false, Verdict::Confirm),
        (false, Verdict::Revert),
    ] {
        for first in 0.. {
            let mut done = false;
            for second in 0.. {
                let (device, mut install) = ready(had_data);
                power::cut_after(Some(first));
                let _ = device.update(verdict, &mut install);
                done = !power::is_cut();
                power::cut_after(Some(second));
                let _ = device.start();
                let recovered = !power::is_cut();
                power::cut_after(None);
                // The target's name always leads to a whole file, even before the agent starts again.
                let app = device.read("app").unwrap();
                assert!(app == b"old app" || app == b"new app");
                device.start().unwrap();
                device.judge(&format!("{verdict:?}, cut {first}, then {second}"));
                cuts += 1;
                if recovered {
                    break;
                }
            }
            if done {
                break;
            }
        }
    }
    assert!(cuts > 500, "{cuts} cuts");
}

#[test]
fn a_confirmed_update_leaves_nothing_beside_and_a_reverted_one_is_undone() {
    for (verdict, had_data, standing) in [
        (Verdict::Confirm, true, Standing::Confirmed),
        (Verdict::Revert, true, Standing::FellBack),
        (Verdict::Revert, false, Standing::FellBack),
    ] {
        let (device, mut install) = ready(had_data);
        device.update(verdict, &mut install).unwrap();
        assert_eq!(device.judge("uncut"), standing);
        let wanted: &[&str] = if had_data || verdict == Verdict::Confirm { &NAMES } else { &["app"] };
        assert_eq!(device.names(), wanted);
    }
}

#[test]
fn the_old_file_is_beside_the_new_one_until_that_is_confirmed_and_keeps_its_mode() {
    use std::os::unix::fs::PermissionsExt;
    let (device, mut install) = ready(true);
    std::fs::set_permissions(device.path("app"), std::fs::Permissions::from_mode(0o750)).unwrap();
    let mut markers = device.markers().unwrap();
    install.install(Slot::B, &package("2", &[7, 8])).unwrap();
    assert_eq!(device.read("app").unwrap(), b"old app", "nothing runs before the marker says so");
    markers.activate(&Module::default(), &Version::new("2").unwrap()).unwrap();
    install.settle(&markers.running_one(&Module::default()).unwrap()).unwrap();
    assert_eq!(device.names(), ["app", "app~old", "data", "data~old"]);
    assert_eq!(device.read("app~old").unwrap(), b"old app");
    let mode = std::fs::metadata(device.path("app")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o750);
}

#[test]
fn a_download_under_way_is_kept_over_a_start() {
    let (device, install) = ready(true);
    drop(install);
    device.start().unwrap();
    let mut install = device.installer();
    install.prepare(Slot::B, &[7, 8], true).unwrap();
    assert_eq!(install.read_back(0, ByteRange { start: 0, end: 7 }).unwrap(), b"new app");
}

#[test]
fn a_package_with_another_number_of_files_is_refused_and_a_missing_folder_too() {
    let (_device, mut install) = ready(true);
    for sizes in [&[1][..], &[1, 2, 3], &[]] {
        let refused = install.prepare(Slot::B, sizes, false);
        assert!(matches!(&refused, Err(SlotError::Refused(why)) if why.contains("names 2")), "{refused:?}");
    }
    assert!(InPlace::open(&["/nonexistent/app".into()]).is_err());
}

#[test]
fn a_file_system_without_second_names_gets_a_whole_copy() {
    let dir = tempfile::tempdir().unwrap();
    let folder = Folder::open(dir.path()).unwrap();
    std::fs::write(dir.path().join("app"), b"old app").unwrap();
    folder.copy("app", "app~old").unwrap();
    assert_eq!(std::fs::read(dir.path().join("app~old")).unwrap(), b"old app");
    let mut names = folder.names().unwrap();
    names.sort();
    assert_eq!(names, ["app", "app~old"]);
}
