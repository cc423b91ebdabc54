//! Pauses between tries: doubled each time, spread so that a fleet does not come back at the same moment.

use core::time::Duration;

/// Spreads pauses by a small generator of its own (SplitMix64), seeded from outside. Keeps no secret.
#[derive(Debug)]
pub struct Spread(u64);

impl Spread {
    /// `seed` is to differ between devices.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The pause before try `failures` + 1 after so many failures: `first`, doubled with each further failure up to
    /// `longest`, then ±50 %. Never longer than 1.5 × `longest`.
    pub fn pause(&mut self, first: Duration, longest: Duration, failures: u32) -> Duration {
        let doubled = first.saturating_mul(1_u32.checked_shl(failures.saturating_sub(1)).unwrap_or(u32::MAX));
        let base = doubled.min(longest);
        base / 2 + base.mul_f64(self.unit())
    }

    /// A number from 0 to below 1.
    fn unit(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^= z >> 31;
        (z >> 11) as f64 / (1_u64 << 53) as f64
    }
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use super::*;

    const FIRST: Duration = Duration::from_secs(1);
    const LONGEST: Duration = Duration::from_secs(300);

    #[test]
    fn pauses_double_up_to_the_longest_and_spread_by_half() {
        for seed in 0..200 {
            let mut spread = Spread::new(seed);
            for failures in 1..200 {
                let base = FIRST.saturating_mul(1 << (failures - 1).min(20)).min(LONGEST);
                let pause = spread.pause(FIRST, LONGEST, failures);
                assert!(pause >= base / 2 && pause <= base * 3 / 2, "{failures}: {pause:?} of {base:?}");
            }
        }
    }

    #[test]
    fn two_devices_do_not_come_back_together() {
        let mut pauses: Vec<_> =
            (0..1000).map(|seed| Spread::new(seed).pause(FIRST, LONGEST, 9).as_millis() / 1000).collect();
        pauses.sort_unstable();
        pauses.dedup();
        assert!(pauses.len() > 150, "1000 devices fall on {} of 256 seconds", pauses.len());
    }
}
