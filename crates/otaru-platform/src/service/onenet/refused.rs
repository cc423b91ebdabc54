//! Why a question is refused, and how its device hears that.

use otaru_fleet::OutOfTurn;
use otaru_wire::{
    DeviceId,
    dialect::onenet::{DownloadRefusal, Generation, Refusal, Rejection, Reply},
    http::Answer,
};
use tracing::{debug, error, info};

use super::{Service, Untellable, meters, request_id};
use crate::store::{StoreError, What};

/// A question that is refused.
pub(super) struct Refused {
    pub(super) generation: Generation,
    /// Was a file asked for? Then no client may take the answer for one.
    pub(super) file: bool,
    /// Who asked, as far as that is told; without a proof it may be a lie.
    pub(super) device: Option<DeviceId>,
    pub(super) fault: Fault,
}

/// Why a question is refused.
#[derive(Debug, thiserror::Error)]
pub(super) enum Fault {
    /// Nobody was asked.
    #[error(transparent)]
    Rejected(#[from] Rejection),
    /// There is no such device, or it speaks otherwise. It is answered as a proof that does not hold, so that nobody learns
    /// from that which devices there are.
    #[error("there is no such device")]
    Stranger(Rejection),
    #[error("no device is known by that")]
    NoDevice,
    #[error("there is no task for it")]
    NoTask,
    #[error("it runs what it was to be brought to")]
    AlreadyThere,
    /// It asked which one was running, for it may have lost what it knew: no fault.
    #[error("none of its tasks was running")]
    NotRunning,
    #[error("its tasks have no such token or tid")]
    ForeignTask,
    #[error("the token of its task is good no more")]
    Expired,
    #[error("its task is no longer to be fetched")]
    NotOpen,
    #[error(transparent)]
    OutOfTurn(#[from] OutOfTurn),
    /// The older report of a result knows one number for everything that is wrong with a token (onenet §4.1).
    #[error("the token of its result is none of its own or good no more")]
    ResultToken,
    /// A bug: such a package is refused when it is made.
    #[error("its task cannot be told: {0}")]
    Untellable(#[from] Untellable),
    #[error(transparent)]
    Store(StoreError),
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::NotFound { what: What::Task } => Fault::ForeignTask,
            other => Fault::Store(other),
        }
    }
}

impl From<Rejection> for Refused {
    fn from(rejection: Rejection) -> Self {
        let Rejection { generation, download, ref device, .. } = rejection;
        Self { generation, file: download, device: device.clone(), fault: Fault::Rejected(rejection) }
    }
}

impl From<Rejection> for Box<Refused> {
    fn from(rejection: Rejection) -> Self {
        Box::new(rejection.into())
    }
}

impl Fault {
    fn refusal(&self) -> Refusal {
        match self {
            Fault::Rejected(rejection) | Fault::Stranger(rejection) => rejection.refusal(),
            Fault::NoDevice | Fault::ResultToken => Refusal::NotAuthentic,
            Fault::NoTask | Fault::Untellable(_) => Refusal::NoTask,
            Fault::AlreadyThere => Refusal::AlreadyThere,
            Fault::ForeignTask | Fault::NotRunning => Refusal::ForeignTask,
            Fault::Expired => Refusal::Expired,
            Fault::NotOpen => Refusal::NotOpen,
            Fault::OutOfTurn(reason) => (*reason).into(),
            Fault::Store(_) => Refusal::Internal,
        }
    }

    /// What a client hears that asked for a file (onenet §4.3).
    fn download_refusal(&self, generation: Generation) -> DownloadRefusal {
        match self {
            Fault::Rejected(rejection) | Fault::Stranger(rejection) => rejection.into(),
            Fault::ForeignTask if generation == Generation::Token => DownloadRefusal::NotAuthentic,
            Fault::ForeignTask | Fault::NotRunning | Fault::NoTask => DownloadRefusal::NoFile,
            Fault::Store(_) | Fault::Untellable(_) => DownloadRefusal::Unobtainable,
            Fault::NoDevice | Fault::ResultToken => DownloadRefusal::NoDevice,
            Fault::Expired | Fault::NotOpen | Fault::AlreadyThere | Fault::OutOfTurn(_) => {
                DownloadRefusal::Over
            }
        }
    }

    /// May somebody be guessing?
    fn proves_nothing(&self) -> bool {
        matches!(self.refusal(), Refusal::NotAuthentic | Refusal::ForeignTask) && !self.is_nothing_to_do()
    }

