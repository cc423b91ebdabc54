//! The table of onenet §6, row by row, and that no sequence of words moves a task backwards.

use std::time::Duration;

use otaru_wire::{Module, Version};
use proptest::prelude::*;

use super::*;
use crate::{Rules, example_task};

const NOW: Timestamp = Timestamp(1_000);
const BROKEN: Word = Word::DownloadFailed(Failure::Download);
const UNFIT: Word = Word::UpgradeFailed(Failure::Digest);

fn task(stage: Stage) -> Task {
    let (state, progress) = match stage {
        Stage::Waiting => (TaskState::Notified, 0),
        Stage::Downloading => (TaskState::InProgress, 40),
        Stage::Upgrading => (TaskState::InProgress, 100),
        Stage::Succeeded => (TaskState::Succeeded, 100),
        Stage::Failed => (TaskState::Failed, 40),
        Stage::Canceled => (TaskState::Canceled, 40),
    };
    let first_progress_at = (stage != Stage::Waiting).then_some(Timestamp(20));
    Task { state, progress, first_progress_at, notified_at: Some(Timestamp(10)), ..example_task() }
}

/// Source: onenet §6, the columns 1, 2 and 3 of the table. A dash is a refusal.
#[test]
fn each_word_leads_from_each_stage_where_the_table_says() {
    const W: Option<Stage> = None;
    const D: Option<Stage> = Some(Stage::Downloading);
    const U: Option<Stage> = Some(Stage::Upgrading);
    const S: Option<Stage> = Some(Stage::Succeeded);
    const F: Option<Stage> = Some(Stage::Failed);
    let rows = [
        (Word::Begun, [D, D, W], [D, D, W]),
        (Word::Percent(50), [D, D, W], [W, D, W]),
        (Word::Downloaded, [U, U, W], [W, U, W]),
        (BROKEN, [F, F, W], [F, F, W]),
        (Word::Upgraded, [S, S, S], [W, W, S]),
        (UNFIT, [F, F, F], [W, F, F]),
    ];
    for (word, lenient, strict) in rows {
        for (at, stage) in [Stage::Waiting, Stage::Downloading, Stage::Upgrading].into_iter().enumerate() {
            for (rigor, want) in [(Rigor::Lenient, lenient[at]), (Rigor::Strict, strict[at])] {
                assert_eq!(stage.after(word, rigor), want, "{stage:?} {word:?} {rigor:?}");
                let task = task(stage);
                assert_eq!(task.stage(), Some(stage));
                let mut after = task.clone();
                match (task.on_word(word, "", rigor, NOW), want) {
                    (Ok(Transition::To(next)), Some(want)) => {
                        after.apply(next);
                        assert_eq!(after.stage(), Some(want), "{stage:?} {word:?} {rigor:?}");
                    }
                    (Ok(Transition::Keep(Keep::Repeated)), Some(want)) => assert_eq!(stage, want),
                    (Err(refused), None) => assert_eq!(refused, OutOfTurn::NotNow { stage, word }),
                    other => panic!("{stage:?} {word:?} {rigor:?}: {other:?}"),
                }
            }
        }
    }
}

/// Source: onenet §6, the last column.
#[test]
fn what_is_over_says_whether_it_was_canceled() {
    for word in [Word::Begun, Word::Percent(50), Word::Downloaded, BROKEN, Word::Upgraded, UNFIT] {
        for (stage, why) in [
            (Stage::Succeeded, OutOfTurn::Over),
            (Stage::Failed, OutOfTurn::Over),
            (Stage::Canceled, OutOfTurn::Canceled),
        ] {
            for rigor in [Rigor::Lenient, Rigor::Strict] {
                assert_eq!(task(stage).on_word(word, "", rigor, NOW), Err(why), "{stage:?} {word:?}");
            }
        }
    }
}

#[test]
fn the_failure_of_an_attempt_that_is_followed_by_another_cannot_be_said_twice() {
    let rules = Rules { retries: 1, ..Rules::default() };
    let mut twice = Task { rules, ..task(Stage::Downloading) };
    let Ok(Transition::To(next)) = twice.on_word(BROKEN, "step 104", Rigor::Lenient, NOW) else {
        panic!("kept")
    };
    twice.apply(next);
    assert_eq!((twice.state, twice.attempt, twice.stage()), (TaskState::Queued, 2, Some(Stage::Failed)));
    assert_eq!(twice.reason.as_deref(), Some("download failed (-2): step 104"));
    assert_eq!(twice.on_word(BROKEN, "", Rigor::Lenient, NOW), Err(OutOfTurn::Over));
    assert!(!twice.may_be_fetched(Duration::MAX, NOW));
}

