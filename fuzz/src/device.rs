//! What a device reads: messages, registrations, what it kept itself, its configuration.

use std::{
    fs,
    path::{Path, PathBuf},
    process,
    sync::LazyLock,
};

use otaru_agent::active_folder;
use otaru_core::{Boot, Input, Output, Policy, Record, Updater, UpdaterOptions};
use otaru_wire::{
    Block, BlockRequest, Config, Digest, DigestMethod, File, GatewayRefusal, GatewayReport, Instant,
    MessageId, Module, NoConfig, Notice, Source,
    dialect::{
        DeviceHalf, Downlink, PlatformHalf, Question,
        aliyun::{self, Topic, registration},
    },
};

use crate::me;

const SHA256: &str = "15e2b0d3c33891ebb0f1ef609ec419420c20e320ce94c65fbc8c3312448eb225";
const MD5: &str = "25f9e794323b453885f5181f1b624d0b";

/// A file that holds `123456789`.
fn file(method: DigestMethod, name: Option<&str>, source: Source) -> File {
    let hex = if method == DigestMethod::Md5 { MD5 } else { SHA256 };
    let digest = Digest::from_hex(method, hex).expect("a digest");
    File { name: name.map(str::to_owned), size: 9, digest, also: None, source }
}

fn http(name: &str) -> Source {
    Source::Http { url: format!("http://files.example/fw/{name}?t=1") }
}

fn notice(files: Vec<File>) -> Notice {
    Notice {
        version: "2.0.0".parse().expect("a version"),
        module: Module::default(),
        files,
        delta: false,
        silent: false,
        extra: None,
        signature: None,
        terms: None,
    }
}

/// A notice of one file, the simplest there is.
pub(crate) fn plain_notice() -> Notice {
    notice(vec![file(DigestMethod::Md5, None, http("a.bin"))])
}

