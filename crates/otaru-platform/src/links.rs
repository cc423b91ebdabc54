//! Signed, expiring download links, each bound to one device, one Task and one file.
//!
//! `{base}/f/{product}/{device}/{task}/{file}?e={unix seconds}&s={32 hex digits}`, where `s` is the first half of an
//! HMAC-SHA256 over everything else. For the usual ids path and query stay under 200 bytes, and neither holds a `:`:
//! old SDKs copy both into buffers of 255 bytes and take any `:` for a port (aliyun-iotkit-v3 §3.6).

use std::{
    fmt::{self, Write as _},
    time::Duration,
};

use hmac::{Hmac, KeyInit, Mac};
use otaru_fleet::TaskId;
use otaru_wire::{DeviceId, DeviceName, ProductKey};
use sha2::Sha256;

/// How long a link holds unless configured: a day, as the vendor's.
pub const DEFAULT_TTL: Duration = Duration::from_secs(24 * 60 * 60);

/// The length of a link's signature in bytes.
const TAG_LEN: usize = 16;

/// The longest path and query of a link, in bytes: v3 SDKs copy both into 256 bytes without a look at their length,
/// early v4 SDKs refuse more (aliyun-iotkit-v3 §3.6, aliyun-link-sdk-v4 §4.1).
pub const MAX_TARGET_BYTES: usize = 255;

/// The longest path that links may begin with. With a product key of 20 bytes and a device name of 32, the vendor's
/// longest, path and query stay within 200.
const MAX_BASE_PATH: usize = 80;

/// What a link allows: this device may fetch this file of this Task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// Who may fetch.
    pub device: DeviceId,
    /// For which Task.
    pub task: TaskId,
    /// Which of the package's files, from 0.
    pub file: u16,
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

/// Why an address cannot be what links begin with.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BaseUrlError {
    /// Neither `http://` nor `https://`.
    #[error("public URL {0:?} must begin with http:// or https://")]
    Scheme(String),
    /// There is no host, or it is followed by something that is no port.
    #[error("public URL {0:?} must name a host, and a port from 1 to 65535 if it names one")]
    Host(String),
    /// Links below it would be too long for old SDKs.
    #[error(
        "the path of public URL {0:?} has {1} bytes; at most {MAX_BASE_PATH} are allowed, for old SDKs have little room for links"
    )]
    Long(String, usize),
    /// It holds a query, a fragment, a blank or another character that links cannot begin with.
    #[error("public URL {0:?} may hold a scheme, host, port and path only")]
    Tail(String),
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

    /// The link for `grant`, good from now (`now_ms`, Unix milliseconds) for the configured time.
    pub fn write(&self, grant: &Grant, now_ms: u64) -> String {
        let ttl_ms = u64::try_from(self.ttl.as_millis()).unwrap_or(u64::MAX);
        let expires = now_ms.saturating_add(ttl_ms).div_ceil(1000);
        let mut link = String::with_capacity(self.base.len() + 128);
        link.push_str(&self.base);
        link.push_str("/f/");
        push_escaped(&mut link, grant.device.product.as_str());
        link.push('/');
        push_escaped(&mut link, grant.device.device.as_str());
        // Writing into a String cannot fail.
        let _ = write!(link, "/{}/{}?e={expires}&s=", grant.task, grant.file);
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
        self.write(&Grant { device: device.clone(), task: TaskId(u64::MAX), file: 19 }, some_day)
    }

    /// What the link with this path (from `/f/` on) and query allows at `now_ms`, Unix milliseconds. The signature
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
        let Grant { device: DeviceId { product, device }, task, file } = grant;
        let mut mac = self.mac.clone();
        mac.update(format!("otaru link 1\n{product}\n{device}\n{task}\n{file}\n{expires}").as_bytes());
        mac
    }
}

/// HMAC takes a key of any length: one that is longer or shorter than a block is not an error.
fn hmac(key: [u8; 32]) -> Hmac<Sha256> {
    let mut block = hmac::digest::Key::<Hmac<Sha256>>::default();
    block[..key.len()].copy_from_slice(&key);
    Hmac::new(&block)
}

