//! What a download costs the device: peak memory, speed and processor time of a whole update over plain HTTP, next to
//! `curl` and `sha256sum` on the same file and server.
//!
//! `cargo bench -p otaru-agent` prints one line of figures for each; nothing is asserted about them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a program for developers")]

#[path = "../tests/common/mod.rs"]
mod common;

use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use common::{Platform, SECRET, Target, image};
use otaru_agent::{Agent, AgentEvent, Config};
use otaru_wire::{Module, Version};

const LEN: usize = 64 * 1024 * 1024;
const CONFIG_VARIABLE: &str = "OTARU_BENCH_AGENT_CONFIG";
/// Linux tells processor time in hundredths of a second.
const TICKS_PER_SECOND: f64 = 100.0;

fn main() {
    if let Some(config) = std::env::var_os(CONFIG_VARIABLE) {
        let agent = Agent::new(Config::load(Path::new(&config)).unwrap()).unwrap();
        agent.run(&mut |event| println!("{}", serde_json::to_string(event).unwrap())).unwrap();
        return;
    }
    let platform = Platform::start(None);
    platform.change(|world| {
        world.target = Some(Target {
            module: Module::default(),
            version: Version::new("2.0.0").unwrap(),
            files: vec![image(1, LEN)],
        });
    });
    let dir = tempfile::tempdir().unwrap();
    agent(&platform, dir.path());
    curl(&platform, dir.path());
}

fn agent(platform: &Platform, dir: &Path) {
    let config = dir.join("agent.toml");
    let text = format!(
        "[device]\nproduct_key = \"p\"\ndevice_name = \"d\"\ndevice_secret = \"{SECRET}\"\nversion = \"1\"\n\
         [broker]\naddress = \"{}\"\n[storage]\ndir = \"state\"\n[reboot]\nmode = \"exit\"\n",
        platform.mqtt
    );
    std::fs::write(&config, text).unwrap();
    let mut child = Command::new(std::env::current_exe().unwrap())
        .env(CONFIG_VARIABLE, &config)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut begin = Instant::now();
    for line in BufReader::new(child.stdout.take().unwrap()).lines() {
        let event: AgentEvent = serde_json::from_str(&line.unwrap()).unwrap();
        match event {
            AgentEvent::Fetching { .. } => begin = Instant::now(),
            // It still runs: its figures can be read.
            AgentEvent::Verified => {
                let peak = status_kib(child.id(), "VmHWM:");
                let anonymous = status_kib(child.id(), "RssAnon:");
                let verified = begin.elapsed();
                let seconds = processor_seconds(child.id());
                println!(
                    "agent: {LEN} bytes fetched, stored, synced, read back and hashed: peak RSS {peak} KiB ({anonymous} KiB its \
                     own, the rest program text), {:.2} s ({:.0} MB/s, {:.2} CPU s/GB)",
                    verified.as_secs_f64(),
                    speed(verified),
                    seconds / gigabytes(),
                );
            }
            _ => {}
        }
    }
    child.wait().unwrap();
}

fn curl(platform: &Platform, dir: &Path) {
    let script = format!(
        "curl -sf -r 0-{} 'http://{}/0?link=1' -o fetched && sync fetched && sha256sum fetched",
        LEN - 1,
        platform.http
    );
    let before = children_seconds();
    let begin = Instant::now();
    let status = Command::new("sh").args(["-c", &script]).current_dir(dir).stdout(Stdio::null()).status();
    let took = begin.elapsed();
    match status {
        Ok(status) if status.success() => println!(
            "curl, sync, sha256sum: {:.2} s ({:.0} MB/s, {:.2} CPU s/GB)",
            took.as_secs_f64(),
            speed(took),
            (children_seconds() - before) / gigabytes()
        ),
        _ => println!("curl, sync, sha256sum: not to be had here"),
    }
}

fn gigabytes() -> f64 {
    LEN as f64 / 1e9
}

fn speed(took: Duration) -> f64 {
    LEN as f64 / 1e6 / took.as_secs_f64()
}

fn status_kib(process: u32, key: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with(key)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

fn processor_seconds(process: u32) -> f64 {
    stat(&format!("/proc/{process}/stat"), 13)
}

fn children_seconds() -> f64 {
    stat("/proc/self/stat", 15)
}

/// Two neighbouring fields of a process's figures, counted from 0, as seconds. The name before them may hold blanks.
fn stat(path: &str, field: usize) -> f64 {
    let text = std::fs::read_to_string(path).unwrap();
    let (_, rest) = text.rsplit_once(") ").unwrap();
    let fields: Vec<&str> = rest.split(' ').collect();
    let ticks: f64 = fields[field - 2..field].iter().map(|ticks| ticks.parse::<f64>().unwrap()).sum();
    ticks / TICKS_PER_SECOND
}
