//! People, and platforms that change their mind.

use std::time::Duration;

use otaru_core::{Decision, Error, Event, Input, Policy, RequestId, SlotError};
use otaru_wire::Version;

use crate::world::{
    World, image, package,
    platform::{Package, device},
    server::Fault,
};

/// Offered to a device whose user decides.
fn asking() -> World {
    let mut world = World::with(Policy::standard());
    world.offer(&package());
    world.boot();
    world.run();
    assert!(matches!(world.events.last(), Some(Event::Offered(_))), "{:?}", world.events);
    world
}

/// Half of the package is there, and the server is in trouble.
fn half_fetched() -> World {
    let mut world = World::new();
    world.offer(&package());
    world.server.faults = [Fault::Breaks(2_000)].into();
    world.boot();
    world.run_until_event(|event| matches!(event, Event::Retrying { .. }));
    world
}

#[test]
fn the_standard_policy_fetches_and_activates_nothing_before_the_user_accepts() {
    let mut world = asking();
    assert!(world.server.requests.is_empty() && world.disk.record.is_none());
    world.give(Input::Decision(Decision::Accept));
    world.run();
    assert_eq!(world.events.last(), Some(&Event::Staged));
    assert_eq!(world.disk.version("default"), "1.0.0");
    world.give(Input::Decision(Decision::Accept));
    world.run();
    world.assert_updated(&package());
}

#[test]
fn the_silent_policy_asks_for_nothing() {
    let mut world = World::with(Policy::silent());
    world.offer(&package());
    world.boot();
    world.run();
    world.assert_updated(&package());
}

#[test]
fn a_postponed_offer_comes_again_at_its_time() {
    let mut world = asking();
    let before = world.now;
    world.give(Input::Decision(Decision::Postpone(Duration::from_secs(3_600))));
    world.run();
    assert_eq!(world.count(|event| matches!(event, Event::Offered(_))), 2);
    assert_eq!(world.now, before + 3_600_000);
    world.give(Input::Decision(Decision::Accept));
    world.run();
    world.give(Input::Decision(Decision::Postpone(Duration::from_secs(60))));
    world.run();
    assert_eq!(world.count(|event| *event == Event::Staged), 2);
    world.give(Input::Decision(Decision::Accept));
    world.run();
    world.assert_updated(&package());
}

#[test]
fn a_refused_offer_is_reported_with_the_reason() {
    let mut world = asking();
    world.give(Input::Decision(Decision::Refuse("surgery is on".into())));
    world.run();
    assert_eq!(world.platform.failures(), [(-1, "refused: surgery is on".to_string())]);
    assert!(!world.has_task() && world.server.requests.is_empty());
}

#[test]
fn a_decision_that_nobody_asked_for_is_an_error() {
    let mut world = asking();
    world.handle(Input::Decision(Decision::Postpone(Duration::from_secs(9)))).unwrap();
    assert_eq!(world.handle(Input::Decision(Decision::Accept)), Err(Error::Unexpected("Decision")));
}

#[test]
fn who_agreed_before_a_power_cut_is_not_asked_twice() {
    let mut world = asking();
    world.give(Input::Decision(Decision::Accept));
    world.run();
    world.give(Input::Decision(Decision::Accept));
    let steps = world.steps;
    world.cuts = [steps + 3].into(); // after the decision, the save and its answer: before Activate
    world.run();
    assert!(world.cuts.is_empty());
    world.assert_updated(&package());
    assert_eq!(world.server.sent, 5_000);
}

#[test]
fn a_canceled_task_is_reported_and_forgotten() {
    let mut world = half_fetched();
    world.give(Input::Cancel);
    world.run();
    world.assert_failed(-1, "canceled");
    assert_eq!(world.count(|event| matches!(event, Event::Dropped { .. })), 1);
    let requests = world.server.requests.len();
    world.boot();
    world.run();
    assert_eq!(world.server.requests.len(), requests, "a reboot does not bring it back");
}

#[test]
fn it_is_too_late_to_cancel_an_activated_task() {
    let mut world = World::new();
    world.health_silent = true;
    world.offer(&package());
    world.boot();
    world.run_until_event(|event| *event == Event::Trial);
    world.give(Input::Cancel);
    let push = world.platform.push(&Package { version: "3.0.0", ..package() });
    world.give(push);
    world.run_until(|world| world.count(|event| matches!(event, Event::Ignored { .. })) == 2);
    assert!(world.has_task());
    world.run();
    world.assert_failed(-1, "did not answer");
}

