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

/// `libotaru_jd`.
pub(crate) static JD: LazyLock<Library> = LazyLock::new(|| Library::build("otaru-capi-jd"));

/// `libotaru_onenet`.
pub(crate) static ONENET: LazyLock<Library> = LazyLock::new(|| Library::build("otaru-capi-onenet"));

/// `libotaru_iotkit`.
pub(crate) static IOTKIT: LazyLock<Library> = LazyLock::new(|| Library::build("otaru-capi-iotkit"));

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
        self.check_with(standard, &[], source);
    }

    /// The same with options of the compiler.
    pub(crate) fn check_with(&self, standard: Standard, options: &[&str], source: &str) {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("check.c");
        fs::write(&file, source).unwrap();
        let mut compiler = standard.compiler();
        compiler.arg("-I").arg(self.include()).args(options).args(["-pedantic", "-fsyntax-only"]).arg(&file);
        succeeds(compiler);
    }

    /// Has the compiler check constant expressions of its headers.
    pub(crate) fn check_facts(&self, standard: Standard, options: &[&str], facts: &[String]) {
        let mut source: String =
            self.headers().iter().map(|header| format!("#include \"{header}\"\n")).collect();
        source.push_str("#include <stddef.h>\n#ifndef __cplusplus\n#define CHECK_(line) check_##line\n");
        source.push_str("#define CHECK(line, it) typedef char CHECK_(line)[(it) ? 1 : -1]\n#else\n");
        source.push_str("#define CHECK(line, it) static_assert(it, #it)\n#endif\n");
        for (at, fact) in facts.iter().enumerate() {
            source.push_str(&format!("CHECK({at}, {fact});\n"));
        }
        self.check_with(standard, options, &source);
    }

    /// Compiles a program of `tests/capi/c` as C99, without a warning, and links it.
    pub(crate) fn program(&self, folder: &Path, name: &str, linked: Linked) -> PathBuf {
        self.program_with(folder, name, linked, &[])
    }

    /// The same with options of the compiler.
    pub(crate) fn program_with(
        &self,
        folder: &Path,
        name: &str,
        linked: Linked,
        options: &[&str],
    ) -> PathBuf {
        let source = repository().join("crates/otaru/tests/capi/c").join(format!("{name}.c"));
        self.compile(folder, &source, linked, options)
    }

    /// The same of any source.
    pub(crate) fn program_of(&self, folder: &Path, source: &Path, linked: Linked) -> PathBuf {
        self.compile(folder, source, linked, &[])
    }

    fn compile(&self, folder: &Path, source: &Path, linked: Linked, options: &[&str]) -> PathBuf {
        let program = folder.join(source.file_stem().unwrap());
        let mut compiler = Standard::C99.compiler();
        compiler.args(["-g", "-I"]).arg(self.include()).args(options).arg(source).arg("-o").arg(&program);
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
        compiler.args(["-Wall", "-Wextra", "-Werror"]);
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
    let known = repository().join("crates/otaru/tests/capi/valgrind.supp");
    valgrind.arg(format!("--suppressions={}", known.display()));
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

/// Runs a command: its exit code, and all that it printed.
pub(crate) fn finished(mut command: Command) -> (i32, String) {
    let output = command.output().unwrap_or_else(|error| panic!("{:?}: {error}", command.get_program()));
    let printed = [output.stdout, output.stderr].concat();
    (output.status.code().unwrap_or(-1), String::from_utf8_lossy(&printed).into_owned())
}

/// The names that a shared library gives to programs, in order.
pub(crate) fn exported(library: &Path) -> Vec<String> {
    let mut nm = Command::new("nm");
    nm.args(["--dynamic", "--defined-only", "--format=posix"]).arg(library);
    let listed = String::from_utf8(succeeds(nm).stdout).unwrap();
    let mut names: Vec<_> =
        listed.lines().filter_map(|line| line.split(' ').next()).map(str::to_owned).collect();
    names.sort();
    names
}
