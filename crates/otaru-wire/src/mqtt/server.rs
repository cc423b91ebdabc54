//! The platform's role of an MQTT session, from an accepted CONNECT on.

use alloc::{boxed::Box, vec::Vec};
use core::{num::NonZeroU16, time::Duration};

use super::{
    Connect, Message, ProtocolVersion, Qos, Violation,
    frame::{Frame, Framer},
    half_received::{HalfReceived, RECEIVE_MAXIMUM},
    packet::{Ack, Asked, Delivery, Packet, Publish},
    write,
};
use crate::Instant;

/// Added to one and a half keep-alive times before a silent device counts as gone.
const SLACK: Duration = Duration::from_secs(1);

/// What the platform allows every device.
#[derive(Debug, Clone, Copy)]
pub struct ServerOptions {
    /// The longest packet accepted, in bytes. Default: 256 KiB.
    pub max_packet: usize,
    /// The longest silence a device may promise, and what counts where it promises nothing. MQTT 5 devices are
    /// told. Default: 1200 s (aliyun-link-sdk-v4 §1.5).
    pub max_keep_alive: Duration,
    /// Unacknowledged QoS 1 messages to one device; an MQTT 5 device may ask for less. Default: 8.
    pub window: u16,
}

impl Default for ServerOptions {
    fn default() -> Self {
        Self { max_packet: 256 * 1024, max_keep_alive: Duration::from_secs(1200), window: 8 }
    }
}

/// Decides about what a device sends.
pub trait Handler {
    /// A message came. It is acknowledged only after the answer.
    fn message(&mut self, message: Message) -> Taken;

    /// May the device subscribe to this filter?
    fn may_subscribe(&mut self, filter: &str) -> bool;
}

/// What became of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Taken {
    /// Taken: acknowledge it.
    Accepted,
    /// The device may not publish there. MQTT 5 is told so; MQTT 3.1.1 gets a plain acknowledgement, because it
    /// would send the message for ever.
    NotAllowed,
    /// No room just now; here it is back. Nothing more is read until [`Server::retry`].
    Busy(Message),
}

/// How to go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flow {
    /// All bytes were read.
    Continue,
    /// The handler was busy: keep the unread bytes, wait, call [`Server::retry`].
    Busy,
    /// The device said good-bye: close.
    Bye,
}

/// Why a message was not written to a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// Its in-flight window is full: wait for a PUBACK.
    #[error("the device has not acknowledged what it was sent before")]
    Window,
    /// The device does not take a packet of that size, or MQTT does not.
    #[error("the message is longer than the device takes")]
    TooLarge,
    /// The topic has a wildcard or is empty.
    #[error("the topic cannot be published on")]
    Topic,
}

/// One device's session. Keeps no output: what is to be sent is appended to a buffer that the caller shares between
/// sessions. After an error the session is over; unread bytes are dropped.
#[derive(Debug)]
pub struct Server {
    version: ProtocolVersion,
    at_least_once: bool,
    window: u16,
    next_id: u16,
    max_packet: usize,
    framer: Framer,
    in_flight: Vec<NonZeroU16>,
    half_received: HalfReceived,
    /// A message the handler was too busy for. Boxed: there hardly ever is one.
    held: Option<Box<(Message, Reply)>>,
    keep_alive: Duration,
    heard: Instant,
}

/// What a message is answered with.
type Reply = Option<(Ack, NonZeroU16)>;

impl Server {
    /// Opens the session of a device whose login holds; appends the CONNACK to `out`.
    pub fn accept(now: Instant, connect: &Connect, options: &ServerOptions, out: &mut Vec<u8>) -> Self {
        let keep_alive = connect.keep_alive.unwrap_or(Duration::MAX).min(options.max_keep_alive);
        let changed = connect.keep_alive != Some(keep_alive);
        let seconds = u16::try_from(keep_alive.as_secs().max(1)).unwrap_or(u16::MAX);
        let offer = write::Offer {
            receive_maximum: RECEIVE_MAXIMUM,
            max_packet: u32::try_from(options.max_packet).unwrap_or(u32::MAX).max(1),
            keep_alive: changed.then_some(seconds),
            no_expiry: connect.wants_expiry,
        };
        // Every value is within its property's range, so it can be written; without a CONNACK the device would
        // leave by itself.
        let _ = write::connack(out, connect.version, &offer);
        Self {
            version: connect.version,
            at_least_once: connect.limits.at_least_once,
            window: connect.limits.receive_maximum.min(options.window).max(1),
            next_id: 0,
            max_packet: connect.limits.max_packet,
            framer: Framer::new(options.max_packet),
            in_flight: Vec::new(),
            half_received: HalfReceived::default(),
            held: None,
            keep_alive,
            heard: now,
        }
    }

