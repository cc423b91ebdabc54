//! What operators may ask.
#![allow(clippy::todo, unused_variables, missing_docs, clippy::missing_errors_doc)]

use otaru_fleet::*;
use otaru_wire::*;

use super::{
    CampaignStarted, CampaignView, DeviceView, GrantError, PackageOrder, ServedFile, Service, ServiceError,
    TaskView,
};
use crate::{
    files::Stored,
    links::Grant,
    store::{Page, Skip},
};

impl Service {
    pub async fn create_product(&self, key: ProductKey, dialect: Dialect) -> Result<Product, ServiceError> {
        todo!()
    }
    pub async fn product(&self, key: &ProductKey) -> Result<Product, ServiceError> {
        todo!()
    }
    pub async fn products(&self, page: Page<ProductKey>) -> Result<Vec<Product>, ServiceError> {
        todo!()
    }
    /// `secret`: the one the device has already, e.g. from the vendor's cloud; none: a fresh one is made.
    pub async fn create_device(&self, id: DeviceId, secret: Option<Secret>) -> Result<Device, ServiceError> {
        todo!()
    }
    pub async fn device(&self, id: &DeviceId) -> Result<DeviceView, ServiceError> {
        todo!()
    }
    pub async fn devices(
        &self,
        product: &ProductKey,
        page: Page<DeviceName>,
    ) -> Result<Vec<DeviceView>, ServiceError> {
        todo!()
    }
    /// Notes a file that `Files::put` took, so that packages can name it.
    pub async fn add_file(&self, file: Stored) -> Result<(), ServiceError> {
        todo!()
    }
    pub async fn create_package(&self, order: PackageOrder) -> Result<Package, ServiceError> {
        todo!()
    }
    pub async fn package(&self, id: PackageId) -> Result<Package, ServiceError> {
        todo!()
    }
    pub async fn packages(
        &self,
        product: Option<&ProductKey>,
        page: Page<PackageId>,
    ) -> Result<Vec<Package>, ServiceError> {
        todo!()
    }
    /// Plans it, starts it at once and tells the connected devices at a bounded rate.
    pub async fn create_campaign(&self, order: NewCampaign) -> Result<CampaignStarted, ServiceError> {
        todo!()
    }
    /// Gives how many open tasks that ended.
    pub async fn cancel_campaign(&self, id: CampaignId) -> Result<u64, ServiceError> {
        todo!()
    }
    pub async fn campaign(&self, id: CampaignId) -> Result<CampaignView, ServiceError> {
        todo!()
    }
    pub async fn campaigns(&self, page: Page<CampaignId>) -> Result<Vec<CampaignView>, ServiceError> {
        todo!()
    }
    pub async fn skips(&self, id: CampaignId, page: Page<DeviceName>) -> Result<Vec<Skip>, ServiceError> {
        todo!()
    }
    pub async fn task(&self, id: TaskId) -> Result<TaskView, ServiceError> {
        todo!()
    }
    pub async fn tasks(
        &self,
        campaign: CampaignId,
        state: Option<TaskState>,
        page: Page<TaskId>,
    ) -> Result<Vec<TaskView>, ServiceError> {
        todo!()
    }
    /// What the download handler serves for a genuine link.
    pub async fn grant_file(&self, grant: &Grant) -> Result<ServedFile, GrantError> {
        todo!()
    }
    /// The first operator token, made if there is none yet; shown once, only its hash is kept.
    pub async fn first_token(&self) -> Result<Option<String>, ServiceError> {
        todo!()
    }
    /// A further operator token.
    pub async fn create_token(&self, name: &str) -> Result<String, ServiceError> {
        todo!()
    }
    /// The name of the operator's token, if it is one.
    pub async fn operator(&self, token: &str) -> Result<Option<String>, ServiceError> {
        todo!()
    }
    /// Can the store be written to and can files be taken? For `/healthz`.
    pub async fn check(&self) -> Result<(), ServiceError> {
        todo!()
    }
}
