//! What must never happen.

/// A promise that did not hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Violation {
    /// The slot that boots holds neither the old image nor the new one.
    #[error("module {0} boots a slot that holds no image of its version")]
    BootsNeither(String),
    /// A slot boots, or is to boot, whose bytes the decider never proved.
    #[error("module {0} is to boot a slot that was not verified")]
    Unverified(String),
    /// The new slot became the one to keep without a healthy answer in this start.
    #[error("module {0} was confirmed without a healthy answer")]
    ConfirmedUnproven(String),
    /// A byte that a saved Record covers was asked for again.
    #[error("byte {byte} of file {file} was saved and is fetched again")]
    FetchedTwice {
        /// The file, from 0.
        file: usize,
        /// The byte.
        byte: u64,
    },
    /// A saved Record speaks of bytes that the slot would not hold after a power cut.
    #[error("the record covers {0} bytes of a file that the slot does not hold")]
    RecordAhead(u64),
    /// Bytes of two server files in one file of the slot.
    #[error("bytes of two files were mixed at byte {0}")]
    MixedFiles(u64),
    /// A link that was refused was asked again.
    #[error("a refused link was asked again: {0}")]
    RefusedLink(String),
    /// A piece was fetched though nobody had asked whether the Task is still to be done.
    #[error("{0} fetched a piece without asking whether its task is still to be done")]
    Unchecked(String),
    /// More requests in a minute than backing off allows.
    #[error("{0} requests without a new byte within a minute")]
    Storm(usize),
    /// More version reports than reasons to send one.
    #[error("{0} version reports, {1} reasons for one")]
    VersionRepeated(u32, u32),
    /// Progress reports too close together.
    #[error("{0} ms between two progress reports")]
    ReportsTooClose(u64),
    /// Stored bytes were given up though nothing was wrong with them.
    #[error("started over without a cause: {0}")]
    StartedOver(String),
    /// A Task went backwards.
    #[error("task {0} went from {1} to {2}")]
    TaskBackwards(u64, String, String),
    /// A Task had more attempts than its rules allow.
    #[error("task {0} is at attempt {1}, more than its rules allow")]
    TriedTooOften(u64, u8),
    /// A Task failed without a reason.
    #[error("task {0} failed without a reason")]
    NoReason(u64),
    /// Nothing can happen any more, and the device is not where it should be.
    #[error("nothing can happen any more: {0}")]
    Stuck(String),
    /// The faults stopped long ago, and the device is not where it should be.
    #[error("no end in time: {0}")]
    NoEnd(String),
    /// A Task failed though nothing went wrong but the power.
    #[error("a task failed under a clear sky: {0}")]
    Failed(String),
    /// One side did not understand the other, or a decider refused its doer's word.
    #[error("misunderstood: {0}")]
    Misunderstood(String),
}
