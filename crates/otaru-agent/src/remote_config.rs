//! The Config that the platform gives: kept as one file, and shown to the user's program.

use std::{io, path::PathBuf};

use otaru_core::{ConfigSummary, RequestId};

use crate::{command::RunningCommand, config::RemoteConfig, folder::Folder};

/// Where Configs go, and the program that looks at the newest one.
#[derive(Debug)]
pub(crate) struct ConfigFile {
    folder: Folder,
    name: String,
    /// Absolute, for the program.
    path: PathBuf,
    command: Option<Vec<String>>,
    running: Option<Running>,
}

#[derive(Debug)]
struct Running {
    request: RequestId,
    id: String,
    command: RunningCommand,
}

impl ConfigFile {
    /// Opens the folder of the file, which is made where it is missing.
    pub(crate) fn open(config: &RemoteConfig) -> io::Result<Self> {
        let path = std::path::absolute(&config.file)?;
        let no_file = || io::Error::new(io::ErrorKind::InvalidInput, "it does not name a file");
        let name = path.file_name().and_then(|name| name.to_str()).ok_or_else(no_file)?.to_owned();
        let folder = Folder::open(path.parent().ok_or_else(no_file)?)?;
        Ok(Self { folder, name, path, command: config.command.clone(), running: None })
    }

    /// Makes these bytes the file, whole or not at all, and starts the program. Gives the answer, unless the program
    /// has it: then `done` gets it, from another thread.
    pub(crate) fn take(
        &mut self,
        request: RequestId,
        config: &ConfigSummary,
        bytes: &[u8],
        done: impl FnOnce(Result<(), String>) + Send + 'static,
    ) -> Option<Result<(), String>> {
        // A program that still looks at an older one looks at what is gone.
        self.running = None;
        if let Err(error) = self.folder.replace(&self.name, bytes) {
            return Some(Err(format!("it cannot be written: {error}")));
        }
        let Some(command) = &self.command else { return Some(Ok(())) };
        let (file, size) = (self.path.to_string_lossy(), config.size.to_string());
        let environment = [
            ("OTARU_CONFIG_ID", config.id.as_str()),
            ("OTARU_CONFIG_FILE", &file),
            ("OTARU_CONFIG_SIZE", &size),
            ("OTARU_CONFIG_GET_TYPE", &config.get_type),
        ];
        match RunningCommand::start(command, &environment, done) {
            Ok(command) => {
                self.running = Some(Running { request, id: config.id.clone(), command });
                None
            }
            Err(error) => Some(Err(error.to_string())),
        }
    }

    /// The program of that Config has ended.
    pub(crate) fn ended(&mut self, request: RequestId) {
        if let Some(running) = self.running.take_if(|running| running.request == request) {
            running.command.finished();
        }
    }

    /// Nobody waits any more for word of that Config: its program is ended.
    pub(crate) fn given_up(&mut self, id: &str) {
        self.running.take_if(|running| running.id == id);
    }
}
