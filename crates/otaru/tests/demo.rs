//! `otaru demo` is the product's main job; it must end well, and say so in JSON.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod common;

use std::fs;

use common::otaru;
use serde_json::Value;

fn events(args: &[&str]) -> (Option<i32>, Vec<Value>) {
    let output = otaru().arg("demo").args(args).arg("--json").output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let events =
        text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}"))).collect();
    eprint!("{}", String::from_utf8_lossy(&output.stderr));
    (output.status.code(), events)
}

#[test]
fn eight_devices_end_on_the_new_version_through_a_power_cut_and_a_wrong_bit() {
    let dir = tempfile::tempdir().unwrap();
    let image = dir.path().join("image.bin");
    let bytes: Vec<u8> = (0..3_000_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    fs::write(&image, &bytes).unwrap();
    let (code, events) = events(&["--image", image.to_str().unwrap()]);
    assert_eq!(code, Some(0), "{events:?}");
    let summary = events.last().unwrap();
    assert_eq!(summary["event"], "summary");
    assert_eq!(
        (&summary["devices"], &summary["succeeded"], &summary["failed"]),
        (&8.into(), &8.into(), &0.into())
    );
    assert_eq!(summary["bytes_image"], bytes.len() as u64);

    let named = |name: &str| events.iter().filter(move |event| event["event"] == name).collect::<Vec<_>>();
    let (cut, resumed) = (named("power_cut"), named("resumed"));
    assert_eq!((cut.len(), resumed.len()), (1, 1));
    let (cut, resumed) = (cut[0]["offset"].as_u64().unwrap(), resumed[0]["offset"].as_u64().unwrap());
    assert!(resumed > 0, "the device started from zero after its power cut");
    assert_eq!(named("retried").len(), 1, "one digest fails, once");
    // One image a device, one more for the wrong bit, and no more than the power cut can cost.
    let size = bytes.len() as u64;
    let fetched = summary["bytes_downloaded"].as_u64().unwrap();
    let checkpoint = 256 * 1024;
    assert!(fetched >= 8 * size, "{fetched}");
    assert!(fetched <= 9 * size + checkpoint + cut.saturating_sub(resumed) + checkpoint, "{fetched}");
    assert_eq!(named("checked").len(), 8);
}

#[test]
fn the_demo_keeps_its_folder_only_where_it_is_empty() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("mine"), b"precious").unwrap();
    let (code, _) = events(&["--devices", "1", "--keep", dir.path().to_str().unwrap()]);
    assert_eq!(code, Some(1));
    assert_eq!(fs::read(dir.path().join("mine")).unwrap(), b"precious");
}
