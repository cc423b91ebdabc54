//! Dynamic registration as stock SDKs do it, and what is refused (aliyun-iotkit-v3 §1.6, aliyun-link-sdk-v4 §1.6).

use serde_json::{Value, json};
use tokio::{io::AsyncWriteExt as _, net::TcpStream};

use crate::{
    Answer, Platform,
    device::{Device, connect, field},
};

/// The products, and the secrets of the worked examples.
const V3: (&str, &str) = ("a1TestPk001", "PsTest0123456789");
const V4: (&str, &str) = ("a1RegPk001", "ProdSecretDemo16");

/// The form of SDK v3, its random constant and its sign from the sheet.
const V3_FORM: &str = "productKey=a1TestPk001&deviceName=dev-0001&random=8Ygb7ULYh53B6OA\
     &sign=EED0CAB9D0830E284CCDC1BB753A10DC15A072E1099B024F32CD1B4E7B6F36AE&signMethod=hmacsha256";

/// The CONNECT of SDK v3's registration over MQTT, from the sheet.
const V3_LOGIN: [&str; 3] = [
    "a1TestPk001.dev-0001|authType=register,random=1A2B3C4D,signmethod=hmacsha256,securemode=2|",
    "dev-0001&a1TestPk001",
    "57EBF209A14F8D765B10B089BF4F0CF4ECF59A0A856232BBC031C0A5DA2CAAC3",
];

async fn platform(product: (&str, &str), rule: Value) -> Platform {
    let platform = Platform::start().await;
    let (key, secret) = product;
    let order =
        json!({"product_key": key, "dialect": "aliyun", "product_secret": secret, "registration": rule});
    platform.made("/products", order).await;
    platform
}

/// A platform whose device has the secret that the sheet's login is signed with.
async fn with_device(rule: Value) -> Platform {
    let platform = platform(V3, rule).await;
    let device = json!({"device_name": "dev-0001", "device_secret": "0123456789abcdef0123456789abcdef"});
    platform.made("/products/a1TestPk001/devices", device).await;
    platform
}

/// Header lines in SDK v3's order.
fn v3_request(form: &str) -> String {
    format!(
        "POST /auth/register/device HTTP/1.1\r\nHost: iot-auth.ota.example\r\nAccept: \
         text/xml,text/javascript,text/html,application/json\r\nContent-Type: \
         application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{form}",
        form.len()
    )
}

async fn posts(platform: &Platform, form: &str) -> Answer {
    let mut stream = TcpStream::connect(platform.running.http).await.unwrap();
    stream.write_all(v3_request(form).as_bytes()).await.unwrap();
    Answer::read_as_v3(&mut stream).await
}

/// A stock SDK's login with the secret `0123456789abcdef0123456789abcdef`, from the sheet §1.2.
async fn logs_in(platform: &Platform) -> Device {
    let client = "a1TestPk001.dev-0001|timestamp=2524608000000,_v=sdk-c-3.2.0,securemode=3,\
                  signmethod=hmacsha256,lan=C,gw=0,ext=0|";
    let password = "B5DE63BD347F9BF3B5F0322DE0EBF94295CB4C49A2D6EF50795BD34C05B3E730";
    let login = connect([client, "dev-0001&a1TestPk001", password], 0xC0, 120);
    Device::with(platform.running.mqtt, &login).await
}

