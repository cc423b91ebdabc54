//! Remote configuration, COTA: get, get_reply, push, push_reply (aliyun-link-sdk-v4 §2.6, aliyun-iotkit-v3 §2.4).

use alloc::{format, string::String};

use serde::Deserialize;

use super::{
    json::{self, Object, Request, Scalar},
    stock,
};
use crate::{
    Config, Digest, DigestMethod, MessageId, NoConfig, NoticeError, Report,
    dialect::{Downlink, ReadError},
};

/// Answer codes for a Config that is not there (aliyun-link-sdk-v4 §2.6).
const NO_CONFIG_CODES: [(NoConfig, i128); 2] = [(NoConfig::Absent, 6710), (NoConfig::SwitchedOff, 6713)];

/// A query in the sheet's form.
pub(super) fn write_query(id: u32) -> String {
    format!(
        r#"{{"id":"{id}","version":"1.0","params":{{"configScope":"product","getType":"file"}},"method":"thing.config.get"}}"#
    )
}

/// A query of either generation. Its parameters are the same for everybody and are not looked at.
pub(super) fn read_query(payload: &[u8]) -> Result<(MessageId, Report), ReadError> {
    let request: Request<Option<Object<Nothing>>> = json::read(payload)?;
    Ok((request.id()?, Report::ConfigQuery))
}

#[derive(Deserialize)]
struct Nothing {}

