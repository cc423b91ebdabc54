//! One Config on its way.

use alloc::{vec, vec::Vec};

use otaru_wire::{ByteRange, Config, Instant, MessageId};

use crate::{ConfigSummary, RequestId, context::Context, record::config_fingerprint, timers::Timer};

/// The most pushes of one Config whose numbers are kept. The oldest beyond them gets no answer: 400 would be untrue, and the
/// platform has pushed the same Config since.
const MAX_PUSHES: usize = 4;

/// One Config on its way, and who waits for word of it.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) config: Config,
    /// The pushes to answer.
    pub(super) pushes: Vec<MessageId>,
    /// The user asked for it.
    pub(super) wanted: bool,
    pub(super) phase: Phase,
    /// What came of it, from its start.
    pub(super) bytes: Vec<u8>,
    /// Tries that failed.
    pub(super) retries: u32,
    /// The same, while the platform could not be heard either.
    pub(super) without_network: u32,
    /// Fresh links asked for.
    pub(super) links: u32,
    /// Downloads from zero after a digest that did not match.
    pub(super) digest_retries: u32,
}

#[derive(Debug)]
pub(super) enum Phase {
    /// Until it may have the line.
    Waiting,
    /// Until the fetch is over.
    Requested {
        request: RequestId,
        /// Where the body ends; none before the head was judged.
        end: Option<u64>,
        /// When it has taken too long, however alive it is.
        deadline: Instant,
    },
    /// Until the pause after a failure is over.
    Pausing(Next),
    /// Until the platform sends a fresh link.
    AwaitingLink,
    /// Until the user has taken or refused it.
    Delivered(RequestId),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    Fetch,
    FreshLink,
}

impl Job {
    pub(super) fn new(config: Config, push: Option<MessageId>, wanted: bool) -> Self {
        Self {
            config,
            pushes: push.into_iter().collect(),
            wanted,
            phase: Phase::Waiting,
            bytes: vec![],
            retries: 0,
            without_network: 0,
            links: 0,
            digest_retries: 0,
        }
    }

    pub(super) fn summary(&self) -> ConfigSummary {
        (&self.config).into()
    }

    pub(super) fn config_is(&self, other: &Job) -> bool {
        config_fingerprint(&self.config) == config_fingerprint(&other.config)
    }

    /// The same Config came again: with a fresh link, and perhaps one more push to answer.
    pub(super) fn renew(mut self, again: Job) -> Self {
        let fresh = self.config.url != again.config.url;
        self.config = again.config;
        self.wanted |= again.wanted;
        let more = again.pushes.into_iter().filter(|push| !self.pushes.contains(push)).collect::<Vec<_>>();
        self.pushes.extend(more);
        let too_many = self.pushes.len().saturating_sub(MAX_PUSHES);
        self.pushes.drain(..too_many);
        // The platform may push what it has before it is asked; the old link again would be refused again.
        let goes_on = match self.phase {
            Phase::AwaitingLink => true,
            Phase::Pausing(Next::FreshLink) => fresh,
            _ => false,
        };
        if goes_on {
            self.phase = Phase::Waiting;
        }
        self
    }

    /// Asks for what is missing, if it may have the line.
    pub(super) fn fetch(&mut self, cx: &mut Context) {
        let range = ByteRange { start: self.bytes.len() as u64, end: self.config.size };
        if let Some(request) = cx.fetch_config(self.config.url.clone(), range) {
            let deadline = cx.now + cx.policy().config_timeout;
            self.phase = Phase::Requested { request, end: None, deadline };
            self.watch(cx, deadline);
        }
    }

    /// Waits for the server's next sign of life, but not beyond the deadline.
    pub(super) fn watch(&self, cx: &mut Context, deadline: Instant) {
        let silence = cx.now + cx.policy().stall_timeout;
        cx.timers.set(Timer::Config, silence.min(deadline));
    }
}
