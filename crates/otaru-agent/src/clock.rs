//! The one place where this crate reads time for the updater, the session and proofs.

use std::time::{Duration, SystemTime};

use otaru_wire::Instant;

/// Milliseconds since the process began; never goes back.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock(std::time::Instant);

impl Clock {
    pub(crate) fn start() -> Self {
        Self(std::time::Instant::now())
    }

    pub(crate) fn now(self) -> Instant {
        Instant::default() + self.0.elapsed()
    }

    /// How long to wait for `deadline`; zero if it is past.
    pub(crate) fn until(self, deadline: Instant) -> Duration {
        deadline.since(self.now())
    }
}

/// Wall-clock time in seconds since 1970, as the system has it; 0 before that.
pub(crate) fn wall_s() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
