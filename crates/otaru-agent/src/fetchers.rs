//! Downloads of all devices: a bounded number at a time, first come, first served.
//!
//! A Task asks for one fetch after the other and stands at the end of the line each time, so many devices take turns.
//! Whoever has to wait is told so, and told when its turn comes: meanwhile its silence is nobody's fault.

use std::{collections::VecDeque, io, sync::Arc};

use otaru_core::RequestId;

use crate::{
    http::{FetchEvent, FetchOptions, FetchRequest, Fetcher},
    number::DeviceNumber,
};

/// Whether a fetch has begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Turn {
    Now,
    Later,
}

/// Which of the fetches under way a message is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Lane(usize);

/// Hands a lane's events to the loop; false if nobody listens any more.
type Deliver = Arc<dyn Fn(Lane, FetchEvent) -> bool + Send + Sync>;

/// The threads that fetch, and who waits for one.
pub(crate) struct Fetchers {
    options: FetchOptions,
    deliver: Deliver,
    at_once: usize,
    lanes: Vec<Fetching>,
    waiting: VecDeque<(DeviceNumber, FetchRequest)>,
    last: RequestId,
}

struct Fetching {
    fetcher: Fetcher,
    serves: Option<Served>,
}

#[derive(Clone, Copy)]
struct Served {
    device: DeviceNumber,
    request: RequestId,
    /// What the thread calls it: devices number their requests alike, and what is still under way of one must not be
    /// taken for another's.
    id: RequestId,
}

impl Fetchers {
    /// Starts the first thread; more are started when they are needed, `at_once` in all.
    pub(crate) fn start(
        options: FetchOptions,
        at_once: usize,
        deliver: impl Fn(Lane, FetchEvent) -> bool + Send + Sync + 'static,
    ) -> io::Result<Self> {
        let deliver: Deliver = Arc::new(deliver);
        let (lanes, waiting, last) = (Vec::new(), VecDeque::new(), RequestId(0));
        let mut fetchers = Self { options, deliver, at_once, lanes, waiting, last };
        fetchers.add_lane()?;
        Ok(fetchers)
    }

    /// Starts a fetch, or puts it at the end of the line. A device has one at a time: an earlier one is stopped.
    pub(crate) fn fetch(&mut self, device: DeviceNumber, request: FetchRequest) -> Turn {
        self.stop_if(|it, _| it == device);
        self.waiting.push_back((device, request));
        match self.waiting.len() == 1 && self.next().is_some() {
            true => Turn::Now,
            false => Turn::Later,
        }
    }

    /// Stops a fetch, whether it has begun or not. Its lane is for [`Fetchers::next`].
    pub(crate) fn stop(&mut self, device: DeviceNumber, request: RequestId) {
        self.stop_if(|it, id| (it, id) == (device, request));
    }

    /// A device is gone, and its fetch with it.
    pub(crate) fn forget(&mut self, device: DeviceNumber) {
        self.stop_if(|it, _| it == device);
    }

    /// Starts the fetch that waits longest, if a lane is free for it.
    pub(crate) fn next(&mut self) -> Option<(DeviceNumber, RequestId)> {
        if self.waiting.is_empty() {
            return None;
        }
        let free = self.lanes.iter().position(|lane| lane.serves.is_none());
        let lane = match free {
            Some(lane) => lane,
            None if self.lanes.len() < self.at_once => {
                // Without another thread the ones that are there serve everybody.
                let added = self.add_lane().inspect_err(|error| tracing::warn!("no thread: {error}"));
                added.ok()?;
                self.lanes.len() - 1
            }
            None => return None,
        };
        let (device, request) = self.waiting.pop_front()?;
        let lane = self.lanes.get_mut(lane)?;
        self.last = RequestId(self.last.0.wrapping_add(1));
        let served = Served { device, request: request.id, id: self.last };
        lane.serves = Some(served);
        lane.fetcher.fetch(FetchRequest { id: served.id, ..request });
        Some((device, served.request))
    }

    /// Whose event it is; none if nobody waits for it any more. The buffer of a body is to be [`Fetchers::returned`].
    pub(crate) fn heard(&mut self, lane: Lane, event: FetchEvent) -> Option<(DeviceNumber, FetchEvent)> {
        let fetching = self.lanes.get_mut(lane.0)?;
        let (FetchEvent::Head(id, _) | FetchEvent::Body(id, _) | FetchEvent::Ended(id, _)) = &event;
        match (fetching.serves.filter(|served| served.id == *id), event) {
            (Some(Served { device, request, .. }), FetchEvent::Head(_, head)) => {
                Some((device, FetchEvent::Head(request, head)))
            }
            (Some(Served { device, request, .. }), FetchEvent::Body(_, bytes)) => {
                Some((device, FetchEvent::Body(request, bytes)))
            }
            (Some(Served { device, request, .. }), FetchEvent::Ended(_, result)) => {
                fetching.serves = None;
                Some((device, FetchEvent::Ended(request, result)))
            }
            (None, FetchEvent::Body(_, bytes)) => {
                fetching.fetcher.returned(bytes);
                None
            }
            (None, FetchEvent::Head(..) | FetchEvent::Ended(..)) => None,
        }
    }

    /// Gives back a body's buffer, or another in its place.
    pub(crate) fn returned(&self, lane: Lane, buffer: Vec<u8>) {
        if let Some(lane) = self.lanes.get(lane.0) {
            lane.fetcher.returned(buffer);
        }
    }

    fn add_lane(&mut self) -> io::Result<()> {
        let (deliver, lane) = (Arc::clone(&self.deliver), Lane(self.lanes.len()));
        let fetcher = Fetcher::start(self.options.clone(), move |event| deliver(lane, event))?;
        self.lanes.push(Fetching { fetcher, serves: None });
        Ok(())
    }

    fn stop_if(&mut self, which: impl Fn(DeviceNumber, RequestId) -> bool) {
        self.waiting.retain(|(device, request)| !which(*device, request.id));
        for lane in &mut self.lanes {
            if let Some(served) = lane.serves.filter(|served| which(served.device, served.request)) {
                lane.fetcher.stop(served.id);
                lane.serves = None;
            }
        }
    }
}

#[cfg(test)]
mod tests;
