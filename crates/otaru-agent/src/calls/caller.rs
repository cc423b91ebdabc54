//! One thread that makes calls one after the other, so that a platform that is slow never holds up the loop.

use std::{
    io,
    sync::mpsc::{Receiver, Sender, channel},
    thread,
    time::Duration,
};

use otaru_core::FetchError;
use otaru_wire::http::{Answer, Call};

use super::CallId;
use crate::{http_client::HttpClient, tls::Trust};

/// The longest body of an answer, in bytes. Vendors' own clients have room for 512, head included (onenet §9 item 3).
const MAX_ANSWER: u64 = 8 * 1024;
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
    calls: Sender<(CallId, Call)>,
    http: HttpClient,
}

impl Caller {
    /// Starts the thread. `deliver` gets what came of each call, in the order in which they were made.
    pub(crate) fn start(
        options: CallOptions,
        deliver: impl Fn(CallId, Result<Answer, FetchError>) -> bool + Send + 'static,
    ) -> io::Result<Self> {
        let (calls, inbox) = channel();
        let http = HttpClient::at(&options.base, &options.trust, Some(options.connect_timeout));
        let worker = http.clone();
        let run = move || answer_all(&worker, options.timeout, &inbox, &deliver);
        thread::Builder::new().name("call".to_owned()).stack_size(STACK).spawn(run)?;
        Ok(Self { calls, http })
    }

    /// Makes a call, behind those that were made before.
    pub(crate) fn call(&self, id: CallId, call: Call) {
        // The thread outlives this sender unless it panicked; then the updater's timer tells.
        let _ = self.calls.send((id, call));
    }
}

impl Drop for Caller {
    fn drop(&mut self) {
        // Gets the thread out of a read; what still waits fails at once.
        self.http.shutdown();
    }
}

fn answer_all(
    http: &HttpClient,
    timeout: Duration,
    inbox: &Receiver<(CallId, Call)>,
    deliver: &dyn Fn(CallId, Result<Answer, FetchError>) -> bool,
) {
    while let Ok((id, call)) = inbox.recv() {
        let answer = http.call(&call, timeout, MAX_ANSWER).map_err(FetchError::from);
        if !deliver(id, answer) {
            return;
        }
    }
}

#[cfg(test)]
mod tests;
