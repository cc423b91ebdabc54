//! `libotaru_jd`: C programs as JD's documents describe them, against `otaru serve`.

use std::{
    fs,
    io::{self, BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, Stdio},
};

use otaru_wire::{
    DeviceId,
    dialect::{Credentials, DeviceHalf, Transport, jd},
};
use serde_json::Value;

use crate::{
    common::{Platform, eventually},
    lab::{JD, Linked, succeeds, under_valgrind},
    wire::Wire,
};

const DEVICE: &str = "id0001";

/// A platform with one product and one device of it.
struct Rig {
    dir: tempfile::TempDir,
    platform: Platform,
    secret: String,
}

/// A program that runs.
struct Running {
    child: Child,
    lines: BufReader<ChildStdout>,
    printed: String,
    file: PathBuf,
}

fn plainly(program: &Path) -> Command {
    Command::new(program)
}

/// Bytes of which no two neighbours are alike.
fn image(len: usize) -> Vec<u8> {
    (0..len as u32).map(|at| (at.wrapping_mul(2_654_435_761) >> 13) as u8).collect()
}

impl Rig {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let platform = Platform::start(&dir.path().join("data"));
        platform.answer(&["product", "create", "pump", "--dialect", "jd"]);
        let made = platform.answer(&["device", "create", "pump", DEVICE]);
        let secret = made["device_secret"].as_str().unwrap().to_owned();
        Self { dir, platform, secret }
    }

    /// A package of these bytes; gives its number.
    fn package(&self, version: &str, bytes: &[u8]) -> String {
        let file = self.dir.path().join(format!("{version}.bin"));
        fs::write(&file, bytes).unwrap();
        let file = file.to_str().unwrap();
        self.platform.answer(&["package", "create", "--product", "pump", "--version", version, file])["id"]
            .to_string()
    }

    /// Begins an update to a package; gives the campaign's number.
    fn campaign(&self, package: &str) -> String {
        self.platform.answer(&["campaign", "create", "--package", package])["id"].to_string()
    }

    /// Changes the last byte of the one file that the platform holds.
    fn rot(&self) {
        let files =
            fs::read_dir(self.dir.path().join("data/files")).unwrap().map(|entry| entry.unwrap().path());
        let files: Vec<_> = files.filter(|path| path.is_file()).collect();
        let [file] = &files[..] else { panic!("{files:?}") };
        let mut bytes = fs::read(file).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        fs::write(file, bytes).unwrap();
    }

    fn task(&self, campaign: &str) -> Value {
        self.platform.answer(&["task", "list", "--campaign", campaign])
    }

    fn compiled(&self, linked: Linked) -> PathBuf {
        JD.program(self.dir.path(), "jd_update", linked)
    }

    /// Starts a program that connects to that port, and waits until it listens for updates.
    fn start(&self, mut command: Command, port: &str, piece: u32) -> Running {
        let file = self.dir.path().join("image.bin");
        command.args(["127.0.0.1", port, "pump", DEVICE, &self.secret, "1.0.0"]);
        command.arg(&file).arg(piece.to_string()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap());
        let mut running = Running { child, lines, printed: String::new(), file };
        running.until("listening\n");
        running
    }
}

impl Running {
    /// Reads what it prints until a line that begins so.
    fn until(&mut self, wanted: &str) {
        let mut line = String::new();
        while !line.starts_with(wanted) {
            line.clear();
            assert_ne!(self.lines.read_line(&mut line).unwrap(), 0, "no {wanted:?} in {}", self.printed);
            self.printed += &line;
        }
    }

