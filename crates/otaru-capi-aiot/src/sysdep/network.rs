//! The network of the port file: TCP clients.

use std::{
    ffi::{c_uint, c_void},
    io::{ErrorKind, Read, Write},
    net::{Shutdown, TcpStream, ToSocketAddrs},
    slice,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use otaru_capi::{Handles, guard, lock};

use super::NetworkCred;
use crate::{
    code::{
        ADAPTER_COMMON, CONNECT_FAILED, CONNECT_TIMEOUT, DNS_FAILED, PORT_MISSING_HOST, PORT_NULL_POINTER,
        PORT_OUT_RANGE, PORT_TCP_SERVER, PORT_UDP_CLIENT, PORT_UDP_SERVER, PORT_UNKNOWN_SOCKET_TYPE,
        RECV_CONNECTION_CLOSED, RECV_FAILED, SEND_CONNECTION_CLOSED, SEND_FAILED, SUCCESS,
        TLS_INVALID_CRED_OPTION, result,
    },
    given::{MAX_TEXT, take_handle, text_of, value},
};

#[derive(Debug)]
struct Socket {
    host: Option<String>,
    port: u16,
    kind: c_uint,
    connect_timeout: Duration,
    stream: Option<Arc<TcpStream>>,
}

static SOCKETS: Handles<Mutex<Socket>> = Handles::new();

pub(super) unsafe extern "C" fn init() -> *mut c_void {
    guard(std::ptr::null_mut(), || {
        let connect_timeout = Duration::from_secs(10);
        SOCKETS.insert(Mutex::new(Socket { host: None, port: 0, kind: 0, connect_timeout, stream: None }))
    })
}

pub(super) unsafe extern "C" fn setopt(handle: *mut c_void, option: c_uint, data: *mut c_void) -> i32 {
    guard(ADAPTER_COMMON, || {
        let Some(socket) = SOCKETS.get(handle).filter(|_| !data.is_null()) else { return PORT_NULL_POINTER };
        let mut socket = lock(&socket);
        // SAFETY: the program promises that `data` is what the option wants.
        result(unsafe { socket.set(option, data) })
    })
}

impl Socket {
    /// # Safety
    /// `data` is what the option wants, and not null.
    unsafe fn set(&mut self, option: c_uint, data: *mut c_void) -> Result<(), i32> {
        // SAFETY: as the caller promises, for each option its type.
        unsafe {
            match option {
                0 => self.kind = value(data)?,
                1 => self.host = Some(text_of(data.cast(), MAX_TEXT)?.to_owned()),
                // A second address of the host is what its name is for.
                2 => {}
                3 => self.port = value(data)?,
                4 => self.connect_timeout = Duration::from_millis(value::<u32>(data)?.max(1).into()),
                5 if value::<NetworkCred>(data)?.is_none() => {}
                // TLS is otaru's own, above its own sockets.
                5 | 6 => return Err(TLS_INVALID_CRED_OPTION),
                _ => return Err(PORT_OUT_RANGE),
            }
        }
        Ok(())
    }

    fn connect(&self) -> Result<TcpStream, i32> {
        match self.kind {
            0 => {}
            1 => return Err(PORT_TCP_SERVER),
            2 => return Err(PORT_UDP_CLIENT),
            3 => return Err(PORT_UDP_SERVER),
            _ => return Err(PORT_UNKNOWN_SOCKET_TYPE),
        }
        let host = self.host.as_deref().ok_or(PORT_MISSING_HOST)?;
        let mut last = DNS_FAILED;
        for address in (host, self.port).to_socket_addrs().map_err(|_| DNS_FAILED)? {
            match TcpStream::connect_timeout(&address, self.connect_timeout) {
                Ok(stream) => return Ok(stream),
                Err(error) if error.kind() == ErrorKind::TimedOut => last = CONNECT_TIMEOUT,
                Err(_) => last = CONNECT_FAILED,
            }
        }
        Err(last)
    }
}

pub(super) unsafe extern "C" fn establish(handle: *mut c_void) -> i32 {
    guard(ADAPTER_COMMON, || {
        let Some(socket) = SOCKETS.get(handle) else { return PORT_NULL_POINTER };
        let mut socket = lock(&socket);
        result(socket.connect().map(|stream| socket.stream = Some(Arc::new(stream))))
    })
}

/// Fills the buffer or waits until the time is over. A peer that closed is told of even if bytes came first.
pub(super) unsafe extern "C" fn recv(
    handle: *mut c_void,
    buffer: *mut u8,
    len: u32,
    timeout_ms: u32,
    _from: *mut c_void,
) -> i32 {
    guard(ADAPTER_COMMON, || {
        let Some(stream) = connected(handle).filter(|_| !buffer.is_null()) else { return PORT_NULL_POINTER };
        // SAFETY: the program promises that `len` bytes may be written there.
        let buffer = unsafe { slice::from_raw_parts_mut(buffer, len as usize) };
        let deadline = Instant::now() + Duration::from_millis(timeout_ms.into());
        let mut filled = 0;
        while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            let left = deadline.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
            let read = stream.set_read_timeout(Some(left)).and_then(|()| (&*stream).read(rest));
            match read {
                Ok(0) => return RECV_CONNECTION_CLOSED,
                Ok(len) => filled += len,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => break,
                Err(_) => return RECV_FAILED,
            }
        }
        i32::try_from(filled).unwrap_or(i32::MAX)
    })
}

pub(super) unsafe extern "C" fn send(
    handle: *mut c_void,
    buffer: *mut u8,
    len: u32,
    timeout_ms: u32,
    _to: *mut c_void,
) -> i32 {
    guard(ADAPTER_COMMON, || {
        let Some(stream) = connected(handle).filter(|_| !buffer.is_null()) else { return PORT_NULL_POINTER };
        // SAFETY: the program promises that `len` bytes are there.
        let bytes = unsafe { slice::from_raw_parts(buffer, len as usize) };
        let timeout = Duration::from_millis(timeout_ms.max(1).into());
        match stream.set_write_timeout(Some(timeout)).and_then(|()| (&*stream).write_all(bytes)) {
            Ok(()) => i32::try_from(len).unwrap_or(i32::MAX),
            Err(error) if error.kind() == ErrorKind::BrokenPipe => SEND_CONNECTION_CLOSED,
            Err(_) => SEND_FAILED,
        }
    })
}

pub(super) unsafe extern "C" fn deinit(handle: *mut *mut c_void) -> i32 {
    guard(ADAPTER_COMMON, || {
        // SAFETY: the program promises that it is null or points to a handle.
        let socket = unsafe { take_handle(handle) }.and_then(|handle| SOCKETS.remove(handle));
        let Some(socket) = socket else { return PORT_NULL_POINTER };
        if let Some(stream) = &lock(&socket).stream {
            // It may be over already.
            let _ = stream.shutdown(Shutdown::Both);
        }
        SUCCESS
    })
}

fn connected(handle: *mut c_void) -> Option<Arc<TcpStream>> {
    let socket = SOCKETS.get(handle)?;
    let socket = lock(&socket);
    socket.stream.clone()
}
