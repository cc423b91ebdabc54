//! Programs that others wrote and that the tests need: found, or installed where that is allowed.

use std::{
    env,
    ffi::OsStr,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail, ensure};

/// A program and the Debian package that holds it.
pub(crate) struct Program {
    name: &'static str,
    package: &'static str,
}

/// What the tests call, besides Rust, gcc and git.
pub(crate) const PROGRAMS: [Program; 8] = [
    Program { name: "curl", package: "curl" },
    Program { name: "haproxy", package: "haproxy" },
    Program { name: "mosquitto", package: "mosquitto" },
    Program { name: "mosquitto_pub", package: "mosquitto-clients" },
    Program { name: "mosquitto_sub", package: "mosquitto-clients" },
    Program { name: "openssl", package: "openssl" },
    Program { name: "pkg-config", package: "pkg-config" },
    Program { name: "valgrind", package: "valgrind" },
];

/// Makes sure that every one of `programs` can be started; installs what is missing on Debian as root.
///
/// # Errors
/// Names the programs that are missing and cannot be installed, and the packages that hold them.
pub(crate) fn ensure_programs(programs: &[Program]) -> Result<()> {
    let path = search_path();
    let missing = missing(programs, &path);
    if missing.is_empty() {
        println!("all there: {}", names(programs.iter()));
        return Ok(());
    }
    let packages = packages(&missing);
    if let Some(obstacle) = obstacle(find("apt-get", &path).is_some(), is_root()?) {
        bail!(
            "the tests need {}, which are not here, and {obstacle}; install {} and run this again",
            names(missing.iter().copied()),
            packages.join(" ")
        );
    }
    println!("missing: {}; installing {}", names(missing.iter().copied()), packages.join(" "));
    apt_get(&["update", "--quiet"])?;
    let mut install = vec!["install", "--quiet", "--yes", "--no-install-recommends"];
    install.extend(&packages);
    apt_get(&install)?;
    let still = self::missing(programs, &path);
    ensure!(still.is_empty(), "{} are still missing after apt-get", names(still.iter().copied()));
    Ok(())
}

fn apt_get(args: &[&str]) -> Result<()> {
    let status = Command::new("apt-get")
        .args(args)
        .env("DEBIAN_FRONTEND", "noninteractive")
        // Keeps a package's daemon from being started: the tests start what they need on ports of their own.
        .env("RUNLEVEL", "1")
        .status()
        .context("failed to start apt-get")?;
    ensure!(status.success(), "apt-get {} failed ({status})", args.join(" "));
    Ok(())
}

/// Why apt may not be used, if so.
fn obstacle(has_apt: bool, is_root: bool) -> Option<&'static str> {
    match (has_apt, is_root) {
        (false, _) => Some("this is not Debian (no apt-get)"),
        (true, false) => Some("only root may install them"),
        (true, true) => None,
    }
}

fn is_root() -> Result<bool> {
    let id = Command::new("id").arg("-u").output().context("failed to start id")?;
    Ok(id.stdout.trim_ascii() == b"0")
}

/// `PATH`, and where Debian puts servers.
fn search_path() -> Vec<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path).chain(["/usr/sbin".into(), "/sbin".into()]).collect()
}

fn find(program: impl AsRef<OsStr>, path: &[PathBuf]) -> Option<PathBuf> {
    path.iter().map(|folder| folder.join(Path::new(program.as_ref()))).find(|file| file.is_file())
}

fn missing<'a>(programs: &'a [Program], path: &[PathBuf]) -> Vec<&'a Program> {
    programs.iter().filter(|program| find(program.name, path).is_none()).collect()
}

fn packages(programs: &[&Program]) -> Vec<&'static str> {
    let mut packages: Vec<_> = programs.iter().map(|program| program.package).collect();
    packages.sort_unstable();
    packages.dedup();
    packages
}

fn names<'a>(programs: impl Iterator<Item = &'a Program>) -> String {
    programs.map(|program| program.name).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    const TWO: [Program; 3] = [
        Program { name: "here", package: "one" },
        Program { name: "not-here", package: "two" },
        Program { name: "nor-here", package: "two" },
    ];

    #[test]
    fn only_missing_programs_are_installed_and_each_package_once() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("here"), "").unwrap();
        let path = [PathBuf::from("/nowhere"), folder.path().to_owned()];
        let missing = missing(&TWO, &path);
        assert_eq!(names(missing.iter().copied()), "not-here, nor-here");
        assert_eq!(packages(&missing), ["two"]);
    }

    #[test]
    fn apt_is_used_only_by_root_on_debian() {
        assert_eq!(obstacle(true, true), None);
        assert!(obstacle(true, false).unwrap().contains("root"));
        assert!(obstacle(false, true).unwrap().contains("not Debian"));
    }
}
