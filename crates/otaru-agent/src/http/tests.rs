//! Downloads from a small server with every vice.

use std::sync::{atomic::Ordering, mpsc::Receiver};

use otaru_wire::dialect::aliyun::StateCode;

use super::*;
use crate::{
    certificates::{Vouched, vouched},
    http_server::{Wire, header, serve},
};

/// A client that has the answers of its thread in a channel.
struct Rig {
    fetcher: Fetcher,
    events: Receiver<FetchEvent>,
}

fn rig(edit: impl FnOnce(&mut FetchOptions)) -> Rig {
    let mut options = FetchOptions {
        trust: Trust::WebRoots,
        pace: None,
        stall_timeout: Duration::from_secs(20),
        connect_timeout: Duration::from_secs(10),
    };
    edit(&mut options);
    let (sender, events) = channel();
    let fetcher = Fetcher::start(options, move |event| sender.send(event).is_ok()).unwrap();
    Rig { fetcher, events }
}

/// One whole answer.
struct Answer {
    head: Option<Head>,
    body: Vec<u8>,
    result: Result<(), FetchError>,
}

impl Rig {
    fn ask(&self, id: u32, url: &str, range: ByteRange) {
        self.fetcher.fetch(FetchRequest {
            id: RequestId(id),
            url: url.to_owned(),
            range,
            etag: None,
            authorization: None,
        });
    }

    fn next(&self) -> FetchEvent {
        self.events.recv_timeout(Duration::from_secs(30)).unwrap()
    }

    fn fetch(&self, id: u32, url: &str, range: ByteRange) -> Answer {
        self.ask(id, url, range);
        let (mut head, mut body) = (None, Vec::new());
        loop {
            match self.next() {
                FetchEvent::Head(of, found) => {
                    assert_eq!(of, RequestId(id));
                    head = Some(found);
                }
                FetchEvent::Body(of, bytes) => {
                    assert_eq!(of, RequestId(id));
                    assert!(bytes.len() <= CHUNK);
                    body.extend_from_slice(&bytes);
                    self.fetcher.returned(bytes);
                }
                FetchEvent::Ended(of, result) => {
                    assert_eq!(of, RequestId(id));
                    return Answer { head, body, result };
                }
            }
        }
    }
}

fn image(len: usize) -> Vec<u8> {
    (0..len as u64).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect()
}

/// Answers a range of the image with 206.
fn answer_range(image: &[u8], request: &str, wire: &mut dyn Wire) -> bool {
    let (first, last) = header(request, "range").unwrap()["bytes=".len()..].split_once('-').unwrap();
    let (first, last): (usize, usize) = (first.parse().unwrap(), last.parse().unwrap());
    let head = format!(
        "HTTP/1.1 206 Partial Content\r\nContent-Length: {}\r\nContent-Range: bytes {first}-{last}/{}\r\nETag: \"e\"\r\n\r\n",
        last + 1 - first,
        image.len()
    );
    wire.write_all(head.as_bytes()).is_ok() && wire.write_all(&image[first..=last]).is_ok()
}

#[test]
fn ranges_come_whole_and_in_order_over_one_connection() {
    let bytes = image(3_000_000);
    let expected = bytes.clone();
    let (server, connections) = serve(None, move |request, wire| {
        assert_eq!(header(request, "accept-encoding"), Some("identity"));
        assert_eq!(header(request, "authorization"), None);
        answer_range(&bytes, request, wire)
    });
    let rig = rig(|_| {});
    let mut start = 0;
    for (id, end) in [(1, 1), (2, 1_000_000), (3, 3_000_000)] {
        let range = ByteRange { start, end };
        let answer = rig.fetch(id, &format!("http://{server}/f?sig=x"), range);
        assert_eq!(answer.result, Ok(()));
        let head = answer.head.unwrap();
        assert_eq!((head.status, head.content_length()), (206, Some(range.len())));
        assert_eq!(
            head.headers.value("Content-Range").unwrap(),
            format!("bytes {start}-{}/3000000", end - 1)
        );
        assert_eq!(head.headers.value("ETag"), Some("\"e\""));
        assert_eq!(answer.body, expected[start as usize..end as usize]);
        start = end;
    }
    assert_eq!(connections.load(Ordering::SeqCst), 1);
}

