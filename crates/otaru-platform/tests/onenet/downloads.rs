//! A file's bytes as the vendors' clients can take them (onenet §4.3, §5), and what they get when there are none.

use std::fs;

use serde_json::json;
use tokio::{io::AsyncReadExt as _, time::timeout};

use crate::{
    BY_DEVICE, BY_PRODUCT, DEV_ID, METER, PATIENCE, PRODUCT, Platform, STUDIO,
    client::{aio, cmiot},
    image,
    paths::Paths,
};

/// The file of these tests; its last piece of 4096 has 1905 bytes.
const SIZE: usize = 10_097;

/// Sources: onenet §5 (the table), §9 items 3 and 9.
#[tokio::test(flavor = "multi_thread")]
async fn the_vendors_own_client_gets_pieces_of_which_the_last_is_cut_at_the_end() {
    let platform = Platform::start().await;
    let image = image(SIZE, 1);
    platform.campaign(PRODUCT, "2.0.0", &image).await;
    let paths = platform.offered(Paths::token(DEV_ID), BY_PRODUCT).await;
    let mut fetched = Vec::<u8>::new();
    while fetched.len() < SIZE {
        let (first, last) = (fetched.len(), (fetched.len() + 4095).min(SIZE - 1));
        let range = format!("Range:{first}-{}", first + 4095);
        let answer = platform.ask(&aio("GET", &paths.download, BY_PRODUCT, &[&range], "")).await;
        assert!(answer.head.starts_with("HTTP/1.1 206 Partial Content\r\n"), "{}", answer.head);
        assert_eq!(
            answer.lines(),
            [
                "Content-Type: application/octet-stream",
                &format!("Content-Length: {}", last + 1 - first),
                "Content-Disposition: attachment; filename=\"app.bin\"",
                &format!("Content-Range: bytes {first}-{last}/{SIZE}"),
                &format!("Content-Range-Start: {first}"),
                &format!("Content-Range-End: {last}"),
            ]
        );
        fetched.extend(answer.piece());
    }
    assert_eq!(fetched, image);
}

/// Sources: onenet §5: this client fetches a piece for ever without `Content-Range-Start` and `-End`; §7.2: one connection.
#[tokio::test(flavor = "multi_thread")]
async fn the_second_vendors_sdk_gets_the_headers_that_it_waits_for() {
    let platform = Platform::start().await;
    let image = image(SIZE, 2);
    platform.campaign(STUDIO, "2.0.0", &image).await;
    for prefix in ["ota", "fuse-ota"] {
        let paths = platform.offered(Paths::tid(prefix, STUDIO, METER), BY_DEVICE).await;
        let mut client = platform.client().await;
        let mut fetched = Vec::<u8>::new();
        while fetched.len() < SIZE {
            let (first, last) = (fetched.len(), (fetched.len() + 1023).min(SIZE - 1));
            let range = format!("Range: bytes={first}-{last}");
            let answer = client.ask(&cmiot("GET", &paths.download, BY_DEVICE, &[&range], "")).await;
            assert_eq!(answer.code, 206);
            assert_eq!(answer.header("Content-Range-Start"), Some(first.to_string().as_str()));
            assert_eq!(answer.header("Content-Range-End"), Some(last.to_string().as_str()));
            assert_eq!(answer.header("Ota-Errno"), Some("0"));
            fetched.extend(answer.piece());
        }
        assert!(fetched == image, "{prefix}");
    }
}

/// Source: onenet §5, row by row: never 416.
#[tokio::test(flavor = "multi_thread")]
async fn every_range_is_answered_by_the_vendors_rules() {
    let platform = Platform::start().await;
    platform.campaign(STUDIO, "2.0.0", b"0123456789").await;
    let paths = platform.offered(Paths::tid("fuse-ota", STUDIO, METER), BY_DEVICE).await;
    for (range, code, body) in [
        ("", 200, "0123456789"),
        ("Range: bytes=pieces", 200, "0123456789"),
        ("Range:0-3", 206, "0123"),
        ("Range: bytes=0-3", 206, "0123"),
        ("Range: 4-", 206, "456789"),
        ("Range: 10-", 206, "0123456789"),
        ("Range: -3", 206, "789"),
        ("Range: -11", 206, "0123456789"),
        ("Range: 8-4095", 206, "89"),
        ("Range: 6-2", 206, "012"),
        ("Range: 01-02", 206, "12"),
        ("Range: bytes=4096-8191", 206, "0123456789"),
    ] {
        let lines: &[&str] = if range.is_empty() { &[] } else { &[range] };
        let answer = platform.ask(&cmiot("GET", &paths.download, BY_DEVICE, lines, "")).await;
        let text = String::from_utf8_lossy(answer.piece()).into_owned();
        assert_eq!((answer.code, text.as_str()), (code, body), "{range:?}");
        assert_eq!(answer.header("Content-Range").is_some(), code == 206, "{range:?}");
    }
    // A range in the query is passed over (onenet §5).
    let target = format!("{}?range=0-3", paths.download);
    assert_eq!(platform.ask(&cmiot("GET", &target, BY_DEVICE, &[], "")).await.body, b"0123456789");
}