    /// Waits for its end: the exit code, what was printed, and its file.
    fn finish(mut self) -> (i32, String, Vec<u8>) {
        io::Read::read_to_string(&mut self.lines, &mut self.printed).unwrap();
        let code = self.child.wait().unwrap().code().unwrap_or(-1);
        (code, std::mem::take(&mut self.printed), fs::read(&self.file).unwrap())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_jd_program_gets_its_firmware_whole_whatever_its_size() {
    let rig = Rig::new();
    let program = rig.compiled(Linked::Shared);
    for (at, (len, piece)) in
        [(1, 4096), (4096, 4096), (4097, 4096), (4097, 1000), (300_001, 128)].into_iter().enumerate()
    {
        let version = format!("2.0.{at}");
        let running = rig.start(plainly(&program), rig.platform.mqtt_port(), piece);
        let campaign = rig.campaign(&rig.package(&version, &image(len)));
        let (code, printed, file) = running.finish();
        assert!(code == 0 && file == image(len), "{len} by {piece}: {code}\n{printed}");
        assert!(printed.contains(&format!("firmware {version} of {len} bytes, md5 ")), "{printed}");
        eventually("the platform hears the version", || rig.task(&campaign)["state"] == "succeeded");
    }
}

#[test]
#[ignore = "needs valgrind"]
fn a_jd_program_is_sound_under_valgrind() {
    let rig = Rig::new();
    let running = rig.start(under_valgrind(&rig.compiled(Linked::Static)), rig.platform.mqtt_port(), 1000);
    let campaign = rig.campaign(&rig.package("2.0.0", &image(4097)));
    let (code, printed, file) = running.finish();
    assert!(code == 0 && file == image(4097), "{code}\n{printed}");
    eventually("the platform hears the version", || rig.task(&campaign)["state"] == "succeeded");
}

/// Source: jd-iot-engine §6.4: the call that has the last bytes returns them, the next one fails.
#[test]
fn a_jd_program_hears_that_its_firmware_is_wrong_and_so_does_the_platform() {
    let rig = Rig::new();
    let running = rig.start(plainly(&rig.compiled(Linked::Static)), rig.platform.mqtt_port(), 4096);
    // The medium of the platform rots between the operator's upload and the device's download.
    let package = rig.package("2.0.0", &image(5000));
    rig.rot();
    let campaign = rig.campaign(&package);
    let (code, printed, file) = running.finish();
    assert!(code == 3 && file.len() == 5000, "{code}\n{printed}");
    assert!(printed.contains("fetched 5000 bytes, last failed\n"), "{printed}");
    eventually("the task fails", || rig.task(&campaign)["state"] == "failed");
    assert!(rig.task(&campaign).to_string().contains("digest"), "{}", rig.task(&campaign));
}

#[test]
fn a_jd_program_whose_connection_breaks_comes_back_and_is_updated() {
    let rig = Rig::new();
    let wire = Wire::to(&rig.platform.mqtt);
    let mut running = rig.start(plainly(&rig.compiled(Linked::Static)), &wire.port, 4096);
    wire.cut();
    running.until("disconnected\n");
    running.until("reconnected\n");
    rig.campaign(&rig.package("2.0.0", &image(5000)));
    let (code, printed, file) = running.finish();
    assert!(code == 0 && file == image(5000), "{code}\n{printed}");
}

#[test]
fn a_jd_program_with_one_thread_keeps_its_session_while_it_downloads() {
    let rig = Rig::new();
    let wire = Wire::to(&rig.platform.mqtt);
    let program = JD.program_with(rig.dir.path(), "jd_update", Linked::Static, &["-DFLASH_MS=20"]);
    let mut running = rig.start(plainly(&program), &wire.port, 100);
    let campaign = rig.campaign(&rig.package("2.0.0", &image(20_000)));
    running.until("firmware 2.0.0");
    wire.cut();
    running.until("disconnected\n");
    running.until("reconnected\n");
    assert!(!running.printed.contains("fetched"), "it is still downloading: {}", running.printed);
    let (code, printed, file) = running.finish();
    assert!(code == 0 && file == image(20_000) && printed.contains("success: 0\n"), "{code}\n{printed}");
    eventually("the platform hears the version", || rig.task(&campaign)["state"] == "succeeded");
}

#[test]
#[ignore = "needs valgrind"]
fn a_jd_program_that_misuses_the_library_is_told_so_and_survives() {
    let rig = Rig::new();
    let id = DeviceId { product: "pump".parse().unwrap(), device: DEVICE.parse().unwrap() };
    let login = jd::DEVICE.write_login(&Credentials { id, secret: rig.secret.clone() }, Transport::Plain);
    let program = JD.program(rig.dir.path(), "jd_misuse", Linked::Static);
    let mut command = under_valgrind(&program);
    command.args(["127.0.0.1", rig.platform.mqtt_port(), "pump", DEVICE]);
    command.args([&login.client_id, &login.user_name, &login.password]);
    let printed = String::from_utf8(succeeds(command).stdout).unwrap();
    let answer = "answer on /sys/pump/id0001/ota/firmware/get_reply: ";
    assert!(
        printed.starts_with(answer) && printed.contains("FirmwareVersion 9.9.9 not existed"),
        "{printed}"
    );
}
