//! Campaigns: planned, counted and canceled in one transaction each.

use std::collections::HashSet;

use otaru_fleet::{
    Campaign, CampaignId, CampaignState, Candidate, NewCampaign, Order, Plan, Scope, SkipReason, Targets,
    TaskId, TaskState, Timestamp, Transition, plan,
};
use otaru_wire::{DeviceId, DeviceName, Module, ProductKey, Version};
use rusqlite::{CachedStatement, Connection, OptionalExtension, Row, params};

use super::{
    super::{Answer, Campaigns, Counts, Page, Planned, Skip, StoreError, What},
    Sqlite,
    catalog::{limit, list},
    errors::found,
    rows::{self, int, maybe_text, number, text},
    tasks::{OPEN, write_task},
};

/// Devices read at a time while a campaign is planned: bounds memory.
const CHUNK: u32 = 1000;

impl Campaigns for Sqlite {
    fn add_campaign(&self, order: NewCampaign, now: Timestamp) -> Answer<'_, Planned> {
        self.writing(move |connection| add_campaign(connection, order, now))
    }

    fn cancel_campaign(&self, id: CampaignId, now: Timestamp) -> Answer<'_, u64> {
        self.writing(move |connection| {
            if campaign(connection, id)?.state != CampaignState::Running {
                return Err(StoreError::Conflict("the campaign is at its end already"));
            }
            let sql = format!(
                "SELECT {} FROM tasks t JOIN devices d ON d.id = t.device \
                 WHERE t.campaign = ?1 AND {OPEN} AND t.id > ?2 ORDER BY t.id LIMIT {CHUNK}",
                rows::TASK
            );
            let (mut after, mut canceled) = (0, 0);
            loop {
                let tasks = list(connection, &sql, params![int(id.0), after], rows::task)?;
                let Some(last) = tasks.last() else { break };
                after = int(last.id.0);
                for task in tasks {
                    if let Transition::To(next) = task.on_cancel(now) {
                        let mut ended = task;
                        ended.apply(next);
                        write_task(connection, &ended)?;
                        canceled += 1;
                    }
                }
            }
            end(connection, id, CampaignState::Canceled, now)?;
            Ok(canceled)
        })
    }

    fn campaign(&self, id: CampaignId) -> Answer<'_, Campaign> {
        self.reading(move |connection| campaign(connection, id))
    }

    fn campaigns(&self, page: Page<CampaignId>) -> Answer<'_, Vec<Campaign>> {
        self.reading(move |connection| {
            let sql = format!("SELECT {} FROM campaigns WHERE id > ?1 ORDER BY id LIMIT ?2", rows::CAMPAIGN);
            let after = page.after.map_or(0, |id| int(id.0));
            list(connection, &sql, params![after, limit(page.limit)], rows::campaign)
        })
    }

    fn counts(&self, id: CampaignId) -> Answer<'_, Counts> {
        self.reading(move |connection| {
            let mut counts = Counts::default();
            let by_state = list(
                connection,
                "SELECT state, count(*) FROM tasks WHERE campaign = ?1 GROUP BY state",
                params![int(id.0)],
                |row| Ok((rows::state(row, 0)?, number(row, 1)?)),
            )?;
            for (state, count) in by_state {
                counts.add(state, count);
            }
            Ok(counts)
        })
    }

    fn skips(&self, id: CampaignId, page: Page<DeviceName>) -> Answer<'_, Vec<Skip>> {
        self.reading(move |connection| {
            campaign(connection, id)?;
            let after = page.after.as_ref().map_or("", DeviceName::as_str);
            list(
                connection,
                "SELECT device, reason FROM skips WHERE campaign = ?1 AND device > ?2 ORDER BY device LIMIT ?3",
                params![int(id.0), after, limit(page.limit)],
                |row| {
                    let reason = serde_json::from_str(row.get_ref(1)?.as_str()?)
                        .map_err(|error| rows::unreadable(1, error))?;
                    Ok(Skip { device: text(row, 0)?, reason })
                },
            )
        })
    }
}

