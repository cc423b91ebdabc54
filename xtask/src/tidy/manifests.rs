//! Manifests: a reason beside every member and dependency, the same licence, edition and lints everywhere.

use super::Finding;

/// The texts of the two licences, at the root.
const LICENCES: [&str; 2] = ["LICENSE-APACHE", "LICENSE-MIT"];

/// Both licence texts are there.
pub(super) fn licence_files(files: &[String]) -> Vec<Finding> {
    let missing = LICENCES.iter().filter(|licence| !files.iter().any(|file| file == *licence));
    missing
        .map(|licence| Finding {
            file: (*licence).into(),
            line: 1,
            problem: "the licence's text is missing".into(),
            remedy: "put it back: the project is MIT OR Apache-2.0, both texts at the root",
        })
        .collect()
}

/// Lines that every crate's manifest has, and that only those in `crates/` need besides.
const EVERYWHERE: [&str; 4] =
    ["edition.workspace = true", "rust-version.workspace = true", "license.workspace = true", "[lints]"];
const IN_CRATES: [&str; 3] = ["version.workspace = true", "repository.workspace = true", "description ="];

/// Every crate takes licence, edition, Rust version and lints from the workspace, which has the licence.
pub(super) fn house_fields(file: &str, text: &str) -> Vec<Finding> {
    // The root's, and one that stands aside with a workspace of its own.
    let is_root = text.lines().any(|line| line == "[workspace]");
    let wanted: Vec<&str> = if is_root {
        vec!["license = \"MIT OR Apache-2.0\"", "rust-version =", "edition ="]
    } else if file.starts_with("crates/") {
        EVERYWHERE.into_iter().chain(IN_CRATES).collect()
    } else {
        EVERYWHERE.to_vec()
    };
    let missing = wanted.into_iter().filter(|field| !text.lines().any(|line| line.starts_with(field)));
    missing
        .map(|field| Finding {
            file: file.into(),
            line: 1,
            problem: format!("`{field}` is missing"),
            remedy: "every crate takes it from the workspace, see xtask/Cargo.toml",
        })
        .collect()
}

/// Every workspace member, and every dependency that a manifest picks itself, has its reason in a comment: on its
/// line, or above it in its group (lines without a blank one between). Our own crates need none.
pub(super) fn reasons(file: &str, text: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut section = "";
    let mut explained = false; // a comment stands above in this group
    let mut depth = 0_i32; // open brackets: the lines of a list belong to the line that opened it
    for (index, line) in text.lines().map(str::trim).enumerate() {
        let inside = depth > 0;
        let (code, comment) = split_comment(line);
        depth += brackets(code);
        if !inside && code.starts_with('[') {
            section = code;
            explained = false;
            depth = 0;
        } else if line.is_empty() {
            explained = false;
        } else if code.is_empty() {
            explained = true;
        }
        let needs = if inside {
            section == "[workspace]" && code.starts_with('"')
        } else {
            is_dependency(section, code)
        };
        // A member's reason stands on its own line: the list is one group.
        let has = comment || (explained && !inside);
        if needs && !has {
            let name = code.split(['=', '.', ',']).next().unwrap_or(code).trim();
            findings.push(Finding {
                file: file.into(),
                line: index + 1,
                problem: format!("{name} has no reason"),
                remedy: "say in a comment beside or above it what it is for",
            });
        }
    }
    findings
}

/// Our own crates, seen from the root and from a workspace beside it.
const OURS: [&str; 2] = ["path = \"crates/", "path = \"../crates/"];

/// True for a line of a dependency table that picks something that is not ours.
fn is_dependency(section: &str, code: &str) -> bool {
    let name = section.trim_matches(['[', ']']);
    if name.contains("dependencies.") {
        return code.starts_with('['); // a table of its own
    }
    let picks = code.contains('=')
        && !code.contains("workspace = true")
        && !OURS.iter().any(|path| code.contains(path));
    name.ends_with("dependencies") && picks && !code.starts_with('[')
}

