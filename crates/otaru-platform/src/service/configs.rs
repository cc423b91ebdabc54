//! What operators ask of remote configuration.

use futures_util::future::join_all;
use otaru_fleet::{Config, ConfigState, TaskId};
use otaru_wire::{DeviceId, DeviceName, NoticeError, ProductKey};
use tracing::{error, info};

use super::{
    ConfigView, Service, ServiceError,
    notices::{Announcing, Pace},
};
use crate::{
    files::FileId,
    links::Grant,
    store::{ConfigOrdered, Page, ProductConfig, StoreError},
};

/// Devices read at a time while a configuration is pushed.
const CHUNK: u32 = 500;

impl Service {
    /// Makes a file that was uploaded the newest version of a product's configuration, and switches it on. Devices that
    /// ask get it from now on; [`Service::push_config`] tells those that do not ask.
    ///
    /// # Errors
    /// There is no such product or file, its dialect has no such Config, or the store's errors.
    pub async fn set_config(&self, product: &ProductKey, file: FileId) -> Result<Config, ServiceError> {
        let owner = self.store().product(product).await?;
        let stored = self.uploaded(file).await?;
        let draft = Config {
            id: otaru_fleet::ConfigId(u64::MAX),
            product: product.clone(),
            sha256: stored.id.0,
            size: stored.size,
            created_at: self.now(),
        };
        if let Some(half) = self.inner.parts.dialects.half(owner.dialect) {
            let device = DeviceName::new("d").map_err(|error| ServiceError::Extra(error.to_string()))?;
            let device = DeviceId { product: product.clone(), device };
            let link = self.inner.parts.links.longest(&device);
            let push = half
                .write_config(&device, 0, &draft.told(link))
                .and_then(|push| push.ok_or(NoticeError::NoWord { what: "remote configuration" }));
            push.map_err(|error| ServiceError::unspoken(&owner, error))?;
        }
        let config = self.store().add_config(product, file, draft.created_at).await?;
        info!(%product, config = config.id.0, bytes = config.size, "product {product} has configuration {}", config.id);
        Ok(config)
    }

    /// A product's configuration.
    ///
    /// # Errors
    /// The store's.
    pub async fn config(&self, product: &ProductKey) -> Result<ProductConfig, ServiceError> {
        Ok(self.store().product_config(product).await?)
    }

    /// Switches a product's configuration off: devices that ask are told so, what waits is not pushed, and links to it
    /// lead nowhere from now on.
    ///
    /// # Errors
    /// The store's.
    pub async fn switch_config_off(&self, product: &ProductKey) -> Result<(), ServiceError> {
        self.store().switch_config_off(product).await?;
        info!(%product, "the configuration of product {product} is switched off");
        Ok(())
    }

    /// Pushes the newest version to these devices, or to all of the product: to connected ones at a bounded rate, to
    /// others when they connect. A device with a Task in progress is told when that ends.
    ///
    /// # Errors
    /// There is no configuration or it is switched off (conflict), or the store's errors.
    pub async fn push_config(
        &self,
        product: &ProductKey,
        devices: Option<Vec<DeviceName>>,
    ) -> Result<ConfigOrdered, ServiceError> {
        let ordered = self.store().order_config(product, devices, self.now()).await?;
        self.inner.configs.ordered();
        info!(
            %product, config = ordered.config.id.0, devices = ordered.devices,
            "configuration {} is pushed to {} devices", ordered.config.id, ordered.devices
        );
        let announcing = Announcing::begin(self);
        let (service, product) = (self.clone(), product.clone());
        tokio::spawn(async move {
            service.announce_config(&product).await;
            drop(announcing);
        });
        Ok(ordered)
    }

    /// What became of it on a product's devices, by name; with `state`, only those in it.
    ///
    /// # Errors
    /// The store's.
    pub async fn device_configs(
        &self,
        product: &ProductKey,
        state: Option<ConfigState>,
        page: Page<DeviceName>,
    ) -> Result<Vec<ConfigView>, ServiceError> {
        let mut views = Vec::new();
        for config in self.store().device_configs(product, state, page).await? {
            let connected = self.inner.parts.outbox.is_connected(&config.device);
            let in_progress = match config.state {
                ConfigState::Waiting if connected => self.task_in_progress(&config.device).await?,
                _ => None,
            };
            let hold = config.hold(connected, in_progress);
            views.push(ConfigView { config, hold });
        }
        Ok(views)
    }

    /// The device's Task that is in progress, if it has one.
    pub(super) async fn task_in_progress(&self, device: &DeviceId) -> Result<Option<TaskId>, StoreError> {
        let tasks = self.store().open_tasks(device).await?;
        Ok(tasks
            .into_iter()
            .find(|task| task.state == otaru_fleet::TaskState::InProgress)
            .map(|task| task.id))
    }

    /// The Config as a device is told of it, with a link that is good from now on.
    pub(super) fn told_config(&self, device: &DeviceId, config: &Config) -> otaru_wire::Config {
        let grant = Grant::config(device.clone(), config.id);
        config.told(self.inner.parts.links.write(&grant, self.now().0))
    }

    async fn announce_config(&self, product: &ProductKey) {
        // Devices that were told do not wait any more, so it does no harm to begin again.
        while let Err(error) = self.tell_waiting(product).await {
            error!(%product, %error, "failed to push a configuration, will try again: {error}");
            if !self.pause(self.inner.parts.options.try_again_after).await {
                return;
            }
        }
    }

    async fn tell_waiting(&self, product: &ProductKey) -> Result<(), StoreError> {
        let mut pace = Pace::new(self);
        let mut after: Option<DeviceName> = None;
        loop {
            let page = Page { after, limit: CHUNK };
            let waiting = self.store().device_configs(product, Some(ConfigState::Waiting), page).await?;
            let Some(last) = waiting.last() else { return Ok(()) };
            after = Some(last.device.device.clone());
            let connected: Vec<_> = waiting
                .into_iter()
                .map(|config| config.device)
                .filter(|device| self.inner.parts.outbox.is_connected(device))
                .collect();
            for burst in connected.chunks(pace.burst) {
                if !pace.turn().await {
                    return Ok(());
                }
                for told in join_all(burst.iter().map(|device| self.tell_config(device))).await {
                    told?;
                }
            }
        }
    }
}
