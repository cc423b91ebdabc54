//! What a device keeps across a power cut.

mod bytes;
mod cursor;

use alloc::{string::String, vec, vec::Vec};

use otaru_wire::{
    Config, Digest, DigestMethod, Failure, File, Hasher, Limits, Module, Notice, Report, Step, TaskName,
};

/// What a device keeps across a power cut: opaque to the doer, which only stores its bytes.
///
/// The default one says that no Task is in hand; it is what a device without a saved Record has.
///
/// # Layout
///
/// Numbers are little-endian. `text8` is a length of one byte and so many bytes of UTF-8; `text16` and `text32`
/// have longer lengths. Parts in brackets exist only if their flag is set.
///
/// ```text
/// record   version    u16      3
///          flags      u8       bit 0: [task], bit 1: [failed], bit 2: [config]
///          [failed]   32 + 2   SHA-256 of the offer that failed last, how often in a row (u16)
///          owed       u8       count; each: module text8, failure u8 (1 … 4), description text8,
///                              name of its Task text8 (empty: none)
///          [config]   32       SHA-256 of the Config that the user took last: id, size and digest
///          [task]
///
/// task     stage      u8       0 fetching, 1 activating, 2 reverting (then the reason: text8)
///          retries    u16 u16  downloads from zero after a wrong digest; after a replaced file
///          block      u32      bytes of a block that the platform answers; 0: not known
///          version    text8
///          module     text8
///          flags      u8       bit 0: delta, bit 1: [extra text32], bit 2: [signature text32], bit 3: silent,
///                              bit 4: [name text8, signal u8, power u8, retry u16, interval u32]
///          files      u8       count, 1 … 20; each:
///                              flags u8 (bit 0: complete, bit 1: [name text16], bit 2: SHA-256, else MD5,
///                              bit 3: over MQTT, bit 4: [second digest]), size u64, digest 16 or 32,
///                              [digest of the other method: 32 or 16], link text16, or stream u64 and file u32
///          running    u8       0, or 1: offset u64, hash state of the digest (u8 length and bytes), etag text16 (empty: none)
/// ```
///
/// `running` belongs to the first file that is not complete. Sequence number and checksum are the store's.
///
/// Version 1 had no Config, no `block`, no silent Task and no bit 4 of a file. It is still read, so that a device that
/// updates otaru itself keeps its Task. Version 2 had no names of Tasks and a second hash state, for the second digest, which is
/// left out now; it is read, too. Written is version 3 alone.
///
/// A newer layout gets a new version number; a reader refuses what it does not know ([`RecordError::Newer`]), so
/// that an older otaru that comes back after a fallback starts its Task anew instead of misreading it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Record {
    pub(crate) task: Option<Task>,
    pub(crate) failed: Option<FailedOffer>,
    pub(crate) owed: Vec<Owed>,
    /// [`config_fingerprint`] of the Config that the user took last.
    pub(crate) config: Option<[u8; 32]>,
}

/// Why bytes are not a Record.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// Cut short or damaged.
    #[error("the record is damaged")]
    Damaged,
    /// Written by a newer otaru.
    #[error("the record has version {0}, which this otaru does not know")]
    Newer(u16),
}

impl Record {
    /// The most bytes a Record has. One of a one-file package has about 700.
    pub const MAX_BYTES: usize = 256 * 1024;

    /// For each file of the Task in hand, how many bytes from its start are stored and need not be fetched again;
    /// empty without a Task.
    pub fn stored(&self) -> Vec<u64> {
        let Some(task) = &self.task else { return Vec::new() };
        let running = task.running.as_ref().map_or(0, |running| running.offset);
        let stored = |(at, file): (usize, &otaru_wire::File)| match task.complete.get(at) {
            Some(true) => file.size,
            _ if task.next_file() == Some(at) => running,
            _ => 0,
        };
        task.notice.files.iter().enumerate().map(stored).collect()
    }

    /// The Record as bytes, without sequence number and checksum.
    pub fn to_bytes(&self) -> Vec<u8> {
        bytes::write(self)
    }

    /// The Record those bytes are.
    ///
    /// # Errors
    /// [`RecordError`] if they are not one.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, RecordError> {
        bytes::read(bytes)
    }
}

/// A Task in hand, as far as a power cut must not undo it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Task {
    /// What is to be fetched, and from where.
    pub(crate) notice: Notice,
    /// How far it is.
    pub(crate) stage: Stage,
    /// For each file: all bytes are stored and hashed to its digest as they came.
    pub(crate) complete: Vec<bool>,
    /// What is stored of the first file that is not complete; none: nothing.
    pub(crate) running: Option<Running>,
    /// Downloads from zero after a digest that did not match.
    pub(crate) digest_retries: u16,
    /// Downloads from zero after the server's file changed.
    pub(crate) restarts: u16,
    /// The size of a block that the platform answers, if it left larger ones unanswered.
    pub(crate) block_bytes: Option<u32>,
}

/// How far a Task is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Files are fetched, or wait to be verified, or the user to be asked.
    Fetching,
    /// All was verified and nobody needs to be asked: the slot is being activated, or was.
    Activating,
    /// The Trial failed, and why: the old slot is being brought back.
    Reverting(String),
}

/// Stored bytes of a file, and the hash so far.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Running {
    /// So many bytes from the start are stored.
    pub(crate) offset: u64,
    /// The state of the hasher that took them, for the file's digest.
    pub(crate) hash: Vec<u8>,
    /// The validator of the server's file they are from.
    pub(crate) etag: Option<String>,
}

