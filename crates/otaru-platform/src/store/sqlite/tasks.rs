//! Tasks: read, and changed by compare-and-set.

use otaru_fleet::{CampaignId, CampaignState, Next, Task, TaskId, TaskState, Timestamp};
use otaru_wire::{DeviceId, Module, Version};
use rusqlite::{Connection, OptionalExtension, params};

use super::{
    super::{Answer, Applied, KnownTask, MAX_MODULES, Page, StoreError, Tasks, What},
    Sqlite, campaigns,
    catalog::{limit, list},
    errors::found,
    rows::{self, int, maybe_int, maybe_time},
};

/// The condition of the partial index `open_tasks`, word for word: SQLite uses the index only then.
pub(super) const OPEN: &str = "t.state IN ('confirm', 'queued', 'notified', 'in_progress')";

/// The statements of a report. What they cost must not grow with the fleet: `tests.rs` looks at their plans.
pub(super) fn open_tasks_sql() -> String {
    format!(
        "SELECT {} FROM devices d JOIN tasks t ON t.device = d.id \
         WHERE d.product = ?1 AND d.name = ?2 AND {OPEN} ORDER BY t.id",
        rows::TASK
    )
}

pub(super) fn has_open_task_sql() -> String {
    format!("SELECT 1 FROM tasks t INDEXED BY tasks_by_state WHERE t.campaign = ?1 AND {OPEN} LIMIT 1")
}

pub(super) const WRITE_TASK: &str = "UPDATE tasks SET state = ?3, progress = ?4, reason = ?5, source_version = ?6, notified_at = ?7, \
                 first_progress_at = ?8, deadline_at = ?9, updated_at = ?10, attempt = ?11, retry_at = ?12, answered_at = ?13, revision = ?2 + 1 \
             WHERE id = ?1 AND revision = ?2";

pub(super) const DEVICE_ROW: &str = "SELECT id FROM devices WHERE product = ?1 AND name = ?2";

pub(super) const WRITE_RUNNING: &str =
    "UPDATE running SET version = ?3, reported_at = ?4 WHERE device = ?1 AND module = ?2";

pub(super) const NEXT_DEADLINE: &str = "SELECT min(deadline_at) FROM tasks WHERE deadline_at IS NOT NULL";

impl Tasks for Sqlite {
    fn task(&self, id: TaskId) -> Answer<'_, KnownTask> {
        self.reading(move |connection| {
            let sql = format!(
                "SELECT {}{} FROM tasks t JOIN devices d ON d.id = t.device WHERE t.id = ?1",
                rows::TASK,
                rows::OF_DEVICE
            );
            found(connection.prepare_cached(&sql)?.query_row([int(id.0)], rows::known_task), What::Task)
        })
    }

    fn tasks(
        &self,
        campaign: CampaignId,
        state: Option<TaskState>,
        page: Page<TaskId>,
    ) -> Answer<'_, Vec<KnownTask>> {
        self.reading(move |connection| {
            campaigns::campaign(connection, campaign)?;
            let after = page.after.map_or(0, |id| int(id.0));
            let (campaign, limit) = (int(campaign.0), limit(page.limit));
            let sql = |state: &str| {
                format!(
                    "SELECT {}{} FROM tasks t JOIN devices d ON d.id = t.device \
                     WHERE t.campaign = ?1 AND t.id > ?2 {state} ORDER BY t.id LIMIT ?3",
                    rows::TASK,
                    rows::OF_DEVICE
                )
            };
            match state {
                None => list(connection, &sql(""), params![campaign, after, limit], rows::known_task),
                Some(state) => {
                    let params = params![campaign, after, limit, state.as_str()];
                    list(connection, &sql("AND t.state = ?4"), params, rows::known_task)
                }
            }
        })
    }

    fn open_tasks(&self, device: &DeviceId) -> Answer<'_, Vec<Task>> {
        let device = device.clone();
        self.looking_up(move |connection| {
            let sql = open_tasks_sql();
            list(connection, &sql, params![device.product.as_str(), device.device.as_str()], rows::task)
        })
    }

    fn due(&self, now: Timestamp, wanted: u32) -> Answer<'_, Vec<Task>> {
        self.reading(move |connection| {
            let sql = format!(
                "SELECT {} FROM tasks t JOIN devices d ON d.id = t.device \
                 WHERE t.deadline_at <= ?1 ORDER BY t.deadline_at LIMIT ?2",
                rows::TASK
            );
            list(connection, &sql, params![int(now.0), limit(wanted)], rows::task)
        })
    }

    fn next_deadline(&self) -> Answer<'_, Option<Timestamp>> {
        self.reading(|connection| {
            Ok(connection.prepare_cached(NEXT_DEADLINE)?.query_row([], |row| maybe_time(row, 0))?)
        })
    }

    fn apply(&self, seen: &Task, next: Next) -> Answer<'_, Applied> {
        let task = seen.clone();
        self.writing(move |connection| apply(connection, task, next))
    }

    fn reported(
        &self,
        device: &DeviceId,
        module: &Module,
        version: &Version,
        decision: Option<(Task, Next)>,
        now: Timestamp,
    ) -> Answer<'_, Applied> {
        let (device, module, version) = (device.clone(), module.clone(), version.clone());
        self.writing(move |connection| {
            note_running(connection, &device, &module, &version, now)?;
            match decision {
                Some((seen, next)) => apply(connection, seen, next),
                None => Ok(Applied::Done),
            }
        })
    }
}

