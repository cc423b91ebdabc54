//! The Record's layout, both directions.

use alloc::vec::Vec;

use otaru_wire::{Digest, DigestMethod, Failure, File, MAX_FILES, Module, Notice, Source, Version};

use super::cursor::{Reader, Writer};
use super::{FailedOffer, MAX_DESCRIPTION_BYTES, Owed, Record, RecordError, Running, Stage, Task, clip};
use crate::hashing::{HashState, Hashing};

/// What is written.
const VERSION: u16 = 2;

/// The oldest layout read: without a Config and second digests.
const OLDEST: u16 = 1;

const TASK: u8 = 1;
const FAILED: u8 = 1 << 1;
const CONFIG: u8 = 1 << 2;

const DELTA: u8 = 1;
const EXTRA: u8 = 1 << 1;
const SIGNATURE: u8 = 1 << 2;
const SILENT: u8 = 1 << 3;

const COMPLETE: u8 = 1;
const NAME: u8 = 1 << 1;
const SHA256: u8 = 1 << 2;
const MQTT: u8 = 1 << 3;
const ALSO: u8 = 1 << 4;

const FAILURES: [Failure; 4] = [Failure::Upgrade, Failure::Download, Failure::Digest, Failure::Write];

pub(super) fn write(record: &Record) -> Vec<u8> {
    let mut out = Writer(Vec::with_capacity(640));
    out.u16(VERSION);
    out.u8(flag(TASK, record.task.is_some())
        | flag(FAILED, record.failed.is_some())
        | flag(CONFIG, record.config.is_some()));
    if let Some(failed) = &record.failed {
        out.bytes(&failed.fingerprint);
        out.u16(failed.times);
    }
    let owed = record.owed.len().min(u8::MAX.into());
    out.u8(owed as u8);
    for owed in record.owed.iter().take(owed) {
        out.text8(owed.module.as_str());
        out.u8(1 + FAILURES.iter().position(|failure| *failure == owed.failure).unwrap_or(0) as u8);
        out.text8(&owed.description);
    }
    if let Some(config) = &record.config {
        out.bytes(config);
    }
    if let Some(task) = &record.task {
        write_task(&mut out, task);
    }
    out.0
}

fn write_task(out: &mut Writer, task: &Task) {
    match &task.stage {
        Stage::Fetching => out.u8(0),
        Stage::Activating => out.u8(1),
        Stage::Reverting(reason) => {
            out.u8(2);
            out.text8(reason);
        }
    }
    out.u16(task.digest_retries);
    out.u16(task.restarts);
    out.u32(task.block_bytes.unwrap_or(0));
    let Notice { version, module, files, delta, silent, extra, signature, terms: _ } = &task.notice;
    out.text8(version.as_str());
    out.text8(module.as_str());
    out.u8(flag(DELTA, *delta)
        | flag(EXTRA, extra.is_some())
        | flag(SIGNATURE, signature.is_some())
        | flag(SILENT, *silent));
    for text in [extra, signature].into_iter().flatten() {
        out.text32(text);
    }
    out.u8(files.len() as u8);
    for (file, complete) in files.iter().zip(&task.complete) {
        write_file(out, file, *complete);
    }
    match &task.running {
        None => out.u8(0),
        Some(running) => {
            out.u8(1);
            out.u64(running.offset);
            for state in [Some(&running.hash.first), running.hash.also.as_ref()] {
                let state = state.map_or(&[][..], |state| state);
                out.u8(state.len() as u8);
                out.bytes(state);
            }
            out.text16(running.etag.as_deref().unwrap_or_default());
        }
    }
}

