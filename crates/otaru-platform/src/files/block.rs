//! Reading a local file block by block, without a thread for each download.

use std::{fs::File, io, os::unix::fs::FileExt, sync::Arc};

use bytes::Bytes;
use futures_util::stream;
use otaru_wire::http_range::ByteRange;

use super::{ByteStream, OpenFile};

/// The most bytes read, and held for one slow device, at a time. A quarter of it costs about a third more processor
/// time for the same bytes (`benches/downloads.rs`).
const BLOCK_BYTES: u64 = 256 * 1024;

/// A file of the local folder, open. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct LocalFile {
    file: Arc<File>,
    size: u64,
}

impl LocalFile {
    pub(super) fn new(file: File) -> io::Result<Self> {
        let size = file.metadata()?.len();
        Ok(Self { file: Arc::new(file), size })
    }
}

impl OpenFile for LocalFile {
    fn size(&self) -> u64 {
        self.size
    }

    fn read(&self, range: ByteRange) -> ByteStream<'static> {
        let file = Arc::clone(&self.file);
        Box::pin(stream::try_unfold((file, range), |(file, rest)| async move {
            if rest.is_empty() {
                return Ok(None);
            }
            let block = read_block(&file, rest.start, rest.len().min(BLOCK_BYTES)).await?;
            let start = rest.start + block.len() as u64;
            Ok(Some((block, (file, ByteRange { start, end: rest.end }))))
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
