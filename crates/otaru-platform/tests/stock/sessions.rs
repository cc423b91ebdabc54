//! MQTT sessions as the SDKs hold them (aliyun-iotkit-v3 §0 item 7, §1.2, §4.4; aliyun-link-sdk-v4 §1.5).

use std::time::Duration;

use serde_json::json;
use tokio::time::sleep;

use crate::{
    Platform,
    device::{Device, connect_v3, connect_v4, field},
    image,
};

#[tokio::test(flavor = "multi_thread")]
async fn a_session_with_clean_session_0_that_never_subscribes_again_is_still_told() {
    let platform = Platform::start().await;
    // The first session: everything as SDK v3.2.0 does it, then the link breaks.
    let mut device = platform.connected().await;
    device.inform(r#"{"id":"1","params":{"version":"1.4.2"}}"#).await;
    drop(device);
    platform.campaign("2.0.0", &[&image(100, 1)]).await;
    // It neither subscribes nor reports again, and is told all the same; also by a campaign that starts later.
    let mut device = platform.connected().await;
    assert_eq!(field(&device.push().await, "version"), "2.0.0");
    platform.call("POST", "/campaigns/1/cancel", b"{}").await;
    platform.made("/campaigns", json!({"package_id": 1})).await;
    assert_eq!(field(&device.push().await, "version"), "2.0.0");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_connect_of_sdk_v4_is_taken_as_it_is() {
    let platform = Platform::start().await;
    platform.campaign("2.0.0", &[&image(100, 1)]).await;
    let mut device = Device::with(platform.running.mqtt, &connect_v4()).await;
    assert_eq!(field(&device.push().await, "version"), "2.0.0");
    device.pings().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_download_without_pings_keeps_the_session_as_long_as_progress_comes() {
    let platform = Platform::start().await;
    let campaign = platform.campaign("2.0.0", &[&image(100, 1)]).await;
    // Linkkit's pings wait for its download (aliyun-iotkit-v3 §4.4). Its 60 s are 2 s here: 1.5 times and 1 s slack.
    let mut device = Device::with(platform.running.mqtt, &connect_v3(2)).await;
    device.push().await;
    for step in [0, 6, 12] {
        device.progress(&format!(r#"{{"id":0,"params":{{"step":"{step}","desc":""}}}}"#)).await;
        sleep(Duration::from_millis(2600)).await;
    }
    device.pings().await;
    assert_eq!(platform.task(campaign).await["progress"], 12);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_that_goes_silent_while_it_upgrades_keeps_its_task() {
    let platform = Platform::start().await;
    let campaign = platform.campaign("2.0.0", &[&image(100, 1)]).await;
    let mut device = Device::with(platform.running.mqtt, &connect_v3(1)).await;
    device.push().await;
    device.progress(r#"{"id":0,"params":{"step":"37","desc":""}}"#).await;
    platform.task_in(campaign, "in_progress").await;
    device.until_closed().await;
    let task = platform.task(campaign).await;
    assert_eq!((&task["state"], &task["progress"]), (&json!("in_progress"), &json!(37)));
    let mut device = platform.connected().await;
    device.push().await;
    device.inform(r#"{"id":"1","params":{"version":"2.0.0"}}"#).await;
    platform.task_in(campaign, "succeeded").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn progress_with_id_0_and_ids_as_numbers_or_texts_are_taken() {
    let platform = Platform::start().await;
    let campaign = platform.campaign("2.0.0", &[&image(100, 1)]).await;
    let mut device = platform.connected().await;
    device.push().await;
    // v3.2.0: id text, v3.0 and v3.1: the number 0, v4: a number and a blank (aliyun-iotkit-v3 §2.1, §7).
    for inform in [
        r#"{"id":"1","params":{"version":"1.4.2"}}"#,
        r#"{"id":0,"params":{"version":"1.4.2"}}"#,
        r#"{"id":2, "params":{"version":"1.4.2"}}"#,
    ] {
        device.inform(inform).await;
        device.push().await;
    }
    for (progress, percent) in [
        (r#"{"id":0,"params":{"step":"0","desc":"Enter in downloading state"}}"#, 0),
        (r#"{"id":0,"params":{"step":"37","desc":""}}"#, 37),
        (r#"{"id":0,"params":{"step":"38","desc":"hello"}}"#, 38),
        (r#"{"id":4, "params":{"step":"40","desc":""}}"#, 40),
        (r#"{"id":"5","version":"1.0","params":{"step":41,"desc":""}}"#, 41),
    ] {
        device.progress(progress).await;
        // An answered question behind the report shows that the report was taken.
        assert!(device.asks("3").await.starts_with(r#"{"id":3,"code":200,"data":{"size":100,"#));
        assert_eq!(platform.task(campaign).await["progress"], percent, "{progress}");
    }
    assert!(device.asks(r#""3""#).await.starts_with(r#"{"id":"3","code":200,"data":{"#));
}
