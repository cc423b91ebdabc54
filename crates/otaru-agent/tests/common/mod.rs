//! A small platform for tests: real sockets, the wire's server session, the dialect's platform half.
#![allow(dead_code, clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "test support")]

pub(crate) mod agent;
pub(crate) mod behind;
pub(crate) mod certificates;
mod device;
mod files;
pub(crate) mod http_server;
pub(crate) mod onenet;
pub(crate) mod registration;

use std::{
    collections::BTreeMap,
    io::{Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Condvar, Mutex, MutexGuard},
    thread,
    time::{Duration, Instant as Moment},
};

use otaru_wire::{
    Block, BlockRequest, DeviceId, Digest, DigestMethod, File, Hasher, Instant, Module, NoConfig, Notice,
    Report, Source, Step, Version,
    dialect::{PlatformHalf, Question, aliyun},
    http_range,
    mqtt::{Admission, Handler, Message, Qos, Refusal, Server, ServerOptions, Taken, admit},
};
use rustls::{ServerConnection, StreamOwned};

use certificates::Vouched;

pub(crate) const SECRET: &str = "00112233445566778899aabbccddeeff";
/// The number of the Config's file.
pub(crate) const CONFIG: usize = 99;
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// What is offered, and what was heard.
pub(crate) struct World {
    pub(crate) target: Option<Target>,
    pub(crate) reports: Vec<Report>,
    pub(crate) logins: u32,
    pub(crate) refused_logins: u32,
    pub(crate) pings: u32,
    /// Every registration that was asked for and proven.
    pub(crate) registrations: Vec<registration::Asked>,
    pub(crate) refused_registrations: u32,
    /// What is answered next instead of a grant, as it is; over MQTT, where the connection ends without one.
    pub(crate) broken_answers: Vec<String>,
    pub(crate) requests: Vec<Request>,
    pub(crate) bytes_served: u64,
    /// Every session's connection so far.
    pub(crate) streams: Vec<TcpStream>,
    /// Links with an older number are refused.
    pub(crate) link: u32,
    /// The file server stops in the middle after so many bytes of its life, until the gate is opened.
    pub(crate) gate: Option<u64>,
    /// After so many bytes of its life the file server makes all links expire.
    pub(crate) expire_after: Option<u64>,
    /// Every file has only so many bytes, whatever was offered, once a link has expired.
    pub(crate) shrunk_to: Option<usize>,
    /// Files come in blocks over MQTT.
    pub(crate) over_mqtt: bool,
    /// The session breaks in place of the answer to the block with this number, from 1.
    pub(crate) break_at_block: Option<usize>,
    /// Every block asked for.
    pub(crate) blocks: Vec<BlockRequest>,
    /// The devices behind the one that has the session.
    pub(crate) behind: BTreeMap<DeviceId, behind::Behind>,
    /// Pushes to send, as they are, when the next version is reported.
    pub(crate) raw_pushes: Vec<String>,
    /// The Config it has: id and bytes.
    pub(crate) config: Option<(String, Arc<Vec<u8>>)>,
    /// The Config is to be pushed at each connect until it is answered.
    pub(crate) config_open: bool,
}

/// One request of the file server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Request {
    pub(crate) file: usize,
    pub(crate) start: u64,
    pub(crate) status: u16,
}

/// One update.
#[derive(Clone)]
pub(crate) struct Target {
    pub(crate) module: Module,
    pub(crate) version: Version,
    pub(crate) files: Vec<Arc<Vec<u8>>>,
}

pub(crate) struct Platform {
    pub(crate) mqtt: SocketAddr,
    pub(crate) http: SocketAddr,
    pub(crate) tls: Option<Vouched>,
    world: Arc<(Mutex<World>, Condvar)>,
}

pub(crate) trait Wire: Read + Write {}
impl<T: Read + Write> Wire for T {}

impl Platform {
    pub(crate) fn start(tls: Option<Vouched>) -> Self {
        let world = World {
            target: None,
            reports: Vec::new(),
            logins: 0,
            refused_logins: 0,
            pings: 0,
            registrations: Vec::new(),
            refused_registrations: 0,
            broken_answers: Vec::new(),
            requests: Vec::new(),
            bytes_served: 0,
            streams: Vec::new(),
            link: 1,
            gate: None,
            expire_after: None,
            shrunk_to: None,
            over_mqtt: false,
            break_at_block: None,
            blocks: Vec::new(),
            behind: BTreeMap::new(),
            raw_pushes: Vec::new(),
            config: None,
            config_open: false,
        };
        let mqtt = TcpListener::bind("127.0.0.1:0").unwrap();
        let http = TcpListener::bind("127.0.0.1:0").unwrap();
        let platform = Self {
            mqtt: mqtt.local_addr().unwrap(),
            http: http.local_addr().unwrap(),
            tls,
            world: Arc::new((Mutex::new(world), Condvar::new())),
        };
        for (listener, serve) in [(mqtt, device::serve as fn(&Shared, Box<dyn Wire>)), (http, files::serve)] {
            let shared = platform.shared();
            thread::spawn(move || {
                for stream in listener.incoming() {
                    let (shared, stream) = (shared.clone(), stream.unwrap());
                    if shared.is_device_port(&stream) {
                        shared.world().streams.push(stream.try_clone().unwrap());
                    }
                    thread::spawn(move || serve(&shared, shared.wrap(stream)));
                }
            });
        }
        platform
    }