/// A device that lost its power begins at the first byte again and says so.
#[test]
fn a_lower_percentage_is_heard_without_undoing_a_higher_one_and_refused_where_order_is_asked_for() {
    let task = task(Stage::Downloading);
    let lower = Word::Percent(10);
    assert_eq!(task.on_word(lower, "", Rigor::Lenient, NOW), Ok(Transition::Keep(Keep::Late)));
    let refused = OutOfTurn::NotNow { stage: Stage::Downloading, word: lower };
    assert_eq!(task.on_word(lower, "", Rigor::Strict, NOW), Err(refused));
    let again = task.on_word(Word::Percent(40), "", Rigor::Strict, NOW);
    assert_eq!(again, Ok(Transition::Keep(Keep::Repeated)));
}

/// Source: onenet §6: cancelling lets the download end, but not the upgrade.
#[test]
fn after_a_cancel_a_download_that_had_begun_may_end_for_a_while() {
    let grace = Duration::from_secs(60);
    let canceled = Task { updated_at: NOW, ..task(Stage::Canceled) };
    assert!(canceled.may_be_fetched(grace, NOW) && !canceled.may_be_fetched(grace, NOW + grace));
    let idle = Task { first_progress_at: None, ..canceled };
    assert!(!idle.may_be_fetched(grace, NOW), "nothing had begun");
    for (stage, may) in [(Stage::Waiting, true), (Stage::Upgrading, true), (Stage::Failed, false)] {
        assert_eq!(task(stage).may_be_fetched(grace, NOW), may);
    }
    assert_eq!(Task { state: TaskState::Confirm, ..task(Stage::Waiting) }.stage(), None);
}

#[derive(Debug, Clone)]
enum Happening {
    Asked,
    Said(Word, Rigor),
    Version(&'static str),
    Time(u64),
    Cancel,
}

fn happening() -> impl Strategy<Value = Happening> {
    let word = prop_oneof![
        2 => Just(Word::Begun),
        5 => any::<u8>().prop_map(Word::Percent),
        1 => Just(Word::Downloaded),
        1 => Just(BROKEN),
        1 => Just(Word::Upgraded),
        1 => Just(UNFIT),
    ];
    let rigor = prop_oneof![Just(Rigor::Lenient), Just(Rigor::Strict)];
    prop_oneof![
        3 => Just(Happening::Asked),
        8 => (word, rigor).prop_map(|(word, rigor)| Happening::Said(word, rigor)),
        2 => prop_oneof![Just("1.0.0"), Just("2.0.0"), Just("3.0.0")].prop_map(Happening::Version),
        2 => (0_u64..4_000_000).prop_map(Happening::Time),
        1 => Just(Happening::Cancel),
    ]
}

proptest! {
    #[test]
    fn no_sequence_of_words_moves_a_task_backwards_or_out_of_its_end(
        happenings in prop::collection::vec(happening(), 0..80),
        retries in 0..=Rules::MAX_RETRIES,
    ) {
        let rules = Rules { retries, ..Rules::default() };
        let mut task = Task { rules, state: TaskState::Queued, ..task(Stage::Waiting) };
        task.notified_at = None;
        let mut now = NOW;
        for happening in &happenings {
            let transition = match happening {
                Happening::Asked if task.may_be_told(now) => task.on_asked(now),
                Happening::Asked => Transition::Keep(Keep::NotDue),
                Happening::Said(word, rigor) => {
                    task.on_word(*word, "", *rigor, now).unwrap_or(Transition::Keep(Keep::Ended))
                }
                Happening::Version(version) => {
                    task.on_version(&Module::default(), &Version::new(*version).unwrap(), now)
                }
                Happening::Time(ms) => {
                    now = now + Duration::from_millis(*ms);
                    task.on_deadline(now)
                }
                Happening::Cancel => task.on_cancel(now),
            };
            let before = task.clone();
            let Transition::To(next) = transition else { continue };
            prop_assert!(!before.state.is_end(), "{:?} left its end by {happening:?}", before.state);
            task.apply(next);
            // The device sees a new attempt as a new beginning.
            let place = |task: &Task| (task.attempt, task.state, task.stage().filter(|_| task.state != TaskState::Queued));
            prop_assert!(place(&task) >= place(&before), "{before:?} -> {task:?} by {happening:?}");
            prop_assert!(task.attempt == before.attempt || task.state == TaskState::Queued);
            prop_assert!(task.attempt <= task.attempts());
            if task.state == TaskState::Succeeded {
                prop_assert!(matches!(
                    happening,
                    Happening::Said(Word::Upgraded, _) | Happening::Version("2.0.0")
                ));
                prop_assert_eq!(task.progress, 100);
            }
        }
    }
}
