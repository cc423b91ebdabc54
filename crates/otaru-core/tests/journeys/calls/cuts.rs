//! The power goes at every single step of an update over calls.

use std::collections::VecDeque;

use otaru_core::{Event, HealthVerdict};
use otaru_wire::dialect::onenet::{Generation, Status};

use super::{
    platform::{Order, What},
    world::{Fault, World},
};
use crate::world::{disk::Unsaved, image};

const SIZE: usize = 4000;

fn journey(generation: Generation, unsaved: Unsaved, trial_boots: u32, cuts: &[usize]) -> World {
    let mut world = World::new(generation);
    world.unsaved = unsaved;
    world.disk.trial_boots = trial_boots;
    world.cuts = cuts.iter().copied().collect();
    world.platform.order = Some(Order::new(image(SIZE, 3)));
    world.boot();
    world.run();
    assert!(world.cuts.is_empty(), "the journey ended before the cut");
    world
}

/// No saved byte is fetched twice: the world asserts it at each fetch.
#[test]
fn a_power_cut_at_every_step_ends_on_the_target_or_in_one_failure_that_names_the_task() {
    let (mut cuts, mut falls) = (0, 0);
    for generation in Generation::ALL {
        for (unsaved, trial_boots) in [(Unsaved::Lost, 1), (Unsaved::Lost, 9), (Unsaved::Kept, 9)] {
            let clean = journey(generation, unsaved, trial_boots, &[]);
            clean.assert_updated();
            for cut in 0..clean.steps {
                let world = journey(generation, unsaved, trial_boots, &[cut]);
                cuts += 1;
                let fell = world.count(|event| matches!(event, Event::FellBack { .. }));
                if fell == 0 {
                    world.assert_updated();
                    let again = world.stored - SIZE as u64;
                    assert!(again <= 1300, "{again} bytes were stored twice, cut at {cut}");
                    continue;
                }
                falls += 1;
                assert!(trial_boots == 1, "a boot loader with patience never falls back here");
                world.assert_untouched();
                let failures: Vec<_> = world.platform.steps.iter().filter(|step| **step > 101).collect();
                assert_eq!(failures, [&206], "cut at {cut}");
            }
        }
    }
    assert!(cuts > 700 && falls > 5, "{cuts} cuts, {falls} of them in the Trial");
}

/// The failure is owed until the platform has answered, by the Task's name, whatever is cut.
#[test]
fn a_trial_that_fails_is_told_by_the_tasks_name_whatever_is_cut() {
    let failing = |cuts: &[usize]| {
        let mut world = World::new(Generation::Token);
        world.disk.trial_boots = 9;
        world.health = VecDeque::from(vec![HealthVerdict::Sick("no sensor".into()); 100]);
        world.cuts = cuts.iter().copied().collect();
        world.platform.order = Some(Order::new(image(700, 3)));
        world.boot();
        world.run();
        world
    };
    let clean = failing(&[]);
    assert_eq!(clean.platform.steps.last(), Some(&206));
    for cut in 0..clean.steps {
        let world = failing(&[cut]);
        assert_eq!(world.platform.order.as_ref().unwrap().status, Status::Failed, "cut at {cut}");
        assert_eq!(world.platform.steps.iter().filter(|step| **step == 206).count(), 1, "cut at {cut}");
        assert_eq!(world.disk.version("default"), "1.0.0");
    }
}

#[test]
fn a_failure_that_could_not_be_told_is_told_after_the_next_start() {
    let mut world = World::new(Generation::Fuse);
    world.platform.order = Some(Order::new(image(900, 3)));
    world.disk.capacity = Some(100);
    world.boot();
    world.run_until(|world| world.asked(What::TaskCheck) > 0);
    for _ in 0..40 {
        world.fault(What::Step, Fault::Unreachable);
    }
    world.run_until(|world| world.asked(What::Step) > 4);
    assert_eq!(
        (world.count(|event| matches!(event, Event::Failed { .. })), world.platform.steps.len()),
        (1, 0)
    );
    world.faults.clear();
    world.boot();
    world.run();
    assert_eq!((world.order().status, &world.platform.steps[..]), (Status::Failed, &[102][..]));
}
