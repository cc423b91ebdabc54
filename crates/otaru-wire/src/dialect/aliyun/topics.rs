//! Every topic of both generations, built and parsed (aliyun-link-sdk-v4 §2.1, aliyun-iotkit-v3 §2.0). What a gateway says
//! of the devices behind it has topics of its own; the vendor's documentation ("Connect sub-devices") names them.

use alloc::{format, string::String};

use crate::{DeviceId, DeviceName, IdError, ProductKey};

/// A topic, without the device it is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Topic {
    /// Up: the version a module is running.
    Inform,
    /// Down: there is a Task.
    Upgrade,
    /// Up: how far a Task is.
    Progress,
    /// Up: is there a Task?
    FirmwareGet,
    /// Down: the answer to that.
    FirmwareGetReply,
    /// Up: is there a Config?
    ConfigGet,
    /// Down: the answer to that.
    ConfigGetReply,
    /// Down: there is a Config.
    ConfigPush,
    /// Up: a Config was taken or refused.
    ConfigPushReply,
    /// Up: asks for a block of a file.
    FileDownload,
    /// Down: the block.
    FileDownloadReply,
    /// Both ways: v3 asks here whether there is a Task, and is answered here.
    Request,
    /// Up: devices belong to this gateway.
    TopologyAdd,
    /// Down: the answer to that.
    TopologyAddReply,
    /// Up: devices do not belong to this gateway any more.
    TopologyDelete,
    /// Down: the answer to that.
    TopologyDeleteReply,
    /// Up: a device behind the gateway logs in.
    CombineLogin,
    /// Down: the answer to that.
    CombineLoginReply,
    /// Up: a device behind the gateway logs out.
    CombineLogout,
    /// Down: the answer to that.
    CombineLogoutReply,
}

impl Topic {
    /// Every topic: the v4 sheet's in its order, v3's own, the gateways'.
    pub const ALL: [Topic; 20] = [
        Topic::Inform,
        Topic::Upgrade,
        Topic::Progress,
        Topic::FirmwareGet,
        Topic::FirmwareGetReply,
        Topic::ConfigGet,
        Topic::ConfigGetReply,
        Topic::ConfigPush,
        Topic::ConfigPushReply,
        Topic::FileDownload,
        Topic::FileDownloadReply,
        Topic::Request,
        Topic::TopologyAdd,
        Topic::TopologyAddReply,
        Topic::TopologyDelete,
        Topic::TopologyDeleteReply,
        Topic::CombineLogin,
        Topic::CombineLoginReply,
        Topic::CombineLogout,
        Topic::CombineLogoutReply,
    ];

    /// What stands before and after `{product key}/{device name}`.
    const fn frame(self) -> (&'static str, &'static str) {
        match self {
            Topic::Inform => ("/ota/device/inform/", ""),
            Topic::Upgrade => ("/ota/device/upgrade/", ""),
            Topic::Progress => ("/ota/device/progress/", ""),
            Topic::FirmwareGet => ("/sys/", "/thing/ota/firmware/get"),
            Topic::FirmwareGetReply => ("/sys/", "/thing/ota/firmware/get_reply"),
            Topic::ConfigGet => ("/sys/", "/thing/config/get"),
            Topic::ConfigGetReply => ("/sys/", "/thing/config/get_reply"),
            Topic::ConfigPush => ("/sys/", "/thing/config/push"),
            Topic::ConfigPushReply => ("/sys/", "/thing/config/push_reply"),
            Topic::FileDownload => ("/sys/", "/thing/file/download"),
            Topic::FileDownloadReply => ("/sys/", "/thing/file/download_reply"),
            Topic::Request => ("/ota/device/request/", ""),
            Topic::TopologyAdd => ("/sys/", "/thing/topo/add"),
            Topic::TopologyAddReply => ("/sys/", "/thing/topo/add_reply"),
            Topic::TopologyDelete => ("/sys/", "/thing/topo/delete"),
            Topic::TopologyDeleteReply => ("/sys/", "/thing/topo/delete_reply"),
            Topic::CombineLogin => ("/ext/session/", "/combine/login"),
            Topic::CombineLoginReply => ("/ext/session/", "/combine/login_reply"),
            Topic::CombineLogout => ("/ext/session/", "/combine/logout"),
            Topic::CombineLogoutReply => ("/ext/session/", "/combine/logout_reply"),
        }
    }

