//! After the run: is what each device would boot next the image, byte for byte?

use std::{
    fs::File,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
};

use anyhow::{Context, bail, ensure};

/// Bytes compared at a time.
const BLOCK_BYTES: usize = 64 * 1024;

/// The image files of a slot, in order: they are named 0, 1, … (docs/agent.md).
pub(super) fn slot_files(slot: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut numbers = Vec::new();
    for entry in std::fs::read_dir(slot).with_context(|| slot.display().to_string())? {
        numbers.extend(entry?.file_name().to_str().and_then(|name| name.parse::<u32>().ok()));
    }
    numbers.sort_unstable();
    Ok(numbers.into_iter().map(|number| slot.join(number.to_string())).collect())
}

/// Compares the files of an active slot with the files that were sent.
///
/// # Errors
/// Names the first file that differs, is missing or is too many.
pub(super) fn same_files(slot: &[PathBuf], sent: &[PathBuf]) -> anyhow::Result<()> {
    ensure!(slot.len() == sent.len(), "the slot has {} files, {} were sent", slot.len(), sent.len());
    slot.iter().zip(sent).try_for_each(|(slot, sent)| same_bytes(slot, sent))
}

fn same_bytes(slot: &Path, sent: &Path) -> anyhow::Result<()> {
    let open = |path: &Path| {
        let file = File::open(path).with_context(|| path.display().to_string())?;
        anyhow::Ok(BufReader::with_capacity(BLOCK_BYTES, file))
    };
    let (mut left, mut right) = (open(slot)?, open(sent)?);
    let mut offset = 0_u64;
    loop {
        let (ours, theirs) = (left.fill_buf()?, right.fill_buf()?);
        if ours.is_empty() && theirs.is_empty() {
            return Ok(());
        }
        let len = ours.len().min(theirs.len());
        if len == 0 || ours.get(..len) != theirs.get(..len) {
            let same = ours.iter().zip(theirs).take_while(|(ours, theirs)| ours == theirs).count();
            bail!("{} differs from the image at byte {}", slot.display(), offset + same as u64);
        }
        left.consume(len);
        right.consume(len);
        offset += len as u64;
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn one_wrong_missing_or_extra_byte_is_found() {
        let dir = tempfile::tempdir().unwrap();
        let write = |name: &str, bytes: &[u8]| {
            let path = dir.path().join(name);
            fs::write(&path, bytes).unwrap();
            path
        };
        let sent = write("sent", b"12345");
        assert!(same_files(&[write("same", b"12345")], std::slice::from_ref(&sent)).is_ok());
        for bytes in [&b"12x45"[..], b"1234", b"123456"] {
            assert!(same_files(&[write("other", bytes)], std::slice::from_ref(&sent)).is_err());
        }
        assert!(same_files(&[], &[sent]).is_err());
        let long = write("long", &[7; 2 * BLOCK_BYTES + 1]);
        let mut bytes = vec![7; 2 * BLOCK_BYTES + 1];
        assert!(same_files(&[write("other", &bytes)], std::slice::from_ref(&long)).is_ok());
        bytes[BLOCK_BYTES + 3] = 8;
        let error = same_files(&[write("other", &bytes)], &[long]).unwrap_err().to_string();
        assert!(error.ends_with("at byte 65539"), "{error}");
    }
}
