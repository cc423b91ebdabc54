//! The power goes at every single step: before each output is done and before each input is given.

use otaru_core::{Event, Input, Policy};

use crate::world::{World, disk::Unsaved, image, platform::Package, server::Fault};

const CHECKPOINT: u64 = 1000;
const CHUNK: u64 = 300;

struct Journey {
    package: Package,
    /// Boots that an unconfirmed slot gets: with one, a cut in the Trial means that the old slot comes back.
    trial_boots: u32,
    unsaved: Unsaved,
    slot_lags: bool,
}

impl Journey {
    fn run(&self, cuts: &[usize]) -> World {
        let mut world = World::new();
        world.cuts = cuts.iter().copied().collect();
        world.unsaved = self.unsaved;
        world.slot_lags = self.slot_lags;
        world.disk.trial_boots = self.trial_boots;
        world.platform.retries = cuts.len() as u32; // what the operator does about a Trial that was cut
        world.offer(&self.package);
        world.boot();
        world.run();
        assert!(world.cuts.is_empty(), "the journey ended before the cut");
        world
    }

    fn size(&self) -> u64 {
        self.package.files.iter().map(|file| file.len() as u64).sum()
    }

    /// On the new version whatever was cut, and no saved byte fetched twice (the world asserts it at each fetch).
    fn judge(&self, world: &World, cuts: &[usize]) {
        world.assert_updated(&self.package);
        let falls = world.count(|event| matches!(event, Event::FellBack { .. })) as u64;
        assert!(self.trial_boots == 1 || falls == 0, "a boot loader with patience never falls back here");
        if !self.slot_lags {
            let again = world.stored.saturating_sub(self.size() * (1 + falls));
            let allowed = cuts.len() as u64 * (CHECKPOINT + CHUNK);
            assert!(again <= allowed, "{again} bytes were stored twice, cut at {cuts:?}");
        }
    }
}

fn journeys(files: &[usize], over_mqtt: bool) -> impl Iterator<Item = Journey> {
    let files: Vec<_> = files.iter().zip(1..).map(|(len, seed)| image(*len, seed)).collect();
    let flavours = [Unsaved::Lost, Unsaved::Kept].into_iter().flat_map(|unsaved| {
        [(1, false), (9, false), (9, true)].map(|(trial_boots, slot_lags)| (unsaved, trial_boots, slot_lags))
    });
    flavours.map(move |(unsaved, trial_boots, slot_lags)| {
        let package = Package { over_mqtt, ..Package::new(files.clone()) };
        Journey { package, trial_boots, unsaved, slot_lags }
    })
}

#[test]
fn a_power_cut_at_every_step_ends_on_the_new_version_and_fetches_no_saved_byte_twice() {
    cut_everywhere(false);
}

#[test]
fn a_power_cut_at_every_step_of_a_download_over_mqtt_asks_for_no_saved_byte_twice() {
    cut_everywhere(true);
}

fn cut_everywhere(over_mqtt: bool) {
    let mut cuts = 0;
    for journey in journeys(&[6_000, 2_500, 1], over_mqtt) {
        let clean = journey.run(&[]);
        journey.judge(&clean, &[]);
        for cut in 0..clean.steps {
            journey.judge(&journey.run(&[cut]), &[cut]);
            cuts += 1;
        }
    }
    println!("{cuts} power cuts");
    assert!(cuts > 500, "only {cuts} cuts: the journey is too short to prove anything");
}

#[test]
fn a_second_cut_at_every_step_of_the_recovery_changes_nothing() {
    cut_twice(false);
}

#[test]
fn a_second_cut_at_every_step_of_the_recovery_of_a_download_over_mqtt_changes_nothing() {
    cut_twice(true);
}

fn cut_twice(over_mqtt: bool) {
    let mut cuts = 0;
    for journey in journeys(&[1_500], over_mqtt) {
        let clean = journey.run(&[]).steps;
        for first in 0..clean {
            let recovered = journey.run(&[first]).steps;
            for second in first + 1..recovered {
                journey.judge(&journey.run(&[first, second]), &[first, second]);
                cuts += 1;
            }
        }
    }
    println!("{cuts} pairs of power cuts");
    assert!(cuts > 5_000, "only {cuts} pairs");
}

