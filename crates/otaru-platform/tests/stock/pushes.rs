//! Pushes as the SDKs can read them (aliyun-iotkit-v3 §2.2, §2.6; aliyun-link-sdk-v4 §2.3).

use crate::{
    Platform,
    device::{Device, field},
    target,
};

/// What neither generation's reader survives.
fn assert_readable(push: &str) {
    assert!(!push.contains("null") && !push.contains('\\') && !push.contains("\"\""), "{push}");
    assert!(!push.contains(": ") && !push.contains(", ") && !push.contains('\n'), "{push}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_push_is_what_both_generations_read_to_the_byte() {
    let platform = Platform::at(Some("http://ota.example:80")).await;
    platform.campaign("2.0.0", &[b"123456789"]).await;
    let push = Device::log_in(platform.running.mqtt).await.push().await;
    let md5 = "25f9e794323b453885f5181f1b624d0b";
    let (url, id) = (field(&push, "url"), field(&push, "id"));
    assert_eq!(
        push,
        format!(
            r#"{{"code":"1000","data":{{"size":9,"sign":"{md5}","version":"2.0.0","signMethod":"Md5","url":"{url}","md5":"{md5}"}},"id":{id},"message":"success"}}"#
        )
    );
    assert_readable(&push);
    assert!(id.len() == 13 && id.bytes().all(|byte| byte.is_ascii_digit()), "{id}");
    let link = url.strip_prefix("http://ota.example/").expect("no port in the link");
    assert!(!link.contains(':'), "v3 takes any colon for a port: {url}");
    println!("a push of one file has {} bytes, path and query {}", push.len(), target(url).len());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_has_no_port_if_the_public_address_is_on_80_or_443() {
    for (public, base) in [
        ("http://ota.example:80", "http://ota.example/f/"),
        ("http://ota.example", "http://ota.example/f/"),
        ("https://ota.example:443/", "https://ota.example/f/"),
        ("https://ota.example:8443", "https://ota.example:8443/f/"),
    ] {
        let platform = Platform::at(Some(public)).await;
        platform.campaign("2.0.0", &[b"123456789"]).await;
        let push = platform.connected().await.push().await;
        let link = field(&push, "url");
        assert!(link.starts_with(base), "{link}");
        assert!(target(link).len() <= 200, "{link}");
    }
}
