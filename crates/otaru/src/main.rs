//! otaru: both ends of over-the-air updates, in one binary.
//!
//! `serve` is the platform, `agent` the device; `demo` runs both on this machine; the rest are operator commands
//! over the platform's HTTP API. Built without the feature `platform` it is the agent alone, for devices.

mod agent;
mod cli;
#[cfg(feature = "platform")]
mod demo;
#[cfg_attr(not(feature = "platform"), allow(dead_code, reason = "the agent alone needs a part of it"))]
mod exit;
#[cfg(feature = "platform")]
mod operator;
#[cfg_attr(not(feature = "platform"), allow(dead_code, reason = "the agent alone needs a part of it"))]
mod output;
#[cfg(feature = "platform")]
mod serve;
mod stdin;

use std::process::ExitCode;

use clap::Parser;

use crate::cli::{Cli, Command};

fn main() -> ExitCode {
    let cli = Cli::parse();
    start_log(cli.command.default_log());
    let outcome = match cli.command {
        Command::Agent(args) => agent::run(&args),
        #[cfg(feature = "platform")]
        Command::Platform(command) => run(command),
    };
    match outcome {
        Ok(code) => ExitCode::from(code),
        Err(error) if output::is_closed_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("otaru: {error:#}");
            ExitCode::from(exit::code_of(&error))
        }
    }
}

#[cfg(feature = "platform")]
fn run(command: cli::platform::Command) -> anyhow::Result<u8> {
    use cli::platform::Command;
    match command {
        Command::Serve(args) => serve::run(args),
        Command::Demo(args) => demo::run(args),
        Command::Product(args) => operator::product(args),
        Command::Device(args) => operator::device(args),
        Command::Package(args) => operator::package(args),
        Command::Campaign(args) => operator::campaign(args),
        Command::Task(args) => operator::task(args),
        Command::Config(args) => operator::config(args),
    }
}

/// Logs go to stderr; stdout belongs to what was asked for. `OTARU_LOG` takes a level, or `target=level` pairs with
/// commas between. The fuller `EnvFilter` would bring a regular-expression engine into every agent's memory.
fn start_log(default: &str) {
    use std::io::IsTerminal;
    use tracing_subscriber::{Layer, filter::Targets, layer::SubscriberExt, util::SubscriberInitExt};

    let read = |text: &str| text.parse::<Targets>().ok();
    let wanted = std::env::var("OTARU_LOG").ok();
    let filter = wanted.as_deref().and_then(read).or_else(|| read(default)).unwrap_or_default();
    let lines = tracing_subscriber::fmt::layer()
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr)
        .with_filter(filter);
    tracing_subscriber::registry().with(lines).init();
}
