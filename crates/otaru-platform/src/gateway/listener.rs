//! One listening task: accepts sockets, gives each to a task of its own, sweeps deadlines, stops.

use std::{convert::Infallible, future::Future, net::SocketAddr, sync::Arc, time::Duration};

use otaru_wire::Instant;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore, mpsc},
    time::{MissedTickBehavior, interval, sleep, timeout},
};
use tracing::{info, warn};

use super::{
    GatewayOptions, Ingest, Sessions, admission, connection,
    meters::{self, Meters},
};
use crate::brake::Brake;

/// How long accepting pauses when the system is out of descriptors or memory.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves devices on `listener` until `shutdown` resolves. Then no new connection is taken, every device is told to
/// leave, and the call returns when all are gone or [`GatewayOptions::stop_timeout`] has passed.
pub async fn serve<I: Ingest>(
    listener: TcpListener,
    ingest: Arc<I>,
    sessions: Sessions,
    options: GatewayOptions,
    shutdown: impl Future<Output = ()> + Send,
) {
    let (alive, mut all_gone) = mpsc::channel::<Infallible>(1);
    let stop_timeout = options.stop_timeout;
    let strangers = Arc::new(Semaphore::new(options.max_strangers));
    let gateway = Arc::new(Gateway {
        logins: Semaphore::new(options.logins_at_once),
        stopping: Semaphore::new(0),
        ingest,
        sessions: sessions.clone(),
        options,
        brake: Brake::new(),
        clock: Clock::start(),
        meters: Meters::new(),
    });
    let mut sweep = interval(Duration::from_secs(1));
    sweep.set_missed_tick_behavior(MissedTickBehavior::Delay);
    tokio::pin!(shutdown);
    loop {
        tokio::select! {
            () = &mut shutdown => break,
            _ = sweep.tick() => {
                let behind = sessions.sweep(gateway.clock.now());
                metrics::gauge!(meters::BEHIND).set(behind as f64);
                metrics::gauge!(meters::SESSIONS).set(sessions.count() as f64);
            }
            accepted = listener.accept() => match accepted {
                Ok((socket, peer)) => match Arc::clone(&strangers).try_acquire_owned() {
                    Ok(stranger) => {
                        let device = device(Arc::clone(&gateway), socket, peer, stranger, alive.clone());
                        tokio::spawn(device);
                    }
                    Err(_) => metrics::counter!(meters::REFUSED, "why" => "crowded").increment(1),
                },
                Err(error) => {
                    warn!(%error, "cannot accept connections just now");
                    sleep(ACCEPT_PAUSE).await;
                }
            },
        }
    }
    drop((listener, alive));
    strangers.close();
    gateway.logins.close();
    gateway.stopping.close();
    sessions.stop();
    if timeout(stop_timeout, all_gone.recv()).await.is_err() {
        info!(devices = sessions.count(), "stopped without waiting longer for devices");
    }
}

/// What the connections share.
pub(super) struct Gateway<I> {
    pub(super) ingest: Arc<I>,
    pub(super) sessions: Sessions,
    pub(super) options: GatewayOptions,
    /// Permits to check a login. Closed when the gateway stops.
    pub(super) logins: Semaphore,
    /// Has no permits: waiting for one ends when it is closed, because the gateway stops.
    pub(super) stopping: Semaphore,
    pub(super) brake: Brake,
    pub(super) clock: Clock,
    pub(super) meters: Meters,
}

/// One connection from its first byte to its last. The handshake's memory is its own and freed before the device
/// settles down.
async fn device<I: Ingest>(
    gateway: Arc<Gateway<I>>,
    socket: TcpStream,
    peer: SocketAddr,
    stranger: OwnedSemaphorePermit,
    _alive: mpsc::Sender<Infallible>,
) {
    let admitted = Box::pin(admission::admit(&gateway, socket, peer)).await;
    drop(stranger);
    if let Some(connection) = admitted {
        connection::run(gateway, connection).await;
    }
}

/// Milliseconds since the gateway started.
pub(super) struct Clock(tokio::time::Instant);

impl Clock {
    fn start() -> Self {
        Self(tokio::time::Instant::now())
    }

    pub(super) fn now(&self) -> Instant {
        Instant(u64::try_from(self.0.elapsed().as_millis()).unwrap_or(u64::MAX))
    }
}
