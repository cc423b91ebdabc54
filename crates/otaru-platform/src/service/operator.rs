//! What operators ask of products, devices and packages.

use futures_util::future::try_join_all;
use otaru_fleet::{
    Device, Dialect, NewPackage, Package, PackageFile, PackageId, Product, Registrants, RegistrationRule,
    TaskId, Timestamp,
};
use otaru_wire::{DeviceId, DeviceName, MAX_URL_BYTES, ProductKey};

use super::{DeviceOrder, DeviceView, PackageOrder, ProductOrder, Service, ServiceError, onenet, secrets};
use crate::{
    files::{FileId, Stored},
    links::MAX_TARGET_BYTES,
    store::{Page, StoreError, What},
};

impl Service {
    /// Makes a product. With a secret, it keeps the one that its devices have from their vendor's cloud; without, it gets
    /// a fresh one, in the form that its dialect has.
    ///
    /// # Errors
    /// It exists already, the secret cannot be one, its dialect has no registration, or the store's or the system's errors.
    pub async fn create_product(&self, order: ProductOrder) -> Result<Product, ServiceError> {
        let ProductOrder { key, dialect, secret, registration } = order;
        can_register(&key, dialect, registration)?;
        let secret = secrets::brought_or_fresh(dialect, secret)?;
        let product = Product { key, dialect, secret, registration, created_at: self.now() };
        self.store().add_product(product.clone()).await?;
        Ok(product)
    }

    /// A product.
    ///
    /// # Errors
    /// The store's.
    pub async fn product(&self, key: &ProductKey) -> Result<Product, ServiceError> {
        Ok(self.store().product(key).await?)
    }

    /// Products by key.
    ///
    /// # Errors
    /// The store's.
    pub async fn products(&self, page: Page<ProductKey>) -> Result<Vec<Product>, ServiceError> {
        Ok(self.store().products(page).await?)
    }

    /// Changes which devices of a product may register themselves.
    ///
    /// # Errors
    /// Its dialect has no registration, or the store's.
    pub async fn set_registration(
        &self,
        product: &ProductKey,
        rule: RegistrationRule,
    ) -> Result<(), ServiceError> {
        can_register(product, self.store().product(product).await?.dialect, rule)?;
        Ok(self.store().set_registration(product, rule).await?)
    }

    /// Makes a device. With a secret, it keeps the one it has from its vendor's cloud, so that its firmware needs no
    /// change; without, it gets a fresh one, in the form that its product's dialect has.
    ///
    /// # Errors
    /// It exists already, its product does not, its names are too long for links, the secret cannot be one, another device of
    /// the product has its serial, or the store's or the system's errors.
    pub async fn create_device(&self, order: DeviceOrder) -> Result<Device, ServiceError> {
        let DeviceOrder { id, secret, serial } = order;
        let dialect = self.store().product(&id.product).await?.dialect;
        let longest = self.inner.parts.links.longest_target(&id);
        if longest > MAX_TARGET_BYTES && !dialect.asks() {
            return Err(ServiceError::LongLinks { len: longest });
        }
        let secret = secrets::brought_or_fresh(dialect, secret)?;
        let device = Device { id, secret, serial, gateway: None, created_at: self.now(), last_seen_at: None };
        self.store().add_device(device.clone()).await?;
        self.inner.devices.forget(&device.id);
        Ok(device)
    }

    /// A device, with what its modules run.
    ///
    /// # Errors
    /// The store's.
    pub async fn device(&self, id: &DeviceId) -> Result<DeviceView, ServiceError> {
        let device = self.store().device(id).await?;
        Ok(self.device_view(device).await?)
    }

    /// Devices of a product by name, with what their modules run.
    ///
    /// # Errors
    /// The store's.
    pub async fn devices(
        &self,
        product: &ProductKey,
        page: Page<DeviceName>,
    ) -> Result<Vec<DeviceView>, ServiceError> {
        let devices = self.store().devices(product, page).await?;
        Ok(try_join_all(devices.into_iter().map(|device| self.device_view(device))).await?)
    }

    async fn device_view(&self, mut device: Device) -> Result<DeviceView, StoreError> {
        device.last_seen_at = self.last_seen(&device.id, device.last_seen_at);
        let running = self.store().running(&device.id).await?;
        let connected = self.inner.parts.outbox.is_connected(&device.id);
        Ok(DeviceView { device, connected, running })
    }

    /// When a device was last seen, with what is not written down yet.
    pub(super) fn last_seen(&self, device: &DeviceId, written: Option<Timestamp>) -> Option<Timestamp> {
        self.inner.seen.of(device).max(written)
    }

