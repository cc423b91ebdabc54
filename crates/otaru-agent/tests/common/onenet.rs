//! A small platform of OneNET for one device: real sockets; the wire's own platform side reads and writes every byte.

use std::{
    sync::{Arc, Condvar, Mutex, MutexGuard, atomic::AtomicUsize},
    time::{Instant as Moment, SystemTime},
};

use otaru_wire::{
    DeviceId, Digest, DigestMethod, Hasher, Version,
    dialect::onenet::{
        self, AccessKey, Ask, Download, DownloadRefusal, Generation, Handle, Kind, Limits, Payload, Portion,
        Refusal, Reply, Request, Status, Step, Task, Terms, Token, Versions,
    },
    http::{Answer, Call, Head, Headers, Method},
    http_range::RangeRequest,
};

use super::{
    PATIENCE, Target,
    agent::Device,
    http_server::{self, Wire},
};

/// `KeyOfTheFactSheetServerTest0001` (onenet §3.2).
pub(crate) const KEY: &str = "S2V5T2ZUaGVGYWN0U2hlZXRTZXJ2ZXJUZXN0MDAwMQ==";
const TID: u32 = 900_017;

pub(crate) fn device() -> DeviceId {
    DeviceId { product: "PrdTest001".parse().unwrap(), device: "700100200".parse().unwrap() }
}

fn token() -> Token {
    Token::new("ota_Zk3Qm81TtYw0aPf7LrXe").unwrap()
}

pub(crate) struct Onenet {
    pub(crate) address: std::net::SocketAddr,
    pub(crate) generation: Generation,
    pub(crate) connections: Arc<AtomicUsize>,
    shared: Arc<Shared>,
}

type Shared = (Mutex<World>, Condvar);

/// The one Task, and what was heard.
#[derive(Default)]
pub(crate) struct World {
    pub(crate) target: Option<Target>,
    /// The Task's state; none until it is asked for.
    pub(crate) status: Option<Status>,
    /// Every proven question.
    pub(crate) asks: Vec<Ask>,
    /// Every request for bytes as (first, last).
    pub(crate) pieces: Vec<(u64, u64)>,
    pub(crate) bytes_served: u64,
    /// No byte after so many of its life, until the gate is opened.
    pub(crate) gate: Option<u64>,
    /// After so many bytes of its life a file is refused; once.
    pub(crate) refuse_after: Option<(u64, DownloadRefusal)>,
    /// The bytes served are not those that were announced.
    pub(crate) spoilt: bool,
    /// Nothing is answered until it speaks again.
    pub(crate) silent: bool,
    /// The answer to everything is HTTP status 401.
    pub(crate) unauthorized: bool,
    /// How many requests were answered so.
    pub(crate) turned_away: u32,
    /// What files are redirected to.
    pub(crate) moved_to: Option<String>,
    /// Where the answer to a check sends devices that cannot resolve names.
    pub(crate) ip_port: Option<String>,
}

impl Onenet {
    pub(crate) fn start(generation: Generation) -> Self {
        let shared = Arc::<Shared>::default();
        let served = Arc::clone(&shared);
        let (address, connections) = http_server::serve(None, move |request, wire| {
            answer(&served, generation, request, wire).is_some()
        });
        Self { address, generation, connections, shared }
    }

    pub(crate) fn world(&self) -> MutexGuard<'_, World> {
        self.shared.0.lock().unwrap()
    }

    pub(crate) fn change(&self, edit: impl FnOnce(&mut World)) {
        edit(&mut self.world());
        self.shared.1.notify_all();
    }

    /// There is a Task.
    pub(crate) fn offer(&self, target: &Target) {
        self.change(|world| (world.target, world.status) = (Some(target.clone()), Some(Status::Waiting)));
    }

    pub(crate) fn wait(&self, what: &str, wanted: impl FnMut(&World) -> bool) {
        drop(wait(&self.shared, what, wanted));
    }

    /// A device of it. `keys` go into `[device]`, `more` follows all tables.
    pub(crate) fn device(&self, keys: &str, more: &str) -> Device {
        let DeviceId { product, device } = device();
        let config = format!(
            r#"
            [device]
            dialect = "{}"
            product_key = "{product}"
            device_name = "{device}"
            device_secret = "{KEY}"
            version = "1.0.0"
            {keys}
            [platform]
            url = "http://{}"
            [storage]
            dir = "state"
            [reboot]
            mode = "exit"
            {more}
            "#,
            self.generation.name(),
            self.address,
        );
        Device { dir: tempfile::tempdir().unwrap(), config }
    }

    /// Every step that was reported, by its number.
    pub(crate) fn steps(&self) -> Vec<u8> {
        let steps = self.world().asks.iter().map(step_of).collect::<Vec<_>>();
        steps.into_iter().flatten().collect()
    }
}

