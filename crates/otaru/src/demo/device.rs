//! One device of the demo: its process, through power cut and reboot, and what it has said so far.

use std::{
    fs,
    path::{Path, PathBuf},
    process::ExitStatus,
    sync::mpsc::Sender,
};

use anyhow::{Context, bail};
use otaru_platform::http::shapes::Dialect;
use serde_json::{Value, json};

use super::{
    plan::{Kind, MODULE, Mishap, OLD, Plan, Speaks},
    process::{Process, Word, last_words},
    view::View,
};
use crate::exit;

/// How often a device that has to ask does so: often enough for somebody who watches.
const POLL_SECONDS: u64 = 1;

/// What the demo waits for.
pub(super) enum Told {
    /// A word of one device's process. `start` counts its processes, so that a late word of a killed one is known
    /// as such.
    Device { device: usize, start: u32, word: Word },
    /// A person or a parent wants the demo to end: this signal came.
    Signal(i32),
}

/// One device of the demo.
pub(super) struct Device {
    pub(super) plan: Plan,
    index: usize,
    dir: PathBuf,
    tell: Sender<Told>,
    process: Option<Process>,
    starts: u32,
    total: u64,
    /// Bytes fetched by processes that have ended, and by the running one.
    fetched_before: u64,
    fetched: u64,
    stopping: bool,
    pub(super) online: bool,
    pub(super) cut_at: Option<u64>,
    pub(super) resumed_at: Option<u64>,
    pub(super) started_over: u32,
    pub(super) reboots: u32,
    pub(super) updated: bool,
    pub(super) failed: Option<String>,
}

/// Where the platform is and how fast the demo's devices may fetch.
pub(super) struct Surroundings<'a> {
    pub(super) mqtt: &'a str,
    pub(super) url: &'a str,
    pub(super) bytes_per_second: u64,
}

impl Device {
    /// Writes the device's configuration into `dir`; nothing is started yet.
    pub(super) fn install(
        plan: Plan,
        index: usize,
        secret: &str,
        total: u64,
        dir: PathBuf,
        around: &Surroundings<'_>,
        tell: Sender<Told>,
    ) -> anyhow::Result<Self> {
        fs::create_dir_all(&dir)?;
        let config = config(&plan, secret, total, &dir, around)?;
        write_private(&dir.join("agent.toml"), &config)?;
        Ok(Self {
            plan,
            index,
            dir,
            tell,
            process: None,
            starts: 0,
            total,
            fetched_before: 0,
            fetched: 0,
            stopping: false,
            online: false,
            cut_at: None,
            resumed_at: None,
            started_over: 0,
            reboots: 0,
            updated: false,
            failed: None,
        })
    }

    /// Switches it on.
    pub(super) fn start(&mut self) -> anyhow::Result<()> {
        self.starts += 1;
        let (device, start, tell) = (self.index, self.starts, self.tell.clone());
        let config = self.dir.join("agent.toml");
        let config = config.to_str().context("the demo's folder is not UTF-8")?;
        let forward = move |word| {
            // The demo may have ended meanwhile.
            let _ = tell.send(Told::Device { device, start, word });
        };
        let args = ["agent", "--config", config, "--json", "--stop-with-stdin"];
        self.process = Some(Process::start(&args, &self.log(), forward)?);
        Ok(())
    }

    /// Asks it to end; it is not started again.
    pub(super) fn stop(&mut self) {
        self.stopping = true;
        if let Some(process) = &self.process {
            process.ask_to_stop();
        }
    }

    pub(super) fn runs(&self) -> bool {
        self.process.is_some()
    }

    /// Bytes it fetched over HTTP, in all its processes.
    pub(super) fn fetched(&self) -> u64 {
        self.fetched_before + self.fetched
    }

    /// Its storage folder.
    pub(super) fn storage(&self) -> PathBuf {
        self.dir.join("storage")
    }

    fn log(&self) -> PathBuf {
        self.dir.join("agent.log")
    }

    /// Takes a word of its `start`th process.
    pub(super) fn hear(&mut self, start: u32, word: Word, view: &View) -> anyhow::Result<()> {
        match word {
            _ if start != self.starts => Ok(()),
            Word::Said(said) => self.said(&said, view),
            Word::Ended(status) => self.ended(status, view),
        }
    }

