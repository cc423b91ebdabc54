//! The control socket: what a person or a program beside the agent may say to it, one order a line.
//!
//! | order | what it does |
//! | --- | --- |
//! | `accept` | agrees to what was offered or staged |
//! | `postpone SECONDS` | asks to be asked again later |
//! | `refuse REASON` | refuses it; the platform is told the reason |
//! | `cancel` | takes back the Task in hand |
//! | `ask-task MODULE` | asks the platform whether it has a Task for the module |
//! | `ask-config` | asks the platform for its Config |
//! | `report MODULE STEP TEXT` | reports by hand: STEP is 0 to 100 percent or −1 to −4, TEXT may be left out |
//! | `stop` | ends the agent |
//!
//! Each line is answered by `ok` or by `error: ` and what is wrong with it. `ok` says that the agent has heard it; what came of
//! it is told as events. The socket belongs to the agent's user alone.

use std::{
    fs,
    io::{self, BufRead, BufReader, Read, Write},
    os::unix::{
        fs::{FileTypeExt, PermissionsExt},
        net::{UnixListener, UnixStream},
    },
    path::{Path, PathBuf},
    str::FromStr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use otaru_wire::{Module, Step};

use crate::handle::Handle;

/// The longest order, in bytes, its line feed included.
const MAX_ORDER: usize = 1024;

/// How long a caller may be silent. One is served after the other, so nobody may keep the others waiting.
const PATIENCE: Duration = Duration::from_secs(10);

const STACK: usize = 64 * 1024;

/// What an agent can be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Order {
    Accept,
    Postpone(Duration),
    Refuse(String),
    Cancel,
    AskTask(Module),
    AskConfig,
    Report(Module, Step, String),
    Stop,
}

/// Why a line is no order.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum OrderError {
    #[error(
        "{0:?} is no order; known are accept, postpone, refuse, cancel, ask-task, ask-config, report and stop"
    )]
    Unknown(String),
    #[error("{order} takes {takes}")]
    Arguments { order: &'static str, takes: &'static str },
}

impl FromStr for Order {
    type Err = OrderError;

    fn from_str(line: &str) -> Result<Self, OrderError> {
        let (word, rest) = split(line);
        let takes = |order, takes| OrderError::Arguments { order, takes };
        let alone = |order, name| match rest.is_empty() {
            true => Ok(order),
            false => Err(takes(name, "nothing")),
        };
        match word {
            "accept" => alone(Order::Accept, "accept"),
            "cancel" => alone(Order::Cancel, "cancel"),
            "ask-task" => {
                Module::new(rest).map(Order::AskTask).map_err(|_| takes("ask-task", "the name of a module"))
            }
            "ask-config" => alone(Order::AskConfig, "ask-config"),
            "stop" => alone(Order::Stop, "stop"),
            "postpone" => match rest.parse() {
                Ok(seconds @ 1..=31_536_000) => Ok(Order::Postpone(Duration::from_secs(seconds))),
                _ => Err(takes("postpone", "1 to 31536000 seconds")),
            },
            "refuse" if rest.is_empty() => Err(takes("refuse", "a reason")),
            "refuse" => Ok(Order::Refuse(rest.to_owned())),
            "report" => {
                report(rest).ok_or(takes("report", "a module, a step from -4 to 100, and a text or none"))
            }
            other => Err(OrderError::Unknown(other.chars().take(32).collect())),
        }
    }
}

fn report(rest: &str) -> Option<Order> {
    let (module, rest) = split(rest);
    let (step, text) = split(rest);
    let step = Step::from_code(step.parse().ok()?)?;
    Some(Order::Report(Module::new(module).ok()?, step, text.to_owned()))
}

/// The first word and what follows it.
fn split(line: &str) -> (&str, &str) {
    let line = line.trim();
    line.split_once(char::is_whitespace).map_or((line, ""), |(word, rest)| (word, rest.trim_start()))
}

/// The control socket, listening until it is dropped.
pub struct Control {
    path: PathBuf,
    ended: Arc<AtomicBool>,
}

impl Control {
    /// Listens at a path. A socket that an agent before this one left there is replaced, nothing else is.
    ///
    /// # Errors
    /// The system's, with the path where it does not name it: the path is taken, too long for a socket (about 100 bytes),
    /// or its folder is missing.
    pub fn listen(path: &Path, handle: Handle) -> io::Result<Self> {
        match fs::symlink_metadata(path) {
            Ok(found) if !found.file_type().is_socket() => {
                return Err(io::Error::new(
                    io::ErrorKind::AlreadyExists,
                    format!("{} exists and is no socket", path.display()),
                ));
            }
            _ => {}
        }
        // Nobody else may connect, not even between its making and the change of its mode.
        let aside = path.with_extension("new");
        let _ = fs::remove_file(&aside);
        let named = |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", path.display()));
        let listener = UnixListener::bind(&aside).map_err(named)?;
        fs::set_permissions(&aside, fs::Permissions::from_mode(0o600))?;
        fs::rename(&aside, path)?;
        let ended = Arc::new(AtomicBool::new(false));
        let over = Arc::clone(&ended);
        let serve = move || {
            for caller in listener.incoming() {
                if over.load(Ordering::Relaxed) {
                    return;
                }
                // A caller that goes away is not missed.
                let _ = caller.and_then(|caller| attend(&caller, &handle));
            }
        };
        thread::Builder::new().name("control".to_owned()).stack_size(STACK).spawn(serve)?;
        Ok(Self { path: path.to_owned(), ended })
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
        // Wakes the thread, which then ends.
        let _ = UnixStream::connect(&self.path);
        let _ = fs::remove_file(&self.path);
    }
}

fn attend(caller: &UnixStream, handle: &Handle) -> io::Result<()> {
    caller.set_read_timeout(Some(PATIENCE))?;
    caller.set_write_timeout(Some(PATIENCE))?;
    let mut lines = BufReader::new(caller);
    loop {
        let mut line = Vec::new();
        lines.by_ref().take(MAX_ORDER as u64).read_until(b'\n', &mut line)?;
        if line.is_empty() {
            return Ok(());
        }
        if line.len() == MAX_ORDER && !line.ends_with(b"\n") {
            return (&mut &*caller).write_all(b"error: an order has at most 1024 bytes\n");
        }
        let answer = match String::from_utf8_lossy(&line).parse() {
            Ok(order) => {
                handle.obey(order);
                "ok\n".to_owned()
            }
            Err(error) => format!("error: {error}\n"),
        };
        (&mut &*caller).write_all(answer.as_bytes())?;
    }
}

/// Says one order to the agent that listens at `path`, and gives its answer.
///
/// # Errors
/// Nobody listens there, or there is no answer.
pub fn tell(path: &Path, order: &str) -> io::Result<Result<(), String>> {
    let mut agent = UnixStream::connect(path)?;
    agent.set_read_timeout(Some(PATIENCE))?;
    // One line is one order, whatever it holds.
    agent.write_all(format!("{}\n", order.replace(['\n', '\r'], " ")).as_bytes())?;
    let mut answer = String::new();
    BufReader::new(agent).take(2 * MAX_ORDER as u64).read_line(&mut answer)?;
    match answer.trim_end() {
        "ok" => Ok(Ok(())),
        "" => Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the agent does not answer")),
        other => Ok(Err(other.trim_start_matches("error: ").to_owned())),
    }
}

#[cfg(test)]
mod tests;
