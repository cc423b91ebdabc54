//! Products and devices of OneNET, as operators make them.

use serde_json::{Value, json};

use super::api::Operators;

const KEY: &str = "S2V5T2ZUaGVGYWN0U2hlZXRTZXJ2ZXJUZXN0MDAwMQ==";

fn message(answer: &(u16, Value)) -> &str {
    answer.1["error"]["message"].as_str().unwrap()
}

#[tokio::test]
async fn access_keys_are_brought_along_as_they_are_printed_or_made_and_a_text_that_is_none_is_refused() {
    let operators = Operators::new().await;
    let product =
        |key: &str, secret: Value| json!({"product_key": key, "dialect": "onenet", "product_secret": secret});
    let made = operators.post("/products", product("123123", json!(KEY))).await;
    assert_eq!((made.0, &made.1["product_secret"]), (201, &json!(KEY)));
    let made = operators.post("/products", product("123124", Value::Null)).await.1;
    assert_eq!(made["product_secret"].as_str().unwrap().len(), 44, "32 bytes in base64: {made}");
    let refused = operators.post("/products", product("123125", json!("8f0d-3c5e"))).await;
    assert!(
        message(&refused).contains("bring the access key as the vendor's console prints it"),
        "{refused:?}"
    );
    Operators::refused(refused, (400, "bad_secret"));
    let device = json!({"device_name": "700100200", "device_secret": "no base64!"});
    Operators::refused(operators.post("/products/123123/devices", device).await, (400, "bad_secret"));
    let device = json!({"device_name": "700100200", "device_secret": KEY});
    assert_eq!(operators.post("/products/123123/devices", device).await.1["device_secret"], KEY);
}

#[tokio::test]
async fn a_serial_is_of_one_device_of_a_product() {
    let operators = Operators::new().await;
    operators.post("/products", json!({"product_key": "123123", "dialect": "onenet"})).await;
    let device = |name: &str, serial: &str| json!({"device_name": name, "serial": serial});
    assert_eq!(operators.post("/products/123123/devices", device("7001", "SN 1")).await.0, 201);
    let again = operators.post("/products/123123/devices", device("7002", "SN 1")).await;
    assert!(message(&again).contains("has this serial"), "{again:?}");
    Operators::refused(again, (409, "conflict"));
    let empty = operators.post("/products/123123/devices", device("7002", "")).await;
    Operators::refused(empty, (400, "bad_json"));
}

#[tokio::test]
async fn what_cannot_be_told_in_this_dialect_is_refused_with_the_product_and_the_reason() {
    let operators = Operators::new().await;
    operators.post("/products", json!({"product_key": "123123", "dialect": "onenet"})).await;
    let sha256 = operators.upload(b"123456789").await;
    let order = |module: &str, over: &str| {
        let files = json!([{"sha256": sha256, "name": "a.bin"}]);
        json!({"product_key": "123123", "version": "2.0.0", "module": module, "over": over, "files": files})
    };
    for (order, why) in [
        (
            order("mcu", "http"),
            "product 123123 speaks onenet, which cannot tell its devices of this: it has no module mcu",
        ),
        (order("modem", "mqtt"), "over HTTP only"),
    ] {
        let refused = operators.post("/packages", order).await;
        assert!(message(&refused).contains(why), "{refused:?}");
        Operators::refused(refused, (400, "bad_package"));
    }
    assert_eq!(operators.post("/packages", order("modem", "http")).await.0, 201);
}
