//! Which devices get a task of a campaign: each is read, asked about and written.

use otaru_fleet::{Campaign, Candidate, Dialect, Known, Order, Plan, SkipReason, TaskId, TaskState, plan};
use otaru_wire::{DeviceId, DeviceName, ProductKey, Version};
use rusqlite::{CachedStatement, Connection, OptionalExtension, Row, params};

use super::{
    super::StoreError,
    rows::{self, int, maybe_text, number, text},
    tasks::OPEN,
};

/// Devices read at a time: bounds memory.
const CHUNK: u32 = 1000;

/// Asks [`plan`] about one device after the other and keeps what it says.
pub(super) struct Planner<'c> {
    campaign: &'c Campaign,
    order: &'c Order,
    read_chunk: CachedStatement<'c>,
    read_one: CachedStatement<'c>,
    add_task: CachedStatement<'c>,
    add_skip: CachedStatement<'c>,
    tasks: u64,
    skipped: u64,
}

/// A device's name and row, and what is known of it.
type Found = (DeviceName, i64, Known);

impl<'c> Planner<'c> {
    pub(super) fn new(
        connection: &'c Connection,
        campaign: &'c Campaign,
        order: &'c Order,
    ) -> Result<Self, StoreError> {
        let known = format!(
            "SELECT d.name, d.id, r.version, \
                 (SELECT t.id FROM tasks t WHERE t.device = d.id AND t.module = ?2 AND {OPEN}), p.dialect \
             FROM devices d JOIN products p ON p.key = d.product LEFT JOIN running r ON r.device = d.id AND r.module = ?2 WHERE d.product = ?1"
        );
        Ok(Self {
            campaign,
            order,
            read_chunk: connection
                .prepare_cached(&format!("{known} AND d.name > ?3 ORDER BY d.name LIMIT {CHUNK}"))?,
            read_one: connection.prepare_cached(&format!("{known} AND d.name = ?3"))?,
            add_task: connection.prepare_cached(
                "INSERT INTO tasks (campaign, package, device, module, version, source_version, state, progress, \
                     timeout_ms, created_at, updated_at, revision, retries, retry_interval_ms, \
                     answer_timeout_ms, valid_for_ms, policy, deadline_at) \
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 0, ?8, ?9, ?9, 0, ?10, ?11, ?12, ?13, ?14, ?15)",
            )?,
            add_skip: connection
                .prepare_cached("INSERT INTO skips (campaign, product, device, reason) VALUES (?1, ?2, ?3, ?4)")?,
            tasks: 0,
            skipped: 0,
        })
    }

    /// Plans the listed devices, each listed once, or all of the products; gives how many got a task and how many were
    /// skipped.
    pub(super) fn plan(mut self, listed: Option<Vec<DeviceId>>) -> Result<(u64, u64), StoreError> {
        match listed {
            None => self.order.products.iter().try_for_each(|product| self.plan_product(product))?,
            Some(devices) => devices.into_iter().try_for_each(|device| self.plan_listed(device))?,
        }
        Ok((self.tasks, self.skipped))
    }

    fn plan_product(&mut self, product: &ProductKey) -> Result<(), StoreError> {
        let mut after = String::new();
        loop {
            let params = params![product.as_str(), self.order.module.as_str(), after];
            let chunk: Vec<Found> =
                self.read_chunk.query_map(params, found)?.collect::<rusqlite::Result<_>>()?;
            let Some((last, ..)) = chunk.last() else { return Ok(()) };
            after = last.as_str().to_owned();
            for (name, row, known) in chunk {
                let device = DeviceId { product: product.clone(), device: name };
                self.plan_one(device, Some((row, known)))?;
            }
        }
    }

    fn plan_listed(&mut self, device: DeviceId) -> Result<(), StoreError> {
        let params = params![device.product.as_str(), self.order.module.as_str(), device.device.as_str()];
        let known = self.read_one.query_row(params, found).optional()?;
        self.plan_one(device, known.map(|(_, row, known)| (row, known)))
    }

    fn plan_one(&mut self, device: DeviceId, known: Option<(i64, Known)>) -> Result<(), StoreError> {
        let (row, known) = known.unzip();
        let dialect = known.as_ref().map(|known| known.dialect);
        let candidate = Candidate { device, known };
        match (plan(self.order, &candidate), row.zip(dialect)) {
            (Plan::Skip(reason), _) => self.skip(&candidate.device, &reason),
            (Plan::Task { source_version }, Some((row, dialect))) => {
                self.add_task(row, dialect, source_version)
            }
            (Plan::Task { .. }, None) => {
                Err(StoreError::Broken("a task for a device that there is not".into()))
            }
        }
    }

    fn add_task(
        &mut self,
        device: i64,
        dialect: Dialect,
        source_version: Option<Version>,
    ) -> Result<(), StoreError> {
        let rules = self.campaign.rules.of(dialect);
        self.add_task.execute(params![
            int(self.campaign.id.0),
            int(self.campaign.package.0),
            device,
            self.order.module.as_str(),
            self.order.version.as_str(),
            source_version.as_ref().map(Version::as_str),
            TaskState::Queued.as_str(),
            rows::millis(rules.timeout),
            int(self.campaign.created_at.0),
            rules.retries,
            rows::millis(rules.retry_interval),
            rules.patience.limit().map(rows::millis),
            rules.valid_for.map(rows::millis),
            rules.policy.as_str(),
            rows::maybe_int(self.campaign.expires_at()),
        ])?;
        self.tasks += 1;
        Ok(())
    }

    fn skip(&mut self, device: &DeviceId, reason: &SkipReason) -> Result<(), StoreError> {
        let reason = serde_json::to_string(reason).map_err(|error| StoreError::Broken(error.to_string()))?;
        let (product, name) = (device.product.as_str(), device.device.as_str());
        self.add_skip.execute((int(self.campaign.id.0), product, name, reason))?;
        self.skipped += 1;
        Ok(())
    }
}

fn found(row: &Row<'_>) -> rusqlite::Result<Found> {
    let open_task = match row.get::<_, Option<i64>>(3)? {
        None => None,
        Some(_) => Some(TaskId(number(row, 3)?)),
    };
    let known = Known { dialect: rows::name(row, 4)?, running: maybe_text(row, 2)?, open_task };
    Ok((text(row, 0)?, row.get(1)?, known))
}