/// The line without its comment, and whether it has one. A `#` inside a string does not start one.
fn split_comment(line: &str) -> (&str, bool) {
    let mut quoted = false;
    for (at, c) in line.char_indices() {
        match c {
            '"' => quoted = !quoted,
            '#' if !quoted => return (line.get(..at).unwrap_or_default().trim_end(), true),
            _ => {}
        }
    }
    (line, false)
}

/// Brackets opened less those closed.
fn brackets(code: &str) -> i32 {
    code.chars().fold(0, |depth, c| match c {
        '[' | '{' => depth + 1,
        ']' | '}' => depth - 1,
        _ => depth,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Vec<usize> {
        reasons("Cargo.toml", text).iter().map(|it| it.line).collect()
    }

    #[test]
    fn dependencies_with_a_reason_are_good() {
        let good = "[workspace]\nmembers = [\n    \"crates/a\", # the first\n]\n\n[workspace.dependencies]\n\
            ours = { path = \"crates/ours\" }\n\n# JSON.\nserde = \"1\"\nserde_json = { version = \"1\", features = [\n\
            \x20   \"alloc\",\n] }\n\ntoml = \"1\" # configuration\n";
        assert_eq!(reasons("Cargo.toml", good), []);
        assert_eq!(
            reasons("Cargo.toml", "[dependencies]\nserde.workspace = true\nours = { workspace = true }\n"),
            []
        );
        assert_eq!(reasons("Cargo.toml", "[package]\nname = \"a\"\n\n[features]\ndefault = [\"std\"]\n"), []);
    }

    #[test]
    fn a_dependency_without_a_reason_is_found() {
        assert_eq!(lines("[workspace.dependencies]\n# JSON.\nserde = \"1\"\n\nbytes = \"1\"\n"), [5]);
        assert_eq!(lines("# About the file.\n[dev-dependencies]\nbytes = \"1\"\n"), [3]);
        assert_eq!(lines("[target.'cfg(unix)'.dependencies]\nrustix = \"1\"\n"), [2]);
        assert_eq!(lines("[dependencies.bytes]\nversion = \"1\"\n"), [1]);
    }

    #[test]
    fn a_member_without_a_reason_is_found() {
        assert_eq!(lines("[workspace]\n# All of them.\nmembers = [\n    \"a\", # one\n    \"b\",\n]\n"), [5]);
    }

    #[test]
    fn a_hash_in_a_string_is_no_comment() {
        assert_eq!(split_comment("a = \"#\" # why"), ("a = \"#\"", true));
        assert_eq!(split_comment("a = \"#\""), ("a = \"#\"", false));
    }

    #[test]
    fn a_missing_licence_is_found() {
        let both = LICENCES.map(str::to_owned).to_vec();
        assert_eq!(licence_files(&both), []);
        assert_eq!(licence_files(&both[..1]).len(), 1);
    }

    #[test]
    fn fields_that_do_not_come_from_the_workspace_are_found() {
        let good: String = EVERYWHERE.iter().map(|field| format!("{field}\n")).collect();
        assert_eq!(house_fields("xtask/Cargo.toml", &good), []);
        assert_eq!(house_fields("crates/a/Cargo.toml", &good).len(), IN_CRATES.len());
        assert_eq!(house_fields("xtask/Cargo.toml", &good.replace("license.", "licence.")).len(), 1);
    }

    #[test]
    fn a_workspace_of_its_own_says_what_it_cannot_take_from_another() {
        let own =
            "[workspace]\nlicense = \"MIT OR Apache-2.0\"\nrust-version = \"1.90\"\nedition = \"2024\"\n";
        for file in ["Cargo.toml", "fuzz/Cargo.toml"] {
            assert_eq!(house_fields(file, own), []);
            assert_eq!(house_fields(file, &own.replace("license", "licence")).len(), 1);
        }
    }
}
