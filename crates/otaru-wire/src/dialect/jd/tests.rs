//! Both halves together: topics, what is told by content, acknowledgements.

use crate::{BlockRequest, Module, Step};

use super::*;

fn me() -> DeviceId {
    DeviceId { product: "pkDemo01".parse().unwrap(), device: "idDemo0001".parse().unwrap() }
}

fn heard(leaf: &str, payload: &str) -> Result<Report, ReadError> {
    PLATFORM.read_report(&topics::of(&me(), leaf), payload.as_bytes()).map(|uplink| uplink.report)
}

/// Source: jd-iot-engine §5.
#[test]
fn a_push_is_acknowledged_by_its_number_taken_or_not() {
    let topic = topics::of(&me(), topics::UPGRADE);
    for payload in [r#"{"msgId":"84213","data":{"firmwareVersion":"x"}}"#, r#"{"msgId ":"84213"}"#] {
        let push = DEVICE.push_to_answer(&me(), &topic, payload.as_bytes()).unwrap();
        let said =
            DEVICE.write_report(&me(), 9, &Report::NoticeTaken { push: push.clone(), code: 200 }).unwrap();
        assert_eq!(said.topic, "/sys/pkDemo01/idDemo0001/ota/firmware/upgrade_reply");
        assert_eq!(said.payload, br#"{"msgId":"84213","version":"1.0","code":200}"#);
        let heard = PLATFORM.read_report(&said.topic, &said.payload).unwrap();
        assert_eq!(heard.report, Report::NoticeTaken { push, code: 200 });
        assert_eq!(PLATFORM.write_receipt(&said.topic, &heard), None, "an acknowledgement is the last word");
    }
    let other = DeviceId { device: "idDemo0002".parse().unwrap(), ..me() };
    for (device, leaf, payload) in [
        (&other, "upgrade", r#"{"msgId":1}"#),
        (&me(), "get_reply", r#"{"msgId":1}"#),
        (&me(), "upgrade", "{}"),
        (&me(), "upgrade", "x"),
    ] {
        let topic = topics::of(&me(), leaf);
        assert_eq!(DEVICE.push_to_answer(device, &topic, payload.as_bytes()), None, "{leaf} {payload}");
    }
}

/// Source: jd-iot-engine §5, the five rules.
#[test]
fn what_a_device_says_is_told_by_content_and_not_by_leaf() {
    let version = "2.3.0".parse().unwrap();
    let module = Module::default();
    for leaf in ["version", "inform", "some/other_leaf"] {
        let payload = r#"{"data":{"firmwareVersion":"2.3.0"}}"#;
        let want = Report::Version { module: module.clone(), version: "2.3.0".parse().unwrap() };
        assert_eq!(heard(leaf, payload), Ok(want));
        let payload = r#"{"data":{"firmwareVersion":"2.3.0","progress":7}}"#;
        assert!(matches!(heard(leaf, payload), Ok(Report::Progress { step: Step::Percent(7), .. })));
        let taken = Report::NoticeTaken { push: MessageId::Number(7), code: 500 };
        assert_eq!(heard(leaf, r#"{"msgId":7,"code":500,"message":"busy"}"#), Ok(taken));
    }
    let query = Report::Query { module, running: None, wanted: Some(version) };
    assert_eq!(heard("get", r#"{"data":{"firmwareVersion":"2.3.0"}}"#), Ok(query));
}

#[test]
fn what_cannot_be_understood_is_refused_in_jds_own_form_where_it_was_said() {
    let refused = |leaf: &str, payload: &str| {
        let topic = topics::of(&me(), leaf);
        let error = PLATFORM.read_report(&topic, payload.as_bytes()).unwrap_err();
        let message = PLATFORM.write_refusal(&topic, payload.as_bytes(), &error)?;
        Some((message.topic, String::from_utf8(message.payload).unwrap()))
    };
    let long = format!(r#"{{"msgId":"5","data":{{"firmwareVersion":"{}"}}}}"#, "1".repeat(65));
    let (topic, told) = refused("version", &long).unwrap();
    assert_eq!(topic, "/sys/pkDemo01/idDemo0001/ota/firmware/version_reply");
    let why = "version has 65 bytes; at most 64 are allowed";
    assert_eq!(told, format!(r#"{{"msgId":"5","code":400,"message":"{why}"}}"#));
    assert!(refused("get", "not json").unwrap().1.starts_with(r#"{"msgId":0,"code":400,"#));
    assert_eq!(refused("upgrade_reply", "{}"), None, "an answer is never answered");
    let endless = format!(r#"{{"{}":1}}"#, "x".repeat(3000));
    assert!(refused("inform", &endless).unwrap().1.len() < 300);
}

#[test]
fn what_is_not_known_is_told_by_leaf_and_keys_within_bounds() {
    let Err(ReadError::Malformed(reason)) = heard("strange", r#"{"msgId":1,"data":{"ver":"2"}}"#) else {
        panic!("it was understood")
    };
    assert_eq!(reason, "nothing known on leaf strange: keys data, msgId; in data: ver");
    let long = format!(r#"{{"{}":1}}"#, "k".repeat(9000));
    assert!(matches!(heard("strange", &long), Err(ReadError::Malformed(reason)) if reason.len() <= 200));
}

/// Source: jd-iot-engine §5.
#[test]
fn version_and_progress_are_answered_on_their_own_leaf() {
    for (leaf, payload) in [
        ("version", r#"{"msgId":"5","data":{"firmwareVersion":"2.2.1"}}"#),
        ("pace", r#"{"msgId":"5","data":{"status":0,"progress":45}}"#),
    ] {
        let topic = topics::of(&me(), leaf);
        let heard = PLATFORM.read_report(&topic, payload.as_bytes()).unwrap();
        let receipt = PLATFORM.write_receipt(&topic, &heard).unwrap();
        assert_eq!(receipt.topic, format!("{topic}_reply"));
        assert_eq!(receipt.payload, br#"{"msgId":"5","version":"1.0","code":200}"#);
        let told = DEVICE.read_message(&me(), &receipt.topic, &receipt.payload);
        assert_eq!(told, Ok(Downlink::Foreign), "it asks for nothing");
    }
}

#[test]
fn a_question_is_answered_where_it_was_asked_and_names_what_was_wanted() {
    let (topic, wanted) = (topics::of(&me(), "get"), "9.9.9".parse().unwrap());
    let question =
        Question { topic: &topic, device: &me(), id: &MessageId::Text("77".into()), wanted: Some(&wanted) };
    let answer = PLATFORM.write_answer(&question, None).unwrap();
    assert_eq!(answer.topic, "/sys/pkDemo01/idDemo0001/ota/firmware/get_reply");
    assert_eq!(answer.payload, br#"{"msgId":"77","code":404,"message":"FirmwareVersion 9.9.9 not existed"}"#);
    assert_eq!(DEVICE.read_message(&me(), &answer.topic, &answer.payload), Ok(Downlink::NoTask));
}

#[test]
fn there_is_no_word_for_modules_blocks_and_configurations() {
    let module: Module = "mcu".parse().unwrap();
    let step = Step::Percent(1);
    for report in [
        Report::Version { module: module.clone(), version: "1".parse().unwrap() },
        Report::Progress { module: module.clone(), task: None, step, description: String::new() },
        Report::Query { module, running: None, wanted: None },
        Report::ConfigQuery,
        Report::Block(BlockRequest { stream: 1, file: 1, offset: 0, len: 1, token: None }),
    ] {
        assert_eq!(DEVICE.write_report(&me(), 1, &report), None, "{report:?}");
    }
}

#[test]
fn a_device_has_its_own_prefix_and_no_other() {
    let publish = |topic: &str| PLATFORM.may_publish(&me(), topic);
    let subscribe = |filter: &str| PLATFORM.may_subscribe(&me(), filter);
    assert!(publish("/sys/pkDemo01/idDemo0001/ota/firmware/anything"));
    assert!(!publish("/sys/pkDemo01/idDemo0001/thing/property"));
    assert!(!publish("/sys/pkDemo01/idDemo00011/ota/firmware/version"));
    for filter in ["ota/firmware/upgrade", "ota/firmware/#", "thing/+/reply", "#"] {
        assert!(subscribe(&format!("/sys/pkDemo01/idDemo0001/{filter}")), "{filter}");
    }
    for filter in ["/sys/pkDemo01/idDemo0001", "/sys/pkDemo01/+/ota/firmware/upgrade", "/sys/#", "#", ""] {
        assert!(!subscribe(filter), "{filter}");
    }
}
