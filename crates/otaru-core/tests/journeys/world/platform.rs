//! A platform in memory, speaking the real dialect's other half.

use otaru_core::Input;
use otaru_wire::{
    Config, DeviceId, Digest, DigestMethod, File, Hasher, MessageId, Module, NoConfig, Notice, Report,
    Source, Step, Version,
    dialect::{PlatformHalf, Question, aliyun},
    mqtt::Message,
};

use super::blocks::Blocks;

/// A package: its files' bytes.
#[derive(Clone)]
pub(crate) struct Package {
    pub(crate) version: &'static str,
    pub(crate) module: &'static str,
    pub(crate) method: DigestMethod,
    /// A digest of the other method, told beside the first.
    pub(crate) also: Option<Digest>,
    pub(crate) files: Vec<Vec<u8>>,
    /// Its files come in blocks over MQTT.
    pub(crate) over_mqtt: bool,
}

impl Package {
    /// Version 2.0.0 of the whole device.
    pub(crate) fn new(files: Vec<Vec<u8>>) -> Self {
        Self {
            version: "2.0.0",
            module: "default",
            method: DigestMethod::Sha256,
            also: None,
            files,
            over_mqtt: false,
        }
    }
}

/// What one device's platform knows and heard.
#[derive(Default)]
pub(crate) struct Platform {
    /// The open Tasks.
    pub(crate) open: Vec<Package>,
    /// A Task that failed is opened again so often, as an operator would.
    pub(crate) retries: u32,
    /// Everything the device said, in order.
    pub(crate) heard: Vec<Report>,
    /// Numbers the links: later ones are fresher.
    pub(crate) links: u64,
    /// Files over MQTT.
    pub(crate) blocks: Blocks,
    /// Queries are not answered.
    pub(crate) mute: bool,
    /// The Config it has: id and bytes.
    pub(crate) config: Option<(String, Vec<u8>)>,
    /// The Config is pushed, and the push is not answered yet: it is pushed again at each connect.
    pub(crate) config_open: bool,
    /// Numbers the pushes of Configs.
    pub(crate) pushes: u64,
}

pub(crate) fn device() -> DeviceId {
    DeviceId { product: "a1Demo".parse().unwrap(), device: "d1".parse().unwrap() }
}

pub(crate) fn digest(method: DigestMethod, bytes: &[u8]) -> Digest {
    let mut hasher = Hasher::new(method);
    hasher.update(bytes);
    hasher.finish()
}

impl Platform {
    /// The notice of a package, with fresh links.
    pub(crate) fn notice(&mut self, package: &Package) -> Notice {
        self.links += 1;
        let file = |(at, bytes): (usize, &Vec<u8>)| File {
            name: (package.files.len() > 1).then(|| format!("part{at}.bin")),
            size: bytes.len() as u64,
            digest: digest(package.method, bytes),
            also: package.also,
            source: if package.over_mqtt {
                Source::Mqtt { stream: self.links, file: at as u32 + 1 }
            } else {
                let Package { module, version, .. } = package;
                Source::Http { url: format!("http://files/{module}/{version}/{at}?t={}", self.links) }
            },
        };
        Notice {
            version: Version::new(package.version).unwrap(),
            module: Module::new(package.module).unwrap(),
            files: package.files.iter().enumerate().map(file).collect(),
            delta: false,
            silent: false,
            extra: None,
            signature: None,
            terms: None,
        }
    }

    /// The push for a package.
    pub(crate) fn push(&mut self, package: &Package) -> Input {
        let notice = self.notice(package);
        self.push_notice(&notice)
    }

    pub(crate) fn push_notice(&self, notice: &Notice) -> Input {
        input(aliyun::Platform.write_notice(&device(), 1_700_000_000_000, notice).unwrap())
    }

    /// The Config with a fresh link, if there is one.
    fn fresh_config(&mut self) -> Option<Config> {
        let (id, bytes) = self.config.clone()?;
        self.links += 1;
        let url = format!("http://files/config/{id}?t={}", self.links);
        let digest = digest(DigestMethod::Sha256, &bytes);
        Some(Config { id, size: bytes.len() as u64, digest, url, get_type: "file".into() })
    }

    /// The push of the Config.
    pub(crate) fn push_config(&mut self) -> Option<Input> {
        let config = self.fresh_config()?;
        self.config_open = true;
        self.pushes += 1;
        Some(input(aliyun::Platform.write_config(&device(), self.pushes, &config).unwrap().unwrap()))
    }

