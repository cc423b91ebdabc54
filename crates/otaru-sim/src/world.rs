//! Devices, a platform and a file server in one process, on one virtual clock.

use std::time::Duration;

use otaru_core::Policy;
use otaru_fleet::{NewPackage, Over, PackageFile, Patience, Rules};
use otaru_wire::{DeviceId, Digest, DigestMethod, Hasher, IdError, Module, Version};

use crate::{
    device::{Device, DeviceOptions},
    flash::Files,
    form::Form,
    outside::{Happening, Outside},
    planted::Planted,
    rng::Rng,
    violation::Violation,
    weather::Weather,
};

/// How often the operator looks at the tasks.
const OPERATOR_MS: u64 = 10 * 60_000;
/// How long a device may take once all faults have stopped. An offer that failed often is held back for up to a day
/// and a half (`Policy::offer_longest`), and a Task that nobody works on for its timeout.
const PATIENCE_MS: u64 = 4 * 24 * 3600 * 1000;

/// How a world is made.
pub(crate) struct WorldOptions {
    pub(crate) form: Form,
    pub(crate) seed: u64,
    pub(crate) devices: usize,
    /// Bytes of the package.
    pub(crate) size: u64,
    pub(crate) tries: u32,
    pub(crate) weather: Weather,
    pub(crate) planted: Option<Planted>,
}

/// A whole system.
pub(crate) struct World {
    pub(crate) outside: Outside,
    pub(crate) devices: Vec<Device>,
    module: Module,
    target: Version,
    package: u64,
    newer: u64,
    rules: Rules,
}

impl World {
    /// Devices at 1.0.0, a package 2.0.0 ordered for all of them, and 3.0.0 in reserve.
    pub(crate) fn new(options: &WorldOptions) -> Result<Self, IdError> {
        let mut rng = Rng::new(options.seed ^ 0x07a2_0000);
        let ids: Vec<_> = (1..=options.devices).map(device).collect::<Result<_, _>>()?;
        let timeout = Duration::from_secs(3600 * if rng.per_mille(500) { 1 } else { 24 });
        let rules = Rules { timeout, ..rules(options.seed) };
        let policy = policy(options.form, &mut rng);
        let mut outside = Outside::new(rng, options.weather.clone(), options.form.platform());
        let module = options.form.module();
        let old = Version::new("1.0.0")?;
        let running: Vec<_> = [Module::default(), options.form.part()]
            .into_iter()
            .map(|module| (module, old.clone()))
            .collect();
        for (module, version) in &running {
            let factory = vec![image(500, 3)];
            outside.images.insert((module.clone(), version.to_string()), factory);
        }
        let mut packages = [0; 2];
        for (version, package) in ["2.0.0", "3.0.0"].into_iter().zip(&mut packages) {
            let seed =
                options.seed ^ u64::from(version.as_bytes().first().copied().unwrap_or_default()) << 40;
            let files: Files = options
                .form
                .sizes(options.size)
                .iter()
                .zip(seed..)
                .map(|(size, seed)| image(*size, seed))
                .collect();
            *package = outside.platform.add(spec(options.form, Version::new(version)?, &files)?);
            for (at, bytes) in files.iter().enumerate() {
                outside.server.put(*package, at, bytes);
            }
            outside.images.insert((module.clone(), version.into()), files);
        }
        let devices = ids.into_iter().enumerate().map(|(index, id)| {
            let (planted, seed) = (options.planted, options.seed + index as u64);
            let (policy, tries, remains) = (policy.clone(), options.tries, options.size as usize + 1000);
            let form = options.form;
            let options = DeviceOptions { index, id, policy, remains, tries, planted, form, seed };
            Device::new(options, &outside, &running)
        });
        let devices: Vec<_> = devices.collect();
        let [package, newer] = packages;
        let target = Version::new("2.0.0")?;
        Ok(Self { outside, devices, module, target, package, newer, rules })
    }

    /// Runs until every device rests on the target and the platform knows it.
    pub(crate) fn run(&mut self) -> Result<(), Violation> {
        self.order();
        for device in 0..self.devices.len() {
            self.outside.at(self.outside.now, Happening::PowerOn { device });
        }
        self.outside.at(self.outside.now + OPERATOR_MS, Happening::Operator);
        let end = self.outside.weather.until_ms + PATIENCE_MS;
        while !self.at_rest() {
            let woken = self.devices.iter().enumerate();
            let timer = woken.filter_map(|(at, device)| Some((device.wakes_at()?, at))).min();
            let next = self.outside.next_at();
            match (timer, next) {
                (None, None) => return Err(Violation::Stuck(self.describe())),
                (Some((at, device)), next) if next.is_none_or(|next| at < next) => {
                    self.outside.now = self.outside.now.max(at);
                    if let Some(device) = self.devices.get_mut(device) {
                        device.timer(&mut self.outside);
                    }
                }
                (_, next) => {
                    self.outside.now = next.unwrap_or(self.outside.now);
                    if let Some(happening) = self.outside.take() {
                        self.happen(happening);
                    }
                }
            }
            self.promises_hold()?;
            if self.outside.now > end {
                return Err(Violation::NoEnd(self.describe()));
            }
        }
        Ok(())
    }

    fn promises_hold(&self) -> Result<(), Violation> {
        let broken = self.devices.iter().find_map(|device| device.watch.violation.as_ref());
        match broken.or(self.outside.platform.violation.as_ref()) {
            Some(violation) => Err(violation.clone()),
            None => Ok(()),
        }
    }

