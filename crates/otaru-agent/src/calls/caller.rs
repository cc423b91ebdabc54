//! One thread that makes calls one after the other, so that a platform that is slow never holds up the loop.
//!
//! What is sent is what the call says, with `Host` and `Content-Length` beside it. Redirects are not followed: a call bears
//! a proof of who the device is, which goes nowhere but where the configuration says.

use std::{
    io::{self, Read},
    sync::mpsc::{Receiver, Sender, channel},
    thread,
    time::Duration,
};

use otaru_core::{FetchError, RequestId};
use otaru_wire::http::{Answer, Call, Method};
use ureq::{http::Request, tls::TlsConfig};

use crate::{
    http::{errors, read_head, root_certs},
    tls::Trust,
};

/// The longest body of an answer, in bytes. Vendors' own clients have room for 512, head included (onenet §9 item 3).
const MAX_ANSWER: usize = 8 * 1024;
/// The longest head of an answer, in bytes.
const MAX_HEAD: usize = 16 * 1024;
const STACK: usize = 256 * 1024;

/// What calls are made with.
#[derive(Debug, Clone)]
pub(crate) struct CallOptions {
    /// Scheme, host and port of the platform, such as `http://ota.example:8080`.
    pub(crate) base: String,
    /// Whom to trust on `https`.
    pub(crate) trust: Trust,
    /// How long finding and reaching the platform may take.
    pub(crate) connect_timeout: Duration,
    /// How long a call may take in all. The updater decides sooner; this only makes sure of an end.
    pub(crate) timeout: Duration,
}

/// The loop's side of the thread, which ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Caller {
    calls: Sender<(RequestId, Call)>,
    http: ureq::Agent,
}

impl Caller {
    /// Starts the thread. `deliver` gets what came of each call, in the order in which they were made.
    pub(crate) fn start(
        options: CallOptions,
        deliver: impl Fn(RequestId, Result<Answer, FetchError>) -> bool + Send + 'static,
    ) -> io::Result<Self> {
        let (calls, inbox) = channel();
        let http = client(&options);
        let worker = http.clone();
        let run = move || answer_all(&worker, &options.base, &inbox, &deliver);
        thread::Builder::new().name("call".to_owned()).stack_size(STACK).spawn(run)?;
        Ok(Self { calls, http })
    }

    /// Makes a call, behind those that were made before.
    pub(crate) fn call(&self, id: RequestId, call: Call) {
        // The thread outlives this sender unless it panicked; then the updater's timer tells.
        let _ = self.calls.send((id, call));
    }
}

impl Drop for Caller {
    fn drop(&mut self) {
        // Gets the thread out of a read; what still waits fails at once.
        self.http.clone().shutdown();
    }
}

fn answer_all(
    http: &ureq::Agent,
    base: &str,
    inbox: &Receiver<(RequestId, Call)>,
    deliver: &dyn Fn(RequestId, Result<Answer, FetchError>) -> bool,
) {
    while let Ok((id, call)) = inbox.recv() {
        if !deliver(id, make(http, base, call)) {
            return;
        }
    }
}

/// Makes a call and takes in the whole answer, whatever its status.
fn make(http: &ureq::Agent, base: &str, call: Call) -> Result<Answer, FetchError> {
    let Call { method, target, headers, body } = call;
    let method = match method {
        Method::Get => ureq::http::Method::GET,
        Method::Post => ureq::http::Method::POST,
    };
    let bodiless = body.is_empty() && method == ureq::http::Method::GET;
    let mut request = Request::builder().method(method).uri(format!("{base}{target}"));
    for (name, value) in &headers.0 {
        request = request.header(name, value);
    }
    let response = match bodiless {
        true => request.body(()).map_err(ureq::Error::from).and_then(|request| http.run(request)),
        false => request.body(body).map_err(ureq::Error::from).and_then(|request| http.run(request)),
    };
    let (parts, body) = response.map_err(errors::calling)?.into_parts();
    let mut bytes = Vec::new();
    let mut reader = body.into_reader().take(MAX_ANSWER as u64 + 1);
    reader.read_to_end(&mut bytes).map_err(errors::reading)?;
    if bytes.len() > MAX_ANSWER {
        return Err(FetchError::Broken(format!("the answer is longer than {MAX_ANSWER} bytes")));
    }
    let head = read_head(parts.status.as_u16(), &parts.headers);
    Ok(Answer { head, body: bytes })
}

fn client(options: &CallOptions) -> ureq::Agent {
    ureq::Agent::config_builder()
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
        .timeout_resolve(Some(options.connect_timeout))
        .timeout_connect(Some(options.connect_timeout))
        .timeout_global(Some(options.timeout))
        .tls_config(TlsConfig::builder().root_certs(root_certs(&options.trust)).build())
        .build()
        .new_agent()
}

#[cfg(test)]
mod tests;
