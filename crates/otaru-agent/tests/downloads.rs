//! Ranges of links over real sockets, from servers with every vice.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use std::{
    io::{self, BufRead, BufReader, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Barrier,
        atomic::{AtomicU32, Ordering},
    },
    thread,
    time::Duration,
};

use otaru_agent::{DownloadConfig, DownloadFailed, Pull, Pulled, Trust, fetch};
use otaru_core::{Download, DownloadError, DownloadOptions, FetchError, Policy, Trouble};
use otaru_wire::{Digest, DigestMethod, Hasher, MAX_URL_BYTES};

/// A server that answers every request by `answer`, given its path and range; an error closes the connection.
fn serve(
    answer: impl Fn(&str, (usize, usize), &mut TcpStream) -> io::Result<()> + Send + Sync + 'static,
) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let answer = Arc::new(answer);
    thread::spawn(move || {
        for stream in listener.incoming() {
            let (stream, answer) = (stream.unwrap(), Arc::clone(&answer));
            thread::spawn(move || {
                stream.set_nodelay(true).unwrap();
                let mut wire = BufReader::new(stream);
                loop {
                    let mut request = String::new();
                    while !request.ends_with("\r\n\r\n") {
                        if wire.read_line(&mut request).unwrap_or(0) == 0 {
                            return;
                        }
                    }
                    let path = request.split(' ').nth(1).unwrap().to_owned();
                    let lower = request.to_ascii_lowercase();
                    let range = lower.split("range: bytes=").nth(1).unwrap().lines().next().unwrap();
                    let (first, last) = range.split_once('-').unwrap();
                    let range = (first.parse().unwrap(), last.parse().unwrap());
                    if answer(&path, range, wire.get_mut()).is_err() {
                        return;
                    }
                }
            });
        }
    });
    address
}

fn image() -> Vec<u8> {
    (0..300_000_u64).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect()
}

fn head(wire: &mut TcpStream, first: usize, last: usize, total: usize) -> io::Result<()> {
    let len = last + 1 - first;
    write!(
        wire,
        "HTTP/1.1 206 Partial Content\r\nContent-Length: {len}\r\nContent-Range: bytes {first}-{last}/{total}\r\nETag: \"e\"\r\n\r\n"
    )
}

/// 206 with what was asked for.
fn part((first, last): (usize, usize), wire: &mut TcpStream) -> io::Result<()> {
    let image = image();
    head(wire, first, last, image.len())?;
    wire.write_all(&image[first..=last])
}

fn gone() -> io::Error {
    io::ErrorKind::ConnectionReset.into()
}

fn digest(method: DigestMethod) -> Option<Digest> {
    let mut hasher = Hasher::new(method);
    hasher.update(&image());
    Some(hasher.finish())
}

fn options(url: impl Into<String>) -> DownloadOptions {
    let policy = Policy {
        retry_first: Duration::from_millis(1),
        retry_attempts: 2,
        stall_timeout: Duration::from_secs(20),
        ..Policy::default()
    };
    let (url, size, digest) = (url.into(), image().len() as u64, digest(DigestMethod::Sha256));
    DownloadOptions { url, size, digest, start: 0, end: None, policy, seed: 1 }
}

fn run(options: DownloadOptions) -> (Vec<u8>, Result<(), DownloadFailed>) {
    let mut bytes = Vec::new();
    let mut download = Download::new(options).unwrap();
    let result = fetch(&DownloadConfig::default(), &mut download, &mut bytes);
    (bytes, result)
}

