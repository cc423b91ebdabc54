//! Peers that are slow, silent, greedy or mad.

use std::time::Duration;

use otaru_platform::gateway::{Delivery, GatewayOptions};
use otaru_wire::mqtt::{ClientEvent, CloseReason, Message, Qos, Refusal, ServerOptions};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::{
    BOTH, V5, V311, notice,
    peer::{Gateway, Peer, Seen, connect_packet, device},
};

#[tokio::test(start_paused = true)]
async fn a_connect_that_is_not_whole_in_time_is_dropped() {
    let gateway = Gateway::start(GatewayOptions::default()).await;
    let connect = connect_packet("dn", V311);
    // Nothing at all, a part, and one byte a second.
    for (start, step) in [(0, 0), (connect.len() - 1, 0), (1, 1)] {
        let began = tokio::time::Instant::now();
        let mut socket = TcpStream::connect(gateway.address).await.unwrap();
        socket.write_all(&connect[..start]).await.unwrap();
        for byte in connect[start..].chunks(step.max(1)).take(if step > 0 { 9 } else { 0 }) {
            tokio::time::sleep(Duration::from_secs(1)).await;
            socket.write_all(byte).await.unwrap();
        }
        assert_eq!(socket.read(&mut [0; 8]).await.unwrap_or(0), 0, "closed without an answer");
        assert_eq!(began.elapsed().as_secs(), 10);
    }
}

#[tokio::test(start_paused = true)]
async fn a_login_that_is_not_checked_in_time_is_answered_with_unavailable() {
    let gateway = Gateway::start(GatewayOptions::default()).await;
    gateway.platform.hold_logins();
    let mut peer = Peer::open(gateway.address, "dn", "good", V311).await;
    peer.flush().await;
    let answer = peer.until_closed().await;
    assert_eq!(answer, [0x20, 2, 0, 3]);
}

#[tokio::test(start_paused = true)]
async fn a_device_silent_for_one_and_a_half_keep_alive_times_is_left() {
    let session = ServerOptions { max_keep_alive: Duration::from_secs(20), ..ServerOptions::default() };
    let mut gateway = Gateway::start(GatewayOptions { session, ..GatewayOptions::default() }).await;
    for (version, farewell) in [(V311, &[][..]), (V5, &[0xe0, 1, 0x8d][..])] {
        let mut peer = gateway.device("dn", version).await;
        let began = tokio::time::Instant::now();
        assert_eq!(peer.until_closed().await, farewell);
        // 1.5 * 20 s, 1 s slack, up to 1 s until the sweep.
        assert!((31..=32).contains(&began.elapsed().as_secs()), "{:?}", began.elapsed());
        assert_eq!(gateway.seen().await, Seen::Disconnected(device("dn")));
    }
}

#[tokio::test(start_paused = true)]
async fn a_device_that_pings_stays() {
    let session = ServerOptions { max_keep_alive: Duration::from_secs(20), ..ServerOptions::default() };
    let mut gateway = Gateway::start(GatewayOptions { session, ..GatewayOptions::default() }).await;
    let mut peer = gateway.device("dn", V311).await;
    for _ in 0..20 {
        tokio::time::sleep(Duration::from_secs(20)).await;
        peer.socket.write_all(&[0xc0, 0]).await.unwrap();
        let mut answer = [0; 2];
        peer.socket.read_exact(&mut answer).await.unwrap();
        assert_eq!(answer, [0xd0, 0]);
    }
    assert!(gateway.nothing_seen());
}

#[tokio::test]
async fn a_device_that_never_reads_is_dropped_at_the_bound() {
    let options = GatewayOptions { max_unsent: 4096, ..GatewayOptions::default() };
    let mut gateway = Gateway::start(options).await;
    let mut peer = gateway.device("greedy", V311).await;
    let mut other = gateway.device("other", V311).await;
    // Two bytes are answered with two; none of the answers is read.
    let pings = [0xc0, 0].repeat(4096);
    let mut sent = 0;
    while peer.socket.write_all(&pings).await.is_ok() {
        sent += pings.len();
        assert!(sent < 64 * 1024 * 1024, "never dropped");
    }
    assert_eq!(gateway.seen().await, Seen::Disconnected(device("greedy")));
    gateway.sessions.deliver(&device("other"), notice("other", Qos::AtMostOnce));
    assert!(matches!(other.event().await, ClientEvent::Message(_)));
}

#[tokio::test(start_paused = true)]
async fn a_device_that_stops_reading_a_notice_is_dropped_after_a_while() {
    let mut gateway = Gateway::start(GatewayOptions::default()).await;
    let _peer = gateway.device("dn", V311).await;
    let long = Message { payload: vec![b'x'; 100_000], ..notice("dn", Qos::AtMostOnce) };
    while gateway.sessions.deliver(&device("dn"), long.clone()) == Delivery::Queued {
        tokio::task::yield_now().await;
    }
    let began = tokio::time::Instant::now();
    loop {
        tokio::time::sleep(Duration::from_secs(1)).await;
        if !gateway.sessions.is_connected(&device("dn")) {
            break;
        }
    }
    assert!((29..=33).contains(&began.elapsed().as_secs()), "{:?}", began.elapsed());
}

