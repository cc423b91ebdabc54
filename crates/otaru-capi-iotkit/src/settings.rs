//! What the application has told by `IOT_Ioctl`: one set a process (aliyun-iotkit-v3 §1.3, §4.5).

use otaru_capi::lock;
use std::sync::{Mutex, MutexGuard};

use otaru_wire::{Module, ProductKey, dialect::aliyun::regions::REGIONS};

/// The longest domain, in bytes.
pub(crate) const MAX_DOMAIN: usize = 64;
/// The port of every session in the vendor's cloud, TLS or not (aliyun-iotkit-v3 §1.2).
const PORT: u16 = 443;

static SETTINGS: Mutex<Settings> = Mutex::new(Settings::new());

/// The settings, locked.
pub(crate) fn settings() -> MutexGuard<'static, Settings> {
    lock(&SETTINGS)
}

#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) region: Region,
    pub(crate) mqtt_domain: String,
    pub(crate) mqtt_port: Option<u16>,
    pub(crate) product_key: String,
    pub(crate) product_secret: Hidden,
    pub(crate) device_name: String,
    pub(crate) device_secret: Hidden,
    pub(crate) customize: String,
    /// Whose version and progress is told; none: the device's own.
    pub(crate) module: Option<Module>,
    pub(crate) fota_timeout_ms: u32,
}

/// A secret: it is in no debug text.
#[derive(Clone, Default)]
pub(crate) struct Hidden(pub(crate) String);

impl std::fmt::Debug for Hidden {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Hidden")
    }
}

/// Where the platform is: by the number of `iotx_mqtt_region_types_t`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Region {
    /// An entry of [`REGIONS`].
    Of(usize),
    /// The domains that were told.
    Custom,
}

impl Region {
    pub(crate) fn from_number(number: i32) -> Option<Self> {
        let number = usize::try_from(number).ok()?;
        match number {
            _ if number < REGIONS.len() => Some(Self::Of(number)),
            _ if number == REGIONS.len() => Some(Self::Custom),
            _ => None,
        }
    }

    pub(crate) fn number(self) -> i32 {
        let number = match self {
            Self::Of(number) => number,
            Self::Custom => REGIONS.len(),
        };
        i32::try_from(number).unwrap_or(-1)
    }
}

impl Settings {
    const fn new() -> Self {
        Self {
            region: Region::Of(0),
            mqtt_domain: String::new(),
            mqtt_port: None,
            product_key: String::new(),
            product_secret: Hidden(String::new()),
            device_name: String::new(),
            device_secret: Hidden(String::new()),
            customize: String::new(),
            module: None,
            fota_timeout_ms: 60_000,
        }
    }

    /// The module whose version and progress is told.
    pub(crate) fn module(&self) -> Module {
        self.module.clone().unwrap_or_default()
    }

    /// Where a session goes if nothing else is said; none in the custom region without a domain.
    pub(crate) fn broker(&self, product: &ProductKey) -> Option<(String, u16)> {
        let port = self.mqtt_port.unwrap_or(PORT);
        match self.region {
            Region::Of(number) => REGIONS.get(number).map(|region| (region.broker(product), port)),
            Region::Custom if self.mqtt_domain.is_empty() => None,
            Region::Custom => {
                match self.mqtt_domain.rsplit_once(':').map(|(host, port)| (host, port.parse())) {
                    Some((host, Ok(port))) => Some((host.to_owned(), port)),
                    _ => Some((self.mqtt_domain.clone(), port)),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Source: aliyun-iotkit-v3 §1.2, §1.3.
    #[test]
    fn a_session_goes_to_its_region_or_to_the_domain_that_was_told() {
        let product = ProductKey::new("a1TestPk001").unwrap();
        let mut settings = Settings::new();
        let shanghai = Some(("a1TestPk001.iot-as-mqtt.cn-shanghai.aliyuncs.com".to_owned(), 443));
        assert_eq!(settings.broker(&product), shanghai);
        settings.region = Region::Custom;
        assert_eq!(settings.broker(&product), None);
        settings.mqtt_domain = "ota.example".into();
        assert_eq!(settings.broker(&product), Some(("ota.example".into(), 443)));
        settings.mqtt_port = Some(1883);
        assert_eq!(settings.broker(&product), Some(("ota.example".into(), 1883)));
        settings.mqtt_domain = "ota.example:8883".into();
        assert_eq!(settings.broker(&product), Some(("ota.example".into(), 8883)));
    }

    #[test]
    fn every_region_has_its_number_and_no_other_number_is_one() {
        for number in -2..9 {
            let region = Region::from_number(number);
            assert_eq!(region.is_some(), (0..=5).contains(&number), "{number}");
            assert!(region.is_none_or(|region| region.number() == number));
        }
    }
}
