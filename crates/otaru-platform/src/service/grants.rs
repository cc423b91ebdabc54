//! What a genuine link leads to, and which blocks a device may have. Asked once for each piece of each download, so the
//! answer comes from memory.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use otaru_fleet::{Package, Task, TaskId, Timestamp, Transition};
use otaru_wire::DeviceId;
use tracing::error;

use super::{GrantError, ServedFile, Service, known::Cache};
use crate::{
    files::FileId,
    links::{Grant, Granted},
    store::{StoreError, What},
};

/// How long an answer is believed. This node hears of every end of a task at once; this is for ends that it does not
/// hear of.
const BELIEVED: Duration = Duration::from_secs(10);

/// Tasks whose files may be fetched.
pub(super) struct Grants {
    open: Cache<TaskId, Open>,
    /// How many tasks were closed: an answer read before one was closed is not kept after it.
    closed: AtomicU64,
}

#[derive(Clone)]
struct Open {
    device: DeviceId,
    package: otaru_fleet::PackageId,
    until: Timestamp,
}

impl Grants {
    pub(super) fn new(most: usize) -> Self {
        Self { open: Cache::new(most), closed: AtomicU64::new(0) }
    }

    /// A task came to its end: its links lead nowhere from now on.
    pub(super) fn close(&self, task: TaskId) {
        self.closed.fetch_add(1, Ordering::SeqCst);
        self.open.forget(&task);
    }

    /// Any number of tasks came to their end.
    pub(super) fn close_all(&self) {
        self.closed.fetch_add(1, Ordering::SeqCst);
        self.open.forget_all();
    }
}

impl Service {
    /// What a genuine link leads to now. The caller has checked the link's signature and expiry.
    ///
    /// # Errors
    /// [`GrantError`] if the task is another device's or at its end, or has no such file; if the Config is not given out.
    pub async fn grant_file(&self, grant: &Grant) -> Result<ServedFile, GrantError> {
        let (task, file) = match grant.what {
            Granted::File { task, file } => (task, file),
            Granted::Config(config) => return self.grant_config(&grant.device, config).await,
        };
        let package = self.granted_package(&grant.device, task).await?;
        let file = package.spec.files.get(usize::from(file)).ok_or(GrantError::NotFound)?;
        Ok(ServedFile {
            id: FileId(file.sha256),
            size: file.size,
            digest: file.digest(package.spec.digest_method),
            name: file.name.clone(),
        })
    }

    /// The package of a task that is open, and this device's own or that of a device which it speaks for: the one rule for
    /// links and blocks.
    pub(super) async fn granted_package(
        &self,
        device: &DeviceId,
        task: TaskId,
    ) -> Result<Arc<Package>, GrantError> {
        let open = self.open_grant(device, task).await?;
        if !self.is_or_speaks_for(device, &open.device) {
            return Err(GrantError::NotFound);
        }
        // From here on the device's progress is that of its task.
        self.inner.configs.over(device);
        self.package_of(open.package).await.map_err(not_found)
    }

    fn is_or_speaks_for(&self, device: &DeviceId, owner: &DeviceId) -> bool {
        device == owner || self.inner.parts.outbox.speaks_for(device, owner)
    }

    async fn open_grant(&self, device: &DeviceId, id: TaskId) -> Result<Open, GrantError> {
        let now = self.now();
        if let Some(open) = self.inner.grants.open.find(&id).filter(|open| now < open.until) {
            return Ok(open);
        }
        let closed = self.inner.grants.closed.load(Ordering::SeqCst);
        let task = self.store().task(id).await.map_err(not_found)?.task;
        if !task.state.may_download() {
            return Err(GrantError::Closed(task.state));
        }
        if self.is_or_speaks_for(device, &task.device) {
            self.answered_by_fetching(&task).await;
        }
        let open = Open { device: task.device, package: task.package, until: now + BELIEVED };
        self.inner.grants.open.keep(id, open.clone());
        if self.inner.grants.closed.load(Ordering::SeqCst) != closed {
            self.inner.grants.open.forget(&id);
        }
        Ok(open)
    }

    /// A device that fetches has its notice. What stands here is read again after [`BELIEVED`], which is no longer than
    /// the pause between two attempts: the first piece of each attempt comes this way.
    async fn answered_by_fetching(&self, task: &Task) {
        let Transition::To(next) = task.on_fetched(self.now()) else { return };
        // A full disk does not keep a device from its files. Stale means that it said more already.
        if let Err(error) = self.apply(task, next).await {
            error!(device = %task.device, %error, "failed to note that {} answered: {error}", task.device);
        }
    }
}

fn not_found(error: StoreError) -> GrantError {
    match error {
        StoreError::NotFound { what: What::Task | What::Package } => GrantError::NotFound,
        other => GrantError::Store(other),
    }
}
