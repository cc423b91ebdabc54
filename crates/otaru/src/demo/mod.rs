//! `otaru demo`: a real platform and real devices on this machine, updated from 1.0.0 to 2.0.0.
//!
//! The devices are those of several vendors, and one campaign reaches them all: the same hardware, with a product on
//! each cloud. Everything is done as it would be in the field: the platform and each device are processes of this program, and
//! talk MQTT and HTTP over loopback sockets; the operator's part goes through the operator API. On the way one
//! device loses its power and another gets a bit of its slot written wrong.

mod check;
mod device;
mod folder;
mod outcome;
mod plan;
mod process;
mod view;

use std::{
    collections::{BTreeSet, HashMap, HashSet, hash_map::Entry},
    path::{Path, PathBuf},
    sync::mpsc::{self, Receiver, RecvTimeoutError, Sender},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, bail, ensure};
use indicatif::ProgressBar;
use otaru_platform::http::shapes::{
    CampaignId, CampaignMade, CampaignState, Dialect, Listed, NewCampaign, NewDevice, NewPackage, NewProduct,
    Over, PackageFile, ProductKeys,
};
use otaru_wire::{DeviceName, Module, ProductKey, Version};
use signal_hook::{
    consts::{SIGHUP, SIGINT, SIGTERM},
    iterator::Signals,
};

use self::{
    device::{Device, Surroundings, Told},
    folder::Folder,
    plan::{Image, Kind, NEW},
    process::Platform,
    view::View,
};
use crate::{
    cli::platform::DemoArgs,
    exit,
    operator::{Client, calls},
    output,
};

/// How long a download is to take, so that a person can watch it.
const DOWNLOAD_SECONDS: u64 = 4;
/// No word from any device for so long, and the demo gives up.
const SILENCE: Duration = Duration::from_secs(120);
/// Between two questions to the platform whether the last reports have reached it.
const QUESTION: Duration = Duration::from_millis(50);

pub(crate) fn run(args: DemoArgs) -> anyhow::Result<u8> {
    let began = Instant::now();
    let (tell, told) = mpsc::channel();
    listen_for_signals(tell.clone())?;
    let folder = Folder::new(args.keep.as_deref())?;
    let mut view = View::new(args.json);
    let source = match args.image {
        Some(image) => image,
        None => std::env::current_exe().context("finding this program")?,
    };
    let image = Image::prepare(&source, &folder.path().join("image"))?;
    let platform = Platform::start(&folder.path().join("platform"), &folder.path().join("platform.log"))?;
    view.step(&format!("platform: MQTT {}, HTTP {}", platform.mqtt, platform.url))?;
    let operator = Client::at(&platform.url, platform.token.clone());
    let mut demo = Demo { devices: Vec::new(), told, operator, campaigns: Vec::new() };
    demo.install_devices(args.devices, &image, &platform, folder.path(), &tell, &mut view)?;
    demo.start_devices(&view)?;
    demo.start_campaigns(&image, &view)?;
    demo.watch(&view)?;
    demo.stop_devices(&view)?;
    let code = demo.finish(&image, &view, began)?;
    platform.stop();
    Ok(code)
}

/// The first signal ends the demo in order: children stopped, folder removed. The second ends it at once; the
/// children then stop by themselves.
fn listen_for_signals(tell: Sender<Told>) -> anyhow::Result<()> {
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP]).context("listening for signals")?;
    thread::Builder::new().name("signals".into()).spawn(move || {
        let mut signals = signals.forever();
        if let Some(signal) = signals.next() {
            // The demo may have ended meanwhile.
            let _ = tell.send(Told::Signal(signal));
        }
        if let Some(signal) = signals.next() {
            std::process::exit(128 + signal);
        }
    })?;
    Ok(())
}

struct Demo {
    devices: Vec<Device>,
    told: Receiver<Told>,
    operator: Client,
    campaigns: Vec<CampaignId>,
}

