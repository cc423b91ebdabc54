//! Further flows for `libotaru_aiot`: blocks, configuration, registration, refused links, power cuts; names.

use std::{
    fs,
    io::Write,
    process::{Command, Stdio},
};

use crate::{
    aiot::image,
    field::{Device, Field, Program},
    lab::{AIOT, Linked, exported, under_valgrind},
};

/// Runs a program on its own or under valgrind.
#[derive(Clone, Copy)]
pub(crate) enum How {
    Plainly,
    UnderValgrind,
}

fn starts(how: How, field: &Field, name: &str, device: &Device, more: &[&str]) -> Program {
    match how {
        How::Plainly => field.starts(&AIOT, name, Linked::Static, device, more),
        How::UnderValgrind => field.starts_under_valgrind(&AIOT, name, device, more),
    }
}

pub(crate) fn blocks(how: How) {
    let field = Field::new("aliyun");
    let device = field.device("p1");
    let image = image(25_000);
    let campaign = field.campaign("2.0.0", &[&image], &["--over", "mqtt"]);
    let told = starts(how, &field, "aiot_blocks", &device, &["1.0.0"]).ends_well();
    let expected = [
        "-0x1D04",
        "block 0+10240 of 25000, 40 %",
        "block 10240+10240 of 25000, 81 %",
        "block 20480+4520 of 25000, 100 %",
        "-0x1D05",
        "-0x1D06",
    ];
    assert_eq!(told, expected);
    assert!(field.file("got") == image);
    field.task_is(&campaign, "succeeded");
}

pub(crate) fn config(how: How) {
    let field = Field::new("aliyun");
    let device = field.device("p1");
    let file = field.folder.path().join("config");
    fs::write(&file, "{\"rate\":7}").unwrap();
    let set = field.platform.answer(&["config", "set", "pump", file.to_str().unwrap()]);
    let id = set["id"].as_str().map_or_else(|| set["id"].to_string(), str::to_owned);
    let told = starts(how, &field, "aiot_config", &device, &[]).ends_well();
    assert!(told[0].starts_with("told ") && told[0].ends_with(" of 10 bytes"), "{told:?} of {id}");
    assert_eq!(told[1], "config {\"rate\":7}");
}

pub(crate) fn registration(how: How) {
    const SECRET: &str = "PsTest0123456789";
    let field = Field::new("aliyun");
    field.platform.answer(&["product", "create", "meter", "--secret", SECRET, "--register", "any"]);
    field.platform.answer(&["device", "create", "meter", "listed-1"]);
    field.platform.answer(&["device", "create", "meter", "listed-2"]);
    let http = field.platform.http.rsplit(':').next().unwrap();
    let mqtt = field.platform.mqtt_port();
    let program = AIOT.program(field.folder.path(), "aiot_register", Linked::Static);
    let register = |name: &str, secret: &str, way: &str, port: &str| {
        let mut command = match how {
            How::Plainly => Command::new(&program),
            How::UnderValgrind => under_valgrind(&program),
        };
        // Registration asks on one port, the login that follows goes to another.
        command.args(["127.0.0.1", mqtt, "meter", name, secret, way, port]);
        Program::start(&mut command).ends_well()
    };
    assert_eq!(register("listed-1", SECRET, "http", http), ["status 200", "logged in"]);
    assert_eq!(register("listed-2", SECRET, "mqtt", mqtt), ["logged in"]);
    assert_eq!(register("unlisted", SECRET, "unlisted", mqtt), ["logged in"]);
    let refused = register("listed-1", "AnotherSecret000", "http", http);
    assert_eq!(refused.last().unwrap(), "refused -0x0603", "{refused:?}");
}

pub(crate) fn misuse(how: How) {
    let field = Field::new("aliyun");
    let device = field.device("p1");
    field.campaign("2.0.0", &[&image(10_000)], &[]);
    assert_eq!(starts(how, &field, "aiot_misuse", &device, &[]).ends_well(), ["survived"]);
}

#[test]
fn a_program_that_misuses_libotaru_aiot_is_told_so_and_survives() {
    misuse(How::Plainly);
}

#[test]
fn a_file_comes_in_blocks_over_the_session() {
    blocks(How::Plainly);
}

#[test]
fn a_configuration_is_asked_for_and_fetched() {
    config(How::Plainly);
}

#[test]
fn a_device_registers_by_http_by_mqtt_and_unlisted_and_logs_in_with_what_it_got() {
    registration(How::Plainly);
}

#[test]
#[ignore = "needs valgrind"]
fn blocks_configuration_registration_and_misuse_neither_err_nor_leak() {
    blocks(How::UnderValgrind);
    config(How::UnderValgrind);
    registration(How::UnderValgrind);
    misuse(How::UnderValgrind);
}

#[test]
fn fifty_power_cuts_leave_the_right_file_and_no_byte_is_fetched_twice() {
    let field = Field::new("aliyun");
    let device = field.device("p1");
    let image = image(400_000);
    let campaign = field.campaign("2.0.0", &[&image], &[]);
    let program = AIOT.program(field.folder.path(), "aiot_resume", Linked::Static);
    let start = || {
        let mut command = Command::new(&program);
        command.stdin(Stdio::piped());
        field.runs(command, &device, &["1.0.0"])
    };
    for cut in 0..50 {
        let mut running = start();
        let stdin = running.child.stdin.as_mut().unwrap();
        // So many pieces may be written; the power goes somewhere among them.
        stdin.write_all(&[b'\n'; 7][..1 + cut % 7]).unwrap();
        running.until("has ");
        running.child.kill().unwrap();
        running.child.wait().unwrap();
    }
    let had = field.file("image");
    assert!(had.len() < image.len() && image.starts_with(&had), "{} bytes after 50 cuts", had.len());
    let mut running = start();
    drop(running.child.stdin.take());
    running.until("whole");
    running.ends_well();
    assert!(field.file("image") == image);
    field.task_is(&campaign, "succeeded");
}

#[test]
fn the_library_exports_exactly_the_documented_names() {
    let mut documented: Vec<String> = vec!["ali_ca_cert".to_owned(), "g_aiot_sysdep_portfile".to_owned()];
    for header in AIOT.headers() {
        let text = fs::read_to_string(AIOT.include().join(header)).unwrap();
        let declared = text.lines().filter(|line| line.ends_with(");") && !line.starts_with("typedef"));
        documented.extend(declared.filter_map(|line| {
            let (before, _) = line.split_once('(')?;
            let name = before.rsplit([' ', '*']).next()?;
            name.starts_with("aiot_").then(|| name.to_owned())
        }));
    }
    documented.sort();
    assert_eq!(documented.len(), 42);
    assert_eq!(exported(AIOT.shared()), documented);
}
