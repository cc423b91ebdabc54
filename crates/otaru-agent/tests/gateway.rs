//! A gateway and the devices behind it: one session, many devices, each updated by itself.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod common;

use std::collections::{BTreeMap, BTreeSet};

use common::{Platform, Target, World, agent::*, behind::*, failure, image, is_version};
use otaru_agent::{AgentEvent, GatewayEvent, SubDevice};
use otaru_wire::{Failure, Report};

/// Not a test of its own: what an `AgentProcess` runs.
#[test]
fn the_agent_process() {
    common::agent::become_an_agent();
}

#[test]
fn two_devices_behind_a_gateway_and_itself_are_updated_over_one_connection() {
    let platform = Platform::start(None);
    let device = Device::new(&platform, &[table("sub-1", ""), table("sub-2", "")].concat());
    let own = target("default", "2.0.0", &[image(40, 300_000)]);
    let targets = two(&platform, 400_000);
    let mut ended = BTreeSet::new();
    device.run_gateway(|told| {
        if updated(told) {
            ended.insert(told.sub_device.clone());
        }
        ended.len() == 2
    });
    assert_eq!(platform.world().streams.len(), 1, "one connection for all");
    offer(&platform, &own);
    let events = device
        .run_gateway(|told| told.sub_device.is_none() && matches!(told.event, AgentEvent::Updated { .. }));
    device.runs(&own);
    for (name, target) in &targets {
        platform.wait_for_version(name, "3.0.0");
        device.sub_runs(name, target);
        assert!(
            !events.iter().any(|told| is_of(told, name) && matches!(told.event, AgentEvent::Offered { .. }))
        );
    }
}

fn updated(told: &GatewayEvent) -> bool {
    matches!(told.event, AgentEvent::Updated { .. })
}

