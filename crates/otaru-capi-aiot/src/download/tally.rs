//! What of a file has come: bytes of all ranges, bytes of this one, and the digest in the making (§4.3, §4.6).

use otaru_wire::{Digest, Hasher};

use crate::ota::Task;

/// The digest is wrong.
pub(super) const MISMATCH: i32 = -3;

#[derive(Clone)]
pub(super) struct Tally {
    size: u64,
    digest: Option<Digest>,
    /// Over all bytes in the order in which they came: ranges are to be fetched in ascending order.
    hasher: Hasher,
    fetched: u64,
    /// Bytes of the range that is set.
    pub(super) of_range: u64,
}

/// Where the file stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stand {
    /// Bytes are missing.
    Missing,
    /// Every byte came, and the digest is right.
    Right,
    /// Every byte came, and the digest is wrong.
    Wrong,
    /// More bytes than the file has: ranges overlapped.
    TooMany,
}

impl Tally {
    pub(super) fn new(task: &Task) -> Self {
        let hasher = Hasher::new(task.method);
        Self { size: task.size.into(), digest: task.digest, hasher, fetched: 0, of_range: 0 }
    }

    pub(super) fn take(&mut self, bytes: &[u8]) -> Stand {
        self.hasher.update(bytes);
        self.fetched += bytes.len() as u64;
        self.of_range += bytes.len() as u64;
        match self.fetched {
            fetched if fetched < self.size => Stand::Missing,
            fetched if fetched > self.size => Stand::TooMany,
            _ if Some(self.hasher.clone().finish()) == self.digest => Stand::Right,
            _ => Stand::Wrong,
        }
    }

    /// Whole percent of the file, rounded down; above 100 if ranges overlapped.
    pub(super) fn percent(&self) -> i32 {
        i32::try_from(self.fetched * 100 / self.size.max(1)).unwrap_or(i32::MAX)
    }
}
