//! Who is connected: one place a device, in a session of its own or behind a gateway's; the newest wins.

use std::{
    borrow::Borrow,
    collections::{HashMap, HashSet},
    hash::{BuildHasher, Hash, Hasher, RandomState},
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicUsize, Ordering},
    },
};

use otaru_wire::{DeviceId, GatewayRefusal, Instant, mqtt::Message};

use super::handle::{Handle, Leave, lock};

/// Locks that share the devices among them; a power of two.
const SHARDS: usize = 64;

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
    /// Hands a message to a device's session, or to that of the gateway it is behind.
    pub fn deliver(&self, device: &DeviceId, message: Message) -> Delivery {
        match self.find(device) {
            Some(handle) => handle.push(message),
            None => Delivery::Offline,
        }
    }

    /// Is the device connected to this node, by itself or behind a gateway?
    pub fn is_connected(&self, device: &DeviceId) -> bool {
        self.find(device).is_some()
    }

    /// How many sessions this node holds.
    pub fn count(&self) -> usize {
        self.inner.count.load(Ordering::Relaxed)
    }

    /// Ends a device's session, if it has one (its secret was changed or it was deleted). One behind a gateway is logged
    /// out; the gateway stays.
    pub fn close(&self, device: &DeviceId) {
        let mut shard = self.inner.shard(device);
        if let Some(own) = shard.own.get(device) {
            own.0.leave(Leave::Closed);
        }
        shard.leave_gateway(device);
    }

    /// Lets a device in behind a gateway that is connected; whatever place it had before is given up. Whether the device
    /// belongs there is for the caller to know.
    ///
    /// # Errors
    /// [`GatewayRefusal`]: the gateway is not connected, or speaks for as many devices as one may.
    pub fn log_in_behind(&self, gateway: &DeviceId, device: &DeviceId) -> Result<(), GatewayRefusal> {
        if gateway == device {
            return Err(GatewayRefusal::Itself);
        }
        let handle = self.session_of(gateway).ok_or(GatewayRefusal::Unavailable)?;
        let mut shard = self.inner.shard(device);
        handle.take_behind(device)?;
        let former = shard.behind.insert(device.clone(), Arc::clone(&handle));
        if let Some(former) = former.filter(|former| !Arc::ptr_eq(former, &handle)) {
            former.drop_behind(device);
        }
        if let Some(own) = shard.own.take(device) {
            self.inner.count.fetch_sub(1, Ordering::Relaxed);
            own.0.leave(Leave::Replaced);
        }
        Ok(())
    }

    /// Logs a device out that is behind this gateway; false if it is not.
    pub fn log_out_behind(&self, gateway: &DeviceId, device: &DeviceId) -> bool {
        let mut shard = self.inner.shard(device);
        let is_there = shard.behind.get(device).is_some_and(|handle| handle.admitted.device == *gateway);
        if is_there {
            shard.leave_gateway(device);
        }
        is_there
    }

    /// Has this device logged in through this gateway's session?
    pub fn speaks_for(&self, gateway: &DeviceId, device: &DeviceId) -> bool {
        self.session_of(gateway).is_some_and(|handle| handle.speaks_for(device))
    }

    /// Takes the device's place; whoever had it is told to leave.
    pub(super) fn enter(&self, handle: Arc<Handle>) {
        let mut shard = self.inner.shard(&handle.admitted.device);
        shard.leave_gateway(&handle.admitted.device);
        match shard.own.replace(ByDevice(handle)) {
            Some(old) => old.0.leave(Leave::Replaced),
            None => {
                self.inner.count.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    /// Gives the place up, and those of the devices behind it; gives the devices that are gone now. The device itself is
    /// not among them if it has taken another place since.
    pub(super) fn exit(&self, handle: &Arc<Handle>) -> Vec<DeviceId> {
        let mut gone = handle.end();
        gone.retain(|device| {
            let mut shard = self.inner.shard(device);
            let ours = shard.behind.get(device).is_some_and(|entry| Arc::ptr_eq(entry, handle));
            ours && shard.behind.remove(device).is_some()
        });
        let device = &handle.admitted.device;
        let mut shard = self.inner.shard(device);
        if shard.own.get(device).is_some_and(|entry| Arc::ptr_eq(&entry.0, handle)) {
            shard.own.remove(device);
            self.inner.count.fetch_sub(1, Ordering::Relaxed);
            gone.push(device.clone());
        }
        gone
    }

    /// Tells every device whose deadline has passed to leave; gives how many are connected behind gateways.
    pub(super) fn sweep(&self, now: Instant) -> usize {
        let mut behind = 0;
        for shard in self.inner.shards.iter().map(lock) {
            behind += shard.behind.len();
            for entry in &shard.own {
                if entry.0.deadline.load(Ordering::Relaxed) <= now.0 {
                    entry.0.leave(Leave::Silent);
                }
            }
        }
        behind
    }

    /// Tells every device to leave.
    pub(super) fn stop(&self) {
        for shard in &self.inner.shards {
            for entry in &lock(shard).own {
                entry.0.leave(Leave::Stopping);
            }
        }
    }

    /// The session that a device is reached by.
    fn find(&self, device: &DeviceId) -> Option<Arc<Handle>> {
        let shard = self.inner.shard(device);
        let own = shard.own.get(device).map(|entry| &entry.0);
        own.or_else(|| shard.behind.get(device)).cloned()
    }

    /// The device's own session.
    fn session_of(&self, device: &DeviceId) -> Option<Arc<Handle>> {
        self.inner.shard(device).own.get(device).map(|entry| Arc::clone(&entry.0))
    }
}

struct Inner {
    shards: [Mutex<Shard>; SHARDS],
    hasher: RandomState,
    count: AtomicUsize,
}

/// Where some of the devices are: each has at most one place. Locked before a handle's own lock, never after.
#[derive(Default)]
struct Shard {
    own: HashSet<ByDevice>,
    /// The gateway's session that a device behind it is reached by.
    behind: HashMap<DeviceId, Arc<Handle>>,
}

impl Shard {
    fn leave_gateway(&mut self, device: &DeviceId) {
        if let Some(gateway) = self.behind.remove(device) {
            gateway.drop_behind(device);
        }
    }
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
    fn shard(&self, device: &DeviceId) -> MutexGuard<'_, Shard> {
        let at = usize::try_from(self.hasher.hash_one(device) % SHARDS as u64).unwrap_or(0);
        lock(self.shards.get(at).unwrap_or(&self.shards[0]))
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
