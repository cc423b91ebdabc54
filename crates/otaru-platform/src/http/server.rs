//! The accept loop: HTTP/1.1 as old C clients need it, with bounds on what a stranger can hold.
//!
//! Not `axum::serve`, because header names must be spelled `Content-Length`: the vendors' clients compare them byte
//! by byte (aliyun-link-sdk-v4 §4.4).

use std::{io, sync::Arc, time::Duration};

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
    service::TowerToHyperService,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
    task::JoinSet,
};

use super::{stall::Stalling, unfinished::Unfinished};

/// What one client, or all together, can hold.
#[derive(Debug, Clone)]
pub(crate) struct Limits {
    /// Connections open at a time; further ones wait until one ends. Default 8192.
    pub(crate) connections: usize,
    /// How long a request's header may take, and how long a connection may idle before the next. Default 30 s.
    /// Old SDKs leave finished connections open for ever (aliyun-iotkit-v3 §3.6).
    pub(crate) header_time: Duration,
    /// How long a client may take no bytes of an answer. Default 10 minutes: a socket becomes writable again only
    /// when a good part of its buffer is free. There is no limit on the whole answer:
    /// slow devices read 1 kB/s (aliyun-iotkit-v3 §3.6).
    pub(crate) stall_time: Duration,
    /// How long requests under way may take when the platform stops. Default 5 s. Downloads resume elsewhere.
    pub(crate) stop_time: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 8192,
            header_time: Duration::from_secs(30),
            stall_time: Duration::from_secs(600),
            stop_time: Duration::from_secs(5),
        }
    }
}

/// The longest request header, in bytes; also how much of an answer is queued before the socket is written to.
const MAX_HEADER_BYTES: usize = 32 * 1024;

/// The most header lines of a request.
const MAX_HEADERS: usize = 64;

/// Serves `router` until `stop` resolves; then takes no more connections and finishes what is under way.
pub(crate) async fn serve(
    listener: TcpListener,
    router: Router,
    limits: Limits,
    stop: impl Future<Output = ()>,
) {
    let permits = Arc::new(Semaphore::new(limits.connections));
    let graceful = GracefulShutdown::new();
    let mut connections = JoinSet::new();
    let mut stop = std::pin::pin!(stop);
    loop {
        let (stream, permit) = tokio::select! {
            () = &mut stop => break,
            accepted = accept(&listener, &permits) => accepted,
            Some(_) = connections.join_next() => continue,
        };
        let io = TokioIo::new(Unfinished::new(Stalling::new(stream, limits.stall_time)));
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .title_case_headers(true)
            .header_read_timeout(limits.header_time)
            .max_headers(MAX_HEADERS)
            .max_buf_size(MAX_HEADER_BYTES)
            .serve_connection(io, TowerToHyperService::new(router.clone()));
        let connection = graceful.watch(connection);
        connections.spawn(async move {
            // What ends a connection early is the client's affair: it hung up, stalled or sent what is no HTTP.
            if let Err(error) = connection.await {
                tracing::debug!(%error, "an HTTP connection ended early");
            }
            drop(permit);
        });
    }
    drop(listener);
    if tokio::time::timeout(limits.stop_time, graceful.shutdown()).await.is_err() {
        tracing::info!("HTTP connections were cut at the stop: their requests took too long");
    }
    connections.shutdown().await;
}

/// The next connection, once there is room for it.
async fn accept(
    listener: &TcpListener,
    permits: &Arc<Semaphore>,
) -> (TcpStream, Option<OwnedSemaphorePermit>) {
    // The semaphore is never closed, so there is always a permit.
    let permit = Arc::clone(permits).acquire_owned().await.ok();
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                // Answers are written whole; waiting for more bytes to fill a packet would only delay them.
                let _ = stream.set_nodelay(true);
                return (stream, permit);
            }
            Err(error) if is_the_clients(&error) => {}
            Err(error) => {
                tracing::warn!(%error, "failed to accept an HTTP connection");
                // Out of file descriptors or memory: asking again at once would only burn the processor.
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

fn is_the_clients(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionReset};

    matches!(error.kind(), ConnectionAborted | ConnectionReset)
}
