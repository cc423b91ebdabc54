//! The device's side: a question as a call.

use alloc::{
    format,
    string::{String, ToString},
    vec::Vec,
};

use super::{
    super::{range, step},
    *,
};
use crate::dialect::json;

impl Ask {
    /// The call. `authorization` is what [`super::super::Claim::sign`] gives; `Host` is the doer's to add.
    ///
    /// # Errors
    /// [`AskError`] if that generation has no such request, or its platform would refuse what is in it.
    pub fn write(
        &self,
        generation: Generation,
        device: &DeviceId,
        authorization: &str,
    ) -> Result<Call, AskError> {
        self.call(generation, device, Some(authorization))
    }

    /// The call, signed or not.
    pub(in super::super) fn call(
        &self,
        generation: Generation,
        device: &DeviceId,
        authorization: Option<&str>,
    ) -> Result<Call, AskError> {
        let target = self.target(generation, device)?;
        let (method, body) = self.body(device);
        let mut headers = Headers::default();
        // The vendor's requests have a content type without content, too (onenet §2.1, §2.4).
        if !matches!(self, Ask::Download { .. }) {
            headers.add("Content-Type", "application/json");
        }
        if let Some(authorization) = authorization {
            headers.add("Authorization", authorization);
        }
        if let Ask::Download { range: Some(wanted), .. } = self {
            headers.add("Range", range::write(*wanted));
        }
        Ok(Call { method, target, headers, body: body.into_bytes() })
    }

    /// Path and query.
    pub(in super::super) fn target(
        &self,
        generation: Generation,
        device: &DeviceId,
    ) -> Result<String, AskError> {
        if let Ask::Check(check) = self {
            check.sound()?;
        }
        match generation {
            Generation::Token => self.token_target(device),
            Generation::Tid => self.tid_target("/ota", device),
            Generation::Fuse => self.tid_target("/fuse-ota", device),
        }
        .ok_or(AskError::NotSpoken { generation })
    }

    fn token_target(&self, device: &DeviceId) -> Option<String> {
        let device = &device.device;
        Some(match self {
            Ask::Version(_) | Ask::Versions => format!("/ota/device/version?dev_id={device}"),
            Ask::Check(check) => format!("/ota/south/check?{}&dev_id={device}", check.query()),
            Ask::TaskCheck(Handle::Token(token)) => {
                format!("/ota/south/download/{}/check?dev_id={device}", token.as_str())
            }
            Ask::Download { task: Handle::Token(token), .. } => {
                format!("/ota/south/download/{}", token.as_str())
            }
            Ask::Step { task: Handle::Token(token), .. } => {
                format!("/ota/south/device/download/{}/progress?dev_id={device}", token.as_str())
            }
            Ask::Running { kind, cdn } => {
                format!("/ota/south/tasking?dev_id={device}&type={}&cdn={cdn}", kind.number())
            }
            Ask::Result { token, .. } => {
                format!("/ota/south/report?dev_id={device}&token={}", token.as_str())
            }
            Ask::DeviceNumber { .. } => "/ota/devInfo".to_string(),
            Ask::TaskCheck(_) | Ask::Download { .. } | Ask::Step { .. } => return None,
        })
    }

    fn tid_target(&self, prefix: &str, id: &DeviceId) -> Option<String> {
        let DeviceId { product, device } = id;
        let rest = match self {
            Ask::Version(_) | Ask::Versions => "version".to_string(),
            Ask::Check(Check { kind, running, .. }) => {
                format!("check?type={}&version={running}", kind.number())
            }
            Ask::TaskCheck(Handle::Tid(tid)) => format!("{tid}/check"),
            Ask::Download { task: Handle::Tid(tid), .. } => format!("{tid}/download"),
            Ask::Step { task: Handle::Tid(tid), .. } => format!("{tid}/status"),
            _ => return None,
        };
        Some(format!("{prefix}/{product}/{device}/{rest}"))
    }

    fn body(&self, device: &DeviceId) -> (Method, String) {
        match self {
            Ask::Version(versions) => (Method::Post, versions.write()),
            Ask::Step { step, .. } => (Method::Post, step::write(*step)),
            Ask::Result { step, .. } => (Method::Post, step::write_result(*step)),
            Ask::DeviceNumber { auth_info } => {
                let product = &device.product;
                let pid = match product.as_str().parse::<u64>() {
                    Ok(number) if number.to_string() == product.as_str() => number.to_string(),
                    _ => json::quoted(product.as_str()),
                };
                (Method::Get, format!(r#"{{"pid":{pid},"authInfo":{}}}"#, json::quoted(auth_info)))
            }
            Ask::Versions
            | Ask::Check(_)
            | Ask::TaskCheck(_)
            | Ask::Download { .. }
            | Ask::Running { .. } => (Method::Get, String::new()),
        }
    }
}

impl Check {
    fn sound(&self) -> Result<(), AskError> {
        let len = self.running.as_str().len();
        if len > MAX_RUNNING_BYTES {
            return Err(AskError::VersionTooLong { len });
        }
        for (name, code) in [("manuf", &self.hardware.manuf), ("model", &self.hardware.model)] {
            if code.as_ref().is_some_and(|code| !is_code(code)) {
                return Err(AskError::Code { name });
            }
        }
        Ok(())
    }

    /// The query without the device, in the order of the vendor's C client (onenet §2.4).
    fn query(&self) -> String {
        let Self { kind, running, hardware } = self;
        let text =
            |name: &str, value: &Option<String>| value.as_ref().map(|value| format!("&{name}={value}"));
        let number = |name: &str, value: Option<u32>| value.map(|value| format!("&{name}={value}"));
        let optional = [
            text("manuf", &hardware.manuf),
            text("model", &hardware.model),
            number("signals", hardware.signal),
            number("powers", hardware.power),
        ];
        let optional: Vec<String> = optional.into_iter().flatten().collect();
        format!("type={}&version={running}&cdn={}{}", kind.number(), hardware.cdn, optional.concat())
    }
}
