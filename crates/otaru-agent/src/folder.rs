//! A folder held open, and the folders inside it: every name is resolved inside it and no symbolic link is followed.
//!
//! Only the folder that the user named is held open. What is inside is opened for each call and made when something is first
//! written there: a gateway has a thousand devices that are at rest, and they take neither a file descriptor nor a place on
//! the medium.

use std::{
    fs::File,
    io::{self, Read, Write},
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    path::{Path, PathBuf},
    sync::Arc,
};

use rustix::{
    fs::{AtFlags, Dir, Mode, OFlags, Stat},
    io::Errno,
};

/// The storage belongs to the agent's user alone: signed links and the boot marker are nobody else's business.
const FILE_MODE: Mode = Mode::RUSR.union(Mode::WUSR);
const FOLDER_MODE: Mode = Mode::RWXU;

/// A folder. Its own path may lead over links, because the user chose it; names inside may not. Clones are the same folder.
#[derive(Debug, Clone)]
pub(crate) struct Folder(Arc<Place>);

#[derive(Debug)]
enum Place {
    Held { fd: OwnedFd, path: PathBuf },
    Inside { parent: Folder, name: Box<str> },
}

/// A folder, open for a moment or longer.
enum Open<'a> {
    Held(&'a OwnedFd),
    Now(OwnedFd),
}

impl AsFd for Open<'_> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Open::Held(fd) => fd.as_fd(),
            Open::Now(fd) => fd.as_fd(),
        }
    }
}

