//! Devices of OneNET, a real agent and a real platform: updates by calls, power cuts, cancels, and the notice over MQTT.

use serde_json::Value;

use crate::{
    common::eventually,
    lab::{Device, Lab, image},
};

const GENERATIONS: [&str; 3] = ["onenet-token", "onenet-tid", "onenet-fuse"];

const QUICK: &str =
    "[policy]\npoll_interval_s = 0.3\nrange_bytes = 65536\ncheckpoint_bytes = 65536\nreport_interval_s = 0\n";

/// Makes a device of that generation and starts it, without a session unless `more_ways` has one.
fn device(lab: &Lab, generation: &str, name: &str, more_ways: &str, more: &str) -> Device {
    let made = lab.platform.answer(&["device", "create", "pump", name]);
    let key = made["device_secret"].as_str().unwrap();
    let keys = format!("dialect = \"{generation}\"\ndevice_secret = \"{key}\"");
    let way = format!("[platform]\nurl = \"http://{}\"\n{more_ways}", lab.platform.http);
    lab.start_by(&way, name, &keys, more)
}

/// Waits until the platform knows what the device runs: only then a campaign has a Task for it.
fn known(lab: &Lab, version: &str) {
    let versions = || lab.platform.answer(&["device", "list", "pump"])["versions"]["default"].clone();
    eventually(&format!("version {version} is known"), || versions() == version);
}

fn canceled(task: &Value) -> bool {
    task["state"] == "canceled"
}

#[test]
fn receive_tasks_by_calls_in_each_generation_of_onenet() {
    for (at, generation) in GENERATIONS.into_iter().enumerate() {
        let lab = Lab::speaking("onenet");
        let device = device(&lab, generation, "700100200", "", QUICK);
        device.until("online");
        known(&lab, "1.0.0");
        let bytes = image(at as u32, 300_001);
        let campaign = lab.campaign(&lab.package("2.0.0", &[&bytes], &["--digest", "md5"]));
        assert_eq!(device.until("updated")["version"], "2.0.0", "{generation}");
        let task = lab.task_is(&campaign, "succeeded");
        assert_eq!(task["progress"], 100, "{generation}");
        assert_eq!(device.running("0"), bytes, "{generation}");
        known(&lab, "2.0.0");
    }
}

#[test]
fn report_steps_in_the_order_that_a_strict_platform_wants() {
    for generation in GENERATIONS {
        let lab = Lab::speaking_with("onenet", &["--onenet-strict"]);
        let mut device = device(&lab, generation, "700100200", "", QUICK);
        device.until("online");
        known(&lab, "1.0.0");
        let campaign = lab.campaign(&lab.package("2.0.0", &[&image(7, 200_000)], &["--digest", "md5"]));
        device.until("fetching");
        device.cut_power();
        device.until("updated");
        lab.task_is(&campaign, "succeeded");
        assert_eq!(device.running("0"), image(7, 200_000), "{generation}");
    }
}

#[test]
fn download_by_calls_goes_on_at_its_byte_after_a_power_cut() {
    for generation in ["onenet-token", "onenet-fuse"] {
        let lab = Lab::speaking("onenet");
        let more = format!("{QUICK}[download]\nmax_bytes_per_second = 400000");
        let mut device = device(&lab, generation, "700100200", "", &more);
        device.until("online");
        known(&lab, "1.0.0");
        let campaign = lab.campaign(&lab.package("2.0.0", &[&image(1, 700_000)], &["--digest", "md5"]));
        while device.until("progress")["done"].as_u64().unwrap() < 200_000 {}
        device.cut_power();
        let fetching = device.until("fetching");
        assert!(
            fetching["resumed"] == true && fetching["offset"].as_u64().unwrap() >= 131_072,
            "{generation}: {fetching}"
        );
        device.until("updated");
        lab.task_is(&campaign, "succeeded");
        assert_eq!(device.running("0"), image(1, 700_000));
    }
}

#[test]
fn a_notice_over_mqtt_makes_a_device_ask_at_once() {
    for generation in ["onenet-tid", "onenet-fuse"] {
        let lab = Lab::speaking("onenet");
        // Without the notice it would ask again in an hour.
        let more = "[policy]\npoll_interval_s = 3600";
        let device = device(&lab, generation, "meter-01", &lab.broker(), more);
        device.until("online");
        known(&lab, "1.0.0");
        eventually("its session is up", || {
            lab.platform.answer(&["device", "list", "pump"])["online"] == true
        });
        let campaign = lab.campaign(&lab.package("2.0.0", &[&image(2, 50_000)], &["--digest", "md5"]));
        device.until("updated");
        lab.task_is(&campaign, "succeeded");
        assert_eq!(device.running("0"), image(2, 50_000));
    }
}

#[test]
fn a_canceled_campaign_stops_a_download_by_calls_without_a_failure() {
    for generation in GENERATIONS {
        let lab = Lab::speaking("onenet");
        let more = format!("{QUICK}[download]\nmax_bytes_per_second = 100000");
        let device = device(&lab, generation, "700100200", "", &more);
        device.until("online");
        known(&lab, "1.0.0");
        let campaign = lab.campaign(&lab.package("2.0.0", &[&image(3, 2_000_000)], &["--digest", "md5"]));
        while device.until("progress")["done"].as_u64().unwrap() < 100_000 {}
        lab.platform.answer(&["campaign", "cancel", &campaign]);
        let dropped = device.until("dropped");
        assert!(!dropped["reason"].as_str().unwrap().is_empty(), "{dropped}");
        let task = lab.task(&campaign);
        assert!(canceled(&task), "{generation}: {task}");
        // It is there for the next one.
        let campaign = lab.campaign(&lab.package("3.0.0", &[&image(4, 5_000)], &["--digest", "md5"]));
        assert_eq!(device.until("updated")["version"], "3.0.0");
        lab.task_is(&campaign, "succeeded");
    }
}

#[test]
fn a_person_decides_on_a_device_without_a_session() {
    let lab = Lab::speaking("onenet");
    let more = "[policy]\nmode = \"standard\"\npoll_interval_s = 3600";
    let device = device(&lab, "onenet-fuse", "meter-01", "", more);
    device.until("online");
    known(&lab, "1.0.0");
    let campaign = lab.campaign(&lab.package("2.0.0", &[&image(5, 5_000)], &["--digest", "md5"]));
    device.tell("ask-task default").unwrap();
    device.until("offered");
    device.tell("refuse not today").unwrap();
    lab.task_is(&campaign, "failed");
    let campaign = lab.campaign(&lab.package("3.0.0", &[&image(6, 5_000)], &["--digest", "md5"]));
    device.tell("ask-task default").unwrap();
    assert_eq!(device.until("offered")["version"], "3.0.0");
    device.tell("accept").unwrap();
    device.until("staged");
    device.tell("accept").unwrap();
    device.until("updated");
    lab.task_is(&campaign, "succeeded");
}
