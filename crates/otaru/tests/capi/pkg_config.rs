//! `pkg-config` says what a program of each library is built with.

use std::{fs, path::Path, process::Command};

use crate::{
    common::repository,
    lab::{AIOT, IOTKIT, JD, Library, ONENET, succeeds},
};

/// What `pkg-config` says of a library that lies in that folder.
fn told(library: &str, folder: &Path, what: &[&str]) -> Vec<String> {
    let mut command = Command::new("pkg-config");
    command.env("PKG_CONFIG_PATH", repository().join(format!("crates/otaru-capi-{library}")));
    command.arg(format!("--define-variable=libdir={}", folder.display()));
    command.args(what).arg(format!("otaru_{library}"));
    let said = String::from_utf8(succeeds(command).stdout).unwrap();
    said.split_whitespace().map(str::to_owned).collect()
}

#[test]
#[ignore = "needs pkg-config"]
fn a_program_of_every_library_is_built_with_what_pkg_config_says() {
    let programs: [(&str, &Library, &str); 4] = [
        ("aiot", &AIOT, "#include <aiot_state_api.h>\nint main(void) { return aiot_state_set_logcb(0); }\n"),
        ("iotkit", &IOTKIT, "#include <infra_compat.h>\nint main(void) { IOT_SetLogLevel(0); return 0; }\n"),
        ("jd", &JD, "#include <iot_ota.h>\nint main(void) { return iot_ota_is_fetching(0); }\n"),
        ("onenet", &ONENET, "#include <ota_api.h>\nint main(void) { ota_deinit(); return 0; }\n"),
    ];
    for (name, library, source) in programs {
        let built = library.shared().parent().unwrap();
        assert_eq!(told(name, built, &["--modversion"]), [env!("CARGO_PKG_VERSION")]);
        let folder = tempfile::tempdir().unwrap();
        let (file, program) = (folder.path().join("app.c"), folder.path().join("app"));
        fs::write(&file, source).unwrap();
        let mut compiler = Command::new("cc");
        compiler.arg(&file).arg("-o").arg(&program).args(told(name, built, &["--cflags", "--libs"]));
        succeeds(compiler);
        let mut run = Command::new(&program);
        run.env("LD_LIBRARY_PATH", built);
        succeeds(run);
        // For the archive alone, on a device that has no shared library.
        let mut compiler = Command::new("cc");
        compiler.arg(&file).arg("-o").arg(&program).args(told(name, built, &["--cflags"]));
        compiler.arg(library.archive()).args(told(name, built, &["--static", "--libs-only-l"]).split_off(1));
        succeeds(compiler);
        succeeds(Command::new(&program));
    }
}