impl Folder {
    /// Opens a folder, making it and its parents durably where they are missing.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let missing = path.ancestors().take_while(|ancestor| !ancestor.exists()).count();
        std::fs::create_dir_all(path).map_err(|error| named(path, error))?;
        for parent in path.ancestors().skip(1).take(missing) {
            // The empty ancestor of a relative path is the working folder.
            let parent = if parent.as_os_str().is_empty() { Path::new(".") } else { parent };
            Self::existing(parent)?.sync()?;
        }
        Self::existing(path)
    }

    /// Opens a folder that must exist.
    pub(crate) fn existing(path: &Path) -> io::Result<Self> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let fd = rustix::fs::open(path, flags, Mode::empty()).map_err(|error| named(path, error.into()))?;
        Ok(Self(Arc::new(Place::Held { fd, path: path.to_owned() })))
    }

    /// A folder inside this one. It is made durably when something is first written there; until then it is empty.
    pub(crate) fn child(&self, name: &str) -> io::Result<Self> {
        self.checked(name)?;
        Ok(Self(Arc::new(Place::Inside { parent: self.clone(), name: name.into() })))
    }

    /// Opens the folder, which may be missing.
    fn there(&self) -> io::Result<Open<'_>> {
        match &*self.0 {
            Place::Held { fd, .. } => Ok(Open::Held(fd)),
            Place::Inside { parent, name } => self.open_in(&parent.there()?, name),
        }
    }

    /// Opens the folder, made durably where it is missing.
    fn made(&self) -> io::Result<Open<'_>> {
        let (parent, name) = match &*self.0 {
            Place::Held { fd, .. } => return Ok(Open::Held(fd)),
            Place::Inside { parent, name } => (parent, name),
        };
        let within = parent.made()?;
        match rustix::fs::mkdirat(&within, &**name, FOLDER_MODE) {
            Ok(()) => parent.sync()?,
            Err(Errno::EXIST) => {}
            Err(error) => return Err(named(&self.path(), error.into())),
        }
        self.open_in(&within, name)
    }

    fn open_in(&self, parent: &Open<'_>, name: &str) -> io::Result<Open<'static>> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let fd = rustix::fs::openat(parent, name, flags, Mode::empty());
        fd.map(Open::Now).map_err(|error| named(&self.path(), error.into()))
    }

    /// Opens a regular file to read and write; true beside it if it was made just now (its name is durable after
    /// [`Folder::sync`]).
    pub(crate) fn file(&self, name: &str) -> io::Result<(File, bool)> {
        #[cfg(test)]
        power::step()?;
        let path = self.checked(name)?;
        let flags = OFlags::RDWR | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let within = self.made()?;
        let (fd, made) = match rustix::fs::openat(&within, name, flags, FILE_MODE) {
            Err(Errno::NOENT) => {
                (rustix::fs::openat(&within, name, flags | OFlags::CREATE | OFlags::EXCL, FILE_MODE), true)
            }
            other => (other, false),
        };
        let file = File::from(fd.map_err(|error| named(&path, error.into()))?);
        match file.metadata() {
            Ok(metadata) if metadata.is_file() => Ok((file, made)),
            Ok(_) => Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                format!("{} is not a regular file", path.display()),
            )),
            Err(error) => Err(named(&path, error)),
        }
    }

    /// The whole of a small file; none if it does not exist, an error if it has more than `max` bytes.
    pub(crate) fn read(&self, name: &str, max: u64) -> io::Result<Option<Vec<u8>>> {
        let path = self.checked(name)?;
        let file = match self.reader(name) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let mut bytes = Vec::new();
        file.take(max + 1).read_to_end(&mut bytes).map_err(|error| named(&path, error))?;
        if bytes.len() as u64 > max {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                format!("{} has more than {max} bytes", path.display()),
            ));
        }
        Ok(Some(bytes))
    }

    /// Opens a file to read it. A program that runs can be read and not written.
    fn reader(&self, name: &str) -> io::Result<File> {
        let path = self.checked(name)?;
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let fd = rustix::fs::openat(self.there()?, name, flags, Mode::empty());
        fd.map(File::from).map_err(|error| named(&path, error.into()))
    }

    /// Puts `bytes` in the place of a file: written aside, synced, renamed, folder synced. A power cut leaves the
    /// old file or the new one, whole.
    pub(crate) fn replace(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let path = self.checked(name)?;
        // `~` is in no id, so a name aside cannot be another file's.
        let aside = format!("{name}~");
        self.remove(&aside)?;
        let (mut file, _) = self.file(&aside)?;
        let written = file.write_all(bytes).and_then(|()| file.sync_all());
        if let Err(error) = written {
            // The half-written copy takes room that the old file's owner may need; losing it loses nothing.
            let _ = self.remove(&aside);
            return Err(named(&path, error));
        }
        self.rename(&aside, name)
    }

    /// Removes a file; fine if there is none.
    pub(crate) fn remove(&self, name: &str) -> io::Result<()> {
        #[cfg(test)]
        power::step()?;
        let path = self.checked(name)?;
        let Some(within) = found(self.there())? else { return Ok(()) };
        match rustix::fs::unlinkat(within, name, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(error) => Err(named(&path, error.into())),
        }
    }

    /// What the system knows of a name, a link as a link; none if the folder does not have it.
    pub(crate) fn stat(&self, name: &str) -> io::Result<Option<Stat>> {
        let path = self.checked(name)?;
        let Some(within) = found(self.there())? else { return Ok(None) };
        match rustix::fs::statat(within, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => Ok(Some(stat)),
            Err(Errno::NOENT) => Ok(None),
            Err(error) => Err(named(&path, error.into())),
        }
    }

    /// True if the folder has that name, whatever it names.
    pub(crate) fn has(&self, name: &str) -> io::Result<bool> {
        Ok(self.stat(name)?.is_some())
    }

    /// Renames a file, over another if there is one, durably.
    pub(crate) fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        #[cfg(test)]
        power::step()?;
        let path = self.checked(from)?;
        self.checked(to)?;
        let within = self.there()?;
        rustix::fs::renameat(&within, from, &within, to).map_err(|error| named(&path, error.into()))?;
        self.sync()
    }

    /// Gives a file a second name, or a copy with that name where the file system has no second names. The copy is
    /// whole before it has the name.
    pub(crate) fn keep_as(&self, name: &str, second: &str) -> io::Result<()> {
        #[cfg(test)]
        power::step()?;
        let path = self.checked(name)?;
        self.checked(second)?;
        let within = self.there()?;
        match rustix::fs::linkat(&within, name, &within, second, AtFlags::empty()) {
            Ok(()) => Ok(()),
            Err(Errno::PERM | Errno::OPNOTSUPP | Errno::MLINK | Errno::NOSYS) => self.copy(name, second),
            Err(error) => Err(named(&path, error.into())),
        }
    }

    pub(crate) fn copy(&self, name: &str, second: &str) -> io::Result<()> {
        let aside = format!("{second}~");
        self.remove(&aside)?;
        let mut from = self.reader(name)?;
        let (mut to, _) = self.file(&aside)?;
        let copied = io::copy(&mut from, &mut to)
            .and_then(|_| to.set_permissions(from.metadata()?.permissions()))
            .and_then(|()| to.sync_all());
        if let Err(error) = copied {
            let _ = self.remove(&aside);
            return Err(named(&self.path().join(second), error));
        }
        self.rename(&aside, second)
    }

    /// Makes the names in this folder durable.
    pub(crate) fn sync(&self) -> io::Result<()> {
        #[cfg(test)]
        power::step()?;
        let Some(folder) = found(self.there())? else { return Ok(()) };
        rustix::fs::fsync(folder).map_err(|error| named(&self.path(), error.into()))
    }

    /// The names in this folder, without `.` and `..`.
    pub(crate) fn names(&self) -> io::Result<Vec<String>> {
        let Some(folder) = found(self.there())? else { return Ok(Vec::new()) };
        let entries = Dir::read_from(folder).map_err(|error| named(&self.path(), error.into()))?;
        let mut names = Vec::new();
        for entry in entries {
            let entry = entry.map_err(|error| named(&self.path(), error.into()))?;
            match entry.file_name().to_str() {
                Ok("." | "..") => {}
                Ok(name) => names.push(name.to_owned()),
                Err(_) => {}
            }
        }
        Ok(names)
    }

    /// The bytes that may still be written to this folder's file system by this user.
    pub(crate) fn free_bytes(&self) -> io::Result<u64> {
        let stat = rustix::fs::fstatvfs(self.made()?).map_err(|error| named(&self.path(), error.into()))?;
        Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
    }

    /// Where this folder is, for messages.
    pub(crate) fn path(&self) -> PathBuf {
        match &*self.0 {
            Place::Held { path, .. } => path.clone(),
            Place::Inside { parent, name } => parent.path().join(&**name),
        }
    }

    /// Refuses a name that could lead out of the folder.
    fn checked(&self, name: &str) -> io::Result<PathBuf> {
        if is_plain_name(name) {
            return Ok(self.path().join(name));
        }
        Err(io::Error::new(io::ErrorKind::InvalidInput, format!("{name:?} cannot be the name of a file")))
    }
}

