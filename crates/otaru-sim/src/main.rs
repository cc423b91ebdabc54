//! `cargo xtask journeys`: so many seeds of every form, one line each; a seed that fails comes with its command.

use std::process::ExitCode;

use otaru_sim::{Cuts, Form, Outcome, cut_everywhere, random};

const HELP: &str = "\
Usage: cargo xtask journeys [--seeds N] [--seed S] [--form FORM]

  --seeds N    seeds 1 to N of each form, and power cuts at every step of a clean run (default 1000)
  --seed S     this seed alone
  --form FORM  this form alone
";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let orders = match Orders::read(&args) {
        Ok(orders) => orders,
        Err(problem) => {
            eprint!("journeys: {problem}\n\n{HELP}\nForms: {}\n", Form::names());
            return ExitCode::from(2);
        }
    };
    let forms = Form::ALL.into_iter().filter(|form| orders.form.is_none_or(|wanted| wanted == *form));
    let failures: u64 = forms.map(|form| run(form, &orders)).sum();
    if failures == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

struct Orders {
    seeds: std::ops::RangeInclusive<u64>,
    one: bool,
    form: Option<Form>,
}

impl Orders {
    fn read(args: &[String]) -> Result<Self, String> {
        let mut orders = Self { seeds: 1..=1000, one: false, form: None };
        for pair in args.chunks(2) {
            let [key, value] = pair else { return Err(format!("{} needs a value", pair.concat())) };
            let number = || value.parse::<u64>().map_err(|_| format!("{key} needs a number, not {value:?}"));
            match key.as_str() {
                "--seeds" => orders.seeds = 1..=number()?,
                "--seed" => (orders.seeds, orders.one) = (number()?..=number()?, true),
                "--form" => orders.form = Some(value.parse().map_err(|error| format!("{error}"))?),
                _ => return Err(format!("no option {key}")),
            }
        }
        Ok(orders)
    }
}

/// Runs one form and prints its line. How many journeys failed.
fn run(form: Form, orders: &Orders) -> u64 {
    let (mut total, mut failures) = (Outcome::default(), 0);
    for seed in orders.seeds.clone() {
        match random(form, seed, None) {
            Ok(outcome) => total += outcome,
            Err(broken) => {
                failures += 1;
                println!("{form}: {broken}\n    again: cargo xtask journeys --seed {seed} --form {form}");
            }
        }
    }
    print(form, "seeds", orders.seeds.clone().count() as u64, &total, failures);
    if orders.one {
        return failures;
    }
    match cut_everywhere(form, 1) {
        Ok(cuts) => {
            let Cuts { single, pairs, total } = cuts;
            println!(
                "{form:<12} {single:>6} power cuts, one before each step, {pairs:>6} with a second one before each write of the \
                 recovery {:>9} cuts {:>10} steps",
                total.cuts, total.steps
            );
        }
        Err((cuts, broken)) => {
            failures += 1;
            println!("{form}: power cut at {cuts:?}: {broken}");
        }
    }
    failures
}

fn print(form: Form, what: &str, count: u64, total: &Outcome, failures: u64) {
    println!(
        "{form:<12} {count:>6} {what:<10} {:>9} virtual hours {:>7} cuts {:>10} steps {:>12} bytes {failures:>3} failed",
        total.virtual_ms / 3_600_000,
        total.cuts,
        total.steps,
        total.bytes,
    );
}
