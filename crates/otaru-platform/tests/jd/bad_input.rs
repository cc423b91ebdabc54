//! What devices of JD, or those that say so, get wrong: refused in JD's own form, and nothing changes.

use std::time::Duration;

use otaru_fleet::{CampaignId, Rules, TaskState};
use otaru_platform::{
    links::Grant,
    service::{GrantError, TaskView},
};
use otaru_wire::{
    dialect::Login,
    mqtt::{ClientEvent, CloseReason, Refusal},
};

use crate::{Device, IDENTIFIER, Platform, device::login, id};

/// A campaign whose push the device has heard and begun: it is at 60 %.
async fn begun(platform: &Platform, device: &mut Device, rules: Rules) -> CampaignId {
    let campaign = platform.campaign("2.0.0", rules).await;
    device.push().await;
    let answer = device.asks("progress", r#"{"msgId":"1","data":{"status":0,"progress":60}}"#).await;
    assert_eq!(answer["code"], 200);
    campaign
}

/// What was kept of the device's task before and after must be the same.
async fn unchanged(platform: &Platform, campaign: CampaignId, before: &TaskView) {
    assert_eq!(platform.view(campaign, IDENTIFIER).await.task, before.task);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_login_with_a_wrong_proof_of_an_unknown_device_or_with_names_that_contradict_is_refused_alike() {
    let platform = Platform::start().await;
    let good = login();
    let forged = good.password.replacen('a', "b", 1);
    for login in [
        Login { password: forged, ..good.clone() },
        Login { password: String::new(), ..good.clone() },
        Login { client_id: "pkDemo01.nobody".into(), user_name: "nobody&pkDemo01".into(), ..good.clone() },
        Login { user_name: "idDemo0002&pkDemo01".into(), ..good.clone() },
        Login { client_id: "pkDemo01.a/b".into(), user_name: "a/b&pkDemo01".into(), ..good.clone() },
    ] {
        let mut device = Device::knocking(&platform, login.clone()).await;
        let refused = ClientEvent::Closed(CloseReason::Refused(Refusal::BadLogin));
        assert_eq!(device.event().await, refused, "{login:?}");
    }
    let device = platform.service.device(&id(IDENTIFIER)).await.unwrap();
    assert_eq!(device.device.last_seen_at, None, "nobody was there");
}

/// A login of JD has no time in it (jd-iot-engine §8), so what runs out is a task and its links.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_has_run_out_is_not_existing_for_its_device_and_its_links_are_closed() {
    let platform = Platform::start().await;
    let mut device = Device::connect(&platform).await;
    let campaign =
        begun(&platform, &mut device, Rules { timeout: Duration::from_secs(1), ..Rules::default() }).await;
    let task = platform.task(campaign, IDENTIFIER, |task| task.state.is_end()).await;
    assert!(task.reason.as_deref().is_some_and(|reason| reason.starts_with("timeout")), "{task:?}");
    let answer = device.asks("get", r#"{"msgId":"7","data":{"firmwareVersion":"2.0.0"}}"#).await;
    assert_eq!(
        (&answer["code"], &answer["message"]),
        (&404.into(), &"FirmwareVersion 2.0.0 not existed".into())
    );
    let link = platform.service.grant_file(&Grant::file(id(IDENTIFIER), task.id, 0)).await;
    assert!(matches!(link, Err(GrantError::Closed(TaskState::Failed))), "{link:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_topic_of_another_device_or_of_another_kind_changes_nothing_and_is_not_answered() {
    let platform = Platform::start().await;
    platform.device("idDemo0002").await;
    let mut device = Device::connect(&platform).await;
    let campaign = begun(&platform, &mut device, Rules::default()).await;
    let before =
        [platform.view(campaign, IDENTIFIER).await.task, platform.view(campaign, "idDemo0002").await.task];
    let done = r#"{"msgId":"9","data":{"firmwareVersion":"2.0.0"}}"#;
    for topic in [
        "/sys/pkDemo01/idDemo0002/ota/firmware/version",
        "/sys/pkOther/idDemo0001/ota/firmware/version",
        "/sys/pkDemo01/idDemo0001/thing/event/post",
        "/ota/device/inform/pkDemo01/idDemo0001",
    ] {
        device.says_on(topic, done).await;
    }
    let answer = device.asks("get", r#"{"msgId":"10","data":{"firmwareVersion":"9.9.9"}}"#).await;
    assert_eq!(answer["code"], 404, "the first answer is to this one");
    let after =
        [platform.view(campaign, IDENTIFIER).await.task, platform.view(campaign, "idDemo0002").await.task];
    assert_eq!(after, before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_firmware_that_no_task_has_does_not_exist_and_progress_of_no_task_is_heard_and_changes_nothing() {
    let platform = Platform::start().await;
    let mut device = Device::connect(&platform).await;
    let answer = device.asks("get", r#"{"msgId":"77","data":{"firmwareVersion":"9.9.9"}}"#).await;
    let sheet = r#"{"msgId":"77","code":404,"message":"FirmwareVersion 9.9.9 not existed"}"#;
    assert_eq!(answer.to_string(), serde_json::from_str::<serde_json::Value>(sheet).unwrap().to_string());
    let answer = device.asks("progress", r#"{"msgId":"6","data":{"status":2,"progress":100}}"#).await;
    assert_eq!(answer["code"], 200);
    let campaign = begun(&platform, &mut device, Rules::default()).await;
    let before = platform.view(campaign, IDENTIFIER).await;
    device.asks("get", r#"{"msgId":"78","data":{"firmwareVersion":"9.9.9"}}"#).await;
    unchanged(&platform, campaign, &before).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn progress_out_of_order_is_heard_and_changes_nothing() {
    let platform = Platform::start().await;
    let mut device = Device::connect(&platform).await;
    let campaign = begun(&platform, &mut device, Rules::default()).await;
    let before = platform.view(campaign, IDENTIFIER).await;
    for percent in [59, 7, 60] {
        let late = format!(r#"{{"msgId":"2","data":{{"status":0,"progress":{percent}}}}}"#);
        assert_eq!(device.asks("progress", &late).await["code"], 200);
        unchanged(&platform, campaign, &before).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_result_that_is_repeated_counts_once() {
    let platform = Platform::start().await;
    let mut device = Device::connect(&platform).await;
    let campaign = begun(&platform, &mut device, Rules { retries: 2, ..Rules::default() }).await;
    for _ in 0..3 {
        let failed = r#"{"msgId":"3","data":{"status":"-4","progress":60}}"#;
        assert_eq!(device.asks("progress", failed).await["code"], 200);
    }
    assert_eq!(platform.view(campaign, IDENTIFIER).await.task.attempt, 2);
    let new = r#"{"msgId":"4","data":{"firmwareVersion":"2.0.0"}}"#;
    device.asks("version", new).await;
    let done = platform.view(campaign, IDENTIFIER).await;
    assert_eq!(done.task.state, TaskState::Succeeded);
    for (leaf, said) in [("version", new), ("progress", r#"{"msgId":"5","data":{"status":-1,"progress":0}}"#)]
    {
        assert_eq!(device.asks(leaf, said).await["code"], 200);
        unchanged(&platform, campaign, &done).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_over_the_limit_is_refused_and_a_packet_over_the_limit_ends_the_session() {
    let platform = Platform::start().await;
    let mut device = Device::connect(&platform).await;
    let campaign = begun(&platform, &mut device, Rules::default()).await;
    let before = platform.view(campaign, IDENTIFIER).await;
    let padded = |len: usize| {
        format!(r#"{{"msgId":"5","x":"{}","data":{{"firmwareVersion":"2.0.0"}}}}"#, "x".repeat(len))
    };
    let answer = device.asks("version", &padded(100_000)).await;
    assert_eq!((&answer["code"], &answer["msgId"]), (&400.into(), &0.into()));
    assert!(answer["message"].as_str().unwrap().contains("at most"), "{answer}");
    unchanged(&platform, campaign, &before).await;
    device.says("version", &padded(300_000)).await;
    while !matches!(device.event().await, ClientEvent::Closed(_)) {}
    unchanged(&platform, campaign, &before).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_version_of_more_than_64_characters_and_what_is_no_message_are_refused_in_jds_own_form() {
    let platform = Platform::start().await;
    let mut device = Device::connect(&platform).await;
    let campaign = begun(&platform, &mut device, Rules::default()).await;
    let before = platform.view(campaign, IDENTIFIER).await;
    let long = format!(r#"{{"msgId":"5","data":{{"firmwareVersion":"{}"}}}}"#, "1".repeat(65));
    for leaf in ["version", "get"] {
        let answer = device.asks(leaf, &long).await;
        let sheet = serde_json::json!({"msgId": "5", "code": 400, "message": "version has 65 bytes; at most 64 are allowed"});
        assert_eq!(answer, sheet, "{leaf}");
    }
    for said in
        ["", "[]", "{", r#"{"msgId":"5"}"#, r#"{"msgId":"5","data":{"status":"melted","progress":1}}"#]
    {
        assert_eq!(device.asks("inform", said).await["code"], 400, "{said}");
    }
    unchanged(&platform, campaign, &before).await;
}
