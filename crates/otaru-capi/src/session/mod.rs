//! A session with the platform that a program's own threads drive: one may receive while others publish.
//!
//! The wire's MQTT client decides; this moves its bytes over TCP, with TLS if asked for. No thread is started, and no lock is
//! held while a thread waits for bytes or while the program's own code runs.

mod open;
mod wire;

pub use open::{OpenError, Target};

use std::{
    io::ErrorKind,
    net::TcpStream,
    sync::{Mutex, MutexGuard},
    time::Duration,
};

use crate::lock;

use otaru_wire::{
    Instant,
    mqtt::{Client, ClientEvent, ClientOptions, Message, PublishError, Qos, Ticket},
};
use wire::Wire;

/// Bytes read at once.
const BUFFER: usize = 4096;
/// How long the platform may take to end its side of a connection that is ended orderly.
const GOOD_BYE: Duration = Duration::from_secs(2);
/// The shortest time that a socket may wait: zero would mean for ever.
const SHORTEST: Duration = Duration::from_millis(1);

/// There is no connection: it was never opened, it was ended, or its loss was told already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoSession;

/// See the module. Every method may be called from any thread.
#[derive(Debug)]
pub struct Session {
    clock: std::time::Instant,
    inner: Mutex<Inner>,
    /// Held by the one thread that waits for bytes.
    reading: Mutex<()>,
}

#[derive(Debug, Default)]
struct Inner {
    client: Option<Client>,
    wire: Option<Wire>,
}

impl Session {
    /// Not connected.
    pub fn new() -> Self {
        Self { clock: std::time::Instant::now(), inner: Mutex::default(), reading: Mutex::default() }
    }

    /// The time of its clock, in milliseconds since it was made.
    pub fn now(&self) -> Instant {
        Instant::default() + self.clock.elapsed()
    }

    /// Forgets messages of QoS 1 that wait, and takes other options. They count from the next [`Session::open`] on.
    pub fn prepare(&self, options: ClientOptions) {
        self.inner().client = Some(Client::new(options));
    }

    /// True if the platform has accepted the login and the connection is not known to be lost.
    pub fn is_up(&self) -> bool {
        self.inner().wire.as_ref().is_some_and(|wire| wire.logged_in)
    }

    /// Waits at most `wait` for something to happen; `None` if nothing did. [`ClientEvent::Closed`] is the last of a
    /// connection. Further threads that call it take turns.
    ///
    /// # Errors
    /// [`NoSession`].
    pub fn receive(&self, wait: Duration) -> Result<Option<ClientEvent>, NoSession> {
        let deadline = self.now() + wait;
        let _turn = lock(&self.reading);
        loop {
            let stream = {
                let mut inner = self.inner();
                if let Some(event) = inner.event() {
                    return Ok(Some(event));
                }
                inner.wire.as_ref().filter(|wire| wire.logged_in).ok_or(NoSession)?.stream()
            };
            let left = deadline.since(self.now());
            if left.is_zero() && !wait.is_zero() {
                return Ok(None);
            }
            match self.read(&stream, left.max(SHORTEST)) {
                Read::Something => {}
                Read::Nothing => return Ok(self.inner().event()),
            }
        }
    }

    /// Waits for bytes and hands them to the client.
    fn read(&self, stream: &TcpStream, wait: Duration) -> Read {
        let mut buffer = [0; BUFFER];
        let result = stream
            .set_read_timeout(Some(wait))
            .and_then(|()| std::io::Read::read(&mut &*stream, &mut buffer));
        let now = self.now();
        match result {
            Ok(0) => self.inner().lose(),
            Ok(len) => self.inner().received(now, buffer.get(..len).unwrap_or_default()),
            Err(error) => match error.kind() {
                ErrorKind::WouldBlock | ErrorKind::TimedOut => return Read::Nothing,
                ErrorKind::Interrupted => {}
                _ => self.inner().lose(),
            },
        }
        Read::Something
    }

