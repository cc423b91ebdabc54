//! The rules one by one, and that no sequence of events breaks the order of states.

use std::time::Duration;

use otaru_wire::Failure;
use proptest::prelude::*;

use super::*;
use crate::{Patience, example_task};

const NOW: Timestamp = Timestamp(1_000);

fn v(text: &str) -> Version {
    Version::new(text).unwrap()
}

fn task(state: TaskState) -> Task {
    let began = state >= TaskState::InProgress;
    Task {
        state,
        notified_at: (state >= TaskState::Notified).then_some(Timestamp(10)),
        first_progress_at: began.then_some(Timestamp(20)),
        progress: if began { 40 } else { 0 },
        ..example_task()
    }
}

fn after(task: &Task, transition: Transition) -> Task {
    let mut after = task.clone();
    if let Transition::To(next) = transition {
        after.apply(next);
    }
    after
}

#[test]
fn only_the_report_of_the_target_version_is_success() {
    let begun = task(TaskState::InProgress);
    let full = after(&begun, begun.on_progress(Step::Percent(100), "", NOW));
    assert_eq!((full.state, full.progress), (TaskState::InProgress, 100));
    let done = after(&full, full.on_version(&Module::default(), &v("2.0.0"), NOW));
    assert_eq!((done.state, done.progress), (TaskState::Succeeded, 100));
}

#[test]
fn the_target_version_of_another_module_is_no_success() {
    let task = task(TaskState::InProgress);
    let mcu = Module::new("mcu").unwrap();
    assert_eq!(task.on_version(&mcu, &v("2.0.0"), NOW), Transition::Keep(Keep::OtherModule));
}

#[test]
fn a_version_that_is_neither_source_nor_target_fails_the_task_in_every_open_state() {
    for state in [TaskState::Queued, TaskState::Notified, TaskState::InProgress] {
        let task = task(state);
        let failed = after(&task, task.on_version(&Module::default(), &v("3.0.0"), NOW));
        assert_eq!(failed.state, TaskState::Failed);
        assert_eq!(
            failed.reason.as_deref(),
            Some("device reported version 3.0.0, neither source 1.0.0 nor target 2.0.0")
        );
    }
}

#[test]
fn the_source_version_again_never_fails_the_task() {
    for state in [TaskState::Queued, TaskState::Notified, TaskState::InProgress] {
        let kept = task(state).on_version(&Module::default(), &v("1.0.0"), NOW);
        assert_eq!(kept, Transition::Keep(Keep::StillSource), "{state}");
    }
}

#[test]
fn the_first_version_of_a_silent_device_becomes_its_source() {
    let silent = Task { source_version: None, ..task(TaskState::Notified) };
    let told = after(&silent, silent.on_version(&Module::default(), &v("0.9"), NOW));
    assert_eq!((told.state, told.source_version.clone()), (TaskState::Notified, Some(v("0.9"))));
    let failed = after(&told, told.on_version(&Module::default(), &v("0.8"), NOW));
    assert_eq!(failed.state, TaskState::Failed);
}

#[test]
fn a_negative_step_fails_the_task_with_the_reason_and_the_words_of_the_device() {
    let task = task(TaskState::InProgress);
    let failed = after(&task, task.on_progress(Step::Failed(Failure::Digest), "slot b\nis bad", NOW));
    assert_eq!(failed.state, TaskState::Failed);
    assert_eq!(failed.reason.as_deref(), Some("digest did not match (-3): slot b is bad"));
    assert_eq!(failed.on_progress(Step::Percent(50), "", NOW), Transition::Keep(Keep::Ended));
}

#[test]
fn the_words_of_a_device_are_cut_at_a_character() {
    let task = task(TaskState::InProgress);
    let failed = after(&task, task.on_progress(Step::Failed(Failure::Write), &"ü".repeat(9_000), NOW));
    assert!(failed.reason.unwrap().len() < 300);
}

#[test]
fn progress_never_goes_down_but_for_a_restart_which_is_shown() {
    let task = task(TaskState::InProgress);
    assert_eq!(task.on_progress(Step::Percent(30), "", NOW), Transition::Keep(Keep::Late));
    assert_eq!(task.on_progress(Step::Percent(40), "", NOW), Transition::Keep(Keep::Repeated));
    let restarted = after(&task, task.on_progress(Step::Percent(0), "", NOW));
    assert_eq!((restarted.state, restarted.progress), (TaskState::InProgress, 0));
    assert_eq!(restarted.first_progress_at, task.first_progress_at, "a restart does not win time");
}

#[test]
fn the_timeout_counts_from_the_first_progress() {
    let queued = Task {
        rules: Rules { timeout: Duration::from_millis(100), ..Rules::default() },
        ..task(TaskState::Notified)
    };
    assert_eq!(queued.on_deadline(Timestamp(u64::MAX)), Transition::Keep(Keep::NotDue));
    let begun = after(&queued, queued.on_progress(Step::Percent(1), "", Timestamp(1_000)));
    let more = after(&begun, begun.on_progress(Step::Percent(2), "", Timestamp(1_090)));
    assert_eq!(more.deadline(), Some(Timestamp(1_100)));
    assert_eq!(more.on_deadline(Timestamp(1_099)), Transition::Keep(Keep::NotDue));
    assert_eq!(after(&more, more.on_deadline(Timestamp(1_100))).state, TaskState::Failed);
}

#[test]
fn a_notice_is_counted_once() {
    let queued = task(TaskState::Queued);
    let told = after(&queued, queued.on_notified(NOW));
    assert_eq!((told.state, told.notified_at), (TaskState::Notified, Some(NOW)));
    assert_eq!(told.on_notified(Timestamp(2_000)), Transition::Keep(Keep::AlreadyNotified));
}

#[test]
fn a_cancel_says_whether_the_device_had_been_told() {
    let queued = task(TaskState::Queued);
    let canceled = after(&queued, queued.on_cancel(NOW));
    assert!(canceled.reason.unwrap().contains("before the device was told"));
    let begun = task(TaskState::InProgress);
    let canceled = after(&begun, begun.on_cancel(NOW));
    assert!(canceled.reason.unwrap().contains("may still install"));
}

mod attempts;
mod sequences;
