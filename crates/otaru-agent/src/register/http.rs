//! Registration by a form over HTTP(S).

use otaru_wire::dialect::aliyun::registration::{self, Grant};

use super::{PATIENCE, Plan, Refused};
use crate::http::root_certs;

/// The longest answer read, in bytes; stock SDKs take 192.
const MAX_ANSWER: u64 = 16 * 1024;

/// Posts the form and reads the answer.
pub(super) fn ask(plan: &Plan, url: &str, random: &str) -> Result<Grant, Refused> {
    let form = registration::write_form(&plan.device, &plan.product_secret.0, random);
    let http = ureq::Agent::config_builder()
        .http_status_as_error(false)
        // The secret goes nowhere but where the configuration says.
        .max_redirects(0)
        .proxy(None)
        .user_agent(concat!("otaru-agent/", env!("CARGO_PKG_VERSION")))
        .timeout_global(Some(PATIENCE))
        .tls_config(ureq::tls::TlsConfig::builder().root_certs(root_certs(&plan.trust)).build())
        .build()
        .new_agent();
    let broken = |error: ureq::Error| Refused::unreachable(format!("{url} cannot be reached: {error}"));
    let response = http.post(url).content_type("application/x-www-form-urlencoded").send(&form);
    let mut response = response.map_err(broken)?;
    let status = response.status().as_u16();
    match status {
        200 => {}
        429 | 500.. => {
            return Err(Refused::unreachable(format!("{url} answers {status}: it is busy or broken")));
        }
        _ => return Err(Refused::by_platform(&format!("HTTP status {status}"))),
    }
    let body = response.body_mut().with_config().limit(MAX_ANSWER).read_to_vec();
    let body = body.map_err(|error| Refused::unreachable(format!("{url} does not answer well: {error}")))?;
    // The error tells a code and never the answer itself.
    registration::read_reply(&body).map_err(|error| Refused::by_platform(&error.to_string()))
}