fn write_file(out: &mut Writer, file: &File, complete: bool) {
    let sha256 = file.digest.method() == DigestMethod::Sha256;
    let mqtt = matches!(file.source, Source::Mqtt { .. });
    out.u8(flag(COMPLETE, complete)
        | flag(NAME, file.name.is_some())
        | flag(SHA256, sha256)
        | flag(MQTT, mqtt)
        | flag(ALSO, file.also.is_some()));
    if let Some(name) = &file.name {
        out.text16(name);
    }
    out.u64(file.size);
    out.bytes(file.digest.as_bytes());
    if let Some(also) = &file.also {
        out.bytes(also.as_bytes());
    }
    match &file.source {
        Source::Http { url } => out.text16(url),
        Source::Mqtt { stream, file } => {
            out.u64(*stream);
            out.u32(*file);
        }
    }
}

pub(super) fn read(bytes: &[u8]) -> Result<Record, RecordError> {
    let mut from = Reader(bytes);
    match from.u16().ok_or(RecordError::Damaged)? {
        version @ OLDEST..=VERSION => {
            read_record(&mut from, version).filter(|_| from.0.is_empty()).ok_or(RecordError::Damaged)
        }
        0 => Err(RecordError::Damaged),
        newer => Err(RecordError::Newer(newer)),
    }
}

fn read_record(from: &mut Reader<'_>, version: u16) -> Option<Record> {
    let flags = from.u8()?;
    let failed = if flags & FAILED == 0 {
        None
    } else {
        Some(FailedOffer { fingerprint: from.take(32)?.try_into().ok()?, times: from.u16()? })
    };
    let mut owed = Vec::new();
    for _ in 0..from.u8()? {
        owed.push(Owed {
            module: Module::new(from.text8()?).ok()?,
            failure: *FAILURES.get(usize::from(from.u8()?.checked_sub(1)?))?,
            description: clip(from.text8()?, MAX_DESCRIPTION_BYTES),
        });
    }
    let config = if flags & CONFIG == 0 { None } else { Some(from.take(32)?.try_into().ok()?) };
    let task = if flags & TASK == 0 { None } else { Some(read_task(from, version)?) };
    Some(Record { task, failed, owed, config })
}

fn read_task(from: &mut Reader<'_>, layout: u16) -> Option<Task> {
    let stage = match from.u8()? {
        0 => Stage::Fetching,
        1 => Stage::Activating,
        2 => Stage::Reverting(from.text8()?),
        _ => return None,
    };
    let (digest_retries, restarts) = (from.u16()?, from.u16()?);
    let block_bytes = if layout == OLDEST { None } else { Some(from.u32()?).filter(|bytes| *bytes != 0) };
    let (version, module) = (Version::new(from.text8()?).ok()?, Module::new(from.text8()?).ok()?);
    let flags = from.u8()?;
    let extra = if flags & EXTRA == 0 { None } else { Some(from.text32()?) };
    let signature = if flags & SIGNATURE == 0 { None } else { Some(from.text32()?) };
    let count = usize::from(from.u8()?);
    let (mut files, mut complete) = (Vec::with_capacity(count.min(MAX_FILES)), Vec::new());
    for _ in 0..count {
        let (file, done) = read_file(from, layout)?;
        files.push(file);
        complete.push(done);
    }
    let (delta, silent) = (flags & DELTA != 0, flags & SILENT != 0 && layout != OLDEST);
    let notice = Notice { version, module, files, delta, silent, extra, signature, terms: None };
    notice.check().ok()?;
    let mut task = Task { notice, stage, complete, running: None, digest_retries, restarts, block_bytes };
    match from.u8()? {
        0 => {}
        1 => task.running = Some(read_running(from, layout, &task)?),
        _ => return None,
    }
    Some(task)
}

fn read_file(from: &mut Reader<'_>, layout: u16) -> Option<(File, bool)> {
    let flags = from.u8()?;
    let name = if flags & NAME == 0 { None } else { Some(from.text16()?) };
    let size = from.u64()?;
    let md5 = flags & SHA256 == 0;
    let digest = read_digest(from, md5)?;
    let also = if flags & ALSO == 0 || layout == OLDEST { None } else { Some(read_digest(from, !md5)?) };
    let source = if flags & MQTT == 0 {
        Source::Http { url: from.text16()? }
    } else {
        Source::Mqtt { stream: from.u64()?, file: from.u32()? }
    };
    Some((File { name, size, digest, also, source }, flags & COMPLETE != 0))
}

