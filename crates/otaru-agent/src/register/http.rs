//! Registration by a form over HTTP(S).

use std::time::Duration;

use otaru_wire::dialect::aliyun::registration::{self, Grant};

use super::{PATIENCE, Plan, Refused};
use crate::{http::root_certs, tls::Trust};

/// The longest answer read, in bytes; stock SDKs take 192.
const MAX_ANSWER: u64 = 16 * 1024;

/// Posts the form and reads the answer.
pub(super) fn ask(plan: &Plan, url: &str, random: &str) -> Result<Grant, Refused> {
    let form = registration::write_form(&plan.device, &plan.product_secret.0, random);
    let answer = post_form(url, &plan.trust, &form, PATIENCE);
    let (status, body) = answer.map_err(|error| Refused::unreachable(error.to_string()))?;
    match status {
        200 => {}
        429 | 500.. => {
            return Err(Refused::unreachable(format!("{url} answers {status}: it is busy or broken")));
        }
        _ => return Err(Refused::by_platform(&format!("HTTP status {status}"))),
    }
    // The error tells a code and never the answer itself.
    registration::read_reply(&body).map_err(|error| Refused::by_platform(&error.to_string()))
}

/// Why a form cannot be posted.
#[derive(Debug, thiserror::Error)]
pub enum PostFailed {
    /// The server's certificate, or TLS with it, is no good.
    #[error("{0}")]
    NotTrusted(String),
    /// The server cannot be reached, or does not answer well.
    #[error("{0}")]
    Unreachable(String),
}

/// Posts a form and waits at most `patience` for its answer: the status and at most 16 KiB. No redirect is followed: a secret
/// goes nowhere but where it was meant to.
///
/// # Errors
/// [`PostFailed`].
pub fn post_form(
    url: &str,
    trust: &Trust,
    form: &str,
    patience: Duration,
) -> Result<(u16, Vec<u8>), PostFailed> {
    let http = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .proxy(None)
        .user_agent(concat!("otaru-agent/", env!("CARGO_PKG_VERSION")))
        .timeout_global(Some(patience))
        .tls_config(ureq::tls::TlsConfig::builder().root_certs(root_certs(trust)).build())
        .build()
        .new_agent();
    let response = http.post(url).content_type("application/x-www-form-urlencoded").send(form);
    let mut response = response.map_err(|error| {
        let text = format!("{url} cannot be reached: {error}");
        match error {
            ureq::Error::Rustls(_) | ureq::Error::Tls(_) => PostFailed::NotTrusted(text),
            _ => PostFailed::Unreachable(text),
        }
    })?;
    let status = response.status().as_u16();
    let body = response.body_mut().with_config().limit(MAX_ANSWER).read_to_vec();
    let body =
        body.map_err(|error| PostFailed::Unreachable(format!("{url} does not answer well: {error}")))?;
    Ok((status, body))
}
