//! A Task as a check tells it (onenet §2.3, §2.4).

use alloc::{
    format,
    string::{String, ToString},
    vec,
};
use serde::Deserialize;

use super::{Ask, Generation, Handle, Kind, Status, Token};
use crate::{
    DeviceId, Digest, DigestMethod, File, Limits, Notice, NoticeError, Source, TaskTerms, Version,
    dialect::{
        ReadError,
        json::{self, Scalar},
    },
};

/// The longest target version and `ipPort` that the vendor's C client has room for, in bytes (§7.1, §9 item 8).
const MAX_TEXT_BYTES: usize = 31;

/// What a Task's answer has in one generation only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Terms {
    /// Of [`Generation::Token`].
    Token {
        /// Names it.
        token: Token,
        /// What the device is to keep to.
        limits: Limits,
        /// Where to fetch from without resolving a name, if the device asked for it (`cdn=true`). At most 31 bytes.
        ip_port: Option<String>,
    },
    /// Of the others.
    Tid {
        /// Names it.
        tid: u32,
        /// Its state.
        status: Status,
    },
}

/// A Task as its device is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Task {
    /// The version it leads to; at most 31 bytes reach a device.
    pub target: Version,
    /// The file's size in bytes, above zero. The vendor's clients count in 32 bits.
    pub size: u32,
    /// The file's MD5: the package's own if it is differential.
    pub md5: [u8; 16],
    /// True for a differential package.
    pub delta: bool,
    /// How it is named, and more.
    pub terms: Terms,
}

