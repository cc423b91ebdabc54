//! Random and mutated bytes: no panic in either role and version, and no difference by how the bytes are cut.

use proptest::prelude::*;

use super::*;

/// Packets a device may send, well formed, as seeds.
const FROM_DEVICES: [&[u8]; 16] = [
    &[0x30, 4, 0, 1, b't', b'p'],
    &[0x30, 5, 0, 1, b't', 0, b'p'],
    &[0x32, 6, 0, 1, b't', 0, 1, b'p'],
    &[0x32, 7, 0, 1, b't', 0, 1, 0, b'p'],
    &[0x34, 5, 0, 1, b't', 0, 9],
    &[0x30, 13, 0, 1, b't', 9, 0x26, 0, 2, b'k', b'k', 0, 2, b'v', b'v'],
    &[0x62, 2, 0, 9],
    &[0x40, 2, 0, 1],
    &[0x40, 4, 0, 1, 0x10, 0],
    &[0x50, 2, 0, 1],
    &[0x82, 8, 0, 1, 0, 3, b'o', b'w', b'n', 1],
    &[0x82, 9, 0, 1, 0, 0, 3, b'o', b'w', b'n', 1],
    &[0xa2, 7, 0, 1, 0, 3, b'o', b'w', b'n'],
    &[0xc0, 0],
    &[0xe0, 0],
    &[0xe0, 2, 0, 0],
];

/// Packets a platform may send.
const FROM_PLATFORMS: [&[u8]; 12] = [
    &[0x20, 2, 0, 0],
    &[0x20, 3, 0, 0, 0],
    &[0x20, 14, 0, 0, 11, 0x21, 0, 1, 0x27, 0, 0, 0, 30, 0x13, 0, 7],
    &[0x30, 4, 0, 1, b't', b'p'],
    &[0x32, 6, 0, 1, b't', 0, 1, b'p'],
    &[0x32, 7, 0, 1, b't', 0, 1, 0, b'p'],
    &[0x34, 6, 0, 1, b't', 0, 9, b'p'],
    &[0x62, 2, 0, 9],
    &[0x40, 2, 0, 1],
    &[0x90, 3, 0, 2, 0],
    &[0xd0, 0],
    &[0xe0, 1, 0x8e],
];

fn noise() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(any::<u8>(), 0..200)
}

/// Packets in any order, then a few bytes changed, cut out or put in.
fn mutated(seeds: &'static [&'static [u8]]) -> impl Strategy<Value = Vec<u8>> {
    let packets = prop::collection::vec(prop::sample::select(seeds), 0..12);
    let changes = prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..4_u8), 0..4);
    (packets, changes).prop_map(|(packets, changes)| {
        let mut bytes = packets.concat();
        for (at, value, how) in changes {
            if bytes.is_empty() {
                break;
            }
            let at = at.index(bytes.len());
            match how {
                0 => bytes[at] = value,
                1 => bytes[at] ^= 1 << (value % 8),
                2 => drop(bytes.remove(at)),
                _ => bytes.insert(at, value),
            }
        }
        bytes
    })
}

fn version() -> impl Strategy<Value = ProtocolVersion> {
    prop::sample::select(&BOTH[..])
}

/// Everything observable when a platform's session gets `bytes` in pieces of `step`.
fn serve(
    version: ProtocolVersion,
    bytes: &[u8],
    step: usize,
) -> (Result<Flow, Violation>, Vec<u8>, Vec<Message>) {
    let (mut server, mut recorder, mut out) = (server(version), Recorder::default(), Vec::new());
    let mut flow = Ok(Flow::Continue);
    for mut piece in bytes.chunks(step.max(1)) {
        flow = server.received(T0, &mut piece, &mut recorder, &mut out);
        if flow != Ok(Flow::Continue) {
            break;
        }
        // The window fills, whatever the peer acknowledges.
        let _ = server.send(&message("own", b"n", Qos::AtLeastOnce), &mut Vec::new());
    }
    (flow, out, recorder.messages)
}

/// Everything observable when a client with work in hand gets `bytes` in pieces of `step`.
fn hear(version: ProtocolVersion, bytes: &[u8], step: usize) -> (Vec<ClientEvent>, Vec<u8>) {
    let mut client = Client::new(options(version));
    client.publish(T0, message("own", b"before", Qos::AtLeastOnce)).unwrap();
    client.opened(T0);
    client.received(T0, if version == V5 { &[0x20, 3, 0, 0, 0] } else { &[0x20, 2, 0, 0] });
    client.subscribe(T0, "own/#", Qos::AtMostOnce).unwrap();
    for piece in bytes.chunks(step.max(1)) {
        client.received(T0, piece);
    }
    let events = core::iter::from_fn(|| client.poll_event()).collect();
    let mut out = Vec::new();
    client.poll_transmit(&mut out);
    // It can be used again, whatever happened.
    client.lost();
    client.opened(T0);
    client.received(T0, bytes);
    client.timer(T0 + core::time::Duration::from_secs(100));
    (events, out)
}

proptest! {
    #[test]
    fn admission_never_panics_and_answers_do_not_change_with_more_bytes(bytes in noise(), kind in 0..3_u8) {
        let mut bytes = bytes;
        match kind {
            0 => {}
            1 => bytes.splice(0..0, [0x10]).for_each(drop),
            _ => {
                let head = [0x10, bytes.len() as u8 & 0x7f, 0, 4, b'M', b'Q', b'T', b'T', 4 + (kind & 1)];
                bytes.splice(0..0, head).for_each(drop);
            }
        }
        let whole = admit(&bytes);
        for end in 0..bytes.len() {
            match admit(&bytes[..end]) {
                Admission::More => {}
                early => {
                    let same = core::mem::discriminant(&early) == core::mem::discriminant(&whole);
                    prop_assert!(same, "{early:?}, then {whole:?}");
                    break;
                }
            }
        }
    }

    #[test]
    fn mutated_connects_never_panic(version in version(), at in any::<prop::sample::Index>(), value in any::<u8>()) {
        let mut bytes = connect_bytes(version);
        let at = at.index(bytes.len());
        bytes[at] = value;
        if let Admission::Connect { connect, .. } = admit(&bytes) {
            Server::accept(T0, &connect, &ServerOptions::default(), &mut Vec::new());
        }
    }

    #[test]
    fn a_server_survives_noise(version in version(), bytes in noise(), step in 1..64_usize) {
        let _ = serve(version, &bytes, step);
    }

    #[test]
    fn a_client_survives_noise(version in version(), bytes in noise(), step in 1..64_usize) {
        hear(version, &bytes, step);
    }

    #[test]
    fn a_server_survives_mutated_packets(version in version(), bytes in mutated(&FROM_DEVICES), step in 1..16_usize) {
        let _ = serve(version, &bytes, step);
    }

    #[test]
    fn a_client_hears_the_same_however_the_bytes_are_cut(
        version in version(), bytes in mutated(&FROM_PLATFORMS), step in 1..16_usize
    ) {
        prop_assert_eq!(hear(version, &bytes, step), hear(version, &bytes, usize::MAX));
    }

    #[test]
    fn a_server_hears_the_same_however_the_bytes_are_cut(
        version in version(), bytes in mutated(&FROM_DEVICES), step in 1..16_usize
    ) {
        prop_assert_eq!(serve(version, &bytes, step), serve(version, &bytes, usize::MAX));
    }
}
