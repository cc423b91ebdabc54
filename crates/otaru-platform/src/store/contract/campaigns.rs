//! Campaigns: planned whole, ended in order.

use super::*;

pub(in crate::store) async fn a_campaign_is_planned_whole_and_every_skip_is_explained(store: impl Store) {
    let package = fleet(&store, &["d1", "d2", "d3", "d4"]).await;
    store.reported(&id("d2"), &main_module(), &v("2.0.0"), None, NOW).await.unwrap();
    store.reported(&id("d3"), &main_module(), &v("0.9"), None, NOW).await.unwrap();
    let order = NewCampaign {
        targets: Targets::List(["d1", "d2", "d3", "nobody", "d1"].map(|text| name(text).into()).to_vec()),
        source_versions: vec![v("1.0.0"), v("1.0.1")],
        rules: rules(),
        ..NewCampaign::over_all(package)
    };
    let planned = store.add_campaign(order, NOW).await.unwrap();
    assert_eq!((planned.tasks, planned.skipped), (1, 3));
    assert_eq!(store.campaign(planned.campaign.id).await.unwrap(), planned.campaign);
    assert_eq!((planned.campaign.scope, &planned.campaign.rules), (Scope::List(4), &rules()));
    assert_eq!(planned.campaign.source_versions, [v("1.0.0"), v("1.0.1")]);

    let tasks = store.tasks(planned.campaign.id, None, Page::first(10)).await.unwrap();
    assert_eq!(tasks.len(), 1);
    let task = &tasks[0].task;
    assert_eq!((&task.device, task.state, &task.version), (&id("d1"), TaskState::Queued, &v("2.0.0")));
    assert_eq!((task.source_version.clone(), &task.rules), (Some(v("1.0.0")), &rules()));
    let skips = store.skips(planned.campaign.id, Page::first(10)).await.unwrap();
    let expected = [
        ("d2", SkipReason::AtTarget),
        ("d3", SkipReason::OtherSource { running: v("0.9") }),
        ("nobody", SkipReason::UnknownDevice),
    ];
    assert_eq!(skips, expected.map(|(device, reason)| Skip { device: id(device), reason }));

    // A second campaign finds d1 busy and takes the rest.
    let second = store.add_campaign(NewCampaign::over_all(package), NOW).await.unwrap();
    assert_eq!((second.tasks, second.skipped), (2, 2));
    let busy = store.skips(second.campaign.id, Page::first(1)).await.unwrap();
    assert_eq!(busy, [Skip { device: id("d1"), reason: SkipReason::Busy { task: task.id } }]);
}

pub(in crate::store) async fn a_campaign_covers_the_devices_of_all_products_of_its_package(
    store: impl Store,
) {
    fleet(&store, &["d1", "d2"]).await;
    for product in [product("b2"), product("c3")] {
        store.add_product(product).await.unwrap();
    }
    let of = |product: &str, device: &str| DeviceId { product: key(product), device: name(device) };
    for id in [of("b2", "d1"), of("c3", "d1")] {
        store.add_device(Device { id, ..device("d1") }).await.unwrap();
    }
    let for_two = NewPackage { products: vec![key("b2"), key("a1")].try_into().unwrap(), ..package("2.0.0") };
    let package = store.add_package(for_two.clone(), NOW).await.unwrap().id;
    assert_eq!(store.package(package).await.unwrap().spec, for_two, "in the order in which they were named");
    let of_product = async |text| store.packages(Some(&key(text)), Page::first(9)).await.unwrap().len();
    let both = [of_product("a1").await, of_product("b2").await];
    assert_eq!(both, [2, 1]);

    let listed = ["b2/d1", "c3/d1", "a1/nobody"].map(|text| text.parse().unwrap()).to_vec();
    let order = NewCampaign { targets: Targets::List(listed), ..NewCampaign::over_all(package) };
    let some = store.add_campaign(order, NOW).await.unwrap();
    assert_eq!((some.tasks, some.skipped, some.campaign.scope), (1, 2, Scope::List(3)));
    let skips = store.skips(some.campaign.id, Page::first(9)).await.unwrap();
    let expected =
        [(of("a1", "nobody"), SkipReason::UnknownDevice), (of("c3", "d1"), SkipReason::OtherProduct)];
    assert_eq!(skips, expected.map(|(device, reason)| Skip { device, reason }));
    let rest = Page { after: Some(of("a1", "nobody")), limit: 9 };
    assert_eq!(store.skips(some.campaign.id, rest).await.unwrap(), skips[1..]);

    let all = store.add_campaign(NewCampaign::over_all(package), NOW).await.unwrap();
    assert_eq!((all.tasks, all.skipped), (2, 1), "b2/d1 is busy");
    let tasks = store.tasks(all.campaign.id, None, Page::first(9)).await.unwrap();
    let devices: Vec<_> = tasks.into_iter().map(|known| known.task.device).collect();
    assert_eq!(devices, [of("a1", "d1"), of("a1", "d2")]);
}

