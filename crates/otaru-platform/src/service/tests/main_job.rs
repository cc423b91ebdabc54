//! The main job: from an operator's order to the report of the new version, and what may come in between.

use otaru_fleet::{CampaignState, Hold, TaskState};
use otaru_wire::{Failure, NoConfig, Source};

use super::*;

#[tokio::test]
async fn a_device_is_taken_from_login_to_the_report_of_the_new_version() {
    let mut world = World::new().await;
    let pump = world.device("pump-1").await;
    let session = world.connect(&pump).await;
    world.report_version(&session, "1.0.0").await;
    assert_eq!(world.heard(&pump), [], "no task, no notice");

    let package = world.package("2.0.0", "default").await;
    let campaign = world.campaign(package).await;
    let notice = world.notice(&pump);
    assert_eq!((notice.version.as_str(), notice.total_size()), ("2.0.0", 9));
    let md5 = notice.files[0].also.map(|digest| digest.method());
    assert_eq!(md5, Some(DigestMethod::Md5), "an MD5 beside the SHA-256, for old devices");
    let Source::Http { url } = &notice.files[0].source else { panic!("{notice:?}") };
    let (path, query) = url.strip_prefix(BASE).unwrap().split_once('?').unwrap();
    let links = &world.service.inner.parts.links;
    let grant = links.read(path, query, world.now.load(Ordering::SeqCst)).unwrap();
    let served = world.service.grant_file(&grant).await.unwrap();
    assert_eq!((served.size, served.digest), (9, notice.files[0].digest));

    for percent in [0, 40, 100] {
        world.report_step(&session, Step::Percent(percent)).await;
    }
    let task = world.task(campaign, &pump).await;
    assert_eq!((task.state, task.progress), (TaskState::InProgress, 100), "100 % is not success");
    let view = world.service.task(task.id).await.unwrap();
    assert!(matches!(view.hold, Some(Hold::VersionReport { .. })));

    world.disconnect(&pump);
    let session = world.connect(&pump).await;
    assert_eq!(world.heard(&pump).len(), 1, "the task is still open, so it is told again");
    world.report_version(&session, "2.0.0").await;
    assert_eq!(world.heard(&pump), []);
    let task = world.task(campaign, &pump).await;
    assert_eq!((task.state, task.reason), (TaskState::Succeeded, None));
    let view = world.service.campaign(campaign).await.unwrap();
    assert_eq!(view.campaign.state, CampaignState::Ended);
    let closed = world.service.grant_file(&grant).await;
    assert!(matches!(closed, Err(GrantError::Closed(TaskState::Succeeded))), "{closed:?}");
    let device = world.service.device(&pump).await.unwrap();
    assert_eq!(device.running[0].version, v("2.0.0"));
    assert!(device.connected && device.device.last_seen_at.is_some());
}

#[tokio::test]
async fn the_notice_is_repeated_on_connect_on_the_old_version_and_on_get() {
    let mut world = World::new().await;
    let pump = world.device("pump-1").await;
    let campaign = world.campaign(world.package("2.0.0", "default").await).await;
    assert_eq!(world.task(campaign, &pump).await.state, TaskState::Queued);

    let session = world.connect(&pump).await;
    let first = world.notice(&pump);
    assert_eq!(world.task(campaign, &pump).await.state, TaskState::Notified);
    world.report_version(&session, "1.0.0").await;
    world.pass(Duration::from_secs(60));
    let second = world.notice(&pump);
    assert!(second.same_offer(&first));
    assert_eq!(world.task(campaign, &pump).await.source_version, Some(v("1.0.0")));
    world.report_step(&session, Step::Percent(10)).await;
    world.report(&session, Report::Query { module: Module::default(), running: None, wanted: None }).await;
    let third = world.notice(&pump);
    assert!(third.same_offer(&first));
    assert_ne!(third.files[0].source, second.files[0].source, "a fresh link each time");
    let task = world.task(campaign, &pump).await;
    assert_eq!((task.state, task.progress), (TaskState::InProgress, 10), "asking changes nothing");
}

#[tokio::test]
async fn a_get_without_a_task_is_answered_with_nothing_to_do() {
    let mut world = World::new().await;
    let pump = world.device("pump-1").await;
    let session = world.connect(&pump).await;
    world.report(&session, Report::Query { module: Module::default(), running: None, wanted: None }).await;
    assert_eq!(world.heard(&pump), [Downlink::NoTask]);
}

#[tokio::test]
async fn what_the_platform_does_not_have_is_answered_and_not_passed_over() {
    let mut world = World::new().await;
    let pump = world.device("pump-1").await;
    let session = world.connect(&pump).await;
    world.report(&session, Report::ConfigQuery).await;
    assert_eq!(world.heard(&pump), [Downlink::NoConfig(NoConfig::Absent)]);
}

#[tokio::test]
async fn modules_are_updated_apart() {
    let mut world = World::new().await;
    let pump = world.device("pump-1").await;
    let main = world.campaign(world.package("2.0.0", "default").await).await;
    let mcu = world.campaign(world.package("2.0.0", "mcu").await).await;
    let session = world.connect(&pump).await;
    assert_eq!(world.heard(&pump).len(), 2, "one notice for each module");
    world
        .report(&session, Report::Query { module: Module::new("mcu").unwrap(), running: None, wanted: None })
        .await;
    assert_eq!(world.notice(&pump).module.as_str(), "mcu");
    world.report_version(&session, "2.0.0").await;
    assert_eq!(world.task(main, &pump).await.state, TaskState::Succeeded);
    assert_eq!(world.task(mcu, &pump).await.state, TaskState::Notified);
}