fn read_digest(from: &mut Reader<'_>, md5: bool) -> Option<Digest> {
    Some(if md5 {
        Digest::Md5(from.take(16)?.try_into().ok()?)
    } else {
        Digest::Sha256(from.take(32)?.try_into().ok()?)
    })
}

/// Stored bytes must lie within the file they are of, and their hash states must be of its methods.
fn read_running(from: &mut Reader<'_>, layout: u16, task: &Task) -> Option<Running> {
    let file = task.notice.files.get(task.next_file()?)?;
    let offset = from.u64().filter(|offset| *offset <= file.size)?;
    let first = read_state(from)?;
    let also =
        if layout == OLDEST { None } else { Some(read_state(from)?).filter(|state| !state.is_empty()) };
    let hash = HashState { first, also };
    Hashing::restore(file, &hash)?;
    let etag = Some(from.text16()?).filter(|etag| !etag.is_empty());
    Some(Running { offset, hash, etag })
}

fn read_state(from: &mut Reader<'_>) -> Option<Vec<u8>> {
    let len = from.u8()?.into();
    Some(from.take(len)?.to_vec())
}

fn flag(bit: u8, set: bool) -> u8 {
    if set { bit } else { 0 }
}

#[cfg(test)]
mod tests {
    use std::{string::ToString, vec};

    use proptest::prelude::*;

    use super::*;

    fn sample() -> Record {
        let file = |name: Option<&str>, size, digest, also, url: &str| File {
            name: name.map(ToString::to_string),
            size,
            digest,
            also,
            source: Source::Http { url: url.to_string() },
        };
        let (md5, sha256) = (Digest::Md5([7; 16]), Digest::Sha256([8; 32]));
        let files = vec![
            file(Some("app.bin"), 9, md5, None, "http://h/a?t=1"),
            file(None, 10, sha256, Some(md5), "http://h/b"),
            file(None, 11, md5, Some(sha256), "http://h/c"),
        ];
        let mut hashing = Hashing::new(&files[1]);
        hashing.update(b"1234");
        let notice = Notice {
            version: Version::new("2.0.0").unwrap(),
            module: Module::new("mcu").unwrap(),
            files,
            delta: true,
            silent: true,
            extra: Some("{\"site\":\"osaka\"}".to_string()),
            signature: Some("c2ln".to_string()),
            terms: None,
        };
        Record {
            task: Some(Task {
                stage: Stage::Reverting("too hot".to_string()),
                complete: vec![true, false, false],
                running: Some(Running { offset: 4, hash: hashing.save(), etag: Some("\"e\"".to_string()) }),
                digest_retries: 1,
                restarts: 2,
                block_bytes: Some(640),
                notice,
            }),
            failed: Some(FailedOffer { fingerprint: [3; 32], times: 4 }),
            owed: vec![Owed {
                module: Module::default(),
                failure: Failure::Write,
                description: "full".to_string(),
            }],
            config: Some([5; 32]),
        }
    }

    #[test]
    fn a_record_comes_back_as_it_was_saved() {
        let mut streamed = sample();
        for (file, place) in streamed.task.as_mut().unwrap().notice.files.iter_mut().zip(1..) {
            file.source = Source::Mqtt { stream: 4102, file: place };
        }
        for record in [Record::default(), sample(), streamed] {
            assert_eq!(read(&write(&record)), Ok(record));
        }
        assert_eq!(write(&Record::default()), [2, 0, 0, 0], "an empty record is four bytes for ever");
    }

