//! When to ask the platform for a sign of life.

use core::time::Duration;

use crate::Instant;

/// Both directions must be heard of once in a keep-alive time.
#[derive(Debug)]
pub(super) struct KeepAlive {
    /// `None`: no PINGREQ is ever sent.
    interval: Option<Duration>,
    sent: Instant,
    heard: Instant,
    /// A PINGREQ is out; when its answer is overdue.
    overdue: Option<Instant>,
}

impl KeepAlive {
    /// Starts with CONNACK. An `interval` of zero switches it off.
    pub(super) fn new(now: Instant, interval: Duration) -> Self {
        let interval = (!interval.is_zero()).then_some(interval);
        Self { interval, sent: now, heard: now, overdue: None }
    }

    /// When a PINGREQ is to go out.
    pub(super) fn due(&self) -> Option<Instant> {
        match (self.interval, self.overdue) {
            (Some(interval), None) => Some(self.sent.min(self.heard) + interval),
            _ => None,
        }
    }

    /// When the answer to the PINGREQ is overdue.
    pub(super) fn overdue(&self) -> Option<Instant> {
        self.overdue
    }

    /// A packet went out.
    pub(super) fn sent(&mut self, now: Instant) {
        self.sent = now;
    }

    /// A packet came.
    pub(super) fn heard(&mut self, now: Instant) {
        self.heard = now;
    }

    /// A PINGREQ went out. Patience counts from the first one without an answer.
    pub(super) fn asked(&mut self, now: Instant, patience: Duration) {
        self.sent = now;
        self.overdue.get_or_insert(now + patience);
    }

    /// A PINGRESP came.
    pub(super) fn answered(&mut self) {
        self.overdue = None;
    }
}
