//! A Task to and from neutral words, and what no device may be told.

use alloc::{string::String, vec::Vec};

use proptest::prelude::*;

use super::{
    super::samples::{MD5, any_kind, any_task, named, numbered, task, token},
    *,
};

fn read(generation: Generation, text: &str) -> Result<Task, ReadError> {
    Task::read(generation, json::read(text.as_bytes())?)
}

fn device(generation: Generation) -> DeviceId {
    if generation == Generation::Token { numbered() } else { named() }
}

/// Source: onenet §2.4, the data of both answers.
#[test]
fn it_is_written_as_the_vendor_writes_it() {
    assert_eq!(
        task(Generation::Token).write(),
        r#"{"target":"1.4.2","token":"ota_Zk3Qm81TtYw0aPf7LrXe","size":40960,"md5":"ab893875d697a3145af5eed5309bee26","signal":10,"power":30,"retry":3,"interval":60,"type":1}"#
    );
    assert_eq!(
        task(Generation::Fuse).write(),
        r#"{"target":"1.4.2","tid":900017,"size":40960,"md5":"ab893875d697a3145af5eed5309bee26","status":1,"type":1}"#
    );
}

#[test]
fn quoted_numbers_upper_case_digests_and_missing_extras_are_read() {
    let bare = read(
        Generation::Token,
        r#"{"md5":"AB893875D697A3145AF5EED5309BEE26","token":"ota_Zk3Qm81TtYw0aPf7LrXe","size":"40960","target":"1.4.2"}"#,
    );
    let terms = Terms::Token { token: token(), limits: Limits::default(), ip_port: None };
    assert_eq!(bare, Ok(Task { terms, ..task(Generation::Token) }));
    let beyond = task(Generation::Token)
        .write()
        .replace("\"signal\":10", "\"signal\":-90")
        .replace("\"power\":30", "\"power\":300");
    let Ok(Task { terms: Terms::Token { limits, .. }, .. }) = read(Generation::Token, &beyond) else {
        panic!()
    };
    assert_eq!((limits.signal, limits.power), (0, u8::MAX));
    let bare = r#"{"target":"1.4.2","tid":"900017","size":40960,"md5":"ab893875d697a3145af5eed5309bee26"}"#;
    assert_eq!(read(Generation::Tid, bare), Ok(task(Generation::Tid)));
}

#[test]
fn a_task_that_cannot_be_is_a_typed_error() {
    let good = task(Generation::Tid).write();
    for (from, to) in [
        ("\"tid\":900017", "\"tid\":-1"),
        ("\"tid\":900017", "\"tid\":4294967296"),
        ("\"tid\":900017", "\"tod\":1"),
        ("\"size\":40960", "\"size\":4294967296"),
        ("\"size\":40960", "\"size\":1.5"),
        ("\"status\":1", "\"status\":7"),
        ("\"status\":1", "\"status\":0"),
        ("\"type\":1", "\"type\":3"),
        ("\"target\":\"1.4.2\"", "\"target\":7"),
    ] {
        let text = good.replace(from, to);
        assert!(matches!(read(Generation::Tid, &text), Err(ReadError::Malformed(_))), "{text}");
    }
    let zero = read(Generation::Tid, &good.replace("40960", "0"));
    assert_eq!(zero, Err(ReadError::Notice(NoticeError::EmptyFile { index: 0 })));
    assert!(matches!(read(Generation::Tid, &good.replace("ab89", "ab8")), Err(ReadError::Digest(_))));
    assert!(matches!(read(Generation::Tid, &good.replace("1.4.2", "../x")), Err(ReadError::Id(_))));
    assert!(matches!(read(Generation::Token, &good), Err(ReadError::Malformed(_))), "it has no token");
    let token = task(Generation::Token).write();
    assert!(matches!(read(Generation::Token, &token.replace("ota_", "../")), Err(ReadError::Id(_))));
}

