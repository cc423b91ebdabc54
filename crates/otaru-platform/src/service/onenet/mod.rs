//! Devices of OneNET ask over HTTP: what each question does, and what is answered.
//!
//! No socket here: a [`Call`] comes in and [`Served`] goes out, and every refusal is already what the device's generation
//! understands. Nothing is told before the proof that came with a question holds ([`otaru_wire::dialect::onenet::Signed`]).

use otaru_fleet::Dialect;
use otaru_wire::{
    ByteRange, DeviceId,
    dialect::onenet::{
        self, AccessKey, Ask, DownloadRefusal, Generation, Kind, Refusal, Rejection, Reply, Request, Signed,
        Versions, Who,
    },
    http::{Answer, Call, Head},
};
use tracing::{debug, error, info};

use super::{Service, meters, tokens::random_hex};
use crate::{
    files::FileId,
    store::{Proofs, StoreError},
};

/// What becomes of a call.
#[derive(Debug)]
pub enum Served {
    /// Its path is not this dialect's.
    NotOurs,
    /// This is the answer.
    Answer(Answer),
    /// The answer's body is a piece of a file.
    File(Piece),
}

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

/// A question that is not answered as it was asked, and to whom.
struct Refused {
    generation: Generation,
    device: Option<DeviceId>,
    why: Why,
}

enum Why {
    /// It cannot be understood, or its proof does not hold. Nobody was asked.
    Rejected(Rejection),
    /// The platform cannot tell.
    Store(StoreError),
}

impl From<Rejection> for Refused {
    fn from(rejection: Rejection) -> Self {
        let (generation, device) = (rejection.generation, rejection.device.clone());
        Self { generation, device, why: Why::Rejected(rejection) }
    }
}

impl Service {
    /// Answers a call of a OneNET device, of any generation. It never fails: what goes wrong is in the answer, and in the log
    /// with the device's name.
    pub async fn onenet(&self, call: &Call) -> Served {
        let answered = match onenet::read(call) {
            Ok(None) | Ok(Some(Request::Bearer(_))) => return Served::NotOurs,
            Ok(Some(Request::Signed(signed))) => self.answer_signed(signed).await,
            Err(rejection) => Err(rejection.into()),
        };
        match answered {
            Ok(Some(served)) => served,
            Ok(None) => Served::NotOurs,
            Err(refused) => Served::Answer(self.refuse(refused).await),
        }
    }

    async fn answer_signed(&self, signed: Signed) -> Result<Option<Served>, Refused> {
        let (generation, who) = (signed.generation, signed.who.clone());
        let Who::Device(device) = who else { return Ok(None) };
        let failed = |error| Refused { generation, device: Some(device.clone()), why: Why::Store(error) };
        let keys = self.onenet_keys(&device).await.map_err(failed)?;
        let ask = signed.open(&keys, self.now().0 / 1000)?;
        self.inner.seen.note(&device, self.now());
        let reply = match ask {
            Ask::Version(versions) => {
                metrics::counter!(meters::CALLS, "ask" => "version").increment(1);
                self.versions_reported(&device, &versions).await
            }
            Ask::Versions => {
                metrics::counter!(meters::CALLS, "ask" => "versions").increment(1);
                self.versions_known(&device).await
            }
            _ => return Ok(None),
        };
        Ok(Some(Served::Answer(reply.map_err(failed)?.write(generation, &request_id()))))
    }

    /// What may prove a device: its product's key and its own. None for a device that is not there or speaks otherwise.
    async fn onenet_keys(&self, device: &DeviceId) -> Result<Vec<AccessKey>, StoreError> {
        match self.known_device(device).await {
            Ok(Proofs { dialect: Dialect::Onenet, device, product }) => {
                let keys = [product, device].map(|secret| AccessKey::from_base64(secret.expose()).ok());
                Ok(keys.into_iter().flatten().collect())
            }
            Ok(_) | Err(StoreError::NotFound { .. }) => Ok(Vec::new()),
            Err(error) => Err(error),
        }
    }

    async fn versions_reported(&self, device: &DeviceId, versions: &Versions) -> Result<Reply, StoreError> {
        for (kind, version) in [(Kind::Fota, &versions.fota), (Kind::Sota, &versions.sota)] {
            if let Some(version) = version {
                self.note_version(device, &kind.module(), version).await?;
            }
        }
        Ok(Reply::Done)
    }

    async fn versions_known(&self, device: &DeviceId) -> Result<Reply, StoreError> {
        let mut versions = Versions::default();
        for running in self.store().running(device).await? {
            match Kind::of(&running.module) {
                Some(Kind::Fota) => versions.fota = Some(running.version),
                Some(Kind::Sota) => versions.sota = Some(running.version),
                None => {}
            }
        }
        Ok(Reply::Versions(versions))
    }

    /// The answer to a question that is refused. Who proves nothing waits for it.
    async fn refuse(&self, refused: Refused) -> Answer {
        let Refused { generation, device, why } = refused;
        let name = device.as_ref().map_or_else(|| "a stranger".to_owned(), DeviceId::to_string);
        match why {
            Why::Rejected(rejection) => {
                let refusal = rejection.refusal();
                metrics::counter!(meters::CALLS_REFUSED, "why" => refusal.text()).increment(1);
                // A stranger may not fill the log, under whatever name.
                if device.is_some_and(|device| self.may_complain(&device)) {
                    info!(device = name, %rejection, "a question of {name} is refused: {rejection}");
                } else {
                    debug!(device = name, %rejection, "a question of {name} is refused: {rejection}");
                }
                if refusal == Refusal::NotAuthentic {
                    self.inner.brake.hold().await;
                }
                rejection.answer(&request_id())
            }
            Why::Store(problem) => {
                error!(device = name, %problem, "failed to answer a question of {name}: {problem}");
                Reply::Refused(Refusal::Internal).write(generation, &request_id())
            }
        }
    }
}

/// Names one answer. Nothing depends on it, so one that cannot be made is left out.
fn request_id() -> String {
    random_hex::<16>().unwrap_or_default()
}