#[test]
fn a_validator_is_sent_as_if_range() {
    let (server, _) = serve(None, |request, wire| {
        assert_eq!(header(request, "if-range"), Some("\"e-1\""));
        answer_range(&image(10), request, wire)
    });
    let rig = rig(|_| {});
    rig.fetcher.fetch(FetchRequest {
        id: RequestId(1),
        url: format!("http://{server}/"),
        range: ByteRange { start: 2, end: 10 },
        etag: Some("\"e-1\"".to_owned()),
        authorization: None,
    });
    assert!(matches!(rig.next(), FetchEvent::Head(_, head) if head.status == 206));
}

#[test]
fn a_refused_link_tells_its_status_and_its_body_is_not_delivered() {
    for status in [403, 404, 410, 416, 500] {
        let (server, connections) = serve(None, move |_, wire| {
            let head = format!("HTTP/1.1 {status} No\r\nContent-Length: 7\r\n\r\nexpired");
            wire.write_all(head.as_bytes()).is_ok()
        });
        let rig = rig(|_| {});
        for id in [1, 2] {
            let answer = rig.fetch(id, &format!("http://{server}/"), ByteRange { start: 0, end: 9 });
            assert_eq!(answer.head.unwrap().status, status);
            assert_eq!((answer.body.len(), answer.result), (0, Ok(())));
        }
        assert_eq!(connections.load(Ordering::SeqCst), 1, "the connection is used again");
    }
}

#[test]
fn a_body_cut_short_is_a_broken_connection_and_what_came_is_delivered() {
    let (server, _) = serve(None, |_, wire| {
        let _ = wire.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nonly this");
        false
    });
    let rig = rig(|_| {});
    let answer = rig.fetch(1, &format!("http://{server}/"), ByteRange { start: 0, end: 1000 });
    assert_eq!(answer.body, b"only this");
    assert!(matches!(answer.result, Err(FetchError::Broken(_))), "{:?}", answer.result);
}

#[test]
fn a_stalled_server_breaks_the_fetch_after_the_stall_timeout() {
    let (server, _) = serve(None, |_, wire| {
        let _ = wire.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nonly this");
        thread::sleep(Duration::from_secs(60));
        false
    });
    let rig = rig(|options| options.stall_timeout = Duration::from_millis(200));
    let answer = rig.fetch(1, &format!("http://{server}/"), ByteRange { start: 0, end: 1000 });
    assert_eq!(answer.body, b"only this");
    assert!(matches!(answer.result, Err(FetchError::Broken(_))), "{:?}", answer.result);
}

#[test]
fn a_stopped_fetch_says_nothing_more_and_the_next_one_starts_at_once() {
    let bytes = image(100_000);
    let expected = bytes.clone();
    let (server, _) = serve(None, move |request, wire| {
        if request.starts_with("GET /stall") {
            let _ = wire.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nonly this");
            thread::sleep(Duration::from_secs(60));
            return false;
        }
        answer_range(&bytes, request, wire)
    });
    let rig = rig(|_| {});
    rig.ask(1, &format!("http://{server}/stall"), ByteRange { start: 0, end: 1000 });
    assert!(matches!(rig.next(), FetchEvent::Head(RequestId(1), _)));
    let FetchEvent::Body(RequestId(1), body) = rig.next() else { panic!("no body") };
    rig.fetcher.stop(RequestId(1));
    rig.fetcher.returned(body);
    // The stall timeout is 20 s; a thread still stuck in it would not answer within it.
    let begin = Instant::now();
    let answer = rig.fetch(2, &format!("http://{server}/"), ByteRange { start: 0, end: 100_000 });
    assert!(answer.body == expected && answer.result.is_ok());
    assert!(begin.elapsed() < Duration::from_secs(15));
}

