//! What a stranger can hold, and how the server stops.

use std::time::{Duration, Instant};

use axum::routing::get;

use super::*;

#[tokio::test]
async fn a_header_that_does_not_come_is_not_waited_for() {
    let limits = Limits { header_time: Duration::from_millis(200), ..Limits::default() };
    let world = World::within(b"x", limits).await;
    for sent in ["", "GET / HT", "GET / HTTP/1.1\r\nHost: x\r\nA: "] {
        let mut stream = TcpStream::connect(world.address).await.unwrap();
        stream.write_all(sent.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        let closed = tokio::time::timeout(Duration::from_secs(30), stream.read_to_end(&mut answer)).await;
        assert!(closed.is_ok(), "{sent:?} holds a connection");
    }
}

#[tokio::test]
async fn a_connection_that_idles_between_requests_is_closed() {
    let limits = Limits { header_time: Duration::from_millis(200), ..Limits::default() };
    let world = World::within(b"x", limits).await;
    let mut stream = TcpStream::connect(world.address).await.unwrap();
    stream.write_all(format!("GET {} HTTP/1.1\r\nHost: x\r\n\r\n", world.link(1)).as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    let closed = tokio::time::timeout(Duration::from_secs(30), stream.read_to_end(&mut answer)).await;
    assert!(closed.is_ok(), "an idle connection is held for ever");
    assert_eq!(Answer::of(&answer).body, b"x");
}

#[tokio::test]
async fn a_client_that_takes_no_bytes_is_given_up() {
    let limits = Limits { stall_time: Duration::from_millis(300), ..Limits::default() };
    let world = World::within(&vec![7; 64 << 20], limits).await;
    let mut stream = TcpStream::connect(world.address).await.unwrap();
    stream.write_all(format!("GET {} HTTP/1.1\r\nHost: x\r\n\r\n", world.link(1)).as_bytes()).await.unwrap();
    // Takes nothing; once the server has let go, its side answers any byte with a reset.
    let stalled = Instant::now();
    loop {
        tokio::time::sleep(Duration::from_millis(100)).await;
        if stream.write_all(b"\r\n").await.is_err() {
            break;
        }
        assert!(stalled.elapsed() < Duration::from_secs(30), "a stalled client is held for ever");
    }
}

#[tokio::test]
async fn a_header_too_long_or_of_too_many_lines_is_refused() {
    let world = World::with(b"x").await;
    let long = world.get("/f/x", &[&format!("A: {}", "x".repeat(100_000))]).await;
    assert_eq!(long.code(), "431");
    let many = vec!["A: b"; 100];
    assert_eq!(world.get("/f/x", &many).await.code(), "431");
}

#[tokio::test]
async fn connections_beyond_the_limit_wait_for_their_turn() {
    let limits = Limits { connections: 1, ..Limits::default() };
    let world = World::within(b"x", limits).await;
    let first = TcpStream::connect(world.address).await.unwrap();
    let link = world.link(1);
    let second = world.get(&link, &[]);
    let mut second = std::pin::pin!(second);
    let early = tokio::time::timeout(Duration::from_millis(200), &mut second).await;
    assert!(early.is_err(), "a second connection is served beside the first");
    drop(first);
    assert_eq!(second.await.code(), "200");
}

#[tokio::test]
async fn what_is_no_http_is_refused_and_serving_goes_on() {
    let world = World::with(b"x").await;
    for junk in ["\u{0}\u{1}\u{2}\r\n\r\n", "GET\r\n\r\n", "\u{10}\u{30}MQTT", "GET / HTTP/9.9\r\n\r\n"] {
        let mut stream = TcpStream::connect(world.address).await.unwrap();
        stream.write_all(junk.as_bytes()).await.unwrap();
        stream.shutdown().await.unwrap();
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        assert!(!answer.starts_with(b"HTTP/1.1 2"), "{junk:?}");
    }
    assert_eq!(world.get(&world.link(1), &[]).await.code(), "200");
}

#[tokio::test]
async fn stopping_finishes_what_is_under_way_and_takes_nothing_new() {
    let (arrived, mut arrivals) = tokio::sync::mpsc::channel(1);
    let (go_on, wait) = tokio::sync::watch::channel(false);
    let slow = async move || {
        let _ = arrived.send(()).await;
        let _ = wait.clone().wait_for(|go| *go).await;
        "done"
    };
    let (address, stop, served) = listening(Router::new().route("/", get(slow)), Limits::default()).await;
    let idle = TcpStream::connect(address).await.unwrap();
    let under_way = tokio::spawn(async move { ask(address, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await });
    arrivals.recv().await.unwrap();
    stop.send(()).unwrap();
    while TcpStream::connect(address).await.is_ok() {
        tokio::task::yield_now().await; // until the listener is gone
    }
    go_on.send(true).unwrap();
    assert_eq!(under_way.await.unwrap().body, b"done");
    served.await.unwrap();
    drop(idle);
}

#[tokio::test]
async fn stopping_cuts_what_takes_too_long() {
    let limits = Limits { stop_time: Duration::from_millis(100), ..Limits::default() };
    let (arrived, mut arrivals) = tokio::sync::mpsc::channel(1);
    let never = async move || {
        let _ = arrived.send(()).await;
        std::future::pending::<()>().await;
    };
    let (address, stop, served) = listening(Router::new().route("/", get(never)), limits).await;
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    arrivals.recv().await.unwrap();
    stop.send(()).unwrap();
    tokio::time::timeout(Duration::from_secs(30), served).await.expect("the stop hangs").unwrap();
    assert_eq!(stream.read_to_end(&mut Vec::new()).await.unwrap_or(0), 0);
}
