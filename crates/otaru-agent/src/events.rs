//! What an agent tells its user: one serializable value for each thing that happens.

use otaru_wire::{DeviceId, Digest, Failure, Module, NoConfig, Version};
use serde::{Deserialize, Serialize};

use crate::boot::Slot;

/// Something happened. As JSON, one object with the name in `event`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum AgentEvent {
    /// The agent runs.
    Started {
        /// Who it is.
        device: DeviceId,
        /// What each module runs.
        modules: Vec<ModuleState>,
    },
    /// The platform gave the device what it logs in with from now on, and it is kept.
    Registered,
    /// The device has nothing to log in with yet: its registration failed and is tried again.
    NotRegistered {
        /// Why, and what to do.
        reason: String,
        /// Milliseconds until the next attempt.
        retry_after_ms: u64,
    },
    /// A device behind this one runs: it is with this gateway from now on, or it has rebooted.
    Booted {
        /// What each module runs.
        modules: Vec<ModuleState>,
    },
    /// A device cannot be behind this one.
    NotAdmitted {
        /// Why.
        reason: String,
    },
    /// A device is not behind this one any more.
    Dismissed,
    /// The session with the platform is up; a device behind this one is logged in through it.
    Online,
    /// There is no session with the platform; a device behind this one is not, or could not be, logged in.
    Offline {
        /// Why.
        reason: String,
        /// Milliseconds until the next attempt.
        retry_after_ms: u64,
    },
    /// A Task is offered. With `policy.ask_before_fetch` it waits for a decision.
    Offered {
        /// The version offered.
        version: Version,
        /// The module it is for.
        module: Module,
        /// The number of files.
        files: usize,
        /// All their bytes.
        total_bytes: u64,
        /// Each of them, in the order in which they are fetched.
        contents: Vec<OfferedFile>,
        /// True for a difference against the running version.
        delta: bool,
        /// True if the platform leaves the moment to the device; only the dialect `jd` tells it.
        silent: bool,
        /// Extra data for the device: the text of a JSON object.
        extra: Option<String>,
    },
    /// Fetching began, or went on.
    Fetching {
        /// The module.
        module: Module,
        /// Which file, from 0.
        file: usize,
        /// From this byte of it.
        offset: u64,
        /// True if the bytes before come from before a power cut.
        resumed: bool,
    },
    /// All bytes of a fetch are here: of a whole file, or of a part of it with `policy.range_bytes`.
    Fetched {
        /// The module.
        module: Module,
        /// Which file, from 0.
        file: usize,
        /// The offset one past the last byte.
        end: u64,
        /// The file's length in bytes.
        size: u64,
    },
    /// So much of the package is stored.
    Progress {
        /// Which file is fetched, from 0.
        file: usize,
        /// Stored bytes of that file.
        file_done: u64,
        /// All bytes of that file.
        file_total: u64,
        /// Stored bytes of all files.
        done: u64,
        /// All bytes of all files.
        total: u64,
        /// Bytes of files that came over HTTP, or in blocks over MQTT, to this process so far.
        downloaded_bytes: u64,
    },
    /// Bytes of files that came over HTTP, or in blocks over MQTT, to this process so far. Told at most a quarter of a second after they came,
    /// and at each turn of a Task.
    Traffic {
        /// The bytes.
        downloaded_bytes: u64,
    },
    /// A fetch failed and is tried again.
    Retrying {
        /// Why.
        reason: String,
        /// Milliseconds until then.
        after_ms: u64,
    },
    /// The link did not work any more; a fresh one was asked for.
    LinkRefused {
        /// The HTTP status.
        status: u16,
    },
    /// The platform refused a block of a file over MQTT; a fresh notice was asked for.
    BlockRefused {
        /// The platform's number.
        code: i64,
        /// Its reason; may be empty.
        reason: String,
    },
    /// Stored bytes cannot be used; fetching starts over at zero.
    StartedOver {
        /// Why.
        reason: String,
    },
    /// Every file is stored and hashes to its digest.
    Verified,
    /// The new slot is ready. With `policy.ask_before_activate` it waits for a decision.
    Staged,
    /// The new slot boots next.
    Activated {
        /// The module.
        module: Module,
        /// The version it holds.
        version: Version,
    },
    /// The device reboots.
    Rebooting,
    /// The new slot runs, unconfirmed.
    Trial,
    /// The new slot is confirmed.
    Updated {
        /// The module.
        module: Module,
        /// Its version.
        version: Version,
    },
    /// The old slot is back.
    FellBack {
        /// The module.
        module: Module,
        /// Why.
        reason: String,
    },
    /// The Task failed; the running slot is untouched.
    Failed {
        /// Where.
        failure: Failure,
        /// Why.
        reason: String,
    },
    /// The Task is given up for another, or was canceled.
    Dropped {
        /// Why.
        reason: String,
    },
    /// At the start a module's files could not be made what its boot marker says. On Trial the new version counts as
    /// sick; the next start tries again.
    NotSettled {
        /// The module.
        module: Module,
        /// Why.
        reason: String,
    },
    /// The platform has a Config for this device, which will be fetched.
    ConfigOffered {
        /// Which.
        id: String,
        /// Its length in bytes.
        size: u64,
    },
    /// Fetching a Config failed and is tried again.
    ConfigRetrying {
        /// Which.
        id: String,
        /// Why.
        reason: String,
        /// Milliseconds until then.
        after_ms: u64,
    },
    /// A Config is in its file, and the command agreed to it.
    ConfigTaken {
        /// Which.
        id: String,
        /// Its length in bytes.
        size: u64,
    },
    /// A Config could not be had, was refused, or gave way to a newer one.
    ConfigFailed {
        /// Which; none if the platform did not answer.
        id: Option<String>,
        /// Why.
        reason: String,
    },
    /// The platform has no Config.
    NoConfig {
        /// True if the product has the function switched off.
        switched_off: bool,
    },
    /// The platform sent something that cannot be followed.
    Ignored {
        /// What and why.
        reason: String,
    },
}

