//! What is read in the dialect of JD: the platform's messages by a device, a device's by the platform. The leaf of the topic
//! stands before the payload, divided from it by a line's end.

use otaru_wire::{
    MessageId, Module, Report, Step,
    dialect::{DeviceHalf, Downlink, PlatformHalf, Question, Uplink, jd},
    mqtt::Message,
};

use crate::{device::plain_notice, me};

const FIRMWARE: &str = "/sys/a1DemoPk001/dev-one/ota/firmware/";

fn topic_and_payload(bytes: &[u8]) -> Option<(String, &[u8])> {
    let end = bytes.iter().position(|byte| *byte == b'\n')?;
    let (leaf, payload) = bytes.split_at_checked(end)?;
    Some((format!("{FIRMWARE}{}", String::from_utf8_lossy(leaf)), payload.get(1..)?))
}

fn seed(message: &Message) -> Vec<u8> {
    let leaf = message.topic.strip_prefix(FIRMWARE).expect("a topic of this device");
    [leaf.as_bytes(), b"\n", &message.payload].concat()
}

pub(crate) fn message(bytes: &[u8]) {
    let Some((topic, payload)) = topic_and_payload(bytes) else { return };
    if let Some(MessageId::Text(push)) = jd::DEVICE.push_to_answer(&me(), &topic, payload) {
        assert!(push.len() <= 64, "a number that is echoed has bounds");
    }
    if let Ok(Downlink::Notice(notice)) = jd::DEVICE.read_message(&me(), &topic, payload) {
        assert_eq!(notice.check(), Ok(()));
        let push = jd::PLATFORM.write_notice(&me(), 0, &notice).expect("what was read can be said");
        let again = jd::DEVICE.read_message(&me(), &push.topic, &push.payload);
        assert_eq!(again, Ok(Downlink::Notice(notice)));
    }
}

pub(crate) fn message_seeds() -> Vec<Vec<u8>> {
    let (topic, wanted) = (format!("{FIRMWARE}get"), "9.9.9".parse().expect("a version"));
    let id = MessageId::Number(77);
    let question = Question { topic: &topic, device: &me(), id: &id, wanted: Some(&wanted) };
    let push = jd::PLATFORM.write_notice(&me(), 84_213, &plain_notice()).expect("a push");
    let answer = |notice| jd::PLATFORM.write_answer(&question, notice).expect("an answer");
    [push, answer(Some(&plain_notice())), answer(None)].iter().map(seed).collect()
}

pub(crate) fn report(bytes: &[u8]) {
    let Some((topic, payload)) = topic_and_payload(bytes) else { return };
    let heard = match jd::PLATFORM.read_report(&topic, payload) {
        Ok(heard) => heard,
        Err(error) => {
            let refusal = jd::PLATFORM.write_refusal(&topic, payload, &error);
            assert!(refusal.is_none_or(|told| told.payload.len() < 2048), "what is told of it has bounds");
            return;
        }
    };
    let Uplink { device, id, report } = &heard;
    assert_eq!(*device, me(), "a report speaks of its topic's device");
    assert!(jd::PLATFORM.may_publish(&me(), &topic), "nothing is read where nothing may be said");
    if let MessageId::Text(id) = id {
        assert!(id.len() <= 64, "a number that is echoed has bounds");
    }
    if let Report::Progress { step, description, .. } = report {
        assert!(Step::from_code(step.code().into()) == Some(*step) && description.len() <= 128);
    }
    if let Some(receipt) = jd::PLATFORM.write_receipt(&topic, &heard) {
        assert_eq!(receipt.topic, format!("{topic}_reply"));
    }
}

pub(crate) fn report_seeds() -> Vec<Vec<u8>> {
    let module = Module::default;
    let version = || "1.0.0".parse().expect("a version");
    let progress = |code| Report::Progress {
        module: module(),
        task: None,
        step: Step::from_code(code).expect("a step"),
        description: "full".to_owned(),
    };
    let reports = [
        Report::Version { module: module(), version: version() },
        progress(45),
        progress(-4),
        Report::Query { module: module(), running: None, wanted: Some(version()) },
        Report::NoticeTaken { push: MessageId::Number(84_213), code: 200 },
    ];
    let said = |report| jd::DEVICE.write_report(&me(), 5, report).expect("this dialect has a word for it");
    reports.iter().map(|report| seed(&said(report))).collect()
}
