//! A stock device's side of MQTT 3.1.1, packet by packet.

use std::net::SocketAddr;

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

use crate::{DEVICE, PATIENCE, PRODUCT};

/// HMAC-SHA256 under the tests' secret for `dev-one` (aliyun-link-sdk-v4 §1.3); both generations sign the same text.
const PASSWORD: &str = "97751F61EE6A1A0700642E4BA6CC36497CFA2CE0043DC55CDE9C316B554EE331";

const USER: &str = "dev-one&a1DemoPk001";

/// A device on its socket.
pub(crate) struct Device {
    socket: TcpStream,
    came: Vec<u8>,
    /// Pushes that came while it waited for something else: a campaign that has just begun may tell a device that
    /// connects at the same moment twice.
    pub(crate) passed_over: usize,
}

/// The CONNECT of SDK v3.2.0: clean session 0, keep-alive twice the configured 60 s (aliyun-iotkit-v3 §1.2).
pub(crate) fn connect_v3(keep_alive: u16) -> Vec<u8> {
    let client = format!(
        "{PRODUCT}.{DEVICE}|timestamp=2524608000000,_v=sdk-c-3.2.0,securemode=3,signmethod=hmacsha256,lan=C,gw=0,ext=0|"
    );
    connect([&client, USER, PASSWORD], 0xC0, keep_alive)
}

/// The CONNECT of SDK 4.2.0: flags 0xC2, keep-alive 1200 s (aliyun-link-sdk-v4 §1.2).
pub(crate) fn connect_v4() -> Vec<u8> {
    let client = format!(
        "{PRODUCT}.{DEVICE}|timestamp=2524608000000,_ss=1,_v=sdk-c-4.2.0,securemode=3,signmethod=hmacsha256,ext=3,_conn=tcp_0|"
    );
    connect([&client, USER, PASSWORD], 0xC2, 1200)
}

/// A CONNECT with this client id, user name and password.
pub(crate) fn connect(login: [&str; 3], flags: u8, keep_alive: u16) -> Vec<u8> {
    let mut body = b"\x00\x04MQTT\x04".to_vec();
    body.push(flags);
    body.extend(keep_alive.to_be_bytes());
    for text in login {
        push_text(&mut body, text);
    }
    packet(0x10, &body)
}

fn push_text(body: &mut Vec<u8>, text: &str) {
    body.extend(u16::try_from(text.len()).unwrap().to_be_bytes());
    body.extend(text.as_bytes());
}

fn packet(first: u8, body: &[u8]) -> Vec<u8> {
    let mut bytes = vec![first];
    let mut left = body.len();
    loop {
        let low = (left % 128) as u8;
        left /= 128;
        bytes.push(low | if left > 0 { 0x80 } else { 0 });
        if left == 0 {
            break;
        }
    }
    bytes.extend(body);
    bytes
}

impl Device {
    /// Logs in as SDK v3.2.0's example does.
    pub(crate) async fn log_in(to: SocketAddr) -> Self {
        Self::with(to, &connect_v3(120)).await
    }

    /// Logs in with these bytes; they must be accepted.
    pub(crate) async fn with(to: SocketAddr, connect: &[u8]) -> Self {
        let mut device =
            Self { socket: TcpStream::connect(to).await.unwrap(), came: Vec::new(), passed_over: 0 };
        device.send(connect).await;
        assert_eq!(device.packet().await, (0x20, vec![0, 0]), "the login is accepted");
        device
    }

    async fn send(&mut self, bytes: &[u8]) {
        self.socket.write_all(bytes).await.unwrap();
    }

    /// Publishes with QoS 0.
    pub(crate) async fn says(&mut self, topic: &str, payload: &str) {
        let mut body = Vec::new();
        push_text(&mut body, topic);
        body.extend(payload.as_bytes());
        self.send(&packet(0x30, &body)).await;
    }

    /// Reports progress as both generations do on their topic.
    pub(crate) async fn progress(&mut self, payload: &str) {
        self.says(&format!("/ota/device/progress/{PRODUCT}/{DEVICE}"), payload).await;
    }

    /// Publishes the version as v3 does; a push may come before the acknowledgement.
    pub(crate) async fn inform(&mut self, payload: &str) {
        self.tells(&format!("/ota/device/inform/{PRODUCT}/{DEVICE}"), payload).await;
    }