#[tokio::test]
async fn a_device_that_floods_does_not_starve_the_others() {
    let mut gateway = Gateway::start(GatewayOptions::default()).await;
    let mut other = gateway.device("other", V311).await;
    // On a thread of its own: it never waits for the gateway's runtime, which has one thread here.
    let mut flood = std::net::TcpStream::connect(gateway.address).unwrap();
    let flooding = std::thread::spawn(move || {
        use std::io::Write;
        flood.write_all(&connect_packet("flood", V311)).unwrap();
        let messages = [0x30, 5, 0, 2, b'n', b'o', b'x'].repeat(10_000);
        while flood.write_all(&messages).is_ok() {}
    });
    assert_eq!(gateway.seen().await, Seen::Connected(device("flood")));
    for _ in 0..20 {
        gateway.sessions.deliver(&device("other"), notice("other", Qos::AtLeastOnce));
        assert!(matches!(other.event().await, ClientEvent::Message(_)));
    }
    assert!(gateway.sessions.is_connected(&device("flood")));
    gateway.sessions.close(&device("flood"));
    assert_eq!(gateway.seen().await, Seen::Disconnected(device("flood")));
    // The gateway's farewell needs this thread until the flood's socket is closed.
    tokio::task::spawn_blocking(|| flooding.join().unwrap()).await.unwrap();
}

#[tokio::test]
async fn garbage_closes_its_own_connection_only() {
    let mut gateway = Gateway::start(GatewayOptions::default()).await;
    let mut steady = gateway.device("steady", V311).await;
    let mut random = 0x2545_f491_4f6c_dd1d_u64;
    for round in 0..200 {
        let mut garbage: Vec<u8> = Vec::with_capacity(10_000);
        while garbage.len() < 10_000 {
            // xorshift: the same bytes in each run.
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            garbage.extend(random.to_le_bytes());
        }
        let mut socket = TcpStream::connect(gateway.address).await.unwrap();
        let name = format!("mad-{round}");
        let logged_in = round % 2 == 0;
        if logged_in {
            socket.write_all(&connect_packet(&name, BOTH[round / 2 % 2])).await.unwrap();
        }
        // The gateway may close before all of it is written.
        let _ = socket.write_all(&garbage).await;
        let _ = socket.shutdown().await;
        let _ = socket.read_to_end(&mut Vec::new()).await;
        if logged_in {
            assert_eq!(gateway.seen().await, Seen::Connected(device(&name)));
            while gateway.seen().await != Seen::Disconnected(device(&name)) {}
        }
    }
    gateway.sessions.deliver(&device("steady"), notice("steady", Qos::AtMostOnce));
    assert!(matches!(steady.event().await, ClientEvent::Message(_)));
    assert_eq!(gateway.sessions.count(), 1);
}

#[tokio::test]
async fn a_panic_closes_one_connection() {
    let mut gateway = Gateway::start(GatewayOptions::default()).await;
    let mut unlucky = gateway.device("unlucky", V311).await;
    let mut other = gateway.device("other", V311).await;
    unlucky.publish("up/unlucky", b"panic", Qos::AtLeastOnce);
    assert_eq!(unlucky.event().await, ClientEvent::Closed(CloseReason::TransportLost));
    assert_eq!(gateway.seen().await, Seen::Disconnected(device("unlucky")));
    gateway.sessions.deliver(&device("other"), notice("other", Qos::AtMostOnce));
    assert!(matches!(other.event().await, ClientEvent::Message(_)));
}

#[tokio::test]
async fn what_comes_behind_a_connect_waits_for_the_login() {
    let mut gateway = Gateway::start(GatewayOptions::default()).await;
    let publish = [0x30, 8, 0, 5, b'u', b'p', b'/', b'd', b'n', b'x'];
    let mut good = connect_packet("dn", V311);
    good.extend(publish);
    let mut socket = TcpStream::connect(gateway.address).await.unwrap();
    socket.write_all(&good).await.unwrap();
    assert_eq!(gateway.seen().await, Seen::Connected(device("dn")));
    assert!(matches!(gateway.seen().await, Seen::Published(..)));
    drop(socket);
    assert_eq!(gateway.seen().await, Seen::Disconnected(device("dn")));

    let mut bad = Peer::open(gateway.address, "dn", "bad", V311).await;
    let mut bytes = Vec::new();
    bad.client.poll_transmit(&mut bytes);
    bytes.extend(publish);
    bad.socket.write_all(&bytes).await.unwrap();
    assert_eq!(bad.event().await, ClientEvent::Closed(CloseReason::Refused(Refusal::BadLogin)));
    assert!(gateway.nothing_seen());
}

#[tokio::test]
async fn a_packet_announced_over_the_limit_ends_the_session() {
    let mut gateway = Gateway::start(GatewayOptions::default()).await;
    let mut peer = gateway.device("dn", V5).await;
    peer.socket.write_all(&[0x30, 0xff, 0xff, 0xff, 0x7f]).await.unwrap();
    assert_eq!(peer.event().await, ClientEvent::Closed(CloseReason::Disconnected(0x95)));
}

#[tokio::test]
async fn strangers_beyond_the_limit_are_closed_at_once() {
    let options = GatewayOptions { max_strangers: 2, ..GatewayOptions::default() };
    let mut gateway = Gateway::start(options).await;
    let device = gateway.device("dn", V311).await;
    let strangers = [
        TcpStream::connect(gateway.address).await.unwrap(),
        TcpStream::connect(gateway.address).await.unwrap(),
    ];
    let mut third = TcpStream::connect(gateway.address).await.unwrap();
    assert_eq!(third.read(&mut [0; 1]).await.unwrap_or(0), 0);
    drop((strangers, device));
}