#[test]
fn no_more_buffers_are_under_way_than_there_are() {
    let bytes = image(2_000_000);
    let (server, _) = serve(None, move |request, wire| answer_range(&bytes, request, wire));
    let rig = rig(|_| {});
    rig.ask(1, &format!("http://{server}/"), ByteRange { start: 0, end: 2_000_000 });
    assert!(matches!(rig.next(), FetchEvent::Head(..)));
    let mut held: Vec<_> = (0..BUFFERS).map(|_| rig.next()).collect();
    assert!(rig.events.recv_timeout(Duration::from_millis(300)).is_err(), "the thread waits for a buffer");
    let Some(FetchEvent::Body(_, buffer)) = held.pop() else { panic!("no body") };
    rig.fetcher.returned(buffer);
    assert!(matches!(rig.next(), FetchEvent::Body(..)));
    // And a fetch stopped while it waits for a buffer leaves at once.
    rig.fetcher.stop(RequestId(1));
    for event in held {
        let FetchEvent::Body(_, buffer) = event else { panic!("no body") };
        rig.fetcher.returned(buffer);
    }
    assert!(rig.events.recv_timeout(Duration::from_millis(100)).is_err());
}

#[test]
fn redirects_are_followed_but_not_for_ever() {
    let (server, _) = serve(None, |request, wire| {
        if request.starts_with("GET /moved") {
            let head = "HTTP/1.1 302 Found\r\nLocation: /here\r\nContent-Length: 0\r\n\r\n";
            return wire.write_all(head.as_bytes()).is_ok();
        }
        if request.starts_with("GET /loop") {
            let head = "HTTP/1.1 302 Found\r\nLocation: /loop\r\nContent-Length: 0\r\n\r\n";
            return wire.write_all(head.as_bytes()).is_ok();
        }
        answer_range(&image(10), request, wire)
    });
    let rig = rig(|_| {});
    let range = ByteRange { start: 3, end: 10 };
    let answer = rig.fetch(1, &format!("http://{server}/moved"), range);
    assert_eq!(answer.body, image(10)[3..], "the range is asked of the new place too");
    let answer = rig.fetch(2, &format!("http://{server}/loop"), range);
    assert_eq!(answer.result, Err(FetchError::Redirected));
}

#[test]
fn a_proof_goes_to_the_links_own_host_and_nowhere_else() {
    let (other, _) = serve(None, |request, wire| {
        assert_eq!(header(request, "authorization"), None);
        answer_range(&image(10), request, wire)
    });
    let (server, _) = serve(None, move |request, wire| {
        assert_eq!(header(request, "authorization"), Some("version=2018-10-31&res=products%2F1"));
        let head = format!("HTTP/1.1 302 Found\r\nLocation: http://{other}/\r\nContent-Length: 0\r\n\r\n");
        wire.write_all(head.as_bytes()).is_ok()
    });
    let rig = rig(|_| {});
    rig.fetcher.fetch(FetchRequest {
        id: RequestId(1),
        url: format!("http://{server}/"),
        range: ByteRange { start: 0, end: 10 },
        etag: None,
        authorization: Some("version=2018-10-31&res=products%2F1".to_owned()),
    });
    assert!(matches!(rig.next(), FetchEvent::Head(_, head) if head.status == 206));
}

#[test]
fn what_is_no_link_is_told_apart_and_never_repeated_in_the_message() {
    let rig = rig(|_| {});
    let long = format!("http://127.0.0.1:1/{}", "s".repeat(MAX_URL_BYTES));
    for (id, url) in ["", "secret", "ftp://127.0.0.1/secret", "http:///secret", "http://a b/secret", &long]
        .into_iter()
        .enumerate()
    {
        let answer = rig.fetch(id as u32, url, ByteRange { start: 0, end: 1 });
        let error = answer.result.unwrap_err();
        assert!(matches!(error, FetchError::BadUrl(_)), "{url:.30}: {error}");
        assert!(!error.to_string().contains("secret"), "{error}");
    }
}