fn apply(connection: &Connection, seen: Task, next: Next) -> Result<Applied, StoreError> {
    let (mut task, now) = (seen, next.updated_at);
    task.apply(next);
    if !write_task(connection, &task)? {
        return Ok(Applied::Stale);
    }
    if task.state.is_end() && !has_open_task(connection, task.campaign)? {
        campaigns::end(connection, task.campaign, CampaignState::Ended, now)?;
    }
    Ok(Applied::Done)
}

/// Writes a task that has just been changed; false if the one that is kept is not what it was changed from.
pub(super) fn write_task(connection: &Connection, task: &Task) -> Result<bool, StoreError> {
    let written = connection.prepare_cached(WRITE_TASK)?.execute(params![
        int(task.id.0),
        int(task.revision.saturating_sub(1)),
        task.state.as_str(),
        task.progress,
        task.reason,
        task.source_version.as_ref().map(Version::as_str),
        maybe_int(task.notified_at),
        maybe_int(task.first_progress_at),
        maybe_int(task.deadline()),
        int(task.updated_at.0),
        task.attempt,
        maybe_int(task.retry_at),
        maybe_int(task.answered_at),
    ])?;
    Ok(written == 1)
}

fn has_open_task(connection: &Connection, campaign: CampaignId) -> Result<bool, StoreError> {
    Ok(connection.prepare_cached(&has_open_task_sql())?.exists([int(campaign.0)])?)
}

fn note_running(
    connection: &Connection,
    device: &DeviceId,
    module: &Module,
    version: &Version,
    now: Timestamp,
) -> Result<(), StoreError> {
    let row: Option<i64> = connection
        .prepare_cached(DEVICE_ROW)?
        .query_row([device.product.as_str(), device.device.as_str()], |row| row.get(0))
        .optional()?;
    let row = row.ok_or(StoreError::NotFound { what: What::Device })?;
    let updated = connection.prepare_cached(WRITE_RUNNING)?.execute((
        row,
        module.as_str(),
        version.as_str(),
        int(now.0),
    ))?;
    if updated == 0 {
        let modules: u32 = connection
            .prepare_cached("SELECT count(*) FROM running WHERE device = ?1")?
            .query_row([row], |row| row.get(0))?;
        if modules >= MAX_MODULES {
            return Err(StoreError::Conflict("the device has reported as many modules as a device may have"));
        }
        connection
            .prepare_cached(
                "INSERT INTO running (device, module, version, reported_at) VALUES (?1, ?2, ?3, ?4)",
            )?
            .execute((row, module.as_str(), version.as_str(), int(now.0)))?;
    }
    Ok(())
}
