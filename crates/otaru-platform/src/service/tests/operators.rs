//! What operators ask.

use otaru_fleet::{CampaignError, CampaignState, SkipReason, Targets, TaskState};

use super::*;
use crate::{
    links::Grant,
    store::{Skip, StoreError, What},
};

#[tokio::test]
async fn a_campaign_over_a_list_explains_the_device_it_does_not_know() {
    let mut world = World::new().await;
    let pump = world.device("pump-1").await;
    world.device("pump-2").await;
    let package = world.package("2.0.0", "default").await;
    let names = ["pump-1", "nobody"].map(|name| name.parse().unwrap());
    let order = NewCampaign { targets: Targets::List(names.to_vec()), ..NewCampaign::over_all(package) };
    let started = world.service.create_campaign(order).await.unwrap();
    assert_eq!((started.tasks, started.skipped), (1, 1));
    let skips = world.service.skips(started.campaign.id, Page::first(10)).await.unwrap();
    assert_eq!(skips, [Skip { device: id("nobody"), reason: SkipReason::UnknownDevice }]);
    assert_eq!(world.task(started.campaign.id, &pump).await.state, TaskState::Queued);
}

#[tokio::test]
async fn a_campaign_order_that_breaks_a_rule_changes_nothing() {
    let mut world = World::new().await;
    world.device("pump-1").await;
    let package = world.package("2.0.0", "default").await;
    let before = world.store.dump().await;
    let empty = NewCampaign { targets: Targets::List(vec![]), ..NewCampaign::over_all(package) };
    let refused = world.service.create_campaign(empty).await.unwrap_err();
    assert!(matches!(refused, ServiceError::Store(StoreError::Campaign(CampaignError::EmptyList))));
    let missing = world.service.create_campaign(NewCampaign::over_all(PackageId(99))).await.unwrap_err();
    assert_eq!(missing.not_found(), Some(What::Package));
    assert_eq!(world.store.dump().await, before);
}

#[tokio::test]
async fn a_canceled_campaign_ends_its_tasks_and_closes_their_links() {
    let mut world = World::new().await;
    let (told, untold) = (world.device("pump-1").await, world.device("pump-2").await);
    let campaign = world.campaign(world.package("2.0.0", "default").await).await;
    let session = world.connect(&told).await;
    world.report_step(&session, Step::Percent(40)).await;
    let task = world.task(campaign, &told).await;
    let grant = Grant::file(told.clone(), task.id, 0);
    world.service.grant_file(&grant).await.unwrap();

    assert_eq!(world.service.cancel_campaign(campaign).await.unwrap(), 2);
    let refused = world.service.grant_file(&grant).await;
    assert!(matches!(refused, Err(GrantError::Closed(TaskState::Canceled))), "{refused:?}");
    let told_task = world.task(campaign, &told).await;
    assert!(told_task.reason.unwrap().contains("may still install"));
    let untold_task = world.task(campaign, &untold).await;
    assert!(untold_task.reason.unwrap().contains("before the device was told"));
    let view = world.service.campaign(campaign).await.unwrap();
    assert_eq!((view.campaign.state, view.counts.of(TaskState::Canceled)), (CampaignState::Canceled, 2));
    // Too late: the device installed it all the same. Its version is known, the task stays canceled.
    world.report_version(&session, "2.0.0").await;
    assert_eq!(world.task(campaign, &told).await.state, TaskState::Canceled);
    assert_eq!(world.service.device(&told).await.unwrap().running[0].version, v("2.0.0"));
    assert!(world.service.cancel_campaign(campaign).await.is_err());
}

#[tokio::test]
async fn a_campaign_tells_only_the_connected_devices_and_the_others_as_they_come() {
    let mut world = World::new().await;
    let (on, off) = (world.device("on").await, world.device("off").await);
    world.connect(&on).await;
    let campaign = world.campaign(world.package("2.0.0", "default").await).await;
    assert_eq!(world.notice(&on).version, v("2.0.0"));
    assert_eq!(world.heard(&off), []);
    assert_eq!(world.task(campaign, &off).await.state, TaskState::Queued);
    world.connect(&off).await;
    assert_eq!(world.notice(&off).version, v("2.0.0"));
    assert_eq!(world.task(campaign, &off).await.state, TaskState::Notified);
}

#[tokio::test]
async fn a_device_keeps_the_secret_it_brings_along() {
    let mut world = World::new().await;
    let secret = Secret::new("00112233445566778899aabbccddeeff");
    let pump = id("pump-1");
    world.service.create_device(DeviceOrder::with_secret(pump.clone(), secret.clone())).await.unwrap();
    world.secrets.insert(pump.clone(), secret);
    world.connect(&pump).await;
    for bad in ["", "with blank", "ü", &"x".repeat(200)] {
        let refused =
            world.service.create_device(DeviceOrder::with_secret(id("pump-2"), Secret::new(bad))).await;
        assert!(matches!(refused, Err(ServiceError::BadSecret)), "{bad:?}");
    }
}

#[tokio::test]
async fn the_first_token_is_made_once_and_only_its_hash_is_kept() {
    let world = World::new().await;
    let token = world.service.first_token().await.unwrap().unwrap();
    assert_eq!(world.service.first_token().await.unwrap(), None);
    assert_eq!(world.service.operator(&token).await.unwrap().as_deref(), Some("first"));
    assert_eq!(world.service.operator("otaru_wrong").await.unwrap(), None);
    assert!(!world.store.dump().await.contains(&token));
    let second = world.service.create_token("second").await.unwrap();
    assert_ne!(second, token);
    assert!(world.service.create_token("second").await.is_err());
}

#[tokio::test]
async fn secrets_stay_out_of_debug_text() {
    let world = World::new().await;
    let device = world.service.create_device(DeviceOrder::new(id("pump-1"))).await.unwrap();
    assert!(!format!("{device:?}").contains(device.secret.expose()));
    let product = world.service.product(&key()).await.unwrap();
    assert!(!format!("{product:?}").contains(product.secret.expose()));
}
