//! Remote configuration: pushed, asked for, fetched beside the firmware, answered.

use std::time::Duration;

use otaru_core::{Error, Event, Input, Policy, RequestId};
use otaru_wire::{NoConfig, Report};

use crate::world::{World, image, server::Fault};

const BYTES: &[u8] = b"{\"rate\":20}";

/// Booted and connected; nothing is under way.
fn world() -> World {
    let mut world = World::new();
    world.boot();
    world.run();
    world
}

/// A Config was pushed to it, with these faults in the server's first answers.
fn pushed(faults: impl IntoIterator<Item = Fault>) -> World {
    let mut world = world();
    world.server.faults = faults.into_iter().collect();
    world.push_config("c1", BYTES);
    world.run();
    world
}

fn queries(world: &World) -> usize {
    world.platform.heard.iter().filter(|report| **report == Report::ConfigQuery).count()
}

fn reasons(world: &World) -> Vec<&str> {
    let mut reasons = Vec::new();
    for event in &world.events {
        if let Event::ConfigFailed { reason, .. } = event {
            reasons.push(reason.as_str());
        }
    }
    reasons
}

#[track_caller]
fn assert_refused(world: &World, text: &str) {
    assert_eq!((world.delivered_ids().len(), world.platform.config_answers()), (0, vec![(1, 400)]));
    assert!(matches!(reasons(world)[..], [reason] if reason.contains(text)), "{:?}", world.events);
}

#[test]
fn a_push_is_delivered_and_answered_and_no_progress_is_told_of_it() {
    let world = pushed([]);
    assert_eq!((world.delivered_ids(), world.platform.config_answers()), (vec!["c1"], vec![(1, 200)]));
    assert!(world.platform.steps().is_empty());
    assert!(
        matches!(&world.events[..], [Event::ConfigOffered(offered), Event::ConfigTaken(taken)] if offered == taken)
    );
}

#[test]
fn the_user_can_ask_for_it_and_nothing_is_answered() {
    let mut world = world();
    world.configure("c1", BYTES);
    world.give(Input::AskConfig);
    world.run();
    assert_eq!((world.delivered_ids(), queries(&world)), (vec!["c1"], 1));
    assert_eq!(world.platform.config_answers(), []);
}

#[test]
fn that_there_is_none_is_told() {
    let mut world = world();
    world.give(Input::AskConfig);
    world.run();
    assert_eq!(world.events, [Event::NoConfig(NoConfig::Absent)]);
    let topic = "/sys/a1Demo/d1/thing/config/get_reply".to_string();
    let off = br#"{"id":"9","version":"1.0","code":6713,"data":{}}"#.to_vec();
    world.give(Input::Message { topic: topic.clone(), payload: off.clone() });
    world.run();
    assert!(matches!(world.events.last(), Some(Event::Ignored { .. })), "nobody asked a second time");
    world.platform.mute = true;
    world.give(Input::AskConfig);
    world.give(Input::Message { topic, payload: off });
    world.run();
    assert_eq!(world.events.last(), Some(&Event::NoConfig(NoConfig::SwitchedOff)));
}

#[test]
fn the_policy_asks_at_each_connect_and_delivers_the_same_one_once() {
    let mut world = World::with(Policy { ask_config_at_connect: true, ..Policy::default() });
    world.configure("c1", BYTES);
    for boots in 1..=3 {
        world.boot();
        world.run();
        assert_eq!((world.delivered_ids(), queries(&world)), (vec!["c1"], boots));
    }
    world.configure("c2", b"another");
    world.give(Input::Disconnected);
    world.give(Input::Connected);
    world.run();
    assert_eq!(world.delivered_ids(), ["c1", "c2"]);
}

#[test]
fn a_push_of_the_one_taken_last_is_answered_without_a_second_delivery_even_after_a_reboot() {
    let mut world = pushed([]);
    let requests = world.server.requests.len();
    world.push_config("c1", BYTES);
    world.run();
    world.boot();
    world.run();
    world.push_config("c1", BYTES);
    world.run();
    assert_eq!(world.platform.config_answers(), [(1, 200), (2, 200), (3, 200)]);
    assert_eq!((world.delivered_ids(), world.server.requests.len()), (vec!["c1"], requests));
    world.give(Input::AskConfig);
    world.run();
    assert_eq!(world.delivered_ids(), ["c1", "c1"], "who asks is answered");
    world.push_config("c1", b"other bytes");
    world.run();
    assert_eq!(world.delivered[2].1, b"other bytes", "the same id with another digest is another one");
}

