//! A connected device: one task. Between events it holds no buffer.

use std::{
    cell::RefCell,
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    sync::Arc,
};

use otaru_wire::{
    Instant,
    mqtt::{Flow, Message, Qos, Server},
};
use tokio::{io::Interest, net::TcpStream};
use tracing::{debug, error, info, warn};

use super::{
    Ingest, admission,
    handle::{Handle, Leave},
    listener::Gateway,
    meters,
    rules::Rules,
};

/// Bytes read at once; the size of each thread's read buffer.
const READ_BYTES: usize = 64 * 1024;

/// Output is offered to the socket when it has grown to this.
const WRITE_BYTES: usize = 64 * 1024;

/// Reads in a row from one device before others have their turn.
const READS_IN_A_ROW: usize = 4;

thread_local! {
    /// Shared by all devices of a thread: nothing awaits while they are in use.
    static BUFFERS: RefCell<Buffers> = RefCell::new(Buffers { read: vec![0; READ_BYTES], write: Vec::new() });
}

struct Buffers {
    read: Vec<u8>,
    write: Vec<u8>,
}

/// The device's place in the session map; given up when dropped, however the task ends.
pub(super) struct Seat<I: Ingest> {
    gateway: Arc<Gateway<I>>,
    handle: Arc<Handle>,
}

impl<I: Ingest> Seat<I> {
    pub(super) fn take(gateway: &Arc<Gateway<I>>, handle: Arc<Handle>) -> Self {
        gateway.sessions.enter(Arc::clone(&handle));
        if gateway.stopping.is_closed() {
            // The gateway has begun to stop since the login was checked.
            gateway.sessions.stop();
        }
        Self { gateway: Arc::clone(gateway), handle }
    }
}

impl<I: Ingest> Drop for Seat<I> {
    fn drop(&mut self) {
        for device in self.gateway.sessions.exit(&self.handle) {
            self.gateway.ingest.disconnected(&device);
        }
    }
}

/// A device whose session is up.
pub(super) struct Connection<I: Ingest> {
    socket: TcpStream,
    session: Box<Server>,
    seat: Seat<I>,
    /// Bytes the socket did not take. The only buffer of a connection.
    unsent: Vec<u8>,
    /// When the socket last took bytes, or there were none to take.
    flowed: Instant,
    /// Bytes behind a message that ingest had no room for, or behind the CONNECT.
    unread: Vec<u8>,
    /// There may be more to read, but others have their turn first.
    has_more: bool,
    /// Has this device published on a foreign topic? Logged once for a connection, counted each time.
    has_strayed: bool,
}

impl<I: Ingest> Connection<I> {
    pub(super) fn new(
        socket: TcpStream,
        session: Server,
        seat: Seat<I>,
        connack: Vec<u8>,
        unread: Vec<u8>,
    ) -> Self {
        let flowed = seat.gateway.clock.now();
        Self {
            socket,
            session: Box::new(session),
            seat,
            unsent: connack,
            flowed,
            unread,
            has_more: false,
            has_strayed: false,
        }
    }
}

/// Why a connection ends.
#[derive(Debug)]
enum End {
    /// The peer closed it, or it broke.
    Gone,
    /// The peer sent DISCONNECT.
    Bye,
    /// The peer broke the protocol. What it is told is among the unsent bytes.
    Misbehaved(&'static str),
    /// It was told to leave.
    Left(Leave),
    /// It takes no bytes.
    Overflow,
    /// A bug of ours.
    Panicked,
}

type Waiting = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Drives a device until it ends.
pub(super) async fn run<I: Ingest>(gateway: Arc<Gateway<I>>, mut connection: Connection<I>) {
    let end = match connection.settle(&gateway).await {
        Ok(()) => connection.serve(&gateway).await,
        Err(end) => end,
    };
    let Connection { socket, seat, unsent, .. } = connection;
    let device = &seat.handle.admitted.device;
    match &end {
        End::Panicked => error!(%device, "a bug closed this connection"),
        End::Overflow => warn!(%device, "closed: it does not take the bytes sent to it"),
        End::Misbehaved(what) => info!(%device, what, "closed: it broke MQTT"),
        end => debug!(%device, ?end, "disconnected"),
    }
    metrics::counter!(meters::ENDED, "why" => end.name()).increment(1);
    drop(seat);
    match end {
        End::Misbehaved(_) | End::Left(_) => Box::pin(admission::farewell(socket, &unsent)).await,
        End::Gone | End::Bye | End::Overflow | End::Panicked => {}
    }
}

impl<I: Ingest> Connection<I> {
    /// Writes the CONNACK, then tells the platform that the device can be written to.
    async fn settle(&mut self, gateway: &Gateway<I>) -> Result<(), End> {
        self.guarded(gateway, |connection, buffers| connection.pump(gateway, buffers, false))?;
        let handle = Arc::clone(&self.seat.handle);
        let mut connected = Box::pin(gateway.ingest.connected(&handle.admitted.device));
        loop {
            tokio::select! {
                () = &mut connected => return Ok(()),
                () = handle.wake.notified() => self.leave_if_told(&handle)?,
            }
        }
    }

