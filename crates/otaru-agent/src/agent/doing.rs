//! What the updater asks for, done.

use std::time::Duration;

use otaru_core::{ConfigSummary, Event, HealthVerdict, Input, Output, RequestId, SlotError, Verified};
use otaru_wire::{Instant, Module, Version};

use super::{Agent, Exit, Health, TRAFFIC_INTERVAL};
use crate::{
    command::RunningCommand,
    config::RebootMode,
    events::AgentEvent,
    handle::{Wake, Worked},
    http::FetchRequest,
    install::{Install, Job, medium},
};

impl Agent {
    pub(super) fn perform(&mut self, output: Output, observer: &mut dyn FnMut(&AgentEvent)) {
        let now = self.clock.now();
        match output {
            Output::Subscribe(filter) => self.link.subscribe(now, &filter),
            Output::Publish(message) => self.link.publish(now, message),
            Output::Prepare { module, sizes, resume } => self.prepare(&module, sizes, resume),
            // Its failure is told already: nothing is fetched without a place for it.
            Output::Fetch { .. } if matches!(self.inputs.front(), Some(Input::NotPrepared(_))) => {}
            Output::Fetch { request, url, range, etag } => {
                self.fetcher.fetch(FetchRequest { id: request, url, range, etag });
            }
            Output::StopFetch(request) => self.fetcher.stop(request),
            Output::Store { file, offset, mut bytes } => {
                let end = offset.saturating_add(bytes.len() as u64);
                let result = self.installers.store(file, offset, &mut bytes);
                self.spare = Some(bytes);
                self.inputs.push_back(Input::Stored { file, end, result });
            }
            Output::Save(record) => {
                let result = self.save(&record.to_bytes());
                self.inputs.push_back(Input::Saved(result));
            }
            Output::ReadBack { file, range } => {
                let result = self.installers.read_back(file, range);
                self.inputs.push_back(Input::ReadBack { file, offset: range.start, result });
            }
            Output::Activate { module, version, proof } => {
                if let Err(error) = self.activate(&module, &version, proof) {
                    self.inputs.push_back(Input::Activated(Err(error)));
                }
            }
            Output::Reboot => self.reboot(observer),
            Output::CheckHealth(module) => self.check_health(&module),
            Output::Confirm(module) => self.end_trial(module, Job::Confirm),
            Output::Revert(module) => self.end_trial(module, Job::Revert),
            Output::ForgetFallback(module) => {
                if let Err(error) = self.surroundings.markers().forget_fallback(&module) {
                    tracing::warn!(%module, "a reported fallback will be told again: {error}");
                }
            }
            Output::DeliverConfig { request, config, bytes } => self.take_config(request, &config, &bytes),
            Output::Event(event) => {
                if let (Event::ConfigFailed { id: Some(id), .. }, Some(file)) =
                    (&event, &mut self.config_file)
                {
                    file.given_up(id);
                }
                self.tell(event, observer);
            }
        }
    }

    /// The slot's bytes first, then the Record that speaks of them.
    fn save(&mut self, record: &[u8]) -> Result<(), SlotError> {
        self.installers.sync()?;
        self.records.save(record).map_err(|error| medium(&error))
    }

    fn take_config(&mut self, request: RequestId, config: &ConfigSummary, bytes: &[u8]) {
        let sender = self.sender.clone();
        let done = move |result| drop(sender.send(Wake::ConfigCommand(request, result)));
        let answer = match &mut self.config_file {
            Some(file) => file.take(request, config, bytes, done),
            None => Some(Err("there is no place for it".to_owned())),
        };
        self.inputs.extend(answer.map(|answer| Input::ConfigTaken(request, answer)));
    }

    fn prepare(&mut self, module: &Module, sizes: Vec<u64>, resume: bool) {
        let slot = self.surroundings.markers().inactive(module);
        let delta = self.updater.task().is_some_and(|task| task.delta);
        if let Err(error) = self.installers.prepare(module, slot, sizes, resume, delta) {
            // Before anything else that waits: another Task must not fail by it.
            self.inputs.push_front(Input::NotPrepared(error));
        }
    }

    /// Hands the installer, and the proof, to a thread.
    fn activate(&mut self, module: &Module, version: &Version, proof: Verified) -> Result<(), SlotError> {
        let package = self.updater.task().filter(|task| task.module == *module && task.version == *version);
        let package = package.ok_or_else(|| SlotError::Medium("the Task is gone".to_owned()))?;
        let (install, slot) = self.installers.lend_prepared(module)?;
        self.start(module.clone(), install, Some(version.clone()), Job::Activate { package, slot, proof })
    }

    fn end_trial(&mut self, module: Module, job: fn(Module) -> Job) {
        let started = self
            .installers
            .lend(&module)
            .and_then(|install| self.start(module.clone(), install, None, job(module)));
        if let Err(error) = started {
            self.inputs.push_back(Input::Settled(Err(error)));
        }
    }

