//! The session itself: handshake, acknowledgements, keep-alive.

use alloc::{
    collections::VecDeque,
    string::{String, ToString},
    vec::Vec,
};
use core::{num::NonZeroU16, time::Duration};

use super::{
    ClientEvent, ClientOptions, CloseReason, PublishError, Refusal, Ticket,
    outbox::{Flight, Outbox, free_id},
};
use crate::{
    Instant,
    mqtt::{
        Message, ProtocolVersion, Qos, Violation,
        frame::{Frame, Framer},
        packet::{Ack, Connack, Delivery, Limits, Packet, Publish},
        topic::{is_filter, is_topic},
        write,
    },
};

/// Unacknowledged messages that the platform may have on the way to us. Told to MQTT 5 platforms; also bounds the
/// half-received QoS 2 messages.
const RECEIVE_MAXIMUM: u16 = 64;

/// An MQTT client session: tells what to send, when to wake it, and what happened.
///
/// After each call, drain [`Client::poll_event`], then send what [`Client::poll_transmit`] gives.
#[derive(Debug)]
pub struct Client {
    options: ClientOptions,
    state: State,
    framer: Framer,
    out: Vec<u8>,
    events: VecDeque<Pending>,
    outbox: Outbox,
    subscriptions: Vec<Subscription>,
    /// Ids of QoS 2 messages delivered but not released by the platform.
    half_received: Vec<NonZeroU16>,
    /// Counts the connections, so that no acknowledgement goes to a later one.
    connection: u32,
    next_id: u16,
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
    keep_alive: Option<Duration>,
    sent: Instant,
    heard: Instant,
    /// A PINGREQ is out; when its answer is overdue.
    ping_until: Option<Instant>,
}

/// An event, and what goes out when it is taken.
#[derive(Debug)]
struct Pending {
    event: ClientEvent,
    ack: Option<(u32, Ack, NonZeroU16)>,
}

