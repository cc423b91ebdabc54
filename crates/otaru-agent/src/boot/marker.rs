//! One module's boot marker on disk, in two copies, and the way from one to the other.
//!
//! The copy is written after the marker, so where the two differ the marker is right. A copy that a power cut left one
//! step behind does no harm: it repeats a step of the Trial, or tells of a fallback twice.

use std::io;

use otaru_wire::{Module, Version};
use serde::{Deserialize, Serialize};

use super::{BootError, Slot};
use crate::{
    folder::Folder,
    install::{Running, Standing},
};

const FORMAT: u32 = 1;
const MAX_MARKER: u64 = 4096;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Marker {
    format: u32,
    pub(super) confirmed: Confirmed,
    pub(super) trial: Option<Trial>,
    pub(super) fell_back: Option<Version>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Confirmed {
    pub(super) slot: Slot,
    pub(super) version: Version,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Trial {
    pub(super) version: Version,
    pub(super) tries_left: u8,
}

impl Marker {
    /// A module as it was made.
    pub(super) fn new(version: Version) -> Self {
        let confirmed = Confirmed { slot: Slot::A, version };
        Self { format: FORMAT, confirmed, trial: None, fell_back: None }
    }
}

impl Marker {
    /// What the marker says of its module.
    pub(super) fn running(&self, module: &Module) -> Running {
        let Confirmed { slot, version } = &self.confirmed;
        let (slot, version, standing) = match (&self.trial, &self.fell_back) {
            (Some(trial), _) => (slot.other(), &trial.version, Standing::Trial),
            (None, Some(_)) => (*slot, version, Standing::FellBack),
            (None, None) => (*slot, version, Standing::Confirmed),
        };
        Running { module: module.clone(), version: version.clone(), slot, standing }
    }
}

/// A module's marker, or its copy where the marker is of no use; none if there is neither.
pub(super) fn read(folder: &Folder, module: &Module) -> Result<Option<Marker>, BootError> {
    let marker = read_one(folder, module, module.as_str());
    if matches!(marker, Ok(Some(_))) {
        return marker;
    }
    match read_one(folder, module, &copy(module)) {
        Ok(Some(copy)) => {
            let why = marker.err().map_or_else(|| "it is gone".to_owned(), |error| error.to_string());
            tracing::warn!(%module, "the copy of the boot marker steps in: {why}");
            Ok(Some(copy))
        }
        // The marker's own fault is what people need to know; one that was never written has none.
        Ok(None) => marker,
        Err(error) => Err(marker.err().unwrap_or(error)),
    }
}

/// Writes again what of the two does not say what `marker` says. It is good as it stands, so a failure is only told.
pub(super) fn mend(folder: &Folder, module: &Module, marker: &Marker) {
    let says_so = |name: &str| matches!(read_one(folder, module, name), Ok(Some(found)) if found == *marker);
    let mended = encode(marker).and_then(|text| {
        if !says_so(&copy(module)) {
            write_copy(folder, module, &text);
        }
        if says_so(module.as_str()) { Ok(()) } else { folder.replace(module.as_str(), &text) }
    });
    if let Err(error) = mended {
        tracing::warn!(%module, "the boot marker is not mended: {error}");
    }
}

/// Writes a module's marker, then its copy. After `Ok` a reset gives back this marker.
pub(super) fn write(folder: &Folder, module: &Module, marker: &Marker) -> io::Result<()> {
    let text = encode(marker)?;
    folder.replace(module.as_str(), &text)?;
    write_copy(folder, module, &text);
    Ok(())
}

/// The marker counts, so a copy that cannot be written is only told. But an old one must not speak for a newer marker:
/// by then the slot that it tells of may be overwritten.
fn write_copy(folder: &Folder, module: &Module, text: &[u8]) {
    let name = copy(module);
    if let Err(error) = folder.replace(&name, text) {
        tracing::warn!(%module, "the boot marker has no copy for now: {error}");
        let _ = folder.remove(&name);
    }
}

/// `~` is in no module's name, so a copy cannot be another module's marker.
fn copy(module: &Module) -> String {
    format!("{module}~copy")
}

fn read_one(folder: &Folder, module: &Module, name: &str) -> Result<Option<Marker>, BootError> {
    let bytes =
        folder.read(name, MAX_MARKER).map_err(|error| BootError::Io { module: module.clone(), error })?;
    let damaged = |problem: String| BootError::Damaged { path: folder.path().join(name), problem };
    bytes.map(|bytes| decode(&bytes).map_err(damaged)).transpose()
}

fn encode(marker: &Marker) -> io::Result<Vec<u8>> {
    let mut text = serde_json::to_string(marker).map_err(io::Error::other)?;
    text.push('\n');
    let crc = crc32fast::hash(text.as_bytes());
    text.push_str(&format!("{crc:08x}\n"));
    Ok(text.into_bytes())
}

fn decode(bytes: &[u8]) -> Result<Marker, String> {
    let text = std::str::from_utf8(bytes).map_err(|error| error.to_string())?;
    let (line, rest) = text.split_once('\n').ok_or("it has no second line")?;
    let crc = crc32fast::hash(text.get(..=line.len()).unwrap_or_default().as_bytes());
    if rest.trim_end() != format!("{crc:08x}") {
        return Err("its checksum does not match".to_owned());
    }
    let marker: Marker = serde_json::from_str(line).map_err(|error| error.to_string())?;
    if marker.format != FORMAT {
        return Err(format!("it has format {}, which this otaru does not know", marker.format));
    }
    Ok(marker)
}