/// One of each form.
fn notices() -> Vec<Notice> {
    let sha256 = file(DigestMethod::Sha256, None, http("a.bin"));
    let named = |name: &str| file(DigestMethod::Md5, Some(name), http(name));
    let rich = Notice {
        module: Module::new("mcu").expect("a module"),
        delta: true,
        silent: false,
        extra: Some(r#"{"site":"osaka"}"#.to_owned()),
        signature: Some("c2lnbmVk".to_owned()),
        ..notice(vec![sha256])
    };
    let streamed = notice(vec![file(DigestMethod::Md5, None, Source::Mqtt { stream: 4101, file: 1 })]);
    vec![plain_notice(), rich, notice(vec![named("app.bin"), named("font.bin")]), streamed]
}

fn read(topic: Topic, payload: &[u8]) -> Option<Downlink> {
    let heard = aliyun::Device.read_message(&me(), &topic.of(&me()), payload).ok()?;
    match &heard {
        Downlink::Notice(notice) => check_notice(notice),
        Downlink::Config { config, .. } => assert_eq!(config.check(), Ok(())),
        Downlink::Block(block) => assert_eq!(block.check(), Ok(())),
        Downlink::NoTask
        | Downlink::NoConfig(_)
        | Downlink::Gateway(_)
        | Downlink::Poll
        | Downlink::Foreign => {}
    }
    Some(heard)
}

/// What was read follows the rules; and where a platform may send it, it is read again as it was.
fn check_notice(notice: &Notice) {
    assert_eq!(notice.check(), Ok(()));
    if let Ok(message) = aliyun::Platform.write_notice(&me(), 0, notice) {
        let again = aliyun::Device.read_message(&me(), &message.topic, &message.payload);
        assert!(matches!(again, Ok(Downlink::Notice(again)) if again.same_offer(notice)));
    }
}

pub(crate) fn notice_push(bytes: &[u8]) {
    read(Topic::Upgrade, bytes);
}

pub(crate) fn notice_push_seeds() -> Vec<Vec<u8>> {
    let push =
        |notice| aliyun::Platform.write_notice(&me(), 1_700_000_000_000, &notice).expect("a push").payload;
    notices().into_iter().map(push).collect()
}

pub(crate) fn notice_answer(bytes: &[u8]) {
    read(Topic::FirmwareGetReply, bytes);
    // The v3 generation asks, and is answered, on a topic of its own (aliyun-iotkit-v3 §2.2).
    if let Ok(Downlink::Notice(notice)) =
        aliyun::DeviceV3.read_message(&me(), &Topic::Request.of(&me()), bytes)
    {
        check_notice(&notice);
    }
}

pub(crate) fn notice_answer_seeds() -> Vec<Vec<u8>> {
    let id = MessageId::Number(3);
    let answer = |topic: Topic, notice: Option<&Notice>| {
        aliyun::Platform
            .write_answer(&Question { topic: &topic.of(&me()), device: &me(), id: &id, wanted: None }, notice)
            .expect("an answer")
            .payload
    };
    let notices = notices();
    let v4 = notices.iter().map(Some).chain([None]).map(|notice| answer(Topic::FirmwareGet, notice));
    let v3 = [notices.first(), None].map(|notice| answer(Topic::Request, notice));
    v4.chain(v3).collect()
}

pub(crate) fn block_reply(bytes: &[u8]) {
    read(Topic::FileDownloadReply, bytes);
}

pub(crate) fn block_reply_seeds() -> Vec<Vec<u8>> {
    let id = MessageId::Text("1".to_owned());
    let block =
        Block { token: Some("default".to_owned()), file_size: 20, offset: 9, bytes: b"123456789".to_vec() };
    let request = BlockRequest { stream: 4101, file: 1, offset: 9, len: 9, token: None };
    let platform = aliyun::Platform;
    let good = platform.write_block(&me(), &id, &block).expect("a block").expect("blocks are known");
    let refusal =
        platform.write_block_refusal(&me(), &id, &request, "no such file").expect("blocks are known");
    vec![good.payload, refusal.payload]
}

fn config() -> Config {
    Config {
        id: "cfg-7".to_owned(),
        size: 9,
        digest: Digest::from_hex(DigestMethod::Sha256, SHA256).expect("a digest"),
        url: "https://files.example/cfg/7?t=1".to_owned(),
        get_type: "file".to_owned(),
    }
}

pub(crate) fn config_push(bytes: &[u8]) {
    read(Topic::ConfigPush, bytes);
}

pub(crate) fn config_push_seeds() -> Vec<Vec<u8>> {
    let push = aliyun::Platform.write_config(&me(), 1_700_000_000_000, &config());
    vec![push.expect("a push").expect("configurations are known").payload]
}

pub(crate) fn config_answer(bytes: &[u8]) {
    read(Topic::ConfigGetReply, bytes);
}

pub(crate) fn config_answer_seeds() -> Vec<Vec<u8>> {
    let config = config();
    let answers = [Ok(&config), Err(NoConfig::Absent), Err(NoConfig::SwitchedOff)];
    let answer = |answer| {
        let message = aliyun::Platform.write_config_answer(&me(), &MessageId::Number(1), answer);
        message.expect("an answer").expect("configurations are known").payload
    };
    answers.into_iter().map(answer).collect()
}

pub(crate) fn gateway_answer(bytes: &[u8]) {
    for topic in [
        Topic::TopologyAddReply,
        Topic::TopologyDeleteReply,
        Topic::CombineLoginReply,
        Topic::CombineLogoutReply,
    ] {
        read(topic, bytes);
    }
}

pub(crate) fn gateway_answer_seeds() -> Vec<Vec<u8>> {
    let answer = |report: &GatewayReport, result| {
        let id = MessageId::Number(1);
        aliyun::Platform.write_gateway_answer(&me(), &id, report, result).expect("gateways are known").payload
    };
    let reports = crate::platform::gateway_reports();
    let good = reports.iter().map(|report| answer(report, Ok(())));
    good.chain(reports.first().map(|report| answer(report, Err(GatewayRefusal::BadLogin)))).collect()
}

fn check_grant(grant: &registration::Grant) {
    let sound = |text: &str| (1..=64).contains(&text.len()) && !text.contains(char::is_control);
    match grant {
        registration::Grant::Secret(secret) => assert!(sound(secret)),
        registration::Grant::Token { client_id, token } => assert!(sound(client_id) && sound(token)),
    }
}

pub(crate) fn registration_reply(bytes: &[u8]) {
    if let Ok(grant) = registration::read_reply(bytes) {
        check_grant(&grant);
    }
}

pub(crate) fn registration_reply_seeds() -> Vec<Vec<u8>> {
    let texts = [registration::write_reply(&me(), "s3cret"), registration::write_reply_refusal(460, "no")];
    texts.into_iter().map(String::into_bytes).collect()
}

pub(crate) fn registration_grant(bytes: &[u8]) {
    for topic in ["/ext/register", "/ext/regnwl"] {
        if let Ok(Some(grant)) = registration::read_grant(topic, bytes) {
            check_grant(&grant);
        }
    }
}

pub(crate) fn registration_grant_seeds() -> Vec<Vec<u8>> {
    let token = registration::Grant::Token { client_id: "c1".to_owned(), token: "t0ken".to_owned() };
    let grants = [registration::Grant::Secret("s3cret".to_owned()), token];
    grants.iter().map(|grant| registration::write_grant(grant).payload).collect()
}

/// A Record that is read is written again as the same bytes mean, and a device starts with it.
pub(crate) fn record(bytes: &[u8]) {
    let Ok(record) = Record::from_bytes(bytes) else { return };
    let again = Record::from_bytes(&record.to_bytes());
    assert_eq!(again.map(|again| again.to_bytes()), Ok(record.to_bytes()));
    let mut updater = updater(Some(record));
    let _ = updater.handle(Instant(0), booted());
    while updater.poll().is_some() {}
}

/// Records as a device saves them: with and without a Task, with bytes stored.
pub(crate) fn record_seeds() -> Vec<Vec<u8>> {
    crate::http::records().iter().map(Record::to_bytes).collect()
}

pub(crate) fn updater(record: Option<Record>) -> Updater {
    let policy = Policy { checkpoint_bytes: 1, ..Policy::default() };
    Updater::new(UpdaterOptions { device: me(), dialect: &aliyun::Device, policy, seed: 7 }, record)
}

pub(crate) fn booted() -> Input {
    let running = vec![(Module::default(), "1.0.0".parse().expect("a version"))];
    Input::Booted(Boot { running, trial: None, fell_back: None })
}

/// What the updater wants done now.
pub(crate) fn drain(updater: &mut Updater) -> Vec<Output> {
    std::iter::from_fn(|| updater.poll()).collect()
}

/// A folder of this process, in memory where the system has that.
static STORAGE: LazyLock<PathBuf> = LazyLock::new(|| {
    let memory = Path::new("/dev/shm");
    let parent = if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() };
    let storage = parent.join(format!("otaru-fuzz-{}", process::id()));
    fs::create_dir_all(storage.join("boot")).expect("a folder for the boot marker");
    storage
});

