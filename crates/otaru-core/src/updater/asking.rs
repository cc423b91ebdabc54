//! A platform that is asked by calls: when it is asked, and what its answers mean.

use otaru_wire::{
    Report, Step,
    dialect::{AnswerError, Answered},
    http::Answer,
};

use super::{Error, Updater};
use crate::{Event, FetchError, RequestId, context::Cue, state::ignore, timers::Timer};

impl Updater {
    /// Asks for a Task of each module: now if none is in hand, else when none is any more. Nothing where the platform speaks by
    /// itself.
    pub(super) fn poll_platform(&mut self) {
        if self.cx.call_half().is_none() {
            return;
        }
        let pause = self.cx.poll_pause();
        self.cx.start_timer(Timer::Poll, pause);
        for (module, _) in self.cx.running.clone() {
            self.cx.put_aside(module);
        }
        self.give(Cue::PutAside);
    }

    /// The platform could not be heard, or says nothing for too long; or the pause after that is over.
    pub(super) fn on_call_timer(&mut self) {
        let connected = self.cx.connected;
        if self.cx.on_call_timer() && connected {
            self.give(Cue::Disconnected);
        }
    }

    pub(super) fn answered_call(
        &mut self,
        request: RequestId,
        result: Result<Answer, FetchError>,
    ) -> Result<(), Error> {
        let Some(asked) = self.cx.asked_by(request) else {
            return match self.cx.knows_fetch(request) {
                true => Ok(()), // it comes too late
                false => Err(Error::Unexpected("Answered")),
            };
        };
        let was_connected = self.cx.connected;
        match (result, self.cx.call_half()) {
            (Ok(answer), Some(half)) => {
                self.cx.connected = true;
                match half.read_answer(&self.cx.options.device, &asked, &answer) {
                    Err(error) if error.may_pass() => {
                        self.cx.call_later(error.into());
                        self.told(&asked);
                        self.regained(was_connected);
                    }
                    word => {
                        self.settled(&asked, word);
                        self.regained(was_connected);
                        if !was_connected {
                            self.cx.unsay_version(&asked);
                        }
                        self.cx.call_done();
                        if !self.cx.is_telling() {
                            self.told(&asked);
                        }
                    }
                }
            }
            (Err(error), _) => {
                self.cx.call_lost(Some(error));
                if was_connected {
                    self.give(Cue::Disconnected);
                }
            }
            (Ok(_), None) => {}
        }
        Ok(())
    }

    /// The platform is there again: what a session begins with is said again.
    fn regained(&mut self, was_connected: bool) {
        if !was_connected {
            self.connected();
            self.poll_platform();
            self.give(Cue::Connected);
        }
    }

    /// The platform has had its say about what was asked.
    fn settled(&mut self, asked: &Report, word: Result<Answered, AnswerError>) {
        if let Err(reason) = &word {
            self.cx.event(Event::Refused { report: asked.clone(), reason: reason.clone() });
        }
        match asked {
            Report::Query { module, .. } => {
                let of_task = self.in_hand().is_none_or(|notice| notice.module == *module);
                match word {
                    Ok(Answered::Task(notice)) => {
                        match self.fault(&notice) {
                            None => self.give(Cue::Notice(*notice)),
                            Some(reason) => ignore(&mut self.cx, reason),
                        }
                        // Who waits for a link and got another offer that cannot be followed asks again.
                        self.give(Cue::Timer(Timer::Link));
                    }
                    // What somebody refuses to tell is no word that the Task is over.
                    Ok(Answered::Paused) | Err(_) if of_task => self.give(Cue::Checked(word)),
                    _ if of_task => self.give(Cue::NoTask),
                    _ => {}
                }
            }
            Report::TaskCheck { task } | Report::Progress { task: Some(task), .. }
                if self.in_hand().and_then(|notice| notice.task_name()) == Some(task) =>
            {
                match word {
                    Ok(Answered::Over { reason }) => self.give(Cue::Over(reason.into())),
                    word if matches!(asked, Report::TaskCheck { .. }) => self.give(Cue::Checked(word)),
                    _ => {}
                }
            }
            _ => {}
        }
        if matches!(asked, Report::Progress { step: Step::Failed(_), .. }) {
            self.cx.told_failure(asked);
        }
    }

    /// Whoever waits to have told how far the Task is need not wait any more.
    fn told(&mut self, asked: &Report) {
        if matches!(asked, Report::Progress { .. }) {
            self.give(Cue::Told);
        }
    }

    fn in_hand(&self) -> Option<&otaru_wire::Notice> {
        self.state.as_ref().and_then(|state| state.notice())
    }
}
