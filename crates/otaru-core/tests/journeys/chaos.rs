//! Many things going wrong at once, by seed.

use std::collections::VecDeque;

use otaru_core::{
    Boot, Decision, Event, FetchError, Head, HealthVerdict, Input, Output, Policy, RequestId, SlotError,
    Updater, UpdaterOptions,
};
use otaru_wire::{Instant, Module, Version, dialect::aliyun};
use proptest::prelude::*;

use crate::world::{
    World, blocks,
    disk::Unsaved,
    image,
    platform::{self, Package, Platform},
    server::Fault,
};

/// Faults that no number of can spoil a download for good.
fn passing_fault() -> impl Strategy<Value = Fault> {
    prop_oneof![
        Just(Fault::None),
        prop_oneof![Just(500), Just(429), Just(416), Just(404), Just(401)].prop_map(Fault::Status),
        Just(Fault::OtherStart),
        Just(Fault::NoLength),
        (0_usize..4_000).prop_map(Fault::Short),
        (0_usize..4_000).prop_map(Fault::Breaks),
        (0_usize..4_000).prop_map(Fault::Stalls),
        Just(Fault::IgnoresRange),
        Just(Fault::Long),
    ]
}

fn any_fault() -> impl Strategy<Value = Fault> {
    prop_oneof![
        4 => passing_fault(),
        1 => Just(Fault::OtherTotal),
        1 => (0_usize..4_000).prop_map(Fault::Flips),
        1 => Just(Fault::NotTrusted),
    ]
}

/// The same, of blocks over MQTT.
fn passing_block_fault() -> impl Strategy<Value = blocks::Fault> {
    prop_oneof![
        Just(blocks::Fault::None),
        Just(blocks::Fault::Lost),
        Just(blocks::Fault::Crc),
        Just(blocks::Fault::Cut),
        Just(blocks::Fault::OtherOffset),
        Just(blocks::Fault::OtherToken),
        (1_usize..500).prop_map(blocks::Fault::Short),
        Just(blocks::Fault::Twice),
        Just(blocks::Fault::Late),
        Just(blocks::Fault::Refused),
        Just(blocks::Fault::SessionEnds),
    ]
}

#[derive(Debug, Clone)]
struct Setting {
    files: Vec<usize>,
    cuts: Vec<usize>,
    chunk: usize,
    range_bytes: Option<u64>,
    checkpoint_bytes: u64,
    slot_lags: bool,
    kept: bool,
}

fn setting() -> impl Strategy<Value = Setting> {
    let files = proptest::collection::vec(1_usize..4_000, 1..4);
    let cuts = proptest::collection::btree_set(0_usize..150, 0..5);
    let range = proptest::option::of(1_u64..3_000);
    (files, cuts, 1_usize..1_500, range, 1_u64..3_000, any::<(bool, bool)>()).prop_map(
        |(files, cuts, chunk, range_bytes, checkpoint_bytes, (slot_lags, kept))| {
            let range_bytes = range_bytes.map(|range| range.max(100));
            let cuts = cuts.into_iter().collect();
            Setting { files, cuts, chunk: chunk.max(50), range_bytes, checkpoint_bytes, slot_lags, kept }
        },
    )
}

fn run(setting: &Setting, faults: Vec<Fault>) -> (World, Package) {
    let (mut world, package) = world(setting);
    world.server.faults = faults.into();
    world.offer(&package);
    world.boot();
    world.run();
    (world, package)
}

fn world(setting: &Setting) -> (World, Package) {
    let Setting { range_bytes, checkpoint_bytes, .. } = *setting;
    let block_bytes = range_bytes.map_or(5_120, |range| range as u32);
    let mut world = World::with(Policy { range_bytes, checkpoint_bytes, block_bytes, ..Policy::default() });
    world.chunk = setting.chunk;
    world.slot_lags = setting.slot_lags;
    world.unsaved = if setting.kept { Unsaved::Kept } else { Unsaved::Lost };
    world.cuts = setting.cuts.iter().copied().collect();
    world.disk.trial_boots = 99;
    let files = setting.files.iter().zip(1..).map(|(len, seed)| image(*len, seed));
    (world, Package::new(files.collect()))
}

