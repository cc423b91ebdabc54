//! `otaru agent`: the device agent until it is told to reboot or to stop.

use std::os::unix::process::CommandExt;

use crate::{cli::AgentArgs, exit, output};

pub(crate) fn run(_args: &AgentArgs) -> anyhow::Result<u8> {
    anyhow::bail!("not linked yet")
}
