//! That no sequence of events breaks the order of attempts and states.

use super::*;

#[derive(Debug, Clone)]
enum Happening {
    Notified,
    Asked,
    Fetched,
    Answered,
    Percent(u8),
    Failed(Failure),
    Version(&'static str, &'static str),
    Time(u64),
    Cancel,
}

fn happening() -> impl Strategy<Value = Happening> {
    prop_oneof![
        3 => Just(Happening::Notified),
        1 => Just(Happening::Asked),
        1 => Just(Happening::Fetched),
        1 => Just(Happening::Answered),
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
        Happening::Notified if !task.may_be_told(now) => Transition::Keep(Keep::NotDue),
        Happening::Notified => task.on_notified(now),
        Happening::Asked if !task.may_be_told(now) => Transition::Keep(Keep::NotDue),
        Happening::Asked => task.on_asked(now),
        Happening::Fetched => task.on_fetched(now),
        Happening::Answered => task.on_answered(now),
        Happening::Percent(percent) => task.on_progress(Step::Percent(*percent), "", now),
        Happening::Failed(failure) => task.on_progress(Step::Failed(*failure), "", now),
        Happening::Version(module, version) => {
            task.on_version(&Module::new(*module).unwrap(), &v(version), now)
        }
        Happening::Time(_) => task.on_deadline(now),
        Happening::Cancel => task.on_cancel(now),
    }
}

fn rules() -> impl Strategy<Value = Rules> {
    let day = Duration::from_secs(24 * 3600);
    (
        0..=Rules::MAX_RETRIES,
        (0_u64..5_000).prop_map(Duration::from_secs),
        prop::option::of((1_u64..100).prop_map(Duration::from_secs)),
        prop::option::of((1_u32..3).prop_map(move |days| day * days)),
    )
        .prop_map(|(retries, retry_interval, patience, valid_for)| Rules {
            retries,
            retry_interval,
            patience: patience.map_or(Patience::Endless, Patience::For),
            valid_for,
            ..Rules::default()
        })
}

proptest! {
    #[test]
    fn no_sequence_of_events_moves_a_task_backwards_or_out_of_its_end_or_uses_more_attempts_than_allowed(
        happenings in prop::collection::vec(happening(), 0..120),
        knows_source in any::<bool>(),
        rules in rules(),
    ) {
        let mut task = Task { rules, ..task(TaskState::Queued) };
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
            check_step(&before, &task, happening, now)?;
        }
    }
}

fn check_step(before: &Task, task: &Task, by: &Happening, now: Timestamp) -> Result<(), TestCaseError> {
    let place = |task: &Task| (task.attempt, task.state);
    prop_assert!(place(task) >= place(before), "{:?} -> {:?} by {by:?}", place(before), place(task));
    prop_assert!(task.attempt <= task.attempts() && task.attempt <= before.attempt + 1);
    prop_assert!(task.progress <= 100);
    prop_assert!(task.progress >= before.progress || task.progress == 0);
    let success = task.state == TaskState::Succeeded;
    let target = matches!(by, Happening::Version("default", "2.0.0"));
    prop_assert_eq!(success && before.state != TaskState::Succeeded, target && !before.state.is_end());
    let has_failed = task.attempt > 1 || matches!(task.state, TaskState::Failed | TaskState::Canceled);
    prop_assert_eq!(task.reason.is_some(), has_failed && !success);

    if task.attempt > before.attempt {
        prop_assert_eq!(task.state, TaskState::Queued, "an attempt begins at the beginning");
        let quiet = task.retry_at.map(|at| at.since(now));
        prop_assert!(quiet >= Some(Rules::QUIET.max(task.rules.retry_interval)), "{quiet:?}");
        prop_assert!(
            before.attempt == 1 || before.state != TaskState::Queued,
            "one that nobody was told of failed"
        );
        prop_assert!(task.expires_at().is_none_or(|end| now < end), "tried again after the validity");
    } else {
        let same = |before: Option<Timestamp>, now| before.is_none() || before == now;
        prop_assert!(same(before.first_progress_at, task.first_progress_at), "time was won");
        prop_assert!(same(before.notified_at, task.notified_at));
        prop_assert!(same(before.answered_at, task.answered_at));
    }
    if matches!(by, Happening::Time(_)) && task != before && !task.state.is_end() {
        prop_assert!(task.deadline().is_none_or(|next| next > now), "a deadline that was met comes again");
    }
    prop_assert!(!(task.state.is_end() && (task.deadline().is_some() || task.retry_at.is_some())));
    prop_assert!(task.deadline().is_some() || task.rules.valid_for.is_none() || task.state.is_end());
    Ok(())
}
