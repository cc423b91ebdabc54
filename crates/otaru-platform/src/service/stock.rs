//! What an operator should know of a package before stock SDKs are told of it.

use otaru_fleet::{Dialect, Over, Package, TaskId};
use otaru_wire::{DeviceId, DeviceName, DigestMethod, ProductKey};

use super::{Service, ServiceError};

/// The most bytes of a push that every stock SDK takes: v3 reads a whole packet into 2048 bytes and drops a longer one
/// without acknowledging it (aliyun-iotkit-v3 §0, §1.7); some room is left for other brokers' and modems' bounds.
pub(super) const LONGEST_PUSH: usize = 1400;

/// The vendor's longest product key and device name (aliyun-iotkit-v3 §1.1).
const LONGEST_NAMES: (usize, usize) = (20, 32);

impl Service {
    /// What stock devices may not cope with in a package, for people; empty for the usual one.
    ///
    /// # Errors
    /// The store's.
    pub async fn package_warnings(&self, package: &Package) -> Result<Vec<String>, ServiceError> {
        // What is known of stock SDKs is known of this vendor's.
        let mut are_told = false;
        for key in package.spec.products.iter() {
            are_told |= self.store().product(key).await?.dialect == Dialect::Aliyun;
        }
        let Some(half) = self.inner.parts.dialects.half(Dialect::Aliyun).filter(|_| are_told) else {
            return Ok(Vec::new());
        };
        let (key, name) = LONGEST_NAMES;
        let (Ok(key), Ok(name)) = (ProductKey::new("p".repeat(key)), DeviceName::new("d".repeat(name)))
        else {
            return Ok(Vec::new());
        };
        let device = DeviceId { product: key, device: name };
        let link = self.inner.parts.links.longest(&device);
        let push = half.write_notice(
            &device,
            self.now().0,
            &package.spec.notice(TaskId(u64::from(u32::MAX)), |_| link.clone()),
        );
        // A package that cannot be told is refused when it is made.
        let Ok(push) = push else { return Ok(Vec::new()) };
        let len = push.payload.len();
        let mut warnings = Vec::new();
        if len > LONGEST_PUSH {
            let files = package.spec.files.len();
            warnings.push(format!(
                "a push of this package can have {len} bytes ({files} files, {} bytes of extra data); SDKs of the v3 \
                 generation drop one of more than about 2000, so keep it within {LONGEST_PUSH} for them",
                package.spec.extra.as_ref().map_or(0, String::len)
            ));
        }
        if package.spec.over == Over::Mqtt {
            warnings.push(
                "SDKs of the v3 generation know no files over MQTT and pass this package over".to_owned(),
            );
            if package.spec.digest_method != DigestMethod::Md5 {
                let unchecked = "SDKs of the v4 generation check only an MD5 of files over MQTT: let the package announce md5";
                warnings.push(unchecked.to_owned());
            }
            if package.spec.files.len() > 1 {
                let last = "the v4 SDK's own program for files over MQTT fetches only the last of several";
                warnings.push(last.to_owned());
            }
        }
        Ok(warnings)
    }
}
