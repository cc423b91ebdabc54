//! Project automation, reached as `cargo xtask`.
//!
//! One program instead of shell scripts: the same command for a developer and for CI, checked by the compiler.

mod apt;
mod fuzz;
mod journeys;
mod report;
mod steps;
mod test;
mod tidy;
mod tree;

use std::process::ExitCode;

use tree::Tree;

const HELP: &str = "\
Usage: cargo xtask <COMMAND>

Commands:
  test          everything that must hold before a change lands; CI runs exactly this
  test --fast   the same without the docs, the microcontroller build and the tests that need other programs
  tidy          the house rules alone: arrows between crates, module docs, file lengths, manifests
  journeys [--seeds N] [--seed S] [--form FORM]
                simulated updates on a virtual clock: weather by seed, power cuts everywhere
  fuzz [--seconds N] [TARGET...]
                every parser that reads what a stranger sends, one minute each
  help          this text
";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let outcome = match args.as_slice() {
        ["test"] => Tree::here().and_then(|tree| test::run(&tree, test::Extent::Full)),
        ["test", "--fast"] => Tree::here().and_then(|tree| test::run(&tree, test::Extent::Fast)),
        ["journeys", rest @ ..] => Tree::here().and_then(|tree| journeys::run(&tree, rest)),
        ["fuzz", rest @ ..] => Tree::here().and_then(|tree| fuzz::run(&tree, rest)),
        ["tidy"] => Tree::here().and_then(|tree| tidy::run(&tree)),
        [] | ["help" | "--help" | "-h"] => {
            print!("{HELP}");
            return ExitCode::SUCCESS;
        }
        other => {
            eprint!("xtask: no command `{}`\n\n{HELP}", other.join(" "));
            return ExitCode::from(2);
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}
