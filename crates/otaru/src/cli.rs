//! The command line: what every build of otaru has. The platform's and the operators' commands are in [`platform`].

#[cfg(feature = "platform")]
pub(crate) mod platform;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

/// Over-the-air firmware updates, both ends: the platform and the device.
#[derive(Debug, Parser)]
#[command(name = "otaru", version, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run the device agent
    Agent(AgentArgs),
    #[cfg(feature = "platform")]
    #[command(flatten)]
    Platform(platform::Command),
}

impl Command {
    /// How much is logged when `OTARU_LOG` does not say.
    pub(crate) fn default_log(&self) -> &'static str {
        match self {
            #[cfg(feature = "platform")]
            Command::Platform(platform::Command::Serve(_)) => "info",
            _ => "warn",
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct AgentArgs {
    /// The agent's configuration (docs/agent.md)
    #[arg(long, value_name = "FILE")]
    pub(crate) config: PathBuf,
    /// Print every event as one JSON object a line
    #[arg(long)]
    pub(crate) json: bool,
    /// Stop when stdin closes: a parent that ends, however it ends, leaves nothing behind
    #[arg(long)]
    pub(crate) stop_with_stdin: bool,
    /// Give an order to the agent that runs with this configuration, such as `accept` or `postpone 3600`, and end
    #[arg(long, value_name = "ORDER", num_args = 1.., conflicts_with_all = ["json", "stop_with_stdin"])]
    pub(crate) tell: Option<Vec<String>>,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[cfg(feature = "platform")]
    #[test]
    fn json_may_stand_after_the_command() {
        let cli = Cli::parse_from([
            "otaru",
            "package",
            "create",
            "--product",
            "p",
            "--version",
            "2",
            "a.bin",
            "--json",
        ]);
        let Command::Platform(platform::Command::Package(args)) = cli.command else {
            panic!("another command")
        };
        assert!(args.platform.json);
    }
}
