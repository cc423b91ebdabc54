//! Downloads: one thread that runs fetches, so that a stalled server never holds up the session with the platform.
//!
//! ```text
//!   loop ──Fetch, Stop, Returned──▶ thread ──Head, Body…, Ended──▶ loop
//! ```
//!
//! The thread owns [`BUFFERS`] buffers of [`CHUNK`] bytes and sends no body without one; the loop returns a buffer
//! for each body it was sent. So memory is bounded and a slow slot slows the server down. One connection is kept
//! alive over ranges.

pub(crate) mod errors;

use std::{
    io::{self, Read},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        mpsc::{Receiver, RecvTimeoutError, Sender, channel},
    },
    thread,
    time::{Duration, Instant},
};

use otaru_core::{FetchError, Head, RequestId};
use otaru_wire::{ByteRange, MAX_URL_BYTES, http::Headers};
use ureq::{
    config::RedirectAuthHeaders,
    http::{HeaderMap, HeaderName, HeaderValue, Response, header},
    tls::{Certificate, RootCerts, TlsConfig},
};

use crate::{pace::Pace, tls::Trust};

/// The longest piece of a body, in bytes.
const CHUNK: usize = 64 * 1024;
/// Buffers under way between thread and loop.
const BUFFERS: usize = 4;
/// Redirects followed in one fetch.
const MAX_REDIRECTS: u32 = 5;
/// Bytes of an error's body read so that the connection can be used again.
const MAX_ERROR_BODY: u64 = 64 * 1024;
const STACK: usize = 256 * 1024;

/// What downloads are made with.
#[derive(Debug, Clone)]
pub(crate) struct FetchOptions {
    /// Whom to trust on `https`.
    pub(crate) trust: Trust,
    /// The bound on bytes per second, if there is one.
    pub(crate) pace: Option<Pace>,
    /// Silence after which reading, or waiting for the head, gives up.
    pub(crate) stall_timeout: Duration,
    /// How long finding and reaching the server may take.
    pub(crate) connect_timeout: Duration,
}

/// One fetch.
pub(crate) struct FetchRequest {
    pub(crate) id: RequestId,
    pub(crate) url: String,
    pub(crate) range: ByteRange,
    pub(crate) etag: Option<String>,
    /// Who the device is, for the link's own host: it is not sent where a redirect leads.
    pub(crate) authorization: Option<String>,
}

/// What a fetch brings. A body must be answered by [`Fetcher::returned`].
#[derive(Debug)]
pub(crate) enum FetchEvent {
    Head(RequestId, Head),
    Body(RequestId, Vec<u8>),
    Ended(RequestId, Result<(), FetchError>),
}

/// The loop's side of the thread.
#[derive(Debug)]
pub(crate) struct Fetcher {
    commands: Sender<Command>,
    shared: Arc<Mutex<Shared>>,
    thread: Option<thread::JoinHandle<()>>,
}

enum Command {
    Fetch(FetchRequest),
    Returned(Vec<u8>),
    /// Look whether the fetch is still wanted.
    Look,
}

#[derive(Debug, Default)]
struct Shared {
    /// The fetch whose answers are awaited.
    wanted: Option<RequestId>,
    /// Holds the connection; shut down to get a thread out of a stalled read.
    http: Option<ureq::Agent>,
}

impl Fetcher {
    /// Starts the thread, which ends when the `Fetcher` is dropped or `deliver` returns false.
    pub(crate) fn start(
        options: FetchOptions,
        deliver: impl Fn(FetchEvent) -> bool + Send + 'static,
    ) -> io::Result<Self> {
        let (commands, inbox) = channel();
        let shared = Arc::new(Mutex::new(Shared::default()));
        let worker = Worker {
            options,
            inbox,
            shared: Arc::clone(&shared),
            deliver,
            buffers: vec![Vec::new(); BUFFERS],
            next: None,
        };
        let thread = thread::Builder::new().name("fetch".to_owned()).stack_size(STACK);
        let thread = Some(thread.spawn(move || worker.run())?);
        Ok(Self { commands, shared, thread })
    }

    /// Stops what is under way. Gives the thread, which ends as soon as it can.
    pub(crate) fn end(mut self) -> Option<thread::JoinHandle<()>> {
        self.thread.take()
    }

