//! Links that break, lie or are refused: what a program is told of each, against a file server of a few bytes.

use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    process::Command,
    thread,
};

use crate::{
    field::Program,
    lab::{AIOT, Linked, under_valgrind},
};

const BYTES: &[u8] = b"123456789";
/// Source: aliyun-link-sdk-v4 §2.3.
const SHA256: &str = "15e2b0d3c33891ebb0f1ef609ec419420c20e320ce94c65fbc8c3312448eb225";

/// Serves [`BYTES`] in the way that the path names; gives its base.
pub(crate) fn server() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        let mut broke = false;
        for mut stream in listener.incoming().map_while(Result::ok) {
            let mut asked = vec![0; 4096];
            let Ok(len) = stream.read(&mut asked) else { continue };
            let asked = String::from_utf8_lossy(&asked[..len]).to_lowercase();
            let path = asked.split(' ').nth(1).unwrap_or_default().to_owned();
            let range = asked.split("range: bytes=").nth(1).and_then(|rest| rest.split("\r\n").next());
            let (first, last) = range.and_then(|range| range.split_once('-')).unwrap_or(("0", ""));
            let first: usize = first.parse().unwrap_or(0);
            let last = last.parse().unwrap_or(BYTES.len() - 1);
            // A program that hangs up is not our concern.
            let _ = serve(&mut stream, &path, first, last, &mut broke);
        }
    });
    base
}

fn serve(
    stream: &mut TcpStream,
    path: &str,
    first: usize,
    last: usize,
    broke: &mut bool,
) -> std::io::Result<()> {
    let status = match path {
        "/gone" => "404 Not Found",
        "/refused" => "403 Forbidden",
        "/silly" => "418 Teapot",
        _ => "206 Partial Content",
    };
    let body = if status.starts_with("206") { &BYTES[first..=last] } else { b"" };
    let total = if path == "/other" { 10 } else { BYTES.len() };
    write!(stream, "HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n", body.len())?;
    if status.starts_with("206") && path != "/rangeless" {
        write!(stream, "Content-Range: bytes {first}-{last}/{total}\r\n")?;
    }
    stream.write_all(b"\r\n")?;
    if path == "/breaks" && !*broke {
        *broke = true;
        return stream.write_all(&body[..4]);
    }
    stream.write_all(body)
}

fn fetch(path: &str, digest: &str, ranges: &[&str]) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    let program = AIOT.program(folder.path(), "aiot_fetch", Linked::Static);
    let mut command = Command::new(program);
    command.args([&format!("{}{path}", server()), "9", digest]).args(ranges);
    Program::start(&mut command).ends_well()
}

const WRONG: &str = "05e2b0d3c33891ebb0f1ef609ec419420c20e320ce94c65fbc8c3312448eb225";
/// Without a session no progress can be told, and that is logged.
const UNTOLD: &str = "log -0x0902";

#[test]
fn a_right_file_is_finished_and_a_wrong_one_too_but_by_minus_three() {
    let right = fetch("/f", SHA256, &["0", "0"]);
    assert_eq!(right, [UNTOLD, "log -0x0901", "chunk 9 100", "-0x091F"]);
    let wrong = fetch("/f", WRONG, &["0", "0"]);
    assert_eq!(wrong, [UNTOLD, "log -0x0904", UNTOLD, "chunk 9 -3", "-0x091F"]);
}

#[test]
fn a_break_loses_no_byte_that_came_and_the_next_call_goes_on() {
    let told = fetch("/breaks", SHA256, &["0", "0"]);
    let told: Vec<_> = told.iter().map(String::as_str).filter(|line| *line != UNTOLD).collect();
    let expected =
        ["chunk 4 44", "log -0x0903", "-0x0F15", "-0x0922", "log -0x0901", "chunk 5 100", "-0x091F"];
    assert_eq!(told, expected);
}

#[test]
fn a_refused_link_is_told_once_by_minus_two() {
    for path in ["/refused", "/gone", "/silly"] {
        let told = fetch(path, SHA256, &["0", "0"]);
        assert_eq!(told, [UNTOLD, "log -0x0903", "chunk 0 -2", "-0x0920"], "{path}");
    }
}

#[test]
fn another_file_or_range_than_asked_for_never_reaches_the_program() {
    for path in ["/other", "/rangeless"] {
        let told = fetch(path, SHA256, &["0", "5"]);
        assert_eq!(told, [UNTOLD, "log -0x0903", "chunk 0 -2", "-0x0921"], "{path}");
    }
}

#[test]
fn ranges_add_up_to_a_file_and_those_that_overlap_are_too_many() {
    let halves = fetch("/f", SHA256, &["0", "4", "5", "0"]);
    let expected = [UNTOLD, "chunk 5 55", "-0x0907", UNTOLD, "log -0x0901", "chunk 4 100", "-0x091F"];
    assert_eq!(halves, expected);
    let overlap = fetch("/f", SHA256, &["0", "4", "4", "0"]);
    assert_eq!(overlap, [UNTOLD, "chunk 5 55", "-0x0907", UNTOLD, "log -0x0927", "chunk 5 111", "-0x0927"]);
}

#[test]
#[ignore = "needs valgrind"]
fn broken_and_refused_links_neither_err_nor_leak() {
    let folder = tempfile::tempdir().unwrap();
    let program = AIOT.program(folder.path(), "aiot_fetch", Linked::Static);
    for path in ["/breaks", "/refused", "/other"] {
        let mut command = under_valgrind(&program);
        command.args([&format!("{}{path}", server()), "9", SHA256, "0", "0"]);
        Program::start(&mut command).ends_well();
    }
}
