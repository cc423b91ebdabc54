//! Where products, devices, packages, campaigns and tasks are kept.
//!
//! Small traits by what a caller may do; [`Store`] is all of them. An answer comes after the data would survive a
//! power cut. One engine now ([`Sqlite`]); `contract.rs` is the suite that every engine has to pass.

use std::{fmt, future::Future, pin::Pin};

use otaru_fleet::{
    Campaign, CampaignId, Config, ConfigState, Device, DeviceConfig, Dialect, NewCampaign, NewPackage, Next,
    Package, PackageId, Product, RegistrationRule, Secret, Serial, SkipReason, Task, TaskId, TaskState,
    Timestamp,
};
use otaru_wire::{DeviceId, DeviceName, Module, ProductKey, Version};

use crate::files::{FileId, Stored};

#[cfg(test)]
mod contract;
mod error;
mod sqlite;

pub use error::{StoreError, What};
pub use sqlite::{Location, Sqlite};

/// The longest page that a store gives.
pub const MAX_PAGE: u32 = 1000;

/// The most modules of one device whose versions are kept: bounds what a device can make the store keep.
pub const MAX_MODULES: u32 = 64;

/// An answer on its way.
pub type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 'a>>;

/// Which part of a list is wanted. Lists are in the order of their keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<K> {
    /// Only what comes after this one; none: from the start.
    pub after: Option<K>,
    /// At most that many; [`MAX_PAGE`] if more are asked for.
    pub limit: u32,
}

impl<K> Page<K> {
    /// The first `limit` of a list.
    pub fn first(limit: u32) -> Self {
        Self { after: None, limit }
    }
}

/// What a device proves itself with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proofs {
    /// How its product's devices speak.
    pub dialect: Dialect,
    /// Its own secret.
    pub device: Secret,
    /// Its product's, which some dialects take, too.
    pub product: Secret,
}

/// What a module runs, as its device reported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Running {
    /// The part of the device.
    pub module: Module,
    /// What it runs.
    pub version: Version,
    /// When it was last reported.
    pub reported_at: Timestamp,
}

/// A device that a campaign gave no task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skip {
    /// Which one.
    pub device: DeviceId,
    /// Why.
    pub reason: SkipReason,
}

/// What became of a campaign's order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Planned {
    /// The campaign; ended at once if no device got a task.
    pub campaign: Campaign,
    /// How many devices got a task.
    pub tasks: u64,
    /// How many were skipped; [`Campaigns::skips`] lists them.
    pub skipped: u64,
}

/// How many tasks of a campaign are in each state, in the order of [`TaskState::ALL`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts([u64; TaskState::ALL.len()]);

impl Counts {
    /// How many are in this state.
    pub fn of(&self, state: TaskState) -> u64 {
        self.0.get(state as usize).copied().unwrap_or(0)
    }

    /// Adds to a state's count.
    pub fn add(&mut self, state: TaskState, count: u64) {
        if let Some(sum) = self.0.get_mut(state as usize) {
            *sum = sum.saturating_add(count);
        }
    }

    /// All tasks.
    pub fn total(&self) -> u64 {
        self.0.iter().sum()
    }

    /// Tasks that are not at their end.
    pub fn open(&self) -> u64 {
        TaskState::ALL.into_iter().filter(|state| !state.is_end()).map(|state| self.of(state)).sum()
    }
}

/// A task, with what is known of its device's presence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownTask {
    /// The task.
    pub task: Task,
    /// When its device was last seen; none if it never was.
    pub device_seen_at: Option<Timestamp>,
    /// How its device speaks.
    pub dialect: Dialect,
}

/// What became of a compare-and-set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Applied {
    /// The task is as decided.
    Done,
    /// The task had changed since it was read; nothing was written to it. Read it again and decide again.
    Stale,
}

