//! Vendors' SDKs as they are, faults included: their bytes, typed by hand from the sheets, over real sockets to a
//! whole platform. `docs/stock-sdks.md` lists which test keeps which promise.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // helpers of tests too

mod blocks;
mod configs;
mod device;
mod downloads;
mod gateways;
mod page;
mod pushes;
mod ranges;
mod refusals;
mod registration;
mod requests;
mod sessions;
mod storms;

use std::time::Duration;

use otaru_platform::{Config, Running, start};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

use device::Device;

/// Longer than anything here takes; a test that waits this long has failed.
const PATIENCE: Duration = Duration::from_secs(20);

/// The one product and device of these tests.
const PRODUCT: &str = "a1DemoPk001";
const DEVICE: &str = "dev-one";
/// The device's secret (aliyun-link-sdk-v4 §1.3).
const SECRET: &str = "00112233445566778899aabbccddeeff";

/// A platform and the operator in front of it.
struct Platform {
    running: Running,
    token: String,
    _folder: TempDir,
}

impl Platform {
    /// With the product, and the device as its vendor's cloud knows it.
    async fn start() -> Self {
        Self::at(None).await
    }

    async fn at(public_url: Option<&str>) -> Self {
        let folder = TempDir::new().unwrap();
        let public_url = public_url.map(str::to_owned);
        let config = Config { public_url, ..Config::local(folder.path()) };
        let running = start(config).await.unwrap();
        let token = running.first_token.clone().unwrap();
        let platform = Self { running, token, _folder: folder };
        platform.made("/products", json!({"product_key": PRODUCT, "dialect": "aliyun"})).await;
        platform.device(DEVICE).await;
        platform
    }

    async fn device(&self, name: &str) {
        let device = json!({"device_name": name, "device_secret": SECRET});
        self.made(&format!("/products/{PRODUCT}/devices"), device).await;
    }

    async fn call(&self, method: &str, path: &str, body: &[u8]) -> (u16, Value) {
        let head = format!(
            "{method} /api/v1{path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\nContent-Type: \
             application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
            self.token,
            body.len()
        );
        let answer = self.ask(&[head.as_bytes(), body].concat()).await;
        (answer.code, serde_json::from_slice(&answer.body).unwrap_or(Value::Null))
    }

    async fn made(&self, path: &str, body: Value) -> Value {
        let (status, answer) = self.call("POST", path, body.to_string().as_bytes()).await;
        assert_eq!(status, 201, "{path}: {answer}");
        answer
    }

    /// A package of these files under one version, told by MD5 as every generation of the SDKs can read it.
    async fn package(&self, version: &str, files: &[&[u8]]) -> u64 {
        self.made("/packages", self.order(version, files).await).await["id"].as_u64().unwrap()
    }

    async fn order(&self, version: &str, files: &[&[u8]]) -> Value {
        let mut named = Vec::new();
        for (number, bytes) in files.iter().enumerate() {
            let (_, file) = self.call("PUT", "/files?name=app.bin", bytes).await;
            named.push(json!({"sha256": file["sha256"], "name": format!("app{number}.bin")}));
        }
        json!({"product_key": PRODUCT, "version": version, "digest_method": "md5", "files": named})
    }

    /// A campaign that brings a package of one file to every device in blocks.
    async fn campaign_over_mqtt(&self, version: &str, file: &[u8]) -> u64 {
        let mut order = self.order(version, &[file]).await;
        order["over"] = json!("mqtt");
        let package = self.made("/packages", order).await;
        self.made("/campaigns", json!({"package_id": package["id"]})).await["id"].as_u64().unwrap()
    }

    /// A campaign that brings a package of these files to every device.
    async fn campaign(&self, version: &str, files: &[&[u8]]) -> u64 {
        let package = self.package(version, files).await;
        self.made("/campaigns", json!({"package_id": package})).await["id"].as_u64().unwrap()
    }

    async fn task(&self, campaign: u64) -> Value {
        self.call("GET", &format!("/campaigns/{campaign}/tasks"), b"").await.1["tasks"][0].clone()
    }

    /// Waits until the campaign's only task is in this state.
    async fn task_in(&self, campaign: u64, state: &str) -> Value {
        let wait = async {
            loop {
                let task = self.task(campaign).await;
                if task["state"] == state {
                    return task;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        match timeout(PATIENCE, wait).await {
            Ok(task) => task,
            Err(_) => panic!("the task is never {state}: {}", self.task(campaign).await),
        }
    }

    async fn connected(&self) -> Device {
        Device::log_in(self.running.mqtt).await
    }

    /// Sends bytes as they are on a connection of their own and reads until the platform closes.
    async fn ask(&self, request: &[u8]) -> Answer {
        let mut stream = TcpStream::connect(self.running.http).await.unwrap();
        stream.write_all(request).await.unwrap();
        let mut answer = Vec::new();
        timeout(PATIENCE, stream.read_to_end(&mut answer)).await.expect("an answer").unwrap();
        Answer::of(&answer)
    }
}

/// What came back by HTTP, byte for byte.
#[derive(Debug)]
struct Answer {
    code: u16,
    head: String,
    body: Vec<u8>,
}

impl Answer {
    fn of(bytes: &[u8]) -> Self {
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n").expect("the header has an end");
        let head = String::from_utf8(bytes[..end + 2].to_vec()).unwrap();
        let code = head.split(' ').nth(1).unwrap().parse().unwrap();
        Self { code, head, body: bytes[end + 4..].to_vec() }
    }

    /// Reads one answer as the v3 SDK does: it searches for `Content-Length`, skips 16 characters and takes that
    /// many bytes (aliyun-iotkit-v3 §0). The connection may stay open.
    async fn read_as_v3(stream: &mut TcpStream) -> Self {
        let mut bytes = Vec::new();
        let wait = async {
            loop {
                if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
                    let head = std::str::from_utf8(&bytes[..end]).unwrap();
                    let at = head.find("Content-Length").expect("the letters the SDK looks for") + 16;
                    let length: usize = head[at..].split("\r\n").next().unwrap().parse().unwrap();
                    if bytes.len() >= end + 4 + length {
                        return;
                    }
                }
                assert_ne!(stream.read_buf(&mut bytes).await.unwrap(), 0, "closed early");
            }
        };
        timeout(PATIENCE, wait).await.expect("an answer");
        Self::of(&bytes)
    }

    /// The value of the header that is spelled exactly so.
    fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }
}

/// Path and query of a link.
fn target(link: &str) -> &str {
    let host = link.find("://").unwrap() + 3;
    &link[host + link[host..].find('/').unwrap()..]
}

/// Bytes that differ everywhere, so that an answer from a wrong offset shows.
fn image(size: usize, seed: u32) -> Vec<u8> {
    (0..size as u32).map(|n| (n.wrapping_mul(2_654_435_761).wrapping_add(seed) >> 13) as u8).collect()
}
