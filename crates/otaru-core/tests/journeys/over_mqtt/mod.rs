//! Downloads in blocks over MQTT: one in flight, each checked, none lost for good.

mod sessions;

use otaru_core::{Event, Policy, Protocol, Trouble};
use otaru_wire::{BlockError, Digest, DigestMethod, MAX_BLOCK_BYTES, Source};

use crate::world::{
    SIZE, World,
    blocks::Fault,
    image,
    platform::{Package, digest},
};

fn streamed() -> Package {
    Package { over_mqtt: true, ..crate::world::package() }
}

fn offered(package: &Package) -> World {
    let mut world = World::new();
    world.policy.block_bytes = 1_000;
    world.offer(package);
    world
}

/// Runs the package with these faults in the first answers.
fn run(faults: impl IntoIterator<Item = Fault>) -> World {
    let mut world = offered(&streamed());
    world.platform.blocks.faults = faults.into_iter().collect();
    world.boot();
    world.run();
    world
}

fn offsets(world: &World) -> Vec<u64> {
    world.platform.blocks.requests.iter().map(|asked| asked.request.offset).collect()
}

fn sizes(world: &World) -> Vec<u32> {
    world.platform.blocks.requests.iter().map(|asked| asked.request.len).collect()
}

fn pauses(world: &World) -> Vec<u64> {
    let times: Vec<_> = world.platform.blocks.requests.iter().map(|asked| asked.at).collect();
    times.windows(2).map(|pair| pair[1] - pair[0]).collect()
}

fn troubles(world: &World) -> Vec<&Trouble> {
    let reasons = world.events.iter().map(|event| match event {
        Event::Retrying { reason, .. } => Some(reason),
        _ => None,
    });
    reasons.flatten().collect()
}

/// On the new version, each byte stored once, and this is what was asked for.
fn assert_whole(world: &World, wanted: &[u64]) {
    world.assert_updated(&streamed());
    assert_eq!(offsets(world), wanted);
    assert_eq!(world.stored, SIZE as u64, "no byte is stored twice");
    assert!(world.server.requests.is_empty());
}

const CLEAN: [u64; 5] = [0, 1_000, 2_000, 3_000, 4_000];

#[test]
fn a_file_comes_in_blocks_over_mqtt() {
    let world = run([]);
    assert_whole(&world, &CLEAN);
    assert!(matches!(&world.events[0], Event::Offered(task) if task.protocol == Protocol::Mqtt
        && matches!(task.files[0].source, Source::Mqtt { file: 1, .. })));
    assert_eq!(world.count(|event| matches!(event, Event::Fetching { .. })), 1, "one download, one event");
    assert_eq!(world.platform.steps(), [0, 100]);
}

#[test]
fn several_files_over_mqtt_each_come_by_their_number_in_the_stream() {
    let package =
        Package { over_mqtt: true, ..Package::new(vec![image(1_500, 3), image(1, 4), image(700, 5)]) };
    let mut world = offered(&package);
    world.boot();
    world.run();
    world.assert_updated(&package);
    let asked = world.platform.blocks.requests.iter().map(|asked| &asked.request);
    let places: Vec<_> = asked.map(|request| (request.file, request.offset, request.len)).collect();
    assert_eq!(places, [(1, 0, 1_000), (1, 1_000, 500), (2, 0, 1), (3, 0, 700)]);
}

#[test]
fn blocks_are_as_long_as_the_policy_says_and_no_longer_than_any_may_be() {
    for (policy, wanted) in [(0, 1), (5_120, 5_120), (u32::MAX, MAX_BLOCK_BYTES as u32)] {
        let package =
            Package { over_mqtt: true, ..Package::new(vec![image(if policy == 0 { 3 } else { 70_000 }, 3)]) };
        let mut world = offered(&package);
        world.policy.block_bytes = policy;
        world.boot();
        world.run();
        world.assert_updated(&package);
        assert_eq!(sizes(&world)[0], wanted);
    }
    assert_eq!(Policy::default().block_bytes, 5_120, "as the vendor's SDK asks");
}

#[test]
fn both_digests_are_proven_over_mqtt_too() {
    for also in [digest(DigestMethod::Md5, &streamed().files[0]), Digest::Md5([7; 16])] {
        let good = also != Digest::Md5([7; 16]);
        let package = Package { also: Some(also), ..streamed() };
        let mut world = offered(&package);
        world.boot();
        world.run();
        if good { world.assert_updated(&package) } else { world.assert_failed(-3, "digest by MD5") }
    }
    let twice_wrong = run((0..9).map(|_| Fault::Flips(10)));
    twice_wrong.assert_failed(-3, "digest by SHA-256");
}

#[test]
fn a_lost_block_is_asked_for_again_at_the_same_byte() {
    let world = run([Fault::None, Fault::Lost, Fault::Lost]);
    assert_whole(&world, &[0, 1_000, 1_000, 1_000, 2_000, 3_000, 4_000]);
    assert_eq!(troubles(&world), [&Trouble::NoBlock(1_000), &Trouble::NoBlock(1_000)]);
    assert!(pauses(&world)[1] >= 10_000, "{:?}", pauses(&world));
}

#[test]
fn a_block_with_a_wrong_checksum_counts_as_lost_at_once() {
    let world = run([Fault::Crc, Fault::Cut]);
    assert_whole(&world, &[0, 0, 0, 1_000, 2_000, 3_000, 4_000]);
    let troubles = troubles(&world);
    assert!(matches!(troubles[0], Trouble::Block(BlockError::Crc { .. })), "{troubles:?}");
    assert!(matches!(troubles[1], Trouble::Block(BlockError::Length { .. })), "{troubles:?}");
    assert!(pauses(&world)[..2].iter().all(|pause| (500..=3_000).contains(pause)), "{:?}", pauses(&world));
}

