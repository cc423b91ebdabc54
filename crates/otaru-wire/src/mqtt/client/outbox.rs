//! QoS 1 messages on their way to the platform. This, not any connection's state, is what survives a reconnect.

use alloc::{collections::VecDeque, vec::Vec};
use core::num::NonZeroU16;

use super::{PublishError, Ticket};
use crate::{
    Instant,
    mqtt::{Message, ProtocolVersion, packet::Limits, write},
};

/// Messages in the order they were given, each until its PUBACK.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    waiting: VecDeque<Waiting>,
    next_ticket: u32,
}

#[derive(Debug)]
struct Waiting {
    ticket: Ticket,
    message: Message,
    /// Set while it is on its way on this connection: its id, and when its PUBACK is overdue.
    flight: Option<(NonZeroU16, Instant)>,
    /// It has been sent before.
    dup: bool,
}

/// How messages go out just now.
pub(super) struct Flight {
    pub(super) version: ProtocolVersion,
    pub(super) limits: Limits,
    /// When the PUBACK of what goes out now is overdue.
    pub(super) overdue: Instant,
}

impl Outbox {
    /// Keeps a message; `max` may wait at a time.
    pub(super) fn push(&mut self, message: Message, max: usize) -> Result<Ticket, PublishError> {
        if self.waiting.len() >= max {
            return Err(PublishError::Full(self.waiting.len()));
        }
        let ticket = Ticket(self.next_ticket);
        self.next_ticket = self.next_ticket.wrapping_add(1);
        self.waiting.push_back(Waiting { ticket, message, flight: None, dup: false });
        Ok(ticket)
    }

    /// Writes what waits, as far as the platform takes it: its Receive Maximum, its Maximum Packet Size, its
    /// Maximum QoS. The rest stays. `taken` tells ids in use elsewhere. True if anything was written.
    pub(super) fn send(
        &mut self,
        flight: &Flight,
        next_id: &mut u16,
        taken: impl Fn(NonZeroU16) -> bool,
        out: &mut Vec<u8>,
    ) -> bool {
        let Flight { version, limits, overdue } = *flight;
        let mut flying = self.waiting.iter().filter(|waiting| waiting.flight.is_some()).count();
        let mut any = false;
        for at in 0..self.waiting.len() {
            let fits = |waiting: &&Waiting| {
                let Message { topic, payload, .. } = &waiting.message;
                waiting.flight.is_none() && write::publish_size(topic, payload) <= limits.max_packet
            };
            if flying >= usize::from(limits.receive_maximum) || !limits.at_least_once {
                break;
            }
            if self.waiting.get(at).filter(fits).is_none() {
                continue;
            }
            let Some(id) = free_id(next_id, |id| self.is_flying(id) || taken(id)) else { break };
            let Some(waiting) = self.waiting.get_mut(at) else { break };
            if write::publish(out, version, &waiting.message, Some(id), waiting.dup).is_ok() {
                waiting.flight = Some((id, overdue));
                waiting.dup = true;
                flying += 1;
                any = true;
            }
        }
        any
    }

    /// The platform has answered; `None` if nothing is on its way with this id.
    pub(super) fn acknowledged(&mut self, id: NonZeroU16) -> Option<Ticket> {
        let place = self.waiting.iter().position(|waiting| waiting.flies_as(id))?;
        self.waiting.remove(place).map(|waiting| waiting.ticket)
    }

    pub(super) fn is_flying(&self, id: NonZeroU16) -> bool {
        self.waiting.iter().any(|waiting| waiting.flies_as(id))
    }

    /// When the first PUBACK is overdue.
    pub(super) fn overdue(&self) -> Option<Instant> {
        self.waiting.iter().filter_map(|waiting| waiting.flight.map(|(_, overdue)| overdue)).min()
    }

    /// The connection is gone: nothing is on its way any more.
    pub(super) fn ground(&mut self) {
        for waiting in &mut self.waiting {
            waiting.flight = None;
        }
    }
}

impl Waiting {
    fn flies_as(&self, id: NonZeroU16) -> bool {
        self.flight.is_some_and(|(flying, _)| flying == id)
    }
}

/// The next packet id that is not taken; `None` if all 65,535 are.
pub(super) fn free_id(next_id: &mut u16, taken: impl Fn(NonZeroU16) -> bool) -> Option<NonZeroU16> {
    for _ in 0..=u16::MAX {
        *next_id = next_id.wrapping_add(1);
        if let Some(id) = NonZeroU16::new(*next_id)
            && !taken(id)
        {
            return Some(id);
        }
    }
    None
}
