//! One device and its platform that is asked by calls, on one virtual clock.

use std::collections::VecDeque;

use otaru_core::{
    Event, FetchError, HealthVerdict, Input, Output, Policy, RequestId, Updater, UpdaterOptions,
};
use otaru_wire::{
    ByteRange, Instant, Module, Version,
    dialect::{Credentials, DeviceHalf, device_half, onenet::Generation},
    http::{Answer, Call, Head, Headers, Method},
    http_range::write_range,
    mqtt::Message,
};

use super::platform::{Order, Platform, SECRET, Served, What, device};
use crate::world::disk::{Disk, Unsaved};

/// Longer than any journey may take.
const WEEK_MS: u64 = 7 * 24 * 3600 * 1000;

/// Wall-clock time at the start, in seconds since 1970.
const EPOCH_S: u64 = 1_800_000_000;

/// What happens to one call.
#[derive(Clone, Debug)]
pub(crate) enum Fault {
    /// The platform is not reached.
    Unreachable,
    /// The platform does it, and its answer is lost.
    Lost,
    /// This answer instead of the platform's.
    Answer(u16, String),
    /// This file's head and body instead of the platform's.
    File(u16, Vec<(&'static str, String)>, Vec<u8>),
    /// The file's body breaks after so many bytes.
    Breaks(usize),
}

pub(crate) struct World {
    pub(crate) now: u64,
    pub(crate) policy: Policy,
    pub(crate) disk: Disk,
    pub(crate) platform: Platform,
    pub(crate) events: Vec<Event>,
    /// What was asked, and when.
    pub(crate) asked: Vec<(u64, What)>,
    /// What went out over the session.
    pub(crate) published: Vec<Message>,
    /// Happens to the next call of its kind.
    pub(crate) faults: Vec<(What, Fault)>,
    /// Nothing is reached.
    pub(crate) offline: bool,
    /// Answers of the health check, in order; then healthy.
    pub(crate) health: VecDeque<HealthVerdict>,
    pub(crate) stored: u64,
    /// Outputs done and inputs given: the places where the power can go.
    pub(crate) steps: usize,
    pub(crate) cuts: VecDeque<usize>,
    pub(crate) unsaved: Unsaved,
    /// Bytes covered by the Record that the last boot found.
    covered: u64,
    /// When the last try that was told is due.
    retries_until: u64,
    updater: Updater,
    pub(crate) inbox: VecDeque<Input>,
    /// The answer to the fetch under way.
    body: VecDeque<Input>,
}

pub(crate) fn policy() -> Policy {
    Policy {
        checkpoint_bytes: 1000,
        read_back_bytes: 700,
        range_bytes: Some(1500),
        accept_delta: false,
        ..Policy::default()
    }
}

impl World {
    /// A device with the modules `default` and `modem` at 1.0.0, not booted yet.
    pub(crate) fn new(generation: Generation) -> Self {
        Self::with(generation, policy())
    }

    pub(crate) fn with(generation: Generation, policy: Policy) -> Self {
        let version = Version::new("1.0.0").unwrap();
        let running = vec![(Module::default(), version.clone()), (Module::new("modem").unwrap(), version)];
        Self {
            now: 1000,
            disk: Disk::new(running),
            platform: Platform::new(generation),
            events: Vec::new(),
            asked: Vec::new(),
            published: Vec::new(),
            faults: Vec::new(),
            offline: false,
            health: VecDeque::new(),
            stored: 0,
            steps: 0,
            cuts: VecDeque::new(),
            unsaved: Unsaved::Lost,
            covered: 0,
            retries_until: 0,
            updater: updater(generation, &policy, None),
            policy,
            inbox: VecDeque::new(),
            body: VecDeque::new(),
        }
    }

    /// A device to which that is offered, booted.
    pub(crate) fn offered(generation: Generation, order: Order) -> Self {
        let mut world = Self::new(generation);
        world.platform.order = Some(order);
        world.boot();
        world
    }

    pub(crate) fn fault(&mut self, what: What, fault: Fault) {
        self.faults.push((what, fault));
    }

    pub(crate) fn order(&mut self) -> &mut Order {
        self.platform.order.as_mut().unwrap()
    }

    /// Power comes (back): a new process, built from what was saved.
    pub(crate) fn boot(&mut self) {
        self.inbox.clear();
        self.body.clear();
        let boot = self.disk.boot(self.unsaved);
        let record = self.disk.saved_record();
        self.covered =
            record.as_ref().map(otaru_core::Record::stored).unwrap_or_default().first().copied().unwrap_or(0);
        self.updater = updater(self.platform.generation, &self.policy, record);
        self.inbox.push_back(Input::Booted(boot));
    }

    /// Runs until nothing but the next poll is left to happen.
    pub(crate) fn run(&mut self) {
        self.run_until(|_| false);
    }

    /// Runs until the condition holds after a step, or nothing but the next poll is left to happen.
    pub(crate) fn run_until(&mut self, done: impl Fn(&World) -> bool) {
        let end = self.now + WEEK_MS;
        while !done(self) && self.step(!self.is_quiet()) {
            assert!(self.now < end, "no end within a week: {:?}", self.events.last());
        }
    }

    /// Does all that needs no time to pass.
    pub(crate) fn settle(&mut self) {
        while self.step(false) {}
    }

    /// Lets so much time pass.
    pub(crate) fn pass(&mut self, ms: u64) {
        let end = self.now + ms;
        while self.updater.poll_timeout().is_some_and(|at| at.0 <= end) || !self.is_idle() {
            self.step(true);
        }
        self.now = end;
    }

    fn is_idle(&self) -> bool {
        self.inbox.is_empty() && self.body.is_empty()
    }

    /// No Task is in hand and nothing is tried again: only the next poll's time will come.
    fn is_quiet(&self) -> bool {
        self.now >= self.retries_until
            && self.updater.task().is_none()
            && self.platform.order.as_ref().is_none_or(Order::is_over)
    }

    fn step(&mut self, wait: bool) -> bool {
        if self.cuts.front() == Some(&self.steps) {
            self.cuts.pop_front();
            self.steps += 1;
            self.boot();
            return true;
        }
        if let Some(output) = self.updater.poll() {
            self.steps += 1;
            self.perform(output);
        } else if let Some(input) = self.inbox.pop_front().or_else(|| self.body.pop_front()) {
            self.steps += 1;
            self.updater.handle(Instant(self.now), input).unwrap();
        } else if let Some(at) = self.updater.poll_timeout().filter(|_| wait) {
            self.now = self.now.max(at.0);
            self.updater.handle(Instant(self.now), Input::Timer).unwrap();
        } else {
            return false;
        }
        true
    }

    fn perform(&mut self, output: Output) {
        match output {
            Output::Subscribe(_) => {}
            Output::Publish(message) => self.published.push(message),
            Output::Call { request, call } => self.call(request, call),
            Output::Prepare { module, sizes, resume } => self.disk.prepare(module, &sizes, resume),
            Output::Fetch { request, url, range, .. } => self.fetch(request, &url, range),
            Output::StopFetch(_) => self.body.clear(),
            Output::Store { file, offset, bytes } => {
                self.stored += bytes.len() as u64;
                let result = self.disk.store(file, offset, &bytes);
                self.inbox.push_back(Input::Stored { file, end: offset + bytes.len() as u64, result });
            }
            Output::Save(record) => {
                let result = self.disk.save(&record);
                self.inbox.push_back(Input::Saved(result));
            }
            Output::ReadBack { file, range: ByteRange { start, end } } => {
                let result = Ok(self.disk.read_back(file, start, end));
                self.inbox.push_back(Input::ReadBack { file, offset: start, result });
            }
            Output::Activate { module, version, .. } => {
                let order = self.platform.order.as_ref().unwrap();
                assert!(
                    self.disk.slots[&module] == [order.image.clone()],
                    "an image that is none was activated"
                );
                let result = self.disk.activate(module, version);
                self.inbox.push_back(Input::Activated(result));
            }
            Output::Reboot => self.boot(),
            Output::CheckHealth(_) => {
                let verdict = self.health.pop_front().unwrap_or(HealthVerdict::Healthy);
                self.inbox.push_back(Input::Health(verdict));
            }
            Output::Confirm(_) => {
                let result = self.disk.confirm();
                self.inbox.push_back(Input::Settled(result));
            }
            Output::Revert(_) => {
                self.disk.revert();
                self.inbox.push_back(Input::Settled(Ok(())));
            }
            Output::ForgetFallback(_) => self.disk.forget_fallback(),
            Output::DeliverConfig { .. } => panic!("this dialect has no configurations"),
            Output::Event(event) => {
                if let Event::Retrying { after_ms, .. } = event {
                    self.retries_until = self.now + after_ms;
                }
                self.events.push(event);
            }
        }
    }

    /// What a doer adds to a call: the proof.
    fn signed(&self, mut call: Call) -> Call {
        let generation = self.platform.generation;
        let credentials = Credentials { id: device(generation), secret: SECRET.into() };
        let half = half(generation).calls().unwrap();
        let proof = half.write_authorization(&credentials, EPOCH_S + self.now / 1000).unwrap();
        assert_eq!(call.headers.value("Authorization"), None);
        call.headers.add("Authorization", proof);
        call
    }

    fn take_fault(&mut self, what: What) -> Option<Fault> {
        let at = self.faults.iter().position(|(of, _)| *of == what)?;
        Some(self.faults.remove(at).1)
    }

    fn call(&mut self, request: RequestId, call: Call) {
        let unreachable = Err(FetchError::Unreachable("no route".into()));
        let (what, ask) = self.platform.open(&self.signed(call), EPOCH_S + self.now / 1000);
        self.asked.push((self.now, what));
        let answered = match self.take_fault(what) {
            _ if self.offline => unreachable,
            Some(Fault::Unreachable) => unreachable,
            Some(Fault::Answer(status, body)) => {
                let head = Head { status, headers: Headers::default() };
                Ok(Answer { head, body: body.into_bytes() })
            }
            fault => {
                let Served::Answer(answer) = self.platform.serve(ask) else { panic!("a call gets no file") };
                if matches!(fault, Some(Fault::Lost)) {
                    return;
                }
                Ok(answer)
            }
        };
        self.inbox.push_back(Input::Answered(request, answered));
    }

    fn fetch(&mut self, request: RequestId, url: &str, range: ByteRange) {
        assert!(self.body.is_empty(), "one fetch at a time");
        assert!(range.start >= self.covered, "byte {} was saved already", range.start);
        let headers = [("Range", write_range(range))].into();
        let call = match url.strip_prefix("http://10.0.0.7:8080") {
            Some(path) => Call { method: Method::Get, target: path.into(), headers, body: Vec::new() },
            None => self.signed(Call { method: Method::Get, target: url.into(), headers, body: Vec::new() }),
        };
        let (what, ask) = self.platform.open(&call, EPOCH_S + self.now / 1000);
        assert_eq!(what, What::Download);
        self.asked.push((self.now, what));
        let fault = self.take_fault(what);
        if self.offline || matches!(fault, Some(Fault::Unreachable)) {
            let unreachable = Err(FetchError::Unreachable("no route".into()));
            self.body.push_back(Input::FetchEnded(request, unreachable));
            return;
        }
        let (head, mut body) = match self.platform.serve(ask) {
            Served::File(head, body) => (head, body),
            Served::Answer(_) => panic!("a download gets a file"),
        };
        let mut end = Ok(());
        let (head, body) = match fault {
            Some(Fault::File(status, headers, body)) => {
                let headers = headers.into_iter().map(|(name, value)| (name.into(), value)).collect();
                (Head { status, headers: Headers(headers) }, body)
            }
            Some(Fault::Breaks(len)) => {
                body.truncate(len);
                end = Err(FetchError::Broken("reset by peer".into()));
                (head, body)
            }
            Some(Fault::Lost) => return,
            _ => (head, body),
        };
        self.body.push_back(Input::Head(request, head));
        self.body.extend(body.chunks(300).map(|piece| Input::Body(request, piece.to_vec())));
        self.body.push_back(Input::FetchEnded(request, end));
    }

    pub(crate) fn give(&mut self, input: Input) {
        self.inbox.push_back(input);
    }

    pub(crate) fn handle(&mut self, input: Input) -> Result<(), otaru_core::Error> {
        self.updater.handle(Instant(self.now), input)
    }

    pub(crate) fn has_task(&self) -> bool {
        self.updater.task().is_some()
    }

    pub(crate) fn task(&self) -> Option<otaru_core::TaskSummary> {
        self.updater.task()
    }

    pub(crate) fn count(&self, like: impl Fn(&Event) -> bool) -> usize {
        self.events.iter().filter(|event| like(event)).count()
    }

    pub(crate) fn asked(&self, what: What) -> usize {
        self.asked.iter().filter(|(_, asked)| *asked == what).count()
    }

    /// The device runs the target, the platform knows, and nothing is left over.
    pub(crate) fn assert_updated(&self) {
        use otaru_wire::dialect::onenet::Status;
        let order = self.platform.order.as_ref().unwrap();
        assert_eq!(self.disk.version(order.kind.module().as_str()), order.target, "{:#?}", self.events);
        assert_eq!(order.status, Status::Succeeded, "{:?}", self.platform.steps);
        assert!(self.disk.confirmed && !self.has_task());
        assert!(self.disk.saved_record().unwrap().stored().is_empty());
    }

    /// The device runs what it ran, and nothing is in hand.
    pub(crate) fn assert_untouched(&self) {
        assert_eq!(self.disk.version("default"), "1.0.0", "{:#?}", self.events);
        assert!(!self.has_task(), "{:#?}", self.events);
        assert!(self.disk.saved_record().is_none_or(|record| record.stored().is_empty()));
    }
}

pub(crate) fn half(generation: Generation) -> &'static dyn DeviceHalf {
    device_half(generation.name()).unwrap()
}

fn updater(generation: Generation, policy: &Policy, record: Option<otaru_core::Record>) -> Updater {
    let (device, dialect) = (device(generation), half(generation));
    Updater::new(UpdaterOptions { device, dialect, policy: policy.clone(), seed: 1 }, record)
}