#[test]
fn the_same_offer_pushed_again_refreshes_links_and_restarts_nothing() {
    let mut world = half_fetched();
    for _ in 0..10 {
        let push = world.platform.push(&package());
        world.give(push);
    }
    world.run();
    world.assert_updated(&package());
    assert_eq!(world.count(|event| matches!(event, Event::Offered(_))), 1);
    assert_eq!(world.server.sent, 5_000);
    assert!(world.server.requests[1].url.ends_with("t=11"), "the freshest link is used");
}

#[test]
fn a_newer_offer_takes_the_place_of_the_one_in_hand() {
    let mut world = half_fetched();
    let newer = Package { version: "3.0.0", ..Package::new(vec![image(4_000, 9)]) };
    world.push(&newer);
    world.run();
    world.assert_updated(&newer);
    assert_eq!(
        world.count(|event| matches!(event, Event::Dropped { reason } if reason.contains("3.0.0"))),
        1
    );
    assert_eq!(world.platform.failures(), []);
}

#[test]
fn an_offer_for_another_module_waits_for_its_turn() {
    let mut world = half_fetched();
    let other = Package { module: "mcu", ..Package::new(vec![image(1_500, 9)]) };
    world.push(&other);
    world.run();
    assert_eq!((world.disk.version("default"), world.disk.version("mcu")), ("2.0.0", "2.0.0"));
    assert!(world.platform.open.is_empty());
}

#[test]
fn offers_that_cannot_be_followed_change_nothing() {
    let mut world = half_fetched();
    let saved = world.disk.record.clone();
    let notice = world.platform.notice(&package());
    let topic = "/ota/device/upgrade/a1Demo/d1".to_string();
    let data = r#"{"code":"1000","data":{"size":0,"sign":"25f9e794323b453885f5181f1b624d0b","version":"3.0.0","url":"http://h/a","signMethod":"Md5"},"id":1}"#;
    for payload in [
        data,
        "{",
        "null",
        r#"{"data":{"version":"3.0.0"}}"#,
        &data.replace(":0,", ":9,").replace("25f9", "25"),
    ] {
        world.give(Input::Message { topic: topic.clone(), payload: payload.as_bytes().to_vec() });
    }
    let unknown = Package { module: "turbine", ..package() };
    let unknown = world.platform.push(&unknown);
    world.give(unknown);
    let mut running = notice.clone();
    running.version = Version::new("1.0.0").unwrap();
    let running = world.platform.push_notice(&running);
    world.give(running);
    world.run_until(|world| world.count(|event| matches!(event, Event::Ignored { .. })) == 7);
    assert_eq!(world.disk.record, saved);
    world.run();
    world.assert_updated(&package());
    assert_eq!(world.count(|event| matches!(event, Event::Ignored { .. })), 7);
    assert_eq!(world.platform.failures(), []);
}

#[test]
fn offers_that_this_device_cannot_take_are_refused_with_a_report() {
    let mut world = World::with(Policy { max_package_bytes: Some(4_999), ..Policy::default() });
    world.boot();
    world.run();
    world.push(&package());
    world.run();
    world.platform.open.push(package());
    let mut notice = world.platform.notice(&package());
    notice.delta = true;
    let push = world.platform.push_notice(&notice);
    world.give(push);
    world.run();
    let failures = world.platform.failures();
    let wanted = [(-1, "5000 bytes"), (-1, "whole images")];
    assert_eq!(failures.len(), 2, "{failures:?}");
    assert!(
        failures.iter().zip(wanted).all(|((step, why), (code, text))| *step == code && why.contains(text))
    );
    assert!(world.server.requests.is_empty() && !world.has_task());
}

#[test]
fn a_task_that_the_platform_took_back_is_dropped() {
    let mut world = half_fetched();
    world.platform.open.clear();
    world.server.oldest_link = u64::MAX;
    world.run();
    assert!(!world.has_task());
    assert_eq!(world.count(|event| matches!(event, Event::Dropped { .. })), 1);
    assert_eq!(world.platform.failures(), []);
}

#[test]
fn a_download_goes_on_without_the_platform_and_reports_come_at_most_as_often_as_allowed() {
    let policy = Policy { report_percent: 20, report_interval: Duration::ZERO, ..Policy::default() };
    let mut world = World::with(policy);
    world.offer(&package());
    world.server.faults = [Fault::Breaks(1_500)].into();
    world.boot();
    world.run_until_event(|event| matches!(event, Event::Retrying { .. }));
    world.give(Input::Disconnected);
    world.run_until_event(|event| *event == Event::Verified);
    world.run();
    world.assert_updated(&package());
    // 300 of 5000 bytes at a time: 24 % is the first at 20 or more, 48 the next at 44 or more …
    assert_eq!(world.platform.steps(), [0, 24], "who is not there hears nothing");
}