    /// Which pushes of Configs were answered, and how.
    pub(crate) fn config_answers(&self) -> Vec<(u64, u16)> {
        let answer = |report: &Report| match report {
            Report::ConfigTaken { push: MessageId::Text(push), code } => Some((push.parse().unwrap(), *code)),
            _ => None,
        };
        self.heard.iter().filter_map(answer).collect()
    }

    /// Hears a device's message and gives the answers to it.
    pub(crate) fn hear(&mut self, message: &Message, now: u64) -> Vec<Input> {
        let uplink = aliyun::Platform.read_report(&message.topic, &message.payload).unwrap();
        assert_eq!(uplink.device, device());
        self.heard.push(uplink.report.clone());
        match uplink.report {
            Report::Version { module, version } => {
                self.open.retain(|task| task.module != module.as_str() || task.version != version.as_str());
                let open: Vec<_> =
                    self.open.iter().filter(|task| task.module == module.as_str()).cloned().collect();
                let again = self.config_open && module.is_default();
                let config = again.then(|| self.push_config()).flatten();
                open.iter().map(|package| self.push(package)).chain(config).collect()
            }
            Report::Progress { module, step: Step::Failed(_), .. } => {
                if self.retries > 0 {
                    self.retries -= 1;
                    let open: Vec<_> =
                        self.open.iter().filter(|task| task.module == module.as_str()).cloned().collect();
                    return open.iter().map(|package| self.push(package)).collect();
                }
                self.open.retain(|task| task.module != module.as_str());
                Vec::new()
            }
            Report::Progress { .. } => Vec::new(),
            Report::Query { .. } if self.mute => Vec::new(),
            Report::Query { module, .. } => {
                let open = self.open.iter().find(|task| task.module == module.as_str()).cloned();
                let notice = open.map(|package| self.notice(&package));
                let (topic, id) = (&message.topic, &uplink.id);
                let question = Question { topic, device: &device(), id, wanted: None };
                let answer = aliyun::Platform.write_answer(&question, notice.as_ref()).unwrap();
                vec![input(answer)]
            }
            Report::Block(request) => {
                let Some(package) = self.open.first() else { return Vec::new() };
                let file = &package.files[request.file as usize - 1];
                self.blocks.answer(&uplink.id, request.clone(), file, now)
            }
            Report::ConfigQuery if self.mute => Vec::new(),
            Report::ConfigQuery => {
                let config = self.fresh_config();
                let answer = config.as_ref().ok_or(NoConfig::Absent);
                let answer = aliyun::Platform.write_config_answer(&device(), &uplink.id, answer).unwrap();
                vec![input(answer.unwrap())]
            }
            Report::NoticeTaken { .. } | Report::TaskCheck { .. } | Report::Done { .. } => {
                panic!("this dialect has no word for it")
            }
            Report::ConfigTaken { .. } => {
                self.config_open = false;
                Vec::new()
            }
            Report::Gateway(_) => Vec::new(),
        }
    }

    /// The percentages and failures heard, failures as negative numbers.
    pub(crate) fn steps(&self) -> Vec<i32> {
        let step = |report: &Report| match report {
            Report::Progress { step: Step::Percent(percent), .. } => Some(i32::from(*percent)),
            Report::Progress { step: Step::Failed(failure), .. } => Some(match failure {
                otaru_wire::Failure::Upgrade => -1,
                otaru_wire::Failure::Download => -2,
                otaru_wire::Failure::Digest => -3,
                otaru_wire::Failure::Write => -4,
            }),
            _ => None,
        };
        self.heard.iter().filter_map(step).collect()
    }

    /// The failures heard, with their descriptions.
    pub(crate) fn failures(&self) -> Vec<(i32, String)> {
        let failure = |report: &Report| match report {
            Report::Progress { step: Step::Failed(_), description, .. } => Some(description.clone()),
            _ => None,
        };
        self.steps().into_iter().filter(|step| *step < 0).zip(self.heard.iter().filter_map(failure)).collect()
    }

    pub(crate) fn versions(&self) -> Vec<(&str, &str)> {
        let mut versions = Vec::new();
        for report in &self.heard {
            if let Report::Version { module, version } = report {
                versions.push((module.as_str(), version.as_str()));
            }
        }
        versions
    }

    pub(crate) fn queries(&self) -> usize {
        self.heard.iter().filter(|report| matches!(report, Report::Query { .. })).count()
    }
}

pub(super) fn input(message: Message) -> Input {
    Input::Message { topic: message.topic, payload: message.payload }
}
