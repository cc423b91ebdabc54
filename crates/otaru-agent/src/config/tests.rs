//! Configurations that work, and what is said of those that do not.

use std::time::Duration;

use otaru_wire::Report;

use super::*;

const SMALLEST: &str = r#"
[device]
product_key = "a1DemoPk001"
device_name = "dev-one"
device_secret = "00112233445566778899aabbccddeeff"
version = "1.0.0"

[broker]
address = "127.0.0.1:1883"

[storage]
dir = "state"
"#;

fn parse(text: &str) -> Result<Config, ConfigError> {
    Config::parse(text, "agent.toml", Path::new("/etc/otaru"))
}

fn endpoint(config: &Config) -> String {
    config.broker.as_ref().unwrap().endpoint(&config.device.product_key).unwrap().to_string()
}

#[test]
fn the_smallest_configuration_has_every_default() {
    let config = parse(SMALLEST).unwrap();
    assert_eq!(config.storage.dir, Path::new("/etc/otaru/state"));
    assert_eq!(config.device.id().to_string(), "a1DemoPk001/dev-one");
    assert_eq!(endpoint(&config), "127.0.0.1:1883");
    assert_eq!(config.broker.as_ref().map(|broker| broker.keep_alive_s), Some(60));
    assert_eq!(config.reboot.mode, RebootMode::Restart);
    assert_eq!(config.module_versions().len(), 1);
    assert_eq!(format!("{:?}", config.policy.policy()), format!("{:?}", otaru_core::Policy::default()));
}

#[test]
fn times_are_seconds_with_fractions_and_reach_the_core() {
    let text = format!("{SMALLEST}[policy]\nretry_first_s = 0.2\nstall_timeout_s = 7\nreport_percent = 10\n");
    let policy = parse(&text).unwrap().policy.policy();
    assert_eq!(policy.retry_first, Duration::from_millis(200));
    assert_eq!(policy.stall_timeout, Duration::from_secs(7));
    assert_eq!(policy.report_percent, 10);
    let text =
        format!("{SMALLEST}[policy]\nblock_bytes = 512\nblock_timeout_s = 20\nblock_interval_s = 0.35\n");
    let policy = parse(&text).unwrap().policy.policy();
    assert_eq!(
        (policy.block_bytes, policy.block_timeout, policy.block_interval),
        (512, Duration::from_secs(20), Duration::from_millis(350))
    );
}

#[test]
fn the_policys_mode_says_who_decides_and_a_key_of_its_own_counts_more() {
    for (lines, asks) in [
        ("", (false, false)),
        ("mode = \"silent\"", (false, false)),
        ("mode = \"standard\"", (true, true)),
        ("mode = \"standard\"\nask_before_fetch = false", (false, true)),
        ("ask_before_activate = true\nmode = \"silent\"", (false, true)),
    ] {
        let policy = parse(&format!("{SMALLEST}[policy]\n{lines}\n")).unwrap().policy.policy();
        assert_eq!((policy.ask_before_fetch, policy.ask_before_activate), asks, "{lines}");
    }
}