fn normal_base(url: &str) -> Result<String, BaseUrlError> {
    let trimmed = url.trim_end_matches('/');
    let lower = trimmed.to_ascii_lowercase();
    let (scheme, own_port) = if lower.starts_with("http://") {
        ("http://", 80)
    } else if lower.starts_with("https://") {
        ("https://", 443)
    } else {
        return Err(BaseUrlError::Scheme(url.to_owned()));
    };
    let rest = &trimmed[scheme.len()..];
    if rest.chars().any(|c| !c.is_ascii_graphic() || "?#@\"<>\\^`{}|".contains(c)) {
        return Err(BaseUrlError::Tail(url.to_owned()));
    }
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let bad_host = || BaseUrlError::Host(url.to_owned());
    let (host, port) = match authority.rsplit_once(':') {
        // A colon inside the brackets of an IPv6 address is not a port's.
        Some((host, port)) if !port.ends_with(']') => {
            (host, Some(port.parse::<u16>().ok().filter(|port| *port != 0).ok_or_else(bad_host)?))
        }
        _ => (authority, None),
    };
    if path.len() > MAX_BASE_PATH {
        return Err(BaseUrlError::Long(url.to_owned(), path.len()));
    }
    if host.is_empty() || (host.contains(':') && !(host.starts_with('[') && host.ends_with(']'))) {
        return Err(bad_host());
    }
    Ok(match port {
        Some(port) if port != own_port => format!("{scheme}{host}:{port}{path}"),
        _ => format!("{scheme}{host}{path}"),
    })
}

