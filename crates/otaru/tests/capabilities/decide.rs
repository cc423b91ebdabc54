//! Decide: accept now, postpone, refuse with a reason; silent or standard.

use crate::lab::{Lab, image};

const STANDARD: &str = "[policy]\nmode = \"standard\"";

#[test]
fn decide_standard_waits_for_a_person_before_fetching_and_before_activating() {
    let lab = Lab::new();
    let device = lab.device("p1", "", STANDARD);
    device.until("online");
    let campaign = lab.campaign(&lab.package("2.0.0", &[&image(1, 50_000)], &[]));
    device.until("offered");
    lab.task_is(&campaign, "notified"); // nothing is fetched before somebody agrees

    device.tell("postpone 1").unwrap();
    device.until("offered"); // asked again
    device.tell("accept").unwrap();
    device.until("staged");
    lab.task_is(&campaign, "in_progress");
    device.tell("accept").unwrap();
    assert_eq!(device.until("updated")["version"], "2.0.0");
    lab.task_is(&campaign, "succeeded");
    assert_eq!(device.running("0"), image(1, 50_000));
}

#[test]
fn decide_refuse_ends_the_task_with_the_reason() {
    let lab = Lab::new();
    let device = lab.device("p1", "", STANDARD);
    device.until("online");
    let campaign = lab.campaign(&lab.package("2.0.0", &[&image(1, 5_000)], &[]));
    device.until("offered");
    device.tell("refuse not while the pump runs").unwrap();
    let task = lab.task_is(&campaign, "failed");
    assert!(task["reason"].as_str().unwrap().contains("not while the pump runs"), "{task}");
}

#[test]
fn decide_silent_asks_nobody() {
    let lab = Lab::new();
    let device = lab.device("p1", "", "[policy]\nmode = \"silent\"");
    device.until("online");
    let campaign = lab.campaign(&lab.package("2.0.0", &[&image(1, 5_000)], &[]));
    device.until("updated");
    lab.task_is(&campaign, "succeeded");
}

#[test]
fn decide_cancel_takes_the_task_back_and_an_order_that_is_none_is_told() {
    let lab = Lab::new();
    let device = lab.device("p1", "", STANDARD);
    device.until("online");
    let campaign = lab.campaign(&lab.package("2.0.0", &[&image(1, 5_000)], &[]));
    device.until("offered");
    let error = device.tell("reboot").unwrap_err();
    assert!(error.contains("\"reboot\" is no order"), "{error}");
    device.tell("cancel").unwrap();
    device.until("dropped");
    lab.task_is(&campaign, "failed");
}
