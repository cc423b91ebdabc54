//! One function for each call of the operator API that the commands and the demo make.

use std::{fs::File, io::Read, path::Path};

use anyhow::Context;
use indicatif::ProgressBar;
use otaru_platform::http::shapes::{
    Campaign, CampaignCanceled, CampaignId, CampaignMade, Campaigns, DeviceMade, Devices, FileTaken,
    NewCampaign, NewDevice, NewPackage, NewProduct, PackageFile, PackageMade, Packages, ProductMade,
    Products, Registration, Task, Tasks,
};
use otaru_wire::ProductKey;
use serde::de::DeserializeOwned;

use super::Client;

/// The longest page that the platform gives (docs/api.md).
const MAX_PAGE: u32 = 1000;

/// Makes a product.
pub(crate) fn create_product(client: &Client, product: &NewProduct) -> anyhow::Result<ProductMade> {
    client.post("/products", product).with_context(|| format!("making product {}", product.product_key))
}

/// All products.
pub(crate) fn products(client: &Client) -> anyhow::Result<Vec<otaru_platform::http::shapes::Product>> {
    pages(client, "/products", |page: Products| (page.products, page.next))
}

/// Changes which devices of a product may register themselves.
pub(crate) fn set_registration(
    client: &Client,
    product: &ProductKey,
    registration: Registration,
) -> anyhow::Result<Registration> {
    client
        .put(&format!("/products/{product}/registration"), &registration)
        .with_context(|| format!("changing the registration of product {product}"))
}

/// Makes a device.
pub(crate) fn create_device(
    client: &Client,
    product: &ProductKey,
    device: &NewDevice,
) -> anyhow::Result<DeviceMade> {
    client
        .post(&format!("/products/{product}/devices"), device)
        .with_context(|| format!("making device {product}/{}", device.device_name))
}

/// All devices of a product.
pub(crate) fn devices(
    client: &Client,
    product: &ProductKey,
) -> anyhow::Result<Vec<otaru_platform::http::shapes::Device>> {
    pages(client, &format!("/products/{product}/devices"), |page: Devices| (page.devices, page.next))
        .with_context(|| format!("listing the devices of product {product}"))
}

/// Uploads a file, moving `bar`, and gives it its place in a package.
pub(crate) fn upload(client: &Client, path: &Path, bar: &ProgressBar) -> anyhow::Result<PackageFile> {
    let file = File::open(path).with_context(|| format!("opening {}", path.display()))?;
    let size = file.metadata()?.len();
    bar.set_length(size);
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let taken: FileTaken = client
        .upload(&name, size, Reading { file, bar: bar.clone() })
        .with_context(|| format!("uploading {}", path.display()))?;
    Ok(PackageFile { sha256: taken.sha256, name })
}

/// A file that moves a bar as it is read.
struct Reading {
    file: File,
    bar: ProgressBar,
}

impl Read for Reading {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let count = self.file.read(buffer)?;
        self.bar.inc(count as u64);
        Ok(count)
    }
}

/// Makes a package of uploaded files.
pub(crate) fn create_package(client: &Client, package: &NewPackage) -> anyhow::Result<PackageMade> {
    let what = || format!("making package {} {}", package.module, package.version);
    client.post("/packages", package).with_context(what)
}

/// All packages.
pub(crate) fn packages(client: &Client) -> anyhow::Result<Vec<otaru_platform::http::shapes::Package>> {
    pages(client, "/packages", |page: Packages| (page.packages, page.next))
}

/// Starts a campaign at once.
pub(crate) fn create_campaign(client: &Client, campaign: &NewCampaign) -> anyhow::Result<CampaignMade> {
    client
        .post("/campaigns", campaign)
        .with_context(|| format!("starting a campaign with package {}", campaign.package_id))
}

/// A campaign and its tasks by state.
pub(crate) fn campaign(client: &Client, id: CampaignId) -> anyhow::Result<Campaign> {
    client.fetch(&format!("/campaigns/{id}")).with_context(|| format!("asking for campaign {id}"))
}

/// Cancels what has not ended.
pub(crate) fn cancel_campaign(client: &Client, id: CampaignId) -> anyhow::Result<CampaignCanceled> {
    client
        .post(&format!("/campaigns/{id}/cancel"), &serde_json::json!({}))
        .with_context(|| format!("canceling campaign {id}"))
}

/// All campaigns.
pub(crate) fn campaigns(client: &Client) -> anyhow::Result<Vec<Campaign>> {
    pages(client, "/campaigns", |page: Campaigns| (page.campaigns, page.next))
}

/// All tasks of a campaign.
pub(crate) fn tasks(client: &Client, campaign: CampaignId) -> anyhow::Result<Vec<Task>> {
    pages(client, &format!("/campaigns/{campaign}/tasks"), |page: Tasks| (page.tasks, page.next))
        .with_context(|| format!("listing the tasks of campaign {campaign}"))
}

/// Fetches page after page, each as long as the platform gives. Ids hold no character that a query would have to escape.
pub(super) fn pages<P: DeserializeOwned, T, N: std::fmt::Display>(
    client: &Client,
    path: &str,
    split: impl Fn(P) -> (Vec<T>, Option<N>),
) -> anyhow::Result<Vec<T>> {
    let (mut all, mut next) = split(client.fetch(&format!("{path}?limit={MAX_PAGE}"))?);
    while let Some(after) = next {
        let (mut more, then) = split(client.fetch(&format!("{path}?limit={MAX_PAGE}&after={after}"))?);
        all.append(&mut more);
        next = then;
    }
    Ok(all)
}
