//! Remote configuration with the bytes of both generations (aliyun-link-sdk-v4 §2.6, aliyun-iotkit-v3 §2.4).

use serde_json::{Value, json};

use crate::{
    DEVICE, PATIENCE, PRODUCT, Platform,
    device::{Device, connect_v4, field},
    target,
};

const BYTES: &[u8] = b"123456789";
/// The SHA-256 of [`BYTES`].
const SIGN: &str = "15e2b0d3c33891ebb0f1ef609ec419420c20e320ce94c65fbc8c3312448eb225";
/// What the v4 demo's own block asks with.
const V4_ASKS: &str = r#"{"id":"123","params":{"configScope":"product","getType":"file"}}"#;
/// What `ITM_MSG_REQUEST_COTA` of v3.2.0 sends.
const V3_ASKS: &str = r#"{"id" : 0,"version":"1.0","params":{"configScope":"product","getType":"file","attributeKeys":""},"method":"thing.config.get"}"#;

fn topic(end: &str) -> String {
    format!("/sys/{PRODUCT}/{DEVICE}/thing/config/{end}")
}

impl Platform {
    async fn set_config(&self) {
        let (_, file) = self.call("PUT", "/files", BYTES).await;
        let body = json!({"sha256": file["sha256"]}).to_string();
        let (status, answer) =
            self.call("PUT", &format!("/products/{PRODUCT}/config"), body.as_bytes()).await;
        assert_eq!(status, 201, "{answer}");
    }

    async fn push_config(&self) {
        let (status, answer) = self.call("POST", &format!("/products/{PRODUCT}/config/push"), b"{}").await;
        assert_eq!((status, &answer["devices"]), (200, &json!(1)), "{answer}");
    }

    async fn config_state(&self) -> Value {
        self.call("GET", &format!("/products/{PRODUCT}/config/devices"), b"").await.1["devices"][0].clone()
    }

    /// Waits until the device's configuration is in this state.
    async fn config_in(&self, state: &str) {
        let wait = async {
            while self.config_state().await["state"] != state {
                tokio::time::sleep(std::time::Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(PATIENCE, wait).await.expect("the configuration gets into that state");
    }
}

impl Device {
    async fn config(&mut self, end: &str) -> String {
        loop {
            let (from, payload) = self.hears().await;
            if from == topic(end) {
                return payload;
            }
            self.passed_over += 1;
        }
    }
}

/// The download as both generations make it.
async fn fetch(platform: &Platform, url: &str) {
    let get =
        format!("GET {} HTTP/1.1\r\nHost: x\r\nRange: bytes=0-\r\nConnection: close\r\n\r\n", target(url));
    let answer = platform.ask(get.as_bytes()).await;
    assert_eq!((answer.code, answer.body.as_slice()), (206, BYTES));
    assert_eq!(answer.header("Content-Length"), Some("9"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_of_either_generation_asks_for_its_configuration_and_is_answered_to_the_byte() {
    let platform = Platform::at(Some("http://ota.example:80")).await;
    let mut device = Device::with(platform.running.mqtt, &connect_v4()).await;
    device.says(&topic("get"), V4_ASKS).await;
    assert_eq!(device.config("get_reply").await, r#"{"id":"123","version":"1.0","code":6710,"data":{}}"#);
    platform.set_config().await;
    for (asks, id) in [(V4_ASKS, "\"123\""), (V3_ASKS, "0")] {
        device.says(&topic("get"), asks).await;
        let answer = device.config("get_reply").await;
        let url = field(&answer, "url");
        let expected = format!(
            r#"{{"id":{id},"version":"1.0","code":200,"data":{{"configId":"cfg-1","configSize":9,"sign":"{SIGN}","signMethod":"Sha256","url":"{url}","getType":"file"}}}}"#
        );
        assert_eq!(answer, expected);
        assert!(target(url).len() <= 200 && !target(url).contains(':'), "{url}");
        fetch(&platform, url).await;
    }
    assert_eq!(platform.config_state().await["state"], "fetched");
    platform.call("DELETE", &format!("/products/{PRODUCT}/config"), b"").await;
    device.says(&topic("get"), V4_ASKS).await;
    assert_eq!(device.config("get_reply").await, r#"{"id":"123","version":"1.0","code":6713,"data":{}}"#);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pushed_configuration_is_fetched_and_its_progress_moves_no_task() {
    let platform = Platform::start().await;
    platform.set_config().await;
    platform.push_config().await;
    let mut device = platform.connected().await;
    let push = device.config("push").await;
    let (url, id) = (field(&push, "url"), field(&push, "id"));
    assert_eq!(
        push,
        format!(
            r#"{{"id":"{id}","version":"1.0","params":{{"configId":"cfg-1","configSize":9,"sign":"{SIGN}","signMethod":"Sha256","url":"{url}","getType":"file"}},"method":"thing.config.push"}}"#
        )
    );
    let campaign = platform.campaign("2.0.0", &[b"firmware"]).await;
    platform.task_in(campaign, "notified").await;
    fetch(&platform, url).await;
    for step in ["0", "61", "100"] {
        device.progress(&format!(r#"{{"id":0,"params":{{"step":"{step}","desc":""}}}}"#)).await;
    }
    // In the same lane: what came before it is processed when it is answered.
    device.asks("1").await;
    let task = platform.task(campaign).await;
    assert_eq!((&task["state"], &task["progress"]), (&json!("notified"), &json!(0)));
    platform.config_in("fetched").await;
    device.progress(r#"{"id":0,"params":{"step":"1","desc":""}}"#).await;
    assert_eq!(platform.task_in(campaign, "in_progress").await["progress"], 1);
}

/// Source: aliyun-iotkit-v3 §2.4: an object's body without its braces, the number bare, the code a text.
#[tokio::test(flavor = "multi_thread")]
async fn the_refusal_of_a_v3_device_is_read_though_it_is_no_json() {
    let platform = Platform::start().await;
    platform.set_config().await;
    platform.push_config().await;
    let mut device = platform.connected().await;
    let push = device.config("push").await;
    let refusal = format!(r#""id":{},"code":"400","data":{{}}"#, field(&push, "id"));
    device.says(&topic("push_reply"), &refusal).await;
    platform.config_in("refused").await;
    assert_eq!(platform.config_state().await["code"], 400);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_configuration_is_not_pushed_into_an_upgrade_and_comes_after_it() {
    let platform = Platform::start().await;
    let campaign = platform.campaign("2.0.0", &[b"firmware"]).await;
    let mut device = platform.connected().await;
    device.progress(r#"{"id":0,"params":{"step":"10","desc":""}}"#).await;
    platform.task_in(campaign, "in_progress").await;
    platform.set_config().await;
    platform.push_config().await;
    let state = platform.config_state().await;
    assert_eq!(state["state"], "waiting", "{state}");
    assert!(state["waiting_for"].as_str().unwrap().contains("in progress"), "{state}");
    device.inform(r#"{"id":"1","params":{"version":"2.0.0"}}"#).await;
    device.config("push").await;
    platform.task_in(campaign, "succeeded").await;
}
