//! Both sides of the gateway under test: a platform that answers as a test wants, and a device over a real socket.

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use otaru_platform::gateway::{Admitted, Entry, GatewayOptions, Ingest, Refused, Sessions, Verdict, serve};
use otaru_wire::{
    DeviceId, DeviceName, Instant, Notice, NoticeError, ProductKey,
    dialect::{Login, LoginError, LoginKeys, PlatformHalf, Question, ReadError, Uplink},
    mqtt::{Client, ClientEvent, ClientOptions, Message, ProtocolVersion, Qos},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpSocket, TcpStream},
    sync::{mpsc, oneshot, watch},
    task::JoinHandle,
};

/// Longer than anything here takes; a test that waits this long has failed.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// A dialect that gives a device the topics `up/{device}` and `down/{device}`.
struct Simple;

impl PlatformHalf for Simple {
    fn name(&self) -> &'static str {
        "simple"
    }

    fn read_login(&self, login: &Login) -> Result<DeviceId, LoginError> {
        Ok(device(&login.client_id))
    }

    fn verify_login(&self, login: &Login, keys: &LoginKeys<'_>) -> Result<(), LoginError> {
        if login.password == keys.device { Ok(()) } else { Err(LoginError::WrongPassword) }
    }

    fn may_publish(&self, device: &DeviceId, topic: &str) -> bool {
        topic.strip_prefix("up/") == Some(device.device.as_str())
    }

    fn may_subscribe(&self, device: &DeviceId, filter: &str) -> bool {
        filter.strip_prefix("down/") == Some(device.device.as_str())
    }

    fn on_behalf(&self, topic: &str) -> Option<DeviceId> {
        let name = topic.strip_prefix("up/").or_else(|| topic.strip_prefix("down/"))?;
        DeviceName::new(name).is_ok().then(|| device(name))
    }

    fn read_report(&self, _: &str, _: &[u8]) -> Result<Uplink, ReadError> {
        Err(ReadError::UnknownTopic)
    }

    fn write_notice(&self, _: &DeviceId, _: u64, _: &Notice) -> Result<Message, NoticeError> {
        unreachable!("the gateway writes no notices")
    }

    fn write_answer(&self, _: &Question<'_>, _: Option<&Notice>) -> Result<Message, NoticeError> {
        unreachable!("the gateway writes no answers")
    }
}

pub(crate) fn device(name: &str) -> DeviceId {
    DeviceId { product: ProductKey::new("pk").unwrap(), device: DeviceName::new(name).unwrap() }
}

/// What a device with the password `grant` is admitted for.
pub(crate) fn grant() -> Message {
    Message { topic: "grant".to_owned(), payload: b"secret".to_vec(), qos: Qos::AtMostOnce }
}

/// What the platform behind the gateway saw.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Seen {
    Connected(DeviceId),
    Published(DeviceId, Message),
    Disconnected(DeviceId),
}

/// A platform that admits the password `good`, admits `grant` for a grant alone, is unavailable for `later`, and panics at the payload `panic`.
pub(crate) struct Platform {
    seen: mpsc::UnboundedSender<Seen>,
    room: watch::Sender<bool>,
    refusals: Mutex<HashMap<DeviceId, usize>>,
    hold_logins: AtomicBool,
}

impl Platform {
    pub(crate) fn set_room(&self, room: bool) {
        self.room.send_replace(room);
    }

    /// How often a message of this device was answered with "busy".
    pub(crate) fn refusals(&self, device: &DeviceId) -> usize {
        self.refusals.lock().unwrap().get(device).copied().unwrap_or(0)
    }

    /// Logins from now on never end.
    pub(crate) fn hold_logins(&self) {
        self.hold_logins.store(true, Ordering::Relaxed);
    }
}

impl Ingest for Platform {
    async fn login(&self, login: &Login) -> Result<Entry, Refused> {
        if self.hold_logins.load(Ordering::Relaxed) {
            std::future::pending::<()>().await;
        }
        match login.password.as_str() {
            "good" => Ok(Entry::Session(Admitted { device: device(&login.client_id), dialect: &Simple })),
            "grant" => Ok(Entry::Grant(grant())),
            "later" => Err(Refused::Unavailable),
            _ => Err(Refused::BadLogin),
        }
    }

    async fn connected(&self, device: &DeviceId) {
        self.seen.send(Seen::Connected(device.clone())).unwrap();
    }

    fn published(&self, from: &Admitted, message: Message) -> Verdict {
        assert!(message.payload != b"panic", "this panic is part of a test");
        if !*self.room.borrow() {
            *self.refusals.lock().unwrap().entry(from.device.clone()).or_default() += 1;
            return Verdict::Busy;
        }
        self.seen.send(Seen::Published(from.device.clone(), message)).unwrap();
        Verdict::Accepted
    }

    async fn ready(&self, _: &DeviceId) {
        self.room.subscribe().wait_for(|room| *room).await.unwrap();
    }

    fn disconnected(&self, device: &DeviceId) {
        // The test may be over already.
        let _ = self.seen.send(Seen::Disconnected(device.clone()));
    }
}

