//! Slots, Records and new versions that do not work.

use otaru_core::{Event, HealthVerdict};

use crate::world::{image, offered, package, platform::Package};

#[test]
fn a_corrupted_slot_is_found_by_reading_it_back() {
    let three = Package::new(vec![image(2_000, 1), image(2_500, 2), image(900, 3)]);
    let mut world = offered(&three);
    world.disk.corrupt = 1;
    world.boot();
    world.run();
    world.assert_updated(&three);
    assert_eq!(world.count(|event| matches!(event, Event::StartedOver { .. })), 1);
    assert_eq!(world.stored, 5_400 + 2_000, "only the corrupted file is fetched again");
}

#[test]
fn a_slot_that_stays_corrupted_is_reported() {
    let mut world = offered(&package());
    world.disk.corrupt = u32::MAX;
    world.boot();
    world.run();
    world.assert_failed(-3, "read back");
    assert_eq!(world.count(|event| *event == Event::Verified), 0);
}

#[test]
fn a_full_slot_fails_at_once_with_the_slots_word() {
    let mut world = offered(&package());
    world.disk.capacity = Some(2_000);
    world.boot();
    world.run();
    world.assert_failed(-4, "no room left");
}

#[test]
fn a_record_that_cannot_be_saved_is_tried_again_then_fails() {
    let mut world = offered(&package());
    world.disk.failing_saves = 3;
    world.boot();
    world.run();
    world.assert_updated(&package());

    let mut world = offered(&package());
    world.disk.failing_saves = 4;
    world.boot();
    world.run();
    world.assert_failed(-4, "worn out");
}

#[test]
fn a_slot_that_cannot_be_activated_is_a_failed_upgrade() {
    let mut world = offered(&package());
    world.disk.failing_activate = true;
    world.boot();
    world.run();
    world.assert_failed(-1, "marker worn out");
}

#[test]
fn a_sick_version_falls_back_and_says_why_once() {
    let mut world = offered(&package());
    world.health = (0..1_000).map(|_| HealthVerdict::Sick("no sensor".into())).collect();
    world.boot();
    world.run();
    world.assert_failed(-1, "no sensor");
    assert_eq!(world.count(|event| matches!(event, Event::FellBack { .. })), 1);
    assert!(!world.platform.versions().contains(&("default", "2.0.0")), "a Trial is no success");
    let checks = 1_000 - world.health.len();
    assert!((20..30).contains(&checks), "{checks} checks in two minutes");
    world.boot();
    world.run();
    assert_eq!(world.platform.failures().len(), 1, "said once, not at every boot");
}

#[test]
fn a_silent_health_check_ends_the_trial() {
    let mut world = offered(&package());
    world.health_silent = true;
    world.boot();
    world.run();
    world.assert_failed(-1, "did not answer");
}

#[test]
fn a_version_that_recovers_in_time_is_confirmed() {
    let mut world = offered(&package());
    world.health = (0..5).map(|_| HealthVerdict::Sick("warming up".into())).collect();
    world.disk.failing_confirms = 2;
    world.boot();
    world.run();
    world.assert_updated(&package());
}

#[test]
fn a_crash_in_the_trial_falls_back_and_is_reported_when_the_platform_is_there_again() {
    let mut world = offered(&package());
    world.health_silent = true;
    world.boot();
    world.run_until_event(|event| *event == Event::Trial);
    world.offline = true;
    world.boot();
    world.run();
    assert_eq!(world.platform.failures(), []);
    world.offline = false;
    world.boot();
    world.run();
    world.assert_failed(-1, "did not confirm");
}

#[test]
fn a_slot_that_never_answers_ends_the_task() {
    let mut world = offered(&package());
    world.slot_silent = true;
    world.boot();
    world.run();
    let failures = world.platform.failures();
    assert!(matches!(&failures[..], [(-4, why)] if why.contains("does not answer")), "{failures:?}");
    assert!(!world.has_task());
    world.slot_silent = false;
    world.push(&package());
    world.run();
    world.assert_updated(&package());
}

#[test]
fn a_reboot_that_does_not_come_is_asked_for_again() {
    let mut world = offered(&package());
    world.ignored_reboots = 2;
    world.boot();
    world.run();
    world.assert_updated(&package());
    assert_eq!(world.ignored_reboots, 0);
}
