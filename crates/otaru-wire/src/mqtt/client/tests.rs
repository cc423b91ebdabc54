//! What the client keeps, refuses and forgets; the platform's side is spelled in bytes here.

use alloc::{string::ToString, vec, vec::Vec};
use core::time::Duration;

use super::*;
use crate::{
    Instant,
    dialect::Login,
    mqtt::{Message, ProtocolVersion, Qos},
};

const T0: Instant = Instant(1_000_000);
const V311: ProtocolVersion = ProtocolVersion::V311;
const V5: ProtocolVersion = ProtocolVersion::V5;
const CONNACK: &[u8] = &[0x20, 2, 0, 0];
const CONNACK_V5: &[u8] = &[0x20, 3, 0, 0, 0];

fn client(version: ProtocolVersion) -> Client {
    let login = Login {
        client_id: "pk.dn|securemode=3|".to_string(),
        user_name: "dn&pk".to_string(),
        password: "SECRET".to_string(),
    };
    Client::new(ClientOptions { version, ..ClientOptions::new(login) })
}

fn up(version: ProtocolVersion) -> Client {
    let mut client = client(version);
    reopen(&mut client, T0);
    client
}

fn reopen(client: &mut Client, now: Instant) {
    client.opened(now);
    sent(client);
    let connack = if client.options_mut().version == V5 { CONNACK_V5 } else { CONNACK };
    client.received(now, connack);
    assert_eq!(client.poll_event(), Some(ClientEvent::Connected));
}

fn sent(client: &mut Client) -> Vec<u8> {
    let mut out = Vec::new();
    client.poll_transmit(&mut out);
    out
}

fn message(qos: Qos) -> Message {
    Message { topic: "t".to_string(), payload: vec![b'p'], qos }
}

fn closed(client: &mut Client) -> Option<CloseReason> {
    core::iter::from_fn(|| client.poll_event()).find_map(|event| match event {
        ClientEvent::Closed(reason) => Some(reason),
        _ => None,
    })
}

fn misbehaved(bytes: &[u8], version: ProtocolVersion) -> bool {
    let mut client = up(version);
    client.received(T0, bytes);
    let reason = closed(&mut client);
    // Whatever follows the first error is ignored.
    client.received(T0, &[0x30, 3, 0, 1, b't']);
    assert_eq!(client.poll_event(), None);
    matches!(reason, Some(CloseReason::Misbehaved(_)))
}

#[test]
fn connect_has_the_flags_of_the_vendors_sdk() {
    let mut client = client(V311);
    client.opened(T0);
    let out = sent(&mut client);
    assert_eq!(out[..12], [0x10, 46, 0, 4, b'M', b'Q', b'T', b'T', 4, 0xc2, 0, 60]);
    assert!(out.ends_with(b"\x00\x05dn&pk\x00\x06SECRET"));
}

#[test]
fn publish_of_both_qos_goes_out_and_is_acknowledged() {
    for version in [V311, V5] {
        let mut client = up(version);
        assert_eq!(client.publish(T0, message(Qos::AtMostOnce)), Ok(None));
        let ticket = client.publish(T0, message(Qos::AtLeastOnce)).unwrap().unwrap();
        let out = sent(&mut client);
        let wanted: &[u8] = match version {
            V311 => &[0x30, 4, 0, 1, b't', b'p', 0x32, 6, 0, 1, b't', 0, 1, b'p'],
            V5 => &[0x30, 5, 0, 1, b't', 0, b'p', 0x32, 7, 0, 1, b't', 0, 1, 0, b'p'],
        };
        assert_eq!(out, wanted);
        client.received(T0, &[0x40, 2, 0, 1]);
        assert_eq!(client.poll_event(), Some(ClientEvent::Acknowledged(ticket)));
    }
}

