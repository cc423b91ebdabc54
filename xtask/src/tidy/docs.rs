//! Pages for people: every file that a page names exists.

use super::Finding;

/// Folders whose files a page names in backquotes: `crates/…`.
const ROOTS: [&str; 5] = ["crates/", "xtask/", "docs/", ".ci/", ".cargo/"];

/// Finds relative links and backquoted paths that lead nowhere. `files` are all files of the tree.
pub(super) fn paths(file: &str, text: &str, files: &[String]) -> Vec<Finding> {
    let folder = file.rsplit_once('/').map_or("", |(folder, _)| folder);
    let mut findings = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let links = links(line).filter_map(|link| resolve(folder, link));
        let named =
            backquoted(line).filter(|path| is_path(path)).map(|path| path.trim_end_matches('/').to_owned());
        findings.extend(links.chain(named).filter(|path| !exists(path, files)).map(|path| Finding {
            file: file.into(),
            line: index + 1,
            problem: format!("there is no `{path}`"),
            remedy: "name the file that took its place",
        }));
    }
    findings
}

/// Finds pages that sources speak of, as in `(docs/….md)`, and that do not exist.
pub(super) fn pages(file: &str, text: &str, files: &[String]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let words = line.split(|c: char| !(c.is_ascii_alphanumeric() || "/._-".contains(c)));
        let named = words.filter(|word| word.starts_with("docs/") && word.ends_with(".md"));
        findings.extend(named.filter(|page| !exists(page, files)).map(|page| Finding {
            file: file.into(),
            line: index + 1,
            problem: format!("there is no page `{page}`"),
            remedy: "write the page, or say here what it would say",
        }));
    }
    findings
}

/// The targets of `[text](target)`.
fn links(line: &str) -> impl Iterator<Item = &str> {
    line.split("](").skip(1).filter_map(|rest| rest.split_once(')').map(|(target, _)| target))
}

/// What stands between single backquotes.
fn backquoted(line: &str) -> impl Iterator<Item = &str> {
    line.split('`').skip(1).step_by(2)
}

/// True for a plain path below one of [`ROOTS`]: not a command, a pattern or a list.
fn is_path(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-".contains(c);
    ROOTS.iter().any(|root| text.starts_with(root)) && text.chars().all(plain)
}

/// The tree's path of a relative link; none for a link to a heading or to another site.
fn resolve(folder: &str, link: &str) -> Option<String> {
    let link = link.split('#').next().unwrap_or_default();
    if link.is_empty() || link.contains(':') {
        return None;
    }
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in link.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            name => parts.push(name),
        }
    }
    Some(parts.join("/"))
}

/// True for a file of the tree, or a folder that holds one.
fn exists(path: &str, files: &[String]) -> bool {
    path.is_empty()
        || files
            .iter()
            .any(|file| file.strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files() -> Vec<String> {
        ["README.md", "docs/README.md", "docs/mqtt.md", "crates/otaru/src/main.rs"]
            .map(str::to_owned)
            .to_vec()
    }

    #[test]
    fn links_and_paths_that_exist_are_good() {
        let good = "[notes](mqtt.md#traps) [up](../README.md) [web](https://ota.example/x.md) [here](#here)\n\
            `crates/otaru/src/main.rs` `crates/otaru/src` `docs/` `cargo run` `crates/*/src` `main.rs`\n";
        assert_eq!(paths("docs/README.md", good, &files()), []);
    }

    #[test]
    fn links_and_paths_that_lead_nowhere_are_found() {
        let bad = "fine\n[notes](mqtt.md) and `crates/otaru/src/gone.rs`\n";
        let found = paths("README.md", bad, &files());
        assert_eq!(found.iter().map(|it| it.line).collect::<Vec<_>>(), [2, 2]);
        assert!(found[0].problem.contains("`mqtt.md`"));
        assert!(found[1].problem.contains("gone.rs"));
    }

    #[test]
    fn a_page_that_a_source_speaks_of_must_exist() {
        assert_eq!(pages("a.rs", "//! See docs/mqtt.md, and mydocs/gone.md.\n", &files()), []);
        let found = pages("a.rs", "//! Why:\n//! see (docs/gone.md).\n", &files());
        assert_eq!(found.iter().map(|it| it.line).collect::<Vec<_>>(), [2]);
    }

    #[test]
    fn a_name_that_only_starts_like_a_files_is_not_that_file() {
        assert!(!exists("crates/otaru/src/main", &files()));
        assert!(!exists("crates/ota", &files()));
    }
}
