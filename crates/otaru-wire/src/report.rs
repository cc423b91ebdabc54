//! What a device says back.

use alloc::string::String;

use serde::{Deserialize, Serialize};

use crate::{BlockRequest, GatewayReport, MessageId, Module, TaskName, Version};

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
        /// The Task, where the platform names it.
        task: Option<TaskName>,
        /// Percent or failure.
        step: Step,
        /// Free text for people; at most 128 bytes are sent (aliyun-link-sdk-v4 §2.4).
        description: String,
    },
    /// Asks whether there is a Task, or for fresh links of the one in hand.
    Query {
        /// The part of the device.
        module: Module,
        /// What it is running, where the dialect's question tells it (aliyun-iotkit-v3 §2.2); it is no version report.
        running: Option<Version>,
        /// The version asked for, where the dialect's question names one (jd-iot-engine §5).
        wanted: Option<Version>,
    },
    /// Asks whether the Task of that name is still to be done.
    TaskCheck {
        /// The Task.
        task: TaskName,
    },
    /// The new version of a Task with a name runs and is confirmed. The [`Report::Version`] that follows tells which.
    Done {
        /// The Task.
        task: TaskName,
    },
    /// A notice that was pushed is taken or refused; said at once, where the dialect wants that (jd-iot-engine §5).
    NoticeTaken {
        /// The number of the push.
        push: MessageId,
        /// 200 if it is taken.
        code: u16,
    },
    /// Asks for a part of a file over MQTT.
    Block(BlockRequest),
    /// Asks whether there is a Config.
    ConfigQuery,
    /// A Config that was pushed is taken or refused.
    ConfigTaken {
        /// The number of the push.
        push: MessageId,
        /// 200 if it is taken; v3's SDK refuses with 400 (aliyun-iotkit-v3 §2.4).
        code: u16,
    },
    /// A gateway speaks of the devices behind it.
    Gateway(GatewayReport),
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

impl Step {
    /// The step's number on the wire: 0 to 100, or a failure's (aliyun-link-sdk-v4 §7.6). Percent above 100 is 100.
    pub fn code(self) -> i8 {
        match self {
            Step::Percent(percent) => percent.min(100) as i8,
            Step::Failed(failure) => failure.code(),
        }
    }

    /// The step of that number; none if there is no such step.
    pub fn from_code(code: i64) -> Option<Self> {
        match u8::try_from(code) {
            Ok(percent) => (percent <= 100).then_some(Step::Percent(percent)),
            Err(_) => Failure::from_code(code).map(Step::Failed),
        }
    }
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

/// Every failure and its number, read from both sides (aliyun-link-sdk-v4 §7.6).
const FAILURE_CODES: [(Failure, i8); 4] =
    [(Failure::Upgrade, -1), (Failure::Download, -2), (Failure::Digest, -3), (Failure::Write, -4)];

impl Failure {
    /// The failure's number: −1 to −4.
    pub fn code(self) -> i8 {
        FAILURE_CODES.iter().find(|(failure, _)| *failure == self).map_or(-1, |(_, code)| *code)
    }

    /// The failure of that number; none if there is no such failure.
    pub fn from_code(code: i64) -> Option<Self> {
        FAILURE_CODES.iter().find(|(_, known)| i64::from(*known) == code).map(|(failure, _)| *failure)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Source: aliyun-link-sdk-v4 §7.6.
    #[test]
    fn every_failure_has_the_vendors_number() {
        assert_eq!(Failure::Upgrade.code(), -1);
        assert_eq!(Failure::Download.code(), -2);
        assert_eq!(Failure::Digest.code(), -3);
        assert_eq!(Failure::Write.code(), -4);
    }

    #[test]
    fn every_step_comes_back_from_its_number_and_no_other_number_is_one() {
        for code in -300..=300 {
            match Step::from_code(code) {
                Some(step) => assert_eq!(i64::from(step.code()), code),
                None => assert!(!(-4..=100).contains(&code), "{code}"),
            }
            assert_eq!(Step::from_code(code).is_some(), (-4..=100).contains(&code), "{code}");
        }
        assert_eq!(Step::from_code(i64::MIN), None);
        assert_eq!(Step::from_code(i64::MAX), None);
        assert_eq!(Step::Percent(255).code(), 100);
    }
}
