//! The session itself: handshake, acknowledgements, keep-alive.

mod incoming;

use alloc::{
    collections::VecDeque,
    string::{String, ToString},
    vec::Vec,
};
use core::{fmt, num::NonZeroU16};

use super::{
    ClientEvent, ClientOptions, CloseReason, PublishError, Refusal, Ticket,
    keep_alive::KeepAlive,
    outbox::{Flight, Outbox, free_id},
};
use crate::{
    Instant,
    mqtt::{
        Message, Qos, Violation,
        frame::Framer,
        half_received::{HalfReceived, RECEIVE_MAXIMUM},
        packet::{Ack, Limits},
        topic::{is_filter, is_topic},
        write,
    },
};

/// An MQTT client session: tells what to send, when to wake it, and what happened.
///
/// After each call, drain [`Client::poll_event`], then send what [`Client::poll_transmit`] gives.
pub struct Client {
    options: ClientOptions,
    state: State,
    framer: Framer,
    out: Vec<u8>,
    events: VecDeque<Pending>,
    outbox: Outbox,
    asked: Vec<Asked>,
    /// Answers to [`Client::ping`] that are awaited.
    pings: u32,
    half_received: HalfReceived,
    /// Counts the connections, so that no acknowledgement goes to a later one.
    connection: u32,
    next_id: u16,
}

impl fmt::Debug for Client {
    /// Leaves out the bytes to send: a CONNECT among them holds the password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("options", &self.options)
            .field("state", &self.state)
            .field("outbox", &self.outbox)
            .finish_non_exhaustive()
    }
}

#[derive(Debug)]
enum State {
    Closed,
    /// CONNECT is out.
    Connecting {
        until: Instant,
    },
    Up(Up),
}

#[derive(Debug)]
struct Up {
    limits: Limits,
    keep_alive: KeepAlive,
}

/// An event, and what goes out when it is taken.
#[derive(Debug)]
struct Pending {
    event: ClientEvent,
    ack: Option<(u32, Ack, NonZeroU16)>,
}

/// A SUBSCRIBE or UNSUBSCRIBE that was not answered yet.
#[derive(Debug)]
struct Asked {
    id: NonZeroU16,
    wish: Wish,
    filter: String,
    until: Instant,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wish {
    Subscribe(Qos),
    Unsubscribe,
}

impl Client {
    /// A session that is not open yet.
    pub fn new(options: ClientOptions) -> Self {
        Self {
            framer: Framer::new(options.max_packet),
            options,
            state: State::Closed,
            out: Vec::new(),
            events: VecDeque::new(),
            outbox: Outbox::default(),
            asked: Vec::new(),
            pings: 0,
            half_received: HalfReceived::default(),
            connection: 0,
            next_id: 0,
        }
    }

    /// The transport is connected: CONNECT goes out. QoS 1 messages that were not acknowledged go out again
    /// after CONNACK.
    pub fn opened(&mut self, now: Instant) {
        self.forget_connection();
        self.out.clear();
        self.framer = Framer::new(self.options.max_packet);
        self.connection = self.connection.wrapping_add(1);
        let login = &self.options.login;
        let texts = write::ConnectTexts {
            client_id: &login.client_id,
            user_name: &login.user_name,
            password: &login.password,
        };
        let keep_alive =
            u16::try_from(self.options.keep_alive.as_millis().div_ceil(1000)).unwrap_or(u16::MAX);
        let max_packet = u32::try_from(self.options.max_packet).unwrap_or(u32::MAX).max(1);
        let version = self.options.version;
        self.state = State::Connecting { until: now + self.options.connect_timeout };
        if write::connect(&mut self.out, version, &texts, keep_alive, max_packet, RECEIVE_MAXIMUM).is_err() {
            // A part of the login is longer than a CONNECT can hold: no platform can accept it.
            self.close(CloseReason::Refused(Refusal::BadLogin));
        }
    }

