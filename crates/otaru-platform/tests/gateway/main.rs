//! The device gateway over loopback sockets, with a platform of the test's own behind it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // helpers outside #[test] functions

mod behind;
mod granting;
mod hostile;
mod peer;

use otaru_platform::gateway::{Delivery, GatewayOptions};
use otaru_wire::mqtt::{ClientEvent, CloseReason, Message, ProtocolVersion, Qos, Refusal};
use peer::{Gateway, Peer, Seen, device};

const V311: ProtocolVersion = ProtocolVersion::V311;
const V5: ProtocolVersion = ProtocolVersion::V5;
const BOTH: [ProtocolVersion; 2] = [V311, V5];

fn notice(name: &str, qos: Qos) -> Message {
    Message { topic: format!("down/{name}"), payload: b"notice".to_vec(), qos }
}

#[tokio::test]
async fn a_bad_login_is_refused_and_an_unavailable_platform_says_so() {
    let mut gateway = Gateway::start(GatewayOptions::default()).await;
    for version in BOTH {
        for (password, refusal) in [("bad", Refusal::BadLogin), ("later", Refusal::Unavailable)] {
            let mut peer = Peer::open(gateway.address, "dn", password, version).await;
            assert_eq!(peer.event().await, ClientEvent::Closed(CloseReason::Refused(refusal)));
        }
    }
    assert!(gateway.nothing_seen());
    assert_eq!(gateway.sessions.count(), 0);
}

#[tokio::test]
async fn a_notice_is_delivered_without_a_subscription() {
    let mut gateway = Gateway::start(GatewayOptions::default()).await;
    for version in BOTH {
        let mut peer = gateway.device("dn", version).await;
        assert!(gateway.sessions.is_connected(&device("dn")));
        for qos in [Qos::AtMostOnce, Qos::AtLeastOnce] {
            assert_eq!(gateway.sessions.deliver(&device("dn"), notice("dn", qos)), Delivery::Queued);
            assert_eq!(peer.event().await, ClientEvent::Message(notice("dn", qos)));
        }
        drop(peer);
        assert_eq!(gateway.seen().await, Seen::Disconnected(device("dn")));
        let message = notice("dn", Qos::AtMostOnce);
        assert_eq!(gateway.sessions.deliver(&device("dn"), message), Delivery::Offline);
    }
}

#[tokio::test]
async fn publishes_of_both_qos_reach_the_platform_in_order_and_are_acknowledged() {
    let mut gateway = Gateway::start(GatewayOptions::default()).await;
    for version in BOTH {
        let mut peer = gateway.device("dn", version).await;
        for number in 0..20_u8 {
            let qos = if number % 2 == 0 { Qos::AtLeastOnce } else { Qos::AtMostOnce };
            peer.publish("up/dn", &[number], qos);
        }
        for _ in 0..10 {
            assert!(matches!(peer.event().await, ClientEvent::Acknowledged(_)));
        }
        for number in 0..20_u8 {
            let Seen::Published(_, message) = gateway.seen().await else { panic!("not a message") };
            assert_eq!(message.payload, [number]);
        }
        drop(peer);
        assert_eq!(gateway.seen().await, Seen::Disconnected(device("dn")));
    }
}

