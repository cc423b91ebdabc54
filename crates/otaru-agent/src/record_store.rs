//! The Record on disk: two copies, the older one overwritten, so that a power cut at any byte leaves one whole.
//!
//! `record.a` and `record.b`, each:
//!
//! ```text
//! | bytes      | meaning                                                   |
//! | ---------- | --------------------------------------------------------- |
//! | 0..4       | magic `OTR1`                                              |
//! | 4..12      | sequence, little-endian; the higher valid copy wins       |
//! | 12..16     | length n of the Record in bytes, little-endian            |
//! | 16..16+n   | the Record, as `Record::to_bytes` gives it                |
//! | 16+n..20+n | CRC-32 (IEEE) of all bytes before it, little-endian       |
//! | 20+n..     | what a longer Record left behind; not looked at           |
//! ```
//!
//! | the power goes                      | the next start finds                                    |
//! | ----------------------------------- | ------------------------------------------------------- |
//! | before a write                      | the old Record in the newer copy                        |
//! | within a write                      | the copy being written fails its CRC: the old Record    |
//! | after the bytes, before the sync    | either of them, whole                                   |
//! | after the sync                      | the new Record                                          |

use std::{fmt::Display, io, os::unix::fs::FileExt};

use crate::folder::Folder;

const MAGIC: [u8; 4] = *b"OTR1";
const HEAD: usize = 16;
const TAIL: usize = 4;
const NAMES: [&str; 2] = ["record.a", "record.b"];

/// The longest Record believed, in bytes. Stops a rotten length field from asking for all memory.
const MAX_RECORD: u64 = 1024 * 1024;

/// The two copies of one device's Record. They are opened for each save and made with the first.
#[derive(Debug)]
pub(crate) struct RecordStore {
    storage: Folder,
    /// The copy that the next save overwrites.
    next: usize,
    /// The sequence of the newest valid copy.
    sequence: u64,
}

impl RecordStore {
    /// Reads the newest valid Record of the copies that are there. Copies that are
    /// torn or rotten, or that `understand` does not understand, are ignored with a warning.
    pub(crate) fn open<T, E: Display>(
        storage: &Folder,
        understand: impl Fn(&[u8]) -> Result<T, E>,
    ) -> io::Result<(Self, Option<T>)> {
        let mut newest: Option<(usize, u64, T)> = None;
        for (index, name) in NAMES.into_iter().enumerate() {
            // A copy that the medium cannot read any more is as good as a torn one: the other is there for that.
            let bytes = match storage.read(name, HEAD as u64 + MAX_RECORD + TAIL as u64) {
                Ok(None) => continue,
                Ok(Some(bytes)) if bytes.is_empty() => continue,
                Ok(Some(bytes)) => Ok(bytes),
                Err(error) => Err(error.to_string()),
            };
            let copy = bytes.as_deref().map_err(String::clone).and_then(|bytes| {
                let (sequence, record) = decode(bytes)?;
                understand(record).map(|record| (sequence, record)).map_err(|error| error.to_string())
            });
            match copy {
                Err(why) => tracing::warn!(file = NAMES[index], "a copy of the record is ignored: {why}"),
                Ok((sequence, record)) => {
                    if newest.as_ref().is_none_or(|(_, other, _)| sequence > *other) {
                        newest = Some((index, sequence, record));
                    }
                }
            }
        }
        let (next, sequence, record) = match newest {
            Some((index, sequence, record)) => (1 - index, sequence, Some(record)),
            None => (0, 0, None),
        };
        Ok((Self { storage: storage.clone(), next, sequence }, record))
    }

    /// Saves a Record, as bytes. After `Ok` a reset gives back exactly this one; before it, this one or the last,
    /// whole.
    pub(crate) fn save(&mut self, record: &[u8]) -> io::Result<()> {
        let bytes = encode(self.sequence + 1, record);
        if let Some(name) = NAMES.get(self.next) {
            let (file, made) = self.storage.file(name)?;
            file.write_all_at(&bytes, 0)?;
            file.sync_data()?;
            if made {
                self.storage.sync()?;
            }
        }
        self.sequence += 1;
        self.next = 1 - self.next;
        Ok(())
    }
}

fn encode(sequence: u64, record: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(HEAD + record.len() + TAIL);
    bytes.extend_from_slice(&MAGIC);
    bytes.extend_from_slice(&sequence.to_le_bytes());
    bytes.extend_from_slice(&u32::try_from(record.len()).unwrap_or(u32::MAX).to_le_bytes());
    bytes.extend_from_slice(record);
    bytes.extend_from_slice(&crc32fast::hash(&bytes).to_le_bytes());
    bytes
}

