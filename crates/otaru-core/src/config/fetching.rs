//! What the server answers while a Config is fetched, and what is done about it.

use alloc::string::{String, ToString};

use otaru_wire::Hasher;

use super::{
    Configs,
    job::{Job, Next, Phase},
};
use crate::{
    Event, FetchError, Head, Trouble,
    context::Context,
    state::head::{Asked, Judgement, judge},
    timers::Timer,
};

/// What became of the Config in hand.
enum Turn {
    /// It goes on.
    On,
    /// The fetch is over; whatever came of it is kept.
    Over(Trouble),
    /// The fetch was of no use; nothing is kept.
    Useless(Trouble),
    /// The link does not work any more.
    LinkRefused(u16),
    /// It cannot be had.
    Failed(String),
}

impl Configs {
    /// The doer let others fetch first: the time runs from now on.
    pub(super) fn on_fetch_begins(&mut self, cx: &mut Context) {
        let Some(job) = &mut self.in_hand else { return };
        if let Phase::Requested { deadline, .. } = &mut job.phase {
            *deadline = cx.now + cx.policy().config_timeout;
            let deadline = *deadline;
            job.watch(cx, deadline);
        }
    }

    pub(super) fn on_head(&mut self, cx: &mut Context, head: &Head) {
        let Some(job) = &mut self.in_hand else { return };
        let turn = job.judge(cx, head);
        self.turn(cx, turn);
    }

    pub(super) fn on_body(&mut self, cx: &mut Context, bytes: &[u8]) {
        let Some(job) = &mut self.in_hand else { return };
        let turn = job.receive(cx, bytes);
        self.turn(cx, turn);
    }

    pub(super) fn on_fetch_ended(&mut self, cx: &mut Context, result: Result<(), FetchError>) {
        cx.config_fetch_ended();
        let turn = match result {
            Ok(()) => Turn::Over(Trouble::EndedEarly),
            Err(error @ (FetchError::Broken(_) | FetchError::Unreachable(_))) => Turn::Over(error.into()),
            Err(error) => Turn::Failed(error.to_string()),
        };
        self.turn(cx, turn);
    }

    /// The time of whatever is waited for is up.
    pub(crate) fn on_timer(&mut self, cx: &mut Context) {
        let Some(job) = &mut self.in_hand else { return };
        match job.phase {
            Phase::Requested { .. } => self.turn(cx, Turn::Over(Trouble::Silent)),
            Phase::Pausing(Next::Fetch) => job.phase = Phase::Waiting,
            Phase::Pausing(Next::FreshLink) => {
                job.phase = Phase::AwaitingLink;
                self.ask(cx, 1);
            }
            Phase::Delivered(_) => self.finish(cx, Err("it was not taken in time".to_string())),
            Phase::Waiting | Phase::AwaitingLink => {}
        }
    }

    fn turn(&mut self, cx: &mut Context, turn: Turn) {
        let Some(job) = &mut self.in_hand else { return };
        match turn {
            Turn::On => {}
            Turn::Over(_) if job.is_whole() => self.on_whole(cx),
            Turn::Over(_) if job.came_to_its_end() => job.phase = Phase::Waiting,
            Turn::Over(trouble) => self.retry(cx, trouble),
            Turn::Useless(trouble) => {
                job.bytes.clear();
                self.retry(cx, trouble);
            }
            Turn::LinkRefused(status) => self.ask_for_link(cx, status),
            Turn::Failed(reason) => self.finish(cx, Err(reason)),
        }
    }

    /// All bytes are here.
    fn on_whole(&mut self, cx: &mut Context) {
        let Some(job) = &mut self.in_hand else { return };
        let Phase::Requested { request, .. } = job.phase else { return };
        cx.stop_config_fetch();
        let mut hasher = Hasher::new(job.config.digest.method());
        hasher.update(&job.bytes);
        if hasher.finish() == job.config.digest {
            return self.deliver(cx, request);
        }
        job.digest_retries += 1;
        if job.digest_retries > cx.policy().digest_attempts {
            return self.finish(cx, Err("it does not hash to its digest".to_string()));
        }
        cx.timers.clear(Timer::Config);
        job.bytes.clear();
        job.phase = Phase::Waiting;
    }

    /// A device without a network is interrupted, not failing: then the try does not count.
    fn retry(&mut self, cx: &mut Context, trouble: Trouble) {
        let Some(job) = &mut self.in_hand else { return };
        let counter = if cx.connected { &mut job.retries } else { &mut job.without_network };
        *counter = counter.saturating_add(1);
        if job.retries > cx.policy().retry_attempts {
            return self.finish(cx, Err(trouble.to_string()));
        }
        job.pause(cx, job.retries.saturating_add(job.without_network), Next::Fetch, trouble);
    }

    /// Asks for a fresh link, at once the first time, then after pauses.
    fn ask_for_link(&mut self, cx: &mut Context, status: u16) {
        let Some(job) = &mut self.in_hand else { return };
        job.links += 1;
        if job.links > cx.policy().link_attempts {
            return self.finish(cx, Err("no link that works was to be had".to_string()));
        }
        if job.links > 1 {
            return job.pause(cx, job.links - 1, Next::FreshLink, Trouble::Status(status));
        }
        cx.stop_config_fetch();
        cx.timers.clear(Timer::Config);
        job.phase = Phase::AwaitingLink;
        self.ask(cx, 1);
    }
}

impl Job {
    fn judge(&mut self, cx: &mut Context, head: &Head) -> Turn {
        let Phase::Requested { end: end @ None, deadline, .. } = &mut self.phase else { return Turn::On };
        let range = otaru_wire::ByteRange { start: self.bytes.len() as u64, end: self.config.size };
        match judge(head, &Asked { range, size: self.config.size, etag: None }) {
            Judgement::Usable { end: until } => {
                *end = Some(until);
                let deadline = *deadline;
                self.watch(cx, deadline);
                Turn::On
            }
            Judgement::LinkRefused { status } => Turn::LinkRefused(status),
            // The platform has changed its file: it says so itself with another Config, or the next link shows it.
            Judgement::Changed { reason } => Turn::Failed(reason),
            Judgement::RangeIgnored => Turn::Useless(Trouble::RangeIgnored),
            Judgement::Unusable { trouble } => Turn::Useless(trouble),
        }
    }

    fn receive(&mut self, cx: &mut Context, bytes: &[u8]) -> Turn {
        let Phase::Requested { end, deadline, .. } = self.phase else { return Turn::On };
        let Some(end) = end else { return Turn::Useless(Trouble::NoHead) };
        let until = self.bytes.len().saturating_add(bytes.len()) as u64;
        if until > end {
            return Turn::Useless(Trouble::TooMany);
        }
        self.bytes.extend_from_slice(bytes);
        self.watch(cx, deadline);
        Turn::On
    }

    fn is_whole(&self) -> bool {
        self.bytes.len() as u64 == self.config.size
    }

    /// True if the server sent all that it announced, though less than was asked for.
    fn came_to_its_end(&self) -> bool {
        matches!(self.phase, Phase::Requested { end: Some(end), .. } if end == self.bytes.len() as u64)
    }

    fn pause(&mut self, cx: &mut Context, failures: u32, next: Next, reason: Trouble) {
        cx.stop_config_fetch();
        let pause = cx.pause(failures);
        let after_ms = u64::try_from(pause.as_millis()).unwrap_or(u64::MAX);
        cx.event(Event::ConfigRetrying { id: self.config.id.clone(), reason, after_ms });
        cx.start_timer(Timer::Config, pause);
        self.phase = Phase::Pausing(next);
    }
}
