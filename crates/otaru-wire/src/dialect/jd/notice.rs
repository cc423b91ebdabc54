//! The notice: the push, and the answer to a question when there is a firmware (jd-iot-engine §4).
//!
//! JD has one file for the whole device, by link, known by its MD5, and no field for anything more. What a notice has
//! beyond that is refused, so that an operator hears of it when the package is made.
//!
//! JD's documented answer has no size: its SDK would take the download's `Content-Length`. Here such an answer is refused.
//! The size is what a slot is checked against before a byte is fetched, what a percentage is of and what the Record
//! resumes by; taken from the server that sends the bytes, it would check nothing. The push always has it, and otaru's
//! own platform adds it to the answer (§4.2).

use alloc::{format, string::String, vec};

use super::{
    super::json,
    envelope::{self, Fields},
    query,
};
use crate::{
    Digest, DigestError, DigestMethod, File, MessageId, Module, Notice, NoticeError, Source, Version,
    dialect::{Downlink, ReadError},
};

/// The code of an answer that all is well. The documented answer has none at all.
const OK: u16 = 200;

const SILENT: &str = "silent";
const STANDARD: &str = "standard";

/// The push numbered `number`, in the order of the sheet's sample.
pub(super) fn write_push(number: u64, notice: &Notice) -> Result<String, NoticeError> {
    let file = Spoken::of(notice)?;
    let policy = if notice.silent { SILENT } else { STANDARD };
    let data = format!(r#"{{"policy":"{policy}","size":{},{}}}"#, file.size, file.fields());
    Ok(format!(r#"{{"msgId":"{number}","version":"1.0","data":{data}}}"#))
}

/// The answer to the question numbered `id`. The size is our own addition; old parsers pass it over (§4.2).
pub(super) fn write_answer(id: &MessageId, notice: &Notice) -> Result<String, NoticeError> {
    let file = Spoken::of(notice)?;
    let data = format!(r#"{{{},"size":{}}}"#, file.fields(), file.size);
    Ok(format!(r#"{{"msgId":{},"version":"1.0","data":{data}}}"#, json::message_id(id)))
}

/// What this dialect can say of a notice.
struct Spoken<'a> {
    version: &'a Version,
    size: u64,
    url: &'a str,
    md5: Digest,
}

impl<'a> Spoken<'a> {
    fn of(notice: &'a Notice) -> Result<Self, NoticeError> {
        notice.check()?;
        let beyond = [
            (notice.files.len() > 1, "several files"),
            (!notice.module.is_default(), "a module"),
            (notice.delta, "a difference"),
            (notice.extra.is_some(), "extra data"),
            (notice.signature.is_some(), "a signature"),
        ];
        if let Some((_, what)) = beyond.into_iter().find(|(there, _)| *there) {
            return Err(NoticeError::NoWord { what });
        }
        let file = notice.files.first().ok_or(NoticeError::NoFiles)?;
        let Source::Http { url } = &file.source else {
            return Err(NoticeError::NoWord { what: "a file over MQTT" });
        };
        let mut digests = [Some(file.digest), file.also].into_iter().flatten();
        let md5 = digests.find(|digest| digest.method() == DigestMethod::Md5);
        let md5 = md5.ok_or(NoticeError::NoWord { what: "a file without an MD5" })?;
        Ok(Self { version: &notice.version, size: file.size, url, md5 })
    }

    fn fields(&self) -> String {
        let (version, url, md5) = (self.version, json::quoted(self.url), self.md5);
        format!(r#""firmwareVersion":"{version}","url":{url},"sign":"{md5}","signMethod":"Md5""#)
    }
}

/// A push.
pub(super) fn read_push(payload: &[u8]) -> Result<Downlink, ReadError> {
    let message = envelope::read(payload)?;
    let data = message.data()?.ok_or_else(|| json::malformed("data is missing"))?;
    Ok(Downlink::Notice(read(&data)?))
}

/// The answer to a question: a firmware, or none by code 404. Any other code is an error, and a Task in hand goes on.
pub(super) fn read_answer(payload: &[u8]) -> Result<Downlink, ReadError> {
    let message = envelope::read(payload)?;
    match (message.code()?, message.data()?) {
        (None | Some(OK), Some(data)) => Ok(Downlink::Notice(read(&data)?)),
        (Some(query::NOT_EXISTED), _) => Ok(Downlink::NoTask),
        (None | Some(OK), None) => Err(json::malformed("data is missing")),
        (Some(code), _) => Err(json::malformed(&format!("the platform answers with code {code}"))),
    }
}

fn read(data: &Fields) -> Result<Notice, ReadError> {
    let needed = |key: &str| data.text(key)?.ok_or_else(|| json::malformed(&format!("{key} is missing")));
    let version = Version::new(needed("firmwareVersion")?)?;
    let method = data.text("signMethod")?;
    if method.is_some_and(|method| !method.eq_ignore_ascii_case("md5")) {
        return Err(DigestError::UnknownMethod.into());
    }
    let digest = Digest::from_hex(DigestMethod::Md5, &needed("sign")?)?;
    let size = match data.scalar("size")? {
        Some(size) => size.unsigned().ok_or_else(|| json::malformed("size is not a whole number"))?,
        None => return Err(NoticeError::NoSize { index: 0 }.into()),
    };
    let source = Source::Http { url: needed("url")? };
    let silent = data.text("policy")?.is_some_and(|policy| policy.eq_ignore_ascii_case(SILENT));
    let notice = Notice {
        version,
        module: Module::default(),
        files: vec![File { name: None, size, digest, also: None, source }],
        delta: false,
        silent,
        extra: None,
        signature: None,
        terms: None,
    };
    notice.check()?;
    Ok(notice)
}

#[cfg(test)]
mod tests;
