//! A bound on the bytes per second of downloads.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

/// How far the bytes may run ahead after a quiet while.
const BURST: Duration = Duration::from_millis(250);

/// Spreads bytes over time. Clones share one bound.
#[derive(Debug, Clone)]
pub(crate) struct Pace {
    bytes_per_second: u64,
    /// When all bytes spent so far are paid for.
    paid: Arc<Mutex<Instant>>,
}

impl Pace {
    pub(crate) fn new(bytes_per_second: u64, now: Instant) -> Self {
        Self { bytes_per_second: bytes_per_second.max(1), paid: Arc::new(Mutex::new(now)) }
    }

    /// The most bytes to take at once, so that a slow pace shows as small steps and not as long silence.
    pub(crate) fn step(&self, most: usize) -> usize {
        usize::try_from(self.bytes_per_second / 4).unwrap_or(usize::MAX).clamp(1, most)
    }

    /// Spends bytes; gives how long to wait before the next.
    pub(crate) fn spend(&self, bytes: usize, now: Instant) -> Duration {
        let earliest = now.checked_sub(BURST).unwrap_or(now);
        let nanos = (bytes as u128) * 1_000_000_000 / u128::from(self.bytes_per_second);
        let price = Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX / 4));
        let mut paid = self.paid.lock().unwrap_or_else(PoisonError::into_inner);
        *paid = (*paid).max(earliest) + price;
        paid.saturating_duration_since(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_holds_the_bytes_of_a_second_and_at_most_one_burst_more() {
        let start = Instant::now();
        let pace = Pace::new(10_000, start);
        let mut now = start;
        let mut bytes = 0;
        while now < start + Duration::from_secs(10) {
            let step = pace.step(65_536);
            assert_eq!(step, 2_500);
            bytes += step;
            now += pace.spend(step, now);
        }
        assert!((100_000..=105_000).contains(&bytes), "{bytes}");
        // An hour of silence is not a debt that the server has to pay back at once.
        now += Duration::from_secs(3600);
        assert_eq!(pace.spend(2_500, now), Duration::ZERO);
        assert_eq!(pace.spend(2_500, now), Duration::from_millis(250));
    }

    #[test]
    fn clones_share_one_bound() {
        let start = Instant::now();
        let (one, other) = (Pace::new(10_000, start), Pace::new(10_000, start));
        let both = [one.clone(), one];
        for pace in both.iter().cycle().take(8) {
            pace.spend(2_500, start);
        }
        assert!(both[0].spend(2_500, start) >= Duration::from_secs(2));
        assert!(other.spend(2_500, start) < Duration::from_secs(1), "and others do not");
    }

    #[test]
    fn the_slowest_pace_still_moves() {
        let pace = Pace::new(1, Instant::now());
        assert_eq!(pace.step(65_536), 1);
    }
}
