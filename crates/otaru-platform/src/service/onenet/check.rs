//! Is there a task? Which one was running before the power went?

use otaru_fleet::{Task, TaskState, Timestamp, Transition};
use otaru_wire::dialect::onenet::{Check, Generation, Kind, Reply, Terms, Token};

use super::{Asker, Fault, Service, words};
use crate::{
    service::{reports::DECISIONS, tokens::random},
    store::{Applied, StoreError, TaskToken},
};

impl Service {
    /// The running version is a report. If a task is open then, the device is told of it, in whatever stage it is.
    pub(super) async fn check_task(&self, asker: Asker<'_>, check: &Check) -> Result<Reply, Fault> {
        let (device, module) = (asker.device, check.kind.module());
        match self.note_version(device, &module, &check.running).await? {
            Some(task) if task.may_be_told(self.now()) => self.offer(asker, task, check.hardware.cdn).await,
            Some(task) if task.state == TaskState::Succeeded => Err(Fault::AlreadyThere),
            Some(_) => Err(Fault::NoTask),
            None if self.store().was_upgraded(device, &module, &check.running).await? => {
                Err(Fault::AlreadyThere)
            }
            None => Err(Fault::NoTask),
        }
    }

    /// A device that lost what it knew asks for the task that it was told of. One whose token ran out is over for it.
    pub(super) async fn running_task(&self, asker: Asker<'_>, kind: Kind, cdn: bool) -> Result<Reply, Fault> {
        let task = self.open_task(asker.device, &kind.module()).await?;
        let told = task.filter(|task| task.state != TaskState::Queued && task.may_be_told(self.now()));
        let task = told.ok_or(Fault::NotRunning)?;
        let token = self.store().task_token(task.id).await?.ok_or(Fault::NotRunning)?;
        if !is_live(token.given_at, self.now()) {
            return Err(Fault::Expired);
        }
        self.offer(asker, task, cdn).await
    }

    /// Tells the device of its task, and notes first that it was told.
    async fn offer(&self, asker: Asker<'_>, mut task: Task, cdn: bool) -> Result<Reply, Fault> {
        for _ in 0..DECISIONS {
            let (package, terms) =
                (self.package_of(task.package).await?, self.terms(asker, &task, cdn).await?);
            let told = words::task(&package, &task, terms)?;
            let Transition::To(next) = task.on_asked(self.now()) else { return Ok(Reply::Task(told)) };
            if self.apply(&task, next).await? == Applied::Done {
                return Ok(Reply::Task(told));
            }
            task = self.store().task(task.id).await?.task;
            if !task.may_be_told(self.now()) {
                return Err(Fault::NoTask);
            }
        }
        Err(Fault::Store(StoreError::Conflict("the task would not hold still")))
    }

    async fn terms(&self, asker: Asker<'_>, task: &Task, cdn: bool) -> Result<Terms, Fault> {
        Ok(match asker.generation {
            Generation::Token => Terms::Token {
                token: self.token(task).await?,
                limits: words::LIMITS,
                ip_port: words::address(self.inner.parts.links.base()).filter(|_| cdn),
            },
            Generation::Tid | Generation::Fuse => {
                Terms::Tid { tid: words::tid(task.id)?, status: words::status(task) }
            }
        })
    }

    /// The task's one live token, given again while it lives.
    async fn token(&self, task: &Task) -> Result<Token, Fault> {
        let now = self.now();
        let kept = self.store().task_token(task.id).await?;
        let token = match kept.filter(|token| is_live(token.given_at, now)) {
            Some(token) => token,
            None => {
                let random = random().map_err(|error| StoreError::Broken(error.to_string()))?;
                let text = Token::from_random(random).as_str().to_owned();
                let dead = Timestamp(now.0.saturating_sub(words::TOKEN_LIFE.as_millis() as u64));
                self.store().give_task_token(task.id, TaskToken { text, given_at: now }, dead).await?
            }
        };
        Token::new(token.text).map_err(|error| Fault::Store(StoreError::Broken(error.to_string())))
    }
}

/// Is a token that was given then still good?
pub(super) fn is_live(given_at: Timestamp, now: Timestamp) -> bool {
    now < given_at + words::TOKEN_LIFE
}
