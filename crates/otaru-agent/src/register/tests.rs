//! What is kept of a registration: its mode, its damage, its owner.

use std::os::unix::fs::PermissionsExt;

use otaru_wire::{DeviceName, ProductKey};

use super::*;

const SECRET: &str = "8d2a5c0f9b7e41d6";

fn device(name: &str) -> DeviceId {
    DeviceId { product: ProductKey::new("a1DemoPk001").unwrap(), device: DeviceName::new(name).unwrap() }
}

fn kept() -> (tempfile::TempDir, Folder) {
    let dir = tempfile::tempdir().unwrap();
    let storage = Folder::open(dir.path()).unwrap();
    kept::write(&storage, &device("d1"), &Grant::Secret(SECRET.into())).unwrap();
    (dir, storage)
}

fn mode(dir: &tempfile::TempDir) -> u32 {
    std::fs::metadata(dir.path().join("secret")).unwrap().permissions().mode() & 0o777
}

#[test]
fn what_was_granted_is_kept_with_mode_0600_and_comes_back() {
    let (dir, storage) = kept();
    assert_eq!(mode(&dir), 0o600);
    assert_eq!(read_kept(&storage, &device("d1")).unwrap(), Some(Grant::Secret(SECRET.into())));
    let token = Grant::Token { client_id: "c".into(), token: "t".into() };
    kept::write(&storage, &device("d1"), &token).unwrap();
    assert_eq!(read_kept(&storage, &device("d1")).unwrap(), Some(token));
}

#[test]
fn a_mode_that_is_too_wide_is_narrowed() {
    let (dir, storage) = kept();
    std::fs::set_permissions(dir.path().join("secret"), std::fs::Permissions::from_mode(0o644)).unwrap();
    assert!(read_kept(&storage, &device("d1")).unwrap().is_some());
    assert_eq!(mode(&dir), 0o600);
}

#[test]
fn a_damaged_file_or_another_devices_is_no_secret() {
    let (dir, storage) = kept();
    assert_eq!(read_kept(&storage, &device("d2")).unwrap(), None);
    let good = std::fs::read(dir.path().join("secret")).unwrap();
    for bit in 0..good.len() * 8 {
        let mut rotten = good.clone();
        rotten[bit / 8] ^= 1 << (bit % 8);
        std::fs::write(dir.path().join("secret"), &rotten).unwrap();
        let found = read_kept(&storage, &device("d1")).unwrap();
        // The letters of a checksum may rot into capitals and the line feed after it into another blank, not more.
        assert!(found.is_none() || found == Some(Grant::Secret(SECRET.into())), "bit {bit}");
        assert!(bit >= (good.len() - 1) * 8 || found.is_none(), "bit {bit}");
    }
    for len in 0..good.len() - 1 {
        std::fs::write(dir.path().join("secret"), &good[..len]).unwrap();
        assert_eq!(read_kept(&storage, &device("d1")).unwrap(), None, "{len} bytes");
    }
}

#[test]
fn a_power_cut_at_any_step_of_keeping_leaves_nothing_or_all_of_it() {
    use crate::folder::power;
    for steps in 0.. {
        let dir = tempfile::tempdir().unwrap();
        let storage = Folder::open(dir.path()).unwrap();
        power::cut_after(Some(steps));
        let kept = kept::write(&storage, &device("d1"), &Grant::Secret(SECRET.into()));
        power::cut_after(None);
        let found = read_kept(&storage, &device("d1")).unwrap();
        assert!(found.is_none() || found == Some(Grant::Secret(SECRET.into())));
        if kept.is_ok() {
            assert!(found.is_some() && steps > 2);
            break;
        }
    }
}

#[test]
fn no_secret_shows_in_a_debug_text() {
    let plan = Plan {
        device: device("d1"),
        product_secret: Secret(SECRET.into()),
        way: Way::Mqtt,
        endpoint: Endpoint { host: "iot-0123.mqtt.iothub.aliyuncs.com".into(), port: 1883 },
        tls: None,
        trust: Trust::WebRoots,
        dir: PathBuf::new(),
        seed: 1,
    };
    let granted = Registered::Granted(Grant::Secret(SECRET.into()));
    assert!(!format!("{plan:?}{granted:?}").contains(SECRET));
    assert!(plan.login(Wish::Secret, "1").client_id.ends_with(",instanceId=iot-0123|"));
}
