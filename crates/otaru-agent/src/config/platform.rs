//! `[platform]`: where a platform is that speaks HTTP.

use std::path::PathBuf;

use serde::{Deserialize, Deserializer, de::Error as _};
use ureq::http::Uri;

use super::Wrong;

/// `[platform]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlatformConfig {
    /// Scheme, host and, where it is not the scheme's own, port: `http://ota.example:8080`.
    #[serde(deserialize_with = "base")]
    pub url: String,
    /// A PEM file: the only certificates that the platform's may lead to, for calls and, without `download.ca`, for files.
    /// Default: the web's roots.
    #[serde(default)]
    pub ca: Option<PathBuf>,
}

/// What is said of every other url. It is not repeated: it may hold a password.
const NO_BASE: &str = "it must be http:// or https://, a host, a port if need be and nothing behind it, such as \"http://ota.example:8080\"";

impl PlatformConfig {
    /// Refuses what a program put in by itself.
    pub(super) fn check(&self) -> Result<(), Wrong> {
        if read_base(&self.url).as_ref() != Some(&self.url) {
            return Err(("platform.url", NO_BASE.to_owned()));
        }
        match self.ca.is_some() && !self.url.starts_with("https:") {
            true => Err(("platform.ca", "it needs an url with https://".to_owned())),
            false => Ok(()),
        }
    }
}

/// Scheme and authority without a slash behind them: a call's target begins with one.
fn base<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let text = String::deserialize(deserializer)?;
    read_base(&text).ok_or_else(|| D::Error::custom(NO_BASE))
}

fn read_base(text: &str) -> Option<String> {
    let uri: Uri = text.parse().ok()?;
    let (scheme, authority) = (uri.scheme_str()?, uri.authority()?);
    let bare = uri.path().trim_matches('/').is_empty() && uri.query().is_none() && !text.contains(['#', '@']);
    let port = authority.port_u16().is_some_and(|port| port != 0);
    let host = !authority.host().is_empty() && (port || authority.host() == authority.as_str());
    (bare && host && matches!(scheme, "http" | "https")).then(|| format!("{scheme}://{authority}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_base_is_a_scheme_a_host_and_a_port_and_nothing_more() {
        for (text, base) in [
            ("http://ota.example", "http://ota.example"),
            ("https://ota.example:8443/", "https://ota.example:8443"),
            ("HTTP://127.0.0.1:80", "http://127.0.0.1:80"),
            ("http://[::1]:8080", "http://[::1]:8080"),
        ] {
            assert_eq!(read_base(text).as_deref(), Some(base), "{text}");
        }
        for text in [
            "",
            "ota.example:80",
            "/ota",
            "ftp://ota.example",
            "http://",
            "http://:80",
            "http://ota.example:",
            "http://ota.example:0",
            "http://ota.example:65536",
            "http://ota.example/ota",
            "http://ota.example?a=b",
            "http://ota.example#a",
            "http://name:secret@ota.example",
            "http://ota example",
        ] {
            assert_eq!(read_base(text), None, "{text}");
        }
    }
}
