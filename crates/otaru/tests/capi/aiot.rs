//! Programs for `libotaru_aiot`, one for each flow of the vendor's demos, against `otaru serve`.

use crate::{
    field::Field,
    lab::{AIOT, Linked},
};

#[test]
fn a_task_tells_its_one_file() {
    let field = Field::new("aliyun");
    let device = field.device("p1");
    field.campaign("2.0.0", &[b"123456789"], &["--extra", r#"{"site":"osaka"}"#]);
    let mut program = field.starts(&AIOT, "aiot_tasks", Linked::Static, &device, &["1", "1.0.0"]);
    assert_eq!(
        program.until("fota "),
        "fota pump/p1 version=2.0.0 module=- size=9 method=1 \
         digest=15e2b0d3c33891ebb0f1ef609ec419420c20e320ce94c65fbc8c3312448eb225 name=- file=0/1 protocol=0 \
         extra={\"site\":\"osaka\"}"
    );
    let told = program.ends_well();
    let events: Vec<_> = told.iter().filter(|line| line.starts_with("event")).collect();
    assert_eq!(events, ["event 0", "event 2"], "connected, disconnected: {told:?}");
    assert!(!told.contains(&"packet 4".to_owned()), "no acknowledgement of what the program did not publish");
}

#[test]
fn a_task_of_several_files_is_told_file_by_file_and_one_of_a_module_by_its_name() {
    let field = Field::new("aliyun");
    let device = field.device("p1");
    field.campaign("2.0.0", &[b"123456789", b"12345"], &["--module", "mcu", "--digest", "md5"]);
    let mut program = field.starts(&AIOT, "aiot_tasks", Linked::Shared, &device, &["2", "1.0.0", "mcu"]);
    for (name, size, file) in [("2.0.0-0.bin", 9, "0/2"), ("2.0.0-1.bin", 5, "1/2")] {
        let told = program.until("fota pump/p1 version=2.0.0 module=mcu ");
        assert!(told.contains(&format!(" size={size} method=0 ")), "{told}");
        assert!(told.contains(&format!(" name={name} file={file} protocol=0 extra=-")), "{told}");
    }
    program.ends_well();
}

/// Bytes that differ from place to place.
pub(crate) fn image(len: u32) -> Vec<u8> {
    (0..len).map(|at| (at.wrapping_mul(2_654_435_761) >> 13) as u8).collect()
}

#[test]
fn a_file_updates_a_device_and_two_threads_share_its_session() {
    let field = Field::new("aliyun");
    let device = field.device("p1");
    let image = image(300_000);
    let campaign = field.campaign("2.0.0", &[&image], &[]);
    let mut program = field.starts(&AIOT, "aiot_update", Linked::Static, &device, &["1.0.0", "1"]);
    assert_eq!(program.until("takes "), "takes 2.0.0, file 0 of 1, 300000 bytes");
    assert_eq!(program.until("runs "), "runs 2.0.0");
    field.task_is(&campaign, "succeeded");
    program.ends_well();
    assert!(field.file("got-2.0.0-0") == image);
}

#[test]
fn several_files_are_fetched_at_once_on_threads_of_their_own() {
    let field = Field::new("aliyun");
    let device = field.device("p1");
    let files = [image(200_000), image(50_001), image(1)];
    let campaign = field.campaign("2.0.0", &[&files[0], &files[1], &files[2]], &["--module", "mcu"]);
    let mut program = field.starts(&AIOT, "aiot_update", Linked::Shared, &device, &["1.0.0", "1", "mcu"]);
    assert_eq!(program.until("runs "), "runs 2.0.0");
    field.task_is(&campaign, "succeeded");
    program.ends_well();
    for (at, file) in files.iter().enumerate() {
        assert!(field.file(&format!("got-2.0.0-{at}")) == *file, "file {at}");
    }
}

#[test]
fn a_file_comes_in_two_halves_on_one_thread() {
    let field = Field::new("aliyun");
    let device = field.device("p1");
    let image = image(10_000);
    field.campaign("2.0.0", &[&image], &[]);
    let program = field.starts(&AIOT, "aiot_halves", Linked::Static, &device, &["1.0.0"]);
    let told = program.ends_well();
    // As the vendor's SDK was seen to do it (aliyun-link-sdk-v4 §6).
    let expected = [
        "chunk 2048 20",
        "chunk 2048 40",
        "chunk 905 50",
        "range finished",
        "chunk 2048 70",
        "chunk 2048 90",
        "chunk 903 100",
        "finished",
    ];
    assert_eq!(told, expected);
    assert!(field.file("got") == image);
}
