//! Pushes and answers that cannot be right: each gets a clear error, and the device loses nothing by it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod common;

use common::{Platform, agent::*, failure, image};
use otaru_agent::AgentEvent;
use otaru_wire::{Failure, MAX_URL_BYTES};

/// A push that could be followed, if there were a server behind it.
const PUSH: &str = r#"{"code":"1000","data":{"size":9,"sign":"25f9e794323b453885f5181f1b624d0b","version":"3.0.0","url":"http://127.0.0.1:9/a","signMethod":"Md5"},"id":1}"#;

/// The device gets this push: it must be told `reason`, touch nothing, keep its session and take the next offer.
fn is_ignored(push: &str, reason: &str) {
    let platform = Platform::start(None);
    let device = Device::new(&platform, "");
    platform.change(|world| world.raw_pushes = vec![push.to_owned()]);
    let (_, events) = device.run(|event| matches!(event, AgentEvent::Ignored { .. }));
    let Some(AgentEvent::Ignored { reason: told }) = events.last() else { panic!("{events:?}") };
    assert!(told.contains(reason), "{told}");
    assert!(!events.iter().any(|event| matches!(event, AgentEvent::Offered { .. })), "{events:?}");
    let slots = device.dir.path().join("state/slots");
    assert!(!slots.exists(), "no slot was touched");
    assert!(platform.world().reports.iter().all(|report| failure(report).is_none()));
    assert_eq!(platform.world().logins, 1);
    update(&platform, &device, &target("default", "2.0.0", &[image(1, 20_000)]));
}

#[test]
fn the_push_that_the_other_tests_spoil_is_good_as_it_stands() {
    let platform = Platform::start(None);
    let device = Device::new(&platform, "");
    platform.change(|world| world.raw_pushes = vec![PUSH.to_owned()]);
    let (_, events) = device.run(|event| matches!(event, AgentEvent::Offered { .. }));
    assert!(events.iter().any(|event| matches!(event, AgentEvent::Offered { .. })), "{events:?}");
}

#[test]
fn a_push_of_malformed_json_is_ignored() {
    is_ignored(&PUSH[..PUSH.len() - 1], "malformed message");
}

#[test]
fn a_push_of_a_file_of_size_0_is_ignored() {
    is_ignored(&PUSH.replace(r#""size":9"#, r#""size":0"#), "size");
}

#[test]
fn a_push_with_a_url_over_8_kib_is_ignored() {
    let url = format!("http://127.0.0.1:9/{}", "a".repeat(MAX_URL_BYTES));
    is_ignored(&PUSH.replace("http://127.0.0.1:9/a", &url), "the link of file 0 has");
}

#[test]
fn a_push_with_a_digest_of_the_wrong_length_is_ignored() {
    is_ignored(&PUSH.replace("25f9e794", "25f9e7"), "digest");
}

#[test]
fn a_push_for_an_unknown_module_is_ignored() {
    is_ignored(&PUSH.replace(r#""size":9"#, r#""size":9,"module":"turbine""#), "no module turbine");
}

#[test]
fn a_range_past_the_end_of_a_file_that_shrank_fails_the_task_and_the_whole_file_is_taken_later() {
    let platform = Platform::start(None);
    let device = Device::new(&platform, "[policy]\nretry_first_s = 0.1\nrestart_attempts = 1");
    let target = target("default", "2.0.0", &[image(2, 400_000)]);
    offer(&platform, &target);
    platform.change(|world| (world.expire_after, world.shrunk_to) = (Some(200_000), Some(50_000)));
    let events = device.run_to_the_end();
    let again = events.iter().find_map(|event| match event {
        AgentEvent::StartedOver { reason } => Some(reason.clone()),
        _ => None,
    });
    assert!(again.unwrap().contains("shorter than offered"), "{events:?}");
    let failed = |event: &AgentEvent| matches!(event, AgentEvent::Failed { failure: Failure::Download, .. });
    assert!(events.iter().any(failed), "{events:?}");
    assert!(platform.world().requests.iter().any(|request| request.status == 416));
    platform.change(|world| world.shrunk_to = None);
    update(&platform, &device, &target);
}
