//! What the answer to a call tells of the way to the platform, beside what it tells the updater.

use std::time::{Duration, Instant};

use otaru_core::{FetchError, Input};
use otaru_wire::http::Answer;

use super::{
    Agent, Shared,
    device::{Device, Observer},
    millis,
};
use crate::{
    calls::{CallId, Calls},
    events::AgentEvent,
    handle::Wake,
};

/// How long an agent that is to stop waits for its last calls.
const LAST_WORDS: Duration = Duration::from_secs(2);

impl Agent {
    /// A device that has nothing to do is to have told what it did: its success above all.
    pub(super) fn hear_out(&mut self, observer: &mut Observer<'_>) {
        let end = Instant::now() + LAST_WORDS;
        let idle = |agent: &Self| agent.devices.values().all(|device| device.updater.task().is_none());
        while idle(self) && self.shared.calls.as_ref().is_some_and(Calls::is_calling) {
            match self.mailbox.recv_timeout(end.saturating_duration_since(Instant::now())) {
                Ok(wake @ Wake::Answered(..)) => self.wake(wake, observer),
                Ok(_) => {}
                Err(_) => return,
            }
        }
    }
}

impl Device {
    /// A call was answered, or not.
    pub(super) fn answered(
        &mut self,
        id: CallId,
        result: Result<Answer, FetchError>,
        shared: &mut Shared,
        observer: &mut Observer<'_>,
    ) {
        let Some(calls) = &mut shared.calls else { return };
        calls.ended();
        let reached = match &result {
            Ok(answer) => calls.believed(answer).map_err(|error| error.to_string()),
            Err(error) => Err(error.to_string()),
        };
        if reached.is_ok() && !self.online {
            self.online = true;
            self.tell(&AgentEvent::Online, observer);
        }
        match (id, &reached) {
            (CallId::Updater(request), _) => self.give(Input::Answered(request, result), shared, observer),
            (CallId::Probe, Err(reason)) => self.probe_failed(reason, shared, observer),
            (CallId::Probe, Ok(())) => {}
        }
        match reached {
            Ok(()) => self.reached(shared, observer),
            Err(reason) => {
                self.online = false;
                // The updater knows already when it tries again.
                let due = self.updater.poll_timeout().map(|due| shared.clock.until(due));
                let retry_after_ms = due.map_or(0, millis);
                self.tell(&AgentEvent::Offline { reason, retry_after_ms }, observer);
            }
        }
    }
}
