//! `cargo xtask test`: every step in order, all of them even if one fails, then what became of them.

use std::time::Instant;

use anyhow::{Result, bail};

use crate::{
    report::{Counts, Outcome, table},
    steps::STEPS,
    tree::Tree,
};

/// How much of the test command to run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Extent {
    /// Everything: what CI runs.
    Full,
    /// What catches most mistakes in the least time.
    Fast,
}

/// Runs the steps and prints the table and the closing line.
///
/// # Errors
/// If a step or a test failed, or if no test ran at all.
pub(crate) fn run(tree: &Tree, extent: Extent) -> Result<()> {
    let mut total = Counts::default();
    let mut outcomes = Vec::new();
    let started = Instant::now();
    for step in STEPS.iter().filter(|step| extent == Extent::Full || step.fast) {
        println!("\n==== {}: {} ====", step.name, step.about);
        let began = Instant::now();
        let failure = match (step.act)(tree, &mut total) {
            Ok(()) => None,
            Err(error) => Some(format!("{error:#}")),
        };
        if let Some(why) = &failure {
            println!("{} failed: {why}", step.name);
        }
        outcomes.push(Outcome { name: step.name, took: began.elapsed(), failure });
    }
    println!("\n==== summary: {:.1} s ====", started.elapsed().as_secs_f64());
    print!("{}", table(&outcomes));
    println!("\n{total}");
    verdict(total, &outcomes)
}

fn verdict(total: Counts, outcomes: &[Outcome]) -> Result<()> {
    let failed: Vec<_> = outcomes.iter().filter(|it| it.failure.is_some()).map(|it| it.name).collect();
    if !failed.is_empty() {
        bail!("failed: {}", failed.join(", "));
    }
    if total.failed > 0 {
        bail!("{} tests failed", total.failed);
    }
    if total.passed == 0 {
        bail!("no test ran");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn outcome(failure: Option<&str>) -> Outcome {
        Outcome { name: "tidy", took: Duration::ZERO, failure: failure.map(str::to_owned) }
    }

    #[test]
    fn a_failed_step_a_failed_test_and_no_test_are_failures() {
        assert!(verdict(Counts { passed: 3, failed: 0 }, &[outcome(None)]).is_ok());
        assert!(verdict(Counts { passed: 3, failed: 0 }, &[outcome(Some("why"))]).is_err());
        assert!(verdict(Counts { passed: 3, failed: 1 }, &[outcome(None)]).is_err());
        assert!(verdict(Counts { passed: 0, failed: 0 }, &[outcome(None)]).is_err());
    }
}
