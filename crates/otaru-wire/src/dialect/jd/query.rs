//! The question for a firmware, and its answer when there is none (jd-iot-engine §4.2, §5). An answer with a firmware has
//! the notice's form and lives there.

use alloc::{format, string::String};

use super::envelope::{self, Fields};
use crate::{MessageId, Module, Report, Version, dialect::ReadError};

/// The code of an answer that there is no such firmware.
pub(super) const NOT_EXISTED: u16 = 404;

/// The question. Without a version it asks for whatever there is.
pub(super) fn write(id: u32, wanted: Option<&Version>) -> String {
    match wanted {
        Some(version) => envelope::request(id, &format!(r#"{{"firmwareVersion":"{version}"}}"#)),
        None => envelope::request(id, "{}"),
    }
}

/// A question, with or without a version.
pub(super) fn read(data: &Fields) -> Result<Report, ReadError> {
    let wanted = data.text("firmwareVersion")?.map(Version::new).transpose()?;
    Ok(Report::Query { module: Module::default(), running: None, wanted })
}

/// The answer that there is nothing.
pub(super) fn write_nothing(id: &MessageId, wanted: Option<&Version>) -> String {
    let message = match wanted {
        Some(version) => format!("FirmwareVersion {version} not existed"),
        None => "no firmware waits for this device".into(),
    };
    envelope::refusal(id, NOT_EXISTED, &message)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn heard(text: &str) -> Result<Report, ReadError> {
        read(&envelope::read(text.as_bytes())?.data()?.unwrap_or_default())
    }

    fn query(wanted: Option<Version>) -> Report {
        Report::Query { module: Module::default(), running: None, wanted }
    }

    /// Source: jd-iot-engine §5.
    #[test]
    fn it_is_written_as_proposed() {
        let version = "2.3.0".parse().unwrap();
        let golden = r#"{"msgId":"77","version":"1.0","data":{"firmwareVersion":"2.3.0"}}"#;
        assert_eq!(write(77, Some(&version)), golden);
        assert_eq!(write(77, None), r#"{"msgId":"77","version":"1.0","data":{}}"#);
        assert_eq!(heard(golden), Ok(query(Some(version))));
        assert_eq!(heard(r#"{"msgId":77}"#), Ok(query(None)));
        assert!(matches!(heard(r#"{"data":{"firmwareVersion":"a b"}}"#), Err(ReadError::Id(_))));
    }

    /// Source: jd-iot-engine §4.2.
    #[test]
    fn the_answer_that_there_is_none_names_the_version() {
        let (id, version) = (MessageId::Text("77".into()), "9.9.9".parse().unwrap());
        let golden = r#"{"msgId":"77","code":404,"message":"FirmwareVersion 9.9.9 not existed"}"#;
        assert_eq!(write_nothing(&id, Some(&version)), golden);
    }

    proptest! {
        #[test]
        fn every_question_comes_back_from_the_wire_as_it_went_in(id: u32, wanted in proptest::option::of("[A-Za-z0-9._-]{1,64}")) {
            let wanted = wanted.map(|version| version.parse().unwrap());
            prop_assert_eq!(heard(&write(id, wanted.as_ref())), Ok(query(wanted)));
        }
    }
}
