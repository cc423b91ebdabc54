//! Source files: a doc line at the top, a bearable length, nothing unfinished, no test left out without a reason.

use super::Finding;

/// The most lines a source file may have, tests included. Most have 100 to 350.
const MAX_LINES: usize = 400;

/// Marks of work that is not done. In two parts, so that this file does not find itself.
const UNFINISHED_WORDS: [&str; 3] = [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X")];
const UNFINISHED_CALLS: [&str; 2] = [concat!("to", "do!("), concat!("unimple", "mented!(")];

/// What leaves a test out. In two parts, too.
const IGNORE: &str = concat!("#[ig", "nore");

/// Every file of Rust starts with a `//!` line that says what it is about.
pub(super) fn doc_line(file: &str, text: &str) -> Option<Finding> {
    let first = text.lines().map(str::trim).find(|line| {
        let attribute = line.starts_with("#!");
        let comment = line.starts_with("//") && !line.starts_with("//!") && !line.starts_with("///");
        !line.is_empty() && !attribute && !comment
    });
    let documented =
        first.and_then(|line| line.strip_prefix("//!")).is_some_and(|doc| !doc.trim().is_empty());
    (!documented).then(|| Finding {
        file: file.into(),
        line: 1,
        problem: "the module has no doc line".into(),
        remedy: "start the file with `//! …`: what it is about, in one line",
    })
}

/// No source file is longer than [`MAX_LINES`].
pub(super) fn length(file: &str, text: &str) -> Option<Finding> {
    let lines = text.lines().count();
    (lines > MAX_LINES).then(|| Finding {
        file: file.into(),
        line: MAX_LINES + 1,
        problem: format!("the file has {lines} lines, more than {MAX_LINES}"),
        remedy: "split it by what its parts are about",
    })
}

/// No mark of unfinished work is committed.
pub(super) fn unfinished(file: &str, text: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let words = UNFINISHED_WORDS.iter().filter(|word| has_word(line, word));
        let calls = UNFINISHED_CALLS.iter().filter(|call| line.contains(**call));
        findings.extend(words.chain(calls).map(|mark| Finding {
            file: file.into(),
            line: index + 1,
            problem: format!("`{mark}` marks unfinished work"),
            remedy: "finish it, or file it as an issue and take the mark out",
        }));
    }
    findings
}

/// A test that plain `cargo test` leaves out says what it needs; `cargo xtask test` provides that and runs it.
pub(super) fn left_out(file: &str, text: &str) -> Vec<Finding> {
    let left_out = |line: &str| line.trim_start().starts_with(IGNORE);
    let explained = |line: &str| line.contains("= \"needs ");
    let lines = text.lines().enumerate().filter(|(_, line)| left_out(line) && !explained(line));
    lines
        .map(|(index, _)| Finding {
            file: file.into(),
            line: index + 1,
            problem: "a test is left out without saying what it needs".into(),
            remedy: "name the program, as in `= \"needs curl\"`, and add it to xtask/src/apt.rs",
        })
        .collect()
}

fn has_word(line: &str, word: &str) -> bool {
    line.split(|c: char| !c.is_alphanumeric() && c != '_').any(|part| part == word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_module_with_a_doc_line_is_good() {
        for good in [
            "//! Ranges of bytes.\n\nuse core::ops;\n",
            "#![no_std]\n//! Ranges of bytes.\n",
            "// Made by a tool.\n\n//! Ranges of bytes.\n",
        ] {
            assert_eq!(doc_line("a.rs", good), None, "{good}");
        }
    }

    #[test]
    fn a_module_without_a_doc_line_is_found() {
        for bad in
            ["", "use core::ops;\n", "//!\nuse core::ops;\n", "/// The doc of a function.\nfn f() {}\n"]
        {
            assert_eq!(doc_line("a.rs", bad).map(|it| it.line), Some(1), "{bad}");
        }
    }

    #[test]
    fn a_file_that_is_too_long_is_found() {
        assert_eq!(length("a.rs", &"line\n".repeat(MAX_LINES)), None);
        assert!(length("a.rs", &"line\n".repeat(MAX_LINES + 1)).is_some());
    }

    #[test]
    fn unfinished_work_is_found_where_it_stands() {
        for mark in UNFINISHED_WORDS {
            let found = unfinished("a.rs", &format!("fn f() {{}}\n// {mark}: the rest\n"));
            assert_eq!(found.iter().map(|it| it.line).collect::<Vec<_>>(), [2], "{mark}");
        }
        for call in UNFINISHED_CALLS {
            assert_eq!(unfinished("a.rs", &format!("fn f() {{ {call}) }}\n")).len(), 1, "{call}");
        }
    }

    #[test]
    fn a_test_that_is_left_out_without_a_need_is_found() {
        assert_eq!(left_out("a.rs", &format!("{IGNORE} = \"needs curl\"]\nfn t() {{}}\n")), []);
        for bad in ["]", " = \"slow\"]"] {
            assert_eq!(left_out("a.rs", &format!("    #[test]\n    {IGNORE}{bad}\n")).len(), 1, "{bad}");
        }
    }

    #[test]
    fn words_that_only_look_like_marks_are_good() {
        assert_eq!(unfinished("a.rs", "let todo = vec![]; // a TODOS list, METHOD, autodo!\n"), []);
    }
}
