//! Clients that others wrote: mosquitto's, from Debian, as a device of the aliyun dialect.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod common;

use std::process::{Command, Output};

use common::Platform;
use otaru_wire::{
    DeviceId, DeviceName, ProductKey,
    dialect::{Credentials, DeviceHalf, Login, Transport, aliyun},
};

/// A platform whose device `p1` has an open task to version 2.0.0.
struct Field {
    _dir: tempfile::TempDir,
    platform: Platform,
    login: Login,
    campaign: String,
}

const INFORM: &str = "/ota/device/inform/pump/p1";
const UPGRADE: &str = "/ota/device/upgrade/pump/p1";
const REPLY: &str = "/sys/pump/p1/thing/ota/firmware/get_reply";

fn field() -> Field {
    let dir = tempfile::tempdir().unwrap();
    let platform = Platform::start(&dir.path().join("data"));
    platform.answer(&["product", "create", "pump", "--dialect", "aliyun"]);
    let made = platform.answer(&["device", "create", "pump", "p1"]);
    platform.answer(&["device", "create", "pump", "p2"]);
    let firmware = dir.path().join("firmware.bin");
    std::fs::write(&firmware, b"123456789").unwrap();
    let package = platform.answer(&[
        "package",
        "create",
        "--product",
        "pump",
        "--version",
        "2.0.0",
        firmware.to_str().unwrap(),
    ]);
    let campaign =
        platform.answer(&["campaign", "create", "--package", &package["id"].to_string(), "--devices", "p1"]);
    let id = DeviceId { product: ProductKey::new("pump").unwrap(), device: DeviceName::new("p1").unwrap() };
    let secret = made["device_secret"].as_str().unwrap().to_owned();
    let login = aliyun::Device.write_login(&Credentials { id, secret }, Transport::Plain);
    Field { _dir: dir, platform, login, campaign: campaign["id"].to_string() }
}

impl Field {
    /// Runs one of mosquitto's clients, logged in as `p1`.
    fn client(&self, program: &str, args: &[&str]) -> Output {
        let Login { client_id, user_name, password } = &self.login;
        Command::new(program)
            .args(["-h", "127.0.0.1", "-p", self.platform.mqtt_port()])
            .args(["-i", client_id, "-u", user_name, "-P", password])
            .args(args)
            .output()
            .unwrap_or_else(|error| panic!("{program}: {error} (apt-get install mosquitto-clients)"))
    }

    fn device_version(&self) -> serde_json::Value {
        let devices = self.platform.answers(&["device", "list", "pump"]);
        devices.iter().find(|device| device["device_name"] == "p1").unwrap()["versions"].clone()
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
#[ignore = "needs mosquitto_pub"]
fn mosquitto_publishes_a_version_report_and_gets_the_push_it_never_subscribed_to() {
    let field = field();
    for version in ["mqttv311", "mqttv5"] {
        // mosquitto_rr subscribes to its answer topic alone; the push comes on another.
        let report = r#"{"id":1, "params":{"version":"1.0.0"}}"#;
        let output = field.client(
            "mosquitto_rr",
            &["-V", version, "-t", INFORM, "-e", REPLY, "-m", report, "-v", "-W", "10"],
        );
        let said = text(&output.stdout);
        assert!(said.starts_with(UPGRADE), "{version}: {said:?} {}", text(&output.stderr));
        assert!(said.contains(r#""version":"2.0.0""#), "{said}");
    }
    let report = r#"{"id":2, "params":{"version":"1.0.1"}}"#;
    let published = field.client("mosquitto_pub", &["-t", INFORM, "-q", "1", "-m", report]);
    assert!(published.status.success(), "{}", text(&published.stderr));
    // PUBACK says that the report is in the platform's hands, not yet in its database.
    common::eventually("the version is kept", || field.device_version()["default"] == "1.0.1");
}

#[test]
#[ignore = "needs mosquitto_pub"]
fn mosquitto_succeeds_the_task_by_reporting_the_new_version() {
    let field = field();
    for message in [r#"{"id":1, "params":{"version":"1.0.0"}}"#, r#"{"id":2, "params":{"version":"2.0.0"}}"#]
    {
        assert!(field.client("mosquitto_pub", &["-t", INFORM, "-q", "1", "-m", message]).status.success());
    }
    let watched = field.platform.run(&["campaign", "watch", &field.campaign]);
    assert_eq!(watched.status.code(), Some(0), "{}", text(&watched.stdout));
    assert_eq!(
        field.platform.answers(&["task", "list", "--campaign", &field.campaign])[0]["state"],
        "succeeded"
    );
}

#[test]
#[ignore = "needs mosquitto_pub"]
fn a_foreign_topic_is_refused() {
    let field = field();
    let other = "/ota/device/inform/pump/p2";
    let published = field.client(
        "mosquitto_pub",
        &["-V", "mqttv5", "-d", "-t", other, "-q", "1", "-m", r#"{"id":1, "params":{"version":"6.6.6"}}"#],
    );
    assert!(
        text(&published.stdout).contains("RC:135") || text(&published.stderr).contains("Not authorized"),
        "{} {}",
        text(&published.stdout),
        text(&published.stderr)
    );
    let devices = field.platform.answers(&["device", "list", "pump"]);
    let p2 = devices.iter().find(|device| device["device_name"] == "p2").unwrap();
    assert_eq!(p2["versions"], serde_json::json!({}), "nobody speaks for another device");
    for filter in ["/ota/device/upgrade/pump/p2", "#", "/ota/device/upgrade/+/+"] {
        let subscribed = field.client("mosquitto_sub", &["-t", filter, "-W", "5"]);
        assert!(
            text(&subscribed.stderr).contains("All subscription requests were denied"),
            "{filter}: {}",
            text(&subscribed.stderr)
        );
    }
}

#[test]
#[ignore = "needs mosquitto_pub"]
fn a_wrong_password_is_refused() {
    let mut field = field();
    field.login.password = "0".repeat(64);
    let output = field.client("mosquitto_pub", &["-t", INFORM, "-m", "{}"]);
    assert!(!output.status.success());
    assert!(text(&output.stderr).contains("bad user name or password"), "{}", text(&output.stderr));
}
