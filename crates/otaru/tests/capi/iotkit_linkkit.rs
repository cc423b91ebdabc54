//! The advanced interface of `libotaru_iotkit` against a platform.

use std::{fs, path::Path, process::Command};

use crate::{
    iotkit::{Pump, image, told},
    lab::{Linked, under_valgrind},
};

/// Runs the program to its end; gives its exit status and what it printed.
fn run(pump: &Pump, mut program: Command, module: &str, more: &[(&str, &str)]) -> (Option<i32>, String) {
    program.envs(more.iter().copied());
    let output = pump.device(program, &[module]).output().unwrap();
    (output.status.code(), told(&output))
}

fn linkkit(pump: &Pump) -> std::path::PathBuf {
    pump.program("iotkit_linkkit", Linked::Static)
}

/// The new version's first boot tells itself; then the task has succeeded.
fn boots(pump: &Pump, program: &Path, module: &str, campaign: &str) {
    let mut second = pump.device(Command::new(program), &[module]).spawn().unwrap();
    pump.task_is(campaign, "succeeded");
    second.kill().unwrap();
    second.wait().unwrap();
}

#[test]
fn an_application_of_linkkit_is_updated_from_within_its_callback() {
    let pump = Pump::new();
    let program = linkkit(&pump);
    let bytes = image(3, 300_000);
    let campaign = pump.campaign("2.0.0", &bytes, &[]);
    let (code, told) = run(&pump, Command::new(&program), "-", &[]);
    assert_eq!(code, Some(0), "{told}");
    assert!(told.contains("fota 0 2.0.0, a yield within: -1"), "{told}");
    assert!(told.contains("firmware: 0, 1 starts, 1 stops"), "{told}");
    assert!(fs::read(pump.file("update.bin")).unwrap() == bytes);
    assert_eq!(pump.task(&campaign)["progress"], 100);
    boots(&pump, &program, "-", &campaign);
}

#[test]
fn a_module_is_told_by_its_name() {
    let pump = Pump::new();
    let program = linkkit(&pump);
    let bytes = image(4, 10_000);
    let campaign = pump.campaign("2.0.0", &bytes, &["--module", "mcu"]);
    let (code, told) = run(&pump, Command::new(&program), "mcu", &[]);
    assert_eq!(code, Some(0), "{told}");
    assert!(told.contains("module mcu\n"), "{told}");
    assert!(fs::read(pump.file("update.bin")).unwrap() == bytes);
    boots(&pump, &program, "mcu", &campaign);
}

#[test]
fn a_pushed_configuration_is_fetched_checked_and_answered() {
    let pump = Pump::new();
    let program = linkkit(&pump);
    let bytes = image(5, 5000);
    let file = pump.file("config.json");
    fs::write(&file, &bytes).unwrap();
    pump.platform.answer(&["config", "set", "pump", file.to_str().unwrap()]);
    pump.platform.answer(&["config", "push", "pump", "--devices", "p1"]);
    let (code, told) = run(&pump, Command::new(&program), "-", &[]);
    assert_eq!(code, Some(0), "{told}");
    assert!(told.contains("configuration: 0, 1 starts, 1 stops"), "{told}");
    assert!(fs::read(pump.file("update.bin")).unwrap() == bytes);
    let devices = pump.platform.answers(&["config", "devices", "pump"]);
    assert_eq!(devices[0]["state"], "taken", "{devices:?}");
}

#[test]
fn an_image_of_another_digest_is_bad_and_the_platform_hears_it() {
    let pump = Pump::new();
    let program = linkkit(&pump);
    let campaign = pump.campaign("2.0.0", &image(6, 20_000), &[]);
    // The platform's own disk rots.
    let stored =
        walk(&pump.file("data")).into_iter().find(|file| fs::metadata(file).unwrap().len() == 20_000);
    fs::write(stored.unwrap(), image(7, 20_000)).unwrap();
    let (code, told) = run(&pump, Command::new(&program), "-", &[]);
    assert_eq!(code, Some(2), "{told}");
    assert!(told.contains("firmware: -2328, 1 starts, 1 stops"), "{told}");
    assert!(told.contains("state -0x0918 "), "{told}");
    pump.task_is(&campaign, "failed");
}

#[test]
fn a_flash_that_refuses_ends_the_download_and_the_platform_hears_it() {
    let pump = Pump::new();
    let program = linkkit(&pump);
    let campaign = pump.campaign("2.0.0", &image(8, 20_000), &[]);
    let (code, told) = run(&pump, Command::new(&program), "-", &[("FAIL_WRITE", "1")]);
    assert_eq!(code, Some(2), "{told}");
    assert!(told.contains("firmware: -527, 1 starts, 1 stops"), "{told}");
    pump.task_is(&campaign, "failed");
}

#[test]
fn the_linkkit_flow_under_valgrind_has_no_error_and_no_leak() {
    let pump = Pump::new();
    let program = linkkit(&pump);
    let bytes = image(9, 50_000);
    pump.campaign("2.0.0", &bytes, &[]);
    let (code, told) = run(&pump, under_valgrind(&program), "-", &[]);
    assert_eq!(code, Some(0), "{told}");
    assert!(fs::read(pump.file("update.bin")).unwrap() == bytes);
}

/// The files of a folder and its folders.
fn walk(folder: &Path) -> Vec<std::path::PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { walk(&path) } else { vec![path] }).collect()
}
