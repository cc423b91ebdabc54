//! Whole updates, request by request, as each vendor's client does them (onenet §7.2, §8).

use crate::{
    BY_DEVICE, BY_PRODUCT, DEV_ID, METER, PRODUCT, Platform, STUDIO,
    client::{aio, cmiot},
    image,
    paths::{Paths, field},
};
use serde_json::json;

/// Source: onenet §8, the vendor's own example; §9 items 5 and 14: no `manuf`, both versions the same.
#[tokio::test(flavor = "multi_thread")]
async fn the_vendors_example_of_the_first_generation_runs_to_its_end() {
    let platform = Platform::start().await;
    let image = image(9000, 1);
    let campaign = platform.campaign(PRODUCT, "1.4.2", &image).await;
    let ask = async |method: &str, target: &str, body: &str| {
        platform.ask(&aio(method, target, BY_PRODUCT, &[], body)).await.reply().to_owned()
    };
    let done = r#"{"errno":0,"error":"succ"}"#;
    let paths = Paths::token(DEV_ID);
    assert_eq!(ask("POST", &paths.version, r#"{"f_version":"1.0.0","s_version":"1.0.0"}"#).await, done);
    let check = format!("/ota/south/check?type=2&version=1.0.0&cdn=true&dev_id={DEV_ID}");
    let task = ask("GET", &check, "").await;
    assert!(
        task.starts_with(r#"{"errno":0,"error":"succ","data":{"target":"1.4.2","token":"ota_"#),
        "{task}"
    );
    assert_eq!((field(&task, "size"), field(&task, "token").len()), ("9000", 24));
    assert_eq!(field(&task, "ipPort"), platform.running.http.to_string());
    let paths = paths.of_task(field(&task, "token"));
    let mut fetched = Vec::<u8>::new();
    while fetched.len() < image.len() {
        assert_eq!(ask("GET", &paths.task_check, "").await, done);
        let range = format!("Range:{}-{}", fetched.len(), fetched.len() + 4095);
        fetched.extend(platform.ask(&aio("GET", &paths.download, BY_PRODUCT, &[&range], "")).await.piece());
    }
    assert_eq!(fetched, image);
    assert_eq!(ask("POST", &paths.step, r#"{"step":101}"#).await, done);
    assert_eq!(platform.task(campaign).await["state"], "in_progress", "fetched is not upgraded");
    assert_eq!(ask("POST", &paths.step, r#"{"step":201}"#).await, done);
    assert_eq!(platform.task(campaign).await["state"], "succeeded");
    // The power went before it heard that: it asks on, and learns that nothing is left to do.
    assert_eq!(ask("GET", &paths.task_check, "").await, r#"{"errno":20,"error":"task finish"}"#);
    assert_eq!(field(&ask("GET", &check, "").await, "errno"), "11");
}

/// Source: onenet §7.2: a tid check before each piece, on while `status` is below 3, progress, 100 and never 101, then 201.
#[tokio::test(flavor = "multi_thread")]
async fn the_second_vendors_sdk_updates_on_one_connection_in_both_later_generations() {
    for (prefix, done) in [("ota", r#"{"errno":0,"error":"succ""#), ("fuse-ota", r#"{"code":0,"msg":"succ""#)]
    {
        let platform = Platform::start().await;
        let image = image(5000, 2);
        let campaign = platform.campaign(STUDIO, "1.4.2", &image).await;
        let mut client = platform.client().await;
        let mut ask = async |method: &str, target: &str, lines: &[&str], body: &str| {
            client.ask(&cmiot(method, target, BY_DEVICE, lines, body)).await
        };
        let paths = Paths::tid(prefix, STUDIO, METER);
        let reply = ask("POST", &paths.version, &[], r#"{"s_version":"1.0.0"}"#).await;
        assert!(reply.reply().starts_with(done), "{reply:?}");
        let task = ask("GET", &paths.check, &[], "").await;
        assert_eq!(field(task.reply(), "status"), "1");
        let paths = paths.of_task(field(task.reply(), "tid"));
        let mut fetched = Vec::<u8>::new();
        while fetched.len() < image.len() {
            let status = ask("GET", &paths.task_check, &[], "").await;
            assert!(field(status.reply(), "status").parse::<u8>().unwrap() < 3, "{status:?}");
            let range =
                format!("Range: bytes={}-{}", fetched.len(), (fetched.len() + 999).min(image.len() - 1));
            fetched.extend(ask("GET", &paths.download, &[&range], "").await.piece());
            if fetched.len() < image.len() {
                let body = format!(r#"{{"step":{}}}"#, fetched.len() * 100 / image.len());
                assert!(ask("POST", &paths.step, &[], &body).await.reply().starts_with(done));
            }
        }
        assert_eq!(fetched, image);
        assert_eq!(platform.task(campaign).await["progress"], 80);
        for step in [100, 201] {
            let body = format!(r#"{{"step":{step}}}"#);
            assert!(ask("POST", &paths.step, &[], &body).await.reply().starts_with(done), "{step}");
        }
        assert_eq!(platform.task(campaign).await["state"], "succeeded");
    }
}

/// Sources: onenet §6: the version report is the other success signal; §4.1: 12013 after it; §9 item 11.
#[tokio::test(flavor = "multi_thread")]
async fn a_microcontroller_of_the_third_generation_succeeds_by_its_version_alone() {
    let platform = Platform::start().await;
    let campaign = platform.campaign(STUDIO, "1.4.2", b"0123456789").await;
    let paths = Paths::tid("fuse-ota", STUDIO, METER);
    let ask = async |target: &str, lines: &[&str], body: &str| {
        let method = if body.is_empty() { "GET" } else { "POST" };
        platform.ask(&aio(method, target, BY_DEVICE, lines, body)).await
    };
    let task = ask(&paths.check, &[], "").await;
    let text = task.reply();
    assert!(text.contains(r#""code":0"#) && text.contains(r#""msg":"succ""#) && text.contains(r#""tid":"#));
    let paths = paths.of_task(field(text, "tid"));
    let piece = ask(&paths.download, &["Range: bytes=0-"], "").await;
    assert!(piece.head.contains("Ota-Errno: 0"), "{}", piece.head);
    assert_eq!(piece.piece(), b"0123456789");
    ask(&paths.version, &[], r#"{"s_version":"1.4.2"}"#).await.reply();
    assert_eq!(platform.task(campaign).await["state"], "succeeded");
    let again = ask(&paths.check.replace("1.0.0", "1.4.2"), &[], "").await;
    assert!(again.reply().starts_with(r#"{"code":12013,"msg":"task succ","#), "{again:?}");
    assert_eq!(platform.versions(STUDIO, METER).await, json!({"default": "1.4.2"}));
}
