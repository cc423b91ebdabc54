//! A device is told of its Task: when it connects, reports its version or asks, and when a campaign starts.

use std::{sync::Arc, time::Duration};

use futures_util::future::join_all;
use otaru_fleet::{CampaignId, Package, PackageId, Policy, Task, TaskId, TaskState, Timestamp, Transition};
use otaru_wire::{DeviceId, Notice, dialect::Question, mqtt::Message};
use tokio::{
    sync::watch,
    time::{Interval, MissedTickBehavior, interval},
};
use tracing::{debug, error};

use super::{Service, meters};
use crate::{
    gateway::Delivery,
    links::Grant,
    store::{Applied, Page, StoreError},
};

/// Tasks read at a time while a campaign starts.
const CHUNK: u32 = 500;
/// Notices and pushes to many devices go out this many times a second.
const BURSTS_PER_SECOND: u32 = 10;

impl Service {
    /// The notice of a task, with links that are good from now on.
    pub(super) async fn notice(&self, task: &Task) -> Result<Notice, StoreError> {
        let package = self.package_of(task.package).await?;
        let now_ms = self.now().0;
        let link = |file: usize| {
            let file = u16::try_from(file).unwrap_or(u16::MAX);
            self.inner.parts.links.write(&Grant::file(task.device.clone(), task.id, file), now_ms)
        };
        let silent = task.rules.policy == Policy::Silent;
        Ok(Notice { silent, ..package.spec.notice(task.id, link) })
    }

    pub(super) async fn package_of(&self, id: PackageId) -> Result<Arc<Package>, StoreError> {
        match self.inner.packages.find(id) {
            Some(package) => Ok(package),
            None => Ok(self.inner.packages.keep(self.store().package(id).await?)),
        }
    }

    /// Tells a device of its task, if it is connected and the task is one to be told of now, and notes that it was told.
    pub(super) async fn tell(&self, task: &Task) -> Result<(), StoreError> {
        let device = &task.device;
        if !task.may_be_told(self.now()) || !self.inner.parts.outbox.is_connected(device) {
            return Ok(());
        }
        let notice = self.notice(task).await?;
        let half = self.half_of(device).await?;
        match half.write_notice(device, self.now().0, &notice) {
            Ok(message) => {
                let delivery = self.deliver(task, message, Task::on_notified).await?;
                if let Some(seconds) =
                    half.push_reply_within_s().filter(|_| delivery == Some(Delivery::Queued))
                {
                    self.await_reply(device, seconds);
                }
                Ok(())
            }
            Err(error) => {
                // Refused when the package was made, so this is a bug; the task keeps waiting where people see it.
                error!(%device, task = task.id.0, %error, "task {} cannot be told: {error}", task.id);
                Ok(())
            }
        }
    }

    /// Tells a device of everything that waits for it.
    pub(super) async fn tell_all(&self, device: &DeviceId) -> Result<(), StoreError> {
        self.tell_open_tasks(device).await?;
        self.tell_config(device).await
    }

    /// Tells a device of all its open tasks.
    pub(super) async fn tell_open_tasks(&self, device: &DeviceId) -> Result<(), StoreError> {
        for task in self.store().open_tasks(device).await? {
            self.tell(&task).await?;
        }
        Ok(())
    }

    /// Answers a device that asked with its task.
    pub(super) async fn answer(&self, question: &Question<'_>, task: &Task) -> Result<(), StoreError> {
        let device = question.device;
        let notice = self.notice(task).await?;
        match self.half_of(device).await?.write_answer(question, Some(&notice)) {
            Ok(message) => self.deliver(task, message, Task::on_asked).await.map(drop),
            Err(error) => {
                error!(%device, task = task.id.0, %error, "task {} cannot be told: {error}", task.id);
                self.answer_nothing(question).await
            }
        }
    }

    /// Answers a device that asked and has no task.
    pub(super) async fn answer_nothing(&self, question: &Question<'_>) -> Result<(), StoreError> {
        let device = question.device;
        match self.half_of(device).await?.write_answer(question, None) {
            Ok(message) => {
                self.inner.parts.outbox.deliver(device, message);
            }
            Err(error) => error!(%device, %error, "{device} cannot be answered: {error}"),
        }
        Ok(())
    }