#[derive(Debug)]
struct Subscription {
    id: NonZeroU16,
    filter: String,
    until: Instant,
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
            subscriptions: Vec::new(),
            half_received: Vec::new(),
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
                up.sent = now;
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
        if !is_filter(filter) {
            return Err(PublishError::Topic);
        }
        let State::Up(up) = &mut self.state else { return Err(PublishError::NotConnected) };
        let (outbox, subscriptions) = (&self.outbox, &self.subscriptions);
        let taken =
            |id| outbox.is_flying(id) || subscriptions.iter().any(|subscription| subscription.id == id);
        let id = free_id(&mut self.next_id, taken).ok_or(PublishError::Full(subscriptions.len()))?;
        write::subscribe(&mut self.out, self.options.version, id, filter, qos)
            .map_err(|_| PublishError::TooLarge)?;
        let until = now + self.options.answer_timeout;
        self.subscriptions.push(Subscription { id, filter: filter.to_string(), until });
        up.sent = now;
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
            State::Up(up) => self.overdue(up).into_iter().chain(up.ping_due()).min(),
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
        if up.ping_due().is_some_and(|due| due <= now) && write::pingreq(&mut self.out).is_ok() {
            up.ping_until = Some(now + self.options.answer_timeout);
            up.sent = now;
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

    fn packet(&mut self, now: Instant, frame: Frame<'_>) -> Result<(), Violation> {
        let packet = Packet::read(self.options.version, frame)?;
        let up = match (&mut self.state, packet) {
            (State::Connecting { .. }, Packet::Connack(connack)) => return self.connack(now, connack),
            (State::Connecting { .. }, _) => {
                return Err(Violation::protocol("the first packet is not a CONNACK"));
            }
            (State::Closed, _) => return Ok(()),
            (State::Up(up), packet) => {
                up.heard = now;
                (up, packet)
            }
        };
        let (up, packet) = up;
        match packet {
            Packet::Publish(publish) => self.publish_came(publish),
            Packet::Ack(Ack::Puback, id, code) => {
                self.acknowledged(id, code);
                self.flush_outbox(now);
                Ok(())
            }
            Packet::Ack(Ack::Pubrel, id, _) => {
                self.half_received.retain(|half| *half != id);
                write::ack(&mut self.out, self.options.version, Ack::Pubcomp, id, false)
            }
            Packet::Suback(id, codes) => self.suback(id, &codes),
            Packet::Pingresp => {
                up.ping_until = None;
                Ok(())
            }
            Packet::Disconnect(code) if self.options.version == ProtocolVersion::V5 => {
                self.close(CloseReason::Disconnected(code));
                Ok(())
            }
            Packet::Unsuback(_) => Ok(()),
            Packet::Connack(_) => Err(Violation::protocol("a second CONNACK")),
            _ => Err(Violation::protocol("a packet that only a client may send")),
        }
    }

    fn connack(&mut self, now: Instant, connack: Connack) -> Result<(), Violation> {
        if connack.code != 0 {
            self.close(CloseReason::Refused(Refusal::read(self.options.version, connack.code)));
            return Ok(());
        }
        if connack.session_present {
            return Err(Violation::protocol("a session is present, though a clean one was asked for"));
        }
        let keep_alive = match connack.limits.keep_alive {
            Some(seconds) => Duration::from_secs(u64::from(seconds)),
            None => self.options.keep_alive,
        };
        self.state = State::Up(Up {
            limits: connack.limits,
            keep_alive: (!keep_alive.is_zero()).then_some(keep_alive),
            sent: now,
            heard: now,
            ping_until: None,
        });
        self.tell(ClientEvent::Connected);
        self.flush_outbox(now);
        Ok(())
    }

    fn publish_came(&mut self, publish: Publish) -> Result<(), Violation> {
        let Publish { topic, payload, delivery } = publish;
        let (qos, ack) = match delivery {
            Delivery::Qos0 => (Qos::AtMostOnce, None),
            Delivery::Qos1(id) => (Qos::AtLeastOnce, Some((Ack::Puback, id))),
            Delivery::Qos2(id) if self.half_received.contains(&id) => {
                return write::ack(&mut self.out, self.options.version, Ack::Pubrec, id, false);
            }
            Delivery::Qos2(_) if self.half_received.len() >= usize::from(RECEIVE_MAXIMUM) => {
                return Err(Violation::new(0x93, "too many QoS 2 messages that were not released"));
            }
            Delivery::Qos2(id) => {
                self.half_received.push(id);
                (Qos::AtLeastOnce, Some((Ack::Pubrec, id)))
            }
        };
        let ack = ack.map(|(ack, id)| (self.connection, ack, id));
        self.events.push_back(Pending { event: ClientEvent::Message(Message { topic, payload, qos }), ack });
        Ok(())
    }

    /// A PUBACK for an id that is not in flight is a late one, of an earlier connection: ignored.
    fn acknowledged(&mut self, id: NonZeroU16, code: u8) {
        let Some(ticket) = self.outbox.acknowledged(id) else { return };
        self.tell(match code {
            0..0x80 => ClientEvent::Acknowledged(ticket),
            _ => ClientEvent::NotAccepted(ticket, code),
        });
    }

    fn suback(&mut self, id: NonZeroU16, codes: &[u8]) -> Result<(), Violation> {
        let place = self.subscriptions.iter().position(|subscription| subscription.id == id);
        let Some(place) = place else { return Ok(()) };
        let [code] = codes else {
            return Err(Violation::protocol("a SUBACK does not answer the one filter asked for"));
        };
        let filter = self.subscriptions.remove(place).filter;
        self.tell(ClientEvent::Subscribed { filter, granted: *code < 0x80 });
        Ok(())
    }

    /// Sends what waits, as far as the platform takes it.
    fn flush_outbox(&mut self, now: Instant) {
        let State::Up(up) = &mut self.state else { return };
        let flight = Flight {
            version: self.options.version,
            limits: up.limits,
            overdue: now + self.options.answer_timeout,
        };
        let subscriptions = &self.subscriptions;
        let taken = |id| subscriptions.iter().any(|subscription| subscription.id == id);
        if self.outbox.send(&flight, &mut self.next_id, taken, &mut self.out) {
            up.sent = now;
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
        let subacks = self.subscriptions.iter().map(|subscription| subscription.until);
        self.outbox.overdue().into_iter().chain(subacks).chain(up.ping_until).min()
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
        self.subscriptions.clear();
        self.half_received.clear();
        self.outbox.ground();
    }
}

impl Up {
    /// When a PINGREQ is to go out: both directions must be heard of once in a keep-alive time.
    fn ping_due(&self) -> Option<Instant> {
        match (self.keep_alive, self.ping_until) {
            (Some(keep_alive), None) => Some(self.sent.min(self.heard) + keep_alive),
            _ => None,
        }
    }
}
