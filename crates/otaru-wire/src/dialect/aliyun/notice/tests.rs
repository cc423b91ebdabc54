//! Golden samples, tolerance, refusals and round trips of the notice.

use std::string::String;

use proptest::prelude::*;

use super::*;
use crate::dialect::aliyun::samples::{MD5, SHA256, any_notice, file, mqtt, one, two};

fn push(notice: &Notice) -> Result<String, NoticeError> {
    write_push(1_700_000_000_000, notice)
}

fn read(text: &str) -> Result<Downlink, ReadError> {
    read_push(text.as_bytes())
}

/// Source: aliyun-link-sdk-v4 §2.3: the samples, keys in the order of the capture of 2026.
#[test]
fn a_push_is_written_to_the_byte_as_the_sheet_has_it() {
    let url = "https://files.example/fw/a.bin?t=1&u=/2";
    assert_eq!(
        push(&one(file(MD5, url))).unwrap(),
        format!(
            r#"{{"code":"1000","data":{{"size":9,"sign":"{MD5}","version":"2.0.0","signMethod":"Md5","url":"{url}","md5":"{MD5}"}},"id":1700000000000,"message":"success"}}"#
        )
    );
    let full = Notice {
        module: "mcu".parse().unwrap(),
        delta: true,
        silent: false,
        extra: Some(r#"{ "site": "osaka", "_package_udi":"{\"note\":\"fixes the pump\"}" }"#.into()),
        ..one(file(SHA256, url))
    };
    assert_eq!(
        push(&full).unwrap(),
        format!(
            r#"{{"code":"1000","data":{{"size":9,"sign":"{SHA256}","version":"2.0.0","signMethod":"SHA256","url":"{url}","module":"mcu","isDiff":1,"extData":{{"site":"osaka","_package_udi":"{{\"note\":\"fixes the pump\"}}"}}}},"id":1700000000000,"message":"success"}}"#
        )
    );
}

/// Sources: aliyun-iotkit-v3 §0 row 5 and §2.2: v3 takes `md5` whatever is announced; aliyun-link-sdk-v4 §2.3: v4 ignores it.
#[test]
fn an_md5_stands_beside_a_sha_256_for_devices_that_know_nothing_else() {
    let md5 = Digest::try_from(String::from(MD5)).unwrap();
    let both = one(File { also: Some(md5), ..file(SHA256, "http://x/a") });
    let text = push(&both).unwrap();
    let data = format!(
        r#""data":{{"size":9,"sign":"{SHA256}","version":"2.0.0","signMethod":"SHA256","url":"http://x/a","md5":"{MD5}"}}"#
    );
    assert!(text.contains(&data), "{text}");
    assert_eq!(read(&text), Ok(Downlink::Notice(both.clone())));
    for none in ["null", "\"\""] {
        let without = text.replace(&format!("\"{MD5}\""), none);
        assert_eq!(read(&without), Ok(Downlink::Notice(one(file(SHA256, "http://x/a")))), "{none}");
    }
    let broken = text.replace(MD5, &MD5[1..]);
    assert!(matches!(read(&broken), Err(ReadError::Digest(_))));
    let named = |name: &str| File { name: Some(name.into()), ..both.files[0].clone() };
    let several = Notice { files: vec![named("a"), named("b")], ..both };
    assert_eq!(read(&push(&several).unwrap()), Ok(Downlink::Notice(several)));
}

/// Source: aliyun-link-sdk-v4 §2.3, the third sample.
const TWO_FILES: &str = r#"{"code":"1000","data":{"version":"2.0.0","signMethod":"Md5","files":[{"fileSize":9,"fileName":"app.bin","fileUrl":"https://files.example/fw/a.bin?t=1","fileMd5":"25f9e794323b453885f5181f1b624d0b","fileSign":"25f9e794323b453885f5181f1b624d0b"},{"fileSize":9,"fileName":"font.bin","fileUrl":"https://files.example/fw/b.bin?t=1","fileMd5":"25f9e794323b453885f5181f1b624d0b","fileSign":"25f9e794323b453885f5181f1b624d0b"}]},"id":1700000000002,"message":"success"}"#;

/// Source: aliyun-link-sdk-v4 §2.3, the fifth sample (keys as captured in 2023 and 2025).
const ONE_STREAMED: &str = r#"{"code":"1000","data":{"size":9,"streamId":4101,"sign":"25f9e794323b453885f5181f1b624d0b","dProtocol":"mqtt","version":"2.0.0","signMethod":"Md5","streamFileId":1,"md5":"25f9e794323b453885f5181f1b624d0b"},"id":1700000000003,"message":"success"}"#;

/// Source: aliyun-link-sdk-v4 §2.3, the fourth sample (what SDK 4.2.0 accepts; no capture).
const TWO_STREAMED: &str = r#"{"code":"1000","data":{"version":"2.0.0","signMethod":"Md5","dProtocol":"mqtt","streamId":4102,"files":[{"fileSize":9,"fileName":"app.bin","fileSign":"25f9e794323b453885f5181f1b624d0b","streamFileId":1},{"fileSize":9,"fileName":"font.bin","fileSign":"25f9e794323b453885f5181f1b624d0b","streamFileId":2}]},"id":1700000000004,"message":"success"}"#;

#[test]
fn several_files_and_streams_are_written_and_read_as_the_sheet_has_them() {
    let files = two("https://files.example/fw");
    let one_streamed = one(mqtt(&file(MD5, ""), 1, 4101));
    let two_streamed = Notice {
        files: vec![mqtt(&files.files[0], 1, 4102), mqtt(&files.files[1], 2, 4102)],
        ..files.clone()
    };
    for (id, notice, golden) in [
        (1_700_000_000_002, files, TWO_FILES),
        (1_700_000_000_003, one_streamed, ONE_STREAMED),
        (1_700_000_000_004, two_streamed, TWO_STREAMED),
    ] {
        assert_eq!(write_push(id, &notice).unwrap(), golden);
        assert_eq!(read(golden), Ok(Downlink::Notice(notice)));
    }
}

/// Source: aliyun-link-sdk-v4 §2.5.
#[test]
fn an_answer_is_written_and_read_as_the_sheet_has_it() {
    let golden = r#"{"id":"3","code":200,"data":{"size":9,"sign":"25f9e794323b453885f5181f1b624d0b","version":"2.0.0","signMethod":"Md5","url":"https://files.example/fw/a.bin?t=2","md5":"25f9e794323b453885f5181f1b624d0b","module":"mcu"}}"#;
    let notice =
        Notice { module: "mcu".parse().unwrap(), ..one(file(MD5, "https://files.example/fw/a.bin?t=2")) };
    assert_eq!(write_answer(&MessageId::Text("3".into()), &notice).unwrap(), golden);
    assert_eq!(read_answer(golden.as_bytes()), Ok(Downlink::Notice(notice)));
}

/// Sources: aliyun-link-sdk-v4 §2.3 (older HTTPS order; MD5 of newer documents; Sha256), aliyun-iotkit-v3 §2.2 (md5 alone,
/// size as text); blanks and unknown fields are anybody's.
#[test]
fn every_known_spelling_of_a_push_is_read() {
    let url = "https://files.example/a?t=1";
    let (md5, sha256) = (Downlink::Notice(one(file(MD5, url))), Downlink::Notice(one(file(SHA256, url))));
    for (data, want) in [
        (
            format!(
                r#""size":9,"sign":"{MD5}","version":"2.0.0","url":"{url}","signMethod":"Md5","md5":"{MD5}""#
            ),
            &md5,
        ),
        (format!(r#""size":"9","md5":"{MD5}","version":"2.0.0","url":"{url}""#), &md5),
        (
            format!(
                r#""size":9,"md5":"{MD5}","signMethod":"md5","version":"2.0.0","url":"{url}","isDiff":0"#
            ),
            &md5,
        ),
        (
            format!(
                r#" "size" : 9 , "sign" : "{}", "signMethod":"MD5", "version":"2.0.0","url":"{url}""#,
                MD5.to_uppercase()
            ),
            &md5,
        ),
        (
            format!(
                r#""size":9,"sign":"{MD5}","version":"2.0.0","url":"{url}","module":"default","status":1,"x":[{{}}]"#
            ),
            &md5,
        ),
        (
            format!(
                r#""size":9,"sign":"{MD5}","version":"2.0.0","url":"{}","signMethod":"Md5""#,
                url.replace('/', "\\/")
            ),
            &md5,
        ),
        (
            format!(
                r#""dProtocol":"https","streamId":0,"size":9,"sign":"{MD5}","signMethod":"Md5","version":"2.0.0","url":"{url}""#
            ),
            &md5,
        ),
        (
            format!(
                r#""dProtocol":"mqtt","streamId":0,"size":9,"sign":"{MD5}","signMethod":"Md5","version":"2.0.0","url":"{url}""#
            ),
            &md5,
        ),
        (
            format!(
                r#""version":"2.0.0","files":[{{"fileSize":9,"fileUrl":"{url}","fileMd5":"{MD5}","fileName":""}}]"#
            ),
            &md5,
        ),
        (
            format!(r#""size":9,"sign":"{SHA256}","version":"2.0.0","url":"{url}","signMethod":"SHA256""#),
            &sha256,
        ),
        (
            format!(r#""size":9,"sign":"{SHA256}","version":"2.0.0","url":"{url}","signMethod":"Sha256""#),
            &sha256,
        ),
        (
            format!(
                r#""size":9,"sign":"{SHA256}","version":"2.0.0","url":"{url}","signMethod":"sha256","extData":null"#
            ),
            &sha256,
        ),
    ] {
        for head in [r#""code":"1000","id":1"#, r#""code":1000,"id":"1""#, r#""message":"success""#] {
            let text = format!(r#"{{{head},"data":{{{data}}}}}"#);
            assert_eq!(read(&text).as_ref(), Ok(want), "{text}");
            let answer = format!(r#"{{"id":3,"code":"200","data":{{{data}}}}}"#);
            assert_eq!(read_answer(answer.as_bytes()).as_ref(), Ok(want), "{answer}");
        }
    }
}

#[test]
fn a_message_without_a_version_is_nothing_to_do() {
    for text in
        [r#"{"code":"1000","data":{},"id":1}"#, r#"{"data":{"size":9}}"#, r#"{"data":{"version":null}}"#]
    {
        assert_eq!(read(text), Ok(Downlink::NoTask), "{text}");
    }
    for text in [
        r#"{"id":"3","code":200,"data":{}}"#,
        r#"{"id":3,"code":"200"}"#,
        r#"{"code":200,"data":null}"#,
        r#"{"code":"1000","data":{}}"#,
    ] {
        assert_eq!(read_answer(text.as_bytes()), Ok(Downlink::NoTask), "{text}");
    }
    for text in [r#"{"id":3,"code":6203,"data":{}}"#, r#"{"id":3,"code":"x"}"#] {
        assert!(matches!(read_answer(text.as_bytes()), Err(ReadError::Malformed(_))), "{text}");
    }
    assert!(matches!(read("{}"), Err(ReadError::Malformed(_))), "a push must have data");
}

#[test]
fn a_push_that_cannot_be_followed_is_refused_with_its_reason() {
    let with = |size: &str, sign: &str, url: &str| {
        read(&format!(
            r#"{{"data":{{"size":{size},"sign":"{sign}","signMethod":"Md5","version":"2.0.0","url":"{url}"}}}}"#
        ))
    };
    assert!(with("9", MD5, "http://x/a").is_ok());
    assert_eq!(with("0", MD5, "http://x/a"), Err(NoticeError::EmptyFile { index: 0 }.into()));
    assert_eq!(with("\"0\"", MD5, "http://x/a"), Err(NoticeError::EmptyFile { index: 0 }.into()));
    for size in ["-1", "\"-1\"", "null", "1.5", "1e3", "18446744073709551616", "\"\"", "[9]"] {
        assert!(matches!(with(size, MD5, "http://x/a"), Err(ReadError::Malformed(_))), "{size}");
    }
    for sign in ["", &MD5[1..], SHA256, &MD5.replace('f', "g"), &"é".repeat(16)] {
        assert!(matches!(with("9", sign, "http://x/a"), Err(ReadError::Digest(_))), "{sign}");
    }
    let long = format!("http://x/{}", "a".repeat(8184));
    assert_eq!(with("9", MD5, &long), Err(NoticeError::UrlTooLong { index: 0, len: 8193 }.into()));
    assert!(with("9", MD5, &long[..8192]).is_ok());
    assert!(matches!(with("9", MD5, ""), Err(ReadError::Malformed(_))));
    assert!(matches!(
        with("9", MD5, r"http://x/\r\nHost: y"),
        Err(ReadError::Notice(NoticeError::Character { .. }))
    ));
    for (data, sha) in [
        (format!(r#""md5":"{MD5}","signMethod":"SHA256""#), "an MD5 stands in for a SHA-256"),
        (String::new(), "no digest"),
    ] {
        let comma = if data.is_empty() { "" } else { "," };
        let text = format!(r#"{{"data":{{"size":9,"version":"2.0.0","url":"http://x/a"{comma}{data}}}}}"#);
        assert!(matches!(read(&text), Err(ReadError::Malformed(_))), "{sha}");
    }
    let unknown = format!(
        r#"{{"data":{{"size":9,"sign":"{MD5}","signMethod":"Crc","version":"2","url":"http://x/a"}}}}"#
    );
    assert_eq!(read(&unknown), Err(DigestError::UnknownMethod.into()));
    let extra =
        format!(r#"{{"data":{{"size":9,"sign":"{MD5}","version":"2","url":"http://x/a","extData":"x"}}}}"#);
    assert!(matches!(read(&extra), Err(ReadError::Malformed(_))));
    let twice =
        format!(r#"{{"data":{{"size":9,"size":8,"sign":"{MD5}","version":"2","url":"http://x/a"}}}}"#);
    assert!(matches!(read(&twice), Err(ReadError::Malformed(_))));
}

#[test]
fn a_difference_is_told_from_a_whole_image_or_refused() {
    let with = |flag: &str| {
        read(&format!(
            r#"{{"data":{{"size":9,"sign":"{MD5}","version":"2.0.0","url":"http://x/a","isDiff":{flag}}}}}"#
        ))
    };
    for (flag, delta) in
        [("1", true), ("true", true), ("\"1\"", true), ("0", false), ("false", false), ("null", false)]
    {
        let want = Notice { delta, ..one(file(MD5, "http://x/a")) };
        assert_eq!(with(flag), Ok(Downlink::Notice(want)), "{flag}");
    }
    for flag in ["2", "-1", "\"yes\"", "\"\"", "{}"] {
        assert!(matches!(with(flag), Err(ReadError::Malformed(_))), "{flag}");
    }
}

#[test]
fn packages_without_files_or_with_too_many_are_refused() {
    assert_eq!(read(r#"{"data":{"version":"2","files":[]}}"#), Err(NoticeError::NoFiles.into()));
    let element = format!(r#"{{"fileSize":9,"fileUrl":"http://x/a","fileSign":"{MD5}"}}"#);
    let of = |count: usize| {
        format!(r#"{{"data":{{"version":"2","files":[{}]}}}}"#, vec![element.as_str(); count].join(","))
    };
    assert!(read(&of(20)).is_ok());
    assert_eq!(read(&of(21)), Err(NoticeError::TooManyFiles { count: 21 }.into()));
    let bad_second = of(2).replacen(r#""fileSize":9"#, r#""fileSize":8"#, 1).replacen(
        r#""fileSize":9"#,
        r#""fileSize":0"#,
        1,
    );
    assert_eq!(read(&bad_second), Err(NoticeError::EmptyFile { index: 1 }.into()));
    for stream_file in ["0", "null", "4294967296", "-1"] {
        let text = format!(
            r#"{{"data":{{"version":"2","size":9,"sign":"{MD5}","dProtocol":"mqtt","streamId":7,"streamFileId":{stream_file}}}}}"#
        );
        assert_eq!(read(&text), Err(NoticeError::Stream { index: 0 }.into()), "{stream_file}");
    }
    let no_stream = format!(
        r#"{{"data":{{"version":"2","size":9,"sign":"{MD5}","dProtocol":"mqtt","url":"http://x/a"}}}}"#
    );
    assert!(matches!(read(&no_stream), Err(ReadError::Malformed(_))));
}

proptest! {
    #[test]
    fn every_notice_that_is_sent_comes_back_from_the_wire_as_it_went_in(notice in any_notice(), now_ms: u64, id: String) {
        match push(&notice) {
            Err(refused) => {
                let braces = matches!(refused, NoticeError::Braces { what: "extra data" });
                prop_assert!(braces || matches!(refused, NoticeError::Shadowed { .. }), "{refused}");
            }
            Ok(_) => {
                let text = write_push(now_ms, &notice).unwrap();
                prop_assert_eq!(read(&text), Ok(Downlink::Notice(notice.clone())));
                let text = write_answer(&MessageId::Text(id), &notice).unwrap();
                prop_assert_eq!(read_answer(text.as_bytes()), Ok(Downlink::Notice(notice)));
            }
        }
    }

    #[test]
    fn random_bytes_never_panic(bytes: Vec<u8>) {
        let _ = (read_push(&bytes), read_answer(&bytes));
    }

    #[test]
    fn a_damaged_push_never_panics(sample in 0_usize..3, at: proptest::sample::Index, byte: u8, cut: bool) {
        let mut bytes = [TWO_FILES, ONE_STREAMED, TWO_STREAMED][sample].as_bytes().to_vec();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        if cut {
            bytes.truncate(at);
        }
        if let Ok(Downlink::Notice(notice)) = read_push(&bytes) {
            prop_assert_eq!(notice.check(), Ok(()));
        }
    }
}