fn step_of(ask: &Ask) -> Option<u8> {
    match ask {
        Ask::Step { step, .. } => Some(step.number()),
        _ => None,
    }
}

fn wait<'a>(shared: &'a Shared, what: &str, mut wanted: impl FnMut(&World) -> bool) -> MutexGuard<'a, World> {
    let end = Moment::now() + PATIENCE;
    let mut world = shared.0.lock().unwrap();
    while !wanted(&world) {
        let left = end.saturating_duration_since(Moment::now());
        assert!(!left.is_zero(), "never: {what}; asked: {:?}", world.asks);
        world = shared.1.wait_timeout(world, left).unwrap().0;
    }
    world
}

/// Answers one request; none closes the connection.
fn answer(shared: &Shared, generation: Generation, text: &str, wire: &mut dyn Wire) -> Option<()> {
    let call = read_call(text);
    drop(wait(shared, "it speaks again", |world| !world.silent));
    if shared.0.lock().unwrap().unauthorized {
        shared.0.lock().unwrap().turned_away += 1;
        shared.1.notify_all();
        return wire.write_all(b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n").ok();
    }
    let keys = [AccessKey::from_base64(KEY).unwrap()];
    let now_s = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
    let ask = match onenet::read(&call).unwrap().expect("it is OneNET's") {
        Request::Signed(signed) => {
            assert_eq!((signed.generation, &signed.who), (generation, &onenet::Who::Device(device())));
            signed.open(&keys, now_s).unwrap()
        }
        Request::Bearer(bearer) => {
            let task = Handle::Token(bearer.token.clone());
            Ask::Download { task, range: bearer.open(&device(), &keys, now_s).unwrap() }
        }
    };
    shared.0.lock().unwrap().asks.push(ask.clone());
    let result = match &ask {
        Ask::Download { range, .. } => file(shared, generation, *range, wire),
        _ => {
            let reply = shared.0.lock().unwrap().reply(generation, &ask);
            write(wire, &reply.write(generation, "5b0f3a7c9d1e4f62a8b7c6d5e4f30211"))
        }
    };
    shared.1.notify_all();
    result
}

impl World {
    fn reply(&mut self, generation: Generation, ask: &Ask) -> Reply {
        let Some((target, status)) = self.target.clone().zip(self.status) else {
            return match ask {
                Ask::Version(_) => Reply::Done,
                _ => Reply::Refused(Refusal::NoTask),
            };
        };
        let kind = Kind::of(&target.module).unwrap();
        let over = match status {
            Status::Canceled => Some(Refusal::Canceled),
            Status::Succeeded | Status::Failed => Some(Refusal::Finished),
            _ => None,
        };
        match (ask, over) {
            (Ask::Version(versions), _) => {
                if reported(versions, kind) == Some(&target.version) {
                    self.status = Some(Status::Succeeded);
                }
                Reply::Done
            }
            (Ask::Check(check), None) if check.kind == kind => Reply::Task(self.task(generation, &target)),
            (Ask::Check(_), _) => Reply::Refused(Refusal::NoTask),
            (_, Some(refusal)) => Reply::Refused(refusal),
            (Ask::TaskCheck(_), None) => {
                self.status = Some(Status::Downloading);
                Reply::Status(Status::Downloading)
            }
            (Ask::Step { step, .. }, None) => {
                self.status = Some(match step {
                    Step::Percent(..100) => Status::Downloading,
                    Step::Percent(_) | Step::Downloaded => Status::Upgrading,
                    Step::Upgraded => Status::Succeeded,
                    Step::DownloadFailed(_) | Step::UpgradeFailed(_) => Status::Failed,
                });
                Reply::Done
            }
            _ => Reply::Refused(Refusal::BadParameter),
        }
    }

    fn task(&self, generation: Generation, target: &Target) -> Task {
        let mut md5 = Hasher::new(DigestMethod::Md5);
        md5.update(&target.files[0]);
        let Digest::Md5(md5) = md5.finish() else { panic!("it is none") };
        let terms = match generation {
            Generation::Token => {
                Terms::Token { token: token(), limits: Limits::default(), ip_port: self.ip_port.clone() }
            }
            Generation::Tid | Generation::Fuse => Terms::Tid { tid: TID, status: Status::Waiting },
        };
        Task { target: target.version.clone(), size: target.files[0].len() as u32, md5, delta: false, terms }
    }
}

fn reported(versions: &Versions, kind: Kind) -> Option<&Version> {
    match kind {
        Kind::Fota => versions.fota.as_ref(),
        Kind::Sota => versions.sota.as_ref(),
    }
}

fn file(
    shared: &Shared,
    generation: Generation,
    range: Option<RangeRequest>,
    wire: &mut dyn Wire,
) -> Option<()> {
    let (bytes, refusal, moved_to) = {
        let mut world = shared.0.lock().unwrap();
        let bytes = Arc::clone(&world.target.as_ref()?.files[0]);
        let due = world.refuse_after.is_some_and(|(after, _)| world.bytes_served >= after);
        let refusal = if due { world.refuse_after.take() } else { None };
        let over = world.status.is_some_and(|status| status.number() > 3).then_some(DownloadRefusal::Over);
        (bytes, refusal.map(|(_, refusal)| refusal).or(over), world.moved_to.clone())
    };
    if let Some(place) = moved_to {
        let head = format!("HTTP/1.1 302 Found\r\nLocation: {place}\r\nContent-Length: 0\r\n\r\n");
        return wire.write_all(head.as_bytes()).ok();
    }
    if let Some(refusal) = refusal {
        return write(wire, &refusal.answer(generation));
    }
    let size = bytes.len() as u64;
    let download = Download::Piece { portion: Portion::of(range, size), size, name: "fw.bin".into() };
    let (head, Payload::File(part)) = download.write(generation) else { panic!("{download:?}") };
    write_head(wire, &head)?;
    shared.0.lock().unwrap().pieces.push((part.start, part.end - 1));
    for piece in bytes[part.start as usize..part.end as usize].chunks(4096) {
        let open = |world: &World| world.gate.is_none_or(|gate| world.bytes_served < gate);
        let spoilt = wait(shared, "the gate opens", open).spoilt;
        let piece: Vec<u8> = piece.iter().map(|byte| byte ^ u8::from(spoilt)).collect();
        wire.write_all(&piece).ok()?;
        shared.0.lock().unwrap().bytes_served += piece.len() as u64;
        shared.1.notify_all();
    }
    Some(())
}

fn read_call(text: &str) -> Call {
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    let mut lines = head.lines();
    let mut first = lines.next().unwrap().split(' ');
    let method = match first.next().unwrap() {
        "GET" => Method::Get,
        "POST" => Method::Post,
        other => panic!("{other}"),
    };
    let target = first.next().unwrap().to_owned();
    let mut headers = Headers::default();
    for (name, value) in lines.filter_map(|line| line.split_once(": ")) {
        headers.add(name, value);
    }
    Call { method, target, headers, body: body.as_bytes().to_vec() }
}

fn write(wire: &mut dyn Wire, Answer { head, body }: &Answer) -> Option<()> {
    write_head(wire, head)?;
    match head.headers.value("Transfer-Encoding") {
        None => wire.write_all(body).ok(),
        Some(_) => {
            let chunk = [format!("{:x}\r\n", body.len()).as_bytes(), body, b"\r\n0\r\n\r\n"].concat();
            wire.write_all(&chunk).ok()
        }
    }
}

fn write_head(wire: &mut dyn Wire, head: &Head) -> Option<()> {
    let mut text = format!("HTTP/1.1 {} Said\r\n", head.status);
    for (name, value) in &head.headers.0 {
        text += &format!("{name}: {value}\r\n");
    }
    wire.write_all((text + "\r\n").as_bytes()).ok()
}
