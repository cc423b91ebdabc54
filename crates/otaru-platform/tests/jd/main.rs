//! Devices of JD as the sheet jd-iot-engine has them, their messages typed by hand, over real MQTT to a platform whose
//! deadlines are kept from its first moment.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // helpers of tests too

mod bad_input;
mod device;
mod rules;
mod unpublished;

use std::{net::Ipv4Addr, sync::Arc, time::Duration};

use futures_util::stream;
use otaru_fleet::{CampaignId, Dialect, NewCampaign, Over, Rules, Secret, Task};
use otaru_platform::{
    files::{Files as _, LocalFiles},
    gateway::{self, GatewayOptions, Sessions},
    links::{DEFAULT_TTL, Links},
    service::{
        DeviceOrder, Dialects, Options, PackageOrder, Parts, ProductOrder, Service, TaskView, system_clock,
    },
    store::{Location, Page, Sqlite},
};
use otaru_wire::{DeviceId, DigestMethod, Module};
use tempfile::TempDir;
use tokio::{net::TcpListener, task::JoinHandle};

use device::Device;

/// Longer than anything here takes; a test that waits this long has failed.
const PATIENCE: Duration = Duration::from_secs(20);

/// The sheet's example device (§8).
const PRODUCT: &str = "pkDemo01";
const IDENTIFIER: &str = "idDemo0001";
const SECRET: &str = "s3cr3t-demo";

struct Platform {
    service: Service,
    files: LocalFiles,
    address: std::net::SocketAddr,
    running: [JoinHandle<()>; 2],
    _folder: TempDir,
}

fn id(identifier: &str) -> DeviceId {
    DeviceId { product: PRODUCT.parse().unwrap(), device: identifier.parse().unwrap() }
}

impl Platform {
    /// With the sheet's example device.
    async fn start() -> Self {
        Self::speaking(Dialects::default()).await
    }

    async fn speaking(dialects: Dialects) -> Self {
        let folder = TempDir::new().unwrap();
        let files = LocalFiles::open(folder.path(), 1 << 20).unwrap();
        let sessions = Sessions::default();
        let service = Service::new(Parts {
            store: Arc::new(Sqlite::open(Location::Memory).unwrap()),
            files: Arc::new(files.clone()),
            links: Links::new("http://ota.test", [7; 32], DEFAULT_TTL).unwrap(),
            outbox: Arc::new(sessions.clone()),
            clock: system_clock(),
            dialects,
            options: Options { grace: Duration::ZERO, ..Options::default() },
        });
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let work = service.clone();
        let devices = Arc::new(service.clone());
        let running = [
            tokio::spawn(async move { work.run().await }),
            tokio::spawn(gateway::serve(
                listener,
                devices,
                sessions,
                GatewayOptions::default(),
                std::future::pending(),
            )),
        ];
        let platform = Self { service, files, address, running, _folder: folder };
        let product = ProductOrder::new(PRODUCT.parse().unwrap(), Dialect::Jd);
        platform.service.create_product(product).await.unwrap();
        platform.device(IDENTIFIER).await;
        platform
    }

    async fn device(&self, identifier: &str) {
        let order = DeviceOrder::with_secret(id(identifier), Secret::new(SECRET));
        self.service.create_device(order).await.unwrap();
    }

    /// A campaign that brings all devices to that version.
    async fn campaign(&self, version: &str, rules: Rules) -> CampaignId {
        let body = Box::pin(stream::iter([Ok(bytes::Bytes::from_static(b"123456789"))]));
        let stored = self.files.put(9, body).await.unwrap();
        self.service.add_file(stored).await.unwrap();
        let package = PackageOrder {
            products: id(IDENTIFIER).product.into(),
            version: version.parse().unwrap(),
            module: Module::default(),
            files: vec![("app.bin".to_owned(), stored.id)],
            extra: None,
            digest_method: DigestMethod::Sha256,
            over: Over::Http,
        };
        let package = self.service.create_package(package).await.unwrap().id;
        let order = NewCampaign { rules, ..NewCampaign::over_all(package) };
        let campaign = self.service.create_campaign(order).await.unwrap().campaign.id;
        self.service.drained().await;
        campaign
    }

    /// The device's task in a campaign, once the platform has nothing left to do.
    async fn view(&self, campaign: CampaignId, identifier: &str) -> TaskView {
        self.service.drained().await;
        let tasks = self.service.tasks(campaign, None, Page::first(100)).await.unwrap();
        tasks.into_iter().find(|view| view.task.device == id(identifier)).unwrap()
    }

    /// Waits until the device's task is as wanted.
    async fn task(&self, campaign: CampaignId, identifier: &str, wanted: impl Fn(&Task) -> bool) -> Task {
        let wait = async {
            loop {
                let task = self.view(campaign, identifier).await.task;
                if wanted(&task) {
                    return task;
                }
                tokio::task::yield_now().await;
            }
        };
        match tokio::time::timeout(PATIENCE, wait).await {
            Ok(task) => task,
            Err(_) => panic!("the task stays {:?}", self.view(campaign, identifier).await.task),
        }
    }
}

impl Drop for Platform {
    fn drop(&mut self) {
        self.running.iter().for_each(JoinHandle::abort);
    }
}
