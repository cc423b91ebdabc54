//! A gateway and the devices behind it: one session, many devices, each updated by itself.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod common;

use std::collections::BTreeSet;

use common::{Platform, agent::*, behind::*, image};
use otaru_agent::AgentEvent;

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
    let targets = [("sub-1", 41), ("sub-2", 42)]
        .map(|(name, seed)| (name, target("default", "3.0.0", &[image(seed, 400_000)])));
    for (name, target) in &targets {
        platform.expect(name, Some(target.clone()));
    }
    let mut updated = BTreeSet::new();
    device.run_gateway(|told| {
        if matches!(told.event, AgentEvent::Updated { .. }) {
            updated.insert(told.sub_device.clone());
        }
        updated.len() == 2
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
