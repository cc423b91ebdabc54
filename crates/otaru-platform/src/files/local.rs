//! A folder of files: written aside while hashing, made durable, then renamed to their SHA-256.

use std::{
    fs::{self, File},
    io,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use bytes::Bytes;
use futures_util::{FutureExt as _, StreamExt as _, future::BoxFuture};

use super::{
    ByteStream, FileId, Files, OpenError, OpenFile, PutError, Stored,
    aside::Aside,
    block::{Downloads, LocalFile},
    opened::Opened,
};

/// How many bytes are gathered before a thread hashes and writes them.
const GATHER_BYTES: usize = 1 << 20;

/// What the name of a file that is not complete ends with.
const ASIDE: &str = "part";

/// Files in one local folder that no other process uses.
#[derive(Debug, Clone)]
pub struct LocalFiles {
    folder: Arc<Path>,
    max_bytes: u64,
    uploads: Arc<AtomicU64>,
    opened: Arc<Opened>,
    downloads: Downloads,
    create: fn(&Path) -> io::Result<File>,
}

impl LocalFiles {
    /// Opens the folder, makes it if need be, and removes what uploads left there when the power went.
    /// Files of more than `max_bytes` will not be taken.
    ///
    /// # Errors
    /// What the disk says.
    pub fn open(folder: &Path, max_bytes: u64) -> io::Result<Self> {
        fs::create_dir_all(folder)?;
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            if path.extension().is_some_and(|end| end == ASIDE) {
                fs::remove_file(path)?;
            }
        }
        let create = |path: &Path| File::options().write(true).create_new(true).open(path);
        Ok(Self {
            folder: folder.into(),
            max_bytes,
            uploads: Arc::default(),
            opened: Arc::default(),
            downloads: Downloads::default(),
            create,
        })
    }

    async fn take(&self, size: u64, mut body: ByteStream<'_>) -> Result<Stored, PutError> {
        if size == 0 {
            return Err(PutError::Empty);
        }
        if size > self.max_bytes {
            return Err(PutError::TooLarge { size, max: self.max_bytes });
        }
        let failed = |error| failed_to_write(size, error);
        let name = format!("{}.{ASIDE}", self.uploads.fetch_add(1, Ordering::Relaxed));
        let (folder, create) = (Arc::clone(&self.folder), self.create);
        let mut aside = blocking(move || {
            if free_bytes(&folder)? < size {
                return Err(io::ErrorKind::StorageFull.into());
            }
            Aside::create(folder.join(name), create)
        })
        .await
        .map_err(failed)?;

        let mut received = 0;
        let mut ended = false;
        while !ended {
            let mut gathered = Vec::new();
            let mut gathered_bytes = 0;
            while !ended && gathered_bytes < GATHER_BYTES {
                match body.next().await {
                    Some(Ok(bytes)) => {
                        gathered_bytes += bytes.len();
                        gathered.push(bytes);
                    }
                    Some(Err(cause)) => {
                        let received = received + gathered_bytes as u64;
                        return Err(PutError::CutOff { declared: size, received, cause: Some(cause) });
                    }
                    None => ended = true,
                }
            }
            received += gathered_bytes as u64;
            if received > size {
                return Err(PutError::TooLong { declared: size });
            }
            aside = blocking(move || aside.write(&gathered)).await.map_err(failed)?;
        }
        if received < size {
            return Err(PutError::CutOff { declared: size, received, cause: None });
        }
        let folder = Arc::clone(&self.folder);
        let stored = blocking(move || aside.keep(&folder, size)).await.map_err(failed)?;
        // Should the old bytes have been damaged, they are mended by now.
        self.opened.forget(stored.id);
        Ok(stored)
    }
}

impl Files for LocalFiles {
    fn put<'a>(&'a self, size: u64, body: ByteStream<'a>) -> BoxFuture<'a, Result<Stored, PutError>> {
        self.take(size, body).boxed()
    }

    fn open(&self, id: FileId) -> BoxFuture<'_, Result<Box<dyn OpenFile>, OpenError>> {
        async move {
            if let Some(file) = self.opened.find(id) {
                return Ok(Box::new(file) as Box<dyn OpenFile>);
            }
            let path = self.folder.join(id.to_string());
            let downloads = self.downloads.clone();
            match blocking(move || LocalFile::new(File::open(path)?, downloads)).await {
                Ok(file) => {
                    self.opened.keep(id, file.clone());
                    Ok(Box::new(file))
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound => Err(OpenError::NotFound(id)),
                Err(source) => Err(OpenError::Io { id, source }),
            }
        }
        .boxed()
    }