    /// Starts a fetch; one under way is stopped.
    pub(crate) fn fetch(&self, request: FetchRequest) {
        self.stop_if(|_| true);
        lock(&self.shared).wanted = Some(request.id);
        // The thread outlives this sender unless it panicked; then the updater's stall timeout tells.
        let _ = self.commands.send(Command::Fetch(request));
    }

    /// Stops a fetch, if it is the one under way.
    pub(crate) fn stop(&self, id: RequestId) {
        self.stop_if(|wanted| wanted == id);
    }

    /// Gives back a body's buffer, or another in its place.
    pub(crate) fn returned(&self, buffer: Vec<u8>) {
        let _ = self.commands.send(Command::Returned(buffer));
    }

    fn stop_if(&self, which: impl Fn(RequestId) -> bool) {
        let mut shared = lock(&self.shared);
        if shared.wanted.is_some_and(which) {
            shared.wanted = None;
            if let Some(http) = shared.http.take() {
                http.shutdown();
            }
            drop(shared);
            let _ = self.commands.send(Command::Look);
        }
    }
}

impl Drop for Fetcher {
    fn drop(&mut self) {
        self.stop_if(|_| true);
    }
}

/// Why a fetch ends before its body.
enum Break {
    /// Nobody waits for it any more.
    Stopped,
    Failed(FetchError),
}

struct Worker<D> {
    options: FetchOptions,
    inbox: Receiver<Command>,
    shared: Arc<Mutex<Shared>>,
    deliver: D,
    buffers: Vec<Vec<u8>>,
    next: Option<FetchRequest>,
}

impl<D: Fn(FetchEvent) -> bool> Worker<D> {
    fn run(mut self) {
        loop {
            let Some(request) = self.next.take() else {
                match self.inbox.recv() {
                    Ok(command) => self.take(command),
                    Err(_) => return,
                }
                continue;
            };
            let id = request.id;
            let result = match self.fetch(&request) {
                Ok(()) => Ok(()),
                Err(Break::Failed(error)) => Err(error),
                Err(Break::Stopped) => continue,
            };
            let mut shared = lock(&self.shared);
            if shared.wanted == Some(id) {
                shared.wanted = None;
                if !(self.deliver)(FetchEvent::Ended(id, result)) {
                    return;
                }
            }
        }
    }

    fn take(&mut self, command: Command) {
        match command {
            Command::Fetch(request) => self.next = Some(request),
            Command::Returned(buffer) => self.buffers.push(buffer),
            Command::Look => {}
        }
    }

    fn fetch(&mut self, request: &FetchRequest) -> Result<(), Break> {
        let response = self.head(request)?;
        let status = response.status().as_u16();
        let mut body = response.into_body().into_reader();
        if !matches!(status, 200..=299) {
            // Read, so that the connection can be used again; its end or failure changes nothing.
            let _ = io::copy(&mut (&mut body).take(MAX_ERROR_BODY), &mut io::sink());
            return Ok(());
        }
        loop {
            let mut buffer = self.buffer(request.id)?;
            let step = self.options.pace.as_ref().map_or(CHUNK, |pace| pace.step(CHUNK));
            buffer.resize(step, 0);
            let len = match body.read(&mut buffer) {
                Ok(len) => len,
                Err(error) => {
                    self.buffers.push(buffer);
                    return Err(Break::Failed(errors::reading(error)));
                }
            };
            buffer.truncate(len);
            if len == 0 {
                self.buffers.push(buffer);
                return Ok(());
            }
            if let Err(stopped) = self.send(request.id, FetchEvent::Body(request.id, buffer)) {
                // That buffer will not be returned: a new one takes its place.
                self.buffers.push(Vec::new());
                return Err(stopped);
            }
            if let Some(pace) = &self.options.pace {
                let pause = pace.spend(len, Instant::now());
                self.pause(request.id, pause)?;
            }
        }
    }

