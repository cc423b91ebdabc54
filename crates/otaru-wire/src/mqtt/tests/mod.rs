//! Both roles: the gate against what MQTT forbids, the two against each other, and bytes from nowhere.

mod gate;
mod noise;
mod pair;
mod serving;

use alloc::{string::ToString, vec::Vec};

use super::*;
use crate::{Instant, dialect::Login};

const T0: Instant = Instant(5_000);
const V311: ProtocolVersion = ProtocolVersion::V311;
const V5: ProtocolVersion = ProtocolVersion::V5;
const BOTH: [ProtocolVersion; 2] = [V311, V5];

/// Takes everything, allows `own` and what begins with it, and writes down what it saw.
#[derive(Debug, Default)]
struct Recorder {
    messages: Vec<Message>,
    busy: bool,
}

impl Handler for Recorder {
    fn message(&mut self, message: Message) -> Taken {
        if self.busy {
            return Taken::Busy(message);
        }
        if message.topic.starts_with("foreign") {
            return Taken::NotAllowed;
        }
        self.messages.push(message);
        Taken::Accepted
    }

    fn may_subscribe(&mut self, filter: &str) -> bool {
        filter.starts_with("own")
    }
}

fn options(version: ProtocolVersion) -> ClientOptions {
    let login = Login {
        client_id: "pk.dn|securemode=3|".to_string(),
        user_name: "dn&pk".to_string(),
        password: "SECRET".to_string(),
    };
    ClientOptions { version, ..ClientOptions::new(login) }
}

fn connect_bytes(version: ProtocolVersion) -> Vec<u8> {
    let mut client = Client::new(options(version));
    client.opened(T0);
    let mut bytes = Vec::new();
    client.poll_transmit(&mut bytes);
    bytes
}

/// A session on the platform, past its CONNACK.
fn server(version: ProtocolVersion) -> Server {
    let Admission::Connect { connect, .. } = admit(&connect_bytes(version)) else { panic!("not admitted") };
    Server::accept(T0, &connect, &ServerOptions::default(), &mut Vec::new())
}

/// Feeds a fresh session; the flow or the violation, what it answered, and the messages.
fn feed(version: ProtocolVersion, bytes: &[u8]) -> (Result<Flow, Violation>, Vec<u8>, Vec<Message>) {
    let (mut server, mut recorder, mut out) = (server(version), Recorder::default(), Vec::new());
    let mut input = bytes;
    let flow = server.received(T0, &mut input, &mut recorder, &mut out);
    (flow, out, recorder.messages)
}

fn message(topic: &str, payload: &[u8], qos: Qos) -> Message {
    Message { topic: topic.to_string(), payload: payload.to_vec(), qos }
}