/// Source: onenet §2.1 row 4 and §2.2: where each generation's file is.
#[test]
fn a_notice_says_what_the_task_says_and_where_its_file_is() {
    for (generation, base, url) in [
        (
            Generation::Token,
            "http://ota.heclouds.com",
            "http://ota.heclouds.com/ota/south/download/ota_Zk3Qm81TtYw0aPf7LrXe",
        ),
        (Generation::Tid, "http://h:80/", "http://h:80/ota/PrdTest001/meter-01/900017/download"),
        (Generation::Fuse, "https://h", "https://h/fuse-ota/PrdTest001/meter-01/900017/download"),
    ] {
        let notice = task(generation).notice(generation, &device(generation), Kind::Fota, base).unwrap();
        assert_eq!((notice.version.as_str(), notice.module.as_str()), ("1.4.2", "modem"));
        let [file] = notice.files.as_slice() else { panic!("{notice:?}") };
        assert_eq!((file.size, file.digest), (40960, Digest::Md5(MD5)));
        assert_eq!(file.source, Source::Http { url: url.into() });
    }
}

#[test]
fn what_this_dialect_has_no_words_for_is_a_typed_error() {
    let generation = Generation::Token;
    let good = task(generation).notice(generation, &numbered(), Kind::Sota, "http://h").unwrap();
    let terms = || task(generation).terms;
    let with = |change: fn(&mut Notice)| {
        let mut notice = good.clone();
        change(&mut notice);
        Task::of(&notice, terms())
    };
    assert_eq!(Task::of(&good, terms()), Ok(task(generation)));
    assert_eq!(with(|notice| notice.files.clear()), Err(TaskError::Notice(NoticeError::NoFiles)));
    assert_eq!(with(|notice| notice.files[0].size = 1 << 32), Err(TaskError::TooLarge { size: 1 << 32 }));
    assert_eq!(with(|notice| notice.files[0].digest = Digest::Sha256([7; 32])), Err(TaskError::NoMd5));
    let beside = with(|notice| {
        notice.files[0].digest = Digest::Sha256([7; 32]);
        notice.files[0].also = Some(Digest::Md5(MD5));
    });
    assert_eq!(beside, Ok(task(generation)));
    let two = with(|notice| {
        let mut file = notice.files[0].clone();
        file.name = Some("b".into());
        notice.files[0].name = Some("a".into());
        notice.files.push(file);
    });
    assert_eq!(two, Err(TaskError::Files { count: 2 }));
    let long = with(|notice| notice.version = "1".repeat(32).parse().unwrap());
    assert_eq!(long, Err(TaskError::TooLong { what: "version", len: 32 }));
    let ip_port = Some(String::from("1").repeat(32));
    let long = Task::of(&good, Terms::Token { token: token(), limits: Limits::default(), ip_port });
    assert_eq!(long, Err(TaskError::TooLong { what: "ipPort", len: 32 }));
}

#[test]
fn an_address_that_would_break_out_of_a_link_is_dropped() {
    for (sent, kept) in
        [("183.230.40.50:80", true), ("183.230.40.50", true), ("1.2.3.4/x", false), ("a@b", false)]
    {
        let good = task(Generation::Token).write();
        let text = good.replace(r#""type":1"#, &format!(r#""ipPort":"{sent}","type":1"#));
        let Terms::Token { ip_port, .. } = read(Generation::Token, &text).unwrap().terms else { panic!() };
        assert_eq!(ip_port.is_some(), kept, "{sent}");
    }
}

proptest! {
    #[test]
    fn every_task_comes_back_from_the_wire_as_it_went_in(
        (generation, task) in super::super::samples::any_generation().prop_flat_map(|it| (Just(it), any_task(it))),
        kind in any_kind(),
    ) {
        prop_assert_eq!(read(generation, &task.write()), Ok(task.clone()));
        let notice = task.notice(generation, &device(generation), kind, "http://h").unwrap();
        prop_assert_eq!(Kind::of(&notice.module), Some(kind));
        prop_assert_eq!(Task::of(&notice, task.terms.clone()), Ok(task));
    }

    #[test]
    fn random_bytes_never_panic(bytes: Vec<u8>) {
        let _ = json::read::<Told>(&bytes).map(|told| Task::read(Generation::Fuse, told));
    }
}
