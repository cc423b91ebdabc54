//! Devices whose TLS no modern library offers: HAProxy, from Debian, as `docs/operate.md` sets it up.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod common;

use std::{
    fs,
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use common::Platform;
use otaru_wire::{
    DeviceId, Instant, Module, Report, Source,
    dialect::{Credentials, DeviceHalf, Downlink, Transport, aliyun},
    mqtt::{Client, ClientEvent, ClientOptions},
};

/// The suites of a v3 SDK's first and last choice (aliyun-iotkit-v3 §1.5), under OpenSSL's names.
const OLD_SUITES: [&str; 2] = ["AES256-SHA256", "AES128-SHA"];

/// A product's access key, and what its devices sign with it (onenet §3.2, the first row).
const ONENET_KEY: &str = "S2V5T2ZUaGVGYWN0U2hlZXRTZXJ2ZXJUZXN0MDAwMQ==";
const ONENET_PROOF: &str =
    "version=2018-10-31&res=products%2F123123&et=2524579200&method=sha1&sign=p1yL9UWHx4r8prHohWq1FFEXqtg%3D";

const NOW: Instant = Instant(0);

/// A process that ends with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A platform behind the terminator, with an open task to version 2.0.0 for each device.
struct Field {
    dir: tempfile::TempDir,
    platform: Platform,
    _haproxy: Running,
    port: u16,
    firmware: Vec<u8>,
    secrets: Vec<(DeviceId, String)>,
}

fn field(devices: &[&str]) -> Field {
    let dir = tempfile::tempdir().unwrap();
    certificates(dir.path());
    // Free now; nobody else takes it within a moment, and HAProxy fails loudly if so.
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let public = format!("https://localhost:{port}");
    let platform = Platform::start_with(&dir.path().join("data"), &["--public-url", &public]);
    let haproxy = start_haproxy(dir.path(), port, &platform);

    platform.answer(&["product", "create", "pump", "--dialect", "aliyun"]);
    let secrets = devices.iter().map(|name| {
        let made = platform.answer(&["device", "create", "pump", name]);
        let id = DeviceId { product: "pump".parse().unwrap(), device: name.parse().unwrap() };
        (id, made["device_secret"].as_str().unwrap().to_owned())
    });
    let secrets: Vec<_> = secrets.collect();
    let firmware: Vec<u8> = (0..200_000_u32).map(|at| (at.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let file = dir.path().join("firmware.bin");
    fs::write(&file, &firmware).unwrap();
    let file = file.to_str().unwrap();
    let package = platform.answer(&["package", "create", "--product", "pump", "--version", "2.0.0", file]);
    let id = package["id"].to_string();
    platform.answer(&["campaign", "create", "--package", &id, "--devices", &devices.join(",")]);
    Field { dir, platform, _haproxy: haproxy, port, firmware, secrets }
}

/// A root, and an RSA certificate of `localhost` with its key in one file, as the page asks for.
fn certificates(dir: &Path) {
    openssl(dir, &["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=root"], "ca");
    let leaf =
        ["req", "-x509", "-CA", "ca.crt", "-CAkey", "ca.key", "-newkey", "rsa:2048", "-nodes", "-days", "2"];
    let names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"];
    let no_ca = ["-addext", "basicConstraints=critical,CA:FALSE"];
    openssl(dir, &[&leaf[..], &names, &no_ca].concat(), "leaf");
    let pem = ["leaf.crt", "leaf.key"].map(|name| fs::read_to_string(dir.join(name)).unwrap()).concat();
    fs::write(dir.join("ota.pem"), pem).unwrap();
}

fn openssl(dir: &Path, args: &[&str], name: &str) {
    let (key, certificate) = (format!("{name}.key"), format!("{name}.crt"));
    let output = Command::new("openssl")
        .current_dir(dir)
        .args(args)
        .args(["-keyout", &key, "-out", &certificate])
        .output()
        .unwrap_or_else(|error| panic!("openssl: {error} (apt-get install openssl)"));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// The configuration as the page prints it; addresses and the certificate's path alone are this test's.
fn start_haproxy(dir: &Path, port: u16, platform: &Platform) -> Running {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/operate.md");
    let page = fs::read_to_string(page).unwrap();
    let mut config = page.split("```haproxy\n").nth(1).unwrap().split("```").next().unwrap().to_owned();
    for (printed, here) in [
        (" :443 ", format!(" 127.0.0.1:{port} ")),
        ("/etc/haproxy/ota.pem", dir.join("ota.pem").to_str().unwrap().to_owned()),
        ("127.0.0.1:1883", platform.mqtt.clone()),
        ("127.0.0.1:8080", platform.http.clone()),
    ] {
        assert_eq!(config.matches(printed).count(), 1, "the page prints {printed:?} once");
        config = config.replace(printed, &here);
    }
    let file = dir.join("haproxy.cfg");
    fs::write(&file, config).unwrap();
    let haproxy = Command::new(haproxy())
        .arg("-db")
        .arg("-f")
        .arg(&file)
        .spawn()
        .unwrap_or_else(|error| panic!("haproxy: {error} (apt-get install haproxy)"));
    let running = Running(haproxy);
    common::eventually("HAProxy listens", || TcpStream::connect(("127.0.0.1", port)).is_ok());
    running
}

/// Debian puts servers where a user's `PATH` does not look.
fn haproxy() -> PathBuf {
    let debian = PathBuf::from("/usr/sbin/haproxy");
    if debian.is_file() { debian } else { "haproxy".into() }
}

/// A connection of an old device: TLS 1.2 with that suite and no other, and a certificate that is checked.
struct OldTls(Running);

impl OldTls {
    fn connect(field: &Field, suite: &str) -> Self {
        let address = format!("127.0.0.1:{}", field.port);
        let openssl = Command::new("openssl")
            .current_dir(field.dir.path())
            .args(["s_client", "-quiet", "-tls1_2", "-cipher", suite, "-connect", &address])
            .args(["-servername", "localhost", "-CAfile", "ca.crt", "-verify_return_error"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Self(Running(openssl))
    }

    fn send(&mut self, bytes: &[u8]) {
        let stdin = self.0.0.stdin.as_mut().unwrap();
        stdin.write_all(bytes).and_then(|()| stdin.flush()).unwrap();
    }

    /// What came, at least a byte.
    fn receive(&mut self) -> Vec<u8> {
        let mut buffer = vec![0; 4096];
        let len = self.0.0.stdout.as_mut().unwrap().read(&mut buffer).unwrap();
        assert!(len > 0, "the connection ended");
        buffer.truncate(len);
        buffer
    }
}

/// Logs in and reports the old version as device `index`; gives the link of the push that follows.
fn link_of_push(field: &Field, index: usize, suite: &str) -> String {
    let (id, secret) = &field.secrets[index];
    let credentials = Credentials { id: id.clone(), secret: secret.clone() };
    let mut tls = OldTls::connect(field, suite);
    let mut session =
        Client::new(ClientOptions::new(aliyun::Device.write_login(&credentials, Transport::Tls)));
    session.opened(NOW);
    loop {
        let mut out = Vec::new();
        while session.poll_transmit(&mut out) {}
        tls.send(&out);
        match session.poll_event() {
            Some(ClientEvent::Connected) => {
                let report = Report::Version { module: Module::default(), version: "1.0.0".parse().unwrap() };
                session.publish(NOW, aliyun::Device.write_report(id, 1, &report).unwrap()).unwrap();
            }
            Some(ClientEvent::Message(message)) => {
                let heard = aliyun::Device.read_message(id, &message.topic, &message.payload);
                let Ok(Downlink::Notice(notice)) = heard else { panic!("no notice: {heard:?}") };
                let Source::Http { url } = &notice.files[0].source else { panic!("no link") };
                return url.clone();
            }
            Some(ClientEvent::Closed(reason)) => panic!("{suite}: {reason:?}"),
            Some(_) => {}
            None => session.received(NOW, &tls.receive()),
        }
    }
}

/// Downloads as a v3 device asks for it.
fn download(field: &Field, link: &str, suite: &str) -> Vec<u8> {
    let target = link.strip_prefix(&format!("https://localhost:{}", field.port)).unwrap();
    let mut tls = OldTls::connect(field, suite);
    tls.send(format!("GET {target} HTTP/1.1\r\nHost: localhost\r\nRange: bytes=0-\r\n\r\n").as_bytes());
    let mut answer = Vec::new();
    let head = loop {
        answer.extend(tls.receive());
        if let Some(end) = answer.windows(4).position(|four| four == b"\r\n\r\n") {
            break String::from_utf8(answer.drain(..end + 4).collect()).unwrap();
        }
    };
    assert!(head.starts_with("HTTP/1.1 206 "), "{head}");
    let length = head.split("Content-Length: ").nth(1).unwrap().split('\r').next().unwrap();
    let length: usize = length.parse().unwrap();
    while answer.len() < length {
        answer.extend(tls.receive());
    }
    answer
}

#[test]
#[ignore = "needs haproxy and openssl"]
fn a_device_with_static_rsa_and_cbc_logs_in_and_downloads_through_the_terminator_of_the_page() {
    let field = field(&["p1", "p2"]);
    for (index, suite) in OLD_SUITES.into_iter().enumerate() {
        let link = link_of_push(&field, index, suite);
        assert!(download(&field, &link, suite) == field.firmware, "{suite}");
    }
}

/// Source: onenet §9 item 10, the numbers 0x003D, 0x003C, 0x0035 and 0x002F; §2.4, the request.
#[test]
#[ignore = "needs haproxy and openssl"]
fn a_onenet_client_is_answered_through_the_terminator_with_each_of_its_four_suites() {
    let field = field(&["p1"]);
    field.platform.answer(&["product", "create", "123123", "--dialect", "onenet", "--secret", ONENET_KEY]);
    field.platform.answer(&["device", "create", "123123", "700100200"]);
    for suite in ["AES256-SHA256", "AES128-SHA256", "AES256-SHA", "AES128-SHA"] {
        let mut tls = OldTls::connect(&field, suite);
        let body = r#"{"f_version":"1.0.0","s_version":"1.0.0"}"#;
        let request = format!(
            "POST /ota/device/version?dev_id=700100200 HTTP/1.1\r\nHost:ota.heclouds.com\r\n\
             Content-Type:application/json\r\nAuthorization:{ONENET_PROOF}\r\nContent-Length:{:7}\r\n\r\n{body}",
            body.len()
        );
        tls.send(request.as_bytes());
        let mut answer = Vec::new();
        while !answer.ends_with(br#"{"errno":0,"error":"succ"}"#) {
            answer.extend(tls.receive());
        }
        let answer = String::from_utf8(answer).unwrap();
        assert!(
            answer.starts_with(
                "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 26\r\nDate: "
            ),
            "{answer}"
        );
    }
}

#[test]
#[ignore = "needs haproxy and openssl"]
fn a_modern_device_updates_through_the_same_port() {
    let field = field(&["p1"]);
    let (port, (_, secret)) = (field.port, &field.secrets[0]);
    let config = format!(
        "[device]\nproduct_key = \"pump\"\ndevice_name = \"p1\"\ndevice_secret = \"{secret}\"\nversion = \"1.0.0\"\n\n\
         [broker]\naddress = \"localhost:{port}\"\ntls = true\nca = \"ca.crt\"\n\n\
         [download]\nca = \"ca.crt\"\n\n[storage]\ndir = \"device\"\n"
    );
    let file = field.dir.path().join("agent.toml");
    fs::write(&file, config).unwrap();
    let agent = common::otaru()
        .args(["agent", "--json", "--config"])
        .arg(&file)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut agent = Running(agent);
    let mut said = String::new();
    let mut lines = std::io::BufReader::new(agent.0.stdout.take().unwrap());
    while !said.contains("\"event\":\"updated\"") {
        let read = std::io::BufRead::read_line(&mut lines, &mut said).unwrap();
        assert!(read > 0 && !said.contains("\"event\":\"failed\""), "{said}");
    }
}
