//! The updater: one device, its modules, one Task at a time.

mod asking;
mod hearing;

use alloc::string::String;

use otaru_wire::{DeviceId, Instant, Module, Step, dialect::DeviceHalf};

use crate::{
    Input, Output, Policy, Record, TaskSummary,
    config::Configs,
    context::{Context, Cue},
    ledger::{Kind, Standing},
    record::Owed,
    state::{State, ignore, started, summary},
    timers::Timer,
};

/// What an updater is built with.
pub struct UpdaterOptions {
    /// Who the device is.
    pub device: DeviceId,
    /// How its platform speaks.
    pub dialect: &'static dyn DeviceHalf,
    /// What is decided beforehand.
    pub policy: Policy,
    /// Anything that differs between devices: spreads retries over the fleet.
    pub seed: u64,
}

/// The caller broke the updater's rules (an answer to nothing asked). Nothing changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The first input must be `Booted`.
    #[error("the first input must be Booted")]
    NotBooted,
    /// An answer came that nothing waits for.
    #[error("{0} answers nothing that was asked")]
    Unexpected(&'static str),
}

/// Decides what a device does about updates.
///
/// Each [`Updater::handle`] is to be followed by [`Updater::poll`] until it gives nothing more, then by
/// [`Updater::poll_timeout`].
pub struct Updater {
    cx: Context,
    configs: Configs,
    /// None before the first `Booted`.
    state: Option<State>,
}

impl Updater {
    /// An updater that goes on where `record` was saved. Nothing happens before [`Input::Booted`].
    pub fn new(options: UpdaterOptions, record: Option<Record>) -> Self {
        Self {
            cx: Context::new(options, record.unwrap_or_default()),
            configs: Configs::default(),
            state: None,
        }
    }

    /// Takes an input. Outputs that follow from it wait in [`Updater::poll`].
    ///
    /// # Errors
    /// [`Error`] if the caller broke the rules; the platform's and the medium's faults are handled inside.
    pub fn handle(&mut self, now: Instant, input: Input) -> Result<(), Error> {
        self.cx.now = now;
        if let Input::Booted(boot) = input {
            self.configs = Configs::default();
            self.state = Some(started::start(&mut self.cx, boot));
            self.poll_platform();
            return Ok(());
        }
        if self.state.is_none() {
            return Err(Error::NotBooted);
        }
        if let Input::Answered(request, result) = input {
            self.answered_call(request, result)?;
        } else if matches!(input, Input::Timer) {
            // Each at most once: a policy with a pause of zero must not keep the caller here.
            for timer in self.cx.timers.ended(now) {
                if self.cx.timers.take(timer, now) {
                    self.timer(timer);
                }
            }
        } else if let Some(input) = self.configs.take(&mut self.cx, input)
            && let Some(cue) = self.cue(input)?
        {
            self.give(cue);
        }
        self.share_line();
        Ok(())
    }

    /// The Task first: it may have waited for a Config, which had its turn.
    fn share_line(&mut self) {
        if self.cx.frees_line() {
            self.give(Cue::LineFree);
        }
        self.configs.go_on(&mut self.cx);
    }

    /// The next thing to do.
    pub fn poll(&mut self) -> Option<Output> {
        self.cx.poll()
    }