#[test]
fn a_wrong_value_is_told_with_file_line_and_key() {
    for (line, words) in [
        ("[policy]\nblock_bytes = 65537", "line 14, key block_bytes: 65537 is not within 1 to 65536"),
        ("[policy]\nreport_percent = 0", "line 14, key report_percent: 0 is not within 1 to 100"),
        ("[policy]\nstall_timeout_s = -1", "line 14, key stall_timeout_s: -1 is not a number of seconds"),
        ("[policy]\nstall_timeout = 1", "line 14, key stall_timeout: unknown field `stall_timeout`"),
        ("[policy]\nread_back_bytes = 1", "1 is not within 4096 to 4194304"),
        (
            "[[module]]\nname = \"..\"\nversion = \"1\"",
            "line 14, key name: .. cannot be the name of a folder",
        ),
        ("[[module]]\nname = \".\"\nversion = \"1\"", "line 14, key name: . cannot"),
        ("[[module]]\nname = \"a/b\"\nversion = \"1\"", "line 14, key name: module holds '/'"),
        ("[[module]]\nname = \"default\"\nversion = \"1\"", "gets its version in [device]"),
        ("[[module]]\nname = \"m\"\nversion = \"1 0\"", "line 15, key version: version holds ' '"),
        ("[remote_config]\ncommand = [\"true\"]", "missing field `file`"),
        ("[remote_config]\nfile = \"c\"\nmax_bytes = 0", "0 is not within 1 to 16777216"),
        ("[download]\nmax_bytes_per_second = 0", "line 14, key max_bytes_per_second: 0 is below 1"),
        ("[reboot]\nmode = \"now\"", "line 14, key mode"),
        ("[reboot]\nmode = \"command\"", "key reboot.command"),
        ("[reboot]\ncommand = []", "it needs the name of a program"),
        ("[speed]\nfast = true", "unknown field `speed`"),
        (
            "[platform]\nurl = \"http://a\"",
            "key platform: only the dialects \"onenet-token\", \"onenet-tid\"",
        ),
    ] {
        let error = parse(&format!("{SMALLEST}{line}\n")).unwrap_err().to_string();
        assert!(error.starts_with("agent.toml, ") && error.contains(words), "{line:?}: {error}");
    }
    let nowhere = SMALLEST.replace("[broker]\naddress = \"127.0.0.1:1883\"", "");
    assert!(parse(&nowhere).unwrap_err().to_string().contains("key broker: it is needed: a table that says"));
    let twice = "[[module]]\nname=\"m\"\nversion=\"1\"\n".repeat(2);
    assert!(parse(&format!("{SMALLEST}{twice}")).unwrap_err().to_string().contains("m is there twice"));
    for address in ["", "host", "host:", ":1883", "host:0", "host:99999"] {
        let text = SMALLEST.replace("127.0.0.1:1883", address);
        let error = parse(&text).unwrap_err().to_string();
        assert!(error.contains("line 9, key address"), "{error}");
    }
}

#[test]
fn the_secret_is_in_no_message() {
    let secret = "00112233445566778899aabbccddeeff";
    assert!(!format!("{:?}", parse(SMALLEST).unwrap()).contains(secret));
    for broken in [
        SMALLEST.replace(&format!("\"{secret}\""), secret),
        SMALLEST.replace(&format!("\"{secret}\""), &format!("\"{secret}")),
        SMALLEST.replace(&format!("\"{secret}\""), &format!("[\"{secret}\"]")),
        SMALLEST.replace(&format!("\"{secret}\""), "12345678"),
        SMALLEST.replace(secret, ""),
        SMALLEST.replace("device_secret", "device_secrets"),
    ] {
        let error = parse(&broken).unwrap_err();
        for text in [error.to_string(), format!("{error:?}")] {
            assert!(!text.contains(&secret[..8]) && !text.contains("1234"), "{text}");
        }
        assert!(error.to_string().contains("line 5"), "{error}");
    }
}

/// The smallest configuration with another `[broker]`.
fn with_broker(lines: &str) -> Result<Config, ConfigError> {
    parse(&SMALLEST.replace("address = \"127.0.0.1:1883\"", lines))
}

#[test]
fn a_region_or_an_instance_stands_for_its_host() {
    for (lines, endpoint) in [
        ("region = \"cn-shanghai\"", "a1DemoPk001.iot-as-mqtt.cn-shanghai.aliyuncs.com:1883"),
        ("region = \"us-west-1\"\nport = 443", "a1DemoPk001.iot-as-mqtt.us-west-1.aliyuncs.com:443"),
        ("instance = \"iot-0123\"\nport = 8883", "iot-0123.mqtt.iothub.aliyuncs.com:8883"),
        ("address = \"[::1]:1883\"", "[::1]:1883"),
    ] {
        assert_eq!(self::endpoint(&with_broker(lines).unwrap()), endpoint);
    }
    for (lines, words) in [
        ("", "exactly one of address, region and instance"),
        ("region = \"cn-shanghai\"\ninstance = \"iot-0123\"", "exactly one of address, region and instance"),
        ("region = \"mars\"", "\"mars\" is not one of cn-shanghai"),
        ("instance = \"a.b\"", "is no id of an instance"),
        ("address = \"a:1\"\nport = 2", "has a port already"),
        ("region = \"cn-shanghai\"\nport = 0", "not within 1 to 65535"),
    ] {
        let error = with_broker(lines).unwrap_err().to_string();
        assert!(error.contains(words), "{lines}: {error}");
    }
}

