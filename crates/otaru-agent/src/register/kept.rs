//! What was granted, on disk: `secret` in the storage folder, for the agent's user alone.
//!
//! Two lines: a JSON object and the CRC-32 (IEEE) of the first with its line feed, hex. It is written aside, synced and
//! renamed. It names its device: the storage of one device is of no use to another.

use std::{
    fs::{File, Permissions},
    io,
    os::unix::fs::PermissionsExt,
};

use otaru_wire::{DeviceId, dialect::aliyun::registration::Grant};
use serde::{Deserialize, Serialize};

use crate::folder::Folder;

const NAME: &str = "secret";
const FORMAT: u32 = 1;
const MAX: u64 = 4096;
/// What others may do with the file: nothing.
const OTHERS: u32 = 0o077;

#[derive(Serialize, Deserialize)]
struct Kept {
    format: u32,
    device: DeviceId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    secret: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    client_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    token: Option<String>,
}

/// Keeps what was granted. After `Ok` a reset gives it back.
pub(super) fn write(storage: &Folder, device: &DeviceId, grant: &Grant) -> io::Result<()> {
    let (secret, client_id, token) = match grant.clone() {
        Grant::Secret(secret) => (Some(secret), None, None),
        Grant::Token { client_id, token } => (None, Some(client_id), Some(token)),
    };
    let kept = Kept { format: FORMAT, device: device.clone(), secret, client_id, token };
    let mut text = serde_json::to_string(&kept).map_err(io::Error::other)?;
    text.push('\n');
    let crc = crc32fast::hash(text.as_bytes());
    text.push_str(&format!("{crc:08x}\n"));
    storage.replace(NAME, text.as_bytes())
}

/// What was granted to this device; none if nothing is kept, or nothing of use: then the device asks again.
///
/// # Errors
/// The system's, if the file is there and cannot be read.
pub(crate) fn read(storage: &Folder, device: &DeviceId) -> io::Result<Option<Grant>> {
    let Some(bytes) = storage.read(NAME, MAX)? else { return Ok(None) };
    narrow(&storage.file(NAME)?.0)?;
    match decode(&bytes, device) {
        Ok(grant) => Ok(Some(grant)),
        Err(problem) => {
            tracing::warn!("the kept secret is of no use, the device registers again: {problem}");
            Ok(None)
        }
    }
}

/// Somebody may have copied the storage about: what others could read is for the agent's user again.
fn narrow(file: &File) -> io::Result<()> {
    let mode = file.metadata()?.permissions().mode();
    if mode & OTHERS != 0 {
        tracing::warn!(
            "other users could use the file of the device's secret (mode {:o}); narrowed",
            mode & 0o777
        );
        file.set_permissions(Permissions::from_mode(mode & 0o7777 & !OTHERS))?;
        file.sync_all()?;
    }
    Ok(())
}

/// No message repeats the text: it holds the secret.
fn decode(bytes: &[u8], device: &DeviceId) -> Result<Grant, &'static str> {
    let text = std::str::from_utf8(bytes).map_err(|_| "it is no text")?;
    let (line, rest) = text.split_once('\n').ok_or("it has no second line")?;
    let crc = crc32fast::hash(text.get(..=line.len()).unwrap_or_default().as_bytes());
    if rest.trim_end() != format!("{crc:08x}") {
        return Err("its checksum does not match");
    }
    let kept: Kept = serde_json::from_str(line).map_err(|_| "it is malformed")?;
    match kept {
        Kept { format, .. } if format != FORMAT => Err("it has a format that this otaru does not know"),
        Kept { device: other, .. } if other != *device => Err("it is another device's"),
        Kept { secret: Some(secret), .. } => Ok(Grant::Secret(secret)),
        Kept { client_id: Some(client_id), token: Some(token), .. } => Ok(Grant::Token { client_id, token }),
        _ => Err("it holds nothing"),
    }
}
