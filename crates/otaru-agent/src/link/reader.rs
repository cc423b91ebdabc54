//! The thread of one connection: opens it, then reads.

use std::{
    io::{self, Read},
    net::TcpStream,
    sync::{
        Arc,
        mpsc::{Sender, channel},
    },
    thread,
    time::Duration,
};

use crate::config::Endpoint;

/// How long each of the platform's addresses may take to accept.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long the platform may leave bytes unread before the connection counts as dead.
const WRITE_TIMEOUT: Duration = Duration::from_secs(10);
const BUFFERS: usize = 2;
const BUFFER: usize = 4096;
/// Name look-ups run on it, with whatever modules the system loads for them; only touched pages take memory.
const STACK: usize = 256 * 1024;

/// What the thread says. The generation tells which connection.
#[derive(Debug)]
pub(crate) enum LinkEvent {
    /// Connected. Each buffer of [`LinkEvent::Bytes`] is to be returned by `buffers`.
    Opened { generation: u32, stream: TcpStream, buffers: Sender<Vec<u8>> },
    /// Bytes came.
    Bytes { generation: u32, bytes: Vec<u8> },
    /// The connection is over, or was not to be had.
    Lost { generation: u32, reason: String },
}

/// Starts the thread. It ends when the connection does.
pub(super) fn start(
    generation: u32,
    endpoint: &Endpoint,
    tell: Arc<dyn Fn(LinkEvent) -> bool + Send + Sync>,
) -> io::Result<()> {
    let endpoint = endpoint.clone();
    thread::Builder::new().name("mqtt".to_owned()).stack_size(STACK).spawn(move || {
        let reason = match connect(&endpoint) {
            Ok(stream) => read(generation, stream, &*tell),
            Err(error) => format!("{endpoint} cannot be reached: {error}"),
        };
        tell(LinkEvent::Lost { generation, reason });
    })?;
    Ok(())
}

/// Opens a connection to the first of the platform's addresses that accepts.
pub(crate) fn connect(endpoint: &Endpoint) -> io::Result<TcpStream> {
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the name stands for no address");
    for address in endpoint.resolve()? {
        match TcpStream::connect_timeout(&address, CONNECT_TIMEOUT) {
            Ok(stream) => {
                stream.set_nodelay(true)?;
                stream.set_write_timeout(Some(WRITE_TIMEOUT))?;
                return Ok(stream);
            }
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// Reads until the end; tells why it came.
fn read(generation: u32, stream: TcpStream, tell: &dyn Fn(LinkEvent) -> bool) -> String {
    let (buffers, returned) = channel();
    for _ in 0..BUFFERS {
        // Both ends are here: it cannot fail.
        let _ = buffers.send(Vec::new());
    }
    let mut reading = match stream.try_clone() {
        Ok(reading) => reading,
        Err(error) => return error.to_string(),
    };
    if !tell(LinkEvent::Opened { generation, stream, buffers }) {
        return "nobody listens".to_owned();
    }
    while let Ok(mut bytes) = returned.recv() {
        bytes.resize(BUFFER, 0);
        match reading.read(&mut bytes) {
            Ok(0) => return "the platform closed the connection".to_owned(),
            Ok(len) => bytes.truncate(len),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => bytes.clear(),
            Err(error) => return format!("the connection broke: {error}"),
        }
        if !tell(LinkEvent::Bytes { generation, bytes }) {
            break;
        }
    }
    "nobody listens".to_owned()
}
