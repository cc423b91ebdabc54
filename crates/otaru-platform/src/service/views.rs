//! What the service takes from operators and gives to them.

use otaru_fleet::{
    Campaign, ConfigHold, Device, DeviceConfig, Dialect, Hold, Over, ProductKeys, RegistrationRule, Secret,
    Serial, Task,
};
use otaru_wire::{DeviceId, Digest, DigestMethod, Module, ProductKey, Version};

use crate::{
    files::FileId,
    store::{Counts, Running},
};

/// A product as an operator orders it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProductOrder {
    /// Its key, unique on the platform.
    pub key: ProductKey,
    /// How its devices speak.
    pub dialect: Dialect,
    /// The secret that its devices have in flash already, from their vendor's cloud; a fresh one if there is none.
    pub secret: Option<Secret>,
    /// Which of its devices may register themselves.
    pub registration: RegistrationRule,
}

impl ProductOrder {
    /// A product with a fresh secret, none of whose devices registers itself.
    pub fn new(key: ProductKey, dialect: Dialect) -> Self {
        Self { key, dialect, secret: None, registration: RegistrationRule::default() }
    }
}

/// A device as an operator orders it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceOrder {
    /// Who it is.
    pub id: DeviceId,
    /// The secret that it has in flash already, from its vendor's cloud; a fresh one if there is none.
    pub secret: Option<Secret>,
    /// What it knows itself by before it knows its name, where its dialect has that.
    pub serial: Option<Serial>,
}

impl DeviceOrder {
    /// A device with a fresh secret and no serial.
    pub fn new(id: DeviceId) -> Self {
        Self { id, secret: None, serial: None }
    }

    /// A device that brings its secret along.
    pub fn with_secret(id: DeviceId, secret: Secret) -> Self {
        Self { secret: Some(secret), ..Self::new(id) }
    }
}

/// A package as an operator orders it: its files were uploaded before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackageOrder {
    /// Whose devices it is for.
    pub products: ProductKeys,
    /// The version devices report once they run it.
    pub version: Version,
    /// The part of the device it is for.
    pub module: Module,
    /// Each file's name on the wire and where its bytes are, in the order they are to be fetched.
    pub files: Vec<(String, FileId)>,
    /// Extra data for the device: the text of a JSON object.
    pub extra: Option<String>,
    /// Which digest notices announce. SHA-256 unless the devices are too old for it.
    pub digest_method: DigestMethod,
    /// How devices fetch its files.
    pub over: Over,
}

/// A device as an operator sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceView {
    /// The device.
    pub device: Device,
    /// Is it connected to this node?
    pub connected: bool,
    /// What its modules run, by module name.
    pub running: Vec<Running>,
}

/// A campaign that has begun.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CampaignStarted {
    /// The campaign; ended already if no device got a task.
    pub campaign: Campaign,
    /// How many devices got a task.
    pub tasks: u64,
    /// How many were skipped; `Service::skips` lists them.
    pub skipped: u64,
}

/// A campaign as an operator sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CampaignView {
    /// The campaign.
    pub campaign: Campaign,
    /// Its tasks by state.
    pub counts: Counts,
}

/// A task as an operator sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskView {
    /// The task.
    pub task: Task,
    /// Is its device connected to this node?
    pub connected: bool,
    /// The one thing that it waits for; none at its end.
    pub hold: Option<Hold>,
}

/// What became of the configuration on a device, as an operator sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigView {
    /// What became of it.
    pub config: DeviceConfig,
    /// The one thing that its push waits for; none if it does not wait.
    pub hold: Option<ConfigHold>,
}

/// What a good link leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServedFile {
    /// Where its bytes are: its SHA-256.
    pub id: FileId,
    /// Its length in bytes.
    pub size: u64,
    /// The digest that the notice announced.
    pub digest: Digest,
    /// The name it was given at upload.
    pub name: String,
}
