//! Devices of OneNET against a small platform over real sockets: updates by calls alone, and what may go wrong with them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod common;

use std::sync::{
    atomic::Ordering,
    mpsc::{Receiver, channel},
};

use common::{
    PATIENCE, Target,
    agent::{Device, REBOOT_CODE, Watchdog, last_downloaded, target},
    http_server, image,
    onenet::{Onenet, World},
};
use otaru_agent::{AgentEvent, Exit, Failure, GatewayEvent, Handle, Module, Step, SubDevice, active_folder};
use otaru_wire::dialect::onenet::{Ask, DownloadRefusal, Generation, Kind, Status, Versions};

const QUICK: &str = "[policy]\nrange_bytes = 65536\ncheckpoint_bytes = 65536\nretry_first_s = 0.05\nreport_interval_s = 0\n\
                     report_percent = 1\npoll_interval_s = 0.5";

/// Not a test of its own: what an `AgentProcess` runs.
#[test]
fn the_agent_process() {
    common::agent::become_an_agent();
}

fn runs(device: &Device, target: &Target) {
    let folder = active_folder(&device.dir.path().join("state"), &target.module).unwrap().unwrap();
    assert!(std::fs::read(folder.join("0")).unwrap() == *target.files[0], "{}", folder.display());
}

fn is_download(ask: &Ask) -> bool {
    matches!(ask, Ask::Download { .. })
}

fn checks(world: &World) -> usize {
    world.asks.iter().filter(|ask| matches!(ask, Ask::Check(_))).count()
}

/// What a running agent tells.
struct Told(Receiver<AgentEvent>);

impl Told {
    fn until(&self, wanted: impl Fn(&AgentEvent) -> bool) {
        let mut seen = Vec::new();
        while !seen.last().is_some_and(&wanted) {
            seen.push(self.0.recv_timeout(PATIENCE).unwrap_or_else(|error| panic!("{error} after {seen:?}")));
        }
    }
}

/// Runs the agent of a device beside `act`, which says when it is enough.
fn beside(device: &Device, act: impl FnOnce(&Handle, &Told)) -> Vec<AgentEvent> {
    let agent = Device::next_agent(|| device.agent());
    let (handle, watchdog) = (agent.handle(), Watchdog::start(agent.handle()));
    let (sender, told) = channel();
    let events = std::thread::scope(|scope| {
        let runs = scope.spawn(move || {
            let mut events = Vec::new();
            let mut tell = |event: &AgentEvent| {
                events.push(event.clone());
                let _ = sender.send(event.clone());
            };
            agent.run(&mut tell).unwrap();
            events
        });
        act(&handle, &Told(told));
        handle.stop();
        runs.join().unwrap()
    });
    assert!(watchdog.calm(), "{events:?}");
    events
}

/// Runs over the reboot into the new version until the platform knows that the Task succeeded.
fn update(platform: &Onenet, device: &Device) -> Vec<AgentEvent> {
    let (exit, mut events) = device.run(|event| matches!(event, AgentEvent::Failed { .. }));
    assert_eq!(exit, Exit::Reboot, "{events:?}");
    events.extend(beside(device, |_, _| {
        platform.wait("the Task succeeds", |world| world.status == Some(Status::Succeeded));
    }));
    assert!(events.iter().any(|event| matches!(event, AgentEvent::Updated { .. })), "{events:?}");
    events
}

#[test]
fn a_device_of_each_generation_is_updated_by_calls_alone() {
    for generation in Generation::ALL {
        let platform = Onenet::start(generation);
        let target = target("default", "2.0.0", &[image(1, 300_000)]);
        platform.offer(&target);
        let device = platform.device("", QUICK);
        let events = update(&platform, &device);
        let name = generation.name();
        assert!(events.contains(&AgentEvent::Online), "{name}: {events:?}");
        runs(&device, &target);
        let world = platform.world();
        let pieces =
            [(0, 65_535), (65_536, 131_071), (131_072, 196_607), (196_608, 262_143), (262_144, 299_999)];
        assert_eq!(world.pieces, pieces, "{name}");
        let versions = Versions { sota: Some("1.0.0".parse().unwrap()), fota: None };
        assert_eq!(world.asks.first(), Some(&Ask::Version(versions)), "{name}");
        // The platform is asked for the Task before each piece, as the vendor's flow wants it (onenet §1).
        for (at, _) in world.asks.iter().enumerate().filter(|(_, ask)| is_download(ask)) {
            assert!(matches!(world.asks[at - 1], Ask::TaskCheck(_)), "{name}: {:?}", world.asks);
        }
        // Before the new version is told the platform is asked something that tells it nothing.
        let at = |wanted: fn(&Ask) -> bool| world.asks.iter().position(wanted).unwrap();
        let probed = at(|ask| *ask == Ask::Versions);
        assert!(probed < at(|ask| matches!(ask, Ask::Step { step, .. } if step.number() == 201)), "{name}");
        drop(world);
        let steps = platform.steps();
        assert!(steps.is_sorted() && steps.contains(&100) && steps.last() == Some(&201), "{name}: {steps:?}");
        // Calls, and files, each over one connection a start of the agent.
        assert!(platform.connections.load(Ordering::SeqCst) <= 4, "{name}");
    }
}

