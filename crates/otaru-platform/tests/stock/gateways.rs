//! A gateway and two devices behind it, over one connection (aliyun-link-sdk-v4 §2.1 "Sub-devices behind a gateway"; the
//! bodies of add and log in are the vendor's documentation's, "Manage topological relationships" and "Connect sub-devices").

use serde_json::{Value, json};
use tokio::time::timeout;

use crate::{
    DEVICE, PATIENCE, PRODUCT, Platform,
    device::{Device, connect_v4, field},
    image, target,
};

const SUB_PRODUCT: &str = "a1SubPk0002";

/// Name, secret, HMAC-SHA1 for the add (client id `a1SubPk0002&{name}`, timestamp 1524448722000), HMAC-SHA256 for the login
/// (client id `a1SubPk0002.{name}`, timestamp 2524608000000).
const SUBS: [[&str; 4]; 2] = [
    [
        "sub-1",
        "11112222333344445555666677778888",
        "6F180C1627B0B86921AF453150222D0F85EC2BC5",
        "DAE98046A0A4F7F5FFEB6A63646DABDB464298E6CD3A66C41288290E64AC03F7",
    ],
    [
        "sub-2",
        "9999aaaabbbbccccddddeeeeffff0000",
        "0C568DF4D45A0DD1844D88856B65B6DAD3746F57",
        "9509A62ADBB615218985C04BF363677BC1FA18423F7999B460BE909225FDE9FE",
    ],
];

/// A platform with the gateway's product and device, and those behind it.
async fn platform() -> Platform {
    let platform = Platform::start().await;
    platform.made("/products", json!({"product_key": SUB_PRODUCT, "dialect": "aliyun"})).await;
    for [name, secret, ..] in SUBS {
        let device = json!({"device_name": name, "device_secret": secret});
        platform.made(&format!("/products/{SUB_PRODUCT}/devices"), device).await;
    }
    platform
}

async fn campaign(platform: &Platform, version: &str, file: &[u8], over: &str) -> u64 {
    let (_, file) = platform.call("PUT", "/files?name=app.bin", file).await;
    let order = json!({"product_key": SUB_PRODUCT, "version": version, "digest_method": "md5", "over": over,
        "files": [{"sha256": file["sha256"], "name": "app.bin"}]});
    let package = platform.made("/packages", order).await["id"].clone();
    platform.made("/campaigns", json!({"package_id": package})).await["id"].as_u64().unwrap()
}

fn gateway_topic(what: &str) -> String {
    match what {
        "add" | "add_reply" | "delete" | "delete_reply" => {
            format!("/sys/{PRODUCT}/{DEVICE}/thing/topo/{what}")
        }
        _ => format!("/ext/session/{PRODUCT}/{DEVICE}/combine/{what}"),
    }
}

fn add([name, _, sign, _]: [&str; 4]) -> String {
    format!(
        r#"{{"id":"123","version":"1.0","params":[{{"deviceName":"{name}","productKey":"{SUB_PRODUCT}","sign":"{sign}","signmethod":"hmacSha1","timestamp":"1524448722000","clientId":"{SUB_PRODUCT}&{name}"}}],"method":"thing.topo.add"}}"#
    )
}

fn login([name, _, _, sign]: [&str; 4]) -> String {
    format!(
        r#"{{"id":"124","params":{{"productKey":"{SUB_PRODUCT}","deviceName":"{name}","clientId":"{SUB_PRODUCT}.{name}","timestamp":"2524608000000","signMethod":"hmacSha256","sign":"{sign}","cleanSession":"true"}}}}"#
    )
}

/// Says it and gives the code of the answer, which comes without a subscription.
async fn says(gateway: &mut Device, what: &str, payload: &str) -> u16 {
    gateway.says(&gateway_topic(what), payload).await;
    loop {
        let (topic, answer) = gateway.hears().await;
        // A campaign that begins as a device logs in may tell it twice.
        if !topic.starts_with("/ota/device/upgrade/") {
            assert_eq!(topic, gateway_topic(&format!("{what}_reply")));
            return field(&answer, "code").parse().unwrap();
        }
    }
}

async fn pushed(gateway: &mut Device, name: &str) -> String {
    let (topic, push) = gateway.hears().await;
    assert_eq!(topic, format!("/ota/device/upgrade/{SUB_PRODUCT}/{name}"));
    push
}

async fn listed(platform: &Platform, at: usize) -> Value {
    platform.call("GET", &format!("/products/{SUB_PRODUCT}/devices"), b"").await.1["devices"][at].clone()
}

