//! `otaru task`: a campaign's tasks, each with what it waits for or why it came to its end.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use indicatif::HumanDuration;
use otaru_platform::http::shapes::Task;

use super::{Client, calls, list};
use crate::{
    cli::platform::{Operator, TaskCommand},
    exit,
};

pub(crate) fn task(args: Operator<TaskCommand>) -> anyhow::Result<u8> {
    let client = Client::new(&args.platform)?;
    let TaskCommand::List { campaign } = args.command;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let tasks = calls::tasks(&client, campaign)?;
    // Where there is one attempt, "1 of 1" would only make people wonder.
    let attempts = tasks.iter().any(|task| task.attempts > 1);
    let head = match attempts {
        true => &["device", "state", "progress", "attempt", "why"][..],
        false => &["device", "state", "progress", "why"],
    };
    let with_product = products_differ(&tasks);
    list(args.platform.json, &tasks, head, |task| {
        let mut cells =
            vec![device(task, with_product), task.state.to_string(), format!("{} %", task.progress)];
        cells.extend(attempts.then(|| format!("{} of {}", task.attempt, task.attempts)));
        cells.push(why(task, now));
        cells
    })?;
    Ok(exit::SUCCESS)
}

/// Are the tasks' devices of several products? Then a name alone does not tell which one is meant.
pub(super) fn products_differ(tasks: &[Task]) -> bool {
    tasks.windows(2).any(|two| matches!(two, [a, b] if a.product_key != b.product_key))
}

/// A task's device, as people are shown it.
pub(super) fn device(task: &Task, with_product: bool) -> String {
    if with_product { format!("{}/{}", task.product_key, task.device) } else { task.device.to_string() }
}

/// What a task waits for, and when, or why it came to its end; empty if it succeeded. `now` counts from 1970.
pub(super) fn why(task: &Task, now: Duration) -> String {
    let Some(mut text) = task.waiting_for.clone() else { return task.reason.clone().unwrap_or_default() };
    if let Some(at) = task.retry_ms {
        let left = Duration::from_millis(at).saturating_sub(now);
        text.push_str(&format!(" in {}", HumanDuration(left)));
    }
    if let Some(before) = &task.reason {
        text.push_str(&format!("; the attempt before: {before}"));
    }
    text
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn task(changed: Value) -> Task {
        let mut task = json!({"id": 1, "campaign_id": 1, "product_key": "a1Pump", "device": "pump-01",
            "module": "default", "version": "2.0.0", "state": "queued", "progress": 0, "attempt": 2, "attempts": 4,
            "retry_ms": null, "reason": null, "waiting_for": null, "created_ms": 0, "updated_ms": 0});
        let Value::Object(changed) = changed else { panic!("{changed}") };
        task.as_object_mut().unwrap().extend(changed);
        serde_json::from_value(task).unwrap()
    }

    #[test]
    fn a_device_is_shown_with_its_product_where_there_are_several() {
        let (pump, valve) = (task(json!({})), task(json!({"product_key": "jdValve"})));
        assert!(!products_differ(&[pump.clone(), pump.clone()]) && !products_differ(&[]));
        assert!(products_differ(&[pump.clone(), pump.clone(), valve.clone()]));
        assert_eq!(
            (device(&pump, false), device(&valve, true)),
            ("pump-01".into(), "jdValve/pump-01".into())
        );
    }

    #[test]
    fn a_task_between_two_attempts_says_when_the_next_one_begins_and_why_the_one_before_failed() {
        let waits = task(json!({"waiting_for": "waits to be tried again (attempt 2 of 4)",
            "reason": "download failed (-2)", "retry_ms": 600_000}));
        assert_eq!(
            why(&waits, Duration::ZERO),
            "waits to be tried again (attempt 2 of 4) in 10 minutes; the attempt before: download failed (-2)"
        );
        assert!(why(&waits, Duration::from_secs(9_999)).contains(" in 0 seconds;"), "a clock that is ahead");
        let failed = task(json!({"state": "failed", "reason": "writing failed (-4)"}));
        assert_eq!(why(&failed, Duration::ZERO), "writing failed (-4)");
        assert_eq!(why(&task(json!({"state": "succeeded"})), Duration::ZERO), "");
    }
}
