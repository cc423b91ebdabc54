//! Devices of OneNET ask over HTTP: what each question does, and what is answered.
//!
//! No socket here: a [`Call`] comes in and [`Served`] goes out, and every refusal is already what the device's generation
//! understands. Nothing is told before the proof that came with a question holds ([`otaru_wire::dialect::onenet::Signed`]).
//! What a device may say of its task in which stage is decided in [`otaru_fleet::Stage`].
//!
//! | file | what is asked |
//! | --- | --- |
//! | `versions.rs` | a device tells its versions, or asks for them, or for its name |
//! | `check.rs` | is there a task? which one was running? |
//! | `tasks.rs` | is this task still to be done? how far it is, how it ended |
//! | `download.rs` | a file, or a part of it |
//! | `refused.rs` | why a question is refused, and how its device hears that |
//! | `words.rs` | the vendor's steps and numbers in otaru's words |

mod check;
mod download;
mod refused;
mod tasks;
mod versions;
mod words;

use otaru_fleet::Dialect;
use otaru_wire::{
    DeviceId, ProductKey,
    dialect::onenet::{self, AccessKey, Ask, Generation, Reply, Request, Signed, Who},
    http::{Answer, Call},
};

use super::{Service, meters, tokens::random_hex};
use crate::store::{Proofs, StoreError};
pub use download::Piece;
use refused::{Fault, Refused};
pub use words::Untellable;
pub(super) use words::can_tell;

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

/// Who asks, proven, and how that is answered.
#[derive(Clone, Copy)]
struct Asker<'a> {
    generation: Generation,
    device: &'a DeviceId,
}

impl Service {
    /// Answers a call of a OneNET device, of any generation. It never fails: what goes wrong is in the answer, and in the log
    /// with the device's name.
    pub async fn onenet(&self, call: &Call) -> Served {
        let answered = match onenet::read(call) {
            Ok(None) => return Served::NotOurs,
            Ok(Some(Request::Signed(signed))) => self.answer_signed(signed).await,
            Ok(Some(Request::Bearer(bearer))) => self.answer_bearer(bearer).await,
            Err(rejection) => Err(Box::new(rejection.into())),
        };
        match answered {
            Ok(served) => served,
            Err(refused) => Served::Answer(self.refuse(*refused).await),
        }
    }

    async fn answer_signed(&self, signed: Signed) -> Result<Served, Box<Refused>> {
        let (generation, file, who) = (signed.generation, signed.asks_for_file(), signed.who.clone());
        let device = match &who {
            Who::Device(device) => Some(device),
            Who::Product(_) => None,
        };
        let refused = |fault| Box::new(Refused { generation, file, device: device.cloned(), fault });
        let keys = match &who {
            Who::Device(device) => self.keys_of_device(device).await,
            Who::Product(product) => self.keys_of_product(product).await,
        };
        let keys = keys.map_err(|error| refused(error.into()))?;
        let ask = signed.open(&keys, self.now().0 / 1000).map_err(|rejection| match keys.is_empty() {
            true => refused(Fault::Stranger(rejection)),
            false => rejection.into(),
        })?;
        metrics::counter!(meters::CALLS, "ask" => name(&ask)).increment(1);
        let said = match &who {
            Who::Device(device) => {
                self.inner.seen.note(device, self.now());
                self.answer_device(Asker { generation, device }, ask).await
            }
            Who::Product(product) => self.answer_stranger(product, ask).await.map(Said::Reply),
        };
        Ok(match said.map_err(refused)? {
            Said::Reply(reply) => Served::Answer(reply.write(generation, &request_id())),
            Said::Piece(piece) => Served::File(piece),
        })
    }

    async fn answer_device(&self, asker: Asker<'_>, ask: Ask) -> Result<Said, Fault> {
        let device = asker.device;
        let reply = match ask {
            Ask::Version(versions) => self.versions_reported(device, &versions).await,
            Ask::Versions => self.versions_known(device).await,
            Ask::Check(check) => self.check_task(asker, &check).await,
            Ask::Running { kind, cdn } => self.running_task(asker, kind, cdn).await,
            Ask::TaskCheck(task) => self.task_checked(asker, &task).await,
            Ask::Step { task, step } => self.step_reported(asker, &task, step).await,
            Ask::Result { token, step } => self.result_reported(asker, token, step).await,
            Ask::Download { task, range } => {
                return self.download(asker, &task, range).await.map(Said::Piece);
            }
            Ask::DeviceNumber { .. } => Err(Fault::NoDevice), // its request names no device
        };
        reply.map(Said::Reply)
    }

    /// What may prove a device: its product's key and its own. None for a device that is not there or speaks otherwise.
    async fn keys_of_device(&self, device: &DeviceId) -> Result<Vec<AccessKey>, StoreError> {
        match self.known_device(device).await {
            Ok(Proofs { dialect: Dialect::Onenet, device, product }) => {
                Ok([product, device].iter().flat_map(|key| AccessKey::from_base64(key.expose())).collect())
            }
            Ok(_) | Err(StoreError::NotFound { .. }) => Ok(Vec::new()),
            Err(error) => Err(error),
        }
    }

    /// What may prove a device whose name is not known.
    async fn keys_of_product(&self, product: &ProductKey) -> Result<Vec<AccessKey>, StoreError> {
        match self.store().product(product).await {
            Ok(product) if product.dialect == Dialect::Onenet => {
                Ok(AccessKey::from_base64(product.secret.expose()).into_iter().collect())
            }
            Ok(_) | Err(StoreError::NotFound { .. }) => Ok(Vec::new()),
            Err(error) => Err(error),
        }
    }
}

enum Said {
    Reply(Reply),
    Piece(Piece),
}

/// Names one answer. Nothing depends on it, so one that cannot be made is left out.
fn request_id() -> String {
    random_hex::<16>().unwrap_or_default()
}

const fn name(ask: &Ask) -> &'static str {
    match ask {
        Ask::Version(_) => "version",
        Ask::Versions => "versions",
        Ask::Check(_) => "check",
        Ask::TaskCheck(_) => "task_check",
        Ask::Download { .. } => "download",
        Ask::Step { .. } => "step",
        Ask::Running { .. } => "running",
        Ask::Result { .. } => "result",
        Ask::DeviceNumber { .. } => "device_number",
    }
}
