//! A device's program with nothing in it but the agent: `device agent.toml`. Events go to stdout, one JSON object a
//! line. Start from this where memory is scarce: the `otaru` binary carries a whole platform beside the agent.
#![allow(clippy::print_stdout, reason = "its output")]

use std::{env, error::Error, process::ExitCode};

use otaru_agent::{Agent, Config, Exit};

/// What the supervisor takes as "start it again": the new slot boots.
const REBOOT: u8 = 10;

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let path = env::args_os().nth(1).ok_or("usage: device CONFIG")?;
    let agent = Agent::new(Config::load(path.as_ref())?)?;
    let exit = agent.run(&mut |event| {
        if let Ok(line) = serde_json::to_string(event) {
            println!("{line}");
        }
    })?;
    Ok(match exit {
        Exit::Reboot => REBOOT.into(),
        Exit::Stopped => ExitCode::SUCCESS,
    })
}
