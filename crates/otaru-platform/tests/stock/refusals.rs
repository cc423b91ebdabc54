//! Errors that cannot be flashed (aliyun-iotkit-v3 §0 items 1 and 2, aliyun-link-sdk-v4 §4.4).

use serde_json::json;
use tokio::{io::AsyncWriteExt as _, net::TcpStream};

use crate::{Answer, Platform, device::field, image, target};

/// What no answer of the download port may hold: anything that an SDK would misread or flash.
fn assert_harmless(answer: &Answer) {
    let head = &answer.head;
    for line in head.lines() {
        assert!(line.len() < 128, "{line}");
        let Some((name, _)) = line.split_once(": ") else { continue };
        let title = name.split('-').all(|word| word.starts_with(|c: char| c.is_ascii_uppercase()));
        assert!(title, "not in title case: {line}");
    }
    assert!(head.starts_with("HTTP/1.1 "), "{head}");
    assert!(!head.contains("Transfer-Encoding") && !head.contains("Content-Encoding"), "{head}");
    assert!(answer.body.is_empty(), "{head}{}", String::from_utf8_lossy(&answer.body));
    assert!(answer.header("Content-Length").is_none_or(|length| length == "0"), "{head}");
    assert!(head.matches("Content-Length").count() <= 1, "{head}");
    assert!(!(300..400).contains(&answer.code), "SDKs follow no redirect: {head}");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_error_of_the_download_port_has_a_body_a_lower_case_header_or_a_long_line() {
    let platform = Platform::start().await;
    let image = image(5000, 1);
    let campaign = platform.campaign("2.0.0", &[&image]).await;
    let link = field(&platform.connected().await.push().await, "url").to_owned();
    let good = target(&link);
    let forged = format!("{}0", &good[..good.len() - 1]);
    let forged = if forged == good { format!("{}1", &good[..good.len() - 1]) } else { forged };
    let expired = good.replacen("?e=1", "?e=0", 1);
    let get = |target: &str, more: &str| {
        format!("GET {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{more}\r\n")
    };
    let long = format!("A: {}\r\n", "x".repeat(100_000));
    for (request, code) in [
        (get("/f/x", ""), 404),
        (get("/", ""), 404),
        (get("/nowhere", ""), 404),
        (get("/f/a/%/1/0?e=1&s=00", ""), 404),
        (get(&forged, ""), 403),
        (get(&expired, ""), 403),
        (get(good, "Range: bytes=5000-\r\n"), 416),
        (format!("POST {good} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"), 405),
        (get("/f/x", &long), 431),
        (get("/f/x", &"A: b\r\n".repeat(100)), 431),
        (get(&format!("/{}", "x".repeat(70_000)), ""), 431),
        ("GET / HTTP/9.9\r\n\r\n".to_owned(), 400),
        ("\u{10}\u{30}\0\u{4}MQTT\u{4}".to_owned() + "\r\n\r\n", 400),
        (get(good, "A:\0\r\n"), 400),
        (get(good, "Content-Length: 5\r\nContent-Length: 6\r\n"), 400),
    ] {
        let answer = platform.ask(request.as_bytes()).await;
        let shown = &request[..request.len().min(80)];
        assert_eq!(answer.code, code, "{shown:?}: {}", answer.head);
        assert_harmless(&answer);
    }

    // A canceled task: 410.
    platform.call("POST", &format!("/campaigns/{campaign}/cancel"), json!({}).to_string().as_bytes()).await;
    let answer = platform.ask(get(good, "").as_bytes()).await;
    assert_eq!(answer.code, 410);
    assert_harmless(&answer);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_device_downloads_has_title_case_headers_and_is_not_chunked() {
    let platform = Platform::start().await;
    let image = image(70_000, 1);
    platform.campaign("2.0.0", &[&image]).await;
    let link = field(&platform.connected().await.push().await, "url").to_owned();
    for (range, code) in [("", 200), ("Range: bytes=0-\r\n", 206), ("Range: bytes=69999-\r\n", 206)] {
        let mut stream = TcpStream::connect(platform.running.http).await.unwrap();
        let request = format!(
            "GET {} HTTP/1.1\r\nHost: x\r\nAccept-Encoding: gzip, deflate\r\n{range}\r\n",
            target(&link)
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = Answer::read_as_v3(&mut stream).await;
        assert_eq!(answer.code, code);
        let status = answer.head.lines().next().unwrap();
        assert!(status.len() + 2 <= 32, "v3 looks for the line's end in 32 bytes: {status}");
        assert!(image.ends_with(&answer.body));
        answer.body.clear();
        let length = format!("Content-Length: {}", answer.header("Content-Length").unwrap());
        answer.head = answer.head.replace(&length, "Content-Length: 0");
        assert_harmless(&answer);
    }
}

/// v3 passes over the status. A status line that does not end within 32 bytes is what it notices, with `-6`, instead of
/// taking the answer for a file of no bytes (aliyun-iotkit-v3 §3.6).
#[tokio::test(flavor = "multi_thread")]
async fn a_v3_sdk_notices_every_refusal_of_a_link_by_its_status_line() {
    let platform = Platform::start().await;
    let campaign = platform.campaign("2.0.0", &[&image(5000, 1)]).await;
    let link = field(&platform.connected().await.push().await, "url").to_owned();
    let good = target(&link);
    let asked = |target: &str, more: &str| {
        let request = format!("GET {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{more}\r\n");
        let platform = &platform;
        async move { platform.ask(request.as_bytes()).await }
    };
    let expired = good.replacen("?e=1", "?e=0", 1);
    let mut refused = Vec::new();
    for (target, more) in [("/f/x/y/1/0?e=1", ""), (&expired, ""), (good, "Range: bytes=5000-\r\n")] {
        refused.push(asked(target, more).await);
    }
    platform.call("POST", &format!("/campaigns/{campaign}/cancel"), b"{}").await;
    refused.push(asked(good, "").await);
    assert_eq!(refused.iter().map(|answer| answer.code).collect::<Vec<_>>(), [404, 403, 416, 410]);
    for answer in refused {
        let line = answer.head.lines().next().unwrap();
        assert!(line.len() + 2 > 32 && line.len() < 128, "{line}");
        assert_harmless(&answer);
    }
}
