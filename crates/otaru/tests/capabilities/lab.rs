//! A platform, one product, and devices that are `otaru agent` processes with a configuration of their own.

use std::{
    fs,
    io::{BufRead, BufReader},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Child, Stdio},
    sync::mpsc::{Receiver, channel},
    thread,
    time::Duration,
};

use serde_json::Value;

use crate::common::{Platform, eventually, otaru};

/// Longer than anything here takes on a slow machine.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) struct Lab {
    pub(crate) dir: tempfile::TempDir,
    pub(crate) platform: Platform,
}

/// A device's processes, one after the other, that share an event stream.
pub(crate) struct Device {
    pub(crate) dir: PathBuf,
    name: String,
    child: Child,
    events: Receiver<Value>,
}

/// Bytes that differ with `seed`.
pub(crate) fn image(seed: u32, len: u32) -> Vec<u8> {
    (0..len)
        .map(|at| (at.wrapping_mul(2_654_435_761).rotate_left(seed % 31) >> 13) as u8 ^ seed as u8)
        .collect()
}

impl Lab {
    /// A platform with the product `pump`.
    pub(crate) fn new() -> Self {
        Self::speaking("aliyun")
    }

    /// The same, whose devices speak that dialect.
    pub(crate) fn speaking(dialect: &str) -> Self {
        Self::speaking_with(dialect, &[])
    }

    /// The same, on a platform with further options.
    pub(crate) fn speaking_with(dialect: &str, options: &[&str]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let platform = Platform::start_with(&dir.path().join("data"), options);
        platform.answer(&["product", "create", "pump", "--dialect", dialect]);
        Self { dir, platform }
    }

    /// Makes a device and starts it. `keys` go into `[device]`, `more` follows all sections.
    pub(crate) fn device(&self, name: &str, keys: &str, more: &str) -> Device {
        let made = self.platform.answer(&["device", "create", "pump", name]);
        let secret = made["device_secret"].as_str().unwrap();
        self.start(name, &format!("device_secret = \"{secret}\"\n{keys}"), more)
    }

    /// Starts a device that the platform may not know.
    pub(crate) fn start(&self, name: &str, keys: &str, more: &str) -> Device {
        self.start_by(&self.broker(), name, keys, more)
    }

    /// Where sessions are.
    pub(crate) fn broker(&self) -> String {
        format!("[broker]\naddress = \"{}\"\n", self.platform.mqtt)
    }

    /// As [`Lab::start`], with the tables `way` that say where the platform is.
    pub(crate) fn start_by(&self, way: &str, name: &str, keys: &str, more: &str) -> Device {
        let dir = self.dir.path().join(name);
        fs::create_dir_all(&dir).unwrap();
        let text = format!(
            "[device]\nproduct_key = \"pump\"\ndevice_name = \"{name}\"\nversion = \"1.0.0\"\n{keys}\n\
             {way}[storage]\ndir = \"state\"\n[control]\nsocket = \"agent.sock\"\n{more}\n"
        );
        let config = dir.join("agent.toml");
        fs::write(&config, text).unwrap();
        fs::set_permissions(&config, fs::Permissions::from_mode(0o600)).unwrap();
        Device::start(dir, name)
    }

    /// A package of these files for the product.
    pub(crate) fn package(&self, version: &str, files: &[&[u8]], options: &[&str]) -> String {
        let paths: Vec<_> = (0..files.len())
            .map(|at| self.dir.path().join(format!("{version}-{at}.bin")).to_str().unwrap().to_owned())
            .collect();
        for (path, bytes) in paths.iter().zip(files) {
            fs::write(path, bytes).unwrap();
        }
        let mut args = vec!["package", "create", "--product", "pump", "--version", version];
        args.extend(options);
        args.extend(paths.iter().map(String::as_str));
        self.platform.answer(&args)["id"].to_string()
    }

    /// Starts a campaign of a package to all devices, and gives its number.
    pub(crate) fn campaign(&self, package: &str) -> String {
        self.platform.answer(&["campaign", "create", "--package", package])["id"].to_string()
    }

    /// The one task of a campaign.
    pub(crate) fn task(&self, campaign: &str) -> Value {
        self.platform.answer(&["task", "list", "--campaign", campaign])
    }

    /// Waits until the one task of a campaign is in that state.
    pub(crate) fn task_is(&self, campaign: &str, state: &str) -> Value {
        eventually(&format!("the task is {state}"), || self.task(campaign)["state"] == state);
        self.task(campaign)
    }
}

impl Device {
    fn start(dir: PathBuf, name: &str) -> Self {
        let mut child = otaru()
            .args(["agent", "--json", "--stop-with-stdin", "--config"])
            .arg(dir.join("agent.toml"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (sender, events) = channel();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                let _ = sender.send(serde_json::from_str(&line).unwrap());
            }
        });
        Self { dir, name: name.to_owned(), child, events }
    }

    /// Waits for an event of that name, and gives it.
    pub(crate) fn until(&self, name: &str) -> Value {
        let mut seen = Vec::new();
        loop {
            match self.events.recv_timeout(PATIENCE) {
                Ok(event) if event["event"] == name => return event,
                Ok(event) => seen.push(event),
                Err(error) => panic!("{}: no {name:?} came ({error}) after {seen:?}", self.name),
            }
        }
    }

    /// Gives an order to the running agent, as a person would; gives what it printed to standard error, if refused.
    pub(crate) fn tell(&self, order: &str) -> Result<(), String> {
        let output = otaru()
            .args(["agent", "--config"])
            .arg(self.dir.join("agent.toml"))
            .args(["--tell", order])
            .output();
        let output = output.unwrap();
        match output.status.success() {
            true => Ok(()),
            false => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
        }
    }

    /// The bytes of a file of the slot that runs.
    pub(crate) fn running(&self, file: &str) -> Vec<u8> {
        let slot =
            otaru_agent::active_folder(&self.dir.join("state"), &otaru_wire::Module::default()).unwrap();
        fs::read(slot.unwrap().join(file)).unwrap()
    }

    /// Takes its power and gives it back.
    pub(crate) fn cut_power(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        *self = Self::start(self.dir.clone(), &self.name.clone());
    }
}

impl Drop for Device {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Makes a script that can be run.
pub(crate) fn script(path: &Path, text: &str) {
    fs::write(path, format!("#!/bin/sh\n{text}\n")).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}