/// The smallest configuration of a device that registers.
fn registering(lines: &str) -> Result<Config, ConfigError> {
    let secret = "device_secret = \"00112233445566778899aabbccddeeff\"";
    parse(
        &SMALLEST.replace(secret, lines).replace("address = \"127.0.0.1:1883\"", "region = \"cn-shanghai\""),
    )
}

#[test]
fn a_device_has_a_secret_or_the_way_to_one() {
    let product = "product_secret = \"ps\"\n";
    let way = |lines: &str| match registering(&format!("{product}{lines}")).unwrap().proof().unwrap() {
        Proof::Product { way, .. } => way,
        Proof::Own(_) => panic!("{lines}"),
    };
    let shanghai = "https://iot-auth.cn-shanghai.aliyuncs.com/auth/register/device";
    assert_eq!(way("registration = \"http\""), Way::Http(shanghai.into()));
    let own = way("registration = \"http\"\nregistration_url = \"http://127.0.0.1:80/\"");
    assert_eq!(own, Way::Http("http://127.0.0.1:80/auth/register/device".into()));
    assert_eq!(way("registration = \"mqtt\""), Way::Mqtt);
    assert_eq!(way("registration = \"mqtt-unlisted\""), Way::MqttUnlisted);
    for (lines, words) in [
        ("", "device_secret: it is needed, or product_secret"),
        (product, "needs \"http\", \"mqtt\" or \"mqtt-unlisted\""),
        ("device_secret = \"s\"\nproduct_secret = \"ps\"", "does not register"),
        (
            "product_secret = \"ps\"\nregistration = \"mqtt\"\nregistration_url = \"http://a\"",
            "only registration \"http\"",
        ),
        (
            "product_secret = \"ps\"\nregistration = \"http\"\nregistration_url = \"ftp://a\"",
            "must begin with http",
        ),
        ("product_secret = \"\"\nregistration = \"mqtt\"", "a text in quotes that is not empty"),
    ] {
        let error = registering(lines).unwrap_err().to_string();
        assert!(error.contains(words) && !error.contains("\"ps\""), "{lines}: {error}");
    }
}

#[test]
fn an_installer_needs_what_its_kind_needs_and_nothing_else() {
    let parse = |lines: &str| parse(&format!("{SMALLEST}{lines}"));
    let config = parse("[install]\nkind = \"file\"\npath = \"app\"\n[[module]]\nname = \"m\"\nversion = \"1\"\ninstall = { kind = \"partition\", a = \"/dev/a\", b = \"b\" }").unwrap();
    assert_eq!(config.install, InstallConfig::File { path: vec!["/etc/otaru/app".into()] });
    let InstallConfig::Partition { a, b } = &config.modules[0].install else { panic!("{config:?}") };
    assert_eq!((a.to_str(), b.to_str()), (Some("/dev/a"), Some("/etc/otaru/b")));
    let config = parse("[install]\nkind = \"command\"\ncommand = [\"flash\"]").unwrap();
    let InstallConfig::Command { timeout_s, accept_delta, confirm, .. } = config.install else { panic!() };
    assert_eq!((timeout_s.0, accept_delta, confirm), (Duration::from_secs(600), false, None));
    for lines in [
        "kind = \"slots\"\npath = \"a\"",
        "kind = \"file\"",
        "kind = \"file\"\npath = []",
        "kind = \"file\"\npath = \"a~new\"",
        "kind = \"file\"\npath = [\"a\", \"a\"]",
        "kind = \"partition\"\na = \"a\"",
        "kind = \"partition\"\na = \"a\"\nb = \"a\"",
        "kind = \"command\"\ncommand = []",
        "kind = \"command\"\ncommand = [\"a\"]\ntimeout_s = -1",
        "kind = \"floppy\"",
    ] {
        assert!(parse(&format!("[install]\n{lines}")).is_err(), "{lines}");
    }
}

