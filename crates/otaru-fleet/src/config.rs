//! Remote configuration: the versions that a product has, and what became of them on each device.

use std::fmt;

use otaru_wire::{DeviceId, Digest, MessageId, ProductKey};

use crate::{ConfigId, TaskId, Timestamp, named::named};

/// How many versions of a product's configuration are kept: the vendor's number (aliyun-link-sdk-v4 §2.6).
pub const KEPT_CONFIGS: usize = 5;

/// One version of a product's configuration. It never changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Its number; devices are told `cfg-` and this.
    pub id: ConfigId,
    /// Whose devices it is for.
    pub product: ProductKey,
    /// The SHA-256 of its bytes, by which the file store knows it.
    pub sha256: [u8; 32],
    /// Its length in bytes, above zero.
    pub size: u64,
    /// When it was set.
    pub created_at: Timestamp,
}

impl Config {
    /// The Config as a device sees it; `url` is its link. SHA-256 is what both generations of SDKs check
    /// (aliyun-link-sdk-v4 §2.6, aliyun-iotkit-v3 §2.4).
    pub fn told(&self, url: String) -> otaru_wire::Config {
        otaru_wire::Config {
            id: format!("cfg-{}", self.id),
            size: self.size,
            digest: Digest::Sha256(self.sha256),
            url,
            get_type: "file".to_owned(),
        }
    }
}

named! {
    /// How far a device is with its Config. Stock SDKs never say that they took one: `Fetched` is all that is heard of it.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
    pub enum ConfigState {
        /// A push was ordered; the device has not been told.
        Waiting = "waiting",
        /// The device was given a link, by a push or because it asked.
        Told = "told",
        /// The device followed its link.
        Fetched = "fetched",
        /// The device said that it takes it.
        Taken = "taken",
        /// The device said that it does not.
        Refused = "refused",
    }
    /// A text that names no state of a Config.
    else UnknownConfigState("no state of a configuration is named {0:?}")
}

/// What became of its product's configuration on one device: one value a device, the latest.
///
/// The methods say what an event makes of it; none: nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceConfig {
    /// The device.
    pub device: DeviceId,
    /// Which version.
    pub config: ConfigId,
    /// How far it is.
    pub state: ConfigState,
    /// What the device answered to a push: 200 if it takes it.
    pub code: Option<u16>,
    /// When the push was ordered, or the device asked. Numbers the push.
    pub ordered_at: Timestamp,
    /// When anything of it last changed.
    pub updated_at: Timestamp,
}

/// The one thing that a push waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConfigHold {
    /// The device to connect.
    Connection,
    /// The end of a Task in progress: v3's SDK refuses a push meanwhile, and reports the progress of both alike
    /// (aliyun-iotkit-v3 §2.4).
    Task(TaskId),
    /// Its turn to be told.
    Turn,
}

impl fmt::Display for ConfigHold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ConfigHold::Connection => f.write_str("waits for the device, which is offline"),
            ConfigHold::Task(task) => write!(f, "waits for the end of task {task}, which is in progress"),
            ConfigHold::Turn => f.write_str("waits for its turn to be told"),
        }
    }
}

impl DeviceConfig {
    /// The device asked, and is told of this version.
    pub fn asked(device: DeviceId, config: ConfigId, now: Timestamp) -> Self {
        Self { device, config, state: ConfigState::Told, code: None, ordered_at: now, updated_at: now }
    }

    /// The push was handed to the device; `config` is the newest version by now.
    pub fn on_told(&self, config: ConfigId, now: Timestamp) -> Option<Self> {
        (self.state == ConfigState::Waiting).then(|| Self { config, ..self.next(ConfigState::Told, now) })
    }

    /// The device followed a link to this version.
    pub fn on_fetched(&self, config: ConfigId, now: Timestamp) -> Option<Self> {
        let told = matches!(self.state, ConfigState::Waiting | ConfigState::Told);
        (told && self.config == config).then(|| self.next(ConfigState::Fetched, now))
    }