pub(in crate::store) async fn what_a_campaign_leaves_open_is_as_each_devices_vendor_documents_it(
    store: impl Store,
) {
    fleet(&store, &["d1"]).await;
    store.add_product(Product { dialect: Dialect::Jd, ..product("b2") }).await.unwrap();
    let jd = DeviceId { product: key("b2"), device: name("d1") };
    store.add_device(Device { id: jd.clone(), ..device("d1") }).await.unwrap();
    let for_both =
        NewPackage { products: vec![key("a1"), key("b2")].try_into().unwrap(), ..package("2.0.0") };
    let package = store.add_package(for_both, NOW).await.unwrap().id;
    let ten = Patience::For(Duration::from_secs(10));
    for (ordered, kept) in [
        (Patience::AsDocumented, [Patience::Endless, ten]),
        (Patience::Endless, [Patience::Endless; 2]),
        (ten, [ten; 2]),
    ] {
        let rules = Rules { patience: ordered, ..rules() };
        let order = NewCampaign { rules, ..NewCampaign::over_all(package) };
        let campaign = store.add_campaign(order, NOW).await.unwrap().campaign;
        assert_eq!(store.campaign(campaign.id).await.unwrap().rules.patience, ordered);
        let tasks = store.tasks(campaign.id, None, Page::first(9)).await.unwrap();
        assert_eq!(tasks.iter().map(|known| known.task.rules.patience).collect::<Vec<_>>(), kept);
        store.cancel_campaign(campaign.id, NOW).await.unwrap();
    }

    let rules = Rules { policy: Policy::Silent, ..rules() };
    let silent = NewCampaign { rules: rules.clone(), ..NewCampaign::over_all(package) };
    let silent = store.add_campaign(silent, NOW).await.unwrap().campaign;
    assert_eq!(store.campaign(silent.id).await.unwrap().rules, rules);
    let tasks = store.tasks(silent.id, None, Page::first(9)).await.unwrap();
    assert_eq!((tasks.len(), &tasks[0].task.device, tasks[0].task.rules.policy), (1, &jd, Policy::Silent));
    let cannot = SkipReason::CannotChoose { dialect: Dialect::Aliyun };
    let skips = store.skips(silent.id, Page::first(9)).await.unwrap();
    assert_eq!(skips, [Skip { device: id("d1"), reason: cannot }]);
}

pub(in crate::store) async fn a_campaign_that_reaches_nobody_is_ended(store: impl Store) {
    let package = fleet(&store, &[]).await;
    let planned = store.add_campaign(NewCampaign::over_all(package), NOW).await.unwrap();
    assert_eq!((planned.campaign.state, planned.campaign.ended_at), (CampaignState::Ended, Some(NOW)));
    assert_eq!(store.campaign(planned.campaign.id).await.unwrap(), planned.campaign);
}

pub(in crate::store) async fn a_campaign_order_that_breaks_a_rule_leaves_nothing(store: impl Store) {
    let package = fleet(&store, &["d1"]).await;
    let order = NewCampaign { source_versions: vec![v("2.0.0")], ..NewCampaign::over_all(package) };
    let refused = store.add_campaign(order, NOW).await.unwrap_err();
    assert_eq!(refused, StoreError::Campaign(CampaignError::SourceIsTarget { version: v("2.0.0") }));
    assert_eq!(store.campaigns(Page::first(10)).await.unwrap(), []);
    assert_eq!(store.open_tasks(&id("d1")).await.unwrap(), []);
}

pub(in crate::store) async fn the_campaign_ends_with_its_last_open_task(store: impl Store) {
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

pub(in crate::store) async fn a_device_has_at_most_one_open_task_for_a_module(store: impl Store) {
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

pub(in crate::store) async fn a_canceled_campaign_ends_its_open_tasks_and_only_those(store: impl Store) {
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
