//! What every link begins with, as devices can follow it.

/// The longest path that links may begin with. With a product key of 20 bytes and a device name of 32, the vendor's
/// longest, path and query stay within 200.
pub(super) const MAX_BASE_PATH: usize = 80;

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

/// Scheme, host, port if it is not the scheme's own, path without `/` at its end.
pub(super) fn normal_base(url: &str) -> Result<String, BaseUrlError> {
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
