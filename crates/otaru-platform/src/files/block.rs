//! Reading a local file block by block, without a thread for each download.

use std::{
    fs::File,
    io,
    os::unix::fs::FileExt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use bytes::Bytes;
use futures_util::stream;
use otaru_wire::http_range::ByteRange;

use super::{ByteStream, OpenFile};

/// The most bytes read, and held for one slow device, at a time. A quarter of it costs about a third more processor
/// time for the same bytes (`benches/downloads.rs`).
const MAX_BLOCK_BYTES: u64 = 256 * 1024;

/// The least bytes read at a time, however many devices download.
const MIN_BLOCK_BYTES: u64 = 16 * 1024;

/// What all downloads that read their next block now hold together, as long as their blocks may shrink: thousands of
/// slow devices must not fill the memory.
const ALL_BLOCKS_BYTES: u64 = 32 << 20;

/// How many downloads are under way. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(super) struct Downloads(Arc<AtomicU64>);

impl Downloads {
    fn begin(&self) -> Download {
        self.0.fetch_add(1, Ordering::Relaxed);
        Download(self.clone())
    }

    fn block_bytes(&self) -> u64 {
        let downloads = self.0.load(Ordering::Relaxed).max(1);
        (ALL_BLOCKS_BYTES / downloads).clamp(MIN_BLOCK_BYTES, MAX_BLOCK_BYTES)
    }
}

/// One download, as long as it lives.
struct Download(Downloads);

impl Drop for Download {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A file of the local folder, open. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct LocalFile {
    file: Arc<File>,
    size: u64,
    downloads: Downloads,
}

impl LocalFile {
    pub(super) fn new(file: File, downloads: Downloads) -> io::Result<Self> {
        let size = file.metadata()?.len();
        Ok(Self { file: Arc::new(file), size, downloads })
    }
}

impl OpenFile for LocalFile {
    fn size(&self) -> u64 {
        self.size
    }

    fn read(&self, range: ByteRange) -> ByteStream<'static> {
        let begun = (Arc::clone(&self.file), self.downloads.begin(), range);
        Box::pin(stream::try_unfold(begun, |(file, download, rest)| async move {
            if rest.is_empty() {
                return Ok(None);
            }
            let block = read_block(&file, rest.start, rest.len().min(download.0.block_bytes())).await?;
            let start = rest.start + block.len() as u64;
            Ok(Some((block, (file, download, ByteRange { start, end: rest.end }))))
        }))
    }
}

/// From 1 to `len` bytes at `offset`.
async fn read_block(file: &Arc<File>, offset: u64, len: u64) -> io::Result<Bytes> {
    let mut block = vec![0; usize::try_from(len).unwrap_or(usize::MAX)];
    // Bytes that are in memory already, as those of a file that a fleet is fetching are, are copied at once;
    // handing them to a thread and back would cost more than the copy.
    let read = match read_in_memory(file, offset, &mut block) {
        Ok(read) => read,
        Err(_) => {
            let file = Arc::clone(file);
            let (read, filled) = tokio::task::spawn_blocking(move || {
                let read = file.read_at(&mut block, offset)?;
                io::Result::Ok((read, block))
            })
            .await??;
            block = filled;
            read
        }
    };
    if read == 0 {
        return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the file is shorter than it was"));
    }
    block.truncate(read);
    Ok(block.into())
}

/// Reads without waiting for the disk; an error means that a thread has to wait for it.
#[cfg(target_os = "linux")]
fn read_in_memory(file: &File, offset: u64, block: &mut [u8]) -> io::Result<usize> {
    use rustix::io::{ReadWriteFlags, preadv2};

    Ok(preadv2(file, &mut [io::IoSliceMut::new(block)], offset, ReadWriteFlags::NOWAIT)?)
}

#[cfg(not(target_os = "linux"))]
fn read_in_memory(_: &File, _: u64, _: &mut [u8]) -> io::Result<usize> {
    Err(io::ErrorKind::Unsupported.into())
}

#[cfg(test)]
mod tests {
    use futures_util::StreamExt as _;

    use super::*;

    #[tokio::test]
    async fn many_slow_downloads_hold_little_and_a_few_fast_ones_large_blocks() {
        let file = tempfile::tempfile().unwrap();
        file.set_len(1 << 20).unwrap();
        let file = LocalFile::new(file, Downloads::default()).unwrap();
        let all = ByteRange { start: 0, end: 1 << 20 };
        let alone = file.read(all).next().await.unwrap().unwrap();
        assert_eq!(alone.len() as u64, MAX_BLOCK_BYTES);
        // As many as the HTTP server serves at once; each holds the block that its device does not take.
        let mut held = 0;
        let mut downloads = Vec::new();
        for _ in 0..8192 {
            let mut download = file.read(all);
            held += download.next().await.unwrap().unwrap().len();
            downloads.push(download);
        }
        assert!(held < 256 << 20, "{held}");
        drop(downloads);
        assert_eq!(file.downloads.block_bytes(), MAX_BLOCK_BYTES, "those that are over do not count");
    }
}
