//! Servers that break, stall or lie: each ends in the right action.

use std::time::Duration;

use otaru_core::{Event, Input, Policy, Trouble};
use otaru_wire::{ByteRange, Digest, DigestMethod};

use crate::world::{
    SIZE, World, image, offered, package,
    platform::{Package, digest},
    server::Fault,
};

/// Runs the package with these faults in the first answers.
fn run(faults: impl IntoIterator<Item = Fault>) -> World {
    let mut world = offered(&package());
    world.server.faults = faults.into_iter().collect();
    world.boot();
    world.run();
    world
}

fn starts(world: &World) -> Vec<u64> {
    world.server.requests.iter().map(|request| request.range.start).collect()
}

fn started_over(world: &World) -> usize {
    world.count(|event| matches!(event, Event::StartedOver { .. }))
}

#[test]
fn an_expired_link_is_exchanged_and_the_download_goes_on_where_it_was() {
    let mut world = offered(&package());
    world.server.faults = [Fault::Breaks(2_000)].into();
    world.boot();
    world.run_until_event(|event| matches!(event, Event::Retrying { .. }));
    world.server.oldest_link = world.platform.links + 1;
    world.run();
    world.assert_updated(&package());
    assert_eq!(starts(&world), [0, 2_000, 2_000]);
    assert_eq!(world.count(|event| *event == Event::LinkRefused { status: 403 }), 1);
    assert_eq!((world.platform.queries(), started_over(&world)), (1, 0));
    assert_ne!(world.server.requests[1].url, world.server.requests[2].url);
}

#[test]
fn a_file_that_is_gone_fails_after_a_bounded_number_of_spaced_queries() {
    let mut world = offered(&package());
    world.server.files.clear();
    world.boot();
    world.run();
    world.assert_failed(-2, "no link");
    assert_eq!(world.platform.queries(), world.policy.link_attempts as usize);
    let times: Vec<_> = world.server.requests.iter().map(|request| request.at).collect();
    let pauses: Vec<_> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert!(pauses[1..].iter().zip(1..).all(|(pause, n)| *pause >= 500 << (n - 1)), "{pauses:?}");
    assert!(world.count(|event| *event == Event::LinkRefused { status: 404 }) > 1);
}

#[test]
fn a_platform_that_does_not_answer_is_asked_a_bounded_number_of_times() {
    let mut world = offered(&package());
    world.server.always = Some(Fault::Status(401));
    world.platform.mute = true;
    world.boot();
    world.run();
    world.assert_failed(-2, "no link");
    assert_eq!(world.platform.queries(), world.policy.link_attempts as usize);
}

#[test]
fn a_replaced_file_is_never_mixed_with_what_is_stored() {
    let mut world = offered(&package());
    world.server.faults = [Fault::Breaks(2_000)].into();
    world.boot();
    world.run_until_event(|event| matches!(event, Event::Retrying { .. }));
    world.server.put("default/2.0.0/0".into(), package().files[0].clone());
    world.run();
    world.assert_updated(&package());
    assert_eq!(starts(&world), [0, 2_000, 0], "nothing of the new file is put behind the old one's bytes");
    assert!(world.server.requests[1].etag.is_some(), "the second request is conditional");
    assert_eq!((started_over(&world), world.platform.queries()), (1, 1));
}

#[test]
fn a_file_that_is_replaced_again_and_again_fails_in_the_end() {
    let mut world = offered(&package());
    world.server.always = Some(Fault::OtherTotal);
    world.boot();
    world.run();
    world.assert_failed(-2, "offered were 5000");
    assert_eq!(started_over(&world) as u32, world.policy.restart_attempts);
    assert_eq!(world.stored, 0);
}

#[test]
fn a_whole_file_instead_of_its_end_is_not_stored() {
    let world = run([Fault::Breaks(2_000), Fault::IgnoresRange]);
    world.assert_updated(&package());
    assert_eq!(starts(&world), [0, 2_000, 2_000]);
    assert_eq!((world.stored, started_over(&world)), (SIZE as u64, 0));
}

#[test]
fn a_server_that_cannot_resume_is_asked_for_the_whole_file_again() {
    let faults = [Fault::Breaks(2_000), Fault::IgnoresRange, Fault::IgnoresRange, Fault::IgnoresRange];
    let world = run(faults.into_iter().chain([Fault::IgnoresRange]));
    world.assert_updated(&package());
    assert_eq!(starts(&world), [0, 2_000, 2_000, 2_000, 0]);
    assert_eq!(started_over(&world), 1);
}

#[test]
fn a_whole_file_is_taken_if_it_was_asked_for() {
    let world = run([Fault::IgnoresRange]);
    world.assert_updated(&package());
    assert_eq!(starts(&world), [0]);
}

