//! How far a Task is, or how it ended: `step`, and `result` of the oldest report (onenet §2.1, §4.2).

use alloc::{format, string::String};

use serde::Deserialize;

use super::body;
use crate::{
    Failure,
    dialect::{
        ReadError,
        json::{self, Scalar},
    },
};

/// A number of the table in onenet §4.2.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Step {
    /// 0 to 99: percent downloaded. 100: all of it, which is as good as 101.
    Percent(u8),
    /// 101: the package is downloaded; it is being installed.
    Downloaded,
    /// 102 to 107: the download failed.
    DownloadFailed(DownloadFailure),
    /// 201: the device runs the target version.
    Upgraded,
    /// 202 to 208: the upgrade failed.
    UpgradeFailed(UpgradeFailure),
}

/// Why a download failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DownloadFailure {
    /// 102: no storage space.
    Storage,
    /// 103: out of memory.
    Memory,
    /// 104: a request timed out.
    Timeout,
    /// 105: the battery is too low.
    Battery,
    /// 106: the signal is too weak.
    Signal,
    /// 107: anything else.
    Other,
}

/// Why an upgrade failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum UpgradeFailure {
    /// 202: the battery is too low.
    Battery,
    /// 203: out of memory.
    Memory,
    /// 204: the package does not match the target version.
    Version,
    /// 205: the bytes do not hash to the digest.
    Digest,
    /// 206: anything else.
    Other,
    /// 207: every try is spent.
    Tries,
    /// 208: the Task expired (only the first generation's list has it).
    Expired,
}

const DOWNLOAD_FAILURES: [(DownloadFailure, u8); 6] = [
    (DownloadFailure::Storage, 102),
    (DownloadFailure::Memory, 103),
    (DownloadFailure::Timeout, 104),
    (DownloadFailure::Battery, 105),
    (DownloadFailure::Signal, 106),
    (DownloadFailure::Other, 107),
];

const UPGRADE_FAILURES: [(UpgradeFailure, u8); 7] = [
    (UpgradeFailure::Battery, 202),
    (UpgradeFailure::Memory, 203),
    (UpgradeFailure::Version, 204),
    (UpgradeFailure::Digest, 205),
    (UpgradeFailure::Other, 206),
    (UpgradeFailure::Tries, 207),
    (UpgradeFailure::Expired, 208),
];

/// What a step makes of its Task, in neutral words (onenet §4.2, §6).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Makes {
    /// It stays downloading, at that percentage.
    Downloading(u8),
    /// It is upgrading: everything is fetched.
    Upgrading,
    /// It succeeded, and the device's version is the target now.
    Succeeded,
    /// It failed.
    Failed(Failure),
}

impl Step {
    /// Its number. Percent above 100 is 100.
    pub fn number(self) -> u8 {
        match self {
            Step::Percent(percent) => percent.min(100),
            Step::Downloaded => 101,
            Step::DownloadFailed(why) => {
                DOWNLOAD_FAILURES.iter().find(|(known, _)| *known == why).map_or(107, |(_, number)| *number)
            }
            Step::Upgraded => 201,
            Step::UpgradeFailed(why) => {
                UPGRADE_FAILURES.iter().find(|(known, _)| *known == why).map_or(206, |(_, number)| *number)
            }
        }
    }

    /// What it says, for people.
    pub fn meaning(self) -> &'static str {
        use {DownloadFailure as Download, UpgradeFailure as Upgrade};
        match self {
            Step::Percent(0..100) => "it is being downloaded",
            Step::Percent(_) | Step::Downloaded => "it is downloaded",
            Step::DownloadFailed(Download::Storage) => "no storage space",
            Step::DownloadFailed(Download::Memory) => "out of memory while downloading",
            Step::DownloadFailed(Download::Timeout) => "a download request timed out",
            Step::DownloadFailed(Download::Battery) => "the battery is too low to download",
            Step::DownloadFailed(Download::Signal) => "the signal is too weak",
            Step::DownloadFailed(Download::Other) => "the download failed",
            Step::Upgraded => "it is installed",
            Step::UpgradeFailed(Upgrade::Battery) => "the battery is too low to install",
            Step::UpgradeFailed(Upgrade::Memory) => "out of memory while installing",
            Step::UpgradeFailed(Upgrade::Version) => "the package does not match the target version",
            Step::UpgradeFailed(Upgrade::Digest) => "the MD5 does not match",
            Step::UpgradeFailed(Upgrade::Other) => "the upgrade failed",
            Step::UpgradeFailed(Upgrade::Tries) => "every try is spent",
            Step::UpgradeFailed(Upgrade::Expired) => "the task expired",
        }
    }

    /// The step of that number; none if there is none.
    pub fn from_number(number: i128) -> Option<Self> {
        let number = u8::try_from(number).ok()?;
        let download = DOWNLOAD_FAILURES.iter().find(|(_, known)| *known == number);
        let upgrade = UPGRADE_FAILURES.iter().find(|(_, known)| *known == number);
        match number {
            0..=100 => Some(Step::Percent(number)),
            101 => Some(Step::Downloaded),
            201 => Some(Step::Upgraded),
            _ => download
                .map(|(why, _)| Step::DownloadFailed(*why))
                .or(upgrade.map(|(why, _)| Step::UpgradeFailed(*why))),
        }
    }

    /// What it makes of its Task.
    pub fn makes(self) -> Makes {
        use {DownloadFailure as Download, UpgradeFailure as Upgrade};
        match self {
            Step::Percent(percent @ 0..100) => Makes::Downloading(percent),
            Step::Percent(_) | Step::Downloaded => Makes::Upgrading,
            Step::DownloadFailed(Download::Storage | Download::Memory) => Makes::Failed(Failure::Write),
            Step::DownloadFailed(_) => Makes::Failed(Failure::Download),
            Step::Upgraded => Makes::Succeeded,
            Step::UpgradeFailed(Upgrade::Digest) => Makes::Failed(Failure::Digest),
            Step::UpgradeFailed(_) => Makes::Failed(Failure::Upgrade),
        }
    }

    /// How a device says a neutral step. 100 % is sent as 100 and 101 is never sent: the third generation refuses 101 after
    /// 100 (onenet §4.2).
    pub fn of(step: crate::Step) -> Self {
        match step {
            crate::Step::Percent(percent) => Step::Percent(percent.min(100)),
            crate::Step::Failed(Failure::Download) => Step::DownloadFailed(DownloadFailure::Other),
            crate::Step::Failed(Failure::Write) => Step::DownloadFailed(DownloadFailure::Storage),
            crate::Step::Failed(Failure::Digest) => Step::UpgradeFailed(UpgradeFailure::Digest),
            crate::Step::Failed(Failure::Upgrade) => Step::UpgradeFailed(UpgradeFailure::Other),
        }
    }
}

