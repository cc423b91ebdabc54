//! What keeps the session: taking what comes, and connecting again.

use std::time::{Duration, Instant};

use otaru_capi::{Target, lock};
use otaru_wire::mqtt::{ClientEvent, Ticket};

use super::Client;
use crate::{
    hal,
    log::{Level, log},
    mqtt::event::Happening,
};

/// The longest time without a look at the session's clock.
const TICK: Duration = Duration::from_millis(200);
/// The pauses between two connections afterwards: doubled from the first to the longest.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

impl Client {
    /// Takes what comes and does what is due for at most `patience`, or until something happens. Calls no callback.
    pub(crate) fn pump(&self, patience: Duration) {
        let wait = patience.min(TICK);
        self.session.timer();
        if !self.session.is_up() {
            self.reconnect(wait);
        }
        match self.session.receive(wait) {
            Ok(Some(event)) => self.take(event),
            Ok(None) => {}
            // Nobody waits on a session that is not there; the pause is what the caller wanted.
            Err(_) if self.session.is_up() || self.has_ended() => {}
            Err(_) => {
                self.gone();
                hal::sleep_ms(u32::try_from(wait.as_millis()).unwrap_or(u32::MAX));
            }
        }
    }

    /// Keeps the session alive for a program that is busy with something else; callbacks are called later.
    pub(crate) fn tend(&self) {
        self.pump(Duration::ZERO);
        self.drain();
    }

    /// Takes all that came already.
    pub(super) fn drain(&self) {
        self.session.timer();
        while let Ok(Some(event)) = self.session.receive(Duration::ZERO) {
            self.take(event);
        }
    }

    fn take(&self, event: ClientEvent) {
        match event {
            ClientEvent::Message(message) => {
                let ours = self.hear(&message);
                // What is about updates is told only to those who subscribed to just that.
                if !ours || !self.callbacks(&message).is_empty() {
                    self.happened(Happening::Received(message));
                }
            }
            ClientEvent::Acknowledged(ticket) => self.published(ticket, true),
            ClientEvent::NotAccepted(ticket, _) => self.published(ticket, false),
            ClientEvent::Subscribed { filter, granted } => {
                let id = lock(&self.state).subscriptions.answered(&filter, granted);
                if let Some(id) = id {
                    self.happened(Happening::Subscribed { id, granted });
                }
            }
            ClientEvent::Unsubscribed { filter } => {
                let id = lock(&self.state).subscriptions.removed(&filter);
                if let Some(id) = id {
                    self.happened(Happening::Unsubscribed { id });
                }
            }
            ClientEvent::Closed(reason) => {
                log(Level::Warning, format_args!("the session is lost: {reason:?}"));
                self.gone();
            }
            ClientEvent::Connected | ClientEvent::Alive => {}
        }
    }

    fn published(&self, ticket: Ticket, accepted: bool) {
        let id = {
            let mut state = lock(&self.state);
            let place = state.published.iter().position(|(known, _)| *known == ticket);
            place.map(|place| state.published.remove(place).1)
        };
        if let Some(id) = id {
            self.happened(Happening::Published { id, accepted });
        }
    }

    /// The connection is lost: it is tried again after a pause.
    fn gone(&self) {
        let mut state = lock(&self.state);
        if !std::mem::replace(&mut state.up, false) {
            return;
        }
        state.retry = Some((Instant::now() + FIRST_PAUSE, FIRST_PAUSE));
        let (subscribing, ending) = state.subscriptions.lost();
        state.happenings.extend(subscribing.into_iter().map(|id| Happening::SubscribingTimedOut { id }));
        state.happenings.extend(ending.into_iter().map(|id| Happening::UnsubscribingTimedOut { id }));
        state.happenings.push_back(Happening::Disconnected);
    }

    /// Opens the session again, if it is time.
    fn reconnect(&self, patience: Duration) {
        if self.has_ended() {
            return;
        }
        self.gone();
        let pause = match lock(&self.state).retry {
            Some((due, pause)) if due <= Instant::now() => pause,
            _ => return,
        };
        let target =
            Target { connect_timeout: self.target.connect_timeout.max(patience), ..self.target.clone() };
        match self.session.open(&target) {
            Ok(()) => self.opened(),
            Err(error) => {
                log(Level::Warning, format_args!("no session yet: {error:?}"));
                let next = (pause * 2).min(LONGEST_PAUSE);
                lock(&self.state).retry = Some((Instant::now() + next, next));
            }
        }
    }

    /// The session is up again: subscriptions are made anew, because it is a clean one.
    fn opened(&self) {
        let filters = {
            let mut state = lock(&self.state);
            state.up = true;
            state.retry = None;
            state.happenings.push_back(Happening::Reconnected);
            state.subscriptions.remote()
        };
        for (filter, qos) in filters {
            if let Err(error) = self.session.subscribe(&filter, qos) {
                log(Level::Warning, format_args!("not subscribed again: {error}"));
            }
        }
        if let Some(listener) = self.listener() {
            listener.reconnected();
        }
    }
}
