//! SQLite: one thread writes and commits in groups; a few connections read.
//!
//! Write-ahead log, `synchronous = FULL`: an answer comes after the commit that holds it is on the disk. Reads see
//! every write that was answered before they began.

mod asking;
mod campaigns;
mod catalog;
mod configs;
mod errors;
mod gateways;
mod keys;
mod planning;
mod readers;
mod rows;
mod schema;
mod tasks;
mod writer;

use std::{path::PathBuf, sync::Arc, time::Duration};

use rusqlite::{Connection, OpenFlags, config::DbConfig};

use super::{Answer, Store, StoreError};
use readers::Readers;
use writer::Writer;

/// Where an SQLite database is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Location {
    /// In this file. Made if it does not exist.
    File(PathBuf),
    /// In memory: gone with the last clone of its [`Sqlite`]. For tests.
    Memory,
}

/// A store in SQLite. Cheap to clone; the last clone to go waits for what is being written.
#[derive(Clone)]
pub struct Sqlite {
    inner: Arc<Inner>,
}

struct Inner {
    writer: Writer,
    /// None for a database in memory: a second connection would see another database.
    readers: Option<Readers>,
}

impl Sqlite {
    /// Opens a database and brings it to the schema of this program.
    ///
    /// # Errors
    /// [`StoreError::TooNew`] if a newer program wrote it, else [`StoreError::Full`] or [`StoreError::Broken`].
    pub fn open(location: Location) -> Result<Self, StoreError> {
        let mut connection = match &location {
            Location::File(path) => {
                make_private(path).map_err(|error| match error.kind() {
                    std::io::ErrorKind::StorageFull => StoreError::Full,
                    _ => StoreError::Broken(format!("{}: {error}", path.display())),
                })?;
                Connection::open(path)?
            }
            Location::Memory => Connection::open_in_memory()?,
        };
        configure(&connection)?;
        schema::migrate(&mut connection)?;
        let readers = match location {
            Location::File(path) => Some(Readers::open(path)?),
            Location::Memory => None,
        };
        let writer = Writer::start(connection)
            .map_err(|error| StoreError::Broken(format!("no thread for writing: {error}")))?;
        Ok(Self { inner: Arc::new(Inner { writer, readers }) })
    }

    /// Work that may change something, in a savepoint of its own: it is kept whole or not at all.
    fn writing<T, W>(&self, work: W) -> Answer<'_, T>
    where
        T: Send + 'static,
        W: FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    {
        Box::pin(self.inner.writer.write(work))
    }

    /// Work that changes nothing.
    fn reading<T, W>(&self, work: W) -> Answer<'_, T>
    where
        T: Send + 'static,
        W: FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    {
        match &self.inner.readers {
            Some(readers) => Box::pin(readers.read(work)),
            None => self.writing(work),
        }
    }

    /// A look-up of a few rows by their key, on a device's way in.
    fn looking_up<T, W>(&self, work: W) -> Answer<'_, T>
    where
        T: Send + 'static,
        W: FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    {
        match &self.inner.readers {
            Some(readers) => Box::pin(readers.look_up(work)),
            None => self.writing(work),
        }
    }
}

#[cfg(test)]
impl Sqlite {
    /// Makes the disk full where it is now, or gives it room again.
    pub(crate) async fn fill_disk(&self, full: bool) {
        self.writing(move |connection| {
            let used: u32 = connection.pragma_query_value(None, "page_count", |row| row.get(0))?;
            let most = if full { used } else { u32::MAX / 4 };
            connection.pragma_update_and_check(None, "max_page_count", most, |_| Ok(()))?;
            Ok(())
        })
        .await
        .unwrap();
    }

    /// Every row of every table, as text: two dumps are equal if nothing was changed.
    pub(crate) async fn dump(&self) -> String {
        self.reading(|connection| {
            let tables: Vec<String> = catalog::list(
                connection,
                "SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name",
                [],
                |row| row.get(0),
            )?;
            let mut dump = String::new();
            for table in tables {
                let mut statement = connection.prepare(&format!("SELECT * FROM {table}"))?;
                let columns = statement.column_count();
                let rows = statement.query_map([], |row| {
                    (0..columns).map(|column| row.get::<_, rusqlite::types::Value>(column)).collect()
                })?;
                for row in rows {
                    let row: Vec<rusqlite::types::Value> = row?;
                    dump += &format!("{table}: {row:?}\n");
                }
            }
            Ok(dump)
        })
        .await
        .unwrap()
    }
}

impl Store for Sqlite {
    fn probe(&self) -> Answer<'_, ()> {
        self.writing(|connection| {
            // Sets it to what it is: a page is written, nothing changes.
            let version: u32 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
            connection.pragma_update(None, "user_version", version)?;
            Ok(())
        })
    }
}

/// Makes the file, if it is not there, so that only its owner can read it: it holds every device's secret. SQLite
/// gives its log the same permissions.
fn make_private(path: &std::path::Path) -> std::io::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    options.create(true).append(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map(drop)
}

fn configure(connection: &Connection) -> Result<(), StoreError> {
    connection.busy_timeout(Duration::from_secs(5))?;
    // The answer to this pragma is the mode: memory stays "memory".
    connection.pragma_update_and_check(None, "journal_mode", "wal", |_| Ok(()))?;
    connection.pragma_update(None, "synchronous", "full")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "temp_store", "memory")?;
    connection.pragma_update_and_check(None, "journal_size_limit", 64 << 20, |_| Ok(()))?;
    keep_plans(connection)?;
    Ok(())
}

fn open_reader(path: &std::path::Path) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(Duration::from_secs(5))?;
    connection.pragma_update(None, "query_only", true)?;
    keep_plans(&connection)?;
    Ok(connection)
}

/// Every statement is compiled once. Without the second setting SQLite compiles a statement again for each value bound
/// to it, in search of a better plan: half of a device's login went there.
fn keep_plans(connection: &Connection) -> Result<(), StoreError> {
    connection.set_prepared_statement_cache_capacity(96);
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    Ok(())
}

#[cfg(test)]
mod tests;
