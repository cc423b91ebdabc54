//! Sessions that end, notices that change, people and slots, while a file comes over MQTT.

use std::time::Duration;

use otaru_core::{Decision, Event, Input, Trouble};

use super::{CLEAN, assert_whole, offered, offsets, pauses, run, streamed, troubles};
use crate::world::{SIZE, blocks::Fault, image, platform::Package, server};

#[test]
fn nothing_is_asked_without_a_session_and_the_download_goes_on_at_the_same_byte() {
    let mut world = offered(&streamed());
    world.platform.blocks.faults = [Fault::None, Fault::None, Fault::Lost].into();
    world.boot();
    world.run_until(|world| offsets(world).len() == 3);
    world.give(Input::Disconnected);
    world.run();
    assert!(world.has_task() && offsets(&world).len() == 3 && troubles(&world).is_empty());
    world.now += 6 * 3_600_000;
    let now = world.now;
    world.give(Input::Connected);
    world.run_until(|world| offsets(world).len() == 4);
    assert_eq!(world.now, now, "it goes on at once");
    world.run();
    assert_whole(&world, &[0, 1_000, 2_000, 2_000, 3_000, 4_000]);
    assert_eq!(troubles(&world), [] as [&Trouble; 0], "no try was counted");
}

#[test]
fn a_device_that_starts_without_a_session_asks_when_it_has_one() {
    let mut world = offered(&streamed());
    world.platform.blocks.faults = [Fault::None, Fault::None, Fault::Lost].into();
    world.boot();
    world.run_until(|world| offsets(world).len() == 3);
    world.handle(Input::Stopping).unwrap();
    world.run_until(|world| world.disk.saved_record().is_some_and(|record| record.stored() == [2_000]));
    world.offline = true;
    world.boot();
    world.run();
    assert_eq!((world.has_task(), offsets(&world).len()), (true, 3));
    world.offline = false;
    world.give(Input::Connected);
    world.run();
    assert_whole(&world, &[0, 1_000, 2_000, 2_000, 3_000, 4_000]);
    assert_eq!(world.count(|event| matches!(event, Event::Fetching { resumed: true, offset: 2_000, .. })), 1);
}

#[test]
fn a_session_that_breaks_at_every_block_costs_no_try() {
    let world = run((0..60).map(|n| if n % 2 == 0 { Fault::SessionEnds } else { Fault::Short(200) }));
    world.assert_updated(&streamed());
    assert_eq!((world.stored, troubles(&world).len()), (SIZE as u64, 0));
}

#[test]
fn requests_for_blocks_keep_the_policys_distance() {
    let mut world = offered(&streamed());
    world.policy.block_interval = Duration::from_millis(350);
    world.platform.blocks.faults = [Fault::None, Fault::SessionEnds, Fault::Refused].into();
    world.boot();
    world.run();
    world.assert_updated(&streamed());
    assert!(pauses(&world).iter().all(|pause| *pause >= 350), "{:?}", pauses(&world));
    assert_eq!(world.count(|event| matches!(event, Event::Retrying { .. })), 0);
}

#[test]
fn the_same_offer_by_link_and_in_blocks_in_turn_keeps_what_is_stored() {
    let linked = Package { over_mqtt: false, ..streamed() };
    let mut world = offered(&streamed());
    world.offer(&linked);
    world.offer(&streamed());
    world.platform.blocks.faults = [Fault::None, Fault::Lost].into();
    world.server.faults = [server::Fault::Breaks(1_500)].into();
    world.boot();
    world.run_until_event(|event| matches!(event, Event::Retrying { .. }));
    let push = world.platform.push(&linked);
    world.give(push);
    world.run_until(|world| world.count(|event| matches!(event, Event::Retrying { .. })) == 2);
    assert_eq!(world.server.requests[0].range.start, 1_000, "by link from where the blocks ended");
    let push = world.platform.push(&streamed());
    world.give(push);
    world.run();
    world.assert_updated(&streamed());
    assert_eq!(offsets(&world), [0, 1_000, 2_500, 3_500, 4_500], "in blocks from where the body broke");
    assert_eq!(world.stored, SIZE as u64);
    assert_eq!(world.count(|event| matches!(event, Event::Offered(_))), 1, "one offer all the time");
}

#[test]
fn a_refused_block_may_be_followed_by_a_notice_with_a_link() {
    let linked = Package { over_mqtt: false, ..streamed() };
    let mut world = offered(&linked);
    world.platform.blocks.faults = [Fault::None, Fault::Refused].into();
    let push = world.platform.push(&streamed());
    world.platform.mute = true;
    world.offline = true; // the first notice is the one pushed
    world.boot();
    world.run();
    world.offline = false;
    world.platform.open.clear();
    world.give(Input::Connected);
    world.give(push);
    world.platform.open.push(streamed());
    world.run_until_event(|event| matches!(event, Event::BlockRefused { .. }));
    world.platform.open = vec![linked.clone()];
    world.platform.mute = false;
    world.run();
    world.assert_updated(&linked);
    assert_eq!(world.server.requests.iter().map(|request| request.range.start).collect::<Vec<_>>(), [1_000]);
    assert_eq!(world.stored, SIZE as u64);
}

#[test]
fn a_download_over_mqtt_is_canceled_replaced_and_postponed_like_any_other() {
    let half = || {
        let mut world = offered(&streamed());
        world.platform.blocks.faults = [Fault::None, Fault::Lost].into();
        world.boot();
        world.run_until(|world| offsets(world).len() == 2);
        world
    };
    let mut world = half();
    world.give(Input::Cancel);
    world.run();
    world.assert_failed(-1, "canceled");

    let mut world = half();
    let newer = Package { version: "3.0.0", over_mqtt: true, ..Package::new(vec![image(1_400, 9)]) };
    world.push(&newer);
    world.run();
    world.assert_updated(&newer);
    assert_eq!(offsets(&world), [0, 1_000, 0, 1_000]);

    let mut world = offered(&streamed());
    world.policy.ask_before_fetch = true;
    world.boot();
    world.run();
    world.give(Input::Decision(Decision::Postpone(Duration::from_secs(3_600))));
    world.run();
    assert!(offsets(&world).is_empty());
    world.give(Input::Decision(Decision::Accept));
    world.run();
    assert_whole(&world, &CLEAN);
}

#[test]
fn a_slot_that_is_slow_holds_the_next_request_back() {
    let mut world = offered(&streamed());
    world.slot_silent = true;
    world.boot();
    world.run();
    assert_eq!(offsets(&world), [0], "one block is all that a device must hold");
    world.assert_failed(-4, "does not answer");
}
