//! Whole updates by each kind of installer, over real sockets, files and processes.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod common;

use std::{
    cell::Cell,
    path::PathBuf,
    sync::{Arc, Mutex},
};

use common::{Platform, agent::*, failure, image, is_version};
use otaru_agent::{
    Agent, AgentError, AgentEvent, ByteRange, Config, Exit, Install, Running, Slot, SlotError, Standing,
    TaskSummary,
};
use otaru_wire::{Failure, Module};

/// Not a test of its own: what an `AgentProcess` runs.
#[test]
fn the_agent_process() {
    common::agent::become_an_agent();
}

/// Offers, and runs over reboots to the confirmed and reported version.
fn updated(platform: &Platform, device: &Device, target: &common::Target) -> Vec<AgentEvent> {
    offer(platform, target);
    let events = device.run_to_the_end();
    let updated = AgentEvent::Updated { module: target.module.clone(), version: target.version.clone() };
    assert!(events.contains(&updated), "{events:?}");
    let version = target.version.to_string();
    platform.wait("the new version is reported", |world| {
        world.reports.iter().any(|report| is_version(report, &version))
    });
    events
}

/// Cuts the power again and again, each time after one more event than before, until the update is through; `judge`
/// looks at the world after each cut and at the end.
fn cut_at_every_event(device: &Device, judge: impl Fn(&str)) {
    for cut in 1..200 {
        let mut process = device.process();
        let left = Cell::new(cut);
        let last = process.until(|event| {
            left.set(left.get() - 1);
            left.get() == 0 || matches!(event, AgentEvent::Rebooting | AgentEvent::Updated { .. })
        });
        match last {
            AgentEvent::Updated { .. } => return judge("at the end"),
            AgentEvent::Rebooting => drop(process.child.wait().unwrap()),
            _ => drop(process.cut_power()),
        }
        judge(&format!("{cut}: {last:?}"));
    }
    panic!("the update never ended");
}

fn read(path: &PathBuf) -> Vec<u8> {
    std::fs::read(path).unwrap()
}

