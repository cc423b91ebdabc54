//! v3 asks for an image and is answered where it asked (aliyun-iotkit-v3 §2.0, §2.2).

use crate::{
    DEVICE, PRODUCT, Platform,
    device::{Device, field},
    image, target,
};

const QUESTION: &str = r#"{"id":"0","params":{"version":"1.4.2"}}"#;

fn topic() -> String {
    format!("/ota/device/request/{PRODUCT}/{DEVICE}")
}

/// The next message there; a campaign that has just begun may push as well.
async fn answer(device: &mut Device) -> String {
    loop {
        let (on, payload) = device.hears().await;
        if on == topic() {
            return payload;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_v3_device_that_asks_on_its_request_topic_is_answered_there_as_its_sdk_reads_it() {
    let platform = Platform::start().await;
    let image = image(5000, 1);
    let campaign = platform.campaign("1.5.0", &[&image]).await;
    let mut device = platform.connected().await;
    device.subscribes(&topic(), 1).await;
    device.tells(&topic(), QUESTION).await;
    let answer = answer(&mut device).await;
    // What the SDK looks at: `message`, the letters `url`, and in `data` version, url, md5 and size; no blank, no escape.
    assert_eq!(field(&answer, "message"), "success");
    assert_eq!((field(&answer, "version"), field(&answer, "size")), ("1.5.0", "5000"));
    assert_eq!(field(&answer, "md5").len(), 32);
    assert!(answer.ends_with(r#","id":"0","message":"success"}"#), "{answer}");
    assert!(!answer.contains([' ', '\\']) && !answer.contains("null"), "{answer}");
    let request =
        format!("GET {} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", target(field(&answer, "url")));
    assert_eq!(platform.ask(request.as_bytes()).await.body, image);
    // The version in a question is no version report.
    let (_, listed) = platform.call("GET", &format!("/products/{PRODUCT}/devices"), b"").await;
    assert_eq!(listed["devices"][0]["versions"], serde_json::json!({}));
    device.inform(r#"{"id":"1","params":{"version":"1.5.0"}}"#).await;
    platform.task_in(campaign, "succeeded").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_v3_device_without_a_task_gets_an_answer_that_its_sdk_passes_over() {
    let platform = Platform::start().await;
    let mut device = platform.connected().await;
    device.subscribes(&topic(), 1).await;
    device.tells(&topic(), QUESTION).await;
    let answer = answer(&mut device).await;
    assert!(!answer.contains("url"), "{answer}");
    assert_eq!(answer, r#"{"id":"0","code":200,"data":{}}"#);
}
