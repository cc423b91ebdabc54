//! One device, its platform and its file server in one process, on one virtual clock.

pub(crate) mod blocks;
pub(crate) mod disk;
pub(crate) mod platform;
pub(crate) mod server;

use std::collections::VecDeque;

use otaru_core::{ConfigSummary, Event, HealthVerdict, Input, Output, Policy, Updater, UpdaterOptions};
use otaru_wire::{ByteRange, Instant, Module, Version, dialect::aliyun};

use blocks::Asked;
use disk::{Disk, Unsaved};
use platform::{Package, Platform};
use server::{Answer, Request, Server};

/// Longer than any journey may take.
const DAY_MS: u64 = 24 * 3600 * 1000;

pub(crate) struct World {
    pub(crate) now: u64,
    pub(crate) policy: Policy,
    pub(crate) seed: u64,
    pub(crate) disk: Disk,
    pub(crate) platform: Platform,
    pub(crate) server: Server,
    pub(crate) events: Vec<Event>,
    /// Answers of the health check, in order; then healthy.
    pub(crate) health: VecDeque<HealthVerdict>,
    /// The health check never answers.
    pub(crate) health_silent: bool,
    /// Bytes the slots took.
    pub(crate) stored: u64,
    /// Configs that the user was given, with their bytes.
    pub(crate) delivered: Vec<(ConfigSummary, Vec<u8>)>,
    /// What the user says to a Config; none: nothing at all.
    pub(crate) config_answer: Option<Result<(), String>>,
    /// No session to the platform.
    pub(crate) offline: bool,
    /// Bytes of one body input.
    pub(crate) chunk: usize,
    /// The slot answers only when the network is silent.
    pub(crate) slot_lags: bool,
    /// The slot never answers a store.
    pub(crate) slot_silent: bool,
    /// So many reboots do not happen.
    pub(crate) ignored_reboots: u32,
    /// Outputs done and inputs given: the places where the power can go.
    pub(crate) steps: usize,
    /// The power goes before these steps, in order.
    pub(crate) cuts: VecDeque<usize>,
    pub(crate) unsaved: Unsaved,
    /// Bytes covered by the Record that the last boot found, and so not to be fetched again.
    covered: Vec<u64>,
    updater: Updater,
    inbox: VecDeque<Input>,
    answer: Option<Answer>,
}

impl World {
    pub(crate) fn new() -> Self {
        let policy =
            Policy { checkpoint_bytes: 1000, read_back_bytes: 700, block_bytes: 300, ..Policy::default() };
        Self::with(policy)
    }

    /// A device with the modules `default` and `mcu` at 1.0.0, not booted yet.
    pub(crate) fn with(policy: Policy) -> Self {
        let version = Version::new("1.0.0").unwrap();
        let running = vec![(Module::default(), version.clone()), (Module::new("mcu").unwrap(), version)];
        Self {
            now: 1000,
            seed: 1,
            disk: Disk::new(running),
            platform: Platform::default(),
            server: Server::default(),
            events: Vec::new(),
            health: VecDeque::new(),
            health_silent: false,
            stored: 0,
            delivered: Vec::new(),
            config_answer: Some(Ok(())),
            offline: false,
            chunk: 300,
            slot_lags: false,
            slot_silent: false,
            ignored_reboots: 0,
            steps: 0,
            cuts: VecDeque::new(),
            unsaved: Unsaved::Lost,
            covered: Vec::new(),
            updater: updater(&policy, 1, None),
            policy,
            inbox: VecDeque::new(),
            answer: None,
        }
    }

    /// Puts the package's files on the server and opens a Task for it. The device hears of it when it connects.
    pub(crate) fn offer(&mut self, package: &Package) {
        for (at, bytes) in package.files.iter().enumerate() {
            self.server.put(format!("{}/{}/{at}", package.module, package.version), bytes.clone());
        }
        self.platform.open.retain(|task| task.module != package.module);
        self.platform.open.push(package.clone());
    }

    /// Offers and tells the device at once.
    pub(crate) fn push(&mut self, package: &Package) {
        self.offer(package);
        let push = self.platform.push(package);
        self.inbox.push_back(push);
    }

    /// Puts a Config of these bytes on the server and makes it the one that the platform has.
    pub(crate) fn configure(&mut self, id: &str, bytes: &[u8]) {
        self.server.put(format!("config/{id}"), bytes.to_vec());
        self.platform.config = Some((id.into(), bytes.to_vec()));
    }

