//! A platform as a child process, driven as a script would.
#![allow(dead_code, reason = "each test file uses its own part")]

use std::{
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
};

use serde_json::Value;

/// This build of otaru.
pub(crate) fn otaru() -> Command {
    Command::new(env!("CARGO_BIN_EXE_otaru"))
}

/// The root of the repository.
pub(crate) fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Has cargo build something more, as it is now; gives what cargo says of it, one JSON object each.
pub(crate) fn built(what: &[&str]) -> Vec<Value> {
    let mut cargo = Command::new(env!("CARGO"));
    // What cargo tells a test of its own package would make build scripts of others run again.
    let told = std::env::vars().map(|(name, _)| name);
    told.filter(|name| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_")).for_each(
        |name| {
            cargo.env_remove(name);
        },
    );
    cargo.args(["build", "--locked", "--message-format", "json"]).args(what).current_dir(repository());
    let output = cargo.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// A platform that runs until it is dropped.
pub(crate) struct Platform {
    pub(crate) mqtt: String,
    pub(crate) http: String,
    pub(crate) token: Option<String>,
    child: Child,
}

impl Platform {
    /// Starts one on free ports; the ready line is the first on stdout.
    pub(crate) fn start(data: &Path) -> Self {
        Self::start_with(data, &[])
    }

    /// As [`Platform::start`], with further options.
    pub(crate) fn start_with(data: &Path, options: &[&str]) -> Self {
        let mut child = otaru()
            .args(["serve", "--mqtt", "127.0.0.1:0", "--http", "127.0.0.1:0", "--json", "--data"])
            .arg(data)
            .args(options)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut first = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut first).unwrap();
        let ready: Value =
            serde_json::from_str(&first).unwrap_or_else(|_| panic!("not a ready line: {first:?}"));
        assert_eq!(ready["event"], "ready");
        let text = |field: &str| ready[field].as_str().map(str::to_owned);
        Platform { mqtt: text("mqtt").unwrap(), http: text("http").unwrap(), token: text("token"), child }
    }

    /// Ends it as an operator would; gives its exit code.
    pub(crate) fn stop(mut self) -> Option<i32> {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        self.child.wait().unwrap().code()
    }

    /// Runs an operator command.
    pub(crate) fn run(&self, args: &[&str]) -> Output {
        otaru()
            .args(args)
            .env("OTARU_URL", format!("http://{}", self.http))
            .env("OTARU_TOKEN", self.token.as_deref().unwrap_or_default())
            .output()
            .unwrap()
    }

    /// Runs an operator command that must succeed; gives its JSON answers, one a line.
    pub(crate) fn answers(&self, args: &[&str]) -> Vec<Value> {
        let output = self.run(&[args, &["--json"]].concat());
        assert!(output.status.success(), "otaru {args:?}: {}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8(output.stdout).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// As [`Platform::answers`], for a command with one answer.
    pub(crate) fn answer(&self, args: &[&str]) -> Value {
        let mut answers = self.answers(args);
        assert_eq!(answers.len(), 1, "otaru {args:?}: {answers:?}");
        answers.remove(0)
    }

    /// Port of the MQTT address.
    pub(crate) fn mqtt_port(&self) -> &str {
        self.mqtt.rsplit(':').next().unwrap()
    }
}

impl Drop for Platform {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// An agent that runs until it is dropped. It restarts itself into its new version.
pub(crate) struct Agent(Child);

impl Agent {
    /// Writes `{name}.toml` into the folder and starts an agent with it.
    pub(crate) fn start(dir: &Path, name: &str, config: &str) -> Self {
        let file = dir.join(format!("{name}.toml"));
        std::fs::write(&file, config).unwrap();
        let agent = otaru()
            .args(["agent", "--json", "--config"])
            .arg(&file)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        Self(agent.unwrap())
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Looks until that is what is seen; fails after ten seconds, with what was seen last.
pub(crate) fn becomes<T: PartialEq + std::fmt::Debug>(wanted: &T, mut look: impl FnMut() -> T) {
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(10);
    loop {
        let seen = look();
        if seen == *wanted {
            return;
        }
        assert!(std::time::Instant::now() < deadline, "not within ten seconds: {wanted:#?}, but {seen:#?}");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
}

/// Asks until it is so; fails after ten seconds.
pub(crate) fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(10);
    while !is_so() {
        assert!(std::time::Instant::now() < deadline, "{what}: not within ten seconds");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
}