    /// Bytes came. After [`ClientEvent::Closed`] they are ignored.
    pub fn received(&mut self, now: Instant, mut bytes: &[u8]) {
        while !matches!(self.state, State::Closed) {
            // The frame may borrow the framer, so it is out of `self` while the packet is handled.
            let mut framer = core::mem::replace(&mut self.framer, Framer::new(0));
            let handled = match framer.next(&mut bytes) {
                Ok(Some(frame)) => self.packet(now, frame).map(|()| true),
                Ok(None) => Ok(false),
                Err(violation) => Err(violation),
            };
            self.framer = framer;
            match handled {
                Ok(true) => {}
                Ok(false) => return,
                Err(violation) => self.misbehaved(violation),
            }
        }
    }

    /// The transport broke.
    pub fn lost(&mut self) {
        if !matches!(self.state, State::Closed) {
            self.close(CloseReason::TransportLost);
        }
    }

    /// Sends a message. QoS 1 messages are kept and sent again until acknowledged, over reconnects too.
    ///
    /// # Errors
    /// [`PublishError`]; nothing was sent or kept then.
    pub fn publish(&mut self, now: Instant, message: Message) -> Result<Option<Ticket>, PublishError> {
        if !is_topic(&message.topic) {
            return Err(PublishError::Topic);
        }
        if write::publish_size(&message.topic, &message.payload) > self.limits().max_packet {
            return Err(PublishError::TooLarge);
        }
        match message.qos {
            Qos::AtMostOnce => {
                let State::Up(up) = &mut self.state else { return Err(PublishError::NotConnected) };
                write::publish(&mut self.out, self.options.version, &message, None, false)
                    .map_err(|_| PublishError::TooLarge)?;
                up.keep_alive.sent(now);
                Ok(None)
            }
            Qos::AtLeastOnce => {
                let ticket = self.outbox.push(message, self.options.max_waiting)?;
                self.flush_outbox(now);
                Ok(Some(ticket))
            }
        }
    }

    /// Asks for a subscription; the answer comes as [`ClientEvent::Subscribed`].
    ///
    /// # Errors
    /// [`PublishError`] if there is no session or the filter is malformed.
    pub fn subscribe(&mut self, now: Instant, filter: &str, qos: Qos) -> Result<(), PublishError> {
        self.ask(now, filter, Wish::Subscribe(qos))
    }

    /// Ends a subscription; the answer comes as [`ClientEvent::Unsubscribed`].
    ///
    /// # Errors
    /// [`PublishError`] if there is no session or the filter is malformed.
    pub fn unsubscribe(&mut self, now: Instant, filter: &str) -> Result<(), PublishError> {
        self.ask(now, filter, Wish::Unsubscribe)
    }

    fn ask(&mut self, now: Instant, filter: &str, wish: Wish) -> Result<(), PublishError> {
        if !is_filter(filter) {
            return Err(PublishError::Topic);
        }
        let State::Up(up) = &mut self.state else { return Err(PublishError::NotConnected) };
        let (outbox, asked) = (&self.outbox, &self.asked);
        let taken = |id| outbox.is_flying(id) || asked.iter().any(|asked| asked.id == id);
        let id = free_id(&mut self.next_id, taken).ok_or(PublishError::Full(asked.len()))?;
        let (out, version) = (&mut self.out, self.options.version);
        let written = match wish {
            Wish::Subscribe(qos) => write::subscribe(out, version, id, filter, qos),
            Wish::Unsubscribe => write::unsubscribe(out, version, id, filter),
        };
        written.map_err(|_| PublishError::TooLarge)?;
        let until = now + self.options.answer_timeout;
        self.asked.push(Asked { id, wish, filter: filter.to_string(), until });
        up.keep_alive.sent(now);
        Ok(())
    }

    /// Asks the platform for a sign of life now, whether or not [`ClientOptions::keep_alive`] wants one; it comes as
    /// [`ClientEvent::Alive`]. For programs with a rhythm of their own.
    ///
    /// # Errors
    /// [`PublishError::NotConnected`].
    pub fn ping(&mut self, now: Instant) -> Result<(), PublishError> {
        let State::Up(up) = &mut self.state else { return Err(PublishError::NotConnected) };
        write::pingreq(&mut self.out).map_err(|_| PublishError::TooLarge)?;
        up.keep_alive.asked(now, self.options.answer_timeout);
        self.pings = self.pings.saturating_add(1);
        Ok(())
    }

