//! What the device half says and understands, against the tables of the sheet.

use std::{format, string::ToString, vec::Vec};

use super::{
    super::{samples, samples::answer},
    *,
};
use crate::{Failure, Limits, Module, Source, TaskName, http::Method as Verb};

fn half(generation: Generation) -> &'static Device {
    match generation {
        Generation::Token => &DEVICE_TOKEN,
        Generation::Tid => &DEVICE_TID,
        Generation::Fuse => &DEVICE_FUSE,
    }
}

fn me(generation: Generation) -> DeviceId {
    match generation {
        Generation::Token => samples::numbered(),
        Generation::Tid | Generation::Fuse => samples::named(),
    }
}

fn name(generation: Generation) -> TaskName {
    samples::handle(generation).name().unwrap()
}

fn query() -> Report {
    Report::Query { module: Module::default(), running: Some("1.0.0".parse().unwrap()), wanted: None }
}

fn progress(generation: Generation, step: crate::Step) -> Report {
    let task = Some(name(generation));
    Report::Progress { module: Module::default(), task, step, description: String::new() }
}

/// Everything that a device says by a call.
fn said(generation: Generation) -> Vec<Report> {
    [
        Report::Version { module: Module::default(), version: "1.0.0".parse().unwrap() },
        Report::Version { module: Kind::Fota.module(), version: "1.0.0".parse().unwrap() },
        query(),
        Report::TaskCheck { task: name(generation) },
        progress(generation, crate::Step::Percent(50)),
        progress(generation, crate::Step::Failed(Failure::Digest)),
        Report::Done { task: name(generation) },
    ]
    .into()
}