/// Source: onenet §2.2: the vendor's client asks with a trailing slash; §2.1 row 4: without a signature in the first generation.
#[tokio::test(flavor = "multi_thread")]
async fn a_download_is_found_with_a_trailing_slash_and_by_its_token_alone() {
    let platform = Platform::start().await;
    platform.campaign(PRODUCT, "2.0.0", b"0123456789").await;
    platform.campaign(STUDIO, "2.0.0", b"abcdefghij").await;
    let paths = platform.offered(Paths::tid("ota", STUDIO, METER), BY_DEVICE).await;
    let target = format!("{}/", paths.download);
    assert_eq!(platform.ask(&aio("GET", &target, BY_DEVICE, &["Range:0-3"], "")).await.piece(), b"abcd");
    let paths = platform.offered(Paths::token(DEV_ID), BY_PRODUCT).await;
    let bare = format!("GET {}?s_id=460-00-1 HTTP/1.1\r\nHost:x\r\nRange:0-3\r\n\r\n", paths.download);
    assert_eq!(platform.ask(bare.as_bytes()).await.piece(), b"0123");
}

/// Source: onenet §9 item 6: a client flashes whatever comes with status 200 and a length.
#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_gone_or_damaged_is_no_body_that_a_client_would_flash() {
    let mut platform = Platform::start().await;
    let campaigns = [
        platform.campaign(PRODUCT, "2.0.0", &image(SIZE, 3)).await,
        platform.campaign(STUDIO, "2.0.0", &image(SIZE, 3)).await,
    ];
    let token = platform.offered(Paths::token(DEV_ID), BY_PRODUCT).await;
    let tid = platform.offered(Paths::tid("ota", STUDIO, METER), BY_DEVICE).await;
    let fuse = platform.offered(Paths::tid("fuse-ota", STUDIO, METER), BY_DEVICE).await;
    // Shorter than it was taken, then not there at all.
    for (byte, errno, is_there) in [(2, "4", true), (4, "3", false)] {
        platform = platform
            .restarted_after(|file| match is_there {
                true => fs::OpenOptions::new().write(true).open(file).unwrap().set_len(100).unwrap(),
                false => fs::remove_file(file).unwrap(),
            })
            .await;
        let answer = platform.ask(&aio("GET", &token.download, BY_PRODUCT, &["Range:0-99"], "")).await;
        assert_eq!((answer.code, answer.header("Content-Length")), (200, None));
        assert_eq!(answer.body, [byte], "one raw byte in one chunk");
        for paths in [&tid, &fuse] {
            let answer = platform.ask(&cmiot("GET", &paths.download, BY_DEVICE, &["Range: 0-99"], "")).await;
            assert!(answer.code >= 400 && answer.body.is_empty(), "{answer:?}");
            assert_eq!(answer.header("Ota-Errno"), Some(errno));
        }
    }
    for campaign in campaigns {
        assert_ne!(platform.task(campaign).await["state"], "failed", "the platform's fault is no device's");
    }
}

/// The connection ends: a client that was promised more does not take what came for a piece.
#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_ends_on_the_way_is_cut_not_padded() {
    const LARGE: usize = 64 << 20;
    let platform = Platform::start().await;
    platform.campaign(STUDIO, "2.0.0", &image(LARGE, 4)).await;
    let paths = platform.offered(Paths::tid("ota", STUDIO, METER), BY_DEVICE).await;
    let mut stream = platform.sent(&cmiot("GET", &paths.download, BY_DEVICE, &[], "")).await;
    let mut came = vec![0; 1000];
    stream.read_exact(&mut came).await.unwrap();
    let file = fs::read_dir(platform.folder.path().join("files")).unwrap().next().unwrap().unwrap().path();
    fs::OpenOptions::new().write(true).open(&file).unwrap().set_len(4096).unwrap();
    // An end or a reset: both tell that it is not whole.
    let _ = timeout(PATIENCE, stream.read_to_end(&mut came)).await.expect("an end");
    assert!(came.len() < LARGE, "{} bytes", came.len());
    let body = came.windows(4).position(|four| four == b"\r\n\r\n").unwrap() + 4;
    assert!(image(LARGE, 4).starts_with(&came[body..]), "every byte that came is the file's");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_devices_download_and_ask_is_counted() {
    let platform = Platform::start().await;
    platform.campaign(STUDIO, "2.0.0", b"0123456789").await;
    let paths = platform.offered(Paths::tid("ota", STUDIO, METER), BY_DEVICE).await;
    platform.ask(&cmiot("GET", &paths.download, BY_DEVICE, &["Range: 0-3"], "")).await.piece();
    let figures = platform.ask(b"GET /metrics HTTP/1.1\r\nHost:x\r\n\r\n").await;
    let figures = String::from_utf8(figures.body).unwrap();
    for figure in [
        r#"otaru_http_answers_total{route="onenet",status="200"}"#,
        r#"otaru_http_answers_total{route="onenet",status="206"}"#,
        "otaru_download_bytes_total",
        r#"otaru_calls_total{ask="check"}"#,
    ] {
        assert!(figures.contains(figure), "{figure}: {figures}");
    }
    assert_eq!(platform.versions(STUDIO, METER).await, json!({"default": "1.0.0"}));
}