/// Waits until what an operator is shown is this.
async fn shown<T: PartialEq<Value>>(look: impl AsyncFn() -> Value, wanted: T) {
    let wait = async {
        while wanted != look().await {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    };
    timeout(PATIENCE, wait).await.expect("it is shown in time");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_devices_behind_a_gateway_are_added_log_in_report_and_are_upgraded() {
    let platform = platform().await;
    let mut gateway = Device::with(platform.running.mqtt, &connect_v4()).await;
    assert_eq!(says(&mut gateway, "login", &login(SUBS[0])).await, 6401, "not before it was added");
    for sub in SUBS {
        assert_eq!(says(&mut gateway, "add", &add(sub)).await, 200);
        assert_eq!(says(&mut gateway, "login", &login(sub)).await, 200);
    }
    let device = listed(&platform, 0).await;
    assert_eq!(device["gateway"], json!({"product_key": PRODUCT, "device_name": DEVICE}));
    assert_eq!(device["online"], true);
    for (at, [name, ..]) in SUBS.into_iter().enumerate() {
        let inform = format!("/ota/device/inform/{SUB_PRODUCT}/{name}");
        gateway.says(&inform, r#"{"id":2, "params":{"version":"0.9"}}"#).await;
        shown(async || listed(&platform, at).await["versions"]["default"].clone(), "0.9").await;
    }

    let file = image(5000, 3);
    let campaign = campaign(&platform, "1.0.0", &file, "http").await;
    let mut pushes = [gateway.hears().await, gateway.hears().await];
    pushes.sort();
    for ((topic, push), [name, ..]) in pushes.into_iter().zip(SUBS) {
        assert_eq!(topic, format!("/ota/device/upgrade/{SUB_PRODUCT}/{name}"));
        let link = target(field(&push, "url")).to_owned();
        let get = format!("GET {link} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        assert_eq!(platform.ask(get.as_bytes()).await.body, file);
        let progress = format!("/ota/device/progress/{SUB_PRODUCT}/{name}");
        gateway.says(&progress, r#"{"id":4, "params":{"step":"100","desc":""}}"#).await;
        let inform = format!("/ota/device/inform/{SUB_PRODUCT}/{name}");
        gateway.says(&inform, r#"{"id":5, "params":{"version":"1.0.0"}}"#).await;
    }
    let counts =
        async || platform.call("GET", &format!("/campaigns/{campaign}"), b"").await.1["counts"].clone();
    shown(counts, json!({"succeeded": 2})).await;
    // The gateway's own firmware is its own.
    let (_, own) = platform.call("GET", &format!("/products/{PRODUCT}/devices"), b"").await;
    assert_eq!((&own["devices"][0]["versions"], &own["devices"][0]["gateway"]), (&json!({}), &Value::Null));
}

#[tokio::test(flavor = "multi_thread")]
async fn blocks_for_a_device_behind_a_gateway_come_on_the_gateways_own_topics() {
    let platform = platform().await;
    let mut gateway = Device::with(platform.running.mqtt, &connect_v4()).await;
    campaign(&platform, "1.0.0", b"123456789", "mqtt").await;
    says(&mut gateway, "add", &add(SUBS[0])).await;
    says(&mut gateway, "login", &login(SUBS[0])).await;
    let stream = field(&pushed(&mut gateway, "sub-1").await, "streamId").to_owned();
    let request = |id: u8, stream: &str| {
        format!(
            r#"{{"id":"{id}","params":{{"fileInfo":{{"streamId":{stream},"fileId":1}},"fileBlock":{{"size":256,"offset":0}}}}}}"#
        )
    };
    let download = |of: &str| format!("/sys/{of}/thing/file/download");
    let own = download(&format!("{PRODUCT}/{DEVICE}"));
    gateway.says(&own, &request(1, &stream)).await;
    let (topic, frame) = gateway.hears_bytes().await;
    assert_eq!(topic, format!("{own}_reply"));
    assert!(frame.ends_with(b"123456789\x3D\xBB"), "the bytes and their checksum");

    // The other device's task is not this gateway's to fetch, and the device's own pair is no topic of the gateway's.
    let other: u64 = stream.parse::<u64>().unwrap() ^ 3;
    gateway.says(&download(&format!("{SUB_PRODUCT}/sub-1")), &request(2, &stream)).await;
    gateway.says(&own, &request(3, &other.to_string())).await;
    let (_, frame) = gateway.hears_bytes().await;
    let text = String::from_utf8_lossy(&frame);
    assert!(text.contains(r#""id":"3","code":400"#), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn when_the_gateway_goes_the_devices_behind_it_are_offline_and_told_again_when_they_log_in() {
    let platform = platform().await;
    let mut gateway = Device::with(platform.running.mqtt, &connect_v4()).await;
    says(&mut gateway, "add", &add(SUBS[0])).await;
    says(&mut gateway, "login", &login(SUBS[0])).await;
    drop(gateway);
    shown(async || listed(&platform, 0).await["online"].clone(), false).await;
    campaign(&platform, "1.0.0", b"123456789", "http").await;
    let mut gateway = Device::with(platform.running.mqtt, &connect_v4()).await;
    gateway.pings().await;
    assert_eq!(says(&mut gateway, "login", &login(SUBS[0])).await, 200, "it is still added");
    assert_eq!(field(&pushed(&mut gateway, "sub-1").await, "version"), "1.0.0");
    let logout = format!(r#"{{"id":"125","params":{{"productKey":"{SUB_PRODUCT}","deviceName":"sub-1"}}}}"#);
    assert_eq!(says(&mut gateway, "logout", &logout).await, 200);
    assert_eq!(listed(&platform, 0).await["online"], false);
    gateway.pings().await;
}
