//! How fast a file comes in blocks over MQTT, next to the same file by its link: a whole platform, one device, one block
//! in flight as SDKs have it.
//!
//! `cargo bench -p otaru-platform --bench blocks` prints one JSON object a way: MiB/s over loopback, the median of five,
//! and the processor time of both ends for each GB.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a measurement ends at the first fault

mod common;

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    time::Instant,
};

use common::call;
use otaru_platform::{Config, Running, start};
use otaru_wire::{
    BlockRequest, DeviceId, Notice, Report, Source,
    dialect::{Credentials, DeviceHalf as _, Downlink, Transport, aliyun},
    mqtt::{Client, ClientEvent, ClientOptions},
};
use serde_json::{Value, json};
use tempfile::TempDir;

/// The largest file that goes over MQTT.
const BYTES: usize = 16 << 20;

/// What the vendor's SDK asks for, and the most that a block may have (aliyun-link-sdk-v4 §3.1).
const BLOCKS: [u32; 2] = [5120, 65_536];

const NOW: otaru_wire::Instant = otaru_wire::Instant(0);

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let folder = TempDir::new().unwrap();
    let config = Config::local(folder.path());
    let platform = runtime.block_on(start(config)).unwrap();
    let file: Vec<u8> = (0..BYTES as u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let sha256 = call(&platform, "PUT", "/files", &file)["sha256"].clone();
    post(&platform, "/products", json!({"product_key": "a1Bench", "dialect": "aliyun"}));

    let (mut device, notice) = Device::told(&platform, "blocks", &sha256, "mqtt");
    for len in BLOCKS {
        measure(&format!("mqtt, blocks of {len}"), &file, || device.fetch(&notice, len));
    }
    let (_device, notice) = Device::told(&platform, "link", &sha256, "http");
    measure("http", &file, || get(&platform, &notice));
    runtime.block_on(platform.stop());
}

fn measure(way: &str, file: &[u8], mut fetch: impl FnMut() -> Vec<u8>) {
    assert!(fetch() == file, "{way}: other bytes than were sent");
    let before = cpu_seconds();
    let mut speeds: Vec<f64> = (0..5)
        .map(|_| {
            let begun = Instant::now();
            assert_eq!(fetch().len(), BYTES);
            (BYTES >> 20) as f64 / begun.elapsed().as_secs_f64()
        })
        .collect();
    let cpu = (cpu_seconds() - before) / (5.0 * BYTES as f64 / 1e9);
    speeds.sort_by(f64::total_cmp);
    println!(
        "{}",
        json!({"way": way, "mib_s": speeds[2].round(), "cpu_s_per_gb": (cpu * 10.0).round() / 10.0})
    );
}

/// User and system time of this process so far, in seconds (proc_pid_stat(5), fields 14 and 15, in ticks of 10 ms).
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields = stat.rsplit_once(") ").unwrap().1.split(' ').skip(11).take(2);
    fields.map(|field| field.parse::<f64>().unwrap()).sum::<f64>() / 100.0
}

/// A device on its socket.
struct Device {
    id: DeviceId,
    socket: TcpStream,
    session: Client,
}

impl Device {
    /// A device of its own with a task whose files come this way, and the notice that it was sent.
    fn told(platform: &Running, name: &str, sha256: &Value, over: &str) -> (Self, Notice) {
        let made = post(platform, "/products/a1Bench/devices", json!({"device_name": name}));
        let files = json!([{"name": "app.bin", "sha256": sha256}]);
        let package = json!({"product_key": "a1Bench", "version": "2.0.0", "files": files, "over": over});
        let package = post(platform, "/packages", package);
        post(platform, "/campaigns", json!({"package_id": package["id"], "devices": [name]}));
        let id = DeviceId { product: "a1Bench".parse().unwrap(), device: name.parse().unwrap() };
        let secret = made["device_secret"].as_str().unwrap().to_owned();
        let login = aliyun::Device.write_login(&Credentials { id: id.clone(), secret }, Transport::Plain);
        let socket = TcpStream::connect(platform.mqtt).unwrap();
        socket.set_nodelay(true).unwrap();
        let mut session = Client::new(ClientOptions::new(login));
        session.opened(NOW);
        let mut device = Self { id, socket, session };
        loop {
            if let Downlink::Notice(notice) = device.hears() {
                return (device, notice);
            }
        }
    }

    fn fetch(&mut self, notice: &Notice, len: u32) -> Vec<u8> {
        let Source::Mqtt { stream, file } = notice.files[0].source else { panic!("{notice:?}") };
        let mut bytes = Vec::with_capacity(BYTES);
        while bytes.len() < BYTES {
            let request = BlockRequest { stream, file, offset: bytes.len() as u64, len, token: None };
            let message = aliyun::Device.write_report(&self.id, 1, &Report::Block(request)).unwrap();
            self.session.publish(NOW, message).unwrap();
            while !matches!(self.hears(), Downlink::Block(block) if {
                bytes.extend_from_slice(&block.bytes);
                true
            }) {}
        }
        bytes
    }

    /// The next message, after all that waits was sent.
    fn hears(&mut self) -> Downlink {
        let mut buffer = vec![0; 128 * 1024];
        loop {
            let mut out = Vec::new();
            while self.session.poll_transmit(&mut out) {}
            self.socket.write_all(&out).unwrap();
            match self.session.poll_event() {
                Some(ClientEvent::Message(message)) => {
                    return aliyun::Device.read_message(&self.id, &message.topic, &message.payload).unwrap();
                }
                Some(ClientEvent::Closed(reason)) => panic!("{reason:?}"),
                Some(_) => {}
                None => {
                    let came = self.socket.read(&mut buffer).unwrap();
                    assert!(came > 0, "the platform hung up");
                    self.session.received(NOW, &buffer[..came]);
                }
            }
        }
    }
}

fn get(platform: &Running, notice: &Notice) -> Vec<u8> {
    let Source::Http { url } = &notice.files[0].source else { panic!("{notice:?}") };
    let target = url.split_once("://").unwrap().1.split_once('/').unwrap().1;
    let mut stream = TcpStream::connect(platform.http).unwrap();
    write!(stream, "GET /{target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = Vec::with_capacity(BYTES + 1024);
    stream.read_to_end(&mut answer).unwrap();
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
    answer.split_off(end + 4)
}

fn post(platform: &Running, path: &str, body: Value) -> Value {
    call(platform, "POST", path, body.to_string().as_bytes())
}
