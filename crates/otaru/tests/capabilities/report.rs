//! Report version, receive tasks, progress and errors.

use crate::{
    common::eventually,
    lab::{Lab, image},
};

#[test]
fn report_version_of_every_module_and_again_after_a_power_cut() {
    let lab = Lab::new();
    let mut device = lab.device("p1", "", "[[module]]\nname = \"mcu\"\nversion = \"7\"");
    device.until("online");
    let versions = || lab.platform.answer(&["device", "list", "pump"])["versions"].clone();
    let both = serde_json::json!({ "default": "1.0.0", "mcu": "7" });
    eventually("both versions are known", || versions() == both);
    device.cut_power();
    device.until("online");
    eventually("both versions are still known", || versions() == both);
}

#[test]
fn receive_tasks_in_the_form_of_the_v3_generation_pushed_and_asked_for() {
    let lab = Lab::new();
    let device =
        lab.device("p1", "dialect = \"aliyun-v3\"", "[[module]]\nname = \"mcu\"\nversion = \"1.0.0\"");
    device.until("online");
    // Two modules at once: one is pushed, the other is put aside and asked for on v3's request topic.
    let first = lab.campaign(&lab.package("2.0.0", &[&image(1, 60_000)], &["--digest", "md5"]));
    let second = lab.campaign(&lab.package("3.0.0", &[&image(2, 9)], &["--module", "mcu"]));
    assert_ne!(device.until("updated")["module"], device.until("updated")["module"]);
    lab.task_is(&first, "succeeded");
    lab.task_is(&second, "succeeded");
    assert_eq!(device.running("0"), image(1, 60_000));
}

#[test]
fn receive_tasks_in_the_dialect_of_jd_one_after_the_other() {
    let lab = Lab::speaking("jd");
    let first = lab.package("2.0.0", &[&image(1, 60_000)], &[]);
    let second = lab.package("3.0.0", &[&image(2, 70_000)], &["--digest", "md5"]);
    let mut device = lab.device("idDemo0001", "dialect = \"jd\"", "");
    device.until("online");
    let campaign = lab.campaign(&first);
    assert_eq!(device.until("updated")["version"], "2.0.0");
    assert_eq!(lab.task_is(&campaign, "succeeded")["progress"], 100);
    assert_eq!(device.running("0"), image(1, 60_000));
    device.cut_power();
    device.until("online");
    let campaign = lab.campaign(&second);
    assert_eq!(device.until("updated")["version"], "3.0.0");
    lab.task_is(&campaign, "succeeded");
    assert_eq!(device.running("0"), image(2, 70_000));
}

#[test]
fn receive_tasks_in_the_dialect_of_jd_and_answer_the_push_before_anybody_agreed() {
    let lab = Lab::speaking("jd");
    let device = lab.device("idDemo0001", "dialect = \"jd\"", "[policy]\nmode = \"standard\"");
    device.until("online");
    let package = lab.package("2.0.0", &[&image(1, 5_000)], &[]);
    let order = ["campaign", "create", "--package", &package, "--answer-timeout", "10"];
    let campaign = lab.platform.answer(&order)["id"].to_string();
    device.until("offered");
    let answered =
        |task: serde_json::Value| task["waiting_for"].as_str().is_some_and(|hold| hold.contains("answered"));
    eventually("the push is answered", || answered(lab.task(&campaign)));
    lab.task_is(&campaign, "notified");
}

#[test]
fn progress_reports_by_hand_reach_the_platform_with_their_description() {
    let lab = Lab::new();
    let device = lab.device("p1", "", "[policy]\nmode = \"standard\"");
    device.until("online");
    let campaign = lab.campaign(&lab.package("2.0.0", &[&image(1, 5_000)], &[]));
    device.until("offered");
    device.tell("report default 12 erasing the flash").unwrap();
    eventually("the report arrived", || lab.task(&campaign)["progress"] == 12);
    device.tell("report default -4 the flash is worn out").unwrap();
    let task = lab.task_is(&campaign, "failed");
    assert!(task["reason"].as_str().unwrap().contains("the flash is worn out"), "{task}");
}