/// The offer that failed last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FailedOffer {
    /// [`fingerprint`] of the offer.
    pub(crate) fingerprint: [u8; 32],
    /// How often in a row.
    pub(crate) times: u16,
}

/// A failure that is still to be reported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Owed {
    /// The module it is about.
    pub(crate) module: Module,
    /// Where it failed.
    pub(crate) failure: Failure,
    /// Why; at most [`MAX_DESCRIPTION_BYTES`].
    pub(crate) description: String,
    /// The Task, where the platform names it.
    pub(crate) task: Option<TaskName>,
}

impl Owed {
    /// A failure of a module; of the Task in hand, or the one just offered, if there is a notice.
    pub(crate) fn new(module: &Module, task: Option<&TaskName>, failure: Failure, reason: &str) -> Self {
        let description = clip(reason.into(), MAX_DESCRIPTION_BYTES);
        Self { module: module.clone(), failure, description, task: task.cloned() }
    }

    /// As the platform is told.
    pub(crate) fn report(&self) -> Report {
        let Self { module, failure, description, task } = self.clone();
        Report::Progress { module, task, step: Step::Failed(failure), description }
    }
}

/// The longest description reported (aliyun-link-sdk-v4 §2.4).
pub(crate) const MAX_DESCRIPTION_BYTES: usize = 128;

/// Longest extra data and longest signature accepted, in bytes each: they are kept in the Record. The vendor's
/// own limit is 4096 and a few tags (aliyun-link-sdk-v4 §2.3).
pub(crate) const MAX_EXTRA_BYTES: usize = 16 * 1024;

/// The most failures kept to be reported: one for each module, and no device has so many.
pub(crate) const MAX_OWED: usize = 32;

/// The longest file name accepted, in bytes.
pub(crate) const MAX_NAME_BYTES: usize = 1024;

impl Task {
    /// A Task of which nothing is done.
    pub(crate) fn new(notice: Notice) -> Self {
        let complete = vec![false; notice.files.len()];
        Self {
            notice,
            stage: Stage::Fetching,
            complete,
            running: None,
            digest_retries: 0,
            restarts: 0,
            block_bytes: None,
        }
    }

    /// What the device is to keep to.
    pub(crate) fn limits(&self) -> Limits {
        self.notice.terms.as_ref().map(|terms| terms.limits).unwrap_or_default()
    }

    /// The first file that is not complete.
    pub(crate) fn next_file(&self) -> Option<usize> {
        self.complete.iter().position(|complete| !complete)
    }

    /// True if any stored byte is worth keeping.
    pub(crate) fn has_bytes(&self) -> bool {
        self.running.is_some() || self.complete.contains(&true)
    }

    /// The bytes of all complete files.
    pub(crate) fn complete_bytes(&self) -> u64 {
        let files = self.notice.files.iter().zip(&self.complete);
        files.filter(|(_, complete)| **complete).fold(0, |sum, (file, _)| sum.saturating_add(file.size))
    }

    /// A hasher that has taken the running file's stored bytes, and how many they are; from zero if there are none.
    pub(crate) fn hasher(&self, file: &File) -> (Hasher, u64) {
        let method = file.digest.method();
        self.running
            .as_ref()
            .and_then(|running| Some((Hasher::restore(method, &running.hash).ok()?, running.offset)))
            .unwrap_or_else(|| (Hasher::new(method), 0))
    }

    /// Takes over the links of the same offer. A second digest that it does not repeat still holds; true if it tells
    /// one that was not known.
    pub(crate) fn refresh_links(&mut self, notice: Notice) -> bool {
        let known = core::mem::replace(&mut self.notice, notice);
        self.notice.silent = known.silent; // an answer to a question does not tell it (jd-iot-engine §4.2)
        let mut learned = false;
        for (file, known) in self.notice.files.iter_mut().zip(known.files) {
            learned |= known.also.is_none() && file.also.is_some();
            file.also = known.also.or(file.also);
        }
        learned
    }
}

/// Names an offer by what it offers: links do not count.
pub(crate) fn fingerprint(notice: &Notice) -> [u8; 32] {
    let mut hasher = Hasher::new(DigestMethod::Sha256);
    for text in [notice.module.as_str(), notice.version.as_str()] {
        hasher.update(&[text.len() as u8]);
        hasher.update(text.as_bytes());
    }
    hasher.update(&[u8::from(notice.delta)]);
    for file in &notice.files {
        hasher.update(&file.size.to_le_bytes());
        hasher.update(file.digest.as_bytes());
    }
    sha256(hasher)
}

/// Names a Config by what it is: links do not count.
pub(crate) fn config_fingerprint(config: &Config) -> [u8; 32] {
    let mut hasher = Hasher::new(DigestMethod::Sha256);
    hasher.update(&[config.id.len() as u8]);
    hasher.update(config.id.as_bytes());
    hasher.update(&config.size.to_le_bytes());
    hasher.update(config.digest.as_bytes());
    sha256(hasher)
}

fn sha256(hasher: Hasher) -> [u8; 32] {
    match hasher.finish() {
        Digest::Sha256(bytes) => bytes,
        Digest::Md5(_) => [0; 32], // a SHA-256 hasher never finishes so
    }
}

/// The start of `text` that is at most `max` bytes long, cut between characters.
pub(crate) fn clip(mut text: String, max: usize) -> String {
    while text.len() > max {
        text.pop();
    }
    text
}
