//! The log: lines by `HAL_Printf`, as urgent as `IOT_SetLogLevel` wants them.

use std::{
    ffi::c_int,
    sync::atomic::{AtomicI32, Ordering},
};

use otaru_capi::guard;

use crate::hal;

/// `IOT_LogLevel`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Level {
    Error = 2,
    Warning = 3,
    Info = 4,
    Debug = 5,
}

/// Nothing is printed before the application asks for it.
static LEVEL: AtomicI32 = AtomicI32::new(0);

/// Prints a line. Secrets have no place in it.
pub(crate) fn log(level: Level, text: impl std::fmt::Display) {
    if level as i32 <= LEVEL.load(Ordering::Relaxed) {
        let name = match level {
            Level::Error => "error",
            Level::Warning => "warning",
            Level::Info => "info",
            Level::Debug => "debug",
        };
        hal::print(&format!("otaru [{name}] {text}"));
    }
}

/// `void IOT_SetLogLevel(IOT_LogLevel level)`.
#[unsafe(no_mangle)]
pub extern "C" fn IOT_SetLogLevel(level: c_int) {
    if (0..=Level::Debug as c_int).contains(&level) {
        LEVEL.store(level, Ordering::Relaxed);
    }
}

/// `void IOT_DumpMemoryStats(IOT_LogLevel level)`.
#[unsafe(no_mangle)]
pub extern "C" fn IOT_DumpMemoryStats(level: c_int) {
    guard((), || {
        if level > LEVEL.load(Ordering::Relaxed) {
            return;
        }
        // Linux tells it here; elsewhere there is nothing to print.
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        for line in status.lines().filter(|line| line.starts_with("VmRSS") || line.starts_with("VmHWM")) {
            hal::print(&format!("otaru memory: {line}"));
        }
    });
}
