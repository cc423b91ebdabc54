//! What every engine promises. `store_contract!(name, make)` runs all of it over the stores that `make` gives.

use std::{sync::Arc, time::Duration};

use otaru_fleet::{
    Campaign, CampaignError, CampaignState, Device, Dialect, NewCampaign, NewPackage, PackageFile, PackageId,
    Product, Scope, Secret, SkipReason, Targets, Task, TaskId, TaskState, Timestamp, Transition,
};
use otaru_wire::{DeviceId, DeviceName, DigestMethod, Module, ProductKey, Step, Version};

use super::*;
use crate::files::{FileId, Stored};

macro_rules! store_contract {
    ($engine:ident, $make:expr) => {
        mod $engine {
            use super::*;
            store_contract!(@each $make;
                what_is_added_comes_back_and_cannot_be_added_twice
                what_is_missing_is_named
                lists_are_given_page_by_page
                a_package_needs_files_that_were_noted_and_leaves_nothing_without
                a_campaign_is_planned_whole_and_every_skip_is_explained
                a_campaign_that_reaches_nobody_is_ended
                a_campaign_order_that_breaks_a_rule_leaves_nothing
                a_decision_on_a_task_that_changed_meanwhile_is_stale
                the_campaign_ends_with_its_last_open_task
                of_many_decisions_at_once_one_is_written
                a_version_report_stands_even_if_its_decision_is_stale
                a_device_has_at_most_one_open_task_for_a_module
                a_canceled_campaign_ends_its_open_tasks_and_only_those
                deadlines_are_found_in_order
                a_device_cannot_make_the_store_grow_without_bound
                the_time_a_device_was_seen_never_goes_back
                tokens_and_secrets_are_kept
            );
        }
    };
    (@each $make:expr; $($promise:ident)*) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $promise() {
                let (store, _keep) = $make;
                crate::store::contract::$promise(store).await;
            }
        )*
    };
}
pub(super) use store_contract;

const NOW: Timestamp = Timestamp(1_000);

fn key(text: &str) -> ProductKey {
    ProductKey::new(text).unwrap()
}

fn name(text: &str) -> DeviceName {
    DeviceName::new(text).unwrap()
}

fn id(device: &str) -> DeviceId {
    DeviceId { product: key("a1"), device: name(device) }
}

fn v(text: &str) -> Version {
    Version::new(text).unwrap()
}

fn main_module() -> Module {
    Module::default()
}

fn product(text: &str) -> Product {
    Product { key: key(text), dialect: Dialect::Aliyun, secret: Secret::new("ps"), created_at: NOW }
}

fn device(text: &str) -> Device {
    Device { id: id(text), secret: Secret::new(format!("ds-{text}")), created_at: NOW, last_seen_at: None }
}

fn file(number: u8) -> Stored {
    Stored { id: FileId([number; 32]), md5: [number; 16], size: 9 }
}

fn package(version: &str) -> NewPackage {
    let Stored { id, md5, size } = file(1);
    NewPackage {
        product: key("a1"),
        version: v(version),
        module: main_module(),
        files: vec![PackageFile { name: "a.bin".into(), size, sha256: id.0, md5 }],
        extra: Some("{\"site\":\"osaka\"}".into()),
        digest_method: DigestMethod::Sha256,
    }
}

/// A product `a1` with devices at 1.0.0 and the package 2.0.0.
async fn fleet(store: &impl Store, devices: &[&str]) -> PackageId {
    store.add_product(product("a1")).await.unwrap();
    store.add_file(file(1), NOW).await.unwrap();
    for device_name in devices {
        store.add_device(device(device_name)).await.unwrap();
        store.reported(&id(device_name), &main_module(), &v("1.0.0"), None, NOW).await.unwrap();
    }
    store.add_package(package("2.0.0"), NOW).await.unwrap().id
}

async fn campaign(store: &impl Store, package: PackageId) -> Campaign {
    store.add_campaign(NewCampaign::over_all(package), NOW).await.unwrap().campaign
}

async fn task_of(store: &impl Store, device: &str) -> Task {
    store.open_tasks(&id(device)).await.unwrap().remove(0)
}

fn to(transition: Transition) -> Next {
    match transition {
        Transition::To(next) => next,
        Transition::Keep(why) => panic!("kept: {why:?}"),
    }
}

