//! One connection: TCP, and TLS above it if asked for.

use std::{
    io::{self, Read, Write},
    net::{Shutdown, TcpStream},
    sync::Arc,
    time::Duration,
};

use otaru_agent::pieces::{decrypt, encrypt};
use rustls::ClientConnection;

use super::SHORTEST;

#[derive(Debug)]
pub(super) struct Wire {
    stream: Arc<TcpStream>,
    tls: Option<Box<ClientConnection>>,
    /// The platform has accepted the login.
    pub(super) logged_in: bool,
}

impl Wire {
    pub(super) fn new(stream: TcpStream, tls: Option<ClientConnection>) -> Self {
        Self { stream: Arc::new(stream), tls: tls.map(Box::new), logged_in: false }
    }

    pub(super) fn stream(&self) -> Arc<TcpStream> {
        Arc::clone(&self.stream)
    }

    pub(super) fn send(&mut self, plain: &[u8]) -> io::Result<()> {
        let mut stream = &*self.stream;
        match &mut self.tls {
            Some(tls) => encrypt(tls, plain, &mut stream),
            None => stream.write_all(plain),
        }
    }

    /// The error is a reason for people.
    pub(super) fn decrypt(&mut self, bytes: &[u8], mut received: impl FnMut(&[u8])) -> Result<(), String> {
        match &mut self.tls {
            Some(tls) => decrypt(tls, bytes, received),
            None => {
                received(bytes);
                Ok(())
            }
        }
    }

    /// Ends the sending side and reads what comes until the platform has ended its own, or no time is left.
    pub(super) fn hear_out(&self, left: impl Fn() -> Duration) {
        let mut stream = &*self.stream;
        let mut more = stream.shutdown(Shutdown::Write).is_ok();
        while more && !left().is_zero() {
            let waiting = stream.set_read_timeout(Some(left().max(SHORTEST)));
            more = waiting.and_then(|()| stream.read(&mut [0; 512])).is_ok_and(|len| len > 0);
        }
    }

    /// Ends it, so that whoever reads from it returns.
    pub(super) fn wake(&self) {
        // It may be over already.
        let _ = self.stream.shutdown(Shutdown::Both);
    }
}
