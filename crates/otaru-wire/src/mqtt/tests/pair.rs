//! A client against a server, in memory.

use core::time::Duration;

use super::*;

struct Pair {
    client: Client,
    server: Server,
    platform: Recorder,
    now: Instant,
}

impl Pair {
    fn up(version: ProtocolVersion) -> Self {
        let mut client = Client::new(options(version));
        client.opened(T0);
        let server = accept(&mut client, T0);
        let mut pair = Self { client, server, platform: Recorder::default(), now: T0 };
        assert_eq!(pair.client.poll_event(), Some(ClientEvent::Connected));
        pair.run();
        pair
    }

    /// Moves bytes, one at a time, until both have nothing to say.
    fn run(&mut self) -> Vec<ClientEvent> {
        let mut events = Vec::new();
        loop {
            events.extend(core::iter::from_fn(|| self.client.poll_event()));
            let mut up = Vec::new();
            if !self.client.poll_transmit(&mut up) {
                return events;
            }
            let mut down = Vec::new();
            for byte in up.chunks(1) {
                let mut input = byte;
                let flow = self.server.received(self.now, &mut input, &mut self.platform, &mut down);
                assert!(matches!(flow, Ok(Flow::Continue | Flow::Bye)), "{flow:?}");
            }
            self.hear(&down);
        }
    }

    fn hear(&mut self, bytes: &[u8]) {
        for byte in bytes.chunks(1) {
            self.client.received(self.now, byte);
        }
    }

    fn publish(&mut self, payload: &[u8], qos: Qos) -> Option<Ticket> {
        self.client.publish(self.now, message("own", payload, qos)).unwrap()
    }

    /// Bytes on their way up are lost; a new connection.
    fn reconnect(&mut self) {
        self.client.lost();
        self.client.opened(self.now);
        self.server = accept(&mut self.client, self.now);
    }
}

fn accept(client: &mut Client, now: Instant) -> Server {
    let (mut up, mut down) = (Vec::new(), Vec::new());
    client.poll_transmit(&mut up);
    let Admission::Connect { connect, used } = admit(&up) else { panic!("refused") };
    assert_eq!(used, up.len());
    let server = Server::accept(now, &connect, &ServerOptions::default(), &mut down);
    client.received(now, &down);
    server
}

#[test]
fn messages_of_both_qos_go_both_ways() {
    for version in BOTH {
        let mut pair = Pair::up(version);
        pair.publish(b"0", Qos::AtMostOnce);
        let ticket = pair.publish(b"1", Qos::AtLeastOnce).unwrap();
        assert_eq!(pair.run(), [ClientEvent::Acknowledged(ticket)]);
        assert_eq!(
            pair.platform.messages,
            [message("own", b"0", Qos::AtMostOnce), message("own", b"1", Qos::AtLeastOnce)]
        );
        for qos in [Qos::AtMostOnce, Qos::AtLeastOnce] {
            let (notice, mut down) = (message("own/notice", &[7; 40_000], qos), Vec::new());
            pair.server.send(&notice, &mut down).unwrap();
            pair.hear(&down);
            assert_eq!(pair.run(), [ClientEvent::Message(notice)]);
        }
        assert_eq!(pair.server.vacancy(), usize::from(ServerOptions::default().window));
    }
}

#[test]
fn a_message_lost_on_its_way_arrives_after_a_reconnect() {
    for version in BOTH {
        let mut pair = Pair::up(version);
        let tickets: Vec<_> =
            (0..5).map(|number| pair.publish(&[number], Qos::AtLeastOnce).unwrap()).collect();
        pair.reconnect();
        let acknowledged: Vec<_> = tickets.into_iter().map(ClientEvent::Acknowledged).collect();
        let events = pair.run();
        assert_eq!(events[..2], [ClientEvent::Closed(CloseReason::TransportLost), ClientEvent::Connected]);
        assert_eq!(events[2..], acknowledged);
        let payloads: Vec<_> = pair.platform.messages.iter().map(|message| message.payload[0]).collect();
        assert_eq!(payloads, [0, 1, 2, 3, 4]);
    }
}

#[test]
fn a_message_whose_acknowledgement_was_lost_comes_again() {
    let mut pair = Pair::up(V311);
    let ticket = pair.publish(b"1", Qos::AtLeastOnce).unwrap();
    let mut up = Vec::new();
    pair.client.poll_transmit(&mut up);
    pair.server.received(T0, &mut &up[..], &mut pair.platform, &mut Vec::new()).unwrap();
    pair.reconnect();
    assert_eq!(pair.run().last(), Some(&ClientEvent::Acknowledged(ticket)));
    assert_eq!(pair.platform.messages.len(), 2);
}

#[test]
fn a_subscription_is_granted_or_refused() {
    for version in BOTH {
        let mut pair = Pair::up(version);
        for (filter, granted) in [("own/+", true), ("other/#", false)] {
            pair.client.subscribe(pair.now, filter, Qos::AtLeastOnce).unwrap();
            let filter = filter.to_string();
            assert_eq!(pair.run(), [ClientEvent::Subscribed { filter, granted }]);
        }
    }
}

#[test]
fn a_refused_login_is_told_in_the_devices_version() {
    for version in BOTH {
        for refusal in [Refusal::BadLogin, Refusal::Unavailable, Refusal::NotAuthorized, Refusal::ClientId] {
            let Admission::Connect { connect, .. } = admit(&connect_bytes(version)) else {
                panic!("refused")
            };
            let mut client = Client::new(options(version));
            client.opened(T0);
            client.received(T0, &connect.refuse(refusal));
            assert_eq!(client.poll_event(), Some(ClientEvent::Closed(CloseReason::Refused(refusal))));
        }
    }
}

#[test]
fn an_idle_device_is_kept_by_its_pings() {
    for version in BOTH {
        let mut pair = Pair::up(version);
        for _ in 0..100 {
            let wake = pair.client.poll_timeout().unwrap();
            assert!(wake < pair.server.deadline(), "the ping comes before the platform gives up");
            assert_eq!(wake.since(pair.now), Duration::from_secs(60));
            pair.now = wake;
            pair.client.timer(wake);
            assert_eq!(pair.run(), []);
        }
    }
}

#[test]
fn a_good_bye_is_understood() {
    for version in BOTH {
        let mut pair = Pair::up(version);
        pair.client.disconnect();
        let mut up = Vec::new();
        pair.client.poll_transmit(&mut up);
        let flow = pair.server.received(T0, &mut &up[..], &mut pair.platform, &mut Vec::new());
        assert_eq!(flow, Ok(Flow::Bye));
    }
}
