//! The login: client id, user name and password of CONNECT (aliyun-link-sdk-v4 §1.2, §1.3).

use alloc::{format, string::String};

use super::sign::{self, Method, Proof};
use crate::{
    DeviceId, DeviceName, ProductKey,
    dialect::{Credentials, Login, LoginError, Transport},
};

/// The vendor SDK's constant: the year 2050, not a clock (aliyun-link-sdk-v4 §1.2).
const TIMESTAMP: &str = "2524608000000";

/// The longest client id before the first `|`, in characters (aliyun-link-sdk-v4 §1.3).
const MAX_CLIENT_ID_CHARS: usize = 64;

/// Our own version tag, where the vendor's SDKs name theirs.
const TAG: &str = concat!("otaru-", env!("CARGO_PKG_VERSION"));

/// The login of a device, in the form of the vendor's v4 SDK.
pub(super) fn write(credentials: &Credentials, transport: Transport) -> Login {
    write_with(credentials, secure_mode(transport), "")
}

/// The same with what a program of that SDK may set itself: the secure mode, and text added to the pairs.
pub(super) fn write_with(credentials: &Credentials, mode: &str, extra: &str) -> Login {
    let comma = if extra.is_empty() { "" } else { "," };
    let pairs = format!(
        "timestamp={TIMESTAMP},_ss=1,_v={TAG},securemode={mode},signmethod=hmacsha256,ext=3{comma}{extra}"
    );
    signed(credentials, &pairs)
}

/// The same in the form and order of the v3 SDK, built with auto-subscribe (aliyun-iotkit-v3 §1.2). `extra` is what the
/// program adds to the pairs, or empty.
pub(super) fn write_v3(credentials: &Credentials, transport: Transport, extra: &str) -> Login {
    let mode = secure_mode(transport);
    let comma = if extra.is_empty() { "" } else { "," };
    let pairs = format!(
        "timestamp={TIMESTAMP},_v={TAG},securemode={mode},signmethod=hmacsha256,lan=C,_ss=1,gw=0,ext=0{comma}{extra}"
    );
    signed(credentials, &pairs)
}

fn secure_mode(transport: Transport) -> &'static str {
    match transport {
        Transport::Tls => "2",
        Transport::Plain => "3",
    }
}

/// Both generations sign the same text; the pairs beside the timestamp are not signed.
fn signed(credentials: &Credentials, pairs: &str) -> Login {
    let DeviceId { product, device } = &credentials.id;
    let mut client_id = format!("{product}.{device}");
    if client_id.len() > MAX_CLIENT_ID_CHARS {
        client_id = device.as_str().into();
    }
    let signed = signed_text(&client_id, device.as_str(), product.as_str(), Some(TIMESTAMP));
    Login {
        client_id: format!("{client_id}|{pairs}|"),
        user_name: format!("{device}&{product}"),
        password: sign::hmac_sha256(&credentials.secret, &signed),
    }
}

/// Who a login claims to be.
pub(super) fn read(login: &Login) -> Result<DeviceId, LoginError> {
    let parts = Parts::read(login)?;
    Ok(DeviceId { product: ProductKey::new(parts.product)?, device: DeviceName::new(parts.device)? })
}

/// Recomputes the signature from the parameters that came and compares in constant time.
pub(super) fn verify(login: &Login, secret: &str) -> Result<(), LoginError> {
    let parts = Parts::read(login)?;
    let proof = Proof::from_hex(&login.password).ok_or(LoginError::WrongPassword)?;
    let method = match parts.method {
        Some(name) => Method::from_name(name)
            .ok_or(LoginError::Malformed { part: "client id", problem: "its signmethod is unknown" })?,
        None => proof.likely_method().ok_or(LoginError::WrongPassword)?,
    };
    let signed = signed_text(parts.client_id, parts.device, parts.product, parts.timestamp);
    match proof.holds(method, secret, &signed) {
        true => Ok(()),
        false => Err(LoginError::WrongPassword),
    }
}

/// What is signed: every parameter sent, name directly followed by value, names in alphabetical order.
fn signed_text(client_id: &str, device: &str, product: &str, timestamp: Option<&str>) -> String {
    let mut text = format!("clientId{client_id}deviceName{device}productKey{product}");
    if let Some(timestamp) = timestamp {
        text.push_str("timestamp");
        text.push_str(timestamp);
    }
    text
}

/// A login taken apart, nothing proven.
pub(super) struct Parts<'a> {
    pub(super) client_id: &'a str,
    pub(super) device: &'a str,
    pub(super) product: &'a str,
    pub(super) method: Option<&'a str>,
    pub(super) timestamp: Option<&'a str>,
}