#[test]
fn the_modem_is_a_module_of_its_own() {
    let platform = Onenet::start(Generation::Fuse);
    let target = target("modem", "8.0", &[image(2, 10_000)]);
    platform.offer(&target);
    let device = platform.device("", &format!("[[module]]\nname = \"modem\"\nversion = \"7.0\"\n{QUICK}"));
    let events = update(&platform, &device);
    let updated = AgentEvent::Updated { module: target.module.clone(), version: target.version.clone() };
    assert!(events.contains(&updated), "{events:?}");
    runs(&device, &target);
    let asked =
        |kind| platform.world().asks.iter().any(|ask| matches!(ask, Ask::Check(check) if check.kind == kind));
    assert!(asked(Kind::Fota) && asked(Kind::Sota));
}

#[test]
fn a_kill_in_the_middle_of_a_download_costs_no_stored_byte() {
    for generation in Generation::ALL {
        let platform = Onenet::start(generation);
        let target = target("default", "2.0.0", &[image(3, 1_000_000)]);
        platform.offer(&target);
        platform.change(|world| world.gate = Some(500_000));
        let device = platform.device("", QUICK);
        let mut process = device.process();
        process.until(|event| matches!(event, AgentEvent::Progress { done, .. } if *done >= 450_000));
        process.cut_power();
        platform.change(|world| (world.gate, world.pieces) = (None, Vec::new()));

        let mut process = device.process();
        let fetching = process.until(|event| matches!(event, AgentEvent::Fetching { .. }));
        let AgentEvent::Fetching { offset, resumed, .. } = fetching else { panic!("{fetching:?}") };
        assert!(resumed && (390_000..=500_000).contains(&offset), "{offset}");
        process.until(|event| matches!(event, AgentEvent::Rebooting));
        assert_eq!(process.child.wait().unwrap().code(), Some(REBOOT_CODE));
        assert_eq!(platform.world().pieces[0].0, offset, "the wire says the same");
        assert_eq!(last_downloaded(&process.seen), 1_000_000 - offset, "no stored byte was fetched again");
        let mut process = device.process();
        process.until(|event| matches!(event, AgentEvent::Updated { .. }));
        runs(&device, &target);
        platform.wait("the Task succeeds", |world| world.status == Some(Status::Succeeded));
    }
}

#[test]
fn bytes_of_another_digest_are_fetched_once_more_and_then_reported_as_205() {
    let platform = Onenet::start(Generation::Token);
    platform.offer(&target("default", "2.0.0", &[image(4, 100_000)]));
    platform.change(|world| world.spoilt = true);
    let device = platform.device("", QUICK);
    let events = device.run_to_the_end();
    assert!(events.iter().any(|event| matches!(event, AgentEvent::StartedOver { .. })), "{events:?}");
    let Some(AgentEvent::Failed { failure, .. }) = events.last() else { panic!("{events:?}") };
    assert_eq!(*failure, Failure::Digest);
    // The end is told by the next start, if this one was too short.
    beside(&device, |_, _| {
        platform.wait("the failure is told", |world| world.status == Some(Status::Failed))
    });
    assert_eq!(platform.steps().last(), Some(&205));
}

#[test]
fn a_refusal_in_the_middle_of_a_download_is_no_byte_of_the_file() {
    for generation in Generation::ALL {
        for refusal in [DownloadRefusal::Unobtainable, DownloadRefusal::NotAuthentic, DownloadRefusal::NoFile]
        {
            let platform = Onenet::start(generation);
            let target = target("default", "2.0.0", &[image(5, 200_000)]);
            platform.offer(&target);
            platform.change(|world| world.refuse_after = Some((65_536, refusal)));
            let device = platform.device("", QUICK);
            let events = device.run_to_the_end();
            assert!(matches!(events.last(), Some(AgentEvent::Updated { .. })), "{refusal:?}: {events:?}");
            runs(&device, &target);
            let world = platform.world();
            assert_eq!(world.refuse_after, None, "it came to that");
            assert_eq!(world.bytes_served, 200_000, "{generation:?}, {refusal:?}: no byte twice");
        }
    }
}

