//! The signature against every vector of the sheet, and what a stranger may send for one.

use std::vec::Vec;

use proptest::prelude::*;

use super::*;

/// Source: onenet §3.2.
const KEY: &str = "S2V5T2ZUaGVGYWN0U2hlZXRTZXJ2ZXJUZXN0MDAwMQ==";
const ET: u64 = 2_524_579_200;

/// Source: onenet §3.2, the table: version, res, method, HMAC in hex, sign.
const VECTORS: [(&str, &str, &str, &str, &str); 7] = [
    (
        "2018-10-31",
        "products/123123",
        "sha1",
        "a75c8bf54587c78afca6b1e8856ab5145117aad8",
        "p1yL9UWHx4r8prHohWq1FFEXqtg=",
    ),
    ("2018-10-31", "products/123123", "md5", "74a637d656ae0749636a9241387663b3", "dKY31lauB0ljapJBOHZjsw=="),
    (
        "2018-10-31",
        "products/123123",
        "sha256",
        "9000a44d5ad0cb0836e51fb00670121654050208c873cf3d68e5d83b30d79d42",
        "kACkTVrQywg25R+wBnASFlQFAgjIc889aOXYOzDXnUI=",
    ),
    (
        "2018-10-31",
        "products/PrdTest001/devices/meter-01",
        "sha1",
        "8a97064258c34f324c170898bb5f622130fb38c3",
        "ipcGQljDTzJMFwiYu19iITD7OMM=",
    ),
    (
        "2018-10-31",
        "products/PrdTest001/devices/meter-01",
        "md5",
        "10b830939a17bc6991f212881321e9a9",
        "ELgwk5oXvGmR8hKIEyHpqQ==",
    ),
    (
        "2022-05-01",
        "products/PrdTest001/devices/meter-01",
        "sha1",
        "a14035b390103e60938bb94f1bafdff8feff6eba",
        "oUA1s5AQPmCTi7lPG6/f+P7/bro=",
    ),
    (
        "2022-05-01",
        "userid/100200",
        "sha1",
        "cb34a0d114b036dac211885ba1db9a10caecf5a9",
        "yzSg0RSwNtrCEYhboduaEMrs9ak=",
    ),
];

fn key() -> AccessKey {
    AccessKey::from_base64(KEY).unwrap()
}

fn claim(version: &str, res: &str, method: &str) -> Claim {
    Claim {
        edition: named(&EDITIONS, version, "", "").unwrap(),
        resource: Resource::read(res).unwrap(),
        expires_s: ET,
        method: named(&METHODS, method, "", "").unwrap(),
    }
}

fn meter() -> DeviceId {
    DeviceId { product: "PrdTest001".parse().unwrap(), device: "meter-01".parse().unwrap() }
}

#[test]
fn every_vector_of_the_sheet_is_signed_and_verified() {
    assert_eq!(key().0, b"KeyOfTheFactSheetServerTest0001");
    for (version, res, method, hex, sign) in VECTORS {
        let claim = claim(version, res, method);
        let mac = sign::hmac(claim.method, &key().0, &claim.signed_text());
        assert_eq!(mac.iter().map(|byte| format!("{byte:02x}")).collect::<String>(), hex, "{res} {method}");
        let text = claim.sign(&key());
        assert!(text.ends_with(&format!("&sign={}", percent::encode(sign))), "{text}");
        let read = Authorization::read(&text).unwrap();
        assert_eq!(read.claim(), &claim);
        assert_eq!(read.verify(&key(), ET), Ok(()));
    }
}

/// Source: onenet §3.1 and §3.2, the text signed and the full header of the first row.
#[test]
fn the_whole_header_is_the_vendors_to_the_byte() {
    let claim = claim("2018-10-31", "products/123123", "sha1");
    assert_eq!(claim.signed_text(), "2524579200\nsha1\nproducts/123123\n2018-10-31");
    assert_eq!(
        claim.sign(&key()),
        "version=2018-10-31&res=products%2F123123&et=2524579200&method=sha1&sign=p1yL9UWHx4r8prHohWq1FFEXqtg%3D"
    );
}