/// None if there is no such folder yet.
fn found<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// True if a text names an entry of a folder and nothing outside it.
pub(crate) fn is_plain_name(name: &str) -> bool {
    !matches!(name, "" | "." | "..") && !name.contains(['/', '\0'])
}

/// The error with the path in its message, its kind kept.
fn named(path: &Path, error: io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

/// Cuts the power before a chosen change of any folder: nothing that this thread asks for happens any more.
#[cfg(test)]
pub(crate) mod power {
    use std::{cell::Cell, io};

    thread_local!(static STEPS: Cell<Option<u32>> = const { Cell::new(None) });

    /// Cuts it after so many changes; none: never.
    pub(crate) fn cut_after(steps: Option<u32>) {
        STEPS.set(steps);
    }

    /// True if it has been cut.
    pub(crate) fn is_cut() -> bool {
        STEPS.get() == Some(0)
    }

    pub(super) fn step() -> io::Result<()> {
        match STEPS.get() {
            None => Ok(()),
            Some(0) => Err(io::Error::other("the power is gone")),
            Some(left) => {
                STEPS.set(Some(left - 1));
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_replaced_file_is_the_new_one_and_nothing_is_left_aside() {
        let dir = tempfile::tempdir().unwrap();
        let folder = Folder::open(&dir.path().join("deep/er")).unwrap();
        folder.replace("marker", b"old").unwrap();
        folder.replace("marker", b"new").unwrap();
        assert_eq!(folder.read("marker", 16).unwrap().unwrap(), b"new");
        assert_eq!(folder.names().unwrap(), ["marker"]);
        assert_eq!(folder.read("nothing", 16).unwrap(), None);
        assert_eq!(folder.read("marker", 2).unwrap_err().kind(), io::ErrorKind::InvalidData);
    }

    #[test]
    fn a_folder_inside_takes_no_place_before_something_is_written_there() {
        let dir = tempfile::tempdir().unwrap();
        let inner = Folder::open(dir.path()).unwrap().child("a").and_then(|a| a.child("b")).unwrap();
        assert_eq!(inner.read("x", 9).unwrap(), None);
        assert!(inner.names().unwrap().is_empty() && !inner.has("x").unwrap());
        inner.remove("x").unwrap();
        inner.sync().unwrap();
        assert!(!dir.path().join("a").exists());
        inner.replace("x", b"new").unwrap();
        assert_eq!(std::fs::read(dir.path().join("a/b/x")).unwrap(), b"new");
        assert_eq!(inner.clone().names().unwrap(), ["x"]);
    }

    #[test]
    fn no_name_leads_out_of_the_folder() {
        let dir = tempfile::tempdir().unwrap();
        let folder = Folder::open(dir.path()).unwrap();
        for name in ["", ".", "..", "a/b", "/etc/passwd", "a\0b"] {
            assert_eq!(folder.file(name).unwrap_err().kind(), io::ErrorKind::InvalidInput, "{name:?}");
            assert_eq!(folder.child(name).unwrap_err().kind(), io::ErrorKind::InvalidInput, "{name:?}");
            assert_eq!(
                folder.replace(name, b"").unwrap_err().kind(),
                io::ErrorKind::InvalidInput,
                "{name:?}"
            );
        }
    }

    #[test]
    fn a_symbolic_link_is_never_written_or_read_through() {
        let dir = tempfile::tempdir().unwrap();
        let outside = dir.path().join("outside");
        std::fs::write(&outside, b"precious").unwrap();
        std::fs::create_dir(dir.path().join("elsewhere")).unwrap();
        let folder = Folder::open(&dir.path().join("storage")).unwrap();
        std::os::unix::fs::symlink(&outside, folder.path().join("link")).unwrap();
        std::os::unix::fs::symlink(dir.path().join("elsewhere"), folder.path().join("way")).unwrap();

        assert!(folder.file("link").is_err());
        assert!(folder.read("link", 100).is_err());
        assert!(folder.child("way").unwrap().file("new").is_err());
        assert!(folder.child("way").unwrap().names().is_err());
        folder.replace("link", b"replaced").unwrap();
        assert_eq!(std::fs::read(&outside).unwrap(), b"precious", "the link was replaced, not followed");
    }
}
