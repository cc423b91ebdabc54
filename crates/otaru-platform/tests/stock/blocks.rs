//! Files in blocks over MQTT, as SDK 4.2.0 fetches them (aliyun-link-sdk-v4 §3).

use serde_json::json;

use crate::{
    DEVICE, PRODUCT, Platform,
    device::{Device, connect_v4, field},
    image,
};

/// The block size that the SDK asks for (aliyun-link-sdk-v4 §3.1).
const BLOCK: usize = 5120;

fn topic(end: &str) -> String {
    format!("/sys/{PRODUCT}/{DEVICE}/thing/file/{end}")
}

/// The SDK's own text, which is no JSON: a comma stands before the brace that closes `fileInfo`.
fn request(id: usize, stream: &str, size: usize, offset: usize) -> String {
    format!(
        r#"{{"id":"{id}","version":"1.0","params":{{"fileToken":"default","fileInfo":{{"streamId":{stream},"fileId":1,}},"fileBlock":{{"size":{size},"offset":{offset}}}}}}}"#
    )
}

/// CRC-16/ARC bit by bit, as an SDK without a table has it: reflected 0x8005, start 0 (aliyun-link-sdk-v4 §3.2).
fn crc(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0, |crc, byte| {
        (0..8).fold(crc ^ u16::from(*byte), |crc, _| if crc & 1 == 1 { crc >> 1 ^ 0xA001 } else { crc >> 1 })
    })
}

/// The frame cut as the SDK cuts it: header, bytes; the checksum holds.
fn cut(frame: &[u8]) -> (&str, &[u8]) {
    let header = usize::from(u16::from_be_bytes([frame[0], frame[1]]));
    let (bytes, sum) = frame[2 + header..].split_at(frame.len() - header - 4);
    assert_eq!(crc(bytes), u16::from_le_bytes([sum[0], sum[1]]));
    (std::str::from_utf8(&frame[2..2 + header]).unwrap(), bytes)
}

