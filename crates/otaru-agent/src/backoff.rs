//! Pauses between attempts to reach the platform: longer after each failure, and different on every device.

use std::time::Duration;

const FIRST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(300);
/// The least pause after a refused login: asking faster does not make it right, and may get the device banned.
const REFUSED: Duration = Duration::from_secs(30);

/// Why the last attempt failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Setback {
    /// The way to the platform, or the platform, is not there.
    Unreachable,
    /// The platform does not want this device.
    Refused,
}

/// Doubles from one second to five minutes, each pause spread by ±50 %, so that a fleet that lost its platform at
/// one moment does not come back at one moment.
#[derive(Debug)]
pub(crate) struct Backoff {
    failures: u32,
    random: u64,
}

impl Backoff {
    /// `seed` is to differ between devices.
    pub(crate) fn new(seed: u64) -> Self {
        Self { failures: 0, random: seed | 1 }
    }

    /// The pause after one more failure.
    pub(crate) fn pause(&mut self, setback: Setback) -> Duration {
        let least = match setback {
            Setback::Unreachable => FIRST,
            Setback::Refused => REFUSED,
        };
        let doubled = FIRST.saturating_mul(1 << self.failures.min(16)).clamp(least, LONGEST);
        self.failures = self.failures.saturating_add(1);
        let half = doubled / 2;
        let spread = u64::try_from(doubled.as_millis()).unwrap_or(u64::MAX).max(1);
        (half + Duration::from_millis(self.next() % spread)).min(LONGEST)
    }

    /// The platform was reached and stayed.
    pub(crate) fn reset(&mut self) {
        self.failures = 0;
    }

    /// xorshift64: spreads devices, keeps no secret.
    fn next(&mut self) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_their_bound_and_start_again_after_a_reset() {
        let mut backoff = Backoff::new(42);
        for doubled in [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300] {
            let pause = backoff.pause(Setback::Unreachable);
            let bounds =
                Duration::from_millis(doubled * 500)..=LONGEST.min(Duration::from_millis(doubled * 1500));
            assert!(bounds.contains(&pause), "{doubled}: {pause:?}");
        }
        backoff.reset();
        assert!(backoff.pause(Setback::Unreachable) <= Duration::from_millis(1500));
    }

    #[test]
    fn a_refused_login_is_not_hammered() {
        for seed in 0..100 {
            assert!(Backoff::new(seed).pause(Setback::Refused) >= REFUSED / 2);
        }
    }

    #[test]
    fn devices_spread() {
        let pauses: std::collections::BTreeSet<_> =
            (0..1000).map(|seed| Backoff::new(seed * 7919 + 13).pause(Setback::Refused)).collect();
        assert!(pauses.len() > 400, "{}", pauses.len());
    }
}
