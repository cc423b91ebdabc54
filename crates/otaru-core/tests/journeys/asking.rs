//! A Task that is asked for by hand: "query firmware".

use otaru_core::{Event, Input, Policy};
use otaru_wire::{Module, Report};

use crate::world::{World, package};

#[test]
fn a_task_that_nobody_pushed_is_asked_for_by_hand_and_taken() {
    let mut world = World::new();
    world.boot();
    world.run();
    world.give(Input::AskTask(Module::default()));
    world.run();
    assert_eq!((world.platform.queries(), world.events.len()), (1, 0), "there is none, and that is no event");
    world.offer(&package());
    world.run();
    assert!(world.events.is_empty(), "nothing came by itself: {:?}", world.events);
    world.give(Input::AskTask(Module::default()));
    world.run();
    world.assert_updated(&package());
}

#[test]
fn a_question_by_hand_waits_for_the_session_and_for_the_answer_before_it() {
    let mut world = World::new();
    world.boot();
    world.run();
    let questions = |world: &World| {
        let asked = world.platform.heard.iter().filter_map(|report| match report {
            Report::Query { module, .. } => Some(module.to_string()),
            _ => None,
        });
        asked.collect::<Vec<_>>()
    };
    let (began, patience) = (world.now, Policy::default().link_timeout);
    world.platform.mute = true;
    world.give(Input::AskTask(Module::default()));
    world.give(Input::AskTask(Module::new("mcu").unwrap()));
    world.run_until(|world| world.platform.queries() == 2);
    assert!(world.now - began >= patience.as_millis() as u64, "one at a time: an answer names no module");
    assert_eq!(questions(&world), ["default", "mcu"]);
    world.run();
    world.give(Input::Disconnected);
    world.give(Input::AskTask(Module::default()));
    world.run();
    assert_eq!(world.platform.queries(), 2);
    world.give(Input::Connected);
    world.run();
    assert_eq!(questions(&world), ["default", "mcu", "default"]);
}

#[test]
fn a_question_by_hand_for_a_module_that_is_none_is_ignored() {
    let mut world = World::new();
    world.boot();
    world.run();
    world.give(Input::AskTask(Module::new("valve").unwrap()));
    world.run();
    assert_eq!(world.platform.queries(), 0);
    assert!(matches!(&world.events[..], [Event::Ignored { reason }] if reason.contains("valve")));
}
