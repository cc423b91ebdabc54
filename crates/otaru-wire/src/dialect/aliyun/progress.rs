//! The progress report (aliyun-link-sdk-v4 §2.4).

use alloc::{format, string::String};

use serde::Deserialize;

use super::json::{self, Object, Request, Scalar};
use crate::{MessageId, Module, Report, Step, dialect::ReadError};

/// The longest description sent or kept, in bytes (aliyun-link-sdk-v4 §2.4).
pub(super) const MAX_DESCRIPTION_BYTES: usize = 128;

/// The text that the vendor's SDK sends, its one blank included. A longer description is cut between characters.
pub(super) fn write(id: u32, module: &Module, step: Step, description: &str) -> String {
    let step = step.code();
    let description = json::quoted(json::cut(description, MAX_DESCRIPTION_BYTES));
    let comma = if module.is_default() { "" } else { "," };
    let module = json::module_part(module);
    format!(r#"{{"id":{id}, "params":{{"step":"{step}","desc":{description}{comma}{module}}}}}"#)
}

#[derive(Deserialize)]
struct Params {
    step: Scalar,
    desc: Option<String>,
    module: Option<String>,
}

/// A progress report: step and number in quotes or not, the description there or not.
pub(super) fn read(payload: &[u8]) -> Result<(MessageId, Report), ReadError> {
    let request: Request<Object<Params>> = json::read(payload)?;
    let id = request.id()?;
    let Object(params) = request.params;
    let code = params.step.number().ok_or_else(|| json::malformed("step is not a whole number"))?;
    let step = i64::try_from(code)
        .ok()
        .and_then(Step::from_code)
        .ok_or_else(|| ReadError::Step { found: i64::try_from(code).unwrap_or(i64::MAX) })?;
    let description = params.desc.unwrap_or_default();
    let report = Report::Progress {
        module: json::module(params.module)?,
        task: None,
        step,
        description: json::cut(&description, MAX_DESCRIPTION_BYTES).into(),
    };
    Ok((id, report))
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use proptest::prelude::*;

    use super::*;
    use crate::Failure;

    fn report(module: &str, step: Step, description: &str) -> Report {
        Report::Progress {
            module: module.parse().unwrap(),
            task: None,
            step,
            description: description.into(),
        }
    }

    /// Source: aliyun-link-sdk-v4 §2.4, what the vendor's SDK 4.2.0 sent.
    #[test]
    fn it_is_written_as_the_vendors_sdk_writes_it() {
        assert_eq!(
            write(4, &Module::default(), Step::Percent(40), ""),
            r#"{"id":4, "params":{"step":"40","desc":""}}"#
        );
        assert_eq!(
            write(5, &"mcu".parse().unwrap(), Step::Failed(Failure::Digest), ""),
            r#"{"id":5, "params":{"step":"-3","desc":"","module":"mcu"}}"#
        );
    }

    /// Sources: aliyun-link-sdk-v4 §2.4, aliyun-iotkit-v3 §2.3.
    #[test]
    fn every_known_spelling_is_read() {
        let zero = MessageId::Number(0);
        for (payload, id, want) in [
            (
                r#"{"id":0,"params":{"step":"37","desc":""}}"#,
                zero.clone(),
                report("default", Step::Percent(37), ""),
            ),
            (
                r#"{"id":0,"params":{"step":"-3","desc":"", "module":"mcu"}}"#,
                zero.clone(),
                report("mcu", Step::Failed(Failure::Digest), ""),
            ),
            (
                r#"{"id":"7","version":"1.0","params":{"desc":null,"step":-1},"method":"x"}"#,
                MessageId::Text("7".into()),
                report("default", Step::Failed(Failure::Upgrade), ""),
            ),
            (r#"{"params":{"step":100}}"#, zero, report("default", Step::Percent(100), "")),
        ] {
            assert_eq!(read(payload.as_bytes()), Ok((id, want)), "{payload}");
        }
    }

    #[test]
    fn a_step_out_of_range_is_refused() {
        for found in [-5, 101, 999, i64::MIN, i64::MAX] {
            let number = format!(r#"{{"id":1,"params":{{"step":{found}}}}}"#);
            let text = format!(r#"{{"id":1,"params":{{"step":"{found}"}}}}"#);
            assert_eq!(read(number.as_bytes()), Err(ReadError::Step { found }));
            assert_eq!(read(text.as_bytes()), Err(ReadError::Step { found }));
        }
        for step in
            [r#""""#, r#""forty""#, "null", "4.5", "1e2", r#""99999999999999999999999999999999999999999""#]
        {
            let payload = format!(r#"{{"id":1,"params":{{"step":{step}}}}}"#);
            assert!(matches!(read(payload.as_bytes()), Err(ReadError::Malformed(_))), "{step}");
        }
    }

    #[test]
    fn a_long_description_is_cut_between_characters() {
        let long = "固".repeat(60);
        let text = write(1, &Module::default(), Step::Percent(1), &long);
        let cut = "固".repeat(42);
        assert_eq!(text, format!(r#"{{"id":1, "params":{{"step":"1","desc":"{cut}"}}}}"#));
        let uncut = format!(r#"{{"id":1,"params":{{"step":"1","desc":"{long}"}}}}"#);
        assert_eq!(read(uncut.as_bytes()).unwrap().1, report("default", Step::Percent(1), &cut));
    }

    proptest! {
        #[test]
        fn every_report_comes_back_from_the_wire_as_it_went_in(
            id: u32, module in "[A-Za-z0-9._-]{1,64}", code in -4_i64..=100, description in ".{0,32}",
        ) {
            let step = Step::from_code(code).unwrap();
            let text = write(id, &module.parse().unwrap(), step, &description);
            prop_assert_eq!(
                read(text.as_bytes()),
                Ok((MessageId::Number(id.into()), report(&module, step, &description)))
            );
        }

        #[test]
        fn random_bytes_never_panic(bytes: Vec<u8>) {
            let _ = read(&bytes);
        }
    }
}
