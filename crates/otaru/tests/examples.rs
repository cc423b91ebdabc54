//! The examples of `docs/device-sdk.md`, each against a platform that runs.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod common;

use std::{
    collections::BTreeMap,
    fs,
    io::{BufRead, BufReader},
    path::PathBuf,
    process::{Child, Command, ExitStatus, Stdio},
    sync::{LazyLock, mpsc},
    time::Duration,
};

use common::{Platform, built, eventually};
use otaru_agent::active_folder;
use serde_json::Value;

/// How long an example may be silent.
const PATIENCE: Duration = Duration::from_secs(60);

/// The examples as cargo builds them now, by name.
static EXAMPLES: LazyLock<BTreeMap<String, PathBuf>> = LazyLock::new(|| {
    let messages = built(&["--package", "otaru-agent", "--examples"]);
    messages
        .iter()
        .filter(|message| message["target"]["kind"][0] == "example")
        .map(|message| {
            let text = |value: &Value| value.as_str().unwrap().to_owned();
            (text(&message["target"]["name"]), text(&message["executable"]).into())
        })
        .collect()
});

/// A platform with the product `pump` and its device `pump-001`.
struct Lab {
    folder: tempfile::TempDir,
    platform: Platform,
    /// The devices' secrets, by the variable that an example finds each in.
    secrets: BTreeMap<String, String>,
}

impl Lab {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let platform = Platform::start(&folder.path().join("platform"));
        platform.answer(&["product", "create", "pump"]);
        let mut lab = Lab { folder, platform, secrets: BTreeMap::new() };
        lab.device("pump", "pump-001", "DEVICE_SECRET");
        lab
    }

    fn device(&mut self, product: &str, name: &str, variable: &str) {
        let device = self.platform.answer(&["device", "create", product, name]);
        self.secrets.insert(variable.to_owned(), device["device_secret"].as_str().unwrap().to_owned());
    }

    /// A campaign for the pump with these files; `more` are options of its package. Gives the campaign's id.
    fn campaign(&self, version: &str, files: &[Vec<u8>], more: &[&str]) -> String {
        self.campaign_of("pump", version, files, more)
    }

    fn campaign_of(&self, product: &str, version: &str, files: &[Vec<u8>], more: &[&str]) -> String {
        let paths: Vec<String> = (0..files.len())
            .map(|index| self.folder.path().join(format!("{version}-{index}")).display().to_string())
            .collect();
        paths.iter().zip(files).for_each(|(path, bytes)| fs::write(path, bytes).unwrap());
        let mut create = vec!["package", "create", "--product", product, "--version", version];
        create.extend(more);
        create.extend(paths.iter().map(String::as_str));
        let package = self.platform.answer(&create)["id"].to_string();
        self.platform.answer(&["campaign", "create", "--package", &package])["id"].to_string()
    }

    /// An example with the arguments that most take, in the lab's folder.
    fn run(&self, example: &str) -> Example {
        self.run_with(example, &[&self.platform.mqtt, "pump", "pump-001", "device"])
    }

    fn run_with(&self, example: &str, arguments: &[&str]) -> Example {
        let program = EXAMPLES.get(example).unwrap_or_else(|| panic!("there is no example {example}"));
        let mut child = Command::new(program)
            .args(arguments)
            .envs(&self.secrets)
            .current_dir(self.folder.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (sender, lines) = mpsc::channel();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        std::thread::spawn(move || {
            for line in stdout.lines() {
                if sender.send(line.unwrap()).is_err() {
                    return;
                }
            }
        });
        Example { child, lines, printed: Vec::new() }
    }

    /// Every task of the campaign has succeeded; or will have, once the platform has written the last report down.
    fn assert_succeeded(&self, campaign: &str) {
        let mut tasks = Vec::new();
        eventually("all tasks have succeeded", || {
            tasks = self.platform.answers(&["task", "list", "--campaign", campaign]);
            !tasks.is_empty() && tasks.iter().all(|task| task["state"] == "succeeded")
        });
    }

    /// What the device runs, file by file, is these bytes.
    fn assert_runs(&self, storage: &str, module: &str, files: &[Vec<u8>]) {
        let storage = self.folder.path().join(storage);
        let slot = active_folder(&storage, &module.parse().unwrap()).unwrap().expect("a slot was written");
        for (index, bytes) in files.iter().enumerate() {
            assert!(fs::read(slot.join(index.to_string())).unwrap() == *bytes, "file {index} differs");
        }
        assert!(!slot.join(files.len().to_string()).exists(), "there are more files");
    }
}

