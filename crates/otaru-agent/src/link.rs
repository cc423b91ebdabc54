//! The session with the platform: a socket, TLS if asked for, and the wire's MQTT client on it.
//!
//! One thread for each connection opens it and reads bytes, with two buffers that the loop returns; everything
//! else (TLS, session, writing) happens on the loop. So the loop waits in one place and polls nothing.

mod reader;
pub(crate) mod tls;

use std::{
    io::Write,
    net::{Shutdown, TcpStream},
    sync::{Arc, mpsc::Sender},
    time::Duration,
};

use otaru_wire::{
    Instant,
    dialect::Login,
    dialect::aliyun::StateCode,
    mqtt::{Client, ClientEvent, ClientOptions, CloseReason, Message, PublishError, Qos, Refusal},
};
use rustls::{ClientConfig, ClientConnection, pki_types::ServerName};

use crate::{
    backoff::{Backoff, Setback},
    config::Endpoint,
};

pub(crate) use reader::{LinkEvent, connect};

/// A session that held this long was a real one: the next failure starts the pauses anew.
const STEADY: Duration = Duration::from_secs(10);

/// What the session means to the loop.
#[derive(Debug)]
pub(crate) enum LinkNotice {
    /// The session is up.
    Online,
    /// It is gone, or could not be had.
    Offline { reason: String, retry_after: Duration },
    /// The platform said something.
    Message(Message),
}

/// TLS towards the platform.
#[derive(Clone)]
pub(crate) struct LinkTls {
    pub(crate) config: Arc<ClientConfig>,
    pub(crate) name: ServerName<'static>,
}

pub(crate) struct Link {
    endpoint: Endpoint,
    tls: Option<LinkTls>,
    options: ClientOptions,
    client: Client,
    backoff: Backoff,
    events: Arc<dyn Fn(LinkEvent) -> bool + Send + Sync>,
    state: State,
    /// Names the connection; what older ones say is not listened to.
    generation: u32,
    notices: std::collections::VecDeque<LinkNotice>,
    out: Vec<u8>,
}

enum State {
    /// Until it is known how to log in.
    WithoutLogin,
    /// Until it is time to connect.
    Waiting(Instant),
    /// Until the thread says that it is connected.
    Opening,
    Open(Box<Open>),
    /// For good.
    Ended,
}

struct Open {
    stream: TcpStream,
    tls: Option<ClientConnection>,
    buffers: Sender<Vec<u8>>,
    up_since: Option<Instant>,
}

impl Link {
    /// Connects once [`Link::begin`] says how to log in.
    pub(crate) fn new(
        endpoint: Endpoint,
        tls: Option<LinkTls>,
        options: ClientOptions,
        seed: u64,
        events: Arc<dyn Fn(LinkEvent) -> bool + Send + Sync>,
    ) -> Self {
        Self {
            endpoint,
            tls,
            client: Client::new(options.clone()),
            options,
            backoff: Backoff::new(seed),
            events,
            state: State::WithoutLogin,
            generation: 0,
            notices: std::collections::VecDeque::new(),
            out: Vec::new(),
        }
    }

    /// Connects at the next [`Link::timer`], with this login.
    pub(crate) fn begin(&mut self, login: Login) {
        self.options.login = login;
        self.client = Client::new(self.options.clone());
        self.state = State::Waiting(Instant::default());
    }

