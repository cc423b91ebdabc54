//! Remote configuration: the last versions of each product's, and one row for each device.

use otaru_fleet::{Config, ConfigId, ConfigState, DeviceConfig, KEPT_CONFIGS, Timestamp};
use otaru_wire::{DeviceId, DeviceName, ProductKey};
use rusqlite::{CachedStatement, Connection, OptionalExtension, Row, params};

use super::{
    super::{Answer, Applied, ConfigOrdered, Configs, Page, ProductConfig, StoreError, What},
    Sqlite,
    catalog::{limit, list, must_have_product},
    rows::{self, int, number, text, time},
    tasks::DEVICE_ROW,
};
use crate::files::FileId;

/// Of `device_configs c JOIN devices d`.
const DEVICE_CONFIG: &str = "d.product, d.name, c.config, c.state, c.code, c.ordered_at, c.updated_at";

impl Configs for Sqlite {
    fn add_config(&self, product: &ProductKey, file: FileId, now: Timestamp) -> Answer<'_, Config> {
        let product = product.clone();
        self.writing(move |connection| {
            must_have_product(connection, &product)?;
            let size = connection
                .prepare_cached("SELECT size FROM files WHERE sha256 = ?1")?
                .query_row([file.0], |row| number(row, 0))
                .optional()?
                .ok_or(StoreError::NotFound { what: What::File })?;
            connection.execute(
                "INSERT INTO configs (product, sha256, created_at) VALUES (?1, ?2, ?3)",
                (product.as_str(), file.0, int(now.0)),
            )?;
            let id = ConfigId(u64::try_from(connection.last_insert_rowid()).unwrap_or_default());
            connection.execute(
                "DELETE FROM configs WHERE product = ?1 AND id NOT IN \
                 (SELECT id FROM configs WHERE product = ?1 ORDER BY id DESC LIMIT ?2)",
                params![product.as_str(), int(KEPT_CONFIGS as u64)],
            )?;
            connection.execute("DELETE FROM configs_off WHERE product = ?1", [product.as_str()])?;
            Ok(Config { id, product, sha256: file.0, size, created_at: now })
        })
    }

    fn switch_config_off(&self, product: &ProductKey) -> Answer<'_, ()> {
        let product = product.clone();
        self.writing(move |connection| {
            must_have_product(connection, &product)?;
            connection.execute(
                "INSERT INTO configs_off (product) VALUES (?1) ON CONFLICT DO NOTHING",
                [product.as_str()],
            )?;
            connection.execute(
                "DELETE FROM device_configs WHERE state = 'waiting' AND device IN \
                 (SELECT id FROM devices WHERE product = ?1)",
                [product.as_str()],
            )?;
            Ok(())
        })
    }

    fn product_config(&self, product: &ProductKey) -> Answer<'_, ProductConfig> {
        let product = product.clone();
        self.looking_up(move |connection| product_config(connection, &product))
    }

    fn order_config(
        &self,
        product: &ProductKey,
        devices: Option<Vec<DeviceName>>,
        now: Timestamp,
    ) -> Answer<'_, ConfigOrdered> {
        let product = product.clone();
        self.writing(move |connection| {
            let found = product_config(connection, &product)?;
            let config = match found.versions.into_iter().next() {
                _ if !found.on => return Err(StoreError::Conflict("the configuration is switched off")),
                None => return Err(StoreError::Conflict("the product has no configuration")),
                Some(config) => config,
            };
            let (id, now) = (int(config.id.0), int(now.0));
            let mut unknown = Vec::new();
            let devices = match devices {
                None => order(connection, "product = ?3")?.execute(params![id, now, product.as_str()])?,
                Some(names) => {
                    let mut order = order(connection, "product = ?3 AND name = ?4")?;
                    let mut ordered = 0;
                    for name in names {
                        match order.execute(params![id, now, product.as_str(), name.as_str()])? {
                            0 => unknown.push(name),
                            found => ordered += found,
                        }
                    }
                    ordered
                }
            };
            Ok(ConfigOrdered { config, devices: devices as u64, unknown })
        })
    }

    fn any_config_waits(&self) -> Answer<'_, bool> {
        self.looking_up(|connection| {
            Ok(connection
                .prepare_cached("SELECT 1 FROM device_configs WHERE state = 'waiting' LIMIT 1")?
                .exists([])?)
        })
    }

    fn device_config(&self, device: &DeviceId) -> Answer<'_, Option<DeviceConfig>> {
        let device = device.clone();
        self.looking_up(move |connection| {
            let sql = format!(
                "SELECT {DEVICE_CONFIG} FROM devices d JOIN device_configs c ON c.device = d.id \
                 WHERE d.product = ?1 AND d.name = ?2"
            );
            let key = [device.product.as_str(), device.device.as_str()];
            Ok(connection.prepare_cached(&sql)?.query_row(key, device_config).optional()?)
        })
    }

    fn device_configs(
        &self,
        product: &ProductKey,
        state: Option<ConfigState>,
        page: Page<DeviceName>,
    ) -> Answer<'_, Vec<DeviceConfig>> {
        let product = product.clone();
        self.reading(move |connection| {
            must_have_product(connection, &product)?;
            let sql = format!(
                "SELECT {DEVICE_CONFIG} FROM devices d JOIN device_configs c ON c.device = d.id \
                 WHERE d.product = ?1 AND d.name > ?2 AND (?4 IS NULL OR c.state = ?4) \
                 ORDER BY d.name LIMIT ?3"
            );
            let after = page.after.as_ref().map_or("", DeviceName::as_str);
            let state = state.map(ConfigState::as_str);
            list(connection, &sql, params![product.as_str(), after, limit(page.limit), state], device_config)
        })
    }

    fn write_device_config(&self, seen: Option<&DeviceConfig>, next: DeviceConfig) -> Answer<'_, Applied> {
        let seen = seen.cloned();
        self.writing(move |connection| {
            let DeviceConfig { device, config, state, code, ordered_at, updated_at } = next;
            let row: i64 = connection
                .prepare_cached(DEVICE_ROW)?
                .query_row([device.product.as_str(), device.device.as_str()], |row| row.get(0))
                .optional()?
                .ok_or(StoreError::NotFound { what: What::Device })?;
            let (config, ordered_at, updated_at) = (int(config.0), int(ordered_at.0), int(updated_at.0));
            let written = match seen {
                None => connection
                    .prepare_cached(
                        "INSERT INTO device_configs (device, config, state, code, ordered_at, updated_at) \
                         VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT DO NOTHING",
                    )?
                    .execute(params![row, config, state.as_str(), code, ordered_at, updated_at])?,
                Some(seen) => connection
                    .prepare_cached(
                        "UPDATE device_configs SET config = ?2, state = ?3, code = ?4, ordered_at = ?5, updated_at = ?6 \
                         WHERE device = ?1 AND config = ?7 AND state = ?8 AND ordered_at = ?9",
                    )?
                    .execute(params![
                        row,
                        config,
                        state.as_str(),
                        code,
                        ordered_at,
                        updated_at,
                        int(seen.config.0),
                        seen.state.as_str(),
                        int(seen.ordered_at.0)
                    ])?,
            };
            Ok(if written > 0 { Applied::Done } else { Applied::Stale })
        })
    }
}

