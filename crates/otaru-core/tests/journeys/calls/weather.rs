//! A platform that cannot be reached, for a while or for long: nothing counts, nothing is lost, and nothing is asked in a hurry.

use otaru_core::{Event, Input, Trouble};
use otaru_wire::{Module, Step, dialect::onenet::Generation};

use super::{
    platform::{Order, What},
    world::{Fault, World},
};
use crate::world::image;

fn order() -> Order {
    Order::new(image(4000, 5))
}

#[test]
fn a_device_without_a_network_is_interrupted_and_never_fails_by_it() {
    for generation in Generation::ALL {
        let mut world = World::offered(generation, order());
        world.run_until(|world| world.stored >= 900);
        world.offline = true;
        let asked = world.asked.len();
        world.pass(48 * 3600 * 1000);
        assert!(world.has_task());
        let tries = world.asked.len() - asked;
        assert!((300..=1500).contains(&tries), "{tries} tries in two days at a pace of five minutes");
        world.offline = false;
        world.run();
        world.assert_updated();
        assert_eq!(world.count(|event| matches!(event, Event::Failed { .. })), 0);
        assert!(world.stored <= 4000 + 1500, "{}", world.stored);
    }
}

/// Each percentage supersedes the one before, however long nobody hears.
#[test]
fn what_is_superseded_while_nobody_hears_is_never_said() {
    let mut world = World::offered(Generation::Tid, order());
    world.run_until(|world| world.stored >= 900);
    world.offline = true;
    world.pass(3600 * 1000);
    for percent in 30..90 {
        let (module, step) = (Module::default(), Step::Percent(percent));
        world.give(Input::Report { module, step, description: String::new() });
        world.settle();
    }
    world.offline = false;
    world.run();
    world.assert_updated();
    assert!(world.platform.steps.contains(&89), "{:?}", world.platform.steps);
    assert!(world.platform.steps.iter().all(|step| !(30..89).contains(step)), "{:?}", world.platform.steps);
}

#[test]
fn a_device_that_starts_without_a_network_comes_when_there_is_one() {
    let mut world = World::offered(Generation::Fuse, order());
    world.offline = true;
    world.pass(3600 * 1000);
    assert!(world.asked.iter().all(|(_, what)| *what == What::Version), "one call after the other");
    world.offline = false;
    world.run();
    world.assert_updated();
}

#[test]
fn pauses_between_calls_that_reach_nobody_grow_to_the_policys_longest() {
    let mut world = World::offered(Generation::Tid, order());
    world.offline = true;
    world.pass(6 * 3600 * 1000);
    let pauses: Vec<u64> = world
        .events
        .iter()
        .filter_map(|event| match event {
            Event::Retrying { reason: Trouble::Fetch(_), after_ms } => Some(*after_ms),
            _ => None,
        })
        .collect();
    assert!(
        pauses[0] <= 1500 && pauses.iter().skip(12).all(|pause| (150_000..=450_000).contains(pause)),
        "{pauses:?}"
    );
}

/// What a session begins with is said again when the platform answers again.
#[test]
fn a_platform_that_was_away_hears_again_what_runs_and_is_asked_again() {
    let mut world = World::new(Generation::Tid);
    world.boot();
    world.run();
    let (versions, checks) = (world.asked(What::Version), world.asked(What::Check));
    assert_eq!((versions, checks), (2, 2));
    world.fault(What::Check, Fault::Unreachable);
    world.pass(600 * 1000);
    assert_eq!(world.asked(What::Version), versions + 2, "both modules, once");
    world.platform.order = Some(order());
    world.run();
    world.assert_updated();
}

#[test]
fn an_answer_that_never_comes_is_given_up_after_its_time_and_asked_for_again() {
    for what in [What::Version, What::Check, What::TaskCheck, What::Step] {
        let mut world = World::offered(Generation::Fuse, order());
        world.fault(what, Fault::Lost);
        world.run();
        world.assert_updated();
        let silent = |event: &Event| matches!(event, Event::Retrying { reason: Trouble::Silent, .. });
        assert_eq!(world.count(silent), 1, "{what:?}");
        assert!(world.now >= 31_000, "{what:?}: {}", world.now);
    }
}

#[test]
fn an_update_succeeds_though_every_call_fails_now_and_then() {
    for generation in Generation::ALL {
        for nth in 1..6 {
            let mut world = World::offered(generation, order());
            for what in [What::Version, What::Check, What::TaskCheck, What::Step, What::Download] {
                for _ in 0..nth {
                    world.fault(what, Fault::Unreachable);
                }
            }
            world.run();
            world.assert_updated();
        }
    }
}

/// The call has a time of its own: the silence of the last piece does not go on behind it.
#[test]
fn a_task_check_that_takes_long_costs_no_try_of_its_file() {
    for lost in 1..8 {
        let mut world = World::offered(Generation::Fuse, order());
        world.run_until(|world| world.stored >= 1500);
        for nth in 0..lost {
            world.fault(What::TaskCheck, if nth % 2 == 0 { Fault::Lost } else { Fault::Unreachable });
        }
        world.run();
        world.assert_updated();
        assert_eq!(world.asked(What::Download), 3, "{lost} lost");
        let silent = |event: &Event| matches!(event, Event::Retrying { .. });
        assert_eq!(world.count(silent), lost);
    }
}

/// The image is verified and the network is gone: the device installs, and success is told by the version.
#[test]
fn a_device_that_cannot_tell_100_installs_all_the_same() {
    let mut world = World::offered(Generation::Token, order());
    world.run_until(|world| world.events.contains(&Event::Verified));
    world.offline = true;
    world.run_until(|world| world.count(|event| matches!(event, Event::Updated { .. })) > 0);
    world.offline = false;
    world.run();
    world.assert_updated();
}
