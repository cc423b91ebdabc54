//! Values of the configuration, each with its bounds, and what is said when one is wrong.

use std::{fmt::Display, ops::RangeInclusive, path::Path, str::FromStr, time::Duration};

use otaru_wire::Module;
use serde::{Deserialize, Deserializer, de::Error as _};

use super::Secret;
use crate::folder::is_plain_name;

/// Why a configuration cannot be used. No message repeats a value of a secret.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("the configuration {file} cannot be read: {error}")]
    Read {
        /// The file.
        file: String,
        /// The system's word.
        error: std::io::Error,
    },
    /// A line of it is wrong.
    #[error("{file}, line {line}{}: {problem}", in_key(.key.as_deref()))]
    Line {
        /// The file.
        file: String,
        /// The line, from 1.
        line: usize,
        /// The key on that line.
        key: Option<String>,
        /// What is wrong.
        problem: String,
    },
    /// A value that a program gave is wrong.
    #[error("[{table}] of the configuration: {problem}")]
    Value {
        /// The table it is for.
        table: &'static str,
        /// What is wrong.
        problem: String,
    },
    /// Keys that are fine alone do not go together.
    #[error("{file}, key {key}: {problem}")]
    Together {
        /// The file.
        file: String,
        /// The key to look at.
        key: String,
        /// What is wrong.
        problem: String,
    },
}

fn in_key(key: Option<&str>) -> String {
    key.map(|key| format!(", key {key}")).unwrap_or_default()
}

impl ConfigError {
    /// The library's own message quotes the line, which may hold the secret: only its position and its words are
    /// taken.
    pub(super) fn from_toml(file: &str, text: &str, error: &toml::de::Error) -> Self {
        let start = error.span().map_or(0, |span| span.start.min(text.len()));
        let before = text.get(..start).unwrap_or_default();
        let line = before.matches('\n').count();
        let key = text
            .lines()
            .nth(line)
            .and_then(|line| line.split_once('='))
            .map(|(key, _)| key.trim().to_owned())
            .filter(|key| !key.is_empty());
        Self::Line { file: file.to_owned(), line: line + 1, key, problem: error.message().to_owned() }
    }
}

/// A span of time, written as seconds, whole or with a fraction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seconds(pub Duration);

/// A century; longer is a mistake, and its milliseconds would not fit every clock.
const LONGEST: f64 = 100.0 * 365.0 * 86_400.0;

impl<'de> Deserialize<'de> for Seconds {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let seconds = f64::deserialize(deserializer)?;
        if !(0.0..=LONGEST).contains(&seconds) {
            return Err(D::Error::custom(format!(
                "{seconds} is not a number of seconds from 0 to a century"
            )));
        }
        Ok(Self(Duration::from_secs_f64(seconds)))
    }
}

/// A span that is longer than none, for what comes back after it.
pub(super) fn some_positive<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Seconds>, D::Error> {
    match Seconds::deserialize(deserializer)? {
        Seconds(Duration::ZERO) => Err(D::Error::custom("it must be above 0")),
        span => Ok(Some(span)),
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match String::deserialize(deserializer) {
            Ok(text) if !text.is_empty() => Ok(Self(text)),
            // The library's message would quote the value.
            _ => Err(D::Error::custom("it must be a text in quotes that is not empty")),
        }
    }
}

/// A whole number within bounds.
pub(super) fn within<'de, D, const MIN: u64, const MAX: u64>(deserializer: D) -> Result<u64, D::Error>
where
    D: Deserializer<'de>,
{
    check(u64::deserialize(deserializer)?, MIN..=MAX)
}

/// A whole number within bounds, or none.
pub(super) fn some_within<'de, D, const MIN: u64, const MAX: u64>(
    deserializer: D,
) -> Result<Option<u64>, D::Error>
where
    D: Deserializer<'de>,
{
    within::<D, MIN, MAX>(deserializer).map(Some)
}

fn check<E: serde::de::Error>(number: u64, bounds: RangeInclusive<u64>) -> Result<u64, E> {
    if bounds.contains(&number) {
        return Ok(number);
    }
    Err(E::custom(match *bounds.end() {
        u64::MAX => format!("{number} is below {}", bounds.start()),
        end => format!("{number} is not within {} to {end}", bounds.start()),
    }))
}

/// A text that its type accepts.
pub(super) fn id<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: FromStr<Err: Display>,
{
    String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
}

/// The name of a module beside `default`; it becomes the name of a folder.
pub(super) fn module<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Module, D::Error> {
    let module: Module = id(deserializer)?;
    if module.is_default() {
        return Err(D::Error::custom("the module default gets its version in [device]"));
    }
    if !is_plain_name(module.as_str()) {
        return Err(D::Error::custom(format!("{module} cannot be the name of a folder")));
    }
    Ok(module)
}

/// Host and port.
pub(super) fn address<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let text = String::deserialize(deserializer)?;
    match text.rsplit_once(':') {
        Some((host, port)) if !host.is_empty() && port.parse::<u16>().is_ok_and(|port| port != 0) => {
            Ok(Some(text))
        }
        _ => Err(D::Error::custom(format!("{text:?} is not a host and a port with a colon between"))),
    }
}

/// A program and its arguments.
pub(super) fn needed_command<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    let command = Vec::<String>::deserialize(deserializer)?;
    match command.first().is_none_or(String::is_empty) {
        true => Err(D::Error::custom("it needs the name of a program")),
        false => Ok(command),
    }
}

/// The same where it may be left out.
pub(super) fn command<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Vec<String>>, D::Error> {
    needed_command(deserializer).map(Some)
}

/// The secret is for the agent's user alone.
pub(super) fn warn_if_others_can_read(path: &Path) {
    use std::os::unix::fs::PermissionsExt;
    if std::fs::metadata(path).is_ok_and(|metadata| metadata.permissions().mode() & 0o004 != 0) {
        tracing::warn!(
            file = %path.display(),
            "every user can read the configuration, which holds the device's secret; chmod o-r it"
        );
    }
}