#[test]
fn a_server_that_is_not_there_is_send_request_failed() {
    let rig = rig(|_| {});
    let no_name = format!("http://{}/secret", "n".repeat(300));
    for (id, url) in ["http://127.0.0.1:1/secret", &no_name].into_iter().enumerate() {
        let error = rig.fetch(id as u32, url, ByteRange { start: 0, end: 1 }).result.unwrap_err();
        assert!(matches!(error, FetchError::Unreachable(_)), "{url}: {error:?}");
        assert!(!error.to_string().contains("secret"), "{error}");
        assert_eq!(error.state_code(), Some(StateCode::DownloadSendRequestFailed));
    }
}

#[test]
fn a_link_without_a_host_is_host_is_null() {
    let answer = rig(|_| {}).fetch(1, "http:///image.bin", ByteRange { start: 0, end: 1 });
    assert_eq!(answer.result.unwrap_err().state_code(), Some(StateCode::OtaParseUrlHostIsNull));
}

#[test]
fn the_longest_link_allowed_is_sent_whole() {
    let (server, _) = serve(None, |request, wire| {
        let path = request.split(' ').nth(1).unwrap();
        assert!(path.ends_with("ssend"), "{path}");
        answer_range(&image(1), request, wire)
    });
    let start = format!("http://{server}/");
    let url = format!("{start}{}end", "s".repeat(MAX_URL_BYTES - start.len() - 3));
    assert_eq!(url.len(), MAX_URL_BYTES);
    assert_eq!(rig(|_| {}).fetch(1, &url, ByteRange { start: 0, end: 1 }).result, Ok(()));
}

#[test]
fn a_server_is_trusted_by_the_given_ca_and_by_no_other() {
    let Vouched { ca_pem, config } = vouched();
    let [trust, other] = [ca_pem, vouched().ca_pem].map(|pem| Trust::read(pem.as_bytes()).unwrap());
    let bytes = image(200_000);
    let expected = bytes.clone();
    let (server, connections) = serve(Some(config), move |request, wire| answer_range(&bytes, request, wire));
    let url = format!("https://localhost:{}/f", server.port());
    let range = ByteRange { start: 0, end: 200_000 };

    let trusting = rig(|options| options.trust = trust.clone());
    for id in [1, 2] {
        let answer = trusting.fetch(id, &url, range);
        assert_eq!(answer.result, Ok(()));
        assert!(answer.body == expected);
    }
    assert_eq!(connections.load(Ordering::SeqCst), 1, "one handshake for both ranges");

    for wrong in [Trust::WebRoots, other] {
        let answer = rig(|options| options.trust = wrong).fetch(1, &url, range);
        assert!(matches!(answer.result, Err(FetchError::NotTrusted(_))), "{:?}", answer.result);
        assert!(answer.head.is_none());
    }
    let by_address = format!("https://127.0.0.1:{}/f", server.port());
    let answer = rig(|options| options.trust = trust).fetch(1, &by_address, range);
    assert!(matches!(answer.result, Err(FetchError::NotTrusted(_))), "another name: {:?}", answer.result);
}

#[test]
fn a_pace_spreads_the_bytes_and_can_be_stopped() {
    let bytes = image(60_000);
    let expected = bytes.clone();
    let (server, _) = serve(None, move |request, wire| answer_range(&bytes, request, wire));
    let rig = rig(|options| options.pace = Some(Pace::new(40_000, Instant::now())));
    let begin = Instant::now();
    let answer = rig.fetch(1, &format!("http://{server}/"), ByteRange { start: 0, end: 60_000 });
    assert!(answer.body == expected);
    assert!(begin.elapsed() > Duration::from_millis(900), "{:?}", begin.elapsed());
}
