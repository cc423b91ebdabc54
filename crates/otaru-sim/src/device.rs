//! One device: otaru-core's updater, and a doer for it whose sockets, flash and boot loader are simulated.

mod calls;
mod doing;
mod link;

use std::collections::HashMap;

use otaru_core::{HealthVerdict, Input, Output, Policy, Record, RequestId, Updater, UpdaterOptions};
use otaru_wire::{DeviceId, Instant, Module, Version, dialect::onenet::Generation};

use crate::{
    boot::{self, Copies, Marker},
    flash::Flash,
    form::Form,
    outside::{Happening, Outside},
    planted::Planted,
    violation::Violation,
    watch::Watch,
};
use link::Link;

/// What a device is made with.
pub(crate) struct DeviceOptions {
    pub(crate) index: usize,
    pub(crate) id: DeviceId,
    pub(crate) policy: Policy,
    /// Bytes that the other slot's files hold before anything is prepared.
    pub(crate) remains: usize,
    /// Starts that a Trial gets.
    pub(crate) tries: u32,
    pub(crate) planted: Option<Planted>,
    pub(crate) form: Form,
    pub(crate) seed: u64,
}

/// One device.
pub(crate) struct Device {
    options: DeviceOptions,
    /// None while the power is off.
    updater: Option<Updater>,
    /// Numbers the starts: answers to an earlier one never come.
    boot: u32,
    link: Link,
    flash: Flash,
    copies: Copies,
    markers: Vec<Marker>,
    prepared: Option<(Module, u64)>,
    fetch: Option<RequestId>,
    /// Answers of slot and store come in order.
    answers_at: u64,
    /// Which generation of the server's file the body being handled is from.
    generation: u64,
    stored_since_boot: bool,
    first_links: HashMap<usize, String>,
    pub(crate) watch: Watch,
}

/// Whether a device goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flow {
    On,
    PowerLost,
}

impl Device {
    /// A device that runs the first images in slot `false`; the other slot holds remains of something longer.
    pub(crate) fn new(options: DeviceOptions, outside: &Outside, running: &[(Module, Version)]) -> Self {
        let mut flash = Flash::default();
        let mut markers = Vec::new();
        for (module, version) in running {
            let image = outside.images.get(&(module.clone(), version.to_string()));
            flash.burn(module, false, image.cloned().unwrap_or_default());
            flash.burn(module, true, vec![vec![0xee; options.remains]; 3]);
            let (module, version) = (module.clone(), version.clone());
            markers.push(Marker { module, slot: false, version, trial: None, fell_back: false });
        }
        let watch = Watch::new(options.form.generation().is_some());
        Self {
            options,
            updater: None,
            boot: 0,
            link: Link::default(),
            flash,
            copies: Copies::default(),
            markers,
            prepared: None,
            fetch: None,
            answers_at: 0,
            generation: 0,
            stored_since_boot: false,
            first_links: HashMap::new(),
            watch,
        }
    }

    pub(crate) fn id(&self) -> &DeviceId {
        &self.options.id
    }

    /// False where the platform only answers.
    fn has_session(&self) -> bool {
        self.options.form.generation() != Some(Generation::Token)
    }

    fn planted(&self, fault: Planted) -> bool {
        self.options.planted == Some(fault)
    }

    /// When the updater wants to be woken, in milliseconds.
    pub(crate) fn wakes_at(&self) -> Option<u64> {
        let at = self.updater.as_ref()?.poll_timeout()?;
        (!self.planted(Planted::NoTimer)).then_some(at.0)
    }

    /// True if it runs that version, confirmed, has nothing in hand, and its session is up.
    pub(crate) fn rests_on(&self, module: &Module, version: &Version) -> bool {
        let marker = self.markers.iter().find(|marker| marker.module == *module);
        (self.link.is_up() || !self.has_session())
            && self.updater.as_ref().is_some_and(|updater| updater.task().is_none())
            && marker.is_some_and(|marker| marker.trial.is_none() && marker.version == *version)
    }

    /// What it does, for people.
    pub(crate) fn describe(&self) -> String {
        let running: Vec<_> =
            self.markers.iter().map(|marker| format!("{} {}", marker.module, marker.running().1)).collect();
        let task = self.updater.as_ref().and_then(Updater::task).map(|task| task.version.to_string());
        format!(
            "{} runs {}, has in hand {task:?}, session {}",
            self.id(),
            running.join(", "),
            self.link.is_up()
        )
    }