    /// Says good-bye: DISCONNECT goes out, the session is over. No [`ClientEvent::Closed`] follows.
    pub fn disconnect(&mut self) {
        if matches!(self.state, State::Up(_)) {
            // A DISCONNECT has no part that could not be written; and the session ends either way.
            let _ = write::good_bye(&mut self.out, self.options.version);
        }
        self.forget_connection();
    }

    /// When [`Client::timer`] must be called, if nothing else happens before.
    pub fn poll_timeout(&self) -> Option<Instant> {
        match &self.state {
            State::Closed => None,
            State::Connecting { until } => Some(*until),
            State::Up(up) => self.overdue(up).into_iter().chain(up.keep_alive.due()).min(),
        }
    }

    /// A time that [`Client::poll_timeout`] told has come.
    pub fn timer(&mut self, now: Instant) {
        let silent = match &self.state {
            State::Closed => return,
            State::Connecting { until } => *until <= now,
            State::Up(up) => self.overdue(up).is_some_and(|until| until <= now),
        };
        if silent {
            self.close(CloseReason::Silence);
            return;
        }
        let State::Up(up) = &mut self.state else { return };
        if up.keep_alive.due().is_some_and(|due| due <= now) && write::pingreq(&mut self.out).is_ok() {
            up.keep_alive.asked(now, self.options.answer_timeout);
        }
    }

    /// The next thing that happened.
    pub fn poll_event(&mut self) -> Option<ClientEvent> {
        let Pending { event, ack } = self.events.pop_front()?;
        if let Some((connection, ack, id)) = ack
            && connection == self.connection
            && matches!(self.state, State::Up(_))
        {
            // An acknowledgement has no part that could not be written.
            let _ = write::ack(&mut self.out, self.options.version, ack, id, false);
        }
        Some(event)
    }

    /// Appends bytes to send; false if there were none.
    pub fn poll_transmit(&mut self, out: &mut Vec<u8>) -> bool {
        let any = !self.out.is_empty();
        out.append(&mut self.out);
        any
    }

    #[cfg(test)]
    pub(super) fn options_mut(&mut self) -> &mut ClientOptions {
        &mut self.options
    }

    /// Sends what waits, as far as the platform takes it.
    fn flush_outbox(&mut self, now: Instant) {
        let State::Up(up) = &mut self.state else { return };
        let flight = Flight {
            version: self.options.version,
            limits: up.limits,
            overdue: now + self.options.answer_timeout,
        };
        let asked = &self.asked;
        let taken = |id| asked.iter().any(|asked| asked.id == id);
        if self.outbox.send(&flight, &mut self.next_id, taken, &mut self.out) {
            up.keep_alive.sent(now);
        }
    }

    fn limits(&self) -> Limits {
        match &self.state {
            State::Up(up) => up.limits,
            _ => Limits::NONE,
        }
    }

    /// When the first answer that is waited for is overdue.
    fn overdue(&self, up: &Up) -> Option<Instant> {
        let asked = self.asked.iter().map(|asked| asked.until);
        self.outbox.overdue().into_iter().chain(asked).chain(up.keep_alive.overdue()).min()
    }

    fn tell(&mut self, event: ClientEvent) {
        self.events.push_back(Pending { event, ack: None });
    }

    fn misbehaved(&mut self, violation: Violation) {
        if matches!(self.state, State::Up(_)) {
            // The connection ends whether or not the reason can be told.
            let _ = write::disconnect(&mut self.out, self.options.version, violation.code());
        }
        self.close(CloseReason::Misbehaved(violation.to_string()));
    }

    fn close(&mut self, reason: CloseReason) {
        self.forget_connection();
        self.tell(ClientEvent::Closed(reason));
    }

    /// What belongs to a connection ends with it; the outbox and the events do not.
    fn forget_connection(&mut self) {
        self.state = State::Closed;
        self.asked.clear();
        self.pings = 0;
        self.half_received.clear();
        self.outbox.ground();
    }
}