pub(super) async fn what_is_added_comes_back_and_cannot_be_added_twice(store: impl Store) {
    let package_id = fleet(&store, &["d1"]).await;
    assert_eq!(store.product(&key("a1")).await, Ok(product("a1")));
    let kept = store.device(&id("d1")).await.unwrap();
    assert_eq!((kept.id, kept.secret), (id("d1"), Secret::new("ds-d1")));
    assert_eq!(store.login(&id("d1")).await, Ok((Dialect::Aliyun, Secret::new("ds-d1"))));
    assert_eq!(store.package(package_id).await.unwrap().spec, package("2.0.0"));
    assert_eq!(store.file(FileId([1; 32])).await, Ok(file(1)));
    let running = store.running(&id("d1")).await.unwrap();
    assert_eq!(running, [Running { module: main_module(), version: v("1.0.0"), reported_at: NOW }]);

    let exists = |what| Err(StoreError::AlreadyExists { what });
    assert_eq!(store.add_product(product("a1")).await, exists(What::Product));
    assert_eq!(store.add_device(device("d1")).await, exists(What::Device));
    let again = store.add_package(package("2.0.0"), NOW).await;
    assert_eq!(again.map(|_| ()), exists(What::Package));
    assert_eq!(store.add_file(file(1), NOW).await, Ok(()), "the same bytes may be uploaded again");
}

pub(super) async fn what_is_missing_is_named(store: impl Store) {
    let missing = |what| StoreError::NotFound { what };
    assert_eq!(store.product(&key("a1")).await.unwrap_err(), missing(What::Product));
    assert_eq!(store.device(&id("d1")).await.unwrap_err(), missing(What::Device));
    assert_eq!(store.login(&id("d1")).await.unwrap_err(), missing(What::Device));
    assert_eq!(store.add_device(device("d1")).await.unwrap_err(), missing(What::Product));
    assert_eq!(store.devices(&key("a1"), Page::first(1)).await.unwrap_err(), missing(What::Product));
    assert_eq!(store.file(FileId([9; 32])).await.unwrap_err(), missing(What::File));
    assert_eq!(store.package(PackageId(1)).await.unwrap_err(), missing(What::Package));
    assert_eq!(store.campaign(CampaignId(1)).await.unwrap_err(), missing(What::Campaign));
    assert_eq!(store.task(TaskId(1)).await.unwrap_err(), missing(What::Task));
    assert_eq!(store.tasks(CampaignId(1), None, Page::first(1)).await.unwrap_err(), missing(What::Campaign));
    let order = NewCampaign::over_all(PackageId(1));
    assert_eq!(store.add_campaign(order, NOW).await.unwrap_err(), missing(What::Package));
    let reported = store.reported(&id("d1"), &main_module(), &v("1"), None, NOW).await;
    assert_eq!(reported.unwrap_err(), missing(What::Device));
    assert_eq!(store.package(PackageId(u64::MAX)).await.unwrap_err(), missing(What::Package));
}

pub(super) async fn lists_are_given_page_by_page(store: impl Store) {
    let package = fleet(&store, &["d3", "d1", "d2"]).await;
    let first = store.devices(&key("a1"), Page::first(2)).await.unwrap();
    let names: Vec<_> = first.iter().map(|device| device.id.device.as_str()).collect();
    assert_eq!(names, ["d1", "d2"]);
    let rest = Page { after: Some(name("d2")), limit: u32::MAX };
    assert_eq!(store.devices(&key("a1"), rest).await.unwrap().len(), 1);

    let campaign = campaign(&store, package).await.id;
    let first = store.tasks(campaign, None, Page::first(2)).await.unwrap();
    let rest = Page { after: Some(first[1].task.id), limit: 10 };
    assert_eq!(store.tasks(campaign, None, rest.clone()).await.unwrap().len(), 1);
    assert_eq!(store.tasks(campaign, Some(TaskState::Queued), rest).await.unwrap().len(), 1);
    let failed = store.tasks(campaign, Some(TaskState::Failed), Page::first(10)).await.unwrap();
    assert!(failed.is_empty());
    assert_eq!(store.packages(Some(&key("a1")), Page::first(10)).await.unwrap().len(), 1);
    assert_eq!(store.packages(None, Page { after: Some(package), limit: 10 }).await.unwrap(), []);
    assert_eq!(store.campaigns(Page::first(10)).await.unwrap().len(), 1);
    assert_eq!(store.products(Page { after: Some(key("a1")), limit: 10 }).await.unwrap(), []);
}

pub(super) async fn a_package_needs_files_that_were_noted_and_leaves_nothing_without(store: impl Store) {
    store.add_product(product("a1")).await.unwrap();
    let refused = store.add_package(package("2.0.0"), NOW).await.unwrap_err();
    assert_eq!(refused, StoreError::NotFound { what: What::File });
    assert_eq!(store.packages(None, Page::first(10)).await.unwrap(), []);
}