fn parse(path: &str, query: &str) -> Option<(Grant, u64, [u8; TAG_LEN])> {
    let mut parts = path.strip_prefix("/f/")?.split('/');
    let product = ProductKey::new(unescape(parts.next()?)?).ok()?;
    let device = DeviceName::new(unescape(parts.next()?)?).ok()?;
    let task = TaskId(number(parts.next()?)?);
    let file = u16::try_from(number(parts.next()?)?).ok()?;
    if parts.next().is_some() {
        return None;
    }
    let (expires, tag) = query.strip_prefix("e=")?.split_once("&s=")?;
    Some((Grant { device: DeviceId { product, device }, task, file }, number(expires)?, read_tag(tag)?))
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
mod tests {
    use super::*;

    const NOW: u64 = 1_722_400_000_123;

    fn links() -> Links {
        Links::new("http://ota.example:8080", [7; 32], DEFAULT_TTL).unwrap()
    }

    fn grant(device: &str, task: u64, file: u16) -> Grant {
        let product = ProductKey::new("a1Demo").unwrap();
        Grant {
            device: DeviceId { product, device: DeviceName::new(device).unwrap() },
            task: TaskId(task),
            file,
        }
    }

    fn read(links: &Links, link: &str, now_ms: u64) -> Result<Grant, LinkError> {
        let rest = link.strip_prefix(links.base()).unwrap();
        let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
        links.read(path, query, now_ms)
    }

    #[test]
    fn a_link_comes_back_as_the_grant_it_was_written_for() {
        for device in ["pump-01", "00:1A:2B@x.y", "."] {
            let grant = grant(device, u64::MAX, u16::MAX);
            assert_eq!(read(&links(), &links().write(&grant, NOW), NOW), Ok(grant));
        }
    }

    #[test]
    fn a_link_expires_after_its_time_and_not_before() {
        let link = links().write(&grant("pump-01", 7, 0), NOW);
        let day = 24 * 60 * 60 * 1000;
        assert_eq!(read(&links(), &link, NOW + day), Ok(grant("pump-01", 7, 0)));
        assert_eq!(read(&links(), &link, NOW + day + 1000), Err(LinkError::Expired));
    }

    #[test]
    fn a_link_changed_in_any_part_is_forged_or_no_link() {
        let link = links().write(&grant("pump-01", 7, 0), NOW);
        let start = links().base().len() + "/f/".len();
        for at in start..link.len() {
            for new in [b'0', b'1', b'a', b'X', b'/', b'%', b'-', b'+'] {
                let mut changed = link.clone().into_bytes();
                if changed[at].eq_ignore_ascii_case(&new) {
                    continue;
                }
                changed[at] = new;
                let changed = String::from_utf8(changed).unwrap();
                let answer = read(&links(), &changed, NOW).unwrap_err();
                assert!(matches!(answer, LinkError::Forged | LinkError::Malformed), "{changed}: {answer}");
            }
        }
    }

    #[test]
    fn a_link_moved_to_another_device_task_file_or_expiry_is_forged() {
        let link = links().write(&grant("pump-01", 7, 0), NOW);
        for (old, new) in [("pump-01", "pump-02"), ("/7/", "/8/"), ("/0?", "/1?"), ("?e=1", "?e=9")] {
            assert!(link.contains(old));
            assert_eq!(read(&links(), &link.replacen(old, new, 1), NOW), Err(LinkError::Forged), "{new}");
        }
        let other_key = Links::new(links().base(), [8; 32], DEFAULT_TTL).unwrap();
        assert_eq!(read(&other_key, &link, NOW), Err(LinkError::Forged));
    }

    #[test]
    fn what_is_no_link_is_malformed_and_never_a_panic() {
        for link in ["", "/", "/f/", "/f/a/b/1", "/f/a/b/1/0/2?e=1&s=00", "/f/a/%/1/0?e=1&s=00", "/f/a/%f"] {
            let (path, query) = link.split_once('?').unwrap_or((link, ""));
            assert_eq!(links().read(path, query, NOW), Err(LinkError::Malformed), "{link}");
        }
        let link = links().write(&grant("pump-01", 7, 0), NOW);
        for end in links().base().len()..link.len() {
            assert_eq!(read(&links(), &link[..end], NOW), Err(LinkError::Malformed));
        }
    }

    #[test]
    fn path_and_query_fit_the_buffers_of_old_sdks_and_hold_no_colon() {
        // aliyun-iotkit-v3 §0, §3.6: at most 255 bytes, and any `:` is taken for a port.
        let usual = links().write(&grant(&"d".repeat(32), 4_000_000_000, 19), NOW);
        assert!(usual.len() - links().base().len() <= 200, "{usual}");
        let mut longest = grant(&"d".repeat(64), u64::MAX, u16::MAX);
        longest.device.product = ProductKey::new("p".repeat(64)).unwrap();
        assert!(links().write(&longest, NOW).len() - links().base().len() <= 255);
        let colons = links().write(&grant("00:1A:2B", 7, 0), NOW);
        assert!(!colons[links().base().len()..].contains(':'), "{colons}");
    }

    #[test]
    fn a_port_that_the_scheme_implies_is_not_printed() {
        let base = |url| Links::new(url, [7; 32], DEFAULT_TTL).unwrap().base().to_owned();
        assert_eq!(base("http://ota.example:80"), "http://ota.example");
        assert_eq!(base("https://ota.example:443/"), "https://ota.example");
        assert_eq!(base("HTTP://ota.example:443/fw//"), "http://ota.example:443/fw");
        assert_eq!(base("http://127.0.0.1:8080"), "http://127.0.0.1:8080");
        assert_eq!(base("http://[::1]:8080"), "http://[::1]:8080");
        assert_eq!(base("https://[::1]"), "https://[::1]");
    }

    #[test]
    fn path_and_query_stay_within_200_bytes_below_the_longest_path_for_the_vendors_longest_names() {
        let base = format!("http://ota.example/{}", "x".repeat(MAX_BASE_PATH - 1));
        let links = Links::new(&base, [7; 32], DEFAULT_TTL).unwrap();
        let mut vendors = grant(&"d".repeat(32), 4_000_000_000, 19);
        vendors.device.product = ProductKey::new("p".repeat(20)).unwrap();
        let usual = links.write(&vendors, NOW).len() - "http://ota.example".len();
        assert!(usual <= 200, "{usual}");
        assert_eq!(links.longest_target(&vendors.device), usual + "18446744073709551615".len() - 10);
        assert!(matches!(Links::new(&(base + "x"), [7; 32], DEFAULT_TTL), Err(BaseUrlError::Long(_, 81))));
    }

    #[test]
    fn a_base_that_devices_cannot_follow_is_refused() {
        for bad in [
            "ota.example",
            "ftp://x",
            "http://",
            "http://:80",
            "http://x:0",
            "http://x:99999",
            "http://a:b:1",
        ]
        .into_iter()
        .chain(["http://x?y", "http://x#y", "http://u@x", "http://a b", "http://x:", "http://ä"])
        {
            assert!(Links::new(bad, [7; 32], DEFAULT_TTL).is_err(), "{bad}");
        }
    }
}
