//! Products, devices, files, packages, keys.

use super::*;

pub(in crate::store) async fn what_is_added_comes_back_and_cannot_be_added_twice(store: impl Store) {
    let package_id = fleet(&store, &["d1"]).await;
    assert_eq!(store.product(&key("a1")).await, Ok(product("a1")));
    let kept = store.device(&id("d1")).await.unwrap();
    assert_eq!((kept.id, kept.secret), (id("d1"), Secret::new("ds-d1")));
    let (dialect, device_secret, product_secret) = (Dialect::Aliyun, Secret::new("ds-d1"), Secret::new("ps"));
    let proofs = Proofs { dialect, device: device_secret, product: product_secret };
    assert_eq!(store.proofs(&id("d1")).await, Ok(proofs));
    assert_eq!(store.package(package_id).await.unwrap().spec, package("2.0.0"));
    assert_eq!(store.file(FileId([1; 32])).await, Ok(file(1)));
    let running = store.running(&id("d1")).await.unwrap();
    assert_eq!(running, [Running { module: main_module(), version: v("1.0.0"), reported_at: NOW }]);

    let exists = |what| Err(StoreError::AlreadyExists { what });
    assert_eq!(store.add_product(product("a1")).await, exists(What::Product));
    assert_eq!(store.add_device(device("d1")).await, exists(What::Device));
    let again = store.add_package(package("2.0.0"), NOW).await;
    assert_ne!(
        again.unwrap().id,
        package_id,
        "one version may have several packages, e.g. of one file and of three"
    );
    assert_eq!(store.add_file(file(1), NOW).await, Ok(()), "the same bytes may be uploaded again");
}

pub(in crate::store) async fn what_is_missing_is_named(store: impl Store) {
    let missing = |what| StoreError::NotFound { what };
    assert_eq!(store.product(&key("a1")).await.unwrap_err(), missing(What::Product));
    assert_eq!(store.device(&id("d1")).await.unwrap_err(), missing(What::Device));
    assert_eq!(store.proofs(&id("d1")).await.unwrap_err(), missing(What::Device));
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

pub(in crate::store) async fn lists_are_given_page_by_page(store: impl Store) {
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

pub(in crate::store) async fn a_package_needs_files_that_were_noted_and_leaves_nothing_without(
    store: impl Store,
) {
    store.add_product(product("a1")).await.unwrap();
    let refused = store.add_package(package("2.0.0"), NOW).await.unwrap_err();
    assert_eq!(refused, StoreError::NotFound { what: What::File });
    assert_eq!(store.packages(None, Page::first(10)).await.unwrap(), []);
}

pub(in crate::store) async fn a_device_cannot_make_the_store_grow_without_bound(store: impl Store) {
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

pub(in crate::store) async fn the_time_a_device_was_seen_never_goes_back(store: impl Store) {
    fleet(&store, &["d1"]).await;
    let seen = |at| store.seen(vec![(id("d1"), Timestamp(at)), (id("nobody"), Timestamp(at))]);
    seen(9_000).await.unwrap();
    seen(8_000).await.unwrap();
    assert_eq!(store.device(&id("d1")).await.unwrap().last_seen_at, Some(Timestamp(9_000)));
}

pub(in crate::store) async fn tokens_and_secrets_are_kept(store: impl Store) {
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

pub(in crate::store) async fn a_products_rule_for_registration_is_kept_and_can_be_changed(store: impl Store) {
    let rule = |devices, again| RegistrationRule { devices, again };
    let any = Product { registration: rule(Registrants::Any, true), ..product("a1") };
    store.add_product(any.clone()).await.unwrap();
    assert_eq!(store.product(&key("a1")).await, Ok(any));
    for changed in Registrants::ALL.map(|devices| rule(devices, false)) {
        store.set_registration(&key("a1"), changed).await.unwrap();
        assert_eq!(store.product(&key("a1")).await.unwrap().registration, changed);
    }
    let nowhere = store.set_registration(&key("a2"), rule(Registrants::Any, false)).await;
    assert_eq!(nowhere, Err(StoreError::NotFound { what: What::Product }));
}

async fn gateway_of(store: &impl Store, device: &str) -> Option<DeviceId> {
    store.device(&id(device)).await.unwrap().gateway
}

pub(in crate::store) async fn a_device_is_behind_one_gateway_at_a_time(store: impl Store) {
    fleet(&store, &["gw1", "gw2", "s1", "s2"]).await;
    assert_eq!(gateway_of(&store, "s1").await, None);
    store.set_gateway(vec![id("s1"), id("s2")], &id("gw1")).await.unwrap();
    store.set_gateway(vec![id("s1")], &id("gw1")).await.unwrap();
    assert_eq!(gateway_of(&store, "s1").await, Some(id("gw1")));
    store.set_gateway(vec![id("s2")], &id("gw2")).await.unwrap();
    let listed = store.devices(&key("a1"), Page::first(10)).await.unwrap();
    let gateways: Vec<_> = listed.into_iter().map(|device| device.gateway).collect();
    assert_eq!(gateways, [None, None, Some(id("gw1")), Some(id("gw2"))]);
    store.unset_gateway(vec![id("s1")], &id("gw1")).await.unwrap();
    assert_eq!(gateway_of(&store, "s1").await, None);
    assert_eq!(gateway_of(&store, "s2").await, Some(id("gw2")));
}

pub(in crate::store) async fn what_cannot_be_put_behind_a_gateway_leaves_all_as_it_was(store: impl Store) {
    fleet(&store, &["gw1", "gw2", "s1", "s2"]).await;
    store.set_gateway(vec![id("s1")], &id("gw1")).await.unwrap();
    let missing = Err(StoreError::NotFound { what: What::Device });
    assert_eq!(store.set_gateway(vec![id("s1"), id("nobody")], &id("gw2")).await, missing);
    assert_eq!(store.set_gateway(vec![id("s1")], &id("nobody")).await, missing);
    let not_its_own = store.unset_gateway(vec![id("s1"), id("s2")], &id("gw1")).await;
    assert!(matches!(not_its_own, Err(StoreError::Conflict(_))), "{not_its_own:?}");
    assert_eq!(gateway_of(&store, "s1").await, Some(id("gw1")));

    let many: Vec<_> = (0..MAX_SUB_DEVICES).map(|number| format!("many-{number}")).collect();
    for name in &many {
        store.add_device(device(name)).await.unwrap();
    }
    let many: Vec<_> = many.iter().map(|name| id(name)).collect();
    store.set_gateway(many, &id("gw2")).await.unwrap();
    let one_more = store.set_gateway(vec![id("s2")], &id("gw2")).await;
    assert!(matches!(one_more, Err(StoreError::Conflict(_))), "{one_more:?}");
    assert_eq!(gateway_of(&store, "s2").await, None);
}
