//! Attempts, answers and validity.

use super::*;

const DAY: Duration = Duration::from_secs(24 * 3600);

/// A task in progress with two more attempts, 30 minutes apart.
fn begun() -> Task {
    let rules = Rules { retries: 2, retry_interval: Duration::from_secs(1800), ..Rules::default() };
    Task { rules, ..task(TaskState::InProgress) }
}

fn fail(task: &Task, now: Timestamp) -> Task {
    after(task, task.on_progress(Step::Failed(Failure::Download), "404", now))
}

/// Time passes until the next deadline of the task.
fn wait(task: &Task) -> (Task, Timestamp) {
    let now = task.deadline().unwrap();
    (after(task, task.on_deadline(now)), now)
}

#[test]
fn a_failed_attempt_is_followed_by_the_next_one_from_the_beginning() {
    let second = fail(&begun(), NOW);
    assert_eq!((second.state, second.attempt, second.progress), (TaskState::Queued, 2, 0));
    assert_eq!(
        second.reason.as_deref(),
        Some("download failed (-2): 404"),
        "what went wrong is shown meanwhile"
    );
    assert_eq!((second.notified_at, second.first_progress_at), (None, None));
    assert_eq!(second.deadline(), Some(NOW + Duration::from_secs(1800)));
    assert!(!second.may_be_told(Timestamp(NOW.0 + 1_799_999)));
    assert_eq!(second.on_deadline(Timestamp(NOW.0 + 1_799_999)), Transition::Keep(Keep::NotDue));

    let (due, now) = wait(&second);
    assert_eq!((due.retry_at, due.deadline(), due.attempt), (None, None, 2));
    assert!(due.may_be_told(now));
    let third = fail(&after(&due, due.on_notified(now)), now);
    let (due, now) = wait(&third);
    let failed = fail(&after(&due, due.on_notified(now)), now);
    assert_eq!((failed.state, failed.attempt, failed.attempts()), (TaskState::Failed, 3, 3));
}

#[test]
fn without_retries_the_first_failure_is_the_end() {
    let failed = fail(&task(TaskState::InProgress), NOW);
    assert_eq!((failed.state, failed.attempt), (TaskState::Failed, 1));
}

#[test]
fn a_failure_said_again_does_not_use_up_the_next_attempt() {
    let second = fail(&begun(), NOW);
    let again = second.on_progress(Step::Failed(Failure::Download), "404", Timestamp(NOW.0 + 5));
    assert_eq!(again, Transition::Keep(Keep::NotTold));
    // Nor when the device was away and says it once more after the wait, before it was told.
    let (due, now) = wait(&second);
    assert_eq!(due.on_progress(Step::Failed(Failure::Download), "404", now), Transition::Keep(Keep::NotTold));
    assert_eq!(due.on_progress(Step::Percent(80), "", now), Transition::Keep(Keep::NotTold), "a late one");
    let told = after(&due, due.on_notified(now));
    assert_eq!(fail(&told, now).attempt, 3, "from then on it counts");
}

#[test]
fn an_attempt_at_once_leaves_time_for_what_repeats_the_failure() {
    let rules = Rules { retries: 1, ..Rules::default() };
    let second = fail(&Task { rules, ..task(TaskState::InProgress) }, NOW);
    assert_eq!(second.retry_at, Some(NOW + Rules::QUIET));
}

#[test]
fn a_wrong_version_uses_up_one_attempt_however_often_it_is_reported() {
    let wrong = |task: &Task, version| after(task, task.on_version(&Module::default(), &v(version), NOW));
    for state in [TaskState::Queued, TaskState::Notified, TaskState::InProgress] {
        let second = wrong(&Task { state, ..begun() }, "3.0.0");
        assert_eq!((second.state, second.attempt), (TaskState::Queued, 2));
        let again = wrong(&second, "3.0.0");
        assert_eq!(again, second);
        let told = after(&again, again.on_notified(NOW));
        assert_eq!(wrong(&told, "3.0.0"), told, "what it runs now is its source");
        assert_eq!(wrong(&told, "4.0.0").attempt, 3);
        assert_eq!(wrong(&second, "4.0.0").source_version, Some(v("4.0.0")), "no attempt failed by that");
    }
}

#[test]
fn the_target_version_is_success_between_two_attempts_too() {
    let second = fail(&begun(), NOW);
    let done = after(&second, second.on_version(&Module::default(), &v("2.0.0"), NOW));
    assert_eq!((done.state, done.reason.clone(), done.retry_at), (TaskState::Succeeded, None, None));
}

#[test]
fn a_timeout_or_a_cancel_is_never_tried_again() {
    let begun = begun();
    let (late, _) = wait(&begun);
    assert_eq!((late.state, late.attempt), (TaskState::Failed, 1));
    let second = fail(&begun, NOW);
    let canceled = after(&second, second.on_cancel(NOW));
    assert_eq!((canceled.state, canceled.retry_at), (TaskState::Canceled, None));
    assert!(canceled.reason.unwrap().contains("after the device was told"));
}

#[test]
fn each_attempt_has_the_whole_timeout() {
    let (due, now) = wait(&fail(&begun(), NOW));
    let told = after(&due, due.on_notified(now));
    let later = now + Duration::from_secs(50_000);
    let again = after(&told, told.on_progress(Step::Percent(1), "", later));
    assert_eq!(again.deadline(), Some(later + Rules::DEFAULT_TIMEOUT));
}

