//! Updates that meet power cuts, full media, refused links, sick versions and lost connections.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod common;

use std::process::Command;

use common::{Platform, SECRET, agent::*, failure, image, is_version};
use otaru_agent::{AgentError, AgentEvent, Exit, Slot};
use otaru_wire::{Failure, Report};

/// Not a test of its own: what an `AgentProcess` runs.
#[test]
fn the_agent_process() {
    common::agent::become_an_agent();
}

#[test]
fn a_platform_that_is_not_trusted_gets_no_login() {
    let platform = Platform::start(Some(common::certificates::vouched()));
    let device = Device::new(&platform, "");
    std::fs::write(device.dir.path().join("ca.pem"), common::certificates::vouched().ca_pem).unwrap();
    let (_, events) = device.run(|event| matches!(event, AgentEvent::Offline { .. }));
    assert!(
        matches!(events.last(), Some(AgentEvent::Offline { reason, .. }) if reason.contains("not trusted")),
        "{events:?}"
    );
    let world = platform.world();
    assert_eq!((world.logins, world.refused_logins), (0, 0));
}

#[test]
fn a_power_cut_in_the_middle_costs_no_stored_byte() {
    const LEN: u64 = 4_000_000;
    let platform = Platform::start(None);
    let device = Device::new(
        &platform,
        "[policy]\ncheckpoint_bytes = 131072\nreport_interval_s = 0\nreport_percent = 1",
    );
    let target = target("default", "2.0.0", &[image(8, LEN as usize)]);
    offer(&platform, &target);
    platform.change(|world| world.gate = Some(2_000_000));
    let mut process = device.process();
    // All that the gate let through is stored: at least two million bytes less one checkpoint are saved.
    process.until(|event| matches!(event, AgentEvent::Progress { done, .. } if *done >= 1_990_000));
    let before = process.cut_power();
    platform.change(|world| {
        world.gate = None;
        world.requests.clear();
        world.bytes_served = 0;
    });

    let mut process = device.process();
    let fetching = process.until(|event| matches!(event, AgentEvent::Fetching { .. }));
    let AgentEvent::Fetching { offset, resumed, .. } = fetching else { panic!("{fetching:?}") };
    assert!(resumed && (1_800_000..=2_000_000 + 65_536).contains(&offset), "{offset}");
    process.until(|event| matches!(event, AgentEvent::Rebooting));
    assert_eq!(process.child.wait().unwrap().code(), Some(REBOOT_CODE));
    {
        let world = platform.world();
        let requests: Vec<_> = world.requests.iter().map(|request| (request.start, request.status)).collect();
        assert_eq!(requests, [(offset, 206)], "the wire says the same");
    }
    assert_eq!(last_downloaded(&process.seen), LEN - offset, "no stored byte was fetched again");
    assert!(last_downloaded(&before) >= 1_990_000);
    let mut process = device.process();
    process.until(|event| matches!(event, AgentEvent::Updated { .. }));
    device.runs(&target);
}

#[test]
fn a_power_cut_after_each_stage_ends_in_the_new_version() {
    let platform = Platform::start(None);
    for stage in ["offered", "fetching", "verified", "staged", "activated", "rebooting", "trial", "online"] {
        let device = Device::new(&platform, "[policy]\nretry_first_s = 0.1");
        let target = target("default", "2.0.0", &[image(9, 300_000)]);
        offer(&platform, &target);
        let mut process = device.process();
        process.until(|event| {
            serde_json::to_value(event).unwrap()["event"] == stage || matches!(event, AgentEvent::Rebooting)
        });
        if stage == "trial" {
            process.child.wait().unwrap();
            process = device.process();
            process.until(|event| matches!(event, AgentEvent::Trial));
        }
        process.cut_power();
        let events = device.run_to_the_end();
        assert!(
            events.iter().any(|event| matches!(event, AgentEvent::Updated { .. })),
            "{stage}: {events:?}"
        );
        device.runs(&target);
    }
}

#[test]
fn a_stopped_agent_goes_on_at_the_byte_where_it_was() {
    let platform = Platform::start(None);
    // No checkpoint comes by itself: only the stop can save anything.
    let device = Device::new(&platform, "[policy]\ncheckpoint_bytes = 100000000");
    let target = target("default", "2.0.0", &[image(10, 2_000_000)]);
    offer(&platform, &target);
    platform.change(|world| world.gate = Some(1_000_000));
    let (exit, _) = device.run(|event| matches!(event, AgentEvent::Traffic { downloaded_bytes } | AgentEvent::Progress { downloaded_bytes, .. } if *downloaded_bytes >= 500_000));
    assert_eq!(exit, Exit::Stopped);
    platform.change(|world| world.gate = None);
    let events = device.run_to_the_end();
    let offset = events.iter().find_map(|event| match event {
        AgentEvent::Fetching { offset, resumed: true, .. } => Some(*offset),
        _ => None,
    });
    assert!(offset.unwrap() >= 500_000, "{events:?}");
    device.runs(&target);
}