    /// Notes a file that `Files::put` took, so that packages can name it. Noting it again changes nothing.
    ///
    /// # Errors
    /// The store's.
    pub async fn add_file(&self, file: Stored) -> Result<(), ServiceError> {
        Ok(self.store().add_file(file, self.now()).await?)
    }

    /// Makes a package of files that were uploaded. It is one record: either all of it is there or nothing.
    ///
    /// # Errors
    /// The package breaks a rule of packages or of a dialect that one of its products speaks, a file was never uploaded or cannot be
    /// read, the same version of the module exists, or the store's errors.
    pub async fn create_package(&self, order: PackageOrder) -> Result<Package, ServiceError> {
        let mut files = Vec::with_capacity(order.files.len().min(otaru_wire::MAX_FILES));
        for (name, id) in order.files.into_iter().take(otaru_wire::MAX_FILES + 1) {
            let Stored { md5, size, .. } = self.uploaded(id).await?;
            files.push(PackageFile { name, size, sha256: id.0, md5 });
        }
        let spec = NewPackage {
            products: order.products,
            version: order.version,
            module: order.module,
            files,
            extra: order.extra,
            digest_method: order.digest_method,
            over: order.over,
        };
        spec.check()?;
        let draft = Package { id: PackageId(0), spec, created_at: self.now() };
        check_extra(&draft)?;
        for key in draft.spec.products.iter() {
            let product = match self.store().product(key).await {
                Err(StoreError::NotFound { .. }) => return Err(ServiceError::NoSuchProduct(key.clone())),
                other => other?,
            };
            self.check_notice(&product, &draft)?;
        }
        Ok(self.store().add_package(draft.spec, draft.created_at).await?)
    }

    /// Refuses, while an operator is there to hear it, a package that a product's dialect could not tell its devices of.
    fn check_notice(&self, product: &Product, package: &Package) -> Result<(), ServiceError> {
        if product.dialect == Dialect::Onenet {
            let told = onenet::can_tell(&package.spec);
            return told
                .map_err(|problem| ServiceError::Untellable { product: product.key.clone(), problem });
        }
        let Some(half) = self.inner.parts.dialects.half(product.dialect) else { return Ok(()) };
        let device = DeviceId {
            product: product.key.clone(),
            device: DeviceName::new("d").map_err(|error| ServiceError::Extra(error.to_string()))?,
        };
        let longest = "h".repeat(MAX_URL_BYTES / 8);
        half.write_notice(&device, 0, &package.spec.notice(TaskId(1), |_| longest.clone()))
            .map(drop)
            .map_err(|error| ServiceError::unspoken(product, error))
    }

    pub(super) async fn uploaded(&self, id: FileId) -> Result<Stored, ServiceError> {
        let stored = match self.store().file(id).await {
            Err(StoreError::NotFound { what: What::File }) => return Err(ServiceError::NoSuchFile(id)),
            other => other?,
        };
        // A version must never be announced whose bytes are not there.
        self.inner.parts.files.open(id).await?;
        Ok(stored)
    }

    /// A package.
    ///
    /// # Errors
    /// The store's.
    pub async fn package(&self, id: PackageId) -> Result<Package, ServiceError> {
        Ok(self.store().package(id).await?)
    }

    /// Packages by number, of one product or of all.
    ///
    /// # Errors
    /// The store's.
    pub async fn packages(
        &self,
        product: Option<&ProductKey>,
        page: Page<PackageId>,
    ) -> Result<Vec<Package>, ServiceError> {
        Ok(self.store().packages(product, page).await?)
    }

    /// Can the store be written to? For the health check.
    ///
    /// # Errors
    /// What is wrong.
    pub async fn check(&self) -> Result<(), ServiceError> {
        Ok(self.store().probe().await?)
    }
}

/// Refuses to let devices register whose dialect has no words for it.
fn can_register(product: &ProductKey, dialect: Dialect, rule: RegistrationRule) -> Result<(), ServiceError> {
    match dialect.registers() || rule.devices == Registrants::Off {
        true => Ok(()),
        false => Err(ServiceError::NoRegistration { product: product.clone(), dialect }),
    }
}

fn check_extra(package: &Package) -> Result<(), ServiceError> {
    let Some(extra) = &package.spec.extra else { return Ok(()) };
    serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(extra)
        .map(drop)
        .map_err(|error| ServiceError::Extra(error.to_string()))
}
