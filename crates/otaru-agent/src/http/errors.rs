//! What the HTTP library's errors mean to the updater. No message repeats the link: it is signed.

use std::io::{self, ErrorKind};

use otaru_core::FetchError;
use ureq::Timeout;

/// An error before the head came.
pub(crate) fn calling(error: ureq::Error) -> FetchError {
    match error {
        ureq::Error::BadUri(_) | ureq::Error::Http(_) => {
            FetchError::BadUrl("it is not an http or https URL with a host".to_owned())
        }
        ureq::Error::TooManyRedirects | ureq::Error::RedirectFailed => FetchError::Redirected,
        ureq::Error::RequireHttpsOnly(_) => FetchError::BadUrl("it is not https".to_owned()),
        ureq::Error::Rustls(error) => handshake(&error),
        ureq::Error::HostNotFound | ureq::Error::ConnectionFailed => {
            FetchError::Unreachable(error.to_string())
        }
        ureq::Error::Timeout(Timeout::Resolve | Timeout::Connect | Timeout::SendRequest) => {
            FetchError::Unreachable(error.to_string())
        }
        ureq::Error::Io(error) if !had_begun(error.kind()) => FetchError::Unreachable(error.to_string()),
        ureq::Error::Io(error) => reading(error),
        other => FetchError::Broken(other.to_string()),
    }
}

/// An error while reading. The TLS library's errors and the HTTP library's own come wrapped in the system's.
pub(crate) fn reading(error: io::Error) -> FetchError {
    if let Some(tls) = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        return handshake(tls);
    }
    let text = error.to_string();
    match error.downcast::<ureq::Error>() {
        Ok(ureq::Error::Io(inner)) => FetchError::Broken(inner.to_string()),
        Ok(inner) => calling(inner),
        Err(_) => FetchError::Broken(text),
    }
}

/// What ends a conversation that had begun, or TLS and HTTP errors wrapped by their libraries. All else, a name without
/// an address among it, comes before.
fn had_begun(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::ConnectionReset
            | ErrorKind::ConnectionAborted
            | ErrorKind::BrokenPipe
            | ErrorKind::UnexpectedEof
            | ErrorKind::TimedOut
            | ErrorKind::WouldBlock
            | ErrorKind::InvalidData
            | ErrorKind::Other
    )
}

fn handshake(error: &rustls::Error) -> FetchError {
    match error {
        rustls::Error::InvalidCertificate(_) | rustls::Error::NoCertificatesPresented => {
            FetchError::NotTrusted(error.to_string())
        }
        other => FetchError::Broken(other.to_string()),
    }
}
