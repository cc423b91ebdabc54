//! What scripts may rely on: commands, JSON, exit codes.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod common;

use std::fs;

use common::{Platform, otaru};
use serde_json::json;

/// A platform with product `pump`, device `p1` and a firmware file.
fn with_pump() -> (tempfile::TempDir, Platform, String) {
    let dir = tempfile::tempdir().unwrap();
    let platform = Platform::start(&dir.path().join("data"));
    platform.answer(&["product", "create", "pump", "--dialect", "aliyun"]);
    platform.answer(&["device", "create", "pump", "p1"]);
    let firmware = dir.path().join("firmware.bin");
    fs::write(&firmware, b"123456789").unwrap();
    let firmware = firmware.to_str().unwrap().to_owned();
    (dir, platform, firmware)
}

#[test]
fn every_command_answers_with_the_promised_fields() {
    let (_dir, platform, firmware) = with_pump();
    let product = platform.answer(&["product", "create", "valve", "--dialect", "aliyun"]);
    assert_eq!(product["product_key"], "valve");
    assert!(product["product_secret"].as_str().is_some_and(|secret| secret.len() >= 16));
    let device = platform.answer(&["device", "create", "pump", "p2"]);
    assert_eq!((&device["product_key"], &device["device_name"]), (&json!("pump"), &json!("p2")));
    assert!(device["device_secret"].as_str().is_some_and(|secret| secret.len() >= 32));
    let package =
        platform.answer(&["package", "create", "--product", "pump", "--version", "2.0.0", &firmware]);
    let id = package["id"].to_string();
    let campaign = platform.answer(&["campaign", "create", "--package", &id, "--devices", "p1"]);
    let tasks = platform.answers(&["task", "list", "--campaign", &campaign["id"].to_string()]);
    assert_eq!(tasks.len(), 1);
    assert_eq!(tasks[0]["device"], "p1");
    assert_eq!(tasks[0]["state"], "queued");
    assert_eq!(tasks[0]["progress"], 0);
    assert!(tasks[0].get("reason").is_some());
}

#[test]
fn a_campaigns_rules_are_ordered_shown_and_held_to_their_limits() {
    let (_dir, platform, firmware) = with_pump();
    let package =
        platform.answer(&["package", "create", "--product", "pump", "--version", "2.0.0", &firmware]);
    let id = package["id"].to_string();
    let create = |rules: &[&str]| platform.run(&[&["campaign", "create", "--package", &id], rules].concat());
    for (rules, word) in [
        (&["--retries", "6"][..], "0 to 5"),
        (&["--retries", "1", "--retry-interval", "4321"], "0 to 4320"),
        (&["--answer-timeout", "3601"], "1 s to 3600 s"),
        (&["--valid-days", "31"], "1 to 30"),
    ] {
        let refused = create(rules);
        let error = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(!refused.status.success() && error.contains(word), "{rules:?}: {error}");
    }
    assert_eq!(create(&["--retry-interval", "5"]).status.code(), Some(2), "an interval of what?");
    assert!(platform.answers(&["campaign", "list"]).is_empty());
    let rules = ["--retries", "3", "--retry-interval", "30", "--valid-days", "7", "--answer-timeout", "10"];
    assert!(create(&rules).status.success());
    let campaign = platform.answer(&["campaign", "list"]);
    let shown =
        ["retries", "retry_interval_minutes", "answer_timeout_seconds"].map(|rule| campaign[rule].clone());
    assert_eq!(shown, [json!(3), json!(30), json!(10)]);
    let lasts = campaign["expires_ms"].as_u64().unwrap() - campaign["created_ms"].as_u64().unwrap();
    assert_eq!(lasts, 7 * 24 * 3600 * 1000);
    let task = platform.answer(&["task", "list", "--campaign", "1"]);
    assert_eq!(
        (&task["attempt"], &task["attempts"], &task["retry_ms"]),
        (&json!(1), &json!(4), &json!(null))
    );
}

