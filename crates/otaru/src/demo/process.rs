//! The demo's child processes: this same program as platform and as devices.

use std::{
    io::{self, BufRead, BufReader},
    os::unix::process::CommandExt as _,
    path::Path,
    process::{Child, ChildStdin, Command, ExitStatus, Stdio},
    sync::{Arc, Mutex, PoisonError, mpsc::Sender},
    thread::{self, JoinHandle},
};

use anyhow::{Context, anyhow};
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, waitid};
use serde_json::Value;

/// What a child process did.
#[derive(Debug)]
pub(super) enum Word {
    /// It printed a line of JSON.
    Said(Value),
    /// It ended.
    Ended(ExitStatus),
}

/// A running child. Dropping it kills it and waits for its end; should this process be killed instead, the child
/// stops by itself, because its stdin closes.
pub(super) struct Process {
    signals: Signals,
    _stdin: ChildStdin,
    listener: Option<JoinHandle<()>>,
}

/// The child's number as long as it is the child's: after the end has been collected, the system gives it to others.
#[derive(Clone)]
struct Signals(Arc<Mutex<Option<Pid>>>);

impl Process {
    /// Starts this program with `args`; every word of it goes to `tell`, the end last.
    pub(super) fn start(
        args: &[&str],
        log: &Path,
        mut tell: impl FnMut(Word) + Send + 'static,
    ) -> anyhow::Result<Self> {
        let (mut child, stdin) = spawn(args, log)?;
        let signals = Signals(Arc::new(Mutex::new(Some(Pid::from_child(&child)))));
        let stdout = child.stdout.take().ok_or_else(|| anyhow!("a child without stdout"))?;
        let ours = signals.clone();
        let listen = move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                if let Ok(value) = serde_json::from_str(&line) {
                    tell(Word::Said(value));
                }
            }
            if let Ok(status) = ours.collect(&mut child) {
                tell(Word::Ended(status));
            }
        };
        let listener = thread::Builder::new().name("child".into()).spawn(listen)?;
        Ok(Self { signals, _stdin: stdin, listener: Some(listener) })
    }

    /// Cuts its power: SIGKILL, nothing is saved.
    pub(super) fn cut_power(&self) -> anyhow::Result<()> {
        self.signals.send(Signal::KILL).context("killing a device's process")
    }

    /// Asks it to end.
    pub(super) fn ask_to_stop(&self) {
        // A child of one's own can always be sent a signal.
        let _ = self.signals.send(Signal::TERM);
    }

    /// Waits for its end.
    pub(super) fn wait(&mut self) {
        if let Some(listener) = self.listener.take() {
            // It ends with the child, and has nothing left to say.
            let _ = listener.join();
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if self.listener.is_some() {
            let _ = self.signals.send(Signal::KILL);
            self.wait();
        }
    }
}

impl Signals {
    /// Sends a signal; nothing if the child has ended.
    fn send(&self, signal: Signal) -> io::Result<()> {
        match *self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            Some(pid) => Ok(kill_process(pid, signal)?),
            None => Ok(()),
        }
    }

    /// Waits for the child's end, and gives its number back in a moment when nobody sends it a signal.
    fn collect(&self, child: &mut Child) -> io::Result<ExitStatus> {
        let leave_it = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
        while let Err(error) = waitid(WaitId::Pid(Pid::from_child(child)), leave_it) {
            if error != rustix::io::Errno::INTR {
                return Err(error.into());
            }
        }
        let mut pid = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *pid = None;
        child.wait()
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
        // Ctrl-C on the terminal is for the demo alone, which then stops its children in order.
        .process_group(0)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(log)
        .spawn()
        .with_context(|| format!("starting otaru {}", args.first().unwrap_or(&"")))?;
    let stdin = child.stdin.take().ok_or_else(|| anyhow!("a child without stdin"))?;
    Ok((child, stdin))
}

/// The end of a child's log, for an error: the log itself may be about to be removed.
pub(super) fn last_words(log: &Path) -> String {
    const LINES: usize = 5;
    let text = std::fs::read(log).map(|text| String::from_utf8_lossy(&text).into_owned()).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    match lines.get(lines.len().saturating_sub(LINES)..) {
        Some(last) if !last.is_empty() => format!("its log ends with:\n{}", last.join("\n")),
        _ => "its log is empty".to_owned(),
    }
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
            _ => Err(anyhow!("the platform did not start; {}", last_words(log))),
        }
    }

    /// Stops it and waits for its end, so that nothing writes into its folder any more.
    pub(super) fn stop(mut self) {
        self.process.ask_to_stop();
        self.process.wait();
    }
}

fn forward(to: Sender<Word>) -> impl FnMut(Word) + Send + 'static {
    move |word| {
        // Nobody listens after the ready event; that is no error.
        let _ = to.send(word);
    }
}
