//! Tasks: compare-and-set, deadlines.

use super::*;

pub(in crate::store) async fn a_decision_on_a_task_that_changed_meanwhile_is_stale(store: impl Store) {
    let package = fleet(&store, &["d1"]).await;
    campaign(&store, package).await;
    let read = task_of(&store, "d1").await;
    let forty = to(read.on_progress(Step::Percent(40), "", Timestamp(2_000)));
    let thirty = to(read.on_progress(Step::Percent(30), "", Timestamp(2_001)));
    assert_eq!(store.apply(&read, forty.clone()).await, Ok(Applied::Done));
    assert_eq!(store.apply(&read, thirty).await, Ok(Applied::Stale));
    let mut expected = read;
    expected.apply(forty);
    assert_eq!(store.task(expected.id).await.unwrap().task, expected, "every field comes back as decided");
}

pub(in crate::store) async fn of_many_decisions_at_once_one_is_written(store: impl Store) {
    let package = fleet(&store, &["d1"]).await;
    campaign(&store, package).await;
    let read = task_of(&store, "d1").await;
    let store = Arc::new(store);
    let decided: Vec<_> = (1..=50)
        .map(|percent| {
            let (store, read) = (Arc::clone(&store), read.clone());
            let next = to(read.on_progress(Step::Percent(percent), "", NOW));
            tokio::spawn(async move { store.apply(&read, next).await.unwrap() })
        })
        .collect();
    let mut done = 0;
    for applied in decided {
        done += u32::from(applied.await.unwrap() == Applied::Done);
    }
    assert_eq!(done, 1);
    assert_eq!(task_of(&*store, "d1").await.revision, read.revision + 1);
}

pub(in crate::store) async fn a_version_report_stands_even_if_its_decision_is_stale(store: impl Store) {
    let package = fleet(&store, &["d1"]).await;
    campaign(&store, package).await;
    let read = task_of(&store, "d1").await;
    store.apply(&read, to(read.on_notified(NOW))).await.unwrap();
    let done = to(read.on_version(&main_module(), &v("2.0.0"), NOW));
    let applied = store.reported(&id("d1"), &main_module(), &v("2.0.0"), Some((read, done)), NOW).await;
    assert_eq!(applied, Ok(Applied::Stale));
    assert_eq!(store.running(&id("d1")).await.unwrap()[0].version, v("2.0.0"));
    assert_eq!(task_of(&store, "d1").await.state, TaskState::Notified);
}

pub(in crate::store) async fn deadlines_are_found_in_order(store: impl Store) {
    let package = fleet(&store, &["d1", "d2"]).await;
    let rules = Rules { timeout: Duration::from_secs(1), ..Rules::default() };
    let order = NewCampaign { rules, ..NewCampaign::over_all(package) };
    store.add_campaign(order, NOW).await.unwrap();
    assert_eq!(store.next_deadline().await, Ok(None));
    for (device, at) in [("d1", 20_000), ("d2", 10_000)] {
        let task = task_of(&store, device).await;
        let begun = to(task.on_progress(Step::Percent(1), "", Timestamp(at)));
        store.apply(&task, begun).await.unwrap();
    }
    assert_eq!(store.next_deadline().await, Ok(Some(Timestamp(11_000))));
    assert_eq!(store.due(Timestamp(10_999), 10).await, Ok(vec![]));
    let due = store.due(Timestamp(21_000), 10).await.unwrap();
    assert_eq!(due.iter().map(|task| task.device.clone()).collect::<Vec<_>>(), [id("d2"), id("d1")]);
    assert_eq!(store.due(Timestamp(21_000), 1).await.unwrap().len(), 1);
    store.apply(&due[0], to(due[0].on_deadline(Timestamp(21_000)))).await.unwrap();
    assert_eq!(store.next_deadline().await, Ok(Some(Timestamp(21_000))));
}

pub(in crate::store) async fn an_attempt_its_answer_and_its_deadline_come_back_as_decided(store: impl Store) {
    let package = fleet(&store, &["d1"]).await;
    let order = NewCampaign { rules: rules(), ..NewCampaign::over_all(package) };
    store.add_campaign(order, NOW).await.unwrap();
    let decisions: [fn(&Task) -> Transition; 5] = [
        |task| task.on_notified(Timestamp(2_000)),
        |task| task.on_answered(Timestamp(3_000)),
        |task| task.on_progress(Step::Failed(Failure::Write), "full", Timestamp(4_000)),
        |task| task.on_deadline(Timestamp(604_000)),
        |task| task.on_notified(Timestamp(605_000)),
    ];
    for decide in decisions {
        let read = task_of(&store, "d1").await;
        let next = to(decide(&read));
        assert_eq!(store.apply(&read, next.clone()).await, Ok(Applied::Done));
        let mut expected = read;
        expected.apply(next);
        assert_eq!(task_of(&store, "d1").await, expected);
        assert_eq!(store.next_deadline().await, Ok(expected.deadline()));
        let due = store.due(expected.deadline().unwrap(), 10).await.unwrap();
        assert_eq!(due, [expected]);
    }
    assert_eq!(task_of(&store, "d1").await.attempt, 2);
}

pub(in crate::store) async fn a_campaign_with_a_validity_has_a_deadline_from_the_start(store: impl Store) {
    let package = fleet(&store, &["d1", "d2"]).await;
    let order = NewCampaign { rules: rules(), ..NewCampaign::over_all(package) };
    let campaign = store.add_campaign(order, NOW).await.unwrap().campaign;
    let end = NOW + Rules::MIN_VALIDITY;
    assert_eq!(campaign.expires_at(), Some(end));
    assert_eq!(store.next_deadline().await, Ok(Some(end)));
    assert_eq!(store.due(Timestamp(end.0 - 1), 10).await, Ok(vec![]));
    for task in store.due(end, 10).await.unwrap() {
        let expired = to(task.on_deadline(end));
        store.apply(&task, expired).await.unwrap();
    }
    let ended = store.campaign(campaign.id).await.unwrap();
    assert_eq!((ended.state, ended.ended_at), (CampaignState::Ended, Some(end)));
    assert_eq!(store.next_deadline().await, Ok(None));
}
