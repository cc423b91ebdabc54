//! Agents on real folders, in this process or in one of their own.

use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    sync::mpsc,
};

use otaru_agent::{
    Agent, AgentError, AgentEvent, Config, Exit, GatewayEvent, Handle, Manifest, active_folder,
};

use super::*;

/// A device with its storage.
pub(crate) struct Device {
    pub(crate) dir: tempfile::TempDir,
    pub(crate) config: String,
}

impl Device {
    pub(crate) fn new(platform: &Platform, more: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let (host, tls, ca) = match &platform.tls {
            Some(tls) => {
                std::fs::write(dir.path().join("ca.pem"), &tls.ca_pem).unwrap();
                ("localhost", "tls = true\nca = \"ca.pem\"", "ca = \"ca.pem\"")
            }
            None => ("127.0.0.1", "", ""),
        };
        let config = format!(
            r#"
            [device]
            product_key = "a1DemoPk001"
            device_name = "dev-one"
            device_secret = "{SECRET}"
            version = "1.0.0"
            [broker]
            address = "{host}:{}"
            {tls}
            [storage]
            dir = "state"
            [[module]]
            name = "motor"
            version = "7"
            [reboot]
            mode = "exit"
            [download]
            {ca}
            {more}
            "#,
            platform.mqtt.port()
        );
        Self { dir, config }
    }

    pub(crate) fn agent(&self) -> Result<Agent, AgentError> {
        Agent::new(Config::parse(&self.config, "agent.toml", self.dir.path()).unwrap())
    }

    /// The agent of a storage that nobody uses any more. Its lock may outlive its owner for a moment: a process that
    /// another test starts holds all files of this one until its program begins.
    pub(crate) fn next_agent(make: impl Fn() -> Result<Agent, AgentError>) -> Agent {
        let deadline = Moment::now() + PATIENCE;
        loop {
            match make() {
                Err(AgentError::InUse { .. }) if Moment::now() < deadline => std::thread::yield_now(),
                agent => return agent.unwrap(),
            }
        }
    }

    /// Runs until a reboot, or until `enough` says so.
    pub(crate) fn run(&self, enough: impl Fn(&AgentEvent) -> bool) -> (Exit, Vec<AgentEvent>) {
        let agent = Self::next_agent(|| self.agent());
        let handle = agent.handle();
        let mut events = Vec::new();
        let watchdog = Watchdog::start(agent.handle());
        let exit = agent
            .run(&mut |event| {
                events.push(event.clone());
                if enough(event) {
                    handle.stop();
                }
            })
            .unwrap();
        assert!(watchdog.calm(), "the agent never got there: {events:?}");
        (exit, events)
    }

    /// Runs over reboots until the Task is updated, failed or fallen back from.
    pub(crate) fn run_to_the_end(&self) -> Vec<AgentEvent> {
        let mut all = Vec::new();
        for _ in 0..10 {
            let (exit, events) = self.run(|event| {
                matches!(
                    event,
                    AgentEvent::Updated { .. } | AgentEvent::Failed { .. } | AgentEvent::FellBack { .. }
                )
            });
            all.extend(events);
            if exit == Exit::Stopped {
                return all;
            }
        }
        panic!("no end: {all:?}");
    }

    /// Compares every file of the running slot with the package, byte for byte.
    pub(crate) fn runs(&self, target: &Target) {
        runs(&self.dir.path().join("state"), target);
    }

    pub(crate) fn process(&self) -> AgentProcess {
        let config = self.dir.path().join("agent.toml");
        std::fs::write(&config, &self.config).unwrap();
        AgentProcess::start(Command::new(std::env::current_exe().unwrap()), &config)
    }
}

/// Compares every file of the slot that runs, in a device's storage, with the package.
pub(crate) fn runs(storage: &Path, target: &Target) {
    let folder = active_folder(storage, &target.module).unwrap().unwrap();
    for (index, bytes) in target.files.iter().enumerate() {
        let found = std::fs::read(folder.join(index.to_string())).unwrap();
        assert!(found == **bytes, "file {index} in {} differs", folder.display());
    }
    let manifest: Manifest =
        serde_json::from_slice(&std::fs::read(folder.join("manifest.json")).unwrap()).unwrap();
    assert_eq!(manifest.version, target.version);
    let digests: Vec<_> = target.files.iter().map(|bytes| sha256(bytes)).collect();
    assert_eq!(manifest.files.iter().map(|file| file.digest).collect::<Vec<_>>(), digests);
}

/// Ends an agent that never gets where a test waits for it.
pub(crate) struct Watchdog {
    agents: mpsc::Sender<Handle>,
    watch: std::thread::JoinHandle<bool>,
}

impl Watchdog {
    pub(crate) fn start(handle: Handle) -> Self {
        let watchdog = Self::start_lazily();
        watchdog.watch(handle);
        watchdog
    }