#[test]
fn an_unacknowledged_message_goes_out_again_with_dup_after_reconnect() {
    let mut client = up(V311);
    let ticket = client.publish(T0, message(Qos::AtLeastOnce)).unwrap().unwrap();
    sent(&mut client);
    client.lost();
    assert_eq!(client.poll_event(), Some(ClientEvent::Closed(CloseReason::TransportLost)));
    let while_offline = client.publish(T0, message(Qos::AtLeastOnce)).unwrap().unwrap();
    reopen(&mut client, T0);
    assert_eq!(
        sent(&mut client),
        [0x3a, 6, 0, 1, b't', 0, 2, b'p', 0x32, 6, 0, 1, b't', 0, 3, b'p'],
        "in order, only the one sent before is marked DUP"
    );
    // The PUBACK of the first connection comes late: nothing has id 1 now.
    client.received(T0, &[0x40, 2, 0, 1]);
    assert_eq!(client.poll_event(), None);
    client.received(T0, &[0x40, 2, 0, 2, 0x40, 2, 0, 3]);
    assert_eq!(client.poll_event(), Some(ClientEvent::Acknowledged(ticket)));
    assert_eq!(client.poll_event(), Some(ClientEvent::Acknowledged(while_offline)));
}

#[test]
fn outside_a_session_qos_0_is_refused_and_the_outbox_is_bounded() {
    let mut client = client(V311);
    client.options_mut().max_waiting = 2;
    assert_eq!(client.publish(T0, message(Qos::AtMostOnce)), Err(PublishError::NotConnected));
    assert_eq!(client.subscribe(T0, "a", Qos::AtMostOnce), Err(PublishError::NotConnected));
    client.publish(T0, message(Qos::AtLeastOnce)).unwrap();
    client.publish(T0, message(Qos::AtLeastOnce)).unwrap();
    assert_eq!(client.publish(T0, message(Qos::AtLeastOnce)), Err(PublishError::Full(2)));
    let topic = Message { topic: "a/#".to_string(), ..message(Qos::AtMostOnce) };
    assert_eq!(client.publish(T0, topic), Err(PublishError::Topic));
}

#[test]
fn refused_connacks_are_told_apart() {
    for (code, refusal) in [
        (1, Refusal::ProtocolVersion),
        (2, Refusal::ClientId),
        (3, Refusal::Unavailable),
        (4, Refusal::BadLogin),
        (5, Refusal::NotAuthorized),
        (77, Refusal::Other(77)),
    ] {
        let mut client = client(V311);
        client.opened(T0);
        client.received(T0, &[0x20, 2, 0, code]);
        assert_eq!(client.poll_event(), Some(ClientEvent::Closed(CloseReason::Refused(refusal))));
        assert_eq!(client.poll_timeout(), None);
    }
    let mut client = client(V5);
    client.opened(T0);
    client.received(T0, &[0x20, 3, 0, 0x86, 0]);
    assert_eq!(closed(&mut client), Some(CloseReason::Refused(Refusal::BadLogin)));
}

#[test]
fn a_platform_that_breaks_the_protocol_is_left() {
    for version in [V311, V5] {
        let connack = if version == V5 { CONNACK_V5 } else { CONNACK };
        assert!(misbehaved(connack, version), "a second CONNACK");
        assert!(misbehaved(&[0xc0, 0], version), "PINGREQ from a server");
        assert!(misbehaved(&[0x32, 5, 0, 1, b't', 0, 0], version), "PUBLISH with id 0");
        assert!(misbehaved(&[0x40, 2, 0, 0], version), "PUBACK with id 0");
        assert!(misbehaved(&[0x30, 3, 0, 1, b'#'], version), "a wildcard topic");
        assert!(misbehaved(&[0x00, 0], version), "packet type 0");
        assert!(misbehaved(&[0x30, 0xff, 0xff, 0xff, 0x7f], version), "over the limit");
    }
    assert!(misbehaved(&[0xe0, 0], V311), "DISCONNECT from a 3.1.1 server");
}

#[test]
fn nothing_but_connack_may_come_first() {
    let mut client = client(V311);
    client.opened(T0);
    client.received(T0, &[0x30, 3, 0, 1, b't']);
    assert!(matches!(closed(&mut client), Some(CloseReason::Misbehaved(_))));
}

#[test]
fn a_message_is_acknowledged_when_taken_and_only_on_its_own_connection() {
    let mut client = up(V311);
    client.received(T0, &[0x32, 6, 0, 1, b't', 0, 9, b'p']);
    assert!(sent(&mut client).is_empty());
    assert_eq!(client.poll_event(), Some(ClientEvent::Message(message(Qos::AtLeastOnce))));
    assert_eq!(sent(&mut client), [0x40, 2, 0, 9]);

    client.received(T0, &[0x32, 6, 0, 1, b't', 0, 10, b'p']);
    client.lost();
    client.opened(T0);
    client.received(T0, CONNACK);
    sent(&mut client);
    assert!(matches!(client.poll_event(), Some(ClientEvent::Message(_))));
    assert!(sent(&mut client).is_empty(), "the new connection has no message 10");
}