#[test]
fn a_spoiled_write_fails_the_digest_once_and_the_retry_succeeds() {
    let platform = Platform::start(None);
    let device = Device::new(&platform, "[faults]\ncorrupt_write_at = 150000");
    let events = update(&platform, &device, &target("default", "2.0.0", &[image(13, 200_000)]));
    let again = events.iter().filter(|event| matches!(event, AgentEvent::StartedOver { .. })).count();
    assert_eq!(again, 1, "{events:?}");
    assert_eq!(last_downloaded(&events), 400_000);
    assert!(platform.world().reports.iter().all(|report| failure(report).is_none()));
}

#[test]
fn an_expired_link_is_asked_for_anew_and_no_byte_is_fetched_twice() {
    let platform = Platform::start(None);
    let device = Device::new(&platform, "[policy]\nretry_first_s = 0.1");
    platform.change(|world| world.expire_after = Some(600_000));
    let events = update(&platform, &device, &target("default", "2.0.0", &[image(14, 1_000_000)]));
    assert!(events.contains(&AgentEvent::LinkRefused { status: 403 }), "{events:?}");
    let world = platform.world();
    assert!(world.reports.iter().any(|report| matches!(report, Report::Query { .. })));
    assert!(world.reports.iter().all(|report| failure(report).is_none()));
    // What was on its way when the server hung up is all that may be lost.
    assert!(world.bytes_served < 1_000_000 + 600_000, "{}", world.bytes_served);
    assert!(world.requests.iter().any(|request| request.status == 206 && request.start > 0));
}

#[test]
fn a_new_version_that_is_not_healthy_gives_way_to_the_old_one() {
    let platform = Platform::start(None);
    let more = "[health]\ncommand = [\"false\"]\n[policy]\ntrial_timeout_s = 0.5\nhealth_interval_s = 0.1";
    let device = Device::new(&platform, more);
    offer(&platform, &target("default", "2.0.0", &[image(15, 10_000)]));
    let events = device.run_to_the_end();
    let fell_back = events.iter().find_map(|event| match event {
        AgentEvent::FellBack { reason, .. } => Some(reason.clone()),
        _ => None,
    });
    assert!(fell_back.unwrap().contains("false ended with"), "{events:?}");
    let (_, events) = device.run(|event| matches!(event, AgentEvent::Online));
    let AgentEvent::Started { modules, .. } = &events[0] else { panic!("{events:?}") };
    assert_eq!((modules[0].version.as_str(), modules[0].slot), ("1.0.0", Slot::A));
    platform.wait("the failure is reported", |world| {
        world.reports.iter().any(|report| failure(report) == Some(Failure::Upgrade))
    });
    assert!(!platform.world().reports.iter().any(|report| is_version(report, "2.0.0")), "never claimed");
}

#[test]
fn a_new_version_that_only_crashes_gives_way_after_its_tries() {
    let platform = Platform::start(None);
    let device = Device::new(&platform, "");
    offer(&platform, &target("default", "2.0.0", &[image(16, 10_000)]));
    assert_eq!(device.run(|_| false).0, Exit::Reboot);
    for start in 1..=3 {
        let (_, events) = device.run(|event| matches!(event, AgentEvent::Started { .. }));
        let AgentEvent::Started { modules, .. } = &events[0] else { panic!("{events:?}") };
        assert_eq!(modules[0].version.as_str(), "2.0.0", "start {start}");
    }
    let events = device.run_to_the_end();
    assert!(events.iter().any(|event| matches!(event, AgentEvent::FellBack { .. })), "{events:?}");
    let AgentEvent::Started { modules, .. } = &events[0] else { panic!("{events:?}") };
    assert_eq!(modules[0].version.as_str(), "1.0.0");
}

#[test]
fn a_medium_that_ends_within_the_package_fails_as_a_write_and_leaves_the_running_slot() {
    let platform = Platform::start(None);
    let device = Device::new(&platform, "");
    let first = target("default", "2.0.0", &[image(17, 50_000)]);
    update(&platform, &device, &first);

    offer(&platform, &target("default", "3.0.0", &[image(19, 1_000_000)]));
    let config = device.dir.path().join("agent.toml");
    std::fs::write(&config, &device.config).unwrap();
    // The system itself refuses to let any file grow past 100 KiB.
    let mut command = Command::new("sh");
    command
        .args(["-c", "trap '' XFSZ; ulimit -f 200; exec \"$0\" \"$@\""])
        .arg(std::env::current_exe().unwrap());
    let mut process = AgentProcess::start(command, &config);
    let failed = process.until(|event| matches!(event, AgentEvent::Failed { .. }));
    let AgentEvent::Failed { failure: step, reason } = &failed else { panic!("{failed:?}") };
    assert_eq!(*step, Failure::Write);
    assert!(reason.contains("no room left"), "{reason}");
    device.runs(&first);
    platform.wait("the failure is reported", |world| {
        world.reports.iter().any(|report| failure(report) == Some(Failure::Write))
    });
}