#[test]
fn a_task_that_is_canceled_in_the_middle_is_dropped_without_a_failure() {
    for generation in Generation::ALL {
        let platform = Onenet::start(generation);
        platform.offer(&target("default", "2.0.0", &[image(6, 400_000)]));
        platform.change(|world| world.gate = Some(100_000));
        let device = platform.device("", QUICK);
        let events = beside(&device, |_, _| {
            platform.wait("the download began", |world| world.bytes_served >= 100_000);
            platform.change(|world| (world.status, world.gate) = (Some(Status::Canceled), None));
            let before = checks(&platform.world());
            platform.wait("it asks again", |world| checks(world) > before);
        });
        assert!(events.iter().any(|event| matches!(event, AgentEvent::Dropped { .. })), "{events:?}");
        assert!(platform.world().bytes_served <= 131_072, "the piece under way was the last");
        assert!(platform.steps().iter().all(|step| *step <= 100), "{:?}", platform.steps());
        assert!(!events.iter().any(|event| matches!(event, AgentEvent::Failed { .. })), "{events:?}");
    }
}

#[test]
fn a_device_that_is_not_believed_says_so_does_not_hammer_and_goes_on_once_it_is() {
    let platform = Onenet::start(Generation::Fuse);
    let target = target("default", "2.0.0", &[image(7, 10_000)]);
    platform.offer(&target);
    platform.change(|world| world.unauthorized = true);
    let device = platform.device("", QUICK);
    let (_, events) = device.run(|event| matches!(event, AgentEvent::Offline { .. }));
    let Some(AgentEvent::Offline { reason, .. }) = events.last() else { panic!("{events:?}") };
    assert!(reason.contains("401"), "{reason}");
    assert!(platform.world().turned_away <= 3, "{}", platform.world().turned_away);
    platform.change(|world| world.unauthorized = false);
    let events = device.run_to_the_end();
    assert!(matches!(events.last(), Some(AgentEvent::Updated { .. })), "{events:?}");
    runs(&device, &target);
}

#[test]
fn a_new_version_that_the_platform_does_not_believe_gives_way_to_the_old_one_and_is_never_told() {
    let platform = Onenet::start(Generation::Fuse);
    platform.offer(&target("default", "2.0.0", &[image(8, 10_000)]));
    let device = platform.device("", &format!("{QUICK}\ntrial_timeout_s = 1\nhealth_interval_s = 0.1"));
    assert_eq!(device.run(|_| false).0, Exit::Reboot);
    platform.change(|world| world.unauthorized = true);
    let (exit, events) = device.run(|_| false);
    assert_eq!(exit, Exit::Reboot, "{events:?}");
    assert!(events.contains(&AgentEvent::Trial), "{events:?}");
    let not_believed = |event: &AgentEvent| matches!(event, AgentEvent::Offline { reason, .. } if reason.contains("believe"));
    assert!(events.iter().any(not_believed), "{events:?}");
    platform.change(|world| world.unauthorized = false);
    let events = beside(&device, |_, _| {
        platform.wait("the failure is told", |world| world.status == Some(Status::Failed));
    });
    assert!(events.iter().any(|event| matches!(event, AgentEvent::FellBack { .. })), "{events:?}");
    assert_eq!(platform.steps().last(), Some(&206));
    let new = Versions { sota: Some("2.0.0".parse().unwrap()), fota: None };
    assert!(!platform.world().asks.contains(&Ask::Version(new)));
}

#[test]
fn a_file_on_another_host_is_fetched_without_the_proof() {
    let bytes = image(8, 50_000);
    let target = target("default", "2.0.0", std::slice::from_ref(&bytes));
    let (cdn, _) = http_server::serve(None, move |request, wire| {
        assert_eq!(http_server::header(request, "authorization"), None);
        let range = http_server::header(request, "range").unwrap();
        let (first, last) = range["bytes=".len()..].split_once('-').unwrap();
        let (first, last): (usize, usize) = (first.parse().unwrap(), last.parse().unwrap());
        let head = format!(
            "HTTP/1.1 206 Partial Content\r\nContent-Length: {}\r\nContent-Range: bytes {first}-{last}/50000\r\n\r\n",
            last + 1 - first
        );
        wire.write_all(head.as_bytes()).is_ok() && wire.write_all(&bytes[first..=last]).is_ok()
    });
    // By a redirect, and by the address that a device gets which cannot resolve names (onenet §2.3).
    for (keys, by_redirect) in [("", true), ("[device.onenet]\ncdn = true", false)] {
        let platform = Onenet::start(Generation::Token);
        platform.offer(&target);
        platform.change(|world| match by_redirect {
            true => world.moved_to = Some(format!("http://{cdn}/fw.bin")),
            false => world.ip_port = Some(cdn.to_string()),
        });
        let device = platform.device(keys, QUICK);
        let events = device.run_to_the_end();
        assert!(matches!(events.last(), Some(AgentEvent::Updated { .. })), "{events:?}");
        runs(&device, &target);
        assert_eq!(platform.world().pieces, [], "none of it came from the platform");
    }
}