#[test]
fn registration_is_off_until_it_is_switched_on_and_brings_the_secret_of_the_firmware() {
    let (_dir, platform, _) = with_pump();
    assert_eq!(platform.answers(&["product", "list"])[0]["registration"]["devices"], "off");
    let made = platform.answer(&[
        "product",
        "create",
        "valve",
        "--secret",
        "PsTest0123456789",
        "--register",
        "listed",
        "--register-again",
    ]);
    assert_eq!(made["product_secret"], "PsTest0123456789");
    let listed = &platform.answers(&["product", "list"])[1];
    assert_eq!(listed["registration"], json!({"devices": "listed", "again": true}));
    let changed = platform.answer(&["product", "registration", "valve", "any"]);
    assert_eq!(changed, json!({"devices": "any", "again": false}));
    assert_eq!(platform.run(&["product", "registration", "nobody", "any"]).status.code(), Some(66));
    assert_eq!(platform.run(&["product", "registration", "valve", "on"]).status.code(), Some(2));
}

#[test]
fn a_configuration_is_set_pushed_followed_and_switched_off() {
    let (_dir, platform, file) = with_pump();
    let set = platform.answer(&["config", "set", "pump", &file]);
    assert_eq!((&set["id"], &set["size"]), (&json!(1), &json!(9)));
    let pushed = platform.answer(&["config", "push", "pump", "--devices", "p1,p9"]);
    assert_eq!((&pushed["devices"], &pushed["unknown"]), (&json!(1), &json!(["p9"])));
    let devices = platform.answers(&["config", "devices", "pump"]);
    assert_eq!((&devices[0]["device"], &devices[0]["state"]), (&json!("p1"), &json!("waiting")));
    assert!(devices[0]["waiting_for"].as_str().is_some_and(|hold| hold.contains("offline")));
    let listed = platform.answer(&["config", "list", "pump"]);
    assert_eq!((&listed["on"], &listed["versions"][0]["sha256"]), (&json!(true), &set["sha256"]));
    assert_eq!(platform.answer(&["config", "off", "pump"])["on"], false);
    assert_eq!(platform.run(&["config", "push", "pump"]).status.code(), Some(73), "it is off");
    assert_eq!(platform.run(&["config", "list", "nothing"]).status.code(), Some(66));
}

#[test]
fn a_package_goes_over_mqtt_if_it_is_told_to_and_its_files_are_small_enough() {
    let (dir, platform, firmware) = with_pump();
    let large = dir.path().join("large.bin");
    fs::write(&large, vec![1; (16 << 20) + 1]).unwrap();
    let order = ["package", "create", "--product", "pump", "--version", "2.0.0", "--over", "mqtt"];
    let package = |file: &str| platform.run(&[&order[..], &[file]].concat());
    let refused = package(large.to_str().unwrap());
    assert!(String::from_utf8_lossy(&refused.stderr).contains("16777216"), "{refused:?}");
    let made = package(&firmware);
    assert_eq!(made.status.code(), Some(0));
    assert!(String::from_utf8_lossy(&made.stderr).contains("v3 generation"), "its maker is warned");
    assert_eq!(platform.answers(&["package", "list"])[0]["over"], "mqtt");
}

#[test]
fn the_token_is_shown_at_the_first_start_only_and_goes_on_working() {
    let dir = tempfile::tempdir().unwrap();
    let first = Platform::start(dir.path());
    let token = first.token.clone().expect("the first start makes a token");
    first.answer(&["product", "create", "pump", "--dialect", "aliyun"]);
    assert_eq!(first.stop(), Some(0));
    let mut second = Platform::start(dir.path());
    assert_eq!(second.token, None);
    second.token = Some(token);
    assert_eq!(second.answers(&["product", "list"]).len(), 1);
}

#[test]
fn errors_name_what_was_wrong_and_have_their_exit_code() {
    let (dir, platform, firmware) = with_pump();
    let package =
        |args: &[&str]| platform.run(&[&["package", "create", "--version", "2.0.0"], args].concat());
    let cases = [
        (platform.run(&["product", "create", "pump"]), 73, "pump"),
        (platform.run(&["device", "create", "nothing", "p1"]), 66, "nothing"),
        (platform.run(&["campaign", "create", "--package", "99"]), 66, "99"),
        (platform.run(&["campaign", "watch", "99"]), 66, "99"),
        (package(&["--product", "nothing", &firmware]), 66, "nothing"),
        (package(&["--product", "pump"]), 2, "FILE"),
        (package(&["--product", "pump", "/no/such/file"]), 1, "/no/such/file"),
        (platform.run(&["product", "create", "a/b"]), 2, "product key"),
    ];
    for (output, code, word) in cases {
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{error}");
        assert!(error.contains(word), "{error:?} does not name {word:?}");
    }
    let empty = dir.path().join("empty.bin");
    fs::write(&empty, b"").unwrap();
    let output = package(&["--product", "pump", empty.to_str().unwrap()]);
    assert!(String::from_utf8_lossy(&output.stderr).contains("is empty"));
    assert!(platform.answers(&["package", "list"]).is_empty(), "a refused package must leave nothing");
}