#[tokio::test(flavor = "multi_thread")]
async fn sdk_v3_registers_over_http_at_every_boot_and_logs_in() {
    let platform = with_device(json!({"devices": "listed", "again": true})).await;
    for _boot in 0..2 {
        let answer = posts(&platform, V3_FORM).await;
        assert_eq!(answer.code, 200);
        let body = String::from_utf8(answer.body).unwrap();
        assert_eq!(
            body,
            r#"{"code":200,"data":{"productKey":"a1TestPk001","deviceName":"dev-0001","deviceSecret":"0123456789abcdef0123456789abcdef"},"message":"success"}"#
        );
        assert!(body.len() <= 192, "v4 reads 192 bytes, v3 255");
        logs_in(&platform).await.pings().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sdk_v4_registers_over_http_with_random_and_sign_of_its_own() {
    let platform = platform(V4, json!({"devices": "listed"})).await;
    let device = platform.made("/products/a1RegPk001/devices", json!({"device_name": "dev-one"})).await;
    // HMAC-SHA256 with the product's secret over `deviceNamedev-oneproductKeya1RegPk001random123456789`.
    let form = "productKey=a1RegPk001&deviceName=dev-one&random=123456789\
                &sign=E68E2F45C407445A1622602362E26FA49EFBE8C4B7734A99E039E6A515E0EFCF&signMethod=hmacsha256";
    let answer = posts(&platform, form).await;
    assert_eq!(answer.code, 200, "{}", String::from_utf8_lossy(&answer.body));
    let body = String::from_utf8(answer.body).unwrap();
    assert_eq!(field(&body, "deviceSecret"), device["device_secret"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn sdk_v3_registers_over_mqtt_and_hears_at_once_without_a_subscription() {
    let platform = with_device(json!({"devices": "listed"})).await;
    let mut device = Device::with(platform.running.mqtt, &connect(V3_LOGIN, 0xC2, 60)).await;
    let (topic, payload) = device.hears().await;
    assert_eq!(topic, "/ext/register");
    assert_eq!(payload, r#"{"deviceSecret":"0123456789abcdef0123456789abcdef"}"#);
    // It may say nothing there: a version report of the device itself is dropped.
    device
        .says("/ota/device/inform/a1TestPk001/dev-0001", r#"{"id":"1","params":{"version":"6.6.6"}}"#)
        .await;
    device.pings().await;
    let (_, listed) = platform.call("GET", "/products/a1TestPk001/devices", b"").await;
    assert_eq!(
        (&listed["devices"][0]["online"], &listed["devices"][0]["versions"]),
        (&json!(false), &json!({}))
    );
    logs_in(&platform).await.pings().await;

    let mut stream = TcpStream::connect(platform.running.mqtt).await.unwrap();
    stream.write_all(&connect(V3_LOGIN, 0xC2, 60)).await.unwrap();
    let mut answer = [0; 4];
    tokio::io::AsyncReadExt::read_exact(&mut stream, &mut answer).await.unwrap();
    assert_eq!(answer, [0x20, 2, 0, 4], "it has logged in, so its secret is not given again: CONNACK 4");
}

#[tokio::test(flavor = "multi_thread")]
async fn sdk_v4_registers_without_a_list_and_logs_in_with_its_token() {
    let platform = platform(V4, json!({"devices": "any"})).await;
    let login = [
        "dev-one.a1RegPk001|random=123456789,authType=regnwl,securemode=2,signmethod=hmacsha256|",
        "dev-one&a1RegPk001",
        "E68E2F45C407445A1622602362E26FA49EFBE8C4B7734A99E039E6A515E0EFCF",
    ];
    let mut device = Device::with(platform.running.mqtt, &connect(login, 0xC2, 1200)).await;
    let (topic, payload) = device.hears().await;
    assert_eq!(topic, "/ext/regnwl");
    let (client_id, token) = (field(&payload, "clientId"), field(&payload, "deviceToken"));
    let client = format!("{client_id}|authType=connwl,securemode=-2,_ss=1,ext=3,_v=sdk-c-4.2.0|");
    let login = connect([&client, "dev-one&a1RegPk001", token], 0xC2, 1200);
    let mut device = Device::with(platform.running.mqtt, &login).await;
    device.says("/ota/device/inform/a1RegPk001/dev-one", r#"{"id":1, "params":{"version":"1.0.0"}}"#).await;
    device.says("/sys/a1RegPk001/dev-one/thing/ota/firmware/get", r#"{"id":2, "params":{}}"#).await;
    assert_eq!(device.hears().await.1, r#"{"id":2,"code":200,"data":{}}"#);
    let (_, listed) = platform.call("GET", "/products/a1RegPk001/devices", b"").await;
    assert_eq!(listed["devices"][0]["versions"], json!({"default": "1.0.0"}));
}

#[tokio::test(flavor = "multi_thread")]
async fn each_bad_registration_is_refused_with_a_code_that_is_not_200() {
    let platform = with_device(json!({"devices": "listed"})).await;
    let wrong = V3_FORM.replace("EED0", "EED1");
    let too_long = format!("{V3_FORM}&more={}", "x".repeat(1000));
    let not_hex = V3_FORM.replace("EED0", "XXXX");
    for (form, code) in [
        (wrong.as_str(), 403),
        (not_hex.as_str(), 403),
        (&V3_FORM.replace("a1TestPk001", "a1None"), 403),
        (&V3_FORM.replace("dev-0001", "dev-0002"), 403),
        (&V3_FORM.replace("dev-0001", "../x"), 400),
        (&V3_FORM.replace("hmacsha256", "none"), 400),
        (&V3_FORM.replace("&random=8Ygb7ULYh53B6OA", ""), 400),
        ("", 400),
        ("{}", 400),
        (&too_long, 413),
    ] {
        let answer = posts(&platform, form).await;
        assert_eq!(answer.code, code, "{form}");
        let body: Value = serde_json::from_slice(&answer.body).unwrap();
        assert_eq!((&body["code"], &body["data"]), (&json!(code), &json!({})), "{form}");
        assert!(answer.body.len() <= 192 && !String::from_utf8_lossy(&answer.body).contains(": "), "{body}");
        assert_eq!(answer.header("Content-Type"), Some("application/json"));
    }
    let request = v3_request(V3_FORM).replace("application/x-www-form-urlencoded", "application/json");
    assert_eq!(platform.ask(request.as_bytes()).await.code, 415);
    let get = "GET /auth/register/device HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    let answer = platform.ask(get.as_bytes()).await;
    assert_eq!((answer.code, answer.body.len()), (405, 0), "nothing that could be taken for a file");

    // Switched off, everything is as if there were no such product.
    let off = json!({"devices": "off"}).to_string();
    let (status, told) = platform.call("PUT", "/products/a1TestPk001/registration", off.as_bytes()).await;
    assert_eq!((status, told), (200, json!({"devices": "off", "again": false})));
    assert_eq!(posts(&platform, V3_FORM).await.code, 403);
}
