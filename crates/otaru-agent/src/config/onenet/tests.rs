//! Configurations of OneNET devices that work, and what is said of those that do not.

use std::path::Path;

use otaru_wire::dialect::{Credentials, onenet::Authorization};

use super::*;
use crate::config::{ConfigError, PlatformConfig};

const KEY: &str = "S2V5T2ZUaGVGYWN0U2hlZXRTZXJ2ZXJUZXN0MDAwMQ==";

fn text(dialect: &str, device: &str, more: &str) -> String {
    format!(
        "[device]\ndialect = \"{dialect}\"\nproduct_key = \"PrdTest001\"\ndevice_name = \"700100200\"\nversion = \"1.0.0\"\n\
         {device}\n[platform]\nurl = \"http://127.0.0.1:8080\"\n[storage]\ndir = \"state\"\n{more}\n"
    )
}

fn parse(text: &str) -> Result<Config, ConfigError> {
    Config::parse(text, "agent.toml", Path::new("/etc/otaru"))
}

fn with_key(more: &str) -> String {
    format!("device_secret = \"{KEY}\"\n{more}")
}

/// What the device of a configuration signs with.
fn claim(config: &Config, now_s: u64) -> onenet::Claim {
    let half = config.device.device_half();
    let credentials = Credentials { id: config.device.id(), secret: KEY.into() };
    let text = half.calls().unwrap().write_authorization(&credentials, now_s).unwrap();
    let signed = Authorization::read(&text).unwrap();
    assert_eq!(signed.verify(&AccessKey::from_base64(KEY).unwrap(), now_s), Ok(()));
    signed.claim().clone()
}

/// Source: onenet §3.1, the table of resources.
#[test]
fn a_device_signs_as_its_generation_accepts_unless_it_is_told_otherwise() {
    const NOW: u64 = 1_800_000_000;
    for (dialect, resource) in [
        ("onenet-token", "products/PrdTest001"),
        ("onenet-tid", "products/PrdTest001/devices/700100200"),
        ("onenet-fuse", "products/PrdTest001/devices/700100200"),
    ] {
        let config = parse(&text(dialect, &with_key(""), "")).unwrap();
        assert_eq!(config.device.device_half().name(), dialect);
        let claim = claim(&config, NOW);
        assert_eq!(claim.resource.to_string(), resource);
        assert_eq!((claim.method, claim.edition), (Method::Sha256, Edition::E2018));
        assert_eq!(claim.expires_s, NOW + 86_400);
    }
    let table =
        "[device.onenet]\nsign_as = \"user\"\nuser = \"100200\"\nmethod = \"md5\"\nsign_until = 2524579200";
    let told = claim(&parse(&text("onenet-fuse", &with_key(table), "")).unwrap(), NOW);
    assert_eq!(told.resource.to_string(), "userid/100200");
    assert_eq!((told.method, told.edition, told.expires_s), (Method::Md5, Edition::E2022, 2_524_579_200));
    let table = "[device.onenet]\nsign_as = \"product\"\nmethod = \"sha1\"\nedition = \"2020-05-29\"\nsign_for_s = 60";
    let told = claim(&parse(&text("onenet-tid", &with_key(table), "")).unwrap(), NOW);
    assert_eq!(told.resource.to_string(), "products/PrdTest001");
    assert_eq!((told.method, told.edition, told.expires_s), (Method::Sha1, Edition::E2020, NOW + 60));
}

#[test]
fn a_products_key_signs_as_well_as_a_devices() {
    let config = parse(&text("onenet-token", &format!("product_secret = \"{KEY}\""), "")).unwrap();
    assert!(matches!(config.proof(), Ok(super::super::Proof::Own(secret)) if secret.0 == KEY));
}

#[test]
fn what_a_device_of_the_first_generation_tells_of_itself_is_in_its_question() {
    let table = "[device.onenet]\nmanuf = \"103\"\nmodel = \"10301\"\ncdn = true";
    let config = parse(&text("onenet-token", &with_key(table), "")).unwrap();
    let query = otaru_wire::Report::Query {
        module: Default::default(),
        running: Some("1.0.0".parse().unwrap()),
        wanted: None,
    };
    let call = config.device.device_half().calls().unwrap().write_call(&config.device.id(), &query).unwrap();
    assert_eq!(
        call.target,
        "/ota/south/check?type=2&version=1.0.0&cdn=true&manuf=103&model=10301&dev_id=700100200"
    );
}

