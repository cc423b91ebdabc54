//! The steps of `cargo xtask test`.

use std::{
    io::{BufReader, Write, stdout},
    process::{Command, Stdio},
};

use anyhow::{Context, Result, bail, ensure};

use crate::{
    apt,
    report::{Counts, stream},
    tidy,
    tree::Tree,
};

/// The small target: no operating system, no std. What builds for it links on a microcontroller.
const SMALL_TARGET: &str = "thumbv7em-none-eabihf";

/// One step: prints what it does, adds the tests it ran to the counts, fails with a reason.
pub(crate) struct Step {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    /// Part of `--fast` too.
    pub(crate) fast: bool,
    pub(crate) act: fn(&Tree, &mut Counts) -> Result<()>,
}

/// All steps, in the order in which a mistake is cheapest to find.
pub(crate) const STEPS: [Step; 8] = [
    Step { name: "fmt", about: "cargo fmt --check", fast: true, act: fmt },
    Step { name: "tidy", about: "the house rules", fast: true, act: |tree, _| tidy::run(tree) },
    Step { name: "clippy", about: "all targets, no warning", fast: true, act: clippy },
    Step { name: "doc", about: "the documentation, no warning", fast: false, act: doc },
    Step {
        name: "small",
        about: "otaru-wire and otaru-core without std, the agent alone",
        fast: false,
        act: small,
    },
    Step { name: "programs", about: "what others wrote and the tests call", fast: false, act: programs },
    Step { name: "test", about: "unit tests, integration tests, doc tests", fast: true, act: test },
    Step { name: "peers", about: "tests with programs that others wrote", fast: false, act: peers },
];

fn fmt(tree: &Tree, _: &mut Counts) -> Result<()> {
    succeed(tree.cargo(&["fmt", "--all", "--check"]))
}

fn clippy(tree: &Tree, _: &mut Counts) -> Result<()> {
    succeed(tree.cargo(&["clippy", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"]))
}

fn doc(tree: &Tree, _: &mut Counts) -> Result<()> {
    let mut doc = tree.cargo(&["doc", "--workspace", "--no-deps", "--locked"]);
    doc.env("RUSTDOCFLAGS", "-D warnings");
    succeed(doc)
}

/// By crate name: within one cargo call the features of all its crates unite, and std would come in by the back door.
fn small(tree: &Tree, _: &mut Counts) -> Result<()> {
    ensure_small_target()?;
    for name in ["otaru-wire", "otaru-core"] {
        let args = ["build", "-p", name, "--no-default-features", "--target", SMALL_TARGET, "--locked"];
        succeed(tree.cargo(&args)).with_context(|| format!("{name} does not build without std"))?;
    }
    let alone = ["clippy", "-p", "otaru", "--no-default-features", "--locked", "--", "-D", "warnings"];
    succeed(tree.cargo(&alone)).context("the agent does not build without the platform")
}

fn ensure_small_target() -> Result<()> {
    let rustup = || Command::new("rustup");
    let listed = rustup().args(["target", "list", "--installed"]).output().with_context(|| {
        format!("failed to start rustup; without it, install the standard library of {SMALL_TARGET} by hand")
    })?;
    if String::from_utf8_lossy(&listed.stdout).lines().any(|line| line.trim() == SMALL_TARGET) {
        return Ok(());
    }
    let mut add = rustup();
    add.args(["target", "add", SMALL_TARGET]);
    succeed(add)
}

fn test(tree: &Tree, counts: &mut Counts) -> Result<()> {
    counted(tree.cargo(&["test", "--workspace", "--no-fail-fast", "--locked"]), counts, stdout())
}

fn programs(_: &Tree, _: &mut Counts) -> Result<()> {
    apt::ensure_programs(&apt::PROGRAMS)
}

/// Tests that need other programs are marked `#[ignore = "needs …"]`, so that plain `cargo test` passes anywhere.
/// Here none is left out.
fn peers(tree: &Tree, counts: &mut Counts) -> Result<()> {
    let args = ["test", "--workspace", "--tests", "--no-fail-fast", "--locked", "--", "--ignored"];
    counted(tree.cargo(&args), counts, stdout())
}

fn succeed(mut command: Command) -> Result<()> {
    let status = command.status().with_context(|| format!("failed to start {:?}", command.get_program()))?;
    ensure!(status.success(), "{status}");
    Ok(())
}

/// Runs tests, passes their output on to `shown` as it comes and counts what passed and failed.
fn counted(mut command: Command, counts: &mut Counts, shown: impl Write) -> Result<()> {
    let mut child = command
        .stdout(Stdio::piped())
        .spawn()
        .with_context(|| format!("failed to start {:?}", command.get_program()))?;
    let Some(stdout) = child.stdout.take() else { bail!("the tests have no output") };
    let streamed = stream(BufReader::new(stdout), shown);
    let status = child.wait().context("failed to wait for the tests")?;
    let found = streamed.context("failed to pass on the tests' output")?;
    *counts += found;
    ensure!(status.success(), "{found} ({status})");
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::sink;

    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn tests_that_pass_are_counted() {
        let mut counts = Counts { passed: 1, failed: 0 };
        counted(shell("echo 'test result: ok. 2 passed; 0 failed; 0 ignored'"), &mut counts, sink()).unwrap();
        assert_eq!(counts, Counts { passed: 3, failed: 0 });
    }

    #[test]
    fn tests_that_fail_are_counted_and_fail_the_step() {
        let mut counts = Counts::default();
        let said = counted(
            shell("echo 'test result: FAILED. 2 passed; 1 failed; 0 ignored'; exit 101"),
            &mut counts,
            sink(),
        );
        assert_eq!(counts, Counts { passed: 2, failed: 1 });
        assert!(said.unwrap_err().to_string().starts_with("2 passed, 1 failed"));
    }

    #[test]
    fn a_step_that_dies_without_a_result_fails() {
        assert!(counted(shell("kill -9 $$"), &mut Counts::default(), sink()).is_err());
        assert!(succeed(shell("exit 3")).unwrap_err().to_string().contains('3'));
    }
}