#[test]
fn a_wrong_secret_is_told_and_not_hammered() {
    let platform = Platform::start(None);
    let mut device = Device::new(&platform, "");
    device.config = device.config.replace(SECRET, "wrong");
    let (_, events) = device.run(|event| matches!(event, AgentEvent::Offline { .. }));
    let Some(AgentEvent::Offline { reason, retry_after_ms }) = events.last() else { panic!("{events:?}") };
    assert!(reason.contains("check product key, device name and secret"), "{reason}");
    assert!(*retry_after_ms >= 15_000, "{retry_after_ms}");
    platform.wait("the login is refused, once", |world| world.refused_logins == 1);
    assert!(!format!("{events:?}").contains("wrong\""));
}

#[test]
fn two_agents_never_share_a_storage_folder() {
    let platform = Platform::start(None);
    let device = Device::new(&platform, "");
    let first = device.agent().unwrap();
    let Err(error) = device.agent() else { panic!("a second agent was let in") };
    assert!(matches!(error, AgentError::InUse { .. }), "{error}");
    assert!(error.to_string().contains("state"), "{error}");
    drop(first);
    device.agent().unwrap();
}

#[test]
fn a_stalled_file_server_does_not_hold_up_the_session() {
    let platform = Platform::start(None);
    let mut device = Device::new(&platform, "");
    device.config = device.config.replace("[storage]", "keep_alive_s = 1\n[storage]");
    let target = target("default", "2.0.0", &[image(20, 500_000)]);
    offer(&platform, &target);
    platform.change(|world| world.gate = Some(100_000));
    let agent = device.agent().unwrap();
    let handle = agent.handle();
    std::thread::scope(|scope| {
        let runs = scope.spawn(move || agent.run(&mut |_| {}).unwrap());
        platform.wait("the session is probed while the download stalls", |world| world.pings >= 2);
        assert_eq!(platform.world().logins, 1);
        handle.cancel();
        platform.wait("a cancel works while the download stalls", |world| {
            world.reports.iter().any(|report| failure(report).is_some())
        });
        handle.stop();
        assert_eq!(runs.join().unwrap(), Exit::Stopped);
    });
}

#[test]
fn after_a_lost_connection_the_agent_comes_back_and_reports_its_versions_again() {
    let platform = Platform::start(None);
    let device = Device::new(&platform, "");
    let agent = device.agent().unwrap();
    let handle = agent.handle();
    let watchdog = Watchdog::start(agent.handle());
    std::thread::scope(|scope| {
        let runs = scope.spawn(move || {
            let mut events = Vec::new();
            agent.run(&mut |event| events.push(event.clone())).unwrap();
            events
        });
        for round in 1..=3 {
            platform.wait("the versions are reported", |world| {
                world.logins == round
                    && world.reports.iter().filter(|report| is_version(report, "7")).count() == round as usize
            });
            platform.world().hang_up();
        }
        handle.stop();
        let events = runs.join().unwrap();
        let offline = events.iter().filter(|event| matches!(event, AgentEvent::Offline { .. })).count();
        assert!(offline >= 2, "{events:?}");
    });
    assert!(watchdog.calm());
}

#[test]
fn a_download_over_mqtt_goes_on_at_the_same_byte_behind_a_broken_connection() {
    const BLOCK: u32 = 65_536;
    let files = [image(21, 1_000_001), image(22, 5)];
    let platform = Platform::start(None);
    platform.change(|world| (world.over_mqtt, world.break_at_block) = (true, Some(7)));
    let device = Device::new(&platform, &format!("[policy]\nblock_bytes = {BLOCK}"));
    let events = update(&platform, &device, &target("default", "2.0.0", &files));

    let world = platform.world();
    let asked: Vec<_> =
        world.blocks.iter().map(|request| (request.file, request.offset, request.len)).collect();
    let whole = (0..15).map(|at| (1, at * u64::from(BLOCK), BLOCK));
    let mut wanted: Vec<_> = whole.chain([(1, 15 * u64::from(BLOCK), 16_961), (2, 0, 5)]).collect();
    wanted.insert(6, wanted[6]); // the one whose answer never came
    assert_eq!(asked, wanted);
    assert!(world.requests.is_empty(), "nothing came over HTTP");
    assert_eq!(last_downloaded(&events), 1_000_006, "blocks count as downloaded, each once");
    let offline = events.iter().filter(|event| matches!(event, AgentEvent::Offline { .. })).count();
    assert!(offline >= 1 && !events.iter().any(|event| matches!(event, AgentEvent::Retrying { .. })));
}

#[test]
fn an_agent_without_a_platform_can_be_stopped() {
    let platform = Platform::start(None);
    let mut device = Device::new(&platform, "");
    // Port 9 of the loopback: nobody listens.
    device.config = device.config.replace(&format!(":{}\"", platform.mqtt.port()), ":9\"");
    let (exit, events) = device.run(|event| matches!(event, AgentEvent::Offline { .. }));
    assert_eq!(exit, Exit::Stopped);
    assert!(
        matches!(events.last(), Some(AgentEvent::Offline { reason, .. }) if reason.contains("127.0.0.1:9 cannot be reached")),
        "{events:?}"
    );
}
