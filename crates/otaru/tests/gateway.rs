//! A gateway and the devices behind it against this program's own platform, with power cuts.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod common;

use std::{
    collections::BTreeMap,
    fs,
    io::{BufRead, BufReader, Lines},
    path::Path,
    process::{Child, ChildStdout, Stdio},
};

use common::{Platform, otaru};
use serde_json::Value;

/// An agent whose events are read.
struct Agent {
    child: Child,
    events: Lines<BufReader<ChildStdout>>,
}

impl Agent {
    fn start(config: &Path) -> Self {
        let mut child = otaru()
            .args(["agent", "--json", "--config"])
            .arg(config)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let events = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, events }
    }

    /// Reads events of devices behind it until `enough` says so, given the device's name and the event.
    fn until(&mut self, mut enough: impl FnMut(&str, &Value) -> bool) {
        for line in self.events.by_ref() {
            let event: Value = serde_json::from_str(&line.unwrap()).unwrap();
            let device = event["sub_device"]["device"].as_str();
            if device.is_some_and(|device| enough(device, &event)) {
                return;
            }
        }
        panic!("the agent ended");
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Bytes that no shift leaves alike.
fn image(len: usize) -> Vec<u8> {
    (0..len as u64).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect()
}

#[test]
fn two_devices_behind_a_killed_gateway_go_on_each_at_its_byte_and_reach_the_campaigns_version() {
    const LEN: usize = 600_000;
    let dir = tempfile::tempdir().unwrap();
    let platform = Platform::start(&dir.path().join("data"));
    platform.answer(&["product", "create", "pump", "--dialect", "aliyun"]);
    platform.answer(&["product", "create", "sensor", "--dialect", "aliyun"]);
    let secret = |product: &str, name: &str| {
        let made = platform.answer(&["device", "create", product, name]);
        made["device_secret"].as_str().unwrap().to_owned()
    };
    let mut text = format!(
        "[device]\nproduct_key = \"pump\"\ndevice_name = \"gw\"\ndevice_secret = \"{}\"\nversion = \"1.0.0\"\n\
         [broker]\naddress = \"{}\"\n[storage]\ndir = \"state\"\n[download]\nmax_bytes_per_second = 500000\n\
         [policy]\ncheckpoint_bytes = 65536\nreport_interval_s = 0\nreport_percent = 1\n",
        secret("pump", "gw"),
        platform.mqtt
    );
    for name in ["s1", "s2"] {
        text += &format!(
            "[[sub_device]]\nproduct_key = \"sensor\"\ndevice_name = \"{name}\"\ndevice_secret = \"{}\"\n\
             version = \"1.0.0\"\n",
            secret("sensor", name)
        );
    }
    let (config, file) = (dir.path().join("gw.toml"), dir.path().join("sensor.bin"));
    fs::write(&config, text).unwrap();
    fs::write(&file, image(LEN)).unwrap();
    let mut agent = Agent::start(&config);
    let mut online = BTreeMap::new();
    agent.until(|name, event| {
        online.insert(name.to_owned(), event["event"] == "online");
        online.len() == 2 && online.values().all(|online| *online)
    });
    let order = ["package", "create", "--product", "sensor", "--version", "2.0.0"];
    let package = platform.answer(&[&order[..], &[file.to_str().unwrap()]].concat());
    let campaign = platform.answer(&["campaign", "create", "--package", &package["id"].to_string()]);

    let mut done: BTreeMap<String, u64> = BTreeMap::new();
    agent.until(|name, event| {
        if let Some(bytes) = event["done"].as_u64() {
            done.insert(name.to_owned(), bytes);
        }
        done.len() == 2 && done.values().all(|bytes| *bytes >= 200_000)
    });
    drop(agent); // SIGKILL

    let mut agent = Agent::start(&config);
    let (mut resumed, mut updated): (BTreeMap<String, u64>, _) = (BTreeMap::new(), BTreeMap::new());
    agent.until(|name, event| {
        if event["event"] == "fetching" {
            assert_eq!(event["resumed"], true, "{event}");
            resumed.insert(name.to_owned(), event["offset"].as_u64().unwrap());
        }
        if event["event"] == "updated" {
            updated.insert(name.to_owned(), event["version"].clone());
        }
        updated.len() == 2
    });
    for (name, offset) in &resumed {
        let lost = done[name].saturating_sub(*offset);
        assert!(lost <= 65_536, "{name} goes on at {offset} of {}", done[name]);
    }
    assert_eq!(resumed.len(), 2);
    let watched = platform.run(&["campaign", "watch", &campaign["id"].to_string()]);
    assert_eq!(watched.status.code(), Some(0), "{watched:?}");
    for name in ["s1", "s2"] {
        let storage = dir.path().join("state/devices/sensor").join(name);
        let slot = otaru_agent::active_folder(&storage, &Default::default()).unwrap().unwrap();
        assert!(fs::read(slot.join("0")).unwrap() == image(LEN), "{name}");
    }
    let sensors = platform.answers(&["device", "list", "sensor"]);
    assert!(sensors.iter().all(|one| one["versions"]["default"] == "2.0.0"), "{sensors:?}");
}
