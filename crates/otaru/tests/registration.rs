//! A device that knows only its product's secret registers, logs in and reports: this program at both ends.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod common;

use std::path::Path;

use common::{Agent, Platform, eventually};
use serde_json::Value;

const SECRET: &str = "PsTest0123456789";

/// A device that knows only its product's secret, and how it registers.
fn start(dir: &Path, platform: &Platform, name: &str, how: &str) -> Agent {
    let (storage, mqtt) = (dir.join(name), &platform.mqtt);
    let url = match how {
        "http" => format!("registration_url = \"http://{}\"\n", platform.http),
        _ => String::new(),
    };
    let config = format!(
        "[device]\nproduct_key = \"pump\"\ndevice_name = \"{name}\"\nproduct_secret = \"{SECRET}\"\n\
         registration = \"{how}\"\n{url}version = \"1.0.0\"\n[broker]\naddress = \"{mqtt}\"\n\
         [storage]\ndir = {storage:?}\n"
    );
    Agent::start(dir, name, &config)
}

fn platform(dir: &Path, register: &str) -> Platform {
    let platform = Platform::start(&dir.join("data"));
    platform.answer(&["product", "create", "pump", "--secret", SECRET, "--register", register]);
    platform
}

fn device(platform: &Platform, name: &str) -> Option<Value> {
    platform.answers(&["device", "list", "pump"]).into_iter().find(|device| device["device_name"] == name)
}

fn reports(platform: &Platform, name: &str) {
    eventually(&format!("{name} reports its version"), || {
        device(platform, name)
            .is_some_and(|device| device["online"] == true && device["versions"]["default"] == "1.0.0")
    });
}

#[test]
fn an_agent_registers_over_http_or_mqtt_and_its_next_start_needs_no_registration() {
    let dir = tempfile::tempdir().unwrap();
    let platform = platform(dir.path(), "listed");
    for (name, how) in [("by-http", "http"), ("by-mqtt", "mqtt")] {
        platform.answer(&["device", "create", "pump", name]);
        let agent = start(dir.path(), &platform, name, how);
        reports(&platform, name);
        drop(agent);
        eventually("it is offline", || device(&platform, name).unwrap()["online"] == false);
    }
    platform.answer(&["product", "registration", "pump", "off"]);
    let _agent = start(dir.path(), &platform, "by-mqtt", "mqtt");
    reports(&platform, "by-mqtt");
}

#[test]
fn an_agent_that_nobody_listed_registers_and_logs_in_by_its_token() {
    let dir = tempfile::tempdir().unwrap();
    let platform = platform(dir.path(), "any");
    assert_eq!(device(&platform, "unlisted"), None);
    let agent = start(dir.path(), &platform, "unlisted", "mqtt-unlisted");
    reports(&platform, "unlisted");
    drop(agent);
    eventually("it is offline", || device(&platform, "unlisted").unwrap()["online"] == false);
    let _agent = start(dir.path(), &platform, "unlisted", "mqtt-unlisted");
    reports(&platform, "unlisted");
}
