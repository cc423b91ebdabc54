//! Many Tasks with one intent.

use std::{collections::HashSet, time::Duration};

use otaru_wire::{DeviceName, Version};
use serde::{Deserialize, Serialize};

use crate::{CampaignId, PackageId, Timestamp};

/// Which devices a campaign asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Targets {
    /// Every device that the package's product has now.
    All,
    /// The devices of these names. One named twice counts once.
    List(Vec<DeviceName>),
}

/// What is kept of [`Targets`]: each listed device is a task or a skip of the campaign.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// Every device that the product had when the campaign began.
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
    /// How long a device may take, counted from its first progress report (aliyun-link-sdk-v4 §7.3).
    pub timeout: Duration,
}

impl NewCampaign {
    /// How long a device may take unless the order says otherwise.
    pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(60 * 60);
    /// The longest list of devices (aliyun-link-sdk-v4 §7.5: 10 000; more than that here, since it costs little).
    pub const MAX_LISTED: usize = 100_000;
    /// The most source versions (aliyun-link-sdk-v4 §7.5).
    pub const MAX_SOURCE_VERSIONS: usize = 10;
    /// The shortest timeout.
    pub const MIN_TIMEOUT: Duration = Duration::from_secs(1);
    /// The longest timeout. The vendor's is one day (aliyun-link-sdk-v4 §7.3).
    pub const MAX_TIMEOUT: Duration = Duration::from_secs(30 * 24 * 60 * 60);

    /// A campaign over all devices with the default timeout.
    pub fn over_all(package: PackageId) -> Self {
        Self { package, targets: Targets::All, source_versions: Vec::new(), timeout: Self::DEFAULT_TIMEOUT }
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
        if !(Self::MIN_TIMEOUT..=Self::MAX_TIMEOUT).contains(&self.timeout) {
            return Err(CampaignError::Timeout { seconds: self.timeout.as_secs() });
        }
        Ok(())
    }

    /// What is kept of the targets.
    pub fn scope(&self) -> Scope {
        match &self.targets {
            Targets::All => Scope::All,
            Targets::List(names) => Scope::List(names.iter().collect::<HashSet<_>>().len() as u64),
        }
    }
}

/// Where a campaign is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CampaignState {
    /// Some of its tasks are open.
    Running,
    /// All of its tasks came to an end by themselves.
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
    /// How long a device may take, counted from its first progress report.
    pub timeout: Duration,
    /// Where it is.
    pub state: CampaignState,
    /// When it was made; it starts at once.
    pub created_at: Timestamp,
    /// When it came to an end.
    pub ended_at: Option<Timestamp>,
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
            NewCampaign { timeout: Duration::ZERO, ..order }.check(&target),
            Err(CampaignError::Timeout { seconds: 0 })
        );
    }

    #[test]
    fn a_device_listed_twice_counts_once() {
        let name = DeviceName::new("d1").unwrap();
        let order = NewCampaign {
            targets: Targets::List(vec![name.clone(), name]),
            ..NewCampaign::over_all(PackageId(1))
        };
        assert_eq!(order.scope(), Scope::List(1));
    }
}
