//! What a device says back.

use alloc::string::String;

use serde::{Deserialize, Serialize};

use crate::{Module, Version};

/// A device's word to its platform.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Report {
    /// The version a module is running. A Task succeeds only by this one.
    Version {
        /// The part of the device.
        module: Module,
        /// What it is running now.
        version: Version,
    },
    /// How far a Task is, or how it failed.
    Progress {
        /// The part of the device.
        module: Module,
        /// Percent or failure.
        step: Step,
        /// Free text for people; at most 128 bytes are sent (aliyun-link-sdk-v4 §2.4).
        description: String,
    },
    /// Asks whether there is a Task, or for fresh links of the one in hand.
    Query {
        /// The part of the device.
        module: Module,
    },
}

/// How far a Task is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// Percent of all files' bytes, 0 to 100. 100 is not success.
    Percent(u8),
    /// It failed.
    Failed(Failure),
}

/// Where a Task failed. The numbers are every Aliyun generation's (aliyun-link-sdk-v4 §7.6).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Failure {
    /// −1: installing or booting failed, or the user refused.
    Upgrade,
    /// −2: the bytes could not be fetched.
    Download,
    /// −3: the bytes do not hash to the digest.
    Digest,
    /// −4: the slot refused bytes.
    Write,
}
