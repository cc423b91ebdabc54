//! The bytes of each word, and what is refused.

use alloc::{string::String, vec, vec::Vec};

use proptest::prelude::*;

use super::*;
use crate::dialect::{
    Credentials, DeviceHalf, LoginKeys, PlatformHalf, Transport,
    aliyun::{Device, DeviceV3, Platform},
};

const SECRET: &str = "00112233445566778899aabbccddeeff";

fn device(name: &str) -> DeviceId {
    DeviceId { product: "a1SubPk0002".parse().unwrap(), device: name.parse().unwrap() }
}

fn gateway() -> DeviceId {
    DeviceId { product: "a1DemoPk001".parse().unwrap(), device: "gate".parse().unwrap() }
}

fn login(name: &str) -> Login {
    let credentials = Credentials { id: device(name), secret: SECRET.into() };
    Device.write_login(&credentials, Transport::Plain)
}

fn words() -> Vec<GatewayReport> {
    vec![
        GatewayReport::Add(vec![login("sub-1"), login("sub-2")]),
        GatewayReport::Remove(vec![device("sub-1")]),
        GatewayReport::Login(login("sub-1")),
        GatewayReport::Logout(device("sub-1")),
    ]
}

/// Sources: the login's topic aliyun-link-sdk-v4 §2.1; the rest the vendor's documentation ("Connect sub-devices").
#[test]
fn each_word_has_the_topic_and_the_fields_of_the_vendors_documentation() {
    let texts: Vec<_> = words()
        .into_iter()
        .map(|word| {
            let message = Device.write_report(&gateway(), 41, &Report::Gateway(word)).unwrap();
            (message.topic, String::from_utf8(message.payload).unwrap())
        })
        .collect();
    let sign = login("sub-1").password;
    assert_eq!(texts[0].0, "/sys/a1DemoPk001/gate/thing/topo/add");
    assert!(
        texts[0].1.starts_with(
            r#"{"id":"41","version":"1.0","params":[{"productKey":"a1SubPk0002","deviceName":"sub-1","clientId":"a1SubPk0002.sub-1","timestamp":"2524608000000","signmethod":"hmacsha256","sign":""#
        ) && texts[0].1.ends_with(r#"}],"method":"thing.topo.add"}"#),
        "{}",
        texts[0].1
    );
    assert_eq!(
        texts[1],
        (
            "/sys/a1DemoPk001/gate/thing/topo/delete".into(),
            r#"{"id":"41","version":"1.0","params":[{"productKey":"a1SubPk0002","deviceName":"sub-1"}],"method":"thing.topo.delete"}"#.into()
        )
    );
    assert_eq!(
        texts[2],
        (
            "/ext/session/a1DemoPk001/gate/combine/login".into(),
            format!(
                r#"{{"id":"41","params":{{"productKey":"a1SubPk0002","deviceName":"sub-1","clientId":"a1SubPk0002.sub-1","timestamp":"2524608000000","signMethod":"hmacsha256","sign":"{sign}","cleanSession":"true"}}}}"#
            )
        )
    );
    assert_eq!(
        texts[3],
        (
            "/ext/session/a1DemoPk001/gate/combine/logout".into(),
            r#"{"id":"41","params":{"productKey":"a1SubPk0002","deviceName":"sub-1"}}"#.into()
        )
    );
}

#[test]
fn each_word_is_heard_as_it_was_said_and_its_proofs_hold() {
    for half in [&Device as &dyn DeviceHalf, &DeviceV3] {
        for word in words() {
            let message = half.write_report(&gateway(), 41, &Report::Gateway(word.clone())).unwrap();
            assert!(Platform.may_publish(&gateway(), &message.topic));
            assert!(!Platform.may_publish(&device("sub-1"), &message.topic));
            let heard = Platform.read_report(&message.topic, &message.payload).unwrap();
            assert_eq!((heard.device, heard.id), (gateway(), MessageId::Text("41".into())));
            let Report::Gateway(heard) = heard.report else { panic!("{:?}", heard.report) };
            let logins = match &heard {
                GatewayReport::Add(logins) => logins.clone(),
                GatewayReport::Login(login) => vec![login.clone()],
                other => {
                    assert_eq!(other, &word);
                    continue;
                }
            };
            for (login, name) in logins.iter().zip(["sub-1", "sub-2"]) {
                assert_eq!(Platform.read_login(login), Ok(device(name)));
                assert_eq!(Platform.verify_login(login, &LoginKeys::of_device(SECRET)), Ok(()));
                assert_eq!(
                    Platform.verify_login(login, &LoginKeys::of_device("other")),
                    Err(LoginError::WrongPassword)
                );
            }
        }
    }
}

/// Source: the vendor's documentation: numbers without quotes, other methods, a sign in lower case, no timestamp.
#[test]
fn a_login_is_read_in_every_spelling() {
    let sign = "12dd49b3c0c766ec0c81c5852a89fc64258242fd47b4ff2ff7df69ac15266317";
    let payload = format!(
        r#"{{"id":7,"params":{{"deviceName":"dev-one","productKey":"a1DemoPk001","clientId":"mac-0001","signMethod":"hmacSha256","sign":"{sign}","cleanSession":true}}}}"#
    );
    let Ok((MessageId::Number(7), Report::Gateway(GatewayReport::Login(login)))) =
        read(Topic::CombineLogin, payload.as_bytes())
    else {
        panic!("not read");
    };
    // aliyun-link-sdk-v4 §1.3, the second worked example
    assert_eq!(Platform.verify_login(&login, &LoginKeys::of_device(SECRET)), Ok(()));
}

#[test]
fn what_is_no_word_of_a_gateway_is_refused() {
    let one = r#"{"productKey":"pk","deviceName":"d","clientId":"c","sign":"00"}"#;
    let many = format!(r#"{{"params":[{}]}}"#, vec![one; 31].join(","));
    for payload in [
        "",
        "[]",
        "{}",
        r#"{"params":{}}"#,
        r#"{"params":[]}"#,
        r#"{"params":[{}]}"#,
        r#"{"params":{"productKey":"pk","deviceName":"a/b","clientId":"c","sign":"00"}}"#,
        r#"{"params":{"productKey":"pk","deviceName":"d","clientId":"c|timestamp=1","sign":"00"}}"#,
        r#"{"params":{"productKey":"pk","deviceName":"d","clientId":"c","timestamp":"1,signmethod=x","signMethod":"y","sign":"00"}}"#,
        r#"{"params":{"productKey":"pk","deviceName":"d","clientId":"","sign":"00"}}"#,
        &many,
    ] {
        for topic in [Topic::TopologyAdd, Topic::CombineLogin] {
            assert!(read(topic, payload.as_bytes()).is_err(), "{topic:?} {payload}");
        }
    }
    assert!(read(Topic::CombineLogout, br#"{"params":{"productKey":"pk"}}"#).is_err());
    assert_eq!(read(Topic::Inform, b"{}"), Err(ReadError::UnknownTopic));
}

#[test]
fn every_answer_reaches_the_gateway_with_its_number_and_its_reason() {
    let id = MessageId::Text("41".into());
    for word in words() {
        let done = Platform.write_gateway_answer(&gateway(), &id, &word, Ok(())).unwrap();
        assert!(Device.gateway_subscriptions(&gateway()).contains(&done.topic), "{}", done.topic);
        let heard = Device.read_message(&gateway(), &done.topic, &done.payload);
        assert_eq!(heard, Ok(Downlink::Gateway(GatewayAnswer { id: id.clone(), result: Ok(()) })));
        for (why, code) in CODES {
            let refused = Platform.write_gateway_answer(&gateway(), &id, &word, Err(why)).unwrap();
            let Ok(Downlink::Gateway(heard)) =
                Device.read_message(&gateway(), &refused.topic, &refused.payload)
            else {
                panic!("{why}");
            };
            assert_eq!(heard.result, Err((code, why.to_string())));
        }
    }
}

#[test]
fn an_answer_names_the_devices_it_is_about() {
    let answer = |word| {
        let (_, text) = write_answer(&MessageId::Number(1), &word, Ok(()));
        text
    };
    let [add, remove, login, logout] = <[_; 4]>::try_from(words()).unwrap();
    let sub = r#"{"productKey":"a1SubPk0002","deviceName":"sub-1"}"#;
    let other = r#"{"productKey":"a1SubPk0002","deviceName":"sub-2"}"#;
    assert_eq!(answer(add), format!(r#"{{"id":1,"code":200,"message":"success","data":[{sub},{other}]}}"#));
    assert_eq!(answer(remove), format!(r#"{{"id":1,"code":200,"message":"success","data":[{sub}]}}"#));
    for word in [login, logout] {
        assert_eq!(answer(word), format!(r#"{{"id":1,"code":200,"message":"success","data":{sub}}}"#));
    }
}

#[test]
fn a_gateway_may_use_on_behalf_only_what_a_device_says_of_itself() {
    let sub = device("sub-1");
    for topic in Topic::ALL {
        let own_session = [Topic::FileDownload, Topic::FileDownloadReply].contains(&topic)
            || topic.of(&sub).contains("/topo/")
            || topic.of(&sub).contains("/combine/");
        let want = (!own_session).then(|| sub.clone());
        assert_eq!(Platform.on_behalf(&topic.of(&sub)), want, "{topic:?}");
    }
    for topic in ["", "#", "/ota/device/inform/+/+", "/ota/device/inform/a1SubPk0002/+", "/user/x"] {
        assert_eq!(Platform.on_behalf(topic), None, "{topic}");
    }
}

proptest! {
    #[test]
    fn random_bytes_never_panic(bytes: Vec<u8>, topic in 0..Topic::ALL.len()) {
        let _ = read(Topic::ALL[topic], &bytes);
        let _ = read_answer(&bytes);
    }

    #[test]
    fn a_login_that_is_read_is_a_login_and_says_no_more_than_the_message(
        client_id in "[ -~]{0,40}", timestamp in "[ -~]{0,20}", method in "[ -~]{0,20}", sign in "[ -~]{0,70}"
    ) {
        let object = serde_json::json!({ "params": {
            "productKey": "pk", "deviceName": "d", "clientId": client_id, "timestamp": timestamp,
            "signMethod": method, "sign": sign,
        }});
        if let Ok((_, Report::Gateway(GatewayReport::Login(login)))) = read(Topic::CombineLogin, object.to_string().as_bytes()) {
            let parts = Parts::read(&login).unwrap();
            prop_assert_eq!(parts.client_id, client_id);
            prop_assert_eq!(parts.timestamp, Some(timestamp.trim()));
            prop_assert_eq!((parts.product, parts.device), ("pk", "d"));
        }
    }
}
