//! What the decoding library takes though MQTT forbids it, and what made its connection objects panic: each with
//! its exact bytes, each refused here.

use alloc::vec;

use super::*;

fn refused(version: ProtocolVersion, bytes: &[u8]) -> bool {
    let (flow, _, messages) = feed(version, bytes);
    flow.is_err() && messages.is_empty()
}

/// CONNECT of level `level` with these flags and this rest behind the keep-alive.
fn connect(level: u8, flags: u8, rest: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0x10, 10 + rest.len() as u8, 0, 4, b'M', b'Q', b'T', b'T', level, flags, 0, 60];
    bytes.extend_from_slice(rest);
    bytes
}

fn admitted(bytes: &[u8]) -> bool {
    matches!(admit(bytes), Admission::Connect { used, .. } if used == bytes.len())
}

/// The answer to a CONNECT that is refused.
fn answer(bytes: &[u8]) -> Vec<u8> {
    match admit(bytes) {
        Admission::Refuse { answer, .. } => answer,
        other => panic!("not refused: {other:?}"),
    }
}

// The five panics of the library's connection objects.

#[test]
fn panic_1_a_topic_alias_maximum_of_0_is_legal() {
    let bytes = connect(5, 0x02, &[3, 0x22, 0, 0, 0, 1, b'i']);
    assert!(admitted(&bytes));
}

#[test]
fn panic_2_a_publish_of_qos_1_with_id_0_is_refused() {
    assert!(refused(V311, &[0x32, 6, 0, 1, b't', 0, 0, b'p']));
    assert!(refused(V5, &[0x32, 7, 0, 1, b't', 0, 0, 0, b'p']));
}

#[test]
fn panic_3_a_publish_of_qos_2_with_id_0_sent_twice_is_refused() {
    assert!(refused(V311, &[0x34, 6, 0, 1, b't', 0, 0, b'p', 0x34, 6, 0, 1, b't', 0, 0, b'p']));
    assert!(refused(V5, &[0x34, 7, 0, 1, b't', 0, 0, 0, b'p', 0x34, 7, 0, 1, b't', 0, 0, 0, b'p']));
}

#[test]
fn panic_4_acknowledgements_after_a_resume_do_not_run_below_the_receive_maximum() {
    let mut client = Client::new(options(V5));
    let connack: &[u8] = &[0x20, 6, 0, 0, 3, 0x21, 0, 2];
    for _ in 0..3 {
        client.publish(T0, message("t", b"p", Qos::AtLeastOnce)).unwrap();
    }
    for _ in 0..2 {
        client.opened(T0);
        client.received(T0, connack);
        client.poll_transmit(&mut Vec::new());
        client.lost();
    }
    client.opened(T0);
    client.received(T0, connack);
    let mut acknowledged = 0;
    for id in 0..=20 {
        // Among them late ones, and ones for ids never used.
        client.received(T0, &[0x40, 2, 0, id + 1, 0x40, 2, 0xff, id + 1]);
        acknowledged += core::iter::from_fn(|| client.poll_event())
            .filter(|event| matches!(event, ClientEvent::Acknowledged(_)))
            .count();
    }
    assert_eq!(acknowledged, 3);
}

#[test]
fn panic_5_a_second_connack_ends_the_session() {
    for (version, connack) in [(V311, &[0x20, 2, 0, 0][..]), (V5, &[0x20, 3, 0, 0, 0][..])] {
        let mut client = Client::new(options(version));
        client.opened(T0);
        client.received(T0, connack);
        client.subscribe(T0, "own/#", Qos::AtLeastOnce).unwrap();
        client.publish(T0, message("t", b"p", Qos::AtLeastOnce)).unwrap();
        client.received(T0, connack);
        let last = core::iter::from_fn(|| client.poll_event()).last();
        assert!(matches!(last, Some(ClientEvent::Closed(CloseReason::Misbehaved(_)))));
        assert_eq!(client.publish(T0, message("t", b"p", Qos::AtMostOnce)), Err(PublishError::NotConnected));
    }
}

// Admission.