/// A gateway that listens, and the platform behind it.
pub(crate) struct Gateway {
    pub(crate) address: SocketAddr,
    pub(crate) sessions: Sessions,
    pub(crate) platform: Arc<Platform>,
    seen: mpsc::UnboundedReceiver<Seen>,
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Gateway {
    pub(crate) async fn start(options: GatewayOptions) -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        // Small, so that a peer that does not read is noticed soon. Accepted sockets inherit it.
        socket.set_send_buffer_size(4096).unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        Self::on(socket.listen(1024).unwrap(), options)
    }

    fn on(listener: TcpListener, options: GatewayOptions) -> Self {
        let (seen_sender, seen) = mpsc::unbounded_channel();
        let platform = Arc::new(Platform {
            seen: seen_sender,
            room: watch::Sender::new(true),
            refusals: Mutex::default(),
            hold_logins: AtomicBool::new(false),
        });
        let (stop, stopped) = oneshot::channel::<()>();
        let address = listener.local_addr().unwrap();
        let sessions = Sessions::default();
        let task = tokio::spawn(serve(listener, Arc::clone(&platform), sessions.clone(), options, async {
            let _ = stopped.await;
        }));
        Self { address, sessions, platform, seen, stop, task }
    }

    pub(crate) async fn seen(&mut self) -> Seen {
        tokio::time::timeout(PATIENCE, self.seen.recv()).await.expect("something to be seen").unwrap()
    }

    pub(crate) fn nothing_seen(&mut self) -> bool {
        self.seen.try_recv().is_err()
    }

    /// Stops the gateway; returns when `serve` has.
    pub(crate) async fn stop(self) {
        self.stop.send(()).unwrap();
        self.task.await.unwrap();
    }

    /// A device that is connected, and seen to be.
    pub(crate) async fn device(&mut self, name: &str, version: ProtocolVersion) -> Peer {
        let mut peer = Peer::open(self.address, name, "good", version).await;
        assert_eq!(peer.event().await, ClientEvent::Connected);
        assert_eq!(self.seen().await, Seen::Connected(device(name)));
        peer
    }
}

/// A device: the client session of `otaru-wire` on a real socket.
pub(crate) struct Peer {
    pub(crate) client: Client,
    pub(crate) socket: TcpStream,
    start: tokio::time::Instant,
}

pub(crate) fn client(name: &str, password: &str, version: ProtocolVersion) -> Client {
    let login =
        Login { client_id: name.to_owned(), user_name: "user".to_owned(), password: password.to_owned() };
    Client::new(ClientOptions { version, ..ClientOptions::new(login) })
}

/// The bytes of a good CONNECT.
pub(crate) fn connect_packet(name: &str, version: ProtocolVersion) -> Vec<u8> {
    let mut client = client(name, "good", version);
    let mut bytes = Vec::new();
    client.opened(Instant(0));
    client.poll_transmit(&mut bytes);
    bytes
}

impl Peer {
    pub(crate) async fn open(
        address: SocketAddr,
        name: &str,
        password: &str,
        version: ProtocolVersion,
    ) -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(4096).unwrap();
        let socket = socket.connect(address).await.unwrap();
        let mut peer =
            Self { client: client(name, password, version), socket, start: tokio::time::Instant::now() };
        peer.client.opened(peer.now());
        peer
    }

    fn now(&self) -> Instant {
        Instant(self.start.elapsed().as_millis() as u64)
    }

    pub(crate) fn publish(&mut self, topic: &str, payload: &[u8], qos: Qos) {
        let message = Message { topic: topic.to_owned(), payload: payload.to_vec(), qos };
        self.client.publish(self.now(), message).unwrap();
    }

    pub(crate) fn subscribe(&mut self, filter: &str) {
        self.client.subscribe(self.now(), filter, Qos::AtLeastOnce).unwrap();
    }

    pub(crate) async fn flush(&mut self) {
        let mut out = Vec::new();
        if self.client.poll_transmit(&mut out) {
            // A broken connection is noticed when reading.
            let _ = self.socket.write_all(&out).await;
        }
    }

    /// The next event; what goes out because of it has been sent.
    pub(crate) async fn event(&mut self) -> ClientEvent {
        tokio::time::timeout(PATIENCE, async {
            loop {
                let event = self.client.poll_event();
                self.flush().await;
                if let Some(event) = event {
                    return event;
                }
                let mut buffer = [0; 4096];
                match self.socket.read(&mut buffer).await {
                    Ok(0) | Err(_) => self.client.lost(),
                    Ok(read) => self.client.received(self.now(), &buffer[..read]),
                }
            }
        })
        .await
        .expect("an event")
    }

    /// Everything the gateway sends until it closes.
    pub(crate) async fn until_closed(&mut self) -> Vec<u8> {
        let mut all = Vec::new();
        // A reset is a close, too.
        let _ = tokio::time::timeout(PATIENCE * 1000, self.socket.read_to_end(&mut all))
            .await
            .expect("the gateway to close");
        all
    }
}
