//! What the platform refuses, in its codes and in HTTP's: what becomes of the Task, and of what is asked next.

use otaru_core::{Event, Input, Trouble};
use otaru_wire::{
    Limits, Report,
    dialect::{
        AnswerError,
        onenet::{Generation, Status},
    },
};

use super::{
    platform::{Order, What},
    world::{Fault, World},
};
use crate::world::image;

fn refusal(generation: Generation, number: u32) -> Fault {
    let field = if generation == Generation::Fuse { "code" } else { "errno" };
    Fault::Answer(200, format!(r#"{{"{field}":{number},"error":"no"}}"#))
}

fn order() -> Order {
    Order::new(image(4000, 5))
}

/// Source: onenet §4.1: who is told so drops the Task, and reports no failure.
#[test]
fn a_task_that_is_over_is_dropped_in_the_middle_without_a_failure_report() {
    for (generation, number) in
        [4, 12, 20, 22, 23].iter().flat_map(|number| Generation::ALL.map(|generation| (generation, *number)))
    {
        let mut world = World::offered(generation, order());
        world.run_until(|world| world.stored >= 1500);
        world.fault(What::TaskCheck, refusal(generation, number));
        world.run_until(|world| !world.has_task());
        world.settle();
        world.assert_untouched();
        assert!(
            matches!(world.events.last(), Some(Event::Dropped { .. })),
            "{number}: {:?}",
            world.events.last()
        );
        assert!(world.platform.steps.iter().all(|step| *step < 100), "{:?}", world.platform.steps);
    }
}

#[test]
fn a_task_that_is_canceled_before_it_is_installed_is_not_installed() {
    for generation in Generation::ALL {
        let mut world = World::offered(generation, order());
        world.run_until(|world| world.stored == 4000);
        world.order().status = Status::Canceled;
        world.run();
        world.assert_untouched();
        assert_eq!(world.count(|event| matches!(event, Event::Staged)), 0);
        assert!(matches!(world.events.last(), Some(Event::Dropped { reason }) if reason.contains("cancel")));
    }
}

/// Source: onenet §4.1 row 19: wait `interval` without spending `retry`.
#[test]
fn a_task_that_is_paused_waits_and_spends_no_retry() {
    let limits = Limits { retry: 1, interval_s: 60, ..Limits::default() };
    let mut world = World::offered(Generation::Token, Order { limits, ..order() });
    world.run_until(|world| world.stored >= 1500);
    world.order().paused = true;
    let (since, checks) = (world.now, world.asked(What::TaskCheck));
    world.run_until(|world| world.now >= since + 3600 * 1000);
    assert!((59..=61).contains(&(world.asked(What::TaskCheck) - checks)));
    assert!(
        world
            .events
            .iter()
            .any(|event| matches!(event, Event::Retrying { reason: Trouble::Paused, after_ms: 60_000 }))
    );
    world.order().paused = false;
    world.run();
    world.assert_updated();
}

#[test]
fn a_check_that_says_paused_is_asked_again_at_the_next_poll() {
    let mut world = World::offered(Generation::Tid, order());
    world.fault(What::Check, refusal(Generation::Tid, 19));
    world.run();
    world.assert_updated();
    assert!(world.now > 150_000);
}

/// Source: onenet §4.1 rows 15 and 18.
#[test]
fn a_token_that_is_not_the_newest_is_asked_for_again_and_the_bytes_are_kept() {
    for number in [15, 18] {
        let mut world = World::offered(Generation::Token, order());
        world.run_until(|world| world.stored >= 1500);
        world.order().number = 8;
        world.fault(What::TaskCheck, refusal(Generation::Token, number));
        world.run();
        world.assert_updated();
        assert_eq!(world.stored, 4000);
    }
}

/// Source: onenet §4.1: codes of a check that have no Task behind them for this device.
#[test]
fn a_check_that_is_refused_is_told_to_the_user_and_polled_again_at_the_usual_pace() {
    for (generation, number) in [
        (Generation::Token, 2),
        (Generation::Token, 8),
        (Generation::Token, 9),
        (Generation::Token, 13),
        (Generation::Tid, 27),
        (Generation::Tid, 32),
        (Generation::Fuse, 5116),
        (Generation::Fuse, 99_999),
    ] {
        let mut world = World::offered(generation, order());
        world.fault(What::Check, refusal(generation, number));
        world.run();
        world.assert_updated();
        assert!(world.now > 150_000, "the next poll");
        let told = world.count(|event| {
            matches!(event, Event::Refused { report: Report::Query { .. }, reason: AnswerError::Refused { code, .. } } if *code == number)
        });
        assert_eq!(told, 1);
    }
}

/// Nothing that the platform answers may make a device ask in a hurry for ever.
#[test]
fn an_answer_that_may_pass_is_asked_again_with_pauses_that_grow_and_never_in_a_hurry() {
    for fault in [
        Fault::Answer(500, String::new()),
        Fault::Answer(401, "no".into()),
        Fault::Answer(403, "no".into()),
        Fault::Answer(429, String::new()),
        Fault::Answer(302, String::new()),
        Fault::Answer(404, String::new()),
        Fault::Answer(200, "<html>log in here</html>".into()),
        Fault::Answer(200, "{".repeat(9000)),
        Fault::Answer(200, r#"{"errno":0}"#.into()),
        refusal(Generation::Tid, 1),
        refusal(Generation::Tid, 7),
        Fault::Unreachable,
        Fault::Lost,
    ] {
        let mut world = World::offered(Generation::Tid, order());
        for _ in 0..1000 {
            world.fault(What::Check, fault.clone());
        }
        world.pass(24 * 3600 * 1000);
        let checks = world.asked(What::Check);
        assert!((10..=1000).contains(&checks), "{checks} in a day: {fault:?}");
        assert!(!world.has_task());
        world.faults.clear();
        world.run();
        world.assert_updated();
    }
}

#[test]
fn a_report_that_is_refused_does_not_keep_the_others_from_being_told() {
    for number in [2, 21, 24, 999] {
        let mut world = World::offered(Generation::Fuse, order());
        world.platform.strict = false; // 100 is what it does not hear
        world.fault(What::Version, refusal(Generation::Fuse, number));
        world.fault(What::Step, refusal(Generation::Fuse, number));
        world.run();
        world.assert_updated();
        assert_eq!(world.count(|event| matches!(event, Event::Refused { .. })), 2);
    }
}

#[test]
fn a_call_that_never_works_holds_up_no_other() {
    let mut world = World::offered(Generation::Tid, order());
    for _ in 0..50 {
        world.fault(What::Version, refusal(Generation::Tid, 7));
    }
    world.run();
    world.assert_updated();
}

/// Source: onenet §4.1 rows 17 and 21: the platform believes that the device installs already.
#[test]
fn a_task_check_that_is_not_valid_now_costs_a_try_and_one_of_an_upgrading_task_none() {
    let mut world = World::offered(Generation::Token, order());
    for _ in 0..3 {
        world.fault(What::TaskCheck, refusal(Generation::Token, 21));
    }
    world.run();
    world.assert_updated();
    assert_eq!(world.count(|event| matches!(event, Event::Retrying { reason: Trouble::Answer(_), .. })), 3);
    let mut world = World::offered(Generation::Token, order());
    world.fault(What::TaskCheck, refusal(Generation::Token, 17));
    world.run();
    world.assert_updated();
    assert_eq!(world.count(|event| matches!(event, Event::Retrying { .. })), 0);
}

#[test]
fn a_task_check_that_is_refused_for_ever_ends_in_one_failure() {
    let mut world = World::offered(Generation::Tid, order());
    for _ in 0..100 {
        world.fault(What::TaskCheck, refusal(Generation::Tid, 2));
    }
    world.run_until(|world| world.count(|event| matches!(event, Event::Failed { .. })) > 0);
    world.run();
    world.assert_untouched();
    assert_eq!((world.platform.steps.last(), world.asked(What::TaskCheck)), (Some(&107), 21));
}

#[test]
fn a_difference_is_refused_by_the_tasks_name_where_the_device_takes_none() {
    let mut world = World::offered(Generation::Tid, Order { delta: true, ..order() });
    world.run();
    world.assert_untouched();
    assert_eq!(world.platform.steps, [206]);
}

#[test]
fn a_task_that_the_user_cancels_is_reported_by_its_name() {
    let mut world = World::offered(Generation::Tid, order());
    world.run_until(|world| world.stored >= 1500);
    world.give(Input::Cancel);
    world.run();
    world.assert_untouched();
    assert_eq!(world.platform.steps.last(), Some(&206));
}

#[test]
fn a_call_that_nobody_made_is_answered_with_an_error_and_a_late_answer_is_ignored() {
    let mut world = World::offered(Generation::Tid, order());
    world.fault(What::Version, Fault::Lost);
    world.run_until(|world| world.asked.len() == 2);
    let late = otaru_wire::http::Answer { head: otaru_core::Head::default(), body: Vec::new() };
    assert_eq!(world.handle(Input::Answered(otaru_core::RequestId(1), Ok(late.clone()))), Ok(()));
    let error = world.handle(Input::Answered(otaru_core::RequestId(77), Ok(late)));
    assert_eq!(error, Err(otaru_core::Error::Unexpected("Answered")));
    world.run();
    world.assert_updated();
}
