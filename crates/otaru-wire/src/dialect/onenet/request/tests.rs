//! Requests of each generation against the sheet's samples, and in odd spellings.

use alloc::{string::ToString, vec::Vec};
use std::format;

use proptest::prelude::*;

use super::{
    super::{
        Resource,
        samples::{any_ask, any_generation, check, handle, key, named, numbered, signed, token},
    },
    *,
};

mod refused;

const NOW: u64 = 1_800_000_000;

fn device(generation: Generation) -> DeviceId {
    if generation == Generation::Token { numbered() } else { named() }
}

fn call(method: Method, target: &str, headers: &[(&str, &str)], body: &str) -> Call {
    let headers = headers.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
    Call { method, target: target.into(), headers: Headers(headers), body: body.as_bytes().to_vec() }
}

/// A call signed by the product of the samples.
fn product_call(method: Method, target: &str, body: &str) -> Call {
    let product = if target.contains("PrdTest001") { named().product } else { numbered().product };
    call(method, target, &[("authorization", &signed(Resource::Product(product)))], body)
}

fn opened(call: &Call) -> (Option<DeviceId>, Ask) {
    match read(call).unwrap().unwrap() {
        Request::Signed(signed) => {
            let who = match signed.who.clone() {
                Who::Device(device) => Some(device),
                Who::Product(_) => None,
            };
            (who, signed.open(&[key()], NOW).unwrap())
        }
        Request::Bearer(bearer) => {
            let task = Handle::Token(bearer.token.clone());
            (None, Ask::Download { task, range: bearer.open(&numbered(), &[key()], NOW).unwrap() })
        }
    }
}

fn rejected(call: &Call) -> Rejection {
    read(call).unwrap_err()
}

/// Source: onenet §2.4, the first exchange.
#[test]
fn a_check_of_the_first_generation_is_the_vendors_to_the_byte() {
    let hardware = Hardware { cdn: true, ..Hardware::default() };
    let ask = Ask::Check(Check { kind: Kind::Fota, running: "1.0.0".parse().unwrap(), hardware });
    let authorization = signed(Resource::Product(numbered().product));
    let call = ask.write(Generation::Token, &numbered(), &authorization).unwrap();
    assert_eq!(call.target, "/ota/south/check?type=1&version=1.0.0&cdn=true&dev_id=700100200");
    assert_eq!(
        call.headers.value("Authorization"),
        Some(
            "version=2018-10-31&res=products%2F123123&et=2524579200&method=sha1&sign=p1yL9UWHx4r8prHohWq1FFEXqtg%3D"
        )
    );
    assert_eq!(opened(&call), (Some(numbered()), ask));
}

