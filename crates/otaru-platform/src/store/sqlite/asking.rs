//! Tokens of tasks, and what a device has been brought to.

use otaru_fleet::{Task, TaskId, Timestamp};
use otaru_wire::{DeviceId, Module, Version};
use rusqlite::{Connection, OptionalExtension, params};

use super::{
    super::{Answer, Asking, StoreError, TaskToken, What},
    Sqlite,
    errors::found,
    rows::{self, int, time},
};

pub(super) const NEWEST_TOKEN: &str =
    "SELECT token, given_at FROM task_tokens WHERE task = ?1 ORDER BY given_at DESC LIMIT 1";

pub(super) const WAS_UPGRADED: &str = "SELECT 1 FROM devices d JOIN tasks t ON t.device = d.id \
     WHERE d.product = ?1 AND d.name = ?2 AND t.module = ?3 AND t.version = ?4 AND t.state = 'succeeded' LIMIT 1";

pub(super) fn task_of_token_sql() -> String {
    format!(
        "SELECT {}, k.given_at FROM task_tokens k JOIN tasks t ON t.id = k.task \
         JOIN devices d ON d.id = t.device WHERE k.token = ?1",
        rows::TASK
    )
}

impl Asking for Sqlite {
    fn task_token(&self, task: TaskId) -> Answer<'_, Option<TaskToken>> {
        self.looking_up(move |connection| newest(connection, task))
    }

    fn give_task_token(&self, task: TaskId, fresh: TaskToken, dead: Timestamp) -> Answer<'_, TaskToken> {
        self.writing(move |connection| {
            if let Some(token) = newest(connection, task)?.filter(|token| token.given_at > dead) {
                return Ok(token);
            }
            connection
                .prepare_cached("INSERT INTO task_tokens (token, task, given_at) VALUES (?1, ?2, ?3)")?
                .execute((&fresh.text, int(task.0), int(fresh.given_at.0)))?;
            Ok(fresh)
        })
    }

    fn task_of_token(&self, token: &str) -> Answer<'_, (Task, Timestamp)> {
        let token = token.to_owned();
        self.looking_up(move |connection| {
            let row = connection
                .prepare_cached(&task_of_token_sql())?
                .query_row([token], |row| Ok((rows::task(row)?, time(row, rows::AFTER_TASK)?)));
            found(row, What::Task)
        })
    }

    fn was_upgraded(&self, device: &DeviceId, module: &Module, version: &Version) -> Answer<'_, bool> {
        let (device, module, version) = (device.clone(), module.clone(), version.clone());
        self.looking_up(move |connection| {
            let DeviceId { product, device } = &device;
            let key = params![product.as_str(), device.as_str(), module.as_str(), version.as_str()];
            Ok(connection.prepare_cached(WAS_UPGRADED)?.exists(key)?)
        })
    }
}

fn newest(connection: &Connection, task: TaskId) -> Result<Option<TaskToken>, StoreError> {
    let mut statement = connection.prepare_cached(NEWEST_TOKEN)?;
    let read = |row: &rusqlite::Row<'_>| Ok(TaskToken { text: row.get(0)?, given_at: time(row, 1)? });
    Ok(statement.query_row([int(task.0)], read).optional()?)
}