/// Why a Task cannot be told in this dialect. The platform's fault: the Task stays as it is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TaskError {
    /// It breaks a rule that every dialect has.
    #[error(transparent)]
    Notice(#[from] NoticeError),
    /// There is one file to a Task.
    #[error("the package has {count} files; this dialect fetches one")]
    Files {
        /// How many it has.
        count: usize,
    },
    /// There is no field for another digest.
    #[error("the file has no MD5, and this dialect knows no other digest")]
    NoMd5,
    /// The file is longer than its clients can count.
    #[error("the file has {size} bytes; at most {} are allowed", u32::MAX)]
    TooLarge {
        /// Its size in bytes.
        size: u64,
    },
    /// A text is longer than its clients have room for.
    #[error("the {what} has {len} bytes; this dialect's clients have room for {MAX_TEXT_BYTES}")]
    TooLong {
        /// `version` or `ipPort`.
        what: &'static str,
        /// Its length in bytes.
        len: usize,
    },
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Told {
    target: String,
    token: Option<String>,
    tid: Option<Scalar>,
    size: Scalar,
    md5: String,
    signal: Option<Scalar>,
    power: Option<Scalar>,
    retry: Option<Scalar>,
    interval: Option<Scalar>,
    ip_port: Option<String>,
    status: Option<Scalar>,
    r#type: Option<Scalar>,
}

impl Task {
    /// The Task of a neutral notice; its link is not told, because a device makes its own.
    ///
    /// # Errors
    /// [`TaskError`] if this dialect has no words for it.
    pub fn of(notice: &Notice, terms: Terms) -> Result<Self, TaskError> {
        notice.check()?;
        let [file] = notice.files.as_slice() else {
            return Err(TaskError::Files { count: notice.files.len() });
        };
        let md5 = [Some(file.digest), file.also].into_iter().flatten().find_map(|digest| match digest {
            Digest::Md5(md5) => Some(md5),
            Digest::Sha256(_) => None,
        });
        let ip_port = match &terms {
            Terms::Token { ip_port, .. } => ip_port.as_deref().unwrap_or_default(),
            Terms::Tid { .. } => "",
        };
        for (what, text) in [("version", notice.version.as_str()), ("ipPort", ip_port)] {
            if text.len() > MAX_TEXT_BYTES {
                return Err(TaskError::TooLong { what, len: text.len() });
            }
        }
        Ok(Self {
            target: notice.version.clone(),
            size: file.size.try_into().map_err(|_| TaskError::TooLarge { size: file.size })?,
            md5: md5.ok_or(TaskError::NoMd5)?,
            delta: notice.delta,
            terms,
        })
    }

    /// How it is named.
    pub fn handle(&self) -> Handle {
        match &self.terms {
            Terms::Token { token, .. } => Handle::Token(token.clone()),
            Terms::Tid { tid, .. } => Handle::Tid(*tid),
        }
    }

    fn task_terms(&self) -> Result<TaskTerms, ReadError> {
        let limits = match &self.terms {
            Terms::Token { limits, .. } => *limits,
            Terms::Tid { .. } => Limits::default(),
        };
        Ok(TaskTerms { name: self.handle().name()?, limits })
    }

    /// The neutral notice. `base` is scheme, host and port of the platform, such as `http://ota.heclouds.com`; `kind` is
    /// what was asked for.
    ///
    /// # Errors
    /// [`ReadError::Notice`] if it breaks a rule that every dialect has.
    pub fn notice(
        &self,
        generation: Generation,
        device: &DeviceId,
        kind: Kind,
        base: &str,
    ) -> Result<Notice, ReadError> {
        let path = Ask::Download { task: self.handle(), range: None }
            .target(generation, device)
            .map_err(|error| json::malformed(&error.to_string()))?;
        let source = Source::Http { url: format!("{}{path}", base.trim_end_matches('/')) };
        let file =
            File { name: None, size: self.size.into(), digest: Digest::Md5(self.md5), also: None, source };
        let notice = Notice {
            version: self.target.clone(),
            module: kind.module(),
            files: vec![file],
            delta: self.delta,
            silent: false,
            extra: None,
            signature: None,
            terms: Some(self.task_terms()?),
        };
        notice.check()?;
        Ok(notice)
    }

    /// The object in a check's answer.
    pub(super) fn write(&self) -> String {
        let Self { target, size, delta, .. } = self;
        let md5 = Digest::Md5(self.md5);
        let kind = if *delta { 2 } else { 1 };
        match &self.terms {
            Terms::Token { token, limits, ip_port } => {
                let Limits { signal, power, retry, interval_s } = limits;
                let ip_port =
                    ip_port.as_deref().map(|ip_port| format!(r#""ipPort":{},"#, json::quoted(ip_port)));
                format!(
                    r#"{{"target":"{target}","token":"{}","size":{size},"md5":"{md5}","signal":{signal},"power":{power},"retry":{retry},"interval":{interval_s},{}"type":{kind}}}"#,
                    token.as_str(),
                    ip_port.unwrap_or_default()
                )
            }
            Terms::Tid { tid, status } => format!(
                r#"{{"target":"{target}","tid":{tid},"size":{size},"md5":"{md5}","status":{},"type":{kind}}}"#,
                status.number()
            ),
        }
    }

    /// Reads the object in a check's answer.
    pub(super) fn read(generation: Generation, told: Told) -> Result<Self, ReadError> {
        let terms = match generation {
            Generation::Token => Terms::Token {
                token: Token::new(told.token.ok_or_else(|| json::malformed("token is missing"))?)?,
                limits: Limits {
                    signal: limit("signal", &told.signal, u8::MAX)?,
                    power: limit("power", &told.power, u8::MAX)?,
                    retry: limit("retry", &told.retry, u16::MAX)?,
                    interval_s: limit("interval", &told.interval, u32::MAX)?,
                },
                ip_port: told.ip_port.filter(|text| is_ip_port(text)),
            },
            Generation::Tid | Generation::Fuse => Terms::Tid {
                tid: whole("tid", told.tid.as_ref())?,
                status: told.status.as_ref().map_or(Ok(Status::Waiting), Status::read)?,
            },
        };
        let size = whole("size", Some(&told.size))?;
        if size == 0 {
            return Err(NoticeError::EmptyFile { index: 0 }.into());
        }
        let md5 = match Digest::from_hex(DigestMethod::Md5, &told.md5)? {
            Digest::Md5(md5) => md5,
            Digest::Sha256(_) => return Err(json::malformed("md5 is none")),
        };
        let delta = match told.r#type.map(|kind| kind.number()) {
            None | Some(Some(1)) => false,
            Some(Some(2)) => true,
            Some(_) => return Err(json::malformed("type is neither 1 nor 2")),
        };
        Ok(Self { target: Version::new(told.target)?, size, md5, delta, terms })
    }
}

/// An address that cannot break out of a link. Vendor documents have it with and without a port (§2.3).
fn is_ip_port(text: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || ".:[]-".contains(c);
    (1..=MAX_TEXT_BYTES).contains(&text.len()) && text.chars().all(allowed)
}

/// A threshold. What is beyond its bounds is the bound: a Task is not lost by it.
fn limit<T: TryFrom<i128> + Default>(name: &str, field: &Option<Scalar>, most: T) -> Result<T, ReadError> {
    let Some(field) = field else { return Ok(T::default()) };
    match field.number() {
        Some(number) if number < 0 => Ok(T::default()),
        Some(number) => Ok(T::try_from(number).unwrap_or(most)),
        None => Err(json::malformed(&format!("{name} is no number"))),
    }
}

fn whole<T: TryFrom<u64>>(name: &str, field: Option<&Scalar>) -> Result<T, ReadError> {
    let number = field.and_then(Scalar::unsigned).and_then(|number| T::try_from(number).ok());
    number.ok_or_else(|| json::malformed(&format!("{name} is missing or no number that is bearable")))
}

#[cfg(test)]
mod tests;