/// Two devices that the platform has a package for.
fn two(platform: &Platform, len: usize) -> [(&'static str, Target); 2] {
    [("sub-1", 41), ("sub-2", 42)].map(|(name, seed)| {
        let target = target("default", "3.0.0", &[image(seed, len)]);
        platform.expect(name, Some(target.clone()));
        (name, target)
    })
}

#[test]
fn a_refused_device_harms_no_other_and_is_told() {
    let platform = Platform::start(None);
    let device = Device::new(&platform, &[table("sub-1", ""), table("sub-2", "")].concat());
    let [_, (name, target)] = two(&platform, 100_000);
    platform.change(|world| world.named("sub-1").banned = true);
    let (mut refused, mut done) = (None, false);
    device.run_gateway(|told| {
        if let (true, AgentEvent::Offline { reason, .. }) = (is_of(told, "sub-1"), &told.event) {
            refused = Some(reason.clone());
        }
        done |= is_of(told, name) && updated(told);
        done && refused.is_some()
    });
    device.sub_runs(name, &target);
    assert!(refused.unwrap().contains("the platform refuses it with code 6287"));
    assert!(platform.world().behind[&sub("sub-1")].reports.is_empty());
}

#[test]
fn every_device_logs_in_again_after_a_reconnect_and_says_its_version() {
    let platform = Platform::start(None);
    let device = Device::new(&platform, &[table("sub-1", ""), table("sub-2", "")].concat());
    for name in ["sub-1", "sub-2"] {
        platform.expect(name, None);
    }
    let agent = device.agent().unwrap();
    let (handle, watchdog) = (agent.handle(), Watchdog::start(agent.handle()));
    let versions = |times: usize| {
        move |world: &World| {
            world
                .behind
                .values()
                .all(|it| it.reports.iter().filter(|it| is_version(it, "1.0.0")).count() >= times)
        }
    };
    let user = std::thread::scope(|scope| {
        let user = scope.spawn(|| {
            platform.wait("both are in", versions(1));
            platform.change(|world| {
                world.behind.values_mut().for_each(|it| it.online = false);
                world.hang_up();
            });
            platform.wait("both are in again", versions(2));
            handle.stop();
        });
        let mut offline = BTreeSet::new();
        agent
            .run_gateway(&mut |told| {
                if matches!(told.event, AgentEvent::Offline { .. }) {
                    offline.insert(told.sub_device.clone());
                }
            })
            .unwrap();
        assert_eq!(offline.len(), 3, "the gateway and both");
        user.join()
    });
    assert!(user.is_ok() && watchdog.calm());
    assert!(platform.world().behind.values().all(|it| it.logins == 2));
    assert_eq!(platform.world().logins, 2);
}

#[test]
fn two_downloads_that_a_power_cut_interrupts_go_on_each_at_its_byte() {
    const LEN: u64 = 2_000_000;
    let platform = Platform::start(None);
    let more = [
        "[policy]\ncheckpoint_bytes = 131072\nreport_interval_s = 0\nreport_percent = 1\n".to_owned(),
        table("sub-1", ""),
        table("sub-2", ""),
    ];
    let device = Device::new(&platform, &more.concat());
    let targets = two(&platform, LEN as usize);
    platform.change(|world| world.gate = Some(1_000_000));
    let mut process = device.process();
    let mut done = BTreeMap::new();
    process.until_told(|told| {
        if let AgentEvent::Progress { done: bytes, .. } = told.event {
            done.insert(told.sub_device.clone(), bytes);
        }
        done.len() == 2 && done.values().all(|bytes| *bytes >= 990_000)
    });
    process.cut_power();
    platform.change(|world| {
        world.gate = None;
        world.behind.values_mut().for_each(|it| it.requests.clear());
    });

    let mut process = device.process();
    let mut resumed = BTreeMap::new();
    let mut ended = BTreeSet::new();
    process.until_told(|told| {
        let name = told.sub_device.as_ref().map(|device| device.device.to_string());
        if let AgentEvent::Fetching { offset, resumed: true, .. } = told.event {
            resumed.insert(name.clone().unwrap(), offset);
        }
        if updated(told) {
            ended.insert(name);
        }
        ended.len() == 2
    });
    for (name, target) in &targets {
        let offset = resumed[*name];
        assert!((800_000..=1_100_000).contains(&offset), "{name}: {offset}");
        assert_eq!(platform.world().behind[&sub(name)].requests, [offset], "{name}: the wire says the same");
        device.sub_runs(name, target);
    }
}

#[test]
fn the_gateways_own_reboot_saves_the_downloads_of_the_others_to_the_byte() {
    let platform = Platform::start(None);
    // No checkpoint comes by itself: only the orderly end can save anything.
    let more =
        ["[policy]\ncheckpoint_bytes = 100000000\nreport_interval_s = 0\n".to_owned(), table("sub-1", "")];
    let device = Device::new(&platform, &more.concat());
    let slow = target("default", "3.0.0", &[image(43, 2_000_000)]);
    platform.expect("sub-1", Some(slow.clone()));
    platform.change(|world| world.gate = Some(1_000_000));
    let own = target("default", "2.0.0", &[image(44, 200_000)]);
    let mut stored = 0;
    let mut resumed = None;
    device.run_gateway(|told| {
        match &told.event {
            AgentEvent::Progress { done, .. } if is_of(told, "sub-1") && *done > 500_000 && stored == 0 => {
                stored = *done;
                offer(&platform, &own);
                platform.change(|world| world.hang_up()); // it says its version again and is offered the new one
            }
            AgentEvent::Rebooting if told.sub_device.is_none() => platform.change(|world| world.gate = None),
            AgentEvent::Fetching { offset, resumed: true, .. } => resumed = Some(*offset),
            _ => {}
        }
        is_of(told, "sub-1") && updated(told)
    });
    assert!(resumed.unwrap() >= stored && stored > 0, "{resumed:?} of {stored}");
    device.sub_runs("sub-1", &slow);
    device.runs(&own);
}

#[test]
fn devices_come_and_go_while_the_agent_runs_and_one_that_comes_again_goes_on() {
    let platform = Platform::start(None);
    let device = Device::new(&platform, "[policy]\nreport_interval_s = 0\n");
    let target = target("default", "3.0.0", &[image(45, 1_000_000)]);
    platform.expect("sub-1", Some(target.clone()));
    platform.change(|world| world.gate = Some(500_000));
    let agent = device.agent().unwrap();
    let (handle, watchdog) = (agent.handle(), Watchdog::start(agent.handle()));
    let device_1 = || SubDevice::new("a1SubPk0002", "sub-1", &secret("sub-1"), "1.0.0").unwrap();
    handle.admit(device_1());
    let mut bad = device_1();
    bad.device_name = "..".parse().unwrap();
    handle.admit(bad);
    handle.admit(SubDevice::new("a1DemoPk001", "dev-one", "x", "1").unwrap());
    let (mut refused, mut dismissed, mut resumed) = (Vec::new(), false, None);
    agent
        .run_gateway(&mut |told| match &told.event {
            AgentEvent::NotAdmitted { reason } => refused.push(reason.clone()),
            AgentEvent::Progress { done, .. } if !dismissed && *done > 300_000 => {
                dismissed = true;
                handle.dismiss(sub("sub-1"));
            }
            AgentEvent::Dismissed => {
                platform.change(|world| world.gate = None);
                platform.wait("it is logged out", |world| !world.is_online(&sub("sub-1")));
                handle.admit(device_1());
            }
            AgentEvent::Fetching { offset, resumed: true, .. } => resumed = Some(*offset),
            AgentEvent::Updated { .. } => handle.stop(),
            _ => {}
        })
        .unwrap();
    assert!(watchdog.calm());
    assert_eq!(refused.len(), 2, "{refused:?}");
    assert!(refused[0].contains(".. cannot be the name of a folder"), "{refused:?}");
    assert!(refused[1].contains("a gateway cannot be behind itself"), "{refused:?}");
    assert!(resumed.unwrap() >= 300_000);
    device.sub_runs("sub-1", &target);
}

#[test]
fn the_programs_of_a_device_behind_the_gateway_install_check_and_reboot_it_alone() {
    let platform = Platform::start(None);
    let dir = tempfile::tempdir().unwrap();
    let note = |what: &str| {
        format!(
            "[\"sh\", \"-c\", \"echo {what} $OTARU_DEVICE_NAME >> {}\"]",
            dir.path().join("log").display()
        )
    };
    let programs = format!(
        "install = {{ kind = \"command\", command = {} }}\nhealth = {{ command = {} }}\nreboot = {{ command = {} }}",
        note("install"),
        note("health"),
        note("reboot")
    );
    let device = Device::new(&platform, &table("sub-1", &programs));
    platform.expect("sub-1", Some(target("default", "3.0.0", &[image(46, 50_000)])));
    let events = device.run_gateway(updated);
    let log = std::fs::read_to_string(dir.path().join("log")).unwrap();
    assert_eq!(log, "install sub-1\nreboot sub-1\nhealth sub-1\n");
    platform.wait_for_version("sub-1", "3.0.0");
    let starts = events.iter().filter(|told| matches!(told.event, AgentEvent::Started { .. })).count();
    assert_eq!(starts, 1, "the gateway itself did not reboot");
    let boots = events.iter().filter(|told| matches!(told.event, AgentEvent::Booted { .. })).count();
    assert_eq!(boots, 2);
}

#[test]
fn a_device_whose_new_version_is_sick_falls_back_and_the_other_is_updated() {
    let platform = Platform::start(None);
    let sick = "health = { command = [\"false\"] }";
    let more = [
        "[policy]\ntrial_timeout_s = 0.5\nhealth_interval_s = 0.1\n".to_owned(),
        table("sub-1", sick),
        table("sub-2", ""),
    ];
    let device = Device::new(&platform, &more.concat());
    let [_, (name, target)] = two(&platform, 50_000);
    let mut seen = BTreeSet::new();
    device.run_gateway(|told| {
        let end = updated(told) || matches!(told.event, AgentEvent::FellBack { .. });
        if end {
            seen.insert((told.sub_device.clone().unwrap().device.to_string(), updated(told)));
        }
        seen.len() == 2
    });
    assert_eq!(seen, [("sub-1".to_owned(), false), ("sub-2".to_owned(), true)].into());
    device.sub_runs(name, &target);
    platform.wait("the failure is told", |world| {
        world.behind[&sub("sub-1")].reports.iter().any(|it| failure(it) == Some(Failure::Upgrade))
    });
}

#[test]
fn more_downloads_than_are_fetched_at_once_take_turns_and_none_is_called_silent() {
    let platform = Platform::start(None);
    let names: Vec<String> = (0..6).map(|n| format!("sub-{n}")).collect();
    let tables: String = names.iter().map(|name| table(name, "")).collect();
    // A turn of all the others lasts longer than a fetch may be silent.
    let policy = "[policy]\nstall_timeout_s = 1\nrange_bytes = 65536\nreport_interval_s = 0\n";
    let mut device = Device::new(&platform, &format!("{policy}{tables}"));
    device.config =
        device.config.replace("[download]", "[download]\nat_once = 1\nmax_bytes_per_second = 200000");
    for name in &names {
        platform.expect(name, Some(target("default", "3.0.0", &[image(47, 130_000)])));
    }
    let mut ended = BTreeSet::new();
    let events = device.run_gateway(|told| {
        if updated(told) {
            ended.insert(told.sub_device.clone());
        }
        ended.len() == names.len()
    });
    let retries = events.iter().filter(|told| matches!(told.event, AgentEvent::Retrying { .. })).count();
    assert_eq!(retries, 0, "{events:#?}");
    // By turns: the last begins before the first has ended.
    let first =
        |like: &dyn Fn(&AgentEvent) -> bool| events.iter().position(|told| like(&told.event)).unwrap();
    let verified = first(&|event| matches!(event, AgentEvent::Verified));
    let begun = events[..verified].iter().filter(|told| matches!(told.event, AgentEvent::Progress { .. }));
    let begun: BTreeSet<_> = begun.map(|told| told.sub_device.clone()).collect();
    assert_eq!(begun.len(), names.len());
}

#[test]
fn a_package_over_mqtt_for_a_device_behind_the_gateway_is_refused_at_once_with_the_reason() {
    let platform = Platform::start(None);
    let device = Device::new(&platform, &table("sub-1", ""));
    platform.expect("sub-1", Some(target("default", "3.0.0", &[image(48, 50_000)])));
    platform.change(|world| world.over_mqtt = true);
    device.run_gateway(|told| matches!(told.event, AgentEvent::Ignored { .. }));
    platform.wait("the platform hears why", |world| {
        world.behind[&sub("sub-1")].reports.iter().any(|report| {
            failure(report) == Some(Failure::Download)
                && matches!(report, Report::Progress { description, .. } if description.contains("over MQTT"))
        })
    });
    assert!(platform.world().blocks.is_empty());
}

#[test]
fn a_device_that_logs_in_while_it_is_still_being_settled_is_heard_once_it_is() {
    let platform = Platform::start(None);
    platform.expect("sub-1", Some(target("default", "3.0.0", &[image(49, 20_000)])));
    let dir = tempfile::tempdir().unwrap();
    // Brings the old version back at once, and every later time only when it is let.
    let revert = format!(
        "cd {}; if [ -e once ]; then while [ ! -e go ]; do sleep 0.01; done; fi; touch once",
        dir.path().display()
    );
    let programs = format!(
        "install = {{ kind = \"command\", command = [\"true\"], revert = [\"sh\", \"-c\", \"{revert}\"] }}\n\
         health = {{ command = [\"false\"] }}"
    );
    let policy = "[policy]\ntrial_timeout_s = 0.3\nhealth_interval_s = 0.1\n";
    let device = Device::new(&platform, &format!("{policy}{}", table("sub-1", &programs)));
    let mut process = device.process();
    let mut reboots = 0;
    process.until_told(|told| {
        reboots += usize::from(is_of(told, "sub-1") && matches!(told.event, AgentEvent::Rebooting));
        reboots == 2 // into the new version, and back
    });
    process.cut_power();

    let mut process = device.process();
    process.until_told(|told| is_of(told, "sub-1") && matches!(told.event, AgentEvent::Online));
    std::fs::write(dir.path().join("go"), b"").unwrap();
    process.until_told(|told| matches!(told.event, AgentEvent::FellBack { .. }));
    platform.wait("the failure is told in the same session", |world| {
        let reports = &world.behind[&sub("sub-1")].reports;
        reports.iter().any(|report| failure(report) == Some(Failure::Upgrade))
    });
}
