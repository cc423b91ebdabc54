//! The points in time the updater waits for, by name.

use alloc::vec::Vec;

use otaru_wire::Instant;

/// What a time is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Timer {
    /// When to ask the user again, who postponed.
    Ask,
    /// When to try again what failed: a fetch, or a query for a fresh link.
    Retry,
    /// When a fetch that stays silent counts as broken.
    Stall,
    /// When a query for a fresh link counts as lost.
    Link,
    /// When to save the Record again that could not be saved.
    Save,
    /// When a slot that does not answer counts as broken.
    Answer,
    /// When to reboot again, since nothing came of it.
    Reboot,
    /// When to check again whether the new slot works.
    Health,
    /// When a Trial that has not passed goes back to the old slot.
    Trial,
    /// When an offer that failed may be taken again.
    Hold,
    /// When a query for a Config counts as lost.
    ConfigQuery,
    /// When a Config's fetch counts as broken, is tried again, or the user has had it for too long.
    Config,
    /// When a call counts as lost; with none under way, when the next may be made after one that failed.
    Call,
    /// When to ask a platform again that is asked by calls.
    Poll,
}

const ALL: [Timer; 14] = [
    Timer::Ask,
    Timer::Retry,
    Timer::Stall,
    Timer::Link,
    Timer::Save,
    Timer::Answer,
    Timer::Reboot,
    Timer::Health,
    Timer::Trial,
    Timer::Hold,
    Timer::ConfigQuery,
    Timer::Config,
    Timer::Call,
    Timer::Poll,
];

/// When each timer ends, if it runs.
#[derive(Debug, Default)]
pub(crate) struct Timers([Option<Instant>; ALL.len()]);

impl Timers {
    pub(crate) fn set(&mut self, timer: Timer, at: Instant) {
        if let Some(slot) = self.0.get_mut(timer as usize) {
            *slot = Some(at);
        }
    }

    pub(crate) fn clear(&mut self, timer: Timer) {
        if let Some(slot) = self.0.get_mut(timer as usize) {
            *slot = None;
        }
    }

    /// Stops every timer that belongs to the Task in hand.
    pub(crate) fn clear_task(&mut self) {
        for timer in ALL {
            let of_task = [
                Timer::Ask,
                Timer::Retry,
                Timer::Stall,
                Timer::Link,
                Timer::Reboot,
                Timer::Health,
                Timer::Trial,
            ];
            if of_task.contains(&timer) {
                self.clear(timer);
            }
        }
    }

    pub(crate) fn clear_all(&mut self) {
        *self = Self::default();
    }

    /// When this one ends, if it runs.
    pub(crate) fn end(&self, timer: Timer) -> Option<Instant> {
        self.0.get(timer as usize).copied().flatten()
    }

    /// The earliest end.
    pub(crate) fn next(&self) -> Option<Instant> {
        self.0.iter().flatten().min().copied()
    }

    /// The timers that have ended, earliest first.
    pub(crate) fn ended(&self, now: Instant) -> Vec<Timer> {
        let running = ALL.into_iter().zip(&self.0).filter_map(|(timer, at)| Some(((*at)?, timer)));
        let mut ended: Vec<_> = running.filter(|(at, _)| *at <= now).collect();
        ended.sort_by_key(|(at, _)| *at);
        ended.into_iter().map(|(_, timer)| timer).collect()
    }

    /// Takes this timer if it has ended.
    pub(crate) fn take(&mut self, timer: Timer, now: Instant) -> bool {
        let ended = self.end(timer).is_some_and(|at| at <= now);
        if ended {
            self.clear(timer);
        }
        ended
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timers_end_in_the_order_of_their_times() {
        let mut timers = Timers::default();
        for (place, timer) in ALL.into_iter().enumerate() {
            assert_eq!(timer as usize, place, "the table is in the order of the names");
        }
        timers.set(Timer::Stall, Instant(7));
        timers.set(Timer::Hold, Instant(5));
        assert_eq!(timers.next(), Some(Instant(5)));
        assert_eq!(timers.ended(Instant(4)), []);
        assert_eq!(timers.ended(Instant(9)), [Timer::Hold, Timer::Stall]);
        assert!(timers.take(Timer::Hold, Instant(9)) && !timers.take(Timer::Hold, Instant(9)));
        timers.clear_task();
        assert!(!timers.take(Timer::Stall, Instant(9)), "it was stopped meanwhile");
    }
}
