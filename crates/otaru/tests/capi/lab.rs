//! What a C test needs: a vendor's library as cargo builds it now, the C compiler, a program that runs.
#![allow(dead_code, reason = "each test file uses its own part")]

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
    sync::LazyLock,
};

use crate::common::{built, repository};

/// One vendor's library and its headers.
pub(crate) struct Library {
    package: &'static str,
    archive: PathBuf,
    shared: PathBuf,
}

/// `libotaru_aiot`.
pub(crate) static AIOT: LazyLock<Library> = LazyLock::new(|| Library::build("otaru-capi-aiot"));

/// How a program is bound to the library.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Linked {
    /// `libotaru_….a`: nothing is needed where it runs.
    Static,
    /// `libotaru_….so`.
    Shared,
}

/// A language that the headers are read as.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Standard {
    C99,
    Cpp17,
}

impl Library {
    fn build(package: &'static str) -> Self {
        let messages = built(&["--package", package, "--lib"]);
        let made =
            messages.iter().filter(|message| message["target"]["name"] == package.replace("-capi-", "_"));
        let files: Vec<PathBuf> = made
            .flat_map(|message| message["filenames"].as_array().cloned().unwrap_or_default())
            .filter_map(|file| file.as_str().map(PathBuf::from))
            .collect();
        let ends =
            |end: &str| files.iter().find(|file| file.extension().is_some_and(|it| it == end)).cloned();
        Self {
            package,
            archive: ends("a").expect("an archive"),
            shared: ends("so").expect("a shared library"),
        }
    }

    /// The folder of its headers.
    pub(crate) fn include(&self) -> PathBuf {
        repository().join("crates").join(self.package).join("include")
    }

    /// Its headers, by name.
    pub(crate) fn headers(&self) -> Vec<String> {
        let names = fs::read_dir(self.include()).unwrap().map(|entry| entry.unwrap().file_name());
        let mut names: Vec<_> = names.map(|name| name.into_string().unwrap()).collect();
        names.sort();
        names
    }

    pub(crate) fn archive(&self) -> &Path {
        &self.archive
    }

    pub(crate) fn shared(&self) -> &Path {
        &self.shared
    }

    /// Compiles, without a warning, what must only compile.
    pub(crate) fn check(&self, standard: Standard, source: &str) {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("check.c");
        fs::write(&file, source).unwrap();
        let mut compiler = standard.compiler();
        compiler.arg("-I").arg(self.include()).arg("-fsyntax-only").arg(&file);
        succeeds(compiler);
    }

    /// Compiles a program of `tests/capi/c` as C99, without a warning, and links it.
    pub(crate) fn program(&self, folder: &Path, name: &str, linked: Linked) -> PathBuf {
        self.program_of(
            folder,
            &repository().join("crates/otaru/tests/capi/c").join(format!("{name}.c")),
            linked,
        )
    }

    /// The same of any source.
    pub(crate) fn program_of(&self, folder: &Path, source: &Path, linked: Linked) -> PathBuf {
        let program = folder.join(source.file_stem().unwrap());
        let mut compiler = Standard::C99.compiler();
        compiler.args(["-g", "-I"]).arg(self.include()).arg(source).arg("-o").arg(&program);
        match linked {
            Linked::Static => compiler.arg(&self.archive),
            Linked::Shared => {
                let folder = self.shared.parent().unwrap();
                compiler.arg(&self.shared).arg(format!("-Wl,-rpath,{}", folder.display()))
            }
        };
        succeeds(compiler.args_last(["-lpthread", "-ldl", "-lm"]));
        program
    }
}

/// Puts arguments behind all others.
trait ArgsLast {
    fn args_last<const N: usize>(self, args: [&str; N]) -> Self;
}

impl ArgsLast for Command {
    fn args_last<const N: usize>(mut self, args: [&str; N]) -> Self {
        self.args(args);
        self
    }
}

impl Standard {
    fn compiler(self) -> Command {
        let mut compiler = Command::new("gcc");
        match self {
            Standard::C99 => compiler.args(["-std=c99", "-D_POSIX_C_SOURCE=200809L"]),
            Standard::Cpp17 => compiler.args(["-x", "c++", "-std=c++17"]),
        };
        compiler.args(["-pedantic", "-Wall", "-Wextra", "-Werror"]);
        compiler
    }
}

/// A program under valgrind: any error or leak ends it with 99.
pub(crate) fn under_valgrind(program: &Path) -> Command {
    let mut valgrind = Command::new("valgrind");
    valgrind.args([
        "--quiet",
        "--error-exitcode=99",
        "--leak-check=full",
        "--show-leak-kinds=definite,possible",
    ]);
    valgrind.arg("--errors-for-leak-kinds=definite,possible").arg(program);
    valgrind
}

/// Runs a command that must succeed.
pub(crate) fn succeeds(mut command: Command) -> Output {
    let output = command.output().unwrap_or_else(|error| panic!("{:?}: {error}", command.get_program()));
    assert!(
        output.status.success(),
        "{command:?} ({}):\n{}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    output
}
