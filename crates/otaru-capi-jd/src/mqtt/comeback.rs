//! When a session that was lost is tried again.

use std::time::Duration;

use otaru_agent::pieces::{Backoff, Setback};
use otaru_capi::OpenError;
use otaru_wire::{
    Instant,
    mqtt::{CloseReason, Refusal},
};

/// A session that held this long was a real one: the next loss starts the pauses anew. Two devices with one login throw each other
/// out, and are not to do so without a pause.
const STEADY: Duration = Duration::from_secs(10);

pub(super) struct Comeback {
    backoff: Backoff,
    up_since: Instant,
    due: Instant,
}

impl Comeback {
    /// For a session that is up. `seed` is to differ between devices.
    pub(super) fn new(seed: u64, now: Instant) -> Self {
        Self { backoff: Backoff::new(seed), up_since: now, due: now }
    }

    /// When the next try is.
    pub(super) fn due(&self) -> Instant {
        self.due
    }

    /// The session is lost.
    pub(super) fn lost(&mut self, now: Instant) {
        if now.since(self.up_since) >= STEADY {
            self.backoff.reset();
        }
        self.due = now + self.backoff.pause(Setback::Unreachable);
    }

    /// A try is made.
    pub(super) fn tried(&mut self, now: Instant, opened: &Result<(), OpenError>) {
        let setback = match opened {
            Ok(()) => {
                self.up_since = now;
                return;
            }
            Err(OpenError::Closed(CloseReason::Refused(refusal))) if *refusal != Refusal::Unavailable => {
                Setback::Refused
            }
            Err(_) => Setback::Unreachable,
        };
        self.due = now + self.backoff.pause(setback);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pause(comeback: &Comeback, now: Instant) -> Duration {
        comeback.due().since(now)
    }

    #[test]
    fn a_device_that_is_thrown_out_again_and_again_waits_longer_each_time() {
        let mut now = Instant::default();
        let mut comeback = Comeback::new(7, now);
        for doubled in [1, 2, 4, 8, 16, 32] {
            comeback.lost(now);
            let bounds = Duration::from_millis(doubled * 500)..=Duration::from_millis(doubled * 1500);
            assert!(bounds.contains(&pause(&comeback, now)), "{doubled}");
            now = comeback.due();
            comeback.tried(now, &Ok(()));
        }
    }

    #[test]
    fn a_session_that_held_starts_the_pauses_anew() {
        let mut now = Instant::default();
        let mut comeback = Comeback::new(7, now);
        for _ in 0..10 {
            comeback.tried(now, &Err(OpenError::TimedOut));
        }
        comeback.tried(now, &Ok(()));
        now = now + STEADY;
        comeback.lost(now);
        assert!(pause(&comeback, now) <= Duration::from_millis(1500));
    }

    #[test]
    fn a_refused_login_is_not_hammered() {
        let now = Instant::default();
        let refused = Err(OpenError::Closed(CloseReason::Refused(Refusal::BadLogin)));
        let mut comeback = Comeback::new(7, now);
        comeback.tried(now, &refused);
        assert!(pause(&comeback, now) >= Duration::from_secs(15));
    }
}