#[test]
fn a_body_that_is_too_short_goes_on_where_it_ended() {
    let world = run([Fault::Short(1_234), Fault::Short(0), Fault::Breaks(1)]);
    world.assert_updated(&package());
    assert_eq!(starts(&world), [0, 1_234, 1_234, 1_235]);
    assert_eq!(world.stored, SIZE as u64, "no byte is stored twice");
}

#[test]
fn bytes_past_the_announced_end_are_never_stored() {
    let mut world = offered(&package());
    world.policy.range_bytes = Some(900);
    world.chunk = 400;
    world.server.faults = [Fault::Long, Fault::Long].into();
    world.boot();
    world.run();
    world.assert_updated(&package());
    assert_eq!(world.stored, SIZE as u64);
    assert!(world.count(|event| matches!(event, Event::Retrying { reason: Trouble::TooMany, .. })) > 0);
}

#[test]
fn an_answer_that_starts_elsewhere_is_not_stored() {
    let world = run([Fault::Breaks(2_000), Fault::OtherStart, Fault::NoLength]);
    world.assert_updated(&package());
    assert_eq!(starts(&world), [0, 2_000, 2_000, 2_000]);
    assert_eq!(world.stored, SIZE as u64);
}

#[test]
fn a_server_in_trouble_is_left_alone_for_a_while_and_not_for_ever() {
    let mut world = offered(&package());
    world.server.always = Some(Fault::Status(503));
    world.boot();
    world.run();
    world.assert_failed(-2, "503");
    assert_eq!(world.server.requests.len() as u32, world.policy.retry_attempts + 1);
    let times: Vec<_> = world.server.requests.iter().map(|request| request.at).collect();
    let pauses: Vec<_> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
    for (n, pause) in pauses.iter().enumerate() {
        let base = (1_000 << n.min(20)).min(300_000);
        assert!((base / 2..=base * 3 / 2).contains(pause), "pause {n} is {pause} ms");
    }
    assert_eq!(world.platform.queries(), 0);
}

#[test]
fn two_devices_do_not_retry_at_the_same_moments() {
    let times = |seed| {
        let mut world = World::new();
        world.seed = seed;
        world.offer(&package());
        world.server.always = Some(Fault::Status(500));
        world.boot();
        world.run();
        world.server.requests.iter().map(|request| request.at).collect::<Vec<_>>()
    };
    assert_eq!(times(1), times(1), "the same seed repeats a run");
    let (one, two) = (times(1), times(2));
    assert!(one.iter().skip(1).zip(&two[1..]).all(|(a, b)| a != b));
}

#[test]
fn a_stored_byte_gives_all_tries_back() {
    let faults = (0..60).map(|_| Fault::Breaks(50));
    let world = run(faults);
    world.assert_updated(&package());
}

#[test]
fn a_server_that_goes_silent_counts_as_broken() {
    let world = run([Fault::Stalls(700), Fault::Stalls(0)]);
    world.assert_updated(&package());
    assert_eq!(starts(&world), [0, 700, 700]);
    let waited = world.server.requests[1].at - world.server.requests[0].at;
    assert!(waited >= 30_000, "{waited} ms");
}

#[test]
fn a_device_without_a_network_is_interrupted_not_failed() {
    let mut world = offered(&package());
    world.server.faults = [Fault::Breaks(2_000)].into();
    world.boot();
    world.run_until_event(|event| matches!(event, Event::Retrying { .. }));
    world.give(Input::Disconnected);
    world.server.always = Some(Fault::Breaks(0));
    let hours = world.now + 6 * 3_600_000;
    world.run_until(|world| world.now > hours);
    assert!(world.has_task() && world.server.requests.len() < 120, "{} tries", world.server.requests.len());
    world.server.always = None;
    let (now, requests) = (world.now, world.server.requests.len());
    world.give(Input::Connected);
    world.run_until(|world| world.server.requests.len() > requests);
    assert_eq!(world.now, now, "it goes on at once");
    world.run();
    world.assert_updated(&package());
    assert_eq!((world.stored, world.platform.failures().len()), (SIZE as u64, 0));
}

#[test]
fn a_link_that_expires_while_the_platform_is_away_is_exchanged_when_it_is_back() {
    let mut world = offered(&package());
    world.server.faults = [Fault::Breaks(2_000)].into();
    world.boot();
    world.run_until_event(|event| matches!(event, Event::Retrying { .. }));
    world.give(Input::Disconnected);
    world.server.oldest_link = world.platform.links + 1;
    world.run();
    assert!(world.has_task() && world.platform.queries() == 0);
    world.give(Input::Connected);
    world.run();
    world.assert_updated(&package());
    assert_eq!(world.stored, SIZE as u64);
}

