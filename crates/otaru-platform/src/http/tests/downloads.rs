//! What a device gets for its link.

use std::{sync::atomic::Ordering, time::Duration};

use sha2::{Digest as _, Sha256};

use super::*;

const NINE: &[u8] = b"123456789";
const NINE_SHA256: &str = "15e2b0d3c33891ebb0f1ef609ec419420c20e320ce94c65fbc8c3312448eb225";

#[tokio::test]
async fn the_stock_client_is_answered_exactly_as_it_needs() {
    let world = World::with(NINE).await;
    // aliyun-link-sdk-v4 §4.2, byte for byte; the client hangs up when it has its bytes.
    let request = format!(
        "GET {} HTTP/1.1\r\nHost: 127.0.0.1\r\n\
         Accept: text/html, application/xhtml+xml, application/xml;q=0.9, */*;q=0.8\r\n\
         Range: bytes=0-\r\nContent-Length: 0\r\n\r\n",
        world.link(1)
    );
    let mut stream = TcpStream::connect(world.address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut bytes = Vec::new();
    while !bytes.ends_with(NINE) {
        assert_ne!(stream.read_buf(&mut bytes).await.unwrap(), 0, "closed early");
    }
    let answer = Answer::of(&bytes);
    assert_eq!(answer.status, "HTTP/1.1 206 Partial Content");
    let headers: Vec<_> = answer.headers.iter().filter(|line| !line.starts_with("Date: ")).collect();
    assert_eq!(
        headers,
        [
            "Content-Type: application/octet-stream",
            "Content-Length: 9",
            "Accept-Ranges: bytes",
            &format!("Etag: \"{NINE_SHA256}\""),
            "Content-Range: bytes 0-8/9",
        ]
    );
    assert_eq!(answer.body, NINE);
}

#[tokio::test]
async fn header_lines_stay_under_128_bytes_and_nothing_is_chunked() {
    let image = vec![7; 1_000_000];
    let world = World::with(&image).await;
    for lines in [&[][..], &["Range: bytes=5-"], &["Range: bytes=2000000-"]] {
        let answer = world.get(&world.link(1), lines).await;
        assert!(answer.headers.iter().all(|line| line.len() < 128), "{answer:?}");
        assert_eq!(answer.header("Transfer-Encoding"), None);
        assert_eq!(answer.header("Content-Length"), Some(answer.body.len().to_string().as_str()));
        // Some clients search the letters alone (aliyun-iotkit-v3 §3.6).
        assert_eq!(answer.headers.iter().filter(|line| line.contains("Content-Length")).count(), 1);
    }
}

#[tokio::test]
async fn a_large_file_comes_whole_and_in_pieces() {
    let image: Vec<u8> = (0..3_000_001_u32).map(|n| (n % 251) as u8).collect();
    let world = World::with(&image).await;
    let whole = world.get(&world.link(1), &[]).await;
    assert_eq!((whole.code(), whole.header("Content-Range")), ("200", None));
    assert_eq!(Sha256::digest(&whole.body), Sha256::digest(&image));
    let mut pieces = Vec::new();
    while pieces.len() < image.len() {
        let range = format!("Range: bytes={}-{}", pieces.len(), pieces.len() + 700_000);
        let piece = world.get(&world.link(1), &[&range]).await;
        assert_eq!(piece.code(), "206");
        pieces.extend(piece.body);
    }
    assert_eq!(pieces, image);
}

#[tokio::test]
async fn one_range_is_honoured_and_odd_ones_are_passed_over() {
    let world = World::with(NINE).await;
    for (range, code, body, content_range) in [
        ("bytes=0-0", "206", "1", Some("bytes 0-0/9")),
        ("bytes=3-5", "206", "456", Some("bytes 3-5/9")),
        ("bytes=3-99", "206", "456789", Some("bytes 3-8/9")),
        ("bytes=-4", "206", "6789", Some("bytes 5-8/9")),
        ("bytes=-99", "206", "123456789", Some("bytes 0-8/9")),
        ("bytes=0-1,4-5", "200", "123456789", None),
        ("bytes=5-3", "200", "123456789", None),
        ("lines=1-2", "200", "123456789", None),
    ] {
        let answer = world.get(&world.link(1), &[&format!("Range: {range}")]).await;
        assert_eq!((answer.code(), answer.header("Content-Range")), (code, content_range), "{range}");
        assert_eq!(answer.body, body.as_bytes(), "{range}");
    }
}

#[tokio::test]
async fn a_range_past_the_end_is_416_with_the_size_and_no_body() {
    let world = World::with(NINE).await;
    for range in ["bytes=9-", "bytes=9-20", "bytes=18446744073709551616-", "bytes=-0"] {
        let answer = world.get(&world.link(1), &[&format!("Range: {range}")]).await;
        assert_eq!((answer.code(), answer.header("Content-Range")), ("416", Some("bytes */9")), "{range}");
        assert_eq!(
            (answer.header("Content-Length"), answer.body.as_slice()),
            (Some("0"), &b""[..]),
            "{range}"
        );
    }
}

#[tokio::test]
async fn a_resume_of_another_file_gets_the_whole_instead_of_a_mixture() {
    let world = World::with(NINE).await;
    let resume = async |validator: &str| {
        let answer = world.get(&world.link(1), &["Range: bytes=3-", &format!("If-Range: {validator}")]).await;
        (answer.code().to_owned(), answer.body)
    };
    let etag = format!("\"{NINE_SHA256}\"");
    assert_eq!(resume(&etag).await, ("206".to_owned(), b"456789".to_vec()));
    let others = ["\"other\"", "W/\"other\"", &format!("W/{etag}"), "Wed, 31 Jul 2024 00:00:00 GMT"];
    for other in others {
        assert_eq!(resume(other).await, ("200".to_owned(), NINE.to_vec()), "{other}");
    }
    // A range that could not be satisfied is no matter if it is bound to another file.
    let answer = world.get(&world.link(1), &["Range: bytes=99-", "If-Range: \"other\""]).await;
    assert_eq!((answer.code(), answer.body.as_slice()), ("200", NINE));
}

#[tokio::test]
async fn an_old_client_that_speaks_http_1_0_is_served() {
    let world = World::with(NINE).await;
    let answer = ask(world.address, format!("GET {} HTTP/1.0\r\n\r\n", world.link(1)).as_bytes()).await;
    assert_eq!((answer.code(), answer.header("Content-Length")), ("200", Some("9")));
    assert_eq!(answer.header("Transfer-Encoding"), None);
    assert_eq!(answer.body, NINE);
}

#[tokio::test]
async fn head_tells_the_size_and_sends_no_body() {
    let world = World::with(NINE).await;
    let request = format!("HEAD {} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", world.link(1));
    let answer = ask(world.address, request.as_bytes()).await;
    assert_eq!((answer.code(), answer.header("Content-Length")), ("200", Some("9")));
    assert_eq!(answer.header("Etag"), Some(format!("\"{NINE_SHA256}\"").as_str()));
    assert_eq!(answer.body, b"");
}

#[tokio::test]
async fn a_link_that_expired_is_refused_until_a_fresh_one_is_written() {
    let world = World::with(NINE).await;
    let link = world.link(1);
    assert_eq!(world.get(&link, &[]).await.code(), "200");
    world.now.store(START + 25 * 60 * 60 * 1000, Ordering::Relaxed);
    assert_eq!(world.get(&link, &[]).await.code(), "403");
}

#[tokio::test]
async fn refusals_have_no_body_that_could_be_flashed() {
    let world = World::with(NINE).await;
    let good = world.link(1);
    for (why, target, code) in [
        ("another device", good.replace("pump-01", "pump-02"), "403"),
        ("another task", good.replace("/1/0?", "/9/0?"), "403"),
        ("another file", good.replace("/1/0?", "/1/1?"), "403"),
        ("no signature", good.split_once("&s=").unwrap().0.to_owned(), "404"),
        ("not a link", "/f/x".to_owned(), "404"),
        ("no such task", world.link(9), "404"),
        ("a closed task", world.link(3), "410"),
        ("a file lost by the platform", world.link(2), "503"),
    ] {
        let answer = world.get(&target, &["Range: bytes=0-"]).await;
        assert_eq!(answer.code(), code, "{why}");
        assert_eq!((answer.header("Content-Length"), answer.body.as_slice()), (Some("0"), &b""[..]), "{why}");
    }
}

#[tokio::test]
async fn a_file_damaged_on_the_disk_is_the_platforms_fault_and_not_served() {
    let world = World::with(NINE).await;
    std::fs::write(world.folder.path().join(NINE_SHA256), "1234").unwrap();
    let answer = world.get(&world.link(1), &[]).await;
    assert_eq!((answer.code(), answer.body.as_slice()), ("503", &b""[..]));
}

#[tokio::test]
async fn a_file_that_shrinks_while_it_is_served_ends_the_connection_instead_of_completing() {
    let image = vec![7; 64 << 20]; // more than the sockets between hold
    let world = World::with(&image).await;
    let path = world.folder.path().join(hex(&Sha256::digest(&image)));
    let mut stream = TcpStream::connect(world.address).await.unwrap();
    let request = format!("GET {} HTTP/1.1\r\nHost: x\r\n\r\n", world.link(1));
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut bytes = vec![0];
    stream.read_exact(&mut bytes).await.unwrap(); // the answer has begun
    std::fs::File::options().write(true).open(&path).unwrap().set_len(1_000_000).unwrap();
    let closed = tokio::time::timeout(Duration::from_secs(20), stream.read_to_end(&mut bytes)).await;
    assert!(closed.is_ok(), "the connection stays open without the rest");
    let answer = Answer::of(&bytes);
    assert_eq!(answer.header("Content-Length"), Some("67108864"));
    assert!(answer.body.len() < image.len(), "bytes were made up");
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