    /// Publishes with QoS 1 and waits for the acknowledgement.
    pub(crate) async fn tells(&mut self, topic: &str, payload: &str) {
        let mut body = Vec::new();
        push_text(&mut body, topic);
        body.extend([0, 7]);
        body.extend(payload.as_bytes());
        self.send(&packet(0x32, &body)).await;
        assert_eq!(self.answer().await, (0x40, vec![0, 7]), "acknowledged");
    }

    /// The next message: topic and payload. Anything else is not what a stock device waits for.
    pub(crate) async fn hears(&mut self) -> (String, String) {
        let (topic, payload) = self.hears_bytes().await;
        (topic, String::from_utf8(payload).unwrap())
    }

    /// As [`Device::hears`], of a payload that is no text.
    pub(crate) async fn hears_bytes(&mut self) -> (String, Vec<u8>) {
        let (first, body) = self.packet().await;
        assert_eq!(first & 0xf6, 0x30, "a PUBLISH of QoS 0: {first:#x}");
        let length = usize::from(u16::from_be_bytes([body[0], body[1]]));
        (String::from_utf8(body[2..2 + length].to_vec()).unwrap(), body[2 + length..].to_vec())
    }

    /// Subscribes with this QoS and waits for the acknowledgement.
    pub(crate) async fn subscribes(&mut self, filter: &str, qos: u8) {
        let mut body = vec![0, 9];
        push_text(&mut body, filter);
        body.push(qos);
        self.send(&packet(0x82, &body)).await;
        assert_eq!(self.answer().await, (0x90, vec![0, 9, qos]), "{filter} is granted");
    }

    /// The next push's payload.
    pub(crate) async fn push(&mut self) -> String {
        let (topic, payload) = self.hears().await;
        assert_eq!(topic, format!("/ota/device/upgrade/{PRODUCT}/{DEVICE}"));
        payload
    }

    /// Asks as SDK 4.2.0 does; gives the answer.
    pub(crate) async fn asks(&mut self, id: &str) -> String {
        self.says(
            &format!("/sys/{PRODUCT}/{DEVICE}/thing/ota/firmware/get"),
            &format!(r#"{{"id":{id}, "params":{{}}}}"#),
        )
        .await;
        loop {
            let (topic, payload) = self.hears().await;
            if topic == format!("/sys/{PRODUCT}/{DEVICE}/thing/ota/firmware/get_reply") {
                return payload;
            }
            self.passed_over += 1;
        }
    }

    /// Is the session up? Asks by a ping.
    pub(crate) async fn pings(&mut self) {
        self.send(&[0xC0, 0]).await;
        assert_eq!(self.answer().await, (0xD0, vec![]));
    }

    /// The next packet that is no push.
    async fn answer(&mut self) -> (u8, Vec<u8>) {
        loop {
            let (first, body) = self.packet().await;
            if first != 0x30 {
                return (first, body);
            }
            self.passed_over += 1;
        }
    }

    async fn packet(&mut self) -> (u8, Vec<u8>) {
        let wait = async {
            loop {
                if let Some((first, body, used)) = split(&self.came) {
                    self.came.drain(..used);
                    return (first, body);
                }
                assert_ne!(self.socket.read_buf(&mut self.came).await.unwrap(), 0, "the platform hung up");
            }
        };
        timeout(PATIENCE, wait).await.expect("a packet")
    }

    /// Waits until the platform closes.
    pub(crate) async fn until_closed(mut self) {
        while self.socket.read_buf(&mut self.came).await.is_ok_and(|read| read > 0) {}
    }
}

fn split(bytes: &[u8]) -> Option<(u8, Vec<u8>, usize)> {
    let (mut length, mut at) = (0, 1);
    loop {
        let byte = *bytes.get(at)?;
        length |= usize::from(byte & 0x7f) << (7 * (at - 1));
        at += 1;
        if byte & 0x80 == 0 {
            break;
        }
    }
    let body = bytes.get(at..at + length)?;
    Some((bytes[0], body.to_vec(), at + length))
}

/// A field of a push, found as the SDKs find it: the first `"key":`, then a text up to the next quote, or a number.
pub(crate) fn field<'a>(push: &'a str, key: &str) -> &'a str {
    let quoted = format!("\"{key}\":");
    let value = &push[push.find(&quoted).unwrap_or_else(|| panic!("{key} in {push}")) + quoted.len()..];
    match value.strip_prefix('"') {
        Some(text) => text.split('"').next().unwrap(),
        None => value.split([',', '}']).next().unwrap(),
    }
}
