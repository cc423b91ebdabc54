//! Who is connected: one session a device, the newest wins.

use std::{
    borrow::Borrow,
    collections::{HashSet, VecDeque},
    hash::{BuildHasher, Hash, Hasher, RandomState},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
};

use otaru_wire::{DeviceId, Instant, mqtt::Message};
use tokio::sync::Notify;

use super::Admitted;

/// Locks that share the devices among them; a power of two.
const SHARDS: usize = 64;

/// Bytes that may wait in one device's outbox, unless it is a single message.
const MAX_OUTBOX_BYTES: usize = 512 * 1024;

/// Writes to devices that are connected. Cheap to clone.
#[derive(Clone, Default)]
pub struct Sessions {
    inner: Arc<Inner>,
}

/// What became of a message to a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivery {
    /// In the device's outbox; it goes out now.
    Queued,
    /// The device is not connected to this node.
    Offline,
    /// The device does not take what it was sent before; its Task will be told again later.
    Full,
}

impl Sessions {
    /// Hands a message to a device's session.
    pub fn deliver(&self, device: &DeviceId, message: Message) -> Delivery {
        match self.find(device) {
            Some(handle) => handle.push(message),
            None => Delivery::Offline,
        }
    }

    /// Is the device connected to this node?
    pub fn is_connected(&self, device: &DeviceId) -> bool {
        self.find(device).is_some()
    }

    /// How many devices are connected to this node.
    pub fn count(&self) -> usize {
        self.inner.count.load(Ordering::Relaxed)
    }

    /// Ends a device's session, if it has one (its secret was changed or it was deleted).
    pub fn close(&self, device: &DeviceId) {
        if let Some(handle) = self.find(device) {
            handle.leave(Leave::Closed);
        }
    }

    /// Takes the device's place; whoever had it is told to leave.
    pub(super) fn enter(&self, handle: Arc<Handle>) {
        let replaced = lock(self.inner.shard(&handle.admitted.device)).replace(ByDevice(handle));
        match replaced {
            Some(old) => old.0.leave(Leave::Replaced),
            None => {
                self.inner.count.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    /// Gives the place up; false if a newer session has it.
    pub(super) fn exit(&self, handle: &Arc<Handle>) -> bool {
        let mut shard = lock(self.inner.shard(&handle.admitted.device));
        let ours = shard.get(&handle.admitted.device).is_some_and(|entry| Arc::ptr_eq(&entry.0, handle));
        if ours {
            shard.remove(&handle.admitted.device);
            self.inner.count.fetch_sub(1, Ordering::Relaxed);
        }
        ours
    }

    /// Tells every device whose deadline has passed to leave.
    pub(super) fn sweep(&self, now: Instant) {
        for shard in &self.inner.shards {
            for entry in lock(shard).iter() {
                if entry.0.deadline.load(Ordering::Relaxed) <= now.0 {
                    entry.0.leave(Leave::Silent);
                }
            }
        }
    }

    /// Tells every device to leave.
    pub(super) fn stop(&self) {
        for shard in &self.inner.shards {
            for entry in lock(shard).iter() {
                entry.0.leave(Leave::Stopping);
            }
        }
    }

    fn find(&self, device: &DeviceId) -> Option<Arc<Handle>> {
        lock(self.inner.shard(device)).get(device).map(|entry| Arc::clone(&entry.0))
    }
}

struct Inner {
    shards: [Mutex<HashSet<ByDevice>>; SHARDS],
    hasher: RandomState,
    count: AtomicUsize,
}

impl Default for Inner {
    fn default() -> Self {
        Self {
            shards: std::array::from_fn(|_| Mutex::default()),
            hasher: RandomState::new(),
            count: AtomicUsize::new(0),
        }
    }
}

impl Inner {
    fn shard(&self, device: &DeviceId) -> &Mutex<HashSet<ByDevice>> {
        let at = usize::try_from(self.hasher.hash_one(device) % SHARDS as u64).unwrap_or(0);
        self.shards.get(at).unwrap_or(&self.shards[0])
    }
}

/// Finds a handle by the device it names, without a second copy of the name.
struct ByDevice(Arc<Handle>);

impl Borrow<DeviceId> for ByDevice {
    fn borrow(&self) -> &DeviceId {
        &self.0.admitted.device
    }
}

impl Hash for ByDevice {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.admitted.device.hash(state);
    }
}

impl PartialEq for ByDevice {
    fn eq(&self, other: &Self) -> bool {
        self.0.admitted.device == other.0.admitted.device
    }
}

impl Eq for ByDevice {}

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
    deadline: AtomicU64,
    mail: Mutex<Mail>,
}

#[derive(Default)]
struct Mail {
    outbox: VecDeque<Message>,
    bytes: usize,
    leave: Option<Leave>,
}

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
        mail.bytes = mail.bytes.saturating_sub(message.topic.len() + message.payload.len());
        if mail.outbox.is_empty() {
            // An idle device holds nothing.
            mail.outbox = VecDeque::new();
        }
        Some(message)
    }

    fn push(&self, message: Message) -> Delivery {
        let mut mail = lock(&self.mail);
        if mail.leave.is_some() {
            return Delivery::Offline;
        }
        let bytes = mail.bytes + message.topic.len() + message.payload.len();
        if mail.outbox.len() >= self.max_outbox || (!mail.outbox.is_empty() && bytes > MAX_OUTBOX_BYTES) {
            return Delivery::Full;
        }
        mail.bytes = bytes;
        mail.outbox.push_back(message);
        drop(mail);
        self.wake.notify_one();
        Delivery::Queued
    }

    fn leave(&self, why: Leave) {
        lock(&self.mail).leave.get_or_insert(why);
        self.wake.notify_one();
    }
}

/// A panic elsewhere must not take the gateway down: nothing here is left half done while a lock is held.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