/// Source: onenet §3.2, the independent vector.
#[test]
fn the_independent_vector_is_signed_and_verified() {
    let key = AccessKey::from_base64("dGVzdC1rZXk=").unwrap();
    for (method, sign) in [
        (Method::Sha1, "SMnYQ%2F3hxwrnfgWAihw6qNFIrEY%3D"),
        (Method::Sha256, "Lupe049xpJG17%2B7KQHCIHxYy2CTX%2BHYi%2BFt9LoIYyfk%3D"),
    ] {
        let resource = Resource::read("products/test-product/devices/test-device").unwrap();
        let claim = Claim { edition: Edition::E2018, resource, expires_s: 1_893_456_000, method };
        assert!(claim.sign(&key).ends_with(&format!("&sign={sign}")), "{method:?}");
        assert_eq!(Authorization::read(&claim.sign(&key)).unwrap().verify(&key, 0), Ok(()));
    }
}

/// Source: onenet §3.3: a vendor's simulator, and its curl examples.
#[test]
fn parts_in_any_order_and_without_escapes_are_verified() {
    for text in [
        "res=products/123123&et=2524579200&method=sha1&version=2018-10-31&sign=p1yL9UWHx4r8prHohWq1FFEXqtg=",
        "sign=p1yL9UWHx4r8prHohWq1FFEXqtg&method=sha1&version=2018-10-31&et=2524579200&res=products%2f123123",
        "version=2018-10-31&res=products/123123&et=2524579200&method=sha256&sign=kACkTVrQywg25R+wBnASFlQFAgjIc889aOXYOzDXnUI=",
    ] {
        assert_eq!(Authorization::read(text).unwrap().verify(&key(), 1_800_000_000), Ok(()), "{text}");
    }
}

#[test]
fn an_expiry_above_32_bits_is_good_and_one_in_the_past_is_not() {
    let far = Claim { expires_s: u64::MAX, ..claim("2018-10-31", "products/123123", "sha1") };
    assert_eq!(Authorization::read(&far.sign(&key())).unwrap().verify(&key(), u64::MAX), Ok(()));
    let past = claim("2018-10-31", "products/123123", "sha1").sign(&key());
    assert_eq!(
        Authorization::read(&past).unwrap().verify(&key(), ET + 1),
        Err(AuthorizationError::Expired { expires_s: ET, now_s: ET + 1 })
    );
}

#[test]
fn another_key_or_another_claim_proves_nothing() {
    let text = claim("2018-10-31", "products/123123", "sha1").sign(&key());
    let printed = AccessKey(KEY.as_bytes().to_vec()); // the printed text is not the key
    for (text, key) in [
        (text.clone(), printed),
        (text.replace("123123", "123124"), key()),
        (text.replace("2524579200", "2524579201"), key()),
        (text.replace("2018-10-31", "2022-05-01"), key()),
        (text.replace("method=sha1", "method=md5"), key()),
        (text.replace("qtg%3D", "qtQ%3D"), key()),
        (text.replace("sign=p1yL", "sign="), key()),
    ] {
        let read = Authorization::read(&text).unwrap();
        assert_eq!(read.verify(&key, 0), Err(AuthorizationError::WrongSign), "{text}");
    }
}

#[test]
fn a_resource_speaks_for_its_own_devices_and_an_account_for_none() {
    let speaks = |res: &str| Resource::read(res).unwrap().speaks_for(&meter());
    assert!(speaks("products/PrdTest001") && speaks("products/PrdTest001/devices/meter-01"));
    for res in [
        "products/PrdTest002",
        "products/PrdTest001/devices/meter-02",
        "products/x/devices/meter-01",
        "userid/1",
    ] {
        assert!(!speaks(res), "{res}");
    }
}

