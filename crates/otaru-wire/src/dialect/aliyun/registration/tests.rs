//! Golden values, refusals and round trips of registration.

use std::vec::Vec;

use proptest::prelude::*;

use super::*;

fn device(product: &str, name: &str) -> DeviceId {
    id(product, name).unwrap()
}

/// Source: aliyun-iotkit-v3 §1.6, the worked example; its random is the SDK's constant.
#[test]
fn the_older_generations_form_is_written_and_read_as_the_sheet_has_it() {
    let me = device("a1TestPk001", "dev-0001");
    let form = write_form(&me, "PsTest0123456789", "8Ygb7ULYh53B6OA");
    assert_eq!(
        form,
        "productKey=a1TestPk001&deviceName=dev-0001&random=8Ygb7ULYh53B6OA\
         &sign=EED0CAB9D0830E284CCDC1BB753A10DC15A072E1099B024F32CD1B4E7B6F36AE&signMethod=hmacsha256"
    );
    let read = read_form(form.as_bytes()).unwrap();
    assert_eq!((&read.id, read.wish), (&me, Wish::Secret));
    assert_eq!(read.verify("PsTest0123456789"), Ok(()));
    assert_eq!(read.verify("PsTest0123456780"), Err(LoginError::WrongPassword));
    for changed in
        [form.replace("dev-0001", "dev-0002"), form.replace("8Ygb", "9Ygb"), form.replace("Pk001", "Pk002")]
    {
        let read = read_form(changed.as_bytes()).unwrap();
        assert_eq!(read.verify("PsTest0123456789"), Err(LoginError::WrongPassword), "{changed}");
    }
}

/// Source: aliyun-link-sdk-v4 §1.6, the worked example.
#[test]
fn the_newer_generation_signs_alike() {
    let form = write_form(&device("a1DemoPk001", "dev-one"), "ProdSecretDemo16", "123456789");
    assert!(
        form.contains("&sign=B4479F0F26A9D9FE4A8270758EC16A06F6B97964E8D658802F6527233A7A21B8&"),
        "{form}"
    );
}

/// Source: aliyun-iotkit-v3 §1.6, the worked example over MQTT.
#[test]
fn a_stock_sdk_registers_over_mqtt() {
    let login = Login {
        client_id:
            "a1TestPk001.dev-0001|authType=register,random=1A2B3C4D,signmethod=hmacsha256,securemode=2|"
                .into(),
        user_name: "dev-0001&a1TestPk001".into(),
        password: "57EBF209A14F8D765B10B089BF4F0CF4ECF59A0A856232BBC031C0A5DA2CAAC3".into(),
    };
    let read = read_login(&login).unwrap().unwrap();
    assert_eq!((read.id.to_string().as_str(), read.wish), ("a1TestPk001/dev-0001", Wish::Secret));
    assert_eq!(read.verify("PsTest0123456789"), Ok(()));
    let ours = write_login(&read.id, Wish::Secret, "PsTest0123456789", "1A2B3C4D");
    assert_eq!((ours.user_name, ours.password), (login.user_name.clone(), login.password.clone()));
    assert!(super::super::login::verify(&login, "PsTest0123456789").is_err(), "it is no login of a device");
}

