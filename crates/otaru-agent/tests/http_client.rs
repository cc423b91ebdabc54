//! Calls that block, against a server of the test.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use otaru_agent::{CallError, FetchError, HttpClient, Trust};
use otaru_wire::http::{Answer, Call, Headers, Method};

/// Longer than anything here takes on a slow machine.
const PATIENCE: Duration = Duration::from_secs(20);

/// A server that gives `answer` the head of each request with its body, on each connection's own thread.
fn serve(answer: impl Fn(&str, &mut TcpStream) + Send + Sync + Clone + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let answer = answer.clone();
            thread::spawn(move || {
                let mut stream = stream.unwrap();
                let mut reader = BufReader::new(stream.try_clone().unwrap());
                while let Some(request) = request(&mut reader) {
                    answer(&request, &mut stream);
                }
            });
        }
    });
    address
}

fn request(reader: &mut BufReader<TcpStream>) -> Option<String> {
    let (mut text, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        text += &line;
        if line == "\r\n" {
            break;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(text + &String::from_utf8(body).unwrap())
}

fn client(address: SocketAddr) -> HttpClient {
    HttpClient::new(&format!("http://{address}"), &Trust::WebRoots).unwrap()
}

fn question(body: &str) -> Call {
    let mut headers = Headers::default();
    headers.add("Authorization", "proof");
    let method = if body.is_empty() { Method::Get } else { Method::Post };
    Call { method, target: "/ota/x?y=1".into(), headers, body: body.into() }
}

fn ask(address: SocketAddr, body: &str) -> Result<Answer, CallError> {
    client(address).call(&question(body), PATIENCE, 100)
}

#[test]
fn what_is_sent_is_what_the_call_says() {
    let server = serve(|request, stream| {
        let head = request.to_ascii_lowercase();
        assert!(head.contains("\r\nauthorization: proof\r\n") && head.contains("\r\nhost: "), "{request}");
        assert!(!head.contains("user-agent") && !head.contains("accept"), "{request}");
        let told = format!("{}|{}", request.lines().next().unwrap(), request.lines().last().unwrap());
        write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{told}", told.len()).unwrap();
    });
    let told = |body| String::from_utf8(ask(server, body).unwrap().body).unwrap();
    assert_eq!(told("{}"), "POST /ota/x?y=1 HTTP/1.1|{}");
    assert_eq!(told(""), "GET /ota/x?y=1 HTTP/1.1|");
}

#[test]
fn an_answer_of_any_status_comes_whole_and_a_redirect_is_not_followed() {
    for (status, body) in [(200, "ok"), (401, "no"), (503, ""), (302, "there")] {
        let server = serve(move |_, stream| {
            let length = body.len();
            write!(stream, "HTTP/1.1 {status} X\r\nLocation: /z\r\nOta-Errno: 5\r\nContent-Length: {length}\r\n\r\n{body}")
                .unwrap();
        });
        let answer = ask(server, "").unwrap();
        assert_eq!((answer.head.status, answer.body), (status, body.as_bytes().to_vec()));
        assert_eq!(answer.head.headers.value("Ota-Errno"), Some("5"));
    }
}

#[test]
fn a_platform_that_is_silent_is_left_in_time_before_and_within_the_body() {
    for begin in ["", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab"] {
        let server = serve(move |_, stream| stream.write_all(begin.as_bytes()).unwrap());
        let result = client(server).call(&question(""), Duration::from_millis(50), 100);
        assert_eq!(result, Err(CallError::Timeout), "{begin}");
    }
}

#[test]
fn a_body_is_taken_up_to_its_bound_and_no_further() {
    let server =
        serve(|_, stream| write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n12345").unwrap());
    let ask = |max| client(server).call(&question(""), PATIENCE, max).map(|answer| answer.body.len());
    assert_eq!((ask(5), ask(4)), (Ok(5), Err(CallError::TooLong { max: 4 })));
}

#[test]
fn a_connection_that_breaks_and_a_platform_that_is_not_there_are_told_apart() {
    let server = serve(|_, stream| {
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab").unwrap();
        stream.shutdown(Shutdown::Both).unwrap();
    });
    assert!(matches!(ask(server, ""), Err(CallError::Fetch(FetchError::Broken(_)))));
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    assert!(matches!(ask(nobody, ""), Err(CallError::Fetch(FetchError::Unreachable(_)))));
}

#[test]
fn a_kept_connection_that_the_platform_closes_costs_no_question_and_repeats_no_statement() {
    let heard = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&heard);
    // The second request to come is heard and never answered: its connection ends.
    let server = serve(move |_, stream| match count.fetch_add(1, Ordering::SeqCst) {
        1 => stream.shutdown(Shutdown::Both).unwrap(),
        _ => stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").unwrap(),
    });
    for (body, repeated) in [("", true), ("{}", false)] {
        heard.store(0, Ordering::SeqCst);
        let client = client(server);
        client.call(&question(""), PATIENCE, 100).unwrap();
        let second = client.call(&question(body), PATIENCE, 100);
        assert_eq!(second.is_ok(), repeated, "{second:?}");
        assert_eq!(heard.load(Ordering::SeqCst), if repeated { 3 } else { 2 });
    }
}

#[test]
fn what_is_no_place_of_a_platform_is_refused() {
    for base in [
        "",
        "ota.example",
        "ftp://ota.example",
        "http://",
        "http://ota.example/path",
        "http://ota.example/?q",
    ] {
        assert!(matches!(HttpClient::new(base, &Trust::WebRoots), Err(FetchError::BadUrl(_))), "{base}");
    }
    for base in ["http://ota.example", "https://[::1]:8443/"] {
        assert!(HttpClient::new(base, &Trust::WebRoots).is_ok(), "{base}");
    }
}
