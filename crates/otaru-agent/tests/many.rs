//! As many devices behind a gateway as there may be.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod common;

use std::collections::BTreeSet;

use common::{Platform, agent::*, behind::*};
use otaru_agent::AgentEvent;
use otaru_wire::MAX_SUB_DEVICES;

/// More than this for one device at rest is a mistake.
const MOST_BYTES: u64 = 16 * 1024;

/// Not a test of its own: what an `AgentProcess` runs.
#[test]
fn the_agent_process() {
    common::agent::become_an_agent();
}

/// Bytes of memory and open files of a gateway with so many devices, all of them logged in.
#[cfg(target_os = "linux")]
fn at_rest(devices: usize) -> (u64, usize) {
    let platform = Platform::start(None);
    let names: Vec<String> = (0..devices).map(|n| format!("sub-{n}")).collect();
    let tables: String = names.iter().map(|name| table(name, "")).collect();
    let device = Device::new(&platform, &tables);
    for name in &names {
        platform.expect(name, None);
    }
    let mut process = device.process();
    let mut online = BTreeSet::new();
    process.until_told(|told| {
        if matches!(told.event, AgentEvent::Online) {
            online.insert(told.sub_device.clone());
        }
        online.len() == devices + 1
    });
    platform.wait("all have said what they run", |world| {
        world.behind.values().all(|behind| behind.reports.len() == 1 && behind.logins == 1)
    });
    let folder = device.folder_of("sub-0");
    assert!(!folder.exists(), "a device at rest takes no place in the storage");
    let of = |file: &str| format!("/proc/{}/{file}", process.child.id());
    let status = std::fs::read_to_string(of("status")).unwrap();
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    let kib: u64 = resident.trim().trim_end_matches(" kB").parse().unwrap();
    (kib * 1024, std::fs::read_dir(of("fd")).unwrap().count())
}

#[test]
#[cfg(target_os = "linux")]
fn as_many_devices_as_there_may_be_are_at_rest_in_little_memory_and_without_open_files() {
    let (few_bytes, few_files) = at_rest(1);
    let (bytes, files) = at_rest(MAX_SUB_DEVICES);
    let each = bytes.saturating_sub(few_bytes) / (MAX_SUB_DEVICES as u64 - 1);
    println!(
        "a device at rest behind a gateway: {each} bytes; a gateway of {MAX_SUB_DEVICES}: {bytes} bytes, {files} open files"
    );
    assert!(each <= MOST_BYTES, "{each} bytes a device");
    assert!(files <= few_files + 2, "{files} open files, {few_files} with one device");
}