#[test]
fn files_are_replaced_where_they_are_and_a_kill_at_any_event_leaves_the_old_or_the_new_ones() {
    let platform = Platform::start(None);
    let device = Device::new(&platform, "[install]\nkind = \"file\"\npath = [\"app\", \"data\"]");
    let paths = ["app", "data"].map(|name| device.dir.path().join(name));
    let old = [b"old app".to_vec(), b"old data".to_vec()];
    for (path, bytes) in paths.iter().zip(&old) {
        std::fs::write(path, bytes).unwrap();
    }
    let target = target("default", "2.0.0", &[image(1, 300_000), image(2, 70_000)]);
    offer(&platform, &target);
    cut_at_every_event(&device, |context| {
        let found = [read(&paths[0]), read(&paths[1])];
        let new = [(*target.files[0]).clone(), (*target.files[1]).clone()];
        // One after the other: between the two renames the agent's next start decides which way both go.
        for (found, (old, new)) in found.iter().zip(old.iter().zip(&new)) {
            assert!(found == old || found == new, "{context}");
        }
        if context == "at the end" {
            assert!(found == new);
        }
    });
    let mut names: Vec<_> = std::fs::read_dir(device.dir.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(names, ["agent.toml", "app", "data", "state"], "nothing is left beside them");
}

#[test]
fn a_replaced_file_that_does_not_prove_itself_is_the_old_one_again() {
    let platform = Platform::start(None);
    let more = "[install]\nkind = \"file\"\npath = \"app\"\n[health]\ncommand = [\"false\"]\n\
                [policy]\ntrial_timeout_s = 0.5\nhealth_interval_s = 0.1";
    let device = Device::new(&platform, more);
    let app = device.dir.path().join("app");
    std::fs::write(&app, b"old app").unwrap();
    offer(&platform, &target("default", "2.0.0", &[image(3, 10_000)]));
    let events = device.run_to_the_end();
    assert!(events.iter().any(|event| matches!(event, AgentEvent::FellBack { .. })), "{events:?}");
    assert_eq!(read(&app), b"old app");
    device.run(|event| matches!(event, AgentEvent::Online));
    platform.wait("-1 is reported", |world| {
        world.reports.iter().any(|report| failure(report) == Some(Failure::Upgrade))
    });
}

#[test]
fn a_partition_gets_the_image_and_a_kill_at_any_event_leaves_the_running_one_alone() {
    let platform = Platform::start(None);
    let device = Device::new(&platform, "[install]\nkind = \"partition\"\na = \"mmc-a\"\nb = \"mmc-b\"");
    let [a, b] = ["mmc-a", "mmc-b"].map(|name| device.dir.path().join(name));
    for path in [&a, &b] {
        std::fs::write(path, vec![0xEE; 500_000]).unwrap();
    }
    let first = target("default", "2.0.0", &[image(4, 400_001)]);
    offer(&platform, &first);
    cut_at_every_event(&device, |context| {
        assert!(read(&a).iter().all(|byte| *byte == 0xEE), "{context}: the running partition was written");
    });
    assert!(read(&b)[..400_001] == **first.files[0]);
    let second = target("default", "3.0.0", &[image(5, 500_000)]);
    updated(&platform, &device, &second);
    assert!(read(&a) == **second.files[0], "the other partition's turn");
    assert!(read(&b)[..400_001] == **first.files[0]);
}

#[test]
fn a_package_that_the_partition_cannot_hold_fails_before_a_byte_is_fetched() {
    let platform = Platform::start(None);
    let device = Device::new(&platform, "[install]\nkind = \"partition\"\na = \"mmc-a\"\nb = \"mmc-b\"");
    for name in ["mmc-a", "mmc-b"] {
        std::fs::write(device.dir.path().join(name), vec![0; 1000]).unwrap();
    }
    offer(&platform, &target("default", "2.0.0", &[image(6, 1001)]));
    let (_, events) = device.run(|event| matches!(event, AgentEvent::Failed { .. }));
    assert!(
        matches!(events.last(), Some(AgentEvent::Failed { failure: Failure::Write, reason }) if reason.contains("has 1000 bytes")),
        "{events:?}"
    );
    assert_eq!(platform.world().requests, []);
}

/// A device whose module `motor` is installed by a program.
fn with_program(platform: &Platform, script: &str) -> Device {
    let mut device = Device::new(platform, "");
    let install =
        format!("install = {{ kind = \"command\", command = [\"sh\", \"-c\", '''{script}''', \"sh\"] }}");
    device.config = device.config.replace("name = \"motor\"", &format!("name = \"motor\"\n{install}"));
    device
}

#[test]
fn a_program_installs_a_modules_package_and_a_kill_at_any_event_never_leaves_it_uninstalled() {
    let platform = Platform::start(None);
    let dir = tempfile::tempdir().unwrap();
    let chip = dir.path().join("chip").display().to_string();
    let script =
        format!("cat \"$@\" > {chip}.part && mv {chip}.part {chip} && echo $OTARU_VERSION >> {chip}.log");
    let device = with_program(&platform, &script);
    std::fs::write(&chip, b"old").unwrap();
    let target = target("motor", "8", &[image(7, 200_000), image(8, 90_000)]);
    offer(&platform, &target);
    let new = [&target.files[0][..], &target.files[1][..]].concat();
    cut_at_every_event(&device, |context| {
        let found = read(&PathBuf::from(&chip));
        assert!(found == b"old" || found == new, "{context}");
    });
    assert!(read(&PathBuf::from(&chip)) == new);
    let log = std::fs::read_to_string(format!("{chip}.log")).unwrap();
    assert!(!log.is_empty() && log.lines().all(|line| line == "8"), "{log}");
}

#[test]
fn a_program_that_fails_ends_the_task_with_its_last_line_and_nothing_boots() {
    let platform = Platform::start(None);
    let device = with_program(&platform, "echo the chip is locked >&2; exit 4");
    offer(&platform, &target("motor", "8", &[image(9, 1000)]));
    let (_, events) = device.run(|event| matches!(event, AgentEvent::Failed { .. }));
    assert!(
        matches!(events.last(), Some(AgentEvent::Failed { failure: Failure::Upgrade, reason }) if reason.contains("the chip is locked")),
        "{events:?}"
    );
    platform.wait("-1 is reported", |world| {
        world.reports.iter().any(|report| failure(report) == Some(Failure::Upgrade))
    });
    let (_, events) = device.run(|event| matches!(event, AgentEvent::Online));
    let AgentEvent::Started { modules, .. } = &events[0] else { panic!("{events:?}") };
    assert_eq!(modules[1].version.as_str(), "7");
}

/// Keeps a package in memory and writes down what it is asked.
#[derive(Default)]
struct Own {
    bytes: Vec<u8>,
    calls: Arc<Mutex<Vec<String>>>,
}

impl Own {
    fn note(&self, call: String) {
        self.calls.lock().unwrap().push(call);
    }
}

impl Install for Own {
    fn prepare(&mut self, slot: Slot, sizes: &[u64], resume: bool) -> Result<(), SlotError> {
        self.note(format!("prepare {} {sizes:?} {resume}", slot.name()));
        self.bytes = vec![0; sizes.iter().sum::<u64>() as usize];
        Ok(())
    }

    fn store(&mut self, _: usize, offset: u64, bytes: &[u8]) -> Result<(), SlotError> {
        self.bytes[offset as usize..][..bytes.len()].copy_from_slice(bytes);
        Ok(())
    }

    fn sync(&mut self) -> Result<(), SlotError> {
        Ok(())
    }

    fn read_back(&mut self, _: usize, range: ByteRange) -> Result<Vec<u8>, SlotError> {
        Ok(self.bytes[range.start as usize..range.end as usize].to_vec())
    }

    fn install(&mut self, _: Slot, package: &TaskSummary) -> Result<(), SlotError> {
        self.note(format!("install {} {}", package.version, self.bytes.len()));
        Ok(())
    }

    fn confirm(&mut self, running: &Running) -> Result<(), SlotError> {
        self.note(format!("confirm {}", running.version));
        Ok(())
    }

    fn settle(&mut self, running: &Running) -> Result<(), SlotError> {
        let Running { version, slot, standing, .. } = running;
        self.note(format!("settle {version} {} {standing:?}", slot.name()));
        match self.bytes.is_empty() && *standing == Standing::FellBack {
            true => Err(SlotError::Refused("nothing to go back to".into())),
            false => Ok(()),
        }
    }
}

#[test]
fn an_installer_of_ones_own_is_asked_in_the_promised_order() {
    let platform = Platform::start(None);
    let device = Device::new(&platform, "");
    offer(&platform, &target("motor", "8", &[image(10, 50_000)]));
    let calls = Arc::new(Mutex::new(Vec::new()));
    let make = || {
        let config = Config::parse(&device.config, "agent.toml", device.dir.path()).unwrap();
        let own: Box<dyn Install> = Box::new(Own { calls: Arc::clone(&calls), ..Own::default() });
        Agent::with_installers(config, [(Module::new("motor").unwrap(), own)])
    };
    let agent = || Device::next_agent(make);
    assert_eq!(agent().run(&mut |_| ()).unwrap(), Exit::Reboot);
    let second = agent();
    let handle = second.handle();
    let stop = |event: &AgentEvent| {
        if matches!(event, AgentEvent::Updated { .. }) {
            handle.stop();
        }
    };
    assert_eq!(second.run(&mut { stop }).unwrap(), Exit::Stopped);
    assert_eq!(
        *calls.lock().unwrap(),
        [
            "settle 7 a Confirmed",
            "prepare b [50000] false",
            "install 8 50000",
            "settle 8 b Trial",
            "settle 8 b Trial",
            "confirm 8",
            "settle 8 b Confirmed"
        ]
    );
}

#[test]
fn an_installer_for_a_module_that_the_device_does_not_have_is_refused() {
    let platform = Platform::start(None);
    let device = Device::new(&platform, "");
    let config = Config::parse(&device.config, "agent.toml", device.dir.path()).unwrap();
    let own: Box<dyn Install> = Box::new(Own::default());
    let error = Agent::with_installers(config, [(Module::new("pump").unwrap(), own)]).err().unwrap();
    assert!(matches!(error, AgentError::NoModule { .. }), "{error}");
    let device = Device::new(&platform, "[install]\nkind = \"file\"\npath = \"missing/app\"");
    let error = device.agent().err().unwrap().to_string();
    assert!(error.contains("missing") && error.contains("[install]"), "{error}");
}
