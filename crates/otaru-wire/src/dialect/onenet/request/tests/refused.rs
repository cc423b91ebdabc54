//! Requests without a right to be heard, and such that cannot be understood.

use super::*;

#[test]
fn a_download_by_token_needs_no_signature_but_a_wrong_one_is_refused() {
    let target = "/ota/south/download/ota_Zk3Qm81TtYw0aPf7LrXe";
    let open = |headers: &[(&str, &str)], id: &DeviceId| match read(&call(Method::Get, target, headers, "")) {
        Ok(Some(Request::Bearer(bearer))) => bearer.open(id, &[key()], NOW).map_err(|it| it.error),
        other => panic!("{other:?}"),
    };
    assert_eq!(open(&[("Range", "-5")], &numbered()), Ok(Some(RangeRequest::Suffix(5))));
    let right = signed(Resource::Product(numbered().product));
    assert_eq!(open(&[("Authorization", &right)], &numbered()), Ok(None));
    let foreign = Err(RequestError::Authorization(AuthorizationError::ForeignResource));
    assert_eq!(open(&[("Authorization", &right)], &named()), foreign);
    let wrong = right.replace("p1yL", "AAAA");
    let refused = Err(RequestError::Authorization(AuthorizationError::WrongSign));
    assert_eq!(open(&[("Authorization", &wrong)], &numbered()), refused);
}