/// Products, devices and packages.
pub trait Catalog: Send + Sync {
    /// Keeps a new product.
    fn add_product(&self, product: Product) -> Answer<'_, ()>;
    /// A product.
    fn product(&self, key: &ProductKey) -> Answer<'_, Product>;
    /// Products by key.
    fn products(&self, page: Page<ProductKey>) -> Answer<'_, Vec<Product>>;
    /// Changes who may register themselves.
    fn set_registration(&self, key: &ProductKey, rule: RegistrationRule) -> Answer<'_, ()>;
    /// Keeps a new device of a product that exists.
    fn add_device(&self, device: Device) -> Answer<'_, ()>;
    /// A device.
    fn device(&self, id: &DeviceId) -> Answer<'_, Device>;
    /// What a device's proofs are checked against.
    fn proofs(&self, id: &DeviceId) -> Answer<'_, Proofs>;
    /// The device of a product that has this serial.
    fn device_of_serial(&self, product: &ProductKey, serial: &Serial) -> Answer<'_, DeviceId>;
    /// Devices of a product by name.
    fn devices(&self, product: &ProductKey, page: Page<DeviceName>) -> Answer<'_, Vec<Device>>;
    /// What a device's modules run, by module name.
    fn running(&self, id: &DeviceId) -> Answer<'_, Vec<Running>>;
    /// Notes when devices were last seen; never earlier than noted before. Unknown devices are passed over.
    fn seen(&self, devices: Vec<(DeviceId, Timestamp)>) -> Answer<'_, ()>;
    /// Notes a file that was taken. Noting it again changes nothing.
    fn add_file(&self, file: Stored, now: Timestamp) -> Answer<'_, ()>;
    /// A file that was noted.
    fn file(&self, id: FileId) -> Answer<'_, Stored>;
    /// Keeps a new package with its products and files as one record. Each file must have been noted.
    fn add_package(&self, package: NewPackage, now: Timestamp) -> Answer<'_, Package>;
    /// A package.
    fn package(&self, id: PackageId) -> Answer<'_, Package>;
    /// Packages by number, of one product or of all.
    fn packages(&self, product: Option<&ProductKey>, page: Page<PackageId>) -> Answer<'_, Vec<Package>>;
}

/// Which devices are behind which gateway. [`Catalog::device`] tells.
pub trait Gateways: Send + Sync {
    /// Puts devices behind a gateway, all or none; one that was behind another is moved. Conflict if more than
    /// [`otaru_wire::MAX_SUB_DEVICES`] would be behind it.
    fn set_gateway(&self, devices: Vec<DeviceId>, gateway: &DeviceId) -> Answer<'_, ()>;
    /// Takes devices from behind a gateway, all or none. Conflict if one is not behind it.
    fn unset_gateway(&self, devices: Vec<DeviceId>, gateway: &DeviceId) -> Answer<'_, ()>;
}

/// Campaigns.
pub trait Campaigns: Send + Sync {
    /// Plans a campaign with [`otaru_fleet::plan`] and keeps it with its tasks and skips, all or nothing.
    fn add_campaign(&self, order: NewCampaign, now: Timestamp) -> Answer<'_, Planned>;
    /// Ends a campaign and its open tasks; gives how many tasks that ended. Conflict if it is at its end.
    fn cancel_campaign(&self, id: CampaignId, now: Timestamp) -> Answer<'_, u64>;
    /// A campaign.
    fn campaign(&self, id: CampaignId) -> Answer<'_, Campaign>;
    /// Campaigns by number.
    fn campaigns(&self, page: Page<CampaignId>) -> Answer<'_, Vec<Campaign>>;
    /// Its tasks by state.
    fn counts(&self, id: CampaignId) -> Answer<'_, Counts>;
    /// The devices it skipped, by product and name.
    fn skips(&self, id: CampaignId, page: Page<DeviceId>) -> Answer<'_, Vec<Skip>>;
}

/// Tasks.
pub trait Tasks: Send + Sync {
    /// A task.
    fn task(&self, id: TaskId) -> Answer<'_, KnownTask>;
    /// Tasks of a campaign by number; with `state`, only those in it.
    fn tasks(
        &self,
        campaign: CampaignId,
        state: Option<TaskState>,
        page: Page<TaskId>,
    ) -> Answer<'_, Vec<KnownTask>>;
    /// The open tasks of a device: at most one for each module.
    fn open_tasks(&self, device: &DeviceId) -> Answer<'_, Vec<Task>>;
    /// Tasks whose deadline ([`Task::deadline`]) is at or before `now`, at most `limit`, the earliest first.
    fn due(&self, now: Timestamp, limit: u32) -> Answer<'_, Vec<Task>>;
    /// When the next deadline is.
    fn next_deadline(&self) -> Answer<'_, Option<Timestamp>>;
    /// Writes a decision if the task still has the revision it was decided on. The campaign ends with its last
    /// open task.
    fn apply(&self, seen: &Task, next: Next) -> Answer<'_, Applied>;
    /// Notes what a module runs, and with it a decision on a task, in one write. The note stands even if the
    /// decision is stale.
    fn reported(
        &self,
        device: &DeviceId,
        module: &Module,
        version: &Version,
        decision: Option<(Task, Next)>,
        now: Timestamp,
    ) -> Answer<'_, Applied>;
}

