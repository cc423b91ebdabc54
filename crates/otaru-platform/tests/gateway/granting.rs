//! Devices that are admitted for a grant alone.

use std::time::Duration;

use otaru_platform::gateway::{Delivery, GatewayOptions};
use otaru_wire::mqtt::{ClientEvent, CloseReason, Qos, Refusal};

use crate::{
    BOTH, V5, notice,
    peer::{Gateway, Peer, device, grant},
};

#[tokio::test]
async fn a_grant_is_told_at_once_without_a_subscription_and_nothing_is_taken_from_its_device() {
    let mut gateway = Gateway::start(GatewayOptions::default()).await;
    for version in BOTH {
        let mut peer = Peer::open(gateway.address, "dn", "grant", version).await;
        assert_eq!(peer.event().await, ClientEvent::Connected);
        assert_eq!(peer.event().await, ClientEvent::Message(grant()));
        peer.publish("up/dn", b"x", Qos::AtLeastOnce);
        assert!(matches!(
            peer.event().await,
            ClientEvent::Acknowledged(_) | ClientEvent::NotAccepted(_, 0x87)
        ));
        peer.subscribe("down/dn");
        let filter = "down/dn".to_owned();
        assert_eq!(peer.event().await, ClientEvent::Subscribed { filter, granted: false });
        assert_eq!(gateway.sessions.deliver(&device("dn"), notice("dn", Qos::AtMostOnce)), Delivery::Offline);
    }
    assert!(gateway.nothing_seen(), "no session began, nothing was published");
}

#[tokio::test]
async fn a_device_that_registers_again_does_not_end_its_session() {
    let mut gateway = Gateway::start(GatewayOptions::default()).await;
    let mut session = gateway.device("dn", V5).await;
    let mut peer = Peer::open(gateway.address, "dn", "grant", V5).await;
    assert_eq!(peer.event().await, ClientEvent::Connected);
    gateway.sessions.deliver(&device("dn"), notice("dn", Qos::AtMostOnce));
    assert!(matches!(session.event().await, ClientEvent::Message(_)));
}

#[tokio::test]
async fn whoever_stays_after_its_grant_is_closed_when_its_time_is_up() {
    let options = GatewayOptions { grant_time: Duration::from_millis(50), ..GatewayOptions::default() };
    let gateway = Gateway::start(options).await;
    for version in BOTH {
        let mut peer = Peer::open(gateway.address, "dn", "grant", version).await;
        assert_eq!(peer.event().await, ClientEvent::Connected);
        assert_eq!(peer.event().await, ClientEvent::Message(grant()));
        assert_eq!(peer.event().await, ClientEvent::Closed(CloseReason::TransportLost));
    }
}

#[tokio::test]
async fn those_that_wait_after_a_grant_count_as_strangers_and_do_not_hold_up_a_stop() {
    let options = GatewayOptions { max_strangers: 1, ..GatewayOptions::default() };
    let gateway = Gateway::start(options).await;
    let mut peer = Peer::open(gateway.address, "dn", "grant", V5).await;
    assert_eq!(peer.event().await, ClientEvent::Connected);
    assert_eq!(peer.event().await, ClientEvent::Message(grant()));
    let mut crowded = Peer::open(gateway.address, "other", "good", V5).await;
    let closed = crowded.event().await;
    assert!(
        matches!(closed, ClientEvent::Closed(reason) if reason != CloseReason::Refused(Refusal::BadLogin)),
        "they are bounded with all who have no session"
    );
    let began = std::time::Instant::now();
    let (stopped, told) = tokio::join!(gateway.stop(), peer.event());
    assert_eq!((stopped, told), ((), ClientEvent::Closed(CloseReason::TransportLost)));
    assert!(began.elapsed() < GatewayOptions::default().stop_timeout);
}

#[tokio::test]
async fn whoever_sends_more_than_a_login_after_its_grant_is_closed() {
    let gateway = Gateway::start(GatewayOptions::default()).await;
    let mut peer = Peer::open(gateway.address, "dn", "grant", BOTH[0]).await;
    assert_eq!(peer.event().await, ClientEvent::Connected);
    assert_eq!(peer.event().await, ClientEvent::Message(grant()));
    peer.publish("up/dn", &[0; 4096], Qos::AtMostOnce);
    assert_eq!(peer.event().await, ClientEvent::Closed(CloseReason::TransportLost));
}
