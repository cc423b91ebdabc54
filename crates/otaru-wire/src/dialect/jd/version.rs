//! The version report (jd-iot-engine §5). A device makes it at every boot and after an upgrade (§4.3).

use alloc::{format, string::String};

use super::{
    super::json,
    envelope::{self, Fields},
};
use crate::{Module, Report, Version, dialect::ReadError};

/// The report. The proposal's `ts` is left out: nothing here knows what time it is.
pub(super) fn write(id: u32, version: &Version) -> String {
    envelope::request(id, &format!(r#"{{"firmwareVersion":"{version}"}}"#))
}

/// True if that is what the data tells.
pub(super) fn is(data: &Fields) -> bool {
    data.has("firmwareVersion") || data.has("version")
}

/// A report, by either name of the field (jd-iot-engine §5 rule 3).
pub(super) fn read(data: &Fields) -> Result<Report, ReadError> {
    let version = match data.text("firmwareVersion")? {
        Some(version) => version,
        None => data.text("version")?.ok_or_else(|| json::malformed("firmwareVersion is empty"))?,
    };
    Ok(Report::Version { module: Module::default(), version: Version::new(version)? })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::MessageId;

    fn heard(text: &str) -> Result<(MessageId, Report), ReadError> {
        let fields = envelope::read(text.as_bytes())?;
        Ok((fields.id()?, read(&fields.data()?.unwrap())?))
    }

    fn report(version: &str) -> Report {
        Report::Version { module: Module::default(), version: version.parse().unwrap() }
    }

    /// Source: jd-iot-engine §5, without its `ts`.
    #[test]
    fn it_is_written_as_proposed_and_every_spelling_is_read() {
        let text = r#"{"msgId":"5","version":"1.0","data":{"firmwareVersion":"2.2.1"}}"#;
        assert_eq!(write(5, &"2.2.1".parse().unwrap()), text);
        for (text, id) in [
            (text, MessageId::Text("5".into())),
            (
                r#"{"msgId":5,"version":1.0,"data":{"firmwareVersion ":" 2.2.1 "},"ts":1735689600000}"#,
                MessageId::Number(5),
            ),
            (r#"{"data":{"version":"2.2.1","more":[{}]}}"#, MessageId::Number(0)),
        ] {
            assert_eq!(heard(text), Ok((id, report("2.2.1"))), "{text}");
        }
    }

    #[test]
    fn what_is_no_version_is_refused() {
        let long = format!(r#"{{"data":{{"firmwareVersion":"{}"}}}}"#, "1".repeat(65));
        for text in [r#"{"data":{"firmwareVersion":"1/../2"}}"#, r#"{"data":{"version":"a b"}}"#, &long] {
            assert!(matches!(heard(text), Err(ReadError::Id(_))), "{text}");
        }
        for text in [r#"{"data":{"firmwareVersion":2}}"#, r#"{"data":{"firmwareVersion":" "}}"#] {
            assert!(matches!(heard(text), Err(ReadError::Malformed(_))), "{text}");
        }
    }

    proptest! {
        #[test]
        fn every_report_comes_back_from_the_wire_as_it_went_in(id: u32, version in "[A-Za-z0-9._-]{1,64}") {
            let text = write(id, &version.parse().unwrap());
            prop_assert_eq!(heard(&text), Ok((MessageId::Text(format!("{id}")), report(&version))));
        }
    }
}
