//! From an accepted socket to a session: a whole CONNECT in time, then the login.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use otaru_wire::mqtt::{Admission, Connect, MAX_CONNECT, Refusal, Server, admit as judge};
use tokio::{
    io::AsyncWriteExt,
    net::TcpStream,
    time::{sleep, timeout},
};
use tracing::{debug, info};

use super::{
    Entry, Ingest, Refused,
    connection::{Connection, Seat},
    granting,
    handle::Handle,
    listener::Gateway,
    meters,
};

/// How long a refused peer has to take its answer before the socket is closed for good.
const FAREWELL: Duration = Duration::from_secs(1);

/// Bytes of a refused peer that are read and thrown away, so that its answer is not lost to a reset.
const FAREWELL_BYTES: usize = 64 * 1024;

/// Takes a socket up to the point where the device's session is in the map and its CONNACK is written.
pub(super) async fn admit<I: Ingest>(
    gateway: &Arc<Gateway<I>>,
    socket: TcpStream,
    peer: SocketAddr,
) -> Option<Connection<I>> {
    // Answers are small and written at once; a socket without this option works too.
    let _ = socket.set_nodelay(true);
    let arrived = tokio::select! {
        arrived = timeout(gateway.options.connect_timeout, first_packet(&socket)) => arrived,
        _ = gateway.stopping.acquire() => return None,
    };
    let (connect, rest) = match arrived {
        Ok(Ok(Some(Arrival::Connect(connect, rest)))) => (connect, rest),
        Ok(Ok(Some(Arrival::Refused(answer, why)))) => {
            debug!(%peer, why, "refused before login");
            metrics::counter!(meters::REFUSED, "why" => "protocol").increment(1);
            farewell(socket, &answer).await;
            return None;
        }
        Ok(Ok(None) | Err(_)) => return None,
        Err(_) => {
            debug!(%peer, "sent no CONNECT in time");
            metrics::counter!(meters::REFUSED, "why" => "slow").increment(1);
            return None;
        }
    };
    let admitted = match login(gateway, &connect).await {
        Ok(Entry::Session(admitted)) => admitted,
        Ok(Entry::Grant(grant)) => {
            debug!(%peer, "admitted for a grant");
            granting::grant(gateway, socket, &connect, rest, &grant).await;
            return None;
        }
        Err(refused) => {
            let (refusal, why) = match refused {
                Refused::BadLogin => (Refusal::BadLogin, "login"),
                Refused::Unavailable => (Refusal::Unavailable, "unavailable"),
            };
            info!(%peer, client_id = ?connect.login.client_id, why, "login refused");
            metrics::counter!(meters::REFUSED, "why" => why).increment(1);
            tokio::select! {
                () = gateway.brake.hold() => {}
                _ = gateway.stopping.acquire() => {}
            }
            farewell(socket, &connect.refuse(refusal)).await;
            return None;
        }
    };
    debug!(%peer, device = %admitted.device, "connected");
    metrics::counter!(meters::OPENED).increment(1);
    let mut connack = Vec::new();
    let session = Server::accept(gateway.clock.now(), &connect, &gateway.options.session, &mut connack);
    let handle = Arc::new(Handle::new(admitted, gateway.options.max_outbox));
    let seat = Seat::take(gateway, handle);
    Some(Connection::new(socket, session, seat, connack, rest))
}

async fn login<I: Ingest>(gateway: &Gateway<I>, connect: &Connect) -> Result<Entry, Refused> {
    let checked = timeout(gateway.options.login_timeout, async {
        // Closed when the gateway stops.
        let _permit = gateway.logins.acquire().await.map_err(|_| Refused::Unavailable)?;
        gateway.ingest.login(&connect.login).await
    });
    checked.await.unwrap_or(Err(Refused::Unavailable))
}

enum Arrival {
    /// The CONNECT, and the bytes behind it, which wait for the login.
    Connect(Connect, Vec<u8>),
    /// The answer, and what was wrong.
    Refused(Vec<u8>, &'static str),
}

/// Reads until the CONNECT is whole; `None` if the peer went away. Between reads only what came is kept.
async fn first_packet(socket: &TcpStream) -> io::Result<Option<Arrival>> {
    let mut came = Vec::new();
    loop {
        socket.readable().await?;
        let mut buffer = [0; MAX_CONNECT];
        let read = match socket.try_read(&mut buffer) {
            Ok(0) => return Ok(None),
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => continue,
            Err(error) => return Err(error),
        };
        came.extend_from_slice(buffer.get(..read).unwrap_or_default());
        match judge(&came) {
            Admission::More => {}
            Admission::Connect { connect, used } => {
                let rest = came.get(used..).unwrap_or_default().to_vec();
                return Ok(Some(Arrival::Connect(connect, rest)));
            }
            Admission::Refuse { answer, violation } => {
                return Ok(Some(Arrival::Refused(answer, violation.what())));
            }
        }
    }
}

/// Writes last bytes and closes so that they arrive: a socket closed with unread bytes is reset, and the reset may
/// overtake the answer.
pub(super) async fn farewell(mut socket: TcpStream, last: &[u8]) {
    let say = async {
        if socket.write_all(last).await.is_err() || socket.shutdown().await.is_err() {
            return;
        }
        let mut budget = FAREWELL_BYTES;
        while budget > 0 {
            if socket.readable().await.is_err() {
                return;
            }
            let mut buffer = [0; 1024];
            match socket.try_read(&mut buffer) {
                Ok(0) => return,
                Ok(read) => budget = budget.saturating_sub(read),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(_) => return,
            }
        }
    };
    tokio::select! {
        () = say => {}
        () = sleep(FAREWELL) => {}
    }
}
