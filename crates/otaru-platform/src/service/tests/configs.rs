//! Remote configuration.

use otaru_fleet::{ConfigHold, ConfigState, TaskState};
use otaru_wire::{Failure, MessageId, NoConfig, Source};

use super::*;
use crate::links::Grant;

/// What a device was told of its configuration, and the number of the push if it was one.
fn told(world: &World, device: &DeviceId) -> (otaru_wire::Config, Option<MessageId>) {
    match world.heard(device).as_slice() {
        [Downlink::Config { config, push }] => (config.clone(), push.clone()),
        other => panic!("{device} heard {other:?}"),
    }
}

fn grant(world: &World, url: &str) -> Grant {
    let (path, query) = url.strip_prefix(BASE).unwrap().split_once('?').unwrap();
    world.service.inner.parts.links.read(path, query, world.now.load(Ordering::SeqCst)).unwrap()
}

async fn follow(world: &World, url: &str) -> Result<ServedFile, GrantError> {
    world.service.grant_file(&grant(world, url)).await
}

async fn set(world: &World, bytes: &'static [u8]) {
    let file = world.upload(bytes).await;
    world.service.set_config(&key(), file).await.unwrap();
}

async fn push(world: &World) {
    world.service.push_config(&key(), None).await.unwrap();
    world.service.drained().await;
}

async fn state(world: &World, device: &DeviceId) -> (ConfigState, Option<ConfigHold>) {
    let views = world.service.device_configs(&key(), None, Page::first(10)).await.unwrap();
    let view = views.into_iter().find(|view| view.config.device == *device).unwrap();
    (view.config.state, view.hold)
}

/// Does what is due as time passes, until the test ends.
fn running(world: &World) {
    let service = world.service.clone();
    tokio::spawn(async move { service.run().await });
}

#[tokio::test]
async fn a_device_that_asks_gets_the_newest_config_by_a_link_of_its_own() {
    let mut world = World::new().await;
    let (pump, other) = (world.device("pump-1").await, world.device("pump-2").await);
    let session = world.connect(&pump).await;
    world.report(&session, Report::ConfigQuery).await;
    assert_eq!(world.heard(&pump), [Downlink::NoConfig(NoConfig::Absent)]);
    set(&world, b"old").await;
    set(&world, b"rate = 5").await;
    world.report(&session, Report::ConfigQuery).await;
    let (config, pushed) = told(&world, &pump);
    assert_eq!((config.id.as_str(), config.size, pushed), ("cfg-2", 8, None));
    assert_eq!(state(&world, &pump).await, (ConfigState::Told, None));
    let served = follow(&world, &config.url).await.unwrap();
    assert_eq!((served.size, served.digest), (8, config.digest));
    assert_eq!(state(&world, &pump).await.0, ConfigState::Fetched);

    let link = grant(&world, &config.url);
    let foreign = Grant { device: other.clone(), ..link };
    world.service.grant_file(&foreign).await.unwrap();
    assert_eq!(
        state(&world, &pump).await.0,
        ConfigState::Fetched,
        "another device's link says nothing of this one"
    );
    assert!(
        world.store.dump().await.matches("device_configs:").count() == 1,
        "and notes nothing of that one"
    );

    let before = world.store.dump().await;
    world.report(&session, Report::ConfigQuery).await;
    told(&world, &pump);
    assert_eq!(world.store.dump().await, before, "asking again costs no write");

    world.service.switch_config_off(&key()).await.unwrap();
    world.report(&session, Report::ConfigQuery).await;
    assert_eq!(world.heard(&pump), [Downlink::NoConfig(NoConfig::SwitchedOff)]);
    let closed = follow(&world, &config.url).await;
    assert!(matches!(closed, Err(GrantError::Withdrawn)), "{closed:?}");
}

#[tokio::test]
async fn a_link_to_a_config_that_is_not_kept_any_more_leads_nowhere() {
    let mut world = World::new().await;
    let pump = world.device("pump-1").await;
    let session = world.connect(&pump).await;
    set(&world, b"1").await;
    world.report(&session, Report::ConfigQuery).await;
    let (config, _) = told(&world, &pump);
    for _ in 0..4 {
        set(&world, b"2").await;
    }
    follow(&world, &config.url).await.unwrap();
    set(&world, b"2").await;
    assert!(matches!(follow(&world, &config.url).await, Err(GrantError::Withdrawn)));
}

