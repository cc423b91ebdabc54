//! Every layout is read, nothing else is, and what is written comes back.

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
    let mut hasher = Hasher::new(DigestMethod::Sha256);
    hasher.update(b"1234");
    let notice = Notice {
        version: Version::new("2.0.0").unwrap(),
        module: Module::new("mcu").unwrap(),
        files,
        delta: true,
        silent: true,
        extra: Some("{\"site\":\"osaka\"}".to_string()),
        signature: Some("c2ln".to_string()),
        terms: Some(TaskTerms {
            name: TaskName::new("ota_1").unwrap(),
            limits: Limits { signal: 1, power: 2, retry: 3, interval_s: 70_000 },
        }),
    };
    Record {
        task: Some(Task {
            stage: Stage::Reverting("too hot".to_string()),
            complete: vec![true, false, false],
            running: Some(Running { offset: 4, hash: hasher.save(), etag: Some("\"e\"".to_string()) }),
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
            task: Some(TaskName::new("900017").unwrap()),
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
    assert_eq!(write(&Record::default()), [3, 0, 0, 0], "an empty record is four bytes for ever");
}

/// Source: what the first released layout wrote for one file of 9 bytes, of which 4 are stored.
#[test]
fn a_record_of_the_first_layout_is_still_read() {
    let mut hasher = Hasher::new(DigestMethod::Md5);
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
    let (mut hasher, offset) = task.hasher(&task.notice.files[0]);
    hasher.update(b"56789");
    let whole = Digest::from_hex(DigestMethod::Md5, "25f9e794323b453885f5181f1b624d0b").unwrap();
    assert_eq!((offset, hasher.finish()), (4, whole), "the hash goes on where it was");
    assert_eq!(read(&write(&record)), Ok(record), "and is kept in the layout of today");
}

/// Source: what the second layout wrote for a failure that waits and one file of 9 bytes.
#[test]
fn a_record_of_the_second_layout_is_still_read() {
    let mut old = vec![2, 0, TASK, 1, 7];
    old.extend(b"default");
    old.extend([4, 4]);
    old.extend(b"full");
    old.extend([0, 1, 0, 2, 0, 0, 0, 0, 0, 5]);
    old.extend(b"2.0.0");
    old.extend([7]);
    old.extend(b"default");
    old.extend([SILENT, 1, 0, 9, 0, 0, 0, 0, 0, 0, 0]);
    old.extend([7; 16]);
    old.extend([10, 0]);
    old.extend(b"http://h/a");
    let mut hasher = Hasher::new(DigestMethod::Md5);
    hasher.update(b"1234");
    let state = hasher.save();
    old.extend([1, 4, 0, 0, 0, 0, 0, 0, 0, state.len() as u8]);
    old.extend(&state);
    old.extend([2, 9, 9, 0, 0]); // a state of the second digest, and no etag
    let record = read(&old).unwrap();
    assert_eq!(record.task.as_ref().unwrap().running.as_ref().unwrap().hash, state);
    let notice = &record.task.as_ref().unwrap().notice;
    assert!(notice.silent && notice.terms.is_none());
    assert_eq!(record.owed[0].task, None);
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
        task: Some(TaskName::new("t".repeat(64)).unwrap()),
    };
    record.owed = vec![owed; super::super::MAX_OWED];
    let bytes = write(&record);
    assert!(bytes.len() <= Record::MAX_BYTES, "{} bytes", bytes.len());
    assert_eq!(read(&bytes), Ok(record));
    assert!(write(&sample()).len() < 700);
}

#[test]
fn a_newer_record_says_so() {
    assert_eq!(read(&[4, 0, 9, 9, 9]), Err(RecordError::Newer(4)));
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
