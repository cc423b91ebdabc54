//! The clone that the commands work on: its root, its files, its cargo.

use std::{
    env,
    ffi::OsString,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail, ensure};

/// A clone of the repository.
pub(crate) struct Tree {
    root: PathBuf,
}

impl Tree {
    /// The clone that this xtask belongs to, from whatever directory it was called.
    pub(crate) fn here() -> Result<Self> {
        // `cargo run` tells the manifest's folder of today. The one at compile time may be another clone's when
        // several share a target folder.
        let manifest =
            env::var_os("CARGO_MANIFEST_DIR").unwrap_or_else(|| OsString::from(env!("CARGO_MANIFEST_DIR")));
        let root = Path::new(&manifest).parent().context("the xtask folder has no parent")?;
        ensure!(root.join("xtask").is_dir(), "{} is not a clone of otaru", root.display());
        Ok(Self { root: root.to_owned() })
    }

    /// A cargo command in the root, free of what an outer `cargo run` left in the environment.
    pub(crate) fn cargo(&self, args: &[&str]) -> Command {
        let mut command = Command::new(cargo_program());
        command.current_dir(&self.root).args(args);
        for (key, _) in env::vars_os() {
            if belongs_to_the_outer_run(&key.to_string_lossy()) {
                command.env_remove(key);
            }
        }
        command
    }

    /// What `rustc -vV` says of the toolchain that cargo uses here.
    pub(crate) fn rustc_version(&self) -> Result<String> {
        let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
        let output = Command::new(rustc).current_dir(&self.root).arg("-vV").output();
        let output = output.context("failed to start rustc")?;
        String::from_utf8(output.stdout).context("rustc's version is not UTF-8")
    }

    /// Every file that is or would be committed, with `/` between folders, relative to the root.
    pub(crate) fn files(&self) -> Result<Vec<String>> {
        let listed = Command::new("git")
            .current_dir(&self.root)
            .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
            .output()
            .context("failed to start git; it is needed to list the files")?;
        if !listed.status.success() {
            bail!("git ls-files failed: {}", String::from_utf8_lossy(&listed.stderr).trim());
        }
        let names = String::from_utf8(listed.stdout).context("a file name is not UTF-8")?;
        let mut files: Vec<String> = names
            .split('\0')
            .filter(|name| !name.is_empty() && self.root.join(name).is_file()) // deleted, not yet committed
            .map(str::to_owned)
            .collect();
        files.sort();
        files.dedup();
        Ok(files)
    }

    /// The text of a file, or none if it is not text.
    pub(crate) fn text(&self, file: &str) -> Result<Option<String>> {
        let bytes = std::fs::read(self.root.join(file)).with_context(|| format!("failed to read {file}"))?;
        Ok(String::from_utf8(bytes).ok())
    }
}

/// The cargo that started us, so that no other toolchain slips in.
pub(crate) fn cargo_program() -> OsString {
    env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}

/// Variables that `cargo run` sets about xtask itself. Build scripts that watch them (ring's does) would run again
/// each time a developer changes between `cargo xtask` and plain cargo.
fn belongs_to_the_outer_run(variable: &str) -> bool {
    ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_CRATE_", "CARGO_BIN_"]
        .iter()
        .any(|own| variable.starts_with(own))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_inner_cargo_is_not_told_about_xtask() {
        assert!(belongs_to_the_outer_run("CARGO_PKG_NAME"));
        assert!(belongs_to_the_outer_run("CARGO_MANIFEST_DIR"));
        assert!(!belongs_to_the_outer_run("CARGO_TARGET_DIR"), "the caller's target folder is honoured");
        assert!(!belongs_to_the_outer_run("CARGO_HOME"));
    }

    #[test]
    fn files_are_those_that_would_be_committed() {
        let folder = tempfile::tempdir().unwrap();
        let git = |args: &[&str]| {
            assert!(Command::new("git").current_dir(folder.path()).args(args).status().unwrap().success());
        };
        git(&["init", "--quiet"]);
        std::fs::write(folder.path().join(".gitignore"), "/target\n").unwrap();
        std::fs::create_dir(folder.path().join("target")).unwrap();
        std::fs::write(folder.path().join("target/built.rs"), "").unwrap();
        std::fs::write(folder.path().join("new.rs"), "").unwrap();
        std::fs::write(folder.path().join("gone.rs"), "").unwrap();
        git(&["add", "gone.rs"]);
        std::fs::remove_file(folder.path().join("gone.rs")).unwrap();

        let tree = Tree { root: folder.path().to_owned() };
        assert_eq!(tree.files().unwrap(), [".gitignore", "new.rs"]);
    }
}
