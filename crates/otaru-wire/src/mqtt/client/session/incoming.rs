//! What the platform's packets do to the session.

use core::{num::NonZeroU16, time::Duration};

use super::{Asked, Client, Pending, State, Up, Wish};
use crate::{
    Instant,
    mqtt::{
        ClientEvent, CloseReason, Message, ProtocolVersion, Qos, Refusal, Violation,
        client::keep_alive::KeepAlive,
        frame::Frame,
        packet::{Ack, Connack, Delivery, Packet, Publish},
        write,
    },
};

impl Client {
    pub(super) fn packet(&mut self, now: Instant, frame: Frame<'_>) -> Result<(), Violation> {
        let packet = Packet::read(self.options.version, frame)?;
        let up = match (&mut self.state, packet) {
            (State::Connecting { .. }, Packet::Connack(connack)) => return self.connack(now, connack),
            (State::Connecting { .. }, _) => {
                return Err(Violation::protocol("the first packet is not a CONNACK"));
            }
            (State::Closed, _) => return Ok(()),
            (State::Up(up), packet) => {
                up.keep_alive.heard(now);
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
                self.half_received.release(id);
                write::ack(&mut self.out, self.options.version, Ack::Pubcomp, id, false)
            }
            Packet::Suback(id, codes) => self.suback(id, &codes),
            Packet::Pingresp => {
                up.keep_alive.answered();
                if let Some(awaited) = self.pings.checked_sub(1) {
                    self.pings = awaited;
                    self.tell(ClientEvent::Alive);
                }
                Ok(())
            }
            Packet::Disconnect(code) if self.options.version == ProtocolVersion::V5 => {
                self.close(CloseReason::Disconnected(code));
                Ok(())
            }
            Packet::Unsuback(id) => {
                if let Some(Asked { filter, .. }) = self.answered(id, |wish| wish == Wish::Unsubscribe) {
                    self.tell(ClientEvent::Unsubscribed { filter });
                }
                Ok(())
            }
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
        self.state = State::Up(Up { limits: connack.limits, keep_alive: KeepAlive::new(now, keep_alive) });
        self.tell(ClientEvent::Connected);
        self.flush_outbox(now);
        Ok(())
    }

    fn publish_came(&mut self, publish: Publish) -> Result<(), Violation> {
        let Publish { topic, payload, delivery } = publish;
        let (qos, ack) = match delivery {
            Delivery::Qos0 => (Qos::AtMostOnce, None),
            Delivery::Qos1(id) => (Qos::AtLeastOnce, Some((Ack::Puback, id))),
            Delivery::Qos2(id) if self.half_received.is_new(id)? => {
                self.half_received.insert(id);
                (Qos::AtLeastOnce, Some((Ack::Pubrec, id)))
            }
            Delivery::Qos2(id) => {
                return write::ack(&mut self.out, self.options.version, Ack::Pubrec, id, false);
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
        let Some(Asked { filter, .. }) = self.answered(id, |wish| matches!(wish, Wish::Subscribe(_))) else {
            return Ok(());
        };
        let [code] = codes else {
            return Err(Violation::protocol("a SUBACK does not answer the one filter asked for"));
        };
        self.tell(ClientEvent::Subscribed { filter, granted: *code < 0x80 });
        Ok(())
    }

    /// What was asked with this id, and is answered now.
    fn answered(&mut self, id: NonZeroU16, which: impl Fn(Wish) -> bool) -> Option<Asked> {
        let place = self.asked.iter().position(|asked| asked.id == id && which(asked.wish))?;
        Some(self.asked.remove(place))
    }
}
