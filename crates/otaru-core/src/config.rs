//! Remote configuration: which Config is asked for, fetched, handed to the user and answered. It goes on beside the
//! Task, whatever state that is in.
//!
//! ```text
//!   AskConfig ──▶ query ──▶ answer ─┐                                  ┌─ taken ──▶ 200, remembered in the Record
//!                            push ──┴─▶ fetched, digest ──▶ delivered ─┤
//!                                          └─ not to be had ───────────┴─ refused ▶ 400
//! ```
//!
//! Nothing of it is in the Record but the fingerprint of the Config that was taken last: after a power cut the
//! platform pushes again, or the device asks again, and a Config that was taken is answered without being fetched.
//! No progress is told of it: the vendor's messages cannot tell a Config's from a firmware's (aliyun-iotkit-v3 §2.4).

mod fetching;
mod job;

use alloc::{
    format,
    string::{String, ToString},
    vec::Vec,
};

use otaru_wire::{Config, MessageId, NoConfig, Report};

use crate::{
    ConfigSummary, Event, Input, Output, RequestId, context::Context, record::config_fingerprint,
    state::ignore, timers::Timer,
};
use job::{Job, Phase};

/// The code for a Config that was taken (aliyun-link-sdk-v4 §2.6).
const TAKEN: u16 = 200;
/// The code for one that was not (aliyun-iotkit-v3 §2.4).
const NOT_TAKEN: u16 = 400;
/// The most answers kept while there is no session. A platform pushes again what was not answered.
const MAX_OWED: usize = 8;

/// What is under way about Configs: at most one in hand, and one after it.
#[derive(Debug, Default)]
pub(crate) struct Configs {
    /// The user asked, and is to get the answer even if it is the Config that was taken last.
    wanted: bool,
    /// A query waits for its answer: how often it was put.
    asked: Option<u32>,
    in_hand: Option<Job>,
    /// Pushed while the user has the one in hand.
    after: Option<Job>,
    /// Answers that nobody could hear yet.
    owed: Vec<(MessageId, u16)>,
}

impl Configs {
    /// Takes what is about Configs, and gives everything else back.
    pub(crate) fn take(&mut self, cx: &mut Context, input: Input) -> Option<Input> {
        match input {
            Input::AskConfig => {
                self.wanted = true;
                self.ask(cx, 1);
            }
            Input::FetchWaits(request) if cx.fetches_config(request) => cx.timers.clear(Timer::Config),
            Input::FetchBegins(request) if cx.fetches_config(request) => self.on_fetch_begins(cx),
            Input::Head(request, head) if cx.fetches_config(request) => self.on_head(cx, &head),
            Input::Body(request, bytes) if cx.fetches_config(request) => self.on_body(cx, &bytes),
            Input::FetchEnded(request, result) if cx.fetches_config(request) => {
                self.on_fetch_ended(cx, result);
            }
            Input::ConfigTaken(request, result) if self.awaits(request) => self.finish(cx, result),
            other => return Some(other),
        }
        None
    }

    /// The session is up: tells what nobody heard, asks what was not answered, or what the policy says.
    pub(crate) fn connected(&mut self, cx: &mut Context) {
        for (push, code) in core::mem::take(&mut self.owed) {
            cx.publish(&Report::ConfigTaken { push, code });
        }
        if self.asked.is_some() || cx.policy().ask_config_at_connect {
            self.ask(cx, 1);
        }
    }

    /// Starts the fetch that waits for its turn, if this is it.
    pub(crate) fn go_on(&mut self, cx: &mut Context) {
        if let Some(job) = self.in_hand.as_mut().filter(|job| matches!(job.phase, Phase::Waiting)) {
            job.fetch(cx);
        }
    }

    /// The query was not answered. Without a session it cannot be: it is put again when there is one.
    pub(crate) fn on_query_timeout(&mut self, cx: &mut Context) {
        match self.asked {
            Some(times) if cx.connected && times < cx.policy().link_attempts => self.ask(cx, times + 1),
            Some(_) if cx.connected => {
                (self.asked, self.wanted) = (None, false);
                self.not_to_be_had(cx, "the platform does not answer");
            }
            _ => {}
        }
    }

    /// The platform says that there is none.
    pub(crate) fn none(&mut self, cx: &mut Context, why: NoConfig) {
        if self.asked.take().is_none() {
            return ignore(cx, "an answer about a configuration came, which nothing asked for".to_string());
        }
        self.wanted = false;
        cx.timers.clear(Timer::ConfigQuery);
        if self.awaits_link() {
            self.finish(cx, Err("the platform does not have it any more".to_string()));
        }
        cx.event(Event::NoConfig(why));
    }