#[test]
fn a_cut_while_a_corrupted_slot_is_fetched_again_ends_on_the_new_version() {
    let package = Package::new(vec![image(3_000, 1), image(1_200, 2)]);
    let run = |cuts: &[usize]| {
        let mut world = World::new();
        world.cuts = cuts.iter().copied().collect();
        world.disk.corrupt = 1;
        world.disk.trial_boots = 9;
        world.offer(&package);
        world.boot();
        world.run();
        world
    };
    for cut in 0..run(&[]).steps {
        run(&[cut]).assert_updated(&package);
    }
}

#[test]
fn a_cut_while_starting_over_costs_no_third_download() {
    let package = Package::new(vec![image(5_000, 1)]);
    let run = |cuts: &[usize]| {
        let mut world = World::new();
        world.cuts = cuts.iter().copied().collect();
        world.unsaved = Unsaved::Kept;
        world.disk.trial_boots = 9;
        world.server.faults = [Fault::Flips(100)].into();
        world.offer(&package);
        world.boot();
        world.run();
        world.assert_updated(&package);
        world
    };
    for cut in 0..run(&[]).steps {
        let stored = run(&[cut]).stored;
        assert!(stored <= 2 * 5_000 + CHECKPOINT + CHUNK, "{stored} bytes were stored, cut at {cut}");
    }
}

#[test]
fn a_cut_around_a_full_slot_never_leaves_a_record_ahead_of_the_slot() {
    let package = Package::new(vec![image(5_000, 1)]);
    let run = |cuts: &[usize], slot_lags| {
        let mut world = World::new();
        world.policy.checkpoint_bytes = 1; // a save after every piece
        world.slot_lags = slot_lags;
        world.cuts = cuts.iter().copied().collect();
        world.unsaved = Unsaved::Kept;
        world.disk.capacity = Some(2_000);
        world.offer(&package);
        world.boot();
        world.run();
        let failures = world.platform.failures();
        assert!(!failures.is_empty() && failures.iter().all(|(step, _)| *step == -4), "{failures:?}");
        assert!(!world.has_task() && world.disk.version("default") == "1.0.0");
        world.steps
    };
    for slot_lags in [false, true] {
        for cut in 0..run(&[], slot_lags) {
            run(&[cut], slot_lags); // the slot itself refuses a gap
        }
    }
}

#[test]
fn a_cut_while_a_newer_offer_takes_over_ends_on_the_newer_version() {
    let newer = Package { version: "3.0.0", ..Package::new(vec![image(4_000, 9)]) };
    let run = |cut: Option<usize>, unsaved, slot_lags, offline| {
        let mut world = World::new();
        world.unsaved = unsaved;
        world.slot_lags = slot_lags; // the newer offer comes while a save of the older Task is under way
        world.disk.trial_boots = 9;
        world.server.faults = [Fault::Breaks(2_000), Fault::Breaks(1_500)].into();
        world.offer(&Package::new(vec![image(5_000, 7)]));
        world.boot();
        world.run_until(|world| world.count(|event| matches!(event, Event::Retrying { .. })) == 2);
        let half = world.steps;
        world.cuts = cut.map(|cut| half + cut).into_iter().collect();
        world.push(&newer);
        world.offline = offline; // after a cut, the device knows only what its Record says
        world.run();
        let steps = world.steps - half;
        if offline {
            world.offline = false;
            world.boot();
            world.run();
        }
        world.assert_updated(&newer);
        steps
    };
    for unsaved in [Unsaved::Lost, Unsaved::Kept] {
        for (slot_lags, offline) in [(false, false), (true, false), (false, true), (true, true)] {
            for cut in 0..run(None, unsaved, slot_lags, offline) {
                run(Some(cut), unsaved, slot_lags, offline);
            }
        }
    }
}

#[test]
fn a_stop_saves_all_that_is_stored_and_the_next_start_goes_on_there() {
    for slot_lags in [false, true] {
        // No checkpoint would come: what is stored is known to nobody but the process.
        let mut world = World::with(Policy { checkpoint_bytes: u64::MAX, ..Policy::default() });
        let package = Package::new(vec![image(5_000, 7)]);
        world.slot_lags = slot_lags;
        world.server.faults = [Fault::Stalls(2_000)].into();
        world.offer(&package);
        world.boot();
        world.run_until(|world| world.stored == 2_000);
        world.handle(Input::Stopping).unwrap();
        world.run_until_event(|event| matches!(event, Event::Retrying { .. }));
        assert_eq!(world.disk.saved_record().unwrap().stored(), [2_000]);
        world.boot();
        world.run();
        world.assert_updated(&package);
        assert_eq!(world.server.requests.last().unwrap().range.start, 2_000);
    }
}