    fn said(&mut self, said: &Value, view: &View) -> anyhow::Result<()> {
        view.pass_on(&self.plan.name, said)?;
        let number = |field: &str| said.get(field).and_then(Value::as_u64).unwrap_or(0);
        let text = |field: &str| said.get(field).and_then(Value::as_str).unwrap_or_default().to_owned();
        let name = self.plan.name.clone();
        match said.get("event").and_then(Value::as_str).unwrap_or_default() {
            "online" => self.online = true,
            "fetching" if said.get("resumed") == Some(&Value::Bool(true)) => {
                let offset = number("offset");
                self.resumed_at = Some(offset);
                view.remark(
                    &name,
                    &format!("power is back; goes on at byte {offset}"),
                    "resumed",
                    json!({"offset": offset}),
                )?;
            }
            "fetching" => view.at(&name, "downloading")?,
            "progress" => self.progressed(number("done"), number("downloaded_bytes"), view)?,
            "traffic" => self.fetched = self.fetched.max(number("downloaded_bytes")),
            "started_over" => {
                self.started_over += 1;
                let reason = text("reason");
                view.remark(&name, &format!("starts over: {reason}"), "retried", json!({"reason": reason}))?;
            }
            "verified" => view.at(&name, "verified")?,
            "trial" => view.at(&name, "new slot on trial")?,
            "updated" => {
                self.updated = true;
                view.progress(&name, self.total);
                view.at(&name, &format!("runs {}", text("version")))?;
            }
            event @ ("failed" | "fell_back") => {
                self.failed = Some(format!("{event}: {}", text("reason")));
                view.at(&name, &format!("{event}: {}", text("reason")))?;
            }
            _ => {}
        }
        Ok(())
    }

    fn progressed(&mut self, done: u64, fetched: u64, view: &View) -> anyhow::Result<()> {
        self.fetched = self.fetched.max(fetched);
        view.progress(&self.plan.name, done);
        let middle = self.total / 5 * 2;
        if self.plan.mishap == Some(Mishap::PowerCut) && self.cut_at.is_none() && done >= middle {
            self.cut_at = Some(done);
            if let Some(process) = &self.process {
                process.cut_power()?;
            }
            view.remark(
                &self.plan.name,
                &format!("power cut at byte {done}"),
                "power_cut",
                json!({"offset": done}),
            )?;
        }
        Ok(())
    }

    fn ended(&mut self, status: ExitStatus, view: &View) -> anyhow::Result<()> {
        use std::os::unix::process::ExitStatusExt;
        self.process = None;
        self.online = false;
        self.fetched_before += std::mem::take(&mut self.fetched);
        if self.stopping {
            return Ok(());
        }
        if status.code() == Some(i32::from(exit::AGENT_REBOOT)) {
            self.reboots += 1;
            view.at(&self.plan.name, "reboots")?;
            return self.start();
        }
        if status.signal() == Some(9) && self.cut_at.is_some() {
            return self.start();
        }
        bail!("{} ended with {status}; {}", self.plan.name, last_words(&self.log()))
    }
}

fn config(
    plan: &Plan,
    secret: &str,
    total: u64,
    dir: &Path,
    around: &Surroundings<'_>,
) -> anyhow::Result<String> {
    let mut config = json!({
        "device": {
            "dialect": plan.speaks.half(),
            "product_key": plan.speaks.product(),
            "device_name": plan.name,
            "device_secret": secret,
            "version": OLD,
        },
        "storage": { "dir": dir.join("storage") },
        "download": { "max_bytes_per_second": around.bytes_per_second },
        "reboot": { "mode": "exit" },
    });
    let Some(table) = config.as_object_mut() else { bail!("a configuration is a table") };
    if plan.speaks.dialect() == Dialect::Onenet {
        table.insert("platform".into(), json!({ "url": around.url }));
        table.insert("policy".into(), json!({ "poll_interval_s": POLL_SECONDS }));
    }
    // OneNET Studio has a session beside its calls, through which it is told to come and check.
    if plan.speaks.dialect() != Dialect::Onenet || plan.speaks == Speaks::OnenetTid {
        table.insert("broker".into(), json!({ "address": around.mqtt }));
    }
    if plan.speaks == Speaks::OnenetToken
        && let Some(device) = table.get_mut("device").and_then(Value::as_object_mut)
    {
        device.insert("onenet".into(), json!({ "sign_as": "device" }));
    }
    if plan.kind == Kind::Module {
        table.insert("module".into(), json!([{ "name": MODULE, "version": OLD }]));
    }
    if plan.mishap == Some(Mishap::CorruptWrite) {
        table.insert("faults".into(), json!({ "corrupt_write_at": total / 2 }));
    }
    Ok(toml::to_string(&config)?)
}

/// The configuration holds the device's secret: nobody else may read it.
fn write_private(path: &Path, text: &str) -> anyhow::Result<()> {
    use std::{io::Write, os::unix::fs::OpenOptionsExt};
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    Ok(file.write_all(text.as_bytes())?)
}
