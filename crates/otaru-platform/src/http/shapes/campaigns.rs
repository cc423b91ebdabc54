//! Campaigns and their tasks.

use std::collections::BTreeMap;

use otaru_fleet::{CampaignId, CampaignState, PackageId, ProductKeys, TaskId, TaskState};
pub use otaru_fleet::{Listed, Policy};
use otaru_wire::{DeviceName, Module, ProductKey, Version};
use serde::{Deserialize, Serialize};

/// `POST /campaigns`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewCampaign {
    /// What is to be installed.
    pub package_id: PackageId,
    /// On which devices, each as `DEVICE`, or as `PRODUCT/DEVICE` where the package is for several products; all of them
    /// if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub devices: Option<Vec<Listed>>,
    /// Only devices that run one of these; whatever they run if left out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub source_versions: Vec<Version>,
    /// How many minutes a device may take from its first progress report on; 60 if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_minutes: Option<u32>,
    /// How many more attempts a device gets after one that failed, at most 5; 0 if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retries: Option<u8>,
    /// How many minutes after a failure the next attempt begins, at most 4320; 0 (after 10 s) if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_interval_minutes: Option<u32>,
    /// How many seconds a device may be silent after a notice, 1 to 3600, or 0 for as long as it likes; 10 for devices of
    /// JD and 0 for all others if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer_timeout_seconds: Option<u32>,
    /// How many days devices are told of it, 1 to 30; for ever if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid_days: Option<u32>,
    /// Who chooses the moment: `silent` is the device, where its dialect can say so. `standard` if left out.
    #[serde(default)]
    pub policy: Policy,
}

impl NewCampaign {
    /// A campaign over all devices with the default rules.
    pub fn over_all(package_id: PackageId) -> Self {
        Self {
            package_id,
            devices: None,
            source_versions: Vec::new(),
            timeout_minutes: None,
            retries: None,
            retry_interval_minutes: None,
            answer_timeout_seconds: None,
            valid_days: None,
            policy: Policy::default(),
        }
    }
}

/// The answer to `POST /campaigns`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CampaignMade {
    /// Its number.
    pub id: CampaignId,
    /// How many devices got a task.
    pub tasks: u64,
    /// How many devices got none.
    pub skipped_count: u64,
    /// The first 1000 of them, and why.
    pub skipped: Vec<Skipped>,
}

/// A device that got no task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Skipped {
    /// Its product.
    pub product_key: ProductKey,
    /// Its name.
    pub device: DeviceName,
    /// Why, and what would change that.
    pub reason: String,
}

/// A campaign.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Campaign {
    /// Its number.
    pub id: CampaignId,
    /// What it installs.
    pub package_id: PackageId,
    /// The first of `product_keys`.
    pub product_key: ProductKey,
    /// On whose devices.
    pub product_keys: ProductKeys,
    /// The package's version.
    pub version: Version,
    /// The package's module.
    pub module: Module,
    /// Where it is.
    pub state: CampaignState,
    /// How many tasks are in each state; states without tasks are left out.
    pub counts: BTreeMap<TaskState, u64>,
    /// How many minutes a device may take from its first progress report on.
    pub timeout_minutes: u64,
    /// How many more attempts a device gets after one that failed.
    pub retries: u8,
    /// How many minutes after a failure the next attempt begins.
    pub retry_interval_minutes: u64,
    /// How many seconds a device may be silent after a notice; 0: as long as it likes; none: as its vendor documents it.
    pub answer_timeout_seconds: Option<u64>,
    /// Who chooses the moment.
    pub policy: Policy,
    /// When what has not begun fails, Unix milliseconds; none: never.
    pub expires_ms: Option<u64>,
    /// When it was made, Unix milliseconds.
    pub created_ms: u64,
    /// When it came to an end, Unix milliseconds.
    pub ended_ms: Option<u64>,
}

/// The answer to `GET /campaigns`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Campaigns {
    /// In the order of their numbers.
    pub campaigns: Vec<Campaign>,
    /// What `after` is to be for the next page; none at the end.
    pub next: Option<CampaignId>,
}

/// The answer to `POST /campaigns/{id}/cancel`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CampaignCanceled {
    /// Its number.
    pub id: CampaignId,
    /// How many open tasks that ended.
    pub canceled: u64,
}

/// A task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Task {
    /// Its number.
    pub id: TaskId,
    /// Its campaign.
    pub campaign_id: CampaignId,
    /// The device's product.
    pub product_key: ProductKey,
    /// The device's name.
    pub device: DeviceName,
    /// The part of the device.
    pub module: Module,
    /// The target version.
    pub version: Version,
    /// Where it is.
    pub state: TaskState,
    /// Percent of the files' bytes, as the device last said.
    pub progress: u8,
    /// Which attempt this is, from 1.
    pub attempt: u8,
    /// How many it has.
    pub attempts: u8,
    /// When this attempt begins, Unix milliseconds; none unless it waits for that.
    pub retry_ms: Option<u64>,
    /// Why it failed or was canceled; while it is open, why the attempt before failed.
    pub reason: Option<String>,
    /// The one thing that holds it back; none at its end.
    pub waiting_for: Option<String>,
    /// When it was made, Unix milliseconds.
    pub created_ms: u64,
    /// When anything of it last changed, Unix milliseconds.
    pub updated_ms: u64,
}

/// The answer to `GET /campaigns/{id}/tasks`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tasks {
    /// In the order of their numbers.
    pub tasks: Vec<Task>,
    /// What `after` is to be for the next page; none at the end.
    pub next: Option<TaskId>,
}