    /// The device answered a push. A refusal while one of its Tasks is in progress (`busy`) only means later. An answer
    /// to another push than the last says nothing, nor does a second answer.
    pub fn on_answer(&self, push: &MessageId, code: u16, busy: bool, now: Timestamp) -> Option<Self> {
        let this_push = match push {
            MessageId::Number(number) => *number == self.ordered_at.0,
            MessageId::Text(text) => text.parse() == Ok(self.ordered_at.0),
        };
        let open = matches!(self.state, ConfigState::Waiting | ConfigState::Told | ConfigState::Fetched);
        let state = match code {
            200 => ConfigState::Taken,
            _ if busy => ConfigState::Waiting,
            _ => ConfigState::Refused,
        };
        (this_push && open).then(|| Self { code: Some(code), ..self.next(state, now) })
    }

    /// What its push waits for; none if it does not wait. `in_progress` is the device's Task in progress.
    pub fn hold(&self, connected: bool, in_progress: Option<TaskId>) -> Option<ConfigHold> {
        if self.state != ConfigState::Waiting {
            return None;
        }
        Some(match in_progress {
            _ if !connected => ConfigHold::Connection,
            Some(task) => ConfigHold::Task(task),
            None => ConfigHold::Turn,
        })
    }

    fn next(&self, state: ConfigState, now: Timestamp) -> Self {
        Self { state, updated_at: now, ..self.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ORDERED: Timestamp = Timestamp(77);
    const NOW: Timestamp = Timestamp(99);

    fn in_state(state: ConfigState) -> DeviceConfig {
        let device = DeviceId { product: "a1".parse().unwrap(), device: "d1".parse().unwrap() };
        DeviceConfig { state, ..DeviceConfig::asked(device, ConfigId(7), ORDERED) }
    }

    #[test]
    fn a_push_waits_is_told_fetched_and_taken_in_this_order_only() {
        let waiting = in_state(ConfigState::Waiting);
        let told = waiting.on_told(ConfigId(8), NOW).unwrap();
        assert_eq!((told.state, told.config, told.updated_at), (ConfigState::Told, ConfigId(8), NOW));
        assert_eq!(told.on_told(ConfigId(9), NOW), None, "it is told once");
        assert_eq!(told.on_fetched(ConfigId(7), NOW), None, "an older version's link says nothing");
        let fetched = told.on_fetched(ConfigId(8), NOW).unwrap();
        assert_eq!(fetched.on_fetched(ConfigId(8), NOW), None);
        let taken = fetched.on_answer(&MessageId::Number(77), 200, false, NOW).unwrap();
        assert_eq!((taken.state, taken.code), (ConfigState::Taken, Some(200)));
        assert_eq!(taken.on_answer(&MessageId::Number(77), 400, false, NOW), None, "the first answer stands");
        assert_eq!(taken.on_fetched(ConfigId(8), NOW), None);
    }

    #[test]
    fn an_answer_counts_for_its_own_push_and_a_busy_device_is_told_again() {
        let told = in_state(ConfigState::Told);
        for push in [MessageId::Number(76), MessageId::Text("78".into()), MessageId::Text("x".into())] {
            assert_eq!(told.on_answer(&push, 200, false, NOW), None, "{push:?}");
        }
        let answered =
            |code, busy| told.on_answer(&MessageId::Text("77".into()), code, busy, NOW).unwrap().state;
        assert_eq!(answered(200, true), ConfigState::Taken);
        assert_eq!(answered(400, true), ConfigState::Waiting);
        assert_eq!(answered(400, false), ConfigState::Refused);
    }

    #[test]
    fn what_a_push_waits_for_is_one_thing() {
        let waiting = in_state(ConfigState::Waiting);
        let task = Some(TaskId(3));
        assert_eq!(waiting.hold(false, task), Some(ConfigHold::Connection));
        assert_eq!(waiting.hold(true, task), Some(ConfigHold::Task(TaskId(3))));
        assert_eq!(waiting.hold(true, None), Some(ConfigHold::Turn));
        assert_eq!(in_state(ConfigState::Told).hold(false, task), None);
        for state in ConfigState::ALL {
            assert_eq!(state.as_str().parse(), Ok(state));
        }
    }
}
