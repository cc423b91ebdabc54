//! Devices that know only their product's secret, over real sockets, files and processes.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod common;

use std::{
    fmt::Write as _,
    os::unix::fs::PermissionsExt,
    path::PathBuf,
    sync::{Mutex, MutexGuard},
};

use common::{
    Platform, SECRET,
    agent::*,
    image,
    registration::{Asked, PRODUCT_SECRET, TOKEN},
};
use otaru_agent::AgentEvent;

/// Not a test of its own: what an `AgentProcess` runs.
#[test]
fn the_agent_process() {
    common::agent::become_an_agent();
}

/// A device without a secret of its own.
fn device(platform: &Platform, registration: &str) -> Device {
    let mut device = Device::new(platform, "");
    let url = match (registration, &platform.tls) {
        ("http", Some(_)) => format!("registration_url = \"https://localhost:{}\"", platform.http.port()),
        ("http", None) => format!("registration_url = \"http://127.0.0.1:{}\"", platform.http.port()),
        _ => String::new(),
    };
    let own = format!("device_secret = \"{SECRET}\"");
    let asked = format!("product_secret = \"{PRODUCT_SECRET}\"\nregistration = \"{registration}\"\n{url}");
    device.config = device.config.replace(&own, &asked);
    device
}

fn kept(device: &Device) -> PathBuf {
    device.dir.path().join("state/secret")
}

fn online(event: &AgentEvent) -> bool {
    matches!(event, AgentEvent::Online)
}

fn registered(events: &[AgentEvent]) -> usize {
    events.iter().filter(|event| matches!(event, AgentEvent::Registered)).count()
}

fn reasons(events: &[AgentEvent]) -> Vec<&str> {
    events
        .iter()
        .filter_map(|event| match event {
            AgentEvent::NotRegistered { reason, .. } => Some(reason.as_str()),
            _ => None,
        })
        .collect()
}

/// Registers at the first start, goes through an update, and never asks again.
fn registers_once(platform: &Platform, registration: &str, how: Asked) {
    let device = device(platform, registration);
    let (_, events) = device.run(online);
    assert_eq!(registered(&events), 1, "{events:?}");
    let mode = std::fs::metadata(kept(&device)).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let events = update(platform, &device, &target("default", "2.0.0", &[image(31, 100_000)]));
    assert_eq!(registered(&events), 0);
    let world = platform.world();
    assert_eq!((&world.registrations[..], world.refused_logins), (&[how][..], 0));
    assert!(world.logins >= 3);
}

#[test]
fn a_device_registers_over_http_once_and_keeps_its_secret_with_mode_0600() {
    registers_once(&Platform::start(None), "http", Asked::Http);
}

#[test]
fn a_device_registers_over_mqtt_once_and_keeps_its_secret_with_mode_0600() {
    registers_once(&Platform::start(None), "mqtt", Asked::Mqtt);
}

#[test]
fn a_device_that_the_platform_does_not_know_gets_a_token_and_logs_in_with_it() {
    registers_once(&Platform::start(None), "mqtt-unlisted", Asked::MqttUnlisted);
}

#[test]
fn registration_over_tls_trusts_the_given_ca_only() {
    for (registration, how) in [("http", Asked::Http), ("mqtt", Asked::Mqtt)] {
        let platform = Platform::start(Some(common::certificates::vouched()));
        registers_once(&platform, registration, how);
        let stranger = device(&platform, registration);
        std::fs::write(stranger.dir.path().join("ca.pem"), common::certificates::vouched().ca_pem).unwrap();
        let (_, events) = stranger.run(|event| matches!(event, AgentEvent::NotRegistered { .. }));
        assert_eq!(reasons(&events).len(), 1, "{events:?}");
        assert_eq!(platform.world().registrations, [how], "the stranger's proof went nowhere");
    }
}

#[test]
fn a_wrong_product_secret_is_an_event_with_a_next_step_and_is_not_hammered() {
    for registration in ["http", "mqtt", "mqtt-unlisted"] {
        let platform = Platform::start(None);
        let mut device = device(&platform, registration);
        device.config = device.config.replace(PRODUCT_SECRET, "another");
        let (_, events) = device.run(|event| matches!(event, AgentEvent::NotRegistered { .. }));
        let Some(AgentEvent::NotRegistered { reason, retry_after_ms }) = events.last() else {
            panic!("{events:?}")
        };
        assert!(reason.contains("check product_key, device_name and product_secret"), "{reason}");
        assert!((15_000..=45_000).contains(retry_after_ms), "{retry_after_ms}");
        assert!(!kept(&device).exists());
        let world = platform.world();
        assert_eq!((world.refused_registrations, world.logins), (1, 0));
    }
}

