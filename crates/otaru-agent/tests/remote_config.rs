//! Remote configuration over real sockets, files and processes.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod common;

use std::{os::unix::fs::PermissionsExt, path::PathBuf};

use common::{Platform, agent::*, image};
use otaru_agent::{AgentEvent, Exit};
use otaru_wire::Report;

const BYTES: &[u8] = b"{\"rate\":20}";

/// The platform pushes this Config until it is answered.
fn pushing(id: &str, bytes: &[u8]) -> Platform {
    let platform = Platform::start(None);
    platform.change(|world| {
        world.config = Some((id.to_owned(), bytes.to_vec().into()));
        world.config_open = true;
    });
    platform
}

fn device(platform: &Platform, more: &str) -> Device {
    Device::new(platform, &format!("[remote_config]\nfile = \"deep/er/pump.json\"\n{more}"))
}

fn file(device: &Device) -> PathBuf {
    device.dir.path().join("deep/er/pump.json")
}

/// Runs until a Config is taken or not, and the platform has heard of a push.
fn run(platform: &Platform, device: &Device) -> AgentEvent {
    let end = |event: &AgentEvent| {
        matches!(event, AgentEvent::ConfigTaken { .. } | AgentEvent::ConfigFailed { .. })
    };
    let (exit, events) = device.run(end);
    assert_eq!(exit, Exit::Stopped);
    platform.wait("the push is answered", |world| !world.config_open);
    events.into_iter().find(end).unwrap()
}

fn answers(platform: &Platform) -> Vec<u16> {
    let code = |report: &Report| match report {
        Report::ConfigTaken { code, .. } => Some(*code),
        _ => None,
    };
    platform.world().reports.iter().filter_map(code).collect()
}

