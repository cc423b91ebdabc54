//! The figures otaru prints of itself, each beside a peer measured in the same run on the same machine.
//!
//! `cargo bench -p otaru --bench figures -- [agent] [devices]`; without a name, both. Peers come from Debian:
//! `apt-get install curl mosquitto`. File downloads beside nginx: `cargo bench -p otaru-platform --bench downloads`.

mod agent;
mod devices;
mod lab;

use anyhow::Result;

fn main() -> Result<()> {
    // cargo passes flags of its own, e.g. `--bench`.
    let wanted: Vec<String> = std::env::args().skip(1).filter(|arg| !arg.starts_with('-')).collect();
    let asked = |name: &str| wanted.is_empty() || wanted.iter().any(|want| want == name);
    if asked("agent") {
        agent::run()?;
    }
    if asked("devices") {
        devices::run()?;
    }
    Ok(())
}
