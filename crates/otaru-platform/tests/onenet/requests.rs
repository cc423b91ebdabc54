//! How requests look: what known clients send, and what nobody should.

use std::time::Instant;

use serde_json::json;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    time::timeout,
};

use crate::{
    BY_DEVICE, BY_DEVICE_2022, BY_PRODUCT, DEV_ID, METER, PATIENCE, PRODUCT, Platform, STUDIO,
    client::{aio, cmiot},
};

const BOTH: &str = r#"{"f_version":"1.0.0","s_version":"1.0.0"}"#;

/// Sources: onenet §2.4, §9 items 1 to 4 and 9.
#[tokio::test(flavor = "multi_thread")]
async fn the_vendors_own_client_is_answered_to_the_byte() {
    let platform = Platform::start().await;
    let target = format!("/ota/device/version?dev_id={DEV_ID}");
    let answer = platform.ask(&aio("POST", &target, BY_PRODUCT, &[], BOTH)).await;
    assert_eq!(answer.reply(), r#"{"errno":0,"error":"succ"}"#);
    assert_eq!(answer.lines(), ["Content-Type: application/json", "Content-Length: 26"]);
    assert!(answer.head.starts_with("HTTP/1.1 200 OK\r\n"), "{}", answer.head);
    assert_eq!(platform.versions(PRODUCT, DEV_ID).await, json!({"default": "1.0.0", "modem": "1.0.0"}));
    let known = platform.ask(&aio("GET", &target, BY_PRODUCT, &[], "")).await;
    assert_eq!(
        known.reply(),
        r#"{"errno":0,"error":"succ","data":{"f_version":"1.0.0","s_version":"1.0.0"}}"#
    );
}

/// Source: onenet §7.2: lower-case names, the connection is kept, only the version that is set is in the body.
#[tokio::test(flavor = "multi_thread")]
async fn the_second_vendors_sdk_asks_again_and_again_on_one_connection() {
    let platform = Platform::start().await;
    let mut client = platform.client().await;
    for (prefix, number, text) in [("ota", "errno", "error"), ("fuse-ota", "code", "msg")] {
        let target = format!("/{prefix}/{STUDIO}/{METER}/version");
        for version in ["1.0.0", "1.0.1"] {
            let body = format!(r#"{{"s_version":"{version}"}}"#);
            let answer = client.ask(&cmiot("POST", &target, BY_DEVICE, &[], &body)).await;
            assert!(answer.reply().starts_with(&format!(r#"{{"{number}":0,"{text}":"succ""#)), "{answer:?}");
            assert_eq!(answer.header("Connection"), None);
        }
        let answer = client.ask(&cmiot("GET", &target, BY_DEVICE, &[], "")).await;
        assert!(answer.reply().contains(r#""data":{"s_version":"1.0.1"}"#), "{answer:?}");
    }
}

/// Sources: onenet §2.2, §3.3, §9 items 9 and 11.
#[tokio::test(flavor = "multi_thread")]
async fn every_spelling_of_a_request_that_is_known_is_answered() {
    let platform = Platform::start().await;
    for target in [
        "/fuse-ota/PrdTest001/meter-01/version",
        "//fuse-ota/PrdTest001/meter-01/version",
        "/fuse-ota/PrdTest001/meter-01/version/",
        "/fuse-ota/PrdTest001/meter-01/version?",
        "http://iot-api.heclouds.com/fuse-ota/PrdTest001/meter-01/version",
    ] {
        for authorization in [BY_DEVICE, BY_DEVICE_2022] {
            let request = format!(
                "GET {target} HTTP/1.1\r\nhost:iot-api.heclouds.com\r\nauthorization:{authorization}\r\n\r\n"
            );
            let answer = platform.ask(request.as_bytes()).await;
            // Clients on microcontrollers search for these letters, and for the end of a message.
            assert!(answer.reply().starts_with(r#"{"code":0,"msg":"succ","data":{"#), "{target}: {answer:?}");
            let (_, id) = answer.reply().split_once(r#","request_id":""#).expect("request_id is the last");
            assert_eq!((id.len(), id.ends_with(r#""}"#)), (34, true), "{id}");
        }
    }
}

/// Source: onenet §9 item 9: copied from the vendor's documents, a GET promises a body that never comes.
#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_was_promised_and_never_comes_is_not_waited_for() {
    let platform = Platform::start().await;
    let target = format!("/ota/{STUDIO}/{METER}/version");
    let began = Instant::now();
    let mut client = platform.client().await;
    let get = aio("GET", &target, BY_DEVICE, &["Content-Length:20"], "");
    let answer = client.ask(&get).await;
    assert!(answer.reply().starts_with(r#"{"errno":0"#));
    assert_eq!(answer.header("Connection"), Some("close"), "the next 20 bytes would be taken for the body");
    assert!(client.is_closed().await);
    let post = aio("POST", &target, BY_DEVICE, &["Content-Length:20"], "");
    let answer = platform.ask(&[&post[..], br#"{"s_version":"2"}"#].concat()).await;
    assert_eq!(answer.reply(), r#"{"errno":0,"error":"succ"}"#);
    assert_eq!(platform.versions(STUDIO, METER).await, json!({"default": "2"}));
    assert!(began.elapsed().as_secs() < 8, "a body that is waited for may take 10 s");
}

/// Source: onenet §9 item 9.
#[tokio::test(flavor = "multi_thread")]
async fn line_breaks_behind_a_body_are_passed_over() {
    let platform = Platform::start().await;
    let mut client = platform.client().await;
    let target = format!("/ota/{STUDIO}/{METER}/version");
    for version in ["1", "2", "3"] {
        let body = format!(r#"{{"s_version":"{version}"}}"#);
        let request = [&cmiot("POST", &target, BY_DEVICE, &[], &body)[..], b"\r\n\r\n"].concat();
        assert_eq!(client.ask(&request).await.reply(), r#"{"errno":0,"error":"succ"}"#);
    }
    assert_eq!(platform.versions(STUDIO, METER).await, json!({"default": "3"}));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_over_the_limit_is_refused_in_each_generations_envelope_and_changes_nothing() {
    let platform = Platform::start().await;
    for (target, authorization, want) in [
        (
            format!("/ota/device/version?dev_id={DEV_ID}"),
            BY_PRODUCT,
            r#"{"errno":2,"error":"bad parameter"}"#,
        ),
        (format!("/ota/{STUDIO}/{METER}/version"), BY_DEVICE, r#"{"errno":2,"error":"bad parameter"}"#),
        (format!("/fuse-ota/{STUDIO}/{METER}/version"), BY_DEVICE, r#"{"code":2,"msg":"bad parameter","#),
    ] {
        for length in [5_000, 60_000, 4 << 20] {
            let body = format!(r#"{{"s_version":"1","more":"{}"}}"#, "x".repeat(length));
            let head = aio("POST", &target, authorization, &[&format!("Content-Length:{}", body.len())], "");
            let (mut read, mut write) = platform.sent(&head).await.into_split();
            // More is sent than is ever taken; the answer comes all the same.
            let sending = tokio::spawn(async move {
                let _ = write.write_all(body.as_bytes()).await;
                write
            });
            let mut came = Vec::new();
            let answered = async {
                while !String::from_utf8_lossy(&came).contains(want) {
                    assert_ne!(read.read_buf(&mut came).await.unwrap(), 0, "no answer to {length} bytes");
                }
            };
            timeout(PATIENCE, answered).await.expect("an answer");
            let text = String::from_utf8_lossy(&came);
            assert!(text.starts_with("HTTP/1.1 200 OK\r\n"), "{length}: {text}");
            assert_eq!(text.contains("\r\nConnection: close\r\n"), length > 100_000, "{length}: {text}");
            sending.abort();
        }
    }
    assert_eq!(platform.versions(STUDIO, METER).await, json!({}));
    assert_eq!(platform.versions(PRODUCT, DEV_ID).await, json!({}));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_target_that_nobody_writes_is_refused_in_its_generations_envelope() {
    let platform = Platform::start().await;
    let long = "x".repeat(2000);
    for (target, authorization, want) in [
        (format!("/ota/south/check?dev_id={DEV_ID}&type=1&version={long}"), BY_PRODUCT, r#"{"errno":2,"#),
        (format!("/ota/{STUDIO}/{METER}/check?type=2&version={long}"), BY_DEVICE, r#"{"errno":2,"#),
        (format!("/fuse-ota/{STUDIO}/{METER}/check?type=2&version={long}"), BY_DEVICE, r#"{"code":2,"#),
    ] {
        let answer = platform.ask(&aio("GET", &target, authorization, &[], "")).await;
        assert!(answer.reply().starts_with(want), "{answer:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_path_of_any_generation_is_not_found_and_no_body_of_it_is_read() {
    let platform = Platform::start().await;
    for target in ["/ota", "/ota/south/nothing", "/fuse-ota/p/d/e/f/g/h/i", "/", "//"] {
        let request = format!("POST {target} HTTP/1.1\r\nHost:x\r\nContent-Length:1000000\r\n\r\n");
        let answer = platform.ask(request.as_bytes()).await;
        assert_eq!((answer.code, answer.body.len()), (404, 0), "{target}");
    }
    let answer = platform.ask(b"DELETE /ota/south/check HTTP/1.1\r\nHost:x\r\n\r\n").await;
    assert_eq!((answer.code, answer.body.len()), (405, 0));
}
