//! What goes right: the flow of each generation, polls, notices, and what the user is told.

use otaru_core::{Decision, Event, Input, Policy};
use otaru_wire::{
    Limits,
    dialect::onenet::{Generation, Kind, Status, inform},
};

use super::{
    platform::{Order, What, device},
    world::{World, policy},
};
use crate::world::image;

/// Source: onenet §1 (the flow), §8 (the check before each piece), §6 (201 wants 100 before it).
#[test]
fn a_task_of_each_generation_is_asked_for_fetched_in_pieces_and_told_to_its_end() {
    use What::{Check, Download, Step, TaskCheck, Version};
    for generation in Generation::ALL {
        let mut world = World::offered(generation, Order::new(image(4000, 3)));
        world.run();
        world.assert_updated();
        let asked: Vec<_> = world.asked.iter().map(|(_, what)| *what).collect();
        let pieces: Vec<_> = asked.iter().filter(|what| matches!(what, TaskCheck | Download)).collect();
        assert_eq!(pieces, [&TaskCheck, &Download, &TaskCheck, &Download, &TaskCheck, &Download]);
        assert_eq!(
            &asked[..4],
            [Version, Version, Check, Check],
            "both modules, then what there is for them"
        );
        assert_eq!(world.asked(Step), world.platform.steps.len(), "no step was refused");
        assert_eq!(world.platform.steps[world.platform.steps.len() - 2..], [100, 201]);
        let told = world.platform.versions.last().unwrap();
        assert!(
            world
                .platform
                .versions
                .iter()
                .any(|told| told.sota.as_ref().is_some_and(|v| v.as_str() == "2.0.0"))
        );
        assert!(told.fota.is_some() || told.sota.is_some());
    }
}

#[test]
fn a_modem_is_updated_as_a_module_of_its_own() {
    let mut order = Order::new(image(2000, 4));
    order.kind = Kind::Fota;
    let mut world = World::offered(Generation::Fuse, order);
    world.run();
    world.assert_updated();
    assert_eq!(world.disk.version("default"), "1.0.0");
}

#[test]
fn a_platform_is_asked_again_at_the_policys_pace_while_no_task_is_in_hand() {
    let mut world = World::new(Generation::Tid);
    world.boot();
    world.pass(24 * 3600 * 1000);
    let polls = world.asked(What::Check) / 2;
    assert!((200..=400).contains(&polls), "{polls} polls of two modules in a day of 288 times 5 minutes");
    assert_eq!(world.asked(What::Version), 2, "what it runs is told once");
    let times: Vec<u64> =
        world.asked.iter().filter(|(_, what)| *what == What::Check).map(|(at, _)| *at).collect();
    assert!(times.windows(3).all(|at| at[2] - at[0] >= 150_000), "never closer than half the interval");
    world.platform.order = Some(Order::new(image(100, 1)));
    world.run();
    world.assert_updated();
}

#[test]
fn nobody_polls_where_the_user_has_yet_to_decide_and_the_answer_is_taken() {
    let policy = Policy { ask_before_fetch: true, ask_before_activate: true, ..policy() };
    let mut world = World::with(Generation::Token, policy);
    let limits = Limits { signal: 10, power: 30, retry: 3, interval_s: 60 };
    world.platform.order = Some(Order { limits, ..Order::new(image(900, 2)) });
    world.boot();
    world.settle();
    assert_eq!(world.task().unwrap().limits, limits, "thresholds are for the user to know");
    let asked = world.asked(What::Check);
    world.pass(3600 * 1000);
    assert_eq!(world.asked(What::Check), asked);
    world.give(Input::Decision(Decision::Accept));
    world.run_until(|world| world.events.last() == Some(&Event::Staged));
    world.give(Input::Decision(Decision::Accept));
    world.run();
    world.assert_updated();
}

#[test]
fn an_offer_that_the_user_refuses_is_reported_by_its_name() {
    for generation in Generation::ALL {
        let mut world = World::with(generation, Policy { ask_before_fetch: true, ..policy() });
        world.platform.order = Some(Order::new(image(900, 2)));
        world.boot();
        world.run_until(World::has_task);
        world.give(Input::Decision(Decision::Refuse("battery low".into())));
        world.run();
        world.assert_untouched();
        assert_eq!((world.order().status, &world.platform.steps[..]), (Status::Failed, &[206][..]));
    }
}

/// Source: onenet §6.1: the notice says "come and check", and wants a reply.
#[test]
fn a_notice_over_mqtt_is_replied_to_and_followed_at_once() {
    let me = device(Generation::Fuse);
    let mut world = World::new(Generation::Fuse);
    world.boot();
    world.give(Input::Connected);
    world.run();
    let before = world.now;
    world.platform.order = Some(Order::new(image(700, 6)));
    let notice = inform::write(&me, "ota-42");
    world.give(Input::Message { topic: notice.topic, payload: notice.payload });
    world.run();
    world.assert_updated();
    assert_eq!(world.now, before, "no poll was waited for");
    let [reply] = &world.published[..] else { panic!("{} messages", world.published.len()) };
    assert_eq!(inform::read_reply(&reply.payload).unwrap().0, "ota-42");
}

#[test]
fn a_session_that_comes_and_goes_only_says_when_to_ask() {
    let mut world = World::new(Generation::Tid);
    world.boot();
    world.run();
    let checks = world.asked(What::Check);
    world.give(Input::Connected);
    world.run();
    assert_eq!(world.asked(What::Check), checks + 2, "a notice may have been missed");
    world.give(Input::Disconnected);
    world.platform.order = Some(Order::new(image(700, 6)));
    world.run();
    world.assert_updated();
}

/// Source: onenet §2.3 `cdn`, `ipPort`.
#[test]
fn a_file_is_fetched_from_the_address_that_the_platform_tells() {
    let ip_port = Some("10.0.0.7:8080".into());
    let mut world = World::offered(Generation::Token, Order { ip_port, ..Order::new(image(2000, 4)) });
    world.run();
    world.assert_updated();
}

#[test]
fn pieces_are_the_dialects_where_the_policy_has_none() {
    let mut world = World::with(Generation::Tid, Policy { range_bytes: None, ..policy() });
    world.platform.order = Some(Order::new(image(64 * 1024 + 1, 4)));
    world.boot();
    world.run();
    world.assert_updated();
    assert_eq!(world.asked(What::Download), 2);
}
