//! When the platform is told which version runs.

use otaru_core::{Event, Input, Policy};
use otaru_wire::{Module, Report, Step};

use crate::world::{World, package, server::Fault};

#[test]
fn every_version_is_told_at_every_connect() {
    let mut world = World::new();
    world.boot();
    for _ in 0..2 {
        world.give(Input::Disconnected);
        world.give(Input::Connected);
    }
    world.run();
    assert_eq!(world.platform.versions(), [("default", "1.0.0"), ("mcu", "1.0.0")].repeat(3));
}

#[test]
fn a_version_on_trial_is_not_told_before_it_is_confirmed() {
    let mut world = World::new();
    world.health_silent = true;
    world.offer(&package());
    world.boot();
    world.run_until_event(|event| *event == Event::Trial);
    world.platform.heard.clear();
    world.give(Input::Disconnected);
    world.give(Input::Connected);
    world.run_until(|world| !world.platform.heard.is_empty());
    let mcu = Report::Version { module: "mcu".parse().unwrap(), version: "1.0.0".parse().unwrap() };
    assert_eq!(world.platform.heard, [mcu]);
}

/// Source: aliyun-link-sdk-v4 §7.1: in progress, every version but the target fails the Task.
#[test]
fn a_version_whose_task_is_in_progress_is_told_when_the_task_has_failed_and_not_at_a_reconnect() {
    let policy = Policy { checkpoint_bytes: 500, ..Policy::default() };
    let mut world = World::with(policy);
    world.offer(&package());
    world.server.faults = [Fault::Stalls(2_000)].into();
    world.boot();
    world.run_until_event(|event| matches!(event, Event::Retrying { .. }));
    world.platform.heard.clear();
    world.give(Input::Disconnected);
    world.give(Input::Connected);
    world.run_until(|world| !world.platform.heard.is_empty());
    assert_eq!(world.platform.versions(), [("mcu", "1.0.0")], "after a reconnect");
    world.boot();
    world.run_until(|world| world.platform.heard.len() > 1);
    assert_eq!(world.platform.versions(), [("mcu", "1.0.0")].repeat(2), "after a power cut");

    world.platform.heard.clear();
    world.give(Input::Cancel);
    world.run();
    let of_default = |report: &&Report| match report {
        Report::Version { module, .. } | Report::Progress { module, .. } => module.is_default(),
        _ => false,
    };
    let heard: Vec<_> = world.platform.heard.iter().filter(of_default).collect();
    let version = Report::Version { module: Module::default(), version: "1.0.0".parse().unwrap() };
    assert!(
        matches!(heard[..], [Report::Progress { step: Step::Failed(_), .. }, last] if *last == version),
        "the failure first: {heard:?}"
    );
}