#[test]
fn qos_2_is_tolerated_and_told_once() {
    let mut client = up(V311);
    client.received(T0, &[0x34, 6, 0, 1, b't', 0, 9, b'p']);
    assert!(matches!(client.poll_event(), Some(ClientEvent::Message(_))));
    client.received(T0, &[0x3c, 6, 0, 1, b't', 0, 9, b'p']);
    assert_eq!(client.poll_event(), None);
    client.received(T0, &[0x62, 2, 0, 9]);
    assert_eq!(sent(&mut client), [0x50, 2, 0, 9, 0x50, 2, 0, 9, 0x70, 2, 0, 9]);
}

#[test]
fn a_refused_subscription_is_told() {
    for (code, granted) in [(0, true), (1, true), (0x80, false)] {
        let mut client = up(V311);
        client.subscribe(T0, "a/+", Qos::AtLeastOnce).unwrap();
        assert_eq!(sent(&mut client), [0x82, 8, 0, 1, 0, 3, b'a', b'/', b'+', 1]);
        client.received(T0, &[0x90, 3, 0, 1, code]);
        let filter = "a/+".to_string();
        assert_eq!(client.poll_event(), Some(ClientEvent::Subscribed { filter, granted }));
    }
}

#[test]
fn the_end_of_a_subscription_is_asked_for_and_told() {
    for (version, wanted, answer) in [
        (V311, &[0xa2, 7, 0, 1, 0, 3, b'a', b'/', b'+'][..], &[0xb0, 2, 0, 1][..]),
        (V5, &[0xa2, 8, 0, 1, 0, 0, 3, b'a', b'/', b'+'], &[0xb0, 4, 0, 1, 0, 0]),
    ] {
        let mut client = up(version);
        client.unsubscribe(T0, "a/+").unwrap();
        assert_eq!(sent(&mut client), wanted);
        // A SUBACK does not answer it, nor does an UNSUBACK of another id.
        client.received(T0, if version == V5 { &[0x90, 4, 0, 1, 0, 0] } else { &[0x90, 3, 0, 1, 0] });
        client.received(T0, if version == V5 { &[0xb0, 4, 0, 2, 0, 0] } else { &[0xb0, 2, 0, 2] });
        assert_eq!(client.poll_event(), None);
        client.received(T0, answer);
        assert_eq!(client.poll_event(), Some(ClientEvent::Unsubscribed { filter: "a/+".to_string() }));
        assert_eq!(client.unsubscribe(T0, "a/#/b"), Err(PublishError::Topic));
        client.lost();
        assert_eq!(client.unsubscribe(T0, "a"), Err(PublishError::NotConnected));
    }
}

#[test]
fn a_program_with_its_own_rhythm_asks_for_a_sign_of_life() {
    let mut client = up(V311);
    client.ping(T0).unwrap();
    client.ping(T0 + Duration::from_secs(5)).unwrap();
    assert_eq!(sent(&mut client), [0xc0, 0, 0xc0, 0]);
    client.received(T0, &[0xd0, 0, 0xd0, 0, 0xd0, 0]);
    assert_eq!(client.poll_event(), Some(ClientEvent::Alive));
    assert_eq!(client.poll_event(), Some(ClientEvent::Alive));
    assert_eq!(client.poll_event(), None, "one that nobody asked for is not told");
    client.ping(T0).unwrap();
    client.ping(T0 + Duration::from_secs(15)).unwrap();
    client.timer(T0 + Duration::from_secs(20));
    assert_eq!(closed(&mut client), Some(CloseReason::Silence), "patience counts from the first");
    assert_eq!(client.ping(T0), Err(PublishError::NotConnected));
}

