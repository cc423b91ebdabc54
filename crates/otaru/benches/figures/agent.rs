//! The agent while it downloads 64 MiB over plain HTTP, beside `curl` and `sha256sum` on the same file and server.

use std::{
    fs,
    process::{Command, Stdio},
    time::Instant,
};

use anyhow::{Result, ensure};
use serde_json::json;

use crate::lab::{self, Events, Lab, PRODUCT};

const SIZE: u64 = 64 << 20;

pub(crate) fn run() -> Result<()> {
    let curl = lab::peer("curl")?;
    let lab = Lab::start()?;
    let image = lab.dir.path().join("image.bin");
    lab::random_file(&image, SIZE)?;
    let (agent, other) = (lab.device("agent")?, lab.device("curl")?);
    lab.campaign(&image, "agent,curl")?;

    // A device's own build may be measured instead: the program without its default features.
    let mut program = std::env::var_os("OTARU_AGENT").map_or_else(lab::otaru, Command::new);
    let mut child = program
        .args(["agent", "--json", "--config"])
        .arg(config(&lab, &agent)?)
        .stdout(Stdio::piped())
        .spawn()?;
    let mut events = Events::of(&mut child)?;
    events.wait_for("fetching")?;
    let began = Instant::now();
    events.wait_for("staged")?;
    let seconds = began.elapsed().as_secs_f64();
    let (rss, cpu) = (lab::status_kib(child.id(), "VmHWM")?, lab::cpu_seconds(child.id())?);
    lab::end(child);

    let link = lab.link("curl", &other)?;
    let began = Instant::now();
    let script = format!(
        "'{}' -s -o \"$0\" \"$1\" && sha256sum \"$0\" >/dev/null && sync \"$0\" && cat /proc/self/stat >/dev/null && times",
        curl.display()
    );
    let output = Command::new("bash")
        .args(["-c", &script])
        .arg(lab.dir.path().join("curl.bin"))
        .arg(&link)
        .output()?;
    let peer_seconds = began.elapsed().as_secs_f64();
    ensure!(output.status.success(), "curl failed: {}", String::from_utf8_lossy(&output.stderr));
    ensure!(fs::metadata(lab.dir.path().join("curl.bin"))?.len() == SIZE, "curl fetched another size");
    let peer_cpu = children_seconds(&String::from_utf8_lossy(&output.stdout));

    let (mb, gb) = (SIZE as f64 / 1e6, SIZE as f64 / 1e9);
    println!("agent: peak RSS {:.1} MiB (aim: at most 6)", rss as f64 / 1024.0);
    println!(
        "agent: {:.0} MB/s, {:.2} CPU s/GB (fetched, hashed, fsynced, read back, hashed again)",
        mb / seconds,
        cpu / gb
    );
    println!("curl + sha256sum + sync: {:.0} MB/s, {:.2} CPU s/GB", mb / peer_seconds, peer_cpu / gb);
    println!("ratio: {:.2} of the peer's speed, {:.2} of its CPU", peer_seconds / seconds, cpu / peer_cpu);
    Ok(())
}

/// The CPU seconds of its children that bash's `times` prints in its second line: `0m0.010s 0m0.020s`.
fn children_seconds(times: &str) -> f64 {
    let line = times.lines().last().unwrap_or_default();
    let seconds = |text: &str| {
        let (minutes, seconds) = text.trim_end_matches('s').split_once('m')?;
        Some(minutes.parse::<f64>().ok()? * 60.0 + seconds.parse::<f64>().ok()?)
    };
    line.split_whitespace().filter_map(seconds).sum()
}

/// An agent that stops before it activates, so that it can be measured at rest.
fn config(lab: &Lab, secret: &str) -> Result<std::path::PathBuf> {
    let config = json!({
        "device": {
            "dialect": "aliyun", "product_key": PRODUCT, "device_name": "agent", "device_secret": secret,
            "version": "1.0.0",
        },
        "broker": { "address": lab.mqtt },
        "storage": { "dir": lab.dir.path().join("agent") },
        "policy": { "ask_before_activate": true },
    });
    let path = lab.dir.path().join("agent.toml");
    fs::write(&path, toml::to_string(&config)?)?;
    Ok(path)
}