impl Demo {
    /// Makes the products and their devices on the platform, and a folder for each device.
    fn install_devices(
        &mut self,
        count: u16,
        image: &Image,
        platform: &Platform,
        folder: &Path,
        tell: &Sender<Told>,
        view: &mut View,
    ) -> anyhow::Result<()> {
        let around = Surroundings {
            mqtt: &platform.mqtt,
            url: &platform.url,
            bytes_per_second: (image.size / DOWNLOAD_SECONDS).max(1),
        };
        let mut products = HashSet::new();
        for (index, plan) in plan::devices(count, image.size).into_iter().enumerate() {
            let product = ProductKey::new(plan.speaks.product())?;
            if products.insert(product.clone()) {
                self.make_product(&product, plan.speaks.dialect())?;
            }
            let new =
                NewDevice { device_name: DeviceName::new(&*plan.name)?, device_secret: None, serial: None };
            let secret = calls::create_device(&self.operator, &product, &new)?.device_secret;
            let dir = folder.join("devices").join(&plan.name);
            view.add(&plan.name, image.size, &format!("{}, {}", plan.speaks.half(), plan.kind.label()))?;
            self.devices.push(Device::install(plan, index, &secret, image.size, dir, &around, tell.clone())?);
        }
        let devices = output::count(count.into(), "device");
        view.step(&format!("{devices} at version {}", plan::OLD))?;
        if image.size < plan::SMALLEST_TO_CUT {
            let size = output::bytes(image.size);
            view.step(&format!("no power is cut: an image of {size} has no middle to go on from"))?;
        }
        Ok(())
    }

    fn make_product(&self, key: &ProductKey, dialect: Dialect) -> anyhow::Result<()> {
        let (product_key, product_secret, registration) = (key.clone(), None, None);
        calls::create_product(
            &self.operator,
            &NewProduct { product_key, dialect, product_secret, registration },
        )?;
        Ok(())
    }

    /// Switches all devices on and waits until the platform holds a session of each.
    fn start_devices(&mut self, view: &View) -> anyhow::Result<()> {
        for device in &mut self.devices {
            device.start()?;
        }
        while !self.devices.iter().all(|device| device.online) {
            self.hear(view)?;
        }
        Ok(())
    }

    /// Uploads the files that the devices will be sent, each once.
    fn upload(&self, image: &Image, view: &View) -> anyhow::Result<HashMap<PathBuf, PackageFile>> {
        let mut uploaded = HashMap::new();
        for kind in self.devices.iter().map(|device| device.plan.kind) {
            for file in image.files(kind) {
                if let Entry::Vacant(place) = uploaded.entry(file) {
                    let taken = calls::upload(&self.operator, place.key(), &ProgressBar::hidden())?;
                    place.insert(taken);
                }
            }
        }
        view.step(&format!("uploaded {}", output::count(uploaded.len() as u64, "file")))?;
        Ok(uploaded)
    }

    /// Makes a package for each kind of device, whatever they speak, and starts its campaign.
    fn start_campaigns(&mut self, image: &Image, view: &View) -> anyhow::Result<()> {
        let uploaded = self.upload(image, view)?;
        for kind in Kind::ALL {
            let names = self.names(kind)?;
            if names.is_empty() {
                continue;
            }
            let campaign = self.start_campaign(kind, image, &uploaded, names.clone())?;
            let named: Vec<&str> = names.iter().map(|name| name.device.as_str()).collect();
            let to =
                if named.len() > 8 { output::count(named.len() as u64, "device") } else { named.join(", ") };
            view.step(&format!(
                "campaign {}: {} ({}) to {to}, which speak {}",
                campaign.id,
                kind.label(),
                output::bytes(image.size),
                self.dialects(kind),
            ))?;
            self.campaigns.push(campaign.id);
        }
        Ok(())
    }