pub(super) fn campaign(connection: &Connection, id: CampaignId) -> Result<Campaign, StoreError> {
    let sql = format!("SELECT {} FROM campaigns WHERE id = ?1", rows::CAMPAIGN);
    found(connection.prepare_cached(&sql)?.query_row([int(id.0)], rows::campaign), What::Campaign)
}

/// Ends a campaign that runs.
pub(super) fn end(
    connection: &Connection,
    id: CampaignId,
    state: CampaignState,
    now: Timestamp,
) -> Result<(), StoreError> {
    connection
        .prepare_cached("UPDATE campaigns SET state = ?2, ended_at = ?3 WHERE id = ?1 AND state = 'running'")?
        .execute((int(id.0), campaign_state_name(state), int(now.0)))?;
    Ok(())
}

const fn campaign_state_name(state: CampaignState) -> &'static str {
    match state {
        CampaignState::Running => "running",
        CampaignState::Ended => "ended",
        CampaignState::Canceled => "canceled",
    }
}

fn add_campaign(connection: &Connection, new: NewCampaign, now: Timestamp) -> Result<Planned, StoreError> {
    let row = connection
        .prepare_cached("SELECT product, module, version FROM packages WHERE id = ?1")?
        .query_row([int(new.package.0)], |row| {
            Ok((text::<ProductKey>(row, 0)?, text::<Module>(row, 1)?, text::<Version>(row, 2)?))
        });
    let (product, module, version) = found(row, What::Package)?;
    new.check(&version)?;
    let mut campaign = insert_campaign(connection, &new, now)?;
    let order = Order { module, version, source_versions: new.source_versions };
    let (tasks, skipped) = Planner::new(connection, &campaign, &product, &order)?.plan(new.targets)?;
    if tasks == 0 {
        end(connection, campaign.id, CampaignState::Ended, now)?;
        (campaign.state, campaign.ended_at) = (CampaignState::Ended, Some(now));
    }
    Ok(Planned { campaign, tasks, skipped })
}

fn insert_campaign(
    connection: &Connection,
    new: &NewCampaign,
    now: Timestamp,
) -> Result<Campaign, StoreError> {
    let scope = new.scope();
    let listed = match scope {
        Scope::All => None,
        Scope::List(count) => Some(int(count)),
    };
    let sources: Vec<&str> = new.source_versions.iter().map(Version::as_str).collect();
    connection
        .prepare_cached(
            "INSERT INTO campaigns (package, listed, source_versions, state, created_at, timeout_ms, retries, \
                 retry_interval_ms, answer_timeout_ms, valid_for_ms) \
             VALUES (?1, ?2, ?3, 'running', ?4, ?5, ?6, ?7, ?8, ?9)",
        )?
        .execute((
            int(new.package.0),
            listed,
            sources.join(" "),
            int(now.0),
            rows::millis(new.rules.timeout),
            new.rules.retries,
            rows::millis(new.rules.retry_interval),
            new.rules.answer_timeout.map(rows::millis),
            new.rules.valid_for.map(rows::millis),
        ))?;
    Ok(Campaign {
        id: CampaignId(u64::try_from(connection.last_insert_rowid()).unwrap_or_default()),
        package: new.package,
        scope,
        source_versions: new.source_versions.clone(),
        rules: new.rules.clone(),
        state: CampaignState::Running,
        created_at: now,
        ended_at: None,
    })
}

/// Asks [`plan`] about one device after the other and keeps what it says.
struct Planner<'c> {
    campaign: &'c Campaign,
    product: &'c ProductKey,
    order: &'c Order,
    read_chunk: CachedStatement<'c>,
    read_one: CachedStatement<'c>,
    add_task: CachedStatement<'c>,
    add_skip: CachedStatement<'c>,
    tasks: u64,
    skipped: u64,
}

/// A device's name and row, what its module runs, and its open task for the module.
type Known = (DeviceName, i64, Option<Version>, Option<TaskId>);