#[test]
fn a_part_that_is_missing_repeated_or_unknown_is_a_typed_error() {
    let good = claim("2018-10-31", "products/123123", "sha1").sign(&key());
    for part in ["version", "res", "et", "method", "sign"] {
        let without: Vec<_> = good.split('&').filter(|pair| !pair.starts_with(&format!("{part}="))).collect();
        let error = Authorization::read(&without.join("&")).err();
        assert_eq!(error, Some(AuthorizationError::Missing { part }), "{part}");
        let error = Authorization::read(&format!("{good}&{part}=1")).err();
        assert_eq!(error, Some(AuthorizationError::Repeated { part }), "{part}");
    }
    for (from, to, part) in [
        ("2018-10-31", "2019-10-31", "version"),
        ("sha1", "SHA1", "method"),
        ("sha1", "sha512", "method"),
        ("et=2", "et=+2", "et"),
        ("et=2", "et=02", "et"),
        ("et=2", "et=99999999999999999999", "et"),
        ("products%2F123123", "products%2F123123%2F", "res"),
        ("products%2F123123", "projectid%2F1%2Fgroupid%2F2", "res"),
        ("products%2F123123", "products%2", "res"),
        ("sign=p1yL", "sign=p1y!", "sign"),
    ] {
        match Authorization::read(&good.replacen(from, to, 1)) {
            Err(AuthorizationError::Malformed { part: found, .. }) => assert_eq!(found, part, "{to}"),
            other => panic!("{to}: {other:?}"),
        }
    }
    let break_in = good.replace("123123", "1%0A2018-10-31");
    assert!(matches!(Authorization::read(&break_in), Err(AuthorizationError::Id(_))));
    let long = "a".repeat(MAX_BYTES + 1);
    assert!(matches!(Authorization::read(&long), Err(AuthorizationError::TooLong { .. })));
}

#[test]
fn an_access_key_is_base64_of_bearable_length_and_never_shown() {
    for text in ["", "====", "no base64!", &BASE64.encode([7; 257])] {
        assert!(AccessKey::from_base64(text).is_err(), "{text}");
    }
    let read = Authorization::read(&claim("2018-10-31", "products/123123", "sha1").sign(&key())).unwrap();
    let shown = format!("{:?} {read:?}", key());
    assert!(!shown.contains("KeyOf") && !shown.contains("75") && !shown.contains("p1yL"), "{shown}");
}

prop_compose! {
    fn any_claim()(
        edition in proptest::sample::select(&EDITIONS[..]), method in proptest::sample::select(&METHODS[..]),
        expires_s: u64, product in "[A-Za-z0-9_-]{1,64}", device in proptest::option::of("[A-Za-z0-9_.:@-]{1,64}"),
    ) -> Claim {
        let product: ProductKey = product.parse().unwrap();
        let resource = match device {
            Some(device) => Resource::Device(DeviceId { product, device: device.parse().unwrap() }),
            None => Resource::Product(product),
        };
        Claim { edition: edition.0, resource, expires_s, method: method.0 }
    }
}

proptest! {
    #[test]
    fn every_claim_comes_back_proven(claim in any_claim(), key in proptest::collection::vec(any::<u8>(), 1..=256)) {
        let key = AccessKey(key);
        let text = claim.sign(&key);
        prop_assert!(text.len() <= 315, "{}", text.len());
        let read = Authorization::read(&text).unwrap();
        prop_assert_eq!(read.claim(), &claim);
        prop_assert_eq!(read.verify(&key, claim.expires_s), Ok(()));
    }

    #[test]
    fn any_text_is_read_without_a_panic_and_proves_nothing(text in "((version|res|et|method|sign)=[a-z0-9%/=-]{0,30}&?){0,7}|.{0,90}") {
        if let Ok(read) = Authorization::read(&text) {
            prop_assert_eq!(read.verify(&key(), 0), Err(AuthorizationError::WrongSign));
        }
    }
}