    /// The topic's text for one device. Ids hold neither `/` nor wildcards, so it names exactly one topic.
    pub fn of(self, device: &DeviceId) -> String {
        let (before, after) = self.frame();
        format!("{before}{}/{}{after}", device.product, device.device)
    }

    /// Which topic a text is, and whose. None for every text that [`Topic::of`] cannot make, wildcards among them.
    pub(super) fn parse(text: &str) -> Option<Place<'_>> {
        Topic::ALL.into_iter().find_map(|topic| {
            let (before, after) = topic.frame();
            let (product, device) = text.strip_prefix(before)?.strip_suffix(after)?.split_once('/')?;
            let place = Place { topic, product, device };
            (!device.contains('/')).then_some(place)
        })
    }
}

/// A topic of one device, borrowed from its text. The two names are not yet known to be ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place<'a> {
    /// Which topic.
    pub(super) topic: Topic,
    product: &'a str,
    device: &'a str,
}

impl Place<'_> {
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
    use proptest::prelude::*;

    use super::*;

    fn device() -> DeviceId {
        DeviceId { product: "a1DemoPk001".parse().unwrap(), device: "dev-one".parse().unwrap() }
    }

    /// Sources: aliyun-link-sdk-v4 §2.1, the table of all topics; aliyun-iotkit-v3 §2.0; the vendor's documentation.
    const GOLDEN: [&str; 20] = [
        "/ota/device/inform/a1DemoPk001/dev-one",
        "/ota/device/upgrade/a1DemoPk001/dev-one",
        "/ota/device/progress/a1DemoPk001/dev-one",
        "/sys/a1DemoPk001/dev-one/thing/ota/firmware/get",
        "/sys/a1DemoPk001/dev-one/thing/ota/firmware/get_reply",
        "/sys/a1DemoPk001/dev-one/thing/config/get",
        "/sys/a1DemoPk001/dev-one/thing/config/get_reply",
        "/sys/a1DemoPk001/dev-one/thing/config/push",
        "/sys/a1DemoPk001/dev-one/thing/config/push_reply",
        "/sys/a1DemoPk001/dev-one/thing/file/download",
        "/sys/a1DemoPk001/dev-one/thing/file/download_reply",
        "/ota/device/request/a1DemoPk001/dev-one",
        "/sys/a1DemoPk001/dev-one/thing/topo/add",
        "/sys/a1DemoPk001/dev-one/thing/topo/add_reply",
        "/sys/a1DemoPk001/dev-one/thing/topo/delete",
        "/sys/a1DemoPk001/dev-one/thing/topo/delete_reply",
        "/ext/session/a1DemoPk001/dev-one/combine/login",
        "/ext/session/a1DemoPk001/dev-one/combine/login_reply",
        "/ext/session/a1DemoPk001/dev-one/combine/logout",
        "/ext/session/a1DemoPk001/dev-one/combine/logout_reply",
    ];

    #[test]
    fn every_topic_is_built_as_the_sheet_has_it_and_parsed_back() {
        for (topic, golden) in Topic::ALL.into_iter().zip(GOLDEN) {
            assert_eq!(topic.of(&device()), golden);
            let place = Topic::parse(golden).unwrap();
            assert_eq!((place.topic, place.device().unwrap()), (topic, device()));
        }
    }

    #[test]
    fn a_text_that_is_nearly_a_topic_is_none() {
        for golden in GOLDEN {
            for near in [
                format!("{golden}/"),
                format!("{golden}/x"),
                format!("x{golden}"),
                golden.replace("a1DemoPk001/", ""),
                golden.replace("a1DemoPk001/", "a1DemoPk001/x/"),
                golden.to_uppercase(),
            ] {
                assert!(Topic::parse(&near).is_none(), "{near}");
            }
            let wild = golden.replace("dev-one", "+");
            assert!(Topic::parse(&wild).is_none_or(|place| place.device().is_err()), "{wild}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_parsed_without_a_panic_to_a_device_that_builds_it_again(text in "(/ota/device/(inform|upgrade)/|/sys/)?[a-z+#/]{0,20}(/thing/config/push)?") {
            if let Some(place) = Topic::parse(&text)
                && let Ok(device) = place.device()
            {
                prop_assert_eq!(place.topic.of(&device), text);
            }
        }
    }
}
