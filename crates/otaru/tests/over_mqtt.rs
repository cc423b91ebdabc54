//! A device that fetches its firmware in blocks over MQTT: this program at both ends.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod common;

use std::{
    fs,
    io::{Read, Write},
    net::TcpStream,
    path::Path,
    process::{Child, Stdio},
};

use common::{Platform, otaru};
use serde_json::Value;

/// An agent that runs until it is dropped. It restarts itself into its new version.
struct Agent(Child);

impl Agent {
    fn start(dir: &Path, platform: &Platform, name: &str) -> Self {
        let made = platform.answer(&["device", "create", "pump", name]);
        let (storage, mqtt) = (dir.join(name), &platform.mqtt);
        let secret = made["device_secret"].as_str().unwrap();
        let config = format!(
            "[device]\nproduct_key = \"pump\"\ndevice_name = \"{name}\"\ndevice_secret = \"{secret}\"\n\
             version = \"1.0.0\"\n[broker]\naddress = \"{mqtt}\"\n[storage]\ndir = {storage:?}\n"
        );
        let file = dir.join(format!("{name}.toml"));
        fs::write(&file, config).unwrap();
        let agent = otaru()
            .args(["agent", "--json", "--config"])
            .arg(&file)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Self(agent)
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
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
    let agent = Agent::start(dir.path(), &platform, "p1");
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
