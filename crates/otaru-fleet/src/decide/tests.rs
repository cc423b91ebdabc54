//! The rules one by one, and that no sequence of events breaks the order of states.

use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::example_task;

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
    let queued = Task { timeout: Duration::from_millis(100), ..task(TaskState::Notified) };
    assert_eq!(queued.on_timeout(Timestamp(u64::MAX)), Transition::Keep(Keep::NotDue));
    let begun = after(&queued, queued.on_progress(Step::Percent(1), "", Timestamp(1_000)));
    let more = after(&begun, begun.on_progress(Step::Percent(2), "", Timestamp(1_090)));
    assert_eq!(more.deadline(), Some(Timestamp(1_100)));
    assert_eq!(more.on_timeout(Timestamp(1_099)), Transition::Keep(Keep::NotDue));
    assert_eq!(after(&more, more.on_timeout(Timestamp(1_100))).state, TaskState::Failed);
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

#[derive(Debug, Clone)]
enum Happening {
    Notified,
    Percent(u8),
    Failed(Failure),
    Version(&'static str, &'static str),
    Time(u64),
    Cancel,
}

fn happening() -> impl Strategy<Value = Happening> {
    prop_oneof![
        2 => Just(Happening::Notified),
        6 => any::<u8>().prop_map(Happening::Percent),
        1 => prop_oneof![Just(Failure::Upgrade), Just(Failure::Download), Just(Failure::Digest)]
            .prop_map(Happening::Failed),
        4 => (
            prop_oneof![Just("default"), Just("mcu")],
            prop_oneof![4 => Just("1.0.0"), 1 => Just("2.0.0"), 1 => Just("3.0.0")]
        )
            .prop_map(|(module, version)| Happening::Version(module, version)),
        2 => (0_u64..4_000_000).prop_map(Happening::Time),
        1 => Just(Happening::Cancel),
    ]
}

fn decide(task: &Task, happening: &Happening, now: Timestamp) -> Transition {
    match happening {
        Happening::Notified => task.on_notified(now),
        Happening::Percent(percent) => task.on_progress(Step::Percent(*percent), "", now),
        Happening::Failed(failure) => task.on_progress(Step::Failed(*failure), "", now),
        Happening::Version(module, version) => {
            task.on_version(&Module::new(*module).unwrap(), &v(version), now)
        }
        Happening::Time(_) => task.on_timeout(now),
        Happening::Cancel => task.on_cancel(now),
    }
}

proptest! {
    #[test]
    fn no_sequence_of_events_moves_a_task_backwards_or_out_of_its_end(
        happenings in prop::collection::vec(happening(), 0..60),
        knows_source in any::<bool>(),
    ) {
        let mut task = task(TaskState::Queued);
        if !knows_source {
            task.source_version = None;
        }
        let mut now = Timestamp(1_000);
        for happening in &happenings {
            if let Happening::Time(ms) = happening {
                now = now + Duration::from_millis(*ms);
            }
            let before = task.clone();
            if let Transition::To(next) = decide(&task, happening, now) {
                prop_assert!(!before.state.is_end(), "{:?} left its end by {happening:?}", before.state);
                task.apply(next);
                prop_assert_eq!(task.revision, before.revision + 1);
            }
            prop_assert!(task.state >= before.state, "{:?} -> {:?} by {happening:?}", before.state, task.state);
            prop_assert!(task.progress <= 100);
            prop_assert!(task.progress >= before.progress || task.progress == 0);
            prop_assert!(before.first_progress_at.is_none() || task.first_progress_at == before.first_progress_at);
            let by_target = matches!(happening, Happening::Version("default", "2.0.0"));
            prop_assert_eq!(task.state == TaskState::Succeeded && before.state != TaskState::Succeeded, by_target && !before.state.is_end());
            let ended_badly = matches!(task.state, TaskState::Failed | TaskState::Canceled);
            prop_assert_eq!(task.reason.is_some(), ended_badly);
        }
    }
}