    /// When [`Input::Timer`] is due, if nothing else happens before. None if only the user, the platform or the
    /// session can bring anything new.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.cx.timers.next()
    }

    /// The Task in hand, if there is one.
    pub fn task(&self) -> Option<TaskSummary> {
        match self.state.as_ref()? {
            State::Trial(_) => self.cx.task().map(|task| summary(&task.notice)),
            state => state.notice().map(summary),
        }
    }

    fn give(&mut self, cue: Cue) {
        if let Some(state) = self.state.take() {
            self.state = Some(state.handle(&mut self.cx, cue));
        }
    }

    fn timer(&mut self, timer: Timer) {
        match timer {
            Timer::Save => return self.cx.save_again(),
            Timer::ConfigQuery => return self.configs.on_query_timeout(&mut self.cx),
            Timer::Config => return self.configs.on_timer(&mut self.cx),
            Timer::Call => return self.on_call_timer(),
            Timer::Poll => return self.poll_platform(),
            Timer::Answer => {
                self.cx.ledger.forget();
                self.cx.give_up_saving();
            }
            _ => {}
        }
        self.give(Cue::Timer(timer));
    }

    /// What an input means to a state; none if it is answered already, late or foreign.
    fn cue(&mut self, input: Input) -> Result<Option<Cue>, Error> {
        Ok(match input {
            Input::Booted(_) | Input::Answered(..) | Input::Timer | Input::AskConfig => None,
            Input::ConfigTaken(request, _) => {
                self.fetched(request, "ConfigTaken")?;
                None
            }
            Input::Connected => {
                self.subscribe();
                if self.cx.call_half().is_some() {
                    self.poll_platform(); // it may have said so while nobody listened
                    return Ok(None);
                }
                self.connected();
                Some(Cue::Connected)
            }
            Input::Disconnected if self.cx.call_half().is_some() => None,
            Input::Disconnected => {
                self.cx.connected = false;
                Some(Cue::Disconnected)
            }
            Input::Message { topic, payload } => self.message(&topic, &payload),
            Input::Decision(decision) => {
                if !self.asks() {
                    return Err(Error::Unexpected("Decision"));
                }
                Some(Cue::Decision(decision))
            }
            Input::AskTask(module) => self.put_aside(module),
            Input::Cancel => Some(Cue::Cancel),
            Input::Report { module, step, description } => self.report(module, step, description),
            Input::Stopping => Some(Cue::Stopping),
            Input::FetchWaits(request) => {
                if self.fetched(request, "FetchWaits")? {
                    self.cx.timers.clear(Timer::Stall);
                }
                None
            }
            Input::FetchBegins(request) => {
                if self.fetched(request, "FetchBegins")? {
                    self.cx.start_timer(Timer::Stall, self.cx.policy().stall_timeout);
                }
                None
            }
            Input::Head(request, head) => self.fetched(request, "Head")?.then_some(Cue::Head(head)),
            Input::Body(request, bytes) => self.fetched(request, "Body")?.then(|| {
                self.cx.task_has_turn();
                Cue::Body(bytes)
            }),
            Input::FetchEnded(request, result) => {
                let awaited = self.fetched(request, "FetchEnded")?;
                if awaited {
                    self.cx.fetch = None;
                }
                awaited.then_some(Cue::FetchEnded(result))
            }
            Input::NotPrepared(error) => Some(Cue::NotPrepared(error)),
            Input::Stored { file, end, result } => {
                self.answered(Kind::Stored, "Stored")?.then_some(Cue::Stored { file, end, result })
            }
            Input::Saved(result) => {
                self.answered(Kind::Saved, "Saved")?;
                self.cx.saved(result)
            }
            Input::ReadBack { file, offset, result } => {
                self.answered(Kind::ReadBack, "ReadBack")?.then_some(Cue::ReadBack { file, offset, result })
            }
            Input::Activated(result) => {
                self.answered(Kind::Activated, "Activated")?.then_some(Cue::Activated(result))
            }
            Input::Health(verdict) => self.answered(Kind::Health, "Health")?.then_some(Cue::Health(verdict)),
            Input::Settled(result) => {
                self.answered(Kind::Settled, "Settled")?.then_some(Cue::Settled(result))
            }
        })
    }

    /// True if the answer is awaited, false if it comes too late.
    fn answered(&mut self, kind: Kind, name: &'static str) -> Result<bool, Error> {
        let standing = self.cx.ledger.answer(kind);
        if kind != Kind::Health {
            self.cx.answered();
        }
        match standing {
            Standing::Awaited => Ok(true),
            Standing::Late => Ok(false),
            Standing::Unexpected => Err(Error::Unexpected(name)),
        }
    }

    fn fetched(&self, request: crate::RequestId, name: &'static str) -> Result<bool, Error> {
        if self.cx.knows_fetch(request) {
            Ok(self.cx.fetch == Some(request))
        } else {
            Err(Error::Unexpected(name))
        }
    }

    fn awaits_block(&self) -> bool {
        matches!(&self.state, Some(State::Fetching(state)) if state.awaits_block())
    }

    fn asks(&self) -> bool {
        match &self.state {
            Some(State::Offered(state)) => state.asks(),
            Some(State::Staged(state)) => state.asks(),
            _ => false,
        }
    }

    /// The user asks for a module's Task.
    fn put_aside(&mut self, module: Module) -> Option<Cue> {
        if self.cx.running(&module).is_none() {
            ignore(&mut self.cx, alloc::format!("a question by hand: this device has no module {module}"));
            return None;
        }
        self.cx.put_aside(module);
        Some(Cue::PutAside)
    }

    /// A report by hand. Gives the cue, if it ends the Task in hand.
    fn report(&mut self, module: Module, step: Step, description: String) -> Option<Cue> {
        if self.cx.running(&module).is_none() {
            ignore(&mut self.cx, alloc::format!("a report by hand: this device has no module {module}"));
            return None;
        }
        let of_task = self.cx.on_trial.as_ref() == Some(&module)
            || self.task().is_some_and(|task| task.module == module);
        match step {
            Step::Failed(failure) if of_task => Some(Cue::GiveUp(failure, description)),
            Step::Failed(failure) => {
                self.cx.report_failure(Owed::new(&module, None, failure, &description));
                None
            }
            Step::Percent(percent) => {
                if let Err(why) = self.cx.report_by_hand(&module, percent, description, of_task) {
                    ignore(&mut self.cx, alloc::format!("a report by hand of {percent} %: {why}"));
                }
                None
            }
        }
    }
}