/// Sources: onenet §2.1, §2.2: every row.
#[test]
fn every_request_has_the_vendors_method_path_and_body() {
    let range = Some(RangeRequest::From { first: 0, last: Some(4095) });
    let version = || Ask::Version(Versions::one(Kind::Sota, "1.0.0".parse().unwrap()));
    let step = Step::Percent(50);
    for (generation, ask, method, target, body) in [
        (
            Generation::Token,
            version(),
            Method::Post,
            "/ota/device/version?dev_id=700100200",
            r#"{"s_version":"1.0.0"}"#,
        ),
        (Generation::Token, Ask::Versions, Method::Get, "/ota/device/version?dev_id=700100200", ""),
        (
            Generation::Token,
            Ask::TaskCheck(handle(Generation::Token)),
            Method::Get,
            "/ota/south/download/ota_Zk3Qm81TtYw0aPf7LrXe/check?dev_id=700100200",
            "",
        ),
        (
            Generation::Token,
            Ask::Download { task: handle(Generation::Token), range },
            Method::Get,
            "/ota/south/download/ota_Zk3Qm81TtYw0aPf7LrXe",
            "",
        ),
        (
            Generation::Token,
            Ask::Step { task: handle(Generation::Token), step },
            Method::Post,
            "/ota/south/device/download/ota_Zk3Qm81TtYw0aPf7LrXe/progress?dev_id=700100200",
            r#"{"step":50}"#,
        ),
        (
            Generation::Token,
            Ask::Running { kind: Kind::Fota, cdn: false },
            Method::Get,
            "/ota/south/tasking?dev_id=700100200&type=1&cdn=false",
            "",
        ),
        (
            Generation::Token,
            Ask::Result { token: token(), step: Step::Upgraded },
            Method::Post,
            "/ota/south/report?dev_id=700100200&token=ota_Zk3Qm81TtYw0aPf7LrXe",
            r#"{"result":201}"#,
        ),
        (
            Generation::Token,
            Ask::DeviceNumber { auth_info: "sn-1".into() },
            Method::Get,
            "/ota/devInfo",
            r#"{"pid":123123,"authInfo":"sn-1"}"#,
        ),
        (
            Generation::Tid,
            version(),
            Method::Post,
            "/ota/PrdTest001/meter-01/version",
            r#"{"s_version":"1.0.0"}"#,
        ),
        (Generation::Fuse, Ask::Versions, Method::Get, "/fuse-ota/PrdTest001/meter-01/version", ""),
        (
            Generation::Fuse,
            check(Kind::Sota, "1.0.0"),
            Method::Get,
            "/fuse-ota/PrdTest001/meter-01/check?type=2&version=1.0.0",
            "",
        ),
        (
            Generation::Tid,
            Ask::TaskCheck(Handle::Tid(900_017)),
            Method::Get,
            "/ota/PrdTest001/meter-01/900017/check",
            "",
        ),
        (
            Generation::Tid,
            Ask::Download { task: Handle::Tid(900_017), range },
            Method::Get,
            "/ota/PrdTest001/meter-01/900017/download",
            "",
        ),
        (
            Generation::Fuse,
            Ask::Step { task: Handle::Tid(900_017), step },
            Method::Post,
            "/fuse-ota/PrdTest001/meter-01/900017/status",
            r#"{"step":50}"#,
        ),
    ] {
        let id = device(generation);
        let call = ask.write(generation, &id, &signed(Resource::Product(id.product.clone()))).unwrap();
        assert_eq!((call.method, call.target.as_str()), (method, target));
        assert_eq!(call.body, body.as_bytes(), "{target}");
        let is_download = matches!(ask, Ask::Download { .. });
        let kind = call.headers.value("Content-Type");
        assert_eq!(kind, (!is_download).then_some("application/json"), "{target}");
        assert_eq!(call.headers.value("Range"), is_download.then_some("bytes=0-4095"));
        assert_eq!(opened(&call).1, ask);
    }
}

/// Sources: onenet §2.2, §5, §9 items 5 and 9.
#[test]
fn the_odd_spellings_of_known_clients_are_read() {
    let hardware = |manuf: &str| Hardware {
        manuf: Some(manuf.into()),
        model: Some("10101".into()),
        ..Hardware::default()
    };
    let full =
        Ask::Check(Check { kind: Kind::Sota, running: "1.0.0".parse().unwrap(), hardware: hardware("101") });
    let range = Some(RangeRequest::From { first: 0, last: Some(4095) });
    for (target, ask) in [
        ("/ota/PrdTest001/meter-01/900017/download/", Ask::Download { task: Handle::Tid(900_017), range }),
        ("//ota/PrdTest001/meter-01/check?type=1&version=1.0.0", check(Kind::Fota, "1.0.0")),
        ("http://studio-ota.heclouds.com/ota/PrdTest001/meter-01/version", Ask::Versions),
        ("/ota/south/check?version=1.0.0&type=1&dev_id=700100200", check(Kind::Fota, "1.0.0")),
        (
            "/ota/south/check?version=1%2E0.0&type=1&dev_id=700100200&cdn=&manuf=&x=y",
            check(Kind::Fota, "1.0.0"),
        ),
        ("/ota/south/check?dev_id=700100200&manuf=101&model=10101&type=2&version=1.0.0&cdn=false", full),
        (
            "/ota/south/download/ota_Zk3Qm81TtYw0aPf7LrXe?s_id=7",
            Ask::Download { task: handle(Generation::Token), range },
        ),
    ] {
        let mut call = product_call(Method::Get, target, "");
        call.headers.add("range", "0-4095");
        assert_eq!(opened(&call).1, ask, "{target}");
    }
}

