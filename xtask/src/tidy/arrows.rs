//! The arrows between our crates, and libraries that some of them may never lean on.
//!
//! The same table stands in `ARCHITECTURE.md`, for people. Read from cargo's own metadata, so nothing can hide.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, ensure};
use cargo_metadata::{DependencyKind, Metadata, PackageId};

use super::Finding;
use crate::tree::Tree;

/// Which of our crates each of ours may depend on, in tests too: a test that needs both ends belongs to `otaru`.
const ALLOWED: [(&str, &[&str]); 13] = [
    ("otaru-wire", &[]),
    ("otaru-core", &["otaru-wire"]),
    ("otaru-fleet", &["otaru-wire"]),
    ("otaru-agent", &["otaru-core", "otaru-wire"]),
    ("otaru-capi", &["otaru-agent", "otaru-core", "otaru-wire"]),
    ("otaru-capi-aiot", &["otaru-agent", "otaru-capi", "otaru-core", "otaru-wire"]),
    ("otaru-capi-iotkit", &["otaru-agent", "otaru-capi", "otaru-core", "otaru-wire"]),
    ("otaru-capi-jd", &["otaru-agent", "otaru-capi", "otaru-core", "otaru-wire"]),
    ("otaru-capi-onenet", &["otaru-agent", "otaru-capi", "otaru-core", "otaru-wire"]),
    ("otaru-platform", &["otaru-fleet", "otaru-wire"]),
    ("otaru-sim", &["otaru-core", "otaru-fleet", "otaru-wire"]),
    ("otaru", &["otaru-agent", "otaru-platform", "otaru-sim", "otaru-wire"]),
    ("xtask", &[]),
];

/// Libraries that a crate may not reach, directly or through others: async runtimes, servers, databases.
const NEVER: [(&str, &[&str]); 9] = [
    ("otaru-wire", DOERS),
    ("otaru-core", DOERS),
    ("otaru-fleet", DOERS),
    ("otaru-agent", RUNTIMES),
    ("otaru-capi", RUNTIMES),
    ("otaru-capi-aiot", RUNTIMES),
    ("otaru-capi-iotkit", RUNTIMES),
    ("otaru-capi-jd", RUNTIMES),
    ("otaru-capi-onenet", RUNTIMES),
];
const RUNTIMES: &[&str] = &["tokio", "async-std", "smol", "hyper", "axum", "reqwest"];
const DOERS: &[&str] =
    &["tokio", "async-std", "smol", "hyper", "axum", "reqwest", "ureq", "rusqlite", "sqlx", "rustix"];

/// One dependency as a manifest declares it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Arrow {
    from: String,
    to: String,
}

/// Asks cargo for the workspace's dependencies and checks them.
pub(super) fn check(tree: &Tree) -> Result<Vec<Finding>> {
    let metadata = metadata(tree)?;
    let ours: BTreeMap<&PackageId, &str> =
        metadata.workspace_packages().into_iter().map(|it| (&it.id, it.name.as_str())).collect();
    let names: BTreeSet<&str> = ours.values().copied().collect();

    let mut arrows = BTreeSet::new();
    for package in metadata.workspace_packages() {
        for to in package.dependencies.iter().filter(|it| names.contains(it.name.as_str())) {
            arrows.insert(Arrow { from: package.name.to_string(), to: to.name.clone() });
        }
    }
    let reached = ours.iter().map(|(id, name)| Ok((*name, libraries(&metadata, id)?)));
    let reached: BTreeMap<&str, BTreeSet<String>> = reached.collect::<Result<_>>()?;

    let mut findings = unknown_crates(&names);
    findings.extend(foreign_arrows(&arrows));
    findings.extend(libraries_out_of_bounds(&reached));
    Ok(findings)
}

fn metadata(tree: &Tree) -> Result<Metadata> {
    // Only this host's dependencies: others need not be downloaded to run the tests here.
    let version = tree.rustc_version()?;
    let host = version.lines().find_map(|line| line.strip_prefix("host: ")).context("rustc names no host")?;
    let args = ["metadata", "--format-version", "1", "--locked", "--filter-platform", host];
    let output = tree.cargo(&args).output().context("failed to start cargo")?;
    ensure!(
        output.status.success(),
        "cargo metadata failed: {}",
        String::from_utf8_lossy(&output.stderr).trim()
    );
    let json = String::from_utf8(output.stdout).context("cargo metadata is not UTF-8")?;
    cargo_metadata::MetadataCommand::parse(json).context("failed to read cargo metadata")
}

