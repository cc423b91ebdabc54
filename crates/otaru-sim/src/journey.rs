//! Whole journeys: at random by a seed, or with the power cut at chosen steps of a clean run.

use otaru_fleet::TaskState;

use crate::{
    form::Form,
    planted::Planted,
    rng::Rng,
    violation::Violation,
    watch::Lived,
    weather::Weather,
    world::{World, WorldOptions},
};

/// What journeys took, added up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Outcome {
    /// Milliseconds of the virtual clock.
    pub virtual_ms: u64,
    /// Power cuts.
    pub cuts: u64,
    /// Bytes that the file server sent.
    pub bytes: u64,
    /// Outputs done, inputs given, and writes of a Record: the places where the power can go.
    pub steps: u64,
    /// Tasks that succeeded after an attempt had failed.
    pub tried_again: u64,
    /// What the devices lived through.
    pub lived: Lived,
}

impl std::ops::AddAssign for Outcome {
    fn add_assign(&mut self, other: Self) {
        self.virtual_ms += other.virtual_ms;
        self.cuts += other.cuts;
        self.bytes += other.bytes;
        self.steps += other.steps;
        self.tried_again += other.tried_again;
        self.lived += other.lived;
    }
}

/// A journey on which a promise did not hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{violation} (at {at_ms} ms, step {step})")]
pub struct Broken {
    /// The promise.
    pub violation: Violation,
    /// When, on the virtual clock.
    pub at_ms: u64,
    /// After so many steps.
    pub step: u64,
}

/// One journey through the weather that the seed brings: one or two devices, faults of many kinds, then a clear sky
/// under which every device must reach the target. `planted` puts a fault into the devices' doers.
///
/// # Errors
/// [`Broken`] with the first promise that did not hold.
pub fn random(form: Form, seed: u64, planted: Option<Planted>) -> Result<Outcome, Broken> {
    let mut rng = Rng::new(seed.wrapping_mul(31).wrapping_add(form as u64));
    let options = WorldOptions {
        form,
        seed,
        devices: rng.between(1, 2) as usize,
        size: rng.between(1, 30_000),
        tries: rng.between(1, 3) as u32,
        weather: Weather::of(&mut rng),
        planted,
    };
    travel(&options, &[]).map(|(outcome, _)| outcome)
}

/// One journey under a clear sky, with the power cut at these steps. The boot loader is patient (nine starts), so
/// no Task may fail, and each must end with the first try.
///
/// # Errors
/// [`Broken`] with the first promise that did not hold.
pub fn cut_at(form: Form, seed: u64, cuts: &[u64], planted: Option<Planted>) -> Result<Outcome, Broken> {
    cut(form, seed, cuts, planted).map(|(outcome, _)| outcome)
}

/// The same, with the steps that wrote.
fn cut(form: Form, seed: u64, cuts: &[u64], planted: Option<Planted>) -> Result<(Outcome, Vec<u64>), Broken> {
    let options =
        WorldOptions { form, seed, devices: 1, size: 5_000, tries: 9, weather: Weather::default(), planted };
    let (outcome, world) = travel(&options, cuts)?;
    let failed = world.outside.platform.tasks.iter().find(|task| task.state == TaskState::Failed);
    match failed.and_then(|task| task.reason.clone()) {
        Some(reason) => Err(broken(&world, Violation::Failed(reason))),
        None => Ok((outcome, world.outside.writes)),
    }
}

/// The journeys of [`cut_everywhere`], and what they took.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Cuts {
    /// With one cut: one for each step of the clean run.
    pub single: u64,
    /// With a second one: one for each write of each recovery.
    pub pairs: u64,
    /// All of them, added up.
    pub total: Outcome,
}

/// Cuts the power once before every step of a clean run, and a second time before every write of the recovery from that: to
/// a slot, to a marker, to the Record, and twice within that. What unsynced bytes become differs from cut to cut.
///
/// # Errors
/// The cuts and what they broke.
pub fn cut_everywhere(form: Form, seed: u64) -> Result<Cuts, (Vec<u64>, Broken)> {
    let run = |cuts: &[u64]| cut(form, seed, cuts, None).map_err(|broken| (cuts.to_vec(), broken));
    let (clean, _) = run(&[])?;
    let mut cuts = Cuts { single: clean.steps, pairs: 0, total: clean };
    for first in 0..clean.steps {
        let (once, writes) = run(&[first])?;
        cuts.total += once;
        for second in writes.into_iter().filter(|second| *second > first) {
            cuts.total += run(&[first, second])?.0;
            cuts.pairs += 1;
        }
    }
    Ok(cuts)
}

fn travel(options: &WorldOptions, cuts: &[u64]) -> Result<(Outcome, World), Broken> {
    let misnamed = |error: otaru_wire::IdError| {
        let violation = Violation::Misunderstood(error.to_string());
        Broken { violation, at_ms: 0, step: 0 }
    };
    let mut world = World::new(options).map_err(misnamed)?;
    world.outside.cuts = cuts.iter().copied().collect();
    world.run().map_err(|violation| broken(&world, violation))?;
    let outside = &world.outside;
    let mut outcome = Outcome {
        virtual_ms: outside.now,
        cuts: outside.cut,
        bytes: outside.server.sent,
        steps: outside.steps,
        tried_again: outside.platform.tried_again(),
        lived: Lived::default(),
    };
    world.devices.iter().for_each(|device| outcome.lived += device.watch.lived);
    Ok((outcome, world))
}

fn broken(world: &World, violation: Violation) -> Broken {
    Broken { violation, at_ms: world.outside.now, step: world.outside.steps }
}