    fn start(
        &self,
        module: Module,
        install: Box<dyn Install>,
        activated: Option<Version>,
        job: Job,
    ) -> Result<(), SlotError> {
        let sender = self.sender.clone();
        let done = move |install, result| {
            // Without a loop nobody needs the installer any more.
            let _ = sender.send(Wake::Worked(Worked { module, install, activated, result }));
        };
        self.surroundings.start(job, install, done).map_err(|error| medium(&error))
    }

    pub(super) fn worked(&mut self, worked: Worked, observer: &mut dyn FnMut(&AgentEvent)) {
        let Worked { module, install, activated, result } = worked;
        self.installers.give_back(module.clone(), install);
        let input = match activated {
            Some(version) => {
                if result.is_ok() {
                    observer(&AgentEvent::Activated { module, version });
                }
                Input::Activated(result)
            }
            None => Input::Settled(result),
        };
        self.inputs.push_back(input);
    }

    fn reboot(&mut self, observer: &mut dyn FnMut(&AgentEvent)) {
        observer(&AgentEvent::Rebooting);
        match (self.config.reboot.mode, &self.config.reboot.command) {
            (RebootMode::Command, Some(command)) if self.rebooting.is_none() => {
                let sender = self.sender.clone();
                let done = move |result| drop(sender.send(Wake::RebootCommand(result)));
                let slot = self.surroundings.markers().running_one(&self.module).map(|it| it.slot.name());
                let environment =
                    [("OTARU_MODULE", self.module.as_str()), ("OTARU_SLOT", slot.unwrap_or_default())];
                match RunningCommand::start(command, &environment, done) {
                    Ok(command) => self.rebooting = Some(command),
                    Err(error) => tracing::error!("the reboot command failed: {error}"),
                }
            }
            (RebootMode::Command, _) => {}
            (RebootMode::Restart | RebootMode::Exit, _) => self.exit = Some(Exit::Reboot),
        }
    }

    fn tell(&mut self, event: Event, observer: &mut dyn FnMut(&AgentEvent)) {
        if let Some(task) = self.updater.task() {
            self.module = task.module;
        }
        if let Some(code) = event.state_code() {
            tracing::debug!(%code, "{}", code.name());
        }
        let event = AgentEvent::from_core(event, &self.module, self.downloaded_bytes);
        if event.is_turn() {
            self.tell_traffic(observer);
        } else if matches!(event, AgentEvent::Progress { .. }) {
            self.traffic_told.bytes = self.downloaded_bytes;
            self.traffic_told.at = self.clock.now();
        }
        observer(&event);
    }

    /// When bytes that were not told of yet are to be told.
    pub(super) fn traffic_due(&self) -> Option<Instant> {
        (self.downloaded_bytes != self.traffic_told.bytes).then(|| self.traffic_told.at + TRAFFIC_INTERVAL)
    }

    /// Tells the bytes fetched, if there are new ones.
    pub(super) fn tell_traffic(&mut self, observer: &mut dyn FnMut(&AgentEvent)) {
        if self.downloaded_bytes != self.traffic_told.bytes {
            self.traffic_told.bytes = self.downloaded_bytes;
            self.traffic_told.at = self.clock.now();
            observer(&AgentEvent::Traffic { downloaded_bytes: self.downloaded_bytes });
        }
    }
}

/// The health of a new slot: it reaches the platform, and the user's program says that it works.
impl Agent {
    fn check_health(&mut self, module: &Module) {
        if let Some(error) = self.unsettled.get(module) {
            return self.health_answer(HealthVerdict::Sick(error.to_string()));
        }
        if self.online {
            return self.platform_reached();
        }
        let wait = self.config.policy.policy().health_interval;
        self.health = Health::AwaitingPlatform(self.clock.now() + wait);
    }

    pub(super) fn platform_reached(&mut self) {
        let Some(command) = &self.config.health.command else {
            return self.health_answer(HealthVerdict::Healthy);
        };
        let sender = self.sender.clone();
        match RunningCommand::start(command, &[], move |result| drop(sender.send(Wake::Health(result)))) {
            Ok(command) => self.health = Health::Running(command),
            Err(error) => self.health_answer(HealthVerdict::Sick(error.to_string())),
        }
    }

    pub(super) fn platform_not_reached(&mut self) {
        self.health_answer(HealthVerdict::Sick("the platform has not been reached yet".to_owned()));
    }

    pub(super) fn health_ended(&mut self, result: Result<(), String>) {
        if let Health::Running(command) = std::mem::replace(&mut self.health, Health::NotAsked) {
            command.finished();
            self.health_answer(match result {
                Ok(()) => HealthVerdict::Healthy,
                Err(problem) => HealthVerdict::Sick(problem),
            });
        }
    }

    fn health_answer(&mut self, verdict: HealthVerdict) {
        self.health = Health::NotAsked;
        self.inputs.push_back(Input::Health(verdict));
    }
}

pub(super) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
