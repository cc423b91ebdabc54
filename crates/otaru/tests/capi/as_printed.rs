//! The commands of `docs/c-api.md`, run as the page prints them: each vendor's example program is built by them and updated.

use std::{
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::Command,
};

use otaru_wire::dialect::onenet::Generation;

use crate::{
    aiot::image,
    common::repository,
    field::{Field, Program},
    lab::{AIOT, IOTKIT, JD, Library, ONENET, succeeds},
    onenet_platform::{DEVICE, KEY, PRODUCT, Scripted},
};

/// A vendor's library, the example program of it, and the update of a device that runs the program.
struct Vendor {
    library: &'static Library,
    name: &'static str,
    /// From the repository's root; the README's program has no file.
    example: Option<&'static str>,
    updates: fn(Command),
}

fn vendors() -> [Vendor; 4] {
    [
        Vendor { library: &AIOT, name: "aiot", example: None, updates: |app| of_aliyun(app, "got.bin", &[]) },
        Vendor {
            library: &IOTKIT,
            name: "iotkit",
            example: Some("crates/otaru/tests/capi/c/iotkit_basic.c"),
            updates: |app| of_aliyun(app, "update.bin", &["4096"]),
        },
        Vendor {
            library: &JD,
            name: "jd",
            example: Some("crates/otaru/tests/capi/c/jd_update.c"),
            updates: |app| of_mqtt("jd", app, "got.bin", &["1.0.0", "got.bin", "4096"]),
        },
        Vendor {
            library: &ONENET,
            name: "onenet",
            example: Some("crates/otaru/tests/capi/c/onenet_update.c"),
            updates: of_onenet,
        },
    ]
}

fn of_aliyun(app: Command, file: &str, more: &[&str]) {
    of_mqtt("aliyun", app, file, more);
}

/// The program fetches what a campaign of `otaru serve` brings it.
fn of_mqtt(dialect: &str, app: Command, file: &str, more: &[&str]) {
    let field = Field::new(dialect);
    fs::write(field.folder.path().join("version"), "1.0.0").unwrap();
    let device = field.device("id0001");
    let bytes = image(20_000);
    field.campaign("2.0.0", &[&bytes], &[]);
    field.runs(app, &device, more).ends_well();
    assert!(field.file(file) == bytes, "{dialect}");
}

fn of_onenet(mut app: Command) {
    let bytes = image(20_000);
    let platform = Scripted::start(Generation::Token, &bytes);
    let folder = tempfile::tempdir().unwrap();
    app.env("OTARU_ONENET_URL", &platform.url).current_dir(folder.path());
    Program::start(app.args([PRODUCT, DEVICE, KEY, "1.0.0", "got.bin", "4096"])).ends_well();
    assert!(fs::read(folder.path().join("got.bin")).unwrap() == bytes, "onenet");
}

fn page() -> String {
    fs::read_to_string(repository().join("docs/c-api.md")).unwrap()
}

/// The lines of the page's `sh` blocks, and the commands that its tables show.
fn commands(page: &str) -> Vec<String> {
    let blocks = page.split("```sh\n").skip(1).filter_map(|rest| rest.split("```").next());
    let shown = page.lines().filter(|line| line.starts_with('|')).flat_map(|line| line.split('`'));
    let all = blocks.flat_map(str::lines).chain(shown.filter(|cell| cell.starts_with("cc ")));
    all.map(str::to_owned).collect()
}

impl Vendor {
    /// The page's commands that build a program with this library.
    fn lines(&self) -> Vec<String> {
        let (archive, package) = (format!("libotaru_{}.a", self.name), format!("otaru_{})", self.name));
        let ours = |line: &String| line.contains(&archive) || line.contains(&package);
        commands(&page()).into_iter().filter(|line| line.starts_with("cc ") && ours(line)).collect()
    }