#[test]
fn a_good_connect_is_admitted_with_its_three_texts() {
    for version in BOTH {
        let Admission::Connect { connect, .. } = admit(&connect_bytes(version)) else { panic!("refused") };
        assert_eq!((connect.version, &connect.login), (version, &options(version).login));
        assert_eq!(connect.keep_alive, Some(core::time::Duration::from_secs(60)));
    }
}

#[test]
fn the_vendors_own_connect_is_admitted() {
    // Client id, user name and password of the vendor's SDK, as in aliyun-link-sdk-v4 §1.3.
    let texts = [
        "a1DemoPk001.dev-one|timestamp=2524608000000,_ss=1,_v=sdk-c-4.2.0,securemode=3,signmethod=hmacsha256,ext=3,_conn=tcp_0|",
        "dev-one&a1DemoPk001",
        "97751F61EE6A1A0700642E4BA6CC36497CFA2CE0043DC55CDE9C316B554EE331",
    ];
    let mut body = vec![0, 4, b'M', b'Q', b'T', b'T', 4, 0xc2, 0x04, 0xb0];
    for text in texts {
        body.extend([0, text.len() as u8]);
        body.extend(text.as_bytes());
    }
    let mut bytes = vec![0x10, (body.len() & 0x7f) as u8 | 0x80, (body.len() >> 7) as u8];
    bytes.extend(body);
    let Admission::Connect { connect, .. } = admit(&bytes) else { panic!("refused") };
    assert_eq!(
        [connect.login.client_id, connect.login.user_name, connect.login.password],
        texts.map(ToString::to_string)
    );
}

#[test]
fn every_start_of_a_connect_asks_for_more() {
    for version in BOTH {
        let bytes = connect_bytes(version);
        for end in 0..bytes.len() {
            assert!(matches!(admit(&bytes[..end]), Admission::More), "{end} bytes");
        }
    }
}

#[test]
fn the_first_packet_must_be_a_connect_of_2_kib_at_most() {
    for bytes in [&[0x30, 3, 0, 1, b't'][..], &[0xc0, 0], &[0x00], &[0x16, 3, 1], b"GET / HTTP/1.1\r\n"] {
        assert!(answer(bytes).is_empty());
    }
    assert!(answer(&[0x10, 0xff, 0xff, 0xff, 0x7f]).is_empty());
    assert!(answer(&[0x10, 0xfe, 0x0f]).is_empty(), "2049 bytes");
    assert!(matches!(admit(&[0x10, 0xfd, 0x0f]), Admission::More), "2048 bytes");
    assert!(answer(&[0x11, 10]).is_empty(), "flags beside the type");
    assert!(answer(&[0x10, 0x8c, 0x00]).is_empty(), "an over-long length");
}

#[test]
fn other_levels_are_refused_with_an_answer() {
    assert_eq!(answer(&connect(3, 0x02, &[0, 1, b'i'])), [0x20, 2, 0, 1]);
    assert_eq!(answer(&connect(0x84, 0x02, &[0, 1, b'i'])), [0x20, 3, 0, 0x84, 0]);
    assert_eq!(answer(&connect(6, 0x02, &[0, 0, 1, b'i'])), [0x20, 3, 0, 0x84, 0]);
    let v31 = [&[0x10, 15, 0, 6][..], b"MQIsdp", &[3, 2, 0, 60, 0, 1, b'i']].concat();
    assert_eq!(answer(&v31), [0x20, 2, 0, 1]);
    assert!(answer(&[0x10, 6, 0, 4, b'H', b'T', b'T', b'P']).is_empty());
}

#[test]
fn connect_flags_that_contradict_each_other_are_refused() {
    let rest_v311: &[u8] = &[0, 1, b'i'];
    let rest_v5: &[u8] = &[0, 0, 1, b'i'];
    assert!(admitted(&connect(4, 0x02, rest_v311)) && admitted(&connect(5, 0x02, rest_v5)));
    for flags in [0x03, 0x0a, 0x12, 0x22, 0x42] {
        assert!(answer(&connect(4, flags, rest_v311)).is_empty(), "{flags:#x}");
        assert_eq!(answer(&connect(5, flags, rest_v5)), [0x20, 3, 0, 0x81, 0], "{flags:#x}");
    }
    let will: &[u8] = &[0, 1, b'i', 0, 1, b'w', 0, 0];
    assert!(admitted(&connect(4, 0x06, will)) && admitted(&connect(4, 0x16, will)));
    assert!(answer(&connect(4, 0x1e, will)).is_empty(), "will QoS 3");
    let wildcard: &[u8] = &[0, 1, b'i', 0, 1, b'#', 0, 0];
    assert!(answer(&connect(4, 0x06, wildcard)).is_empty());
}

