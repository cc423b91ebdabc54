//! A device's session with the platform: in order, with delays, and gone before the device knows.

use otaru_core::Input;
use otaru_wire::{
    BlockRequest, Report,
    dialect::Uplink,
    mqtt::{Message, Qos},
};

use super::Device;
use crate::{
    blocks::{Answers, overlook_checksum},
    outside::{Happening, Outside},
    planted::Planted,
    violation::Violation,
};

/// Both ends' views of the session.
#[derive(Debug, Default)]
pub(super) struct Link {
    /// The session as the device sees it.
    session: Option<u32>,
    /// The session as the platform sees it.
    alive: Option<u32>,
    sessions: u32,
    /// What was under way in a lost session still arrives until then.
    last_words_until: u64,
    /// When the last message in each direction arrives: TCP keeps them in order.
    up_at: u64,
    down_at: u64,
    /// QoS 1 messages that were not acknowledged: sent again in the next session.
    unacknowledged: Vec<(u64, Message)>,
    numbers: u64,
}

impl Link {
    pub(super) fn is_up(&self) -> bool {
        self.session.is_some() && self.session == self.alive
    }

    /// The link of the next start: numbers go on, nothing else does.
    pub(super) fn after(self, before: &Link) -> Self {
        Self { sessions: before.sessions, numbers: before.numbers, ..self }
    }
}

impl Device {
    /// The session comes up: the platform tells the device's tasks, the device repeats what was not acknowledged.
    pub(crate) fn connect(&mut self, outside: &mut Outside, boot: u32) {
        if boot != self.boot || self.link.session.is_some() {
            return;
        }
        self.link.sessions += 1;
        self.link.session = Some(self.link.sessions);
        self.link.alive = self.link.session;
        (self.link.up_at, self.link.down_at) = (outside.now, outside.now);
        if self.options.form.generation().is_none() {
            self.watch.connected(self.markers.len() as u32);
        }
        for (number, message) in self.link.unacknowledged.clone() {
            self.send(outside, Some(number), message);
        }
        let notices = outside.platform.tell(&self.options.id, outside.now);
        self.send_down(outside, notices);
        self.give(outside, Input::Connected);
    }

    /// The device notices that its session is gone, and tries again.
    pub(crate) fn noticed(&mut self, outside: &mut Outside, session: u32) {
        if self.link.session != Some(session) {
            return;
        }
        self.link.session = None;
        let wait = outside.rng.between(1_000, 90_000);
        outside.at(outside.now + wait, Happening::Connect { device: self.options.index, boot: self.boot });
        self.give(outside, Input::Disconnected);
    }

    /// A device's message arrives, if its session or its last words still do.
    pub(crate) fn arrive(
        &mut self,
        outside: &mut Outside,
        session: u32,
        number: Option<u64>,
        message: &Message,
    ) {
        let alive = self.link.alive == Some(session);
        if !alive && outside.now > self.link.last_words_until {
            return;
        }
        let mut answers = outside.platform.hear(&self.options.id, message, outside.now);
        if let Ok(Uplink { id, report: Report::Block(request), .. }) =
            self.options.form.platform().read_report(&message.topic, &message.payload)
        {
            let Answers { messages, delay } = outside.answer_block(&self.options.id, &id, &request);
            self.link.down_at = self.link.down_at.max(outside.now) + delay;
            answers.extend(messages);
        }
        if alive {
            self.link.unacknowledged.retain(|(known, _)| Some(*known) != number);
            self.send_down(outside, answers);
        }
    }

    /// A platform's message arrives, if the session it was sent in still lasts.
    pub(crate) fn receive(&mut self, outside: &mut Outside, session: u32, mut message: Message) {
        if self.link.is_up() && self.link.session == Some(session) {
            if self.planted(Planted::ChecksumOverlooked) && message.topic.ends_with("/file/download_reply") {
                overlook_checksum(&mut message);
            }
            let Message { topic, payload, .. } = message;
            self.generation = 0; // blocks are of the good file
            self.give(outside, Input::Message { topic, payload });
        }
    }

    /// The platform sends to the device, if it believes that the device is there.
    pub(crate) fn send_down(&mut self, outside: &mut Outside, messages: Vec<Message>) {
        let Some(session) = self.link.alive else { return };
        for message in messages {
            self.link.down_at = self.link.down_at.max(outside.now + outside.rng.between(5, 300));
            outside.at(self.link.down_at, Happening::Down { device: self.options.index, session, message });
            self.maybe_lose_session(outside);
        }
    }

    /// The updater publishes. Without a session the message is lost.
    pub(super) fn publish(&mut self, outside: &mut Outside, mut message: Message) {
        if self.planted(Planted::BlockFromZero) {
            self.ask_from_zero(&mut message);
        }
        let report = match self.options.form.platform().read_report(&message.topic, &message.payload) {
            Ok(uplink) => uplink.report,
            Err(error) => return self.watch.broken(Violation::Misunderstood(error.to_string())),
        };
        let copies = match report {
            Report::Version { .. } if self.planted(Planted::VersionTwice) => 2,
            Report::Query { .. } if self.planted(Planted::Storm) => 100,
            _ => 1,
        };
        let interval = self.options.policy.report_interval.as_millis() as u64;
        for _ in 0..copies {
            self.watch.reported(&report, interval, outside.now);
            let number = (message.qos == Qos::AtLeastOnce && self.link.session.is_some()).then(|| {
                self.link.numbers += 1;
                self.link.unacknowledged.push((self.link.numbers, message.clone()));
                self.link.numbers
            });
            self.send(outside, number, message.clone());
        }
    }

    /// A planted fault: what the Record says of stored bytes is forgotten when the first block after a restart is asked for.
    fn ask_from_zero(&mut self, message: &mut Message) {
        let Ok(Uplink { report: Report::Block(request), .. }) =
            self.options.form.platform().read_report(&message.topic, &message.payload)
        else {
            return;
        };
        if self.boot > 1 && !self.stored_since_boot {
            let again = Report::Block(BlockRequest { offset: 0, ..request });
            if let Some(asked) = self.options.form.dialect().write_report(&self.options.id, 0, &again) {
                *message = asked;
            }
        }
    }

    fn send(&mut self, outside: &mut Outside, number: Option<u64>, message: Message) {
        let Some(session) = self.link.session else { return };
        self.link.up_at = self.link.up_at.max(outside.now + outside.rng.between(5, 300));
        let device = self.options.index;
        outside.at(self.link.up_at, Happening::Up { device, session, number, message });
        self.maybe_lose_session(outside);
    }

    /// The session breaks: the platform knows at once, the device up to a minute later.
    fn maybe_lose_session(&mut self, outside: &mut Outside) {
        if self.link.is_up() && outside.strikes(|weather| weather.session_lost) {
            let Some(session) = self.link.alive.take() else { return };
            self.link.last_words_until = outside.now + outside.rng.between(0, 500);
            let wait = outside.rng.between(10, 60_000);
            outside.at(outside.now + wait, Happening::Noticed { device: self.options.index, session });
        }
    }
}
