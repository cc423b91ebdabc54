//! What a device's updater asks for, done.

use otaru_core::{ConfigSummary, Event, Input, Output, RequestId, SlotError, Verified};
use otaru_wire::{Module, Version};

use super::{
    Exit, Shared,
    device::{Device, Observer, Reboot},
};
use crate::{
    command::RunningCommand,
    events::AgentEvent,
    fetchers::Turn,
    handle::{Done, Wake, Worked},
    http::FetchRequest,
    install::{Install, Job, medium},
};

impl Device {
    pub(super) fn perform(&mut self, output: Output, shared: &mut Shared, observer: &mut Observer<'_>) {
        match output {
            Output::Subscribe(filter) => shared.subscribe(&filter),
            Output::Publish(message) => shared.publish(message),
            Output::Prepare { module, sizes, resume } => self.prepare(&module, sizes, resume),
            // Its failure is told already: nothing is fetched without a place for it.
            Output::Fetch { .. } if matches!(self.inputs.front(), Some(Input::NotPrepared(_))) => {}
            Output::Fetch { request: id, url, range, etag } => match shared.locate(url) {
                Ok((url, authorization)) => {
                    let request = FetchRequest { id, url, range, etag, authorization };
                    if shared.fetchers.fetch(self.number, request) == Turn::Later {
                        self.inputs.push_back(Input::FetchWaits(id));
                    }
                }
                Err(error) => self.inputs.push_back(Input::FetchEnded(id, Err(error))),
            },
            Output::Call { request, call } => {
                if let Err(error) = shared.call(request, call) {
                    self.inputs.push_back(Input::Answered(request, Err(error)));
                }
            }
            Output::StopFetch(request) => shared.fetchers.stop(self.number, request),
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
                if let Err(error) = self.activate(&module, &version, proof, shared) {
                    self.inputs.push_back(Input::Activated(Err(error)));
                }
            }
            Output::Reboot => self.reboot(shared, observer),
            Output::CheckHealth(module) => self.check_health(&module, shared),
            Output::Confirm(module) => self.end_trial(module, Job::Confirm, shared),
            Output::Revert(module) => self.end_trial(module, Job::Revert, shared),
            Output::ForgetFallback(module) => {
                if let Err(error) = self.surroundings.markers().forget_fallback(&module) {
                    tracing::warn!(%module, "a reported fallback will be told again: {error}");
                }
            }
            Output::DeliverConfig { request, config, bytes } => {
                self.take_config(request, &config, &bytes, shared)
            }
            Output::Event(event) => {
                if let (Event::ConfigFailed { id: Some(id), .. }, Some(file)) =
                    (&event, &mut self.config_file)
                {
                    file.given_up(id);
                }
                self.tell_core(event, shared, observer);
            }
        }
    }

    /// The slot's bytes first, then the Record that speaks of them.
    fn save(&mut self, record: &[u8]) -> Result<(), SlotError> {
        self.installers.sync()?;
        self.records.save(record).map_err(|error| medium(&error))
    }

    fn take_config(&mut self, request: RequestId, config: &ConfigSummary, bytes: &[u8], shared: &Shared) {
        let (sender, number) = (shared.sender.clone(), self.number);
        let done = move |result| drop(sender.send(Wake::Done(number, Done::Config(request, result))));
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
    fn activate(
        &mut self,
        module: &Module,
        version: &Version,
        proof: Verified,
        shared: &Shared,
    ) -> Result<(), SlotError> {
        let package = self.updater.task().filter(|task| task.module == *module && task.version == *version);
        let package = package.ok_or_else(|| SlotError::Medium("the Task is gone".to_owned()))?;
        let (install, slot) = self.installers.lend_prepared(module)?;
        let job = Job::Activate { package, slot, proof };
        self.start(module.clone(), install, Some(version.clone()), job, shared)
    }

    fn end_trial(&mut self, module: Module, job: fn(Module) -> Job, shared: &Shared) {
        let started = self
            .installers
            .lend(&module)
            .and_then(|install| self.start(module.clone(), install, None, job(module), shared));
        if let Err(error) = started {
            self.inputs.push_back(Input::Settled(Err(error)));
        }
    }

    fn start(
        &mut self,
        module: Module,
        install: Box<dyn Install>,
        activated: Option<Version>,
        job: Job,
        shared: &Shared,
    ) -> Result<(), SlotError> {
        let (sender, number) = (shared.sender.clone(), self.number);
        let done = move |install, result| {
            // Without a loop nobody needs the installer any more.
            let worked = Worked { module, install, activated, result };
            let _ = sender.send(Wake::Done(number, Done::Worked(worked)));
        };
        self.surroundings.start(job, install, done).map_err(|error| medium(&error))?;
        self.at_work += 1;
        Ok(())
    }

    /// Something that was done elsewhere for this device has ended.
    pub(super) fn done(&mut self, done: Done, shared: &mut Shared, observer: &mut Observer<'_>) {
        match done {
            Done::Health(result) => self.health_ended(result),
            Done::Reboot(result) => self.reboot_ended(result, shared, observer),
            Done::Config(request, result) => {
                if let Some(file) = &mut self.config_file {
                    file.ended(request);
                }
                self.inputs.push_back(Input::ConfigTaken(request, result));
            }
            Done::Worked(worked) => {
                self.at_work = self.at_work.saturating_sub(1);
                self.worked(worked, observer);
            }
            Done::Settled(boot, settled) => {
                self.at_work = self.at_work.saturating_sub(1);
                self.booted(boot, settled, shared, observer);
            }
        }
        self.settle(shared, observer);
    }

    fn worked(&mut self, worked: Worked, observer: &mut Observer<'_>) {
        let Worked { module, install, activated, result } = worked;
        self.installers.give_back(module.clone(), install);
        let input = match activated {
            Some(version) => {
                if result.is_ok() {
                    self.tell(&AgentEvent::Activated { module, version }, observer);
                }
                Input::Activated(result)
            }
            None => Input::Settled(result),
        };
        self.inputs.push_back(input);
    }

    fn tell_core(&mut self, event: Event, shared: &Shared, observer: &mut Observer<'_>) {
        if let Some(task) = self.updater.task() {
            self.module = task.module;
        }
        if let Some(code) = event.state_code() {
            tracing::debug!(%code, "{}", code.name());
        }
        let event = AgentEvent::from_core(event, &self.module, self.downloaded_bytes);
        if event.ends_task() {
            self.installers.release();
        }
        if event.is_turn() {
            self.tell_traffic(shared, observer);
        } else if matches!(event, AgentEvent::Progress { .. }) {
            self.traffic_told.bytes = self.downloaded_bytes;
            self.traffic_told.at = shared.clock.now();
        }
        self.tell(&event, observer);
    }
}

