//! After the run: is what each device would boot next the image, byte for byte?

use std::{
    fs::File,
    io::{BufReader, Read},
    path::{Path, PathBuf},
};

use anyhow::{Context, ensure};

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
    let open = |path: &Path| File::open(path).map(BufReader::new).with_context(|| path.display().to_string());
    let (mut left, mut right) = (open(slot)?.bytes(), open(sent)?.bytes());
    for offset in 0_u64.. {
        match (left.next().transpose()?, right.next().transpose()?) {
            (None, None) => return Ok(()),
            (left, right) => {
                ensure!(left == right, "{} differs from the image at byte {offset}", slot.display())
            }
        }
    }
    Ok(())
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
    }
}