/// The sequence and the Record in a copy, or what is wrong with it.
fn decode(bytes: &[u8]) -> Result<(u64, &[u8]), String> {
    let Some((head, rest)) = bytes.split_first_chunk::<HEAD>() else {
        return Err(format!("it has {} bytes, less than its head", bytes.len()));
    };
    let [m0, m1, m2, m3, s0, s1, s2, s3, s4, s5, s6, s7, l0, l1, l2, l3] = *head;
    if [m0, m1, m2, m3] != MAGIC {
        return Err("it does not begin with its magic".to_owned());
    }
    let len = u32::from_le_bytes([l0, l1, l2, l3]) as usize;
    let Some((record, tail)) = rest.split_at_checked(len) else {
        return Err(format!("it tells of {len} bytes and has {}", rest.len()));
    };
    let Some((crc, _)) = tail.split_first_chunk::<TAIL>() else {
        return Err("it ends before its checksum".to_owned());
    };
    let found = bytes.get(..HEAD + len).map(crc32fast::hash);
    if found != Some(u32::from_le_bytes(*crc)) {
        return Err("its checksum does not match".to_owned());
    }
    Ok((u64::from_le_bytes([s0, s1, s2, s3, s4, s5, s6, s7]), record))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(storage: &Folder) -> (RecordStore, Option<Vec<u8>>) {
        RecordStore::open(storage, |bytes| Ok::<_, String>(bytes.to_vec())).unwrap()
    }

    fn storage() -> (tempfile::TempDir, Folder) {
        let dir = tempfile::tempdir().unwrap();
        let storage = Folder::open(dir.path()).unwrap();
        (dir, storage)
    }

    #[test]
    fn the_last_saved_record_comes_back_whatever_its_length() {
        let (_dir, storage) = storage();
        assert_eq!(open(&storage).1, None);
        for record in [&b"a long first record"[..], b"short", b"", b"long again, longer than any before"] {
            open(&storage).0.save(record).unwrap();
            assert_eq!(open(&storage).1.unwrap(), record);
        }
        let (mut store, _) = open(&storage);
        for n in 0..5_u8 {
            store.save(&[n; 40]).unwrap();
        }
        assert_eq!(open(&storage).1.unwrap(), [4; 40]);
    }

    #[test]
    fn a_power_cut_at_any_byte_of_a_write_leaves_the_old_record_or_the_new_one() {
        let old = b"the old record".to_vec();
        let new = b"the new record, which is longer".to_vec();
        for cut in 0..=HEAD + new.len() + TAIL {
            let (dir, storage) = storage();
            let (mut store, _) = open(&storage);
            store.save(b"the oldest record, in the copy that the new one overwrites").unwrap();
            store.save(&old).unwrap();
            let victim = dir.path().join(NAMES[store.next]);
            let before = std::fs::read(&victim).unwrap();
            store.save(&new).unwrap();
            // The medium got `cut` bytes of the write; the rest is what was there before.
            let after = std::fs::read(&victim).unwrap();
            std::fs::write(&victim, [&after[..cut], &before[cut.min(before.len())..]].concat()).unwrap();

            let found = open(&storage).1.unwrap();
            assert!(found == old || found == new, "cut at {cut}: {}", String::from_utf8_lossy(&found));
            assert_eq!(found == new, cut == HEAD + new.len() + TAIL, "cut at {cut}");
            // And the store works on: the next save does not destroy the only valid copy.
            let (mut store, _) = open(&storage);
            store.save(b"next").unwrap();
            assert_eq!(open(&storage).1.unwrap(), b"next");
        }
    }

    #[test]
    fn a_rotten_bit_anywhere_in_the_newer_copy_gives_the_older_one() {
        let (dir, storage) = storage();
        let (mut store, _) = open(&storage);
        store.save(b"older").unwrap();
        store.save(b"newer").unwrap();
        let newer = dir.path().join(NAMES[1 - store.next]);
        let good = std::fs::read(&newer).unwrap();
        for bit in 0..good.len() * 8 {
            let mut rotten = good.clone();
            rotten[bit / 8] ^= 1 << (bit % 8);
            std::fs::write(&newer, &rotten).unwrap();
            assert_eq!(open(&storage).1.unwrap(), b"older", "bit {bit}");
        }
        std::fs::write(&newer, &good[..3]).unwrap();
        assert_eq!(open(&storage).1.unwrap(), b"older");
    }

    #[test]
    fn two_damaged_copies_are_no_record_and_a_huge_length_asks_for_no_memory() {
        let (dir, storage) = storage();
        let mut hostile = encode(7, b"x");
        hostile[12..16].copy_from_slice(&u32::MAX.to_le_bytes());
        for name in NAMES {
            std::fs::write(dir.path().join(name), &hostile).unwrap();
        }
        let (mut store, found) = open(&storage);
        assert_eq!(found, None);
        store.save(b"fresh").unwrap();
        assert_eq!(open(&storage).1.unwrap(), b"fresh");
    }

    #[test]
    fn a_record_that_is_not_understood_gives_way_to_one_that_is() {
        let (_dir, storage) = storage();
        let (mut store, _) = open(&storage);
        store.save(b"known").unwrap();
        store.save(b"from the future").unwrap();
        let understand = |bytes: &[u8]| if bytes == b"known" { Ok(()) } else { Err("newer") };
        assert!(RecordStore::open(&storage, understand).unwrap().1.is_some());
    }
}