#[tokio::test]
async fn a_failure_ends_the_task_and_late_progress_changes_nothing() {
    let mut world = World::new().await;
    let pump = world.device("pump-1").await;
    let campaign = world.campaign(world.package("2.0.0", "default").await).await;
    let session = world.connect(&pump).await;
    world.report_step(&session, Step::Failed(Failure::Digest)).await;
    let failed = world.task(campaign, &pump).await;
    assert_eq!(failed.state, TaskState::Failed);
    assert!(failed.reason.as_deref().unwrap().contains("digest did not match (-3)"));
    world.report_step(&session, Step::Percent(50)).await;
    assert_eq!(world.task(campaign, &pump).await, failed);
    world.heard(&pump);
    world.report(&session, Report::Query { module: Module::default(), running: None, wanted: None }).await;
    assert_eq!(world.heard(&pump), [Downlink::NoTask], "a failed task is not offered again");
}

#[tokio::test]
async fn reports_of_one_device_at_once_are_processed_in_order() {
    let mut world = World::new().await;
    let pump = world.device("pump-1").await;
    let campaign = world.campaign(world.package("2.0.0", "default").await).await;
    let session = world.connect(&pump).await;
    for percent in 1..=30 {
        let report = Report::Progress {
            module: Module::default(),
            task: None,
            step: Step::Percent(percent),
            description: String::new(),
        };
        let message = aliyun::Device.write_report(&pump, u32::from(percent), &report).unwrap();
        assert_eq!(world.service.published(&session, message), Verdict::Accepted);
    }
    world.service.drained().await;
    let task = world.task(campaign, &pump).await;
    assert_eq!(task.progress, 30);
    assert_eq!(task.revision, 31, "told once, then thirty steps, none of them lost or taken for late");
}

#[tokio::test]
async fn a_flood_of_one_device_is_held_back_and_loses_nothing() {
    let mut world = World::new().await;
    let pump = world.device("pump-1").await;
    let session = world.connect(&pump).await;
    let report = Report::Version { module: Module::default(), version: v("1.0.0") };
    let message = aliyun::Device.write_report(&pump, 1, &report).unwrap();
    let mut busy = 0;
    for _ in 0..200 {
        while world.service.published(&session, message.clone()) == Verdict::Busy {
            busy += 1;
            world.service.ready(&pump).await;
        }
    }
    assert!(busy > 0, "200 at once are more than a device may have waiting");
    world.service.drained().await;
    assert_eq!(world.service.device(&pump).await.unwrap().running[0].version, v("1.0.0"));
}

#[tokio::test]
async fn a_task_that_takes_too_long_fails_by_the_clock() {
    let mut world = World::new().await;
    let pump = world.device("pump-1").await;
    let campaign = world.campaign(world.package("2.0.0", "default").await).await;
    let session = world.connect(&pump).await;
    world.pass(Duration::from_secs(7200));
    assert_eq!(world.service.meet_deadlines().await, Ok(0), "the time runs from the first progress");
    world.report_step(&session, Step::Percent(1)).await;
    world.pass(Duration::from_secs(3599));
    assert_eq!(world.service.meet_deadlines().await, Ok(0));
    world.pass(Duration::from_secs(1));
    assert_eq!(world.service.meet_deadlines().await, Ok(1));
    let task = world.task(campaign, &pump).await;
    assert_eq!(task.state, TaskState::Failed);
    assert!(task.reason.unwrap().starts_with("timeout"));
}

#[tokio::test]
async fn the_platform_keeps_the_deadline_by_itself() {
    let mut world = World::new().await;
    let pump = world.device("pump-1").await;
    let package = world.package("2.0.0", "default").await;
    let rules = Rules { timeout: Duration::from_secs(1), ..Rules::default() };
    let order = NewCampaign { rules, ..NewCampaign::over_all(package) };
    let campaign = world.service.create_campaign(order).await.unwrap().campaign.id;
    let session = world.connect(&pump).await;
    let running = tokio::spawn({
        let service = world.service.clone();
        async move { service.run().await }
    });
    world.report_step(&session, Step::Percent(1)).await;
    // The clock is set forward; within the second that the platform sleeps till the deadline, it notices.
    world.pass(Duration::from_secs(2));
    world.disconnect(&pump);
    troubles::until(async || world.task(campaign, &pump).await.state == TaskState::Failed).await;
    world.service.stop();
    running.await.unwrap();
    let seen = world.store.dump().await;
    assert!(seen.lines().any(|line| line.starts_with("devices:") && line.contains("Integer(1700000002000)")));
}

#[tokio::test]
async fn a_restart_of_the_platform_keeps_everything() {
    let folder = Arc::new(tempfile::tempdir().unwrap());
    let location = Location::File(folder.path().join("otaru.db"));
    let mut world = World::open(Arc::clone(&folder), location.clone());
    world.service.create_product(ProductOrder::new(key(), Dialect::Aliyun)).await.unwrap();
    let pump = world.device("pump-1").await;
    let campaign = world.campaign(world.package("2.0.0", "default").await).await;
    let session = world.connect(&pump).await;
    world.report_version(&session, "1.0.0").await;
    world.report_step(&session, Step::Percent(40)).await;
    let (before, dump) = (world.task(campaign, &pump).await, world.store.dump().await);

    let secrets = std::mem::take(&mut world.secrets);
    drop((world, session));
    let mut world = World::open(folder, location);
    world.secrets = secrets;
    assert_eq!(world.store.dump().await, dump);
    assert_eq!(world.task(campaign, &pump).await, before);
    let session = world.connect(&pump).await;
    assert_eq!(world.notice(&pump).version, v("2.0.0"));
    world.report_version(&session, "2.0.0").await;
    assert_eq!(world.task(campaign, &pump).await.state, TaskState::Succeeded);
}
