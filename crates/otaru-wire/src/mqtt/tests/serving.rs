//! The platform's session: acknowledgements, window, keep-alive, a busy handler.

use alloc::vec;
use core::time::Duration;

use super::*;

#[test]
fn a_message_is_acknowledged_after_it_was_taken() {
    for (version, publish) in
        [(V311, &[0x32, 6, 0, 1, b't', 0, 7, b'p'][..]), (V5, &[0x32, 7, 0, 1, b't', 0, 7, 0, b'p'])]
    {
        let (flow, out, messages) = feed(version, publish);
        assert_eq!((flow, out), (Ok(Flow::Continue), vec![0x40, 2, 0, 7]));
        assert_eq!(messages, [message("t", b"p", Qos::AtLeastOnce)]);
    }
}

#[test]
fn a_foreign_message_is_dropped_and_only_mqtt_5_is_told() {
    let body = b"\x00\x07foreign\x00\x07";
    let v311 = [&[0x32, 11][..], body].concat();
    let v5 = [&[0x32, 12][..], body, &[0]].concat();
    let (_, out, messages) = feed(V311, &v311);
    assert_eq!((out, messages.len()), (vec![0x40, 2, 0, 7], 0));
    let (_, out, messages) = feed(V5, &v5);
    // A reason code without properties is written with its empty property length or without.
    assert!(out.starts_with(&[0x40]) && out[2..5] == [0, 7, 0x87], "{out:?}");
    assert!(messages.is_empty());
}

#[test]
fn qos_2_is_tolerated_and_told_once() {
    let publish = [0x34, 6, 0, 1, b't', 0, 7, b'p'];
    let again = [0x3c, 6, 0, 1, b't', 0, 7, b'p'];
    let release = [0x62, 2, 0, 7];
    let (flow, out, messages) = feed(V311, &[&publish[..], &again, &release, &release, &publish].concat());
    assert_eq!(flow, Ok(Flow::Continue));
    let (received, complete) = ([0x50, 2, 0, 7], [0x70, 2, 0, 7]);
    assert_eq!(out, [received, received, complete, complete, received].concat());
    assert_eq!(messages.len(), 2, "the id is free again after its release");
}

#[test]
fn half_received_messages_are_bounded() {
    let flood: Vec<u8> = (1..=65).flat_map(|id| [0x34, 5, 0, 1, b't', 0, id]).collect();
    let (flow, _, messages) = feed(V311, &flood);
    assert_eq!((flow.unwrap_err().code(), messages.len()), (0x93, 64));
}

#[test]
fn a_refused_qos_2_message_ends_with_its_refusal_and_is_not_half_received() {
    let flood: Vec<u8> =
        (1..=100).flat_map(|id| [&[0x34, 12, 0, 7][..], b"foreign", &[0, id, 0]].concat()).collect();
    let (flow, out, messages) = feed(V5, &flood);
    assert_eq!((flow, messages.len()), (Ok(Flow::Continue), 0));
    assert!(out.starts_with(&[0x50]) && out[2..5] == [0, 1, 0x87], "{out:?}");
}

#[test]
fn a_busy_handler_stops_the_reading_and_nothing_is_lost() {
    for version in BOTH {
        let publish = |id: u8, payload: u8| match version {
            V311 => vec![0x32, 6, 0, 1, b't', 0, id, payload],
            V5 => vec![0x32, 7, 0, 1, b't', 0, id, 0, payload],
        };
        let bytes = [publish(1, b'a'), publish(2, b'b'), publish(3, b'c'), vec![0xc0, 0]].concat();
        let (mut server, mut recorder, mut out) = (server(version), Recorder::default(), Vec::new());
        let mut input = &bytes[..bytes.len() - 1];
        recorder.busy = true;
        assert_eq!(server.received(T0, &mut input, &mut recorder, &mut out), Ok(Flow::Busy));
        assert!(server.is_busy() && out.is_empty());
        let rest = input;
        assert_eq!(server.received(T0, &mut input, &mut recorder, &mut out), Ok(Flow::Busy));
        assert_eq!(input, rest, "nothing is read while busy");
        assert_eq!(server.retry(T0, &mut recorder, &mut out), Ok(Flow::Busy));
        recorder.busy = false;
        assert_eq!(server.retry(T0, &mut recorder, &mut out), Ok(Flow::Continue));
        assert_eq!(server.received(T0, &mut input, &mut recorder, &mut out), Ok(Flow::Continue));
        assert_eq!(server.received(T0, &mut &[0][..], &mut recorder, &mut out), Ok(Flow::Continue));
        let payloads: Vec<_> = recorder.messages.iter().map(|message| message.payload[0]).collect();
        assert_eq!(payloads, *b"abc");
        assert_eq!(out, [0x40, 2, 0, 1, 0x40, 2, 0, 2, 0x40, 2, 0, 3, 0xd0, 0]);
    }
}

