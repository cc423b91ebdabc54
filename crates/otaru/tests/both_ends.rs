//! This program at both ends: firmware in blocks over MQTT, remote configuration, a gateway with devices behind it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod common;

use std::{
    fs,
    io::{Read, Write},
    net::TcpStream,
    path::Path,
};

use common::{Agent, Platform, eventually};
use serde_json::Value;

/// A new device; `more` is what its configuration has beside the needed keys.
fn start(dir: &Path, platform: &Platform, name: &str, more: &str) -> Agent {
    let made = platform.answer(&["device", "create", "pump", name]);
    let (storage, mqtt) = (dir.join(name), &platform.mqtt);
    let secret = made["device_secret"].as_str().unwrap();
    let config = format!(
        "[device]\nproduct_key = \"pump\"\ndevice_name = \"{name}\"\ndevice_secret = \"{secret}\"\n\
         version = \"1.0.0\"\n[broker]\naddress = \"{mqtt}\"\n[storage]\ndir = {storage:?}\n{more}"
    );
    Agent::start(dir, name, &config)
}

/// A counter of the platform, 0 until it was counted.
fn counted(platform: &Platform, name: &str) -> u64 {
    let mut stream = TcpStream::connect(&platform.http).unwrap();
    stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
    let mut page = String::new();
    stream.read_to_string(&mut page).unwrap();
    let value = page.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok());
    value.unwrap_or(0)
}

fn task(platform: &Platform, campaign: &str) -> Value {
    platform.answers(&["task", "list", "--campaign", campaign])[0].clone()
}

/// Is there a file of exactly these bytes below the folder?
fn holds(folder: &Path, bytes: &[u8]) -> bool {
    fs::read_dir(folder).into_iter().flatten().any(|entry| {
        let path = entry.unwrap().path();
        if path.is_dir() { holds(&path, bytes) } else { fs::read(&path).is_ok_and(|found| found == bytes) }
    })
}

#[test]
fn an_agent_is_updated_over_mqtt_without_a_byte_over_http() {
    let dir = tempfile::tempdir().unwrap();
    let platform = Platform::start(&dir.path().join("data"));
    platform.answer(&["product", "create", "pump", "--dialect", "aliyun"]);
    let agent = start(dir.path(), &platform, "p1", "");
    let firmware: Vec<u8> = (0..300_001_u32).map(|at| (at.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let file = dir.path().join("firmware.bin");
    fs::write(&file, &firmware).unwrap();
    let order = ["package", "create", "--product", "pump", "--version", "2.0.0", "--over", "mqtt"];
    let package = platform.answer(&[&order[..], &[file.to_str().unwrap()]].concat());
    let campaign = platform.answer(&["campaign", "create", "--package", &package["id"].to_string()]);
    let campaign = campaign["id"].to_string();
    let watched = platform.run(&["campaign", "watch", &campaign]);
    assert_eq!(watched.status.code(), Some(0), "{} {watched:?}", task(&platform, &campaign));
    assert_eq!(task(&platform, &campaign)["state"], "succeeded");
    assert!(holds(&dir.path().join("p1"), &firmware), "a slot holds the firmware");
    assert!(counted(&platform, "otaru_block_bytes_total") >= firmware.len() as u64);
    assert_eq!(counted(&platform, "otaru_download_bytes_total"), 0);
    drop(agent);
}

#[test]
fn a_pushed_configuration_is_taken_by_an_agent_and_the_platform_hears_so() {
    let dir = tempfile::tempdir().unwrap();
    let platform = Platform::start(&dir.path().join("data"));
    platform.answer(&["product", "create", "pump", "--dialect", "aliyun"]);
    let taken = dir.path().join("taken.conf");
    let _agent = start(dir.path(), &platform, "p1", &format!("[remote_config]\nfile = {taken:?}\n"));
    let file = dir.path().join("pump.conf");
    for text in ["rate = 5\n", "rate = 6\n"] {
        fs::write(&file, text).unwrap();
        let set = platform.answer(&["config", "set", "pump", file.to_str().unwrap()]);
        platform.answer(&["config", "push", "pump"]);
        common::eventually("the configuration is taken", || {
            let device = &platform.answers(&["config", "devices", "pump"])[0];
            device["config_id"] == set["id"] && device["state"] == "taken" && device["code"] == 200
        });
        assert_eq!(fs::read_to_string(&taken).unwrap(), text);
    }
}

#[test]
fn an_agent_that_is_a_gateway_updates_two_devices_behind_it() {
    let dir = tempfile::tempdir().unwrap();
    let platform = Platform::start(&dir.path().join("data"));
    platform.answer(&["product", "create", "pump", "--dialect", "aliyun"]);
    platform.answer(&["product", "create", "sensor", "--dialect", "aliyun"]);
    let mut behind = String::new();
    for name in ["s1", "s2"] {
        let made = platform.answer(&["device", "create", "sensor", name]);
        let secret = made["device_secret"].as_str().unwrap();
        behind += &format!(
            "[[sub_device]]\nproduct_key = \"sensor\"\ndevice_name = \"{name}\"\ndevice_secret = \"{secret}\"\n\
             version = \"1.0.0\"\n"
        );
    }
    let agent = start(dir.path(), &platform, "gw", &behind);
    let sensors = || platform.answers(&["device", "list", "sensor"]);
    eventually("both are online and told their version", || {
        sensors().iter().all(|one| one["online"] == true && one["versions"]["default"] == "1.0.0")
    });
    let gateway = serde_json::json!({"product_key": "pump", "device_name": "gw"});
    assert!(sensors().iter().all(|one| one["gateway"] == gateway));

    let file = dir.path().join("sensor.bin");
    fs::write(&file, b"the sensors' new firmware").unwrap();
    let order = ["package", "create", "--product", "sensor", "--version", "2.0.0"];
    let package = platform.answer(&[&order[..], &[file.to_str().unwrap()]].concat());
    let campaign = platform.answer(&["campaign", "create", "--package", &package["id"].to_string()]);
    let campaign = campaign["id"].to_string();
    let watched = platform.run(&["campaign", "watch", &campaign]);
    assert_eq!(watched.status.code(), Some(0), "{watched:?}");
    assert!(sensors().iter().all(|one| one["versions"]["default"] == "2.0.0"));
    drop(agent);
    eventually("both are offline with their gateway", || sensors().iter().all(|one| one["online"] == false));
}