/// The body of a progress report.
pub(super) fn write(step: Step) -> String {
    format!(r#"{{"step":{}}}"#, step.number())
}

/// The body of the oldest result report.
pub(super) fn write_result(step: Step) -> String {
    format!(r#"{{"result":{}}}"#, step.number())
}

#[derive(Deserialize)]
struct Told {
    #[serde(alias = "result")]
    step: Scalar,
}

/// Reads either body.
pub(super) fn read(text: &[u8]) -> Result<Step, ReadError> {
    let Told { step } = body::read(text)?;
    let number = step.number().ok_or_else(|| json::malformed("step is no number"))?;
    Step::from_number(number).ok_or_else(|| json::malformed("step is not 0 to 107 or 201 to 208"))
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use proptest::prelude::*;

    use super::*;

    /// Source: onenet §4.2.
    #[test]
    fn every_step_has_the_vendors_number_and_no_other_number_is_one() {
        for number in -300..=600 {
            let known = (0..=107).contains(&number) || (201..=208).contains(&number);
            assert_eq!(
                Step::from_number(number).map(|step| i128::from(step.number())),
                known.then_some(number)
            );
        }
        assert_eq!((Step::from_number(i128::MAX), Step::from_number(256 + 50)), (None, None));
    }

    /// Source: onenet §4.2, the column of what the task becomes.
    #[test]
    fn a_step_makes_of_its_task_what_the_table_says() {
        let makes = |number: i128| Step::from_number(number).unwrap().makes();
        assert_eq!((makes(0), makes(99)), (Makes::Downloading(0), Makes::Downloading(99)));
        assert_eq!((makes(100), makes(101)), (Makes::Upgrading, Makes::Upgrading));
        assert_eq!(makes(201), Makes::Succeeded);
        assert_eq!(makes(205), Makes::Failed(Failure::Digest));
        assert_eq!(makes(107), Makes::Failed(Failure::Download));
        assert_eq!(makes(102), Makes::Failed(Failure::Write));
        for number in (102..=107).chain(202..=208) {
            assert!(matches!(makes(number), Makes::Failed(_)), "{number}");
        }
    }

    #[test]
    fn a_failure_comes_back_as_the_same_neutral_failure() {
        for failure in [Failure::Upgrade, Failure::Download, Failure::Digest, Failure::Write] {
            assert_eq!(Step::of(crate::Step::Failed(failure)).makes(), Makes::Failed(failure));
        }
        assert_eq!(Step::of(crate::Step::Percent(255)), Step::Percent(100));
    }

    /// Source: onenet §2.4.
    #[test]
    fn it_is_written_as_the_vendor_writes_it_and_read_quoted_too() {
        assert_eq!(write(Step::Percent(50)), r#"{"step":50}"#);
        assert_eq!(write_result(Step::Upgraded), r#"{"result":201}"#);
        for text in [r#"{"step":50}"#, r#"{"step":"50"}"#, r#" {"step":50,"more":[]} "#, r#"{"result":50}"#] {
            assert_eq!(read(text.as_bytes()), Ok(Step::Percent(50)), "{text}");
        }
    }

    #[test]
    fn what_is_no_step_is_refused() {
        for text in [
            "",
            "{}",
            "[50]",
            r#"{"step":-1}"#,
            r#"{"step":108}"#,
            r#"{"step":306}"#,
            r#"{"step":1.5}"#,
            r#"{"step":null}"#,
        ] {
            assert!(matches!(read(text.as_bytes()), Err(ReadError::Malformed(_))), "{text}");
        }
    }

    proptest! {
        #[test]
        fn every_step_comes_back_from_the_wire_as_it_went_in(number in prop_oneof![0..=107_i128, 201..=208_i128]) {
            let step = Step::from_number(number).unwrap();
            prop_assert_eq!(read(write(step).as_bytes()), Ok(step));
            prop_assert_eq!(read(write_result(step).as_bytes()), Ok(step));
        }

        #[test]
        fn random_bytes_never_panic(bytes: Vec<u8>) {
            let _ = read(&bytes);
        }
    }
}