/// Why a download of that server failed, which it must, before a byte was written.
fn refusal(server: SocketAddr) -> DownloadError {
    let (bytes, result) = run(options(format!("http://{server}/f")));
    assert!(bytes.is_empty());
    match result {
        Err(DownloadFailed::Download(error)) => error,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_whole_file_is_downloaded_and_its_digest_of_either_method_checked() {
    let server = serve(|_, range, wire| part(range, wire));
    for method in [DigestMethod::Md5, DigestMethod::Sha256] {
        let (bytes, result) =
            run(DownloadOptions { digest: digest(method), ..options(format!("http://{server}/f")) });
        result.unwrap();
        assert!(bytes == image());
    }
    let wrong = Some(Digest::Md5([0; 16]));
    let (_, result) = run(DownloadOptions { digest: wrong, ..options(format!("http://{server}/f")) });
    assert!(matches!(result, Err(DownloadFailed::Download(DownloadError::Digest))), "{result:?}");
}

#[test]
fn two_halves_put_together_are_the_file() {
    let server = serve(|_, range, wire| part(range, wire));
    let mut whole = Vec::new();
    for (start, end) in [(0, Some(149_999)), (150_000, None)] {
        let (bytes, result) = run(DownloadOptions { start, end, ..options(format!("http://{server}/f")) });
        result.unwrap();
        assert_eq!(bytes.len(), 150_000);
        whole.extend(bytes);
    }
    assert!(whole == image());
}

#[test]
fn a_broken_connection_is_resumed_at_its_byte_and_a_failed_download_goes_on_with_a_fresh_link() {
    let served = Arc::new(AtomicU32::new(0));
    let counter = Arc::clone(&served);
    let server =
        serve(move |path, (first, last), wire| match (counter.fetch_add(1, Ordering::SeqCst), path) {
            (0, _) => {
                head(wire, first, last, image().len())?;
                wire.write_all(&image()[first..first + 100_000])?;
                Err(gone())
            }
            (_, "/fresh") => part((first, last), wire),
            _ => {
                assert!(first >= 1, "what came is kept");
                write!(wire, "HTTP/1.1 403 Expired\r\nContent-Length: 0\r\n\r\n")
            }
        });
    let mut bytes = Vec::new();
    let mut download = Download::new(options(format!("http://{server}/old"))).unwrap();
    let failed = fetch(&DownloadConfig::default(), &mut download, &mut bytes).unwrap_err();
    assert!(
        matches!(failed, DownloadFailed::Download(DownloadError::LinkRefused { status: 403 })),
        "{failed:?}"
    );
    assert_eq!((bytes.len() as u64, bytes.len()), (download.offset(), 100_000));
    download.renew(format!("http://{server}/fresh")).unwrap();
    fetch(&DownloadConfig::default(), &mut download, &mut bytes).unwrap();
    assert!(bytes == image() && download.percent() == 100, "each byte once, and the digest over all");
}

#[test]
fn five_redirects_are_followed_and_six_are_refused() {
    let server = serve(|path, range, wire| match path[1..].parse::<u32>() {
        Ok(0) | Err(_) => part(range, wire),
        Ok(left) => {
            write!(wire, "HTTP/1.1 302 Found\r\nLocation: /{}\r\nContent-Length: 0\r\n\r\n", left - 1)
        }
    });
    let (bytes, result) = run(options(format!("http://{server}/5")));
    result.unwrap();
    assert!(bytes == image());
    let (bytes, result) = run(options(format!("http://{server}/6")));
    let redirected = Trouble::Fetch(FetchError::Redirected);
    assert!(
        matches!(&result, Err(DownloadFailed::Download(DownloadError::Trouble(found))) if *found == redirected),
        "{result:?}"
    );
    assert!(bytes.is_empty());
}

#[test]
fn a_link_of_8_kib_is_followed_whole_and_a_longer_one_is_refused() {
    let server = serve(|path, range, wire| {
        assert!(path.ends_with("ssend"), "{} bytes", path.len());
        part(range, wire)
    });
    let start = format!("http://{server}/");
    let url = format!("{start}{}end", "s".repeat(8 * 1024 - start.len() - 3));
    assert_eq!((url.len(), MAX_URL_BYTES), (8 * 1024, 8 * 1024));
    let (bytes, result) = run(options(url.clone()));
    result.unwrap();
    assert!(bytes == image());
    let refused = Download::new(options(url + "x")).unwrap_err();
    assert_eq!(refused, DownloadError::LinkTooLong { len: 8 * 1024 + 1 });
}

#[test]
fn a_missing_content_length_is_an_error() {
    let server = serve(|_, _, wire| {
        write!(wire, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n")
    });
    assert_eq!(refusal(server), DownloadError::Trouble(Trouble::NoLength));
}

#[test]
fn a_404_page_is_an_error_and_no_byte_of_it_is_written() {
    let server = serve(|_, _, wire| write!(wire, "HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\nnone"));
    assert_eq!(refusal(server), DownloadError::LinkRefused { status: 404 });
}

#[test]
fn another_status_than_200_and_206_is_an_error() {
    let server = serve(|_, _, wire| write!(wire, "HTTP/1.1 203 Other\r\nContent-Length: 4\r\n\r\nelse"));
    assert_eq!(refusal(server), DownloadError::Trouble(Trouble::Status(203)));
}

#[test]
fn a_wrong_content_range_is_an_error() {
    let server = serve(|_, (first, last), wire| {
        head(wire, first + 1, last, image().len())?;
        wire.write_all(&image()[first + 1..=last])
    });
    let error = refusal(server);
    assert_eq!(error, DownloadError::Trouble(Trouble::OtherRange("bytes 1-299999/300000".into())));
}

#[test]
fn a_file_over_the_expected_size_is_an_error() {
    let server = serve(|_, (first, last), wire| {
        head(wire, first, last, image().len() + 7)?;
        wire.write_all(&image())
    });
    assert_eq!(refusal(server), DownloadError::Size { found: 300_007, expected: 300_000 });
}

#[test]
fn more_bytes_than_announced_are_an_error() {
    let server = serve(|_, _, wire| {
        write!(
            wire,
            "HTTP/1.1 206 Partial Content\r\nTransfer-Encoding: chunked\r\nContent-Range: bytes 0-2/300000\r\n\r\n5\r\nabcde\r\n0\r\n\r\n"
        )
    });
    assert_eq!(refusal(server), DownloadError::Trouble(Trouble::TooMany));
}

#[test]
fn a_slow_server_is_waited_for_as_long_as_it_trickles() {
    let server = serve(|_, (first, last), wire| {
        head(wire, first, last, image().len())?;
        for piece in image()[first..=last].chunks(30_000) {
            thread::sleep(Duration::from_millis(120)); // the server's own slowness
            wire.write_all(piece)?;
        }
        Ok(())
    });
    let mut slow = options(format!("http://{server}/f"));
    slow.policy.stall_timeout = Duration::from_secs(1); // shorter than all pieces together
    slow.policy.retry_attempts = 0;
    let (bytes, result) = run(slow);
    result.unwrap();
    assert!(bytes == image());
}

#[test]
fn a_stalled_server_is_left_after_the_stall_timeout_and_what_came_is_kept() {
    let test_is_over = Arc::new(Barrier::new(2));
    let stalled = Arc::clone(&test_is_over);
    let served = AtomicU32::new(0);
    let server = serve(move |_, (first, last), wire| {
        if served.fetch_add(1, Ordering::SeqCst) > 0 {
            assert_eq!(first, 70_000, "what came is kept");
            return part((first, last), wire);
        }
        head(wire, first, last, image().len())?;
        wire.write_all(&image()[first..first + 70_000])?;
        stalled.wait();
        Err(gone())
    });
    let mut stalling = options(format!("http://{server}/f"));
    stalling.policy.stall_timeout = Duration::from_millis(300);
    let (bytes, result) = run(stalling);
    result.unwrap();
    assert!(bytes == image());
    test_is_over.wait();
}

fn pull(options: DownloadOptions) -> Pull {
    Pull::new(Download::new(options).unwrap(), Trust::WebRoots, None).unwrap()
}

/// Reads to the end with a buffer of that size.
fn pull_all(pull: &mut Pull, size: usize) -> Vec<u8> {
    let (mut all, mut buffer) = (Vec::new(), vec![0; size]);
    loop {
        match pull.read(&mut buffer, Duration::from_secs(20)).unwrap() {
            Pulled::Bytes(len) => all.extend_from_slice(&buffer[..len]),
            Pulled::Waiting => panic!("the server is not slow"),
            Pulled::Done => return all,
        }
    }
}

#[test]
fn a_pull_gives_each_byte_once_in_pieces_of_any_size_though_connections_break() {
    for size in [1, 127, 4096, 1_000_000] {
        let served = AtomicU32::new(0);
        let server = serve(move |_, (first, last), wire| {
            if served.fetch_add(1, Ordering::SeqCst) == 0 {
                head(wire, first, last, image().len())?;
                wire.write_all(&image()[..100_003])?;
                return Err(gone());
            }
            part((first, last), wire)
        });
        assert!(pull_all(&mut pull(options(format!("http://{server}/f"))), size) == image(), "{size}");
    }
}

#[test]
fn a_pull_that_gets_nothing_in_time_says_so_and_goes_on() {
    let (may_send, asked) = (Arc::new(Barrier::new(2)), Arc::new(Barrier::new(2)));
    let (permission, question) = (Arc::clone(&may_send), Arc::clone(&asked));
    let server = serve(move |_, range, wire| {
        question.wait();
        permission.wait();
        part(range, wire)
    });
    let mut pull = pull(options(format!("http://{server}/f")));
    let mut buffer = [0; 10];
    assert_eq!(pull.read(&mut buffer, Duration::ZERO).unwrap(), Pulled::Waiting);
    asked.wait();
    assert_eq!(pull.read(&mut buffer, Duration::from_millis(1)).unwrap(), Pulled::Waiting);
    may_send.wait();
    assert!(pull_all(&mut pull, 5000) == image());
}

#[test]
fn a_pull_goes_on_after_an_error_where_it_stopped() {
    let server = serve(|path, (first, last), wire| match path {
        "/fresh" => part((first, last), wire),
        _ if first > 0 => write!(wire, "HTTP/1.1 403 Expired\r\nContent-Length: 0\r\n\r\n"),
        _ => {
            head(wire, first, last, image().len())?;
            wire.write_all(&image()[..50_000])?;
            Err(gone())
        }
    });
    let mut pull = pull(options(format!("http://{server}/old")));
    let (mut bytes, mut buffer) = (Vec::new(), [0; 8192]);
    let failed = loop {
        match pull.read(&mut buffer, Duration::from_secs(20)) {
            Ok(Pulled::Bytes(len)) => bytes.extend_from_slice(&buffer[..len]),
            Ok(other) => panic!("{other:?}"),
            Err(error) => break error,
        }
    };
    let refused = matches!(failed, DownloadFailed::Download(DownloadError::LinkRefused { status: 403 }));
    assert!(refused, "{failed:?}");
    pull.renew(format!("http://{server}/fresh")).unwrap();
    bytes.extend(pull_all(&mut pull, 8192));
    assert!(bytes == image());
}

#[test]
fn the_end_of_a_pull_ends_its_stalled_connection() {
    let (sender, ended) = std::sync::mpsc::channel();
    let sender = std::sync::Mutex::new(sender);
    let server = serve(move |_, (first, last), wire| {
        head(wire, first, last, image().len())?;
        wire.write_all(&image()[..10])?;
        let end = io::Read::read(wire, &mut [0]);
        sender.lock().unwrap().send(matches!(end, Ok(0) | Err(_))).unwrap();
        Err(gone())
    });
    let mut pull = pull(options(format!("http://{server}/f")));
    assert_eq!(pull.read(&mut [0; 100], Duration::from_secs(20)).unwrap(), Pulled::Bytes(10));
    drop(pull);
    assert!(ended.recv_timeout(Duration::from_secs(20)).unwrap());
}
