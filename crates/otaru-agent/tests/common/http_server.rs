//! A small HTTP server with whatever vice a test wants, for tests inside the crate and beside it.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use rustls::{ServerConfig, ServerConnection, StreamOwned};

pub(crate) trait Wire: Read + Write {}
impl<T: Read + Write> Wire for T {}

/// A server that answers every request by `answer`, given the request as text, its body behind its head; false closes the
/// connection. Counts connections.
pub(crate) fn serve(
    tls: Option<Arc<ServerConfig>>,
    answer: impl Fn(&str, &mut dyn Wire) -> bool + Send + Sync + 'static,
) -> (SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let connections = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&connections);
    let answer = Arc::new(answer);
    thread::spawn(move || {
        for stream in listener.incoming() {
            counter.fetch_add(1, Ordering::SeqCst);
            let (answer, tls) = (Arc::clone(&answer), tls.clone());
            thread::spawn(move || {
                let stream = stream.unwrap();
                let mut wire: BufReader<Box<dyn Wire>> = BufReader::new(match tls {
                    Some(config) => {
                        Box::new(StreamOwned::new(ServerConnection::new(config).unwrap(), stream))
                    }
                    None => Box::new(stream),
                });
                while let Some(request) = read(&mut wire) {
                    if !answer(&request, wire.get_mut()) {
                        return;
                    }
                }
            });
        }
    });
    (address, connections)
}

fn read(wire: &mut impl BufRead) -> Option<String> {
    let mut request = String::new();
    while !request.ends_with("\r\n\r\n") {
        if wire.read_line(&mut request).unwrap_or(0) == 0 {
            return None;
        }
    }
    let len = header(&request, "content-length").map_or(0, |len| len.parse().unwrap());
    let mut body = vec![0; len];
    wire.read_exact(&mut body).ok()?;
    Some(request + &String::from_utf8(body).unwrap())
}

/// The value of a request's header.
pub(crate) fn header<'a>(request: &'a str, name: &str) -> Option<&'a str> {
    let (head, _) = request.split_once("\r\n\r\n")?;
    head.lines().find_map(|line| {
        let (found, value) = line.split_once(": ")?;
        found.eq_ignore_ascii_case(name).then_some(value)
    })
}
