//! The README's walk on two terminals, command by command: what it prints must be what the README shows.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::{
    fs,
    io::{BufRead, BufReader},
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

/// One fenced block of the walk.
struct Block {
    language: String,
    text: String,
}

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The blocks of the section, in order, on ports that are free here.
fn walk() -> Vec<Block> {
    let readme = fs::read_to_string(repository().join("README.md")).unwrap();
    let section = readme.split("\n## ").find(|section| section.starts_with("On two terminals")).unwrap();
    let free = [TcpListener::bind("127.0.0.1:0").unwrap(), TcpListener::bind("127.0.0.1:0").unwrap()];
    let [mqtt, http] = free.map(|port| port.local_addr().unwrap().to_string());
    let section = section.replace("127.0.0.1:1883", &mqtt).replace("127.0.0.1:8080", &http);
    let fenced = section.split("```").skip(1).step_by(2);
    fenced
        .map(|block| {
            let (language, text) = block.split_once('\n').unwrap();
            Block { language: language.to_owned(), text: text.to_owned() }
        })
        .collect()
}

/// Does a line fit one of the README, in which `…` stands for any text?
fn fits(line: &str, shown: &str) -> bool {
    let line = line.trim_end();
    match shown.split_once('…') {
        None => line == shown,
        Some((start, end)) => {
            line.len() >= start.len() + end.len() && line.starts_with(start) && line.ends_with(end)
        }
    }
}

/// Compares what was printed with what the README shows, in which a line `…` stands for any lines.
fn assert_shown(printed: &[String], shown: &str) {
    let mut rest = printed.iter();
    let mut any = false;
    for expected in shown.lines() {
        if expected == "…" {
            any = true;
            continue;
        }
        let found = if any { rest.find(|line| fits(line, expected)) } else { rest.next() };
        any = false;
        assert!(
            found.is_some_and(|line| fits(line, expected)),
            "the README shows {expected:?}, the program printed {found:?} of:\n{}",
            printed.join("\n")
        );
    }
    let more: Vec<_> = rest.collect();
    assert!(any || more.is_empty(), "the README does not show {more:?}");
}

/// A person at two terminals in one folder.
struct Person {
    folder: tempfile::TempDir,
    /// What was exported.
    variables: Vec<(String, String)>,
    platform: Option<Child>,
}

impl Person {
    fn sit_down() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let release = folder.path().join("target/release");
        fs::create_dir_all(&release).unwrap();
        std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_otaru"), release.join("otaru")).unwrap();
        let path = format!("{}:{}", release.display(), std::env::var("PATH").unwrap());
        Self { folder, variables: vec![("PATH".into(), path)], platform: None }
    }

    fn shell(&self, command: &str) -> Command {
        let mut shell = Command::new("sh");
        // `exec`, so that a signal reaches the program and not the shell.
        shell.args(["-c", &format!("exec {command}")]).current_dir(self.folder.path());
        shell.env_remove("OTARU_URL").env_remove("OTARU_TOKEN").envs(self.variables.iter().cloned());
        shell
    }

    /// Types the commands of a block; gives what they print on stdout.
    fn types(&mut self, commands: &str, last_shown: &str) -> Vec<String> {
        let mut printed = Vec::new();
        for command in commands.lines() {
            match command {
                "cargo build --release" | r#"export PATH="$PWD/target/release:$PATH""# => {} // done by the test
                _ if command.starts_with("otaru serve ") => printed.extend(self.starts_platform(command)),
                _ if command.starts_with("otaru agent ") => {
                    printed.extend(self.runs_agent(command, last_shown));
                }
                _ => {
                    let output = self.shell(command).output().unwrap();
                    assert!(
                        output.status.success(),
                        "{command}: {}",
                        String::from_utf8_lossy(&output.stderr)
                    );
                    printed.extend(String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned));
                }
            }
        }
        printed
    }

    /// Starts the platform and copies the line that it wants copied.
    fn starts_platform(&mut self, command: &str) -> Vec<String> {
        let mut platform = self.shell(command).stdout(Stdio::piped()).spawn().unwrap();
        let mut printed = Vec::new();
        for line in BufReader::new(platform.stdout.take().unwrap()).lines() {
            let line = line.unwrap();
            printed.push(line.clone());
            if let Some(exports) = line.trim().strip_prefix("export ") {
                let pairs = exports.split(' ').map(|pair| pair.split_once('=').unwrap());
                self.variables.extend(pairs.map(|(name, value)| (name.to_owned(), value.to_owned())));
                break;
            }
        }
        self.platform = Some(platform);
        printed
    }

    /// Runs the agent until it has printed the last line shown, then presses Ctrl-C.
    fn runs_agent(&self, command: &str, last_shown: &str) -> Vec<String> {
        let mut agent = self.shell(command).stdout(Stdio::piped()).spawn().unwrap();
        let mut printed = Vec::new();
        for line in BufReader::new(agent.stdout.take().unwrap()).lines() {
            let line = line.unwrap();
            let last = fits(&line, last_shown);
            printed.push(line);
            if last {
                let pid = rustix::process::Pid::from_child(&agent);
                rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
            }
        }
        assert_eq!(agent.wait().unwrap().code(), Some(0), "{printed:?}");
        printed
    }

    fn saves(&self, file: &str, text: &str) {
        fs::write(self.folder.path().join(file), text).unwrap();
    }
}

impl Drop for Person {
    fn drop(&mut self) {
        if let Some(platform) = &mut self.platform {
            let _ = platform.kill();
            let _ = platform.wait();
        }
    }
}

#[test]
fn the_walk_on_two_terminals_works_as_printed() {
    let blocks = walk();
    let mut person = Person::sit_down();
    let mut secret = String::new();
    let mut commands = 0;
    for (at, block) in blocks.iter().enumerate() {
        match block.language.as_str() {
            "sh" => {
                let shown = &blocks.get(at + 1).filter(|next| next.language == "text").unwrap().text;
                let last = shown.lines().rfind(|line| *line != "…").unwrap();
                let printed = person.types(&block.text, last);
                assert_shown(&printed, shown);
                let told = printed.iter().find_map(|line| line.strip_prefix("device secret: "));
                secret = told.map_or(secret, str::to_owned);
                commands += block.text.lines().count();
            }
            "toml" => person.saves("pump-001.toml", &block.text.replace('…', &secret)),
            "text" => {}
            other => panic!("a block of {other:?} that no test reads"),
        }
    }
    assert!(commands >= 10, "the walk was not found");
}
