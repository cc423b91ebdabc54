//! What a device and a platform of the dialect `onenet` read: heads and bodies of HTTP, and the notice over MQTT.

use otaru_wire::{
    DeviceId, Module, Report, TaskName, Version,
    dialect::onenet::{
        AccessKey, Ask, Authorization, Check, Claim, Download, DownloadRefusal, Edition, Generation, Handle,
        Hardware, Heard, Kind, Limits, Method as Hash, Portion, Refusal, Reply, Request, Resource, Status,
        Step, Task, Terms, Token, Versions, Who, inform, read, takes_body,
    },
    dialect::{Answered, CallHalf, onenet},
    http::{Answer, Call, Head, Headers, Method},
    http_range::RangeRequest,
};

use crate::me;

const NOW_S: u64 = 1_800_000_000;

fn key() -> AccessKey {
    AccessKey::from_base64("S2V5").expect("a key")
}

fn version() -> Version {
    "1.0.0".parse().expect("a version")
}

fn token() -> Token {
    Token::new("ota_Zk3Qm81TtYw0aPf7LrXe").expect("a token")
}

fn claim(resource: Resource) -> Claim {
    Claim { edition: Edition::E2018, resource, expires_s: NOW_S, method: Hash::Sha256 }
}

/// The value of `Authorization` by which a device speaks for itself.
fn own() -> String {
    claim(Resource::Device(me())).sign(&key())
}

fn handle(generation: Generation) -> Handle {
    match generation {
        Generation::Token => Handle::Token(token()),
        Generation::Tid | Generation::Fuse => Handle::Tid(900_017),
    }
}

/// Everything that a device of that generation asks.
fn asks(generation: Generation) -> Vec<Ask> {
    let range = Some(RangeRequest::From { first: 0, last: Some(4095) });
    let hardware = Hardware::default();
    let mut asks = vec![
        Ask::Version(Versions { fota: Some(version()), sota: Some(version()) }),
        Ask::Versions,
        Ask::Check(Check { kind: Kind::Sota, running: version(), hardware }),
        Ask::TaskCheck(handle(generation)),
        Ask::Download { task: handle(generation), range },
        Ask::Step { task: handle(generation), step: Step::Percent(50) },
    ];
    if generation == Generation::Token {
        asks.extend([
            Ask::Running { kind: Kind::Fota, cdn: true },
            Ask::Result { token: token(), step: Step::Upgraded },
            Ask::DeviceNumber { auth_info: "sn-1".into() },
        ]);
    }
    asks
}

pub(crate) fn authorization(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let Ok(read) = Authorization::read(text) else { return };
    let again = read.claim().sign(&key());
    let again = Authorization::read(&again).expect("what is written is read");
    assert_eq!(again.claim(), read.claim());
    assert_eq!(again.verify(&key(), read.claim().expires_s), Ok(()));
}

pub(crate) fn authorization_seeds() -> Vec<Vec<u8>> {
    let product = claim(Resource::Product(me().product)).sign(&key());
    let raw = "sign=kACk=&res=products/1&et=4294967297&method=md5&version=2022-05-01".to_owned();
    [own(), product, raw].map(String::into_bytes).into()
}