#[test]
fn a_block_of_another_place_or_another_download_is_passed_over() {
    let world = run([Fault::None, Fault::OtherOffset, Fault::OtherToken]);
    assert_whole(&world, &[0, 1_000, 1_000, 1_000, 2_000, 3_000, 4_000]);
}

#[test]
fn a_block_that_comes_twice_is_stored_once() {
    assert_whole(&run([Fault::Twice, Fault::Twice, Fault::None, Fault::Twice, Fault::Twice]), &CLEAN);
}

#[test]
fn a_block_that_comes_late_is_as_good_as_one_in_time() {
    let world = run([Fault::None, Fault::Late]);
    assert_whole(&world, &[0, 1_000, 1_000, 2_000, 3_000, 4_000]);

    let mut world = offered(&streamed());
    world.platform.blocks.faults = [Fault::Late].into();
    world.boot();
    world.run_until_event(|event| matches!(event, Event::Retrying { .. }));
    let asked = world.platform.blocks.requests[0].request.clone();
    let late =
        world.platform.blocks.answer(&otaru_wire::MessageId::Number(1), asked, &streamed().files[0], 0);
    world.platform.blocks.requests.clear();
    late.into_iter().for_each(|late| world.give(late));
    world.run();
    assert_whole(&world, &CLEAN[1..]);
}

#[test]
fn a_block_shorter_than_asked_is_a_start() {
    let world = run([Fault::Short(1), Fault::Short(300)]);
    assert_whole(&world, &[0, 1, 301, 1_301, 2_301, 3_301, 4_301]);
}

#[test]
fn a_platform_that_repeats_no_token_will_do() {
    let mut world = offered(&streamed());
    world.platform.blocks.forgets_token = true;
    world.boot();
    world.run();
    assert_whole(&world, &CLEAN);
}

#[test]
fn blocks_that_stay_lost_end_after_a_bounded_number_of_spaced_requests() {
    for (fault, text) in [(Fault::Lost, "did not answer"), (Fault::Crc, "checksum")] {
        let mut world = offered(&streamed());
        world.platform.blocks.always = Some(fault);
        world.boot();
        world.run();
        world.assert_failed(-2, text);
        assert_eq!(offsets(&world).len() as u32, world.policy.retry_attempts + 1);
        assert!(pauses(&world).iter().all(|pause| *pause >= 500), "{:?}", pauses(&world));
    }
}

#[test]
fn a_stored_block_gives_all_tries_back() {
    let world = run((0..50).map(|n| if n % 10 == 9 { Fault::Short(40) } else { Fault::Crc }));
    world.assert_updated(&streamed());
    assert_eq!(world.stored, SIZE as u64);
}

#[test]
fn two_devices_do_not_ask_again_at_the_same_moments() {
    let times = |seed| {
        let mut world = offered(&streamed());
        world.seed = seed;
        world.platform.blocks.always = Some(Fault::Crc);
        world.boot();
        world.run();
        pauses(&world)
    };
    assert_eq!(times(1), times(1), "the same seed repeats a run");
    assert!(times(1).iter().zip(times(2)).all(|(one, two)| *one != two));
}

#[test]
fn a_size_that_gets_no_answer_is_halved_until_one_does_and_kept_over_a_power_cut() {
    for instead in [Fault::Lost, Fault::SessionEnds] {
        let mut world = offered(&streamed());
        world.platform.blocks.most = Some((256, instead));
        world.boot();
        world.run_until(|world| world.stored >= 1_100);
        assert_eq!(sizes(&world)[..8], [1_000, 1_000, 1_000, 500, 500, 500, 256, 256]);
        assert!(world.now < 200_000, "{} ms", world.now);
        world.run_until(|world| world.disk.saved_record().is_some_and(|record| record.stored() != [0]));
        let before = sizes(&world).len();
        world.boot();
        world.run();
        world.assert_updated(&streamed());
        assert!(sizes(&world)[before..].iter().all(|size| *size <= 256), "{:?}", sizes(&world));
    }
}

#[test]
fn a_refused_block_asks_for_a_fresh_notice_and_goes_on_where_it_was() {
    let mut world = offered(&streamed());
    world.platform.blocks.faults = [Fault::None, Fault::Refused].into();
    world.boot();
    world.run();
    assert_whole(&world, &[0, 1_000, 1_000, 2_000, 3_000, 4_000]);
    let refused = Event::BlockRefused { code: 400, reason: "no such stream".into() };
    assert_eq!((world.count(|event| *event == refused), world.platform.queries()), (1, 1));
    let streams: Vec<_> = world.platform.blocks.requests.iter().map(|asked| asked.request.stream).collect();
    assert!(streams[1] < streams[2], "{streams:?}");
}

#[test]
fn a_stream_that_stays_refused_fails_after_a_bounded_number_of_queries() {
    let mut world = offered(&streamed());
    world.platform.blocks.always = Some(Fault::Refused);
    world.boot();
    world.run();
    world.assert_failed(-2, "no link that works");
    assert_eq!(world.platform.queries(), world.policy.link_attempts as usize);
}

#[test]
fn a_file_of_another_size_is_another_file() {
    let world = run([Fault::None, Fault::None, Fault::OtherSize]);
    world.assert_updated(&streamed());
    assert_eq!(offsets(&world), [0, 1_000, 2_000, 0, 1_000, 2_000, 3_000, 4_000]);
    assert_eq!(world.count(|event| matches!(event, Event::StartedOver { .. })), 1);

    let world = run((0..9).map(|_| Fault::OtherSize));
    world.assert_failed(-2, "the file has 5007 bytes, offered were 5000");
    assert_eq!(offsets(&world).len() as u32, world.policy.restart_attempts + 1);
}
