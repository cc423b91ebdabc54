//! `cargo xtask journeys`: the simulated updates, run by otaru-sim's own program.

use anyhow::{Context, Result, ensure};

use crate::tree::Tree;

/// Builds and runs the simulator with these arguments. It prints its lines itself.
///
/// # Errors
/// If it does not build, does not understand the arguments, or a journey failed.
pub(crate) fn run(tree: &Tree, args: &[&str]) -> Result<()> {
    let mut cargo = tree.cargo(&["run", "--quiet", "--locked", "-p", "otaru-sim", "--bin", "journeys", "--"]);
    let status = cargo.args(args).status().context("failed to start cargo")?;
    ensure!(status.success(), "a journey failed, or none could be run ({status})");
    Ok(())
}
