//! What the tests said: counted from cargo's own lines, shown at the end as one table and one plain line.

use std::{
    fmt::{self, Write as _},
    io::{BufRead, Write},
    ops::AddAssign,
    time::Duration,
};

/// How many tests passed and failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Counts {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} passed, {} failed", self.passed, self.failed)
    }
}

/// Passes `from` on to `to` line by line, as it comes, and counts the `test result:` lines.
///
/// # Errors
/// The first read or write that fails.
pub(crate) fn stream(mut from: impl BufRead, mut to: impl Write) -> std::io::Result<Counts> {
    let mut counts = Counts::default();
    let mut line = Vec::new();
    while from.read_until(b'\n', &mut line)? > 0 {
        to.write_all(&line)?;
        to.flush()?;
        if let Some(found) = read_result_line(&String::from_utf8_lossy(&line)) {
            counts += found;
        }
        line.clear();
    }
    Ok(counts)
}

/// Reads `test result: ok. 5 passed; 0 failed; …`, which ends each of cargo's test programs.
fn read_result_line(line: &str) -> Option<Counts> {
    let (_verdict, numbers) = line.trim().strip_prefix("test result: ")?.split_once(". ")?;
    let count = |word: &str| {
        numbers.split("; ").find_map(|part| part.strip_suffix(word)?.trim_end().parse::<u64>().ok())
    };
    Some(Counts { passed: count("passed")?, failed: count("failed")? })
}

/// How one step ended.
pub(crate) struct Outcome {
    /// The step's name.
    pub(crate) name: &'static str,
    /// How long it took.
    pub(crate) took: Duration,
    /// Why it failed, if it did.
    pub(crate) failure: Option<String>,
}

/// The final table, one line a step.
pub(crate) fn table(outcomes: &[Outcome]) -> String {
    let widest = outcomes.iter().map(|outcome| outcome.name.len()).max().unwrap_or(0);
    let mut table = String::new();
    for Outcome { name, took, failure } in outcomes {
        let verdict = if failure.is_none() { "ok" } else { "FAILED" };
        let _ = write!(table, "  {name:widest$}  {:>7.1} s  {verdict}", took.as_secs_f64());
        if let Some(why) = failure {
            let _ = write!(table, ": {why}");
        }
        table.push('\n');
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_of_all_test_programs_are_added_and_every_byte_is_passed_on() {
        let said: &[u8] = b"running 3 tests\ntest a ... ok\n\
            test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.01s\n\n\
            \xff not UTF-8\n\
            test result: FAILED. 10 passed; 2 failed; 0 ignored; 0 measured; 7 filtered out; finished in 1.20s\n";
        let mut heard = Vec::new();
        let counts = stream(said, &mut heard).unwrap();
        assert_eq!(counts, Counts { passed: 13, failed: 2 });
        assert_eq!(heard, said);
    }

    #[test]
    fn a_test_that_prints_about_results_is_not_counted() {
        assert_eq!(read_result_line("the test result: ok. 5 passed; 0 failed"), None);
        assert_eq!(read_result_line("test result: unknown"), None);
    }

    #[test]
    fn the_closing_line_is_plain() {
        assert_eq!(Counts { passed: 13, failed: 0 }.to_string(), "13 passed, 0 failed");
    }

    #[test]
    fn the_table_says_what_failed_and_why() {
        let outcomes = [
            Outcome { name: "tidy", took: Duration::from_millis(1500), failure: None },
            Outcome {
                name: "clippy",
                took: Duration::from_secs(90),
                failure: Some("exit status: 101".into()),
            },
        ];
        assert_eq!(
            table(&outcomes),
            "  tidy        1.5 s  ok\n  clippy     90.0 s  FAILED: exit status: 101\n"
        );
    }
}
