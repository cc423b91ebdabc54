//! Reports that the user makes, beside those that the updater makes by itself.

use std::time::Duration;

use otaru_core::{Event, Input, Policy};
use otaru_wire::{Failure, Module, Report, Step};

use crate::world::{World, package, server::Fault};

fn report(module: &str, step: Step, description: &str) -> Input {
    Input::Report { module: Module::new(module).unwrap(), step, description: description.into() }
}

fn percent(percent: u8) -> Input {
    report("default", Step::Percent(percent), "")
}

/// Descriptions of the progress heard, in order.
fn descriptions(world: &World) -> Vec<&str> {
    let descriptions = world.platform.heard.iter().map(|report| match report {
        Report::Progress { description, .. } => Some(description.as_str()),
        _ => None,
    });
    descriptions.flatten().collect()
}

/// 2,000 of 5,000 bytes are stored and told of, and the server is in trouble.
fn half_fetched() -> World {
    let policy = Policy { report_percent: 20, report_interval: Duration::ZERO, ..Policy::silent() };
    let mut world = World::with(policy);
    world.offer(&package());
    world.server.faults = [Fault::Breaks(2_000)].into();
    world.boot();
    world.run_until_event(|event| matches!(event, Event::Retrying { .. }));
    assert_eq!(world.platform.steps(), [0, 24]);
    world
}

fn ignored(world: &World, text: &str) -> usize {
    world.count(|event| matches!(event, Event::Ignored { reason } if reason.contains(text)))
}

#[test]
fn a_percentage_with_a_description_is_told_at_once_and_cut_to_128_bytes_between_characters() {
    let mut world = World::new();
    world.boot();
    world.run();
    let long = "é".repeat(100);
    world.give(report("mcu", Step::Percent(37), &format!("x{long}")));
    world.run();
    assert_eq!(world.platform.steps(), [37]);
    assert_eq!(descriptions(&world), [format!("x{}", "é".repeat(63))], "127 bytes: no half character");
}

#[test]
fn a_percentage_that_nobody_hears_is_dropped_with_an_event() {
    let mut world = World::new();
    world.boot();
    world.run();
    world.give(Input::Disconnected);
    world.give(percent(37));
    world.give(Input::Connected);
    world.run();
    assert_eq!((world.platform.steps(), ignored(&world, "no session")), (vec![], 1));
}

#[test]
fn percentages_by_hand_never_move_the_automatic_ones_backwards() {
    let mut world = half_fetched();
    world.give(percent(71));
    world.give(percent(30));
    world.run();
    world.assert_updated(&package());
    // 46 % and 70 % would have been next; by hand 71 was told already, and 30 is below it.
    assert_eq!(world.platform.steps(), [0, 24, 71, 94, 100]);
    assert_eq!(ignored(&world, "a higher percentage"), 1);
}

#[test]
fn percentages_about_another_module_leave_the_tasks_own_alone() {
    let mut world = half_fetched();
    world.give(report("mcu", Step::Percent(99), "its own business"));
    world.run();
    assert_eq!(world.platform.steps()[..3], [0, 24, 99]);
    assert_eq!(world.platform.steps().last(), Some(&100));
    assert!(world.platform.steps().len() > 4, "{:?}", world.platform.steps());
}

#[test]
fn a_module_that_the_device_has_not_is_not_reported() {
    let mut world = World::new();
    world.boot();
    world.give(report("turbine", Step::Percent(1), ""));
    world.give(report("turbine", Step::Failed(Failure::Write), ""));
    world.run();
    assert_eq!((world.platform.steps(), ignored(&world, "no module turbine")), (vec![], 2));
}

#[test]
fn a_failure_of_the_task_in_hand_ends_it() {
    let mut world = half_fetched();
    world.give(report("default", Step::Failed(Failure::Write), "the display is cracked"));
    world.run();
    world.assert_failed(-4, "the display is cracked");
    assert_eq!(world.count(|event| matches!(event, Event::Failed { failure: Failure::Write, .. })), 1);
}

#[test]
fn a_failure_of_an_offer_that_waits_for_the_user_ends_it() {
    let mut world = World::with(Policy::standard());
    world.offer(&package());
    world.boot();
    world.run();
    assert!(world.has_task());
    world.give(report("default", Step::Failed(Failure::Upgrade), "no room in the box"));
    world.run();
    world.assert_failed(-1, "no room in the box");
}

#[test]
fn a_failure_without_a_task_is_told_and_changes_nothing_else() {
    let mut world = half_fetched();
    world.give(report("mcu", Step::Failed(Failure::Digest), "odd"));
    world.run();
    world.platform.open.clear();
    assert_eq!(world.platform.failures(), [(-3, "odd".to_string())]);
    assert_eq!(world.disk.version("default"), "2.0.0");
}

#[test]
fn a_failure_that_nobody_hears_is_owed_even_over_a_power_cut() {
    let mut world = World::new();
    world.boot();
    world.run();
    world.give(Input::Disconnected);
    world.give(report("default", Step::Failed(Failure::Upgrade), "the valve sticks"));
    world.run();
    assert_eq!(world.platform.failures(), []);
    world.boot();
    world.run();
    assert_eq!(world.platform.failures(), [(-1, "the valve sticks".to_string())]);
}

#[test]
fn a_failure_in_a_trial_brings_the_old_slot_back() {
    let mut world = World::new();
    world.health_silent = true;
    world.offer(&package());
    world.boot();
    world.run_until_event(|event| *event == Event::Trial);
    let began = world.now;
    world.give(report("default", Step::Failed(Failure::Upgrade), "the pump screams"));
    world.run_until_event(|event| matches!(event, Event::FellBack { .. }));
    assert_eq!(world.now, began, "not only when the Trial's time is up");
    world.run();
    world.assert_failed(-1, "the pump screams");
}

#[test]
fn it_is_too_late_for_a_failure_once_the_new_slot_is_activated() {
    let mut world = World::new();
    world.ignored_reboots = 1;
    world.offer(&package());
    world.boot();
    world.run_until_event(|event| *event == Event::Staged);
    world.run_until(|world| world.ignored_reboots == 0);
    world.give(report("default", Step::Failed(Failure::Upgrade), "?"));
    world.run();
    world.assert_updated(&package());
    assert_eq!(ignored(&world, "too late"), 1);
}
