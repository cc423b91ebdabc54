//! Reports that wait: one lane for each device that has any, so that one device's reports are processed in order and
//! no device waits for another. Bounded for each device and for all.

use std::{
    collections::{HashMap, VecDeque},
    pin::pin,
    sync::{Mutex, MutexGuard, PoisonError},
};

use otaru_wire::{DeviceId, mqtt::Message};
use tokio::sync::Notify;

use super::meters;
use crate::gateway::Admitted;

/// A message that waits, and who sent it.
pub(super) struct Waiting {
    pub(super) from: Admitted,
    /// The device behind it that it may speak for in this message.
    pub(super) behind: Option<DeviceId>,
    pub(super) message: Message,
}

/// What became of a message.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Put {
    /// First of its lane: somebody has to serve the lane from now on.
    NewLane,
    /// The lane is being served.
    Queued,
    /// No room.
    Busy,
}

pub(super) struct Lanes {
    most: usize,
    most_each: usize,
    lanes: Mutex<State>,
    /// Something that was full has room again.
    room: Notify,
    /// No lane is left.
    empty: Notify,
}

#[derive(Default)]
struct State {
    waiting: usize,
    closed: bool,
    /// A lane is here for as long as it is served, also while nothing waits in it.
    lanes: HashMap<DeviceId, VecDeque<Waiting>>,
}

impl Lanes {
    pub(super) fn new(most: usize, most_each: usize) -> Self {
        Self {
            most: most.max(1),
            most_each: most_each.max(1),
            lanes: Mutex::default(),
            room: Notify::new(),
            empty: Notify::new(),
        }
    }

    pub(super) fn put(&self, from: &Admitted, behind: Option<DeviceId>, message: Message) -> Put {
        let mut state = self.lock();
        if state.closed || !self.has_room(&state, &from.device) {
            return Put::Busy;
        }
        state.waiting += 1;
        metrics::gauge!(meters::REPORTS_QUEUED).set(state.waiting as f64);
        let waiting = Waiting { from: from.clone(), behind, message };
        match state.lanes.get_mut(&from.device) {
            Some(lane) => {
                lane.push_back(waiting);
                Put::Queued
            }
            None => {
                state.lanes.insert(from.device.clone(), VecDeque::from([waiting]));
                Put::NewLane
            }
        }
    }

    /// The next of a lane; none ends the lane.
    pub(super) fn next(&self, device: &DeviceId) -> Option<Waiting> {
        let mut state = self.lock();
        let full = state.waiting >= self.most;
        let lane = state.lanes.get_mut(device)?;
        let lane_full = lane.len() >= self.most_each;
        let Some(next) = lane.pop_front() else {
            state.lanes.remove(device);
            if state.lanes.is_empty() {
                self.empty.notify_waiters();
            }
            return None;
        };
        state.waiting -= 1;
        metrics::gauge!(meters::REPORTS_QUEUED).set(state.waiting as f64);
        if full || lane_full {
            self.room.notify_waiters();
        }
        Some(next)
    }

    /// Resolves when there is room for the device. Never, once the lanes are closed.
    pub(super) async fn ready(&self, device: &DeviceId) {
        loop {
            let mut room = pin!(self.room.notified());
            room.as_mut().enable();
            {
                let state = self.lock();
                if !state.closed && self.has_room(&state, device) {
                    return;
                }
            }
            room.await;
        }
    }

    /// Takes no more; what waits is still served.
    pub(super) fn close(&self) {
        self.lock().closed = true;
    }

    /// Resolves when no lane is left.
    pub(super) async fn emptied(&self) {
        loop {
            let mut empty = pin!(self.empty.notified());
            empty.as_mut().enable();
            if self.lock().lanes.is_empty() {
                return;
            }
            empty.await;
        }
    }

    fn has_room(&self, state: &State, device: &DeviceId) -> bool {
        state.waiting < self.most && state.lanes.get(device).is_none_or(|lane| lane.len() < self.most_each)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.lanes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;
    use otaru_wire::{DeviceName, ProductKey, dialect::aliyun, mqtt::Qos};

    use super::*;

    fn device(name: &str) -> Admitted {
        let id = DeviceId { product: ProductKey::new("a1").unwrap(), device: DeviceName::new(name).unwrap() };
        Admitted { device: id, dialect: &aliyun::Platform }
    }

    fn message(topic: &str) -> Message {
        Message { topic: topic.into(), payload: Vec::new(), qos: Qos::AtMostOnce }
    }

    #[test]
    fn one_device_is_served_in_order_by_one_server() {
        let (lanes, d1) = (Lanes::new(10, 10), device("d1"));
        assert_eq!(lanes.put(&d1, None, message("1")), Put::NewLane);
        assert_eq!(lanes.put(&d1, None, message("2")), Put::Queued);
        assert_eq!(lanes.next(&d1.device).unwrap().message.topic, "1");
        assert_eq!(lanes.next(&d1.device).unwrap().message.topic, "2");
        assert_eq!(lanes.put(&d1, None, message("3")), Put::Queued, "the lane lives until its server leaves");
        assert_eq!(lanes.next(&d1.device).unwrap().message.topic, "3");
        assert!(lanes.next(&d1.device).is_none());
        assert_eq!(lanes.put(&d1, None, message("4")), Put::NewLane);
    }

    #[test]
    fn a_talkative_device_holds_up_only_itself() {
        let (lanes, d1, d2) = (Lanes::new(10, 2), device("d1"), device("d2"));
        lanes.put(&d1, None, message("1"));
        lanes.put(&d1, None, message("2"));
        assert_eq!(lanes.put(&d1, None, message("3")), Put::Busy);
        assert_eq!(lanes.put(&d2, None, message("1")), Put::NewLane);
        assert!(lanes.ready(&d2.device).now_or_never().is_some());
        assert!(lanes.ready(&d1.device).now_or_never().is_none());
    }

    #[tokio::test]
    async fn whoever_waits_for_room_hears_of_it() {
        let (lanes, d1, d2) = (Lanes::new(1, 1), device("d1"), device("d2"));
        lanes.put(&d1, None, message("1"));
        assert_eq!(lanes.put(&d2, None, message("1")), Put::Busy, "all of it is bounded too");
        let (_, first) = tokio::join!(lanes.ready(&d2.device), async { lanes.next(&d1.device) });
        assert!(first.is_some());
        assert_eq!(lanes.put(&d2, None, message("1")), Put::NewLane);
    }
}
