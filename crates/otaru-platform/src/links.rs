//! Signed, expiring download links, each bound to one device and to one file of one Task, or to one Config.
//!
//! `{base}/f/{product}/{device}/{task}/{file}?e={unix seconds}&s={32 hex digits}` and
//! `{base}/c/{product}/{device}/{config}?e=…&s=…`, where `s` is the first half of an HMAC-SHA256 over everything else. For the usual ids path and query stay under 200 bytes, and neither holds a `:`:
//! old SDKs copy both into buffers of 255 bytes and take any `:` for a port (aliyun-iotkit-v3 §3.6).

use std::{
    fmt::{self, Write as _},
    time::Duration,
};

use hmac::{Hmac, KeyInit, Mac};
use otaru_fleet::{ConfigId, TaskId};
use otaru_wire::{DeviceId, DeviceName, ProductKey};
use sha2::Sha256;

mod base;

pub use base::BaseUrlError;
use base::normal_base;

/// How long a link holds unless configured: a day, as the vendor's.
pub const DEFAULT_TTL: Duration = Duration::from_secs(24 * 60 * 60);

/// How long a link to a Config holds: the vendor's 30 minutes (aliyun-link-sdk-v4 §2.6).
pub const CONFIG_TTL: Duration = Duration::from_secs(30 * 60);

/// The length of a link's signature in bytes.
const TAG_LEN: usize = 16;

/// The longest path and query of a link, in bytes: v3 SDKs copy both into 256 bytes without a look at their length,
/// early v4 SDKs refuse more (aliyun-iotkit-v3 §3.6, aliyun-link-sdk-v4 §4.1).
pub const MAX_TARGET_BYTES: usize = 255;

/// What a link allows: this device may fetch this.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// Who may fetch.
    pub device: DeviceId,
    /// What it may fetch.
    pub what: Granted,
}

/// What a link leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Granted {
    /// A file of a Task's package.
    File {
        /// For which Task.
        task: TaskId,
        /// Which of the package's files, from 0.
        file: u16,
    },
    /// The file of a Config.
    Config(ConfigId),
}

impl Grant {
    /// This device may fetch this file of this Task, counted from 0.
    pub fn file(device: DeviceId, task: TaskId, file: u16) -> Self {
        Self { device, what: Granted::File { task, file } }
    }

    /// This device may fetch this Config.
    pub fn config(device: DeviceId, config: ConfigId) -> Self {
        Self { device, what: Granted::Config(config) }
    }
}

impl Granted {
    fn write(self, link: &mut String) {
        // Writing into a String cannot fail.
        let _ = match self {
            Granted::File { task, file } => write!(link, "/{task}/{file}"),
            Granted::Config(config) => write!(link, "/{config}"),
        };
    }

    const fn folder(self) -> &'static str {
        match self {
            Granted::File { .. } => "/f/",
            Granted::Config(_) => "/c/",
        }
    }
}

/// Why a link is not followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LinkError {
    /// Not a link of this form at all.
    #[error("not a download link")]
    Malformed,
    /// Some part of it is not what was signed, or another key signed it.
    #[error("the link's signature does not fit it")]
    Forged,
    /// It was good once; the device is to ask for a fresh one.
    #[error("the link has expired")]
    Expired,
}

/// Writes and reads links. The key is the platform's own and never leaves it.
#[derive(Clone)]
pub struct Links {
    base: String,
    mac: Hmac<Sha256>,
    ttl: Duration,
}

impl fmt::Debug for Links {
    /// Without the key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Links").field("base", &self.base).field("ttl", &self.ttl).finish_non_exhaustive()
    }
}

impl Links {
    /// Links that begin with `base_url` (e.g. `https://ota.example`), are signed with `key` and hold for `ttl`.
    /// A port that the scheme implies is left out: SDKs of the v3 generation cannot follow a link with a port
    /// (aliyun-iotkit-v3 §0).
    ///
    /// # Errors
    /// [`BaseUrlError`] if devices could not follow such links.
    pub fn new(base_url: &str, key: [u8; 32], ttl: Duration) -> Result<Self, BaseUrlError> {
        Ok(Self { base: normal_base(base_url)?, mac: hmac(key), ttl })
    }

