//! One run of the user's program: bounded in time, and in what of its words is kept.

use std::{
    ffi::OsString,
    fs::File,
    io::{self, Read},
    os::unix::process::CommandExt,
    process::{Child, ChildStderr, Command, ExitStatus, Stdio},
    sync::mpsc::{RecvTimeoutError, channel},
    thread,
    time::{Duration, Instant},
};

use rustix::{
    fs::{FlockOperation, flock},
    io::Errno,
    process::{Pid, Signal, kill_process_group},
};

/// The longest last line of a program that is told, in characters.
const MAX_LINE: usize = 200;
/// How long the words of a program are awaited after its end: a child of its own may hold them open for ever.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// How a run ended.
#[derive(Debug)]
pub(super) enum Ended {
    Well,
    /// And what is known of it, for people.
    Badly(String),
}

/// Runs a program to its end. `busy` is locked meanwhile; a run that goes on without an agent is waited for.
pub(super) fn run(
    command: &[String],
    environment: &[(String, OsString)],
    busy: File,
    timeout: Duration,
) -> Ended {
    let Some((program, arguments)) = command.split_first() else {
        return Ended::Badly("no program is named".to_owned());
    };
    let deadline = Instant::now() + timeout;
    let seconds = timeout.as_secs_f64();
    match lock(&busy, deadline) {
        Ok(true) => {}
        Ok(false) => {
            return Ended::Badly(format!("an earlier run of {program} did not end in {seconds} seconds"));
        }
        Err(error) => return Ended::Badly(format!("the lock beside the package cannot be had: {error}")),
    }
    let started = Command::new(program)
        .args(arguments)
        .envs(environment.iter().map(|(name, value)| (name, value)))
        .stdin(busy)
        // The agent's standard output is its event stream.
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        // So that the end of its time ends its children too.
        .process_group(0)
        .spawn();
    let mut child = match started {
        Ok(child) => child,
        Err(error) => return Ended::Badly(format!("{program} cannot be started: {error}")),
    };
    let words = last_line(child.stderr.take());
    match wait(child, deadline) {
        Ok(Some(status)) if status.success() => Ended::Well,
        Ok(Some(status)) => match words.recv_timeout(LAST_WORDS) {
            Ok(line) if !line.is_empty() => Ended::Badly(format!("{program} ended with {status}: {line}")),
            _ => Ended::Badly(format!("{program} ended with {status}")),
        },
        Ok(None) => Ended::Badly(format!("{program} did not end in {seconds} seconds and was killed")),
        Err(error) => Ended::Badly(format!("{program} cannot be waited for: {error}")),
    }
}

/// Takes the lock; false if it cannot be had in time.
fn lock(busy: &File, deadline: Instant) -> io::Result<bool> {
    match flock(busy, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => return Ok(true),
        Err(Errno::WOULDBLOCK) => {}
        Err(error) => return Err(error.into()),
    }
    let (sender, locked) = channel();
    let waiting = busy.try_clone()?;
    // The system wakes it when the other run ends. If nobody waits any more, the lock goes with the file.
    thread::Builder::new().name("busy".to_owned()).spawn(move || {
        let _ = sender.send(flock(&waiting, FlockOperation::LockExclusive));
    })?;
    match locked.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
        Ok(result) => Ok(result.map(|()| true)?),
        Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => Ok(false),
    }
}

/// Waits for the program's end; none if it had to be killed.
fn wait(mut child: Child, deadline: Instant) -> io::Result<Option<ExitStatus>> {
    let group = Pid::from_raw(i32::try_from(child.id()).unwrap_or(0));
    let (sender, ended) = channel();
    thread::Builder::new().name("command".to_owned()).spawn(move || {
        let _ = sender.send(child.wait());
    })?;
    match ended.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
        Ok(status) => status.map(Some),
        Err(_) => {
            if let Some(group) = group {
                // It may have ended by itself just now.
                let _ = kill_process_group(group, Signal::KILL);
            }
            // Dead by now, or about to be: the next run must not meet it.
            let _ = ended.recv();
            Ok(None)
        }
    }
}

/// Reads what the program says to its end and gives its last line that is not blank.
fn last_line(stderr: Option<ChildStderr>) -> std::sync::mpsc::Receiver<String> {
    let (sender, line) = channel();
    // Without a thread nothing is known of its words, which changes nothing else.
    let _ = thread::Builder::new().name("stderr".to_owned()).spawn(move || {
        let mut tail = Vec::new();
        let mut buffer = [0; 4096];
        let mut stderr = stderr;
        while let Some(len) = stderr.as_mut().and_then(|stderr| stderr.read(&mut buffer).ok()) {
            if len == 0 {
                break;
            }
            tail.extend_from_slice(buffer.get(..len).unwrap_or_default());
            // Room for one line and the blank lines after it.
            tail.drain(..tail.len().saturating_sub(4 * MAX_LINE));
        }
        let text = String::from_utf8_lossy(&tail);
        let last = text.lines().rev().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default();
        let _ = sender.send(last.chars().filter(|char| !char.is_control()).take(MAX_LINE).collect());
    });
    line
}