    /// Does what is due by its clock.
    pub fn timer(&self) {
        let now = self.now();
        let mut inner = self.inner();
        if let Some(client) = &mut inner.client
            && client.poll_timeout().is_some_and(|due| due <= now)
        {
            client.timer(now);
            let over = client.poll_timeout().is_none();
            inner.transmit();
            if let Some(wire) = inner.wire.as_ref().filter(|_| over) {
                wire.wake();
            }
        }
    }

    /// Publishes; the ticket is what [`ClientEvent::Acknowledged`] will bear.
    ///
    /// # Errors
    /// [`PublishError`]; nothing was sent or kept then. Without a connection also a message of QoS 1 is refused.
    pub fn publish(&self, message: Message) -> Result<Option<Ticket>, PublishError> {
        self.ask(|client, now| client.publish(now, message))
    }

    /// Subscribes; the answer comes as [`ClientEvent::Subscribed`].
    ///
    /// # Errors
    /// [`PublishError`].
    pub fn subscribe(&self, filter: &str, qos: Qos) -> Result<(), PublishError> {
        self.ask(|client, now| client.subscribe(now, filter, qos))
    }

    /// Ends a subscription; the answer comes as [`ClientEvent::Unsubscribed`].
    ///
    /// # Errors
    /// [`PublishError`].
    pub fn unsubscribe(&self, filter: &str) -> Result<(), PublishError> {
        self.ask(|client, now| client.unsubscribe(now, filter))
    }

    /// Asks for a sign of life; it comes as [`ClientEvent::Alive`].
    ///
    /// # Errors
    /// [`PublishError::NotConnected`].
    pub fn ping(&self) -> Result<(), PublishError> {
        self.ask(Client::ping)
    }

    fn ask<T>(
        &self,
        what: impl FnOnce(&mut Client, Instant) -> Result<T, PublishError>,
    ) -> Result<T, PublishError> {
        let now = self.now();
        let mut inner = self.inner();
        let up = inner.wire.as_ref().is_some_and(|wire| wire.logged_in);
        let client = inner.client.as_mut().filter(|_| up).ok_or(PublishError::NotConnected)?;
        let asked = what(client, now);
        inner.transmit();
        asked
    }

    /// Says good-bye and closes the connection; false if there was none. A thread that waits for bytes is woken. Takes as
    /// long as the platform needs to end its side, but at most two seconds: a socket that is closed with bytes unread is
    /// reset, and a reset takes the last reports with it.
    pub fn close(&self) -> bool {
        let wire = {
            let mut inner = self.inner();
            if let Some(client) = &mut inner.client {
                client.disconnect();
            }
            inner.transmit();
            inner.wire.take()
        };
        if let Some(wire) = &wire {
            let deadline = self.now() + GOOD_BYE;
            wire.hear_out(|| deadline.since(self.now()));
            wire.wake();
        }
        wire.is_some()
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        lock(&self.inner)
    }
}

/// What became of waiting for bytes.
enum Read {
    Something,
    Nothing,
}

impl Default for Session {
    fn default() -> Self {
        Self::new()
    }
}

impl Inner {
    /// The next thing that happened; with it goes out what the client has to answer.
    fn event(&mut self) -> Option<ClientEvent> {
        let event = self.client.as_mut()?.poll_event()?;
        self.transmit();
        if let ClientEvent::Closed(_) = event {
            self.hang_up();
        }
        Some(event)
    }

    fn received(&mut self, now: Instant, bytes: &[u8]) {
        let Self { client: Some(client), wire: Some(wire) } = self else { return };
        if wire.decrypt(bytes, |plain| client.received(now, plain)).is_err() {
            client.lost();
        }
        self.transmit();
    }

    fn lose(&mut self) {
        if let Some(client) = &mut self.client {
            client.lost();
        }
    }

    /// Sends what the client wants sent. A connection that takes nothing is lost.
    fn transmit(&mut self) {
        let Self { client: Some(client), wire: Some(wire) } = self else { return };
        let mut out = Vec::new();
        while client.poll_transmit(&mut out) {}
        if wire.send(&out).is_err() {
            client.lost();
            // Whoever waits for bytes has waited enough.
            wire.wake();
        }
    }

    fn hang_up(&mut self) {
        if let Some(wire) = self.wire.take() {
            wire.wake();
        }
    }
}

#[cfg(test)]
mod tests;
