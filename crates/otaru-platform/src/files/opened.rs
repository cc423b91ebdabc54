//! Files kept open between requests: a fleet fetches few files, each in many pieces.

use std::sync::{Mutex, MutexGuard, PoisonError};

use super::{FileId, block::LocalFile};

/// The most files kept open.
const MAX_OPEN: usize = 64;

/// Open files, the last one used first.
#[derive(Debug, Default)]
pub(super) struct Opened(Mutex<Vec<(FileId, LocalFile)>>);

impl Opened {
    /// The file, if it is open.
    pub(super) fn find(&self, id: FileId) -> Option<LocalFile> {
        let mut files = self.files();
        let at = files.iter().position(|(other, _)| *other == id)?;
        files[..=at].rotate_right(1);
        files.first().map(|(_, file)| file.clone())
    }

    /// Keeps a file open.
    pub(super) fn keep(&self, id: FileId, file: LocalFile) {
        let mut files = self.files();
        files.retain(|(other, _)| *other != id);
        files.truncate(MAX_OPEN - 1);
        files.insert(0, (id, file));
    }

    /// Forgets a file that is about to be replaced on the disk.
    pub(super) fn forget(&self, id: FileId) {
        self.files().retain(|(other, _)| *other != id);
    }

    /// No holder can leave the list half changed, so one that panicked does no harm.
    fn files(&self) -> MutexGuard<'_, Vec<(FileId, LocalFile)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::{super::block::Downloads, *};

    fn id(n: usize) -> FileId {
        FileId([u8::try_from(n).unwrap(); 32])
    }

    #[test]
    fn the_file_used_longest_ago_gives_way() {
        let file = || LocalFile::new(tempfile::tempfile().unwrap(), Downloads::default()).unwrap();
        let opened = Opened::default();
        (0..MAX_OPEN).for_each(|n| opened.keep(id(n), file()));
        assert!(opened.find(id(0)).is_some()); // used again
        opened.keep(id(MAX_OPEN), file());
        assert!(opened.find(id(0)).is_some() && opened.find(id(MAX_OPEN)).is_some());
        assert!(opened.find(id(1)).is_none());
        opened.forget(id(0));
        assert!(opened.find(id(0)).is_none());
        assert_eq!(opened.files().len(), MAX_OPEN - 1);
    }
}