#[test]
fn answers_that_cannot_be_used_are_told_bounded_and_asked_for_again() {
    let platform = Platform::start(None);
    let long = format!("HTTP/1.1 200 OK\r\nContent-Length: 20000\r\n\r\n{}", "x".repeat(20_000));
    // The last one comes first; each is worth another try soon.
    platform.change(|world| {
        world.broken_answers =
            vec![long.clone(), String::new(), "HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n".into()];
    });
    let (_, events) = device(&platform, "http").run(online);
    let reasons = reasons(&events);
    assert_eq!(reasons.len(), 3, "{events:?}");
    assert!(reasons[0].contains("503"), "{reasons:?}");
    assert!(reasons.iter().all(|reason| reason.len() < 400 && !reason.contains("xxxx")), "{reasons:?}");
}

#[test]
fn a_session_that_ends_without_a_grant_is_tried_again() {
    let platform = Platform::start(None);
    platform.change(|world| world.broken_answers = vec![String::new()]);
    let (_, events) = device(&platform, "mqtt").run(online);
    assert_eq!((reasons(&events).len(), registered(&events)), (1, 1), "{events:?}");
}

#[test]
fn a_redirect_is_not_followed_with_the_proof() {
    let platform = Platform::start(None);
    let away = "HTTP/1.1 307 Away\r\nLocation: /auth/register/device\r\nContent-Length: 0\r\n\r\n";
    platform.change(|world| world.broken_answers = vec![away.to_owned()]);
    let device = device(&platform, "http");
    let (_, events) = device.run(|event| matches!(event, AgentEvent::NotRegistered { .. }));
    assert!(reasons(&events)[0].contains("307"), "{events:?}");
    assert_eq!(platform.world().registrations.len(), 1);
}

#[test]
fn a_secret_that_a_power_cut_or_rot_took_is_asked_for_again() {
    let platform = Platform::start(None);
    let device = device(&platform, "mqtt");
    device.run(online);
    let file = kept(&device);
    let good = std::fs::read(&file).unwrap();
    // The power went between the answer and the file's name: at the most a part of the file lies aside.
    std::fs::rename(&file, file.with_file_name("secret~")).unwrap();
    std::fs::write(file.with_file_name("secret~"), &good[..good.len() / 2]).unwrap();
    let (_, events) = device.run(online);
    assert_eq!(registered(&events), 1);
    std::fs::write(&file, &good[..good.len() / 2]).unwrap();
    let (_, events) = device.run(online);
    assert_eq!(registered(&events), 1);
    assert_eq!(platform.world().registrations.len(), 3);
    assert_eq!(std::fs::read(&file).unwrap(), good);
}

#[test]
fn a_process_that_is_killed_while_it_registers_registers_at_its_next_start() {
    let platform = Platform::start(None);
    platform.change(|world| world.broken_answers = vec![String::new()]);
    let device = device(&platform, "mqtt");
    let mut process = device.process();
    process.until(|event| matches!(event, AgentEvent::NotRegistered { .. }));
    process.cut_power();
    let (_, events) = device.run(online);
    assert_eq!(registered(&events), 1);
}

/// Everything that was logged in this process.
static LOGGED: Mutex<String> = Mutex::new(String::new());

struct Recorder;

fn logged() -> MutexGuard<'static, String> {
    LOGGED.lock().unwrap()
}

impl tracing::field::Visit for Recorder {
    fn record_debug(&mut self, field: &tracing::field::Field, value: &dyn std::fmt::Debug) {
        writeln!(logged(), "{field}={value:?}").unwrap();
    }
}

impl tracing::Subscriber for Recorder {
    fn enabled(&self, _: &tracing::Metadata<'_>) -> bool {
        true
    }
    fn new_span(&self, _: &tracing::span::Attributes<'_>) -> tracing::span::Id {
        tracing::span::Id::from_u64(1)
    }
    fn record(&self, _: &tracing::span::Id, _: &tracing::span::Record<'_>) {}
    fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}
    fn event(&self, event: &tracing::Event<'_>) {
        event.record(&mut Recorder);
    }
    fn enter(&self, _: &tracing::span::Id) {}
    fn exit(&self, _: &tracing::span::Id) {}
}

#[test]
fn no_secret_is_in_an_event_or_a_log_whatever_goes_wrong() {
    tracing::subscriber::set_global_default(Recorder).unwrap();
    let mut told = String::new();
    for registration in ["http", "mqtt", "mqtt-unlisted"] {
        let platform = Platform::start(None);
        let device = device(&platform, registration);
        told += &format!("{:?}", device.run(online));
        // Damaged, and open to everybody: both are logged.
        let file = kept(&device);
        let good = String::from_utf8(std::fs::read(&file).unwrap()).unwrap();
        std::fs::write(&file, good.replacen("format", "tamrof", 1)).unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
        told += &format!("{:?}", device.run(online));
    }
    let logged = logged().clone();
    assert!(logged.contains("narrowed") && logged.contains("of no use"), "{logged}");
    for secret in [SECRET, TOKEN, PRODUCT_SECRET] {
        assert!(!told.contains(secret) && !logged.contains(secret));
    }
}
