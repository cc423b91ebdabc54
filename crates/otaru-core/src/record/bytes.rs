//! The Record's layout, both directions.

use alloc::vec::Vec;

use otaru_wire::{
    Digest, DigestMethod, Failure, File, Hasher, Limits, MAX_FILES, Module, Notice, Source, TaskName,
    TaskTerms, Version,
};

use super::cursor::{Reader, Writer};
use super::{FailedOffer, MAX_DESCRIPTION_BYTES, Owed, Record, RecordError, Running, Stage, Task, clip};

/// What is written.
const VERSION: u16 = 3;

/// The oldest layout read: without a Config and second digests.
const OLDEST: u16 = 1;

/// The last layout in which no Task had a name, and the only one with a hash state of the second digest.
const NAMELESS: u16 = 2;

const TASK: u8 = 1;
const FAILED: u8 = 1 << 1;
const CONFIG: u8 = 1 << 2;

const DELTA: u8 = 1;
const EXTRA: u8 = 1 << 1;
const SIGNATURE: u8 = 1 << 2;
const SILENT: u8 = 1 << 3;
const TERMS: u8 = 1 << 4;

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
        out.text8(owed.task.as_ref().map(TaskName::as_str).unwrap_or_default());
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
    let Notice { version, module, files, delta, silent, extra, signature, terms } = &task.notice;
    out.text8(version.as_str());
    out.text8(module.as_str());
    out.u8(flag(DELTA, *delta)
        | flag(EXTRA, extra.is_some())
        | flag(SIGNATURE, signature.is_some())
        | flag(SILENT, *silent)
        | flag(TERMS, terms.is_some()));
    for text in [extra, signature].into_iter().flatten() {
        out.text32(text);
    }
    if let Some(terms) = terms {
        write_terms(out, terms);
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
            out.u8(running.hash.len() as u8);
            out.bytes(&running.hash);
            out.text16(running.etag.as_deref().unwrap_or_default());
        }
    }
}

fn write_terms(out: &mut Writer, terms: &TaskTerms) {
    let Limits { signal, power, retry, interval_s } = terms.limits;
    out.text8(terms.name.as_str());
    out.u8(signal);
    out.u8(power);
    out.u16(retry);
    out.u32(interval_s);
}

fn read_terms(from: &mut Reader<'_>) -> Option<TaskTerms> {
    let name = TaskName::new(from.text8()?).ok()?;
    let (signal, power, retry) = (from.u8()?, from.u8()?, from.u16()?);
    Some(TaskTerms { name, limits: Limits { signal, power, retry, interval_s: from.u32()? } })
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
            task: read_task_name(from, version)?,
        });
    }
    let config = if flags & CONFIG == 0 { None } else { Some(from.take(32)?.try_into().ok()?) };
    let task = if flags & TASK == 0 { None } else { Some(read_task(from, version)?) };
    Some(Record { task, failed, owed, config })
}

/// None if the bytes are damaged; inside, none if the Task has no name.
#[expect(clippy::option_option, reason = "damage and no name are two things")]
fn read_task_name(from: &mut Reader<'_>, layout: u16) -> Option<Option<TaskName>> {
    match layout {
        OLDEST..=NAMELESS => Some(None),
        _ => match from.text8()? {
            name if name.is_empty() => Some(None),
            name => TaskName::new(name).ok().map(Some),
        },
    }
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
    let terms = if flags & TERMS == 0 || layout <= NAMELESS { None } else { Some(read_terms(from)?) };
    let count = usize::from(from.u8()?);
    let (mut files, mut complete) = (Vec::with_capacity(count.min(MAX_FILES)), Vec::new());
    for _ in 0..count {
        let (file, done) = read_file(from, layout)?;
        files.push(file);
        complete.push(done);
    }
    let (delta, silent) = (flags & DELTA != 0, flags & SILENT != 0 && layout != OLDEST);
    let notice = Notice { version, module, files, delta, silent, extra, signature, terms };
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

/// Stored bytes must lie within the file they are of, and their hash state must be of its method.
fn read_running(from: &mut Reader<'_>, layout: u16, task: &Task) -> Option<Running> {
    let file = task.notice.files.get(task.next_file()?)?;
    let offset = from.u64().filter(|offset| *offset <= file.size)?;
    let hash = read_state(from)?;
    if layout == NAMELESS {
        read_state(from)?; // of the second digest, which the slot proves when it is read back
    }
    Hasher::restore(file.digest.method(), &hash).ok()?;
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
mod tests;
