//! Time passes: tasks come to their deadlines, and it is written down when devices were seen.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use futures_util::future::join_all;
use otaru_fleet::{Task, TaskState, Timestamp, Transition};
use otaru_wire::DeviceId;
use tokio::{sync::Notify, time::sleep};
use tracing::error;

use super::Service;
use crate::store::{Applied, StoreError};

/// Due tasks read at a time.
const CHUNK: u32 = 500;
/// The longest sleep: the wall clock may be set, and another node may have moved a deadline.
const LONGEST_SLEEP: Duration = Duration::from_secs(60);
/// How long sightings are collected before they are written down together.
const COLLECT: Duration = Duration::from_secs(2);

/// Devices with a time each, until somebody takes them. As many as there are devices at most.
#[derive(Default)]
pub(super) struct Noted {
    devices: Mutex<HashMap<DeviceId, Timestamp>>,
    first: Notify,
}

impl Noted {
    pub(super) fn note(&self, device: &DeviceId, at: Timestamp) {
        let mut devices = self.devices.lock().unwrap_or_else(PoisonError::into_inner);
        if devices.is_empty() {
            self.first.notify_one();
        }
        match devices.get_mut(device) {
            Some(noted) => *noted = at.max(*noted),
            None => {
                devices.insert(device.clone(), at);
            }
        }
    }

    /// Whatever was noted of this device is of no interest any more.
    pub(super) fn forget(&self, device: &DeviceId) {
        self.devices.lock().unwrap_or_else(PoisonError::into_inner).remove(device);
    }

    pub(super) fn of(&self, device: &DeviceId) -> Option<Timestamp> {
        self.devices.lock().unwrap_or_else(PoisonError::into_inner).get(device).copied()
    }

    /// What was noted, which stays noted until it is [`Noted::done`].
    pub(super) fn all(&self) -> Vec<(DeviceId, Timestamp)> {
        let devices = self.devices.lock().unwrap_or_else(PoisonError::into_inner);
        devices.iter().map(|(device, at)| (device.clone(), *at)).collect()
    }

    /// Forgets what was done, but for what was noted anew meanwhile.
    pub(super) fn done(&self, done: &[(DeviceId, Timestamp)]) {
        let mut devices = self.devices.lock().unwrap_or_else(PoisonError::into_inner);
        for (device, at) in done {
            if devices.get(device) == Some(at) {
                devices.remove(device);
            }
        }
        if !devices.is_empty() {
            self.first.notify_one();
        }
    }

    fn take(&self) -> Vec<(DeviceId, Timestamp)> {
        std::mem::take(&mut *self.devices.lock().unwrap_or_else(PoisonError::into_inner))
            .into_iter()
            .collect()
    }
}

/// When the deadlines are looked at next. Most reports do not bring that nearer, and must not cost a look.
#[derive(Default)]
pub(super) struct Alarm {
    at: Mutex<Option<Timestamp>>,
    nearer: Notify,
}

impl Alarm {
    /// There is a deadline at this time: whoever waits wakes up if it is nearer than all others.
    pub(super) fn set(&self, deadline: Timestamp) {
        if self.expect(deadline) {
            self.nearer.notify_one();
        }
    }

    /// As [`Alarm::set`], by whoever waits: wakes nobody. True if it is nearer than all others.
    fn expect(&self, deadline: Timestamp) -> bool {
        let mut at = self.at.lock().unwrap_or_else(PoisonError::into_inner);
        let nearer = at.is_none_or(|at| deadline < at);
        if nearer {
            *at = Some(deadline);
        }
        nearer
    }

    /// Wakes whoever waits, as if the clock had been set.
    #[cfg(test)]
    pub(super) fn ring(&self) {
        self.nearer.notify_one();
    }