#[test]
fn a_power_cut_at_every_step_ends_with_the_config_taken_and_answered() {
    let run = |cuts: &[usize]| {
        let mut world = World::new();
        world.cuts = cuts.iter().copied().collect();
        world.configure("c1", &image(2_000, 5));
        world.platform.config_open = true; // pushed at each connect until it is answered
        world.boot();
        world.run();
        assert!(!world.platform.config_open && !world.delivered_ids().is_empty(), "cut at {cuts:?}");
        assert!(world.platform.config_answers().iter().all(|(_, code)| *code == 200), "cut at {cuts:?}");
        let deliveries = world.delivered.len();
        world.boot();
        world.push_config("c1", &image(2_000, 5));
        world.run();
        assert_eq!(world.delivered.len(), deliveries, "it is remembered, cut at {cuts:?}");
        world.steps
    };
    let clean = run(&[]);
    for first in 0..clean {
        for second in first + 1..clean {
            run(&[first, second]);
        }
    }
    assert!(clean > 20, "{clean} steps are too few to prove anything");
}

#[test]
fn a_wrong_digest_is_fetched_once_more_from_zero_and_then_refused() {
    let world = pushed([Fault::Flips(3)]);
    assert_eq!((world.delivered_ids(), world.platform.config_answers()), (vec!["c1"], vec![(1, 200)]));
    let world = pushed([Fault::Flips(3), Fault::Flips(3)]);
    assert_refused(&world, "digest");
    let starts: Vec<_> = world.server.requests.iter().map(|request| request.range.start).collect();
    assert_eq!(starts, [0, 0]);
}

#[test]
fn one_that_is_too_large_is_refused_before_a_byte_is_fetched() {
    for (max_config_bytes, text) in [(10, "allowed are 10"), (0, "takes no configuration")] {
        let mut world = World::with(Policy { max_config_bytes, ..Policy::default() });
        world.boot();
        world.run();
        world.push_config("c1", BYTES);
        world.run();
        assert_refused(&world, text);
        assert!(world.server.requests.is_empty());
    }
}

#[test]
fn a_server_that_lies_about_its_length_never_makes_it_hold_more_than_was_offered() {
    let world = pushed([Fault::Long, Fault::NoLength, Fault::OtherStart, Fault::Status(503)]);
    assert_eq!((world.delivered_ids(), world.platform.config_answers()), (vec!["c1"], vec![(1, 200)]));
    assert_refused(&pushed([Fault::OtherTotal]), "offered were");
}

#[test]
fn a_broken_fetch_is_tried_again_after_growing_pauses_and_not_for_ever() {
    let mut world = world();
    world.server.faults = [Fault::Breaks(300), Fault::Stalls(300), Fault::Short(300)].into();
    world.push_config("c1", &image(2_000, 3));
    world.run();
    assert_eq!(world.delivered_ids(), ["c1"]);
    assert_eq!(world.server.sent, 2_000, "what came is kept");
    assert_eq!(world.count(|event| matches!(event, Event::ConfigRetrying { .. })), 3);

    let mut world = self::world();
    world.server.always = Some(Fault::Status(500));
    world.push_config("c1", BYTES);
    world.run();
    assert_refused(&world, "500");
    let times: Vec<_> = world.server.requests.iter().map(|request| request.at).collect();
    assert_eq!(times.len() as u32, 1 + world.policy.retry_attempts);
    assert!(times.windows(2).zip(0..8).all(|(pair, n)| pair[1] - pair[0] >= 500 << n), "{times:?}");
}

#[test]
fn a_device_without_a_network_is_interrupted_and_not_failing() {
    let mut world = world();
    world.server.faults = vec![Fault::Breaks(0); 40].into();
    world.push_config("c1", BYTES);
    world.run_until(|world| !world.server.requests.is_empty());
    world.give(Input::Disconnected);
    world.run();
    assert_eq!(world.delivered_ids(), ["c1"]);
    assert_eq!(world.platform.config_answers(), [], "nobody listens");
    world.give(Input::Connected);
    world.run();
    assert_eq!(world.platform.config_answers()[0], (1, 200), "told as soon as somebody does");
}

#[test]
fn an_expired_link_is_exchanged_by_a_query() {
    let mut world = world();
    world.configure("c1", BYTES);
    let push = world.platform.push_config().unwrap();
    world.server.oldest_link = world.platform.links + 1;
    world.give(push);
    world.run();
    assert_eq!((world.delivered_ids(), world.platform.config_answers()), (vec!["c1"], vec![(1, 200)]));
    assert_eq!(queries(&world), 1);
}