/// A request whose method, target, proof and range are lines before its body. Whatever it is, what is understood of it is
/// understood again when it is written.
pub(crate) fn request(bytes: &[u8]) {
    let mut lines = bytes.splitn(5, |byte| *byte == b'\n');
    let mut text =
        || lines.next().and_then(|line| std::str::from_utf8(line).ok()).unwrap_or_default().to_owned();
    let method = if text() == "POST" { Method::Post } else { Method::Get };
    let target = text();
    let named = [("Authorization", text()), ("Range", text())];
    let headers =
        named.into_iter().filter(|(_, value)| !value.is_empty()).map(|(name, value)| (name.into(), value));
    let headers = Headers(headers.collect());
    let call = Call { method, target, headers, body: lines.next().unwrap_or_default().to_vec() };
    let request = read(&call);
    assert_eq!(
        takes_body(method, &call.target).is_some(),
        !matches!(request, Ok(None)),
        "both know its paths"
    );
    let (generation, device, ask) = match request {
        Ok(Some(Request::Signed(signed))) => {
            let (generation, device) = match signed.who.clone() {
                Who::Device(device) => (signed.generation, device),
                Who::Product(product) => (signed.generation, DeviceId { product, ..me() }),
            };
            let Ok(ask) = signed.open(&[key()], NOW_S) else { return };
            (generation, device, ask)
        }
        Ok(Some(Request::Bearer(bearer))) => {
            let task = Handle::Token(bearer.token.clone());
            let Ok(range) = bearer.open(&me(), &[key()], NOW_S) else { return };
            (Generation::Token, me(), Ask::Download { task, range })
        }
        Ok(None) => return,
        Err(rejection) => {
            assert_ne!(rejection.refusal().number(rejection.generation), 0, "a rejection is no success");
            return;
        }
    };
    let Ok(again) = ask.write(generation, &device, &claim(Resource::Device(device.clone())).sign(&key()))
    else {
        return;
    };
    match read(&again).expect("what is written is read") {
        Some(Request::Signed(signed)) => assert_eq!(signed.open(&[key()], NOW_S), Ok(ask)),
        Some(Request::Bearer(bearer)) => {
            let range = bearer.open(&device, &[key()], NOW_S).expect("its own proof holds");
            assert!(matches!(ask, Ask::Download { range: wanted, .. } if wanted == range));
        }
        None => panic!("what is written is this dialect's"),
    }
}

pub(crate) fn request_seeds() -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    for generation in Generation::ALL {
        for ask in asks(generation) {
            let call = ask.write(generation, &me(), &own()).expect("this generation has it");
            let method = if call.method == Method::Post { "POST" } else { "GET" };
            let value = |name| call.headers.value(name).unwrap_or_default();
            let head = format!("{method}\n{}\n{}\n{}\n", call.target, value("Authorization"), value("Range"));
            seeds.push([head.as_bytes(), &call.body].concat());
        }
    }
    seeds
}

/// A reply: the first byte says to which question, the others are its body.
pub(crate) fn reply(bytes: &[u8]) {
    let Some((first, body)) = bytes.split_first() else { return };
    for generation in Generation::ALL {
        let asks = asks(generation);
        let ask = &asks[usize::from(*first) % asks.len()];
        let headers = Headers::default();
        let answer = Answer { head: Head { status: 200, headers }, body: body.to_vec() };
        device_answer(generation, *first, &answer);
        let Ok(read) = Reply::read(generation, ask, &answer) else { continue };
        if let Reply::Task(task) = &read {
            assert!(task.size > 0);
            let notice = task.notice(generation, &me(), Kind::Sota, "http://h").expect("a Task is a notice");
            assert_eq!(notice.check(), Ok(()));
        }
        assert_eq!(Reply::read(generation, ask, &read.write(generation, "1")), Ok(read));
    }
}

pub(crate) fn reply_seeds() -> Vec<Vec<u8>> {
    let task = |terms| Reply::Task(Task { target: version(), size: 9, md5: [7; 16], delta: false, terms });
    let limits = Limits { signal: 10, power: 30, retry: 3, interval_s: 60 };
    let by_token = Terms::Token { token: token(), limits, ip_port: Some("183.230.40.50:80".into()) };
    let by_tid = Terms::Tid { tid: 900_017, status: Status::Waiting };
    let versions = Reply::Versions(Versions { fota: Some(version()), sota: None });
    [
        (0, Generation::Fuse, Reply::Done),
        (1, Generation::Tid, versions),
        (2, Generation::Token, task(by_token)),
        (2, Generation::Fuse, task(by_tid)),
        (2, Generation::Fuse, Reply::Refused(Refusal::NoTask)),
        (3, Generation::Tid, Reply::Status(Status::Downloading)),
        (8, Generation::Token, Reply::DeviceNumber("700100200".parse().expect("a name"))),
    ]
    .into_iter()
    .map(|(ask, generation, reply)| [&[ask], reply.write(generation, "5b0f").body.as_slice()].concat())
    .collect()
}