    /// A Config was pushed, or is the answer to a query.
    pub(crate) fn offered(&mut self, cx: &mut Context, config: Config, push: Option<MessageId>) {
        if push.is_none() && self.asked.take().is_none() {
            return ignore(cx, format!("configuration {} came, which nothing asked for", config.id));
        }
        let mut wanted = false;
        if push.is_none() {
            cx.timers.clear(Timer::ConfigQuery);
            wanted = core::mem::take(&mut self.wanted);
        }
        let job = Job::new(config, push, wanted);
        match self.in_hand.take() {
            Some(in_hand) if in_hand.config_is(&job) => self.in_hand = Some(in_hand.renew(job)),
            Some(in_hand) if matches!(in_hand.phase, Phase::Delivered(_)) => {
                self.in_hand = Some(in_hand);
                if let Some(older) = self.after.replace(job) {
                    self.give_up(cx, older, superseded());
                }
            }
            Some(older) => {
                cx.stop_config_fetch();
                cx.timers.clear(Timer::Config);
                self.give_up(cx, older, superseded());
                self.begin(cx, job);
            }
            None => self.begin(cx, job),
        }
    }

    /// Takes a Config in hand, unless there is nothing to do about it.
    fn begin(&mut self, cx: &mut Context, job: Job) {
        let Config { size, .. } = job.config;
        if !job.wanted && cx.took_config(&config_fingerprint(&job.config)) {
            return self.answer(cx, job.pushes, TAKEN);
        }
        match cx.policy().max_config_bytes {
            0 => self.give_up(cx, job, "this device takes no configuration".to_string()),
            max if size > max => {
                self.give_up(cx, job, format!("it has {size} bytes, allowed are {max}"));
            }
            _ => {
                cx.event(Event::ConfigOffered(job.summary()));
                self.in_hand = Some(job);
            }
        }
    }

    /// Hands the Config in hand, whose digest is right, to the user.
    fn deliver(&mut self, cx: &mut Context, request: RequestId) {
        let Some(job) = &mut self.in_hand else { return };
        let (config, bytes) = (job.summary(), core::mem::take(&mut job.bytes));
        job.phase = Phase::Delivered(request);
        cx.start_timer(Timer::Config, cx.policy().config_timeout);
        cx.emit(Output::DeliverConfig { request, config, bytes });
    }

    /// True if the user's word about this one is awaited.
    fn awaits(&self, request: RequestId) -> bool {
        self.in_hand.as_ref().is_some_and(|job| matches!(job.phase, Phase::Delivered(of) if of == request))
    }

    fn awaits_link(&self) -> bool {
        self.in_hand.as_ref().is_some_and(|job| matches!(job.phase, Phase::AwaitingLink))
    }

    /// The Config in hand was taken, or why not.
    fn finish(&mut self, cx: &mut Context, result: Result<(), String>) {
        let Some(job) = self.in_hand.take() else { return };
        cx.stop_config_fetch();
        cx.timers.clear(Timer::Config);
        match result {
            Ok(()) => {
                cx.keep_config(config_fingerprint(&job.config));
                cx.event(Event::ConfigTaken(job.summary()));
                self.answer(cx, job.pushes, TAKEN);
            }
            Err(reason) => self.give_up(cx, job, reason),
        }
        if let Some(job) = self.after.take() {
            self.begin(cx, job);
        }
    }

    fn give_up(&mut self, cx: &mut Context, job: Job, reason: String) {
        cx.event(Event::ConfigFailed { id: Some(job.config.id), reason });
        self.answer(cx, job.pushes, NOT_TAKEN);
    }

    /// Nothing came of a query.
    fn not_to_be_had(&mut self, cx: &mut Context, reason: &str) {
        if self.awaits_link() {
            self.finish(cx, Err(reason.to_string()));
        } else {
            cx.event(Event::ConfigFailed { id: None, reason: reason.to_string() });
        }
    }

    fn answer(&mut self, cx: &mut Context, pushes: Vec<MessageId>, code: u16) {
        for push in pushes {
            if cx.connected {
                cx.publish(&Report::ConfigTaken { push, code });
            } else {
                self.owed.truncate(MAX_OWED - 1);
                self.owed.push((push, code));
            }
        }
    }

    /// Asks the platform for the `times`-th time in a row.
    fn ask(&mut self, cx: &mut Context, times: u32) {
        self.asked = Some(times);
        if cx.connected {
            cx.publish(&Report::ConfigQuery);
            cx.start_timer(Timer::ConfigQuery, cx.policy().link_timeout);
        }
    }
}

fn superseded() -> String {
    "a newer one came".to_string()
}

impl From<&Config> for ConfigSummary {
    fn from(config: &Config) -> Self {
        let Config { id, size, digest, get_type, .. } = config;
        Self { id: id.clone(), size: *size, digest: *digest, get_type: get_type.clone() }
    }
}