#[test]
fn what_jd_has_no_word_for_is_refused_by_its_key() {
    let smallest = SMALLEST.replace("[device]", "[device]\ndialect = \"jd\"");
    let config = parse(&smallest).unwrap();
    assert_eq!(config.device.device_half().name(), "jd");
    let registers = smallest.replace("device_secret", "registration = \"http\"\nproduct_secret");
    for (text, key) in [
        (format!("{smallest}[[module]]\nname = \"mcu\"\nversion = \"1\""), "module"),
        (format!("{smallest}[remote_config]\nfile = \"a.json\""), "remote_config"),
        (
            format!(
                "{smallest}[[sub_device]]\nproduct_key = \"s\"\ndevice_name = \"s1\"\ndevice_secret = \"x\"\nversion = \"1\""
            ),
            "sub_device",
        ),
        (registers, "device.product_secret"),
        (smallest.replace("address = \"127.0.0.1:1883\"", "region = \"cn-shanghai\""), "broker.region"),
    ] {
        match parse(&text) {
            Err(ConfigError::Together { key: named, problem, .. }) => {
                assert_eq!((named.as_str(), problem.contains("jd")), (key, true), "{problem}");
            }
            other => panic!("{key}: {other:?}"),
        }
    }
}

#[test]
fn what_jd_never_published_is_replaced_by_keys() {
    let table = "[device.jd.leaves]\nversion = \"inform\"\n[device.jd.statuses]\nburn_failed = -9\n";
    let text = SMALLEST.replace("[device]", "[device]\ndialect = \"jd\"") + table;
    let device = parse(&text).unwrap().device;
    let version = Report::Version { module: Module::default(), version: "1".parse().unwrap() };
    let said = device.device_half().write_report(&device.id(), 1, &version).unwrap();
    assert_eq!(said.topic, "/sys/a1DemoPk001/dev-one/ota/firmware/inform");
    for (text, word) in [
        (text.replace("inform", "#"), "leaf"),
        (text.replace("-9", "2"), "same number"),
        (format!("{SMALLEST}{table}"), "only the dialect"),
    ] {
        match parse(&text) {
            Err(ConfigError::Together { key, problem, .. }) => {
                assert_eq!((key.as_str(), problem.contains(word)), ("device.jd", true), "{problem}");
            }
            other => panic!("{word}: {other:?}"),
        }
    }
    assert!(parse(&text.replace("burn_failed", "burnt")).is_err(), "a misspelt key");
}

#[test]
fn a_missing_file_is_told_by_name() {
    let error = Config::load(Path::new("/nonexistent/agent.toml")).unwrap_err();
    assert!(error.to_string().contains("/nonexistent/agent.toml"), "{error}");
}

const PAGE: &str = include_str!("../../../../docs/agent.md");

#[test]
fn every_documented_configuration_works() {
    let samples = PAGE.split("```toml\n").skip(1).filter_map(|rest| rest.split_once("```"));
    let whole = samples.map(|(sample, _)| sample).filter(|sample| sample.contains("[storage]"));
    let dialects = whole.map(|sample| {
        let config = Config::parse(sample, "docs/agent.md", Path::new("")).unwrap();
        config.device.device_half().name()
    });
    assert_eq!(dialects.collect::<Vec<_>>(), ["aliyun", "onenet-fuse", "onenet-tid", "onenet-token"]);
}

/// A table of the page as key and default, for keys whose default is a number or a truth value.
fn documented_defaults() -> Vec<(String, String)> {
    let mut found = Vec::new();
    for line in PAGE.lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<&str> = line.split(" | ").map(|cell| cell.trim_matches(['|', ' '])).collect();
        let keys = cells[0].split(", ").map(|key| key.trim_matches('`').to_owned());
        let values: Vec<_> = cells[1].split(", ").map(|value| value.trim_matches('`').to_owned()).collect();
        for (index, key) in keys.enumerate() {
            found.push((key, values.get(index).unwrap_or(&values[0]).clone()));
        }
    }
    found
}