#[test]
fn progress_is_told_at_the_policys_distances() {
    let policy = Policy { report_percent: 20, report_interval: Duration::ZERO, ..Policy::default() };
    let mut world = World::with(policy);
    world.offer(&package());
    world.boot();
    world.run();
    assert_eq!(world.platform.steps(), [0, 24, 48, 72, 96, 100]);

    let mut slow = World::new(); // at most one a second, and here all bytes come within one
    slow.offer(&package());
    slow.boot();
    slow.run();
    assert_eq!(slow.platform.steps(), [0, 100]);
}

#[test]
fn a_resumed_download_is_not_reported_as_begun_again() {
    let policy = Policy { report_interval: Duration::ZERO, checkpoint_bytes: 500, ..Policy::default() };
    let mut world = World::with(policy);
    world.offer(&package());
    world.server.faults = [Fault::Stalls(2_000)].into();
    world.boot();
    world.run_until_event(|event| matches!(event, Event::Retrying { .. }));
    world.boot();
    world.run();
    world.assert_updated(&package());
    let steps = world.platform.steps();
    assert!(steps.is_sorted() && steps.iter().filter(|step| **step == 0).count() == 1, "{steps:?}");
    assert_eq!(world.count(|event| matches!(event, Event::Fetching { resumed: true, offset: 1.., .. })), 1);
}

#[test]
fn a_failure_nobody_heard_is_told_at_the_next_connect_even_after_a_power_cut() {
    let mut world = World::new();
    world.offer(&package());
    world.server.always = Some(Fault::Status(500));
    world.boot();
    world.run_until_event(|event| matches!(event, Event::Retrying { .. }));
    world.give(Input::Disconnected);
    world.offline = true;
    world.run();
    assert_eq!(world.platform.failures(), []);
    world.boot();
    world.run();
    world.offline = false;
    world.boot();
    world.run();
    world.assert_failed(-2, "500");
}

#[test]
fn answers_to_nothing_are_errors_and_late_ones_are_not() {
    let mut world = World::new();
    assert_eq!(world.handle(Input::Connected), Err(Error::NotBooted));
    world.offer(&package());
    world.server.faults = [Fault::Stalls(600)].into();
    world.boot();
    assert_eq!(world.steps, 0);
    world.run_until_event(|event| matches!(event, Event::Retrying { .. }));
    let full = || Err(SlotError::Full("?".into()));
    assert!(world.handle(Input::Body(RequestId(1), vec![0; 9])).is_ok(), "the first fetch was stopped");
    assert!(world.handle(Input::FetchEnded(RequestId(1), Ok(()))).is_ok());
    for (input, name) in [
        (Input::Body(RequestId(7), vec![0; 9]), "Body"),
        (Input::Head(RequestId(0), otaru_core::Head::default()), "Head"),
        (Input::Stored { file: 0, end: 9, result: full() }, "Stored"),
        (Input::Saved(full()), "Saved"),
        (Input::ReadBack { file: 0, offset: 0, result: Ok(Vec::new()) }, "ReadBack"),
        (Input::Activated(full()), "Activated"),
        (Input::Settled(full()), "Settled"),
        (Input::Health(otaru_core::HealthVerdict::Healthy), "Health"),
    ] {
        assert_eq!(world.handle(input), Err(Error::Unexpected(name)));
    }
    world.run();
    world.assert_updated(&package());
}

#[test]
fn a_slot_that_cannot_be_prepared_ends_the_task_before_a_byte_is_stored() {
    for (error, step) in [(SlotError::Full("?".into()), -4), (SlotError::Refused("?".into()), -1)] {
        let mut world = World::new();
        assert!(world.handle(Input::NotPrepared(error.clone())).is_err(), "not booted");
        world.offer(&package());
        world.boot();
        world.run_until_event(|event| matches!(event, Event::Fetching { .. }));
        world.handle(Input::NotPrepared(error.clone())).unwrap();
        world.run();
        world.assert_failed(step, "cannot be prepared");
        assert_eq!(world.stored, 0);
        assert!(world.handle(Input::NotPrepared(error)).is_ok(), "nobody is concerned any more");
    }
}

#[test]
fn another_devices_messages_are_passed_over() {
    let mut world = World::new();
    world.boot();
    let Input::Message { topic, payload } = world.platform.push(&package()) else { panic!("a message") };
    world.give(Input::Message { topic: topic.replace(device().device.as_str(), "d2"), payload });
    world.run();
    assert!(!world.has_task() && world.events.is_empty());
}