proptest! {
    #[test]
    fn passing_faults_and_power_cuts_never_keep_a_device_from_the_new_version(
        setting in setting(),
        faults in proptest::collection::vec(passing_fault(), 0..5),
    ) {
        let (world, package) = run(&setting, faults);
        world.assert_updated(&package);
    }

    #[test]
    fn passing_faults_of_blocks_and_power_cuts_never_keep_a_device_from_the_new_version(
        setting in setting(),
        faults in proptest::collection::vec(passing_block_fault(), 0..5),
    ) {
        let (mut world, package) = world(&setting);
        let package = Package { over_mqtt: true, ..package };
        world.platform.blocks.faults = faults.into();
        world.offer(&package);
        world.boot();
        world.run();
        world.assert_updated(&package);
    }

    #[test]
    fn whatever_goes_wrong_the_device_ends_on_the_old_or_the_new_version_and_says_which(
        setting in setting(),
        faults in proptest::collection::vec(any_fault(), 0..40),
    ) {
        let (world, package) = run(&setting, faults);
        if world.disk.version("default") == "2.0.0" {
            world.assert_updated(&package);
        } else {
            prop_assert_eq!(world.disk.version("default"), "1.0.0");
            prop_assert!(!world.has_task());
            prop_assert!(!world.platform.failures().is_empty());
            prop_assert_eq!(world.count(|event| matches!(event, Event::Staged)), 0);
        }
    }

    #[test]
    fn no_order_of_inputs_panics_or_yields_outputs_without_end(
        noise in proptest::collection::vec(any::<(u8, u8)>(), 0..300),
        asks in any::<bool>(),
    ) {
        let policy = Policy {
            ask_before_fetch: asks,
            ask_before_activate: asks,
            retry_first: core::time::Duration::ZERO,
            slot_timeout: core::time::Duration::from_secs(u64::from(asks)),
            ..Policy::default()
        };
        let options = UpdaterOptions { device: platform::device(), dialect: &aliyun::Device, policy, seed: 3 };
        let mut updater = Updater::new(options, None);
        let mut platform = Platform::default();
        let mut asked = VecDeque::new();
        for (at, (kind, value)) in noise.into_iter().enumerate() {
            let input = input(kind, value, &mut asked, &mut platform);
            let _ = updater.handle(Instant(at as u64 * 1_000), input);
            let outputs = core::iter::from_fn(|| updater.poll()).take(100).collect::<Vec<_>>();
            prop_assert!(outputs.len() < 100);
            let answered = |output: &Output| !matches!(output, Output::Event(_) | Output::Publish(_));
            asked.extend(outputs.into_iter().filter(answered));
        }
    }
}

/// Most inputs answer what was asked, in order, so that the noise gets somewhere.
fn input(kind: u8, value: u8, asked: &mut VecDeque<Output>, platform: &mut Platform) -> Input {
    let image = image(700, 5);
    let version = |digit: u8| Version::new(format!("{}.0.0", digit % 4)).unwrap();
    if kind % 16 != 1
        && let Some(output) = asked.pop_front()
    {
        return match output {
            Output::Fetch { request, range, .. } if !value.is_multiple_of(8) => {
                asked.push_front(Output::StopFetch(request));
                let content_range = format!("bytes {}-{}/700", range.start, range.end - 1);
                Input::Head(request, Head { status: 206, headers: [("Content-Range", content_range)].into() })
            }
            Output::Fetch { request, .. } => Input::Head(request, Head { status: 404, ..Head::default() }),
            Output::StopFetch(request) if !value.is_multiple_of(8) => {
                asked.push_front(Output::StopFetch(request));
                Input::Body(request, image.clone())
            }
            Output::StopFetch(request) => Input::FetchEnded(request, Ok(())),
            Output::Store { file, offset, bytes } => {
                Input::Stored { file, end: offset + bytes.len() as u64, result: Ok(()) }
            }
            Output::ReadBack { file, range } => {
                let bytes = image[range.start as usize..range.end as usize].to_vec();
                Input::ReadBack { file, offset: range.start, result: Ok(bytes) }
            }
            Output::Save(_) => Input::Saved(Ok(())),
            Output::Activate { .. } => Input::Activated(Ok(())),
            Output::CheckHealth(_) => Input::Health(HealthVerdict::Healthy),
            Output::Confirm(_) | Output::Revert(_) => Input::Settled(Ok(())),
            _ => Input::Timer,
        };
    }
    let error = || SlotError::Medium("noise".into());
    let boot = |trial: bool, fell_back: bool| Boot {
        running: vec![(Module::default(), version(value))],
        trial: trial.then(Module::default),
        fell_back: fell_back.then(Module::default),
    };
    let package = |version| Package { version, ..Package::new(vec![image.clone()]) };
    match kind >> 1 {
        0..=1 => Input::Booted(boot(value & 4 != 0, value & 8 != 0)),
        2..=7 => Input::Message { topic: "/ota/device/upgrade/a1Demo/d1".into(), payload: vec![value] },
        _ if asked.len() > 50 => Input::Booted(boot(value & 4 != 0, value & 8 != 0)),
        8..=15 => Input::Connected,
        16..=19 => Input::Disconnected,
        20..=49 => platform.push(&package(if value & 16 == 0 { "9.0.0" } else { "8.0.0" })),
        50..=59 => Input::Decision(Decision::Accept),
        60..=63 => Input::Decision(Decision::Postpone(core::time::Duration::ZERO)),
        64 => Input::Decision(Decision::Refuse("no".into())),
        65 => Input::NotPrepared(error()),
        66 => Input::Cancel,
        67 => Input::Stopping,
        68..=71 => Input::Body(RequestId(value.into()), vec![value; 9]),
        72..=75 => Input::FetchEnded(RequestId(value.into()), Err(FetchError::Broken("noise".into()))),
        76..=79 => Input::Stored { file: value.into(), end: value.into(), result: Ok(()) },
        80..=81 => Input::Saved(Err(error())),
        82..=83 => Input::ReadBack { file: 0, offset: 0, result: Err(error()) },
        84..=85 => Input::Activated(Err(error())),
        86..=87 => Input::Health(HealthVerdict::Sick("noise".into())),
        88..=89 => Input::Settled(Err(error())),
        _ => Input::Timer,
    }
}
