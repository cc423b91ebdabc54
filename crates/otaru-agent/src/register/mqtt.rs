//! Registration by a short session over MQTT: the login asks, one message answers.

use std::{
    io::{self, Read, Write},
    net::TcpStream,
    sync::Arc,
    time::Duration,
};

use otaru_wire::{
    Instant,
    dialect::{
        Login,
        aliyun::registration::{self, Grant, Wish},
    },
    mqtt::{Client, ClientEvent, ClientOptions, CloseReason, Refusal},
};
use rustls::{ClientConnection, StreamOwned, pki_types::ServerName};

use super::{PATIENCE, Plan, Refused};
use crate::{clock::Clock, link::connect};

/// Nothing longer than a grant is awaited, in bytes.
const MAX_PACKET: usize = 16 * 1024;
const BUFFER: usize = 4096;

trait Wire: Read + Write {}
impl<T: Read + Write> Wire for T {}

/// Logs in to ask, and waits for the answer.
pub(super) fn ask(plan: &Plan, login: Login, wish: Wish) -> Result<Grant, Refused> {
    let broken =
        |error: io::Error| Refused::unreachable(format!("{} cannot be reached: {error}", plan.endpoint));
    let socket = connect(&plan.endpoint).map_err(broken)?;
    let mut wire = wrap(plan, socket.try_clone().map_err(broken)?)?;
    let mut options = ClientOptions::new(login);
    options.max_packet = MAX_PACKET;
    let clock = Clock::start();
    let deadline = clock.now() + PATIENCE;
    let mut client = Client::new(options);
    client.opened(clock.now());
    let grant = converse(&mut client, &mut *wire, &socket, clock, deadline)?;
    client.disconnect();
    // A good-bye that cannot be sent is not missed.
    let _ = transmit(&mut client, &mut *wire);
    match (&grant, wish) {
        (Grant::Secret(_), Wish::Secret) | (Grant::Token { .. }, Wish::Token) => Ok(grant),
        _ => Err(Refused::by_platform("it granted something else than was asked for")),
    }
}

fn wrap(plan: &Plan, socket: TcpStream) -> Result<Box<dyn Wire>, Refused> {
    let Some(tls) = &plan.tls else { return Ok(Box::new(socket)) };
    let name = ServerName::try_from(plan.endpoint.host.clone());
    let name = name.map_err(|_| Refused::unreachable("the host cannot be the name in a certificate"))?;
    let session = ClientConnection::new(Arc::clone(tls), name);
    let session = session.map_err(|error| Refused::unreachable(format!("TLS cannot begin: {error}")))?;
    Ok(Box::new(StreamOwned::new(session, socket)))
}

fn converse(
    client: &mut Client,
    wire: &mut dyn Wire,
    socket: &TcpStream,
    clock: Clock,
    deadline: Instant,
) -> Result<Grant, Refused> {
    let broken = |error: io::Error| match error.kind() {
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => {
            Refused::unreachable("the platform granted nothing in time; is dynamic registration on there?")
        }
        _ => Refused::unreachable(format!("the connection broke: {error}")),
    };
    let mut buffer = [0; BUFFER];
    loop {
        transmit(client, wire).map_err(broken)?;
        while let Some(event) = client.poll_event() {
            match event {
                ClientEvent::Message(message) => {
                    let grant = registration::read_grant(&message.topic, &message.payload);
                    if let Some(grant) = grant.map_err(|error| Refused::by_platform(&error.to_string()))? {
                        return Ok(grant);
                    }
                }
                ClientEvent::Closed(reason) => return Err(closed(&reason)),
                _ => {}
            }
        }
        // At least a millisecond: zero would be no bound at all.
        let left = clock.until(deadline).max(Duration::from_millis(1));
        socket.set_read_timeout(Some(left)).map_err(broken)?;
        match wire.read(&mut buffer) {
            Ok(0) => {
                return Err(Refused::unreachable("the platform closed the connection and granted nothing"));
            }
            Ok(len) => client.received(clock.now(), buffer.get(..len).unwrap_or_default()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(broken(error)),
        }
        if clock.now() >= deadline {
            return Err(broken(io::ErrorKind::TimedOut.into()));
        }
    }
}

fn transmit(client: &mut Client, wire: &mut dyn Wire) -> io::Result<()> {
    let mut out = Vec::new();
    while client.poll_transmit(&mut out) {}
    wire.write_all(&out)?;
    wire.flush()
}

fn closed(reason: &CloseReason) -> Refused {
    match reason {
        CloseReason::Refused(Refusal::Unavailable) => Refused::unreachable("the platform is busy"),
        CloseReason::Refused(refusal) => Refused::by_platform(&format!("{refusal:?}")),
        other => Refused::unreachable(format!("the platform ended the session: {other:?}")),
    }
}
