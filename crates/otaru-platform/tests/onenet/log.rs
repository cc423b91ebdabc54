//! What the platform writes into its log, kept for tests to read.

use std::{
    io,
    sync::{Mutex, OnceLock, PoisonError},
};

static LINES: Mutex<String> = Mutex::new(String::new());

/// Takes what is written.
struct Kept;

impl io::Write for Kept {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        LINES.lock().unwrap_or_else(PoisonError::into_inner).push_str(&String::from_utf8_lossy(bytes));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Keeps everything that is logged in this process from now on: what a device repeats within a minute stands there as
/// `DEBUG`, so that it cannot fill a log.
pub(crate) fn keep() {
    static KEPT: OnceLock<()> = OnceLock::new();
    KEPT.get_or_init(|| {
        let lines = tracing_subscriber::fmt().with_ansi(false).with_max_level(tracing::Level::DEBUG);
        tracing::subscriber::set_global_default(lines.with_writer(|| Kept).finish()).unwrap();
    });
}

/// The lines of the platform's own that name this device.
pub(crate) fn lines_of(device: &str) -> Vec<String> {
    let lines = LINES.lock().unwrap_or_else(PoisonError::into_inner);
    lines
        .lines()
        .filter(|line| line.contains("otaru_platform") && line.contains(device))
        .map(str::to_owned)
        .collect()
}