    pub(crate) fn world(&self) -> MutexGuard<'_, World> {
        self.world.0.lock().unwrap()
    }

    /// Changes something and lets everybody who waits look.
    pub(crate) fn change(&self, edit: impl FnOnce(&mut World)) {
        edit(&mut self.world());
        self.world.1.notify_all();
    }

    /// Waits until the world is so; panics with `what` if it never is.
    pub(crate) fn wait(&self, what: &str, condition: impl Fn(&World) -> bool) {
        self.shared().wait(what, condition);
    }

    fn shared(&self) -> Shared {
        Shared { world: Arc::clone(&self.world), http: self.http, tls: self.tls.clone() }
    }
}

/// The platform as its threads see it.
#[derive(Clone)]
pub(crate) struct Shared {
    world: Arc<(Mutex<World>, Condvar)>,
    http: SocketAddr,
    tls: Option<Vouched>,
}

impl Shared {
    pub(crate) fn world(&self) -> MutexGuard<'_, World> {
        self.world.0.lock().unwrap()
    }

    pub(crate) fn changed(&self) {
        self.world.1.notify_all();
    }

    pub(crate) fn wait(&self, what: &str, condition: impl Fn(&World) -> bool) {
        let (world, _) =
            self.world.1.wait_timeout_while(self.world(), PATIENCE, |world| !condition(world)).unwrap();
        assert!(condition(&world), "never happened: {what}; reports: {:?}", world.reports);
    }

    fn is_device_port(&self, stream: &TcpStream) -> bool {
        stream.local_addr().unwrap().port() != self.http.port()
    }

    fn wrap(&self, stream: TcpStream) -> Box<dyn Wire> {
        stream.set_nodelay(true).unwrap();
        match &self.tls {
            Some(tls) => {
                Box::new(StreamOwned::new(ServerConnection::new(Arc::clone(&tls.config)).unwrap(), stream))
            }
            None => Box::new(stream),
        }
    }

    /// The Config with a link of today.
    pub(crate) fn config(&self) -> Option<otaru_wire::Config> {
        let world = self.world();
        let (id, bytes) = world.config.as_ref()?;
        let url = format!("http://127.0.0.1:{}/{CONFIG}?link={}", self.http.port(), world.link);
        let (id, size, get_type) = (id.clone(), bytes.len() as u64, "file".to_owned());
        Some(otaru_wire::Config { id, size, digest: sha256(bytes), url, get_type })
    }

    /// The notice for a device that runs something else.
    pub(crate) fn notice(&self, device: &DeviceId) -> Option<Notice> {
        let world = self.world();
        let behind = world.behind.get(device);
        let target = behind.map_or(world.target.as_ref(), |behind| behind.target.as_ref())?;
        let path = behind.map_or(String::new(), |_| format!("{}/", device.device));
        let scheme = if self.tls.is_some() { "https://localhost:" } else { "http://127.0.0.1:" };
        let files = target.files.iter().enumerate().map(|(index, bytes)| File {
            name: Some(format!("part{index}")),
            size: bytes.len() as u64,
            digest: sha256(bytes),
            also: None,
            source: if world.over_mqtt {
                Source::Mqtt { stream: 4101, file: index as u32 + 1 }
            } else {
                Source::Http {
                    url: format!("{scheme}{}/{path}{index}?link={}", self.http.port(), world.link),
                }
            },
        });
        Some(Notice {
            version: target.version.clone(),
            module: target.module.clone(),
            files: files.collect(),
            delta: false,
            silent: false,
            extra: None,
            signature: None,
            terms: None,
        })
    }
}

pub(crate) fn sha256(bytes: &[u8]) -> Digest {
    let mut hasher = Hasher::new(DigestMethod::Sha256);
    hasher.update(bytes);
    hasher.finish()
}

/// Bytes that no shift or repetition leaves alike.
pub(crate) fn image(seed: u64, len: usize) -> Arc<Vec<u8>> {
    let mut state = seed | 1;
    Arc::new(
        (0..len)
            .map(|_| {
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                state as u8
            })
            .collect(),
    )
}

pub(crate) fn is_version(report: &Report, text: &str) -> bool {
    matches!(report, Report::Version { version, .. } if version.as_str() == text)
}

pub(crate) fn failure(report: &Report) -> Option<otaru_wire::Failure> {
    match report {
        Report::Progress { step: Step::Failed(failure), .. } => Some(*failure),
        _ => None,
    }
}
