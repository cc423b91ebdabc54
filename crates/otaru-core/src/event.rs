//! What the updater tells the user.

use alloc::{string::String, vec::Vec};

use otaru_wire::{Digest, Failure, File, Limits, Module, NoConfig, Report, Version, dialect::AnswerError};

use crate::Trouble;

/// A Task as the user sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskSummary {
    /// The version offered.
    pub version: Version,
    /// The module it is for.
    pub module: Module,
    /// Its files in the order in which they are fetched: name, size, digests, and the link or stream each comes from.
    pub files: Vec<File>,
    /// The bytes of all files together.
    pub total_bytes: u64,
    /// How the files come; one package never mixes them.
    pub protocol: Protocol,
    /// Extra data: the text of a JSON object.
    pub extra: Option<String>,
    /// A signature over the package, base64, where the product has one. Nobody has checked it.
    pub signature: Option<String>,
    /// True for a difference against the running version.
    pub delta: bool,
    /// True if the platform leaves the moment to the device, false if it wants the update at once. Only some dialects tell
    /// it (jd-iot-engine §4.1).
    pub silent: bool,
    /// What the device is to keep to. `retry` and `interval_s` are kept to already; signal and power are for the user to know,
    /// who may postpone or refuse (onenet §2.3).
    pub limits: Limits,
}

/// How a package's files come to the device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// By HTTP(S) links.
    Http,
    /// In blocks over the session with the platform (aliyun-link-sdk-v4 §3).
    Mqtt,
}

/// A Config as the user sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigSummary {
    /// Which one. A stranger's text of 1 to 64 bytes: never a path.
    pub id: String,
    /// Its length in bytes.
    pub size: u64,
    /// What its bytes hash to; its method is the digest's.
    pub digest: Digest,
    /// How it is fetched; `file` is the only one known (aliyun-link-sdk-v4 §2.6).
    pub get_type: String,
}

/// Something the user may want to know. No answer is needed, except where said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A Task is offered. If the policy asks, the updater waits for [`Input::Decision`](crate::Input::Decision).
    Offered(TaskSummary),
    /// Fetching began, or went on.
    Fetching {
        /// Which file, from 0.
        file: usize,
        /// From this byte of it: above zero after a break.
        offset: u64,
        /// True if the bytes before `offset` come from before a power cut.
        resumed: bool,
    },
    /// Bytes stored so far, of the file that is fetched and of the whole package; no more often than the policy says.
    Progress {
        /// Which file, from 0.
        file: usize,
        /// Stored bytes of that file.
        file_done: u64,
        /// All bytes of that file.
        file_total: u64,
        /// Stored bytes of all files.
        done: u64,
        /// All bytes of all files.
        total: u64,
    },
    /// All bytes of a fetch are here: of a whole file, or of a part of it if the policy bounds what is asked for at
    /// once. Nothing is proven yet.
    Fetched {
        /// Which file, from 0.
        file: usize,
        /// The offset one past the last byte.
        end: u64,
        /// The file's length in bytes.
        size: u64,
    },
    /// The platform refuses what it was told or asked by a call, and the same again would be refused again.
    Refused {
        /// What it was.
        report: Report,
        /// What the platform says.
        reason: AnswerError,
    },
    /// A fetch or a call failed; the next try comes at its time.
    Retrying {
        /// What went wrong.
        reason: Trouble,
        /// Milliseconds until the next try.
        after_ms: u64,
    },
    /// The link did not work any more; a fresh one was asked for.
    LinkRefused {
        /// The status code that said so.
        status: u16,
    },
    /// The platform refused a block of a file over MQTT; a fresh notice was asked for.
    BlockRefused {
        /// The platform's number.
        code: i64,
        /// Its reason; may be empty.
        reason: String,
    },
    /// The stored bytes cannot be used; fetching starts over at zero.
    StartedOver {
        /// Why.
        reason: String,
    },
    /// Every file's bytes are stored and hash to their digest.
    Verified,
    /// The new slot is ready. If the policy asks, the updater waits for [`Input::Decision`](crate::Input::Decision).
    Staged,
    /// The new slot runs on trial.
    Trial,
    /// The new slot is confirmed and the new version is being reported.
    Updated {
        /// The module.
        module: Module,
        /// Its new version.
        version: Version,
    },
    /// The old slot is back.
    FellBack {
        /// The module.
        module: Module,
        /// Why.
        reason: String,
    },
    /// The Task ended without success; the running slot is untouched.
    Failed {
        /// Where.
        failure: Failure,
        /// Why.
        reason: String,
    },
    /// Another notice took the Task's place, or the user canceled it.
    Dropped {
        /// Why.
        reason: String,
    },
    /// A Config was pushed, or is the answer to a query, and will be fetched.
    ConfigOffered(ConfigSummary),
    /// Fetching a Config failed; the next try comes at its time.
    ConfigRetrying {
        /// Which Config.
        id: String,
        /// What went wrong.
        reason: Trouble,
        /// Milliseconds until the next try.
        after_ms: u64,
    },
    /// The user has taken a Config; a push of it is being answered with 200.
    ConfigTaken(ConfigSummary),
    /// A Config could not be had, was refused by the user, or gave way to a newer one; a push of it is being answered
    /// with 400.
    ConfigFailed {
        /// Which Config; none if a query was not answered.
        id: Option<String>,
        /// Why.
        reason: String,
    },
    /// The platform has no Config.
    NoConfig(NoConfig),
    /// The platform sent something that cannot be followed. Nothing changed.
    Ignored {
        /// What and why.
        reason: String,
    },
}