/// Every library that `from` links, however far away, and those that its own tests name.
fn libraries(metadata: &Metadata, from: &PackageId) -> Result<BTreeSet<String>> {
    let resolve = metadata.resolve.as_ref().context("cargo metadata resolved nothing")?;
    let nodes: BTreeMap<_, _> = resolve.nodes.iter().map(|node| (&node.id, node)).collect();
    let mut seen = BTreeSet::new();
    let mut todo = vec![from];
    while let Some(id) = todo.pop() {
        for dependency in nodes.get(id).into_iter().flat_map(|node| &node.deps) {
            let counts = |kind| kind != DependencyKind::Development || id == from;
            if dependency.dep_kinds.iter().any(|it| counts(it.kind)) && seen.insert(&dependency.pkg) {
                todo.push(&dependency.pkg);
            }
        }
    }
    Ok(seen.into_iter().map(|id| metadata[id].name.to_string()).collect())
}

fn unknown_crates(names: &BTreeSet<&str>) -> Vec<Finding> {
    let unknown = names.iter().filter(|name| !ALLOWED.iter().any(|(known, _)| known == *name));
    unknown
        .map(|name| Finding {
            file: "Cargo.toml".into(),
            line: 1,
            problem: format!("{name} is not in the table of arrows"),
            remedy: "give it a row in xtask/src/tidy/arrows.rs and in ARCHITECTURE.md, with its reason",
        })
        .collect()
}

fn foreign_arrows(arrows: &BTreeSet<Arrow>) -> Vec<Finding> {
    let allowed = |arrow: &&Arrow| {
        let row = ALLOWED.iter().find(|(from, _)| *from == arrow.from);
        row.is_none_or(|(_, to)| to.contains(&arrow.to.as_str()))
    };
    arrows
        .iter()
        .filter(|arrow| !allowed(arrow))
        .map(|Arrow { from, to }| Finding {
            file: manifest(from),
            line: 1,
            problem: format!("{from} may not depend on {to}, not even in its tests"),
            remedy: "move the code to where the arrow is allowed (ARCHITECTURE.md, crate map)",
        })
        .collect()
}

fn libraries_out_of_bounds(reached: &BTreeMap<&str, BTreeSet<String>>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (name, never) in NEVER {
        for library in never.iter().filter(|it| reached.get(name).is_some_and(|all| all.contains(**it))) {
            findings.push(Finding {
                file: manifest(name),
                line: 1,
                problem: format!("{name} may never reach {library}"),
                remedy: "`cargo tree --invert` shows the way it came; cut it there",
            });
        }
    }
    findings
}

fn manifest(name: &str) -> String {
    if name == "xtask" { "xtask/Cargo.toml".into() } else { format!("crates/{name}/Cargo.toml") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arrow(from: &str, to: &str) -> BTreeSet<Arrow> {
        BTreeSet::from([Arrow { from: from.into(), to: to.into() }])
    }

    #[test]
    fn an_arrow_of_the_table_is_allowed() {
        assert_eq!(foreign_arrows(&arrow("otaru-core", "otaru-wire")), []);
        assert_eq!(foreign_arrows(&arrow("otaru", "otaru-agent")), []);
    }

    #[test]
    fn any_other_arrow_is_found() {
        for (from, to) in [
            ("otaru-wire", "otaru-core"),
            ("otaru-core", "otaru-fleet"),
            ("otaru-agent", "otaru-platform"),
            ("otaru-platform", "otaru-agent"),
            ("otaru-fleet", "otaru-platform"),
            ("xtask", "otaru-wire"),
        ] {
            let found = foreign_arrows(&arrow(from, to));
            assert_eq!(found.len(), 1, "{from} -> {to}");
            assert!(found[0].problem.contains(from) && found[0].problem.contains(to));
        }
    }

    #[test]
    fn a_crate_without_a_row_is_found() {
        assert_eq!(unknown_crates(&BTreeSet::from(["otaru-wire", "xtask"])), []);
        assert_eq!(unknown_crates(&BTreeSet::from(["otaru-extra"])).len(), 1);
    }

    #[test]
    fn a_decider_that_reaches_a_runtime_is_found() {
        let reached = |name, library: &str| BTreeMap::from([(name, BTreeSet::from([library.to_owned()]))]);
        assert_eq!(libraries_out_of_bounds(&reached("otaru-fleet", "serde")), []);
        assert_eq!(libraries_out_of_bounds(&reached("otaru-platform", "tokio")), []);
        assert_eq!(libraries_out_of_bounds(&reached("otaru-fleet", "rusqlite")).len(), 1);
        assert_eq!(libraries_out_of_bounds(&reached("otaru-agent", "tokio")).len(), 1);
    }
}
