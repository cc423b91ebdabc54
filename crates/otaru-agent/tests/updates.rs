//! Whole updates over real sockets, files and processes.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod common;

use std::time::{Duration, Instant};

use common::{Platform, agent::*, image, is_version};
use otaru_agent::{AgentEvent, Exit, Slot};
use otaru_wire::{Failure, Module, Report, Step};

/// Not a test of its own: what an `AgentProcess` runs.
#[test]
fn the_agent_process() {
    common::agent::become_an_agent();
}

#[test]
fn a_package_of_several_files_goes_through_the_reboot_to_a_confirmed_version() {
    let platform = Platform::start(None);
    let device = Device::new(&platform, "");
    let files = [image(1, 700_001), image(2, 1), image(3, 300_000)];
    let events = update(&platform, &device, &target("default", "2.0.0", &files));

    let names =
        |event: &AgentEvent| serde_json::to_value(event).unwrap()["event"].as_str().unwrap().to_owned();
    let order: Vec<_> = events
        .iter()
        .map(names)
        .filter(|name| !matches!(&name[..], "progress" | "traffic" | "offline"))
        .collect();
    assert_eq!(
        order,
        [
            "started",
            "online",
            "offered",
            "fetching",
            "fetched",
            "fetching",
            "fetched",
            "fetching",
            "fetched",
            "verified",
            "staged",
            "activated",
            "rebooting",
            "started",
            "trial",
            "online",
            "updated"
        ]
    );
    assert_eq!(last_downloaded(&events), 1_000_002);
    let world = platform.world();
    let steps: Vec<u8> = world
        .reports
        .iter()
        .filter_map(|report| match report {
            Report::Progress { step: Step::Percent(percent), .. } => Some(*percent),
            _ => None,
        })
        .collect();
    assert!(steps.is_sorted() && steps.first() == Some(&0) && steps.contains(&100), "{steps:?}");
    let last = world.reports.iter().rposition(|report| is_version(report, "2.0.0")).unwrap();
    let hundred = world.reports.iter().rposition(|report| matches!(report, Report::Progress { .. })).unwrap();
    assert!(last > hundred, "the new version comes after all progress");
}

#[test]
fn an_offer_tells_each_file_and_progress_counts_the_file_and_all() {
    let platform = Platform::start(None);
    let device = Device::new(&platform, "[policy]\nreport_percent = 1\nreport_interval_s = 0");
    let target = target("default", "2.0.0", &[image(1, 300_001), image(2, 200_000)]);
    let events = update(&platform, &device, &target);
    let told = events.iter().find_map(|event| match event {
        AgentEvent::Offered { contents, .. } => {
            Some(contents.iter().map(|file| (file.size, file.digest)).collect::<Vec<_>>())
        }
        _ => None,
    });
    let files = target.files.iter().map(|file| (file.len() as u64, common::sha256(file)));
    assert_eq!(told.unwrap(), files.collect::<Vec<_>>());
    let mut seen = [0, 0];
    for event in &events {
        if let AgentEvent::Progress { file, file_done, file_total, done, total, .. } = event {
            let before = if *file == 0 { 0 } else { 300_001 };
            assert_eq!((*done, *total), (before + file_done, 500_001), "{event:?}");
            assert!(*file_total == target.files[*file].len() as u64 && *file_done > seen[*file], "{event:?}");
            seen[*file] = *file_done;
        }
    }
    assert!(seen[0] > 0 && seen[1] > 0, "{seen:?}");
}

#[test]
fn modules_are_updated_each_in_its_own_slots_one_after_the_other() {
    let platform = Platform::start(None);
    let device = Device::new(&platform, "");
    for (module, version, seed) in [("motor", "8", 4), ("default", "2.0.0", 5), ("motor", "9", 6)] {
        update(&platform, &device, &target(module, version, &[image(seed, 200_000)]));
    }
    device.runs(&target("default", "2.0.0", &[image(5, 200_000)]));
    let (_, events) = device.run(|event| matches!(event, AgentEvent::Started { .. }));
    let AgentEvent::Started { modules, .. } = &events[0] else { panic!("{events:?}") };
    let found: Vec<_> =
        modules.iter().map(|state| (state.module.as_str(), state.version.as_str(), state.slot)).collect();
    assert_eq!(found, [("default", "2.0.0", Slot::B), ("motor", "9", Slot::A)]);
}