/// An example that runs.
struct Example {
    child: Child,
    lines: mpsc::Receiver<String>,
    printed: Vec<String>,
}

impl Example {
    /// Reads on until a line with this text.
    fn until(&mut self, text: &str) {
        while let Some(line) = self.line() {
            if line.contains(text) {
                return;
            }
        }
        panic!("it never printed {text:?}:\n{}", self.printed.join("\n"));
    }

    /// Reads to the end.
    fn end(mut self) -> (ExitStatus, String) {
        while self.line().is_some() {}
        let status = self.child.wait().unwrap();
        (status, self.printed.join("\n"))
    }

    /// As [`Example::end`], for one that ends well.
    fn succeeds(self) -> String {
        let (status, printed) = self.end();
        assert!(status.success(), "{status}\n{printed}");
        printed
    }

    fn line(&mut self) -> Option<String> {
        match self.lines.recv_timeout(PATIENCE) {
            Ok(line) => {
                self.printed.push(line.clone());
                Some(line)
            }
            Err(mpsc::RecvTimeoutError::Disconnected) => None,
            Err(mpsc::RecvTimeoutError::Timeout) => panic!("it is silent:\n{}", self.printed.join("\n")),
        }
    }
}

impl Drop for Example {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Bytes that differ from file to file.
fn image(seed: u8, len: usize) -> Vec<u8> {
    (0..len).map(|at| (at.wrapping_mul(31) >> 3) as u8 ^ seed).collect()
}

#[test]
fn the_fifteen_lines_update_a_device() {
    let lab = Lab::start();
    let files = [image(1, 400_000)];
    let campaign = lab.campaign("2.0.0", &files, &[]);
    let mut example = lab.run_with("update", &[&lab.platform.mqtt]);
    example.until("Updated");
    lab.assert_succeeded(&campaign);
    lab.assert_runs("pump-001", "default", &files);
}

#[test]
fn single_file() {
    let lab = Lab::start();
    let files = [image(2, 600_001)];
    let campaign = lab.campaign("2.0.0", &files, &[]);
    let printed = lab.run("single_file").succeeds();
    lab.assert_succeeded(&campaign);
    lab.assert_runs("device", "default", &files);
    let told = printed.lines().last().unwrap().strip_prefix("the firmware is ").unwrap();
    assert!(fs::read(lab.folder.path().join(told)).unwrap() == files[0]);
}

#[test]
fn several_files() {
    let lab = Lab::start();
    let files = [image(3, 300_000), image(4, 1), image(5, 200_001)];
    let campaign = lab.campaign("2.0.0", &files, &[]);
    let printed = lab.run("several_files").succeeds();
    lab.assert_succeeded(&campaign);
    lab.assert_runs("device", "default", &files);
    for told in ["3 files", "file 2 from byte 0", "file 2: 200001 of 200001 bytes", "all: "] {
        assert!(printed.contains(told), "{told:?} is missing:\n{printed}");
    }
}

#[test]
fn module() {
    let lab = Lab::start();
    let files = [image(6, 100_000)];
    let campaign = lab.campaign("8", &files, &["--module", "motor"]);
    lab.run("module").succeeds();
    lab.assert_succeeded(&campaign);
    lab.assert_runs("device", "motor", &files);
    let devices = lab.platform.answers(&["device", "list", "pump"]);
    assert_eq!(devices[0]["versions"], serde_json::json!({ "default": "1.0.0", "motor": "8" }));
}

#[test]
fn gateway() {
    let mut lab = Lab::start();
    lab.platform.answer(&["product", "create", "sensor"]);
    lab.device("sensor", "sensor-1", "SENSOR_1_SECRET");
    lab.device("sensor", "sensor-2", "SENSOR_2_SECRET");
    let files = [image(12, 200_000)];
    let campaign = lab.campaign_of("sensor", "2.0.0", &files, &[]);
    let printed = lab.run("gateway").succeeds();
    lab.assert_succeeded(&campaign);
    for sensor in ["sensor-1", "sensor-2"] {
        lab.assert_runs(&format!("device/devices/sensor/{sensor}"), "default", &files);
        assert!(printed.contains(&format!("sensor/{sensor}: Updated")), "{printed}");
    }
    let gateway = &lab.platform.answers(&["device", "list", "pump"])[0];
    assert_eq!(gateway["versions"], serde_json::json!({ "default": "1.0.0" }), "the gateway itself stays");
}

#[test]
fn onenet() {
    let mut lab = Lab::start();
    lab.platform.answer(&["product", "create", "PrdTest001", "--dialect", "onenet"]);
    lab.device("PrdTest001", "meter-01", "DEVICE_SECRET");
    let files = [image(13, 150_000)];
    let campaign = lab.campaign_of("PrdTest001", "2.0.0", &files, &["--digest", "md5"]);
    let url = format!("http://{}", lab.platform.http);
    lab.run_with("onenet", &[&url, "PrdTest001", "meter-01", "meter-01"]).succeeds();
    lab.assert_succeeded(&campaign);
    lab.assert_runs("meter-01", "default", &files);
}

#[test]
fn mqtt_download() {
    let lab = Lab::start();
    let files = [image(9, 150_001)];
    let campaign = lab.campaign("2.0.0", &files, &["--over", "mqtt"]);
    lab.run("mqtt_download").succeeds();
    lab.assert_succeeded(&campaign);
    lab.assert_runs("device", "default", &files);
    let url = format!("http://{}/metrics", lab.platform.http);
    let metrics = ureq::get(url).call().unwrap().body_mut().read_to_string().unwrap();
    assert!(metrics.contains("\notaru_block_bytes_total 150001\n"), "{metrics}");
    assert!(!metrics.contains("otaru_download_bytes_total"), "nothing comes over HTTP: {metrics}");
}

#[test]
fn remote_config() {
    let lab = Lab::start();
    let file = lab.folder.path().join("pump.conf");
    fs::write(&file, "rate = 5\n").unwrap();
    lab.platform.answer(&["config", "set", "pump", file.to_str().unwrap()]);
    let printed = lab.run("remote_config").succeeds();
    assert!(printed.contains("\nrate = 5"), "{printed}");
    assert_eq!(fs::read(lab.folder.path().join("device/settings")).unwrap(), b"rate = 5\n");
    eventually("the platform knows that it was fetched", || {
        lab.platform.answers(&["config", "devices", "pump"]).iter().any(|it| it["state"] == "fetched")
    });
}

#[test]
fn own_slot() {
    let lab = Lab::start();
    let image = image(10, 300_000);
    let campaign = lab.campaign("2.0.0", std::slice::from_ref(&image), &[]);
    lab.run("own_slot").succeeds();
    lab.assert_succeeded(&campaign);
    let chip = fs::read(lab.folder.path().join("chip.bin")).unwrap();
    let (halves, boots) = chip.split_at(2 << 20);
    assert!(halves[1 << 20..][..image.len()] == image, "half b holds the image");
    assert!(halves[..1 << 20].iter().all(|byte| *byte == 0), "half a was not written");
    assert_eq!(boots, b"b");
}

#[test]
fn device() {
    let lab = Lab::start();
    let files = [image(11, 50_000)];
    let campaign = lab.campaign("2.0.0", &files, &[]);
    let config = format!(
        "[device]\nproduct_key = \"pump\"\ndevice_name = \"pump-001\"\ndevice_secret = {:?}\nversion = \"1.0.0\"\n\
         [broker]\naddress = {:?}\n[storage]\ndir = \"device\"\n[reboot]\nmode = \"exit\"\n",
        lab.secrets["DEVICE_SECRET"], lab.platform.mqtt
    );
    fs::write(lab.folder.path().join("agent.toml"), config).unwrap();
    let (status, printed) = lab.run_with("device", &["agent.toml"]).end();
    assert_eq!(status.code(), Some(10), "its supervisor is to start it again: {printed}");
    let mut again = lab.run_with("device", &["agent.toml"]);
    again.until("\"event\":\"updated\"");
    lab.assert_succeeded(&campaign);
    lab.assert_runs("device", "default", &files);
}

#[test]
fn an_update_that_fails_ends_the_example_with_its_reason() {
    let lab = Lab::start();
    let campaign = lab.campaign("2.0.0", &[image(7, 1000)], &[]);
    let kept = fs::read_dir(lab.folder.path().join("platform/files")).unwrap().next().unwrap().unwrap();
    fs::write(kept.path(), image(8, 1000)).unwrap();
    let (status, printed) = lab.run("single_file").end();
    assert_eq!(status.code(), Some(1), "{printed}");
    assert!(printed.contains("Failed { failure: Digest"), "{printed}");
    eventually("the task has failed", || {
        lab.platform.answers(&["task", "list", "--campaign", &campaign])[0]["state"] == "failed"
    });
}
