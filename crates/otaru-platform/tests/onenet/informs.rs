//! The notice over MQTT, packet by packet (onenet §6.1).

use futures_util::future::join_all;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

use crate::{
    BY_DEVICE, KEY, METER, OTHER_KEY, PATIENCE, Platform, STUDIO, client::aio, paths::Paths, signed,
};

/// A device's MQTT 3.1.1.
struct Mqtt(TcpStream);

/// A packet whose length fits into one or two bytes.
fn packet(first: u8, body: &[u8]) -> Vec<u8> {
    let length = match body.len() {
        short @ 0..128 => vec![short as u8],
        long => vec![(long % 128) as u8 | 0x80, (long / 128) as u8],
    };
    [&[first][..], &length, body].concat()
}

fn text(text: &str) -> Vec<u8> {
    [&(text.len() as u16).to_be_bytes()[..], text.as_bytes()].concat()
}

impl Mqtt {
    /// Sends CONNECT; gives the code of the answer: 0 if it is accepted.
    async fn connect(platform: &Platform, login: [&str; 3]) -> (Self, u8) {
        let mut socket = TcpStream::connect(platform.running.mqtt).await.unwrap();
        let body = [&b"\0\x04MQTT\x04\xc2\0\x78"[..], &login.map(text).concat()].concat();
        socket.write_all(&packet(0x10, &body)).await.unwrap();
        let mut device = Self(socket);
        let (kind, body) = device.packet().await;
        assert_eq!((kind, body.len()), (0x20, 2), "CONNACK");
        (device, body[1])
    }

    async fn packet(&mut self) -> (u8, Vec<u8>) {
        let whole = async {
            let first = self.0.read_u8().await?;
            let mut length = usize::from(self.0.read_u8().await?);
            if length >= 128 {
                length = length - 128 + 128 * usize::from(self.0.read_u8().await?);
            }
            let mut body = vec![0; length];
            self.0.read_exact(&mut body).await?;
            Ok::<_, std::io::Error>((first, body))
        };
        timeout(PATIENCE, whole).await.expect("a packet").unwrap()
    }

    /// The next packet that is no message: one that tells of a Task may come at any time.
    async fn answer(&mut self) -> (u8, Vec<u8>) {
        loop {
            match self.packet().await {
                (0x30, _) => {}
                answer => return answer,
            }
        }
    }

    /// The next message: topic and payload.
    async fn hears(&mut self) -> (String, String) {
        let (kind, body) = self.packet().await;
        assert_eq!(kind, 0x30, "a PUBLISH of QoS 0");
        let length = usize::from(u16::from_be_bytes([body[0], body[1]]));
        let (topic, payload) = body[2..].split_at(length);
        (String::from_utf8(topic.to_vec()).unwrap(), String::from_utf8(payload.to_vec()).unwrap())
    }

    async fn says(&mut self, topic: &str, payload: &str) {
        let body = [text(topic), payload.as_bytes().to_vec()].concat();
        self.0.write_all(&packet(0x30, &body)).await.unwrap();
    }

    /// Subscribes; gives the code of the answer, 0x80 if it may not.
    async fn subscribes(&mut self, filter: &str) -> u8 {
        let body = [vec![0, 9], text(filter), vec![0]].concat();
        self.0.write_all(&packet(0x82, &body)).await.unwrap();
        let (kind, body) = self.answer().await;
        assert_eq!((kind, &body[..2]), (0x90, &[0, 9][..]), "SUBACK");
        body[2]
    }

