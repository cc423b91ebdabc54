//! The operator API's JSON, both ways: the platform reads what the CLI writes and the other way round.
//!
//! A request with a field that is not here is refused, since a misspelt option must not be passed over. Answers may
//! gain fields.

mod campaigns;
mod configs;

use std::collections::BTreeMap;

pub use campaigns::*;
pub use configs::*;
pub use otaru_fleet::{
    CampaignId, CampaignState, Dialect, Over, PackageId, ProductKeys, Registrants, Serial, TaskId, TaskState,
};
use otaru_wire::{DeviceName, DigestMethod, Module, ProductKey, Version};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// The body of every refusal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refused {
    /// The refusal.
    pub error: RefusedBecause,
}

/// Why a call is refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefusedBecause {
    /// For programs, e.g. `not_found`; listed in `docs/api.md`.
    pub code: String,
    /// For people: what was wrong.
    pub message: String,
    /// For people: what to do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_step: Option<String>,
}

/// `POST /products`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewProduct {
    /// Its key, unique on the platform.
    pub product_key: ProductKey,
    /// How its devices speak.
    pub dialect: Dialect,
    /// The secret that its devices have already, e.g. from the vendor's cloud; a fresh one is made if it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub product_secret: Option<String>,
    /// Which of its devices may register themselves with its secret; none unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub registration: Option<Registration>,
}

/// Which devices of a product may register themselves with its secret: `PUT /products/{product_key}/registration`, and
/// its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Registration {
    /// `off`, `listed` (those that an operator made) or `any` (the platform makes those it does not know).
    pub devices: Registrants,
    /// May a device register again that has logged in before?
    #[serde(default)]
    pub again: bool,
}

/// The answer to `POST /products`, the only one that shows the secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProductMade {
    /// Its key.
    pub product_key: ProductKey,
    /// How its devices speak.
    pub dialect: Dialect,
    /// What its devices can register themselves with, where the dialect knows that.
    pub product_secret: String,
}

/// A product in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Product {
    /// Its key.
    pub product_key: ProductKey,
    /// How its devices speak.
    pub dialect: Dialect,
    /// Which of its devices may register themselves.
    pub registration: Registration,
    /// When it was made, Unix milliseconds.
    pub created_ms: u64,
}

/// The answer to `GET /products`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Products {
    /// In the order of their keys.
    pub products: Vec<Product>,
    /// What `after` is to be for the next page; none at the end.
    pub next: Option<ProductKey>,
}

/// `POST /products/{product_key}/devices`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewDevice {
    /// Its name, unique within the product.
    pub device_name: DeviceName,
    /// The secret it has already, e.g. from the vendor's cloud; a fresh one is made if it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device_secret: Option<String>,
    /// What it knows itself by before it knows its name, where its dialect has that (OneNET's `authInfo`); unique within the
    /// product.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub serial: Option<Serial>,
}

/// The answer to `POST …/devices`, the only one that shows the secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceMade {
    /// Its product.
    pub product_key: ProductKey,
    /// Its name.
    pub device_name: DeviceName,
    /// What its logins are proven with.
    pub device_secret: String,
}

/// A device in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Device {
    /// Its product.
    pub product_key: ProductKey,
    /// Its name.
    pub device_name: DeviceName,
    /// Is it connected now, by itself or behind its gateway?
    pub online: bool,
    /// The gateway that it was added to; none if there is none.
    pub gateway: Option<Gateway>,
    /// What its modules run, as it last reported.
    pub versions: BTreeMap<Module, Version>,
    /// When it last connected or spoke, Unix milliseconds; none if it never did.
    pub last_seen_ms: Option<u64>,
}

/// The device whose session may speak for another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gateway {
    /// Its product.
    pub product_key: ProductKey,
    /// Its name.
    pub device_name: DeviceName,
}

/// The answer to `GET …/devices`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Devices {
    /// In the order of their names.
    pub devices: Vec<Device>,
    /// What `after` is to be for the next page; none at the end.
    pub next: Option<DeviceName>,
}

/// The answer to `PUT /files`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileTaken {
    /// SHA-256, lower-case hex: what packages name it by.
    pub sha256: String,
    /// MD5, lower-case hex.
    pub md5: String,
    /// Length in bytes.
    pub size: u64,
    /// The name it was sent with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// `POST /packages`
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewPackage {
    /// Whose devices it is for. Either this or `product_keys`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub product_key: Option<ProductKey>,
    /// Whose devices it is for, where the same hardware has a product on each of several clouds: at most 16.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub product_keys: Option<ProductKeys>,
    /// The version devices report once they run it.
    pub version: Version,
    /// The part of the device it is for; `default` if left out.
    #[serde(default)]
    pub module: Module,
    /// One to 20 files, in the order they are to be fetched.
    pub files: Vec<PackageFile>,
    /// Extra data for the device: a JSON object, handed on byte by byte.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extra: Option<Box<RawValue>>,
    /// Which digest devices are told; `sha256` if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest_method: Option<DigestMethod>,
    /// How devices fetch the files; `http` if left out.
    #[serde(default)]
    pub over: Over,
}

/// One file of a package.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PackageFile {
    /// The SHA-256 that `PUT /files` answered.
    pub sha256: String,
    /// The name that devices are told, unique within the package.
    pub name: String,
}

/// The answer to `POST /packages`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PackageMade {
    /// Its number.
    pub id: PackageId,
    /// What some devices may not cope with, for people.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

/// A package in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Package {
    /// Its number.
    pub id: PackageId,
    /// The first of `product_keys`.
    pub product_key: ProductKey,
    /// Whose devices it is for, in the order in which they were named.
    pub product_keys: ProductKeys,
    /// The version devices report once they run it.
    pub version: Version,
    /// The part of the device it is for.
    pub module: Module,
    /// Its files, in the order they are fetched.
    pub files: Vec<StoredFile>,
    /// Which digest devices are told.
    pub digest_method: DigestMethod,
    /// How devices fetch the files.
    pub over: Over,
    /// When it was made, Unix milliseconds.
    pub created_ms: u64,
}

/// One file of a package in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredFile {
    /// SHA-256, lower-case hex.
    pub sha256: String,
    /// MD5, lower-case hex.
    pub md5: String,
    /// The name that devices are told.
    pub name: String,
    /// Length in bytes.
    pub size: u64,
}

/// The answer to `GET /packages`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Packages {
    /// In the order of their numbers.
    pub packages: Vec<Package>,
    /// What `after` is to be for the next page; none at the end.
    pub next: Option<PackageId>,
}
