//! What of a Task's package was fetched here, and whether it is the package: the vendor's example reports success without a
//! look at the MD5 (onenet §8), and stops one byte before the end of some sizes (§9 item 13).

use otaru_wire::{
    ByteRange, Digest, DigestMethod, Hasher,
    dialect::onenet::{Handle, Task},
};

/// One package, as its Task tells it, and its bytes so far.
pub(crate) struct Fetched {
    task: Handle,
    size: u64,
    digest: Digest,
    delta: bool,
    bytes: Bytes,
}

enum Bytes {
    /// None yet, or not from the first one on: the rest may be with another run of the program.
    Elsewhere,
    /// All before `next`.
    Until { next: u64, hasher: Box<Hasher> },
    /// All, and their digest.
    All(Digest),
}

impl Fetched {
    /// A Task that was told, after what was known before. The platform may name the same Task anew.
    pub(crate) fn of(task: &Task, before: Option<Fetched>) -> Self {
        let (size, digest) = (task.size.into(), Digest::Md5(task.md5));
        let same = before.filter(|before| (before.size, before.digest) == (size, digest));
        let bytes = same.map_or(Bytes::Elsewhere, |before| before.bytes);
        Self { task: task.handle(), size, digest, delta: task.delta, bytes }
    }

    pub(crate) fn is_of(&self, task: &Handle) -> bool {
        self.task == *task
    }

    /// The package's size in bytes.
    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    /// Takes a piece that lies within the package.
    pub(crate) fn take(&mut self, range: ByteRange, piece: &[u8]) {
        let known = std::mem::replace(&mut self.bytes, Bytes::Elsewhere);
        self.bytes = match known {
            // A look at bytes that are right already.
            Bytes::All(digest) if digest == self.digest => Bytes::All(digest),
            Bytes::Until { next, hasher } if range.start > 0 => self.behind(next, hasher, range, piece),
            _ if range.start == 0 => self.behind(0, Box::new(Hasher::new(DigestMethod::Md5)), range, piece),
            known => known,
        };
    }

    fn behind(&self, next: u64, mut hasher: Box<Hasher>, range: ByteRange, piece: &[u8]) -> Bytes {
        let Some(twice) = next.checked_sub(range.start) else { return Bytes::Elsewhere };
        let fresh = usize::try_from(twice).ok().and_then(|twice| piece.get(twice..)).unwrap_or_default();
        hasher.update(fresh);
        match next.max(range.end) {
            next if next == self.size => Bytes::All(hasher.finish()),
            next => Bytes::Until { next, hasher },
        }
    }

    /// False if a device that says that all is well is wrong: it has begun here and has not all, or other bytes. Of a
    /// differential package the sheet does not say for certain what its MD5 is of (§2.3).
    pub(crate) fn may_be_right(&self) -> bool {
        match &self.bytes {
            Bytes::Elsewhere => true,
            Bytes::Until { .. } => false,
            Bytes::All(digest) => self.delta || *digest == self.digest,
        }
    }
}

#[cfg(test)]
mod tests {
    use otaru_wire::dialect::onenet::{Status, Terms};

    use super::*;

    const IMAGE: &[u8] = b"0123456789";

    fn task(tid: u32, of: &[u8]) -> Task {
        let mut hasher = Hasher::new(DigestMethod::Md5);
        hasher.update(of);
        let Digest::Md5(md5) = hasher.finish() else { unreachable!() };
        let terms = Terms::Tid { tid, status: Status::Waiting };
        Task { target: "2.0".parse().unwrap(), size: 10, md5, delta: false, terms }
    }

    /// Whether success may be reported after these pieces.
    fn after(task: &Task, pieces: &[(u64, u64)]) -> bool {
        let mut fetched = Fetched::of(task, None);
        pieces.iter().for_each(|(start, end)| take(&mut fetched, *start, *end));
        fetched.may_be_right()
    }

    fn take(fetched: &mut Fetched, start: u64, end: u64) {
        fetched.take(ByteRange { start, end }, &IMAGE[start as usize..end as usize]);
    }

    #[test]
    fn success_needs_every_byte_and_the_digest() {
        let right = task(1, IMAGE);
        assert!(after(&right, &[(0, 10)]) && after(&right, &[(0, 4), (4, 8), (8, 10)]));
        assert!(!after(&right, &[(0, 4), (4, 9)]), "the last byte is missing");
        assert!(!after(&task(1, b"012345678X"), &[(0, 10)]), "other bytes");
        assert!(after(&Task { delta: true, ..task(1, b"other") }, &[(0, 10)]));
    }

    #[test]
    fn pieces_may_come_twice_and_the_download_may_begin_anew() {
        let right = task(1, IMAGE);
        assert!(after(&right, &[(0, 4), (0, 4), (4, 8), (2, 7), (6, 10)]));
        assert!(after(&right, &[(0, 8), (0, 4), (4, 10)]));
        assert!(after(&right, &[(0, 10), (0, 4)]), "a look at what is right already");
    }

    #[test]
    fn what_was_fetched_by_an_earlier_run_is_not_judged() {
        let right = task(1, IMAGE);
        assert!(after(&right, &[]) && after(&right, &[(4, 10)]) && after(&right, &[(0, 4), (6, 10)]));
    }

    #[test]
    fn a_task_that_is_named_anew_keeps_its_bytes_and_another_begins_anew() {
        let mut fetched = Fetched::of(&task(1, IMAGE), None);
        take(&mut fetched, 0, 4);
        let mut fetched = Fetched::of(&task(2, IMAGE), Some(fetched));
        assert!(fetched.is_of(&Handle::Tid(2)) && !fetched.may_be_right());
        take(&mut fetched, 4, 10);
        assert!(fetched.may_be_right());
        assert!(Fetched::of(&task(3, b"another"), Some(fetched)).may_be_right(), "nothing of it is fetched");
    }
}