    /// Source: what the first released layout wrote for one file of 9 bytes, of which 4 are stored.
    #[test]
    fn a_record_of_the_first_layout_is_still_read() {
        let mut hasher = otaru_wire::Hasher::new(DigestMethod::Md5);
        hasher.update(b"1234");
        let mut old = vec![1, 0, TASK, 0, 0, 1, 0, 2, 0, 5];
        old.extend(b"2.0.0");
        old.extend([7]);
        old.extend(b"default");
        old.extend([0, 1, 0, 9, 0, 0, 0, 0, 0, 0, 0]);
        old.extend([7; 16]);
        old.extend([10, 0]);
        old.extend(b"http://h/a");
        let state = hasher.save();
        old.extend([1, 4, 0, 0, 0, 0, 0, 0, 0, state.len() as u8]);
        old.extend(state);
        old.extend([3, 0]);
        old.extend(b"\"e\"");
        let record = read(&old).unwrap();
        let task = record.task.as_ref().unwrap();
        assert_eq!((record.stored(), task.digest_retries, task.restarts), (vec![4], 1, 2));
        assert_eq!(task.notice.files[0].digest, Digest::Md5([7; 16]));
        let (mut hashing, offset) = task.hashing(&task.notice.files[0]);
        hashing.update(b"56789");
        let whole = Digest::from_hex(DigestMethod::Md5, "25f9e794323b453885f5181f1b624d0b").unwrap();
        let nine = File { digest: whole, ..task.notice.files[0].clone() };
        assert_eq!((offset, hashing.mismatch(&nine)), (4, None), "the hash goes on where it was");
        assert_eq!(read(&write(&record)), Ok(record), "and is kept in the layout of today");
    }

    #[test]
    fn a_record_cut_short_or_with_a_tail_is_damaged() {
        let mut bytes = write(&sample());
        for end in 0..bytes.len() {
            assert_eq!(read(&bytes[..end]), Err(RecordError::Damaged), "cut at {end}");
        }
        bytes.push(0);
        assert_eq!(read(&bytes), Err(RecordError::Damaged));
    }

    #[test]
    fn the_longest_record_keeps_its_bound_and_a_usual_one_is_small() {
        let mut record = sample();
        let task = record.task.as_mut().unwrap();
        task.running = None;
        task.complete = vec![true; MAX_FILES];
        task.notice.extra = Some("x".repeat(super::super::MAX_EXTRA_BYTES));
        task.notice.signature = task.notice.extra.clone();
        let file = File {
            name: Some("n".repeat(super::super::MAX_NAME_BYTES)),
            size: u64::MAX,
            digest: Digest::Sha256([8; 32]),
            also: Some(Digest::Md5([9; 16])),
            source: Source::Http { url: "u".repeat(otaru_wire::MAX_URL_BYTES) },
        };
        task.notice.files = vec![file; MAX_FILES];
        let owed = Owed {
            module: Module::new("m".repeat(64)).unwrap(),
            failure: Failure::Write,
            description: "d".repeat(MAX_DESCRIPTION_BYTES),
        };
        record.owed = vec![owed; super::super::MAX_OWED];
        let bytes = write(&record);
        assert!(bytes.len() <= Record::MAX_BYTES, "{} bytes", bytes.len());
        assert_eq!(read(&bytes), Ok(record));
        assert!(write(&sample()).len() < 700);
    }

    #[test]
    fn a_newer_record_says_so() {
        assert_eq!(read(&[3, 0, 9, 9, 9]), Err(RecordError::Newer(3)));
    }

    #[test]
    fn stored_bytes_past_the_files_end_are_damage() {
        let mut record = sample();
        record.task.as_mut().unwrap().running.as_mut().unwrap().offset = 11;
        assert_eq!(read(&write(&record)), Err(RecordError::Damaged));
    }

    proptest! {
        #[test]
        fn no_bytes_panic_and_what_is_read_is_written_alike(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            if let Ok(record) = read(&bytes) {
                prop_assert_eq!(read(&write(&record)), Ok(record));
            }
        }

        #[test]
        fn no_flipped_byte_panics(at in 0_usize..400, to in any::<u8>()) {
            let mut bytes = write(&sample());
            let at = at % bytes.len();
            bytes[at] = to;
            if let Ok(record) = read(&bytes) {
                prop_assert_eq!(read(&write(&record)), Ok(record));
            }
        }
    }
}