    fn check(&self) -> BoxFuture<'_, io::Result<()>> {
        let name = format!("{}.{ASIDE}", self.uploads.fetch_add(1, Ordering::Relaxed));
        let (path, create) = (self.folder.join(name), self.create);
        blocking(move || Aside::create(path, create)?.write(&[Bytes::from_static(b"?")]).map(drop)).boxed()
    }
}

fn failed_to_write(size: u64, source: io::Error) -> PutError {
    use io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};

    match source.kind() {
        StorageFull | QuotaExceeded | FileTooLarge => PutError::Full { size },
        _ => PutError::Io { size, source },
    }
}

fn free_bytes(folder: &Path) -> io::Result<u64> {
    let stat = rustix::fs::statvfs(folder)?;
    Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> io::Result<T> {
    tokio::task::spawn_blocking(work).await?
}

#[cfg(test)]
mod tests {
    use futures_util::{TryStreamExt as _, stream};
    use otaru_wire::http_range::ByteRange;
    use sha2::{Digest as _, Sha256};
    use tempfile::TempDir;

    use super::*;

    // The nine bytes `123456789` and their digests, as the sheet prints them (aliyun-link-sdk-v4 §2.3).
    const NINE: &[u8] = b"123456789";
    const MD5: &str = "25f9e794323b453885f5181f1b624d0b";
    const SHA256: &str = "15e2b0d3c33891ebb0f1ef609ec419420c20e320ce94c65fbc8c3312448eb225";

    fn open(folder: &TempDir) -> LocalFiles {
        LocalFiles::open(folder.path(), 1 << 30).unwrap()
    }

    fn body(chunks: &[&'static [u8]]) -> ByteStream<'static> {
        Box::pin(stream::iter(chunks.iter().map(|chunk| Ok(Bytes::from_static(chunk))).collect::<Vec<_>>()))
    }

    fn names(folder: &TempDir) -> Vec<String> {
        let names = fs::read_dir(folder.path()).unwrap();
        names.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }

    async fn read(files: &LocalFiles, id: FileId, start: u64, end: u64) -> Vec<u8> {
        let file = files.open(id).await.unwrap();
        let blocks: Vec<Bytes> = file.read(ByteRange { start, end }).try_collect().await.unwrap();
        blocks.concat()
    }

    #[tokio::test]
    async fn a_file_is_kept_under_its_sha256_and_read_by_range() {
        let folder = TempDir::new().unwrap();
        let stored = open(&folder).put(9, body(&[b"1234", b"56789"])).await.unwrap();
        assert_eq!(stored.id.to_string(), SHA256);
        assert_eq!(otaru_wire::Digest::Md5(stored.md5).to_string(), MD5);
        assert_eq!(names(&folder), [SHA256]);
        let reopened = open(&folder);
        assert_eq!(reopened.open(stored.id).await.unwrap().size(), 9);
        assert_eq!(read(&reopened, stored.id, 0, 9).await, NINE);
        assert_eq!(read(&reopened, stored.id, 2, 5).await, b"345");
        assert_eq!(read(&reopened, stored.id, 9, 9).await, b"");
    }

    #[tokio::test]
    async fn a_file_of_many_blocks_comes_back_whole() {
        let folder = TempDir::new().unwrap();
        let image: Vec<u8> = (0..3_000_000_u32).map(|n| (n % 251) as u8).collect();
        let chunks = image.chunks(70_001).map(|chunk| Ok(Bytes::copy_from_slice(chunk))).collect::<Vec<_>>();
        let files = open(&folder);
        let stored = files.put(image.len() as u64, Box::pin(stream::iter(chunks))).await.unwrap();
        assert_eq!(stored.id.0, <[u8; 32]>::from(Sha256::digest(&image)));
        assert_eq!(read(&files, stored.id, 0, stored.size).await, image);
        assert_eq!(read(&files, stored.id, 999_999, 2_000_001).await, image[999_999..2_000_001]);
    }

    #[tokio::test]
    async fn an_upload_that_is_cut_off_or_too_long_or_empty_leaves_nothing() {
        let folder = TempDir::new().unwrap();
        let files = open(&folder);
        let cut = files.put(10, body(&[NINE])).await;
        assert!(matches!(cut, Err(PutError::CutOff { declared: 10, received: 9, cause: None })), "{cut:?}");
        let reset = stream::iter([Ok(Bytes::from_static(NINE)), Err(io::ErrorKind::ConnectionReset.into())]);
        let cut = files.put(10, Box::pin(reset)).await;
        assert!(matches!(cut, Err(PutError::CutOff { received: 9, cause: Some(_), .. })), "{cut:?}");
        assert!(matches!(files.put(8, body(&[NINE])).await, Err(PutError::TooLong { declared: 8 })));
        assert!(matches!(files.put(0, body(&[])).await, Err(PutError::Empty)));
        assert_eq!(names(&folder), [""; 0]);
    }

    #[tokio::test]
    async fn an_upload_that_is_given_up_half_way_leaves_nothing() {
        let folder = TempDir::new().unwrap();
        let files = open(&folder);
        let stuck = stream::iter([Ok(Bytes::from_static(&[0; 2 * GATHER_BYTES]))]).chain(stream::pending());
        let put = tokio::spawn(async move { files.put(4 << 20, Box::pin(stuck)).await });
        while names(&folder).is_empty() {
            tokio::task::yield_now().await;
        }
        put.abort();
        // A thread that was writing drops the file when it is done.
        let gone = async {
            while !names(&folder).is_empty() {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(std::time::Duration::from_secs(30), gone).await.expect("the file aside stays");
    }

    #[tokio::test]
    async fn what_a_power_cut_left_aside_is_removed_at_the_next_start() {
        let folder = TempDir::new().unwrap();
        open(&folder).put(9, body(&[NINE])).await.unwrap();
        fs::write(folder.path().join("0.part"), "half").unwrap();
        open(&folder);
        assert_eq!(names(&folder), [SHA256]);
    }

    #[tokio::test]
    async fn a_file_over_the_limit_is_refused_before_a_byte_is_read() {
        let folder = TempDir::new().unwrap();
        let files = LocalFiles::open(folder.path(), 8).unwrap();
        let answer = files.put(9, Box::pin(stream::pending())).await;
        assert!(matches!(answer, Err(PutError::TooLarge { size: 9, max: 8 })), "{answer:?}");
    }

    #[tokio::test]
    async fn a_file_larger_than_the_disk_is_refused_before_a_byte_is_read() {
        let folder = TempDir::new().unwrap();
        let files = LocalFiles::open(folder.path(), u64::MAX).unwrap();
        let answer = files.put(1 << 62, Box::pin(stream::pending())).await;
        assert!(matches!(answer, Err(PutError::Full { .. })), "{answer:?}");
        assert_eq!(names(&folder), [""; 0]);
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn a_disk_that_fills_during_an_upload_is_told_apart_and_leaves_nothing() {
        let folder = TempDir::new().unwrap();
        // The kernel answers every write to this device with "no space left".
        let create = |path: &Path| {
            std::os::unix::fs::symlink("/dev/full", path)?;
            File::options().write(true).open(path)
        };
        let files = LocalFiles { create, ..open(&folder) };
        assert!(matches!(files.put(9, body(&[NINE])).await, Err(PutError::Full { size: 9 })));
        assert!(files.check().await.is_err());
        assert_eq!(names(&folder), [""; 0]);
    }

    #[tokio::test]
    async fn the_same_file_put_twice_at_once_is_kept_once() {
        let folder = TempDir::new().unwrap();
        let files = open(&folder);
        let puts = (0..8).map(|_| files.put(9, body(&[b"12345", b"6789"])));
        for stored in futures_util::future::join_all(puts).await {
            assert_eq!(stored.unwrap().id.to_string(), SHA256);
        }
        assert_eq!(names(&folder), [SHA256]);
        assert!(files.check().await.is_ok());
        assert_eq!(names(&folder), [SHA256]);
    }

    #[tokio::test]
    async fn a_file_damaged_on_the_disk_is_mended_by_putting_it_again() {
        let folder = TempDir::new().unwrap();
        let files = open(&folder);
        let stored = files.put(9, body(&[NINE])).await.unwrap();
        fs::write(folder.path().join(SHA256), "1234").unwrap();
        assert_eq!(files.open(stored.id).await.unwrap().size(), 4); // and kept open
        files.put(9, body(&[NINE])).await.unwrap();
        assert_eq!(read(&files, stored.id, 0, 9).await, NINE);
    }

    #[tokio::test]
    async fn a_file_that_is_not_there_is_not_found() {
        let folder = TempDir::new().unwrap();
        let answer = open(&folder).open(FileId([1; 32])).await.err();
        assert!(matches!(answer, Some(OpenError::NotFound(FileId(id))) if id == [1; 32]));
    }
}