/// Reboots.
impl Device {
    fn reboot(&mut self, shared: &mut Shared, observer: &mut Observer<'_>) {
        self.tell(&AgentEvent::Rebooting, observer);
        match &self.reboot {
            Reboot::Process => {
                shared.exit = Some(Exit::Reboot);
                shared.stopping = true;
            }
            Reboot::Machine(command) => {
                let command = command.clone();
                shared.stopping = true;
                self.run_reboot(&command, shared);
            }
            Reboot::Behind(Some(command)) => {
                let command = command.clone();
                self.run_reboot(&command, shared);
            }
            Reboot::Behind(None) => self.boot_again(shared, observer),
        }
    }

    fn run_reboot(&mut self, command: &[String], shared: &Shared) {
        if self.rebooting.is_some() {
            return;
        }
        let (sender, number) = (shared.sender.clone(), self.number);
        let done = move |result| drop(sender.send(Wake::Done(number, Done::Reboot(result))));
        let slot = self.surroundings.markers().running_one(&self.module).map(|it| it.slot.name());
        let mut environment = self.environment().to_vec();
        environment.push(("OTARU_MODULE", self.module.to_string()));
        environment.push(("OTARU_SLOT", slot.unwrap_or_default().to_owned()));
        match RunningCommand::start(command, &environment, done) {
            Ok(command) => self.rebooting = Some(command),
            Err(error) => tracing::error!(device = %self.id, "the reboot command failed: {error}"),
        }
    }

    fn reboot_ended(&mut self, result: Result<(), String>, shared: &mut Shared, observer: &mut Observer<'_>) {
        if let Some(command) = self.rebooting.take() {
            command.finished();
        }
        match (result, &self.reboot) {
            (Err(error), _) => {
                tracing::error!(device = %self.id, "the reboot command failed and will be tried again: {error}");
            }
            (Ok(()), Reboot::Behind(_)) => self.boot_again(shared, observer),
            // The machine goes down, or will be told again.
            (Ok(()), Reboot::Process | Reboot::Machine(_)) => {}
        }
    }

    /// The updater asks for the reboot again if nothing comes of this one.
    fn boot_again(&mut self, shared: &mut Shared, observer: &mut Observer<'_>) {
        if let Err(error) = self.boot(shared, observer) {
            tracing::error!(device = %self.id, "it cannot boot: {error}");
        }
    }
}
