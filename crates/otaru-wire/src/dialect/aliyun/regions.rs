//! Where the vendor's cloud is: hosts by region or by instance (aliyun-link-sdk-v4 §1.1, aliyun-iotkit-v3 §1.3).

use alloc::{format, string::String};

use crate::ProductKey;

/// A region of the vendor's cloud.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Region {
    /// Its name in host names.
    pub id: &'static str,
    /// Where it is, for people.
    pub place: &'static str,
}

/// The regions that the stock SDKs know, in the order of v3's enumeration (aliyun-iotkit-v3 §1.3). The ids of the
/// last three are the vendor's own names for these places; the sheet prints the first two.
pub const REGIONS: [Region; 5] = [
    Region { id: "cn-shanghai", place: "Shanghai" },
    Region { id: "ap-southeast-1", place: "Singapore" },
    Region { id: "ap-northeast-1", place: "Japan" },
    Region { id: "us-west-1", place: "USA West" },
    Region { id: "eu-central-1", place: "Germany" },
];

/// The port of every host here, plain and TLS alike (aliyun-link-sdk-v4 §1.1); 443 is the other one.
pub const PORT: u16 = 1883;

/// The end of an instance's host name.
const INSTANCE: &str = ".mqtt.iothub.aliyuncs.com";

impl Region {
    /// The region of that name; none if it is not in [`REGIONS`].
    pub fn by_id(id: &str) -> Option<&'static Region> {
        REGIONS.iter().find(|region| region.id == id)
    }

    /// The MQTT host of a product on an older public instance.
    pub fn broker(&self, product: &ProductKey) -> String {
        format!("{product}.iot-as-mqtt.{}.aliyuncs.com", self.id)
    }

    /// The base of the address that [`super::registration::HTTP_PATH`] follows (aliyun-link-sdk-v4 §1.6, aliyun-iotkit-v3
    /// §1.3).
    pub fn registration(&self) -> String {
        format!("https://iot-auth.{}.aliyuncs.com", self.id)
    }
}

/// The MQTT host of an enterprise instance, or of a public one opened on or after 2021-07-30; none if the id is not 1 to
/// 63 letters, digits and hyphens.
pub fn instance_broker(instance: &str) -> Option<String> {
    let label = (1..=63).contains(&instance.len())
        && instance.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    label.then(|| format!("{instance}{INSTANCE}"))
}

/// The instance that a host name tells (aliyun-link-sdk-v4 §1.6); none for any other host.
pub fn instance_of(host: &str) -> Option<&str> {
    host.strip_suffix(INSTANCE).filter(|instance| !instance.is_empty() && !instance.contains('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Source: aliyun-link-sdk-v4 §1.1, aliyun-iotkit-v3 §1.3.
    #[test]
    fn regions_and_instances_have_the_hosts_of_the_sheets() {
        let product = ProductKey::new("a1DemoPk001").unwrap();
        let shanghai = Region::by_id("cn-shanghai").unwrap();
        assert_eq!(shanghai.broker(&product), "a1DemoPk001.iot-as-mqtt.cn-shanghai.aliyuncs.com");
        assert_eq!(shanghai.registration(), "https://iot-auth.cn-shanghai.aliyuncs.com");
        let abroad = Region::by_id("ap-southeast-1").unwrap();
        assert_eq!(abroad.registration(), "https://iot-auth.ap-southeast-1.aliyuncs.com");
        assert_eq!(instance_broker("iot-0123").unwrap(), "iot-0123.mqtt.iothub.aliyuncs.com");
        assert_eq!(instance_of("iot-0123.mqtt.iothub.aliyuncs.com"), Some("iot-0123"));
    }

    #[test]
    fn names_that_lead_elsewhere_are_no_regions_and_no_instances() {
        for id in ["", "shanghai", "cn-shanghai.evil.example", "CN-SHANGHAI"] {
            assert_eq!(Region::by_id(id), None, "{id}");
        }
        for id in ["", "a.b", "a/b", "a b", &"x".repeat(64)] {
            assert_eq!(instance_broker(id), None, "{id}");
        }
        for host in [INSTANCE, "a.b.mqtt.iothub.aliyuncs.com", "mqtt.iothub.aliyuncs.com", "localhost"] {
            assert_eq!(instance_of(host), None, "{host}");
        }
    }
}
