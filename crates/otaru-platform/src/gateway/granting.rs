//! A device that is admitted for a grant alone: told at once, heard no further, closed soon. It has no session, so the
//! device's own session, if there is one, goes on.

use std::io;

use otaru_wire::mqtt::{Connect, Flow, Handler, MAX_CONNECT, Message, Server, ServerOptions, Taken};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};
use tracing::warn;

use super::{Ingest, admission::farewell, listener::Gateway, meters};

/// Writes the CONNACK and the grant, and closes when the device does, at the latest after
/// [`GatewayOptions::grant_time`](super::GatewayOptions::grant_time). `unread` came behind the CONNECT.
pub(super) async fn grant<I: Ingest>(
    gateway: &Gateway<I>,
    mut socket: TcpStream,
    connect: &Connect,
    unread: Vec<u8>,
    grant: &Message,
) {
    metrics::counter!(meters::GRANTED).increment(1);
    // It has nothing to say, so it may not say much.
    let options = ServerOptions { max_packet: MAX_CONNECT, ..gateway.options.session };
    let mut out = Vec::new();
    let mut session = Server::accept(gateway.clock.now(), connect, &options, &mut out);
    if let Err(problem) = session.send(grant, &mut out) {
        warn!(%problem, "cannot be told its grant");
    }
    let stay = stay(gateway, &mut socket, &mut session, out, unread);
    tokio::select! {
        // Gone or out of time: both end here.
        _ = timeout(gateway.options.grant_time, stay) => {}
        _ = gateway.stopping.acquire() => {}
    }
    farewell(socket, &[]).await;
}

async fn stay<I: Ingest>(
    gateway: &Gateway<I>,
    socket: &mut TcpStream,
    session: &mut Server,
    mut out: Vec<u8>,
    mut unread: Vec<u8>,
) -> io::Result<()> {
    loop {
        let flow = session.received(gateway.clock.now(), &mut unread.as_slice(), &mut Deaf, &mut out);
        socket.write_all(&out).await?;
        if !matches!(flow, Ok(Flow::Continue)) {
            return Ok(());
        }
        out.clear();
        unread.clear();
        if socket.read_buf(&mut unread).await? == 0 {
            return Ok(());
        }
    }
}

/// Takes nothing.
struct Deaf;

impl Handler for Deaf {
    fn message(&mut self, _: Message) -> Taken {
        metrics::counter!(meters::FOREIGN_PUBLISHES).increment(1);
        Taken::NotAllowed
    }

    fn may_subscribe(&mut self, _: &str) -> bool {
        metrics::counter!(meters::FOREIGN_SUBSCRIPTIONS).increment(1);
        false
    }
}