#[test]
fn client_ids_that_cannot_be_are_refused() {
    assert_eq!(answer(&connect(4, 0x00, &[0, 0])), [0x20, 2, 0, 2], "empty, not clean");
    assert_eq!(answer(&connect(4, 0x02, &[0, 0])), [0x20, 2, 0, 2]);
    assert_eq!(answer(&connect(5, 0x02, &[0, 0, 0])), [0x20, 3, 0, 0x85, 0]);
    assert_eq!(answer(&connect(4, 0x02, &[0, 3, b'a', 0, b'b'])), [0x20, 2, 0, 2], "U+0000");
    assert!(answer(&connect(4, 0x02, &[0, 2, 0xff, 0xfe])).is_empty(), "not UTF-8");
}

#[test]
fn texts_and_properties_of_a_connect_are_checked() {
    assert_eq!(answer(&connect(4, 0xc2, &[0, 1, b'i', 0, 1, 0, 0, 1, b'p'])), [0x20, 2, 0, 4]);
    assert_eq!(answer(&connect(4, 0xc2, &[0, 1, b'i', 0, 1, b'u', 0, 1, 0xff])), [0x20, 2, 0, 4]);
    assert!(answer(&connect(4, 0x02, &[0, 1, b'i', b'x'])).is_empty(), "bytes behind the end");
    assert!(answer(&connect(4, 0xc2, &[0, 1, b'i', 0, 9, b'u'])).is_empty(), "a text past the end");
    let auth = &[6, 0x15, 0, 3, b'a', b'b', b'c', 0, 1, b'i'];
    assert_eq!(answer(&connect(5, 0x02, auth)), [0x20, 3, 0, 0x8c, 0]);
    assert_eq!(answer(&connect(5, 0x02, &[3, 0x21, 0, 0, 0, 1, b'i'])), [0x20, 3, 0, 0x82, 0]);
    assert_eq!(answer(&connect(5, 0x02, &[0x80, 0, 0, 1, b'i'])), [0x20, 3, 0, 0x81, 0], "over-long");
}

// After login.

#[test]
fn packets_that_mqtt_forbids_end_the_session() {
    let both: &[(&str, &[u8])] = &[
        ("type 0", &[0x00, 0]),
        ("a second CONNECT", &[0x10, 13, 0, 4, b'M', b'Q', b'T', b'T', 4, 2, 0, 60, 0, 1, b'i']),
        ("CONNACK from a client", &[0x20, 2, 0, 0]),
        ("SUBACK from a client", &[0x90, 3, 0, 1, 0]),
        ("PINGRESP from a client", &[0xd0, 0]),
        ("AUTH", &[0xf0, 0]),
        ("QoS 3", &[0x36, 6, 0, 1, b't', 0, 1, b'p']),
        ("QoS 0 with DUP", &[0x38, 4, 0, 1, b't', b'p']),
        ("a topic that is not UTF-8", &[0x30, 4, 0, 1, 0xff, 0]),
        ("a topic past the end", &[0x30, 3, 0, 9, b't']),
        ("PUBACK with id 0", &[0x40, 2, 0, 0]),
        ("PUBREL with wrong flags", &[0x60, 2, 0, 1]),
        ("SUBSCRIBE with wrong flags", &[0x80, 6, 0, 1, 0, 1, b'a', 0]),
        ("SUBSCRIBE without filters", &[0x82, 2, 0, 1]),
        ("PINGREQ with a body", &[0xc0, 1, 0]),
        ("PINGREQ with flags", &[0xc1, 0]),
        ("an over-long length", &[0xc0, 0x80, 0x00]),
        ("a length of five bytes", &[0x30, 0xff, 0xff, 0xff, 0xff, 0x01]),
        ("over the limit", &[0x30, 0xff, 0xff, 0xff, 0x7f]),
    ];
    for version in BOTH {
        for (what, bytes) in both {
            assert!(refused(version, bytes), "{what}");
        }
    }
}

