//! The words of OneNET's devices, who ask: their steps, the number of a stage, and how what is out of turn is refused
//! (onenet §4, §6). The platform and the simulator decide by the same.

use otaru_wire::dialect::onenet::{Makes, Refusal, Status, Step};

use super::{OutOfTurn, Stage, Word};

impl From<Step> for Word {
    fn from(step: Step) -> Self {
        match (step, step.makes()) {
            (Step::DownloadFailed(_), Makes::Failed(failure)) => Word::DownloadFailed(failure),
            (_, Makes::Failed(failure)) => Word::UpgradeFailed(failure),
            (_, Makes::Downloading(percent)) => Word::Percent(percent),
            (_, Makes::Upgrading) => Word::Downloaded,
            (_, Makes::Succeeded) => Word::Upgraded,
        }
    }
}

impl From<Stage> for Status {
    fn from(stage: Stage) -> Self {
        match stage {
            Stage::Waiting => Status::Waiting,
            Stage::Downloading => Status::Downloading,
            Stage::Upgrading => Status::Upgrading,
            Stage::Succeeded => Status::Succeeded,
            Stage::Failed => Status::Failed,
            Stage::Canceled => Status::Canceled,
        }
    }
}

impl From<OutOfTurn> for Refusal {
    fn from(reason: OutOfTurn) -> Self {
        match reason {
            OutOfTurn::Over => Refusal::Finished,
            OutOfTurn::Canceled => Refusal::Canceled,
            OutOfTurn::NotNow { .. } => Refusal::NotNow,
        }
    }
}
