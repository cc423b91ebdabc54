//! The advanced interface of `libotaru_iotkit` against a platform.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use crate::{
    field::Program,
    iotkit::{Pump, image, told},
    lab::{Linked, under_valgrind},
    wire::Wire,
};

/// Runs the program to its end; gives its exit status and what it printed.
fn run(pump: &Pump, mut program: Command, module: &str, more: &[(&str, &str)]) -> (Option<i32>, String) {
    program.envs(more.iter().copied());
    let output = pump.run(program, &[module]);
    (output.status.code(), told(&output))
}

fn linkkit(pump: &Pump) -> PathBuf {
    pump.program("iotkit_linkkit", Linked::Static)
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
    assert!(pump.fetched() == bytes);
    assert_eq!(pump.task(&campaign)["progress"], 100);
    pump.boots(&program, &["-"], &campaign);
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
    assert!(pump.fetched() == bytes);
    pump.boots(&program, &["mcu"], &campaign);
}

#[test]
fn a_pushed_configuration_is_fetched_checked_and_answered() {
    let pump = Pump::new();
    let program = linkkit(&pump);
    let bytes = image(5, 5000);
    let file = pump.path("config.json");
    fs::write(&file, &bytes).unwrap();
    let platform = &pump.field.platform;
    platform.answer(&["config", "set", "pump", file.to_str().unwrap()]);
    platform.answer(&["config", "push", "pump", "--devices", "p1"]);
    let (code, told) = run(&pump, Command::new(&program), "-", &[]);
    assert_eq!(code, Some(0), "{told}");
    assert!(told.contains("configuration: 0, 1 starts, 1 stops"), "{told}");
    assert!(pump.fetched() == bytes);
    let devices = platform.answers(&["config", "devices", "pump"]);
    assert_eq!(devices[0]["state"], "taken", "{devices:?}");
}

#[test]
fn the_session_is_looked_after_while_an_image_is_fetched_and_callbacks_wait() {
    let pump = Pump::new();
    let wire = Wire::to(&pump.field.platform.mqtt);
    let mut program = Command::new(linkkit(&pump));
    program.env("SLOW_WRITE", "20");
    let bytes = image(15, 200_000);
    let campaign = pump.campaign("2.0.0", &bytes, &[]);
    let mut running = Program::start(&mut pump.command(program, &wire.port, &["-"]));
    running.until("fota 0 2.0.0");
    wire.cut();
    running.until("firmware: 0, 1 starts, 1 stops");
    running.until("disconnected");
    running.until("connected");
    running.ends_well();
    assert!(pump.fetched() == bytes);
    assert_eq!(pump.task(&campaign)["progress"], 100, "told over the session that came back meanwhile");
}

#[test]
fn an_image_of_another_digest_is_bad_and_the_platform_hears_it() {
    let pump = Pump::new();
    let program = linkkit(&pump);
    let campaign = pump.campaign("2.0.0", &image(6, 20_000), &[]);
    // The platform's own disk rots.
    let stored =
        walk(&pump.path("data")).into_iter().find(|file| fs::metadata(file).unwrap().len() == 20_000);
    fs::write(stored.unwrap(), image(7, 20_000)).unwrap();
    let (code, told) = run(&pump, Command::new(&program), "-", &[]);
    assert_eq!(code, Some(2), "{told}");
    assert!(told.contains("firmware: -2328, 1 starts, 1 stops"), "{told}");
    assert!(told.contains("state -0x0918 "), "{told}");
    pump.field.task_is(&campaign, "failed");
}

#[test]
fn a_flash_that_refuses_ends_the_download_and_the_platform_hears_it() {
    let pump = Pump::new();
    let program = linkkit(&pump);
    let campaign = pump.campaign("2.0.0", &image(8, 20_000), &[]);
    let (code, told) = run(&pump, Command::new(&program), "-", &[("FAIL_WRITE", "1")]);
    assert_eq!(code, Some(2), "{told}");
    assert!(told.contains("firmware: -527, 1 starts, 1 stops"), "{told}");
    pump.field.task_is(&campaign, "failed");
}

#[test]
#[ignore = "needs valgrind"]
fn the_linkkit_flow_neither_errs_nor_leaks() {
    let pump = Pump::new();
    let bytes = image(9, 50_000);
    pump.campaign("2.0.0", &bytes, &[]);
    let (code, told) = run(&pump, under_valgrind(&linkkit(&pump)), "-", &[]);
    assert_eq!(code, Some(0), "{told}");
    assert!(pump.fetched() == bytes);
}

/// The files of a folder and its folders.
fn walk(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { walk(&path) } else { vec![path] }).collect()
}
