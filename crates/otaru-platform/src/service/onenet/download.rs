//! A device fetches its task's file, piece by piece.

use otaru_fleet::{OutOfTurn, Stage, Task, Word};
use otaru_wire::{
    ByteRange,
    dialect::onenet::{Bearer, Download, DownloadRefusal, Generation, Handle, Payload, Portion},
    http::{Answer, Head},
    http_range::RangeRequest,
};
use tracing::debug;

use super::{Asker, Fault, Refused, Served, Service, meters, words};
use crate::files::FileId;

/// A piece of a file that a device may have.
#[derive(Debug)]
pub struct Piece {
    /// The file: its SHA-256.
    pub file: FileId,
    /// Its length in bytes, as it was taken.
    pub size: u64,
    /// Status and headers of the answer.
    pub head: Head,
    /// The bytes of the file that are its body.
    pub range: ByteRange,
    generation: Generation,
}

impl Piece {
    /// The answer instead, if the file cannot be had after all: no client takes it for one.
    pub fn refused(&self, why: DownloadRefusal) -> Answer {
        why.answer(self.generation)
    }
}

impl Service {
    /// A download by token, which proves enough: whoever has it was told of the task.
    pub(super) async fn answer_bearer(&self, bearer: Bearer) -> Result<Served, Box<Refused>> {
        let generation = Generation::Token;
        let token = bearer.token.clone();
        let refused = |device: Option<&Task>, fault: Fault| {
            Box::new(Refused {
                generation,
                file: true,
                device: device.map(|task| task.device.clone()),
                fault,
            })
        };
        let found = self.store().task_of_token(token.as_str()).await;
        let (task, _) = found.map_err(|error| refused(None, error.into()))?;
        let device = task.device.clone();
        let keys = self.keys_of_device(&device).await.map_err(|error| refused(Some(&task), error.into()))?;
        let range = bearer.open(&device, &keys, self.now().0 / 1000)?;
        metrics::counter!(meters::CALLS, "ask" => "download").increment(1);
        self.inner.seen.note(&device, self.now());
        let asker = Asker { generation, device: &device };
        let piece = self.download(asker, &Handle::Token(token), range).await;
        piece.map(Served::File).map_err(|fault| refused(Some(&task), fault))
    }

    pub(super) async fn download(
        &self,
        asker: Asker<'_>,
        name: &Handle,
        range: Option<RangeRequest>,
    ) -> Result<Piece, Fault> {
        let task = self.named_task(asker, name).await?;
        if !task.may_be_fetched(words::TOKEN_LIFE, self.now()) {
            return Err(OutOfTurn::Over.into());
        }
        let package = self.package_of(task.package).await?;
        let file = package.spec.files.first().ok_or(Fault::NoTask)?;
        let device = asker.device;
        if task.stage() == Some(Stage::Waiting) {
            // Whoever fetches has begun. If it changed meanwhile, what it is now decides about the next piece.
            if let Err(fault) = self.said(task, Word::Begun, "").await {
                debug!(%device, %fault, "that {device} has begun was not noted: {fault}");
            }
        }
        let portion = Portion::of(range, file.size);
        debug!(%device, ?portion, "{device} fetches a piece of its file");
        let piece = Download::Piece { portion, size: file.size, name: file.name.clone() };
        match piece.write(asker.generation) {
            (head, Payload::File(range)) => {
                let (generation, id) = (asker.generation, FileId(file.sha256));
                Ok(Piece { file: id, size: file.size, head, range, generation })
            }
            (_, Payload::Byte(_) | Payload::Nothing) => Err(Fault::NoTask), // a piece has bytes
        }
    }
}