#[test]
fn packets_that_mqtt_3_1_1_forbids_end_the_session() {
    for (what, bytes) in [
        ("an empty topic", &[0x30, 3, 0, 0, b'p'][..]),
        ("a wildcard topic", &[0x30, 5, 0, 2, b'a', b'#', b'p']),
        ("U+0000 in a topic", &[0x30, 5, 0, 2, b'a', 0, b'p']),
        ("SUBSCRIBE with id 0", &[0x82, 6, 0, 0, 0, 1, b'a', 0]),
        ("a filter with # inside", &[0x82, 10, 0, 1, 0, 5, b'a', b'/', b'#', b'/', b'b', 0]),
        ("reserved subscription options", &[0x82, 6, 0, 1, 0, 1, b'a', 0x04]),
        ("subscription QoS 3", &[0x82, 6, 0, 1, 0, 1, b'a', 3]),
        ("UNSUBSCRIBE with id 0", &[0xa2, 5, 0, 0, 0, 1, b'a']),
        ("UNSUBSCRIBE of nothing", &[0xa2, 2, 0, 1]),
        ("PUBACK with a reason", &[0x40, 3, 0, 1, 0]),
        ("DISCONNECT with a reason", &[0xe0, 1, 0]),
    ] {
        assert!(refused(V311, bytes), "{what}");
    }
}

#[test]
fn packets_that_mqtt_5_forbids_end_the_session() {
    for (what, bytes) in [
        ("no property length", &[0x30, 3, 0, 1, b't'][..]),
        ("an over-long property length", &[0x30, 6, 0, 1, b't', 0x80, 0, b'p']),
        ("properties past the end", &[0x30, 5, 0, 1, b't', 9, b'p']),
        ("a topic alias that was not offered", &[0x30, 7, 0, 1, b't', 3, 0x23, 0, 1]),
        ("a topic alias instead of a topic", &[0x30, 6, 0, 0, 3, 0x23, 0, 1]),
        ("SUBSCRIBE with id 0", &[0x82, 7, 0, 0, 0, 0, 1, b'a', 0]),
        ("over-long in SUBSCRIBE", &[0x82, 8, 0, 1, 0x80, 0, 0, 1, b'a', 0]),
        ("a filter with # inside", &[0x82, 11, 0, 1, 0, 0, 5, b'a', b'/', b'#', b'/', b'b', 0]),
        ("an unknown reason code", &[0x40, 3, 0, 1, 0x77]),
        ("a property that has no place there", &[0x40, 7, 0, 1, 0, 3, 0x21, 0, 1]),
    ] {
        assert!(refused(V5, bytes), "{what}");
    }
    let mut greedy = vec![0x82, 0, 0, 0, 1, 0];
    for _ in 0..129 {
        greedy.extend([0, 1, b'a', 0]);
    }
    let remaining = greedy.len() - 3;
    greedy[1] = (remaining & 0x7f) as u8 | 0x80;
    greedy[2] = (remaining >> 7) as u8;
    assert!(refused(V5, &greedy), "129 filters");
}

#[test]
fn an_mqtt_5_device_is_told_why() {
    let (flow, out, _) = feed(V5, &[0x30, 0xff, 0xff, 0xff, 0x7f]);
    assert_eq!((flow.unwrap_err().code(), out), (0x95, vec![0xe0, 1, 0x95]));
    let (flow, out, _) = feed(V311, &[0x00, 0]);
    assert!(flow.is_err() && out.is_empty());
}

#[test]
fn what_follows_the_first_error_is_dropped() {
    let (flow, out, messages) = feed(V311, &[0x30, 3, 0, 1, b'a', 0x00, 0, 0x30, 3, 0, 1, b'b', 0xc0, 0]);
    assert!(flow.is_err() && out.is_empty());
    assert_eq!(messages.len(), 1);
    let (flow, out, messages) = feed(V311, &[0xe0, 0, 0x30, 3, 0, 1, b'b', 0xc0, 0]);
    assert_eq!((flow, out.len(), messages.len()), (Ok(Flow::Bye), 0, 0));
}
