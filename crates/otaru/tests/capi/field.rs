//! A platform that runs, devices that it knows, and programs that are those devices.
#![allow(dead_code, reason = "each test file uses its own part")]

use std::{
    fs,
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
    sync::mpsc,
    thread,
    time::Duration,
};

use serde_json::Value;

use crate::{
    common::{Platform, eventually},
    lab::{Library, Linked, under_valgrind},
};

/// Longer than anything here takes on a slow machine, under valgrind too.
const PATIENCE: Duration = Duration::from_secs(120);

/// A platform with the product `pump`, and a folder.
pub(crate) struct Field {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) platform: Platform,
}

/// A device that the platform knows.
pub(crate) struct Device {
    pub(crate) name: String,
    pub(crate) secret: String,
}

impl Field {
    pub(crate) fn new(dialect: &str) -> Self {
        Self::with(dialect, &[])
    }

    /// The same, with further options of `otaru serve`.
    pub(crate) fn with(dialect: &str, options: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let platform = Platform::start_with(&folder.path().join("data"), options);
        platform.answer(&["product", "create", "pump", "--dialect", dialect]);
        Self { folder, platform }
    }

    pub(crate) fn device(&self, name: &str) -> Device {
        let made = self.platform.answer(&["device", "create", "pump", name]);
        Device { name: name.to_owned(), secret: made["device_secret"].as_str().unwrap().to_owned() }
    }

    /// Sends these files to every device of the product; `more` are options of the package. Gives the campaign's id.
    pub(crate) fn campaign(&self, version: &str, files: &[&[u8]], more: &[&str]) -> String {
        let paths: Vec<_> = (0..files.len())
            .map(|at| self.folder.path().join(format!("{version}-{at}.bin")).display().to_string())
            .collect();
        paths.iter().zip(files).for_each(|(path, bytes)| fs::write(path, bytes).unwrap());
        let mut create = vec!["package", "create", "--product", "pump", "--version", version];
        create.extend(more);
        create.extend(paths.iter().map(String::as_str));
        let package = self.platform.answer(&create)["id"].to_string();
        self.platform.answer(&["campaign", "create", "--package", &package])["id"].to_string()
    }

    /// A file of the folder that its programs run in.
    pub(crate) fn file(&self, name: &str) -> Vec<u8> {
        fs::read(self.folder.path().join(name)).unwrap()
    }

    /// Waits until the one task of a campaign is in that state.
    pub(crate) fn task_is(&self, campaign: &str, state: &str) -> Value {
        let task = || self.platform.answer(&["task", "list", "--campaign", campaign]);
        eventually(&format!("the task is {state}"), || task()["state"] == state);
        task()
    }

    /// Builds a program of `tests/capi/c` and starts it as that device, in the field's folder.
    pub(crate) fn starts(
        &self,
        library: &Library,
        name: &str,
        linked: Linked,
        device: &Device,
        more: &[&str],
    ) -> Program {
        let program = library.program(self.folder.path(), name, linked);
        self.runs(Command::new(program), device, more)
    }

    /// The same under valgrind.
    pub(crate) fn starts_under_valgrind(
        &self,
        library: &Library,
        name: &str,
        device: &Device,
        more: &[&str],
    ) -> Program {
        let program = library.program(self.folder.path(), name, Linked::Static);
        self.runs(under_valgrind(&program), device, more)
    }

    /// A command with the arguments that every program takes, then `more`.
    pub(crate) fn runs(&self, mut command: Command, device: &Device, more: &[&str]) -> Program {
        command
            .args(["127.0.0.1", self.platform.mqtt_port(), "pump", &device.name, &device.secret])
            .args(more);
        Program::start(command.current_dir(self.folder.path()))
    }
}

/// A program that runs until it ends or is dropped, read line by line.
pub(crate) struct Program {
    pub(crate) child: Child,
    lines: mpsc::Receiver<String>,
    /// Lines that were read and not asked for.
    passed: Vec<String>,
}

impl Program {
    pub(crate) fn start(command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let (sender, lines) = mpsc::channel();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        thread::spawn(move || stdout.lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
        Self { child, lines, passed: Vec::new() }
    }

    /// The next line that begins so.
    pub(crate) fn until(&mut self, start: &str) -> String {
        loop {
            match self.lines.recv_timeout(PATIENCE) {
                Ok(line) if line.starts_with(start) => return line,
                Ok(line) => self.passed.push(line),
                Err(error) => panic!("no line {start:?} ({error}) after {:?}", self.passed),
            }
        }
    }

    /// Waits for its end, which must be a good one; gives every line that was not asked for.
    pub(crate) fn ends_well(mut self) -> Vec<String> {
        loop {
            match self.lines.recv_timeout(PATIENCE) {
                Ok(line) => self.passed.push(line),
                Err(mpsc::RecvTimeoutError::Disconnected) => break,
                Err(error) => panic!("it does not end ({error}) after {:?}", self.passed),
            }
        }
        let status = self.child.wait().unwrap();
        assert!(status.success(), "{status} after {:?}", self.passed);
        std::mem::take(&mut self.passed)
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