    /// Asks the server and delivers the head of its answer.
    fn head(&self, request: &FetchRequest) -> Result<Response<ureq::Body>, Break> {
        if request.url.len() > MAX_URL_BYTES {
            let problem = format!("it has {} bytes; at most {MAX_URL_BYTES} are followed", request.url.len());
            return Err(Break::Failed(FetchError::BadUrl(problem)));
        }
        let http = {
            let mut shared = lock(&self.shared);
            if shared.wanted != Some(request.id) {
                return Err(Break::Stopped);
            }
            shared.http.get_or_insert_with(|| client(&self.options)).clone()
        };
        let mut call =
            http.get(&request.url).header(header::RANGE, otaru_wire::http_range::write_range(request.range));
        if let Some(etag) = &request.etag {
            call = call.header(header::IF_RANGE, etag);
        }
        if let Some(authorization) = &request.authorization {
            call = call.header(header::AUTHORIZATION, authorization);
        }
        let response = call.call().map_err(|error| Break::Failed(errors::calling(error)))?;
        let head = read_head(response.status().as_u16(), response.headers());
        self.send(request.id, FetchEvent::Head(request.id, head))?;
        Ok(response)
    }

    /// Delivers, unless the fetch was stopped. The lock is held, so that nothing is delivered after a stop.
    fn send(&self, id: RequestId, event: FetchEvent) -> Result<(), Break> {
        let shared = lock(&self.shared);
        if shared.wanted == Some(id) && (self.deliver)(event) { Ok(()) } else { Err(Break::Stopped) }
    }

    /// A free buffer; waits for the loop to return one.
    fn buffer(&mut self, id: RequestId) -> Result<Vec<u8>, Break> {
        loop {
            if let Some(buffer) = self.buffers.pop() {
                return Ok(buffer);
            }
            match self.inbox.recv() {
                Ok(command) => self.take(command),
                Err(_) => return Err(Break::Stopped),
            }
            self.still_wanted(id)?;
        }
    }

    /// Waits, listening for a stop.
    fn pause(&mut self, id: RequestId, pause: Duration) -> Result<(), Break> {
        let end = Instant::now() + pause;
        loop {
            match self.inbox.recv_timeout(end.saturating_duration_since(Instant::now())) {
                Ok(command) => self.take(command),
                Err(RecvTimeoutError::Timeout) => return Ok(()),
                Err(RecvTimeoutError::Disconnected) => return Err(Break::Stopped),
            }
            self.still_wanted(id)?;
        }
    }

    fn still_wanted(&self, id: RequestId) -> Result<(), Break> {
        if lock(&self.shared).wanted == Some(id) { Ok(()) } else { Err(Break::Stopped) }
    }
}

fn lock(shared: &Mutex<Shared>) -> MutexGuard<'_, Shared> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The same trust in the words of the HTTP library.
pub(crate) fn root_certs(trust: &Trust) -> RootCerts {
    match trust {
        Trust::WebRoots => RootCerts::WebPki,
        Trust::Only(certificates) => {
            let owned: Vec<_> =
                certificates.iter().map(|der| Certificate::from_der(der.as_ref()).to_owned()).collect();
            RootCerts::new_with_certs(&owned)
        }
    }
}

fn client(options: &FetchOptions) -> ureq::Agent {
    ureq::Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(MAX_REDIRECTS)
        .redirect_auth_headers(RedirectAuthHeaders::Never)
        .proxy(None)
        .user_agent(concat!("otaru-agent/", env!("CARGO_PKG_VERSION")))
        // Bytes as they are: ranges and digests are of the file, not of an encoding of it.
        .accept_encoding("identity")
        .input_buffer_size(CHUNK)
        .output_buffer_size(MAX_URL_BYTES * 2)
        .max_response_header_size(MAX_URL_BYTES * 2)
        .max_idle_connections(2)
        .max_idle_connections_per_host(1)
        .timeout_resolve(Some(options.connect_timeout))
        .timeout_connect(Some(options.connect_timeout))
        .timeout_send_request(Some(options.connect_timeout))
        .timeout_recv_response(Some(options.stall_timeout))
        .timeout_per_read(Some(options.stall_timeout))
        .tls_config(TlsConfig::builder().root_certs(root_certs(&options.trust)).build())
        .build()
        .new_agent()
}

pub(crate) fn read_head(status: u16, headers: &HeaderMap) -> Head {
    let text = |(name, value): (&HeaderName, &HeaderValue)| {
        Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned()))
    };
    Head { status, headers: Headers(headers.iter().filter_map(text).collect()) }
}

#[cfg(test)]
mod tests;
