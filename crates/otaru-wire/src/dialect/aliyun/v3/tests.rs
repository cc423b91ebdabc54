//! The v3 SDK's bytes, heard by the one platform half.

use alloc::{string::String, vec::Vec};
use std::string::ToString;

use proptest::prelude::*;

use super::*;
use crate::{
    Failure, File,
    dialect::{LoginKeys, PlatformHalf, Question, aliyun::Platform, aliyun::samples},
};

fn me() -> DeviceId {
    DeviceId { product: "a1TestPk001".parse().unwrap(), device: "dev-0001".parse().unwrap() }
}

fn said(report: &Report) -> (String, String, Qos) {
    let Message { topic, payload, qos } = DeviceV3.write_report(&me(), 1, report).unwrap();
    (topic, String::from_utf8(payload).unwrap(), qos)
}

/// Sources: aliyun-iotkit-v3 §2.1, §2.2, §2.3, §2.4; QoS §2.0, but for failures, by which a Task ends.
#[test]
fn each_report_has_the_bytes_the_topic_and_the_qos_of_the_v3_sdk() {
    let module = |name: &str| name.parse::<Module>().unwrap();
    let version: Version = "1.4.2".parse().unwrap();
    let progress = |module, step, description: &str| Report::Progress {
        module,
        task: None,
        step,
        description: description.into(),
    };
    for (report, topic, payload, qos) in [
        (
            Report::Version { module: Module::default(), version: version.clone() },
            "/ota/device/inform/a1TestPk001/dev-0001",
            r#"{"id":"1","params":{"version":"1.4.2"}}"#,
            Qos::AtLeastOnce,
        ),
        (
            Report::Version { module: module("mcu"), version: version.clone() },
            "/ota/device/inform/a1TestPk001/dev-0001",
            r#"{"id":"1","params":{"version":"1.4.2", "module":"mcu"}}"#,
            Qos::AtLeastOnce,
        ),
        (
            progress(Module::default(), Step::Percent(37), ""),
            "/ota/device/progress/a1TestPk001/dev-0001",
            r#"{"id":0,"params":{"step":"37","desc":""}}"#,
            Qos::AtMostOnce,
        ),
        (
            progress(module("mcu"), Step::Failed(Failure::Digest), ""),
            "/ota/device/progress/a1TestPk001/dev-0001",
            r#"{"id":0,"params":{"step":"-3","desc":"", "module":"mcu"}}"#,
            Qos::AtLeastOnce,
        ),
        (
            Report::Query { module: Module::default(), running: Some(version.clone()), wanted: None },
            "/ota/device/request/a1TestPk001/dev-0001",
            r#"{"id":"0","params":{"version":"1.4.2"}}"#,
            Qos::AtLeastOnce,
        ),
        (
            Report::Query { module: module("mcu"), running: None, wanted: None },
            "/ota/device/request/a1TestPk001/dev-0001",
            r#"{"id":"0","params":{"module":"mcu"}}"#,
            Qos::AtLeastOnce,
        ),
        (
            Report::ConfigQuery,
            "/sys/a1TestPk001/dev-0001/thing/config/get",
            r#"{"id" : 0,"version":"1.0","params":{"configScope":"product","getType":"file","attributeKeys":""},"method":"thing.config.get"}"#,
            Qos::AtMostOnce,
        ),
    ] {
        assert_eq!(said(&report), (topic.into(), payload.into(), qos));
        let heard = Platform.read_report(topic, payload.as_bytes()).unwrap();
        assert_eq!((heard.device, heard.report), (me(), report));
    }
}

/// Source: aliyun-iotkit-v3 §1.2, the worked example: the same password under our own version tag.
#[test]
fn the_login_has_the_parameters_and_the_signature_of_the_v3_sdk() {
    let credentials = Credentials { id: me(), secret: "0123456789abcdef0123456789abcdef".into() };
    let login = DeviceV3.write_login(&credentials, Transport::Plain);
    let tag = env!("CARGO_PKG_VERSION");
    assert_eq!(
        login.client_id,
        format!(
            "a1TestPk001.dev-0001|timestamp=2524608000000,_v=otaru-{tag},securemode=3,signmethod=hmacsha256,lan=C,\
             _ss=1,gw=0,ext=0|"
        )
    );
    assert_eq!(login.user_name, "dev-0001&a1TestPk001");
    assert_eq!(login.password, "B5DE63BD347F9BF3B5F0322DE0EBF94295CB4C49A2D6EF50795BD34C05B3E730");
    assert_eq!(Platform.verify_login(&login, &LoginKeys::of_device(&credentials.secret)), Ok(()));
    let more = DeviceV3.write_login_with(&credentials, Transport::Plain, "pid=12,mid=ab");
    assert!(more.client_id.ends_with(",gw=0,ext=0,pid=12,mid=ab|"), "{}", more.client_id);
    assert_eq!(Platform.verify_login(&more, &LoginKeys::of_device(&credentials.secret)), Ok(()));
}

