//! The link of a file, with the port that the program set.

use otaru_wire::dialect::aliyun::StateCode;

/// What demos set whatever the link is.
const HTTPS_PORT: u16 = 443;

/// The link to follow: its scheme says whether there is TLS, its own port comes first. `port` stands in where it names none;
/// but 443, which every demo sets, is no port for `http`.
pub(super) fn complete(url: &str, port: Option<u16>) -> Result<String, StateCode> {
    let (scheme, rest) = url.split_once("://").ok_or(StateCode::OtaParseUrlHostIsNull)?;
    let (host, path) = rest.split_once('/').ok_or(StateCode::OtaParseUrlPathIsNull)?;
    if host.is_empty() {
        return Err(StateCode::OtaParseUrlHostIsNull);
    }
    let path = path.split('#').next().unwrap_or_default();
    let has_port = host.rsplit_once(':').is_some_and(|(_, port)| !port.contains(']'));
    let plain = scheme.eq_ignore_ascii_case("http");
    let port = port.filter(|port| !(has_port || plain && *port == HTTPS_PORT));
    Ok(match port {
        Some(port) => format!("{scheme}://{host}:{port}/{path}"),
        None => format!("{scheme}://{host}/{path}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_links_own_port_comes_before_the_programs() {
        for (url, port, wanted) in [
            ("https://h/a?t=1#x", Some(443), "https://h:443/a?t=1"),
            ("http://h/a", Some(443), "http://h/a"),
            ("http://h/a", Some(8080), "http://h:8080/a"),
            ("http://h:81/a", Some(8080), "http://h:81/a"),
            ("http://[::1]/a", Some(8080), "http://[::1]:8080/a"),
            ("http://[::1]:81/a", Some(8080), "http://[::1]:81/a"),
            ("https://h/", None, "https://h/"),
        ] {
            assert_eq!(complete(url, port).as_deref(), Ok(wanted));
        }
    }

    #[test]
    fn a_link_without_host_or_path_has_the_sdks_codes() {
        for url in ["", "h/a", "http:/h/a", "http:///a"] {
            assert_eq!(complete(url, None), Err(StateCode::OtaParseUrlHostIsNull), "{url}");
        }
        assert_eq!(complete("http://h", None), Err(StateCode::OtaParseUrlPathIsNull));
    }
}
