//! A file on its way into the folder: written aside, hashed as it is written.

use std::{
    fs::{self, File},
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use bytes::Bytes;
use md5::Md5;
use sha2::{Digest as _, Sha256};

use super::{FileId, Stored};

/// A file that is not complete. Dropped, it is gone.
pub(super) struct Aside {
    path: PathBuf,
    file: File,
    sha256: Sha256,
    md5: Md5,
    kept: bool,
}

impl Aside {
    /// Begins a file at `path`.
    pub(super) fn create(path: PathBuf, create: fn(&Path) -> io::Result<File>) -> io::Result<Self> {
        let file = create(&path)?;
        Ok(Self { path, file, sha256: Sha256::new(), md5: Md5::new(), kept: false })
    }

    /// Adds bytes.
    pub(super) fn write(mut self, chunks: &[Bytes]) -> io::Result<Self> {
        for chunk in chunks {
            self.sha256.update(chunk);
            self.md5.update(chunk);
            self.file.write_all(chunk)?;
        }
        Ok(self)
    }

    /// Gives the file its name. Should the same bytes be there already, they are replaced by themselves; whoever
    /// reads them goes on reading the old ones.
    pub(super) fn keep(mut self, folder: &Path, size: u64) -> io::Result<Stored> {
        self.file.sync_all()?;
        let id = FileId(self.sha256.finalize_reset().into());
        fs::rename(&self.path, folder.join(id.to_string()))?;
        self.kept = true;
        File::open(folder)?.sync_all()?;
        Ok(Stored { id, md5: self.md5.finalize_reset().into(), size })
    }
}

impl Drop for Aside {
    fn drop(&mut self) {
        if !self.kept
            && let Err(error) = fs::remove_file(&self.path)
        {
            // The next start removes it.
            tracing::warn!(path = %self.path.display(), %error, "failed to remove an unfinished upload");
        }
    }
}
