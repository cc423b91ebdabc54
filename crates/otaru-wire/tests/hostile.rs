//! What a stranger sends: every reader of every dialect gives a value or a typed error, never a panic, and a value
//! that it gives is sound.
#![allow(clippy::unwrap_used, clippy::panic)] // helpers of tests may fail as tests do

use otaru_wire::{
    DeviceId, Report, Step,
    dialect::{
        DEVICE_HALVES, Downlink, Login, LoginKeys, PLATFORM_HALVES, ReadError, aliyun::Topic, platform_half,
    },
};
use proptest::prelude::*;

fn me() -> DeviceId {
    DeviceId { product: "a1DemoPk001".parse().unwrap(), device: "dev-one".parse().unwrap() }
}

/// Every topic of every dialect.
fn topics() -> impl Iterator<Item = String> {
    const JD: [&str; 6] = ["version", "progress", "get", "get_reply", "upgrade", "upgrade_reply"];
    let jd = JD.map(|leaf| format!("/sys/a1DemoPk001/dev-one/ota/firmware/{leaf}"));
    Topic::ALL.map(|topic| topic.of(&me())).into_iter().chain(jd)
}

/// Reads `payload` on every topic with every half; gives how many took it.
fn read_everywhere(payload: &[u8]) -> usize {
    let mut taken = 0;
    for device in DEVICE_HALVES {
        let platform = platform_half(device.dialect()).unwrap();
        for topic in topics() {
            if let Ok(uplink) = platform.read_report(&topic, payload) {
                taken += 1;
                assert_eq!(uplink.device, me(), "a report speaks of its topic's device");
                if let Report::Progress { step, description, .. } = uplink.report {
                    assert!((-4..=100).contains(&step.code()) && description.len() <= 128);
                    assert_eq!(Step::from_code(step.code().into()), Some(step));
                }
            }
            let heard = device.read_message(&me(), &topic, payload);
            if let Ok(Downlink::Config { config, .. }) = &heard {
                taken += 1;
                assert_eq!(config.check(), Ok(()));
            }
            if let Ok(Downlink::Block(block)) = &heard {
                taken += 1;
                assert_eq!(block.check(), Ok(()));
            }
            if let Ok(Downlink::Gateway(answer)) = &heard {
                taken += 1;
                assert!(answer.result.as_ref().err().is_none_or(|(_, reason)| reason.len() <= 128));
            }
            if let Ok(Downlink::Notice(notice)) = heard {
                taken += 1;
                assert_eq!(notice.check(), Ok(()));
                // It may be refused for stock SDKs; what is written must say the same.
                if let Ok(message) = platform.write_notice(&me(), 0, &notice) {
                    let Ok(Downlink::Notice(again)) =
                        device.read_message(&me(), &message.topic, &message.payload)
                    else {
                        panic!("a notice that was written is not read");
                    };
                    assert!(again.same_offer(&notice));
                }
            }
        }
    }
    taken
}

/// JSON of the dialect's own keys with values of every kind in any place.
fn any_json() -> impl Strategy<Value = String> {
    const KEYS: [&str; 30] = [
        "msgId",
        "msgId ",
        "firmwareVersion",
        "policy",
        "status",
        "progress",
        "id",
        "params",
        "version",
        "module",
        "step",
        "desc",
        "code",
        "data",
        "size",
        "sign",
        "signMethod",
        "url",
        "md5",
        "isDiff",
        "extData",
        "digestsign",
        "dProtocol",
        "streamId",
        "streamFileId",
        "files",
        "fileSize",
        "fileUrl",
        "fileSign",
        "message",
    ];
    const LEAVES: [&str; 22] = [
        "null",
        "true",
        "0",
        "-0",
        "9",
        "-1",
        "1.5",
        "1e400",
        "NaN",
        "18446744073709551615",
        "18446744073709551616",
        "\"\"",
        "\"9\"",
        "\"-3\"",
        "\"Md5\"",
        "\"SHA256\"",
        "\"mqtt\"",
        "\"\\ud800\"",
        "\"25f9e794323b453885f5181f1b624d0b\"",
        "\"http://x/a\"",
        "\"1.0.0\"",
        "{}",
    ];
    let leaf = proptest::sample::select(&LEAVES[..]).prop_map(String::from);
    leaf.prop_recursive(5, 64, 8, |inner| {
        let pair =
            (proptest::sample::select(&KEYS[..]), inner.clone()).prop_map(|(k, v)| format!("\"{k}\":{v}"));
        prop_oneof![
            4 => proptest::collection::vec(pair, 0..8).prop_map(|pairs| format!("{{{}}}", pairs.join(","))),
            1 => proptest::collection::vec(inner, 0..4).prop_map(|items| format!("[{}]", items.join(","))),
        ]
    })
}