/// Source: aliyun-iotkit-v3 §2.0.
#[test]
fn it_subscribes_in_the_order_of_the_v3_sdk() {
    let topics = ["/ota/device/request/", "/ota/device/upgrade/", "/sys/", "/sys/"];
    let filters = DeviceV3.subscriptions(&me());
    assert_eq!(filters.len(), topics.len());
    assert!(filters.iter().zip(topics).all(|(filter, start)| filter.starts_with(start)), "{filters:?}");
    assert!(filters[2].ends_with("config/get_reply") && filters[3].ends_with("config/push"));
}

/// Sources: aliyun-iotkit-v3 §2.2: `message` is looked at, `md5` is needed, and nothing without the letters `url` is taken.
#[test]
fn a_question_on_request_is_answered_there_as_the_v3_sdk_takes_it() {
    let topic = Topic::Request.of(&me());
    let notice = samples::one(File {
        also: Some(samples::file(samples::MD5, "").digest),
        ..samples::file(samples::SHA256, "http://files.example/fw/a.bin?t=1")
    });
    let id = MessageId::Text("0".into());
    let answer = Platform
        .write_answer(&Question { topic: &topic, device: &me(), id: &id, wanted: None }, Some(&notice))
        .unwrap();
    assert_eq!(answer.topic, topic);
    let text = String::from_utf8(answer.payload.clone()).unwrap();
    assert!(text.starts_with(r#"{"code":"1000","data":{"size":9,"#), "{text}");
    assert!(text.ends_with(r#","id":"0","message":"success"}"#), "{text}");
    assert!(text.contains(&format!(r#""md5":"{}""#, samples::MD5)), "{text}");
    assert_eq!(DeviceV3.read_message(&me(), &topic, &answer.payload), Ok(Downlink::Notice(notice)));

    let nothing = Platform
        .write_answer(&Question { topic: &topic, device: &me(), id: &id, wanted: None }, None)
        .unwrap();
    assert_eq!(nothing.topic, topic);
    assert!(!String::from_utf8_lossy(&nothing.payload).contains("url"));
    assert_eq!(DeviceV3.read_message(&me(), &topic, &nothing.payload), Ok(Downlink::NoTask));
}

#[test]
fn its_own_question_given_back_by_a_plain_broker_is_foreign() {
    for running in [None, Some("1.4.2".parse().unwrap())] {
        let question = DeviceV3
            .write_report(&me(), 1, &Report::Query { module: Module::default(), running, wanted: None })
            .unwrap();
        assert_eq!(DeviceV3.read_message(&me(), &question.topic, &question.payload), Ok(Downlink::Foreign));
    }
}

#[test]
fn a_notice_of_files_over_mqtt_is_refused_with_a_reason() {
    let file = samples::file(samples::MD5, "http://files.example/a.bin");
    let push = Platform.write_notice(&me(), 1, &samples::one(samples::mqtt(&file, 1, 7))).unwrap();
    let heard = DeviceV3.read_message(&me(), &push.topic, &push.payload);
    assert!(matches!(&heard, Err(ReadError::Malformed(why)) if why.contains("no links")), "{heard:?}");
}

proptest! {
    #[test]
    fn every_description_comes_back_from_the_wire_as_it_went_in(
        description in "\\PC{0,32}", code in -4_i64..=100, module in "[A-Za-z0-9._-]{1,64}"
    ) {
        let step = Step::from_code(code).unwrap();
        let report = Report::Progress { module: module.parse().unwrap(), task: None, step, description };
        let Message { topic, payload, .. } = DeviceV3.write_report(&me(), 7, &report).unwrap();
        prop_assert_eq!(Platform.read_report(&topic, &payload).map(|heard| heard.report), Ok(report));
    }

    #[test]
    fn random_bytes_never_panic(bytes: Vec<u8>, topic in 0..Topic::ALL.len()) {
        let topic = Topic::ALL[topic].of(&me()).to_string();
        let _ = DeviceV3.read_message(&me(), &topic, &bytes);
    }
}