/// The texts of marker and copy, divided by the first zero byte. Their checksums are right: a wrong one ends the reading.
pub(crate) fn boot_marker(bytes: &[u8]) {
    let mut parts = bytes.splitn(2, |byte| *byte == 0);
    for name in ["default", "default~copy"] {
        let path = STORAGE.join("boot").join(name);
        match parts.next() {
            Some(part) => fs::write(path, summed(part)).expect("the marker is written"),
            None => drop(fs::remove_file(path)),
        }
    }
    if let Ok(Some(folder)) = active_folder(&STORAGE, &Module::default()) {
        assert!(folder.starts_with(&*STORAGE), "a slot lies within the storage");
    }
}

fn summed(text: &[u8]) -> Vec<u8> {
    let line = [text, b"\n"].concat();
    let sum = format!("{:08x}\n", crc32fast::hash(&line));
    [line, sum.into_bytes()].concat()
}

pub(crate) fn boot_marker_seeds() -> Vec<Vec<u8>> {
    let marker = r#"{"format":1,"confirmed":{"slot":"b","version":"1.0.0"},"trial":{"version":"2.0.0","tries_left":1},"fell_back":null}"#;
    vec![marker.into(), format!("{marker}\0{marker}").into()]
}

pub(crate) fn agent_config(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Ok(config) = otaru_agent::Config::parse(text, "agent.toml", Path::new("/device")) {
        assert!(!config.module_versions().is_empty(), "a device has at least its own firmware");
    }
}

pub(crate) fn agent_config_seeds() -> Vec<Vec<u8>> {
    // The page's own sample: what a user begins with.
    let page = include_str!("../../docs/agent.md");
    page.split("```toml\n").skip(1).filter_map(|rest| rest.split("```").next()).map(Into::into).collect()
}
