//! What every engine promises. `store_contract!(name, make)` runs all of it over the stores that `make` gives.

use std::{sync::Arc, time::Duration};

use otaru_fleet::{
    Campaign, CampaignError, CampaignState, Device, Dialect, NewCampaign, NewPackage, Over, PackageFile,
    PackageId, Patience, Policy, Product, Registrants, RegistrationRule, Rules, Scope, Secret, Serial,
    SkipReason, Targets, Task, TaskId, TaskState, Timestamp, Transition,
};
use otaru_wire::{
    DeviceId, DeviceName, DigestMethod, Failure, MAX_SUB_DEVICES, Module, ProductKey, Step, Version,
};

use super::*;
use crate::files::{FileId, Stored};

mod asking;
mod campaigns;
mod catalog;
mod configs;
mod tasks;

pub(super) use asking::*;
pub(super) use campaigns::*;
pub(super) use catalog::*;
pub(super) use configs::*;
pub(super) use tasks::*;

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
                a_campaign_covers_the_devices_of_all_products_of_its_package
                what_a_campaign_leaves_open_is_as_each_devices_vendor_documents_it
                a_campaign_that_reaches_nobody_is_ended
                a_campaign_order_that_breaks_a_rule_leaves_nothing
                a_decision_on_a_task_that_changed_meanwhile_is_stale
                the_campaign_ends_with_its_last_open_task
                of_many_decisions_at_once_one_is_written
                a_version_report_stands_even_if_its_decision_is_stale
                a_device_has_at_most_one_open_task_for_a_module
                a_canceled_campaign_ends_its_open_tasks_and_only_those
                deadlines_are_found_in_order
                an_attempt_its_answer_and_its_deadline_come_back_as_decided
                a_campaign_with_a_validity_has_a_deadline_from_the_start
                a_device_cannot_make_the_store_grow_without_bound
                the_time_a_device_was_seen_never_goes_back
                tokens_and_secrets_are_kept
                a_device_is_behind_one_gateway_at_a_time
                what_cannot_be_put_behind_a_gateway_leaves_all_as_it_was
                a_products_rule_for_registration_is_kept_and_can_be_changed
                the_last_five_configs_of_a_product_are_kept
                a_config_that_is_off_or_missing_cannot_be_pushed
                a_push_waits_for_the_devices_named_or_for_all
                what_became_of_a_config_is_written_once
                a_device_is_found_by_its_serial_within_its_product
                a_task_has_one_live_token_and_an_old_one_is_still_known
                of_many_tokens_at_once_one_is_given
                what_a_device_was_brought_to_is_remembered
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
    Product {
        key: key(text),
        dialect: Dialect::Aliyun,
        secret: Secret::new("ps"),
        registration: RegistrationRule::default(),
        created_at: NOW,
    }
}

fn device(text: &str) -> Device {
    Device {
        id: id(text),
        secret: Secret::new(format!("ds-{text}")),
        serial: None,
        gateway: None,
        created_at: NOW,
        last_seen_at: None,
    }
}

fn file(number: u8) -> Stored {
    Stored { id: FileId([number; 32]), md5: [number; 16], size: 9 }
}

fn package(version: &str) -> NewPackage {
    let Stored { id, md5, size } = file(1);
    NewPackage {
        products: key("a1").into(),
        version: v(version),
        module: main_module(),
        files: vec![PackageFile { name: "a.bin".into(), size, sha256: id.0, md5 }],
        extra: Some("{\"site\":\"osaka\"}".into()),
        digest_method: DigestMethod::Sha256,
        over: Over::Mqtt,
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

/// Rules of which none is the default.
fn rules() -> Rules {
    Rules {
        timeout: Duration::from_secs(90),
        retries: 2,
        retry_interval: Duration::from_secs(600),
        patience: Patience::For(Duration::from_secs(10)),
        valid_for: Some(Rules::MIN_VALIDITY),
        policy: Policy::Standard,
    }
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
