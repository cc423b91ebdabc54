//! The main job over real sockets: an operator's calls by HTTP, a device by MQTT and HTTP, a platform with its folder.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // helpers of tests too

use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpStream as BlockingStream},
    path::Path,
    time::Duration,
};

use otaru_platform::{Config, Running, start};
use otaru_wire::{
    DeviceId, DigestMethod, Hasher, Instant, Module, Notice, Report, Source, Step,
    dialect::{Credentials, DeviceHalf, Downlink, Transport, aliyun, jd},
    mqtt::{Client, ClientEvent, ClientOptions, Message},
};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

/// Longer than anything here takes; a test that waits this long has failed.
const PATIENCE: Duration = Duration::from_secs(20);

/// A platform and the operator in front of it.
struct Operator {
    platform: Running,
    token: String,
}

impl Operator {
    async fn start(folder: &Path) -> Self {
        let config = Config::local(folder);
        let platform = start(config).await.unwrap();
        let token = platform.first_token.clone().unwrap();
        Self { platform, token }
    }

    async fn call(&self, method: &str, path: &str, body: &[u8]) -> Value {
        let head = format!("Authorization: Bearer {}\r\nContent-Type: application/json\r\n", self.token);
        let (status, body) = http(self.platform.http, method, path, &head, body).await;
        assert!(status.starts_with('2'), "{method} {path}: {status} {}", String::from_utf8_lossy(&body));
        serde_json::from_slice(&body).unwrap()
    }

    async fn post(&self, path: &str, body: Value) -> Value {
        self.call("POST", path, body.to_string().as_bytes()).await
    }

    /// A product with one device, and a campaign that brings it `image` as 2.0.0.
    async fn campaign(&self, half: &dyn DeviceHalf, image: &[u8]) -> (Credentials, u64) {
        self.post("/api/v1/products", json!({"product_key": "a1Demo", "dialect": half.dialect()})).await;
        let device = self.post("/api/v1/products/a1Demo/devices", json!({"device_name": "pump-1"})).await;
        let file = self.call("PUT", "/api/v1/files?name=app.bin", image).await;
        let package = json!({
            "product_key": "a1Demo", "version": "2.0.0",
            "files": [{"sha256": file["sha256"], "name": "app.bin"}],
        });
        let package = self.post("/api/v1/packages", package).await;
        let campaign = self.post("/api/v1/campaigns", json!({"package_id": package["id"]})).await;
        assert_eq!((&campaign["tasks"], &campaign["skipped_count"]), (&json!(1), &json!(0)));
        let id = DeviceId { product: "a1Demo".parse().unwrap(), device: "pump-1".parse().unwrap() };
        let secret = device["device_secret"].as_str().unwrap().to_owned();
        (Credentials { id, secret }, campaign["id"].as_u64().unwrap())
    }