    /// When [`Link::timer`] is due.
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        match &self.state {
            State::Waiting(until) => Some(*until),
            State::WithoutLogin | State::Opening | State::Ended => None,
            State::Open(_) => self.client.poll_timeout(),
        }
    }

    /// Does what is due.
    pub(crate) fn timer(&mut self, now: Instant) {
        match &self.state {
            State::Waiting(until) if *until <= now => self.open(now),
            State::Open(_) if self.client.poll_timeout().is_some_and(|due| due <= now) => {
                self.client.timer(now);
                self.progress(now);
            }
            _ => {}
        }
    }

    fn open(&mut self, now: Instant) {
        self.generation = self.generation.wrapping_add(1);
        match reader::start(self.generation, &self.endpoint, Arc::clone(&self.events)) {
            Ok(()) => self.state = State::Opening,
            Err(error) => self.broken(now, format!("no thread for the connection: {error}")),
        }
    }

    /// Takes what the connection's thread says.
    pub(crate) fn handle(&mut self, now: Instant, event: LinkEvent) {
        match (event, &mut self.state) {
            (LinkEvent::Opened { generation, stream, buffers }, State::Opening)
                if generation == self.generation =>
            {
                self.opened(now, stream, buffers);
            }
            (LinkEvent::Lost { generation, reason }, State::Opening | State::Open(_))
                if generation == self.generation =>
            {
                self.broken(now, reason);
            }
            (LinkEvent::Bytes { generation, bytes }, State::Open(open)) if generation == self.generation => {
                let result = match &mut open.tls {
                    Some(tls) => tls::decrypt(tls, &bytes, |plain| self.client.received(now, plain)),
                    None => {
                        self.client.received(now, &bytes);
                        Ok(())
                    }
                };
                // The thread is gone if the connection is; then nobody misses the buffer.
                let _ = open.buffers.send(bytes);
                self.progress(now);
                if let Err(reason) = result {
                    self.broken(now, reason);
                }
            }
            // A connection that nobody wants any more.
            (LinkEvent::Opened { stream, .. }, _) => drop(stream.shutdown(Shutdown::Both)),
            (LinkEvent::Lost { .. } | LinkEvent::Bytes { .. }, _) => {}
        }
    }

    fn opened(&mut self, now: Instant, stream: TcpStream, buffers: Sender<Vec<u8>>) {
        let tls = self.tls.clone().map(|tls| ClientConnection::new(tls.config, tls.name)).transpose();
        match tls {
            Ok(tls) => {
                self.state = State::Open(Box::new(Open { stream, tls, buffers, up_since: None }));
                self.client.opened(now);
                self.progress(now);
            }
            Err(error) => self.broken(now, format!("TLS cannot begin: {error}")),
        }
    }

    /// Publishes a message. Lost if there is no session.
    pub(crate) fn publish(&mut self, now: Instant, message: Message) {
        match self.client.publish(now, message) {
            Ok(_) => self.progress(now),
            Err(error @ PublishError::NotConnected) => {
                tracing::debug!(code = %StateCode::of_publishing(&error), "a report is not sent: {error}");
            }
            Err(error) => {
                tracing::warn!(code = %StateCode::of_publishing(&error), "a report is not sent: {error}");
            }
        }
    }

    /// Subscribes.
    pub(crate) fn subscribe(&mut self, now: Instant, filter: &str) {
        match self.client.subscribe(now, filter, Qos::AtLeastOnce) {
            Ok(()) => self.progress(now),
            Err(error) => tracing::warn!(filter, "not subscribed: {error}"),
        }
    }

    /// The next thing that happened.
    pub(crate) fn poll(&mut self) -> Option<LinkNotice> {
        self.notices.pop_front()
    }

    /// Says good-bye and ends for good.
    pub(crate) fn end(&mut self) {
        self.client.disconnect();
        // A good-bye that cannot be sent is not missed.
        if self.transmit().is_ok()
            && let State::Open(open) = &mut self.state
        {
            let _ = reader::hear_out(&mut open.stream);
        }
        self.close();
        self.state = State::Ended;
    }

    /// Takes the session's events and sends what it wants sent, until both are done.
    fn progress(&mut self, now: Instant) {
        loop {
            if let Err(reason) = self.transmit() {
                return self.broken(now, reason);
            }
            let Some(event) = self.client.poll_event() else { return };
            match event {
                ClientEvent::Connected => {
                    if let State::Open(open) = &mut self.state {
                        open.up_since = Some(now);
                    }
                    self.notices.push_back(LinkNotice::Online);
                }
                ClientEvent::Message(message) => self.notices.push_back(LinkNotice::Message(message)),
                ClientEvent::Acknowledged(_) => {}
                ClientEvent::NotAccepted(_, code) => {
                    tracing::warn!(code, "the platform did not accept a report");
                }
                ClientEvent::Subscribed { granted: true, .. }
                | ClientEvent::Unsubscribed { .. }
                | ClientEvent::Alive => {}
                ClientEvent::Subscribed { filter, granted: false } => {
                    tracing::warn!(filter, "the platform refused a subscription");
                }
                ClientEvent::Closed(reason) => {
                    let setback = match &reason {
                        CloseReason::Refused(Refusal::Unavailable) => Setback::Unreachable,
                        CloseReason::Refused(_) => Setback::Refused,
                        _ => Setback::Unreachable,
                    };
                    // The last words of the session: an MQTT 5 DISCONNECT, for one.
                    let _ = self.transmit();
                    return self.offline(now, close_reason(&reason), setback);
                }
            }
        }
    }

    fn transmit(&mut self) -> Result<(), String> {
        let State::Open(open) = &mut self.state else { return Ok(()) };
        self.out.clear();
        while self.client.poll_transmit(&mut self.out) {}
        let sent = match &mut open.tls {
            Some(tls) => tls::encrypt(tls, &self.out, &mut open.stream),
            None => open.stream.write_all(&self.out),
        };
        sent.map_err(|error| format!("sending failed: {error}"))
    }

    /// The transport broke.
    fn broken(&mut self, now: Instant, reason: String) {
        self.client.lost();
        // What the client says of it is known already.
        while let Some(event) = self.client.poll_event() {
            if let ClientEvent::Message(message) = event {
                self.notices.push_back(LinkNotice::Message(message));
            }
        }
        self.offline(now, reason, Setback::Unreachable);
    }

    fn offline(&mut self, now: Instant, reason: String, setback: Setback) {
        if let State::Open(open) = &self.state
            && open.up_since.is_some_and(|since| now.since(since) >= STEADY)
        {
            self.backoff.reset();
        }
        self.close();
        let retry_after = self.backoff.pause(setback);
        self.state = State::Waiting(now + retry_after);
        self.notices.push_back(LinkNotice::Offline { reason, retry_after });
    }

    fn close(&mut self) {
        if let State::Open(open) = &self.state {
            // Wakes the thread out of its read, which ends it.
            let _ = open.stream.shutdown(Shutdown::Both);
        }
    }
}

fn close_reason(reason: &CloseReason) -> String {
    match reason {
        CloseReason::Refused(Refusal::BadLogin | Refusal::NotAuthorized | Refusal::ClientId) => {
            "the platform refused the login; check product key, device name and secret".to_owned()
        }
        CloseReason::Refused(Refusal::ProtocolVersion) => {
            "the platform does not speak this MQTT version; set broker.mqtt_version".to_owned()
        }
        CloseReason::Refused(Refusal::Unavailable) => "the platform is busy".to_owned(),
        CloseReason::Refused(Refusal::Other(code)) => {
            format!("the platform refused the session with code {code}")
        }
        CloseReason::Misbehaved(how) => format!("the platform broke the protocol: {how}"),
        CloseReason::Silence => "the platform did not answer in time".to_owned(),
        CloseReason::Disconnected(code) => format!("the platform ended the session with code {code}"),
        CloseReason::TransportLost => "the connection is lost".to_owned(),
    }
}