fn refused(generation: Generation, number: u32) -> Answer {
    let field = if generation == Generation::Fuse { "code" } else { "errno" };
    answer(200, &format!(r#"{{"{field}":{number},"msg":"x"}}"#))
}

/// Sources: onenet §2.1, §2.2, §4.2.
#[test]
fn every_report_is_the_call_of_its_generation() {
    for (generation, want) in [
        (
            Generation::Token,
            [
                r#"POST /ota/device/version?dev_id=700100200 {"s_version":"1.0.0"}"#,
                r#"POST /ota/device/version?dev_id=700100200 {"f_version":"1.0.0"}"#,
                "GET /ota/south/check?type=2&version=1.0.0&cdn=false&dev_id=700100200 ",
                "GET /ota/south/download/ota_Zk3Qm81TtYw0aPf7LrXe/check?dev_id=700100200 ",
                r#"POST /ota/south/device/download/ota_Zk3Qm81TtYw0aPf7LrXe/progress?dev_id=700100200 {"step":50}"#,
                r#"POST /ota/south/device/download/ota_Zk3Qm81TtYw0aPf7LrXe/progress?dev_id=700100200 {"step":205}"#,
                r#"POST /ota/south/device/download/ota_Zk3Qm81TtYw0aPf7LrXe/progress?dev_id=700100200 {"step":201}"#,
            ],
        ),
        (
            Generation::Tid,
            [
                r#"POST /ota/PrdTest001/meter-01/version {"s_version":"1.0.0"}"#,
                r#"POST /ota/PrdTest001/meter-01/version {"f_version":"1.0.0"}"#,
                "GET /ota/PrdTest001/meter-01/check?type=2&version=1.0.0 ",
                "GET /ota/PrdTest001/meter-01/900017/check ",
                r#"POST /ota/PrdTest001/meter-01/900017/status {"step":50}"#,
                r#"POST /ota/PrdTest001/meter-01/900017/status {"step":205}"#,
                r#"POST /ota/PrdTest001/meter-01/900017/status {"step":201}"#,
            ],
        ),
        (
            Generation::Fuse,
            [
                r#"POST /fuse-ota/PrdTest001/meter-01/version {"s_version":"1.0.0"}"#,
                r#"POST /fuse-ota/PrdTest001/meter-01/version {"f_version":"1.0.0"}"#,
                "GET /fuse-ota/PrdTest001/meter-01/check?type=2&version=1.0.0 ",
                "GET /fuse-ota/PrdTest001/meter-01/900017/check ",
                r#"POST /fuse-ota/PrdTest001/meter-01/900017/status {"step":50}"#,
                r#"POST /fuse-ota/PrdTest001/meter-01/900017/status {"step":205}"#,
                r#"POST /fuse-ota/PrdTest001/meter-01/900017/status {"step":201}"#,
            ],
        ),
    ] {
        let calls = said(generation).into_iter().map(|report| {
            let call = half(generation).write_call(&me(generation), &report).unwrap();
            assert_eq!(call.headers.value("Authorization"), None, "the doer signs");
            let verb = if call.method == Verb::Get { "GET" } else { "POST" };
            format!("{verb} {} {}", call.target, String::from_utf8(call.body).unwrap())
        });
        assert_eq!(calls.collect::<Vec<_>>(), want);
    }
}

#[test]
fn what_has_no_word_is_not_said_and_what_the_platform_would_refuse_is_told() {
    let nameless = Report::Progress {
        module: Module::default(),
        task: None,
        step: crate::Step::Percent(1),
        description: String::new(),
    };
    let other = Report::Version { module: "mcu".parse().unwrap(), version: "1".parse().unwrap() };
    let foreign = Report::TaskCheck { task: name(Generation::Token) };
    for report in [nameless, other, foreign, Report::ConfigQuery] {
        assert_eq!(DEVICE_TID.write_call(&samples::named(), &report), Err(WriteError::NoWord), "{report:?}");
    }
    let long = Report::Query {
        module: Module::default(),
        running: Some("1.0.0-very-long-version".parse().unwrap()),
        wanted: None,
    };
    let error = DEVICE_FUSE.write_call(&samples::named(), &long).unwrap_err();
    assert!(error.to_string().contains("23 bytes"), "{error}");
}

/// Sources: onenet §2.3, §2.4: the file is at the platform's own path, and an address counts where one is told.
#[test]
fn a_task_is_a_notice_with_its_name_its_limits_and_a_link_of_its_own() {
    for generation in Generation::ALL {
        let reply = Reply::Task(samples::task(generation)).write(generation, "1");
        let Ok(Answered::Task(notice)) = half(generation).read_answer(&me(generation), &query(), &reply)
        else {
            panic!("no task")
        };
        let terms = notice.terms.clone().unwrap();
        assert_eq!(terms.name, name(generation));
        let (limits, url) = match generation {
            Generation::Token => (
                Limits { signal: 10, power: 30, retry: 3, interval_s: 60 },
                "/ota/south/download/ota_Zk3Qm81TtYw0aPf7LrXe",
            ),
            Generation::Tid => (Limits::default(), "/ota/PrdTest001/meter-01/900017/download"),
            Generation::Fuse => (Limits::default(), "/fuse-ota/PrdTest001/meter-01/900017/download"),
        };
        assert_eq!(terms.limits, limits);
        assert_eq!(notice.files[0].source, Source::Http { url: url.into() });
    }
    let told = answer(
        200,
        r#"{"errno":0,"data":{"target":"2","token":"ota_1","size":9,"md5":"ab893875d697a3145af5eed5309bee26","ipPort":"10.0.0.7:8080"}}"#,
    );
    let Ok(Answered::Task(notice)) = DEVICE_TOKEN.read_answer(&samples::numbered(), &query(), &told) else {
        panic!("no task")
    };
    let url = "http://10.0.0.7:8080/ota/south/download/ota_1".into();
    assert_eq!(notice.files[0].source, Source::Http { url });
}

/// Source: onenet §4.1.
#[test]
fn every_refusal_means_what_the_sheet_says_to_who_asked() {
    let generation = Generation::Token;
    let ask = |report: &Report, number| {
        DEVICE_TOKEN.read_answer(&samples::numbered(), report, &refused(generation, number))
    };
    let task_check = Report::TaskCheck { task: name(generation) };
    let half_done = progress(generation, crate::Step::Percent(50));
    for (number, check, still, step) in [
        (1, "not authentic", "not authentic", "not authentic"),
        (2, "refused", "refused", "refused"),
        (4, "no task", "over", "over"),
        (7, "unable", "unable", "unable"),
        (8, "refused", "refused", "refused"),
        (9, "refused", "refused", "refused"),
        (10, "refused", "refused", "refused"),
        (11, "no task", "over", "refused"),
        (12, "no task", "over", "over"),
        (13, "refused", "refused", "refused"),
        (15, "refused", "renamed", "refused"),
        (17, "refused", "go on", "refused"),
        (18, "refused", "renamed", "refused"),
        (19, "paused", "paused", "refused"),
        (20, "no task", "over", "over"),
        (21, "refused", "refused", "refused"),
        (22, "no task", "over", "over"),
        (23, "no task", "over", "over"),
        (27, "refused", "refused", "refused"),
        (32, "refused", "refused", "refused"),
        (5116, "refused", "refused", "refused"),
        (999, "refused", "refused", "refused"),
    ] {
        let word = |report| match ask(report, number) {
            Ok(Answered::NoTask) => "no task",
            Ok(Answered::GoOn) => "go on",
            Ok(Answered::Paused) => "paused",
            Ok(Answered::Over { .. }) => "over",
            Ok(Answered::Renamed) => "renamed",
            Ok(Answered::Heard | Answered::Task(_)) => "done",
            Err(AnswerError::Unable { .. }) => "unable",
            Err(AnswerError::NotAuthentic { .. }) => "not authentic",
            Err(AnswerError::Refused { .. }) => "refused",
            Err(AnswerError::Unreadable(_)) => "unreadable",
        };
        assert_eq!((word(&query()), word(&task_check), word(&half_done)), (check, still, step), "{number}");
    }
    let version = Report::Version { module: Module::default(), version: "1".parse().unwrap() };
    assert!(matches!(ask(&version, 27), Err(AnswerError::Refused { code: 27, .. })));
    for (half, number) in
        [(&DEVICE_TID, 10), (&DEVICE_FUSE, 12012), (&DEVICE_FUSE, 12013), (&DEVICE_FUSE, 20)]
    {
        let answer = refused(half.generation, number);
        assert_eq!(half.read_answer(&samples::named(), &query(), &answer), Ok(Answered::NoTask), "{number}");
    }
}

/// Source: onenet §6: the task states by number.
#[test]
fn a_task_check_goes_on_for_three_states_and_ends_for_three() {
    let check = Report::TaskCheck { task: name(Generation::Fuse) };
    for (number, goes_on) in [(1, true), (2, true), (3, true), (4, false), (5, false), (6, false)] {
        let told = answer(200, &format!(r#"{{"code":0,"data":{{"status":{number}}}}}"#));
        let heard = DEVICE_FUSE.read_answer(&samples::named(), &check, &told).unwrap();
        assert_eq!(heard == Answered::GoOn, goes_on, "{number}");
        assert_eq!(matches!(heard, Answered::Over { .. }), !goes_on, "{number}");
        let told = answer(
            200,
            &format!(
                r#"{{"code":0,"data":{{"target":"2","tid":7,"size":9,"md5":"ab893875d697a3145af5eed5309bee26","status":{number}}}}}"#
            ),
        );
        let heard = DEVICE_FUSE.read_answer(&samples::named(), &query(), &told).unwrap();
        assert_eq!(heard == Answered::NoTask, !goes_on, "{number}");
    }
}

#[test]
fn an_http_status_that_is_no_success_says_nothing_of_the_task() {
    for status in [302, 400, 401, 403, 404, 410, 429, 500, 503] {
        let told = answer(status, r#"{"errno":0,"error":"succ"}"#);
        let error = DEVICE_TID.read_answer(&samples::named(), &query(), &told).unwrap_err();
        assert!(error.may_pass(), "{status}: {error}");
    }
    for body in ["", "<html>", r#"{"errno":"x"}"#, "[]", &"{".repeat(5000)] {
        let error = DEVICE_TID.read_answer(&samples::named(), &query(), &answer(200, body)).unwrap_err();
        assert!(matches!(error, AnswerError::Unreadable(_)), "{body}");
    }
}

/// Source: onenet §4.3.
#[test]
fn a_file_that_is_refused_is_never_taken_for_bytes() {
    let head = |status, headers: &[(&str, &str)]| Head {
        status,
        headers: crate::http::Headers(headers.iter().map(|(n, v)| ((*n).into(), (*v).into())).collect()),
    };
    let read = |head| DEVICE_FUSE.read_file_head(&head);
    assert!(matches!(read(head(206, &[("Content-Range", "bytes 0-3/9")])), Ok(FileHead::Bytes)));
    assert_eq!(read(head(200, &[])), Ok(FileHead::Reason));
    let over = [("Ota-Errno", "5"), ("Content-Range", "bytes 0-3/9")];
    assert_eq!(read(head(206, &over)), Err(FileError::Over { code: 5 }));
    for (status, headers) in
        [(401, &[][..]), (410, &[]), (200, &[("Ota-Errno", "6")]), (404, &[("Ota-Errno", "2")])]
    {
        assert!(matches!(read(head(status, headers)), Err(FileError::Link { .. })), "{status}");
    }
    for (status, headers) in [
        (500, &[][..]),
        (206, &[]),
        (416, &[]),
        (200, &[("Content-Type", "application/json"), ("Content-Length", "40960")]),
        (200, &[("Ota-Errno", "3"), ("Content-Length", "0")]),
        (200, &[("Ota-Errno", "x"), ("Content-Length", "9")]),
    ] {
        assert!(matches!(read(head(status, headers)), Err(FileError::Unable { .. })), "{status} {headers:?}");
    }
    for (body, link) in
        [(&[3][..], true), (b"3", true), (&[4], false), (b"", false), (b"33", false), (b"{}", false)]
    {
        let error = DEVICE_TOKEN.read_file_reason(body);
        assert_eq!(matches!(error, FileError::Link { .. }), link, "{body:?}: {error}");
    }
}

/// Sources: onenet §3.1 (what each generation accepts), §3.2 (the vectors).
#[test]
fn an_authorization_is_what_each_generation_accepts_and_what_the_user_chooses() {
    let secret = "S2V5T2ZUaGVGYWN0U2hlZXRTZXJ2ZXJUZXN0MDAwMQ==".to_string();
    for (generation, resource) in [
        (Generation::Token, "res=products%2F123123&"),
        (Generation::Tid, "res=products%2FPrdTest001%2Fdevices%2Fmeter-01&"),
        (Generation::Fuse, "res=products%2FPrdTest001%2Fdevices%2Fmeter-01&"),
    ] {
        let credentials = Credentials { id: me(generation), secret: secret.clone() };
        let text = half(generation).write_authorization(&credentials, 1_800_000_000).unwrap();
        assert!(text.starts_with("version=2018-10-31&") && text.contains(resource), "{text}");
        assert!(text.contains("et=1800086400&method=sha256&"), "{text}");
    }
    let id = samples::numbered();
    let mut chosen = DEVICE_TOKEN.clone();
    chosen.signing = Signing {
        edition: Edition::E2018,
        form: Form::Product,
        method: Method::Sha1,
        expiry: Expiry::At(2_524_579_200),
    };
    let credentials = Credentials { id: id.clone(), secret };
    assert_eq!(
        chosen.write_authorization(&credentials, 0).unwrap(),
        "version=2018-10-31&res=products%2F123123&et=2524579200&method=sha1&sign=p1yL9UWHx4r8prHohWq1FFEXqtg%3D"
    );
    chosen.signing.form = Form::User("100200".into());
    chosen.signing.edition = Edition::E2022;
    let text = chosen.write_authorization(&credentials, 0).unwrap();
    assert!(text.ends_with("sign=yzSg0RSwNtrCEYhboduaEMrs9ak%3D"), "{text}");
    let error = chosen.write_authorization(&Credentials { id, secret: "no key!".into() }, 0).unwrap_err();
    assert!(matches!(error, LoginError::Malformed { part: "secret", .. }), "{error}");
}

/// Source: onenet §6.1.
#[test]
fn the_notice_over_mqtt_says_poll_and_is_replied_to_with_its_number() {
    let me = samples::named();
    let notice = inform::write(&me, "ota-42");
    for half in [&DEVICE_TID, &DEVICE_FUSE] {
        assert_eq!(half.subscriptions(&me), std::slice::from_ref(&notice.topic));
        assert_eq!(half.read_message(&me, &notice.topic, &notice.payload), Ok(Downlink::Poll));
        let push = half.push_to_answer(&me, &notice.topic, &notice.payload).unwrap();
        let reply = half.write_report(&me, 1, &Report::NoticeTaken { push, code: 200 }).unwrap();
        assert_eq!(inform::read_reply(&reply.payload), Ok(("ota-42".into(), 200)));
        assert_eq!(half.read_message(&samples::numbered(), &notice.topic, b"{}"), Ok(Downlink::Foreign));
        assert!(half.read_message(&me, &notice.topic, b"[]").is_err());
        assert!(half.push_to_answer(&me, &notice.topic, b"[]").is_none());
    }
    assert!(DEVICE_TOKEN.subscriptions(&samples::numbered()).is_empty());
    let secret = "S2V5T2ZUaGVGYWN0U2hlZXRTZXJ2ZXJUZXN0MDAwMQ==".to_string();
    let login = DEVICE_FUSE.write_login(&Credentials { id: me.clone(), secret }, Transport::Plain);
    let (device, proof) = inform::read_login(&login).unwrap();
    assert_eq!((device, proof.verify(&samples::key(), 1_800_000_000)), (me, Ok(())));
}

/// Sources: onenet §2.1, §2.2: versions are read back without a side effect; §4.1: who is not believed.
#[test]
fn a_probe_changes_nothing_and_any_answer_says_whether_the_device_is_believed() {
    for (generation, target) in [
        (Generation::Token, "/ota/device/version?dev_id=700100200"),
        (Generation::Tid, "/ota/PrdTest001/meter-01/version"),
        (Generation::Fuse, "/fuse-ota/PrdTest001/meter-01/version"),
    ] {
        let half = half(generation);
        let call = half.write_probe(&me(generation)).unwrap();
        assert_eq!((call.method, call.target.as_str(), call.body.len()), (Verb::Get, target, 0));
        let succ = |data: &str| answer(200, &format!(r#"{{"errno":0,"code":0{data}}}"#));
        for data in ["", r#","data":{"s_version":"1.0.0"}"#, r#","data":{"dev_id":[]}"#, r#","data":null"#] {
            assert_eq!(half.read_believed(&succ(data)), Ok(()), "{data}");
        }
        assert_eq!(half.read_believed(&refused(generation, 20)), Ok(()), "it knows whose Task is over");
        let code = Refusal::NotAuthentic.number(generation);
        let not_authentic = Err(AnswerError::NotAuthentic { code });
        assert_eq!(half.read_believed(&refused(generation, code)), not_authentic);
        assert_eq!(half.read_believed(&answer(401, "")), Err(AnswerError::NotAuthentic { code: 401 }));
        for other in
            [refused(generation, 7), answer(502, ""), answer(200, "<html>log in</html>"), answer(200, "{}")]
        {
            let error = half.read_believed(&other).unwrap_err();
            assert!(!matches!(error, AnswerError::NotAuthentic { .. }), "{error}");
        }
    }
}