    /// Power comes: the boot loader's step, then a new process.
    pub(crate) fn power_on(&mut self, outside: &mut Outside) {
        if outside.write() {
            return self.off(outside); // before the markers were written
        }
        let boot = boot::start(&mut self.markers);
        self.judge_slots(outside);
        self.boot += 1;
        self.watch.booted();
        self.stored_since_boot = false;
        self.first_links.clear();
        (self.prepared, self.fetch) = (None, None);
        let record = self.copies.open().and_then(|bytes| match Record::from_bytes(&bytes) {
            Ok(record) => Some(record),
            Err(error) => {
                self.watch.broken(Violation::Misunderstood(error.to_string()));
                None
            }
        });
        let device = self.options.id.clone();
        let policy = self.options.policy.clone();
        let options =
            UpdaterOptions { device, dialect: self.options.form.dialect(), policy, seed: self.options.seed };
        self.updater = Some(Updater::new(options, record));
        if self.has_session() {
            let wait = outside.rng.between(50, 5_000);
            let (device, boot) = (self.options.index, self.boot);
            outside.at(outside.now + wait, Happening::Connect { device, boot });
        }
        if self.options.form.generation().is_some() {
            self.watch.connected(self.markers.len() as u32); // there is no session to wait for
        }
        self.give(outside, Input::Booted(boot));
    }

    /// Whatever boots must be an image of its version, and one on trial must have been proven.
    fn judge_slots(&mut self, outside: &Outside) {
        for marker in &self.markers {
            let (slot, version) = marker.running();
            let image = outside.images.get(&(marker.module.clone(), version.to_string()));
            if image != Some(&self.flash.slot(&marker.module, slot).durable) {
                self.watch.broken(Violation::BootsNeither(marker.module.to_string()));
            }
            if marker.trial.is_some() && !self.watch.proven.contains(&marker.module) {
                self.watch.broken(Violation::Unverified(marker.module.to_string()));
            }
        }
    }

    /// The power goes: unsynced bytes may be lost, the session is.
    fn off(&mut self, outside: &mut Outside) {
        self.updater = None;
        self.boot += 1;
        self.flash.power_cut(&mut outside.rng);
        self.link = Link::default().after(&self.link);
        let pause = outside.rng.between(200, 20_000);
        outside.at(outside.now + pause, Happening::PowerOn { device: self.options.index });
    }

    /// An answer or a piece of a body, if the start that asked for it still lasts.
    pub(crate) fn input(&mut self, outside: &mut Outside, boot: u32, input: Input, generation: u64) {
        if boot == self.boot {
            self.generation = generation;
            self.give(outside, input);
        }
    }

    pub(crate) fn timer(&mut self, outside: &mut Outside) {
        self.give(outside, Input::Timer);
    }

    /// Gives one input and does everything that follows from it.
    fn give(&mut self, outside: &mut Outside, input: Input) {
        if outside.step() {
            return self.off(outside);
        }
        self.watch.healthy |= matches!(input, Input::Health(HealthVerdict::Healthy));
        let Some(updater) = &mut self.updater else { return };
        if let Err(error) = updater.handle(Instant(outside.now), input) {
            self.watch.broken(Violation::Misunderstood(error.to_string()));
        }
        while let Some(output) = self.updater.as_mut().and_then(Updater::poll) {
            let cut = if writes(&output) { outside.write() } else { outside.step() };
            if cut || self.perform(outside, output) == Flow::PowerLost {
                return self.off(outside);
            }
        }
        self.watch.drained();
    }

    /// An answer of slot, store or marker, after those asked for before.
    fn answer(&mut self, outside: &mut Outside, input: Input) {
        let delay = outside.rng.between(0, 3);
        self.answers_at = self.answers_at.max(outside.now + delay);
        let (device, boot) = (self.options.index, self.boot);
        outside.at(self.answers_at, Happening::Input { device, boot, input, generation: 0 });
    }
}

/// True if doing this changes what a power cut leaves behind.
fn writes(output: &Output) -> bool {
    matches!(
        output,
        Output::Prepare { .. }
            | Output::Store { .. }
            | Output::Save(_)
            | Output::Activate { .. }
            | Output::Confirm(_)
            | Output::Revert(_)
            | Output::ForgetFallback(_)
    )
}
