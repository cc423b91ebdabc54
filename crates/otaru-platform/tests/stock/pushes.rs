//! Pushes as the SDKs can read them (aliyun-iotkit-v3 §2.2, §2.6; aliyun-link-sdk-v4 §2.3).

use otaru_wire::{
    DeviceId,
    dialect::{Credentials, DeviceHalf as _, Transport, aliyun},
};
use serde_json::json;

use crate::{
    Platform, SECRET,
    device::{Device, connect, field},
    image, target,
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

/// The pushes of packages of one, three and twenty files to a device with the longest names the vendor has, and the
/// warnings that their makers got.
async fn measured(platform: &Platform, files: usize) -> (String, Vec<String>) {
    let (product, name) = ("p".repeat(20), format!("{files:0>32}"));
    let device = json!({"device_name": name, "device_secret": SECRET});
    platform.made(&format!("/products/{product}/devices"), device).await;
    let images: Vec<_> = (0..files).map(|n| image(100_000 + n, n as u32)).collect();
    let images: Vec<_> = images.iter().map(Vec::as_slice).collect();
    let mut order = platform.order(&format!("2.0.{files}"), &images).await;
    order["product_key"] = json!(product);
    let package = platform.made("/packages", order).await;
    platform.made("/campaigns", json!({"package_id": package["id"], "devices": [name]})).await;
    let id = DeviceId { product: product.parse().unwrap(), device: name.parse().unwrap() };
    let login = aliyun::Device.write_login(&Credentials { id, secret: SECRET.to_owned() }, Transport::Plain);
    let connect = connect([&login.client_id, &login.user_name, &login.password], 0xC0, 120);
    let (_, push) = Device::with(platform.running.mqtt, &connect).await.hears().await;
    (push, serde_json::from_value(package["warnings"].clone()).unwrap_or_default())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_push_of_one_or_three_files_fits_and_the_maker_of_a_longer_one_is_warned() {
    let platform = Platform::at(Some("http://downloads.ota.example")).await;
    platform.made("/products", json!({"product_key": "p".repeat(20), "dialect": "aliyun"})).await;
    for (files, fits) in [(1, true), (3, true), (20, false)] {
        let (push, warnings) = measured(&platform, files).await;
        println!("a push of {files} files has {} bytes", push.len());
        assert_readable(&push);
        assert_eq!(push.len() <= 1400, fits, "{}", push.len());
        assert_eq!(warnings.is_empty(), fits, "{warnings:?}");
        assert!(push.matches("http://").count() == files, "{push}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn extra_data_that_makes_a_push_too_long_is_warned_of_when_the_package_is_made() {
    let platform = Platform::start().await;
    for (length, warned) in [(100, false), (1400, true)] {
        let mut order = platform.order(&format!("2.0.{length}"), &[b"x"]).await;
        order["extra"] = json!({"note": "n".repeat(length)});
        let made = platform.made("/packages", order).await;
        assert_eq!(made["warnings"].is_array(), warned, "{made}");
        if warned {
            assert!(made["warnings"][0].as_str().unwrap().contains("v3 generation"), "{made}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_whose_links_would_overrun_a_v3_sdk_is_refused_when_it_is_made() {
    let platform = Platform::start().await;
    platform.made("/products", json!({"product_key": "p".repeat(64), "dialect": "aliyun"})).await;
    let path = format!("/products/{}/devices", "p".repeat(64));
    platform.made(&path, json!({"device_name": "d".repeat(64)})).await;
    let colons = json!({"device_name": ":".repeat(64)}).to_string();
    let (status, answer) = platform.call("POST", &path, colons.as_bytes()).await;
    assert_eq!((status, answer["error"]["code"].as_str()), (400, Some("long_links")), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_of_size_0_is_never_pushed() {
    let platform = Platform::start().await;
    let (status, answer) = platform.call("PUT", "/files?name=app.bin", b"").await;
    assert_eq!((status, answer["error"]["code"].as_str()), (400, Some("empty_file")), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_push_of_a_sha256_package_bears_the_md5_that_v3_needs() {
    let platform = Platform::start().await;
    let mut order = platform.order("2.0.0", &[b"123456789"]).await;
    order["digest_method"] = json!("sha256");
    let package = platform.made("/packages", order).await;
    platform.made("/campaigns", json!({"package_id": package["id"]})).await;
    let push = platform.connected().await.push().await;
    assert_readable(&push);
    assert_eq!(field(&push, "signMethod"), "SHA256");
    assert_eq!(field(&push, "sign"), "15e2b0d3c33891ebb0f1ef609ec419420c20e320ce94c65fbc8c3312448eb225");
    assert_eq!(field(&push, "md5"), "25f9e794323b453885f5181f1b624d0b");
}
