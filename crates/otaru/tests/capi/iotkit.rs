//! `libotaru_iotkit` against a platform: the basic interface, in programs of our own.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use serde_json::Value;

use crate::{
    common::eventually,
    field::{Device, Field, Program},
    lab::{IOTKIT, Linked, under_valgrind},
    wire::Wire,
};

/// A platform, and a device that keeps its version in a file of the field's folder.
pub(crate) struct Pump {
    pub(crate) field: Field,
    device: Device,
}

/// Bytes that no length or digest is right for by chance.
pub(crate) fn image(seed: u32, len: u32) -> Vec<u8> {
    (0..len).map(|at| (at.wrapping_add(seed).wrapping_mul(2_654_435_761) >> 13) as u8).collect()
}

impl Pump {
    pub(crate) fn new() -> Self {
        let field = Field::new("aliyun");
        let device = field.device("p1");
        fs::write(field.folder.path().join("version"), "1.0.0").unwrap();
        Self { field, device }
    }

    /// A campaign that brings the device that version; gives its number.
    pub(crate) fn campaign(&self, version: &str, bytes: &[u8], options: &[&str]) -> String {
        self.field.campaign(version, &[bytes], options)
    }

    pub(crate) fn task(&self, campaign: &str) -> Value {
        self.field.platform.answer(&["task", "list", "--campaign", campaign])
    }

    /// Compiles a program into the device's folder.
    pub(crate) fn program(&self, name: &str, linked: Linked) -> PathBuf {
        IOTKIT.program(self.field.folder.path(), name, linked)
    }

    /// A program of the device's, in its folder, with where the platform is and who the device is as its arguments.
    pub(crate) fn command(&self, mut program: Command, port: &str, more: &[&str]) -> Command {
        program.args(["127.0.0.1", port, "pump", "p1", &self.device.secret]).args(more);
        program.current_dir(self.field.folder.path());
        program
    }

    /// Runs a program to its end.
    pub(crate) fn run(&self, program: Command, more: &[&str]) -> Output {
        self.command(program, self.field.platform.mqtt_port(), more).output().unwrap()
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.field.folder.path().join(name)
    }

    /// What the device has fetched.
    pub(crate) fn fetched(&self) -> Vec<u8> {
        self.field.file("update.bin")
    }

    /// The new version's first boot, which tells it by the function of the port that the application replaced: then, and not
    /// before, the task has succeeded.
    pub(crate) fn boots(&self, program: &Path, more: &[&str], campaign: &str) {
        assert_eq!(self.task(campaign)["state"], "in_progress", "100 % is not success");
        let _second = self.field.runs(Command::new(program), &self.device, more);
        self.field.task_is(campaign, "succeeded");
    }
}

/// What a run printed, for a failure to show.
pub(crate) fn told(output: &Output) -> String {
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    format!("{}\n{out}{err}", output.status)
}

fn succeeded(output: &Output) {
    assert_eq!(output.status.code(), Some(0), "{}", told(output));
}

#[test]
fn an_application_of_the_basic_interface_is_updated_whichever_way_it_is_linked() {
    for linked in [Linked::Static, Linked::Shared] {
        let pump = Pump::new();
        let program = pump.program("iotkit_basic", linked);
        let bytes = image(1, 200_000);
        let campaign = pump.campaign("2.0.0", &bytes, &[]);
        succeeded(&pump.run(Command::new(&program), &["4096"]));
        assert!(pump.fetched() == bytes);
        pump.boots(&program, &["4096"], &campaign);
    }
}

#[test]
fn a_configuration_is_asked_for_read_fetched_and_checked() {
    let pump = Pump::new();
    let bytes = image(13, 5000);
    let file = pump.path("config.json");
    fs::write(&file, &bytes).unwrap();
    let set = pump.field.platform.answer(&["config", "set", "pump", file.to_str().unwrap()]);
    let program = pump.program("iotkit_config", Linked::Static);
    let output = pump.run(Command::new(&program), &[]);
    succeeded(&output);
    assert!(pump.fetched() == bytes);
    let told = told(&output);
    let wanted = format!(" {} Sha256 file 5000 http\n", set["sha256"].as_str().unwrap());
    assert!(told.contains(&wanted), "{told}");
}

#[test]
fn a_program_whose_connection_breaks_comes_back_and_is_updated() {
    let pump = Pump::new();
    let wire = Wire::to(&pump.field.platform.mqtt);
    let program = pump.program("iotkit_basic", Linked::Static);
    let mut running = Program::start(&mut pump.command(Command::new(&program), &wire.port, &["4096"]));
    // The four subscriptions are answered.
    (0..4).for_each(|_| drop(running.until("event 3")));
    wire.cut();
    running.until("event 1");
    running.until("event 2");
    let bytes = image(14, 50_000);
    pump.campaign("2.0.0", &bytes, &[]);
    running.ends_well();
    assert!(pump.fetched() == bytes);
}

#[test]
fn null_misuse_callbacks_and_two_threads_get_what_the_headers_promise() {
    let pump = Pump::new();
    let program = pump.program("iotkit_misuse", Linked::Static);
    let bytes = image(10, 100_000);
    pump.campaign("2.0.0", &bytes, &[]);
    succeeded(&pump.run(Command::new(&program), &[]));
    assert!(pump.fetched() == bytes);
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
        fs::write(pump.path("update.bin"), b"").unwrap();
        let device = pump.field.runs(Command::new(&program), &pump.device, &["20000"]);
        eventually("bytes come", || fs::metadata(pump.path("update.bin")).unwrap().len() >= cut * 100_000);
        // It is killed.
        drop(device);
    }
    succeeded(&pump.run(Command::new(&program), &["65536"]));
    assert!(pump.fetched() == bytes);
    pump.boots(&program, &["65536"], &campaign);
}

#[test]
#[ignore = "needs valgrind"]
fn an_update_a_configuration_and_misuse_neither_err_nor_leak() {
    for (name, more) in [("iotkit_basic", &["1000"][..]), ("iotkit_config", &[]), ("iotkit_misuse", &[])] {
        let pump = Pump::new();
        let bytes = image(2, 100_000);
        if name == "iotkit_config" {
            fs::write(pump.path("config.json"), &bytes).unwrap();
            let file = pump.path("config.json");
            pump.field.platform.answer(&["config", "set", "pump", file.to_str().unwrap()]);
        } else {
            pump.campaign("2.0.0", &bytes, &[]);
        }
        succeeded(&pump.run(under_valgrind(&pump.program(name, Linked::Static)), more));
        assert!(pump.fetched() == bytes);
    }
}
