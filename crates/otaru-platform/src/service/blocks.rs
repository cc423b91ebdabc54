//! A device asks for a part of a file over MQTT.
//!
//! A device's requests are in its lane, so at most one block of it is read at a time. A block that its outbox has no
//! room for is let go: the device asks again (aliyun-link-sdk-v4 §3.3), and gets nothing more until it takes what it
//! was sent. Open files are kept by [`Files`](crate::files::Files).

use futures_util::TryStreamExt as _;
use otaru_fleet::{Over, TaskId, TaskState};
use otaru_wire::{Block, BlockRequest, DeviceId, MessageId, http_range::ByteRange};
use tracing::{debug, error};

use super::{GrantError, Service, meters};
use crate::{
    files::{FileId, OpenError},
    gateway::Delivery,
    store::StoreError,
};

/// Why a block is not given. The text goes to the device.
#[derive(Debug, thiserror::Error)]
enum Refusal {
    /// The stream is no task's, or the task is another device's: the answer is the same.
    #[error("stream {0} is none of this device's tasks")]
    NoSuchStream(u64),
    #[error("the task is {0}: its files are no longer given out")]
    Closed(TaskState),
    #[error("the files of this task come by link")]
    ByLink,
    #[error("the package has {files} files; there is no file {file}")]
    NoSuchFile { file: u32, files: usize },
    #[error("the file has {size} bytes; there is nothing at {offset}")]
    PastEnd { offset: u64, size: u64 },
    /// The platform promised a file that it cannot read. Its own fault; why is in its log.
    #[error("the platform cannot read the file just now")]
    Unreadable,
    /// Nobody can tell just now: the request waits.
    #[error(transparent)]
    Store(StoreError),
}

impl Service {
    /// Answers with the block, shorter at the end of its file, or with why not.
    pub(super) async fn answer_block(
        &self,
        device: &DeviceId,
        id: &MessageId,
        request: &BlockRequest,
    ) -> Result<(), StoreError> {
        let half = self.half_of(device).await?;
        let answer = match self.block(device, request).await {
            Ok(block) => {
                let len = block.bytes.len() as u64;
                half.write_block(device, id, &block).map(|message| message.map(|message| (message, len)))
            }
            Err(Refusal::Store(error)) => return Err(error),
            Err(refusal) => {
                debug!(%device, stream = request.stream, file = request.file, "a block is refused: {refusal}");
                let refused = half.write_block_refusal(device, id, request, &refusal.to_string());
                Ok(refused.map(|message| (message, 0)))
            }
        };
        match answer {
            Ok(Some((message, len))) => match self.inner.parts.outbox.deliver(device, message) {
                Delivery::Queued => metrics::counter!(meters::BLOCK_BYTES).increment(len),
                Delivery::Full | Delivery::Offline => debug!(%device, "{device} does not take its blocks"),
            },
            Ok(None) => {}
            // It was cut to fit, so this is a bug.
            Err(error) => error!(%device, %error, "a block for {device} cannot be sent: {error}"),
        }
        Ok(())
    }

    async fn block(&self, device: &DeviceId, request: &BlockRequest) -> Result<Block, Refusal> {
        let &BlockRequest { stream, file: number, offset, len, ref token } = request;
        let package = self.granted_package(device, TaskId(stream)).await.map_err(|error| match error {
            GrantError::NotFound | GrantError::Withdrawn => Refusal::NoSuchStream(stream),
            GrantError::Closed(state) => Refusal::Closed(state),
            GrantError::Store(error) => Refusal::Store(error),
        })?;
        if package.spec.over != Over::Mqtt {
            return Err(Refusal::ByLink);
        }
        let files = &package.spec.files;
        // Files are counted from 1.
        let at = usize::try_from(number).ok().and_then(|number| number.checked_sub(1));
        let file = at
            .and_then(|at| files.get(at))
            .ok_or(Refusal::NoSuchFile { file: number, files: files.len() })?;
        let end = offset.saturating_add(u64::from(len)).min(file.size);
        if offset >= end {
            return Err(Refusal::PastEnd { offset, size: file.size });
        }
        let id = FileId(file.sha256);
        let bytes = self.read(id, file.size, ByteRange { start: offset, end }).await.map_err(|error| {
            error!(%device, file = %id, %error, "failed to read a block of file {id}: {error}");
            Refusal::Unreadable
        })?;
        Ok(Block { token: token.clone(), file_size: file.size, offset, bytes })
    }

    /// Exactly these bytes of a file that was taken with `size` bytes.
    async fn read(&self, id: FileId, size: u64, range: ByteRange) -> Result<Vec<u8>, OpenError> {
        let file = self.inner.parts.files.open(id).await?;
        if file.size() != size {
            let found = format!("it has {} bytes on the disk and was taken with {size}", file.size());
            return Err(OpenError::Io { id, source: std::io::Error::other(found) });
        }
        let mut bytes = Vec::with_capacity(usize::try_from(range.len()).unwrap_or_default());
        let mut pieces = file.read(range);
        while let Some(piece) = pieces.try_next().await.map_err(|source| OpenError::Io { id, source })? {
            bytes.extend_from_slice(&piece);
        }
        Ok(bytes)
    }
}