    async fn serve(&mut self, gateway: &Arc<Gateway<I>>) -> End {
        let handle = Arc::clone(&self.seat.handle);
        let mut room: Option<Waiting> = None;
        loop {
            let has_room = room.is_none();
            let pumped =
                self.guarded(gateway, |connection, buffers| connection.pump(gateway, buffers, has_room));
            if let Err(end) = pumped.and_then(|()| self.leave_if_told(&handle)) {
                return end;
            }
            if room.is_none() && self.session.is_busy() {
                let (ingest, handle) = (Arc::clone(&gateway.ingest), Arc::clone(&handle));
                room = Some(Box::pin(async move { ingest.ready(&handle.admitted.device).await }));
            }
            if self.has_more {
                tokio::task::yield_now().await;
                continue;
            }
            match &mut room {
                Some(has_room) => tokio::select! {
                    () = has_room => room = None,
                    () = handle.wake.notified() => {}
                    _ = self.socket.writable(), if !self.unsent.is_empty() => {}
                },
                None => {
                    let mut interest = Interest::READABLE;
                    if !self.unsent.is_empty() {
                        interest |= Interest::WRITABLE;
                    }
                    tokio::select! {
                        () = handle.wake.notified() => {}
                        _ = self.socket.ready(interest) => {}
                    }
                }
            }
        }
    }

    /// Runs `work` with the thread's buffers; a panic in it ends this connection and no other.
    fn guarded(
        &mut self,
        gateway: &Gateway<I>,
        work: impl FnOnce(&mut Self, &mut Buffers) -> Result<(), End>,
    ) -> Result<(), End> {
        let done = catch_unwind(AssertUnwindSafe(|| {
            BUFFERS.with_borrow_mut(|buffers| {
                buffers.write.clear();
                let done = work(self, buffers);
                buffers.write.shrink_to(WRITE_BYTES);
                done
            })
        }));
        let busy = self.session.is_busy();
        let stalled = (!self.unsent.is_empty()).then(|| self.flowed + gateway.options.stall_timeout);
        let silent = (!busy).then(|| self.session.deadline());
        self.seat.handle.set_deadline(stalled.into_iter().chain(silent).min());
        done.unwrap_or(Err(End::Panicked))
    }

    /// Does all that can be done without waiting.
    fn pump(&mut self, gateway: &Gateway<I>, buffers: &mut Buffers, read: bool) -> Result<(), End> {
        let Buffers { read: input, write: out } = buffers;
        self.flush(gateway, out)?;
        if read {
            self.catch_up(gateway, out)?;
            self.has_more = self.read(gateway, input, out)?;
        }
        self.send_outbox(gateway, out)?;
        self.flush(gateway, out)
    }

    /// Reads until the socket has no more; true if it may have.
    fn read(&mut self, gateway: &Gateway<I>, input: &mut [u8], out: &mut Vec<u8>) -> Result<bool, End> {
        for _ in 0..READS_IN_A_ROW {
            if self.session.is_busy() {
                return Ok(false);
            }
            let came = match self.socket.try_read(input) {
                Ok(0) => return Err(End::Gone),
                Ok(came) => came,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
                Err(_) => return Err(End::Gone),
            };
            self.feed(gateway, input.get(..came).unwrap_or_default(), out)?;
        }
        Ok(true)
    }