/// Source: aliyun-link-sdk-v4 §1.6, the table.
#[test]
fn an_unlisted_device_gets_a_token_and_logs_in_with_it() {
    let me = device("a1DemoPk001", "dev-one");
    let login = write_login(&me, Wish::Token, "ProdSecretDemo16", "123456789");
    assert_eq!(
        login.client_id,
        "dev-one.a1DemoPk001|random=123456789,authType=regnwl,securemode=2,signmethod=hmacsha256|"
    );
    assert_eq!(login.password, "B4479F0F26A9D9FE4A8270758EC16A06F6B97964E8D658802F6527233A7A21B8");
    assert_eq!(read_login(&login).unwrap().unwrap().wish, Wish::Token);

    let grant = Grant::Token { client_id: "c-1".into(), token: "t-1".into() };
    let message = write_grant(&grant);
    assert_eq!(
        (message.topic.as_str(), message.payload.as_slice()),
        ("/ext/regnwl", &br#"{"clientId":"c-1","deviceToken":"t-1"}"#[..])
    );
    for topic in ["/ext/regnwl", "/ext/register"] {
        assert_eq!(read_grant(topic, &message.payload), Ok(Some(grant.clone())));
    }
    let login = write_token_login(&me, "c-1", "t-1", Transport::Tls);
    let version = env!("CARGO_PKG_VERSION");
    assert_eq!(login.client_id, format!("c-1|authType=connwl,securemode=-2,_ss=1,ext=3,_v=otaru-{version}|"));
    assert_eq!(super::super::login::read(&login), Ok(me));
    assert_eq!(token_client_id(&login), Some("c-1"));
    assert_eq!(verify_token(&login, "t-1"), Ok(()));
    for other in ["", "t", "t-2", "t-1x"] {
        assert_eq!(verify_token(&login, other), Err(LoginError::WrongPassword), "{other}");
    }
    assert!(verify_token(&Login::default(), "").is_err(), "no token is no proof");
}

/// Source: aliyun-link-sdk-v4 §1.6, the table.
#[test]
fn an_instance_is_named_in_the_client_id_and_nowhere_else() {
    let me = device("a1DemoPk001", "dev-one");
    let mut login = write_login(&me, Wish::Secret, "ProdSecretDemo16", "123456789");
    let password = login.password.clone();
    name_instance(&mut login, "iot-0123");
    assert_eq!(
        login.client_id,
        "dev-one.a1DemoPk001|random=123456789,authType=register,securemode=2,signmethod=hmacsha256,instanceId=iot-0123|"
    );
    assert_eq!(login.password, password);
    assert_eq!(read_login(&login).unwrap().unwrap().verify("ProdSecretDemo16"), Ok(()));
}

#[test]
fn a_login_of_a_device_is_no_registration() {
    for client_id in ["a.b|securemode=3|", "a", "", "authType=register|x|"] {
        let login = Login { client_id: client_id.into(), user_name: "a&b".into(), password: "00".into() };
        assert!(matches!(read_login(&login), Ok(None)), "{client_id}");
        assert_eq!(token_client_id(&login), None);
    }
}

/// Source: aliyun-iotkit-v3 §1.6: the reply that works; aliyun-link-sdk-v4 §1.6: at most 192 bytes.
#[test]
fn a_reply_is_written_as_every_stock_sdk_reads_it() {
    let (me, secret) = (device("a1TestPk001", "dev-0001"), "00112233445566778899aabbccddeeff");
    let reply = write_reply(&me, secret);
    assert_eq!(
        reply,
        format!(
            r#"{{"code":200,"data":{{"productKey":"a1TestPk001","deviceName":"dev-0001","deviceSecret":"{secret}"}},"message":"success"}}"#
        )
    );
    assert_eq!(read_reply(reply.as_bytes()), Ok(Grant::Secret(secret.into())));
    let long = write_reply(&device(&"p".repeat(64), &"d".repeat(64)), &"s".repeat(64));
    assert!(long.len() <= 192, "{} bytes", long.len());
    assert_eq!(read_reply(long.as_bytes()), Ok(Grant::Secret("s".repeat(64))));
}

#[test]
fn a_refusal_or_a_reply_without_a_secret_gives_none() {
    let refusal = write_reply_refusal(460, "not on the list");
    let many = format!(r#"{{"code":200,"data":{{"deviceSecret":"{}"}}}}"#, "s".repeat(65));
    for text in [&refusal, &many, r#"{"code":200,"data":{}}"#, r#"{"data":{"deviceSecret":"x"}}"#, "", "[]"] {
        assert!(matches!(read_reply(text.as_bytes()), Err(ReadError::Malformed(_))), "{text}");
    }
    assert_eq!(read_grant("/ext/other", b"not JSON"), Ok(None));
    assert!(read_grant("/ext/register", b"{}").is_err());
}

#[test]
fn a_form_with_a_part_missing_is_refused() {
    let form = write_form(&device("a1TestPk001", "dev-0001"), "secret", "r");
    for part in form.split('&').take(4) {
        assert!(read_form(form.replace(part, "x=y").as_bytes()).is_err(), "{part}");
    }
    assert!(read_form(form.replace("hmacsha256", "none").as_bytes()).is_err());
    assert!(read_form(&[b'a'; MAX_FORM_BYTES + 1]).is_err());
    assert!(read_form(form.replace("dev-0001", "dev/+").as_bytes()).is_err());
}

#[test]
fn no_secret_shows_in_a_debug_text() {
    for grant in
        [Grant::Secret("s3cret".into()), Grant::Token { client_id: "c".into(), token: "s3cret".into() }]
    {
        assert!(!format!("{grant:?}").contains("s3cret"));
    }
}

proptest! {
    #[test]
    fn every_registration_comes_back_from_the_wire_as_it_went_in(
        product in "[A-Za-z0-9_-]{1,64}", name in "[A-Za-z0-9_.:@-]{1,64}", secret in ".{1,64}", random in "[A-Za-z0-9]{1,32}",
    ) {
        let me = device(&product, &name);
        let form = read_form(write_form(&me, &secret, &random).as_bytes()).unwrap();
        prop_assert_eq!((&form.id, form.verify(&secret)), (&me, Ok(())));
        for wish in [Wish::Secret, Wish::Token] {
            let login = read_login(&write_login(&me, wish, &secret, &random)).unwrap().unwrap();
            prop_assert_eq!((&login.id, login.wish, login.verify(&secret)), (&me, wish, Ok(())));
        }
    }

    #[test]
    fn random_bytes_never_panic(bytes: Vec<u8>, client_id: String, user_name: String, password: String) {
        let _ = (read_form(&bytes).is_ok(), read_reply(&bytes), read_grant("/ext/register", &bytes));
        for client_id in [format!("a|authType=register,{client_id}|"), format!("{client_id}|authType=regnwl,random=x")] {
            let login = Login { client_id, user_name: user_name.clone(), password: password.clone() };
            let _ = (read_login(&login).is_ok(), token_client_id(&login), verify_token(&login, "t"));
        }
    }
}
