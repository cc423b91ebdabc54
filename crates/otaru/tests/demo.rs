//! `otaru demo` is the product's main job; it must end well, and say so in JSON.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod common;

use std::{
    fs,
    io::{BufRead, BufReader},
    path::Path,
    process::{ExitStatus, Stdio},
    time::{Duration, Instant},
};

use common::otaru;
use rustix::process::{Pid, Signal, kill_process};
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
fn eight_devices_of_every_dialect_end_on_the_new_version_through_a_power_cut_and_a_wrong_bit() {
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
    let campaigns = named("step")
        .into_iter()
        .filter_map(|step| step["text"].as_str())
        .filter(|text| text.starts_with("campaign"));
    let spans = campaigns.filter(|text| text.ends_with("which speak aliyun, jd, onenet")).count();
    assert_eq!(spans, 1, "one campaign reaches devices of every dialect");
}

#[test]
fn an_image_without_a_middle_is_updated_without_a_power_cut_and_the_demo_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let image = dir.path().join("image.bin");
    fs::write(&image, b"abc").unwrap();
    let (code, events) = events(&["--devices", "3", "--image", image.to_str().unwrap()]);
    assert_eq!(code, Some(0), "{events:?}");
    assert!(events.iter().all(|event| event["event"] != "power_cut"));
    let said = |event: &Value| event["text"].as_str().is_some_and(|text| text.contains("no power is cut"));
    assert!(events.iter().any(said), "{events:?}");
}

#[test]
fn an_image_that_is_not_there_is_named() {
    let output = otaru().args(["demo", "--image", "/no/such/image"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("/no/such/image"));
}

/// The demo with its temporary folder in `dir`, stopped by `signal` once its first download goes on. Gives its exit
/// code and what it said.
fn stopped_by(signal: Signal, dir: &Path) -> (ExitStatus, String) {
    let mut demo = otaru()
        .args(["demo", "--devices", "3", "--json"])
        .env("TMPDIR", dir)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(demo.stdout.take().unwrap()).lines();
    lines
        .find(|line| line.as_ref().is_ok_and(|line| line.contains(r#""event":"progress""#)))
        .unwrap()
        .unwrap();
    kill_process(Pid::from_child(&demo), signal).unwrap();
    lines.for_each(drop);
    let output = demo.wait_with_output().unwrap();
    (output.status, String::from_utf8_lossy(&output.stderr).into_owned())
}

/// The processes that work in `dir`, as Linux tells.
fn processes_in(dir: &Path) -> Vec<String> {
    let dir = dir.to_str().unwrap();
    let processes = fs::read_dir("/proc").unwrap().flatten();
    processes
        .filter_map(|process| fs::read(process.path().join("cmdline")).ok())
        .map(|line| String::from_utf8_lossy(&line).replace('\0', " "))
        .filter(|line| line.contains(dir))
        .collect()
}

#[cfg(target_os = "linux")]
#[test]
fn a_demo_that_is_stopped_leaves_no_process_and_no_folder() {
    let dir = tempfile::tempdir().unwrap();
    for (signal, code) in [(Signal::TERM, 143), (Signal::INT, 130)] {
        let (status, said) = stopped_by(signal, dir.path());
        assert_eq!(status.code(), Some(code), "{said}");
        assert_eq!(processes_in(dir.path()), [""; 0]);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0, "{said}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_demo_that_is_killed_leaves_no_process() {
    let dir = tempfile::tempdir().unwrap();
    let (status, _) = stopped_by(Signal::KILL, dir.path());
    assert_eq!(status.code(), None);
    let until = Instant::now() + Duration::from_secs(30);
    while !processes_in(dir.path()).is_empty() {
        assert!(Instant::now() < until, "{:?}", processes_in(dir.path()));
        std::thread::yield_now();
    }
}

#[test]
fn the_demo_keeps_its_folder_only_where_it_is_empty() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("mine"), b"precious").unwrap();
    let (code, _) = events(&["--devices", "1", "--keep", dir.path().to_str().unwrap()]);
    assert_eq!(code, Some(1));
    assert_eq!(fs::read(dir.path().join("mine")).unwrap(), b"precious");
}