/// A push. `now_ms` is wall-clock time in milliseconds since 1970: it numbers the message. v3's SDK cannot do without
/// a number (aliyun-iotkit-v3 §2.4).
pub(super) fn write_push(now_ms: u64, config: &Config) -> Result<String, NoticeError> {
    let block = block(config)?;
    Ok(format!(r#"{{"id":"{now_ms}","version":"1.0","params":{block},"method":"thing.config.push"}}"#))
}

/// The answer to the query numbered `id`.
pub(super) fn write_answer(id: &MessageId, answer: Result<&Config, NoConfig>) -> Result<String, NoticeError> {
    let id = json::message_id(id);
    match answer {
        Ok(config) => {
            let block = block(config)?;
            Ok(format!(r#"{{"id":{id},"version":"1.0","code":200,"data":{block}}}"#))
        }
        Err(why) => {
            let code =
                NO_CONFIG_CODES.iter().find(|(known, _)| *known == why).map_or(6710, |(_, code)| *code);
            Ok(format!(r#"{{"id":{id},"version":"1.0","code":{code},"data":{{}}}}"#))
        }
    }
}

/// What both generations of the SDK need, in the sheet's order; every text is one that they find and do not unescape.
fn block(config: &Config) -> Result<String, NoticeError> {
    config.check()?;
    stock::check_config(config)?;
    let Config { id, size, digest, url, get_type } = config;
    let method = match digest.method() {
        DigestMethod::Md5 => "Md5",
        DigestMethod::Sha256 => "Sha256",
    };
    let block = format!(
        r#"{{"configId":"{id}","configSize":{size},"sign":"{digest}","signMethod":"{method}","url":"{url}","getType":"{get_type}"}}"#
    );
    Ok(block)
}

#[derive(Deserialize)]
struct Message {
    code: Option<Scalar>,
    data: Option<Object<Block>>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Block {
    config_id: Option<String>,
    config_size: Option<Scalar>,
    sign: Option<String>,
    sign_method: Option<String>,
    url: Option<String>,
    get_type: Option<String>,
}

/// A pushed Config.
pub(super) fn read_push(payload: &[u8]) -> Result<Downlink, ReadError> {
    let request: Request<Object<Block>> = json::read(payload)?;
    let push = Some(request.id()?);
    let Object(block) = request.params;
    Ok(Downlink::Config { config: block.config()?, push })
}

/// The answer to a query. A code other than 200, 6710 and 6713 is an error.
pub(super) fn read_answer(payload: &[u8]) -> Result<Downlink, ReadError> {
    let message: Message = json::read(payload)?;
    let code = message.code.map_or(Some(200), |code| code.number());
    if let Some((why, _)) = NO_CONFIG_CODES.iter().find(|(_, known)| Some(*known) == code) {
        return Ok(Downlink::NoConfig(*why));
    }
    if code != Some(200) {
        let code = code.map_or_else(|| "that is no number".into(), |code| format!("{code}"));
        return Err(json::malformed(&format!("the platform answers with code {code}")));
    }
    let Object(block) = message.data.unwrap_or_default();
    Ok(Downlink::Config { config: block.config()?, push: None })
}

impl Block {
    fn config(self) -> Result<Config, ReadError> {
        let missing = |field| json::malformed(&format!("{field} is missing"));
        let sign = self.sign.ok_or_else(|| missing("sign"))?;
        let digest = match self.sign_method {
            Some(method) => Digest::from_hex(super::notice::method_of(&method)?, &sign)?,
            None => Digest::try_from(sign)?,
        };
        let config = Config {
            id: self.config_id.ok_or_else(|| missing("configId"))?,
            size: self
                .config_size
                .and_then(|size| size.unsigned())
                .ok_or_else(|| json::malformed("configSize is no whole number"))?,
            digest,
            url: self.url.filter(|url| !url.is_empty()).ok_or_else(|| missing("url"))?,
            get_type: self.get_type.unwrap_or_else(|| "file".into()),
        };
        config.check()?;
        Ok(config)
    }
}

/// What a device says to a push, with the push's own number.
pub(super) fn write_taken(push: &MessageId, code: u16) -> String {
    format!(r#"{{"id":{},"code":{code},"data":{{}}}}"#, json::message_id(push))
}

#[derive(Deserialize)]
struct Taken {
    code: Scalar,
}

/// A push_reply; v3's SDK leaves out the outer braces of a refusal (aliyun-iotkit-v3 §2.4).
pub(super) fn read_taken(payload: &[u8]) -> Result<(MessageId, Report), ReadError> {
    let Taken { code } = json::read_loosely(payload)?;
    let request: Request<Option<Object<Nothing>>> = json::read_loosely(payload)?;
    let code = code.unsigned().and_then(|code| u16::try_from(code).ok());
    let code = code.ok_or_else(|| json::malformed("code is no whole number of at most 16 bits"))?;
    let id = request.id()?;
    Ok((id.clone(), Report::ConfigTaken { push: id, code }))
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use proptest::prelude::*;

    use super::*;
    use crate::dialect::aliyun::samples::{MD5, SHA256};

    fn config() -> Config {
        Config {
            id: "cfg-7".into(),
            size: 9,
            digest: Digest::try_from(String::from(SHA256)).unwrap(),
            url: "https://files.example/cfg/7?t=1".into(),
            get_type: "file".into(),
        }
    }

    /// Source: aliyun-link-sdk-v4 §2.6.
    const PUSH: &str = r#"{"id":"77","version":"1.0","params":{"configId":"cfg-7","configSize":9,"sign":"15e2b0d3c33891ebb0f1ef609ec419420c20e320ce94c65fbc8c3312448eb225","signMethod":"Sha256","url":"https://files.example/cfg/7?t=1","getType":"file"},"method":"thing.config.push"}"#;
    const ANSWER: &str = r#"{"id":"123","version":"1.0","code":200,"data":{"configId":"cfg-7","configSize":9,"sign":"15e2b0d3c33891ebb0f1ef609ec419420c20e320ce94c65fbc8c3312448eb225","signMethod":"Sha256","url":"https://files.example/cfg/7?t=1","getType":"file"}}"#;

    fn text_id(id: &str) -> MessageId {
        MessageId::Text(id.into())
    }

    #[test]
    fn push_and_answer_are_written_and_read_as_the_sheet_has_them() {
        assert_eq!(write_push(77, &config()).unwrap(), PUSH);
        let pushed = Downlink::Config { config: config(), push: Some(text_id("77")) };
        assert_eq!(read_push(PUSH.as_bytes()), Ok(pushed));
        assert_eq!(write_answer(&text_id("123"), Ok(&config())).unwrap(), ANSWER);
        assert_eq!(read_answer(ANSWER.as_bytes()), Ok(Downlink::Config { config: config(), push: None }));
    }

    /// Sources: aliyun-link-sdk-v4 §2.6 (the demo), aliyun-iotkit-v3 §2.4 (number 0 between blanks).
    #[test]
    fn queries_of_both_generations_are_read() {
        for (text, id) in [
            (r#"{"id":"123","params":{"configScope":"product","getType":"file"}}"#, text_id("123")),
            (
                r#"{"id" : 0,"version":"1.0","params":{"configScope":"product","getType":"file","attributeKeys":""},"method":"thing.config.get"}"#,
                MessageId::Number(0),
            ),
            (&write_query(5), text_id("5")),
        ] {
            assert_eq!(read_query(text.as_bytes()), Ok((id, Report::ConfigQuery)), "{text}");
        }
    }

    /// Source: aliyun-link-sdk-v4 §2.6: 6710 and 6713.
    #[test]
    fn that_there_is_none_is_told_by_its_code() {
        for (why, code) in [(NoConfig::Absent, 6710), (NoConfig::SwitchedOff, 6713)] {
            let text = write_answer(&MessageId::Number(5), Err(why)).unwrap();
            assert_eq!(text, format!(r#"{{"id":5,"version":"1.0","code":{code},"data":{{}}}}"#));
            assert_eq!(read_answer(text.as_bytes()), Ok(Downlink::NoConfig(why)));
        }
        for text in [r#"{"id":"5","code":460,"data":{}}"#, r#"{"code":"x"}"#, r#"{"code":200,"data":{}}"#] {
            assert!(matches!(read_answer(text.as_bytes()), Err(ReadError::Malformed(_))), "{text}");
        }
    }

    /// Sources: aliyun-link-sdk-v4 §2.6 (200), aliyun-iotkit-v3 §2.4 (400 without outer braces).
    #[test]
    fn push_replies_of_both_generations_are_read() {
        assert_eq!(write_taken(&text_id("77"), 200), r#"{"id":"77","code":200,"data":{}}"#);
        for (text, push, code) in [
            (r#"{"id":"77","code":200,"data":{}}"#, text_id("77"), 200),
            (r#""id":72,"code":"400","data":{}"#, MessageId::Number(72), 400),
        ] {
            let want = Report::ConfigTaken { push: push.clone(), code };
            assert_eq!(read_taken(text.as_bytes()), Ok((push, want)), "{text}");
        }
    }

    #[test]
    fn a_config_that_cannot_be_followed_is_refused() {
        for (from, to) in [
            ("\"configSize\":9", "\"configSize\":0"),
            ("\"configSize\":9", "\"configSize\":\"x\""),
            ("cfg-7\"", "\""),
            ("https://files.example", "http://x\\r\\nHost: y/"),
            ("Sha256", "Crc"),
            ("15e2b0", "15e2g0"),
            ("\"url\"", "\"x\""),
        ] {
            let text = PUSH.replace(from, to);
            assert!(text != PUSH && read_push(text.as_bytes()).is_err(), "{text}");
        }
        let long = PUSH.replace("\"cfg-7\"", &format!("\"{}\"", "c".repeat(65)));
        assert!(matches!(read_push(long.as_bytes()), Err(ReadError::Notice(NoticeError::Text { .. }))));
        let md5 = PUSH.replace(SHA256, MD5).replace("Sha256", "Md5");
        assert!(read_push(md5.as_bytes()).is_ok());
    }

    #[test]
    fn a_config_that_a_stock_sdk_would_misread_is_not_sent() {
        for found in ['"', '\\', '固'] {
            let id = Config { id: format!("c{found}"), ..config() };
            assert_eq!(write_push(1, &id), Err(NoticeError::Character { what: "configuration id", found }));
            let url = Config { url: format!("http://x/{found}"), ..config() };
            assert_eq!(write_push(1, &url), Err(NoticeError::Character { what: "link", found }));
        }
        let large = Config { size: 1 << 32, ..config() };
        assert!(matches!(write_push(1, &large), Err(NoticeError::FileTooLarge { .. })));
        for key in ["configSize", "sign", "url", "signMethod", "getType"] {
            let shadow = Config { id: key.into(), ..config() };
            assert!(matches!(write_push(1, &shadow), Err(NoticeError::Shadowed { .. })), "{key}");
        }
    }

    proptest! {
        #[test]
        fn every_config_comes_back_from_the_wire_as_it_went_in(
            id in "[A-Za-z0-9._:-]{1,64}", size in 1..=u64::from(u32::MAX), bytes: [u8; 32], url in "https?://[a-z0-9./?&=%_-]{1,60}", now_ms: u64,
        ) {
            let config = Config { id, size, digest: Digest::Sha256(bytes), url, get_type: "file".into() };
            if let Ok(text) = write_push(now_ms, &config) {
                let want = Downlink::Config { config: config.clone(), push: Some(MessageId::Text(format!("{now_ms}"))) };
                prop_assert_eq!(read_push(text.as_bytes()), Ok(want));
            }
            if let Ok(text) = write_answer(&MessageId::Number(now_ms), Ok(&config)) {
                prop_assert_eq!(read_answer(text.as_bytes()), Ok(Downlink::Config { config, push: None }));
            }
        }

        #[test]
        fn random_bytes_never_panic(bytes: Vec<u8>) {
            let _ = (read_query(&bytes), read_push(&bytes), read_answer(&bytes), read_taken(&bytes));
        }
    }
}
