//! The devices behind a gateway: what the platform knows of them, and how an agent is told of them.

use otaru_agent::GatewayEvent;
use otaru_wire::{
    GatewayRefusal, GatewayReport,
    dialect::{Login, LoginKeys},
};

use super::{agent::*, *};

/// One device behind the gateway.
#[derive(Default)]
pub(crate) struct Behind {
    pub(crate) target: Option<Target>,
    pub(crate) reports: Vec<Report>,
    pub(crate) added: bool,
    pub(crate) online: bool,
    pub(crate) logins: u32,
    /// The first byte of each request for its files.
    pub(crate) requests: Vec<u64>,
    pub(crate) bytes_served: u64,
    /// Not taken, whatever it proves.
    pub(crate) banned: bool,
}

pub(crate) fn sub(name: &str) -> DeviceId {
    DeviceId { product: "a1SubPk0002".parse().unwrap(), device: name.parse().unwrap() }
}

/// Each device's secret is its own.
pub(crate) fn secret(name: &str) -> String {
    format!("secret-of-{name}")
}

/// The configuration of a device behind the gateway.
pub(crate) fn table(name: &str, more: &str) -> String {
    format!(
        "[[sub_device]]\nproduct_key = \"a1SubPk0002\"\ndevice_name = \"{name}\"\ndevice_secret = \"{}\"\n\
         version = \"1.0.0\"\n{more}\n",
        secret(name)
    )
}

impl Platform {
    /// The platform knows this device and has this for it.
    pub(crate) fn expect(&self, name: &str, target: Option<Target>) {
        self.change(|world| world.behind.entry(sub(name)).or_default().target = target);
    }

    /// Waits until a device behind the gateway has said that it runs this version.
    pub(crate) fn wait_for_version(&self, name: &str, version: &str) {
        self.wait(&format!("{name} reports {version}"), |world| {
            world.behind[&sub(name)].reports.iter().any(|report| is_version(report, version))
        });
    }
}

impl World {
    pub(crate) fn named(&mut self, name: &str) -> &mut Behind {
        self.behind.get_mut(&sub(name)).unwrap()
    }

    pub(crate) fn is_online(&self, device: &DeviceId) -> bool {
        self.behind.get(device).is_some_and(|behind| behind.online)
    }

    /// Bytes served to the device that has the session, or to one behind it.
    pub(crate) fn served(&self, behind: Option<&str>) -> u64 {
        behind.map_or(self.bytes_served, |name| self.behind[&sub(name)].bytes_served)
    }

    pub(super) fn hear_behind(&mut self, device: &DeviceId, report: &Report) {
        assert!(self.is_online(device), "{device} speaks without being logged in: {report:?}");
        self.behind.get_mut(device).unwrap().reports.push(report.clone());
    }

    pub(super) fn hear_gateway(&mut self, report: &GatewayReport) -> Result<(), GatewayRefusal> {
        match report {
            GatewayReport::Add(logins) => logins.iter().try_for_each(|login| {
                self.proven(login)?.added = true;
                Ok(())
            }),
            GatewayReport::Login(login) => {
                let behind = self.proven(login)?;
                if !behind.added {
                    return Err(GatewayRefusal::NotAdded);
                }
                behind.online = true;
                behind.logins += 1;
                Ok(())
            }
            GatewayReport::Logout(device) => {
                self.behind.get_mut(device).unwrap().online = false;
                Ok(())
            }
            GatewayReport::Remove(_) => Ok(()),
        }
    }

    fn proven(&mut self, login: &Login) -> Result<&mut Behind, GatewayRefusal> {
        let device = aliyun::Platform.read_login(login).unwrap();
        let proof =
            aliyun::Platform.verify_login(login, &LoginKeys::of_device(&secret(device.device.as_str())));
        let known = self.behind.get_mut(&device).filter(|behind| proof.is_ok() && !behind.banned);
        known.ok_or(GatewayRefusal::BadLogin)
    }
}

impl Device {
    /// Runs a gateway's agent, over its own reboots, until `enough` says so. The watchdog ends what never gets there.
    pub(crate) fn run_gateway(&self, mut enough: impl FnMut(&GatewayEvent) -> bool) -> Vec<GatewayEvent> {
        let mut events = Vec::new();
        let watchdog = Watchdog::start_lazily();
        loop {
            let agent = self.agent().unwrap();
            let handle = agent.handle();
            watchdog.watch(agent.handle());
            let exit = agent.run_gateway(&mut |event| {
                events.push(event.clone());
                if enough(event) {
                    handle.stop();
                }
            });
            if exit.unwrap() == otaru_agent::Exit::Stopped {
                break;
            }
        }
        assert!(watchdog.calm(), "the gateway never got there: {events:#?}");
        events
    }

    /// The storage of a device behind this one.
    pub(crate) fn folder_of(&self, name: &str) -> std::path::PathBuf {
        self.dir.path().join("state/devices/a1SubPk0002").join(name)
    }

    /// Compares the running slot of a device behind this one with the package, byte for byte.
    pub(crate) fn sub_runs(&self, name: &str, target: &Target) {
        runs(&self.folder_of(name), target);
    }
}

/// True if that happened to that device.
pub(crate) fn is_of(event: &GatewayEvent, name: &str) -> bool {
    event.sub_device.as_ref() == Some(&sub(name))
}
