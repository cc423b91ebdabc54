//! `otaru demo`: a real platform and real devices on this machine, updated from 1.0.0 to 2.0.0.
//!
//! Everything is done as it would be in the field: the platform and each device are processes of this program, and
//! talk MQTT and HTTP over loopback sockets; the operator's part goes through the operator API. On the way one
//! device loses its power and another gets a bit of its slot written wrong.

mod check;
mod device;
mod plan;
mod process;
mod view;

use std::{
    fs,
    path::{Path, PathBuf},
    sync::mpsc::{self, Receiver, RecvTimeoutError},
    time::{Duration, Instant},
};

use anyhow::{Context, bail, ensure};
use otaru_platform::http::shapes::{
    CampaignId, CampaignMade, CampaignState, NewCampaign, NewDevice, NewPackage, NewProduct,
};
use otaru_wire::{DeviceName, Module, ProductKey, Version};
use serde_json::json;

use self::{
    device::{Device, Surroundings, Told},
    plan::{Image, Kind, NEW, Plan},
    process::Platform,
    view::View,
};
use crate::{
    cli::DemoArgs,
    exit,
    operator::{Client, calls},
    output,
};

/// The demo's only product.
const PRODUCT: &str = "demo";
/// How long a download is to take, so that a person can watch it.
const DOWNLOAD_SECONDS: u64 = 4;
/// No word from any device for so long, and the demo gives up.
const SILENCE: Duration = Duration::from_secs(120);
/// Between two questions to the platform whether the last reports have reached it.
const QUESTION: Duration = Duration::from_millis(50);

pub(crate) fn run(args: DemoArgs) -> anyhow::Result<u8> {
    let began = Instant::now();
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

    let (tell, told) = mpsc::channel();
    let mut demo = Demo { devices: Vec::new(), told, operator, campaigns: Vec::new() };
    let product = ProductKey::new(PRODUCT)?;
    calls::create_product(
        &demo.operator,
        &NewProduct { product_key: product.clone(), dialect: "aliyun".parse()? },
    )?;
    let around = Surroundings {
        mqtt: &platform.mqtt,
        product: PRODUCT,
        bytes_per_second: (image.size / DOWNLOAD_SECONDS).max(1),
    };
    for (index, plan) in plan::devices(args.devices).into_iter().enumerate() {
        let made = calls::create_device(
            &demo.operator,
            &product,
            &NewDevice { device_name: DeviceName::new(&*plan.name)?, device_secret: None },
        )?;
        let dir = folder.path().join("devices").join(&plan.name);
        view.add(&plan.name, image.size, plan.kind.label())?;
        let device =
            Device::install(plan, index, &made.device_secret, image.size, dir, &around, tell.clone())?;
        demo.devices.push(device);
    }
    view.step(&format!("{} devices start at {}", demo.devices.len(), plan::OLD))?;
    demo.start_devices(&view)?;
    demo.start_campaigns(&image, &view)?;
    demo.watch(&view)?;
    demo.stop_devices(&view)?;
    let code = demo.finish(&image, &view, began.elapsed())?;
    platform.stop();
    Ok(code)
}

struct Demo {
    devices: Vec<Device>,
    told: Receiver<Told>,
    operator: Client,
    campaigns: Vec<CampaignId>,
}

impl Demo {
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

    /// Makes a package for each kind of device and starts its campaign.
    fn start_campaigns(&mut self, image: &Image, view: &View) -> anyhow::Result<()> {
        for kind in Kind::ALL {
            let names = self.names(kind)?;
            if names.is_empty() {
                continue;
            }
            let campaign = self.start_campaign(kind, image, names.clone())?;
            let names: Vec<String> = names.iter().map(ToString::to_string).collect();
            view.step(&format!(
                "campaign {}: {} ({}) to {}",
                campaign.id,
                kind.label(),
                output::bytes(image.size),
                names.join(", ")
            ))?;
            self.campaigns.push(campaign.id);
        }
        Ok(())
    }

    fn names(&self, kind: Kind) -> anyhow::Result<Vec<DeviceName>> {
        let of_kind = self.devices.iter().filter(|device| device.plan.kind == kind);
        Ok(of_kind.map(|device| DeviceName::new(&*device.plan.name)).collect::<Result<_, _>>()?)
    }

    fn start_campaign(
        &self,
        kind: Kind,
        image: &Image,
        devices: Vec<DeviceName>,
    ) -> anyhow::Result<CampaignMade> {
        let files = image.files(kind);
        let package = NewPackage {
            product_key: ProductKey::new(PRODUCT)?,
            version: Version::new(NEW)?,
            module: Module::new(kind.module())?,
            files: files.iter().map(|file| calls::upload(&self.operator, file)).collect::<Result<_, _>>()?,
            extra: None,
            digest_method: None,
        };
        let package = calls::create_package(&self.operator, &package)?;
        let campaign = NewCampaign {
            package_id: package.id,
            devices: Some(devices),
            source_versions: Vec::new(),
            timeout_minutes: None,
        };
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
            std::thread::sleep(QUESTION);
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
        match self.told.recv_timeout(SILENCE) {
            Ok(told) => match self.devices.get_mut(told.device) {
                Some(device) => device.hear(told, view),
                None => bail!("a word of device {}, which does not exist", told.device),
            },
            Err(RecvTimeoutError::Timeout) => bail!("no device said anything for {} s", SILENCE.as_secs()),
            Err(RecvTimeoutError::Disconnected) => bail!("no device is left"),
        }
    }

