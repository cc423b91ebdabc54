//! The service as a value: a store in memory, real files, devices that speak their real dialect, no socket.

mod blocks;
mod configs;
mod gateways;
mod main_job;
mod onenet;
mod operators;
mod refusals;
mod registering;
mod rules;
mod troubles;

use std::{
    collections::{HashMap, HashSet},
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use futures_util::stream;
use otaru_fleet::{CampaignId, Dialect, NewCampaign, Over, PackageId, Rules, Secret, Task};
use otaru_wire::{
    DeviceName, DigestMethod, Module, Notice, ProductKey, Report, Step, Version,
    dialect::{Credentials, DeviceHalf as _, Downlink, Transport, aliyun},
};
use tempfile::TempDir;

use super::*;
use crate::{
    files::{FileId, LocalFiles},
    gateway::{Admitted, Entry, Ingest as _, Verdict},
    store::{Location, Page, Sqlite},
};

const BASE: &str = "http://ota.test";

fn key() -> ProductKey {
    ProductKey::new("a1Demo").unwrap()
}

fn id(name: &str) -> DeviceId {
    DeviceId { product: key(), device: DeviceName::new(name).unwrap() }
}

fn v(text: &str) -> Version {
    Version::new(text).unwrap()
}

/// What the gateway would be: it knows who is connected and keeps what was sent.
#[derive(Default)]
struct Wire {
    connected: Mutex<HashSet<DeviceId>>,
    /// Devices behind a gateway, and which.
    behind: Mutex<HashMap<DeviceId, DeviceId>>,
    sent: Mutex<HashMap<DeviceId, Vec<Message>>>,
    /// Does every device refuse to take more?
    full: AtomicBool,
}

impl Outbox for Wire {
    fn deliver(&self, device: &DeviceId, message: Message) -> Delivery {
        if !self.is_connected(device) {
            return Delivery::Offline;
        }
        if self.full.load(Ordering::SeqCst) {
            return Delivery::Full;
        }
        self.sent.lock().unwrap().entry(device.clone()).or_default().push(message);
        Delivery::Queued
    }

    fn is_connected(&self, device: &DeviceId) -> bool {
        let behind = self.behind.lock().unwrap();
        self.connected.lock().unwrap().contains(behind.get(device).unwrap_or(device))
    }

    fn log_in_behind(&self, gateway: &DeviceId, device: &DeviceId) -> Result<(), GatewayRefusal> {
        self.behind.lock().unwrap().insert(device.clone(), gateway.clone());
        Ok(())
    }

    fn log_out_behind(&self, gateway: &DeviceId, device: &DeviceId) -> bool {
        let is_there = self.speaks_for(gateway, device);
        if is_there {
            self.behind.lock().unwrap().remove(device);
        }
        is_there
    }

    fn speaks_for(&self, gateway: &DeviceId, device: &DeviceId) -> bool {
        self.behind.lock().unwrap().get(device) == Some(gateway)
    }
}

struct World {
    service: Service,
    store: Sqlite,
    wire: Arc<Wire>,
    now: Arc<AtomicU64>,
    secrets: HashMap<DeviceId, Secret>,
    folder: Arc<TempDir>,
}

impl World {
    /// A platform in memory with one product.
    async fn new() -> Self {
        let folder = Arc::new(tempfile::tempdir().unwrap());
        let world = Self::open(folder, Location::Memory);
        world.service.create_product(ProductOrder::new(key(), Dialect::Aliyun)).await.unwrap();
        world
    }

    fn open(folder: Arc<TempDir>, location: Location) -> Self {
        Self::with(folder, location, Duration::ZERO)
    }

    fn with(folder: Arc<TempDir>, location: Location, grace: Duration) -> Self {
        Self::of(folder, location, Options { grace, ..Options::default() })
    }

    fn of(folder: Arc<TempDir>, location: Location, options: Options) -> Self {
        let store = Sqlite::open(location).unwrap();
        let wire = Arc::new(Wire::default());
        let now = Arc::new(AtomicU64::new(1_700_000_000_000));
        let clock = Arc::clone(&now);
        let service = Service::new(Parts {
            store: Arc::new(store.clone()),
            files: Arc::new(LocalFiles::open(&folder.path().join("files"), 1 << 20).unwrap()),
            links: Links::new(BASE, [7; 32], Duration::from_secs(3600)).unwrap(),
            outbox: wire.clone(),
            clock: Arc::new(move || Timestamp(clock.load(Ordering::SeqCst))),
            dialects: Dialects::default(),
            options: Options {
                notices_per_second: 1_000_000,
                try_again_after: Duration::from_millis(1),
                ..options
            },
        });
        Self { service, store, wire, now, secrets: HashMap::new(), folder }
    }

    fn pass(&self, time: Duration) {
        self.now.fetch_add(time.as_millis() as u64, Ordering::SeqCst);
    }

    async fn device(&mut self, name: &str) -> DeviceId {
        let device = self.service.create_device(DeviceOrder::new(id(name))).await.unwrap();
        self.secrets.insert(device.id.clone(), device.secret);
        device.id
    }

    async fn upload(&self, bytes: &'static [u8]) -> FileId {
        let body = Box::pin(stream::iter([Ok(bytes::Bytes::from_static(bytes))]));
        let stored = self.service.inner.parts.files.put(bytes.len() as u64, body).await.unwrap();
        self.service.add_file(stored).await.unwrap();
        stored.id
    }

    async fn package(&self, version: &str, module: &str) -> PackageId {
        let order = PackageOrder { module: Module::new(module).unwrap(), ..self.order(version).await };
        self.service.create_package(order).await.unwrap().id
    }

    /// A package of one file of nine bytes.
    async fn order(&self, version: &str) -> PackageOrder {
        PackageOrder {
            products: key().into(),
            version: v(version),
            module: Module::default(),
            files: vec![("app.bin".into(), self.upload(b"123456789").await)],
            extra: None,
            digest_method: DigestMethod::Sha256,
            over: Over::Http,
        }
    }

    /// A campaign over all devices, of which those that are connected have been told.
    async fn campaign(&self, package: PackageId) -> CampaignId {
        let order = NewCampaign::over_all(package);
        let campaign = self.service.create_campaign(order).await.unwrap().campaign.id;
        self.service.drained().await;
        campaign
    }

    fn credentials(&self, device: &DeviceId) -> Credentials {
        Credentials { id: device.clone(), secret: self.secrets[device].expose().to_owned() }
    }

    /// Logs in and connects; gives what the gateway would hold.
    async fn connect(&self, device: &DeviceId) -> Admitted {
        let login = aliyun::Device.write_login(&self.credentials(device), Transport::Plain);
        let Entry::Session(admitted) = self.service.login(&login).await.unwrap() else { panic!("a grant") };
        self.wire.connected.lock().unwrap().insert(device.clone());
        self.service.connected(device).await;
        admitted
    }

    fn disconnect(&self, device: &DeviceId) {
        self.wire.connected.lock().unwrap().remove(device);
        self.service.disconnected(device);
    }

    /// Publishes and waits until the platform has nothing left to do.
    async fn publish(&self, from: &Admitted, message: Message) {
        assert!(from.dialect.may_publish(&from.device, &message.topic));
        assert_eq!(self.service.published(from, message), Verdict::Accepted);
        self.service.drained().await;
    }

    async fn report(&self, from: &Admitted, report: Report) {
        self.publish(from, aliyun::Device.write_report(&from.device, 1, &report).unwrap()).await;
    }

    async fn report_version(&self, from: &Admitted, version: &str) {
        self.report(from, Report::Version { module: Module::default(), version: v(version) }).await;
    }

    async fn report_step(&self, from: &Admitted, step: Step) {
        let report =
            Report::Progress { module: Module::default(), task: None, step, description: String::new() };
        self.report(from, report).await;
    }

    /// What the device was sent since the last look, as it understands it.
    fn heard(&self, device: &DeviceId) -> Vec<Downlink> {
        let messages = self.wire.sent.lock().unwrap().remove(device).unwrap_or_default();
        let read =
            |message: Message| aliyun::Device.read_message(device, &message.topic, &message.payload).unwrap();
        messages.into_iter().map(read).collect()
    }

    /// The one notice that the device was sent since the last look.
    fn notice(&self, device: &DeviceId) -> Notice {
        match self.heard(device).as_slice() {
            [Downlink::Notice(notice)] => notice.clone(),
            other => panic!("{device} heard {other:?}"),
        }
    }

    /// The device's only task of a campaign.
    async fn task(&self, campaign: CampaignId, device: &DeviceId) -> Task {
        let tasks = self.service.tasks(campaign, None, Page::first(1000)).await.unwrap();
        tasks.into_iter().find(|view| view.task.device == *device).unwrap().task
    }
}
