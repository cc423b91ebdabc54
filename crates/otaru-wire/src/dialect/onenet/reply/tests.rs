//! Replies of each generation against the sheet's samples, and within what vendors' clients have room for.

use std::{string::String, vec::Vec};

use proptest::prelude::*;

use super::{
    super::{
        Handle, Kind, Limits, Step, Terms, Token,
        samples::{answer, any_ask, any_generation, any_reply, assert_fits, check, handle, task, token},
    },
    *,
};

const ID: &str = "5b0f3a7c9d1e4f62a8b7c6d5e4f30211";

fn body(reply: Reply, generation: Generation) -> String {
    String::from_utf8(reply.write(generation, ID).body).unwrap()
}

/// Source: onenet §2.4.
#[test]
fn replies_are_the_vendors_to_the_byte() {
    let both = Versions { fota: Some("1.0.0".parse().unwrap()), sota: Some("1.0.0".parse().unwrap()) };
    for (reply, generation, want) in [
        (
            Reply::Task(task(Generation::Token)),
            Generation::Token,
            r#"{"errno":0,"error":"succ","data":{"target":"1.4.2","token":"ota_Zk3Qm81TtYw0aPf7LrXe","size":40960,"md5":"ab893875d697a3145af5eed5309bee26","signal":10,"power":30,"retry":3,"interval":60,"type":1}}"#,
        ),
        (
            Reply::Task(task(Generation::Fuse)),
            Generation::Fuse,
            r#"{"code":0,"msg":"succ","data":{"target":"1.4.2","tid":900017,"size":40960,"md5":"ab893875d697a3145af5eed5309bee26","status":1,"type":1},"request_id":"5b0f3a7c9d1e4f62a8b7c6d5e4f30211"}"#,
        ),
        (
            Reply::Refused(Refusal::NoTask),
            Generation::Fuse,
            r#"{"code":12012,"msg":"not exist","request_id":"5b0f3a7c9d1e4f62a8b7c6d5e4f30211"}"#,
        ),
        (
            Reply::Refused(Refusal::Finished),
            Generation::Fuse,
            r#"{"code":20,"msg":"task finish","request_id":"5b0f3a7c9d1e4f62a8b7c6d5e4f30211"}"#,
        ),
        (Reply::Done, Generation::Token, r#"{"errno":0,"error":"succ"}"#),
        (
            Reply::Versions(both),
            Generation::Tid,
            r#"{"errno":0,"error":"succ","data":{"f_version":"1.0.0","s_version":"1.0.0"}}"#,
        ),
        (
            Reply::Status(Status::Downloading),
            Generation::Tid,
            r#"{"errno":0,"error":"succ","data":{"status":2}}"#,
        ),
        (Reply::Status(Status::Downloading), Generation::Token, r#"{"errno":0,"error":"succ"}"#),
        (Reply::Refused(Refusal::NoTask), Generation::Tid, r#"{"errno":10,"error":"not exist"}"#),
    ] {
        assert_eq!(body(reply, generation), want);
    }
}

/// Source: onenet §2.4, §9 item 12 (both envelopes in one), and the spellings that a stranger may use.
#[test]
fn every_known_spelling_is_read() {
    let read = |generation, ask: &Ask, text: &str| Reply::read(generation, ask, &answer(200, text));
    let ask = check(Kind::Fota, "1.0.0");
    let superset = r#"{"errno":10,"error":"x","code":12012,"msg":"not exist","data":null,"request_id":"1"}"#;
    for generation in [Generation::Tid, Generation::Fuse] {
        assert_eq!(read(generation, &ask, superset), Ok(Reply::Refused(Refusal::NoTask)));
    }
    assert_eq!(read(Generation::Token, &ask, r#"{"errno":11}"#), Ok(Reply::Refused(Refusal::NoTask)));
    assert_eq!(read(Generation::Token, &ask, r#"{"code":"11"}"#), Ok(Reply::Refused(Refusal::NoTask)));
    assert_eq!(
        read(Generation::Fuse, &ask, r#"{"code":12013,"msg":"task succ","request_id":"1"}"#),
        Ok(Reply::Refused(Refusal::AlreadyThere))
    );
    let status = Ask::TaskCheck(handle(Generation::Tid));
    assert_eq!(
        read(Generation::Tid, &status, r#"{"errno":0,"error":"succ","data":{"status":2}}"#),
        Ok(Reply::Status(Status::Downloading))
    );
    assert_eq!(
        read(Generation::Token, &Ask::TaskCheck(Handle::Token(token())), r#"{"errno":0}"#),
        Ok(Reply::Done)
    );
    assert_eq!(
        read(Generation::Fuse, &Ask::Versions, r#"{"code":0}"#),
        Ok(Reply::Versions(Versions::default()))
    );
    let number = Ask::DeviceNumber { auth_info: "sn-1".into() };
    let want = Reply::DeviceNumber("700100200".parse().unwrap());
    assert_eq!(read(Generation::Token, &number, r#"{"errno":0,"data":{"dev_id":700100200}}"#), Ok(want));
}

#[test]
fn a_reply_that_tells_nothing_is_a_typed_error() {
    let ask = check(Kind::Sota, "1.0.0");
    let read = |text: &str| Reply::read(Generation::Fuse, &ask, &answer(200, text));
    for text in [
        "",
        "{}",
        "[]",
        r#"{"code":-1}"#,
        r#"{"code":4294967296}"#,
        r#"{"code":null}"#,
        r#"{"code":0}"#,
        r#"{"code":0,"data":[]}"#,
        r#"{"code":0,"data":{"status":1}}"#,
    ] {
        assert!(matches!(read(text), Err(AnswerError::Unreadable(ReadError::Malformed(_)))), "{text}");
    }
    let deep = format!(r#"{{"code":0,"data":{}"#, "[".repeat(100));
    assert!(matches!(read(&deep), Err(AnswerError::Unreadable(ReadError::TooDeep { .. }))));
    let long = format!(r#"{{"code":0,"msg":"{}"}}"#, "x".repeat(body::MAX_BODY_BYTES));
    assert!(matches!(read(&long), Err(AnswerError::Unreadable(ReadError::TooLong { .. }))));
    let page = answer(502, r#"{"code":0}"#);
    assert_eq!(Reply::read(Generation::Fuse, &ask, &page), Err(AnswerError::Http { status: 502 }));
    let file = Ask::Download { task: handle(Generation::Fuse), range: None };
    assert!(Reply::read(Generation::Fuse, &file, &answer(200, r#"{"code":0}"#)).is_err());
}

/// Source: onenet §9 items 1 to 3.
#[test]
fn the_longest_replies_fit_into_the_vendors_client() {
    let long = |len: usize| "W".repeat(len);
    let version = || Some(long(64).parse().unwrap());
    for generation in Generation::ALL {
        let terms = match generation {
            Generation::Token => Terms::Token {
                token: Token::new(long(27)).unwrap(),
                limits: Limits { signal: u8::MAX, power: u8::MAX, retry: u16::MAX, interval_s: u32::MAX },
                ip_port: Some(long(31)),
            },
            Generation::Tid | Generation::Fuse => Terms::Tid { tid: u32::MAX, status: Status::Canceled },
        };
        let longest = Task { target: long(31).parse().unwrap(), size: u32::MAX, terms, ..task(generation) };
        let mut replies: Vec<_> = Refusal::ALL.iter().copied().map(Reply::Refused).collect();
        replies.extend([
            Reply::Done,
            Reply::Task(longest),
            Reply::Versions(Versions { fota: version(), sota: version() }),
            Reply::Status(Status::Canceled),
            Reply::DeviceNumber(long(64).parse().unwrap()),
            Reply::Refused(Refusal::Other(u32::MAX)),
        ]);
        for reply in replies {
            let Answer { head, body } = reply.write(generation, &"f\u{1}\"".repeat(99));
            assert_fits(&head, body.len());
            assert_eq!(head.headers.value("Content-Length"), Some(body.len().to_string().as_str()));
        }
    }
}

#[test]
fn a_refusal_of_every_meaning_is_read_as_what_it_was() {
    let ask = Ask::Step { task: handle(Generation::Token), step: Step::Percent(1) };
    for generation in Generation::ALL {
        for refusal in Refusal::ALL {
            let sent = Reply::Refused(*refusal).write(generation, ID);
            let Ok(Reply::Refused(read)) = Reply::read(generation, &ask, &sent) else {
                panic!("{refusal:?}")
            };
            assert_eq!(read.number(generation), refusal.number(generation));
        }
    }
}

proptest! {
    #[test]
    fn every_reply_comes_back_from_the_wire_as_it_went_in(
        (generation, ask, reply) in any_generation()
            .prop_flat_map(|generation| (Just(generation), any_ask(generation)))
            .prop_filter("a download has another answer", |(_, ask)| !matches!(ask, Ask::Download { .. }))
            .prop_flat_map(|(generation, ask)| { let reply = any_reply(generation, &ask); (Just(generation), Just(ask), reply) }),
        request_id in "[0-9a-f]{32}",
    ) {
        let sent = reply.write(generation, &request_id);
        assert_fits(&sent.head, sent.body.len());
        prop_assert_eq!(Reply::read(generation, &ask, &sent), Ok(reply));
    }

    #[test]
    fn any_answer_is_read_without_a_panic(
        (generation, ask) in any_generation().prop_flat_map(|generation| (Just(generation), any_ask(generation))),
        text in "\\{(\"(errno|code|data|status|target|tid|size|md5|type|dev_id|f_version)\":([0-9]{1,5}|\"[a-f0-9.]{0,32}\"|\\{|\\}),?){0,9}\\}|.{0,30}",
    ) {
        if let Ok(Reply::Task(task)) = Reply::read(generation, &ask, &answer(200, &text)) {
            prop_assert!(task.size > 0);
        }
    }
}
