//! A few connections that only read. Reads of any length take a blocking thread; look-ups by key are done in place.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};

use rusqlite::Connection;
use tokio::sync::Semaphore;

use super::{super::StoreError, open_reader};

/// How many read at the same time.
const READERS: usize = 4;

pub(super) struct Readers {
    turns: Arc<Semaphore>,
    idle: Arc<Idle>,
}

struct Idle {
    path: PathBuf,
    connections: Mutex<Vec<Connection>>,
}

impl Readers {
    pub(super) fn open(path: PathBuf) -> Result<Self, StoreError> {
        // One at once, so that a file that cannot be read is found now; the others as they are needed.
        let connections = Mutex::new(vec![open_reader(&path)?]);
        Ok(Self { turns: Arc::new(Semaphore::new(READERS)), idle: Arc::new(Idle { path, connections }) })
    }

    pub(super) async fn read<T, W>(&self, work: W) -> Result<T, StoreError>
    where
        T: Send + 'static,
        W: FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    {
        let broken = |what: &dyn std::fmt::Display| StoreError::Broken(format!("a read was cut off: {what}"));
        let turn = Arc::clone(&self.turns).acquire_owned().await.map_err(|error| broken(&error))?;
        let idle = Arc::clone(&self.idle);
        // The thread gives its connection back itself: the caller may be gone by then.
        tokio::task::spawn_blocking(move || {
            let _turn = turn;
            let connection = idle.take()?;
            let outcome = work(&connection);
            idle.give_back(connection);
            outcome
        })
        .await
        .map_err(|error| broken(&error))?
    }

    /// Work that touches a few rows by their key, done on the caller's own thread: handing it to another one costs
    /// several times what the pages in memory cost. Where every connection is in use, it waits its turn as any read.
    pub(super) async fn look_up<T, W>(&self, work: W) -> Result<T, StoreError>
    where
        T: Send + 'static,
        W: FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    {
        let Ok(_turn) = self.turns.try_acquire() else {
            return self.read(work).await;
        };
        let connection = self.idle.take()?;
        let outcome = work(&connection);
        self.idle.give_back(connection);
        outcome
    }
}

impl Idle {
    fn take(&self) -> Result<Connection, StoreError> {
        let idle = self.connections.lock().unwrap_or_else(PoisonError::into_inner).pop();
        idle.map_or_else(|| open_reader(&self.path), Ok)
    }

    fn give_back(&self, connection: Connection) {
        self.connections.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
    }
}