impl<'a> Parts<'a> {
    /// The form that makes a login this dialect's: `{any}|{pairs}|` and `{device name}&{product key}`. Pairs come in
    /// any order; empty items and unknown keys are passed over; of a repeated key the first counts.
    pub(super) fn read(login: &'a Login) -> Result<Self, LoginError> {
        let (client_id, pairs) = login.client_id.split_once('|').ok_or(LoginError::NotThisDialect)?;
        let (device, product) = login.user_name.split_once('&').ok_or(LoginError::NotThisDialect)?;
        match client_id.chars().nth(MAX_CLIENT_ID_CHARS) {
            None if client_id.is_empty() => {
                return Err(LoginError::Malformed {
                    part: "client id",
                    problem: "nothing stands before its |",
                });
            }
            None => {}
            Some(_) => {
                let problem = "more than 64 characters stand before its |";
                return Err(LoginError::Malformed { part: "client id", problem });
            }
        }
        let pairs = pairs.split('|').next().unwrap_or_default();
        let value = |key: &str| {
            let mut values = pairs.split(',').filter_map(|pair| pair.split_once('='));
            values.find_map(|(name, value)| (name.trim() == key).then_some(value.trim()))
        };
        Ok(Self { client_id, device, product, method: value("signmethod"), timestamp: value("timestamp") })
    }
}

#[cfg(test)]
mod tests {
    use std::string::ToString;

    use proptest::prelude::*;

    use super::*;

    const SECRET: &str = "00112233445566778899aabbccddeeff";
    const PASSWORD: &str = "97751F61EE6A1A0700642E4BA6CC36497CFA2CE0043DC55CDE9C316B554EE331";

    fn login(client_id: &str, password: &str) -> Login {
        Login {
            client_id: client_id.into(),
            user_name: "dev-one&a1DemoPk001".into(),
            password: password.into(),
        }
    }

    fn credentials(product: &str, device: &str, secret: &str) -> Credentials {
        let id = DeviceId { product: product.parse().unwrap(), device: device.parse().unwrap() };
        Credentials { id, secret: secret.into() }
    }

    /// Source: aliyun-link-sdk-v4 §1.3, the first worked example, seen on the wire.
    #[test]
    fn the_vendors_sdk_logs_in() {
        let login = login(
            "a1DemoPk001.dev-one|timestamp=2524608000000,_ss=1,_v=sdk-c-4.2.0,securemode=3,signmethod=hmacsha256,\
             ext=3,_conn=tcp_0|",
            PASSWORD,
        );
        assert_eq!(read(&login).unwrap().to_string(), "a1DemoPk001/dev-one");
        assert_eq!(verify(&login, SECRET), Ok(()));
        assert_eq!(verify(&login, "00112233445566778899aabbccddeefe"), Err(LoginError::WrongPassword));
    }

    /// Source: aliyun-iotkit-v3 §1.2, the worked example; v3 signs the same way.
    #[test]
    fn the_older_generation_logs_in() {
        let login = Login {
            client_id: "a1TestPk001.dev-0001|timestamp=2524608000000,_v=sdk-c-3.2.0,securemode=3,\
                        signmethod=hmacsha256,lan=C,gw=0,ext=0|"
                .into(),
            user_name: "dev-0001&a1TestPk001".into(),
            password: "B5DE63BD347F9BF3B5F0322DE0EBF94295CB4C49A2D6EF50795BD34C05B3E730".into(),
        };
        assert_eq!(verify(&login, "0123456789abcdef0123456789abcdef"), Ok(()));
    }

    /// Source: aliyun-link-sdk-v4 §1.3, the second worked example; the hmacmd5 value was computed by Python's hmac.
    #[test]
    fn any_client_id_and_all_three_methods_log_in() {
        for (method, password) in [
            ("hmacsha256", "12dd49b3c0c766ec0c81c5852a89fc64258242fd47b4ff2ff7df69ac15266317"),
            ("hmacsha1", "5c139b633cb59552d1a2d8806e487f91feddd57b"),
            ("hmacmd5", "d5f2cb2f20ef3836f4819c00e5c830e1"),
        ] {
            for password in [password.to_string(), password.to_uppercase()] {
                let named = format!("mac-0001|securemode=3,signmethod={method}|");
                assert_eq!(verify(&login(&named, &password), SECRET), Ok(()), "{method}");
                let unnamed = "mac-0001|securemode=3|";
                assert_eq!(verify(&login(unnamed, &password), SECRET), Ok(()), "{method} by its length");
            }
        }
    }

    #[test]
    fn pairs_are_read_loosely() {
        for pairs in [
            "signmethod=hmacsha256,timestamp=2524608000000",
            "timestamp=2524608000000,,signmethod=hmacsha256,ext=3,",
            "timestamp=2524608000000,x,=,y==,signmethod=HmacSHA256,timestamp=9",
            " timestamp = 2524608000000 , signmethod = hmacsha256 ",
            "timestamp=2524608000000|more",
        ] {
            for end in ["|", ""] {
                let client_id = format!("a1DemoPk001.dev-one|{pairs}{end}");
                assert_eq!(verify(&login(&client_id, PASSWORD), SECRET), Ok(()), "{client_id}");
            }
        }
    }

