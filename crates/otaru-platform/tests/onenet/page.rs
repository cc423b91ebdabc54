//! `docs/dialects/onenet.md` names tests that there are.

use std::{fs, path::Path};

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
fn every_test_that_the_page_names_exists() {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut all = String::new();
    for folder in ["otaru-platform/src", "otaru-platform/tests", "otaru-wire/src", "otaru/tests"] {
        sources(&crates.join(folder), &mut all);
    }
    let page = fs::read_to_string(crates.parent().unwrap().join("docs/dialects/onenet.md")).unwrap();
    let quoted = page.split('`').skip(1).step_by(2);
    let is_name = |text: &str| {
        text.matches('_').count() > 3
            && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
    };
    let names: Vec<_> = quoted.filter(|text| is_name(text)).collect();
    assert!(names.len() > 25, "{names:?}");
    for name in names {
        assert!(all.contains(&format!("fn {name}(")), "no test is named {name}");
    }
}