/// A token by which a device names its task.
#[derive(Clone, PartialEq, Eq)]
pub struct TaskToken {
    /// Its text. Who has it may fetch the task's file.
    pub text: String,
    /// When it was given.
    pub given_at: Timestamp,
}

impl fmt::Debug for TaskToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TaskToken").field("given_at", &self.given_at).finish_non_exhaustive()
    }
}

/// What devices need that ask by themselves.
pub trait Asking: Send + Sync {
    /// The token that a task was given last; none if it has none.
    fn task_token(&self, task: TaskId) -> Answer<'_, Option<TaskToken>>;
    /// Gives a task this token, if the one it was given last was given at or before `dead`, or it has none. Gives the one that
    /// it has then: of several at once, one is given.
    fn give_task_token(&self, task: TaskId, fresh: TaskToken, dead: Timestamp) -> Answer<'_, TaskToken>;
    /// The task of a token that was ever given, and when it was given.
    fn task_of_token(&self, token: &str) -> Answer<'_, (Task, Timestamp)>;
    /// Did a task bring this module of the device to this version, at any time?
    fn was_upgraded(&self, device: &DeviceId, module: &Module, version: &Version) -> Answer<'_, bool>;
}

/// The configuration of a product.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProductConfig {
    /// False once an operator has switched it off; setting a version switches it on.
    pub on: bool,
    /// At most [`KEPT_CONFIGS`](otaru_fleet::KEPT_CONFIGS) versions, the newest first: devices get that one.
    pub versions: Vec<Config>,
}

impl ProductConfig {
    /// What devices get now; none if there is none or it is switched off.
    pub fn current(&self) -> Option<&Config> {
        self.versions.first().filter(|_| self.on)
    }
}

/// What became of an order to push.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigOrdered {
    /// The version that is pushed.
    pub config: Config,
    /// To how many devices.
    pub devices: u64,
    /// The devices of the list that there are not, in the list's order.
    pub unknown: Vec<DeviceName>,
}

/// Remote configuration.
pub trait Configs: Send + Sync {
    /// Makes a noted file the newest version of a product's configuration and switches it on. Of the versions, the last
    /// [`KEPT_CONFIGS`](otaru_fleet::KEPT_CONFIGS) are kept.
    fn add_config(&self, product: &ProductKey, file: FileId, now: Timestamp) -> Answer<'_, Config>;
    /// Switches a product's configuration off: what waits to be pushed is not pushed.
    fn switch_config_off(&self, product: &ProductKey) -> Answer<'_, ()>;
    /// A product's configuration.
    fn product_config(&self, product: &ProductKey) -> Answer<'_, ProductConfig>;
    /// Has the newest version wait for these devices, or for all of the product. Conflict if there is none or it is
    /// switched off.
    fn order_config(
        &self,
        product: &ProductKey,
        devices: Option<Vec<DeviceName>>,
        now: Timestamp,
    ) -> Answer<'_, ConfigOrdered>;
    /// Does any device wait for a configuration?
    fn any_config_waits(&self) -> Answer<'_, bool>;
    /// What became of it on a device; none if it was never to be told of one.
    fn device_config(&self, device: &DeviceId) -> Answer<'_, Option<DeviceConfig>>;
    /// What became of it on a product's devices, by name; with `state`, only those in it.
    fn device_configs(
        &self,
        product: &ProductKey,
        state: Option<ConfigState>,
        page: Page<DeviceName>,
    ) -> Answer<'_, Vec<DeviceConfig>>;
    /// Writes `next` if the device's is still as it was `seen`.
    fn write_device_config(&self, seen: Option<&DeviceConfig>, next: DeviceConfig) -> Answer<'_, Applied>;
}

/// What operators and the platform itself prove themselves with.
pub trait Keys: Send + Sync {
    /// Keeps the SHA-256 of an operator's token. The name is for people.
    fn add_token(&self, name: &str, sha256: [u8; 32], now: Timestamp) -> Answer<'_, ()>;
    /// The name of the token with this SHA-256.
    fn token(&self, sha256: [u8; 32]) -> Answer<'_, Option<String>>;
    /// How many tokens there are.
    fn token_count(&self) -> Answer<'_, u64>;
    /// A secret of the platform's own, such as the key that signs links: the one kept under `name`, or else
    /// `fresh`, which is kept from now on.
    fn platform_secret(&self, name: &'static str, fresh: [u8; 32]) -> Answer<'_, [u8; 32]>;
}

/// Everything that is kept.
pub trait Store: Catalog + Gateways + Campaigns + Tasks + Asking + Configs + Keys + 'static {
    /// Writes something and takes it back: fails if the store cannot be written to.
    fn probe(&self) -> Answer<'_, ()>;
}
