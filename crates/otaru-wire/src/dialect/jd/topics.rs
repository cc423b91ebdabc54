//! Topics: `/sys/{product key}/{identifier}/ota/firmware/{leaf}` (jd-iot-engine §4, §5). The second name is the
//! identifier, which is this dialect's device name (§9 row 1).

use alloc::{format, string::String};

use crate::{DeviceId, DeviceName, IdError, ProductKey};

/// The leaf of a push (jd-iot-engine §4.1).
pub(super) const UPGRADE: &str = "upgrade";
/// The leaf of an answer (jd-iot-engine §4.2).
pub(super) const GET_REPLY: &str = "get_reply";

/// What every one of JD's answers has behind the leaf of its question.
const REPLY: &str = "_reply";

const FIRMWARE: &str = "ota/firmware/";

/// The longest leaf heard, in bytes; the longest known has 14.
const MAX_LEAF_BYTES: usize = 64;

/// The topic of that leaf, of one device.
pub(super) fn of(device: &DeviceId, leaf: &str) -> String {
    format!("{}{FIRMWARE}{leaf}", own(device))
}

/// True for what may stand behind `ota/firmware/`.
pub(super) fn is_leaf(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '/');
    (1..=MAX_LEAF_BYTES).contains(&text.len()) && text.chars().all(plain)
}

/// The topic on which what was said on `topic` is answered.
pub(super) fn reply_to(topic: &str) -> String {
    format!("{topic}{REPLY}")
}

/// True for the leaf of an answer. What is said there is never answered.
pub(super) fn is_reply(leaf: &str) -> bool {
    leaf.ends_with(REPLY)
}

/// What every topic of a device begins with, those of other areas too.
pub(super) fn own(device: &DeviceId) -> String {
    format!("/sys/{}/{}/", device.product, device.device)
}

/// A topic taken apart. The two names are not yet known to be ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place<'a> {
    product: &'a str,
    device: &'a str,
    /// What stands behind `ota/firmware/`.
    pub(super) leaf: &'a str,
}

impl<'a> Place<'a> {
    /// A topic about firmware, with any leaf: the real names are not known (jd-iot-engine §5).
    pub(super) fn parse(topic: &'a str) -> Option<Self> {
        let (product, rest) = topic.strip_prefix("/sys/")?.split_once('/')?;
        let (device, rest) = rest.split_once('/')?;
        let leaf = rest.strip_prefix(FIRMWARE)?;
        is_leaf(leaf).then_some(Self { product, device, leaf })
    }

    /// True if it is `device`'s own.
    pub(super) fn is_of(&self, device: &DeviceId) -> bool {
        self.product == device.product.as_str() && self.device == device.device.as_str()
    }

    /// Whose it is.
    pub(super) fn device(&self) -> Result<DeviceId, IdError> {
        Ok(DeviceId { product: ProductKey::new(self.product)?, device: DeviceName::new(self.device)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Source: jd-iot-engine §4.1.
    #[test]
    fn a_topic_names_product_identifier_and_leaf() {
        let device = DeviceId { product: "pkDemo01".parse().unwrap(), device: "idDemo0001".parse().unwrap() };
        let topic = of(&device, UPGRADE);
        assert_eq!(topic, "/sys/pkDemo01/idDemo0001/ota/firmware/upgrade");
        let place = Place::parse(&topic).unwrap();
        assert_eq!((place.leaf, place.device(), place.is_of(&device)), (UPGRADE, Ok(device), true));
        assert_eq!(reply_to("/a/get"), "/a/get_reply");
    }

    #[test]
    fn what_is_no_topic_about_firmware_is_refused() {
        let long = format!("/sys/p/d/ota/firmware/{}", "x".repeat(65));
        for topic in [
            "",
            "/sys/p/d/ota/firmware/",
            "/sys/p/d/ota/firmware",
            "/sys/p/d/thing/x",
            "sys/p/d/ota/firmware/x",
        ] {
            assert_eq!(Place::parse(topic), None, "{topic}");
        }
        for topic in ["/sys/p/d/ota/firmware/#", "/sys/p/d/ota/firmware/+", "/sys/p/d/ota/firmware/é", &long]
        {
            assert_eq!(Place::parse(topic), None, "{topic}");
        }
    }
}