    /// Offers again what ingest had no room for, then reads what came behind it.
    fn catch_up(&mut self, gateway: &Gateway<I>, out: &mut Vec<u8>) -> Result<(), End> {
        if self.session.is_busy() {
            let mut rules = Rules::new(gateway, &self.seat.handle, &mut self.has_strayed);
            let retried = self.session.retry(gateway.clock.now(), &mut rules, out);
            retried.map_err(|violation| End::Misbehaved(violation.what()))?;
        }
        if !self.unread.is_empty() && !self.session.is_busy() {
            let unread = std::mem::take(&mut self.unread);
            self.feed(gateway, &unread, out)?;
        }
        Ok(())
    }

    fn feed(&mut self, gateway: &Gateway<I>, mut input: &[u8], out: &mut Vec<u8>) -> Result<(), End> {
        let mut rules = Rules::new(gateway, &self.seat.handle, &mut self.has_strayed);
        match self.session.received(gateway.clock.now(), &mut input, &mut rules, out) {
            Ok(Flow::Continue) => self.flush(gateway, out),
            Ok(Flow::Busy) => {
                self.unread = input.to_vec();
                Ok(())
            }
            Ok(Flow::Bye) => Err(End::Bye),
            Err(violation) => {
                // The reason goes out with the farewell.
                self.unsent.append(out);
                Err(End::Misbehaved(violation.what()))
            }
        }
    }

    /// Writes what waits for the device, as far as its window and its socket take it.
    fn send_outbox(&mut self, gateway: &Gateway<I>, out: &mut Vec<u8>) -> Result<(), End> {
        let handle = Arc::clone(&self.seat.handle);
        while self.unsent.is_empty() {
            let vacancy = self.session.vacancy();
            let fits = |message: &Message| message.qos == Qos::AtMostOnce || vacancy > 0;
            let Some(message) = handle.pop(fits) else { break };
            match self.session.send(&message, out) {
                Ok(()) => gateway.meters.sent.increment(1),
                Err(problem) => {
                    let (device, topic) = (&handle.admitted.device, &message.topic);
                    warn!(%device, topic, %problem, "cannot be told this message");
                    metrics::counter!(meters::UNDELIVERABLE).increment(1);
                }
            }
            if out.len() >= WRITE_BYTES {
                self.flush(gateway, out)?;
            }
        }
        Ok(())
    }

    /// Offers all output to the socket; keeps what it does not take, up to the bound.
    fn flush(&mut self, gateway: &Gateway<I>, out: &mut Vec<u8>) -> Result<(), End> {
        if !self.unsent.is_empty() {
            let taken = write(&self.socket, &self.unsent)?;
            self.unsent.drain(..taken);
            if taken > 0 {
                self.flowed = gateway.clock.now();
            }
        }
        if !self.unsent.is_empty() {
            self.unsent.append(out);
        } else if !out.is_empty() {
            self.flowed = gateway.clock.now();
            let taken = write(&self.socket, out)?;
            self.unsent = out.get(taken..).unwrap_or_default().to_vec();
            out.clear();
        }
        if self.unsent.is_empty() {
            self.unsent = Vec::new();
        }
        if self.unsent.len() > gateway.options.max_unsent {
            return Err(End::Overflow);
        }
        Ok(())
    }

    fn leave_if_told(&mut self, handle: &Handle) -> Result<(), End> {
        let Some(why) = handle.leaving() else { return Ok(()) };
        self.session.disconnect(why.code(), &mut self.unsent);
        Err(End::Left(why))
    }
}

/// How many bytes the socket takes without waiting.
fn write(socket: &TcpStream, bytes: &[u8]) -> Result<usize, End> {
    let mut taken = 0;
    while let Some(rest) = bytes.get(taken..).filter(|rest| !rest.is_empty()) {
        match socket.try_write(rest) {
            Ok(count) => taken += count,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
            Err(_) => return Err(End::Gone),
        }
    }
    Ok(taken)
}

impl End {
    fn name(&self) -> &'static str {
        match self {
            Self::Gone => "gone",
            Self::Bye => "bye",
            Self::Misbehaved(_) => "misbehaved",
            Self::Left(Leave::Replaced) => "replaced",
            Self::Left(Leave::Closed) => "closed",
            Self::Left(Leave::Silent) => "silent",
            Self::Left(Leave::Stopping) => "stopping",
            Self::Overflow => "overflow",
            Self::Panicked => "panicked",
        }
    }
}
