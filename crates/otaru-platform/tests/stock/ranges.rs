//! A first range that belongs to the previous image (aliyun-iotkit-v3 §0 item 9): never a mixture of two.

use crate::{Platform, device::field, image, target};

#[tokio::test(flavor = "multi_thread")]
async fn a_first_range_from_the_previous_image_never_yields_a_mixture() {
    let platform = Platform::start().await;
    let (first, second) = (image(6000, 1), image(5000, 2));
    let done = platform.campaign("2.0.0", &[&first]).await;
    let mut device = platform.connected().await;
    let old_link = field(&device.push().await, "url").to_owned();
    let get = |link: &str, lines: &str| {
        format!("GET {} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{lines}\r\n", target(link))
    };
    let whole = platform.ask(get(&old_link, "Range: bytes=0-\r\n").as_bytes()).await;
    let old_tag = whole.header("Etag").unwrap().to_owned();
    assert!(whole.body == first);
    device.inform(r#"{"id":"1","params":{"version":"2.0.0"}}"#).await;
    platform.task_in(done, "succeeded").await;

    platform.campaign("3.0.0", &[&second]).await;
    let link = field(&device.push().await, "url").to_owned();
    // v3 asks from the size of the image it has just finished.
    let odd = platform.ask(get(&link, &format!("Range: bytes={}-\r\n", first.len())).as_bytes()).await;
    assert_eq!((odd.code, odd.header("Content-Range"), odd.body.len()), (416, Some("bytes */5000"), 0));
    // RFC 9110 §13.1.5: bound to the old image, the range is passed over, wherever it begins.
    for start in [0, 1, 4999, 5000, 6000] {
        let bound = format!("Range: bytes={start}-\r\nIf-Range: {old_tag}\r\n");
        let answer = platform.ask(get(&link, &bound).as_bytes()).await;
        assert_eq!((answer.code, answer.header("Content-Range")), (200, None), "from {start}");
        assert!(answer.body == second, "the whole of the new image");
    }
    // The old link does not lead to the new image.
    let old = platform.ask(get(&old_link, "Range: bytes=3000-\r\n").as_bytes()).await;
    assert_eq!((old.code, old.body.len()), (410, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_v3_device_whose_first_range_was_of_the_previous_image_fails_and_is_helped_by_a_new_campaign() {
    let platform = Platform::start().await;
    let campaign = platform.campaign("2.0.0", &[&image(5000, 1)]).await;
    let mut device = platform.connected().await;
    device.push().await;
    // The digest of what it has cannot be right; v3 sends -3 twice (aliyun-iotkit-v3 §2.3).
    for _ in 0..2 {
        device.progress(r#"{"id":0,"params":{"step":"-3","desc":""}}"#).await;
    }
    platform.task_in(campaign, "failed").await;
    // The answer stands behind the second -3, which would fail a new task.
    assert_eq!(device.asks("9").await, r#"{"id":9,"code":200,"data":{}}"#);
    let again =
        platform.made("/campaigns", serde_json::json!({"package_id": 1})).await["id"].as_u64().unwrap();
    device.push().await;
    device.inform(r#"{"id":"0","params":{"version":"2.0.0"}}"#).await;
    platform.task_in(again, "succeeded").await;
}
