//! A whole upgrade through the public API: what each half writes, the other half reads.
#![allow(clippy::unwrap_used, clippy::panic)] // helpers of tests may fail as tests do

use otaru_wire::{
    Block, BlockRequest, Config, DeviceId, Digest, DigestMethod, Failure, File, MessageId, Module, Notice,
    Report, Source, Step, Version,
    dialect::{
        Credentials, DEVICE_HALVES, DeviceHalf, Downlink, LoginError, LoginKeys, PlatformHalf, Question,
        Transport, device_half, platform_half,
    },
};

/// The halves that speak by messages; those of calls are asked in `dialect/onenet`.
fn halves() -> impl Iterator<Item = (&'static dyn DeviceHalf, &'static dyn PlatformHalf)> {
    let speak = DEVICE_HALVES.iter().filter(|half| half.calls().is_none());
    speak.map(|half| (*half, platform_half(half.dialect()).unwrap()))
}

/// JD speaks of one file for the whole device, known by its MD5, and of nothing more (jd-iot-engine §4).
fn is_plain(platform: &dyn PlatformHalf) -> bool {
    platform.name() == "jd"
}

/// The notice with as much as the dialect can say of it.
fn offer(platform: &dyn PlatformHalf, token: &str) -> Notice {
    if is_plain(platform) {
        return Notice { extra: None, ..notice("default", 1, DigestMethod::Md5, token) };
    }
    notice("mcu", 3, DigestMethod::Sha256, token)
}

fn id(product: &str, device: &str) -> DeviceId {
    DeviceId { product: product.parse().unwrap(), device: device.parse().unwrap() }
}

fn version(text: &str) -> Version {
    text.parse().unwrap()
}