#[test]
fn subscriptions_are_answered_by_the_rules() {
    let asked = b"\x00\x09\x00\x03own\x02\x00\x01#\x00\x00\x05own/+\x00";
    let (_, out, _) = feed(V311, &[&[0x82, 20][..], asked].concat());
    assert_eq!(out, [0x90, 5, 0, 9, 1, 0x80, 0], "QoS 2 is granted as 1");
    let asked = b"\x00\x09\x00\x00\x03own\x02\x00\x01#\x00\x00\x05own/+\x00";
    let (_, out, _) = feed(V5, &[&[0x82, 21][..], asked].concat());
    assert_eq!(out, [0x90, 6, 0, 9, 0, 1, 0x87, 0]);
    let (_, out, _) = feed(V311, b"\xa2\x07\x00\x09\x00\x03own");
    assert_eq!(out, [0xb0, 2, 0, 9]);
    let (_, out, _) = feed(V5, b"\xa2\x0b\x00\x09\x00\x00\x03own\x00\x01a");
    assert_eq!(out, [0xb0, 5, 0, 9, 0, 0, 0]);
}

#[test]
fn the_window_holds_messages_back_until_they_are_acknowledged() {
    let mut server = server(V311);
    let (mut recorder, mut out) = (Recorder::default(), Vec::new());
    let notice = message("own", b"n", Qos::AtLeastOnce);
    let window = server.vacancy();
    assert_eq!(window, usize::from(ServerOptions::default().window));
    for _ in 0..window {
        server.send(&notice, &mut out).unwrap();
    }
    assert_eq!(server.send(&notice, &mut out), Err(SendError::Window));
    server.send(&message("own", b"n", Qos::AtMostOnce), &mut out).unwrap();
    // Ids never given out, and the rest of a dance we never begin: ignored.
    let unknown = [0x40, 2, 0xee, 0xee, 0x50, 2, 0, 1, 0x70, 2, 0, 1];
    assert_eq!(server.received(T0, &mut &unknown[..], &mut recorder, &mut out), Ok(Flow::Continue));
    assert_eq!(server.vacancy(), 0);
    for _ in 0..2 {
        server.received(T0, &mut &[0x40, 2, 0, 1][..], &mut recorder, &mut out).unwrap();
        assert_eq!(server.vacancy(), 1, "the second acknowledgement is an unknown one");
    }
    server.send(&notice, &mut out).unwrap();
}

#[test]
fn ids_are_never_0_and_never_given_out_twice() {
    let mut server = server(V311);
    let (mut recorder, mut out) = (Recorder::default(), Vec::new());
    let notice = message("own", b"n", Qos::AtLeastOnce);
    server.send(&notice, &mut out).unwrap();
    let first = [out[7], out[8]];
    for _ in 0..70_000 {
        out.clear();
        server.send(&notice, &mut out).unwrap();
        let id = [out[7], out[8]];
        assert!(id != [0, 0] && id != first);
        server.received(T0, &mut &[0x40, 2, id[0], id[1]][..], &mut recorder, &mut out).unwrap();
    }
}

#[test]
fn an_mqtt_5_devices_limits_are_kept() {
    // Receive Maximum 1, Maximum Packet Size 20, session expiry asked for, keep-alive 0.
    let connect: &[u8] = &[
        0x10, 29, 0, 4, b'M', b'Q', b'T', b'T', 5, 2, 0, 0, 13, 0x21, 0, 1, 0x27, 0, 0, 0, 20, 0x11, 0, 0, 0,
        9, 0, 3, b'd', b'e', b'v',
    ];
    let Admission::Connect { connect, .. } = admit(connect) else { panic!("refused") };
    let mut out = Vec::new();
    let mut server = Server::accept(T0, &connect, &ServerOptions::default(), &mut out);
    assert!(out.windows(3).any(|property| property == [0x13, 0x04, 0xb0]), "server keep-alive 1200");
    assert!(out.windows(5).any(|property| property == [0x11, 0, 0, 0, 0]), "no session outlives");
    assert_eq!(server.deadline(), T0 + Duration::from_secs(1801));
    let notice = message("own", b"n", Qos::AtLeastOnce);
    server.send(&notice, &mut out).unwrap();
    assert_eq!(server.send(&notice, &mut out), Err(SendError::Window));
    assert_eq!(server.send(&message("own", &[0; 20], Qos::AtMostOnce), &mut out), Err(SendError::TooLarge));
    assert_eq!(server.send(&message("own/#", b"n", Qos::AtMostOnce), &mut out), Err(SendError::Topic));
}

#[test]
fn only_whole_packets_put_the_deadline_off() {
    let mut server = server(V311);
    let (mut recorder, mut out) = (Recorder::default(), Vec::new());
    assert_eq!(server.deadline(), T0 + Duration::from_secs(91));
    let later = T0 + Duration::from_secs(50);
    server.received(later, &mut &[0xc0][..], &mut recorder, &mut out).unwrap();
    assert_eq!(server.deadline(), T0 + Duration::from_secs(91));
    server.received(later, &mut &[0x00][..], &mut recorder, &mut out).unwrap();
    assert_eq!(server.deadline(), later + Duration::from_secs(91));
    assert_eq!(out, [0xd0, 0]);
}