#[test]
fn an_update_works_over_tls_and_mqtt_5() {
    let platform = Platform::start(Some(common::certificates::vouched()));
    let mut device = Device::new(&platform, "");
    device.config = device.config.replace("tls = true", "tls = true\nmqtt_version = \"5\"");
    update(&platform, &device, &target("default", "2.0.0", &[image(7, 500_000)]));
}

#[test]
fn the_process_restarts_itself_where_that_is_its_reboot() {
    let platform = Platform::start(None);
    let mut device = Device::new(&platform, "");
    device.config = device.config.replace("mode = \"exit\"", "mode = \"restart\"");
    let target = target("default", "2.0.0", &[image(11, 100_000)]);
    offer(&platform, &target);
    let mut process = device.process();
    process.until(|event| matches!(event, AgentEvent::Rebooting));
    // The same process, with all the new one has to know taken from the storage.
    process.until(|event| matches!(event, AgentEvent::Started { modules, .. } if modules[0].version.as_str() == "2.0.0"));
    process.until(|event| matches!(event, AgentEvent::Updated { .. }));
    device.runs(&target);
}

#[test]
fn a_reboot_command_is_run() {
    let platform = Platform::start(None);
    let mut device = Device::new(&platform, "");
    let sign = device.dir.path().join("rebooted");
    let command = format!("mode = \"command\"\ncommand = [\"touch\", {:?}]", sign.display().to_string());
    device.config = device.config.replace("mode = \"exit\"", &command);
    offer(&platform, &target("default", "2.0.0", &[image(12, 1000)]));
    let mut process = device.process();
    process.until(|event| matches!(event, AgentEvent::Rebooting));
    let deadline = Instant::now() + Duration::from_secs(30);
    while !sign.exists() {
        assert!(Instant::now() < deadline, "the command did not run");
        std::thread::yield_now();
    }
}

#[test]
fn nothing_is_fetched_before_the_user_agrees() {
    let platform = Platform::start(None);
    let device = Device::new(&platform, "[policy]\nask_before_fetch = true");
    let target = target("default", "2.0.0", &[image(21, 50_000)]);
    offer(&platform, &target);
    let agent = device.agent().unwrap();
    let handle = agent.handle();
    let mut offers = 0;
    let exit = agent
        .run(&mut |event| {
            if matches!(event, AgentEvent::Offered { .. }) {
                assert!(platform.world().requests.is_empty());
                offers += 1;
                match offers {
                    1 => handle.postpone(Duration::from_millis(50)),
                    _ => handle.accept(),
                }
            }
        })
        .unwrap();
    assert_eq!((exit, offers), (Exit::Reboot, 2));
}

#[test]
fn reports_by_hand_reach_the_platform_and_a_failure_ends_the_task() {
    let platform = Platform::start(None);
    let device = Device::new(&platform, "[policy]\nmode = \"standard\"");
    offer(&platform, &target("default", "2.0.0", &[image(31, 50_000)]));
    let agent = device.agent().unwrap();
    let handle = agent.handle();
    let exit = agent
        .run(&mut |event| match event {
            AgentEvent::Offered { module, .. } => {
                handle.report(module.clone(), Step::Percent(7), "the user is being asked");
                handle.report(module.clone(), Step::Failed(Failure::Upgrade), "the user went home");
            }
            AgentEvent::Failed { failure, reason } => {
                assert_eq!((*failure, &reason[..]), (Failure::Upgrade, "the user went home"));
                handle.stop();
            }
            _ => {}
        })
        .unwrap();
    assert_eq!(exit, Exit::Stopped);
    let told = |step, text: &str| {
        let (module, description) = (Module::default(), text.to_owned());
        Report::Progress { module, task: None, step, description }
    };
    let wanted = [
        told(Step::Percent(7), "the user is being asked"),
        told(Step::Failed(Failure::Upgrade), "the user went home"),
    ];
    platform.wait("both are heard", |world| wanted.iter().all(|report| world.reports.contains(report)));
    assert!(platform.world().requests.is_empty());
}
