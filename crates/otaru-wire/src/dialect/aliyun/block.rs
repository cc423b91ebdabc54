//! A file in blocks over MQTT: the request in JSON, the reply in a frame of its own (aliyun-link-sdk-v4 §3).

use alloc::{
    format,
    string::{String, ToString},
    vec::Vec,
};

use crc::{CRC_16_ARC, Crc};
use serde::Deserialize;

use super::json::{self, Object, Request, Scalar};
use crate::{
    Block, BlockError, BlockRequest, MessageId, Report,
    block::{check_len, check_place},
    dialect::{Downlink, ReadError},
};

/// The checksum of a block's bytes; the header is not part of it (aliyun-link-sdk-v4 §3.2).
const CRC: Crc<u16> = Crc::<u16>::new(&CRC_16_ARC);

/// What the vendor's SDK sends when it means no token (aliyun-link-sdk-v4 §3.1).
const NO_TOKEN: &str = "default";

/// The longest token repeated, in bytes: the vendor's SDK copies it without a check (aliyun-link-sdk-v4 §3.2).
const MAX_TOKEN_BYTES: usize = 127;

/// The longest reason sent or kept, in bytes.
const MAX_REASON_BYTES: usize = 128;

/// The text that the vendor's SDK sends, without its comma before the brace that closes `fileInfo`.
pub(super) fn write_request(id: u32, request: &BlockRequest) -> String {
    let BlockRequest { stream, file, offset, len, token } = request;
    let token = json::quoted(token.as_deref().unwrap_or(NO_TOKEN));
    format!(
        r#"{{"id":"{id}","version":"1.0","params":{{"fileToken":{token},"fileInfo":{{"streamId":{stream},"fileId":{file}}},"fileBlock":{{"size":{len},"offset":{offset}}}}}}}"#
    )
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Params {
    file_token: Option<String>,
    file_info: Object<FileInfo>,
    file_block: Object<FileBlock>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct FileInfo {
    stream_id: Option<Scalar>,
    file_id: Option<Scalar>,
}

#[derive(Deserialize)]
struct FileBlock {
    size: Option<Scalar>,
    offset: Option<Scalar>,
}

/// A request of the vendor's SDK, which is not valid JSON, or of anybody who writes it well. A token too long to be
/// repeated is left out.
pub(super) fn read_request(payload: &[u8]) -> Result<(MessageId, Report), ReadError> {
    let request: Request<Object<Params>> = json::read_loosely(payload)?;
    let id = request.id()?;
    let Object(Params { file_token, file_info: Object(info), file_block: Object(block) }) = request.params;
    let len = number(&block.size, "size")?;
    check_len(len)?;
    let file = number(&info.file_id, "fileId")?;
    Ok((
        id,
        Report::Block(BlockRequest {
            stream: number(&info.stream_id, "streamId")?,
            file: u32::try_from(file).map_err(|_| BlockError::Field { field: "fileId" })?,
            offset: number(&block.offset, "offset")?,
            len: u32::try_from(len).map_err(|_| BlockError::Size { len })?,
            token: token(file_token),
        }),
    ))
}

fn token(field: Option<String>) -> Option<String> {
    field.filter(|token| token != NO_TOKEN && !token.is_empty() && token.len() <= MAX_TOKEN_BYTES)
}

fn number(field: &Option<Scalar>, name: &'static str) -> Result<u64, BlockError> {
    field.as_ref().and_then(Scalar::unsigned).ok_or(BlockError::Field { field: name })
}

/// The frame: length of the header (two bytes, the higher first), header, bytes, checksum (the lower byte first).
pub(super) fn write_reply(id: &MessageId, block: &Block) -> Result<Vec<u8>, BlockError> {
    block.check()?;
    let Block { token, file_size, offset, bytes } = block;
    let token = json::quoted(token.as_deref().unwrap_or(NO_TOKEN));
    let len = bytes.len();
    let header = format!(
        r#"{{"id":{},"code":200,"msg":"success","data":{{"fileToken":{token},"fileLength":{file_size},"bSize":{len},"bOffset":{offset}}}}}"#,
        json::message_id(id)
    );
    Ok(frame(&header, bytes))
}

/// A refusal. The vendor's SDK takes it for a damaged block, asks three more times and gives up
/// (aliyun-link-sdk-v4 §3.3).
pub(super) fn write_refusal(id: &MessageId, request: &BlockRequest, reason: &str) -> Vec<u8> {
    let token = json::quoted(request.token.as_deref().unwrap_or(NO_TOKEN));
    let reason = json::quoted(json::cut(reason, MAX_REASON_BYTES));
    let id = json::message_id(id);
    frame(&format!(r#"{{"id":{id},"code":400,"msg":{reason},"data":{{"fileToken":{token}}}}}"#), &[])
}

fn frame(header: &str, bytes: &[u8]) -> Vec<u8> {
    // Ids and tokens are bounded, so the header always fits; a longer one would be read as damaged, not misread.
    let len = u16::try_from(header.len()).unwrap_or(u16::MAX);
    let mut frame = Vec::with_capacity(header.len() + bytes.len() + 4);
    frame.extend(len.to_be_bytes());
    frame.extend(header.as_bytes());
    frame.extend(bytes);
    frame.extend(CRC.checksum(bytes).to_le_bytes());
    frame
}

#[derive(Deserialize)]
struct Header {
    code: Option<Scalar>,
    #[serde(alias = "message")]
    msg: Option<String>,
    data: Option<Object<Data>>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Data {
    file_token: Option<String>,
    file_length: Option<Scalar>,
    b_size: Option<Scalar>,
    b_offset: Option<Scalar>,
}

/// A block whose frame, checksum and place in the file hold.
pub(super) fn read_reply(payload: &[u8]) -> Result<Downlink, ReadError> {
    let found = payload.len();
    let short = |want| BlockError::Length { want, found };
    let (len, rest) = payload.split_first_chunk::<2>().ok_or(short(4))?;
    let len = usize::from(u16::from_be_bytes(*len));
    let (header, rest) = rest.split_at_checked(len).ok_or(short(4 + len))?;
    let Header { code, msg, data } = json::read(header)?;
    if let Some(code) = code.filter(|code| code.number() != Some(200)) {
        let code = code.number().and_then(|code| i64::try_from(code).ok()).unwrap_or(-1);
        let reason = json::cut(&msg.unwrap_or_default(), MAX_REASON_BYTES).to_string();
        return Err(BlockError::Refused { code, reason }.into());
    }
    let Object(data) = data.unwrap_or_default();
    let size = number(&data.b_size, "bSize")?;
    check_len(size)?;
    let (file_size, offset) = (number(&data.file_length, "fileLength")?, number(&data.b_offset, "bOffset")?);
    check_place(offset, size, file_size)?;
    let size = usize::try_from(size).map_err(|_| BlockError::Size { len: size })?;
    let want = 4 + len + size;
    let (bytes, crc) = rest.split_last_chunk::<2>().filter(|_| found == want).ok_or(short(want))?;
    let (sent, computed) = (u16::from_le_bytes(*crc), CRC.checksum(bytes));
    if sent != computed {
        return Err(BlockError::Crc { found: sent, computed }.into());
    }
    Ok(Downlink::Block(Block { token: token(data.file_token), file_size, offset, bytes: bytes.to_vec() }))
}

#[cfg(test)]
mod tests;
