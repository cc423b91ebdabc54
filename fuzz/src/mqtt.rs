//! MQTT sessions of both roles, fed any bytes whole and in pieces: both ways they do the same.

use otaru_wire::{
    Instant,
    dialect::{Credentials, DeviceHalf, PlatformHalf, Transport, aliyun},
    mqtt::{
        Admission, Client, ClientEvent, ClientOptions, Flow, Handler, MAX_CONNECT, Message, ProtocolVersion,
        Qos, Server, ServerOptions, Taken, admit,
    },
};

use crate::{device::plain_notice, me};

const NOW: Instant = Instant(1_000);
const VERSIONS: [ProtocolVersion; 2] = [ProtocolVersion::V311, ProtocolVersion::V5];

fn new_client(version: ProtocolVersion) -> Client {
    let credentials = Credentials { id: me(), secret: "s3cret".to_owned() };
    let login = aliyun::Device.write_login(&credentials, Transport::Plain);
    let mut client = Client::new(ClientOptions { version, max_packet: 4096, ..ClientOptions::new(login) });
    client.opened(NOW);
    for topic in aliyun::Device.subscriptions(&me()) {
        // Refused outside a session: subscribed again below.
        let _ = client.subscribe(NOW, &topic, Qos::AtLeastOnce);
    }
    let report = Message { topic: "t".to_owned(), payload: b"p".to_vec(), qos: Qos::AtLeastOnce };
    client.publish(NOW, report).expect("a message may wait for the session");
    client
}

/// The first byte chooses version and pieces; the rest is what the platform sends.
pub(crate) fn client(bytes: &[u8]) {
    let Some((how, bytes)) = bytes.split_first() else { return };
    let version = VERSIONS[usize::from(how % 2)];
    let whole = hear(version, bytes, bytes.len());
    let pieces = hear(version, bytes, usize::from(how / 2 % 8) + 1);
    assert_eq!(whole, pieces, "the same bytes in pieces mean the same");
}

fn hear(version: ProtocolVersion, bytes: &[u8], step: usize) -> (Vec<ClientEvent>, Vec<u8>) {
    let mut client = new_client(version);
    let (mut events, mut sent) = (Vec::new(), Vec::new());
    for piece in bytes.chunks(step.max(1)) {
        client.received(NOW, piece);
    }
    while let Some(event) = client.poll_event() {
        events.push(event);
    }
    while client.poll_transmit(&mut sent) {}
    assert!(sent.len() <= 1024 + 8 * bytes.len(), "{} bytes are answered by {}", bytes.len(), sent.len());
    if let Some(due) = client.poll_timeout() {
        client.timer(due);
    }
    (events, sent)
}

pub(crate) fn client_seeds() -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    for (at, version) in VERSIONS.into_iter().enumerate() {
        let mut client = new_client(version);
        let mut sent = Vec::new();
        while client.poll_transmit(&mut sent) {}
        let Admission::Connect { connect, used } = admit(&sent) else {
            panic!("its own CONNECT is understood")
        };
        let mut said = vec![u8::try_from(at).expect("0 or 1")];
        let mut server = Server::accept(NOW, &connect, &ServerOptions::default(), &mut said);
        let push = aliyun::Platform.write_notice(&me(), 1, &plain_notice()).expect("a push");
        for qos in [Qos::AtMostOnce, Qos::AtLeastOnce] {
            server.send(&Message { qos, ..push.clone() }, &mut said).expect("there is room");
        }
        let mut rest = &sent[used..];
        server.received(NOW, &mut rest, &mut Device::default(), &mut said).expect("sound packets");
        seeds.push(said);
    }
    seeds
}

/// Takes every message, and says now and then that it is busy.
#[derive(Default)]
struct Device {
    taken: Vec<Message>,
    busy: bool,
    asked: u32,
}

impl Handler for Device {
    fn message(&mut self, message: Message) -> Taken {
        self.asked += 1;
        if self.busy && self.asked % 3 == 1 {
            return Taken::Busy(message);
        }
        let own = message.topic.ends_with('1') || message.topic == "t";
        self.taken.push(message);
        if own { Taken::Accepted } else { Taken::NotAllowed }
    }

    fn may_subscribe(&mut self, filter: &str) -> bool {
        aliyun::Platform.may_subscribe(&me(), filter)
    }
}

/// The first byte chooses pieces; the rest is all that a connection sends, its CONNECT first.
pub(crate) fn server(bytes: &[u8]) {
    let Some((how, bytes)) = bytes.split_first() else { return };
    match admit(bytes) {
        Admission::More => assert!(bytes.len() < MAX_CONNECT, "a CONNECT has bounds"),
        Admission::Refuse { answer, .. } => assert!(answer.len() < 64),
        Admission::Connect { connect, used } => {
            let _ = aliyun::Platform.read_login(&connect.login);
            let rest = &bytes[used..];
            let serve = |step, busy| {
                let mut sent = Vec::new();
                let options = ServerOptions { max_packet: 4096, ..ServerOptions::default() };
                let session = Server::accept(NOW, &connect, &options, &mut sent);
                serve(session, rest, step, Device { busy, ..Device::default() }, sent)
            };
            let whole = serve(rest.len(), false);
            assert_eq!(
                whole,
                serve(usize::from(how % 8) + 1, false),
                "the same bytes in pieces mean the same"
            );
            assert_eq!(whole, serve(rest.len(), true), "a busy platform loses nothing");
        }
    }
}

fn serve(
    mut session: Server,
    bytes: &[u8],
    step: usize,
    mut device: Device,
    mut sent: Vec<u8>,
) -> (bool, Vec<Message>, Vec<u8>) {
    let mut over = false;
    'pieces: for mut piece in bytes.chunks(step.max(1)) {
        let mut flow = session.received(NOW, &mut piece, &mut device, &mut sent);
        while flow == Ok(Flow::Busy) {
            flow = session.retry(NOW, &mut device, &mut sent);
            if flow == Ok(Flow::Continue) {
                flow = session.received(NOW, &mut piece, &mut device, &mut sent);
            }
        }
        if flow != Ok(Flow::Continue) {
            over = true;
            break 'pieces;
        }
    }
    assert!(sent.len() <= 1024 + 8 * bytes.len(), "{} bytes are answered by {}", bytes.len(), sent.len());
    (over, device.taken, sent)
}

pub(crate) fn server_seeds() -> Vec<Vec<u8>> {
    let query = otaru_wire::Report::Query { module: Default::default(), running: None, wanted: None };
    let mut seeds = Vec::new();
    for version in VERSIONS {
        let mut client = new_client(version);
        let mut said = vec![0];
        while client.poll_transmit(&mut said) {}
        let connack: &[u8] = match version {
            ProtocolVersion::V311 => &[0x20, 2, 0, 0],
            ProtocolVersion::V5 => &[0x20, 3, 0, 0, 0],
        };
        client.received(NOW, connack);
        for topic in aliyun::Device.subscriptions(&me()) {
            client.subscribe(NOW, &topic, Qos::AtLeastOnce).expect("a session");
        }
        client
            .publish(
                NOW,
                aliyun::Device.write_report(&me(), 1, &query).expect("this dialect has a word for it"),
            )
            .expect("a session");
        client.disconnect();
        while client.poll_transmit(&mut said) {}
        seeds.push(said);
    }
    seeds
}