/// Something happened to one of the devices that a gateway's agent takes care of. As JSON, the event with one key more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GatewayEvent {
    /// What happened.
    #[serde(flatten)]
    pub event: AgentEvent,
    /// To which device behind the agent's own; none: to its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sub_device: Option<DeviceId>,
}

/// One file of an offer. Where it comes from is not told: its link is good for whoever has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OfferedFile {
    /// Its name, where the platform gives it one.
    pub name: Option<String>,
    /// Its length in bytes.
    pub size: u64,
    /// What its bytes hash to; as JSON in hex, whose length tells the method.
    pub digest: Digest,
}

/// What one module runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModuleState {
    /// The module.
    pub module: Module,
    /// Its version.
    pub version: Version,
    /// The slot it runs from.
    pub slot: Slot,
}

impl AgentEvent {
    /// The core's event as the user sees it.
    pub(crate) fn from_core(event: otaru_core::Event, module: &Module, downloaded_bytes: u64) -> Self {
        use otaru_core::Event;
        match event {
            Event::Offered(task) => Self::Offered {
                version: task.version,
                module: task.module,
                files: task.files.len(),
                total_bytes: task.total_bytes,
                contents: task
                    .files
                    .into_iter()
                    .map(|file| OfferedFile { name: file.name, size: file.size, digest: file.digest })
                    .collect(),
                delta: task.delta,
                silent: task.silent,
                extra: task.extra,
            },
            Event::Fetching { file, offset, resumed } => {
                Self::Fetching { module: module.clone(), file, offset, resumed }
            }
            Event::Fetched { file, end, size } => Self::Fetched { module: module.clone(), file, end, size },
            Event::Progress { file, file_done, file_total, done, total } => {
                Self::Progress { file, file_done, file_total, done, total, downloaded_bytes }
            }
            Event::Retrying { reason, after_ms } => Self::Retrying { reason: reason.to_string(), after_ms },
            Event::LinkRefused { status } => Self::LinkRefused { status },
            Event::BlockRefused { code, reason } => Self::BlockRefused { code, reason },
            Event::StartedOver { reason } => Self::StartedOver { reason },
            Event::Verified => Self::Verified,
            Event::Staged => Self::Staged,
            Event::Trial => Self::Trial,
            Event::Updated { module, version } => Self::Updated { module, version },
            Event::FellBack { module, reason } => Self::FellBack { module, reason },
            Event::Failed { failure, reason } => Self::Failed { failure, reason },
            Event::Dropped { reason } => Self::Dropped { reason },
            Event::ConfigOffered(config) => Self::ConfigOffered { id: config.id, size: config.size },
            Event::ConfigRetrying { id, reason, after_ms } => {
                Self::ConfigRetrying { id, reason: reason.to_string(), after_ms }
            }
            Event::ConfigTaken(config) => Self::ConfigTaken { id: config.id, size: config.size },
            Event::ConfigFailed { id, reason } => Self::ConfigFailed { id, reason },
            Event::NoConfig(why) => Self::NoConfig { switched_off: why == NoConfig::SwitchedOff },
            Event::Ignored { reason } => Self::Ignored { reason },
            Event::Refused { reason, .. } => Self::Ignored { reason: reason.to_string() },
        }
    }

    /// True for those after which the Task is no more.
    pub(crate) fn ends_task(&self) -> bool {
        matches!(
            self,
            Self::Updated { .. } | Self::FellBack { .. } | Self::Failed { .. } | Self::Dropped { .. }
        )
    }

    /// True for the turns of a Task after which a process may end: the traffic is told beside them.
    pub(crate) fn is_turn(&self) -> bool {
        matches!(
            self,
            Self::Verified
                | Self::StartedOver { .. }
                | Self::Failed { .. }
                | Self::Dropped { .. }
                | Self::Retrying { .. }
                | Self::LinkRefused { .. }
                | Self::BlockRefused { .. }
        )
    }
}
