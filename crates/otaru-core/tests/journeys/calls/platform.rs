//! A platform of each OneNET generation in memory, by the rules of the sheet (onenet §4, §6).

use otaru_wire::{
    DeviceId, Digest, DigestMethod, Hasher, Limits,
    dialect::onenet::{
        AccessKey, Ask, Check, Download, DownloadRefusal, Generation, Handle, Kind, Makes, Payload, Portion,
        Refusal, Reply, Request, Status, Step, Task, Terms, Token, Versions, read,
    },
    http::{Answer, Call, Head},
    http_range::RangeRequest,
};

/// The secret of onenet §3.2.
pub(crate) const SECRET: &str = "S2V5T2ZUaGVGYWN0U2hlZXRTZXJ2ZXJUZXN0MDAwMQ==";

/// The one Task of the one device.
#[derive(Clone)]
pub(crate) struct Order {
    pub(crate) kind: Kind,
    pub(crate) target: &'static str,
    pub(crate) image: Vec<u8>,
    pub(crate) delta: bool,
    pub(crate) limits: Limits,
    pub(crate) ip_port: Option<String>,
    /// Names it: tid, or the seed of its token.
    pub(crate) number: u32,
    pub(crate) status: Status,
    pub(crate) paused: bool,
}

impl Order {
    pub(crate) fn new(image: Vec<u8>) -> Self {
        Self {
            kind: Kind::Sota,
            target: "2.0.0",
            image,
            delta: false,
            limits: Limits::default(),
            ip_port: None,
            number: 7,
            status: Status::Waiting,
            paused: false,
        }
    }

    pub(crate) fn is_over(&self) -> bool {
        matches!(self.status, Status::Succeeded | Status::Failed | Status::Canceled)
    }

    fn over(&self) -> Refusal {
        if self.status == Status::Canceled { Refusal::Canceled } else { Refusal::Finished }
    }
}

/// What a call asks for, in short.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum What {
    Version,
    Check,
    TaskCheck,
    Step,
    Download,
}

pub(crate) struct Platform {
    pub(crate) generation: Generation,
    pub(crate) order: Option<Order>,
    /// Steps that were taken, in order.
    pub(crate) steps: Vec<u8>,
    /// Versions that were reported, in order.
    pub(crate) versions: Vec<Versions>,
    /// 201 counts only after 101 or 100 (onenet §6).
    pub(crate) strict: bool,
}

pub(crate) fn device(generation: Generation) -> DeviceId {
    let (product, device) = match generation {
        Generation::Token => ("123123", "700100200"),
        Generation::Tid | Generation::Fuse => ("PrdTest001", "meter-01"),
    };
    DeviceId { product: product.parse().unwrap(), device: device.parse().unwrap() }
}

/// What is sent back: an answer, or a file.
pub(crate) enum Served {
    Answer(Answer),
    File(Head, Vec<u8>),
}

impl Platform {
    pub(crate) fn new(generation: Generation) -> Self {
        Self { generation, order: None, steps: Vec::new(), versions: Vec::new(), strict: true }
    }

    /// What a call asks for; its proof must hold.
    pub(crate) fn open(&self, call: &Call, now_s: u64) -> (What, Ask) {
        let keys = [AccessKey::from_base64(SECRET).unwrap()];
        let ask = match read(call).unwrap().expect("a call of this dialect") {
            Request::Signed(signed) => signed.open(&keys, now_s).unwrap(),
            Request::Bearer(bearer) => {
                let task = Handle::Token(bearer.token.clone());
                let range = bearer.open(&device(self.generation), &keys, now_s).unwrap();
                Ask::Download { task, range }
            }
        };
        let what = match &ask {
            Ask::Version(_) => What::Version,
            Ask::Check(_) => What::Check,
            Ask::TaskCheck(_) => What::TaskCheck,
            Ask::Step { .. } => What::Step,
            Ask::Download { .. } => What::Download,
            other => panic!("nothing here asks {other:?}"),
        };
        (what, ask)
    }

    pub(crate) fn serve(&mut self, ask: Ask) -> Served {
        let reply = match ask {
            Ask::Version(versions) => self.version(versions),
            Ask::Check(check) => self.check(&check),
            Ask::TaskCheck(handle) => self.task_check(&handle),
            Ask::Step { task, step } => self.step(&task, step),
            Ask::Download { task, range } => return self.download(&task, range),
            other => panic!("nothing here asks {other:?}"),
        };
        Served::Answer(reply.write(self.generation, "5b0f3a7c"))
    }

