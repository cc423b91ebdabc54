//! The query for a Task, and its answer when there is none (aliyun-link-sdk-v4 §2.5). An answer with a Task has the
//! notice's form and lives there.

use alloc::{format, string::String};

use serde::Deserialize;

use super::json::{self, Object, Request};
use crate::{MessageId, Module, Report, Version, dialect::ReadError};

/// The text that the vendor's SDK sends, its one blank included.
pub(super) fn write(id: u32, module: &Module) -> String {
    format!(r#"{{"id":{id}, "params":{{{}}}}}"#, json::module_part(module))
}

#[derive(Default, Deserialize)]
struct Params {
    version: Option<String>,
    module: Option<String>,
}

/// A query: the number in quotes or not, with or without parameters, protocol version and method.
pub(super) fn read(payload: &[u8]) -> Result<(MessageId, Report), ReadError> {
    let request: Request<Option<Object<Params>>> = json::read(payload)?;
    let id = request.id()?;
    let Object(params) = request.params.unwrap_or_default();
    let running = params.version.filter(|version| !version.is_empty()).map(Version::new).transpose()?;
    Ok((id, Report::Query { module: json::module(params.module)?, running, wanted: None }))
}

/// The answer that there is nothing to do.
pub(super) fn write_nothing(id: &MessageId) -> String {
    format!(r#"{{"id":{},"code":200,"data":{{}}}}"#, json::message_id(id))
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use proptest::prelude::*;

    use super::*;
    use crate::dialect::{Downlink, aliyun::notice};

    /// Source: aliyun-link-sdk-v4 §2.5.
    #[test]
    fn it_is_written_as_the_vendors_sdk_writes_it() {
        assert_eq!(write(3, &Module::default()), r#"{"id":3, "params":{}}"#);
        assert_eq!(write(3, &"mcu".parse().unwrap()), r#"{"id":3, "params":{"module":"mcu"}}"#);
    }

    /// Source: aliyun-link-sdk-v4 §2.5; the second is the documentation's form.
    #[test]
    fn every_known_spelling_is_read() {
        for (payload, id, module) in [
            (r#"{"id":3, "params":{}}"#, MessageId::Number(3), "default"),
            (
                r#"{"id":"123","version":"1.0","params":{"module":"mcu"},"method":"thing.ota.firmware.get"}"#,
                MessageId::Text("123".into()),
                "mcu",
            ),
            (r#"{"id":"123"}"#, MessageId::Text("123".into()), "default"),
            ("{}", MessageId::Number(0), "default"),
        ] {
            let want = Report::Query { module: module.parse().unwrap(), running: None, wanted: None };
            assert_eq!(read(payload.as_bytes()), Ok((id, want)), "{payload}");
        }
    }

    #[test]
    fn what_is_no_query_is_refused() {
        let long_id = format!(r#"{{"id":"{}"}}"#, "1".repeat(65));
        for payload in ["", "[]", r#"{"params":[]}"#, r#"{"params":{"module":7}}"#, r#"{"id":[]}"#, &long_id]
        {
            assert!(matches!(read(payload.as_bytes()), Err(ReadError::Malformed(_))), "{payload}");
        }
    }

    /// Source: aliyun-link-sdk-v4 §2.5.
    #[test]
    fn the_answer_that_there_is_nothing_repeats_the_number_as_it_was_given() {
        let text = write_nothing(&MessageId::Text("3".into()));
        assert_eq!(text, r#"{"id":"3","code":200,"data":{}}"#);
        assert_eq!(write_nothing(&MessageId::Number(3)), r#"{"id":3,"code":200,"data":{}}"#);
        assert_eq!(write_nothing(&MessageId::Text("\"".into())), r#"{"id":"\"","code":200,"data":{}}"#);
        assert_eq!(notice::read_answer(text.as_bytes()), Ok(Downlink::NoTask));
    }

    proptest! {
        #[test]
        fn every_query_comes_back_from_the_wire_as_it_went_in(id: u32, module in "[A-Za-z0-9._-]{1,64}") {
            let module: Module = module.parse().unwrap();
            let want = (MessageId::Number(id.into()), Report::Query { module: module.clone(), running: None, wanted: None });
            prop_assert_eq!(read(write(id, &module).as_bytes()), Ok(want));
        }

        #[test]
        fn random_bytes_never_panic(bytes: Vec<u8>) {
            let _ = read(&bytes);
        }
    }
}