#[test]
fn keep_alive_pings_and_a_missing_answer_ends_the_session() {
    let mut client = up(V311);
    let due = T0 + Duration::from_secs(60);
    assert_eq!(client.poll_timeout(), Some(due));
    client.timer(Instant(due.0 - 1));
    assert!(sent(&mut client).is_empty());
    client.timer(due);
    assert_eq!(sent(&mut client), [0xc0, 0]);
    client.received(due, &[0xd0, 0]);
    assert_eq!(client.poll_timeout(), Some(due + Duration::from_secs(60)));

    let again = due + Duration::from_secs(60);
    client.timer(again);
    sent(&mut client);
    let dead = again + Duration::from_secs(20);
    assert_eq!(client.poll_timeout(), Some(dead));
    client.timer(dead);
    assert_eq!(client.poll_event(), Some(ClientEvent::Closed(CloseReason::Silence)));
}

#[test]
fn silence_instead_of_connack_puback_or_suback_ends_the_session() {
    let mut waiting = client(V311);
    waiting.opened(T0);
    assert_eq!(waiting.poll_timeout(), Some(T0 + Duration::from_secs(10)));
    waiting.timer(T0 + Duration::from_secs(10));
    assert_eq!(closed(&mut waiting), Some(CloseReason::Silence));

    let mut publishing = up(V311);
    publishing.publish(T0, message(Qos::AtLeastOnce)).unwrap();
    let mut subscribing = up(V311);
    subscribing.subscribe(T0, "a", Qos::AtMostOnce).unwrap();
    let mut unsubscribing = up(V311);
    unsubscribing.unsubscribe(T0, "a").unwrap();
    for mut client in [publishing, subscribing, unsubscribing] {
        assert_eq!(client.poll_timeout(), Some(T0 + Duration::from_secs(20)));
        client.timer(T0 + Duration::from_secs(20));
        assert_eq!(closed(&mut client), Some(CloseReason::Silence));
    }
}

#[test]
fn the_limits_of_an_mqtt_5_platform_are_kept() {
    let mut client = client(V5);
    for _ in 0..3 {
        client.publish(T0, message(Qos::AtLeastOnce)).unwrap();
    }
    client.opened(T0);
    sent(&mut client);
    // Receive Maximum 1, Maximum Packet Size 30, Server Keep Alive 7.
    client.received(T0, &[0x20, 14, 0, 0, 11, 0x21, 0, 1, 0x27, 0, 0, 0, 30, 0x13, 0, 7]);
    assert_eq!(sent(&mut client).len(), 9, "one message, no more");
    client.received(T0, &[0x40, 2, 0, 1]);
    assert_eq!(sent(&mut client).len(), 9, "the next one");
    let long = Message { payload: vec![0; 30], ..message(Qos::AtMostOnce) };
    assert_eq!(client.publish(T0, long), Err(PublishError::TooLarge));
    client.received(T0, &[0x40, 2, 0, 2, 0x40, 2, 0, 3]);
    assert_eq!(client.poll_timeout(), Some(T0 + Duration::from_secs(7)));
}

#[test]
fn a_message_an_mqtt_5_platform_refuses_is_not_sent_again() {
    let mut client = up(V5);
    let ticket = client.publish(T0, message(Qos::AtLeastOnce)).unwrap().unwrap();
    client.received(T0, &[0x40, 3, 0, 1, 0x87]);
    assert_eq!(client.poll_event(), Some(ClientEvent::NotAccepted(ticket, 0x87)));
    client.received(T0, &[0xe0, 1, 0x8e]);
    assert_eq!(client.poll_event(), Some(ClientEvent::Closed(CloseReason::Disconnected(0x8e))));
    reopen(&mut client, T0);
    assert!(sent(&mut client).is_empty());
}

#[test]
fn good_bye_is_said_and_ends_the_session() {
    let mut client = up(V311);
    client.disconnect();
    assert_eq!(sent(&mut client), [0xe0, 0]);
    assert_eq!((client.poll_timeout(), client.poll_event()), (None, None));
}

#[test]
fn a_login_too_long_for_mqtt_is_refused_without_a_panic() {
    let mut client = client(V311);
    client.options_mut().login.password = "x".repeat(65_536);
    client.opened(T0);
    assert_eq!(closed(&mut client), Some(CloseReason::Refused(Refusal::BadLogin)));
}

#[test]
fn the_password_is_in_no_debug_text() {
    let mut client = client(V311);
    client.opened(T0);
    let text = std::format!("{client:?}");
    assert!(text.contains("pk.dn"));
    // As text, and as the bytes of a CONNECT that waits to be sent.
    assert!(!text.contains("SECRET") && !text.contains("83, 69, 67, 82, 69, 84"));
}