    fn names(&self, kind: Kind) -> anyhow::Result<Vec<Listed>> {
        let of_kind = self.devices.iter().filter(|device| device.plan.kind == kind);
        of_kind
            .map(|device| {
                Ok(Listed {
                    product: Some(device.plan.speaks.product().parse()?),
                    device: device.plan.name.parse()?,
                })
            })
            .collect()
    }

    /// How the devices of a kind speak, each dialect once.
    fn dialects(&self, kind: Kind) -> String {
        let of_kind = self.devices.iter().filter(|device| device.plan.kind == kind);
        let dialects: BTreeSet<&str> = of_kind.map(|device| device.plan.speaks.dialect().as_str()).collect();
        dialects.into_iter().collect::<Vec<_>>().join(", ")
    }

    fn start_campaign(
        &self,
        kind: Kind,
        image: &Image,
        uploaded: &HashMap<PathBuf, PackageFile>,
        devices: Vec<Listed>,
    ) -> anyhow::Result<CampaignMade> {
        let mut products: Vec<ProductKey> = Vec::new();
        for product in devices.iter().filter_map(|device| device.product.clone()) {
            if !products.contains(&product) {
                products.push(product);
            }
        }
        let files = image.files(kind);
        let package = NewPackage {
            product_key: None,
            product_keys: Some(ProductKeys::try_from(products)?),
            version: Version::new(NEW)?,
            module: Module::new(kind.module())?,
            files: files.iter().filter_map(|file| uploaded.get(file).cloned()).collect(),
            extra: None,
            digest_method: None,
            over: Over::Http,
        };
        let package = calls::create_package(&self.operator, &package)?;
        let campaign = NewCampaign { devices: Some(devices), ..NewCampaign::over_all(package.id) };
        calls::create_campaign(&self.operator, &campaign)
    }

    /// Follows the devices until the platform says that every task has ended.
    fn watch(&mut self, view: &View) -> anyhow::Result<()> {
        let settled = |device: &Device| device.updated || device.failed.is_some();
        while !self.devices.iter().all(settled) {
            self.hear(view)?;
        }
        // The last report is on its way: the device said so before the platform had it.
        let asked = Instant::now();
        while !self.campaigns_ended()? {
            ensure!(asked.elapsed() < SILENCE, "the devices are done, but the platform waits for a report");
            self.hear_within(QUESTION, view)?;
        }
        Ok(())
    }

    fn campaigns_ended(&self) -> anyhow::Result<bool> {
        for campaign in &self.campaigns {
            if calls::campaign(&self.operator, *campaign)?.state == CampaignState::Running {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn stop_devices(&mut self, view: &View) -> anyhow::Result<()> {
        self.devices.iter_mut().for_each(Device::stop);
        while self.devices.iter().any(Device::runs) {
            self.hear(view)?;
        }
        Ok(())
    }

    /// Takes the next word of any device.
    fn hear(&mut self, view: &View) -> anyhow::Result<()> {
        ensure!(self.hear_within(SILENCE, view)?, "no device said anything for {} s", SILENCE.as_secs());
        Ok(())
    }

    /// As [`Demo::hear`]; false if no word came in time.
    fn hear_within(&mut self, time: Duration, view: &View) -> anyhow::Result<bool> {
        match self.told.recv_timeout(time) {
            Ok(Told::Device { device, start, word }) => match self.devices.get_mut(device) {
                Some(device) => device.hear(start, word, view).map(|()| true),
                None => bail!("a word of device {device}, which does not exist"),
            },
            Ok(Told::Signal(signal)) => {
                let code = u8::try_from(128 + signal).unwrap_or(exit::FAILURE);
                Err(exit::Coded::new(code, "the demo was stopped before its end").into())
            }
            Err(RecvTimeoutError::Timeout) => Ok(false),
            Err(RecvTimeoutError::Disconnected) => bail!("no device is left"),
        }
    }
}