#[test]
fn what_onenet_has_no_word_for_is_refused_by_its_key() {
    let broker = "[broker]\naddress = \"127.0.0.1:1883\"";
    let key = with_key("");
    for (dialect, device, more, told) in [
        ("onenet-fuse", "", "", "key device.device_secret: it is needed, or product_secret"),
        ("onenet-fuse", "device_secret = \"(not base64)\"", "", "key device.device_secret"),
        ("onenet-fuse", "product_secret = \"(not base64)\"", "", "copy the key as the platform shows it"),
        ("onenet-fuse", &with_key("product_secret = \"YQ==\""), "", "one key signs; remove one"),
        (
            "onenet-fuse",
            &with_key("registration = \"http\""),
            "",
            "key device.registration: devices of OneNET do not",
        ),
        ("onenet-fuse", &with_key("[device.jd]"), "", "key device.jd: only the dialect \"jd\""),
        (
            "onenet-fuse",
            &with_key("[device.onenet]\nmanuf = \"103\""),
            "",
            "only \"onenet-token\" takes manuf",
        ),
        (
            "onenet-token",
            &with_key("[device.onenet]\nmanuf = \"x\""),
            "",
            "key manuf: \"x\" is not 1 to 8 digits",
        ),
        ("onenet-fuse", &with_key("[device.onenet]\nuser = \"1\""), "", "sign_as = \"user\" needs user"),
        (
            "onenet-fuse",
            &with_key("[device.onenet]\nsign_as = \"user\""),
            "",
            "sign_as = \"user\" needs user",
        ),
        (
            "onenet-fuse",
            &with_key("[device.onenet]\nsign_as = \"user\"\nuser = \"a/b\""),
            "",
            "the account's number",
        ),
        (
            "onenet-fuse",
            &with_key("[device.onenet]\nsign_for_s = 1\nsign_until = 1"),
            "",
            "the same thing twice",
        ),
        ("onenet-fuse", &with_key("[device.onenet]\nsign_for_s = 59"), "", "sign_for_s is to be at least 60"),
        ("onenet-token", &key, broker, "key broker: this generation has nothing over MQTT"),
        (
            "onenet-fuse",
            &key,
            "[broker]\nregion = \"cn-shanghai\"",
            "key broker.region: it is a host of another",
        ),
        (
            "onenet-fuse",
            &key,
            "[[module]]\nname = \"mcu\"\nversion = \"1\"",
            "one module beside the device itself",
        ),
        (
            "onenet-fuse",
            &key,
            "[[module]]\nname = \"modem\"\nversion = \"123456789012345678901\"",
            "key module.version",
        ),
        ("onenet-fuse", &key, "[remote_config]\nfile = \"a\"", "key remote_config: OneNET has no remote"),
        (
            "onenet-fuse",
            &key,
            "[[sub_device]]\nproduct_key = \"p\"\ndevice_name = \"d\"\ndevice_secret = \"s\"\nversion = \"1\"",
            "key sub_device: OneNET has no devices behind others; give each an agent",
        ),
        ("aliyun", &key, broker, "key platform: only the dialects \"onenet-token\", "),
        ("jd", &key, broker, "key platform: only"),
    ] {
        let error = parse(&text(dialect, device, more)).unwrap_err().to_string();
        assert!(
            error.starts_with("agent.toml, ") && error.contains(told),
            "{dialect}, {device}, {more}: {error}"
        );
        assert!(!error.contains("not base64)"), "{error}");
    }
    let whole = text("onenet-fuse", &key, "");
    for (text, told) in [
        (
            whole.replace("[platform]\nurl = \"http://127.0.0.1:8080\"", ""),
            "key platform: it is needed: a table",
        ),
        (whole.replace("http://127.0.0.1:8080", "127.0.0.1:8080"), "key url: it must be http:// or https://"),
        (
            whole.replace("8080\"", "8080\"\nca = \"ca.pem\""),
            "key platform.ca: it needs an url with https://",
        ),
        (
            whole.replace("1.0.0", "123456789012345678901"),
            "key device.version: 123456789012345678901 is longer",
        ),
        (
            text("aliyun", &with_key("[device.onenet]"), broker)
                .replace("[platform]\nurl = \"http://127.0.0.1:8080\"", ""),
            "key device.onenet: only",
        ),
    ] {
        let error = parse(&text).unwrap_err().to_string();
        assert!(error.contains(told), "{told}: {error}");
    }
}

#[test]
fn a_session_beside_the_calls_and_the_modem_may_be_there() {
    let more = "[broker]\naddress = \"127.0.0.1:1883\"\n[[module]]\nname = \"modem\"\nversion = \"1\"";
    let config = parse(&text("onenet-fuse", &with_key(""), more)).unwrap();
    assert_eq!((config.broker.is_some(), config.modules.len()), (true, 1));
}

#[test]
fn a_program_makes_a_device_over_http_with_the_defaults_of_a_file() {
    let device = DeviceConfig {
        dialect: DialectName::OnenetTid,
        ..DeviceConfig::new("PrdTest001", "700100200", KEY, "1.0.0").unwrap()
    };
    let platform = PlatformConfig::new("http://127.0.0.1:8080").unwrap();
    let made = Config::over_http(device, platform, "/etc/otaru/state");
    made.check("made").unwrap();
    let read = parse(&text("onenet-tid", &with_key(""), "")).unwrap();
    assert_eq!(format!("{made:?}"), format!("{read:?}"));
    for url in ["http://name:s3cret@127.0.0.1", "http://127.0.0.1/", "ftp://127.0.0.1"] {
        let mut config = made.clone();
        config.platform = Some(PlatformConfig { url: url.into(), ca: None });
        let error = config.check("made").unwrap_err().to_string();
        assert!(error.contains("key platform.url: it must be") && !error.contains("s3cret"), "{error}");
    }
    let error = PlatformConfig::new("ota.example").unwrap_err().to_string();
    assert!(error.starts_with("[platform] of the configuration: it must be http://"), "{error}");
}
