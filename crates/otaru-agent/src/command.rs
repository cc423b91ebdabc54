//! The user's own programs: the health check and the reboot.

use std::{
    ffi::OsStr,
    io,
    process::{Command, Stdio},
    thread,
};

use rustix::process::{Pid, Signal, kill_process};

const STACK: usize = 64 * 1024;

/// A program that runs; dropping it ends it.
#[derive(Debug)]
pub(crate) struct RunningCommand {
    pid: Option<Pid>,
}

impl RunningCommand {
    /// Starts a program with these variables in its environment; `done` gets its outcome, from another thread.
    pub(crate) fn start(
        command: &[String],
        environment: &[(&str, impl AsRef<OsStr>)],
        done: impl FnOnce(Result<(), String>) + Send + 'static,
    ) -> io::Result<Self> {
        let (program, arguments) =
            command.split_first().ok_or_else(|| io::Error::other("no program is named"))?;
        let mut child = Command::new(program)
            .args(arguments)
            .envs(environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            // The agent's standard output is its event stream.
            .stdout(Stdio::null())
            .spawn()
            .map_err(|error| io::Error::new(error.kind(), format!("{program} cannot be started: {error}")))?;
        let pid = Pid::from_raw(i32::try_from(child.id()).unwrap_or(0));
        let program = program.clone();
        thread::Builder::new().name("command".to_owned()).stack_size(STACK).spawn(move || {
            done(match child.wait() {
                Ok(status) if status.success() => Ok(()),
                Ok(status) => Err(format!("{program} ended with {status}")),
                Err(error) => Err(format!("{program} cannot be waited for: {error}")),
            });
        })?;
        Ok(Self { pid })
    }

    /// Its outcome was told: there is nothing to end any more.
    pub(crate) fn finished(mut self) {
        self.pid = None;
    }
}

impl Drop for RunningCommand {
    fn drop(&mut self) {
        if let Some(pid) = self.pid {
            // It may have ended by itself just now.
            let _ = kill_process(pid, Signal::KILL);
        }
    }
}
