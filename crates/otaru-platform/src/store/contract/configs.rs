//! Remote configuration.

use otaru_fleet::{ConfigId, ConfigState, DeviceConfig};

use super::*;

/// The product `a1` with these devices and one version of its configuration.
async fn configured(store: &impl Store, devices: &[&str]) -> ConfigId {
    fleet(store, devices).await;
    store.add_config(&key("a1"), FileId([1; 32]), NOW).await.unwrap().id
}

async fn states(store: &impl Store, state: Option<ConfigState>) -> Vec<(String, ConfigState)> {
    let all = store.device_configs(&key("a1"), state, Page::first(10)).await.unwrap();
    all.into_iter().map(|kept| (kept.device.device.to_string(), kept.state)).collect()
}

pub(in crate::store) async fn the_last_five_configs_of_a_product_are_kept(store: impl Store) {
    let missing = |what| StoreError::NotFound { what };
    let early = store.add_config(&key("a1"), FileId([1; 32]), NOW).await;
    assert_eq!(early.unwrap_err(), missing(What::Product));
    assert_eq!(store.product_config(&key("a1")).await.unwrap_err(), missing(What::Product));
    let first = configured(&store, &[]).await;
    let unknown = store.add_config(&key("a1"), FileId([9; 32]), NOW).await;
    assert_eq!(unknown.unwrap_err(), missing(What::File));
    for number in 2..=6 {
        store.add_config(&key("a1"), FileId([1; 32]), Timestamp(number)).await.unwrap();
    }
    let kept = store.product_config(&key("a1")).await.unwrap();
    let times: Vec<_> = kept.versions.iter().map(|config| config.created_at.0).collect();
    assert_eq!((times, kept.on), (vec![6, 5, 4, 3, 2], true), "the newest first");
    assert!(kept.versions.iter().all(|config| config.id > first && config.size == 9));
}

pub(in crate::store) async fn a_config_that_is_off_or_missing_cannot_be_pushed(store: impl Store) {
    fleet(&store, &["d1"]).await;
    let order = async || store.order_config(&key("a1"), None, NOW).await;
    assert!(matches!(order().await, Err(StoreError::Conflict(_))), "there is none");
    store.add_config(&key("a1"), FileId([1; 32]), NOW).await.unwrap();
    assert_eq!(order().await.unwrap().devices, 1);
    store.switch_config_off(&key("a1")).await.unwrap();
    assert_eq!(states(&store, None).await, [], "what waited is not pushed any more");
    assert!(matches!(order().await, Err(StoreError::Conflict(_))), "it is off");
    let off = store.product_config(&key("a1")).await.unwrap();
    assert_eq!((off.on, off.versions.len(), off.current()), (false, 1, None));
    store.add_config(&key("a1"), FileId([1; 32]), NOW).await.unwrap();
    assert!(order().await.is_ok(), "setting one switches it on");
}

pub(in crate::store) async fn a_push_waits_for_the_devices_named_or_for_all(store: impl Store) {
    let config = configured(&store, &["d1", "d2", "d3"]).await;
    assert_eq!(store.any_config_waits().await, Ok(false));
    let named = Some(vec![name("d2"), name("nobody")]);
    let ordered = store.order_config(&key("a1"), named, NOW).await.unwrap();
    assert_eq!((ordered.config.id, ordered.devices, ordered.unknown), (config, 1, vec![name("nobody")]));
    assert_eq!(states(&store, None).await, [("d2".to_owned(), ConfigState::Waiting)]);
    assert_eq!(store.any_config_waits().await, Ok(true));
    assert_eq!(store.device_config(&id("d1")).await, Ok(None));
    assert_eq!(store.order_config(&key("a1"), None, NOW).await.unwrap().devices, 3);
    let after_d1 = Page { after: Some(name("d1")), limit: 1 };
    let page = store.device_configs(&key("a1"), Some(ConfigState::Waiting), after_d1).await.unwrap();
    assert_eq!(page.len(), 1);
    assert_eq!(page[0].device, id("d2"));
}

pub(in crate::store) async fn what_became_of_a_config_is_written_once(store: impl Store) {
    let config = configured(&store, &["d1"]).await;
    store.order_config(&key("a1"), None, NOW).await.unwrap();
    let waiting = store.device_config(&id("d1")).await.unwrap().unwrap();
    let told = waiting.on_told(config, Timestamp(2_000)).unwrap();
    assert_eq!(store.write_device_config(Some(&waiting), told.clone()).await, Ok(Applied::Done));
    assert_eq!(store.device_config(&id("d1")).await, Ok(Some(told.clone())));
    assert_eq!(store.write_device_config(Some(&waiting), told.clone()).await, Ok(Applied::Stale));
    assert_eq!(store.write_device_config(None, told.clone()).await, Ok(Applied::Stale), "there is one");
    let nobody = DeviceConfig { device: id("nobody"), ..told.clone() };
    let refused = store.write_device_config(None, nobody).await;
    assert_eq!(refused, Err(StoreError::NotFound { what: What::Device }));
    store.order_config(&key("a1"), None, Timestamp(3_000)).await.unwrap();
    assert_eq!(
        store.write_device_config(Some(&told), told.clone()).await,
        Ok(Applied::Stale),
        "ordered anew"
    );
}
