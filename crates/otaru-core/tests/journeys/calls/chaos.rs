//! Many things going wrong at once, by seed.

use otaru_core::Event;
use otaru_wire::dialect::onenet::{Generation, Status};
use proptest::prelude::*;

use super::{
    platform::{Order, What},
    world::{Fault, World},
};
use crate::world::image;

fn what() -> impl Strategy<Value = What> {
    prop_oneof![
        Just(What::Version),
        Just(What::Check),
        Just(What::TaskCheck),
        Just(What::Step),
        Just(What::Download),
    ]
}

/// Faults that no number of can spoil an update for good.
fn passing() -> impl Strategy<Value = (What, Fault)> {
    let status = prop_oneof![Just(302), Just(401), Just(403), Just(404), Just(429), Just(500), Just(503)];
    let call = prop_oneof![
        Just(Fault::Unreachable),
        Just(Fault::Lost),
        status.prop_map(|status| Fault::Answer(status, String::new())),
        Just(Fault::Answer(200, "<html>log in here</html>".into())),
        Just(Fault::Answer(200, r#"{"errno":7,"code":7}"#.into())),
    ];
    let file = prop_oneof![
        Just(Fault::Unreachable),
        Just(Fault::Lost),
        (0_usize..1500).prop_map(Fault::Breaks),
        Just(Fault::File(500, Vec::new(), Vec::new())),
        Just(Fault::File(200, Vec::new(), vec![4])),
    ];
    (what(), call, file)
        .prop_map(|(what, call, file)| (what, if what == What::Download { file } else { call }))
}

/// Any answer at all, most of them JSON that looks like one.
fn answer() -> impl Strategy<Value = Fault> {
    let body = prop_oneof![
        "\\PC{0,40}",
        (0_u32..14_000).prop_map(|number| format!(r#"{{"errno":{number},"code":{number}}}"#)),
        (0_u8..9, any::<u32>()).prop_map(|(status, tid)| format!(
            r#"{{"errno":0,"code":0,"data":{{"target":"3","token":"ota_{tid}","tid":{tid},"size":{tid},"md5":"00000000000000000000000000000000","status":{status},"type":1,"retry":{status},"interval":{tid}}}}}"#
        )),
    ];
    (prop_oneof![4 => Just(200_u16), 1 => 100_u16..600], body)
        .prop_map(|(status, body)| Fault::Answer(status, body))
}

fn world(generation: Generation, cuts: std::collections::BTreeSet<usize>) -> World {
    let mut world = World::new(generation);
    world.disk.trial_boots = 99;
    world.cuts = cuts.into_iter().collect();
    world.platform.order = Some(Order::new(image(4000, 3)));
    world
}

proptest! {
    #[test]
    fn passing_faults_of_calls_and_power_cuts_never_keep_a_device_from_the_new_version(
        generation in proptest::sample::select(&Generation::ALL[..]),
        faults in proptest::collection::vec(passing(), 0..8),
        cuts in proptest::collection::btree_set(0_usize..80, 0..4),
    ) {
        let mut world = world(generation, cuts);
        world.faults = faults;
        world.boot();
        world.run();
        world.assert_updated();
    }

    #[test]
    fn whatever_is_answered_the_device_ends_on_the_old_or_the_new_version_and_asks_in_no_hurry(
        generation in proptest::sample::select(&Generation::ALL[..]),
        faults in proptest::collection::vec((what(), answer()), 0..30),
    ) {
        let mut world = world(generation, Default::default());
        let of_calls = faults.into_iter().filter(|(what, _)| *what != What::Download);
        world.faults = of_calls.collect();
        world.boot();
        world.pass(12 * 3600 * 1000);
        prop_assert!(world.asked.len() < 2500, "{} calls in half a day", world.asked.len());
        match world.disk.version("default") {
            "2.0.0" => prop_assert!(world.disk.confirmed),
            version => {
                prop_assert_eq!(version, "1.0.0");
                prop_assert_eq!(world.count(|event| matches!(event, Event::Updated { .. })), 0);
            }
        }
        let status = world.order().status;
        prop_assert!(status != Status::Succeeded || world.disk.version("default") == "2.0.0");
    }
}
