//! From rows to values. The column lists and the readers beside them belong together.

use std::{error::Error, time::Duration};

use otaru_fleet::{
    Campaign, CampaignId, CampaignState, Device, PackageId, Patience, Product, RegistrationRule, Rules,
    Scope, Secret, Task, TaskId, TaskState, Timestamp,
};
use otaru_wire::{DeviceId, DigestMethod, Version};
use rusqlite::{
    Result, Row,
    types::{Type, ValueRef},
};

use crate::store::KnownTask;

pub(super) const PRODUCT: &str = "key, dialect, secret, registration, register_again, created_at";

pub(super) fn product(row: &Row<'_>) -> Result<Product> {
    Ok(Product {
        key: text(row, 0)?,
        dialect: name(row, 1)?,
        secret: Secret::new(row.get::<_, String>(2)?),
        registration: RegistrationRule { devices: name(row, 3)?, again: row.get(4)? },
        created_at: time(row, 5)?,
    })
}

pub(super) const DEVICE: &str = "product, name, secret, created_at, last_seen_at, \
    (SELECT g.product FROM devices g WHERE g.id = devices.gateway), \
    (SELECT g.name FROM devices g WHERE g.id = devices.gateway), serial";

pub(super) fn device(row: &Row<'_>) -> Result<Device> {
    Ok(Device {
        id: DeviceId { product: text(row, 0)?, device: text(row, 1)? },
        secret: Secret::new(row.get::<_, String>(2)?),
        created_at: time(row, 3)?,
        last_seen_at: maybe_time(row, 4)?,
        gateway: match row.get_ref(5)? {
            ValueRef::Null => None,
            _ => Some(DeviceId { product: text(row, 5)?, device: text(row, 6)? }),
        },
        serial: maybe_text(row, 7)?,
    })
}

pub(super) const CAMPAIGN: &str = "id, package, listed, source_versions, timeout_ms, state, created_at, ended_at, \
     retries, retry_interval_ms, answer_timeout_ms, valid_for_ms, policy";

pub(super) fn campaign(row: &Row<'_>) -> Result<Campaign> {
    let sources: String = row.get(3)?;
    Ok(Campaign {
        id: CampaignId(number(row, 0)?),
        package: PackageId(number(row, 1)?),
        scope: match row.get::<_, Option<i64>>(2)? {
            None => Scope::All,
            Some(_) => Scope::List(number(row, 2)?),
        },
        source_versions: sources
            .split_ascii_whitespace()
            .map(|text| Version::new(text).map_err(|error| unreadable(3, error)))
            .collect::<Result<_>>()?,
        rules: rules(row, 4, 8, Patience::AsDocumented)?,
        state: match row.get_ref(5)?.as_str()? {
            "running" => CampaignState::Running,
            "ended" => CampaignState::Ended,
            "canceled" => CampaignState::Canceled,
            other => return Err(unreadable(5, format!("no campaign state is named {other:?}"))),
        },
        created_at: time(row, 6)?,
        ended_at: maybe_time(row, 7)?,
    })
}

/// Of `tasks t JOIN devices d`.
pub(super) const TASK: &str = "t.id, t.campaign, t.package, d.product, d.name, t.module, t.version, \
     t.source_version, t.state, t.progress, t.reason, t.timeout_ms, t.created_at, t.notified_at, \
     t.first_progress_at, t.updated_at, t.revision, t.retries, t.retry_interval_ms, t.answer_timeout_ms, \
     t.valid_for_ms, t.policy, t.attempt, t.retry_at, t.answered_at";

pub(super) fn task(row: &Row<'_>) -> Result<Task> {
    Ok(Task {
        id: TaskId(number(row, 0)?),
        campaign: CampaignId(number(row, 1)?),
        package: PackageId(number(row, 2)?),
        device: DeviceId { product: text(row, 3)?, device: text(row, 4)? },
        module: text(row, 5)?,
        version: text(row, 6)?,
        source_version: maybe_text(row, 7)?,
        state: state(row, 8)?,
        progress: row.get(9)?,
        reason: row.get(10)?,
        rules: rules(row, 11, 17, Patience::Endless)?,
        attempt: row.get(22)?,
        retry_at: maybe_time(row, 23)?,
        created_at: time(row, 12)?,
        notified_at: maybe_time(row, 13)?,
        answered_at: maybe_time(row, 24)?,
        first_progress_at: maybe_time(row, 14)?,
        updated_at: time(row, 15)?,
        revision: number(row, 16)?,
    })
}

