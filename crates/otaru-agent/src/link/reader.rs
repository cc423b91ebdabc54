//! The thread of one connection: opens it, then reads.

use std::{
    io::{self, Read},
    net::{Shutdown, TcpStream},
    sync::{
        Arc,
        mpsc::{Sender, channel},
    },
    thread,
    time::{Duration, Instant},
};

use crate::config::Endpoint;

/// How long each of the platform's addresses may take to accept.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long the platform may leave bytes unread before the connection counts as dead.
const WRITE_TIMEOUT: Duration = Duration::from_secs(10);
/// How long the platform may take to end its side of a connection that was ended orderly.
const GOOD_BYE: Duration = Duration::from_secs(2);
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

/// Ends the sending side and reads what comes until the platform has ended its own. A socket that is closed with bytes
/// unread is reset, and a reset takes the last reports from the platform with it.
pub(super) fn hear_out(stream: &mut TcpStream) -> io::Result<()> {
    let began = Instant::now();
    stream.shutdown(Shutdown::Write)?;
    while let Some(left) = GOOD_BYE.checked_sub(began.elapsed()).filter(|left| !left.is_zero()) {
        stream.set_read_timeout(Some(left))?;
        if stream.read(&mut [0; 512])? == 0 {
            break;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::{
        io::Write,
        net::{TcpListener, TcpStream},
    };

    use super::*;

    #[test]
    fn the_last_words_reach_a_platform_whose_own_were_not_read() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut device = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (mut platform, _) = listener.accept().unwrap();
        platform.write_all(&[7; 1000]).unwrap();
        device.peek(&mut [0]).unwrap();
        device.write_all(b"report").unwrap();
        let platform = thread::spawn(move || {
            let mut heard = Vec::new();
            platform.read_to_end(&mut heard).map(|_| heard)
        });
        hear_out(&mut device).unwrap();
        drop(device);
        assert_eq!(platform.join().unwrap().unwrap(), b"report");
    }

    #[test]
    fn a_platform_that_never_ends_its_side_is_not_waited_for_for_ever() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut device = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let _platform = listener.accept().unwrap();
        let error = hear_out(&mut device).unwrap_err();
        assert!(matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut), "{error}");
    }
}
