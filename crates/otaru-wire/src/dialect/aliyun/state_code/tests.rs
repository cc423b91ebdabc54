//! The codes against the sheet and the page, and those that reading and publishing yield.

use std::{fs, path::Path, string::ToString};

use alloc::{format, string::String, vec::Vec};

use super::*;
use crate::{
    DeviceId, Instant, Report,
    dialect::{Credentials, DeviceHalf, Transport, aliyun},
    mqtt::{Client, ClientOptions},
};

const DEVICE: (&str, &str) = ("a1DemoPk001", "dev-one");

fn device() -> DeviceId {
    DeviceId { product: DEVICE.0.parse().unwrap(), device: DEVICE.1.parse().unwrap() }
}

/// What the device's half says of a push.
fn code_of_push(payload: &str) -> Option<StateCode> {
    let error = aliyun::Device
        .read_message(&device(), "/ota/device/upgrade/a1DemoPk001/dev-one", payload.as_bytes())
        .unwrap_err();
    StateCode::of_reading(&error)
}

/// The first example of aliyun-link-sdk-v4 §2.3.
const PUSH: &str = r#"{"code":"1000","data":{"size":9,"sign":"25f9e794323b453885f5181f1b624d0b","version":"2.0.0","url":"https://files.example/fw/a.bin?t=1","signMethod":"Md5","md5":"25f9e794323b453885f5181f1b624d0b"},"id":1700000000000,"message":"success"}"#;

/// Source: aliyun-link-sdk-v4 §5.7.
#[test]
fn there_is_a_code_for_each_number_of_the_reference_and_none_beside_them() {
    let numbers: Vec<_> = StateCode::ALL.iter().map(|code| code.number()).collect();
    assert_eq!(numbers, (0x0900..=0x092A).map(|number: i32| -number).collect::<Vec<_>>());
    for code in StateCode::ALL {
        assert_eq!(StateCode::from_number(code.number()), Some(*code));
    }
    for number in [0, 0x0901, -0x08FF, -0x092B, i32::MIN] {
        assert_eq!(StateCode::from_number(number), None);
    }
    assert_eq!(StateCode::OtaPathStringOverflow.to_string(), "-0x092a");
    assert_eq!(StateCode::DownloadFinished.name(), "STATE_DOWNLOAD_FINISHED");
}

#[test]
fn a_push_without_a_key_that_it_needs_is_parse_json_error() {
    assert!(
        aliyun::Device
            .read_message(&device(), "/ota/device/upgrade/a1DemoPk001/dev-one", PUSH.as_bytes())
            .is_ok()
    );
    for broken in [
        PUSH.replace(r#""url":"https://files.example/fw/a.bin?t=1","#, ""),
        PUSH.replace(r#""size":9,"#, ""),
        PUSH.replace(r#""size":9,"#, r#""size":0,"#),
        PUSH.replace("2.0.0", "no version"),
        PUSH.replace("25f9", "25f"),
        PUSH.replace(r#","message":"success"}"#, ""),
        "[".repeat(100),
        " ".repeat(100_000),
    ] {
        assert_eq!(code_of_push(&broken), Some(StateCode::OtaParseJsonError), "{broken:.300}");
    }
}

#[test]
fn a_push_with_a_sign_method_that_is_not_known_is_unknown_digest_method() {
    for method in ["Sha1", "SHA512", ""] {
        let push = PUSH.replace(r#""Md5""#, &format!("{method:?}"));
        assert_eq!(code_of_push(&push), Some(StateCode::OtaUnknownDigestMethod), "{method}");
    }
}

#[test]
fn a_link_over_8_kib_is_path_string_overflow() {
    let link = |len| PUSH.replace("a.bin", &"a".repeat(len));
    assert_eq!(code_of_push(&link(8 * 1024)), Some(StateCode::OtaPathStringOverflow));
}

#[test]
fn a_report_without_a_session_is_report_failed() {
    let credentials = Credentials { id: device(), secret: "secret".into() };
    let mut client =
        Client::new(ClientOptions::new(aliyun::Device.write_login(&credentials, Transport::Plain)));
    let version = Report::Version { module: Default::default(), version: "1.0.0".parse().unwrap() };
    let progress = Report::Query { module: Default::default(), running: None, wanted: None };
    let query = aliyun::Device.write_report(&device(), 1, &progress).unwrap();
    let error = client.publish(Instant(0), query).unwrap_err();
    assert_eq!(StateCode::of_publishing(&error), StateCode::OtaReportFailed);
    // A version waits for the session instead, until too many do.
    let refused = (0..1000).find_map(|id| {
        client.publish(Instant(0), aliyun::Device.write_report(&device(), id, &version).unwrap()).err()
    });
    assert_eq!(StateCode::of_publishing(&refused.unwrap()), StateCode::OtaReportFailed);
}

#[test]
fn what_no_sdk_reads_has_no_code() {
    for error in [ReadError::UnknownTopic, ReadError::Step { found: 101 }] {
        assert_eq!(StateCode::of_reading(&error), None);
    }
}

/// `docs/state-codes.md` has one row for each code, with the texts of this table, in this order, and each row names
/// tests that there are, or says why there can be none.
#[test]
fn the_page_prints_every_code_and_names_the_test_of_each_that_is_reached() {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let page = fs::read_to_string(crates.parent().unwrap().join("docs/state-codes.md")).unwrap();
    let mut rows = page.lines().filter(|line| line.starts_with("| `-0x"));
    let mut sources = String::new();
    for folder in ["otaru-wire/src", "otaru-core/tests", "otaru-agent/src"] {
        gather(&crates.join(folder), &mut sources);
    }
    for code in StateCode::ALL {
        let (reach, reached) = match code.reach() {
            When(when) => (when.to_string(), true),
            Never(why) => (format!("never: {why}"), false),
        };
        let start = format!("| `{code}` | `{}` | {} | {reach} | ", code.name(), code.meaning());
        let row = rows.next().unwrap_or_default();
        let tests = row.strip_prefix(&start).and_then(|end| end.strip_suffix(" |"));
        let tests =
            tests.unwrap_or_else(|| panic!("the page has\n{row}\nwhere it should begin with\n{start}"));
        assert_eq!(tests == "–", !reached, "{row}");
        for name in tests.split(", ").filter(|_| reached) {
            let name = name.trim_matches('`');
            assert!(sources.contains(&format!("fn {name}(")), "no test is named {name}");
        }
    }
    assert_eq!(rows.next(), None, "a row without a code");
}

fn gather(folder: &Path, all: &mut String) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            gather(&path, all);
        } else if path.extension().is_some_and(|end| end == "rs") {
            all.push_str(&fs::read_to_string(&path).unwrap());
        }
    }
}
