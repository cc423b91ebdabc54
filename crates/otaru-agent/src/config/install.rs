//! `[install]` and `install` of a `[[module]]`: one of the kinds of installer, with what it needs.

use std::path::{Path, PathBuf};

use otaru_wire::Module;
use serde::{Deserialize, Deserializer, de::Error as _};

use super::{Seconds, value};

/// How a module's packages are installed.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
pub enum InstallConfig {
    /// A/B slots: two folders in the storage folder.
    Slots {},
    /// Files that are replaced where they are.
    File {
        /// One path for each file of a package, in order. Their folders must exist.
        #[serde(deserialize_with = "paths")]
        path: Vec<PathBuf>,
    },
    /// Two raw partitions, for packages of one file.
    Partition {
        /// The first: a block device, or a regular file in its place.
        a: PathBuf,
        /// The second.
        b: PathBuf,
    },
    /// A program that installs.
    Command {
        /// The program and its arguments; the paths of the package's files follow them.
        #[serde(deserialize_with = "value::needed_command")]
        command: Vec<String>,
        /// A program that is told that the new version is kept. Default: none.
        #[serde(default, deserialize_with = "value::command")]
        confirm: Option<Vec<String>>,
        /// A program that brings the old version back. Default: none.
        #[serde(default, deserialize_with = "value::command")]
        revert: Option<Vec<String>>,
        /// How long each of them may take, in seconds. Default: 600.
        #[serde(default = "ten_minutes")]
        timeout_s: Seconds,
        /// Take packages that are differences against the running version. Default: false.
        #[serde(default)]
        accept_delta: bool,
    },
}

impl Default for InstallConfig {
    fn default() -> Self {
        Self::Slots {}
    }
}

fn ten_minutes() -> Seconds {
    Seconds(std::time::Duration::from_secs(600))
}

impl InstallConfig {
    /// Makes its paths relative to the configuration's folder.
    pub(super) fn resolve(&mut self, base: &Path) {
        for path in self.paths_mut() {
            *path = base.join(&*path);
        }
    }

    fn paths_mut(&mut self) -> Vec<&mut PathBuf> {
        match self {
            Self::File { path } => path.iter_mut().collect(),
            Self::Partition { a, b } => vec![a, b],
            Self::Slots {} | Self::Command { .. } => Vec::new(),
        }
    }

    /// What it writes outside the storage folder.
    pub(crate) fn paths(&self) -> Vec<&PathBuf> {
        match self {
            Self::File { path } => path.iter().collect(),
            Self::Partition { a, b } => vec![a, b],
            Self::Slots {} | Self::Command { .. } => Vec::new(),
        }
    }
}

/// Two installers, or the two halves of one, that would write the same file: the key, and what is wrong.
pub(super) fn clash(installs: &[(Module, &InstallConfig)]) -> Option<(&'static str, String)> {
    let all: Vec<&PathBuf> = installs.iter().flat_map(|(_, install)| install.paths()).collect();
    let twice =
        all.iter().enumerate().find(|(index, path)| all.iter().skip(index + 1).any(|it| it == *path))?;
    Some(("install", format!("{} is there twice", twice.1.display())))
}

/// One path, or several.
fn paths<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<PathBuf>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum OneOrMore {
        One(PathBuf),
        More(Vec<PathBuf>),
    }
    let wrong = || D::Error::custom("path must be the path of a file, or a list of such paths");
    let paths = match OneOrMore::deserialize(deserializer).map_err(|_| wrong())? {
        OneOrMore::One(path) => vec![path],
        OneOrMore::More(paths) => paths,
    };
    // `~` marks the names beside a target, so it cannot end one.
    let usable = |path: &PathBuf| {
        let name = path.file_name().and_then(|name| name.to_str());
        name.is_some_and(|name| !["~new", "~old", "~none"].iter().any(|end| name.ends_with(end)))
    };
    match !paths.is_empty() && paths.iter().all(usable) {
        true => Ok(paths),
        false => Err(wrong()),
    }
}