#[test]
fn every_policy_key_is_documented_with_its_default() {
    let documented = documented_defaults();
    let shown = format!("{:?}", PolicyConfig::default());
    let keys =
        shown.trim_start_matches("PolicyConfig { ").split(", ").map(|field| field.split_once(':').unwrap().0);
    let mut text = format!("{SMALLEST}[policy]\n");
    let mut count = 0;
    for key in keys {
        let (_, default) = documented
            .iter()
            .find(|(found, _)| found == key)
            .unwrap_or_else(|| panic!("{key} is not documented"));
        if default.parse::<f64>().is_ok() || default.parse::<bool>().is_ok() {
            text.push_str(&format!("{key} = {default}\n"));
            count += 1;
        }
    }
    assert!(count > 15, "{count}");
    let policy = parse(&text).unwrap().policy.policy();
    assert_eq!(format!("{policy:?}"), format!("{:?}", otaru_core::Policy::default()));
}

#[test]
fn a_program_makes_a_configuration_with_the_defaults_of_a_file() {
    let device = DeviceConfig::new("a1DemoPk001", "dev-one", "00112233445566778899aabbccddeeff", "1.0.0");
    let broker = BrokerConfig::new("127.0.0.1:1883").unwrap();
    let made = Config::new(device.unwrap(), broker, "/etc/otaru/state");
    assert_eq!(format!("{made:?}"), format!("{:?}", parse(SMALLEST).unwrap()));
    assert!(made.device.device_secret == parse(SMALLEST).unwrap().device.device_secret);
    assert_eq!(ModuleConfig::new("motor", "7").unwrap().name.as_str(), "motor");
    let read =
        parse(&format!("{SMALLEST}[remote_config]\nfile = \"/settings\"\n")).unwrap().remote_config.unwrap();
    assert_eq!(format!("{:?}", RemoteConfig::new("/settings")), format!("{read:?}"));
}

#[test]
fn a_program_names_a_region_an_instance_or_the_way_to_a_secret() {
    let registering =
        |mode| DeviceConfig::registering("a1DemoPk001", "dev-one", "ps", mode, "1.0.0").unwrap();
    let made =
        |device, broker: Result<BrokerConfig, ConfigError>| Config::new(device, broker.unwrap(), "state");
    let config = made(registering(RegistrationMode::Http), BrokerConfig::in_region("cn-shanghai"));
    config.check("made").unwrap();
    assert_eq!(endpoint(&config), "a1DemoPk001.iot-as-mqtt.cn-shanghai.aliyuncs.com:1883");
    let config = made(registering(RegistrationMode::Mqtt), BrokerConfig::of_instance("iot-0123"));
    config.check("made").unwrap();
    assert_eq!(endpoint(&config), "iot-0123.mqtt.iothub.aliyuncs.com:1883");
    assert!(matches!(config.proof(), Ok(Proof::Product { way: Way::Mqtt, .. })));
    let config = made(registering(RegistrationMode::Http), BrokerConfig::new("127.0.0.1:1883"));
    assert!(config.check("made").unwrap_err().to_string().contains("device.registration_url"));
}

#[test]
fn a_program_is_told_which_value_is_wrong_and_never_the_secret() {
    let device = |key, secret| DeviceConfig::new(key, "dev-one", secret, "1.0.0").map(drop);
    for (result, told) in [
        (device("a/b", "s"), "[device] of the configuration: product key holds '/'"),
        (device("a", ""), "[device] of the configuration: it must be a text in quotes that is not empty"),
        (BrokerConfig::new("nowhere").map(drop), "[broker] of the configuration: \"nowhere\" is not a host"),
        (
            BrokerConfig::in_region("mars").map(drop),
            "[broker] of the configuration: \"mars\" is not one of cn-",
        ),
        (BrokerConfig::of_instance("a.b").map(drop), "[broker] of the configuration: \"a.b\" is no id of an"),
        (ModuleConfig::new("default", "7").map(drop), "[module] of the configuration: the module default"),
    ] {
        let error = result.unwrap_err().to_string();
        assert!(error.starts_with(told), "{error}");
    }
}

#[test]
fn an_agent_refuses_what_a_program_put_together_wrongly() {
    let mut config = parse(SMALLEST).unwrap();
    config.modules = vec![ModuleConfig::new("motor", "7").unwrap(), ModuleConfig::new("motor", "8").unwrap()];
    let error = crate::Agent::new(config).map(drop).unwrap_err().to_string();
    assert_eq!(error, "the configuration, key module.name: motor is there twice");
}
