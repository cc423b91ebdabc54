//! Calls that block: one question to a platform, and its whole answer.

use std::{
    io::{self, Read},
    time::{Duration, Instant},
};

use otaru_core::FetchError;
use otaru_wire::http::{Answer, Call, Method};
use ureq::{
    Timeout,
    http::{self, Request},
    tls::TlsConfig,
};

use crate::{
    http::{errors, read_head, root_certs},
    tls::Trust,
};

/// The longest head of an answer, in bytes.
const MAX_HEAD: usize = 16 * 1024;

/// Why a call has no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// It did not end in its time; the platform may have heard it.
    #[error("the call did not end in time")]
    Timeout,
    /// The answer's body is longer than the caller has room for.
    #[error("the answer is longer than {max} bytes")]
    TooLong {
        /// The longest body taken, in bytes.
        max: u64,
    },
    /// The way to the platform, or the platform.
    #[error(transparent)]
    Fetch(#[from] FetchError),
}

impl From<CallError> for FetchError {
    fn from(error: CallError) -> Self {
        match error {
            CallError::Fetch(error) => error,
            error => FetchError::Broken(error.to_string()),
        }
    }
}

/// Makes calls to one platform, from any thread, and waits for their answers. A connection is kept for the next call.
///
/// What is sent is what the call says, with `Host` and `Content-Length` beside it. Redirects are not followed: a call bears a
/// proof of who the device is, which goes nowhere but where it was sent.
#[derive(Debug, Clone)]
pub struct HttpClient {
    http: ureq::Agent,
    base: String,
}

impl HttpClient {
    /// For the platform at `base`: scheme, host and port, such as `http://ota.example:8080`. `trust` counts on `https`.
    ///
    /// # Errors
    /// [`FetchError::BadUrl`] if `base` is something else.
    pub fn new(base: &str, trust: &Trust) -> Result<Self, FetchError> {
        let base = base.trim_end_matches('/');
        let bad = || FetchError::BadUrl("it is not http:// or https:// with a host and a port".to_owned());
        let uri: http::Uri = base.parse().map_err(|_| bad())?;
        let known = matches!(uri.scheme_str(), Some("http" | "https"));
        if !known
            || uri.host().is_none_or(str::is_empty)
            || !matches!(uri.path(), "" | "/")
            || uri.query().is_some()
        {
            return Err(bad());
        }
        Ok(Self::at(base, trust, None))
    }

    /// The same where `base` was checked already. `connect_timeout` is for finding and reaching the platform.
    pub(crate) fn at(base: &str, trust: &Trust, connect_timeout: Option<Duration>) -> Self {
        let http = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .proxy(None)
            .user_agent("")
            .accept("")
            .accept_encoding("")
            .max_response_header_size(MAX_HEAD)
            .input_buffer_size(MAX_HEAD)
            .max_idle_connections(1)
            .timeout_resolve(connect_timeout)
            .timeout_connect(connect_timeout)
            .tls_config(TlsConfig::builder().root_certs(root_certs(trust)).build())
            .build()
            .new_agent();
        Self { http, base: base.to_owned() }
    }

    /// Gets a thread out of a read. Every further call fails at once.
    pub(crate) fn shutdown(&self) {
        self.http.clone().shutdown();
    }

    /// Makes a call and takes in the whole answer, whatever its status: a body of at most `max_body` bytes. `timeout` is for
    /// all of it, from finding the platform to the last byte. A GET whose connection ends before its answer begins is asked once
    /// more.
    ///
    /// # Errors
    /// [`CallError`].
    pub fn call(&self, call: &Call, timeout: Duration, max_body: u64) -> Result<Answer, CallError> {
        let method = match call.method {
            Method::Get => http::Method::GET,
            Method::Post => http::Method::POST,
        };
        let started = Instant::now();
        let response = match self.ask(call, method.clone(), timeout) {
            // A platform may close a kept connection at any time, as this question was on its way for instance. A GET changes
            // nothing and may be asked twice (RFC 9110 §9.2.2); whether a POST was heard is for the caller to find out.
            Err(error) if method == http::Method::GET && is_closed(&error) => {
                self.ask(call, method, timeout.saturating_sub(started.elapsed()))
            }
            response => response,
        };
        let (parts, body) = response.map_err(calling)?.into_parts();
        let mut bytes = Vec::new();
        body.into_reader().take(max_body.saturating_add(1)).read_to_end(&mut bytes).map_err(reading)?;
        if bytes.len() as u64 > max_body {
            return Err(CallError::TooLong { max: max_body });
        }
        Ok(Answer { head: read_head(parts.status.as_u16(), &parts.headers), body: bytes })
    }

    fn ask(
        &self,
        call: &Call,
        method: http::Method,
        timeout: Duration,
    ) -> Result<http::Response<ureq::Body>, ureq::Error> {
        let bodiless = call.body.is_empty() && method == http::Method::GET;
        let mut request = Request::builder().method(method).uri(format!("{}{}", self.base, call.target));
        for (name, value) in &call.headers.0 {
            request = request.header(name, value);
        }
        match bodiless {
            true => self.send(request.body(())?, timeout),
            false => self.send(request.body(&call.body[..])?, timeout),
        }
    }

    fn send(
        &self,
        request: Request<impl ureq::AsSendBody>,
        timeout: Duration,
    ) -> Result<http::Response<ureq::Body>, ureq::Error> {
        self.http.run(self.http.configure_request(request).timeout_global(Some(timeout)).build())
    }
}

fn calling(error: ureq::Error) -> CallError {
    match error {
        ureq::Error::Timeout(Timeout::Global) => CallError::Timeout,
        ureq::Error::Io(error) if is_timeout(&error) => CallError::Timeout,
        error => CallError::Fetch(errors::calling(error)),
    }
}

fn reading(error: io::Error) -> CallError {
    match is_timeout(&error) {
        true => CallError::Timeout,
        false => CallError::Fetch(errors::reading(error)),
    }
}

/// True if the connection ended before an answer began.
fn is_closed(error: &ureq::Error) -> bool {
    use io::ErrorKind as Kind;
    let ends = [Kind::ConnectionReset, Kind::ConnectionAborted, Kind::BrokenPipe, Kind::UnexpectedEof];
    matches!(error, ureq::Error::Io(error) if ends.contains(&error.kind()))
}

/// The HTTP library's own errors come wrapped in the system's.
fn is_timeout(error: &io::Error) -> bool {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<ureq::Error>());
    matches!(inner, Some(ureq::Error::Timeout(Timeout::Global)))
}