    /// A folder laid out as the repository is once the page's `cargo build` has run, but for the profile, with `app.c` in it.
    fn laid_out(&self) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let at = |path: &str| -> PathBuf { folder.path().join(path) };
        let package = format!("crates/otaru-capi-{}", self.name);
        fs::create_dir_all(at(&package)).unwrap();
        fs::create_dir_all(at("crates/otaru/tests/capi")).unwrap();
        fs::create_dir(at("target")).unwrap();
        let description = format!("{package}/otaru_{}.pc", self.name);
        fs::copy(repository().join(&description), at(&description)).unwrap();
        symlink(self.library.include(), at(&package).join("include")).unwrap();
        symlink(repository().join("crates/otaru/tests/capi/c"), at("crates/otaru/tests/capi/c")).unwrap();
        symlink(self.library.shared().parent().unwrap(), at("target/small")).unwrap();
        fs::write(at("app.c"), self.source()).unwrap();
        folder
    }

    fn source(&self) -> String {
        let Some(example) = self.example else {
            let readme = fs::read_to_string(repository().join("README.md")).unwrap();
            let section = readme.split("\n## ").find(|section| section.starts_with("From C")).unwrap();
            return section.split("```c\n").nth(1).unwrap().split("```").next().unwrap().to_owned();
        };
        fs::read_to_string(repository().join(example)).unwrap()
    }
}

/// Types a command in that folder; gives the program that it made.
fn typed(line: &str, folder: &Path) -> Command {
    let mut shell = Command::new("sh");
    shell.args(["-c", line]).current_dir(folder).env_remove("PKG_CONFIG_PATH");
    succeeds(shell);
    let mut app = Command::new(folder.join("app"));
    app.env_remove("LD_LIBRARY_PATH");
    app
}

/// The C library's own parts: some systems have it in one file, some in several.
const C_LIBRARY: [&str; 5] = ["libc.", "libm.", "libdl.", "libpthread.", "ld-linux"];

/// The shared libraries that the program in that folder asks for.
fn needed(folder: &Path) -> Vec<String> {
    let mut readelf = Command::new("readelf");
    readelf.arg("--dynamic").arg(folder.join("app"));
    let told = String::from_utf8(succeeds(readelf).stdout).unwrap();
    let names =
        told.lines().filter(|line| line.contains("(NEEDED)")).filter_map(|line| line.split('[').nth(1));
    names.map(|name| name.trim_end_matches(']').to_owned()).collect()
}

#[test]
fn the_pages_lines_of_cc_build_every_vendors_example_and_it_is_updated() {
    for vendor in vendors() {
        let lines: Vec<_> = vendor.lines().into_iter().filter(|line| line.contains(".a ")).collect();
        let [plain, stripped] = &lines[..] else { panic!("{}: {lines:?}", vendor.name) };
        assert!(stripped.contains(vendor.example.unwrap_or("app.c")) && stripped.contains(" -s "));
        for line in [plain, stripped] {
            let folder = vendor.laid_out();
            let app = typed(line, folder.path());
            let needed = needed(folder.path());
            assert!(needed.iter().any(|name| name.starts_with("libc.")), "{needed:?}");
            let system = |name: &String| C_LIBRARY.iter().any(|part| name.starts_with(part));
            assert!(line == plain || needed.iter().all(system), "{line} needs {needed:?}");
            (vendor.updates)(app);
        }
    }
}

#[test]
#[ignore = "needs pkg-config"]
fn the_pages_lines_of_pkg_config_build_every_vendors_example_and_it_is_updated() {
    assert!(commands(&page()).iter().any(|line| line == "LD_LIBRARY_PATH=target/small ./app"));
    for vendor in vendors() {
        let lines: Vec<_> = vendor.lines().into_iter().filter(|line| line.contains("pkg-config")).collect();
        let [line] = &lines[..] else { panic!("{}: {lines:?}", vendor.name) };
        let folder = vendor.laid_out();
        let mut app = typed(line, folder.path());
        app.env("LD_LIBRARY_PATH", folder.path().join("target/small"));
        (vendor.updates)(app);
    }
}

#[test]
fn the_pages_lines_of_cargo_make_what_its_lines_of_cc_take() {
    let workspace = fs::read_to_string(repository().join("Cargo.toml")).unwrap();
    assert!(workspace.contains("\n[profile.small]\n"));
    let commands = commands(&page());
    for vendor in vendors() {
        let cargo = format!("cargo build --profile small -p otaru-capi-{}", vendor.name);
        assert!(commands.contains(&cargo), "{cargo}");
        let archive = format!(" target/small/libotaru_{}.a ", vendor.name);
        assert!(
            vendor.lines().iter().filter(|line| line.contains(".a ")).all(|line| line.contains(&archive))
        );
    }
}