#[test]
fn a_path_of_another_dialect_is_left_to_others() {
    for target in [
        "",
        "/",
        "*",
        "/ota",
        "/ota/south",
        "/ota/south/x",
        "/api/v1/devices",
        "/fuse-ota/p/d",
        "/ota/p/d/7/x",
        "/ota/p/d/7/check/x",
        "/other/p/d/check",
        "https://host",
        "/auth/register/device",
    ] {
        assert!(read(&product_call(Method::Get, target, "")).unwrap().is_none(), "{target}");
    }
}

#[test]
fn what_a_generation_does_not_have_is_not_written() {
    let write = |ask: Ask, generation| ask.write(generation, &device(generation), "x").map(|_| ());
    for generation in [Generation::Tid, Generation::Fuse] {
        for ask in [
            Ask::Running { kind: Kind::Fota, cdn: true },
            Ask::Result { token: token(), step: Step::Upgraded },
            Ask::DeviceNumber { auth_info: "x".into() },
            Ask::TaskCheck(Handle::Token(token())),
        ] {
            assert_eq!(write(ask, generation), Err(AskError::NotSpoken { generation }));
        }
    }
    let tid = Ask::TaskCheck(Handle::Tid(7));
    assert_eq!(write(tid, Generation::Token), Err(AskError::NotSpoken { generation: Generation::Token }));
    let long = check(Kind::Fota, &"1".repeat(21));
    assert_eq!(write(long, Generation::Fuse), Err(AskError::VersionTooLong { len: 21 }));
    for code in ["", "1&x=y", "123456789"] {
        let hardware = Hardware { model: Some(code.into()), ..Hardware::default() };
        let ask = Ask::Check(Check { kind: Kind::Fota, running: "1".parse().unwrap(), hardware });
        assert_eq!(write(ask, Generation::Token), Err(AskError::Code { name: "model" }));
    }
}

proptest! {
    #[test]
    fn every_request_comes_back_from_the_wire_as_it_went_in(
        (generation, ask) in any_generation().prop_flat_map(|generation| (Just(generation), any_ask(generation))),
        own: bool,
    ) {
        let id = device(generation);
        let nameless = matches!(ask, Ask::DeviceNumber { .. })
            || (generation == Generation::Token && matches!(ask, Ask::Download { .. }));
        let resource = if own { Resource::Device(id.clone()) } else { Resource::Product(id.product.clone()) };
        let call = ask.write(generation, &id, &signed(resource)).unwrap();
        prop_assert!(call.target.len() < 256);
        prop_assert_eq!(opened(&call), ((!nameless).then_some(id), ask));
    }

    #[test]
    fn any_call_is_read_without_a_panic(
        get: bool, body: Vec<u8>, authorization in "(version|res|et|method|sign|[a-z0-9=&%/-]){0,20}",
        target in "(/|//|http://h/)?(ota|fuse-ota)/(south/|device/|download/|[a-z0-9_]{1,5}/|%){0,5}(check|version|tasking|report|download|status|progress)?(\\?((dev_id|type|version|token|cdn)=[a-z0-9%.]{0,6}&?){0,5})?|.{0,40}",
    ) {
        let method = if get { Method::Get } else { Method::Post };
        let call = Call { body, ..call(method, &target, &[("Authorization", &authorization)], "") };
        if let Err(rejection) = read(&call) {
            prop_assert_ne!(rejection.refusal().number(rejection.generation), 0);
        }
    }
}

/// Source: onenet §2.1 row 9: the one body of a GET; §9 item 9: bodies that are promised and never come.
#[test]
fn a_body_is_read_where_one_is_meant_and_nowhere_else() {
    for (method, target, takes) in [
        (Method::Post, "//ota/device/version?dev_id=1", Some(true)),
        (Method::Get, "http://x/ota/devInfo", Some(true)),
        (Method::Get, "/ota/device/version?dev_id=1", Some(false)),
        (Method::Get, "/fuse-ota/p/d/7/download/", Some(false)),
        (Method::Post, "/fuse-ota/p/d/7/download/", Some(true)),
        (Method::Post, "/api/v1/products", None),
        (Method::Get, "/", None),
    ] {
        assert_eq!(takes_body(method, target), takes, "{target}");
    }
}