    /// Waits until the campaign's only task is in this state.
    async fn task_in(&self, campaign: u64, state: &str) -> Value {
        let path = format!("/api/v1/campaigns/{campaign}/tasks");
        let wait = async {
            loop {
                let tasks = self.call("GET", &path, b"").await;
                if tasks["tasks"][0]["state"] == state {
                    return tasks["tasks"][0].clone();
                }
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(PATIENCE, wait).await.unwrap_or_else(|_| panic!("the task is never {state}"))
    }
}

async fn http(to: SocketAddr, method: &str, path: &str, head: &str, body: &[u8]) -> (String, Vec<u8>) {
    let length = body.len();
    let mut request =
        format!("{method} {path} HTTP/1.1\r\nHost: {to}\r\n{head}Content-Length: {length}\r\nConnection: close\r\n\r\n")
            .into_bytes();
    request.extend_from_slice(body);
    let answer = tokio::task::spawn_blocking(move || {
        let mut stream = BlockingStream::connect(to).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.write_all(&request).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        answer
    })
    .await
    .unwrap();
    let split = answer.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
    let head = String::from_utf8(answer[..split].to_vec()).unwrap();
    (head.split_once(' ').unwrap().1.to_owned(), answer[split + 4..].to_vec())
}

/// A device on a real socket.
struct Device {
    half: &'static dyn DeviceHalf,
    credentials: Credentials,
    client: Client,
    socket: TcpStream,
    began: std::time::Instant,
}

impl Device {
    async fn connect(operator: &Operator, half: &'static dyn DeviceHalf, credentials: &Credentials) -> Self {
        let login = half.write_login(credentials, Transport::Plain);
        let socket = TcpStream::connect(operator.platform.mqtt).await.unwrap();
        let client = Client::new(ClientOptions::new(login));
        let mut device =
            Self { half, credentials: credentials.clone(), client, socket, began: std::time::Instant::now() };
        device.client.opened(device.now());
        device
    }

    fn now(&self) -> Instant {
        Instant(self.began.elapsed().as_millis() as u64)
    }

    async fn event(&mut self) -> ClientEvent {
        let next = async {
            loop {
                let event = self.client.poll_event();
                let mut out = Vec::new();
                if self.client.poll_transmit(&mut out) {
                    self.socket.write_all(&out).await.unwrap();
                }
                if let Some(event) = event {
                    return event;
                }
                let mut buffer = [0; 4096];
                match self.socket.read(&mut buffer).await {
                    Ok(0) | Err(_) => self.client.lost(),
                    Ok(read) => self.client.received(self.now(), &buffer[..read]),
                }
            }
        };
        tokio::time::timeout(PATIENCE, next).await.expect("an event")
    }

    /// The next message of the platform. The device never subscribes to anything.
    async fn message(&mut self) -> Message {
        loop {
            if let ClientEvent::Message(message) = self.event().await {
                return message;
            }
        }
    }

    /// The next thing the platform says.
    async fn hears(&mut self) -> Downlink {
        let message = self.message().await;
        self.half.read_message(&self.credentials.id, &message.topic, &message.payload).unwrap()
    }

    async fn notice(&mut self) -> Notice {
        match self.hears().await {
            Downlink::Notice(notice) => notice,
            other => panic!("heard {other:?}"),
        }
    }

    async fn report(&mut self, report: Report) {
        let message = self.half.write_report(&self.credentials.id, 1, &report).unwrap();
        self.client.publish(self.now(), message).unwrap();
        let mut out = Vec::new();
        self.client.poll_transmit(&mut out);
        self.socket.write_all(&out).await.unwrap();
    }

    async fn report_version(&mut self, version: &str) {
        self.report(Report::Version { module: Module::default(), version: version.parse().unwrap() }).await;
    }

    async fn report_percent(&mut self, percent: u8) {
        let step = Step::Percent(percent);
        self.report(Report::Progress {
            module: Module::default(),
            task: None,
            step,
            description: String::new(),
        })
        .await;
    }
}

/// Fetches a link from its beginning or from `offset` on.
async fn fetch(operator: &Operator, notice: &Notice, offset: u64) -> (String, Vec<u8>) {
    let Source::Http { url } = &notice.files[0].source else { panic!("{notice:?}") };
    let base = format!("http://{}", operator.platform.http);
    let range = format!("Range: bytes={offset}-\r\n");
    http(operator.platform.http, "GET", url.strip_prefix(&base).unwrap(), &range, b"").await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_device_that_never_subscribes_is_brought_to_the_new_version() {
    let folder = tempfile::tempdir().unwrap();
    let operator = Operator::start(folder.path()).await;
    let image: Vec<u8> = (0..300_000_u32).map(|n| (n * 7 % 251) as u8).collect();
    let (credentials, campaign) = operator.campaign(&aliyun::Device, &image).await;
    let queued = operator.task_in(campaign, "queued").await;
    assert!(queued["waiting_for"].as_str().unwrap().contains("never connected"), "{queued}");

    let mut device = Device::connect(&operator, &aliyun::Device, &credentials).await;
    let notice = device.notice().await;
    assert_eq!((notice.version.as_str(), notice.files[0].size), ("2.0.0", 300_000));
    operator.task_in(campaign, "notified").await;
    let (status, tail) = fetch(&operator, &notice, 200_000).await;
    assert!(status.starts_with("206"), "{status}");
    assert!(tail == image[200_000..], "other bytes than were uploaded");
    device.report_percent(66).await;
    operator.task_in(campaign, "in_progress").await;

    // The device restarts into the new image and says so.
    drop(device);
    let mut device = Device::connect(&operator, &aliyun::Device, &credentials).await;
    assert!(device.notice().await.same_offer(&notice), "told again on connect");
    device.report_version("2.0.0").await;
    let task = operator.task_in(campaign, "succeeded").await;
    assert_eq!((&task["progress"], &task["reason"]), (&json!(100), &Value::Null));
    let (status, body) = fetch(&operator, &notice, 0).await;
    assert!(status.starts_with('4') && body.is_empty(), "the link leads nowhere any more: {status}");
    device.report(Report::Query { module: Module::default(), running: None, wanted: None }).await;
    assert_eq!(device.hears().await, Downlink::NoTask);
    operator.platform.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_campaign_that_starts_tells_a_connected_device_at_once_and_a_cancel_closes_its_link() {
    let folder = tempfile::tempdir().unwrap();
    let operator = Operator::start(folder.path()).await;
    let (credentials, campaign) = operator.campaign(&aliyun::Device, b"123456789").await;
    let mut device = Device::connect(&operator, &aliyun::Device, &credentials).await;
    let notice = device.notice().await;
    operator.post(&format!("/api/v1/campaigns/{campaign}/cancel"), json!({})).await;
    let (status, body) = fetch(&operator, &notice, 0).await;
    assert!(status.starts_with('4') && body.is_empty(), "{status}");
    // The device is free for the next campaign, and hears of it without doing anything.
    let again = operator.post("/api/v1/campaigns", json!({"package_id": 1})).await;
    assert!(device.notice().await.same_offer(&notice));
    device.report_version("2.0.0").await;
    operator.task_in(again["id"].as_u64().unwrap(), "succeeded").await;
    operator.platform.stop().await;
}

/// Hears a push of the task, and says at once that it did.
async fn acknowledge(device: &mut Device) -> Notice {
    let Message { topic, payload, .. } = device.message().await;
    let id = device.credentials.id.clone();
    let push = device.half.push_to_answer(&id, &topic, &payload).unwrap();
    device.report(Report::NoticeTaken { push, code: 200 }).await;
    match device.half.read_message(&id, &topic, &payload) {
        Ok(Downlink::Notice(notice)) => notice,
        other => panic!("heard {other:?}"),
    }
}

/// The next message must be the receipt of a report on this leaf.
async fn receipt(device: &mut Device, leaf: &str) {
    let message = device.message().await;
    assert_eq!(message.topic, format!("/sys/a1Demo/pump-1/ota/firmware/{leaf}_reply"));
    assert_eq!(message.payload, br#"{"msgId":"1","version":"1.0","code":200}"#);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_device_of_jd_is_brought_to_the_new_version_and_every_report_is_answered() {
    let folder = tempfile::tempdir().unwrap();
    let operator = Operator::start(folder.path()).await;
    let image: Vec<u8> = (0..300_000_u32).map(|n| (n * 7 % 251) as u8).collect();
    let half: &dyn DeviceHalf = &jd::DEVICE;
    let (credentials, campaign) = operator.campaign(half, &image).await;

    let mut device = Device::connect(&operator, half, &credentials).await;
    let notice = acknowledge(&mut device).await;
    operator.task_in(campaign, "notified").await;
    device.report_version("1.0.0").await;
    assert!(acknowledge(&mut device).await.same_offer(&notice), "told again");
    receipt(&mut device, "version").await;
    device.report_percent(66).await;
    receipt(&mut device, "progress").await;
    operator.task_in(campaign, "in_progress").await;

    let ask = |wanted: &str| Report::Query {
        module: Module::default(),
        running: None,
        wanted: Some(wanted.parse().unwrap()),
    };
    device.report(ask("9.9.9")).await;
    assert_eq!(device.hears().await, Downlink::NoTask, "another version than the task's");
    device.report(ask("2.0.0")).await;
    let fresh = device.notice().await;
    assert!(fresh.same_offer(&notice));
    let (status, body) = fetch(&operator, &fresh, 0).await;
    assert!(status.starts_with('2') && body == image, "{status}");
    let mut md5 = Hasher::new(DigestMethod::Md5);
    md5.update(&body);
    assert_eq!(md5.finish(), fresh.files[0].digest);

    device.report_percent(100).await;
    receipt(&mut device, "progress").await;
    device.report_version("2.0.0").await;
    receipt(&mut device, "version").await;
    operator.task_in(campaign, "succeeded").await;
    operator.platform.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_jd_has_no_word_for_is_refused_when_the_operator_makes_it() {
    let folder = tempfile::tempdir().unwrap();
    let operator = Operator::start(folder.path()).await;
    operator.campaign(&jd::DEVICE, b"123456789").await;
    let file = operator.call("PUT", "/api/v1/files?name=app.bin", b"123456789").await;
    let file = json!({"sha256": file["sha256"], "name": "app.bin"});
    let head = format!("Authorization: Bearer {}\r\nContent-Type: application/json\r\n", operator.token);
    for (more, what) in [
        (json!({"files": [file, {"sha256": file["sha256"], "name": "b.bin"}]}), "several files"),
        (json!({"files": [file], "module": "mcu"}), "a module"),
        (json!({"files": [file], "extra": {"site": "osaka"}}), "extra data"),
        (json!({"files": [file], "over": "mqtt"}), "a file over MQTT"),
    ] {
        let mut package = json!({"product_key": "a1Demo", "version": "3.0.0"});
        package.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let body = package.to_string();
        let (status, answer) =
            http(operator.platform.http, "POST", "/api/v1/packages", &head, body.as_bytes()).await;
        let answer = String::from_utf8_lossy(&answer).into_owned();
        assert!(status.starts_with('4') && answer.contains(what), "{what}: {status} {answer}");
    }
    operator.platform.stop().await;
}
