//! What the platform's decisions cost, store and disk included, without sockets:
//! `cargo bench -p otaru-platform --bench service`.
//!
//! Prints one line a figure. The database is a real file in the folder for temporary files, or in `OTARU_BENCH_DIR`.

use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use bytes::Bytes;
use futures_util::{future::join_all, stream};
use otaru_fleet::{Dialect, NewCampaign, TaskState};
use otaru_platform::{
    files::{Files as _, LocalFiles},
    gateway::{Admitted, Delivery, Entry, Ingest as _, Verdict},
    links::{Grant, Links},
    service::{
        DeviceOrder, Dialects, Options, Outbox, PackageOrder, Parts, ProductOrder, Service, system_clock,
    },
    store::{Location, Page, Sqlite},
};
use otaru_wire::{
    DeviceId, DigestMethod, Module, Report, Step,
    dialect::{Credentials, DeviceHalf as _, Login, Transport, aliyun},
    mqtt::Message,
};

const DEVICES: usize = 10_000;

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

/// Everybody is connected; the last message is kept so that the work of writing it cannot be left out.
#[derive(Default)]
struct Everybody(Mutex<Option<Message>>);

impl Outbox for Everybody {
    fn deliver(&self, _: &DeviceId, message: Message) -> Delivery {
        if let Ok(mut last) = self.0.lock() {
            *last = Some(message);
        }
        Delivery::Queued
    }

    fn is_connected(&self, _: &DeviceId) -> bool {
        true
    }
}

#[tokio::main]
async fn main() -> Outcome<()> {
    let folder = match std::env::var_os("OTARU_BENCH_DIR") {
        Some(folder) => tempfile::tempdir_in(folder)?,
        None => tempfile::tempdir()?,
    };
    let service = service(folder.path())?;
    let logins = devices(&service).await?;
    let sessions = log_in(&service, &logins).await?;
    println!("same logins again, secrets in memory:");
    log_in(&service, &logins).await?;
    report(&service, &sessions, "version", |_| Report::Version {
        module: Module::default(),
        version: version("1.0.0"),
    })
    .await;
    let campaign = campaign(&service, folder.path()).await?;
    for percent in [10, 50, 100] {
        report(&service, &sessions, "progress", |_| Report::Progress {
            module: Module::default(),
            task: None,
            step: Step::Percent(percent),
            description: String::new(),
        })
        .await;
    }
    grants(&service, campaign).await?;
    report(&service, &sessions, "success", |_| Report::Version {
        module: Module::default(),
        version: version("2.0.0"),
    })
    .await;
    let counts = service.campaign(campaign).await?.counts;
    assert_eq!(counts.of(TaskState::Succeeded), DEVICES as u64, "{counts:?}");
    Ok(())
}

fn service(folder: &std::path::Path) -> Outcome<Service> {
    Ok(Service::new(Parts {
        store: Arc::new(Sqlite::open(Location::File(folder.join("otaru.db")))?),
        files: Arc::new(LocalFiles::open(&folder.join("files"), 1 << 20)?),
        links: Links::new("http://ota.example", [7; 32], Duration::from_secs(86_400))?,
        outbox: Arc::new(Everybody::default()),
        clock: system_clock(),
        dialects: Dialects::default(),
        options: Options { notices_per_second: u32::MAX, ..Options::default() },
    }))
}

#[allow(clippy::expect_used)]
fn version(text: &str) -> otaru_wire::Version {
    text.parse().expect("a valid version")
}

async fn devices(service: &Service) -> Outcome<Vec<Login>> {
    let product = service.create_product(ProductOrder::new("a1Bench".parse()?, Dialect::Aliyun)).await?.key;
    let begun = Instant::now();
    let mut made = Vec::new();
    for number in 0..DEVICES {
        let id = DeviceId { product: product.clone(), device: format!("d{number:05}").parse()? };
        made.push(service.create_device(DeviceOrder::new(id)));
    }
    let mut logins = Vec::new();
    for device in join_all(made).await {
        let device = device?;
        let credentials = Credentials { id: device.id, secret: device.secret.expose().to_owned() };
        logins.push(aliyun::Device.write_login(&credentials, Transport::Plain));
    }
    figure("devices made", DEVICES, begun);
    Ok(logins)
}

async fn log_in(service: &Service, logins: &[Login]) -> Outcome<Vec<Admitted>> {
    let begun = Instant::now();
    let entries = join_all(logins.iter().map(|login| service.login(login))).await;
    figure("logins", DEVICES, begun);
    let sessions = entries.into_iter().map(|entry| match entry {
        Ok(Entry::Session(admitted)) => Ok(admitted),
        Ok(Entry::Grant(_)) => Err("a grant".into()),
        Err(refused) => Err(format!("{refused:?}").into()),
    });
    sessions.collect()
}

/// One report of each device, as the gateway hands them over; done when all are written down.
async fn report(service: &Service, sessions: &[Admitted], what: &str, say: impl Fn(usize) -> Report) {
    let begun = Instant::now();
    for (number, session) in sessions.iter().enumerate() {
        let Some(message) = aliyun::Device.write_report(&session.device, 1, &say(number)) else { continue };
        while service.published(session, message.clone()) == Verdict::Busy {
            service.ready(&session.device).await;
        }
    }
    service.drained().await;
    figure(&format!("{what} reports"), DEVICES, begun);
}

async fn campaign(service: &Service, folder: &std::path::Path) -> Outcome<otaru_fleet::CampaignId> {
    let files = LocalFiles::open(&folder.join("files"), 1 << 20)?;
    let body = Box::pin(stream::iter([Ok(Bytes::from_static(b"123456789"))]));
    let file = files.put(9, body).await?;
    service.add_file(file).await?;
    let order = PackageOrder {
        products: "a1Bench".parse::<otaru_wire::ProductKey>()?.into(),
        version: version("2.0.0"),
        module: Module::default(),
        files: vec![("app.bin".into(), file.id)],
        extra: None,
        digest_method: DigestMethod::Sha256,
        over: otaru_fleet::Over::Http,
    };
    let package = service.create_package(order).await?;
    let begun = Instant::now();
    let started = service.create_campaign(NewCampaign::over_all(package.id)).await?;
    figure("tasks planned", usize::try_from(started.tasks)?, begun);
    service.drained().await;
    figure("tasks planned and notices sent", usize::try_from(started.tasks)?, begun);
    Ok(started.campaign.id)
}

async fn grants(service: &Service, campaign: otaru_fleet::CampaignId) -> Outcome<()> {
    let tasks = service.tasks(campaign, None, Page::first(1000)).await?;
    let grants: Vec<_> =
        tasks.into_iter().map(|view| Grant::file(view.task.device, view.task.id, 0)).collect();
    for what in ["first ranges served", "further ranges served"] {
        let begun = Instant::now();
        for grant in &grants {
            service.grant_file(grant).await?;
        }
        figure(what, grants.len(), begun);
    }
    Ok(())
}

fn figure(what: &str, count: usize, begun: Instant) {
    let seconds = begun.elapsed().as_secs_f64();
    println!("{count:>7} {what:<32} {:>9.1} ms {:>12.0} /s", seconds * 1e3, count as f64 / seconds);
}
