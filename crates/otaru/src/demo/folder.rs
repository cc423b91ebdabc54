//! The folder the demo works in: a temporary one, removed at the end, or the user's, kept.

use std::{
    fs, io,
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
};

use anyhow::{Context, ensure};

/// A folder that is there as long as this lives, or for good. It holds secrets, so it is for its owner alone.
pub(super) enum Folder {
    Temporary(PathBuf),
    Kept(PathBuf),
}

impl Folder {
    /// `keep`, which must be empty or new; without it a temporary folder.
    pub(super) fn new(keep: Option<&Path>) -> anyhow::Result<Self> {
        let Some(keep) = keep else { return Self::temporary() };
        if !keep.exists() {
            private().recursive(true).create(keep).with_context(|| keep.display().to_string())?;
        }
        let mut entries = fs::read_dir(keep).with_context(|| keep.display().to_string())?;
        ensure!(
            entries.next().is_none(),
            "{} is not empty; --keep wants a new or empty folder",
            keep.display()
        );
        Ok(Folder::Kept(keep.canonicalize()?))
    }

    /// A demo that was killed may have left a folder of the same name.
    fn temporary() -> anyhow::Result<Self> {
        let (parent, id) = (std::env::temp_dir(), std::process::id());
        let mut count = 0_u32;
        loop {
            let path = parent.join(format!("otaru-demo-{id}-{count}"));
            match private().create(&path) {
                Ok(()) => return Ok(Folder::Temporary(path.canonicalize()?)),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => count += 1,
                Err(error) => return Err(error).with_context(|| path.display().to_string()),
            }
        }
    }

    pub(super) fn path(&self) -> &Path {
        match self {
            Folder::Temporary(path) | Folder::Kept(path) => path,
        }
    }
}

fn private() -> fs::DirBuilder {
    let mut builder = fs::DirBuilder::new();
    builder.mode(0o700);
    builder
}

impl Drop for Folder {
    fn drop(&mut self) {
        if let Folder::Temporary(path) = self
            && let Err(error) = fs::remove_dir_all(&path)
        {
            tracing::warn!(folder = %path.display(), %error, "the demo's folder could not be removed");
        }
    }
}
