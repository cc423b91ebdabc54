//! `docs/device-sdk.md` says what is there: its fifteen lines, its examples, its sections and its tests.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::{
    fs,
    path::{Path, PathBuf},
};

/// The capabilities in the order in which the page has a section for each.
const SECTIONS: [&str; 16] = [
    "Report version",
    "Receive tasks",
    "Task description",
    "Decide",
    "Download by HTTP(S)",
    "A range of one's own",
    "Download over MQTT",
    "Several files",
    "Digests",
    "Progress and errors",
    "Remote configuration",
    "Dynamic registration",
    "Regions and endpoints",
    "Sub-devices and gateways",
    "Install",
    "If you come from Alibaba's C SDK",
];

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn page() -> String {
    fs::read_to_string(repository().join("docs/device-sdk.md")).unwrap()
}

fn backquoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

fn sources(folder: &Path, all: &mut String) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, all);
        } else if path.extension().is_some_and(|end| end == "rs") {
            all.push_str(&fs::read_to_string(&path).unwrap());
        }
    }
}

#[test]
fn the_fifteen_lines_are_those_of_the_example_that_is_run() {
    let page = page();
    let shown = page.split("```rust,no_run\n").nth(1).unwrap().split("```").next().unwrap();
    let example = fs::read_to_string(repository().join("crates/otaru-agent/examples/update.rs")).unwrap();
    assert_eq!(shown, example);
    assert!(shown.lines().count() <= 15, "{} lines", shown.lines().count());
}

#[test]
fn every_example_is_on_the_page_and_run_by_a_test() {
    let page = page();
    let tests = fs::read_to_string(repository().join("crates/otaru/tests/examples.rs")).unwrap();
    for entry in fs::read_dir(repository().join("crates/otaru-agent/examples")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(page.contains(&format!("| `crates/otaru-agent/examples/{name}` |")), "{name}");
        let run = format!("\"{}\"", name.trim_end_matches(".rs"));
        assert!(tests.contains(&run), "no test runs {name}");
    }
}

#[test]
fn every_capability_has_a_section_with_a_snippet_and_tests_that_exist() {
    let page = page();
    let sections: Vec<(&str, &str)> =
        page.split("\n## ").skip(3).map(|section| section.split_once('\n').unwrap()).collect();
    assert_eq!(sections.iter().map(|(title, _)| *title).collect::<Vec<_>>(), SECTIONS);

    let mut all = String::new();
    for krate in fs::read_dir(repository().join("crates")).unwrap() {
        for folder in ["src", "tests"].map(|folder| krate.as_ref().unwrap().path().join(folder)) {
            if folder.is_dir() {
                sources(&folder, &mut all);
            }
        }
    }
    for (title, text) in &sections[..SECTIONS.len() - 1] {
        // That it compiles is checked by `cargo test --doc -p otaru-agent`.
        assert!(text.contains("```rust\n"), "{title} shows nothing");
        let named = text.split("\nTests: ").nth(1).unwrap_or_else(|| panic!("{title} names no test"));
        for name in backquoted(named) {
            assert!(all.contains(&format!("fn {name}()")), "{title}: no test is named {name}");
        }
    }
}