/// Has version ?1 wait since ?2 for the devices that this condition names.
fn order<'a>(connection: &'a Connection, which: &str) -> Result<CachedStatement<'a>, StoreError> {
    Ok(connection.prepare_cached(&format!(
        "INSERT INTO device_configs (device, config, state, code, ordered_at, updated_at) \
         SELECT id, ?1, 'waiting', NULL, ?2, ?2 FROM devices WHERE {which} \
         ON CONFLICT (device) DO UPDATE SET config = excluded.config, state = excluded.state, code = NULL, \
         ordered_at = excluded.ordered_at, updated_at = excluded.updated_at"
    ))?)
}

fn product_config(connection: &Connection, product: &ProductKey) -> Result<ProductConfig, StoreError> {
    must_have_product(connection, product)?;
    let off = connection
        .prepare_cached("SELECT 1 FROM configs_off WHERE product = ?1")?
        .exists([product.as_str()])?;
    let versions = list(
        connection,
        "SELECT c.id, c.sha256, f.size, c.created_at FROM configs c JOIN files f ON f.sha256 = c.sha256 \
         WHERE c.product = ?1 ORDER BY c.id DESC",
        [product.as_str()],
        |row| {
            Ok(Config {
                id: ConfigId(number(row, 0)?),
                product: product.clone(),
                sha256: row.get(1)?,
                size: number(row, 2)?,
                created_at: time(row, 3)?,
            })
        },
    )?;
    Ok(ProductConfig { on: !off, versions })
}

fn device_config(row: &Row<'_>) -> rusqlite::Result<DeviceConfig> {
    Ok(DeviceConfig {
        device: DeviceId { product: text(row, 0)?, device: text(row, 1)? },
        config: ConfigId(number(row, 2)?),
        state: rows::name(row, 3)?,
        code: row.get(4)?,
        ordered_at: time(row, 5)?,
        updated_at: time(row, 6)?,
    })
}