#[tokio::test]
async fn a_new_session_of_a_device_takes_the_place_of_the_old_one() {
    let mut gateway = Gateway::start(GatewayOptions::default()).await;
    let mut old = gateway.device("dn", V5).await;
    let mut new = gateway.device("dn", V5).await;
    assert_eq!(old.event().await, ClientEvent::Closed(CloseReason::Disconnected(0x8e)));
    assert_eq!(gateway.sessions.count(), 1);
    gateway.sessions.deliver(&device("dn"), notice("dn", Qos::AtLeastOnce));
    assert!(matches!(new.event().await, ClientEvent::Message(_)));
    drop(new);
    // Told once, for the session that nobody replaced.
    assert_eq!(gateway.seen().await, Seen::Disconnected(device("dn")));
    assert!(gateway.nothing_seen());
    assert_eq!(gateway.sessions.count(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn takeovers_in_a_row_leave_one_session_that_works() {
    let mut gateway = Gateway::start(GatewayOptions::default()).await;
    let address = gateway.address;
    let mut storm = tokio::task::JoinSet::new();
    for task in 0..100 {
        storm.spawn(async move {
            let mut peer = Peer::open(address, "dn", "good", BOTH[task % 2]).await;
            // Some are replaced before they hear that they are up.
            peer.event().await;
            peer
        });
    }
    let peers = storm.join_all().await;
    assert_eq!(gateway.sessions.count(), 1);
    drop(peers);
    while gateway.seen().await != Seen::Disconnected(device("dn")) {}
    assert_eq!(gateway.sessions.count(), 0);
    let mut last = gateway.device("dn", V5).await;
    gateway.sessions.deliver(&device("dn"), notice("dn", Qos::AtLeastOnce));
    assert!(matches!(last.event().await, ClientEvent::Message(_)));
}

#[tokio::test]
async fn a_message_on_a_foreign_topic_is_dropped_and_the_connection_stays() {
    let mut gateway = Gateway::start(GatewayOptions::default()).await;
    for version in BOTH {
        let mut peer = gateway.device("dn", version).await;
        peer.publish("up/other", b"x", Qos::AtMostOnce);
        peer.publish("up/other", b"x", Qos::AtLeastOnce);
        let answer = peer.event().await;
        match version {
            V311 => assert!(matches!(answer, ClientEvent::Acknowledged(_))),
            V5 => assert!(matches!(answer, ClientEvent::NotAccepted(_, 0x87))),
        }
        peer.publish("up/dn", b"mine", Qos::AtLeastOnce);
        assert!(matches!(peer.event().await, ClientEvent::Acknowledged(_)));
        let Seen::Published(from, message) = gateway.seen().await else { panic!("not a message") };
        assert_eq!((from, message.payload.as_slice()), (device("dn"), &b"mine"[..]));
        drop(peer);
        assert_eq!(gateway.seen().await, Seen::Disconnected(device("dn")));
    }
}

#[tokio::test]
async fn foreign_topics_and_refused_logins_are_counted() {
    let recorder = metrics_exporter_prometheus::PrometheusBuilder::new().build_recorder();
    let figures = recorder.handle();
    // For this thread, on which all of this test's tasks run.
    let _guard = metrics::set_default_local_recorder(&recorder);
    let mut gateway = Gateway::start(GatewayOptions::default()).await;
    let mut peer = gateway.device("dn", V5).await;
    for topic in ["up/other", "up/other", "up/dn"] {
        peer.publish(topic, b"x", Qos::AtLeastOnce);
        peer.event().await;
    }
    peer.subscribe("#");
    peer.event().await;
    Peer::open(gateway.address, "dn", "bad", V311).await.event().await;
    let figures = figures.render();
    for line in [
        "otaru_mqtt_foreign_publishes_total 2",
        "otaru_mqtt_messages_received_total 1",
        "otaru_mqtt_foreign_subscriptions_total 1",
        "otaru_mqtt_connections_refused_total{why=\"login\"} 1",
    ] {
        assert!(figures.lines().any(|figure| figure == line), "no {line} in\n{figures}");
    }
}

#[tokio::test]
async fn a_subscription_to_a_foreign_topic_is_refused_and_the_connection_stays() {
    let mut gateway = Gateway::start(GatewayOptions::default()).await;
    for version in BOTH {
        let mut peer = gateway.device("dn", version).await;
        for (filter, granted) in [("down/other", false), ("#", false), ("down/+", false), ("down/dn", true)] {
            peer.subscribe(filter);
            let filter = filter.to_owned();
            assert_eq!(peer.event().await, ClientEvent::Subscribed { filter, granted });
        }
        drop(peer);
        assert_eq!(gateway.seen().await, Seen::Disconnected(device("dn")));
    }
}

#[tokio::test]
async fn a_busy_platform_stops_the_reading_and_loses_nothing() {
    let mut gateway = Gateway::start(GatewayOptions::default()).await;
    let mut peer = gateway.device("dn", V311).await;
    let mut other = gateway.device("other", V311).await;
    gateway.platform.set_room(false);
    for number in 0..30_u8 {
        peer.publish("up/dn", &[number], Qos::AtLeastOnce);
    }
    peer.flush().await;
    while gateway.platform.refusals(&device("dn")) == 0 {
        tokio::task::yield_now().await;
    }
    // A notice still goes out, to this device and to others.
    gateway.sessions.deliver(&device("dn"), notice("dn", Qos::AtMostOnce));
    assert!(matches!(peer.event().await, ClientEvent::Message(_)), "nothing was acknowledged before");
    gateway.sessions.deliver(&device("other"), notice("other", Qos::AtMostOnce));
    assert!(matches!(other.event().await, ClientEvent::Message(_)));
    assert_eq!(gateway.platform.refusals(&device("dn")), 1, "nothing more was read");

    gateway.platform.set_room(true);
    for number in 0..30_u8 {
        assert!(matches!(peer.event().await, ClientEvent::Acknowledged(_)));
        let Seen::Published(_, message) = gateway.seen().await else { panic!("not a message") };
        assert_eq!(message.payload, [number]);
    }
}

#[tokio::test]
async fn messages_beyond_the_window_wait_and_beyond_the_outbox_are_refused() {
    let options = GatewayOptions { max_outbox: 3, ..GatewayOptions::default() };
    let window = usize::from(options.session.window);
    let mut gateway = Gateway::start(options).await;
    let mut peer = gateway.device("dn", V311).await;
    let mut queued = 0;
    // The device reads nothing and so acknowledges nothing: window and outbox fill up.
    while gateway.sessions.deliver(&device("dn"), notice("dn", Qos::AtLeastOnce)) == Delivery::Queued {
        queued += 1;
        assert!(queued <= window + 3);
        tokio::task::yield_now().await;
    }
    for _ in 0..queued {
        assert!(matches!(peer.event().await, ClientEvent::Message(_)), "each acknowledgement makes room");
    }
    assert_eq!(gateway.sessions.deliver(&device("dn"), notice("dn", Qos::AtLeastOnce)), Delivery::Queued);
    assert!(matches!(peer.event().await, ClientEvent::Message(_)));
}

#[tokio::test]
async fn closing_a_session_tells_the_device_and_the_platform() {
    let mut gateway = Gateway::start(GatewayOptions::default()).await;
    let mut peer = gateway.device("dn", V5).await;
    gateway.sessions.close(&device("dn"));
    assert_eq!(peer.event().await, ClientEvent::Closed(CloseReason::Disconnected(0x98)));
    assert_eq!(gateway.seen().await, Seen::Disconnected(device("dn")));
}

#[tokio::test]
async fn a_gateway_that_stops_tells_every_device() {
    let mut gateway = Gateway::start(GatewayOptions::default()).await;
    let (mut v5, mut v311) = (gateway.device("five", V5).await, gateway.device("three", V311).await);
    let sessions = gateway.sessions.clone();
    // One that never says who it is must not hold up the end.
    let _stranger = tokio::net::TcpStream::connect(gateway.address).await.unwrap();
    let began = std::time::Instant::now();
    let (stopped, told, lost) = tokio::join!(gateway.stop(), v5.event(), v311.event());
    assert_eq!(stopped, ());
    assert_eq!(told, ClientEvent::Closed(CloseReason::Disconnected(0x8b)));
    assert_eq!(lost, ClientEvent::Closed(CloseReason::TransportLost));
    assert_eq!(sessions.count(), 0);
    assert!(began.elapsed() < GatewayOptions::default().stop_timeout);
}