fn notice(module: &str, files: usize, method: DigestMethod, token: &str) -> Notice {
    let hex = "0123456789abcdef".repeat(method.digest_len() / 8);
    let file = |number: usize| File {
        name: (files > 1).then(|| format!("part-{number}.bin")),
        size: 1_000_000 + number as u64,
        digest: Digest::from_hex(method, &hex).unwrap(),
        also: None,
        source: Source::Http { url: format!("http://files.example:80/d/{number}?t={token}&x=/") },
    };
    Notice {
        version: version("2.0.0"),
        module: module.parse().unwrap(),
        files: (0..files).map(file).collect(),
        delta: false,
        silent: false,
        extra: Some(r#"{"site":"osaka"}"#.into()),
        signature: None,
        terms: None,
    }
}

/// Where a device said something, and its number.
struct Said {
    topic: String,
    number: MessageId,
}

impl Said {
    fn question<'a>(&'a self, device: &'a DeviceId) -> Question<'a> {
        Question { topic: &self.topic, device, id: &self.number, wanted: None }
    }
}

/// The device says `report`; the platform must hear the same from the same device.
fn say(device: &dyn DeviceHalf, platform: &dyn PlatformHalf, me: &DeviceId, report: Report) -> Said {
    let message = device.write_report(me, 41, &report).unwrap();
    assert!(platform.may_publish(me, &message.topic), "{}", message.topic);
    let heard = platform.read_report(&message.topic, &message.payload).unwrap();
    let mut said = report;
    if let (Report::Query { running, .. }, Report::Query { running: heard, .. }) = (&mut said, &heard.report)
        && heard.is_none()
    {
        *running = None; // not every generation tells it
    }
    assert_eq!((&heard.device, heard.report), (me, said));
    Said { topic: message.topic, number: heard.id }
}

#[test]
fn an_upgrade_is_spoken_from_login_to_the_new_version() {
    for (device, platform) in halves() {
        let me = id("a1DemoPk001", "dev-one");
        let offered = offer(platform, "one");
        let module = offered.module.clone();
        let credentials = Credentials { id: me.clone(), secret: "0011".repeat(8) };

        let login = device.write_login(&credentials, Transport::Tls);
        assert_eq!(platform.read_login(&login), Ok(me.clone()));
        assert_eq!(platform.verify_login(&login, &LoginKeys::of_device(&credentials.secret)), Ok(()));
        assert_eq!(
            platform.verify_login(&login, &LoginKeys::of_device("other")),
            Err(LoginError::WrongPassword)
        );
        for filter in device.subscriptions(&me) {
            assert!(platform.may_subscribe(&me, &filter), "{filter}");
        }

        say(device, platform, &me, Report::Version { module: module.clone(), version: version("1.0.0") });

        let push = platform.write_notice(&me, 1_700_000_000_000, &offered).unwrap();
        let told = device.read_message(&me, &push.topic, &push.payload);
        assert_eq!(told, Ok(Downlink::Notice(offered.clone())));

        for step in [0, 40, 100, -2].map(|code| Step::from_code(code).unwrap()) {
            let description = "50 \u{20ac} \"so far\"\n".to_string();
            say(
                device,
                platform,
                &me,
                Report::Progress { module: module.clone(), task: None, step, description },
            );
        }

        let said =
            say(device, platform, &me, Report::Query { module: module.clone(), running: None, wanted: None });
        let fresh = offer(platform, "two");
        let answer = platform.write_answer(&said.question(&me), Some(&fresh)).unwrap();
        let Ok(Downlink::Notice(told)) = device.read_message(&me, &answer.topic, &answer.payload) else {
            panic!("the answer is not a notice");
        };
        assert!(told.same_offer(&offered), "fresh links are the same offer");
        assert_eq!(told, fresh);

        say(device, platform, &me, Report::Version { module: module.clone(), version: version("2.0.0") });
        let said = say(device, platform, &me, Report::Query { module, running: None, wanted: None });
        let nothing = platform.write_answer(&said.question(&me), None).unwrap();
        assert_eq!(device.read_message(&me, &nothing.topic, &nothing.payload), Ok(Downlink::NoTask));
    }
}

#[test]
fn every_shape_of_package_is_told_whole() {
    for (device, platform) in halves().filter(|(_, platform)| !is_plain(*platform)) {
        let me = id("a1DemoPk001", "dev-one");
        for method in [DigestMethod::Md5, DigestMethod::Sha256] {
            for files in [1, 2, 20] {
                for (module, delta) in [("default", false), ("mcu", true)] {
                    let offered = Notice { delta, ..notice(module, files, method, "t") };
                    let push = platform.write_notice(&me, 1, &offered).unwrap();
                    let told = device.read_message(&me, &push.topic, &push.payload);
                    assert_eq!(told, Ok(Downlink::Notice(offered)), "{method:?} {files} {module}");
                }
            }
        }
    }
}

#[test]
fn a_file_in_blocks_and_a_configuration_are_spoken_of() {
    let (device, platform) = (device_half("aliyun").unwrap(), platform_half("aliyun").unwrap());
    let me = id("a1DemoPk001", "dev-one");
    let request = BlockRequest { stream: 7, file: 1, offset: 256, len: 256, token: Some("7-1".into()) };
    let said = say(device, platform, &me, Report::Block(request));
    let block = Block { token: Some("7-1".into()), file_size: 300, offset: 256, bytes: vec![9; 44] };
    let reply = platform.write_block(&me, &said.number, &block).unwrap().unwrap();
    assert!(platform.may_subscribe(&me, &reply.topic), "{}", reply.topic);
    assert_eq!(device.read_message(&me, &reply.topic, &reply.payload), Ok(Downlink::Block(block)));

    let said = say(device, platform, &me, Report::ConfigQuery);
    let config = Config {
        id: "cfg-7".into(),
        size: 9,
        digest: Digest::Sha256([7; 32]),
        url: "http://files.example/c/7".into(),
        get_type: "file".into(),
    };
    let answer = platform.write_config_answer(&me, &said.number, Ok(&config)).unwrap().unwrap();
    let told = device.read_message(&me, &answer.topic, &answer.payload);
    assert_eq!(told, Ok(Downlink::Config { config: config.clone(), push: None }));
    let push = platform.write_config(&me, 77, &config).unwrap().unwrap();
    let Ok(Downlink::Config { push: Some(push), .. }) = device.read_message(&me, &push.topic, &push.payload)
    else {
        panic!("the push is not a configuration");
    };
    say(device, platform, &me, Report::ConfigTaken { push, code: 200 });
}

#[test]
fn no_device_speaks_or_listens_for_another() {
    for (device, platform) in halves() {
        let (me, other) = (id("a1DemoPk001", "dev-one"), id("a1DemoPk001", "dev-two"));
        let failed = Step::Failed(Failure::Write);
        for report in [
            Report::Version { module: Module::default(), version: version("1") },
            Report::Progress {
                module: Module::default(),
                task: None,
                step: failed,
                description: String::new(),
            },
            Report::Query { module: Module::default(), running: None, wanted: None },
        ] {
            let message = device.write_report(&other, 1, &report).unwrap();
            assert!(!platform.may_publish(&me, &message.topic), "{}", message.topic);
        }
        for filter in device.subscriptions(&other) {
            assert!(!platform.may_subscribe(&me, &filter), "{filter}");
        }
        let push = platform.write_notice(&other, 1, &offer(platform, "t")).unwrap();
        assert_eq!(device.read_message(&me, &push.topic, &push.payload), Ok(Downlink::Foreign));
    }
}
