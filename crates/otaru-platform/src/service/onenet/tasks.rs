//! A device speaks of its task by token or tid: is it still to be done, how far it is, how it ended.

use otaru_fleet::{OutOfTurn, Stage, Task, TaskState, Transition, Word};
use otaru_wire::dialect::onenet::{Generation, Handle, Reply, Step, Token};

use super::{Asker, Fault, Service, check::is_live, words};
use crate::{
    service::reports::DECISIONS,
    store::{Applied, StoreError},
};

impl Service {
    /// The device's own task of that name, in whatever state.
    pub(super) async fn named_task(&self, asker: Asker<'_>, name: &Handle) -> Result<Task, Fault> {
        let (task, live) = match name {
            Handle::Token(token) => {
                let (task, given_at) = self.store().task_of_token(token.as_str()).await?;
                (task, is_live(given_at, self.now()))
            }
            Handle::Tid(tid) => (self.store().task(words::task_id(*tid)).await?.task, true),
        };
        // One that waits for a person is shown to nobody.
        if task.device != *asker.device || task.stage().is_none() {
            return Err(Fault::ForeignTask);
        }
        if live { Ok(task) } else { Err(Fault::Expired) }
    }

    /// Asked before each piece. In the first generation the question itself begins the download (onenet §6).
    pub(super) async fn task_checked(&self, asker: Asker<'_>, name: &Handle) -> Result<Reply, Fault> {
        let task = self.named_task(asker, name).await?;
        let task = match asker.generation {
            Generation::Token => self.said(task, Word::Begun, "").await,
            Generation::Tid | Generation::Fuse => match task.stage() {
                Some(Stage::Waiting | Stage::Downloading) => Ok(task),
                // Decides nothing, but knows why such a word is out of turn.
                _ => self.said(task, Word::Begun, "").await,
            },
        };
        match task {
            Ok(task) => Ok(Reply::Status(words::status(&task))),
            Err(Fault::OutOfTurn(OutOfTurn::NotNow { .. })) => Err(Fault::NotOpen),
            Err(fault) => Err(fault),
        }
    }

    pub(super) async fn step_reported(
        &self,
        asker: Asker<'_>,
        name: &Handle,
        step: Step,
    ) -> Result<Reply, Fault> {
        let task = self.named_task(asker, name).await?;
        self.said(task, step.into(), &words::description(step)).await?;
        Ok(Reply::Done)
    }

    /// The older report of a result: it comes twice, once for the download and once for the upgrade (onenet §2.1 row 8).
    pub(super) async fn result_reported(
        &self,
        asker: Asker<'_>,
        token: Token,
        step: Step,
    ) -> Result<Reply, Fault> {
        match self.step_reported(asker, &Handle::Token(token), step).await {
            Err(Fault::ForeignTask | Fault::Expired) => Err(Fault::ResultToken),
            replied => replied,
        }
    }

    /// Does to a task what its device's word does, and gives it as it is then.
    pub(super) async fn said(&self, mut task: Task, word: Word, description: &str) -> Result<Task, Fault> {
        let rigor = self.inner.parts.options.rigor;
        for _ in 0..DECISIONS {
            let Transition::To(next) = task.on_word(word, description, rigor, self.now())? else {
                return Ok(task);
            };
            let applied = match next.state {
                TaskState::Succeeded => self.apply_upgraded(&task, next.clone()).await?,
                _ => self.apply(&task, next.clone()).await?,
            };
            if applied == Applied::Done {
                task.apply(next);
                return Ok(task);
            }
            task = self.store().task(task.id).await?.task;
        }
        Err(Fault::Store(StoreError::Conflict("the task would not hold still")))
    }
}
