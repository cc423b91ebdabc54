//! Devices behind a gateway: its session speaks for them, for as long as it lasts and they stay.

use otaru_platform::gateway::{Delivery, GatewayOptions};
use otaru_wire::{
    GatewayRefusal, MAX_SUB_DEVICES,
    mqtt::{ClientEvent, CloseReason, Qos},
};

use crate::{
    BOTH, V5, notice,
    peer::{Gateway, Peer, Seen, device},
};

/// Publishes and waits for the answer; true if it was taken.
async fn publishes(peer: &mut Peer, topic: &str) -> bool {
    peer.publish(topic, b"x", Qos::AtLeastOnce);
    match peer.event().await {
        ClientEvent::Acknowledged(_) => true,
        ClientEvent::NotAccepted(_, 0x87) => false,
        other => panic!("{other:?}"),
    }
}

async fn assert_published(gateway: &mut Gateway, topic: &str) {
    let Seen::Published(_, message) = gateway.seen().await else { panic!("not a message") };
    assert_eq!(message.topic, topic);
}

#[tokio::test]
async fn a_gateway_speaks_for_a_device_only_while_it_is_logged_in_through_its_session() {
    let mut gateway = Gateway::start(GatewayOptions::default()).await;
    let mut gw = gateway.device("gw", V5).await;
    let mut other = gateway.device("other", V5).await;
    assert!(!publishes(&mut gw, "up/sub").await, "not before it logs in");
    gw.subscribe("down/sub");
    assert!(matches!(gw.event().await, ClientEvent::Subscribed { granted: false, .. }));

    assert_eq!(gateway.sessions.log_in_behind(&device("gw"), &device("sub")), Ok(()));
    assert!(gateway.sessions.speaks_for(&device("gw"), &device("sub")));
    assert!(publishes(&mut gw, "up/sub").await);
    assert_published(&mut gateway, "up/sub").await;
    gw.subscribe("down/sub");
    assert!(matches!(gw.event().await, ClientEvent::Subscribed { granted: true, .. }));
    assert!(!publishes(&mut gw, "up/sub-2").await, "nor for another device");
    assert!(!publishes(&mut other, "up/sub").await, "nor another gateway");
    assert!(
        !gateway.sessions.log_out_behind(&device("other"), &device("sub")),
        "which cannot log it out either"
    );

    assert!(gateway.sessions.log_out_behind(&device("gw"), &device("sub")));
    assert!(!publishes(&mut gw, "up/sub").await, "nor after it logged out");
    assert!(gateway.nothing_seen());
}

#[tokio::test]
async fn what_is_for_a_device_behind_a_gateway_is_delivered_through_its_session() {
    let mut gateway = Gateway::start(GatewayOptions::default()).await;
    for version in BOTH {
        let mut gw = gateway.device("gw", version).await;
        for name in ["sub-1", "sub-2"] {
            assert_eq!(
                gateway.sessions.deliver(&device(name), notice(name, Qos::AtMostOnce)),
                Delivery::Offline
            );
            assert_eq!(gateway.sessions.log_in_behind(&device("gw"), &device(name)), Ok(()));
            assert!(gateway.sessions.is_connected(&device(name)));
            assert_eq!(
                gateway.sessions.deliver(&device(name), notice(name, Qos::AtMostOnce)),
                Delivery::Queued
            );
            assert_eq!(gw.event().await, ClientEvent::Message(notice(name, Qos::AtMostOnce)));
        }
        assert_eq!(gateway.sessions.count(), 1, "one session");
        drop(gw);
        let mut gone = Vec::new();
        for _ in 0..3 {
            let Seen::Disconnected(device) = gateway.seen().await else { panic!("something else") };
            gone.push(device.device.as_str().to_owned());
        }
        gone.sort();
        assert_eq!(gone, ["gw", "sub-1", "sub-2"], "all are offline with their gateway");
        assert!(!gateway.sessions.is_connected(&device("sub-1")));
    }
}