    fn happen(&mut self, happening: Happening) {
        let outside = &mut self.outside;
        match happening {
            Happening::Operator => self.operate(),
            Happening::Input { device, boot, input, generation } => {
                if let Some(device) = self.devices.get_mut(device) {
                    device.input(outside, boot, input, generation);
                }
            }
            Happening::Up { device, session, number, message } => {
                if let Some(device) = self.devices.get_mut(device) {
                    device.arrive(outside, session, number, &message);
                }
            }
            Happening::Down { device, session, message } => {
                if let Some(device) = self.devices.get_mut(device) {
                    device.receive(outside, session, message);
                }
            }
            Happening::Call { device, boot, request, call } => {
                if let Some(device) = self.devices.get_mut(device) {
                    device.called(outside, boot, request, &call);
                }
            }
            Happening::Connect { device, boot } => {
                if let Some(device) = self.devices.get_mut(device) {
                    device.connect(outside, boot);
                }
            }
            Happening::Noticed { device, session } => {
                if let Some(device) = self.devices.get_mut(device) {
                    device.noticed(outside, session);
                }
            }
            Happening::PowerOn { device } => {
                if let Some(device) = self.devices.get_mut(device) {
                    device.power_on(outside);
                }
            }
        }
    }

    /// What an operator does: a newer version in between, and once the faults have stopped, a failed device again.
    fn operate(&mut self) {
        let outside = &mut self.outside;
        let now = outside.now;
        outside.at(now + OPERATOR_MS, Happening::Operator);
        outside.platform.meet_deadlines(now);
        if outside.weather.newer && now * 2 > outside.weather.until_ms && self.package != self.newer {
            outside.platform.cancel(now);
            self.package = self.newer;
            if let Ok(version) = Version::new("3.0.0") {
                self.target = version;
            }
            self.order();
        } else if outside.calm() {
            outside.server.restore();
            self.order();
        } else {
            self.tell_untold();
        }
    }

    /// Orders the package for every device that needs it, and tells those that are there.
    fn order(&mut self) {
        let outside = &mut self.outside;
        let ids: Vec<_> = self.devices.iter().map(|device| device.id().clone()).collect();
        outside.platform.order(self.package, &ids, &self.rules, outside.now);
        self.tell_untold();
    }

    fn tell_untold(&mut self) {
        let outside = &mut self.outside;
        let now = outside.now;
        for device in &mut self.devices {
            if outside.platform.is_untold(device.id(), now) {
                let notices = outside.platform.tell(device.id(), now);
                device.send_down(outside, notices);
            }
        }
    }

    fn at_rest(&self) -> bool {
        let settled = |device: &Device| {
            device.rests_on(&self.module, &self.target)
                && self.outside.platform.version(device.id(), &self.module) == Some(&self.target)
        };
        self.outside.calm() && self.devices.iter().all(settled) && !self.outside.platform.has_open()
    }

    fn describe(&self) -> String {
        let devices: Vec<_> = self.devices.iter().map(Device::describe).collect();
        let tasks = self.outside.platform.tasks.iter();
        let tasks: Vec<_> =
            tasks.map(|task| format!("{}: {} {:?}", task.id, task.state, task.reason)).collect();
        format!("{}; tasks {}", devices.join("; "), tasks.join(", "))
    }
}

fn device(number: usize) -> Result<DeviceId, IdError> {
    Ok(DeviceId { product: "a1Journey".parse()?, device: format!("pump-{number}").parse()? })
}

/// Half of the seeds try again, and half of those want an answer to a push.
fn rules(seed: u64) -> Rules {
    let mut rng = Rng::new(seed ^ 0x5e77_0000);
    if rng.per_mille(500) {
        return Rules::default();
    }
    Rules {
        retries: rng.between(1, 5) as u8,
        retry_interval: Duration::from_secs(60 * rng.between(0, 10)),
        patience: match rng.per_mille(500) {
            true => Patience::For(Duration::from_secs(rng.between(10, 600))),
            false => Patience::Endless,
        },
        ..Rules::default()
    }
}

fn policy(form: Form, rng: &mut Rng) -> Policy {
    let policy = Policy {
        checkpoint_bytes: rng.between(1, 4) * 500,
        read_back_bytes: rng.between(1, 4) as u32 * 700,
        range_bytes: rng.per_mille(300).then(|| rng.between(1_500, 5_000)),
        ..Policy::default()
    };
    match form.over() {
        Over::Http => policy,
        Over::Mqtt => Policy {
            block_bytes: rng.between(100, 5_120) as u32,
            block_interval: Duration::from_millis(if rng.per_mille(300) { rng.between(1, 2_000) } else { 0 }),
            ..policy
        },
    }
}

fn spec(form: Form, version: Version, files: &Files) -> Result<NewPackage, IdError> {
    let file = |(at, bytes): (usize, &Vec<u8>)| {
        let mut file = PackageFile {
            name: format!("part{at}.bin"),
            size: bytes.len() as u64,
            sha256: [0; 32],
            md5: [0; 16],
        };
        for method in [DigestMethod::Md5, DigestMethod::Sha256] {
            let mut hasher = Hasher::new(method);
            hasher.update(bytes);
            match hasher.finish() {
                Digest::Md5(md5) => file.md5 = md5,
                Digest::Sha256(sha256) => file.sha256 = sha256,
            }
        }
        file
    };
    Ok(NewPackage {
        products: device(0)?.product.into(),
        version,
        module: form.module(),
        files: files.iter().enumerate().map(file).collect(),
        extra: None,
        digest_method: form.method(),
        over: form.over(),
    })
}

/// Bytes that look like nothing.
fn image(size: u64, seed: u64) -> Vec<u8> {
    let mut rng = Rng::new(seed);
    let mut bytes: Vec<u8> = (0..size.div_ceil(8)).flat_map(|_| rng.next().to_le_bytes()).collect();
    bytes.truncate(size as usize);
    bytes
}
