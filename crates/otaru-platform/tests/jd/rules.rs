//! What JD documents of its platform, as rules of a campaign (jd-iot-engine §7).

use std::time::Duration;

use otaru_fleet::{Hold, Patience, Policy, Rules, TaskState};
use otaru_wire::dialect::{Credentials, DeviceHalf as _, Transport, jd};
use serde_json::json;

use crate::{Device, IDENTIFIER, Platform, SECRET, id};

fn answers_in(seconds: u64) -> Rules {
    Rules { patience: Patience::For(Duration::from_secs(seconds)), ..Rules::default() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_push_that_a_device_of_jd_does_not_answer_in_its_time_has_failed() {
    let platform = Platform::start().await;
    platform.device("acks").await;
    let credentials = Credentials { id: id("acks"), secret: SECRET.to_owned() };
    let login = jd::DEVICE.write_login(&credentials, Transport::Plain);
    let mut acks = Device::connect_as(&platform, "acks", login).await;
    let mut silent = Device::connect(&platform).await;
    let campaign = platform.campaign("2.0.0", Rules { retries: 1, ..answers_in(1) }).await;
    let push = acks.push().await;
    acks.says("upgrade_reply", &json!({"msgId": push["msgId"], "version": "1.0", "code": 200}).to_string())
        .await;
    silent.push().await;
    let failed = platform.task(campaign, IDENTIFIER, |task| task.attempt == 2).await;
    assert_eq!(failed.state, TaskState::Queued, "the next attempt waits for its time");
    assert_eq!(failed.reason.unwrap(), "push failed: the device said nothing about its notice within 1 s");
    let view = platform.view(campaign, "acks").await;
    assert_eq!((view.task.state, view.task.attempt), (TaskState::Notified, 1));
    assert!(matches!(view.hold, Some(Hold::Begin { .. })), "{:?}", view.hold);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_campaign_that_says_nothing_of_it_gives_devices_of_jd_ten_seconds() {
    let platform = Platform::start().await;
    let mut device = Device::connect(&platform).await;
    for (patience, limit) in [(Patience::AsDocumented, Some(10_000)), (Patience::Endless, None)] {
        let campaign = platform.campaign("2.0.0", Rules { patience, ..Rules::default() }).await;
        device.push().await;
        platform.task(campaign, IDENTIFIER, |task| task.state == TaskState::Notified).await;
        let Some(Hold::Answer { since: Some(since), until }) = platform.view(campaign, IDENTIFIER).await.hold
        else {
            panic!("no answer is waited for")
        };
        assert_eq!(until.map(|until| until.0 - since.0), limit);
        platform.service.cancel_campaign(campaign).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_a_device_of_jd_says_answers_its_push() {
    let platform = Platform::start().await;
    let mut device = Device::connect(&platform).await;
    for (leaf, said) in [
        ("upgrade_reply", r#"{"msgId":"1","version":"1.0","code":200}"#),
        ("an/unknown_leaf", r#"{"msgId":"1","code":0}"#),
        ("inform", r#"{"msgId":"2","data":{"firmwareVersion":"1.0.0"}}"#),
        ("get", r#"{"msgId":"3","data":{"firmwareVersion":"2.0.0"}}"#),
    ] {
        let campaign = platform.campaign("2.0.0", answers_in(3600)).await;
        // What the platform answered to the words before may come first.
        while device.hears().await.0 != "upgrade" {}
        device.says(leaf, said).await;
        let task = platform.task(campaign, IDENTIFIER, |task| task.answered_at.is_some()).await;
        assert_eq!(task.state, TaskState::Notified, "{leaf}");
        platform.service.cancel_campaign(campaign).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_policy_of_a_campaign_reaches_the_device() {
    let platform = Platform::start().await;
    let mut device = Device::connect(&platform).await;
    for policy in [Policy::Silent, Policy::Standard] {
        let campaign = platform.campaign("2.0.0", Rules { policy, ..Rules::default() }).await;
        let push = device.push().await;
        assert_eq!(push["data"]["policy"], policy.as_str());
        platform.service.cancel_campaign(campaign).await.unwrap();
    }
}
