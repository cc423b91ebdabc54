//! Opening a session: find the platform, connect, agree on TLS, log in.

use std::{
    io::{self, ErrorKind},
    net::{TcpStream, ToSocketAddrs},
    sync::Arc,
    time::Duration,
};

use crate::lock;

use otaru_wire::mqtt::{ClientEvent, CloseReason};
use rustls::{ClientConfig, ClientConnection, pki_types::ServerName};

use super::{SHORTEST, Session, wire::Wire};

/// Where the platform is, and how patient to be.
#[derive(Debug, Clone)]
pub struct Target {
    /// A name or an address.
    pub host: String,
    /// The port.
    pub port: u16,
    /// TLS, if the connection is to have it.
    pub tls: Option<Arc<ClientConfig>>,
    /// How long connecting, TLS and login may take, each.
    pub connect_timeout: Duration,
    /// How long the platform may leave bytes unread.
    pub send_timeout: Duration,
}

/// Why a session cannot be opened.
#[derive(Debug)]
pub enum OpenError {
    /// The name stands for no address.
    Unknown(io::Error),
    /// No address accepted in time.
    TimedOut,
    /// No address accepted.
    Unreachable(io::Error),
    /// TLS was not agreed on: the platform is not trusted, or speaks something else.
    Tls(String),
    /// The connection broke, or the login was refused or not answered.
    Closed(CloseReason),
    /// [`Session::prepare`] was not called.
    NotPrepared,
}

impl Session {
    /// Opens a connection and logs in; one that is open is closed first. Messages of QoS 1 that wait are sent again.
    ///
    /// # Errors
    /// [`OpenError`]; there is no connection then.
    pub fn open(&self, target: &Target) -> Result<(), OpenError> {
        self.close();
        let _turn = lock(&self.reading);
        let stream = connect(target)?;
        let tls = target.tls.as_ref().map(|tls| agree(tls, target, &stream)).transpose()?;
        {
            let now = self.now();
            let mut inner = self.inner();
            let Some(client) = &mut inner.client else { return Err(OpenError::NotPrepared) };
            client.opened(now);
            inner.wire = Some(Wire::new(stream, tls));
            inner.transmit();
        }
        let opened = self.log_in(target);
        if opened.is_err() {
            self.inner().hang_up();
        }
        opened
    }

    fn log_in(&self, target: &Target) -> Result<(), OpenError> {
        let deadline = self.now() + target.connect_timeout;
        loop {
            let stream = {
                let mut inner = self.inner();
                match inner.event() {
                    Some(ClientEvent::Connected) => {
                        if let Some(wire) = &mut inner.wire {
                            wire.logged_in = true;
                        }
                        return Ok(());
                    }
                    Some(ClientEvent::Closed(reason)) => return Err(OpenError::Closed(reason)),
                    // What an older connection left: its loss is known.
                    Some(_) => continue,
                    None => {}
                }
                inner.wire.as_ref().ok_or(OpenError::Closed(CloseReason::TransportLost))?.stream()
            };
            let left = deadline.since(self.now());
            if left.is_zero() {
                self.inner().lose();
                return Err(OpenError::Closed(CloseReason::Silence));
            }
            self.read(&stream, left.max(SHORTEST));
        }
    }
}

fn connect(target: &Target) -> Result<TcpStream, OpenError> {
    let addresses = (target.host.as_str(), target.port).to_socket_addrs().map_err(OpenError::Unknown)?;
    let mut last = OpenError::Unknown(ErrorKind::NotFound.into());
    for address in addresses {
        match TcpStream::connect_timeout(&address, target.connect_timeout.max(SHORTEST)) {
            Ok(stream) => {
                stream.set_nodelay(true).map_err(OpenError::Unreachable)?;
                let send_timeout = target.send_timeout.max(SHORTEST);
                stream.set_write_timeout(Some(send_timeout)).map_err(OpenError::Unreachable)?;
                return Ok(stream);
            }
            Err(error) if error.kind() == ErrorKind::TimedOut => last = OpenError::TimedOut,
            Err(error) => last = OpenError::Unreachable(error),
        }
    }
    Err(last)
}

/// The handshake.
fn agree(
    config: &Arc<ClientConfig>,
    target: &Target,
    stream: &TcpStream,
) -> Result<ClientConnection, OpenError> {
    let failed = |problem: &dyn std::fmt::Display| OpenError::Tls(problem.to_string());
    let name = ServerName::try_from(target.host.clone()).map_err(|error| failed(&error))?;
    let mut tls = ClientConnection::new(Arc::clone(config), name).map_err(|error| failed(&error))?;
    stream.set_read_timeout(Some(target.connect_timeout.max(SHORTEST))).map_err(|error| failed(&error))?;
    while tls.is_handshaking() {
        tls.complete_io(&mut &*stream).map_err(|error| failed(&error))?;
    }
    Ok(tls)
}
