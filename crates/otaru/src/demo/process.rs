//! The demo's child processes: this same program as platform and as devices.

use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, ChildStdin, Command, ExitStatus, Stdio},
    sync::mpsc::Sender,
    thread,
};

use anyhow::{Context, anyhow};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

/// What a child process did.
#[derive(Debug)]
pub(super) enum Word {
    /// It printed a line of JSON.
    Said(Value),
    /// It ended.
    Ended(ExitStatus),
}

/// A running child. Dropping it closes its stdin, by which it stops even if this process is killed.
pub(super) struct Process {
    pid: Pid,
    _stdin: ChildStdin,
}

impl Process {
    /// Starts this program with `args`; every word of it goes to `tell`, the end last.
    pub(super) fn start(
        args: &[&str],
        log: &Path,
        mut tell: impl FnMut(Word) + Send + 'static,
    ) -> anyhow::Result<Self> {
        let (mut child, stdin) = spawn(args, log)?;
        let pid = Pid::from_child(&child);
        let stdout = child.stdout.take().ok_or_else(|| anyhow!("a child without stdout"))?;
        thread::Builder::new().name(format!("child {}", child.id())).spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                if let Ok(value) = serde_json::from_str(&line) {
                    tell(Word::Said(value));
                }
            }
            if let Ok(status) = child.wait() {
                tell(Word::Ended(status));
            }
        })?;
        Ok(Self { pid, _stdin: stdin })
    }

    /// Cuts its power: SIGKILL, nothing is saved.
    pub(super) fn cut_power(&self) -> anyhow::Result<()> {
        kill_process(self.pid, Signal::KILL).context("killing a device's process")
    }

    /// Asks it to end.
    pub(super) fn ask_to_stop(&self) {
        // It may have ended by itself just now.
        let _ = kill_process(self.pid, Signal::TERM);
    }
}

fn spawn(args: &[&str], log: &Path) -> anyhow::Result<(Child, ChildStdin)> {
    let program = std::env::current_exe().context("finding this program")?;
    let log = std::fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(log)
        .with_context(|| format!("opening the log {}", log.display()))?;
    let mut child = Command::new(program)
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(log)
        .spawn()
        .with_context(|| format!("starting otaru {}", args.first().unwrap_or(&"")))?;
    let stdin = child.stdin.take().ok_or_else(|| anyhow!("a child without stdin"))?;
    Ok((child, stdin))
}

/// The platform's process and where it listens.
pub(super) struct Platform {
    process: Process,
    pub(super) mqtt: String,
    pub(super) url: String,
    pub(super) token: String,
}

impl Platform {
    /// Starts a platform on free loopback ports; returns once both listen.
    pub(super) fn start(data: &Path, log: &Path) -> anyhow::Result<Self> {
        let (tell, told) = std::sync::mpsc::channel();
        let data = data.to_str().context("the demo's folder is not UTF-8")?;
        let process = Process::start(
            &[
                "serve",
                "--data",
                data,
                "--mqtt",
                "127.0.0.1:0",
                "--http",
                "127.0.0.1:0",
                "--json",
                "--stop-with-stdin",
            ],
            log,
            forward(tell),
        )?;
        match told.recv() {
            Ok(Word::Said(ready)) => {
                let field = |name: &str| {
                    ready
                        .get(name)
                        .and_then(Value::as_str)
                        .map(String::from)
                        .with_context(|| format!("the platform's ready event has no {name}"))
                };
                Ok(Self {
                    process,
                    mqtt: field("mqtt")?,
                    url: format!("http://{}", field("http")?),
                    token: field("token")?,
                })
            }
            _ => Err(anyhow!("the platform did not start; its log is {}", log.display())),
        }
    }

    /// Asks it to end.
    pub(super) fn stop(&self) {
        self.process.ask_to_stop();
    }
}

fn forward(to: Sender<Word>) -> impl FnMut(Word) + Send + 'static {
    move |word| {
        // Nobody listens after the ready event; that is no error.
        let _ = to.send(word);
    }
}