    /// The same, and tells the device at once.
    pub(crate) fn push_config(&mut self, id: &str, bytes: &[u8]) {
        self.configure(id, bytes);
        let push = self.platform.push_config();
        self.inbox.extend(push);
    }

    pub(crate) fn give(&mut self, input: Input) {
        self.inbox.push_back(input);
    }

    /// Power comes (back): a new process, built from what was saved.
    pub(crate) fn boot(&mut self) {
        self.inbox.clear();
        self.answer = None;
        let boot = self.disk.boot(self.unsaved);
        let record = self.disk.saved_record();
        self.covered = record.as_ref().map(otaru_core::Record::stored).unwrap_or_default();
        self.updater = updater(&self.policy, self.seed, record);
        self.inbox.push_back(Input::Booted(boot));
        if !self.offline {
            self.inbox.push_back(Input::Connected);
        }
    }

    /// Runs until nothing is left to happen.
    pub(crate) fn run(&mut self) {
        self.run_until(|_| false);
    }

    /// Runs until the condition holds after a step, or nothing is left to happen.
    pub(crate) fn run_until(&mut self, done: impl Fn(&World) -> bool) {
        let end = self.now + DAY_MS;
        while !done(self) && self.step() {
            assert!(self.now < end, "no end within a day: {:?}", self.events.last());
        }
    }

    /// Runs until an event like this was seen.
    pub(crate) fn run_until_event(&mut self, like: impl Fn(&Event) -> bool) {
        self.run_until(|world| world.events.last().is_some_and(&like));
        assert!(self.events.last().is_some_and(like), "it never happened: {:?}", self.events);
    }

    fn step(&mut self) -> bool {
        if self.cuts.front() == Some(&self.steps) {
            self.cuts.pop_front();
            self.steps += 1;
            self.boot();
            return true;
        }
        if let Some(output) = self.updater.poll() {
            self.steps += 1;
            self.perform(output);
        } else if let Some(input) = self.next_input() {
            self.steps += 1;
            self.updater.handle(Instant(self.now), input).unwrap();
        } else if let Some(at) = self.updater.poll_timeout() {
            self.now = self.now.max(at.0);
            self.updater.handle(Instant(self.now), Input::Timer).unwrap();
        } else {
            return false;
        }
        true
    }

    fn next_input(&mut self) -> Option<Input> {
        let slot = |input: &Input| matches!(input, Input::Stored { .. } | Input::Saved(_));
        if self.inbox.front().is_some_and(|input| !self.slot_lags || !slot(input)) {
            return self.inbox.pop_front();
        }
        self.answer.as_mut().and_then(|answer| answer.pieces.pop_front()).or_else(|| self.inbox.pop_front())
    }