    #[test]
    fn a_login_with_anything_signed_changed_is_refused() {
        let good = "a1DemoPk001.dev-one|timestamp=2524608000000,signmethod=hmacsha256|";
        for client_id in [
            "a1DemoPk001.dev-onf|timestamp=2524608000000,signmethod=hmacsha256|",
            "a1DemoPk001.dev-one|timestamp=2524608000001,signmethod=hmacsha256|",
            "a1DemoPk001.dev-one|signmethod=hmacsha256|",
            "a1DemoPk001.dev-one|timestamp=2524608000000,signmethod=hmacsha1|",
            "a1DemoPk001.dev-one|timestamp=2524608000000,signmethod=hmacmd5|",
        ] {
            assert_eq!(verify(&login(client_id, PASSWORD), SECRET), Err(LoginError::WrongPassword));
        }
        for password in ["", "0", "zz", &PASSWORD[..62], &format!("{PASSWORD}00"), &"é".repeat(32)] {
            assert_eq!(verify(&login(good, password), SECRET), Err(LoginError::WrongPassword), "{password}");
        }
        for user_name in ["dev-two&a1DemoPk001", "dev-one&a1DemoPk002", "dev-one&a1DemoPk001&"] {
            let login = Login { user_name: user_name.into(), ..login(good, PASSWORD) };
            assert_eq!(verify(&login, SECRET), Err(LoginError::WrongPassword), "{user_name}");
        }
        assert_eq!(verify(&login(good, PASSWORD), ""), Err(LoginError::WrongPassword));
    }

    #[test]
    fn the_form_alone_decides_whose_dialect_a_login_is() {
        let not_ours = Err(LoginError::NotThisDialect);
        assert_eq!(read(&Login::default()), not_ours);
        assert_eq!(read(&login("plain-client", PASSWORD)), not_ours);
        assert_eq!(read(&Login { user_name: "someone".into(), ..login("a|b|", PASSWORD) }), not_ours);
    }

    #[test]
    fn a_login_of_our_form_with_a_bad_part_is_told_so() {
        let long = format!("{}|signmethod=hmacsha256|", "é".repeat(65));
        for client_id in ["|signmethod=hmacsha256|", &long] {
            assert!(matches!(
                read(&login(client_id, "")),
                Err(LoginError::Malformed { part: "client id", .. })
            ));
        }
        assert!(read(&login(&format!("{}|x|", "é".repeat(64)), "")).is_ok());
        for user_name in ["&a1DemoPk001", "dev-one&", "dev/one&a1DemoPk001", "dev&one&a1DemoPk001", "+&#"] {
            let login = Login { user_name: user_name.into(), ..login("a|b|", PASSWORD) };
            assert!(matches!(read(&login), Err(LoginError::Id(_))), "{user_name}");
        }
        let unknown = verify(&login("a|signmethod=none|", PASSWORD), SECRET);
        assert!(matches!(unknown, Err(LoginError::Malformed { .. })));
    }

    /// Source: aliyun-link-sdk-v4 §1.2, §1.3: the same device as the worked example, so the same password.
    #[test]
    fn our_login_is_the_vendors_with_our_own_version_tag() {
        let credentials = credentials("a1DemoPk001", "dev-one", SECRET);
        for (transport, mode) in [(Transport::Plain, 3), (Transport::Tls, 2)] {
            let login = write(&credentials, transport);
            let version = env!("CARGO_PKG_VERSION");
            assert_eq!(
                login.client_id,
                format!(
                    "a1DemoPk001.dev-one|timestamp=2524608000000,_ss=1,_v=otaru-{version},securemode={mode},\
                     signmethod=hmacsha256,ext=3|"
                )
            );
            assert_eq!(login.user_name, "dev-one&a1DemoPk001");
            assert_eq!(login.password, PASSWORD);
        }
    }

    #[test]
    fn a_login_with_a_mode_and_pairs_of_the_programs_own_is_accepted() {
        let credentials = credentials("a1DemoPk001", "dev-one", SECRET);
        let login = write_with(&credentials, "-2", "site=osaka,_x=1");
        assert!(login.client_id.contains(",securemode=-2,"), "{}", login.client_id);
        assert!(login.client_id.ends_with(",ext=3,site=osaka,_x=1|"), "{}", login.client_id);
        assert_eq!(verify(&login, SECRET), Ok(()));
    }

    proptest! {
        #[test]
        fn every_device_logs_in_with_its_secret_and_with_no_other(
            product in "[A-Za-z0-9_-]{1,64}", device in "[A-Za-z0-9_.:@-]{1,64}", secret in ".{0,80}", other in ".{0,80}",
        ) {
            let credentials = credentials(&product, &device, &secret);
            let login = write(&credentials, Transport::Tls);
            prop_assert_eq!(read(&login), Ok(credentials.id));
            prop_assert_eq!(verify(&login, &secret), Ok(()));
            if other.trim_end_matches('\0') != secret.trim_end_matches('\0') {
                prop_assert_eq!(verify(&login, &other), Err(LoginError::WrongPassword));
            }
        }

        #[test]
        fn random_texts_never_panic(client_id in ".*[|]?.*", user_name in ".*&?.*", password: String, hex in "[0-9a-f]*") {
            for password in [password, hex] {
                let login = Login { client_id: client_id.clone(), user_name: user_name.clone(), password };
                let _ = read(&login);
                prop_assert!(verify(&login, SECRET).is_err());
            }
        }
    }
}