    /// Watches over nothing yet.
    pub(crate) fn start_lazily() -> Self {
        let (agents, watched) = mpsc::channel::<Handle>();
        let watch = std::thread::spawn(move || {
            let end = std::time::Instant::now() + PATIENCE;
            let mut agent = None;
            loop {
                match watched.recv_timeout(end.saturating_duration_since(std::time::Instant::now())) {
                    Ok(handle) => agent = Some(handle),
                    Err(mpsc::RecvTimeoutError::Disconnected) => return true,
                    Err(mpsc::RecvTimeoutError::Timeout) => break,
                }
            }
            agent.iter().for_each(Handle::stop);
            // Whoever comes after it is stopped as well.
            watched.iter().for_each(|handle| handle.stop());
            false
        });
        Self { agents, watch }
    }

    /// This is the agent to end from now on.
    pub(crate) fn watch(&self, handle: Handle) {
        let _ = self.agents.send(handle);
    }

    pub(crate) fn calm(self) -> bool {
        drop(self.agents);
        self.watch.join().unwrap()
    }
}

pub(crate) fn target(module: &str, version: &str, files: &[Arc<Vec<u8>>]) -> Target {
    Target {
        module: Module::new(module).unwrap(),
        version: Version::new(version).unwrap(),
        files: files.to_vec(),
    }
}

pub(crate) fn offer(platform: &Platform, target: &Target) {
    platform.change(|world| world.target = Some(target.clone()));
}

/// The agent in a process of its own: this test program, told by its environment to be one.
pub(crate) struct AgentProcess {
    pub(crate) child: Child,
    lines: std::io::Lines<BufReader<std::process::ChildStdout>>,
    pub(crate) seen: Vec<AgentEvent>,
    /// Those of all devices.
    pub(crate) told: Vec<GatewayEvent>,
}

const CONFIG_VARIABLE: &str = "OTARU_TEST_AGENT_CONFIG";
pub(crate) const REBOOT_CODE: i32 = 85;

impl AgentProcess {
    pub(crate) fn start(mut command: Command, config: &Path) -> Self {
        let mut child = command
            .args(["--exact", "the_agent_process", "--nocapture", "--test-threads=1"])
            .env(CONFIG_VARIABLE, config)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, lines, seen: Vec::new(), told: Vec::new() }
    }

    /// Reads events of its own device up to the one wanted.
    pub(crate) fn until(&mut self, wanted: impl Fn(&AgentEvent) -> bool) -> AgentEvent {
        self.until_told(|told| told.sub_device.is_none() && wanted(&told.event));
        self.seen.last().unwrap().clone()
    }

    /// Reads events of all devices up to the one wanted.
    pub(crate) fn until_told(&mut self, mut wanted: impl FnMut(&GatewayEvent) -> bool) {
        for line in self.lines.by_ref() {
            let line = line.unwrap();
            // The first event follows the test harness's own words on their line.
            let Some(at) = line.find("{\"event\"") else { continue };
            let told: GatewayEvent = serde_json::from_str(&line[at..]).unwrap();
            if told.sub_device.is_none() {
                self.seen.push(told.event.clone());
            }
            let enough = wanted(&told);
            self.told.push(told);
            if enough {
                return;
            }
        }
        panic!("the agent's process ended; it said {:?}", self.told);
    }

    pub(crate) fn cut_power(mut self) -> Vec<AgentEvent> {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        std::mem::take(&mut self.seen)
    }
}

impl Drop for AgentProcess {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Makes this process an agent, if its environment says so.
pub(crate) fn become_an_agent() {
    let Some(config) = std::env::var_os(CONFIG_VARIABLE) else { return };
    std::thread::spawn(|| {
        std::thread::sleep(2 * PATIENCE);
        std::process::exit(99);
    });
    let agent = Agent::new(Config::load(Path::new(&config)).unwrap()).unwrap();
    let exit = agent.run_gateway(&mut |event| println!("{}", serde_json::to_string(event).unwrap())).unwrap();
    std::process::exit(if exit == Exit::Reboot { REBOOT_CODE } else { 0 });
}

pub(crate) fn last_downloaded(events: &[AgentEvent]) -> u64 {
    let told = events.iter().rev().find_map(|event| match event {
        AgentEvent::Progress { downloaded_bytes, .. } | AgentEvent::Traffic { downloaded_bytes } => {
            Some(*downloaded_bytes)
        }
        _ => None,
    });
    told.unwrap_or(0)
}

pub(crate) fn update(platform: &Platform, device: &Device, target: &Target) -> Vec<AgentEvent> {
    offer(platform, target);
    let events = device.run_to_the_end();
    let updated = AgentEvent::Updated { module: target.module.clone(), version: target.version.clone() };
    assert!(events.contains(&updated), "{events:?}");
    device.runs(target);
    let version = target.version.to_string();
    platform.wait("the new version is reported", |world| {
        world.reports.iter().any(|report| is_version(report, &version))
    });
    events
}
