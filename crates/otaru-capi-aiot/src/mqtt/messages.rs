//! Messages up and down.

use otaru_wire::{
    DeviceId, Report,
    dialect::{DeviceHalf, aliyun, aliyun::StateCode},
    mqtt::{ClientEvent, Message, PublishError, Qos, Ticket},
};

use super::{
    filters::{Taker, To},
    session::Mqtt,
    types::{Recv, RecvHandler},
};
use crate::{
    code::{
        self, NWK_CLOSED, OUT_RANGE, PAYLOAD_TOO_LONG, QOS_CACHE_EXCEEDS_LIMIT, SUBACK_FAILURE, SUCCESS,
        TOPIC_INVALID, TOPIC_TOO_LONG,
    },
    given::Own,
    state::log,
};

/// The longest topic and payload (§5.5), in bytes.
pub(super) const MAX_TOPIC: usize = 128;
pub(super) const MAX_PAYLOAD: usize = 1024 * 1024;

/// Numbers of this process's reports: one line for versions, queries and progress (§2.2).
static LAST_REPORT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);

impl Mqtt {
    /// The program publishes; gives the number that the acknowledgement will bear.
    pub(super) fn publish(&self, topic: &str, payload: &[u8], qos: u8) -> Result<i32, i32> {
        self.check_topic(topic)?;
        if payload.len() > MAX_PAYLOAD {
            return Err(PAYLOAD_TOO_LONG);
        }
        let qos = qos_of(qos)?;
        let mut topic = topic.to_owned();
        if self.settings().append_request_id {
            topic.push_str(&format!("?_rid={}", next_report()));
        }
        let message = Message { topic, payload: payload.to_vec(), qos };
        let ticket = self.session.publish(message).map_err(|error| publish_code(&error))?;
        Ok(ticket.map_or(SUCCESS, |ticket| packet_id(ticket).into()))
    }

    /// This library reports on behalf of a device: the session's own, or one behind it.
    pub(crate) fn report(&self, device: &DeviceId, report: &Report) -> Result<(), i32> {
        let Some(message) = aliyun::Device.write_report(device, next_report(), report) else {
            return Err(OUT_RANGE);
        };
        // Held until the ticket is known: its acknowledgement may be here before.
        let mut own = self.own_tickets();
        match self.session.publish(message) {
            Ok(ticket) => {
                own.extend(ticket.map(|ticket| ticket.0));
                Ok(())
            }
            Err(error) => {
                drop(own);
                let code = publish_code(&error);
                log(code::of(StateCode::OtaReportFailed), &format!("a report is not sent: {error}"));
                Err(code)
            }
        }
    }

    pub(super) fn subscribe(
        &self,
        filter: &str,
        handler: Option<RecvHandler>,
        qos: u8,
        userdata: Own,
    ) -> Result<(), i32> {
        self.check_topic(filter)?;
        let qos = qos_of(qos)?;
        self.filters().subscribe(filter, To::Program(handler, userdata), qos);
        self.session.subscribe(filter, qos).map_err(|error| publish_code(&error))
    }

    pub(super) fn unsubscribe(&self, filter: &str) -> Result<(), i32> {
        self.check_topic(filter)?;
        self.filters().unsubscribe(filter);
        self.session.unsubscribe(filter).map_err(|error| publish_code(&error))
    }

    /// A part of this library takes what a filter matches, and subscribes to it where that is needed.
    pub(crate) fn take(&self, owner: Own, filter: &str, subscribe: bool, taker: Taker) {
        let to = To::Library(owner, taker);
        if subscribe {
            self.filters().subscribe(filter, to, Qos::AtMostOnce);
            // Without a session it is subscribed to when there is one.
            let _ = self.session.subscribe(filter, Qos::AtMostOnce);
        } else {
            self.filters().append(filter, to);
        }
    }

    /// It takes nothing any more. `subscribed` is a filter that it subscribed to.
    pub(crate) fn leave(&self, owner: Own, subscribed: Option<&str>) {
        self.filters().forget(owner.0);
        if let Some(filter) = subscribed.filter(|filter| self.filters().subscribed(filter).is_none()) {
            // Without a session there is nothing to end.
            let _ = self.session.unsubscribe(filter);
        }
    }

    /// A topic of the program's: begins with a slash, and is not too long.
    fn check_topic(&self, topic: &str) -> Result<(), i32> {
        if topic.is_empty() || self.settings().topic_header_check && !topic.starts_with('/') {
            return Err(TOPIC_INVALID);
        }
        if topic.len() > MAX_TOPIC { Err(TOPIC_TOO_LONG) } else { Ok(()) }
    }

    /// Something came.
    pub(super) fn dispatch(&self, event: ClientEvent) {
        match event {
            ClientEvent::Message(message) => self.message(message),
            ClientEvent::Alive => self.tell(&Recv::heartbeat()),
            ClientEvent::Acknowledged(ticket) | ClientEvent::NotAccepted(ticket, _) => {
                if !self.own_tickets().remove(&ticket.0) {
                    self.tell(&Recv::pub_ack(packet_id(ticket)));
                }
            }
            ClientEvent::Subscribed { filter, granted } => {
                let subscribed = self.filters().subscribed(&filter);
                let (qos, number) = subscribed.map_or((0, 0), |it| (qos_number(it.qos), it.number));
                self.tell(&Recv::sub_ack(if granted { SUCCESS } else { SUBACK_FAILURE }, qos, number));
            }
            ClientEvent::Unsubscribed { filter } => {
                let number = self.filters().ended(&filter);
                self.tell(&Recv::unsub_ack(number));
            }
            ClientEvent::Connected | ClientEvent::Closed(_) => {}
        }
    }

    fn message(&self, mut message: Message) {
        let receivers = self.filters().receivers(&message.topic);
        let qos = qos_number(message.qos);
        if receivers.is_empty() {
            return self.tell(&Recv::message(&mut message, qos));
        }
        for receiver in receivers {
            match receiver {
                To::Library(_, take) => take(&message),
                To::Program(Some(handler), userdata) => {
                    // Each its own copy: a program may write into what it is handed.
                    let mut message = message.clone();
                    let packet = Recv::message(&mut message, qos);
                    // SAFETY: the program promised a function of that type; packet and message outlive the call; no lock
                    // is held.
                    unsafe { handler(self.handle.0, &packet, userdata.0) };
                }
                To::Program(None, _) => {}
            }
        }
    }
}

fn next_report() -> u32 {
    LAST_REPORT.fetch_add(1, std::sync::atomic::Ordering::Relaxed).wrapping_add(1)
}

/// A number above 0 that names a message until it is acknowledged.
fn packet_id(ticket: Ticket) -> u16 {
    u16::try_from(ticket.0 % u32::from(u16::MAX)).unwrap_or(0) + 1
}

fn qos_of(qos: u8) -> Result<Qos, i32> {
    match qos {
        0 => Ok(Qos::AtMostOnce),
        1 => Ok(Qos::AtLeastOnce),
        _ => Err(OUT_RANGE),
    }
}

fn qos_number(qos: Qos) -> u8 {
    match qos {
        Qos::AtMostOnce => 0,
        Qos::AtLeastOnce => 1,
    }
}

fn publish_code(error: &PublishError) -> i32 {
    match error {
        PublishError::NotConnected => NWK_CLOSED,
        PublishError::Full(_) => QOS_CACHE_EXCEEDS_LIMIT,
        PublishError::Topic => TOPIC_INVALID,
        PublishError::TooLarge => PAYLOAD_TOO_LONG,
    }
}