    /// Reads packets from `input` until its end, a busy handler, or a good-bye; advances `input` past what was
    /// read. Answers are appended to `out`.
    ///
    /// # Errors
    /// [`Violation`]: the session is over. An MQTT 5 device is told the reason in `out`.
    pub fn received(
        &mut self,
        now: Instant,
        input: &mut &[u8],
        handler: &mut impl Handler,
        out: &mut Vec<u8>,
    ) -> Result<Flow, Violation> {
        if self.held.is_some() {
            return Ok(Flow::Busy);
        }
        let mut framer = core::mem::replace(&mut self.framer, Framer::new(0));
        let flow = loop {
            let flow = match framer.next(input) {
                Ok(Some(frame)) => self.packet(now, frame, handler, out),
                Ok(None) => break Ok(Flow::Continue),
                Err(violation) => Err(violation),
            };
            if flow != Ok(Flow::Continue) {
                break flow;
            }
        };
        self.framer = framer;
        flow.inspect_err(|violation| self.disconnect(violation.code(), out))
    }

    /// Offers the message again that the handler was busy for. Afterwards the unread bytes go to
    /// [`Server::received`].
    ///
    /// # Errors
    /// [`Violation`] if the answer cannot be written.
    pub fn retry(
        &mut self,
        now: Instant,
        handler: &mut impl Handler,
        out: &mut Vec<u8>,
    ) -> Result<Flow, Violation> {
        // The device could not be heard while it was not read.
        self.heard = now;
        match self.held.take() {
            Some(held) => self.offer(held.0, held.1, handler, out),
            None => Ok(Flow::Continue),
        }
    }

    /// Writes a message to the device.
    ///
    /// # Errors
    /// [`SendError`]; nothing was written then.
    pub fn send(&mut self, message: &Message, out: &mut Vec<u8>) -> Result<(), SendError> {
        if !super::topic::is_topic(&message.topic) {
            return Err(SendError::Topic);
        }
        if write::publish_size(&message.topic, &message.payload) > self.max_packet {
            return Err(SendError::TooLarge);
        }
        let id = match message.qos {
            Qos::AtLeastOnce if self.at_least_once => Some(self.free_id().ok_or(SendError::Window)?),
            _ => None,
        };
        write::publish(out, self.version, message, id, false).map_err(|_| SendError::TooLarge)?;
        self.in_flight.extend(id);
        Ok(())
    }

    /// How many more QoS 1 messages [`Server::send`] takes before a PUBACK.
    pub fn vacancy(&self) -> usize {
        usize::from(self.window).saturating_sub(self.in_flight.len())
    }

    /// When the device counts as gone if it says nothing before: one and a half keep-alive times and a second.
    pub fn deadline(&self) -> Instant {
        self.heard + self.keep_alive.saturating_add(self.keep_alive / 2).saturating_add(SLACK)
    }

    /// Tells the device why it is left: an MQTT 5 reason code. MQTT 3.1.1 has no such packet.
    pub fn disconnect(&self, code: u8, out: &mut Vec<u8>) {
        // The connection ends whether or not the reason can be told.
        let _ = write::disconnect(out, self.version, code);
    }

    /// Is a message held back because the handler was busy?
    pub fn is_busy(&self) -> bool {
        self.held.is_some()
    }

