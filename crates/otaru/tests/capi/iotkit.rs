//! `libotaru_iotkit` against a platform: the flows of iotkit-embedded's examples, in programs of our own.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use serde_json::Value;

use crate::{
    common::{Platform, eventually},
    lab::{IOTKIT, Linked, under_valgrind},
};

/// A platform with the product `pump` and its device `p1`, and the folder that the device's programs run in.
pub(crate) struct Pump {
    pub(crate) dir: tempfile::TempDir,
    pub(crate) platform: Platform,
    secret: String,
}

/// Bytes that no length or digest is right for by chance.
pub(crate) fn image(seed: u32, len: u32) -> Vec<u8> {
    (0..len).map(|at| (at.wrapping_add(seed).wrapping_mul(2_654_435_761) >> 13) as u8).collect()
}

impl Pump {
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let platform = Platform::start(&dir.path().join("data"));
        platform.answer(&["product", "create", "pump", "--dialect", "aliyun"]);
        let made = platform.answer(&["device", "create", "pump", "p1"]);
        let secret = made["device_secret"].as_str().unwrap().to_owned();
        fs::write(dir.path().join("version"), "1.0.0").unwrap();
        Self { dir, platform, secret }
    }

    /// A campaign that brings the device that version; gives its number.
    pub(crate) fn campaign(&self, version: &str, bytes: &[u8], options: &[&str]) -> String {
        let file = self.dir.path().join(format!("{version}.bin"));
        fs::write(&file, bytes).unwrap();
        let mut args = vec!["package", "create", "--product", "pump", "--version", version];
        args.extend(options);
        args.push(file.to_str().unwrap());
        let package = self.platform.answer(&args)["id"].to_string();
        self.platform.answer(&["campaign", "create", "--package", &package])["id"].to_string()
    }

    pub(crate) fn task(&self, campaign: &str) -> Value {
        self.platform.answer(&["task", "list", "--campaign", campaign])
    }

    pub(crate) fn task_is(&self, campaign: &str, state: &str) -> Value {
        eventually(&format!("the task is {state}"), || self.task(campaign)["state"] == state);
        self.task(campaign)
    }

    /// A program of the device's, in its folder, with where the platform is and who the device is as its arguments.
    pub(crate) fn device(&self, mut program: Command, more: &[&str]) -> Command {
        program.args(["127.0.0.1", self.platform.mqtt_port(), "pump", "p1", &self.secret]).args(more);
        program.current_dir(self.dir.path());
        program
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Compiles a program into the device's folder.
    pub(crate) fn program(&self, name: &str, linked: Linked) -> PathBuf {
        IOTKIT.program(self.dir.path(), name, linked)
    }
}

/// What a run printed, for a failure to show.
pub(crate) fn told(output: &Output) -> String {
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    format!("{}\n{out}{err}", output.status)
}

fn run(command: &mut Command) -> Output {
    command.output().unwrap()
}

/// Runs the program until it has nothing to fetch any more, as a device boots again and again.
fn boots(pump: &Pump, program: &Path, buffer: &str) {
    let output = run(&mut pump.device(Command::new(program), &[buffer]));
    assert_eq!(output.status.code(), Some(0), "{}", told(&output));
}

#[test]
fn an_application_of_the_basic_interface_is_updated_whichever_way_it_is_linked() {
    for linked in [Linked::Static, Linked::Shared] {
        let pump = Pump::new();
        let program = pump.program("iotkit_basic", linked);
        let bytes = image(1, 200_000);
        let campaign = pump.campaign("2.0.0", &bytes, &[]);
        boots(&pump, &program, "4096");
        assert!(fs::read(pump.file("update.bin")).unwrap() == bytes);
        assert_eq!(pump.task(&campaign)["state"], "in_progress", "100 % is not success");
        // The new version's first boot: it tells itself by the port's function that the application replaced.
        let mut second = pump.device(Command::new(&program), &["4096"]).spawn().unwrap();
        pump.task_is(&campaign, "succeeded");
        second.kill().unwrap();
        second.wait().unwrap();
    }
}

#[test]
fn the_basic_flow_under_valgrind_has_no_error_and_no_leak() {
    let pump = Pump::new();
    let program = pump.program("iotkit_basic", Linked::Static);
    let bytes = image(2, 50_000);
    pump.campaign("2.0.0", &bytes, &[]);
    let output = run(&mut pump.device(under_valgrind(&program), &["1000"]));
    assert_eq!(output.status.code(), Some(0), "{}", told(&output));
    assert!(fs::read(pump.file("update.bin")).unwrap() == bytes);
}

#[test]
fn null_misuse_callbacks_and_two_threads_get_what_the_headers_promise() {
    let pump = Pump::new();
    let program = pump.program("iotkit_misuse", Linked::Static);
    let bytes = image(10, 100_000);
    pump.campaign("2.0.0", &bytes, &[]);
    let output = run(&mut pump.device(Command::new(&program), &[]));
    assert_eq!(output.status.code(), Some(0), "{}", told(&output));
    assert!(fs::read(pump.file("update.bin")).unwrap() == bytes);
}

#[test]
fn misuse_under_valgrind_has_no_error_and_no_leak() {
    let pump = Pump::new();
    let program = pump.program("iotkit_misuse", Linked::Static);
    pump.campaign("2.0.0", &image(11, 100_000), &[]);
    let output = run(&mut pump.device(under_valgrind(&program), &[]));
    assert_eq!(output.status.code(), Some(0), "{}", told(&output));
}

/// The interface keeps nothing over a power cut (aliyun-iotkit-v3 §3.5): the platform tells the device again, and it begins
/// again.
#[test]
fn a_device_whose_power_is_cut_in_the_middle_ends_with_the_right_file() {
    let pump = Pump::new();
    let program = pump.program("iotkit_basic", Linked::Static);
    let bytes = image(12, 3_000_000);
    let campaign = pump.campaign("2.0.0", &bytes, &[]);
    for cut in 1..=20 {
        fs::write(pump.file("update.bin"), b"").unwrap();
        let mut device = pump.device(Command::new(&program), &["20000"]);
        let mut device = device.stdout(std::process::Stdio::null()).spawn().unwrap();
        eventually("bytes come", || fs::metadata(pump.file("update.bin")).unwrap().len() >= cut * 100_000);
        device.kill().unwrap();
        device.wait().unwrap();
    }
    boots(&pump, &program, "65536");
    assert!(fs::read(pump.file("update.bin")).unwrap() == bytes);
    assert_eq!(pump.task(&campaign)["state"], "in_progress");
}