#[test]
fn a_missing_platform_and_a_wrong_token_are_told_apart() {
    let dir = tempfile::tempdir().unwrap();
    let mut platform = Platform::start(dir.path());
    platform.token = Some("wrong".into());
    assert_eq!(platform.run(&["product", "list"]).status.code(), Some(77));
    let unreachable =
        otaru().args(["product", "list", "--url", "http://127.0.0.1:1", "--token", "t"]).output().unwrap();
    assert_eq!(unreachable.status.code(), Some(69));
    assert!(String::from_utf8_lossy(&unreachable.stderr).contains("otaru serve"));
}

#[test]
fn a_refused_upload_says_why_however_large_the_file_is() {
    let dir = tempfile::tempdir().unwrap();
    let mut platform = Platform::start(&dir.path().join("data"));
    let upload = |platform: &Platform, size: u64| {
        let path = dir.path().join("firmware.bin");
        fs::File::create(&path).unwrap().set_len(size).unwrap();
        let path = path.to_str().unwrap();
        let output = platform.run(&["package", "create", "--product", "pump", "--version", "2.0.0", path]);
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let (code, error) = upload(&platform, 5 << 30);
    assert_eq!(code, Some(1), "{error}");
    assert!(error.contains("5368709120"), "the platform's own words name the size: {error}");
    platform.token = Some("wrong".into());
    let (code, error) = upload(&platform, 64 << 20);
    assert_eq!(code, Some(77), "{error}");
    assert!(error.contains("OTARU_TOKEN"), "{error}");
}

#[test]
fn a_large_campaign_is_watched_by_its_counts() {
    let (_dir, platform, firmware) = with_pump();
    for n in 2..=31 {
        platform.answer(&["device", "create", "pump", &format!("p{n}")]);
    }
    let package =
        platform.answer(&["package", "create", "--product", "pump", "--version", "2.0.0", &firmware]);
    let campaign = platform.answer(&["campaign", "create", "--package", &package["id"].to_string()]);
    let id = campaign["id"].to_string();
    platform.answer(&["campaign", "cancel", &id]);
    let watched = platform.run(&["campaign", "watch", &id]);
    assert_eq!(watched.status.code(), Some(20));
    let said = String::from_utf8_lossy(&watched.stdout).into_owned();
    assert_eq!(said, format!("31 canceled\ncampaign {id} canceled: 31 canceled\n"));
    let watched = platform.run(&["campaign", "watch", &id, "--json"]);
    assert_eq!(
        String::from_utf8_lossy(&watched.stdout).lines().count(),
        32,
        "programs are told of each task"
    );
}

#[test]
fn links_to_an_address_that_stands_for_all_are_a_wrong_configuration() {
    let dir = tempfile::tempdir().unwrap();
    let output = otaru()
        .args(["serve", "--mqtt", "127.0.0.1:0", "--http", "0.0.0.0:0", "--data"])
        .arg(dir.path())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(78));
    assert!(String::from_utf8_lossy(&output.stderr).contains("--public-url"));
}

#[test]
fn a_second_platform_on_the_same_folder_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let _first = Platform::start(dir.path());
    let second = otaru()
        .args(["serve", "--mqtt", "127.0.0.1:0", "--http", "127.0.0.1:0", "--data"])
        .arg(dir.path())
        .output()
        .unwrap();
    assert!(!second.status.success());
    assert!(String::from_utf8_lossy(&second.stderr).contains(dir.path().to_str().unwrap()));
}

#[test]
fn a_closed_pipe_is_a_quiet_success() {
    let (_dir, platform, _firmware) = with_pump();
    let output = std::process::Command::new("sh")
        .args(["-c", "\"$0\" product list --json | true", env!("CARGO_BIN_EXE_otaru")])
        .env("OTARU_URL", format!("http://{}", platform.http))
        .env("OTARU_TOKEN", platform.token.as_deref().unwrap())
        .output()
        .unwrap();
    assert!(output.status.success());
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
}