/// What a device makes of an answer: the first byte says to which of its words, the others are the body.
fn device_answer(generation: Generation, first: u8, answer: &Answer) {
    let half = match generation {
        Generation::Token => &onenet::DEVICE_TOKEN,
        Generation::Tid => &onenet::DEVICE_TID,
        Generation::Fuse => &onenet::DEVICE_FUSE,
    };
    let (module, task) = (Module::default(), TaskName::new("7").expect("a name"));
    let words = [
        Report::Version { module: module.clone(), version: version() },
        Report::Query { module, running: Some(version()), wanted: None },
        Report::TaskCheck { task: task.clone() },
        Report::Done { task },
    ];
    let word = &words[usize::from(first) % words.len()];
    if let Ok(Answered::Task(notice)) = half.read_answer(&me(), word, answer) {
        assert_eq!(notice.check(), Ok(()));
        let name = notice.task_name().expect("a Task has a name");
        assert!(
            half.write_call(&me(), &Report::TaskCheck { task: name.clone() }).is_ok(),
            "it can be asked for"
        );
    }
    let _ = half.read_file_reason(&answer.body);
}

/// The head of a download's answer: its status and four headers, a line each.
pub(crate) fn download(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let mut lines = text.split('\n');
    let status = lines.next().and_then(|status| status.parse().ok()).unwrap_or_default();
    let named = DOWNLOAD_HEADERS.into_iter().zip(lines).filter(|(_, value)| !value.is_empty());
    let headers = Headers(named.map(|(name, value)| (name.to_owned(), value.to_owned())).collect());
    let head = Head { status, headers };
    let _ = onenet::DEVICE_FUSE.read_file_head(&head);
    if let Ok(Heard::Bytes(content)) = Heard::read(&head) {
        assert!(matches!(status, 200 | 206) && content.range.start <= content.range.end);
        assert!(content.total.is_none_or(|total| content.range.end <= total));
        assert!(
            !head.headers.value("Content-Type").is_some_and(|kind| kind.contains("json")),
            "a message is no file"
        );
    }
}

const DOWNLOAD_HEADERS: [&str; 4] = ["Content-Type", "Content-Length", "Content-Range", "Ota-Errno"];

pub(crate) fn download_seeds() -> Vec<Vec<u8>> {
    let range = Some(RangeRequest::From { first: 2, last: Some(5) });
    let piece = |range| Download::Piece { portion: Portion::of(range, 9), size: 9, name: "a.bin".into() };
    let answers = [piece(range), piece(None), Download::Refused(DownloadRefusal::Over)];
    let seed = |(answer, generation): (&Download, Generation)| {
        let (head, _) = answer.write(generation);
        let values = DOWNLOAD_HEADERS.map(|name| head.headers.value(name).unwrap_or_default());
        format!("{}\n{}", head.status, values.join("\n")).into_bytes()
    };
    let of_all = |answer| Generation::ALL.map(|generation| (answer, generation));
    answers.iter().flat_map(of_all).map(seed).collect()
}

pub(crate) fn notice(bytes: &[u8]) {
    let replied = inform::read_reply(bytes).map(|(id, _)| id);
    for id in [inform::read(bytes), replied].into_iter().flatten() {
        assert!(id.len() <= 64, "an id that is echoed has bounds");
        assert_eq!(inform::read_reply(&inform::write_reply(&me(), &id).payload), Ok((id, 200)));
    }
}

pub(crate) fn notice_seeds() -> Vec<Vec<u8>> {
    [inform::write(&me(), "ota-42").payload, inform::write_reply(&me(), "ota-42").payload].into()
}
