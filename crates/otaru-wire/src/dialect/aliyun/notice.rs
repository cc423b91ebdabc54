//! The notice: the upgrade push, and the answer to a query when there is a Task (aliyun-link-sdk-v4 §2.3, §2.5).
//!
//! Written to the byte as stock SDKs can read it: compact, `/` and `&` unescaped, keys in the order of the real
//! platform, extra data last. Read in every spelling that a platform or document has, but never a file without a
//! sound digest.

use alloc::{
    format,
    string::{String, ToString},
    vec,
    vec::Vec,
};

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{
    json::{self, Object, Scalar},
    stock, v3,
    writer::{Writer, compact},
};
use crate::{
    Digest, DigestError, DigestMethod, File, MAX_FILES, MessageId, Notice, NoticeError, Source, Version,
    dialect::{Downlink, ReadError},
};

/// A push. `now_ms` is wall-clock time in milliseconds since 1970: it numbers the message.
pub(super) fn write_push(now_ms: u64, notice: &Notice) -> Result<String, NoticeError> {
    let data = data(notice)?;
    bounded(format!(r#"{{"code":"1000","data":{data},"id":{now_ms},"message":"success"}}"#))
}

/// The answer to v3's query numbered `id`.
pub(super) fn write_v3_answer(id: &MessageId, notice: &Notice) -> Result<String, NoticeError> {
    let data = data(notice)?;
    bounded(v3::write_answer(id, &data))
}

/// The answer to the query numbered `id`.
pub(super) fn write_answer(id: &MessageId, notice: &Notice) -> Result<String, NoticeError> {
    let data = data(notice)?;
    bounded(format!(r#"{{"id":{},"code":200,"data":{data}}}"#, json::message_id(id)))
}

fn bounded(message: String) -> Result<String, NoticeError> {
    match message.len() {
        len if len > json::MAX_PAYLOAD_BYTES => {
            Err(NoticeError::TooLong { len, max: json::MAX_PAYLOAD_BYTES })
        }
        _ => Ok(message),
    }
}

fn data(notice: &Notice) -> Result<String, NoticeError> {
    stock::check(notice)?;
    let mut data = Writer::new();
    match notice.files.as_slice() {
        [file] => write_one(&mut data, notice, file),
        files => write_several(&mut data, notice, files)?,
    }
    if !notice.module.is_default() {
        data.text("module", notice.module.as_str());
    }
    if notice.delta {
        data.raw("isDiff", "1");
    }
    if let Some(signature) = &notice.signature {
        data.text("digestsign", signature);
    }
    if let Some(extra) = &notice.extra {
        data.raw("extData", &compact(extra)?);
    }
    data.finish()
}

/// One file: the order of the HTTPS capture of 2026, or of the MQTT captures of 2023 and 2025 (§2.3).
fn write_one(data: &mut Writer, notice: &Notice, file: &File) {
    let digest = file.digest.to_string();
    data.raw("size", &file.size.to_string());
    match &file.source {
        Source::Http { url } => {
            data.text("sign", &digest);
            data.text("version", notice.version.as_str());
            data.text("signMethod", method_name(&file.digest));
            data.text("url", url);
        }
        Source::Mqtt { stream, file: number } => {
            data.raw("streamId", &stream.to_string());
            data.text("sign", &digest);
            data.text("dProtocol", "mqtt");
            data.text("version", notice.version.as_str());
            data.text("signMethod", method_name(&file.digest));
            data.raw("streamFileId", &number.to_string());
        }
    }
    if let Some(md5) = md5(file) {
        data.text("md5", &md5.to_string());
    }
}

/// The file's MD5, if it is known: v3's SDK drops a push without one, whatever `signMethod` says
/// (aliyun-iotkit-v3 §0 row 5).
fn md5(file: &File) -> Option<Digest> {
    [Some(file.digest), file.also].into_iter().flatten().find(|digest| digest.method() == DigestMethod::Md5)
}

/// Several files: the samples of §2.3.
fn write_several(data: &mut Writer, notice: &Notice, files: &[File]) -> Result<(), NoticeError> {
    data.text("version", notice.version.as_str());
    if let Some(first) = files.first() {
        data.text("signMethod", method_name(&first.digest));
        if let Source::Mqtt { stream, .. } = first.source {
            data.text("dProtocol", "mqtt");
            data.raw("streamId", &stream.to_string());
        }
    }
    let elements = files.iter().map(element).collect::<Result<Vec<_>, _>>()?;
    data.raw("files", &format!("[{}]", elements.join(",")));
    Ok(())
}

fn element(file: &File) -> Result<String, NoticeError> {
    let digest = file.digest.to_string();
    let mut element = Writer::new();
    element.raw("fileSize", &file.size.to_string());
    element.text("fileName", file.name.as_deref().unwrap_or_default());
    match &file.source {
        Source::Http { url } => {
            element.text("fileUrl", url);
            if let Some(md5) = md5(file) {
                element.text("fileMd5", &md5.to_string());
            }
            element.text("fileSign", &digest);
        }
        Source::Mqtt { file: number, .. } => {
            element.text("fileSign", &digest);
            element.raw("streamFileId", &number.to_string());
        }
    }
    element.finish()
}

/// The spellings that stock SDKs accept, nothing else (§2.3).
fn method_name(digest: &Digest) -> &'static str {
    match digest.method() {
        DigestMethod::Md5 => "Md5",
        DigestMethod::Sha256 => "SHA256",
    }
}

/// A push. One without a version has nothing to do (aliyun-link-sdk-v4 §2.3).
pub(super) fn read_push(payload: &[u8]) -> Result<Downlink, ReadError> {
    let message: Message<'_> = json::read(payload)?;
    let Some(Object(data)) = message.data else {
        return Err(json::malformed("data is missing"));
    };
    downlink(data)
}

/// The answer to a query. Empty data under code 200 (or a push's 1000) means nothing to do; under another code it
/// is an error, and a Task in hand goes on.
pub(super) fn read_answer(payload: &[u8]) -> Result<Downlink, ReadError> {
    let message: Message<'_> = json::read(payload)?;
    let Object(data) = message.data.unwrap_or_default();
    match message.code.map(|code| code.number()) {
        Some(code) if data.version.is_none() && !matches!(code, Some(200 | 1000)) => {
            let code = code.map_or_else(|| "that is no number".to_string(), |code| format!("{code}"));
            Err(json::malformed(&format!("the platform answers with code {code}")))
        }
        _ => downlink(data),
    }
}

#[derive(Deserialize)]
struct Message<'a> {
    code: Option<Scalar>,
    #[serde(borrow)]
    data: Option<Object<Data<'a>>>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Data<'a> {
    version: Option<String>,
    sign_method: Option<String>,
    sign: Option<String>,
    md5: Option<String>,
    size: Option<Scalar>,
    url: Option<String>,
    is_diff: Option<Scalar>,
    module: Option<String>,
    #[serde(borrow)]
    ext_data: Option<&'a RawValue>,
    digestsign: Option<String>,
    d_protocol: Option<String>,
    stream_id: Option<Scalar>,
    stream_file_id: Option<Scalar>,
    files: Option<Vec<Object<Element>>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Element {
    file_size: Option<Scalar>,
    file_name: Option<String>,
    file_url: Option<String>,
    file_sign: Option<String>,
    file_md5: Option<String>,
    stream_file_id: Option<Scalar>,
}

fn downlink(mut data: Data<'_>) -> Result<Downlink, ReadError> {
    let Some(version) = data.version.take() else {
        return Ok(Downlink::NoTask);
    };
    let notice = Notice {
        version: Version::new(version)?,
        module: json::module(data.module.take())?,
        files: files(&mut data)?,
        delta: data.is_diff.map_or(Ok(false), delta)?,
        silent: false,
        extra: data.ext_data.map(extra).transpose()?,
        signature: data.digestsign.filter(|text| !text.is_empty()),
        terms: None,
    };
    notice.check()?;
    Ok(Downlink::Notice(notice))
}

/// `isDiff`. A value that cannot be told is refused: a difference written as a whole image would not boot.
fn delta(flag: Scalar) -> Result<bool, ReadError> {
    match flag.number() {
        Some(0) => Ok(false),
        Some(1) => Ok(true),
        _ => Err(json::malformed("isDiff is neither 0 nor 1")),
    }
}

fn extra(value: &RawValue) -> Result<String, ReadError> {
    match value.get() {
        object if object.starts_with('{') => Ok(object.into()),
        _ => Err(json::malformed("extData is not an object")),
    }
}

/// One element for each file; the outer fields of a package of one file are an element of their own.
fn files(data: &mut Data<'_>) -> Result<Vec<File>, ReadError> {
    let elements = match data.files.take() {
        Some(elements) if elements.len() > MAX_FILES => {
            return Err(NoticeError::TooManyFiles { count: elements.len() }.into());
        }
        Some(elements) => elements,
        None => vec![Object(Element {
            file_size: data.size.take(),
            file_name: None,
            file_url: data.url.take(),
            file_sign: data.sign.take(),
            file_md5: data.md5.take(),
            stream_file_id: data.stream_file_id.take(),
        })],
    };
    let stream = stream(data)?;
    let method = data.sign_method.as_deref().map(method_of).transpose()?;
    elements.into_iter().enumerate().map(|(index, Object(e))| e.file(index, method, stream)).collect()
}

/// The stream of a package that comes over MQTT. Every other protocol, and stream 0, means links
/// (aliyun-link-sdk-v4 §2.3).
fn stream(data: &Data<'_>) -> Result<Option<u64>, ReadError> {
    match data.d_protocol.as_deref() {
        Some(protocol) if protocol.eq_ignore_ascii_case("mqtt") => {
            let stream = data.stream_id.as_ref().and_then(Scalar::unsigned);
            let stream = stream.ok_or_else(|| json::malformed("streamId is not a whole number"))?;
            Ok((stream != 0).then_some(stream))
        }
        _ => Ok(None),
    }
}

/// `Md5` on the wire, `MD5` in newer documents, `Sha256` in older ones.
pub(super) fn method_of(name: &str) -> Result<DigestMethod, DigestError> {
    [("md5", DigestMethod::Md5), ("sha256", DigestMethod::Sha256)]
        .into_iter()
        .find_map(|(known, method)| name.eq_ignore_ascii_case(known).then_some(method))
        .ok_or(DigestError::UnknownMethod)
}

impl Element {
    fn file(
        self,
        index: usize,
        method: Option<DigestMethod>,
        stream: Option<u64>,
    ) -> Result<File, ReadError> {
        let digest = self.digest(method, index)?;
        let also = match self.file_md5.as_deref().filter(|md5| !md5.is_empty()) {
            Some(md5) if digest.method() != DigestMethod::Md5 => {
                Some(Digest::from_hex(DigestMethod::Md5, md5)?)
            }
            _ => None,
        };
        let size = match self.file_size.as_ref().and_then(Scalar::unsigned) {
            Some(0) => return Err(NoticeError::EmptyFile { index }.into()),
            Some(size) => size,
            None => {
                return Err(json::malformed(&format!("the size of file {index} is no whole number above 0")));
            }
        };
        let source = match stream {
            Some(stream) => {
                let file = self.stream_file_id.as_ref().and_then(Scalar::unsigned);
                let file = file.and_then(|file| u32::try_from(file).ok()).filter(|file| *file != 0);
                let file = file.ok_or(NoticeError::Stream { index })?;
                Source::Mqtt { stream, file }
            }
            None => match self.file_url.filter(|url| !url.is_empty()) {
                Some(url) => Source::Http { url },
                None => return Err(json::malformed(&format!("file {index} has no link"))),
            },
        };
        Ok(File { name: self.file_name.filter(|name| !name.is_empty()), size, digest, also, source })
    }

    /// `sign` by the named method. Older platforms send `md5` alone; without a method the length tells it. An MD5 never
    /// stands in for a SHA-256 that was announced.
    fn digest(&self, method: Option<DigestMethod>, index: usize) -> Result<Digest, ReadError> {
        match (self.file_sign.as_deref(), self.file_md5.as_deref(), method) {
            (Some(sign), _, Some(method)) => Ok(Digest::from_hex(method, sign)?),
            (Some(sign), _, None) => Ok(Digest::try_from(String::from(sign))?),
            (None, Some(md5), None | Some(DigestMethod::Md5)) => {
                Ok(Digest::from_hex(DigestMethod::Md5, md5)?)
            }
            (None, ..) => Err(json::malformed(&format!("file {index} has no digest"))),
        }
    }
}

#[cfg(test)]
mod tests;
