//! The states of an update, byte by byte.

use otaru_wire::File;

use super::*;

const IMAGE: &[u8] = b"123456789";

fn digest(method: DigestMethod) -> Digest {
    let mut hasher = Hasher::new(method);
    hasher.update(IMAGE);
    hasher.finish()
}

fn file(digest: Digest) -> File {
    let source = Source::Http { url: "http://files.example/a".into() };
    File { name: None, size: 9, digest, also: None, source }
}

fn notice(version: &str) -> Notice {
    Notice {
        version: version.parse().unwrap(),
        module: Module::default(),
        files: vec![file(digest(DigestMethod::Md5))],
        delta: false,
        silent: false,
        extra: None,
        signature: None,
        terms: None,
    }
}

fn firmware(version: &str) -> Job {
    Job::Firmware(notice(version))
}

fn config(url: &str) -> Job {
    let digest = digest(DigestMethod::Sha256);
    let config = Config { id: "c".into(), size: 9, digest, url: url.into(), get_type: "file".into() };
    Job::Config(config, None)
}

fn fetched(task: &mut Task, bytes: &[u8]) {
    let generation = task.fetch().unwrap().generation;
    task.given(generation, bytes);
}

#[test]
fn bytes_that_hash_to_the_digest_are_good_and_others_are_bad() {
    for (bytes, good) in [(IMAGE, true), (b"12345678X".as_slice(), false)] {
        for job in [firmware("2.0.0"), config("http://files.example/c")] {
            let mut task = Task::default();
            assert_eq!(task.push(job), Ok(Taken::Pushed));
            assert!(task.is_fetching() && !task.is_fetched() && task.check().is_none());
            fetched(&mut task, &bytes[..4]);
            assert!(task.is_fetching() && task.check().is_none(), "not before all bytes are there");
            fetched(&mut task, &bytes[4..]);
            assert!(!task.is_fetching() && task.is_fetched());
            assert_eq!((task.check(), task.check()), (Some((good, true)), Some((good, false))));
            assert_eq!(task.fetch(), None);
        }
    }
}

#[test]
fn the_stronger_digest_counts_where_two_are_told() {
    let mut both = notice("2.0.0");
    both.files[0].digest = digest(DigestMethod::Sha256);
    both.files[0].also = Some(digest(DigestMethod::Md5));
    let job = Job::Firmware(both);
    assert_eq!(job.md5(), Some(digest(DigestMethod::Md5)));
    let mut task = Task::default();
    task.push(job).unwrap();
    fetched(&mut task, IMAGE);
    assert_eq!(task.check(), Some((true, true)));
}

#[test]
fn while_bytes_come_only_a_fresh_link_of_the_same_file_is_taken() {
    let mut task = Task::default();
    task.push(firmware("2.0.0")).unwrap();
    assert_eq!(task.push(firmware("2.0.1")), Ok(Taken::Pushed), "nothing was fetched yet");
    fetched(&mut task, b"123");
    assert_eq!(task.push(firmware("3.0.0")), Err(Dropped::Busy));
    assert_eq!(task.push(config("http://files.example/c")), Err(Dropped::Busy));
    let mut fresh = notice("2.0.1");
    fresh.files[0].source = Source::Http { url: "http://files.example/b".into() };
    let before = task.fetch().unwrap();
    assert_eq!(task.push(Job::Firmware(fresh)), Ok(Taken::Renewed));
    let url = "http://files.example/b".to_owned();
    assert_eq!(task.fetch(), Some(Wanted { url, ..before }), "it goes on at its byte");
}

#[test]
fn a_second_update_begins_at_its_first_byte() {
    let mut task = Task::default();
    task.push(firmware("2.0.0")).unwrap();
    fetched(&mut task, IMAGE);
    task.check().unwrap();
    assert_eq!(task.push(firmware("2.0.0")), Err(Dropped::Here));
    assert_eq!(task.push(firmware("3.0.0")), Ok(Taken::Pushed));
    assert_eq!(task.fetch().unwrap().fetched, 0);
    fetched(&mut task, IMAGE);
    assert_eq!(task.check(), Some((true, true)));
}

#[test]
fn an_image_that_was_bad_is_taken_again() {
    let mut task = Task::default();
    task.push(firmware("2.0.0")).unwrap();
    fetched(&mut task, b"xxxxxxxxx");
    assert_eq!(task.check(), Some((false, true)));
    assert_eq!(task.push(firmware("2.0.0")), Ok(Taken::Pushed));
}

#[test]
fn bytes_of_a_download_before_a_reset_do_not_count() {
    let mut task = Task::default();
    task.push(firmware("2.0.0")).unwrap();
    let old = task.fetch().unwrap().generation;
    assert_eq!(task.given(old, b"1"), Step::First);
    assert_eq!(task.given(old, b"2"), Step::More);
    task.begin_anew();
    assert_eq!((task.given(old, b"3"), task.fetched()), (Step::Stale, 0));
    fetched(&mut task, IMAGE);
    assert_eq!(task.check(), Some((true, true)));
    task.reset();
    assert!(task.job().is_none() && !task.is_fetched());
    assert_eq!(task.check(), None);
}

#[test]
fn what_the_interface_cannot_tell_is_dropped() {
    let mut several = notice("2.0.0");
    several.files.push(file(digest(DigestMethod::Md5)));
    let mut delta = notice("2.0.0");
    delta.delta = true;
    let mut large = notice("2.0.0");
    large.files[0].size = 1 << 32;
    for notice in [several, delta, large] {
        let mut task = Task::default();
        assert!(matches!(task.push(Job::Firmware(notice)), Err(Dropped::NoWords(_))));
        assert!(!task.is_fetching() && !task.ever_pushed);
    }
}