/// Where the first column behind [`TASK`] is.
pub(super) const AFTER_TASK: usize = 25;

/// What is told of a task's device behind [`TASK`].
pub(super) const OF_DEVICE: &str =
    ", d.last_seen_at, (SELECT p.dialect FROM products p WHERE p.key = d.product)";

/// [`TASK`], then [`OF_DEVICE`].
pub(super) fn known_task(row: &Row<'_>) -> Result<KnownTask> {
    Ok(KnownTask {
        task: task(row)?,
        device_seen_at: maybe_time(row, AFTER_TASK)?,
        dialect: name(row, AFTER_TASK + 1)?,
    })
}

/// The timeout at one place, the other rules from another on: they came later. `unsaid` is what no time for an answer means.
fn rules(row: &Row<'_>, timeout: usize, others: usize, unsaid: Patience) -> Result<Rules> {
    let maybe_span = |column| -> Result<Option<Duration>> {
        Ok(maybe_time(row, column)?.map(|time| Duration::from_millis(time.0)))
    };
    Ok(Rules {
        timeout: Duration::from_millis(number(row, timeout)?),
        retries: row.get(others)?,
        retry_interval: Duration::from_millis(number(row, others + 1)?),
        patience: match maybe_span(others + 2)? {
            None => unsaid,
            Some(Duration::ZERO) => Patience::Endless,
            Some(limit) => Patience::For(limit),
        },
        valid_for: maybe_span(others + 3)?,
        policy: name(row, others + 4)?,
    })
}

pub(super) fn state(row: &Row<'_>, column: usize) -> Result<TaskState> {
    name(row, column)
}

pub(super) fn digest_method(row: &Row<'_>, column: usize) -> Result<DigestMethod> {
    match row.get_ref(column)?.as_str()? {
        "md5" => Ok(DigestMethod::Md5),
        "sha256" => Ok(DigestMethod::Sha256),
        other => Err(unreadable(column, format!("no digest method is named {other:?}"))),
    }
}

pub(super) const fn digest_method_name(method: DigestMethod) -> &'static str {
    match method {
        DigestMethod::Md5 => "md5",
        DigestMethod::Sha256 => "sha256",
    }
}

/// A column that holds an id or a version.
pub(super) fn text<T>(row: &Row<'_>, column: usize) -> Result<T>
where
    T: TryFrom<String>,
    T::Error: Error + Send + Sync + 'static,
{
    T::try_from(row.get::<_, String>(column)?).map_err(|error| unreadable(column, error))
}

pub(super) fn maybe_text<T>(row: &Row<'_>, column: usize) -> Result<Option<T>>
where
    T: TryFrom<String>,
    T::Error: Error + Send + Sync + 'static,
{
    let text: Option<String> = row.get(column)?;
    text.map(|text| T::try_from(text).map_err(|error| unreadable(column, error))).transpose()
}

/// A column that holds one of a set of names.
pub(super) fn name<T>(row: &Row<'_>, column: usize) -> Result<T>
where
    T: std::str::FromStr,
    T::Err: Error + Send + Sync + 'static,
{
    row.get_ref(column)?.as_str()?.parse().map_err(|error| unreadable(column, error))
}

pub(super) fn number(row: &Row<'_>, column: usize) -> Result<u64> {
    let number: i64 = row.get(column)?;
    u64::try_from(number).map_err(|error| unreadable(column, error))
}

pub(super) fn time(row: &Row<'_>, column: usize) -> Result<Timestamp> {
    Ok(Timestamp(number(row, column)?))
}

pub(super) fn maybe_time(row: &Row<'_>, column: usize) -> Result<Option<Timestamp>> {
    match row.get::<_, Option<i64>>(column)? {
        None => Ok(None),
        Some(_) => Ok(Some(time(row, column)?)),
    }
}

/// A number as SQLite holds it. Every number here is a count, a size or a time: none comes near the limit.
pub(super) fn int(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

pub(super) fn maybe_int(time: Option<Timestamp>) -> Option<i64> {
    time.map(|time| int(time.0))
}

pub(super) fn millis(span: Duration) -> i64 {
    i64::try_from(span.as_millis()).unwrap_or(i64::MAX)
}

pub(super) fn unreadable(column: usize, error: impl Into<Box<dyn Error + Send + Sync>>) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(column, Type::Text, error.into())
}