    /// The usual answer to a device that asks at its pace.
    fn is_nothing_to_do(&self) -> bool {
        matches!(self, Fault::NoTask | Fault::AlreadyThere | Fault::NotRunning)
    }
}

impl Service {
    /// The answer to a question that is refused. Who proves nothing waits for it.
    pub(super) async fn refuse(&self, refused: Refused) -> Answer {
        let Refused { generation, file, device, fault } = refused;
        let refusal = fault.refusal();
        self.log_refused(device.as_ref(), &fault);
        if !fault.is_nothing_to_do() {
            metrics::counter!(meters::CALLS_REFUSED, "why" => refusal.text()).increment(1);
        }
        if fault.proves_nothing() {
            self.inner.brake.hold().await;
        }
        match file {
            true => fault.download_refusal(generation).answer(generation),
            false => Reply::Refused(refusal).write(generation, &request_id()),
        }
    }

    fn log_refused(&self, device: Option<&DeviceId>, fault: &Fault) {
        let name = device.map_or_else(|| "a device that is not named".to_owned(), DeviceId::to_string);
        match fault {
            Fault::Store(_) | Fault::Untellable(_) => {
                error!(device = name, %fault, "failed to answer a question of {name}: {fault}");
            }
            _ if fault.is_nothing_to_do() => debug!(device = name, "{name} asked: {fault}"),
            // Neither may a device fill the log, nor a stranger under whatever name.
            _ if device.is_some_and(|device| self.may_complain_of(device, fault)) => {
                info!(device = name, %fault, "a question of {name} is refused: {fault}");
            }
            _ => debug!(device = name, %fault, "a question of {name} is refused: {fault}"),
        }
    }

    /// Once a minute of each device. Who only uses its name does not hide what it is told itself.
    fn may_complain_of(&self, device: &DeviceId, fault: &Fault) -> bool {
        match fault {
            Fault::Rejected(_) | Fault::Stranger(_) => self.may_complain_in(&self.inner.impostors, device),
            _ => self.may_complain(device),
        }
    }
}

#[cfg(test)]
mod tests {
    use otaru_fleet::{Stage, Word};
    use otaru_wire::dialect::onenet::RequestError;

    use super::*;

    fn faults(generation: Generation) -> Vec<Fault> {
        let rejection = |error| Rejection { generation, download: true, device: None, error };
        vec![
            Fault::Rejected(rejection(RequestError::NotSigned)),
            Fault::Rejected(rejection(RequestError::Method)),
            Fault::Stranger(rejection(RequestError::NotSigned)),
            Fault::NoDevice,
            Fault::NoTask,
            Fault::AlreadyThere,
            Fault::NotRunning,
            Fault::ForeignTask,
            Fault::Expired,
            Fault::NotOpen,
            Fault::OutOfTurn(OutOfTurn::Over),
            Fault::OutOfTurn(OutOfTurn::Canceled),
            Fault::OutOfTurn(OutOfTurn::NotNow { stage: Stage::Upgrading, word: Word::Begun }),
            Fault::ResultToken,
            Fault::Untellable(Untellable::OverMqtt),
            Fault::Store(StoreError::Full),
        ]
    }

    /// Source: onenet §9 item 6.
    #[test]
    fn whatever_goes_wrong_no_client_takes_the_answer_for_a_file() {
        for generation in Generation::ALL {
            for fault in faults(generation) {
                let answer = fault.download_refusal(generation).answer(generation);
                let header = |name| answer.head.headers.value(name);
                match generation {
                    Generation::Token => {
                        assert_eq!((answer.body.len(), header("Content-Length")), (1, None), "{fault}");
                    }
                    Generation::Tid | Generation::Fuse => {
                        let errno = header("Ota-Errno").and_then(|errno| errno.parse::<u8>().ok());
                        assert!(!answer.head.is_success() && answer.body.is_empty(), "{fault}");
                        assert!(errno.is_some_and(|errno| errno > 0), "{fault}");
                    }
                }
            }
        }
    }

    /// Source: onenet §4.1: 0 is success and nothing else.
    #[test]
    fn no_fault_is_told_as_success() {
        for generation in Generation::ALL {
            assert!(faults(generation).iter().all(|fault| fault.refusal().number(generation) > 0));
        }
    }

    #[test]
    fn the_platforms_own_fault_is_never_told_as_the_devices() {
        let broken = Fault::Store(StoreError::Full);
        assert_eq!(broken.refusal(), Refusal::Internal);
        assert_eq!(broken.download_refusal(Generation::Fuse), DownloadRefusal::Unobtainable);
        assert!(!broken.proves_nothing(), "nor is it held back");
    }
}