    /// Everything said before is processed once this returns.
    async fn pings(&mut self) {
        self.0.write_all(&[0xc0, 0]).await.unwrap();
        assert_eq!(self.answer().await, (0xd0, Vec::new()));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connected_device_is_told_of_a_new_task_whether_or_not_it_subscribed_and_its_reply_is_taken() {
    let platform = Platform::start().await;
    let (mut device, code) = Mqtt::connect(&platform, [METER, STUDIO, BY_DEVICE]).await;
    assert_eq!(code, 0);
    device.pings().await;
    let campaign = platform.campaign(STUDIO, "2.0.0", b"123456789").await;
    let (topic, payload) = device.hears().await;
    assert_eq!(topic, "$sys/PrdTest001/meter-01/ota/inform");
    let id =
        payload.strip_prefix(r#"{"id":"ota-"#).unwrap().strip_suffix(r#"","version":"1.0","params":[]}"#);
    let id = id.expect(&payload);
    let reply = format!(r#"{{"id":"ota-{id}","code":200,"msg":"success","data":{{}}}}"#);
    device.says("$sys/PrdTest001/meter-01/ota/inform_reply", &reply).await;
    device.pings().await;
    platform.task_in(campaign, "notified").await;
    // It came without a subscription, comes once more when the device connects again, and may be subscribed to.
    drop(device);
    let (mut device, _) = Mqtt::connect(&platform, [METER, STUDIO, BY_DEVICE]).await;
    assert_eq!(device.hears().await.0, topic);
    assert_eq!(device.subscribes(&topic).await, 0);
    // The device comes and checks, by HTTP.
    let paths = platform.offered(Paths::tid("fuse-ota", STUDIO, METER), BY_DEVICE).await;
    platform.ask(&aio("POST", &paths.step, BY_DEVICE, &[], r#"{"step":201}"#)).await.reply();
    platform.task_in(campaign, "succeeded").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_holds_by_either_key_and_by_no_other_text() {
    let platform = Platform::start().await;
    let far = 2_524_579_200;
    let logins = [
        (true, [METER, STUDIO, &signed(STUDIO, METER, KEY, far)]),
        (true, [METER, STUDIO, &signed(STUDIO, METER, OTHER_KEY, far)]),
        (false, [METER, STUDIO, &signed(STUDIO, METER, "b3RoZXI=", far)]),
        (false, [METER, STUDIO, &signed(STUDIO, METER, KEY, 1_500_000_000)]),
        (false, [METER, STUDIO, &signed(STUDIO, "meter-02", KEY, far)]),
        (false, ["meter-02", STUDIO, &signed(STUDIO, "meter-02", KEY, far)]),
        (false, [METER, STUDIO, ""]),
        (false, [METER, STUDIO, "res=products%2FPrdTest001&sign="]),
    ];
    // At once: each refusal is answered late.
    let codes = join_all(logins.iter().map(|(_, login)| Mqtt::connect(&platform, *login))).await;
    for ((good, login), (_, code)) in logins.iter().zip(codes) {
        assert_eq!(code == 0, *good, "{login:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_hears_and_says_nothing_of_another() {
    let platform = Platform::start().await;
    platform.device(STUDIO, "meter-02", OTHER_KEY).await;
    let other = signed(STUDIO, "meter-02", OTHER_KEY, 2_524_579_200);
    let (mut stranger, code) = Mqtt::connect(&platform, ["meter-02", STUDIO, &other]).await;
    assert_eq!(code, 0);
    for filter in
        ["#", "$sys/#", "$sys/PrdTest001/#", "$sys/PrdTest001/meter-01/ota/inform", "$sys/+/+/ota/inform"]
    {
        assert_eq!(stranger.subscribes(filter).await, 0x80, "{filter}");
    }
    let (mut device, _) = Mqtt::connect(&platform, [METER, STUDIO, BY_DEVICE]).await;
    device.pings().await;
    // What a stranger says in its name, and where it may say nothing, reaches nobody.
    for topic in ["$sys/PrdTest001/meter-01/ota/inform_reply", "$sys/PrdTest001/meter-01/ota/inform"] {
        stranger.says(topic, r#"{"id":"ota-1","version":"1.0","params":[]}"#).await;
    }
    stranger.pings().await;
    platform.campaign(STUDIO, "2.0.0", b"123456789").await;
    let (_, payload) = device.hears().await;
    assert!(!payload.contains(r#""ota-1""#), "{payload}");
}