#[test]
fn a_platform_that_is_away_for_a_while_is_asked_again() {
    let platform = Onenet::start(Generation::Tid);
    let mut device = platform.device("", QUICK);
    let there = device.config.clone();
    // Port 9 of the loopback: nobody listens.
    device.config = device.config.replace(&platform.address.to_string(), "127.0.0.1:9");
    let (exit, events) = device.run(|event| matches!(event, AgentEvent::Offline { .. }));
    assert_eq!(exit, Exit::Stopped);
    let Some(AgentEvent::Offline { reason, .. }) = events.last() else { panic!("{events:?}") };
    assert!(reason.contains("cannot be reached"), "{reason}");
    device.config = there;
    let target = target("default", "2.0.0", &[image(9, 10_000)]);
    platform.offer(&target);
    device.run_to_the_end();
    runs(&device, &target);
}

#[test]
fn a_device_that_is_stopped_at_its_update_has_told_it_before_it_ends() {
    for generation in Generation::ALL {
        let platform = Onenet::start(generation);
        platform.offer(&target("default", "2.0.0", &[image(12, 10_000)]));
        let events = platform.device("", QUICK).run_to_the_end();
        assert!(matches!(events.last(), Some(AgentEvent::Updated { .. } | AgentEvent::Online)), "{events:?}");
        assert_eq!(platform.world().status, Some(Status::Succeeded));
        assert_eq!(platform.steps().last(), Some(&201));
    }
}

#[test]
fn a_silent_platform_keeps_nobody_from_stopping() {
    let platform = Onenet::start(Generation::Fuse);
    platform.change(|world| world.silent = true);
    let begin = std::time::Instant::now();
    let (exit, _) = platform.device("", QUICK).run(|event| matches!(event, AgentEvent::Started { .. }));
    assert_eq!(exit, Exit::Stopped);
    assert!(begin.elapsed() < PATIENCE / 3, "{:?}", begin.elapsed());
    platform.change(|world| world.silent = false);
}

#[test]
fn orders_reach_a_device_without_a_session() {
    let platform = Onenet::start(Generation::Fuse);
    let device = platform.device("", "[policy]\nmode = \"standard\"\npoll_interval_s = 3600");
    let events = beside(&device, |handle, told| {
        platform.wait("it asks at its start", |world| checks(world) == 1);
        platform.offer(&target("default", "2.0.0", &[image(10, 10_000)]));
        handle.ask_task(Module::default());
        platform.wait("it asks when it is told to", |world| checks(world) == 2);
        told.until(|event| matches!(event, AgentEvent::Offered { .. }));
        handle.refuse("not today");
        platform.wait("the refusal is told", |world| world.status == Some(Status::Failed));
        assert_eq!(platform.steps(), [206]);

        platform.offer(&target("default", "3.0.0", &[image(11, 400_000)]));
        platform.change(|world| world.gate = Some(100_000));
        handle.ask_task(Module::default());
        platform.wait("it asks again", |world| checks(world) == 3);
        told.until(|event| matches!(event, AgentEvent::Offered { .. }));
        handle.accept();
        platform.wait("the download stalls", |world| world.bytes_served >= 100_000);
        handle.report(Module::default(), Step::Percent(60), "erasing the flash");
        platform.wait("a report by hand arrives", |world| {
            world.asks.iter().any(|ask| matches!(ask, Ask::Step { step, .. } if step.number() == 60))
        });
        handle.cancel();
        platform.wait("the cancel is told", |world| world.status == Some(Status::Failed));
        assert_eq!(platform.steps().last(), Some(&206));
    });
    let offered = events.iter().filter(|event| matches!(event, AgentEvent::Offered { .. })).count();
    assert_eq!(offered, 2, "{events:?}");
}

#[test]
fn a_device_behind_one_of_onenet_is_refused_with_the_reason() {
    let platform = Onenet::start(Generation::Fuse);
    let device = platform.device("", QUICK);
    let agent = device.agent().unwrap();
    let (handle, watchdog) = (agent.handle(), Watchdog::start(agent.handle()));
    handle.admit(SubDevice::new("PrdTest001", "meter-02", "s3cret", "1.0.0").unwrap());
    let mut told: Vec<GatewayEvent> = Vec::new();
    agent
        .run_gateway(&mut |event| {
            told.push(event.clone());
            if matches!(event.event, AgentEvent::NotAdmitted { .. }) {
                handle.stop();
            }
        })
        .unwrap();
    assert!(watchdog.calm());
    let reason = told.iter().find_map(|told| match &told.event {
        AgentEvent::NotAdmitted { reason } => Some(reason.clone()),
        _ => None,
    });
    assert!(reason.unwrap().contains("no devices behind others; give it an agent of its own"));
}
