//! A table that replaces what JD never published.

use otaru_fleet::{Rules, TaskState};
use otaru_platform::service::Dialects;
use otaru_wire::{
    dialect::{Login, jd},
    mqtt::{ClientEvent, CloseReason, Refusal},
};

use crate::{Device, IDENTIFIER, Platform, device::login};

const TABLE: &str = r#"{"leaves":{"get":"fetch_info"},"statuses":{"burn_failed":-9,"failed":-5},
    "login":{"client_id":"{identifier}","user_name":"jd:{productKey}/{identifier}","signed":"{clientId}@{productKey}"}}"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_platform_hears_and_admits_devices_by_the_table_that_it_is_given() {
    let table: jd::Unpublished = serde_json::from_str(TABLE).unwrap();
    let platform = Platform::speaking(Dialects::with_jd(table)).await;
    let mut proposed = Device::knocking(&platform, login()).await;
    assert_eq!(proposed.event().await, ClientEvent::Closed(CloseReason::Refused(Refusal::BadLogin)));

    // HMAC-SHA256 of `idDemo0001@pkDemo01` with the device's secret, by another program.
    let password = "f615dc8c9fd0d09bd6386b4b0ed089a2b84930a004c24420ce3ee2e06a440b63".to_owned();
    let login = Login { client_id: IDENTIFIER.into(), user_name: "jd:pkDemo01/idDemo0001".into(), password };
    let mut device = Device::connect_as(&platform, IDENTIFIER, login).await;
    let campaign = platform.campaign("2.0.0", Rules::default()).await;
    device.push().await;
    let answer = device.asks("fetch_info", r#"{"msgId":"7","data":{"firmwareVersion":"2.0.0"}}"#).await;
    assert_eq!((&answer["msgId"], &answer["data"]["size"]), (&"7".into(), &9.into()));
    device.asks("progress", r#"{"msgId":"8","data":{"status":-9,"progress":50}}"#).await;
    let task = platform.task(campaign, IDENTIFIER, |task| task.state.is_end()).await;
    assert_eq!((task.state, task.reason.as_deref()), (TaskState::Failed, Some("writing failed (-4)")));
}
