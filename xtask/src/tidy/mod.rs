//! `cargo xtask tidy`: the rules of the house that the compiler does not know.
//!
//! Each rule is a function from text to findings, tested on a bad and a good sample. All findings are shown, not
//! only the first.

mod arrows;
mod docs;
mod manifests;
mod modules;
mod places;

use std::fmt;

use anyhow::{Result, bail};

use crate::tree::Tree;

/// Something that breaks a rule: where, what, and what to do about it.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Finding {
    file: String,
    /// From 1.
    line: usize,
    problem: String,
    remedy: &'static str,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}; {}", self.file, self.line, self.problem, self.remedy)
    }
}

/// Applies every rule to the whole tree and prints what it finds.
///
/// # Errors
/// If there is a finding, or the tree cannot be read.
pub(crate) fn run(tree: &Tree) -> Result<()> {
    let files = tree.files()?;
    let mut findings = arrows::check(tree)?;
    findings.extend(manifests::licence_files(&files));
    for file in &files {
        let Some(text) = tree.text(file)? else { continue };
        findings.extend(check_file(file, &text, &files));
    }
    findings.sort();
    for finding in &findings {
        println!("{finding}");
    }
    match findings.len() {
        0 => {
            println!("tidy: {} files, nothing to say", files.len());
            Ok(())
        }
        1 => bail!("1 finding"),
        count => bail!("{count} findings"),
    }
}

/// The rules for one file, chosen by its name.
fn check_file(file: &str, text: &str, files: &[String]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let extension = file.rsplit_once('.').map_or("", |(_, extension)| extension);
    if extension == "rs" {
        findings.extend(modules::doc_line(file, text));
        findings.extend(modules::left_out(file, text));
    }
    if matches!(extension, "rs" | "c" | "h" | "sh" | "js" | "css" | "html" | "sql") {
        findings.extend(modules::length(file, text));
        findings.extend(modules::unfinished(file, text));
    }
    if file.starts_with("crates/") {
        findings.extend(docs::pages(file, text, files));
    }
    if extension == "md" {
        findings.extend(docs::paths(file, text, files));
    }
    if file.ends_with("Cargo.toml") {
        findings.extend(manifests::reasons(file, text));
        findings.extend(manifests::house_fields(file, text));
    }
    if file.rsplit('/').next() != Some("Cargo.lock") {
        findings.extend(places::check(file, text));
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_reads_like_a_compilers() {
        let finding = Finding {
            file: "crates/otaru/src/main.rs".into(),
            line: 7,
            problem: "it is wrong".into(),
            remedy: "put it right",
        };
        assert_eq!(finding.to_string(), "crates/otaru/src/main.rs:7: it is wrong; put it right");
    }

    #[test]
    fn rules_go_by_the_files_name() {
        let files = ["README.md".to_owned()];
        assert_eq!(check_file("src/lib.rs", "fn undocumented() {}\n", &files).len(), 1);
        assert_eq!(check_file("docs/notes.txt", "fn undocumented() {}\n", &files), []);
        assert_eq!(check_file("docs/README.md", "[gone](gone.md)\n", &files).len(), 1);
    }
}
