//! The one thread that writes. It takes all work that waits into one transaction, commits once, and answers then:
//! a hundred reports cost one flush of the disk.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    thread::{self, JoinHandle},
};

use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

use super::super::StoreError;

/// Work that may wait; more makes callers wait.
const QUEUE: usize = 4096;
/// The most work in one transaction: bounds how long the first of it waits.
const GROUP: usize = 512;

/// Does the work in the open transaction, or hears that there is none.
type Job = Box<dyn FnOnce(Result<&Connection, StoreError>) -> Worked + Send>;
/// Called once it is known whether the transaction was committed.
type Tell = Box<dyn FnOnce(Result<(), StoreError>) + Send>;

/// Work that was done, or failed.
struct Worked {
    tell: Tell,
    failure: Option<StoreError>,
}

pub(super) struct Writer {
    jobs: Option<mpsc::Sender<Job>>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    pub(super) fn start(connection: Connection) -> std::io::Result<Self> {
        let (jobs, queue) = mpsc::channel(QUEUE);
        let thread =
            thread::Builder::new().name("store-writer".into()).spawn(move || run(&connection, queue))?;
        Ok(Self { jobs: Some(jobs), thread: Some(thread) })
    }

    pub(super) async fn write<T, W>(&self, work: W) -> Result<T, StoreError>
    where
        T: Send + 'static,
        W: FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    {
        let (tell, told) = oneshot::channel();
        let job: Job = Box::new(move |transaction| {
            let outcome = transaction
                .and_then(|connection| in_savepoint(connection, |connection| guarded(|| work(connection))));
            let failure = outcome.as_ref().err().cloned();
            let tell: Tell = Box::new(move |committed| {
                // A caller that went away does not want to know.
                let _ = tell.send(outcome.and_then(|value| committed.map(|()| value)));
            });
            Worked { tell, failure }
        });
        let jobs = self.jobs.as_ref().ok_or_else(stopped)?;
        jobs.send(job).await.map_err(|_| stopped())?;
        told.await.map_err(|_| stopped())?
    }
}

impl Drop for Writer {
    /// Lets the thread finish what it took, so that whoever opens the file next finds it closed.
    fn drop(&mut self) {
        drop(self.jobs.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn stopped() -> StoreError {
    StoreError::Broken("the thread that writes has stopped".into())
}

fn run(connection: &Connection, mut queue: mpsc::Receiver<Job>) {
    let mut group = Vec::new();
    while let Some(first) = queue.blocking_recv() {
        group.push(first);
        while group.len() < GROUP
            && let Ok(job) = queue.try_recv()
        {
            group.push(job);
        }
        metrics::histogram!(crate::service::meters::STORE_GROUP).record(group.len() as f64);
        commit(connection, group.drain(..));
    }
    // Moves the log into the database, so that one file is all there is to copy.
    let _ = connection.pragma_update_and_check(None, "wal_checkpoint", "truncate", |_| Ok(()));
}

fn commit(connection: &Connection, jobs: impl Iterator<Item = Job>) {
    let mut begun = begin(connection);
    let mut tells = Vec::new();
    for job in jobs {
        let Worked { tell, failure } = job(begun.as_ref().map(|()| connection).map_err(StoreError::clone));
        tells.push(tell);
        if begun.is_ok() && connection.is_autocommit() {
            // A full or failing disk can make SQLite give up the whole transaction, not only the statement.
            let cause = failure.unwrap_or_else(|| StoreError::Broken("the transaction was given up".into()));
            tells.drain(..).for_each(|tell| tell(Err(cause.clone())));
            begun = begin(connection);
        }
    }
    let committed = begun.and_then(|()| Ok(connection.execute_batch("COMMIT")?));
    if committed.is_err() && !connection.is_autocommit() {
        let _ = connection.execute_batch("ROLLBACK");
    }
    for tell in tells {
        tell(committed.clone());
    }
}

fn begin(connection: &Connection) -> Result<(), StoreError> {
    Ok(connection.execute_batch("BEGIN IMMEDIATE")?)
}

/// A panic in one piece of work, which is a bug of ours, takes back that work alone: the thread has to go on, or
/// nothing could be written until the next start.
fn guarded<T>(work: impl FnOnce() -> Result<T, StoreError>) -> Result<T, StoreError> {
    catch_unwind(AssertUnwindSafe(work))
        .unwrap_or_else(|_| Err(StoreError::Broken("a write was cut off by a bug".into())))
}

/// Runs work so that its failure takes back what it wrote, and nothing else of the group.
fn in_savepoint<T>(
    connection: &Connection,
    work: impl FnOnce(&Connection) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    connection.prepare_cached("SAVEPOINT work")?.execute([])?;
    let outcome = work(connection);
    if outcome.is_err() && !connection.is_autocommit() {
        connection.prepare_cached("ROLLBACK TO work")?.execute([])?;
    }
    if !connection.is_autocommit() {
        connection.prepare_cached("RELEASE work")?.execute([])?;
    }
    outcome
}
