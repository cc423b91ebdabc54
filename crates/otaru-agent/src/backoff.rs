//! Pauses between attempts to reach the platform: longer after each failure, and different on every device.

use std::time::Duration;

use otaru_core::Spread;

const FIRST: Duration = Duration::from_secs(1);
/// The longest pause before it is spread; five minutes after that.
const LONGEST: Duration = Duration::from_secs(200);
/// The first pause after a refused login: asking faster does not make it right, and may get the device banned.
const REFUSED: Duration = Duration::from_secs(30);

/// Why the last attempt failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Setback {
    /// The way to the platform, or the platform, is not there.
    Unreachable,
    /// The platform does not want this device.
    Refused,
}

/// Doubles from one second or from half a minute, each pause spread by ±50 % up to five minutes, so that a fleet that
/// lost its platform at one moment does not come back at one moment.
#[derive(Debug)]
pub struct Backoff {
    failures: u32,
    spread: Spread,
}

impl Backoff {
    /// `seed` is to differ between devices.
    pub fn new(seed: u64) -> Self {
        Self { failures: 0, spread: Spread::new(seed) }
    }

    /// The pause after one more failure.
    pub fn pause(&mut self, setback: Setback) -> Duration {
        let first = match setback {
            Setback::Unreachable => FIRST,
            Setback::Refused => REFUSED,
        };
        self.failures = self.failures.saturating_add(1);
        self.spread.pause(first, LONGEST, self.failures)
    }

    /// The platform was reached and stayed.
    pub fn reset(&mut self) {
        self.failures = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_their_bound_and_start_again_after_a_reset() {
        let mut backoff = Backoff::new(42);
        for doubled in [1, 2, 4, 8, 16, 32, 64, 128, 200, 200] {
            let pause = backoff.pause(Setback::Unreachable);
            let bounds = Duration::from_millis(doubled * 500)..=Duration::from_millis(doubled * 1500);
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
    fn devices_spread_however_long_the_platform_is_away() {
        for failures in [1, 20] {
            let pauses: std::collections::BTreeSet<_> = (0..1000)
                .map(|seed| {
                    let mut backoff = Backoff::new(seed * 7919 + 13);
                    for _ in 1..failures {
                        backoff.pause(Setback::Refused);
                    }
                    backoff.pause(Setback::Refused).as_millis()
                })
                .collect();
            assert!(pauses.len() > 900, "{failures}: {}", pauses.len());
        }
    }
}
