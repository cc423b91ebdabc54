//! What the HTTP library's errors mean to the updater. No message repeats the link: it is signed.

use std::io;

use otaru_core::FetchError;

/// An error before the head came.
pub(super) fn calling(error: ureq::Error) -> FetchError {
    match error {
        ureq::Error::BadUri(_) | ureq::Error::Http(_) => {
            FetchError::BadUrl("it is not an http or https URL with a host".to_owned())
        }
        ureq::Error::TooManyRedirects | ureq::Error::RedirectFailed => {
            FetchError::BadUrl("it leads in circles or through too many redirects".to_owned())
        }
        ureq::Error::RequireHttpsOnly(_) => FetchError::BadUrl("it is not https".to_owned()),
        ureq::Error::Rustls(error) => handshake(&error),
        ureq::Error::Io(error) => reading(error),
        other => FetchError::Broken(other.to_string()),
    }
}

/// An error while reading. The TLS library's errors and the HTTP library's own come wrapped in the system's.
pub(super) fn reading(error: io::Error) -> FetchError {
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

fn handshake(error: &rustls::Error) -> FetchError {
    match error {
        rustls::Error::InvalidCertificate(_) | rustls::Error::NoCertificatesPresented => {
            FetchError::NotTrusted(error.to_string())
        }
        other => FetchError::Broken(other.to_string()),
    }
}
