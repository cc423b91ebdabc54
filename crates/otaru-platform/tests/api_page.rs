//! The examples of `docs/api.md`, run by a shell and curl against a platform that runs, in the page's order.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // helpers of tests too

use std::{fs, path::Path, process::Command};

use otaru_platform::{Config, Running, start};
use serde_json::Value;
use tempfile::TempDir;

const PAGE: &str = include_str!("../../../docs/api.md");

/// A command of the page, and the answer that the page promises for it.
struct Example {
    command: &'static str,
    answer: Value,
}

/// The blocks of shell, each followed by one of JSON.
fn examples() -> Vec<Example> {
    let blocks: Vec<_> = PAGE.split("\n```").collect();
    let mut examples = Vec::new();
    for (at, block) in blocks.iter().enumerate() {
        if let Some(command) = block.strip_prefix("sh\n") {
            let answer =
                blocks[at + 2].strip_prefix("json\n").expect("each command is followed by its answer");
            examples.push(Example { command, answer: serde_json::from_str(answer).unwrap() });
        }
    }
    examples
}

async fn platform(folder: &Path) -> Running {
    start(Config::local(folder.join("data"))).await.unwrap()
}

fn run(command: &str, folder: &Path, platform: &Running) -> Value {
    let output = Command::new("sh")
        .args(["-euc", command])
        .current_dir(folder)
        .env("OTARU_URL", format!("http://{}", platform.http))
        .env("OTARU_TOKEN", platform.first_token.as_deref().unwrap())
        .env_remove("http_proxy")
        .output()
        .unwrap();
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{command}\n{out}\n{err}");
    serde_json::from_str(&out).unwrap_or_else(|error| panic!("{command}\n{out}\n{error}"))
}

/// The same, except where the page cannot know: `…` is any text, and a time is any time.
fn assert_as_promised(promised: &Value, found: &Value, at: &str) {
    match (promised, found) {
        (Value::String(promised), Value::String(_)) if promised == "…" => {}
        (Value::Number(_), Value::Number(_)) if at.ends_with("_ms") => {}
        (Value::Object(promised), Value::Object(found)) => {
            let (want, have): (Vec<_>, Vec<_>) = (promised.keys().collect(), found.keys().collect());
            assert_eq!(want, have, "at {at}");
            promised
                .iter()
                .for_each(|(key, value)| assert_as_promised(value, &found[key], &format!("{at}.{key}")));
        }
        // Of a list, the page shows the first.
        (Value::Array(promised), Value::Array(found)) if !promised.is_empty() => {
            assert!(!found.is_empty(), "nothing at {at}");
            assert_as_promised(&promised[0], &found[0], at);
        }
        _ => assert_eq!(promised, found, "at {at}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs curl"]
async fn every_example_of_the_api_page_works_in_order_and_answers_as_shown() {
    let folder = TempDir::new().unwrap();
    let platform = platform(folder.path()).await;
    let examples = examples();
    assert!(examples.len() >= 14, "the page has {} examples", examples.len());
    for example in &examples {
        let found = tokio::task::block_in_place(|| run(example.command, folder.path(), &platform));
        assert_as_promised(&example.answer, &found, example.command);
    }
    platform.stop().await;
}

#[test]
fn every_route_is_on_the_page() {
    let router = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/src/http/router.rs")).unwrap();
    let routes: Vec<_> =
        router.split(".route(\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    assert!(routes.len() >= 11);
    for route in routes {
        // `{id}` and the like are spelled out on the page.
        let parts: Vec<_> =
            route.split('/').filter(|part| !part.is_empty() && !part.starts_with('{')).collect();
        assert!(
            PAGE.lines().any(|line| parts.iter().all(|part| line.contains(&format!("/{part}")))),
            "{route} is missing"
        );
    }
}

#[test]
fn every_figure_is_on_the_operators_page() {
    let page = include_str!("../../../docs/operate.md");
    let sources = [
        include_str!("../src/gateway/meters.rs"),
        include_str!("../src/service/meters.rs"),
        include_str!("../src/http/health.rs"),
        include_str!("../src/http/download.rs"),
    ];
    let quoted = sources.into_iter().flat_map(|source| source.split('"').skip(1).step_by(2));
    let figures: Vec<&str> = quoted.filter(|text| text.starts_with("otaru_")).collect();
    assert!(figures.len() >= 18, "{figures:?}");
    for figure in figures {
        let named = page.contains(&format!("`{figure}`")) || page.contains(&format!("`{figure}{{"));
        assert!(named, "{figure}");
    }
}
