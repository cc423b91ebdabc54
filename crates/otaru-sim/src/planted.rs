//! Faults that are planted into the doer of the simulated device, to see that the invariants find them.
//!
//! Production code has no such switch: the simulated doer alone reads it.

/// A fault that a doer could have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Planted {
    /// The Record is saved without the slot's bytes being made durable first.
    SkipSync,
    /// The new slot is confirmed before the health check answered.
    ConfirmEarly,
    /// The first bytes after a restart are stored eight bytes off.
    WrongOffset,
    /// The Record has one copy only, overwritten in place.
    OneRecordCopy,
    /// The boot marker is set when verification begins, before the slot was read back.
    ActivateUnread,
    /// A fresh link is ignored: the first one is asked again.
    StaleLink,
    /// `If-Range` is not sent and `ETag` not looked at.
    NoEtag,
    /// Every report of a version is sent twice.
    VersionTwice,
    /// A slot that is to be emptied keeps what it held.
    SlotNotEmptied,
    /// The boot marker is set when the download begins.
    MarkerEarly,
    /// Verification reads from the page cache, not from the medium.
    ReadFromCache,
    /// A failed request is sent again at once, many times.
    Storm,
    /// Timers never fire.
    NoTimer,
    /// A block's checksum is not looked at.
    ChecksumOverlooked,
    /// The first block after a restart is asked for from the start of its file.
    BlockFromZero,
    /// The question whether a Task is still to be done is answered without asking the platform.
    CheckSkipped,
}

impl Planted {
    /// Every fault.
    pub const ALL: [Planted; 16] = [
        Planted::SkipSync,
        Planted::ConfirmEarly,
        Planted::WrongOffset,
        Planted::OneRecordCopy,
        Planted::ActivateUnread,
        Planted::StaleLink,
        Planted::NoEtag,
        Planted::VersionTwice,
        Planted::SlotNotEmptied,
        Planted::MarkerEarly,
        Planted::ReadFromCache,
        Planted::Storm,
        Planted::NoTimer,
        Planted::ChecksumOverlooked,
        Planted::BlockFromZero,
        Planted::CheckSkipped,
    ];
}
