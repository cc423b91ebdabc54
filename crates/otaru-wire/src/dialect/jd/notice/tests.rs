//! The push and the answer, to the byte and as a stranger sends them.

use alloc::vec::Vec;

use proptest::prelude::*;

use super::*;

const MD5: &str = "ec87a838931d4d5d2e94a04644788a55";

/// Source: jd-iot-engine §4.1.
const PUSH: &str = r#"{"msgId":"84213","version":"1.0","data":{"policy":"standard","size":262144,"firmwareVersion":"2.3.0","url":"http://ota.example.test/fw/2.3.0.bin","sign":"ec87a838931d4d5d2e94a04644788a55","signMethod":"Md5"}}"#;

/// Source: jd-iot-engine §4.2, without a size.
const ANSWER: &str = r#"{"msgId":"77","version":"1.0","data":{"firmwareVersion":"2.3.0","url":"http://ota.example.test/fw/2.3.0.bin","sign":"ec87a838931d4d5d2e94a04644788a55","signMethod":"Md5"}}"#;

fn notice() -> Notice {
    Notice {
        version: "2.3.0".parse().unwrap(),
        module: Module::default(),
        files: vec![File {
            name: None,
            size: 262_144,
            digest: Digest::from_hex(DigestMethod::Md5, MD5).unwrap(),
            also: None,
            source: Source::Http { url: "http://ota.example.test/fw/2.3.0.bin".into() },
        }],
        delta: false,
        silent: false,
        extra: None,
        signature: None,
        terms: None,
    }
}

#[test]
fn a_push_is_written_and_read_as_the_sheet_has_it() {
    assert_eq!(write_push(84_213, &notice()).unwrap(), PUSH);
    assert_eq!(read_push(PUSH.as_bytes()), Ok(Downlink::Notice(notice())));
    let silent = Notice { silent: true, ..notice() };
    let text = write_push(84_213, &silent).unwrap();
    assert_eq!(text, PUSH.replace("standard", "silent"));
    assert_eq!(read_push(text.as_bytes()), Ok(Downlink::Notice(silent)));
}

/// Source: jd-iot-engine §3.3, §9 row 3: blanks in printed samples.
#[test]
fn a_push_with_the_samples_blanks_is_read() {
    let text = PUSH
        .replace("\"msgId\"", "\"msgId \"")
        .replace("\"data\"", "\"data \"")
        .replace("\"standard\"", "\" silent\"")
        .replace("262144", "\"262144\"")
        .replace(MD5, &MD5.to_uppercase());
    assert_eq!(read_push(text.as_bytes()), Ok(Downlink::Notice(Notice { silent: true, ..notice() })));
}

#[test]
fn an_answer_is_the_documented_one_with_a_size() {
    let id = MessageId::Text("77".into());
    let text = write_answer(&id, &notice()).unwrap();
    assert_eq!(text, ANSWER.replace("\"Md5\"", "\"Md5\",\"size\":262144"));
    assert_eq!(read_answer(text.as_bytes()), Ok(Downlink::Notice(notice())));
    let coded = text.replace("\"version\"", "\"code\":200,\"version\"");
    assert_eq!(read_answer(coded.as_bytes()), Ok(Downlink::Notice(notice())));
}

#[test]
fn a_file_without_a_size_is_refused() {
    let none = Err(ReadError::Notice(NoticeError::NoSize { index: 0 }));
    assert_eq!(read_answer(ANSWER.as_bytes()), none);
    assert_eq!(read_push(PUSH.replace("\"size\":262144,", "").as_bytes()), none);
    let empty = PUSH.replace("262144", "0");
    let refused = ReadError::Notice(NoticeError::EmptyFile { index: 0 });
    assert_eq!(read_push(empty.as_bytes()), Err(refused));
}

/// Source: jd-iot-engine §4.2.
#[test]
fn not_existed_is_no_task_and_another_code_is_an_error() {
    let text = query::write_nothing(&MessageId::Text("77".into()), Some(&"9.9.9".parse().unwrap()));
    assert_eq!(read_answer(text.as_bytes()), Ok(Downlink::NoTask));
    for text in [r#"{"msgId":"77","code":500}"#, r#"{"msgId":"77","code":200}"#, "{}"] {
        assert!(matches!(read_answer(text.as_bytes()), Err(ReadError::Malformed(_))), "{text}");
    }
}

#[test]
fn a_notice_that_cannot_be_followed_is_refused() {
    for (from, to) in [
        ("\"Md5\"", "\"SHA256\""),
        (MD5, &MD5[1..]),
        ("\"sign\"", "\"sing\""),
        ("\"url\"", "\"urn\""),
        ("2.3.0\",\"url", "2/3\",\"url"),
        ("\"firmwareVersion\"", "\"version\""),
        ("http://ota.example.test/fw/", "http://ota.example.test/f w/"),
        ("262144", "-1"),
    ] {
        assert!(read_push(PUSH.replace(from, to).as_bytes()).is_err(), "{from} → {to}");
    }
}

#[test]
fn what_this_dialect_cannot_say_is_refused_by_name() {
    let good = notice();
    let refused = |notice: Notice| match write_push(1, &notice) {
        Err(NoticeError::NoWord { what }) => what,
        other => panic!("{other:?}"),
    };
    let file = good.files[0].clone();
    let sha256 = File { digest: Digest::Sha256([7; 32]), ..file.clone() };
    let streamed = File { source: Source::Mqtt { stream: 7, file: 1 }, ..file.clone() };
    let with = |files: Vec<File>| Notice { files, ..good.clone() };
    assert_eq!(refused(with(vec![file.clone(), file.clone()])), "several files");
    assert_eq!(refused(Notice { module: "mcu".parse().unwrap(), ..good.clone() }), "a module");
    assert_eq!(refused(Notice { delta: true, ..good.clone() }), "a difference");
    assert_eq!(refused(Notice { extra: Some("{}".into()), ..good.clone() }), "extra data");
    assert_eq!(refused(Notice { signature: Some("x".into()), ..good.clone() }), "a signature");
    assert_eq!(refused(with(vec![sha256.clone()])), "a file without an MD5");
    assert_eq!(refused(with(vec![streamed])), "a file over MQTT");
    let both = with(vec![File { also: Some(file.digest), ..sha256 }]);
    assert_eq!(write_push(84_213, &both).unwrap(), PUSH, "the MD5 beside a SHA-256 is the one told");
}

proptest! {
    #[test]
    fn every_notice_comes_back_from_the_wire_as_it_went_in(
        number: u64, size in 1..=u64::MAX, md5 in any::<[u8; 16]>(), version in "[A-Za-z0-9._-]{1,64}", url in "https?://[a-z0-9./?&=%\"é{}_-]{1,60}", silent: bool,
    ) {
        let file = File { size, digest: Digest::Md5(md5), source: Source::Http { url }, ..notice().files[0].clone() };
        let told = Notice { version: version.parse().unwrap(), files: vec![file], silent, ..notice() };
        let push = write_push(number, &told).unwrap();
        prop_assert_eq!(read_push(push.as_bytes()), Ok(Downlink::Notice(told.clone())));
        let answer = write_answer(&MessageId::Number(number), &told).unwrap();
        let want = Notice { silent: false, ..told };
        prop_assert_eq!(read_answer(answer.as_bytes()), Ok(Downlink::Notice(want)));
    }

    #[test]
    fn random_bytes_never_panic(bytes: Vec<u8>) {
        let _ = (read_push(&bytes), read_answer(&bytes));
    }
}
