//! The figures otaru prints of itself, each beside a peer measured in the same run on the same machine.
//!
//! `cargo bench -p otaru --bench figures -- [agent] [downloads] [devices]`; without a name, all three.
//! Peers come from Debian: `apt-get install curl nginx wrk mosquitto`.

mod agent;
mod devices;
mod downloads;
mod lab;

use anyhow::Result;

fn main() -> Result<()> {
    // cargo passes flags of its own, e.g. `--bench`.
    let wanted: Vec<String> = std::env::args().skip(1).filter(|arg| !arg.starts_with('-')).collect();
    let all: [(&str, fn() -> Result<()>); 3] =
        [("agent", agent::run), ("downloads", downloads::run), ("devices", devices::run)];
    for (name, run) in all {
        if wanted.is_empty() || wanted.iter().any(|want| want == name) {
            println!("== {name}");
            run()?;
        }
    }
    Ok(())
}
