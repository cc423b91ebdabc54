//! `docs/dialects/onenet-by-hand.md`, script by script: what it prints must be what the page shows.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod common;

use std::{fs, path::Path, process::Command};

use common::Platform;

/// Ends what a script prints; no script prints it by itself.
const END: &str = "--- the script ends here ---";

/// A script of the page, and what it shows beneath.
struct Script {
    typed: String,
    shown: String,
}

fn scripts() -> Vec<Script> {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/dialects/onenet-by-hand.md");
    let page = fs::read_to_string(page).unwrap();
    let blocks: Vec<_> =
        page.split("```").skip(1).step_by(2).map(|block| block.split_once('\n').unwrap()).collect();
    let pairs = blocks.chunks(2).map(|pair| match pair {
        [("sh", typed), ("text", shown)] => Script { typed: (*typed).to_owned(), shown: (*shown).to_owned() },
        _ => panic!("a script without what it prints, or the other way round: {pair:?}"),
    });
    pairs.collect()
}

/// Does a line fit one of the page, in which `…` stands for any text?
fn fits(line: &str, shown: &str) -> bool {
    let mut rest = line;
    let parts: Vec<_> = shown.split('…').collect();
    for (at, part) in parts.iter().enumerate() {
        let found = match at {
            0 => rest.starts_with(part).then_some(0),
            _ if at + 1 == parts.len() => rest.len().checked_sub(part.len()).filter(|_| rest.ends_with(part)),
            _ => rest.find(part),
        };
        match found {
            Some(found) => rest = &rest[found + part.len()..],
            None => return false,
        }
    }
    rest.is_empty() || parts.len() > 1
}

/// A line `…` stands for any lines.
fn assert_shown(printed: &str, shown: &str, typed: &str) {
    let mut lines = printed.lines();
    let mut any = false;
    for expected in shown.lines() {
        if expected == "…" {
            any = true;
            continue;
        }
        let found = if any { lines.find(|line| fits(line, expected)) } else { lines.next() };
        any = false;
        assert!(
            found.is_some_and(|line| fits(line.trim_end(), expected)),
            "the page shows {expected:?}, not {found:?}; typed:\n{typed}\nprinted:\n{printed}"
        );
    }
    let more: Vec<_> = lines.collect();
    assert!(any || more.is_empty(), "the page does not show {more:?}; typed:\n{typed}");
}

#[test]
#[ignore = "needs curl and openssl"]
fn every_generation_is_walked_by_hand_as_the_page_prints_it() {
    let dir = tempfile::tempdir().unwrap();
    let platform = Platform::start(&dir.path().join("data"));
    let scripts = scripts();
    assert!(scripts.len() >= 14, "the page has {} scripts", scripts.len());
    // One terminal: what one script defines, the next one uses.
    let all: String = scripts.iter().map(|script| format!("{}echo '{END}'\n", script.typed)).collect();
    let program = Path::new(env!("CARGO_BIN_EXE_otaru")).parent().unwrap();
    let output = Command::new("bash")
        .args(["-c", &format!("set -u\n{all}")])
        .current_dir(dir.path())
        .env("PATH", format!("{}:{}", program.display(), std::env::var("PATH").unwrap()))
        .env("OTARU_URL", format!("http://{}", platform.http))
        .env("OTARU_TOKEN", platform.token.as_deref().unwrap())
        .output()
        .unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    let printed = String::from_utf8(output.stdout).unwrap();
    let printed: Vec<_> = printed.split(&format!("{END}\n")).collect();
    for (script, printed) in scripts.iter().zip(&printed) {
        assert_shown(printed, &script.shown, &format!("{}stderr: {stderr}", script.typed));
    }
    assert_eq!(printed.len(), scripts.len() + 1, "all of them ran: {stderr}");
    assert_eq!(stderr, "", "nothing is complained of");
    for file in ["token.bin", "tid.bin", "fuse.bin"] {
        let bytes = |name: &str| fs::read(dir.path().join(name)).unwrap();
        assert_eq!(bytes(file), bytes("app.bin"), "{file}");
    }
}

#[test]
fn a_line_of_the_page_stands_for_what_it_says_and_no_other() {
    assert!(fits("a 1 b 2 c", "a … b … c") && fits("ab", "a…b") && fits("a", "a") && fits("a 1", "a…"));
    for (line, shown) in [("ab", "a"), ("a", "ab"), ("ab", "a…bc"), ("aXc", "a…b…c"), ("ab", "ab…b")]
    {
        assert!(!fits(line, shown), "{line} {shown}");
    }
}