#[test]
fn a_link_that_never_works_is_refused_after_a_bounded_number_of_queries() {
    let mut world = world();
    world.server.always = Some(Fault::Status(404));
    world.push_config("c1", BYTES);
    world.run();
    assert_refused(&world, "no link");
    assert_eq!(queries(&world), world.policy.link_attempts as usize);

    for (mute, text) in [(true, "does not answer"), (false, "not have it any more")] {
        let mut world = self::world();
        world.server.always = Some(Fault::Status(403));
        world.push_config("c1", BYTES);
        world.platform.config = None;
        world.platform.mute = mute;
        world.run();
        assert_refused(&world, text);
        assert_eq!(queries(&world), if mute { world.policy.link_attempts as usize } else { 1 });
    }
}

#[test]
fn a_server_that_is_not_trusted_is_not_tried_again() {
    assert_refused(&pushed([Fault::NotTrusted]), "not trusted");
}

#[test]
fn what_the_user_refuses_or_does_not_answer_is_answered_as_not_taken() {
    let mut world = world();
    world.config_answer = Some(Err("no such key".into()));
    world.push_config("c1", BYTES);
    world.run();
    assert_eq!((reasons(&world), world.platform.config_answers()), (vec!["no such key"], vec![(1, 400)]));
    world.config_answer = None;
    let before = world.now;
    world.push_config("c1", BYTES);
    world.run();
    assert_eq!(world.platform.config_answers()[1], (2, 400));
    assert_eq!(Duration::from_millis(world.now - before), world.policy.config_timeout);
    assert!(world.handle(Input::ConfigTaken(RequestId(2), Ok(()))).is_ok(), "too late is no mistake");
    let nobody = world.handle(Input::ConfigTaken(RequestId(9), Ok(())));
    assert_eq!(nobody, Err(Error::Unexpected("ConfigTaken")));
    world.config_answer = Some(Ok(()));
    world.push_config("c1", BYTES);
    world.run();
    assert_eq!(world.platform.config_answers()[2], (3, 200), "what was not taken is not remembered as taken");
}

#[test]
fn the_newest_of_two_pushes_wins_and_the_older_is_answered() {
    let mut world = world();
    world.server.faults = [Fault::Stalls(300)].into();
    world.push_config("c1", &image(2_000, 3));
    world.run_until(|world| !world.server.requests.is_empty());
    world.push_config("c2", BYTES);
    world.run();
    assert_eq!((world.delivered_ids(), reasons(&world)), (vec!["c2"], vec!["a newer one came"]));
    assert_eq!(world.platform.config_answers(), [(1, 400), (2, 200)]);
}

#[test]
fn pushes_that_come_while_the_user_has_one_wait_for_its_end_and_only_the_last_is_delivered() {
    let mut world = world();
    world.config_answer = None;
    world.push_config("c1", BYTES);
    world.run_until(|world| !world.delivered.is_empty());
    world.push_config("c2", b"second");
    world.push_config("c3", b"third");
    world.run_until(|world| !reasons(world).is_empty());
    world.config_answer = Some(Ok(()));
    world.give(Input::ConfigTaken(RequestId(1), Ok(())));
    world.run();
    assert_eq!(world.delivered_ids(), ["c1", "c3"]);
    assert_eq!(world.platform.config_answers(), [(2, 400), (1, 200), (3, 200)]);
}

#[test]
fn the_same_config_pushed_again_on_its_way_is_fetched_once_and_never_refused() {
    let mut world = world();
    world.server.faults = [Fault::Stalls(5)].into();
    for _ in 0..6 {
        world.push_config("c1", BYTES);
    }
    world.run();
    assert_eq!(world.delivered_ids(), ["c1"]);
    let answers = world.platform.config_answers();
    assert_eq!(answers, [(3, 200), (4, 200), (5, 200), (6, 200)], "a bounded number is kept");
}

#[test]
fn the_same_push_told_twice_is_answered_once() {
    let mut world = world();
    world.server.faults = [Fault::Stalls(5)].into();
    world.push_config("c1", BYTES);
    for _ in 0..6 {
        world.platform.pushes = 0;
        world.push_config("c1", BYTES);
    }
    world.run();
    assert_eq!((world.delivered_ids(), world.platform.config_answers()), (vec!["c1"], vec![(1, 200)]));
}