#[tokio::test]
async fn a_push_reaches_connected_devices_at_once_and_others_when_they_connect() {
    let mut world = World::new().await;
    let (pump, late) = (world.device("pump-1").await, world.device("pump-2").await);
    let session = world.connect(&pump).await;
    set(&world, b"rate = 5").await;
    push(&world).await;
    let (config, number) = told(&world, &pump);
    assert_eq!(state(&world, &pump).await, (ConfigState::Told, None));
    assert_eq!(state(&world, &late).await, (ConfigState::Waiting, Some(ConfigHold::Connection)));
    let answer = |code| Report::ConfigTaken { push: number.clone().unwrap(), code };
    world.report(&session, answer(200)).await;
    assert_eq!(state(&world, &pump).await.0, ConfigState::Taken);
    world.report(&session, answer(400)).await;
    assert_eq!(state(&world, &pump).await.0, ConfigState::Taken, "the first answer stands");

    set(&world, b"rate = 6").await;
    let session = world.connect(&late).await;
    let (newest, number) = told(&world, &late);
    assert_ne!(newest.id, config.id, "a device is never given an older one than the newest");
    let refused = Report::ConfigTaken { push: number.unwrap(), code: 400 };
    world.report(&session, refused).await;
    assert_eq!(state(&world, &late).await.0, ConfigState::Refused);
    world.connect(&pump).await;
    assert_eq!(world.heard(&pump), [], "a push is told once");
}

#[tokio::test]
async fn a_push_that_waits_outlives_a_restart_of_the_platform() {
    let folder = Arc::new(tempfile::tempdir().unwrap());
    let location = Location::File(folder.path().join("otaru.db"));
    let mut world = World::open(Arc::clone(&folder), location.clone());
    world.service.create_product(ProductOrder::new(key(), Dialect::Aliyun)).await.unwrap();
    let pump = world.device("pump-1").await;
    set(&world, b"rate = 5").await;
    push(&world).await;
    let secrets = std::mem::take(&mut world.secrets);
    drop(world);
    let mut world = World::open(folder, location);
    world.secrets = secrets;
    world.connect(&pump).await;
    assert!(told(&world, &pump).1.is_some());
}

#[tokio::test]
async fn a_push_to_a_device_that_takes_nothing_is_told_again() {
    let mut world = World::new().await;
    let pump = world.device("pump-1").await;
    world.connect(&pump).await;
    set(&world, b"rate = 5").await;
    world.wire.full.store(true, Ordering::SeqCst);
    push(&world).await;
    assert_eq!(state(&world, &pump).await, (ConfigState::Waiting, Some(ConfigHold::Turn)));
    world.wire.full.store(false, Ordering::SeqCst);
    running(&world);
    troubles::until(async || state(&world, &pump).await.0 == ConfigState::Told).await;
}

#[tokio::test]
async fn a_push_waits_for_the_end_of_a_task_in_progress_and_says_so() {
    for canceled in [false, true] {
        let mut world = World::new().await;
        let pump = world.device("pump-1").await;
        let campaign = world.campaign(world.package("2.0.0", "default").await).await;
        let session = world.connect(&pump).await;
        world.report_step(&session, Step::Percent(10)).await;
        world.heard(&pump);
        set(&world, b"rate = 5").await;
        push(&world).await;
        assert_eq!(world.heard(&pump), []);
        let task = world.task(campaign, &pump).await.id;
        let waits = (ConfigState::Waiting, Some(ConfigHold::Task(task)));
        assert_eq!(state(&world, &pump).await, waits);
        world.connect(&pump).await;
        assert_eq!(state(&world, &pump).await, waits, "connecting again changes nothing");
        running(&world);
        if canceled {
            world.service.cancel_campaign(campaign).await.unwrap();
        } else {
            world.report_version(&session, "2.0.0").await;
        }
        troubles::until(async || state(&world, &pump).await.0 == ConfigState::Told).await;
    }
}

