//! A platform of OneNET that has one Task for whoever asks, and can be told to misbehave. Its words are otaru-wire's.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
};

use otaru_wire::{
    DeviceId, Digest, DigestMethod, Hasher,
    dialect::onenet::{
        AccessKey, Ask, Download, Generation, Limits, Payload, Portion, Reply, Request, Status, Task, Terms,
        Token, read,
    },
    http::{Answer, Call, Headers, Method},
    http_range::RangeRequest,
};

/// The device's product and name, its key, and how its Task is named.
pub(crate) const PRODUCT: &str = "PrdTest001";
pub(crate) const DEVICE: &str = "700100200";
pub(crate) const KEY: &str = "dGVzdC1rZXk=";
pub(crate) const TOKEN: &str = "ota_Zk3Qm81TtYw0aPf7LrXe";
pub(crate) const TID: u32 = 900_017;

/// Within the tokens' life.
const NOW_S: u64 = 1_800_000_000;

/// What is written to the device instead of an answer; none if the answer is good.
type Mischief = dyn Fn(&Ask, &[u8]) -> Option<Vec<u8>> + Send + Sync;

/// It serves until the test ends.
pub(crate) struct Scripted {
    pub(crate) url: String,
    asked: Arc<Mutex<Vec<Ask>>>,
}

struct Script {
    task: Task,
    file: Vec<u8>,
    mischief: Box<Mischief>,
    asked: Arc<Mutex<Vec<Ask>>>,
}

impl Scripted {
    /// One that does everything right.
    pub(crate) fn start(generation: Generation, file: &[u8]) -> Self {
        Self::misbehaving(generation, file, |_, _| None)
    }

    /// One that writes what `mischief` makes of a question and the right answer.
    pub(crate) fn misbehaving(
        generation: Generation,
        file: &[u8],
        mischief: impl Fn(&Ask, &[u8]) -> Option<Vec<u8>> + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (task, file) = (task(generation, file), file.to_vec());
        let script = Arc::new(Script { task, file, mischief: Box::new(mischief), asked: asked.clone() });
        thread::spawn(move || {
            for stream in listener.incoming() {
                let script = script.clone();
                thread::spawn(move || script.serve(&stream.unwrap()));
            }
        });
        Self { url, asked }
    }

    /// Everything that was asked, in order.
    pub(crate) fn asked(&self) -> Vec<Ask> {
        self.asked.lock().unwrap().clone()
    }
}

fn task(generation: Generation, file: &[u8]) -> Task {
    let mut hasher = Hasher::new(DigestMethod::Md5);
    hasher.update(file);
    let Digest::Md5(md5) = hasher.finish() else { unreachable!() };
    let terms = match generation {
        Generation::Token => Terms::Token {
            token: Token::new(TOKEN).unwrap(),
            limits: Limits { signal: 10, power: 30, retry: 3, interval_s: 0 },
            ip_port: Some("192.0.2.7:80".into()),
        },
        Generation::Tid | Generation::Fuse => Terms::Tid { tid: TID, status: Status::Waiting },
    };
    Task { target: "2.0.0".parse().unwrap(), size: file.len() as u32, md5, delta: false, terms }
}

impl Script {
    fn serve(&self, stream: &TcpStream) {
        let (mut reader, mut writer) = (BufReader::new(stream), stream);
        while let Some(call) = call(&mut reader) {
            let (ask, answer) = self.answer(&call);
            let bytes = (self.mischief)(&ask, &answer);
            self.asked.lock().unwrap().push(ask);
            let broken = bytes.is_some();
            // A device that is gone misses nothing.
            let _ = writer.write_all(&bytes.unwrap_or(answer));
            if broken {
                return;
            }
        }
    }

    fn answer(&self, call: &Call) -> (Ask, Vec<u8>) {
        let keys = [AccessKey::from_base64(KEY).unwrap()];
        let (generation, ask) = match read(call).unwrap().expect("a path of this dialect") {
            Request::Signed(signed) => (signed.generation, signed.open(&keys, NOW_S).unwrap()),
            Request::Bearer(bearer) => {
                let device = DeviceId { product: PRODUCT.parse().unwrap(), device: DEVICE.parse().unwrap() };
                let range = bearer.open(&device, &keys, NOW_S).unwrap();
                (Generation::Token, Ask::Download { task: self.task.handle(), range })
            }
        };
        let reply = match &ask {
            Ask::Check(_) => Reply::Task(self.task.clone()),
            Ask::TaskCheck(_) => Reply::Status(Status::Downloading),
            Ask::Download { range, .. } => return (ask.clone(), self.file(generation, *range)),
            _ => Reply::Done,
        };
        (ask, bytes(&reply.write(generation, "5b0f3a7c")))
    }

    fn file(&self, generation: Generation, range: Option<RangeRequest>) -> Vec<u8> {
        let size = self.file.len() as u64;
        let piece = Download::Piece { portion: Portion::of(range, size), size, name: "a.bin".into() };
        let (head, payload) = piece.write(generation);
        let Payload::File(range) = payload else { unreachable!() };
        bytes(&Answer { head, body: self.file[range.start as usize..range.end as usize].to_vec() })
    }
}

/// An answer as it goes over the wire.
fn bytes(answer: &Answer) -> Vec<u8> {
    let mut bytes = format!("HTTP/1.1 {} X\r\n", answer.head.status).into_bytes();
    for (name, value) in &answer.head.headers.0 {
        bytes.extend(format!("{name}: {value}\r\n").bytes());
    }
    bytes.extend(b"\r\n");
    match answer.head.headers.value("Transfer-Encoding") {
        Some(_) => {
            bytes.extend(format!("{:x}\r\n", answer.body.len()).bytes());
            bytes.extend([&answer.body[..], b"\r\n0\r\n\r\n"].concat());
        }
        None => bytes.extend(&answer.body),
    }
    bytes
}

fn call(reader: &mut BufReader<&TcpStream>) -> Option<Call> {
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        match line.trim_end() {
            "" => break,
            line => lines.push(line.to_owned()),
        }
    }
    let mut first = lines[0].split(' ');
    let method = if first.next() == Some("POST") { Method::Post } else { Method::Get };
    let target = first.next().unwrap().to_owned();
    let pairs = lines[1..].iter().map(|line| line.split_once(':').unwrap());
    let headers = Headers(pairs.map(|(name, value)| (name.into(), value.trim().into())).collect());
    let mut body = vec![0; headers.value("Content-Length").map_or(0, |length| length.parse().unwrap())];
    reader.read_exact(&mut body).ok()?;
    Some(Call { method, target, headers, body })
}
