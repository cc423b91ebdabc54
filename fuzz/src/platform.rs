//! What a platform reads: logins, registrations, reports, download links.

use std::{sync::LazyLock, time::Duration};

use otaru_fleet::TaskId;
use otaru_platform::links::{Grant, Links};
use otaru_wire::{
    BlockRequest, Failure, GatewayReport, MAX_SUB_DEVICES, MessageId, Module, Report, Step,
    dialect::{
        Credentials, DeviceHalf, Login, LoginKeys, PlatformHalf, Transport,
        aliyun::{self, Topic, registration},
        onenet::{self, AccessKey, Claim, Edition, Method, Resource, inform},
    },
};

use crate::me;

const SECRET: &str = "s3cret";
const ACCESS_KEY: &str = "czNjcmV0";

/// Client id, user name and password, divided by zero bytes.
pub(crate) fn login(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let mut parts = text.splitn(3, '\0').map(str::to_owned);
    let mut part = || parts.next().unwrap_or_default();
    let login = Login { client_id: part(), user_name: part(), password: part() };
    if let Ok(id) = aliyun::Platform.read_login(&login) {
        assert_eq!(
            login.user_name,
            format!("{}&{}", id.device, id.product),
            "who it is stands in the user name"
        );
    }
    // Nobody guesses an HMAC: only the seed's own proof holds.
    if aliyun::Platform.verify_login(&login, &LoginKeys::of_device(SECRET)).is_ok() {
        assert_eq!(aliyun::Platform.read_login(&login), Ok(me()));
    }
    if let Ok(id) = onenet::Platform.read_login(&login) {
        assert_eq!(
            (login.client_id.as_str(), login.user_name.as_str()),
            (id.device.as_str(), id.product.as_str())
        );
    }
    let keys = LoginKeys { device: "no key", product: Some(ACCESS_KEY), now_s: 1_800_000_000 };
    if onenet::Platform.verify_login(&login, &keys).is_ok() {
        assert_eq!(onenet::Platform.read_login(&login), Ok(me()));
    }
    let _ = registration::token_client_id(&login);
    if let Ok(Some(wanted)) = registration::read_login(&login) {
        let _ = wanted.verify(SECRET);
    }
}

pub(crate) fn login_seeds() -> Vec<Vec<u8>> {
    let credentials = Credentials { id: me(), secret: SECRET.to_owned() };
    let plain = aliyun::Device.write_login(&credentials, Transport::Plain);
    let wish = registration::write_login(&me(), registration::Wish::Token, "pr0duct", "8Ygb7ULYh53B6OA");
    let token = registration::write_token_login(&me(), "c1", "t0ken", Transport::Tls);
    let join = |login: Login| [login.client_id, login.user_name, login.password].join("\0").into_bytes();
    let resource = Resource::Device(me());
    let claim = Claim { edition: Edition::E2018, resource, expires_s: 2_524_579_200, method: Method::Md5 };
    let key = AccessKey::from_base64(ACCESS_KEY).expect("a key");
    let onenet = inform::write_login(&me(), &claim, &key);
    [plain, wish, token, onenet].map(join).into()
}

pub(crate) fn registration_form(bytes: &[u8]) {
    if let Ok(wanted) = registration::read_form(bytes) {
        let _ = wanted.verify(SECRET);
    }
}

pub(crate) fn registration_form_seeds() -> Vec<Vec<u8>> {
    vec![registration::write_form(&me(), SECRET, "8Ygb7ULYh53B6OA").into_bytes()]
}

fn read(topic: Topic, bytes: &[u8]) {
    let Ok(uplink) = aliyun::Platform.read_report(&topic.of(&me()), bytes) else { return };
    assert_eq!(uplink.device, me(), "a report speaks of its topic's device");
    match uplink.report {
        Report::Progress { step, description, .. } => {
            assert!(Step::from_code(step.code().into()) == Some(step) && description.len() <= 128);
        }
        Report::Gateway(GatewayReport::Add(logins)) => assert!(logins.len() <= MAX_SUB_DEVICES),
        Report::Gateway(GatewayReport::Remove(devices)) => assert!(devices.len() <= MAX_SUB_DEVICES),
        Report::Block(BlockRequest { len, .. }) => assert!((1..=64 * 1024).contains(&len)),
        _ => {}
    }
    if let MessageId::Text(id) = uplink.id {
        assert!(id.len() <= 64, "an id that is echoed has bounds");
    }
}

fn written(reports: impl IntoIterator<Item = Report>) -> Vec<Vec<u8>> {
    let write = |report| {
        aliyun::Device.write_report(&me(), 1, &report).expect("this dialect has a word for it").payload
    };
    reports.into_iter().map(write).collect()
}

