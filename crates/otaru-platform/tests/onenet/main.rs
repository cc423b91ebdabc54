//! OneNET's clients as they are: their bytes, typed by hand from the sheet, over real sockets to a whole platform, and what
//! they can take read as they read it. `docs/dialects/onenet.md` lists which test keeps which promise.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // helpers of tests too

mod client;
mod downloads;
mod informs;
mod log;
mod page;
mod paths;
mod refusals;
mod requests;
mod strict;
mod walks;

use std::{fs, path::Path, time::Duration};

use otaru_platform::{Config, Running, start};
use otaru_wire::{
    DeviceId,
    dialect::onenet::{AccessKey, Claim, Edition, Method, Resource},
};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{io::AsyncWriteExt as _, net::TcpStream, time::timeout};

use client::{Answer, Client, aio};
use paths::{Paths, field};

/// Longer than anything here takes; a test that waits this long has failed.
const PATIENCE: Duration = Duration::from_secs(20);

/// The access key of the sheet's vectors (§3.2), of the product of the first generation and of the device of the others.
const KEY: &str = "S2V5T2ZUaGVGYWN0U2hlZXRTZXJ2ZXJUZXN0MDAwMQ==";
/// Another one.
const OTHER_KEY: &str = "dGVzdC1rZXk=";

/// First generation: the product, and a device by its `dev_id`.
const PRODUCT: &str = "123123";
const DEV_ID: &str = "700100200";
/// What its clients send as `Authorization` (§3.2, the first row).
const BY_PRODUCT: &str =
    "version=2018-10-31&res=products%2F123123&et=2524579200&method=sha1&sign=p1yL9UWHx4r8prHohWq1FFEXqtg%3D";

/// The other generations: product and device.
const STUDIO: &str = "PrdTest001";
const METER: &str = "meter-01";
/// What its clients send as `Authorization` and over MQTT (§3.2, the fourth row).
const BY_DEVICE: &str = "version=2018-10-31&res=products%2FPrdTest001%2Fdevices%2Fmeter-01&et=2524579200&method=sha1&sign=ipcGQljDTzJMFwiYu19iITD7OMM%3D";
/// The same in the form of 2022, with characters that a form would change (§3.2, the sixth row).
const BY_DEVICE_2022: &str = "version=2022-05-01&res=products/PrdTest001/devices/meter-01&et=2524579200&method=sha1&sign=oUA1s5AQPmCTi7lPG6/f+P7/bro=";

/// The signed text of a device, in the form of 2018.
fn signed(product: &str, device: &str, key: &str, expires_s: u64) -> String {
    let resource =
        Resource::Device(DeviceId { product: product.parse().unwrap(), device: device.parse().unwrap() });
    let claim = Claim { edition: Edition::E2018, resource, expires_s, method: Method::Sha256 };
    claim.sign(&AccessKey::from_base64(key).unwrap())
}

/// Bytes that differ everywhere, so that an answer from a wrong offset shows.
fn image(size: usize, seed: u32) -> Vec<u8> {
    (0..size as u32).map(|n| (n.wrapping_mul(2_654_435_761).wrapping_add(seed) >> 13) as u8).collect()
}

/// A platform and the operator in front of it.
struct Platform {
    running: Running,
    token: String,
    folder: TempDir,
}

impl Platform {
    /// With both products and a device of each.
    async fn start() -> Self {
        let folder = TempDir::new().unwrap();
        let config = Config::local(folder.path());
        Self::of(config, folder).await
    }

    async fn of(config: Config, folder: TempDir) -> Self {
        let running = start(config).await.unwrap();
        let token = running.first_token.clone().unwrap();
        let platform = Self { running, token, folder };
        for (product, product_key, device, device_key) in
            [(PRODUCT, KEY, DEV_ID, OTHER_KEY), (STUDIO, OTHER_KEY, METER, KEY)]
        {
            let product_order =
                json!({"product_key": product, "dialect": "onenet", "product_secret": product_key});
            platform.made("/products", product_order).await;
            platform.device(product, device, device_key).await;
        }
        platform
    }

    /// Stops it and starts it anew, once its only file has been changed.
    async fn restarted_after(self, change: impl FnOnce(&Path)) -> Self {
        let Self { running, token, folder } = self;
        running.stop().await;
        change(&fs::read_dir(folder.path().join("files")).unwrap().next().unwrap().unwrap().path());
        Self { running: start(Config::local(folder.path())).await.unwrap(), token, folder }
    }

    async fn device(&self, product: &str, name: &str, key: &str) {
        let device = json!({"device_name": name, "device_secret": key});
        self.made(&format!("/products/{product}/devices"), device).await;
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

    /// A campaign that brings this file to every device of a product.
    async fn campaign(&self, product: &str, version: &str, file: &[u8]) -> u64 {
        let (_, file) = self.call("PUT", "/files?name=app.bin", file).await;
        let order = json!({"product_key": product, "version": version, "digest_method": "md5",
            "files": [{"sha256": file["sha256"], "name": "app.bin"}]});
        let package = self.made("/packages", order).await;
        self.made("/campaigns", json!({"package_id": package["id"]})).await["id"].as_u64().unwrap()
    }

    /// The campaign's tasks.
    async fn tasks(&self, campaign: u64) -> Value {
        self.call("GET", &format!("/campaigns/{campaign}/tasks"), b"").await.1["tasks"].clone()
    }

    /// The campaign's first task.
    async fn task(&self, campaign: u64) -> Value {
        self.tasks(campaign).await[0].clone()
    }

    /// Waits until the campaign's first task is in this state.
    async fn task_in(&self, campaign: u64, state: &str) {
        let wait = async {
            while self.task(campaign).await["state"] != state {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let found = timeout(PATIENCE, wait).await;
        assert!(found.is_ok(), "the task is never {state}: {}", self.task(campaign).await);
    }

    /// The targets of the Task that a device is told of when it asks.
    async fn offered(&self, paths: Paths, authorization: &str) -> Paths {
        let answer = self.ask(&aio("GET", &paths.check, authorization, &[], "")).await;
        let task = field(answer.reply(), paths.name).to_owned();
        paths.of_task(&task)
    }

    /// What a device has reported, as an operator sees it.
    async fn versions(&self, product: &str, device: &str) -> Value {
        let (_, listed) = self.call("GET", &format!("/products/{product}/devices"), b"").await;
        let devices = listed["devices"].as_array().unwrap();
        devices.iter().find(|known| known["device_name"] == device).unwrap()["versions"].clone()
    }

    /// Sends bytes as they are on a connection of their own and reads one answer.
    async fn ask(&self, request: &[u8]) -> Answer {
        self.client().await.ask(request).await
    }

    async fn client(&self) -> Client {
        Client::new(TcpStream::connect(self.running.http).await.unwrap())
    }

    /// Sends bytes and gives the connection, for a client that does something else than read its answer.
    async fn sent(&self, request: &[u8]) -> TcpStream {
        let mut stream = TcpStream::connect(self.running.http).await.unwrap();
        stream.write_all(request).await.unwrap();
        stream
    }
}
