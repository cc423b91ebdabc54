//! Full disks, devices that do not take what they are sent, and reports that race.

use otaru_fleet::TaskState;

use super::*;

/// Waits until `done`, which is asked again after each turn of the runtime; a promise broken fails after a while.
pub(super) async fn until(mut done: impl AsyncFnMut() -> bool) {
    let turns = async {
        while !done().await {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), turns).await.expect("it never came true");
}

#[tokio::test]
async fn a_report_that_meets_a_full_disk_is_kept_until_there_is_room() {
    let mut world = World::new().await;
    let pump = world.device("pump-1").await;
    let session = world.connect(&pump).await;
    world.store.fill_disk(true).await;
    // Many modules need more room than the last page has.
    let mut refused_before_full = 0;
    for number in 0..60 {
        let module = Module::new(format!("{}-{number}", "m".repeat(50))).unwrap();
        let report = Report::Version { module, version: v(&"9".repeat(64)) };
        let message = aliyun::Device.write_report(&pump, number, &report).unwrap();
        if world.service.published(&session, message) == Verdict::Busy {
            refused_before_full += 1;
        }
    }
    assert!(refused_before_full > 0, "while the disk is full, the device is held back");
    let taken = 60 - refused_before_full;
    world.store.fill_disk(false).await;
    world.service.drained().await;
    assert_eq!(world.service.device(&pump).await.unwrap().running.len(), taken, "what was taken is not lost");
}

#[tokio::test]
async fn a_full_disk_refuses_an_operator_and_leaves_no_half_of_a_campaign() {
    let mut world = World::new().await;
    for number in 0..200 {
        world.device(&format!("pump-{number}")).await;
    }
    let package = world.package("2.0.0", "default").await;
    let before = world.store.dump().await;
    world.store.fill_disk(true).await;
    let refused = world.service.create_campaign(NewCampaign::over_all(package)).await;
    assert!(matches!(refused, Err(ServiceError::Store(crate::store::StoreError::Full))), "{refused:?}");
    assert_eq!(world.store.dump().await, before);
    world.store.fill_disk(false).await;
    let started = world.service.create_campaign(NewCampaign::over_all(package)).await.unwrap();
    assert_eq!(started.tasks, 200);
}

#[tokio::test]
async fn a_device_that_does_not_take_its_notice_is_told_again() {
    let mut world = World::new().await;
    let pump = world.device("pump-1").await;
    world.connect(&pump).await;
    world.wire.full.store(true, Ordering::SeqCst);
    let campaign = world.campaign(world.package("2.0.0", "default").await).await;
    assert_eq!(world.task(campaign, &pump).await.state, TaskState::Queued);
    let running = tokio::spawn({
        let service = world.service.clone();
        async move { service.run().await }
    });
    world.wire.full.store(false, Ordering::SeqCst);
    until(async || world.task(campaign, &pump).await.state == TaskState::Notified).await;
    assert_eq!(world.notice(&pump).version, v("2.0.0"));
    world.service.stop();
    running.await.unwrap();
}

#[tokio::test]
async fn no_task_fails_by_the_clock_right_after_a_start() {
    let folder = Arc::new(tempfile::tempdir().unwrap());
    let mut world = World::with(folder, Location::Memory, Duration::from_secs(3600));
    world.service.create_product(ProductOrder::new(key(), Dialect::Aliyun)).await.unwrap();
    let pump = world.device("pump-1").await;
    let campaign = world.campaign(world.package("2.0.0", "default").await).await;
    let session = world.connect(&pump).await;
    world.report_step(&session, Step::Percent(100)).await;
    // As if the platform had been down for a day: the device finished meanwhile and now gets to say so.
    world.pass(Duration::from_secs(24 * 3600));
    let running = tokio::spawn({
        let service = world.service.clone();
        async move { service.run().await }
    });
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    world.report_version(&session, "2.0.0").await;
    assert_eq!(world.task(campaign, &pump).await.state, TaskState::Succeeded);
    world.service.stop();
    running.await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn reports_that_race_never_move_a_task_backwards() {
    let folder = Arc::new(tempfile::tempdir().unwrap());
    let location = Location::File(folder.path().join("otaru.db"));
    let mut world = World::open(folder, location);
    world.service.create_product(ProductOrder::new(key(), Dialect::Aliyun)).await.unwrap();
    let pump = world.device("pump-1").await;
    let campaign = world.campaign(world.package("2.0.0", "default").await).await;
    let session = world.connect(&pump).await;
    let world = Arc::new(world);
    // Past the lanes, which would put them in order: as if two nodes had taken them.
    // The highest first, so that whatever is written late is lower.
    let race: Vec<_> = (1..=40)
        .rev()
        .map(|percent| {
            let (world, session) = (Arc::clone(&world), session.clone());
            tokio::spawn(async move {
                let step = Step::Percent(percent);
                let report = Report::Progress {
                    module: Module::default(),
                    task: None,
                    step,
                    description: String::new(),
                };
                let message = aliyun::Device.write_report(&session.device, 1, &report).unwrap();
                world.service.take(&session, None, &message).await;
                world.task(campaign, &session.device).await.progress
            })
        })
        .collect();
    for (percent, seen) in (1..=40).rev().zip(race) {
        assert!(seen.await.unwrap() >= percent, "a lower report undid {percent} %");
    }
    assert_eq!(world.task(campaign, &pump).await.progress, 40);
}