#[test]
fn nobody_is_heard_without_a_proof_that_holds_and_names_them() {
    let target = "/ota/PrdTest001/meter-01/check?type=1&version=1";
    assert_eq!(rejected(&call(Method::Get, target, &[], "")).error, RequestError::NotSigned);
    let other_device = DeviceId { device: "meter-02".parse().unwrap(), ..named() };
    for resource in
        [Resource::Product(numbered().product), Resource::Device(other_device), Resource::User("1".into())]
    {
        let call = call(Method::Get, target, &[("Authorization", &signed(resource))], "");
        let rejection = rejected(&call);
        assert_eq!(rejection.error, RequestError::Authorization(AuthorizationError::ForeignResource));
        assert_eq!(rejection.refusal(), Refusal::NotAuthentic);
    }
    let other_number = DeviceId { device: "700100201".parse().unwrap(), ..numbered() };
    let own = signed(Resource::Device(other_number));
    let by_number = call(Method::Get, "/ota/device/version?dev_id=700100200", &[("Authorization", &own)], "");
    assert_eq!(rejected(&by_number).error, RequestError::Authorization(AuthorizationError::ForeignResource));
    let foreign_pid = product_call(Method::Get, "/ota/devInfo", r#"{"pid":9,"authInfo":"sn"}"#);
    assert_eq!(
        rejected(&foreign_pid).error,
        RequestError::Authorization(AuthorizationError::ForeignResource)
    );

    let good = product_call(Method::Get, target, "");
    let open = |keys: &[AccessKey], now| match read(&good) {
        Ok(Some(Request::Signed(signed))) => signed.open(keys, now).map_err(|rejection| rejection.error),
        other => panic!("{other:?}"),
    };
    let other = AccessKey::from_base64("b3RoZXI=").unwrap();
    assert!(open(&[other.clone(), key()], NOW).is_ok(), "the product's or the device's key is good");
    assert_eq!(open(&[other], NOW), Err(RequestError::Authorization(AuthorizationError::WrongSign)));
    assert_eq!(open(&[], NOW), Err(RequestError::Authorization(AuthorizationError::WrongSign)));
    assert!(matches!(
        open(&[key()], u64::MAX),
        Err(RequestError::Authorization(AuthorizationError::Expired { .. }))
    ));
}

/// Sources: onenet §2.3, §4.1.
#[test]
fn what_is_malformed_is_refused_with_the_number_of_its_kind() {
    let long = "1".repeat(65);
    for (method, target, body, refusal) in [
        (Method::Get, format!("/ota/south/check?dev_id=7&type=1&version={long}"), "", Refusal::BadVersion),
        (Method::Get, "/ota/south/check?dev_id=7&type=1&version=a%20b".into(), "", Refusal::BadVersion),
        (Method::Get, "/ota/south/check?dev_id=7&type=1".into(), "", Refusal::BadParameter),
        (Method::Get, "/ota/south/check?dev_id=7&type=3&version=1".into(), "", Refusal::BadParameter),
        (Method::Get, "/ota/south/check?type=1&version=1".into(), "", Refusal::BadParameter),
        (Method::Get, "/ota/south/check?dev_id=a/b&type=1&version=1".into(), "", Refusal::BadParameter),
        (
            Method::Get,
            "/ota/south/check?dev_id=7&dev_id=8&type=1&version=1".into(),
            "",
            Refusal::BadParameter,
        ),
        (
            Method::Get,
            "/ota/south/check?dev_id=7&type=1&version=1&manuf=abc".into(),
            "",
            Refusal::BadParameter,
        ),
        (Method::Get, format!("/ota/south/check?x={}", "y".repeat(1024)), "", Refusal::BadParameter),
        (Method::Get, "/ota/PrdTest001/meter-01/-7/check".into(), "", Refusal::BadParameter),
        (Method::Get, "/ota/PrdTest001/meter-01/4294967296/check".into(), "", Refusal::BadParameter),
        (Method::Get, "/ota/PrdTest001/meter-01/7/status".into(), "", Refusal::BadParameter),
        (Method::Post, "/ota/device/version?dev_id=7".into(), "{", Refusal::BadParameter),
        (Method::Post, "/ota/device/version?dev_id=7".into(), r#"{"s_version":"a b"}"#, Refusal::BadVersion),
        (Method::Post, "/ota/PrdTest001/meter-01/7/status".into(), r#"{"step":300}"#, Refusal::BadParameter),
        (Method::Post, "/ota/south/report?dev_id=7&token=t".into(), r#"{"result":300}"#, Refusal::BadResult),
        (Method::Post, "/ota/south/report?dev_id=7".into(), r#"{"result":201}"#, Refusal::BadParameter),
    ] {
        let rejection = rejected(&product_call(method, &target, body));
        assert_eq!((rejection.refusal(), rejection.download), (refusal, false), "{target}");
    }
    let deep = "[".repeat(2000);
    let long = "x".repeat(5000);
    for body in [deep, long] {
        let rejection = rejected(&product_call(Method::Post, "/ota/device/version?dev_id=7", &body));
        assert!(matches!(rejection.error, RequestError::Body(_)), "{rejection:?}");
    }
    let download = rejected(&product_call(Method::Post, "/ota/PrdTest001/meter-01/7/download", ""));
    assert!(download.download, "its answer must not be a message");
}

#[test]
fn a_rejection_names_the_device_where_the_request_does() {
    for (target, body, device) in [
        ("/ota/PrdTest001/meter-01/7/status", r#"{"step":300}"#, Some(named())),
        ("/ota/device/version?dev_id=700100200", "{", Some(numbered())),
        ("/ota/device/version", "{}", None),
        ("/ota/PrdTest001/meter%2F01/version", "{}", None),
    ] {
        assert_eq!(rejected(&product_call(Method::Post, target, body)).device, device, "{target}");
    }
    let unsigned = call(Method::Get, "/fuse-ota/PrdTest001/meter-01/version", &[], "");
    assert_eq!(rejected(&unsigned).device, Some(named()));
    let unsigned = call(Method::Get, "/ota/device/version?dev_id=700100200", &[], "");
    assert_eq!(rejected(&unsigned).device, None, "without a proof there is no product");
    let wrong = product_call(Method::Get, "/ota/PrdTest001/meter-01/version", "");
    let Ok(Some(Request::Signed(wrong))) = read(&wrong) else { panic!() };
    assert_eq!(wrong.open(&[], NOW).unwrap_err().device, Some(named()));
}

#[test]
fn a_rejection_is_answered_in_its_own_generations_form() {
    let answer = |target: &str| {
        let Answer { head, body } = rejected(&product_call(Method::Get, target, "")).answer("5b0f");
        (head.status, std::string::String::from_utf8(body).unwrap(), head.headers)
    };
    let (status, body, _) = answer("/ota/south/check?dev_id=7&type=1&version=a%20b");
    assert_eq!((status, body.as_str()), (200, r#"{"errno":27,"error":"malformed version"}"#));
    let (status, body, _) = answer("/fuse-ota/PrdTest001/meter-01/check?type=2&version=a%20b");
    assert_eq!(
        (status, body.as_str()),
        (200, r#"{"code":27,"msg":"malformed version","request_id":"5b0f"}"#)
    );
    let (status, body, headers) = answer("/ota/PrdTest001/meter-01/x/download");
    assert_eq!((status, body.as_str(), headers.value("Ota-Errno")), (404, "", Some("2")));
    let (status, body, headers) = answer("/ota/south/download/ota%2Fx");
    assert_eq!((status, body.as_str(), headers.value("Content-Length")), (200, "\u{1}", None));
}