    /// Hands the device a notice, and notes what `told` says of that. None if the task changed meanwhile.
    async fn deliver(
        &self,
        task: &Task,
        message: Message,
        told: fn(&Task, Timestamp) -> Transition,
    ) -> Result<Option<Delivery>, StoreError> {
        let device = &task.device;
        let in_writing = task.is_told_in_writing();
        if in_writing && !self.note_told(task, told).await? {
            // It changed meanwhile: what it is now is told, if that is still to be.
            self.inner.untold.note(device, self.now());
            return Ok(None);
        }
        let delivery = self.inner.parts.outbox.deliver(device, message);
        match delivery {
            Delivery::Queued => {
                metrics::counter!(meters::NOTICES).increment(1);
                if !in_writing {
                    // False means that the device has answered already: what it said stands.
                    self.note_told(task, told).await?;
                }
            }
            Delivery::Offline => debug!(%device, "{device} left before it was told of task {}", task.id),
            Delivery::Full => {
                debug!(%device, "{device} does not take what it was sent; it will be told again");
                self.inner.untold.note(device, self.now());
            }
        }
        Ok(Some(delivery))
    }

    /// False if the task changed since it was read.
    async fn note_told(
        &self,
        task: &Task,
        told: fn(&Task, Timestamp) -> Transition,
    ) -> Result<bool, StoreError> {
        let Transition::To(next) = told(task, self.now()) else { return Ok(true) };
        Ok(self.apply(task, next).await? == Applied::Done)
    }

    /// Tells the connected devices of a campaign that has just begun, at a bounded rate. Devices that connect
    /// meanwhile are told as they connect.
    pub(super) fn announce(&self, campaign: CampaignId) {
        let announcing = Announcing::begin(self);
        tokio::spawn(async move { announcing.0.announce_campaign(campaign).await });
    }

    async fn announce_campaign(&self, campaign: CampaignId) {
        // Devices that were told are not queued any more, so it does no harm to begin again.
        while let Err(error) = self.announce_all(campaign).await {
            error!(campaign = campaign.0, %error, "failed to announce campaign {campaign}, will try again: {error}");
            if !self.pause(self.inner.parts.options.try_again_after).await {
                return;
            }
        }
    }

    async fn announce_all(&self, campaign: CampaignId) -> Result<(), StoreError> {
        let mut pace = Pace::new(self);
        let mut after: Option<TaskId> = None;
        loop {
            let page = Page { after, limit: CHUNK };
            let tasks = self.store().tasks(campaign, Some(TaskState::Queued), page).await?;
            let Some(last) = tasks.last() else { return Ok(()) };
            after = Some(last.task.id);
            let connected: Vec<_> = tasks
                .into_iter()
                .filter(|known| self.inner.parts.outbox.is_connected(&known.task.device))
                .collect();
            for burst in connected.chunks(pace.burst) {
                if !pace.turn().await {
                    return Ok(());
                }
                // Together, so that they share one flush of the disk.
                for told in join_all(burst.iter().map(|known| self.tell(&known.task))).await {
                    told?;
                }
            }
        }
    }
}

/// The bounded rate at which many devices are told.
pub(super) struct Pace {
    /// How many are told in one turn.
    pub(super) burst: usize,
    ticks: Interval,
    stopping: watch::Receiver<bool>,
}

impl Pace {
    pub(super) fn new(service: &Service) -> Self {
        let mut ticks = interval(Duration::from_secs(1) / BURSTS_PER_SECOND);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let burst = (service.inner.parts.options.notices_per_second / BURSTS_PER_SECOND).max(1) as usize;
        Self { burst, ticks, stopping: service.inner.stopping.subscribe() }
    }

    /// Waits for the next turn; false if the service is to come to its end.
    pub(super) async fn turn(&mut self) -> bool {
        tokio::select! {
            _ = self.ticks.tick() => true,
            _ = self.stopping.wait_for(|stopping| *stopping) => false,
        }
    }
}

/// Counts something as being announced until it is dropped, whatever ends it.
pub(super) struct Announcing(Service);

impl Announcing {
    pub(super) fn begin(service: &Service) -> Self {
        service.inner.announcing.send_modify(|announcing| *announcing += 1);
        Self(service.clone())
    }
}

impl Drop for Announcing {
    fn drop(&mut self) {
        self.0.inner.announcing.send_modify(|announcing| *announcing -= 1);
    }
}