fn modules() -> [Module; 2] {
    [Module::default(), Module::new("mcu").expect("a module")]
}

pub(crate) fn version(bytes: &[u8]) {
    read(Topic::Inform, bytes);
}

pub(crate) fn version_seeds() -> Vec<Vec<u8>> {
    let version = |module| Report::Version { module, version: "1.0.0".parse().expect("a version") };
    written(modules().map(version))
}

pub(crate) fn progress(bytes: &[u8]) {
    read(Topic::Progress, bytes);
}

pub(crate) fn progress_seeds() -> Vec<Vec<u8>> {
    let steps = [Step::Percent(40), Step::Failed(Failure::Digest)];
    let progress =
        |(module, step)| Report::Progress { module, task: None, step, description: "why".to_owned() };
    written(modules().into_iter().zip(steps).map(progress))
}

pub(crate) fn query(bytes: &[u8]) {
    read(Topic::FirmwareGet, bytes);
    read(Topic::Request, bytes);
}

pub(crate) fn query_seeds() -> Vec<Vec<u8>> {
    let query =
        |module| Report::Query { module, running: Some("1.0.0".parse().expect("a version")), wanted: None };
    let v3 = modules().map(|module| {
        aliyun::DeviceV3
            .write_report(&me(), 1, &query(module))
            .expect("this dialect has a word for it")
            .payload
    });
    written(modules().map(query)).into_iter().chain(v3).collect()
}

pub(crate) fn block_request(bytes: &[u8]) {
    read(Topic::FileDownload, bytes);
}

pub(crate) fn block_request_seeds() -> Vec<Vec<u8>> {
    // The SDK's own text, its comma before the brace included (aliyun-link-sdk-v4 §3.1).
    let stock = r#"{"id":"1","version":"1.0","params":{"fileToken":"default","fileInfo":{"streamId":4101,"fileId":1,},"fileBlock":{"size":5120,"offset":0}}}"#;
    let request = BlockRequest { stream: 4101, file: 1, offset: 0, len: 256, token: None };
    written([Report::Block(request)]).into_iter().chain([stock.into()]).collect()
}

pub(crate) fn config_query(bytes: &[u8]) {
    read(Topic::ConfigGet, bytes);
}

pub(crate) fn config_query_seeds() -> Vec<Vec<u8>> {
    written([Report::ConfigQuery])
}

pub(crate) fn config_taken(bytes: &[u8]) {
    read(Topic::ConfigPushReply, bytes);
}

pub(crate) fn config_taken_seeds() -> Vec<Vec<u8>> {
    // v3's refusal has no braces (aliyun-iotkit-v3 §2.4).
    let taken = Report::ConfigTaken { push: MessageId::Number(77), code: 200 };
    written([taken]).into_iter().chain([br#""id":72,"code":"400","data":{}"#.to_vec()]).collect()
}

pub(crate) fn gateway_report(bytes: &[u8]) {
    for topic in [Topic::TopologyAdd, Topic::TopologyDelete, Topic::CombineLogin, Topic::CombineLogout] {
        read(topic, bytes);
    }
}

pub(crate) fn gateway_report_seeds() -> Vec<Vec<u8>> {
    written(gateway_reports().into_iter().map(Report::Gateway))
}

/// One of each kind.
pub(crate) fn gateway_reports() -> Vec<GatewayReport> {
    let credentials = Credentials { id: me(), secret: SECRET.to_owned() };
    let login = || aliyun::Device.write_login(&credentials, Transport::Plain);
    vec![
        GatewayReport::Add(vec![login()]),
        GatewayReport::Remove(vec![me()]),
        GatewayReport::Login(login()),
        GatewayReport::Logout(me()),
    ]
}

static LINKS: LazyLock<Links> =
    LazyLock::new(|| Links::new("http://ota.example", [7; 32], Duration::from_secs(60)).expect("an address"));
const NOW_MS: u64 = 1_700_000_000_000;

fn grant() -> Grant {
    Grant::file(me(), TaskId(7), 0)
}

/// Path and query of a link.
pub(crate) fn download_link(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let (path, query) = text.split_once('?').unwrap_or((text, ""));
    if let Ok(read) = LINKS.read(path, query, NOW_MS) {
        assert_eq!(read, grant(), "only the link that was signed opens anything");
    }
}

pub(crate) fn download_link_seeds() -> Vec<Vec<u8>> {
    let link = LINKS.write(&grant(), NOW_MS);
    vec![link.trim_start_matches("http://ota.example").as_bytes().to_vec()]
}
