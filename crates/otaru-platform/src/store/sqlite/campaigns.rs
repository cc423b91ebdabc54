//! Campaigns: planned, counted and canceled in one transaction each.

use otaru_fleet::{
    Campaign, CampaignId, CampaignState, NewCampaign, Order, Patience, Scope, Timestamp, Transition,
};
use otaru_wire::{DeviceId, Module, Version};
use rusqlite::{Connection, params};

use super::{
    super::{Answer, Campaigns, Counts, Page, Planned, Skip, StoreError, What},
    Sqlite,
    catalog::{limit, list, package_products},
    errors::found,
    planning::Planner,
    rows::{self, int, number, text},
    tasks::{OPEN, write_task},
};

/// Tasks read at a time while a campaign is canceled: bounds memory.
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

    fn skips(&self, id: CampaignId, page: Page<DeviceId>) -> Answer<'_, Vec<Skip>> {
        self.reading(move |connection| {
            campaign(connection, id)?;
            let after = page.after.as_ref().map_or(("", ""), |id| (id.product.as_str(), id.device.as_str()));
            list(
                connection,
                "SELECT product, device, reason FROM skips WHERE campaign = ?1 AND (product, device) > (?2, ?3) \
                 ORDER BY product, device LIMIT ?4",
                params![int(id.0), after.0, after.1, limit(page.limit)],
                |row| {
                    let reason = serde_json::from_str(row.get_ref(2)?.as_str()?)
                        .map_err(|error| rows::unreadable(2, error))?;
                    Ok(Skip { device: DeviceId { product: text(row, 0)?, device: text(row, 1)? }, reason })
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
        .prepare_cached("SELECT module, version FROM packages WHERE id = ?1")?
        .query_row([int(new.package.0)], |row| Ok((text::<Module>(row, 0)?, text::<Version>(row, 1)?)));
    let (module, version) = found(row, What::Package)?;
    new.check(&version)?;
    let products = package_products(connection, new.package)?;
    let listed = new.targets.clone().resolve(&products)?;
    let scope = listed.as_ref().map_or(Scope::All, |devices| Scope::List(devices.len() as u64));
    let mut campaign = insert_campaign(connection, &new, scope, now)?;
    let (source_versions, policy) = (new.source_versions, campaign.rules.policy);
    let order = Order { products, module, version, source_versions, policy };
    let (tasks, skipped) = Planner::new(connection, &campaign, &order)?.plan(listed)?;
    if tasks == 0 {
        end(connection, campaign.id, CampaignState::Ended, now)?;
        (campaign.state, campaign.ended_at) = (CampaignState::Ended, Some(now));
    }
    Ok(Planned { campaign, tasks, skipped })
}

fn insert_campaign(
    connection: &Connection,
    new: &NewCampaign,
    scope: Scope,
    now: Timestamp,
) -> Result<Campaign, StoreError> {
    let listed = match scope {
        Scope::All => None,
        Scope::List(count) => Some(int(count)),
    };
    let sources: Vec<&str> = new.source_versions.iter().map(Version::as_str).collect();
    connection
        .prepare_cached(
            "INSERT INTO campaigns (package, listed, source_versions, state, created_at, timeout_ms, retries, \
                 retry_interval_ms, answer_timeout_ms, valid_for_ms, policy) \
             VALUES (?1, ?2, ?3, 'running', ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
        )?
        .execute((
            int(new.package.0),
            listed,
            sources.join(" "),
            int(now.0),
            rows::millis(new.rules.timeout),
            new.rules.retries,
            rows::millis(new.rules.retry_interval),
            match new.rules.patience {
                Patience::AsDocumented => None,
                Patience::Endless => Some(0),
                Patience::For(limit) => Some(rows::millis(limit)),
            },
            new.rules.valid_for.map(rows::millis),
            new.rules.policy.as_str(),
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