pub(super) async fn a_campaign_is_planned_whole_and_every_skip_is_explained(store: impl Store) {
    let package = fleet(&store, &["d1", "d2", "d3", "d4"]).await;
    store.reported(&id("d2"), &main_module(), &v("2.0.0"), None, NOW).await.unwrap();
    store.reported(&id("d3"), &main_module(), &v("0.9"), None, NOW).await.unwrap();
    let order = NewCampaign {
        targets: Targets::List(vec![name("d1"), name("d2"), name("d3"), name("nobody"), name("d1")]),
        source_versions: vec![v("1.0.0"), v("1.0.1")],
        timeout: Duration::from_secs(90),
        ..NewCampaign::over_all(package)
    };
    let planned = store.add_campaign(order, NOW).await.unwrap();
    assert_eq!((planned.tasks, planned.skipped), (1, 3));
    assert_eq!(store.campaign(planned.campaign.id).await.unwrap(), planned.campaign);
    assert_eq!(planned.campaign.scope, Scope::List(4));
    assert_eq!(planned.campaign.source_versions, [v("1.0.0"), v("1.0.1")]);

    let tasks = store.tasks(planned.campaign.id, None, Page::first(10)).await.unwrap();
    assert_eq!(tasks.len(), 1);
    let task = &tasks[0].task;
    assert_eq!((&task.device, task.state, &task.version), (&id("d1"), TaskState::Queued, &v("2.0.0")));
    assert_eq!((task.source_version.clone(), task.timeout), (Some(v("1.0.0")), Duration::from_secs(90)));
    let skips = store.skips(planned.campaign.id, Page::first(10)).await.unwrap();
    let expected = [
        ("d2", SkipReason::AtTarget),
        ("d3", SkipReason::OtherSource { running: v("0.9") }),
        ("nobody", SkipReason::UnknownDevice),
    ];
    assert_eq!(skips, expected.map(|(device, reason)| Skip { device: name(device), reason }));

    // A second campaign finds d1 busy and takes the rest.
    let second = store.add_campaign(NewCampaign::over_all(package), NOW).await.unwrap();
    assert_eq!((second.tasks, second.skipped), (2, 2));
    let busy = store.skips(second.campaign.id, Page::first(1)).await.unwrap();
    assert_eq!(busy, [Skip { device: name("d1"), reason: SkipReason::Busy { task: task.id } }]);
}

pub(super) async fn a_campaign_that_reaches_nobody_is_ended(store: impl Store) {
    let package = fleet(&store, &[]).await;
    let planned = store.add_campaign(NewCampaign::over_all(package), NOW).await.unwrap();
    assert_eq!((planned.campaign.state, planned.campaign.ended_at), (CampaignState::Ended, Some(NOW)));
    assert_eq!(store.campaign(planned.campaign.id).await.unwrap(), planned.campaign);
}

pub(super) async fn a_campaign_order_that_breaks_a_rule_leaves_nothing(store: impl Store) {
    let package = fleet(&store, &["d1"]).await;
    let order = NewCampaign { source_versions: vec![v("2.0.0")], ..NewCampaign::over_all(package) };
    let refused = store.add_campaign(order, NOW).await.unwrap_err();
    assert_eq!(refused, StoreError::Campaign(CampaignError::SourceIsTarget { version: v("2.0.0") }));
    assert_eq!(store.campaigns(Page::first(10)).await.unwrap(), []);
    assert_eq!(store.open_tasks(&id("d1")).await.unwrap(), []);
}

