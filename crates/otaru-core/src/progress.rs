//! When a progress report is due: 0 first, then no more often than the policy says, 100 at the end.

use otaru_wire::Instant;

use crate::Policy;

/// The last report made.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pace {
    percent: u8,
    at: Option<Instant>,
}

impl Pace {
    /// After a report of `percent` at `now`.
    pub(crate) fn reported(percent: u8, now: Instant) -> Self {
        Self { percent, at: Some(now) }
    }

    /// Goes on at `percent`, which needs no report: it was made before, or a lower one follows.
    pub(crate) fn silent(percent: u8) -> Self {
        Self { percent, at: None }
    }

    /// True if `percent` is to be reported now; it counts as reported then. 100 is never due: bytes that are not
    /// verified are not all there.
    pub(crate) fn due(&mut self, now: Instant, percent: u8, policy: &Policy) -> bool {
        let step = policy.report_percent.max(1);
        let due = percent < 100
            && percent >= self.percent.saturating_add(step)
            && self.at.is_none_or(|at| now.since(at) >= policy.report_interval);
        if due {
            *self = Self::reported(percent, now);
        }
        due
    }
}

/// `done` of `total` in whole percent, rounded down.
pub(crate) fn percent(done: u64, total: u64) -> u8 {
    let percent = u128::from(done) * 100 / u128::from(total.max(1));
    percent.min(100) as u8
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use super::*;

    #[test]
    fn reports_keep_both_distances() {
        let policy = Policy::default();
        let mut pace = Pace::reported(0, Instant(0));
        // One percent every 100 ms: 5 % would come every 500 ms, the interval allows one a second.
        let due: Vec<u8> = (1..=100)
            .filter(|&percent| pace.due(Instant(u64::from(percent) * 100), percent, &policy))
            .collect();
        assert_eq!(due, [10, 20, 30, 40, 50, 60, 70, 80, 90]);
    }

    #[test]
    fn percent_of_huge_packages_does_not_overflow() {
        assert_eq!(percent(u64::MAX - 1, u64::MAX), 99);
        assert_eq!(percent(u64::MAX, u64::MAX), 100);
        assert_eq!(percent(0, 0), 0);
    }
}
