//! What the answer to a call tells of the way to the platform, beside what it tells the updater.

use otaru_core::{FetchError, Input};
use otaru_wire::http::Answer;

use super::{
    Shared,
    device::{Device, Observer},
    millis,
};
use crate::{calls::CallId, events::AgentEvent};

impl Device {
    /// A call was answered, or not.
    pub(super) fn answered(
        &mut self,
        id: CallId,
        result: Result<Answer, FetchError>,
        shared: &mut Shared,
        observer: &mut Observer<'_>,
    ) {
        let reached = match (&result, &shared.calls) {
            (Ok(answer), Some(calls)) => calls.believed(answer).map_err(|error| error.to_string()),
            (Ok(_), None) => return,
            (Err(error), _) => Err(error.to_string()),
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