pub(super) async fn a_decision_on_a_task_that_changed_meanwhile_is_stale(store: impl Store) {
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

pub(super) async fn the_campaign_ends_with_its_last_open_task(store: impl Store) {
    let package = fleet(&store, &["d1", "d2"]).await;
    let campaign = campaign(&store, package).await.id;
    for (device, state) in [("d1", CampaignState::Running), ("d2", CampaignState::Ended)] {
        let task = task_of(&store, device).await;
        let done = to(task.on_version(&main_module(), &v("2.0.0"), Timestamp(3_000)));
        store.reported(&id(device), &main_module(), &v("2.0.0"), Some((task, done)), NOW).await.unwrap();
        assert_eq!(store.campaign(campaign).await.unwrap().state, state);
    }
    assert_eq!(store.campaign(campaign).await.unwrap().ended_at, Some(Timestamp(3_000)));
    let counts = store.counts(campaign).await.unwrap();
    assert_eq!((counts.of(TaskState::Succeeded), counts.total(), counts.open()), (2, 2, 0));
}

pub(super) async fn of_many_decisions_at_once_one_is_written(store: impl Store) {
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

pub(super) async fn a_version_report_stands_even_if_its_decision_is_stale(store: impl Store) {
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

pub(super) async fn a_device_has_at_most_one_open_task_for_a_module(store: impl Store) {
    let package_id = fleet(&store, &["d1"]).await;
    campaign(&store, package_id).await;
    let other = NewPackage { module: Module::new("mcu").unwrap(), ..package("2.0.0") };
    let other = store.add_package(other, NOW).await.unwrap().id;
    let planned = store.add_campaign(NewCampaign::over_all(other), NOW).await.unwrap();
    assert_eq!(planned.tasks, 1, "another module is another matter");
    let third = store.add_package(package("3.0.0"), NOW).await.unwrap().id;
    assert_eq!(store.add_campaign(NewCampaign::over_all(third), NOW).await.unwrap().tasks, 0);
    assert_eq!(store.open_tasks(&id("d1")).await.unwrap().len(), 2);
}

pub(super) async fn a_canceled_campaign_ends_its_open_tasks_and_only_those(store: impl Store) {
    let package = fleet(&store, &["d1", "d2"]).await;
    let campaign = campaign(&store, package).await.id;
    let first = task_of(&store, "d1").await;
    let done = to(first.on_version(&main_module(), &v("2.0.0"), NOW));
    store.apply(&first, done).await.unwrap();
    assert_eq!(store.cancel_campaign(campaign, Timestamp(5_000)).await, Ok(1));
    let counts = store.counts(campaign).await.unwrap();
    assert_eq!((counts.of(TaskState::Succeeded), counts.of(TaskState::Canceled)), (1, 1));
    assert_eq!(store.campaign(campaign).await.unwrap().state, CampaignState::Canceled);
    let again = store.cancel_campaign(campaign, NOW).await;
    assert!(matches!(again, Err(StoreError::Conflict(_))), "{again:?}");
    let missing = store.cancel_campaign(CampaignId(99), NOW).await;
    assert_eq!(missing, Err(StoreError::NotFound { what: What::Campaign }));
}

pub(super) async fn deadlines_are_found_in_order(store: impl Store) {
    let package = fleet(&store, &["d1", "d2"]).await;
    let order = NewCampaign { timeout: Duration::from_secs(1), ..NewCampaign::over_all(package) };
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
    store.apply(&due[0], to(due[0].on_timeout(Timestamp(21_000)))).await.unwrap();
    assert_eq!(store.next_deadline().await, Ok(Some(Timestamp(21_000))));
}

pub(super) async fn a_device_cannot_make_the_store_grow_without_bound(store: impl Store) {
    fleet(&store, &["d1"]).await;
    for number in 1..MAX_MODULES {
        let module = Module::new(format!("m{number}")).unwrap();
        store.reported(&id("d1"), &module, &v("1"), None, NOW).await.unwrap();
    }
    let one_more = Module::new("one-more").unwrap();
    let refused = store.reported(&id("d1"), &one_more, &v("1"), None, NOW).await;
    assert!(matches!(refused, Err(StoreError::Conflict(_))), "{refused:?}");
    store.reported(&id("d1"), &main_module(), &v("1.0.1"), None, NOW).await.unwrap();
    assert_eq!(store.running(&id("d1")).await.unwrap().len(), MAX_MODULES as usize);
}

pub(super) async fn the_time_a_device_was_seen_never_goes_back(store: impl Store) {
    fleet(&store, &["d1"]).await;
    let seen = |at| store.seen(vec![(id("d1"), Timestamp(at)), (id("nobody"), Timestamp(at))]);
    seen(9_000).await.unwrap();
    seen(8_000).await.unwrap();
    assert_eq!(store.device(&id("d1")).await.unwrap().last_seen_at, Some(Timestamp(9_000)));
}

pub(super) async fn tokens_and_secrets_are_kept(store: impl Store) {
    assert_eq!(store.token_count().await, Ok(0));
    store.add_token("first", [1; 32], NOW).await.unwrap();
    assert_eq!(store.token([1; 32]).await, Ok(Some("first".into())));
    assert_eq!(store.token([2; 32]).await, Ok(None));
    let again = store.add_token("first", [3; 32], NOW).await;
    assert_eq!(again, Err(StoreError::AlreadyExists { what: What::Token }));
    assert_eq!(store.token_count().await, Ok(1));
    assert_eq!(store.platform_secret("links", [7; 32]).await, Ok([7; 32]));
    assert_eq!(store.platform_secret("links", [8; 32]).await, Ok([7; 32]), "the first one is kept");
    assert_eq!(store.platform_secret("other", [8; 32]).await, Ok([8; 32]));
    store.probe().await.unwrap();
}
