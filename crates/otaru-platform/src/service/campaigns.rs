//! What operators ask of campaigns and tasks.

use otaru_fleet::{CampaignId, NewCampaign, Presence, TaskId, TaskState};
use otaru_wire::DeviceId;
use tracing::info;

use super::{CampaignStarted, CampaignView, Service, ServiceError, TaskView};
use crate::store::{KnownTask, Page, Planned, Skip};

impl Service {
    /// Plans a campaign and starts it at once: connected devices are told at a bounded rate, others as they connect.
    ///
    /// # Errors
    /// The order breaks a rule, its package does not exist, or the store's errors.
    pub async fn create_campaign(&self, order: NewCampaign) -> Result<CampaignStarted, ServiceError> {
        let Planned { campaign, tasks, skipped } = self.store().add_campaign(order, self.now()).await?;
        info!(
            campaign = campaign.id.0,
            tasks, skipped, "campaign {} has begun: {tasks} devices, {skipped} skipped", campaign.id
        );
        if tasks > 0 {
            if let Some(end) = campaign.expires_at() {
                self.inner.alarm.set(end);
            }
            self.announce(campaign.id);
        }
        Ok(CampaignStarted { campaign, tasks, skipped })
    }

    /// Ends a campaign and its open tasks; gives how many tasks that ended. Their links lead nowhere from now on.
    ///
    /// # Errors
    /// There is no such campaign, it is at its end, or the store's errors.
    pub async fn cancel_campaign(&self, id: CampaignId) -> Result<u64, ServiceError> {
        let canceled = self.store().cancel_campaign(id, self.now()).await?;
        self.inner.grants.close_all();
        self.release_held_configs();
        metrics::counter!(super::meters::TASKS_ENDED, "state" => TaskState::Canceled.as_str())
            .increment(canceled);
        info!(campaign = id.0, canceled, "campaign {id} was canceled: {canceled} tasks ended");
        Ok(canceled)
    }

    /// A campaign, with its tasks by state.
    ///
    /// # Errors
    /// The store's.
    pub async fn campaign(&self, id: CampaignId) -> Result<CampaignView, ServiceError> {
        // In this order: what is counted after the campaign was read as ended is its final result.
        let campaign = self.store().campaign(id).await?;
        let counts = self.store().counts(id).await?;
        Ok(CampaignView { campaign, counts })
    }

    /// Campaigns by number, with their tasks by state.
    ///
    /// # Errors
    /// The store's.
    pub async fn campaigns(&self, page: Page<CampaignId>) -> Result<Vec<CampaignView>, ServiceError> {
        let mut views = Vec::new();
        for campaign in self.store().campaigns(page).await? {
            let counts = self.store().counts(campaign.id).await?;
            views.push(CampaignView { campaign, counts });
        }
        Ok(views)
    }

    /// The devices that a campaign gave no task, by product and name, each with the reason.
    ///
    /// # Errors
    /// The store's.
    pub async fn skips(&self, id: CampaignId, page: Page<DeviceId>) -> Result<Vec<Skip>, ServiceError> {
        Ok(self.store().skips(id, page).await?)
    }

    /// A task, with what it waits for.
    ///
    /// # Errors
    /// The store's.
    pub async fn task(&self, id: TaskId) -> Result<TaskView, ServiceError> {
        Ok(self.task_view(self.store().task(id).await?))
    }

    /// Tasks of a campaign by number, each with what it waits for; with `state`, only those in it.
    ///
    /// # Errors
    /// The store's.
    pub async fn tasks(
        &self,
        campaign: CampaignId,
        state: Option<TaskState>,
        page: Page<TaskId>,
    ) -> Result<Vec<TaskView>, ServiceError> {
        let tasks = self.store().tasks(campaign, state, page).await?;
        Ok(tasks.into_iter().map(|task| self.task_view(task)).collect())
    }

    fn task_view(&self, KnownTask { task, device_seen_at, dialect }: KnownTask) -> TaskView {
        let connected = self.inner.parts.outbox.is_connected(&task.device);
        let hold = task.hold(Presence::of(connected, dialect), self.last_seen(&task.device, device_seen_at));
        TaskView { task, connected, hold }
    }
}
