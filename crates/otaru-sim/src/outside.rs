//! Everything that is not a device: the clock, the queue of what is to come, chance, platform and file server.

use std::collections::{BTreeMap, HashMap, VecDeque};

use otaru_core::{Input, RequestId};
use otaru_wire::{DeviceId, Module, dialect::PlatformHalf, http::Call, mqtt::Message};

use crate::{flash::Files, platform::Platform, rng::Rng, server::Server, weather::Weather};

/// Something that will happen.
#[derive(Debug)]
pub(crate) enum Happening {
    /// An input for the device, if it still is in that start. Bodies tell which generation of the server's file
    /// they are from.
    Input { device: usize, boot: u32, input: Input, generation: u64 },
    /// A device's message reaches the platform. QoS 1 has a number until it is acknowledged.
    Up { device: usize, session: u32, number: Option<u64>, message: Message },
    /// A platform's message reaches the device.
    Down { device: usize, session: u32, message: Message },
    /// A device's call reaches the platform. Its answer is for that start alone.
    Call { device: usize, boot: u32, request: RequestId, call: Call },
    /// A session comes up.
    Connect { device: usize, boot: u32 },
    /// The device notices that its session is gone.
    Noticed { device: usize, session: u32 },
    /// Power is back.
    PowerOn { device: usize },
    /// The operator looks at the tasks.
    Operator,
}

/// The world around the devices.
pub(crate) struct Outside {
    /// Milliseconds.
    pub(crate) now: u64,
    pub(crate) rng: Rng,
    pub(crate) weather: Weather,
    pub(crate) platform: Platform,
    pub(crate) server: Server,
    /// Every image there is, by module and version.
    pub(crate) images: HashMap<(Module, String), Files>,
    /// Outputs done, inputs given and writes within a save: the places where the power can go.
    pub(crate) steps: u64,
    /// The steps that write: to a slot, to the Record or to a marker.
    pub(crate) writes: Vec<u64>,
    /// The power goes at these steps, in order.
    pub(crate) cuts: VecDeque<u64>,
    /// Answers to requests for blocks that come behind the next one.
    pub(crate) held_blocks: HashMap<DeviceId, Vec<Message>>,
    /// Power cuts that happened.
    pub(crate) cut: u64,
    queue: BTreeMap<(u64, u64), Happening>,
    queued: u64,
}

impl Outside {
    pub(crate) fn new(rng: Rng, weather: Weather, half: &'static dyn PlatformHalf) -> Self {
        Self {
            now: 1000,
            rng,
            weather,
            platform: Platform::new(half),
            server: Server::default(),
            images: HashMap::new(),
            steps: 0,
            writes: Vec::new(),
            cuts: VecDeque::new(),
            cut: 0,
            held_blocks: HashMap::new(),
            queue: BTreeMap::new(),
            queued: 0,
        }
    }

    pub(crate) fn at(&mut self, at: u64, happening: Happening) {
        self.queued += 1;
        self.queue.insert((at.max(self.now), self.queued), happening);
    }

    /// When the next thing happens.
    pub(crate) fn next_at(&self) -> Option<u64> {
        self.queue.first_key_value().map(|((at, _), _)| *at)
    }

    pub(crate) fn take(&mut self) -> Option<Happening> {
        self.queue.pop_first().map(|(_, happening)| happening)
    }

    /// True if a fault of that chance strikes now.
    pub(crate) fn strikes(&mut self, chance: impl Fn(&Weather) -> u32) -> bool {
        let chance = if self.calm() { 0 } else { chance(&self.weather) };
        self.rng.per_mille(chance)
    }

    /// True once all faults have stopped.
    pub(crate) fn calm(&self) -> bool {
        self.now >= self.weather.until_ms
    }

    /// Counts a step that writes. True if the power goes right before it.
    pub(crate) fn write(&mut self) -> bool {
        self.writes.push(self.steps);
        self.step()
    }

    /// Counts a step. True if the power goes right before it.
    pub(crate) fn step(&mut self) -> bool {
        let step = self.steps;
        self.steps += 1;
        let cut = if self.cuts.front() == Some(&step) {
            self.cuts.pop_front();
            true
        } else {
            self.strikes(|weather| weather.power)
        };
        self.cut += u64::from(cut);
        cut
    }
}