const SAMPLES: [&str; 12] = [
    r#"{"msgId":"5","version":"1.0","data":{"firmwareVersion":"2.2.1"},"ts":1735689600000}"#,
    r#"{"msgId":"6","version":"1.0","data":{"status":0,"progress":45,"firmwareVersion":"2.3.0"}}"#,
    r#"{"msgId":"84213","version":"1.0","code":200}"#,
    r#"{"msgId ":"84213","version":"1.0","data ":{"policy":" silent","size":262144,"firmwareVersion":"2.3.0","url":"http://ota.example.test/fw/2.3.0.bin","sign":"ec87a838931d4d5d2e94a04644788a55","signMethod":"Md5"}}"#,
    r#"{"id":1, "params":{"version":"1.0.0","module":"mcu"}}"#,
    r#"{"id":5, "params":{"step":"-3","desc":"","module":"mcu"}}"#,
    r#"{"id":"123","version":"1.0","params":{"module":"mcu"},"method":"thing.ota.firmware.get"}"#,
    r#"{"code":"1000","data":{"size":9,"sign":"25f9e794323b453885f5181f1b624d0b","version":"2.0.0","signMethod":"Md5","url":"https://files.example/fw/a.bin?t=1","md5":"25f9e794323b453885f5181f1b624d0b","extData":{"a":"b"}},"id":1700000000000,"message":"success"}"#,
    r#"{"code":"1000","data":{"version":"2.0.0","signMethod":"Md5","files":[{"fileSize":9,"fileName":"a","fileUrl":"https://x/a","fileSign":"25f9e794323b453885f5181f1b624d0b"},{"fileSize":9,"fileName":"b","fileUrl":"https://x/b","fileSign":"25f9e794323b453885f5181f1b624d0b"}]},"id":1}"#,
    r#"{"id":"1","version":"1.0","params":{"fileToken":"default","fileInfo":{"streamId":4101,"fileId":1,},"fileBlock":{"size":5120,"offset":0}}}"#,
    r#"{"id":"77","version":"1.0","params":{"configId":"cfg-7","configSize":9,"sign":"25f9e794323b453885f5181f1b624d0b","signMethod":"Md5","url":"https://files.example/cfg/7?t=1","getType":"file"},"method":"thing.config.push"}"#,
    r#""id":72,"code":"400","data":{}"#,
];

proptest! {
    #[test]
    fn json_of_any_shape_is_read_or_refused(text in any_json()) {
        read_everywhere(text.as_bytes());
    }

    #[test]
    fn random_bytes_are_read_or_refused(bytes: Vec<u8>) {
        read_everywhere(&bytes);
    }

    #[test]
    fn a_damaged_sample_is_read_or_refused(
        sample in proptest::sample::select(&SAMPLES[..]), at: prop::sample::Index, with in "[\\[\\]{}\",:0-9a-z\u{0}é-]{0,3}", cut in 0_usize..4,
    ) {
        let mut bytes = sample.as_bytes().to_vec();
        let at = at.index(bytes.len());
        bytes.splice(at..(at + cut).min(bytes.len()), with.bytes());
        read_everywhere(&bytes);
    }

    #[test]
    fn any_login_is_read_or_refused(client_id: String, user_name: String, password: String) {
        for platform in PLATFORM_HALVES {
            for login in [
                Login { client_id: client_id.clone(), user_name: user_name.clone(), password: password.clone() },
                Login { client_id: "a1DemoPk001.dev-one".into(), user_name: "dev-one&a1DemoPk001".into(), password: password.clone() },
                Login { client_id: format!("a|{client_id}|"), user_name: "dev-one&a1DemoPk001".into(), password: password.clone() },
            ] {
                let _ = platform.read_login(&login);
                prop_assert!(platform.verify_login(&login, &LoginKeys::of_device("secret")).is_err());
            }
        }
    }

    #[test]
    fn any_topic_is_allowed_or_not(topic: String) {
        for platform in PLATFORM_HALVES {
            prop_assert!(!platform.may_publish(&me(), &topic) && !platform.may_subscribe(&me(), &topic));
        }
    }
}

#[test]
fn every_sample_is_taken_undamaged() {
    for sample in SAMPLES {
        assert!(read_everywhere(sample.as_bytes()) > 0, "{sample}");
    }
}

#[test]
fn nesting_and_length_have_bounds() {
    let topic = Topic::Inform.of(&me());
    let platform = PLATFORM_HALVES[0];
    for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
        let deep = |levels| {
            format!(
                "{{\"x\":{}1{},\"params\":{{\"version\":\"1\"}}}}",
                open.repeat(levels),
                close.repeat(levels)
            )
        };
        assert!(platform.read_report(&topic, deep(31).as_bytes()).is_ok());
        let refused = platform.read_report(&topic, deep(32).as_bytes());
        assert_eq!(refused, Err(ReadError::TooDeep { max: 32 }));
        assert!(platform.read_report(&topic, open.repeat(10_000).as_bytes()).is_err());
    }
    let long = |len: usize| {
        let frame = r#"{"x":"","params":{"version":"1"}}"#;
        frame.replacen("\"\"", &format!("\"{}\"", "a".repeat(len - frame.len())), 1)
    };
    assert!(platform.read_report(&topic, long(65_536).as_bytes()).is_ok());
    let refused = platform.read_report(&topic, long(65_537).as_bytes());
    assert_eq!(refused, Err(ReadError::TooLong { len: 65_537, max: 65_536 }));
}
