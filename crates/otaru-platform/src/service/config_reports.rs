//! A device and its configuration: it is told, asks, fetches, answers.
//!
//! Devices report the progress of a configuration's download as they do a Task's, and nothing in the report tells which
//! it is (aliyun-iotkit-v3 §2.4, aliyun-link-sdk-v4 §8). The rule here: **a device's progress belongs to what it was
//! last given or asked for.** From when it is given a link to a Config, or follows one, its progress changes no Task;
//! until it asks for a Task's file (by link or block), answers the push, reports 100 or a failure, or half an hour
//! passed. Then it is told once more of Tasks that it has not begun, since v3's SDK drops a notice meanwhile. And a
//! push waits for the end of a Task in progress.

use std::{
    collections::HashSet,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use otaru_fleet::{ConfigId, DeviceConfig, TaskState, Timestamp};
use otaru_wire::{DeviceId, MessageId, NoConfig, Step};
use tracing::{debug, error, info};

use super::{GrantError, ServedFile, Service, known::Cache, meters};
use crate::{
    files::FileId,
    gateway::Delivery,
    links::CONFIG_TTL,
    store::{Applied, StoreError, What},
};

/// How often a decision is made anew because the value changed meanwhile.
const DECISIONS: u32 = 4;

/// Devices that fetch a configuration, or have to wait for one.
pub(super) struct ConfigTraffic {
    /// Devices whose progress is that of a Config, and until when at the longest.
    fetching: Cache<DeviceId, Timestamp>,
    /// Connected devices whose push waits for the end of a Task. As many as there are devices at most.
    held: Mutex<HashSet<DeviceId>>,
    /// How many orders to push there were.
    orders: AtomicU64,
    /// As of which of them nothing waited in the store: connecting devices need not look then.
    quiet: AtomicU64,
}

impl ConfigTraffic {
    pub(super) fn new(most: usize) -> Self {
        Self {
            fetching: Cache::new(most),
            held: Mutex::default(),
            // At the start something may wait since before.
            orders: AtomicU64::new(1),
            quiet: AtomicU64::new(0),
        }
    }

    /// Something waits in the store from now on. To be called after it was written.
    pub(super) fn ordered(&self) {
        self.orders.fetch_add(1, Ordering::SeqCst);
    }

    /// From now on the device's progress is not that of a Config.
    pub(super) fn over(&self, device: &DeviceId) {
        self.fetching.forget(device);
    }

    fn held(&self) -> MutexGuard<'_, HashSet<DeviceId>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Service {
    /// Pushes to a device what waits for it, if it is connected and no Task of it is in progress.
    pub(super) async fn tell_config(&self, device: &DeviceId) -> Result<(), StoreError> {
        let traffic = &self.inner.configs;
        let orders = traffic.orders.load(Ordering::SeqCst);
        let outbox = &self.inner.parts.outbox;
        if traffic.quiet.load(Ordering::SeqCst) == orders || !outbox.is_connected(device) {
            return Ok(());
        }
        let waiting = self.store().device_config(device).await?;
        let told = |config| waiting.as_ref().and_then(|waiting| waiting.on_told(config, self.now()));
        if told(ConfigId(0)).is_none() {
            if !self.store().any_config_waits().await? {
                traffic.quiet.store(orders, Ordering::SeqCst);
            }
            return Ok(());
        }
        // Held before it is looked: a Task that ends meanwhile releases it.
        traffic.held().insert(device.clone());
        if let Some(task) = self.task_in_progress(device).await? {
            debug!(%device, task = task.0, "the configuration of {device} waits for the end of task {task}");
            return Ok(());
        }
        traffic.held().remove(device);
        let config = self.store().product_config(&device.product).await?;
        let (Some(config), Some(waiting)) = (config.current(), &waiting) else { return Ok(()) };
        let Some(next) = waiting.on_told(config.id, self.now()) else { return Ok(()) };
        let number = waiting.ordered_at.0;
        let told = self.told_config(device, config);
        let message = match self.half_of(device).await?.write_config(device, number, &told) {
            Ok(Some(message)) => message,
            Ok(None) => return Ok(()),
            Err(error) => {
                // Refused when it was set, so this is a bug; it keeps waiting where people see it.
                error!(%device, %error, "{device} cannot be told of its configuration: {error}");
                return Ok(());
            }
        };
        self.is_given_config(device);
        match outbox.deliver(device, message) {
            Delivery::Queued => {
                metrics::counter!(meters::CONFIGS_PUSHED).increment(1);
                // Stale means that the device has answered already: what it said stands.
                self.store().write_device_config(Some(waiting), next).await?;
            }
            Delivery::Offline => traffic.over(device),
            Delivery::Full => {
                traffic.over(device);
                self.inner.untold.note(device, self.now());
            }
        }
        Ok(())
    }

    /// Answers a device that asks: with a link, or that there is none.
    pub(super) async fn answer_config(&self, device: &DeviceId, id: &MessageId) -> Result<(), StoreError> {
        let config = self.store().product_config(&device.product).await?;
        let answer = match config.current() {
            Some(config) => Ok(self.told_config(device, config)),
            None if config.on => Err(NoConfig::Absent),
            None => Err(NoConfig::SwitchedOff),
        };
        let half = self.half_of(device).await?;
        let message = match half.write_config_answer(device, id, answer.as_ref().map_err(|none| *none)) {
            Ok(Some(message)) => message,
            Ok(None) => return Ok(()),
            Err(error) => {
                error!(%device, %error, "{device} cannot be answered: {error}");
                return Ok(());
            }
        };
        let Some(config) = config.current() else {
            self.inner.parts.outbox.deliver(device, message);
            return Ok(());
        };
        let seen = self.store().device_config(device).await?;
        // Before it is answered: it may follow its link at once. Asking again for what it was told of is no news, and must
        // cost no write.
        if seen
            .as_ref()
            .is_none_or(|seen| seen.config != config.id || seen.on_told(config.id, self.now()).is_some())
        {
            let asked = DeviceConfig::asked(device.clone(), config.id, self.now());
            self.store().write_device_config(seen.as_ref(), asked).await?;
        }
        self.is_given_config(device);
        if self.inner.parts.outbox.deliver(device, message) != Delivery::Queued {
            self.inner.configs.over(device);
        }
        Ok(())
    }

    /// The device answers a push.
    pub(super) async fn config_answered(
        &self,
        device: &DeviceId,
        push: &MessageId,
        code: u16,
    ) -> Result<(), StoreError> {
        self.inner.configs.over(device);
        let busy = code != 200 && self.task_in_progress(device).await?.is_some();
        for _ in 0..DECISIONS {
            let seen = self.store().device_config(device).await?;
            let Some(seen) = seen else { break };
            let Some(next) = seen.on_answer(push, code, busy, self.now()) else { break };
            let state = next.state;
            if self.store().write_device_config(Some(&seen), next).await? == Applied::Done {
                info!(%device, config = seen.config.0, code, "the configuration of {device} is {state}");
                if busy {
                    self.inner.configs.ordered();
                    return self.tell_config(device).await;
                }
                return Ok(());
            }
        }
        debug!(%device, code, "{device} answers a push that is not its last");
        Ok(())
    }

    /// What a genuine link to a Config leads to now.
    pub(super) async fn grant_config(
        &self,
        device: &DeviceId,
        id: ConfigId,
    ) -> Result<ServedFile, GrantError> {
        let kept = self.store().product_config(&device.product).await.map_err(|error| match error {
            StoreError::NotFound { what: What::Product } => GrantError::NotFound,
            other => GrantError::Store(other),
        })?;
        let config = kept
            .versions
            .iter()
            .find(|config| config.id == id)
            .filter(|_| kept.on)
            .ok_or(GrantError::Withdrawn)?;
        self.is_given_config(device);
        let seen = self.store().device_config(device).await.map_err(GrantError::Store)?;
        if let Some((seen, next)) =
            seen.and_then(|seen| Some((seen.clone(), seen.on_fetched(id, self.now())?)))
        {
            // Stale means that it has got further already.
            self.store().write_device_config(Some(&seen), next).await.map_err(GrantError::Store)?;
        }
        let told = config.told(String::new());
        Ok(ServedFile { id: FileId(config.sha256), size: config.size, digest: told.digest, name: told.id })
    }

    /// Is this the progress of a Config, not of a Task? The last such report ends it.
    pub(super) async fn is_progress_of_config(
        &self,
        device: &DeviceId,
        step: Step,
    ) -> Result<bool, StoreError> {
        let until = self.inner.configs.fetching.find(device);
        if until.is_none_or(|until| until <= self.now()) {
            return Ok(false);
        }
        if matches!(step, Step::Percent(100..) | Step::Failed(_)) {
            self.inner.configs.over(device);
            for task in self.store().open_tasks(device).await? {
                if matches!(task.state, TaskState::Queued | TaskState::Notified) {
                    self.tell(&task).await?;
                }
            }
        }
        Ok(true)
    }

    /// A Task of the device ended: its configuration need not wait for that any longer.
    pub(super) fn release_held_config(&self, device: &DeviceId) {
        if self.inner.configs.held().remove(device) {
            self.inner.untold.note(device, self.now());
        }
    }

    /// Any number of Tasks ended.
    pub(super) fn release_held_configs(&self) {
        let held = std::mem::take(&mut *self.inner.configs.held());
        for device in held {
            self.inner.untold.note(&device, self.now());
        }
    }

    fn is_given_config(&self, device: &DeviceId) {
        self.inner.configs.fetching.keep(device.clone(), self.now() + CONFIG_TTL);
    }
}