#[tokio::test]
async fn the_newest_place_of_a_device_is_its_only_one() {
    let mut gateway = Gateway::start(GatewayOptions::default()).await;
    let mut first = gateway.device("gw-1", V5).await;
    let mut second = gateway.device("gw-2", V5).await;
    let (gw_1, gw_2, sub) = (device("gw-1"), device("gw-2"), device("sub"));

    // From a session of its own to a gateway,
    let mut own = gateway.device("sub", V5).await;
    assert_eq!(gateway.sessions.log_in_behind(&gw_1, &sub), Ok(()));
    assert_eq!(own.event().await, ClientEvent::Closed(CloseReason::Disconnected(0x8e)));
    assert!(publishes(&mut first, "up/sub").await);
    assert_published(&mut gateway, "up/sub").await;

    // to another,
    assert_eq!(gateway.sessions.log_in_behind(&gw_2, &sub), Ok(()));
    assert!(!publishes(&mut first, "up/sub").await);
    assert!(publishes(&mut second, "up/sub").await);
    assert_published(&mut gateway, "up/sub").await;

    // and back to its own.
    let mut own = gateway.device("sub", V5).await;
    assert!(!publishes(&mut second, "up/sub").await);
    gateway.sessions.deliver(&sub, notice("sub", Qos::AtMostOnce));
    assert_eq!(own.event().await, ClientEvent::Message(notice("sub", Qos::AtMostOnce)));

    drop((first, second));
    for _ in 0..2 {
        let Seen::Disconnected(gone) = gateway.seen().await else { panic!("something else") };
        assert_ne!(gone, sub, "the former gateways' ends are not its end");
    }
    assert!(gateway.sessions.is_connected(&sub) && gateway.nothing_seen());
}

#[tokio::test]
async fn a_gateways_new_session_speaks_for_nobody_until_they_log_in_again() {
    let mut gateway = Gateway::start(GatewayOptions::default()).await;
    let mut old = gateway.device("gw", V5).await;
    gateway.sessions.log_in_behind(&device("gw"), &device("sub")).unwrap();
    let mut new = gateway.device("gw", V5).await;
    assert_eq!(old.event().await, ClientEvent::Closed(CloseReason::Disconnected(0x8e)));
    assert_eq!(gateway.seen().await, Seen::Disconnected(device("sub")));
    assert!(!publishes(&mut new, "up/sub").await);
    assert!(!gateway.sessions.is_connected(&device("sub")) && gateway.sessions.is_connected(&device("gw")));
}

#[tokio::test]
async fn closing_a_device_behind_a_gateway_leaves_the_gateway_alone() {
    let mut gateway = Gateway::start(GatewayOptions::default()).await;
    let mut gw = gateway.device("gw", V5).await;
    gateway.sessions.log_in_behind(&device("gw"), &device("sub")).unwrap();
    gateway.sessions.close(&device("sub"));
    assert!(!gateway.sessions.is_connected(&device("sub")));
    assert!(publishes(&mut gw, "up/gw").await && !publishes(&mut gw, "up/sub").await);
}

#[tokio::test]
async fn a_gateway_speaks_for_a_bounded_number_of_devices_and_never_for_itself() {
    let mut gateway = Gateway::start(GatewayOptions::default()).await;
    let (gw, nobody) = (device("gw"), device("nobody"));
    assert_eq!(gateway.sessions.log_in_behind(&nobody, &device("sub")), Err(GatewayRefusal::Unavailable));
    let _gw = gateway.device("gw", V5).await;
    assert_eq!(gateway.sessions.log_in_behind(&gw, &gw), Err(GatewayRefusal::Itself));
    for number in 0..MAX_SUB_DEVICES {
        assert_eq!(gateway.sessions.log_in_behind(&gw, &device(&format!("sub-{number}"))), Ok(()));
    }
    let one_more = device("one-more");
    assert_eq!(gateway.sessions.log_in_behind(&gw, &one_more), Err(GatewayRefusal::TooMany));
    assert!(!gateway.sessions.is_connected(&one_more));
    assert_eq!(gateway.sessions.log_in_behind(&gw, &device("sub-0")), Ok(()), "again is no more");
    assert!(gateway.sessions.log_out_behind(&gw, &device("sub-0")));
    assert_eq!(gateway.sessions.log_in_behind(&gw, &one_more), Ok(()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_device_stays_behind_a_gateway_that_leaves_while_devices_log_in() {
    let mut gateway = Gateway::start(GatewayOptions::default()).await;
    for _round in 0..50 {
        let gw = gateway.device("gw", V5).await;
        let sessions = gateway.sessions.clone();
        let logins = tokio::task::spawn_blocking(move || {
            let mut number = 0;
            while sessions.log_in_behind(&device("gw"), &device(&format!("sub-{}", number % 100))).is_ok() {
                number += 1;
            }
        });
        tokio::task::yield_now().await;
        drop(gw);
        logins.await.unwrap();
        while gateway.seen().await != Seen::Disconnected(device("gw")) {}
        for number in 0..100 {
            assert!(!gateway.sessions.is_connected(&device(&format!("sub-{number}"))), "sub-{number}");
        }
        assert_eq!(gateway.sessions.count(), 0);
    }
}