/// The next block; pushes that come before it are passed over.
async fn block(device: &mut Device) -> Vec<u8> {
    loop {
        let (from, frame) = device.hears_bytes().await;
        if from == topic("download_reply") {
            return frame;
        }
        device.passed_over += 1;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_update_over_mqtt_is_done_with_the_bytes_of_sdk_v4() {
    let platform = Platform::start().await;
    let file = image(3 * BLOCK + 100, 1);
    let mut device = Device::with(platform.running.mqtt, &connect_v4()).await;
    device
        .says(&format!("/ota/device/inform/{PRODUCT}/{DEVICE}"), r#"{"id":1, "params":{"version":"1.0.0"}}"#)
        .await;
    let campaign = platform.campaign_over_mqtt("2.0.0", &file).await;
    let push = device.push().await;
    let (stream, md5, id) = (field(&push, "streamId"), field(&push, "md5"), field(&push, "id"));
    assert_eq!(
        push,
        format!(
            r#"{{"code":"1000","data":{{"size":{},"streamId":{stream},"sign":"{md5}","dProtocol":"mqtt","version":"2.0.0","signMethod":"Md5","streamFileId":1,"md5":"{md5}"}},"id":{id},"message":"success"}}"#,
            file.len()
        )
    );

    device.subscribes(&topic("download_reply"), 0).await;
    let mut got = Vec::new();
    for number in 1.. {
        let want = BLOCK.min(file.len() - got.len());
        if want == 0 {
            break;
        }
        device.says(&topic("download"), &request(number, stream, want, got.len())).await;
        let frame = block(&mut device).await;
        let (header, bytes) = cut(&frame);
        let expected = format!(
            r#"{{"id":"{number}","code":200,"msg":"success","data":{{"fileToken":"default","fileLength":{},"bSize":{want},"bOffset":{}}}}}"#,
            file.len(),
            got.len()
        );
        assert_eq!(header, expected);
        got.extend_from_slice(bytes);
        let percent = got.len() * 100 / file.len();
        device.progress(&format!(r#"{{"id":{number}, "params":{{"step":"{percent}","desc":""}}}}"#)).await;
    }
    assert_eq!(got, file);
    platform.task_in(campaign, "in_progress").await;

    let mut device = Device::with(platform.running.mqtt, &connect_v4()).await;
    device
        .says(&format!("/ota/device/inform/{PRODUCT}/{DEVICE}"), r#"{"id":1, "params":{"version":"2.0.0"}}"#)
        .await;
    platform.task_in(campaign, "succeeded").await;
    let late = request(9, stream, 1, 0);
    device.says(&topic("download"), &late).await;
    let refusal = block(&mut device).await;
    let (header, bytes) = cut(&refusal);
    assert!(header.contains(r#""code":400"#) && header.contains("succeeded") && bytes.is_empty(), "{header}");
}

/// Source: aliyun-link-sdk-v4 §3.1: some clients leave out `version` and `fileToken`.
#[tokio::test(flavor = "multi_thread")]
async fn small_clients_that_leave_out_token_and_version_get_their_blocks() {
    let platform = Platform::start().await;
    platform.campaign_over_mqtt("2.0.0", b"123456789").await;
    let mut device = platform.connected().await;
    let stream = field(&device.push().await, "streamId").to_owned();
    let bare = format!(
        r#"{{"id":"1","params":{{"fileInfo":{{"streamId":{stream},"fileId":1}},"fileBlock":{{"size":256,"offset":0}}}}}}"#
    );
    device.says(&topic("download"), &bare).await;
    let frame = block(&mut device).await;
    // The sheet's whole example, byte for byte (aliyun-link-sdk-v4 §3.2).
    let header = br#"{"id":"1","code":200,"msg":"success","data":{"fileToken":"default","fileLength":9,"bSize":9,"bOffset":0}}"#;
    assert_eq!(frame, [&b"\x00\x69"[..], header, b"123456789\x3D\xBB"].concat());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_that_asks_and_never_reads_is_kept_small_and_served_when_it_reads() {
    let platform = Platform::start().await;
    let campaign = platform.campaign_over_mqtt("2.0.0", &image(1 << 20, 2)).await;
    let mut device = platform.connected().await;
    let stream = field(&device.push().await, "streamId").to_owned();
    let asked = 2_000;
    for number in 0..asked {
        device.says(&topic("download"), &request(number, &stream, 65_536, 0)).await;
    }
    // A device's words are taken in their order: when this one shows, every request before it was answered or let go.
    device.progress(r#"{"id":1, "params":{"step":"1","desc":""}}"#).await;
    platform.task_in(campaign, "in_progress").await;
    // 125 MiB were asked for. What the sockets and the outbox do not hold was let go, and the session lives.
    device.pings().await;
    assert!(device.passed_over < asked / 2, "{} blocks were kept for it", device.passed_over);
    device.says(&topic("download"), &request(asked, &stream, 100, 65_536)).await;
    while {
        let frame = block(&mut device).await;
        !cut(&frame).0.contains(&format!(r#""id":"{asked}""#))
    } {}
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_of_more_than_16_mib_is_refused_over_mqtt_and_the_refusal_names_the_limit() {
    let platform = Platform::start().await;
    let mut order = platform.order("2.0.0", &[&vec![1; (16 << 20) + 1]]).await;
    order["over"] = json!("mqtt");
    let (status, answer) = platform.call("POST", "/packages", order.to_string().as_bytes()).await;
    assert_eq!((status, answer["error"]["code"].as_str()), (400, Some("bad_package")), "{answer}");
    assert!(answer["error"]["message"].as_str().unwrap().contains("16777216"), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_maker_of_a_package_over_mqtt_is_told_who_cannot_take_it() {
    let platform = Platform::start().await;
    for (method, warnings) in [("md5", 1), ("sha256", 2)] {
        let mut order = platform.order("2.0.0", &[b"x"]).await;
        (order["over"], order["digest_method"]) = (json!("mqtt"), json!(method));
        let made = platform.made("/packages", order).await;
        assert_eq!(made["warnings"].as_array().map(Vec::len), Some(warnings), "{made}");
        assert!(made["warnings"][0].as_str().unwrap().contains("v3 generation"), "{made}");
    }
}
