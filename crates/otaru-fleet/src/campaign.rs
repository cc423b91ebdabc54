//! Many Tasks with one intent.

use otaru_wire::{DeviceName, Version};
use serde::{Deserialize, Serialize};

use crate::{CampaignId, PackageId, Rules, Targets, Timestamp};

/// What is kept of [`Targets`]: each listed device is a task or a skip of the campaign.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// Every device that the package's products had when the campaign began.
    All,
    /// That many devices were listed.
    List(u64),
}

/// A campaign as it is ordered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewCampaign {
    /// What is to be installed.
    pub package: PackageId,
    /// On which devices.
    pub targets: Targets,
    /// Only devices that run one of these; empty: whatever they run.
    pub source_versions: Vec<Version>,
    /// What each of its tasks is held to.
    pub rules: Rules,
}

impl NewCampaign {
    /// The longest list of devices (aliyun-link-sdk-v4 §7.5: 10 000; more than that here, since it costs little).
    pub const MAX_LISTED: usize = 100_000;
    /// The most source versions (aliyun-link-sdk-v4 §7.5).
    pub const MAX_SOURCE_VERSIONS: usize = 10;

    /// A campaign over all devices with the default rules.
    pub fn over_all(package: PackageId) -> Self {
        Self { package, targets: Targets::All, source_versions: Vec::new(), rules: Rules::default() }
    }

    /// Checks the order against the version of its package.
    ///
    /// # Errors
    /// The first rule broken.
    pub fn check(&self, target: &Version) -> Result<(), CampaignError> {
        if let Targets::List(names) = &self.targets {
            match names.len() {
                0 => return Err(CampaignError::EmptyList),
                len if len > Self::MAX_LISTED => return Err(CampaignError::ListTooLong { len }),
                _ => {}
            }
        }
        if self.source_versions.len() > Self::MAX_SOURCE_VERSIONS {
            return Err(CampaignError::TooManySources { count: self.source_versions.len() });
        }
        if self.source_versions.contains(target) {
            return Err(CampaignError::SourceIsTarget { version: target.clone() });
        }
        self.rules.check()
    }
}

/// Where a campaign is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CampaignState {
    /// Some of its tasks are open.
    Running,
    /// All of its tasks came to an end by themselves, or by its validity.
    Ended,
    /// An operator ended it.
    Canceled,
}

/// One campaign.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Campaign {
    /// Its number.
    pub id: CampaignId,
    /// What it installs.
    pub package: PackageId,
    /// On how many devices it was asked for.
    pub scope: Scope,
    /// Only devices that ran one of these; empty: whatever they ran.
    pub source_versions: Vec<Version>,
    /// What each of its tasks is held to.
    pub rules: Rules,
    /// Where it is.
    pub state: CampaignState,
    /// When it was made; it starts at once.
    pub created_at: Timestamp,
    /// When it came to an end.
    pub ended_at: Option<Timestamp>,
}

impl Campaign {
    /// When its validity ends; none if it never does.
    pub fn expires_at(&self) -> Option<Timestamp> {
        self.rules.valid_for.map(|span| self.created_at + span)
    }
}

/// Why a campaign cannot be made. The order is at fault; nothing was stored.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CampaignError {
    /// A list without devices.
    #[error("the list of devices is empty; leave it out to mean all")]
    EmptyList,
    /// More than [`NewCampaign::MAX_LISTED`] devices.
    #[error("{len} devices are listed; at most {} are allowed", NewCampaign::MAX_LISTED)]
    ListTooLong {
        /// How many.
        len: usize,
    },
    /// A listed name that could be a device of any of the package's products.
    #[error("the package is for several products: write {device} as PRODUCT/{device}")]
    WhichProduct {
        /// The name.
        device: DeviceName,
    },
    /// More than [`NewCampaign::MAX_SOURCE_VERSIONS`].
    #[error("{count} source versions are named; at most {} are allowed", NewCampaign::MAX_SOURCE_VERSIONS)]
    TooManySources {
        /// How many.
        count: usize,
    },
    /// A device at the target has nothing to do.
    #[error("source version {version} is the package's own version")]
    SourceIsTarget {
        /// The version.
        version: Version,
    },
    /// Too short or too long a timeout.
    #[error("a timeout of {seconds} s is not allowed; 1 s to 30 days is")]
    Timeout {
        /// Its length in whole seconds.
        seconds: u64,
    },
    /// More than [`Rules::MAX_RETRIES`].
    #[error("{retries} retries are not allowed; 0 to {} are", Rules::MAX_RETRIES)]
    Retries {
        /// How many.
        retries: u8,
    },
    /// More than [`Rules::MAX_RETRY_INTERVAL`].
    #[error("a retry interval of {minutes} minutes is not allowed; 0 to 4320 are")]
    RetryInterval {
        /// Its length in whole minutes.
        minutes: u64,
    },
    /// Too short or too long a time for an answer.
    #[error("{seconds} s for an answer are not allowed; 1 s to 3600 s are")]
    AnswerTimeout {
        /// Its length in whole seconds.
        seconds: u64,
    },
    /// Too short or too long a validity.
    #[error("a validity of {days} days is not allowed; 1 to 30 are")]
    Validity {
        /// Its length in whole days.
        days: u64,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    fn v(text: &str) -> Version {
        Version::new(text).unwrap()
    }

    #[test]
    fn a_campaign_that_can_reach_nobody_is_refused() {
        let target = v("2.0.0");
        let order = NewCampaign::over_all(PackageId(1));
        assert_eq!(order.check(&target), Ok(()));
        assert_eq!(
            NewCampaign { targets: Targets::List(vec![]), ..order.clone() }.check(&target),
            Err(CampaignError::EmptyList)
        );
        assert_eq!(
            NewCampaign { source_versions: vec![target.clone()], ..order.clone() }.check(&target),
            Err(CampaignError::SourceIsTarget { version: target.clone() })
        );
        assert_eq!(
            NewCampaign { rules: Rules { retries: 6, ..Rules::default() }, ..order }.check(&target),
            Err(CampaignError::Retries { retries: 6 })
        );
    }
}