    fn packet(
        &mut self,
        now: Instant,
        frame: Frame<'_>,
        handler: &mut impl Handler,
        out: &mut Vec<u8>,
    ) -> Result<Flow, Violation> {
        let packet = Packet::read(self.version, frame)?;
        self.heard = now;
        match packet {
            Packet::Publish(publish) => return self.publish_came(publish, handler, out),
            // An unknown id is a late answer to an earlier connection: ignored, as is the rest of QoS 2's dance,
            // which we never begin.
            Packet::Ack(Ack::Puback, id, _) => self.acknowledged(id),
            Packet::Ack(Ack::Pubrec | Ack::Pubcomp, ..) => {}
            Packet::Ack(Ack::Pubrel, id, _) => {
                self.half_received.release(id);
                write::ack(out, self.version, Ack::Pubcomp, id, false)?;
            }
            Packet::Subscribe(id, asked) => self.subscribe(id, &asked, handler, out)?,
            Packet::Unsubscribe(id, count) => write::unsuback(out, self.version, id, count)?,
            Packet::Pingreq => write::pingresp(out)?,
            Packet::Disconnect(_) => return Ok(Flow::Bye),
            Packet::Connack(_) | Packet::Suback(..) | Packet::Unsuback(_) | Packet::Pingresp => {
                return Err(Violation::protocol("a packet that only a server may send"));
            }
        }
        Ok(Flow::Continue)
    }

    fn publish_came(
        &mut self,
        publish: Publish,
        handler: &mut impl Handler,
        out: &mut Vec<u8>,
    ) -> Result<Flow, Violation> {
        let Publish { topic, payload, delivery } = publish;
        let (qos, reply) = match delivery {
            Delivery::Qos0 => (Qos::AtMostOnce, None),
            Delivery::Qos1(id) => (Qos::AtLeastOnce, Some((Ack::Puback, id))),
            Delivery::Qos2(id) if self.half_received.is_new(id)? => {
                (Qos::AtLeastOnce, Some((Ack::Pubrec, id)))
            }
            Delivery::Qos2(id) => {
                write::ack(out, self.version, Ack::Pubrec, id, false)?;
                return Ok(Flow::Continue);
            }
        };
        self.offer(Message { topic, payload, qos }, reply, handler, out)
    }

    fn offer(
        &mut self,
        message: Message,
        reply: Reply,
        handler: &mut impl Handler,
        out: &mut Vec<u8>,
    ) -> Result<Flow, Violation> {
        let refused = match handler.message(message) {
            Taken::Accepted => false,
            Taken::NotAllowed => true,
            Taken::Busy(message) => {
                self.held = Some(Box::new((message, reply)));
                return Ok(Flow::Busy);
            }
        };
        let Some((ack, id)) = reply else { return Ok(Flow::Continue) };
        let ends_here = refused && self.version == ProtocolVersion::V5;
        if ack == Ack::Pubrec && !ends_here {
            self.half_received.insert(id);
        }
        write::ack(out, self.version, ack, id, refused)?;
        Ok(Flow::Continue)
    }

    fn subscribe(
        &mut self,
        id: NonZeroU16,
        asked: &[Asked],
        handler: &mut impl Handler,
        out: &mut Vec<u8>,
    ) -> Result<(), Violation> {
        let granted: Vec<_> = asked
            .iter()
            .map(|asked| handler.may_subscribe(&asked.filter).then_some(asked.qos.min(1)))
            .collect();
        write::suback(out, self.version, id, &granted)
    }

    fn acknowledged(&mut self, id: NonZeroU16) {
        self.in_flight.retain(|flying| *flying != id);
        if self.in_flight.is_empty() {
            // Nothing is held while the device is idle.
            self.in_flight = Vec::new();
        }
    }

    fn free_id(&mut self) -> Option<NonZeroU16> {
        if self.vacancy() == 0 {
            return None;
        }
        // The window is far smaller than the ids there are, so this ends soon.
        for _ in 0..=u16::MAX {
            self.next_id = self.next_id.wrapping_add(1);
            if let Some(id) = NonZeroU16::new(self.next_id)
                && !self.in_flight.contains(&id)
            {
                return Some(id);
            }
        }
        None
    }
}
