//! The version report (aliyun-link-sdk-v4 §2.2).

use alloc::{format, string::String};

use serde::Deserialize;

use super::json::{self, Object, Request};
use crate::{MessageId, Module, Report, Version, dialect::ReadError};

/// The text that the vendor's SDK sends, its one blank included. Ids need no escapes.
pub(super) fn write(id: u32, module: &Module, version: &Version) -> String {
    let comma = if module.is_default() { "" } else { "," };
    let module = json::module_part(module);
    format!(r#"{{"id":{id}, "params":{{"version":"{version}"{comma}{module}}}}}"#)
}

#[derive(Deserialize)]
struct Params {
    version: String,
    module: Option<String>,
}

/// A version report of any generation: the number in quotes or not, with or without protocol version and method.
pub(super) fn read(payload: &[u8]) -> Result<(MessageId, Report), ReadError> {
    let request: Request<Object<Params>> = json::read(payload)?;
    let id = request.id()?;
    let Object(params) = request.params;
    let report =
        Report::Version { module: json::module(params.module)?, version: Version::new(params.version)? };
    Ok((id, report))
}

#[cfg(test)]
mod tests {
    use std::{string::ToString, vec::Vec};

    use proptest::prelude::*;

    use super::*;

    fn report(module: &str, version: &str) -> Report {
        Report::Version { module: module.parse().unwrap(), version: version.parse().unwrap() }
    }

    /// Source: aliyun-link-sdk-v4 §2.2, what the vendor's SDK 4.2.0 sent.
    #[test]
    fn it_is_written_as_the_vendors_sdk_writes_it() {
        assert_eq!(
            write(1, &Module::default(), &"1.0.0".parse().unwrap()),
            r#"{"id":1, "params":{"version":"1.0.0"}}"#
        );
        assert_eq!(
            write(1, &"mcu".parse().unwrap(), &"1.0.0".parse().unwrap()),
            r#"{"id":1, "params":{"version":"1.0.0","module":"mcu"}}"#
        );
    }

    /// Sources: aliyun-link-sdk-v4 §2.2 (SDK, documentation), aliyun-iotkit-v3 §2.1 (both ids, the blank before module).
    #[test]
    fn every_known_spelling_is_read() {
        for (payload, id, module, version) in [
            (r#"{"id":2, "params":{"version":"0.9"}}"#, MessageId::Number(2), "default", "0.9"),
            (r#"{"id":"1","params":{"version":"1.4.2"}}"#, MessageId::Text("1".into()), "default", "1.4.2"),
            (
                r#"{"id":"0","params":{"version":"1.4.2", "module":"mcu"}}"#,
                MessageId::Text("0".into()),
                "mcu",
                "1.4.2",
            ),
            (
                r#"{"id":"9","version":"1.0","params":{"version":"2","module":""},"method":"thing.ota.x"}"#,
                MessageId::Text("9".into()),
                "default",
                "2",
            ),
            (
                r#" {"params":{"version":"2","module":null,"more":[{}]}} "#,
                MessageId::Number(0),
                "default",
                "2",
            ),
        ] {
            assert_eq!(read(payload.as_bytes()), Ok((id, report(module, version))), "{payload}");
        }
    }

    #[test]
    fn what_is_no_version_report_is_refused() {
        for payload in [
            "",
            "{}",
            "null",
            r#"{"id":1}"#,
            r#"{"id":1,"params":{}}"#,
            r#"{"id":1,"params":{"version":null}}"#,
            r#"{"id":1,"params":{"version":2}}"#,
            r#"{"id":1,"params":["2.0.0"]}"#,
            r#"{"id":-1,"params":{"version":"1"}}"#,
            r#"{"id":1.5,"params":{"version":"1"}}"#,
            r#"{"id":1,"params":{"version":"1","version":"2"}}"#,
            r#"{"id":1,"params":{"version":"1"}}x"#,
        ] {
            assert!(matches!(read(payload.as_bytes()), Err(ReadError::Malformed(_))), "{payload}");
        }
        for payload in [
            r#"{"id":1,"params":{"version":""}}"#,
            r#"{"id":1,"params":{"version":"1/../2"}}"#,
            r#"{"id":1,"params":{"version":"1","module":"a b"}}"#,
        ] {
            assert!(matches!(read(payload.as_bytes()), Err(ReadError::Id(_))), "{payload}");
        }
    }

    proptest! {
        #[test]
        fn every_report_comes_back_from_the_wire_as_it_went_in(
            id: u32, module in "[A-Za-z0-9._-]{1,64}", version in "[A-Za-z0-9._-]{1,64}",
        ) {
            let text = write(id, &module.parse().unwrap(), &version.parse().unwrap());
            prop_assert_eq!(
                read(text.as_bytes()),
                Ok((MessageId::Number(id.into()), report(&module.to_string(), &version)))
            );
        }

        #[test]
        fn random_bytes_never_panic(bytes: Vec<u8>) {
            let _ = read(&bytes);
        }
    }
}