#[tokio::test]
async fn a_device_that_refuses_a_push_because_its_task_has_begun_is_told_again_after_it() {
    let mut world = World::new().await;
    let pump = world.device("pump-1").await;
    let campaign = world.campaign(world.package("2.0.0", "default").await).await;
    let session = world.connect(&pump).await;
    let notice = world.notice(&pump);
    set(&world, b"rate = 5").await;
    push(&world).await;
    let number = told(&world, &pump).1.unwrap();
    let Source::Http { url } = &notice.files[0].source else { panic!("{notice:?}") };
    follow(&world, url).await.unwrap();
    world.report_step(&session, Step::Percent(1)).await;
    world.report(&session, Report::ConfigTaken { push: number, code: 400 }).await;
    let task = world.task(campaign, &pump).await.id;
    assert_eq!(state(&world, &pump).await, (ConfigState::Waiting, Some(ConfigHold::Task(task))));
    running(&world);
    world.report_version(&session, "2.0.0").await;
    troubles::until(async || state(&world, &pump).await.0 == ConfigState::Told).await;
}

/// A device that is given a Config and then told of a Task; gives the Task's link.
async fn told_of_both(world: &mut World, pump: &DeviceId) -> (Admitted, CampaignId, String) {
    let session = world.connect(pump).await;
    set(world, b"rate = 5").await;
    push(world).await;
    told(world, pump);
    let campaign = world.campaign(world.package("2.0.0", "default").await).await;
    let notice = world.notice(pump);
    let Source::Http { url } = &notice.files[0].source else { panic!("{notice:?}") };
    (session, campaign, url.clone())
}

#[tokio::test]
async fn progress_of_a_config_starts_no_task_and_its_last_report_has_the_task_told_again() {
    for last in [Step::Percent(100), Step::Failed(Failure::Digest)] {
        let mut world = World::new().await;
        let pump = world.device("pump-1").await;
        let (session, campaign, _) = told_of_both(&mut world, &pump).await;
        let before = world.task(campaign, &pump).await;
        for step in [Step::Percent(0), Step::Percent(61), last] {
            world.report_step(&session, step).await;
            assert_eq!(world.task(campaign, &pump).await, before, "{step:?}");
        }
        world.notice(&pump);
        world.report_step(&session, Step::Percent(0)).await;
        assert_eq!(world.task(campaign, &pump).await.state, TaskState::InProgress, "after {last:?}");
    }
}

#[tokio::test]
async fn progress_is_the_tasks_from_when_its_file_is_asked_for() {
    let mut world = World::new().await;
    let pump = world.device("pump-1").await;
    let (session, campaign, url) = told_of_both(&mut world, &pump).await;
    world.report_step(&session, Step::Percent(61)).await;
    assert_eq!(world.task(campaign, &pump).await.state, TaskState::Notified);
    follow(&world, &url).await.unwrap();
    world.report_step(&session, Step::Percent(5)).await;
    let task = world.task(campaign, &pump).await;
    assert_eq!((task.state, task.progress), (TaskState::InProgress, 5));
}

#[tokio::test]
async fn a_config_that_is_never_fetched_holds_progress_back_for_half_an_hour_at_most() {
    let mut world = World::new().await;
    let pump = world.device("pump-1").await;
    let (session, campaign, _) = told_of_both(&mut world, &pump).await;
    world.pass(Duration::from_secs(30 * 60 - 1));
    world.report_step(&session, Step::Percent(5)).await;
    assert_eq!(world.task(campaign, &pump).await.state, TaskState::Notified);
    world.pass(Duration::from_secs(1));
    world.report_step(&session, Step::Percent(5)).await;
    assert_eq!(world.task(campaign, &pump).await.state, TaskState::InProgress);
}

#[tokio::test]
async fn a_task_still_succeeds_by_the_version_alone_while_a_config_is_fetched() {
    let mut world = World::new().await;
    let pump = world.device("pump-1").await;
    let (session, campaign, _) = told_of_both(&mut world, &pump).await;
    world.report_version(&session, "2.0.0").await;
    assert_eq!(world.task(campaign, &pump).await.state, TaskState::Succeeded);
}

#[tokio::test]
async fn a_config_that_cannot_be_is_refused_and_changes_nothing() {
    let mut world = World::new().await;
    world.device("pump-1").await;
    let before = world.store.dump().await;
    let unknown = world.service.set_config(&key(), FileId([9; 32])).await;
    assert!(matches!(unknown, Err(ServiceError::NoSuchFile(_))), "{unknown:?}");
    let nothing = world.service.push_config(&key(), None).await;
    assert!(
        matches!(nothing, Err(ServiceError::Store(crate::store::StoreError::Conflict(_)))),
        "{nothing:?}"
    );
    assert_eq!(world.store.dump().await, before);
}