    /// What every link begins with: scheme, host, port if it is not the scheme's own, path without `/` at its end.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// The link for `grant`, good from now (`now_ms`, Unix milliseconds) for the configured time; to a Config for
    /// [`CONFIG_TTL`] at most.
    pub fn write(&self, grant: &Grant, now_ms: u64) -> String {
        let ttl = match grant.what {
            Granted::File { .. } => self.ttl,
            Granted::Config(_) => self.ttl.min(CONFIG_TTL),
        };
        let ttl_ms = u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX);
        let expires = now_ms.saturating_add(ttl_ms).div_ceil(1000);
        let mut link = String::with_capacity(self.base.len() + 128);
        link.push_str(&self.base);
        link.push_str(grant.what.folder());
        push_escaped(&mut link, grant.device.product.as_str());
        link.push('/');
        push_escaped(&mut link, grant.device.device.as_str());
        grant.what.write(&mut link);
        let _ = write!(link, "?e={expires}&s=");
        for byte in &self.signed(grant, expires).finalize().into_bytes()[..TAG_LEN] {
            let _ = write!(link, "{byte:02x}");
        }
        link
    }

    /// How long path and query of this device's links can become, in bytes.
    pub fn longest_target(&self, device: &DeviceId) -> usize {
        self.longest(device).len()
            - self.base.find("://").map_or(0, |scheme| {
                let host = scheme + "://".len();
                self.base[host..].find('/').map_or(self.base.len(), |slash| host + slash)
            })
    }

    /// The longest link of this device. It leads nowhere.
    pub(crate) fn longest(&self, device: &DeviceId) -> String {
        // Unix seconds have ten digits from 2001 to 2286.
        let some_day = 1_700_000_000_000;
        self.write(&Grant::file(device.clone(), TaskId(u64::MAX), 19), some_day)
    }

    /// What the link with this path (from `/f/` or `/c/` on) and query allows at `now_ms`, Unix milliseconds. The signature
    /// is compared in constant time, and before the expiry is looked at.
    ///
    /// # Errors
    /// [`LinkError`].
    pub fn read(&self, path: &str, query: &str, now_ms: u64) -> Result<Grant, LinkError> {
        let (grant, expires, tag) = parse(path, query).ok_or(LinkError::Malformed)?;
        self.signed(&grant, expires).verify_truncated_left(&tag).map_err(|_| LinkError::Forged)?;
        if now_ms >= expires.saturating_mul(1000) {
            return Err(LinkError::Expired);
        }
        Ok(grant)
    }

    fn signed(&self, grant: &Grant, expires: u64) -> Hmac<Sha256> {
        // No id holds a line feed, so no two grants give the same text.
        let Grant { device: DeviceId { product, device }, what } = grant;
        let signed = match what {
            Granted::File { task, file } => {
                format!("otaru link 1\n{product}\n{device}\n{task}\n{file}\n{expires}")
            }
            Granted::Config(config) => {
                format!("otaru config link 1\n{product}\n{device}\n{config}\n{expires}")
            }
        };
        let mut mac = self.mac.clone();
        mac.update(signed.as_bytes());
        mac
    }
}

/// HMAC takes a key of any length: one that is longer or shorter than a block is not an error.
fn hmac(key: [u8; 32]) -> Hmac<Sha256> {
    let mut block = hmac::digest::Key::<Hmac<Sha256>>::default();
    block[..key.len()].copy_from_slice(&key);
    Hmac::new(&block)
}

fn parse(path: &str, query: &str) -> Option<(Grant, u64, [u8; TAG_LEN])> {
    let (folder, rest) = path.strip_prefix('/')?.split_once('/')?;
    let mut parts = rest.split('/');
    let product = ProductKey::new(unescape(parts.next()?)?).ok()?;
    let device = DeviceName::new(unescape(parts.next()?)?).ok()?;
    let what = match folder {
        "f" => {
            let task = TaskId(number(parts.next()?)?);
            Granted::File { task, file: u16::try_from(number(parts.next()?)?).ok()? }
        }
        "c" => Granted::Config(ConfigId(number(parts.next()?)?)),
        _ => return None,
    };
    if parts.next().is_some() {
        return None;
    }
    let (expires, tag) = query.strip_prefix("e=")?.split_once("&s=")?;
    Some((Grant { device: DeviceId { product, device }, what }, number(expires)?, read_tag(tag)?))
}

/// Decimal digits only: `parse` alone would take a sign.
fn number(text: &str) -> Option<u64> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

fn read_tag(hex: &str) -> Option<[u8; TAG_LEN]> {
    if hex.len() != TAG_LEN * 2 {
        return None;
    }
    let mut tag = [0; TAG_LEN];
    for (byte, pair) in tag.iter_mut().zip(hex.as_bytes().chunks_exact(2)) {
        *byte = hex_digit(pair[0])? << 4 | hex_digit(pair[1])?;
    }
    Some(tag)
}

fn hex_digit(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).map(|value| value as u8)
}

fn push_escaped(link: &mut String, id: &str) {
    for byte in id.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            link.push(char::from(byte));
        } else {
            let _ = write!(link, "%{byte:02X}");
        }
    }
}

fn unescape(part: &str) -> Option<String> {
    let mut bytes = part.bytes();
    let mut plain = Vec::with_capacity(part.len());
    while let Some(byte) = bytes.next() {
        plain.push(match byte {
            b'%' => hex_digit(bytes.next()?)? << 4 | hex_digit(bytes.next()?)?,
            other => other,
        });
    }
    String::from_utf8(plain).ok()
}

#[cfg(test)]
mod tests;