#[test]
fn an_untrusted_server_fails_at_once() {
    let world = run([Fault::NotTrusted]);
    world.assert_failed(-2, "not trusted");
    assert_eq!(world.server.requests.len(), 1);
}

#[test]
fn a_wrong_digest_starts_over_once() {
    for method in [DigestMethod::Md5, DigestMethod::Sha256] {
        let package = Package { method, ..package() };
        let mut world = offered(&package);
        world.server.faults = [Fault::Flips(4_321)].into();
        world.boot();
        world.run();
        world.assert_updated(&package);
        assert_eq!((starts(&world), started_over(&world)), (vec![0, 0], 1));
        let read_back =
            |event: &Event| matches!(event, Event::StartedOver { reason } if reason.contains("read back"));
        assert_eq!(
            world.count(read_back),
            0,
            "the bytes were hashed as they came: nothing had to be read back"
        );
    }
}

#[test]
fn a_second_digest_that_is_wrong_is_reported_and_never_activates() {
    let package = Package { also: Some(Digest::Md5([7; 16])), ..package() };
    let mut world = offered(&package);
    world.boot();
    world.run();
    world.assert_failed(-3, "digest by MD5");
    assert_eq!((starts(&world), world.count(|event| *event == Event::Staged)), (vec![0, 0], 0));
}

#[test]
fn a_second_digest_told_while_the_download_runs_is_proven_when_the_slot_is_read_back() {
    for (also, good) in
        [(digest(DigestMethod::Md5, &package().files[0]), true), (Digest::Md5([7; 16]), false)]
    {
        let mut world = offered(&package());
        world.server.faults = [Fault::Breaks(2_000)].into();
        world.boot();
        world.run_until_event(|event| matches!(event, Event::Retrying { .. }));
        let push = world.platform.push(&Package { also: Some(also), ..package() });
        world.give(push);
        world.run();
        if good {
            world.assert_updated(&package());
            assert_eq!(world.stored, SIZE as u64);
        } else {
            world.assert_failed(-3, "digest by MD5");
            let read_back = |event: &Event| matches!(event, Event::StartedOver { reason } if reason.contains("read back"));
            assert_eq!(world.count(read_back), 1, "the first pass was not whole for the second digest");
        }
    }
}

#[test]
fn a_digest_that_stays_wrong_is_reported_and_never_activates() {
    let world = run([Fault::Flips(10), Fault::Flips(4_999)]);
    world.assert_failed(-3, "digest");
    assert_eq!(starts(&world), [0, 0]);
    assert_eq!(world.count(|event| *event == Event::Staged), 0);
}

#[test]
fn a_replaced_image_of_the_same_size_is_found_by_its_digest() {
    let mut world = offered(&package());
    let other = image(SIZE, 99);
    assert_ne!(digest(DigestMethod::Sha256, &other), digest(DigestMethod::Sha256, &package().files[0]));
    world.server.put("default/2.0.0/0".into(), other);
    world.boot();
    world.run();
    world.assert_failed(-3, "digest");
}

#[test]
fn ranges_are_as_long_as_the_policy_says() {
    let policy = Policy { range_bytes: Some(1_024), checkpoint_bytes: 1_000, ..Policy::default() };
    let mut world = World::with(policy);
    world.offer(&package());
    world.boot();
    world.run();
    world.assert_updated(&package());
    let ranges: Vec<_> = world.server.requests.iter().map(|request| request.range).collect();
    assert_eq!(ranges.len(), 5);
    assert_eq!(ranges[4], ByteRange { start: 4_096, end: 5_000 });
    assert_eq!(world.count(|event| matches!(event, Event::Fetching { .. })), 1, "one download, one event");
}

#[test]
fn an_offer_that_failed_is_taken_again_after_growing_pauses() {
    let mut world = offered(&package());
    world.server.always = Some(Fault::NotTrusted);
    world.platform.retries = 12;
    world.boot();
    world.run();
    assert_eq!(world.platform.failures().len(), 13);
    let times: Vec<_> = world.server.requests.iter().map(|request| request.at).collect();
    let pauses: Vec<_> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert_eq!(pauses.len(), 12);
    assert!(pauses.iter().zip(0..).all(|(pause, n)| *pause >= 500 << n), "{pauses:?}");
    assert!(pauses[11] > Duration::from_secs(1_000).as_millis() as u64);
}

#[test]
fn the_pause_after_a_failed_offer_outlives_a_power_cut() {
    let mut world = offered(&package());
    world.server.always = Some(Fault::NotTrusted);
    world.platform.retries = 8;
    world.boot();
    world.run();
    world.platform.open.push(package());
    world.server.always = None;
    let before = world.now;
    world.boot();
    world.run();
    world.assert_updated(&package());
    assert!(world.now - before >= 128_000, "{} ms", world.now - before);
}