#[test]
fn a_pushed_configuration_is_in_its_file_for_the_agents_user_alone_before_it_is_answered() {
    let bytes = image(5, 200_000);
    let platform = pushing("cfg-7", &bytes);
    let device = device(&platform, "");
    let event = run(&platform, &device);
    assert_eq!(event, AgentEvent::ConfigTaken { id: "cfg-7".into(), size: 200_000 });
    assert!(std::fs::read(file(&device)).unwrap() == **bytes);
    assert_eq!(std::fs::metadata(file(&device)).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(answers(&platform), [200]);
    let percents = platform.world().reports.iter().filter(|it| matches!(it, Report::Progress { .. })).count();
    assert_eq!(percents, 0, "a Config's progress would look like a firmware's");
}

#[test]
fn the_command_sees_the_file_and_what_it_is_called_and_its_status_is_the_answer() {
    let script = r#"command = ["sh", "-c", "cat \"$OTARU_CONFIG_FILE\" > seen; echo \"$OTARU_CONFIG_ID $OTARU_CONFIG_SIZE $OTARU_CONFIG_GET_TYPE\" >> seen; exit STATUS"]"#;
    for (status, code) in [("0", 200), ("3", 400)] {
        let platform = pushing("cfg-7", BYTES);
        let seen = tempfile::tempdir().unwrap();
        let seen = seen.path().join("seen");
        let script = script.replace("> seen", &format!("> {}", seen.display()));
        let device = device(&platform, &script.replace("STATUS", status));
        let event = run(&platform, &device);
        assert_eq!(answers(&platform), [code]);
        let wanted = format!("{}cfg-7 11 file\n", std::str::from_utf8(BYTES).unwrap());
        assert_eq!(std::fs::read_to_string(&seen).unwrap(), wanted);
        match event {
            AgentEvent::ConfigTaken { .. } => assert_eq!(code, 200),
            AgentEvent::ConfigFailed { reason, .. } => assert!(reason.contains("status: 3"), "{reason}"),
            other => panic!("{other:?}"),
        }
        assert_eq!(std::fs::read(file(&device)).unwrap(), BYTES);
    }
}

#[test]
fn a_command_that_never_ends_is_ended_and_answered_as_not_taken() {
    let platform = pushing("cfg-7", BYTES);
    let folder = tempfile::tempdir().unwrap();
    let pid = folder.path().join("pid");
    let script = format!(
        "command = [\"sh\", \"-c\", \"echo $$ > {}; exec sleep 600\"]\n[policy]\nconfig_timeout_s = 0.5",
        pid.display()
    );
    let device = device(&platform, &script);
    let event = run(&platform, &device);
    assert!(matches!(event, AgentEvent::ConfigFailed { reason, .. } if reason.contains("in time")));
    assert_eq!(answers(&platform), [400]);
    let pid: i32 = std::fs::read_to_string(&pid).unwrap().trim().parse().unwrap();
    let process = PathBuf::from(format!("/proc/{pid}/cmdline"));
    let ended = || std::fs::read(&process).map_or(true, |line| !line.starts_with(b"sleep"));
    let deadline = std::time::Instant::now() + common::PATIENCE;
    while !ended() {
        assert!(std::time::Instant::now() < deadline, "process {pid} still runs");
        std::thread::yield_now();
    }
}

#[test]
fn one_that_cannot_be_written_is_answered_as_not_taken() {
    let platform = pushing("cfg-7", BYTES);
    let device = device(&platform, "");
    std::fs::create_dir_all(file(&device).join("in the way")).unwrap();
    let event = run(&platform, &device);
    assert!(matches!(event, AgentEvent::ConfigFailed { reason, .. } if reason.contains("cannot be written")));
    assert_eq!(answers(&platform), [400]);
}

#[test]
fn a_device_without_a_place_for_configurations_refuses_them_unfetched() {
    let platform = pushing("cfg-7", BYTES);
    let device = Device::new(&platform, "");
    let event = run(&platform, &device);
    assert!(matches!(event, AgentEvent::ConfigFailed { reason, .. } if reason.contains("takes no")));
    assert_eq!(answers(&platform), [400]);
    assert!(platform.world().requests.is_empty());
}

#[test]
fn a_configuration_taken_before_a_restart_is_not_taken_again_unless_the_user_asks() {
    let platform = pushing("cfg-7", BYTES);
    let device = device(&platform, "ask_at_connect = true");
    run(&platform, &device);
    let fetched = platform.world().requests.len();
    std::fs::remove_file(file(&device)).unwrap();
    platform.change(|world| world.config_open = true);

    let agent = device.agent().unwrap();
    let handle = agent.handle();
    let watchdog = Watchdog::start(agent.handle());
    let mut taken = 0;
    let user = std::thread::scope(|scope| {
        let user = scope.spawn(|| {
            platform.wait("push and query are behind it", |world| !world.config_open);
            assert!(!file(&device).exists());
            assert_eq!(platform.world().requests.len(), fetched);
            handle.ask_config();
        });
        agent
            .run(&mut |event| {
                if matches!(event, AgentEvent::ConfigTaken { .. }) {
                    taken += 1;
                    handle.stop();
                }
            })
            .unwrap();
        user.join()
    });
    assert!(user.is_ok() && watchdog.calm());
    assert_eq!((taken, &std::fs::read(file(&device)).unwrap()[..]), (1, BYTES));
}

#[test]
fn that_there_is_no_configuration_is_told() {
    let platform = Platform::start(None);
    let device = device(&platform, "ask_at_connect = true");
    let none = |event: &AgentEvent| *event == AgentEvent::NoConfig { switched_off: false };
    let (_, events) = device.run(none);
    assert_eq!(events.iter().filter(|event| none(event)).count(), 1);
}

#[test]
fn a_configuration_pushed_during_a_firmware_download_goes_first_and_both_arrive() {
    let platform = Platform::start(None);
    platform.change(|world| {
        world.gate = Some(300_000); // the firmware waits in the middle
        world.config = Some(("cfg-7".to_owned(), BYTES.to_vec().into()));
    });
    let target = common::Target {
        module: otaru_wire::Module::default(),
        version: "2.0.0".parse().unwrap(),
        files: vec![image(9, 700_000)],
    };
    platform.change(|world| world.target = Some(target.clone()));
    let device = device(&platform, "[policy]\nreport_interval_s = 0");
    let mut order = Vec::new();
    let agent = device.agent().unwrap();
    let watchdog = Watchdog::start(agent.handle());
    let exit = agent
        .run(&mut |event| match event {
            // Pushed when the first bytes of the firmware are told.
            AgentEvent::Progress { .. } if order.is_empty() => {
                platform.change(|world| world.config_open = true)
            }
            AgentEvent::ConfigTaken { .. } => {
                order.push("configuration");
                platform.change(|world| world.gate = None);
            }
            AgentEvent::Verified => order.push("firmware"),
            _ => {}
        })
        .unwrap();
    assert!(watchdog.calm());
    assert_eq!((exit, &order[..]), (Exit::Reboot, &["configuration", "firmware"][..]));
    platform.wait("the push is answered", |world| !world.config_open);
    assert_eq!(std::fs::read(file(&device)).unwrap(), BYTES);
    // A push that came again while the first was in hand takes its place, and the first is answered as not taken.
    assert_eq!(answers(&platform).last(), Some(&200));
}
