//! One line to the file servers for the firmware and the configuration: neither harms or starves the other.

use std::time::Duration;

use otaru_core::{Event, Input, RequestId};

use crate::world::{SIZE, World, image, package, server::Fault};

const BYTES: &[u8] = b"{\"rate\":20}";

/// Booted and connected; nothing is under way.
fn idle() -> World {
    let mut world = World::new();
    world.boot();
    world.run();
    world
}

#[test]
fn a_push_during_a_firmware_download_goes_first_and_costs_no_byte_twice() {
    for chunk in [100, 300, 5_000] {
        let mut world = World::new();
        world.chunk = chunk;
        world.offer(&package());
        world.boot();
        world.run_until(|world| world.stored > 0);
        world.push_config("c1", BYTES);
        world.run_until(|world| !world.delivered.is_empty());
        assert!(chunk == 5_000 || (world.stored as usize) < SIZE, "it did not wait for the firmware");
        world.run();
        world.assert_updated(&package());
        assert_eq!((world.delivered_ids(), world.platform.config_answers()), (vec!["c1"], vec![(1, 200)]));
        assert_eq!(world.stored, SIZE as u64, "the Task went on at its byte");
        assert_eq!(
            world.count(|event| matches!(event, Event::Retrying { .. } | Event::StartedOver { .. })),
            0
        );
    }
}

#[test]
fn a_stream_of_pushes_does_not_starve_the_firmware_and_the_last_one_is_delivered() {
    let mut world = World::new();
    world.offer(&package());
    world.boot();
    world.run_until(|world| world.stored > 0);
    let mut pushes = 0;
    while world.has_task() && world.disk.version("default") == "1.0.0" {
        pushes += 1;
        world.push_config(&format!("c{pushes}"), &image(600, pushes));
        let (delivered, stored) = (world.delivered.len(), world.stored);
        world.run_until(|world| world.delivered.len() > delivered || world.stored as usize == SIZE);
        world.run_until(|world| world.stored > stored || world.stored as usize == SIZE);
        assert!(pushes < 100, "the firmware starves");
        if world.stored as usize == SIZE {
            break;
        }
    }
    world.run();
    world.assert_updated(&package());
    assert!(pushes > 5, "only {pushes} pushes");
    assert_eq!(world.delivered_ids().last(), Some(&&format!("c{pushes}")[..]));
}

#[test]
fn a_firmware_offered_during_a_configs_fetch_waits_for_it_without_harm() {
    let mut world = idle();
    world.server.faults = [Fault::Stalls(5)].into();
    world.push_config("c1", BYTES);
    world.run_until(|world| !world.server.requests.is_empty());
    world.push(&package());
    world.run();
    world.assert_updated(&package());
    assert_eq!(world.delivered_ids(), ["c1"]);
    assert_eq!(world.count(|event| matches!(event, Event::Retrying { .. })), 0, "waiting is no failure");
}

#[test]
fn a_server_that_trickles_a_config_holds_the_firmware_up_for_a_bounded_time() {
    let mut world = idle();
    world.server.faults = [Fault::Stalls(0)].into();
    world.push_config("c1", &image(60_000, 3));
    world.run_until(|world| !world.server.requests.is_empty());
    world.push(&package());
    let began = world.now;
    let request = RequestId(1);
    while world.server.requests.len() == 1 {
        world.now += 20_000; // below the stall timeout
        world.handle(Input::Body(request, vec![0])).unwrap();
        world.handle(Input::Timer).unwrap();
        world.run_until(|world| world.now > began + 400_000 || world.server.requests.len() > 1);
    }
    assert!(
        Duration::from_millis(world.now - began) <= world.policy.config_timeout + Duration::from_secs(20)
    );
    assert!(world.server.requests[1].url.contains("default"), "it is the Task's turn");
}