    /// Compares every slot with the image and tells how it went.
    fn finish(&self, image: &Image, view: &View, took: Duration) -> anyhow::Result<u8> {
        let mut rows =
            vec![["device", "sent", "runs", "slot", "fetched", "on the way"].map(String::from).to_vec()];
        let mut succeeded = 0;
        for device in &self.devices {
            let slot = self.check(device, image);
            let task = self.task_state(&device.plan)?;
            let good = slot.is_ok() && device.updated && task == "succeeded";
            succeeded += usize::from(good);
            let said = match &slot {
                Ok(()) => "identical".to_owned(),
                Err(error) => format!("{error:#}"),
            };
            view.remark(
                &device.plan.name,
                &format!("task {task}, active slot {said}"),
                "checked",
                json!({"task": task, "slot": said, "succeeded": good}),
            )?;
            rows.push(vec![
                device.plan.name.clone(),
                device.plan.kind.label().to_owned(),
                if device.updated { NEW } else { plan::OLD }.to_owned(),
                said,
                output::bytes(device.fetched()),
                way(device),
            ]);
        }
        let failed = self.devices.len() - succeeded;
        let fetched: u64 = self.devices.iter().map(Device::fetched).sum();
        let summary = json!({
            "event": "summary",
            "devices": self.devices.len(),
            "succeeded": succeeded,
            "failed": failed,
            "bytes_downloaded": fetched,
            "bytes_image": image.size,
            "seconds": (took.as_secs_f64() * 10.0).round() / 10.0,
        });
        let mut table = output::table(&rows);
        table.push_str(&format!(
            "\n{succeeded} succeeded, {failed} failed, {} fetched, {:.1} s\n",
            output::bytes(fetched),
            took.as_secs_f64()
        ));
        view.finish(&table, &summary)?;
        Ok(if failed == 0 { exit::SUCCESS } else { exit::DEMO_FAILED })
    }

    fn check(&self, device: &Device, image: &Image) -> anyhow::Result<()> {
        let module = Module::new(device.plan.kind.module())?;
        let slot = otaru_agent::active_folder(&device.storage(), &module)?.context("no slot is active")?;
        check::same_files(&check::slot_files(&slot)?, &image.files(device.plan.kind))
    }

    /// What the platform says of the device's task.
    fn task_state(&self, plan: &Plan) -> anyhow::Result<String> {
        for campaign in &self.campaigns {
            for task in calls::tasks(&self.operator, *campaign)? {
                if task.device.as_str() == plan.name {
                    return Ok(task.state.to_string());
                }
            }
        }
        bail!("the platform has no task for {}", plan.name)
    }
}

/// What happened to a device on the way.
fn way(device: &Device) -> String {
    let mut words = Vec::new();
    if let (Some(cut), Some(resumed)) = (device.cut_at, device.resumed_at) {
        words.push(format!("power cut at {cut}, went on at {resumed}"));
    }
    if device.started_over > 0 {
        words.push(format!("digest failed {} time(s), fetched again", device.started_over));
    }
    if let Some(failed) = &device.failed {
        words.push(failed.clone());
    }
    words.push(format!("{} reboot(s)", device.reboots));
    words.join("; ")
}

/// The folder the demo works in: a temporary one, removed at the end, or the user's, kept.
enum Folder {
    Temporary(PathBuf),
    Kept(PathBuf),
}

impl Folder {
    fn new(keep: Option<&Path>) -> anyhow::Result<Self> {
        let Some(keep) = keep else {
            let path = std::env::temp_dir().join(format!("otaru-demo-{}", std::process::id()));
            fs::create_dir(&path).with_context(|| path.display().to_string())?;
            return Ok(Folder::Temporary(path.canonicalize()?));
        };
        fs::create_dir_all(keep).with_context(|| keep.display().to_string())?;
        ensure!(
            fs::read_dir(keep)?.next().is_none(),
            "{} is not empty; --keep wants a new or empty folder",
            keep.display()
        );
        Ok(Folder::Kept(keep.canonicalize()?))
    }

    fn path(&self) -> &Path {
        match self {
            Folder::Temporary(path) | Folder::Kept(path) => path,
        }
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if let Folder::Temporary(path) = self
            && let Err(error) = fs::remove_dir_all(&path)
        {
            tracing::warn!(folder = %path.display(), %error, "the demo's folder could not be removed");
        }
    }
}