    fn version(&mut self, versions: Versions) -> Reply {
        if let Some(order) = &mut self.order {
            let told = match order.kind {
                Kind::Fota => &versions.fota,
                Kind::Sota => &versions.sota,
            };
            if told.as_ref().is_some_and(|told| told.as_str() == order.target) && !order.is_over() {
                order.status = Status::Succeeded;
            }
        }
        self.versions.push(versions);
        Reply::Done
    }

    fn check(&mut self, check: &Check) -> Reply {
        match &self.order {
            Some(order) if order.kind == check.kind && !order.is_over() => {
                if check.running.as_str() == order.target {
                    return Reply::Refused(Refusal::AlreadyThere);
                }
                Reply::Task(self.task(order))
            }
            _ => Reply::Refused(Refusal::NoTask),
        }
    }

    fn task(&self, order: &Order) -> Task {
        let mut hasher = Hasher::new(DigestMethod::Md5);
        hasher.update(&order.image);
        let Digest::Md5(md5) = hasher.finish() else { panic!("MD5 is MD5") };
        let terms = match handle(self.generation, order.number) {
            Handle::Token(token) => {
                Terms::Token { token, limits: order.limits, ip_port: order.ip_port.clone() }
            }
            Handle::Tid(tid) => Terms::Tid { tid, status: order.status },
        };
        let (target, size) = (order.target.parse().unwrap(), order.image.len() as u32);
        Task { target, size, md5, delta: order.delta, terms }
    }

    /// The Task of that name, if it is this device's.
    fn named(&mut self, named: &Handle) -> Result<&mut Order, Refusal> {
        let generation = self.generation;
        match &mut self.order {
            Some(order) if handle(generation, order.number) == *named => Ok(order),
            _ => Err(Refusal::ForeignTask),
        }
    }

    fn task_check(&mut self, handle: &Handle) -> Reply {
        let by_token = self.generation == Generation::Token;
        match self.named(handle) {
            Err(refusal) => Reply::Refused(refusal),
            Ok(order) if order.is_over() => Reply::Refused(order.over()),
            Ok(order) if order.paused => Reply::Refused(Refusal::Paused),
            Ok(order) if order.status == Status::Upgrading => Reply::Refused(Refusal::NotOpen),
            Ok(order) => {
                order.status = Status::Downloading;
                if by_token { Reply::Done } else { Reply::Status(order.status) }
            }
        }
    }

    fn step(&mut self, handle: &Handle, step: Step) -> Reply {
        let strict = self.strict;
        let order = match self.named(handle) {
            Err(refusal) => return Reply::Refused(refusal),
            Ok(order) if order.is_over() => return Reply::Refused(order.over()),
            Ok(order) => order,
        };
        let fetching = matches!(order.status, Status::Waiting | Status::Downloading);
        let next = match step.makes() {
            Makes::Downloading(_) if fetching => Status::Downloading,
            Makes::Upgrading if fetching => Status::Upgrading,
            Makes::Succeeded if !strict || order.status == Status::Upgrading => Status::Succeeded,
            Makes::Failed(_) if fetching || step.number() > 200 => Status::Failed,
            _ => return Reply::Refused(Refusal::NotNow),
        };
        order.status = next;
        self.steps.push(step.number());
        Reply::Done
    }

    fn download(&mut self, handle: &Handle, range: Option<RangeRequest>) -> Served {
        let generation = self.generation;
        let download = match self.named(handle) {
            Err(_) => Download::Refused(DownloadRefusal::NotAuthentic),
            Ok(order) if order.is_over() => Download::Refused(DownloadRefusal::Over),
            Ok(order) => {
                let size = order.image.len() as u64;
                Download::Piece { portion: Portion::of(range, size), size, name: "a.bin".into() }
            }
        };
        let (head, payload) = download.write(generation);
        let body = match payload {
            Payload::File(bytes) => {
                self.order.as_ref().unwrap().image[bytes.start as usize..bytes.end as usize].to_vec()
            }
            Payload::Byte(byte) => vec![byte],
            Payload::Nothing => Vec::new(),
        };
        Served::File(head, body)
    }
}

pub(crate) fn handle(generation: Generation, number: u32) -> Handle {
    match generation {
        Generation::Token => Handle::Token(Token::from_random([number as u8; 20])),
        Generation::Tid | Generation::Fuse => Handle::Tid(number),
    }
}
