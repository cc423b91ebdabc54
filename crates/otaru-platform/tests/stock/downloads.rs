//! A request head that never gets its blank line (aliyun-iotkit-v3 §0 item 4, §3.5).

use std::time::{Duration, Instant};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::{sleep, timeout},
};

use crate::{Answer, PATIENCE, Platform, device::field, image, target};

/// What SDK v3.2.0 sends: its header lines are cut at 127 bytes, then closed by `\r\n`.
fn request_v3(link: &str, offset: u64) -> Vec<u8> {
    let mut lines = format!(
        "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\nAccept-Encoding: gzip, \
         deflate\r\nRange: bytes={offset}-\r\n"
    );
    lines.truncate(127);
    format!("GET {} HTTP/1.1\r\nHost: ota.example\r\n{lines}\r\n", target(link)).into_bytes()
}

async fn link_to(platform: &Platform, image: &[u8]) -> String {
    platform.campaign("2.0.0", &[image]).await;
    field(&platform.connected().await.push().await, "url").to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_v3_resume_beyond_byte_1_000_000_whose_header_never_ends_is_answered() {
    let platform = Platform::start().await;
    let image = image(12_000_000, 1);
    let link = link_to(&platform, &image).await;
    for (offset, tail, early) in [
        (999_999, "-\r\n\r\n", true),
        (1_000_000, "-\r\r\n", false),
        (9_999_999, "-\r\r\n", false),
        (10_000_000, "-\r\n", false),
    ] {
        let request = request_v3(&link, offset);
        assert!(request.ends_with(tail.as_bytes()), "{offset}");
        let mut stream = TcpStream::connect(platform.running.http).await.unwrap();
        let sent = Instant::now();
        stream.write_all(&request).await.unwrap();
        let answer = Answer::read_as_v3(&mut stream).await;
        assert_eq!(answer.code, 206, "{offset}");
        assert!(answer.body == image[offset as usize..], "other bytes from {offset} on");
        assert!(early || sent.elapsed() >= Duration::from_millis(300), "answered before the silence");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_is_completed_once_and_what_follows_is_no_second_request() {
    let platform = Platform::start().await;
    let image = image(1_000_100, 2);
    let link = link_to(&platform, &image).await;
    let mut stream = TcpStream::connect(platform.running.http).await.unwrap();
    let request = request_v3(&link, 1_000_000);
    stream.write_all(&request).await.unwrap();
    sleep(Duration::from_millis(600)).await;
    // The platform may have hung up already: the SDK sends one request a connection.
    let _ = stream.write_all(&[b"\r\n", &*request].concat()).await;
    let mut bytes = Vec::new();
    timeout(PATIENCE, stream.read_to_end(&mut bytes)).await.unwrap().unwrap();
    assert_eq!(Answer::of(&bytes).body, image[1_000_000..], "one answer, nothing after it");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_but_whole_head_is_answered_as_it_was_meant() {
    let platform = Platform::start().await;
    let image = image(5000, 3);
    let link = link_to(&platform, &image).await;
    // aliyun-link-sdk-v4 §4.2, over a link that stops in the middle of each line.
    let head = format!(
        "GET {} HTTP/1.1\r\nHost: ota.example\r\nAccept: text/html, application/xhtml+xml, \
         application/xml;q=0.9, */*;q=0.8\r\nRange: bytes=1000-1999\r\nContent-Length: 0\r\n\r\n",
        target(&link)
    );
    let mut stream = TcpStream::connect(platform.running.http).await.unwrap();
    let half = head.find("bytes=1000").unwrap() + "bytes=1".len();
    for part in [&head[..10], &head[10..half], &head[half..half + 10], &head[half + 10..]] {
        stream.write_all(part.as_bytes()).await.unwrap();
        sleep(Duration::from_millis(400)).await;
    }
    let answer = Answer::read_as_v3(&mut stream).await;
    assert_eq!((answer.code, answer.body.as_slice()), (206, &image[1000..2000]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_without_its_range_is_never_answered_by_the_whole() {
    let platform = Platform::start().await;
    let link = link_to(&platform, &image(5000, 4)).await;
    let mut stream = TcpStream::connect(platform.running.http).await.unwrap();
    let head = format!("GET {} HTTP/1.1\r\nHost: ota.example\r\n", target(&link));
    stream.write_all(head.as_bytes()).await.unwrap();
    sleep(Duration::from_millis(800)).await;
    assert!(stream.try_read(&mut [0; 1]).is_err(), "nothing was answered yet");
    stream.write_all(b"Range: bytes=4999-\r\n\r\n").await.unwrap();
    assert_eq!(Answer::read_as_v3(&mut stream).await.code, 206);
}