/// A task that is to be answered within 10 s, with one more attempt.
fn asks_for_an_answer() -> Task {
    let patience = Patience::For(Duration::from_secs(10));
    let queued = Task { rules: Rules { retries: 1, patience, ..Rules::default() }, ..example_task() };
    after(&queued, queued.on_notified(NOW))
}

#[test]
fn silence_after_a_push_uses_up_an_attempt() {
    let told = asks_for_an_answer();
    assert_eq!(told.deadline(), Some(NOW + Duration::from_secs(10)));
    let (second, now) = wait(&told);
    assert_eq!((second.state, second.attempt), (TaskState::Queued, 2));
    let (due, now) = (after(&second, second.on_deadline(now + Rules::QUIET)), now + Rules::QUIET);
    let (failed, _) = wait(&after(&due, due.on_notified(now)));
    assert_eq!(failed.state, TaskState::Failed);
    let reason = failed.reason.unwrap();
    assert_eq!(reason, "push failed: the device said nothing about its notice within 10 s");
}

#[test]
fn any_word_of_the_device_about_the_module_is_an_answer() {
    let told = asks_for_an_answer();
    let soon = Timestamp(NOW.0 + 9_000);
    let module = Module::default();
    for said in [
        told.on_answered(soon),
        told.on_asked(soon),
        told.on_fetched(soon),
        told.on_version(&module, &v("1.0.0"), soon),
        told.on_progress(Step::Percent(0), "", soon),
    ] {
        let answered = after(&told, said.clone());
        assert!(answered.deadline().is_none_or(|at| at > soon + Duration::from_secs(60)), "{said:?}");
    }
    let silent = Task { source_version: None, ..told.clone() };
    let answered = after(&silent, silent.on_version(&module, &v("0.9"), soon));
    assert_eq!((answered.deadline(), answered.source_version), (None, Some(v("0.9"))));
    let mcu = Module::new("mcu").unwrap();
    assert_eq!(told.on_version(&mcu, &v("1.0.0"), soon), Transition::Keep(Keep::OtherModule));
}

#[test]
fn a_device_that_asked_for_its_task_need_not_answer() {
    let rules = Rules { patience: Patience::For(Duration::from_secs(10)), ..Rules::default() };
    let queued = Task { rules, ..example_task() };
    let told = after(&queued, queued.on_asked(NOW));
    assert_eq!((told.state, told.deadline()), (TaskState::Notified, None));
}

#[test]
fn an_acknowledgement_is_noted_once_even_where_none_is_due() {
    let told = task(TaskState::Notified);
    let answered = after(&told, told.on_answered(NOW));
    assert_eq!((answered.state, answered.answered_at), (TaskState::Notified, Some(NOW)));
    assert_eq!(answered.on_answered(NOW), Transition::Keep(Keep::Repeated));
    assert_eq!(told.on_asked(NOW), Transition::Keep(Keep::AlreadyNotified), "no write without a rule");
    assert_eq!(told.on_fetched(NOW), Transition::Keep(Keep::Repeated), "nor for each piece");
    assert_eq!(begun().on_answered(NOW), Transition::Keep(Keep::Late));
}

#[test]
fn what_has_not_begun_when_the_validity_ends_fails_and_says_so() {
    let rules = Rules { valid_for: Some(DAY), ..begun().rules };
    let end = Timestamp(0) + DAY;
    for state in [TaskState::Confirm, TaskState::Queued, TaskState::Notified] {
        let open = Task { rules: rules.clone(), first_progress_at: None, ..task(state) };
        assert_eq!(open.deadline(), Some(end));
        assert!(!open.may_be_told(end), "nothing is pushed afterwards");
        let (failed, _) = wait(&open);
        assert_eq!(failed.state, TaskState::Failed);
        assert_eq!(failed.reason.as_deref(), Some("the campaign's validity ended before the device began"));
    }
}

#[test]
fn a_task_in_progress_outlives_the_validity_but_is_not_tried_again_then() {
    let rules = Rules { valid_for: Some(DAY), ..begun().rules };
    let end = Timestamp(0) + DAY;
    let late = Task { rules, first_progress_at: Some(Timestamp(end.0 - 1)), ..begun() };
    assert!(late.may_be_told(end), "fresh links for what it is doing");
    assert_eq!(late.deadline(), Some(Timestamp(end.0 - 1) + Rules::DEFAULT_TIMEOUT));
    assert_eq!(fail(&late, end).state, TaskState::Failed);
    let hour = Timestamp(end.0 - 1_800_000);
    assert_eq!(fail(&late, hour).state, TaskState::Failed, "the next attempt would begin at the end");
    assert_eq!(fail(&late, Timestamp(hour.0 - 1)).state, TaskState::Queued);
}

#[test]
fn the_validity_that_ends_between_two_attempts_tells_of_the_one_before() {
    let rules = Rules { valid_for: Some(DAY), ..begun().rules };
    let second = fail(&Task { rules, ..begun() }, Timestamp(DAY.as_millis() as u64 - 1_800_001));
    let (due, _) = wait(&second);
    let (failed, _) = wait(&due);
    let reason = failed.reason.unwrap();
    assert!(
        reason.ends_with("before the device began; the attempt before: download failed (-2): 404"),
        "{reason}"
    );
}
