//! The way to a connected device's task: its outbox, its deadline, and who it speaks for.

use std::{
    collections::{BTreeSet, VecDeque},
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use otaru_wire::{DeviceId, GatewayRefusal, Instant, MAX_SUB_DEVICES, mqtt::Message};
use tokio::sync::Notify;

use super::{Admitted, Delivery};

/// Bytes that may wait in one device's outbox, unless it is a single message.
const MAX_OUTBOX_BYTES: usize = 512 * 1024;

/// Why a session must end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Leave {
    /// A newer session of the same device took its place.
    Replaced,
    /// The operator ended it.
    Closed,
    /// It was silent for too long, or took none of the bytes sent to it.
    Silent,
    /// The gateway stops.
    Stopping,
}

impl Leave {
    /// The MQTT 5 reason code (§3.14.2.1).
    pub(super) fn code(self) -> u8 {
        match self {
            Self::Replaced => 0x8e,
            Self::Closed => 0x98,
            Self::Silent => 0x8d,
            Self::Stopping => 0x8b,
        }
    }
}

/// The way to a connected device's task.
pub(super) struct Handle {
    pub(super) admitted: Admitted,
    pub(super) wake: Notify,
    max_outbox: usize,
    /// Milliseconds on the gateway's clock; when the device counts as gone.
    pub(super) deadline: AtomicU64,
    mail: Mutex<Mail>,
}

#[derive(Default)]
struct Mail {
    outbox: VecDeque<Message>,
    leave: Option<Leave>,
    /// The session is over: nobody can log in through it any more.
    gone: bool,
    /// The devices that logged in through this one. Boxed, because most devices are no gateways.
    behind: Option<Box<Behind>>,
}

#[derive(Default)]
struct Behind(BTreeSet<DeviceId>);

impl Handle {
    pub(super) fn new(admitted: Admitted, max_outbox: usize) -> Self {
        Self {
            admitted,
            wake: Notify::new(),
            max_outbox,
            deadline: AtomicU64::new(u64::MAX),
            mail: Mutex::default(),
        }
    }

    /// `None`: it does not count as gone, however long it is silent.
    pub(super) fn set_deadline(&self, deadline: Option<Instant>) {
        self.deadline.store(deadline.map_or(u64::MAX, |deadline| deadline.0), Ordering::Relaxed);
    }

    pub(super) fn leaving(&self) -> Option<Leave> {
        lock(&self.mail).leave
    }

    /// The oldest message, if `fits` says that it can go out now.
    pub(super) fn pop(&self, fits: impl FnOnce(&Message) -> bool) -> Option<Message> {
        let mut mail = lock(&self.mail);
        if !mail.outbox.front().is_some_and(fits) {
            return None;
        }
        let message = mail.outbox.pop_front()?;
        if mail.outbox.is_empty() {
            // An idle device holds nothing.
            mail.outbox = VecDeque::new();
        }
        Some(message)
    }

    pub(super) fn push(&self, message: Message) -> Delivery {
        let mut mail = lock(&self.mail);
        if mail.leave.is_some() {
            return Delivery::Offline;
        }
        let bytes: usize = mail.outbox.iter().chain([&message]).map(size).sum();
        if mail.outbox.len() >= self.max_outbox || (!mail.outbox.is_empty() && bytes > MAX_OUTBOX_BYTES) {
            return Delivery::Full;
        }
        mail.outbox.push_back(message);
        drop(mail);
        self.wake.notify_one();
        Delivery::Queued
    }

    /// Has this device logged in through this session?
    pub(super) fn speaks_for(&self, device: &DeviceId) -> bool {
        lock(&self.mail).behind.as_ref().is_some_and(|behind| behind.0.contains(device))
    }

    /// The session speaks for this device from now on.
    pub(super) fn take_behind(&self, device: &DeviceId) -> Result<(), GatewayRefusal> {
        let mut mail = lock(&self.mail);
        if mail.gone {
            return Err(GatewayRefusal::Unavailable);
        }
        let Behind(behind) = &mut **mail.behind.get_or_insert_default();
        if behind.len() >= MAX_SUB_DEVICES && !behind.contains(device) {
            return Err(GatewayRefusal::TooMany);
        }
        behind.insert(device.clone());
        Ok(())
    }

    /// The session does not speak for this device any more.
    pub(super) fn drop_behind(&self, device: &DeviceId) {
        if let Some(behind) = &mut lock(&self.mail).behind {
            behind.0.remove(device);
        }
    }

    /// The session is over: gives the devices that it spoke for, and takes no more.
    pub(super) fn end(&self) -> Vec<DeviceId> {
        let mut mail = lock(&self.mail);
        mail.gone = true;
        mail.behind.take().map(|behind| behind.0.into_iter().collect()).unwrap_or_default()
    }

    pub(super) fn leave(&self, why: Leave) {
        lock(&self.mail).leave.get_or_insert(why);
        self.wake.notify_one();
    }
}

fn size(message: &Message) -> usize {
    message.topic.len() + message.payload.len()
}

/// A panic elsewhere must not take the gateway down: nothing here is left half done while a lock is held.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