    /// Forgets the time that was set. To be called before the deadlines are read, so that none is missed.
    fn clear(&self) {
        *self.at.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

impl Service {
    /// Does what is due as time passes: keeps the deadlines of tasks, writes down when devices were seen. Runs
    /// until [`Service::stop`], then finishes what was taken and returns.
    pub async fn run(&self) {
        tokio::join!(self.keep_deadlines(), self.write_down_seen(), self.tell_untold(), self.note_silence());
        self.drained().await;
        self.flush_seen().await;
    }

    /// Does what time asks of tasks ([`Task::on_deadline`]): fails what takes too long, is not answered or has not begun
    /// when its campaign's validity ends, and lets next attempts begin. Gives how many it changed. [`Service::run`] calls
    /// it when one is due.
    ///
    /// # Errors
    /// The store's. What was changed stays changed.
    pub async fn meet_deadlines(&self) -> Result<u64, StoreError> {
        let mut changed = 0;
        loop {
            let now = self.now();
            let due = self.store().due(now, CHUNK).await?;
            let mut decided = false;
            // Together, so that they share one flush of the disk.
            for met in join_all(due.iter().map(|task| self.meet_deadline(task, now))).await {
                match met? {
                    Some(Applied::Done) => (decided, changed) = (true, changed + 1),
                    // The device spoke in this very moment; if the task is still due, the next round sees.
                    Some(Applied::Stale) => decided = true,
                    None => {}
                }
            }
            if !decided {
                return Ok(changed);
            }
        }
    }

    async fn meet_deadline(&self, task: &Task, now: Timestamp) -> Result<Option<Applied>, StoreError> {
        let Transition::To(next) = task.on_deadline(now) else { return Ok(None) };
        let begins = next.state == TaskState::Queued && next.retry_at.is_none();
        let applied = self.apply(task, next).await?;
        // A device that is away is told as it connects.
        if begins && applied == Applied::Done && self.inner.parts.outbox.is_connected(&task.device) {
            self.inner.untold.note(&task.device, now);
        }
        Ok(Some(applied))
    }

    async fn keep_deadlines(&self) {
        if !self.pause(self.inner.parts.options.grace).await {
            return;
        }
        let mut stopping = self.inner.stopping.subscribe();
        loop {
            let wait = match self.until_next_deadline().await {
                Ok(wait) => wait,
                Err(error) => {
                    error!(%error, "failed to do what is due, will try again: {error}");
                    self.inner.parts.options.try_again_after
                }
            };
            tokio::select! {
                () = sleep(wait) => {}
                () = self.inner.alarm.nearer.notified() => {}
                _ = stopping.wait_for(|stopping| *stopping) => return,
            }
        }
    }

    /// Does what is due, and says how long nothing else will be.
    async fn until_next_deadline(&self) -> Result<Duration, StoreError> {
        self.inner.alarm.clear();
        self.meet_deadlines().await?;
        let next = self.store().next_deadline().await?;
        if let Some(next) = next {
            self.inner.alarm.expect(next);
        }
        Ok(next.map_or(LONGEST_SLEEP, |next| next.since(self.now()).min(LONGEST_SLEEP)))
    }

    async fn write_down_seen(&self) {
        while self.noted(&self.inner.seen, COLLECT).await {
            self.flush_seen().await;
        }
    }

    /// Tells devices that are connected and could not be told before, or whose next attempt begins.
    async fn tell_untold(&self) {
        while self.noted(&self.inner.untold, self.inner.parts.options.try_again_after).await {
            for (device, since) in self.inner.untold.take() {
                if let Err(error) = self.tell_all(&device).await {
                    error!(%device, %error, "failed to tell {device} what waits for it, will try again: {error}");
                    self.inner.untold.note(&device, since);
                }
            }
        }
    }

    /// Waits for the first device to be noted, and then for more; false once the service is to come to its end.
    pub(super) async fn noted(&self, noted: &Noted, collect: Duration) -> bool {
        let mut stopping = self.inner.stopping.subscribe();
        tokio::select! {
            () = noted.first.notified() => {}
            _ = stopping.wait_for(|stopping| *stopping) => return false,
        }
        self.pause(collect).await
    }

    /// What is being written down stays noted meanwhile: whether a device was seen decides whether it may register.
    pub(super) async fn flush_seen(&self) {
        let seen = self.inner.seen.all();
        if seen.is_empty() {
            return;
        }
        match self.store().seen(seen.clone()).await {
            Ok(()) => self.inner.seen.done(&seen),
            Err(error) => {
                error!(%error, "failed to write down when devices were seen, will try again: {error}");
                self.inner.seen.done(&[]);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    #[test]
    fn only_a_nearer_deadline_wakes_whoever_keeps_them() {
        let alarm = Alarm::default();
        let rings = || alarm.nearer.notified().now_or_never().is_some();
        alarm.set(Timestamp(100));
        assert!(rings());
        alarm.set(Timestamp(200));
        alarm.set(Timestamp(100));
        assert!(!rings());
        alarm.set(Timestamp(50));
        assert!(rings());
        alarm.clear();
        alarm.expect(Timestamp(100));
        assert!(!rings(), "whoever waits does not wake itself");
        alarm.set(Timestamp(70));
        assert!(rings(), "after a look every deadline counts again");
    }
}
