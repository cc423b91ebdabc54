//! What SQLite's errors mean to a caller. Constraints are known by their table.

use rusqlite::{ErrorCode, ffi};

use super::super::{StoreError, What};

/// `UNIQUE constraint failed: {table}.{column}`: what exists already.
const UNIQUE: [(&str, What); 3] =
    [("products.", What::Product), ("devices.", What::Device), ("tokens.", What::Token)];

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        let rusqlite::Error::SqliteFailure(failure, message) = &error else {
            return StoreError::Broken(error.to_string());
        };
        match failure.code {
            ErrorCode::DiskFull => return StoreError::Full,
            // The index of the write-ahead log could not grow: the disk is full as well.
            ErrorCode::SystemIoFailure if failure.extended_code == ffi::SQLITE_IOERR_SHMSIZE => {
                return StoreError::Full;
            }
            _ => {}
        }
        let message = message.as_deref().unwrap_or_default();
        if let Some(columns) = message.strip_prefix("UNIQUE constraint failed: ") {
            if columns.contains("devices.serial") {
                return StoreError::Conflict("another device of the product has this serial");
            }
            if let Some((_, what)) = UNIQUE.into_iter().find(|(table, _)| columns.starts_with(table)) {
                return StoreError::AlreadyExists { what };
            }
            if columns.starts_with("tasks.") {
                return StoreError::Conflict("the device has another open task for the same module");
            }
        }
        StoreError::Broken(error.to_string())
    }
}

/// `None` means that there is no such thing.
pub(super) fn found<T>(row: Result<T, rusqlite::Error>, what: What) -> Result<T, StoreError> {
    match row {
        Err(rusqlite::Error::QueryReturnedNoRows) => Err(StoreError::NotFound { what }),
        other => Ok(other?),
    }
}
