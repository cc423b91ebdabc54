//! `cargo xtask fuzz`: every parser that reads what a stranger sends, fed what reaches new code.
//!
//! cargo-fuzz builds the programs in `fuzz/`. Without a sanitizer it needs no nightly compiler: it asks LLVM for coverage
//! by options that the stable compiler has. Our code has no unsafe block for a sanitizer to watch.

use std::{
    io::{BufRead, BufReader, Read},
    process::{Command, Stdio},
};

use anyhow::{Context, Result, bail, ensure};

use crate::tree::Tree;

/// The version whose options are used here.
const CARGO_FUZZ: &str = "0.13.2";
/// How long each target runs unless told, in seconds.
const SECONDS: u32 = 60;
/// The longest input made, in bytes.
const MAX_INPUT: u32 = 8192;

/// What to run.
#[derive(Debug, PartialEq, Eq)]
struct Plan<'a> {
    seconds: u32,
    /// All, if none is named.
    targets: Vec<&'a str>,
}

/// Runs the targets one after the other and prints how many inputs each took.
///
/// # Errors
/// If an argument is not understood, the targets do not build, or one of them finds a fault: its output says what and
/// where the input lies.
pub(crate) fn run(tree: &Tree, args: &[&str]) -> Result<()> {
    let plan = plan(args)?;
    ensure_cargo_fuzz(tree)?;
    let build = fuzz(tree, &["build"]).status().context("failed to start cargo fuzz")?;
    ensure!(build.success(), "the targets do not build ({build})");
    let all = targets(tree)?;
    if let Some(unknown) = plan.targets.iter().find(|name| !all.iter().any(|known| known == *name)) {
        bail!("no target is named {unknown}; there are {}", all.join(", "));
    }
    let chosen = all.iter().filter(|name| plan.targets.is_empty() || plan.targets.contains(&name.as_str()));
    let mut faults = Vec::new();
    for name in chosen {
        match one(tree, name, plan.seconds)? {
            Some(inputs) => println!("{name:<20} {inputs:>12} inputs in {} s, no fault", plan.seconds),
            None => faults.push(name.as_str()),
        }
    }
    ensure!(faults.is_empty(), "faults were found by {}", faults.join(", "));
    Ok(())
}

fn plan<'a>(args: &[&'a str]) -> Result<Plan<'a>> {
    let mut plan = Plan { seconds: SECONDS, targets: Vec::new() };
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        match *arg {
            "--seconds" => {
                let seconds = args.next().context("--seconds needs a number")?;
                plan.seconds = seconds
                    .parse()
                    .ok()
                    .filter(|seconds| *seconds > 0)
                    .context("--seconds needs a number above 0")?;
            }
            option if option.starts_with('-') => bail!("no option `{option}`; there is --seconds N"),
            target => plan.targets.push(target),
        }
    }
    Ok(plan)
}

fn ensure_cargo_fuzz(tree: &Tree) -> Result<()> {
    if tree.cargo(&["fuzz", "--version"]).output().is_ok_and(|found| found.status.success()) {
        return Ok(());
    }
    println!("cargo-fuzz is not here; installing {CARGO_FUZZ}");
    let mut install = tree.cargo(&["install", "cargo-fuzz", "--locked", "--version", CARGO_FUZZ]);
    let status = install.status().context("failed to start cargo install")?;
    ensure!(status.success(), "cargo-fuzz cannot be installed ({status})");
    Ok(())
}

fn fuzz(tree: &Tree, args: &[&str]) -> Command {
    let mut command = tree.cargo(&["fuzz"]);
    command.args(args).args(["--sanitizer", "none"]);
    command
}

fn targets(tree: &Tree) -> Result<Vec<String>> {
    let listed = tree.cargo(&["fuzz", "list"]).output().context("failed to start cargo fuzz")?;
    ensure!(
        listed.status.success(),
        "cargo fuzz list failed: {}",
        String::from_utf8_lossy(&listed.stderr).trim()
    );
    let names = String::from_utf8(listed.stdout).context("a target's name is not UTF-8")?;
    Ok(names.lines().map(str::to_owned).collect())
}

/// How many inputs the target took; none if it found a fault, which was shown then.
fn one(tree: &Tree, name: &str, seconds: u32) -> Result<Option<u64>> {
    let (time, length) = (format!("-max_total_time={seconds}"), format!("-max_len={MAX_INPUT}"));
    let mut command = fuzz(tree, &["run"]);
    command.args([name, "--", &time, &length, "-timeout=10", "-print_final_stats=1"]);
    let mut child = command.stderr(Stdio::piped()).spawn().context("failed to start cargo fuzz")?;
    let Some(stderr) = child.stderr.take() else { bail!("cargo fuzz has no output") };
    let said = lines(stderr)?;
    let status = child.wait().context("failed to wait for cargo fuzz")?;
    if status.success() {
        return inputs(&said).map(Some).context("the target does not tell how many inputs it took");
    }
    eprintln!("{}", said.join("\n"));
    Ok(None)
}

/// What libFuzzer says, without the line for each input that it keeps.
fn lines(output: impl Read) -> Result<Vec<String>> {
    let mut kept = Vec::new();
    for line in BufReader::new(output).split(b'\n') {
        let line = String::from_utf8_lossy(&line.context("failed to read the target's output")?).into_owned();
        if !line.starts_with('#') {
            kept.push(line);
        }
    }
    Ok(kept)
}

fn inputs(said: &[String]) -> Option<u64> {
    said.iter().find_map(|line| line.strip_prefix("stat::number_of_executed_units:")?.trim().parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_minute_for_each_target_unless_told() {
        assert_eq!(plan(&[]).unwrap(), Plan { seconds: 60, targets: vec![] });
        assert_eq!(plan(&["login", "--seconds", "5"]).unwrap(), Plan { seconds: 5, targets: vec!["login"] });
        for bad in [&["--seconds"][..], &["--seconds", "0"], &["--jobs"]] {
            assert!(plan(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn the_count_of_inputs_is_read_and_what_leads_there_is_not_kept() {
        let said = lines(&b"#1 NEW cov: 3\nstat::number_of_executed_units: 4711\n"[..]).unwrap();
        assert_eq!((said.len(), inputs(&said)), (1, Some(4711)));
        assert_eq!(inputs(&["stat::peak_rss_mb: 30".to_owned()]), None);
    }
}