impl<'c> Planner<'c> {
    fn new(
        connection: &'c Connection,
        campaign: &'c Campaign,
        product: &'c ProductKey,
        order: &'c Order,
    ) -> Result<Self, StoreError> {
        let known = format!(
            "SELECT d.name, d.id, r.version, \
                 (SELECT t.id FROM tasks t WHERE t.device = d.id AND t.module = ?2 AND {OPEN}) \
             FROM devices d LEFT JOIN running r ON r.device = d.id AND r.module = ?2 WHERE d.product = ?1"
        );
        Ok(Self {
            campaign,
            product,
            order,
            read_chunk: connection
                .prepare_cached(&format!("{known} AND d.name > ?3 ORDER BY d.name LIMIT {CHUNK}"))?,
            read_one: connection.prepare_cached(&format!("{known} AND d.name = ?3"))?,
            add_task: connection.prepare_cached(
                "INSERT INTO tasks (campaign, package, device, module, version, source_version, state, progress, \
                     timeout_ms, created_at, updated_at, revision, retries, retry_interval_ms, \
                     answer_timeout_ms, valid_for_ms, deadline_at) \
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 0, ?8, ?9, ?9, 0, ?10, ?11, ?12, ?13, ?14)",
            )?,
            add_skip: connection
                .prepare_cached("INSERT INTO skips (campaign, device, reason) VALUES (?1, ?2, ?3)")?,
            tasks: 0,
            skipped: 0,
        })
    }

    /// Gives how many devices got a task and how many were skipped.
    fn plan(mut self, targets: Targets) -> Result<(u64, u64), StoreError> {
        match targets {
            Targets::All => self.plan_all()?,
            Targets::List(names) => self.plan_list(names)?,
        }
        Ok((self.tasks, self.skipped))
    }

    fn plan_all(&mut self) -> Result<(), StoreError> {
        let mut after = String::new();
        loop {
            let params = params![self.product.as_str(), self.order.module.as_str(), after];
            let chunk: Vec<Known> =
                self.read_chunk.query_map(params, known)?.collect::<rusqlite::Result<_>>()?;
            let Some((last, ..)) = chunk.last() else { return Ok(()) };
            after = last.as_str().to_owned();
            for device in chunk {
                self.plan_known(device)?;
            }
        }
    }

    fn plan_list(&mut self, names: Vec<DeviceName>) -> Result<(), StoreError> {
        let mut planned = HashSet::new();
        for name in names {
            if !planned.insert(name.clone()) {
                continue;
            }
            let params = params![self.product.as_str(), self.order.module.as_str(), name.as_str()];
            match self.read_one.query_row(params, known).optional()? {
                Some(device) => self.plan_known(device)?,
                None => self.skip(&name, &SkipReason::UnknownDevice)?,
            }
        }
        Ok(())
    }

    fn plan_known(&mut self, (name, row, running, open_task): Known) -> Result<(), StoreError> {
        let device = DeviceId { product: self.product.clone(), device: name };
        let candidate = Candidate { device, known: true, running, open_task };
        match plan(self.order, &candidate) {
            Plan::Skip(reason) => self.skip(&candidate.device.device, &reason),
            Plan::Task { source_version } => {
                let rules = &self.campaign.rules;
                self.add_task.execute(params![
                    int(self.campaign.id.0),
                    int(self.campaign.package.0),
                    row,
                    self.order.module.as_str(),
                    self.order.version.as_str(),
                    source_version.as_ref().map(Version::as_str),
                    TaskState::Queued.as_str(),
                    rows::millis(rules.timeout),
                    int(self.campaign.created_at.0),
                    rules.retries,
                    rows::millis(rules.retry_interval),
                    rules.answer_timeout.map(rows::millis),
                    rules.valid_for.map(rows::millis),
                    rows::maybe_int(self.campaign.expires_at()),
                ])?;
                self.tasks += 1;
                Ok(())
            }
        }
    }

    fn skip(&mut self, device: &DeviceName, reason: &SkipReason) -> Result<(), StoreError> {
        let reason = serde_json::to_string(reason).map_err(|error| StoreError::Broken(error.to_string()))?;
        self.add_skip.execute((int(self.campaign.id.0), device.as_str(), reason))?;
        self.skipped += 1;
        Ok(())
    }
}

fn known(row: &Row<'_>) -> rusqlite::Result<Known> {
    let open_task = match row.get::<_, Option<i64>>(3)? {
        None => None,
        Some(_) => Some(TaskId(number(row, 3)?)),
    };
    Ok((text(row, 0)?, row.get(1)?, maybe_text(row, 2)?, open_task))
}
