//! A device tells its versions, or asks for them, or for its name.

use otaru_fleet::Serial;
use otaru_wire::{
    DeviceId, DeviceName, ProductKey,
    dialect::onenet::{Ask, Kind, Reply, Versions},
};

use super::{Fault, Service};
use crate::store::StoreError;

impl Service {
    pub(super) async fn versions_reported(
        &self,
        device: &DeviceId,
        versions: &Versions,
    ) -> Result<Reply, Fault> {
        for (kind, version) in [(Kind::Fota, &versions.fota), (Kind::Sota, &versions.sota)] {
            if let Some(version) = version {
                self.note_version(device, &kind.module(), version).await?;
            }
        }
        Ok(Reply::Done)
    }

    pub(super) async fn versions_known(&self, device: &DeviceId) -> Result<Reply, Fault> {
        let mut versions = Versions::default();
        for running in self.store().running(device).await? {
            match Kind::of(&running.module) {
                Some(Kind::Fota) => versions.fota = Some(running.version),
                Some(Kind::Sota) => versions.sota = Some(running.version),
                None => {}
            }
        }
        Ok(Reply::Versions(versions))
    }

    /// A device asks for its name by what it was registered with: its serial, or else the name itself. A secret is never
    /// compared: this text comes in the clear, under a proof that every device of the product can give.
    pub(super) async fn answer_stranger(&self, product: &ProductKey, ask: Ask) -> Result<Reply, Fault> {
        let Ask::DeviceNumber { auth_info } = ask else { return Err(Fault::NoDevice) };
        let device = match Serial::new(auth_info.as_str()) {
            Ok(serial) => self.store().device_of_serial(product, &serial).await,
            Err(_) => return Err(Fault::NoDevice),
        };
        let device = match (device, DeviceName::new(auth_info)) {
            (Err(StoreError::NotFound { .. }), Ok(device)) => {
                let named = DeviceId { product: product.clone(), device };
                self.store().device(&named).await.map(|device| device.id)
            }
            (found, _) => found,
        };
        match device {
            Ok(device) => {
                self.inner.seen.note(&device, self.now());
                Ok(Reply::DeviceNumber(device.device))
            }
            Err(StoreError::NotFound { .. }) => Err(Fault::NoDevice),
            Err(error) => Err(error.into()),
        }
    }
}