    fn perform(&mut self, output: Output) {
        match output {
            Output::Subscribe(_) => {}
            Output::Call { .. } => panic!("this dialect has a session"),
            Output::Publish(message) if self.offline => drop(message),
            Output::Publish(message) => {
                let asked = self.platform.blocks.requests.len();
                let answers = self.platform.hear(&message, self.now);
                if let Some(Asked { request, .. }) = self.platform.blocks.requests.get(asked) {
                    let file = request.file as usize - 1;
                    if let Some(covered) = self.covered.get(file) {
                        assert!(
                            request.offset >= *covered,
                            "byte {} of file {file} was saved already",
                            request.offset
                        );
                    }
                }
                self.inbox.extend(answers);
            }
            Output::Prepare { module, sizes, resume } => self.disk.prepare(module, &sizes, resume),
            Output::Fetch { request, url, range, etag } => self.fetch(request, url, range, etag),
            Output::StopFetch(request) => {
                let answer = self.answer.take().expect("only a running fetch is stopped");
                assert_eq!(answer.request, request);
            }
            Output::Store { .. } if self.slot_silent => {}
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
                self.judge_slot(&module, &version);
                let result = self.disk.activate(module, version);
                self.inbox.push_back(Input::Activated(result));
            }
            Output::Reboot if self.ignored_reboots > 0 => self.ignored_reboots -= 1,
            Output::Reboot => self.boot(),
            Output::CheckHealth(_) if self.health_silent => {}
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
            Output::DeliverConfig { request, config, bytes } => {
                self.delivered.push((config, bytes));
                self.inbox
                    .extend(self.config_answer.clone().map(|answer| Input::ConfigTaken(request, answer)));
            }
            Output::Event(event) => self.on_event(event),
        }
    }

    fn fetch(&mut self, request: otaru_core::RequestId, url: String, range: ByteRange, etag: Option<String>) {
        assert!(self.answer.as_ref().is_none_or(|answer| answer.pieces.is_empty()), "one fetch at a time");
        if !url.contains("/config/") {
            let file: usize = url.split(['/', '?']).nth(5).unwrap().parse().unwrap();
            if let Some(covered) = self.covered.get(file) {
                assert!(range.start >= *covered, "byte {} of file {file} was saved already", range.start);
            }
        }
        self.answer =
            Some(self.server.answer(request, Request { url, range, etag, at: self.now }, self.chunk));
    }

    /// From here on the bytes that a Record covered are given up.
    fn on_event(&mut self, event: Event) {
        if matches!(
            event,
            Event::Updated { .. }
                | Event::StartedOver { .. }
                | Event::Dropped { .. }
                | Event::Failed { .. }
                | Event::FellBack { .. }
        ) {
            self.covered.clear();
        }
        self.events.push(event);
    }

    /// Nothing but the image may ever be activated.
    fn judge_slot(&self, module: &Module, version: &Version) {
        let offered = |task: &&Package| task.module == module.as_str() && task.version == version.as_str();
        let image = self.platform.open.iter().find(offered);
        if let Some(package) = image {
            assert!(self.disk.slots[module] == package.files, "an image that is none was activated");
        }
    }

    /// The device runs this package, has said so, and nothing is left open.
    pub(crate) fn assert_updated(&self, package: &Package) {
        assert_eq!(self.disk.version(package.module), package.version, "{:#?}", self.events);
        assert!(self.disk.confirmed);
        assert!(self.disk.slots[&Module::new(package.module).unwrap()] == package.files);
        assert!(self.platform.open.is_empty(), "{:?}", self.platform.heard);
        assert!(self.platform.versions().contains(&(package.module, package.version)));
        assert!(self.disk.saved_record().unwrap().stored().is_empty());
        assert!(self.updater.task().is_none());
    }

    /// The device runs what it ran, nothing is in hand, and exactly this failure was reported.
    pub(crate) fn assert_failed(&self, step: i32, text: &str) {
        let failures = self.platform.failures();
        assert!(
            matches!(&failures[..], [(found, why)] if *found == step && why.contains(text)),
            "{failures:?}"
        );
        assert_eq!(self.disk.version("default"), "1.0.0");
        assert!(self.updater.task().is_none());
        assert!(self.disk.saved_record().unwrap().stored().is_empty());
    }

    pub(crate) fn has_task(&self) -> bool {
        self.updater.task().is_some()
    }

    pub(crate) fn handle(&mut self, input: Input) -> Result<(), otaru_core::Error> {
        self.updater.handle(Instant(self.now), input)
    }

    /// The Configs that the user was given, in order, each with as many bytes as it was told to have.
    pub(crate) fn delivered_ids(&self) -> Vec<&str> {
        let mut ids = Vec::new();
        for (config, bytes) in &self.delivered {
            assert_eq!((config.size, &config.get_type[..]), (bytes.len() as u64, "file"));
            assert_eq!(config.digest, platform::digest(config.digest.method(), bytes));
            ids.push(config.id.as_str());
        }
        ids
    }

    pub(crate) fn count(&self, like: impl Fn(&Event) -> bool) -> usize {
        self.events.iter().filter(|event| like(event)).count()
    }
}

fn updater(policy: &Policy, seed: u64, record: Option<otaru_core::Record>) -> Updater {
    let device = platform::device();
    let options = UpdaterOptions { device, dialect: &aliyun::Device, policy: policy.clone(), seed };
    Updater::new(options, record)
}

/// The size of the usual package's one file.
pub(crate) const SIZE: usize = 5_000;

/// The usual package.
pub(crate) fn package() -> Package {
    Package::new(vec![image(SIZE, 7)])
}

/// A device to which `package` is offered, not booted yet.
pub(crate) fn offered(package: &Package) -> World {
    let mut world = World::new();
    world.offer(package);
    world
}

/// Bytes that look like nothing.
pub(crate) fn image(len: usize, seed: u8) -> Vec<u8> {
    let byte = |at: usize| (at.wrapping_mul(31) >> 3) as u8 ^ (at as u8).wrapping_mul(seed | 1) ^ seed;
    (0..len).map(byte).collect()
}
