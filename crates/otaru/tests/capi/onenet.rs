//! `libotaru_onenet`: C programs in the order of the vendor's example (onenet §8), under valgrind.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use otaru_wire::dialect::onenet::{Ask, Generation, Kind, Step};

use crate::{
    common::Platform,
    lab::{Linked, ONENET, finished, succeeds, under_valgrind},
    onenet_platform::{DEVICE, KEY, PRODUCT, Scripted, TID, TOKEN},
};

const TM: &[&str] = &["-DCONFIG_TM"];

/// Each generation, its switch, and what stands behind the platform's address.
const GENERATIONS: [(Generation, &[&str], &str); 3] =
    [(Generation::Token, &[], ""), (Generation::Tid, TM, ""), (Generation::Fuse, TM, "/fuse-ota")];

/// Bytes of which no two neighbours are alike.
fn image(len: usize) -> Vec<u8> {
    (0..len as u32).map(|at| (at.wrapping_mul(2_654_435_761) >> 13) as u8).collect()
}

fn plainly(program: &Path) -> Command {
    Command::new(program)
}

/// One program for one generation, and where it puts its file.
struct Program {
    folder: tempfile::TempDir,
    program: PathBuf,
}

impl Program {
    fn new(options: &[&str], linked: Linked) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let program = ONENET.program_with(folder.path(), "onenet_update", linked, options);
        Self { folder, program }
    }

    /// An update with pieces of that size: the exit code, what was printed, and the file.
    fn update(&self, run: fn(&Path) -> Command, url: &str, piece: u32) -> (i32, String, Vec<u8>) {
        self.update_of(run, url, piece, DEVICE, KEY)
    }

    /// The same of a device with that key.
    fn update_of(
        &self,
        run: fn(&Path) -> Command,
        url: &str,
        piece: u32,
        device: &str,
        key: &str,
    ) -> (i32, String, Vec<u8>) {
        let _ = std::fs::remove_file(self.file());
        let (code, printed) = finished(self.command(run, url, piece, device, key));
        (code, printed, std::fs::read(self.file()).unwrap())
    }

    fn command(&self, run: fn(&Path) -> Command, url: &str, piece: u32, device: &str, key: &str) -> Command {
        let mut command = run(&self.program);
        command.env("OTARU_ONENET_URL", url);
        command.args([PRODUCT, device, key, "1.0.0"]).arg(self.file()).arg(piece.to_string());
        command
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("image.bin")
    }
}

#[test]
fn a_onenet_program_gets_its_package_whole_whatever_its_size() {
    for (generation, options, prefix) in GENERATIONS {
        let program = Program::new(options, Linked::Static);
        for len in [1, 2, 4095, 4096, 4097, 8193, 20_000] {
            let platform = Scripted::start(generation, &image(len));
            let url = format!("{}{prefix}", platform.url);
            let (code, printed, file) = program.update(plainly, &url, 4096);
            assert!(code == 0 && file == image(len), "{generation:?}, {len}: {code}\n{printed}");
            let asked = platform.asked();
            let pieces = asked.iter().filter(|ask| matches!(ask, Ask::Download { .. })).count();
            assert_eq!(pieces, len.div_ceil(4096), "{asked:?}");
        }
    }
}

#[test]
#[ignore = "needs valgrind"]
fn a_onenet_program_is_sound_under_valgrind_in_every_generation() {
    for (generation, options, prefix) in GENERATIONS {
        let program = Program::new(options, Linked::Shared);
        let platform = Scripted::start(generation, &image(4097));
        let (code, printed, file) =
            program.update(under_valgrind, &format!("{}{prefix}", platform.url), 4096);
        assert!(code == 0 && file == image(4097), "{generation:?}: {code}\n{printed}");
    }
}

#[test]
fn a_onenet_program_says_what_the_vendors_says_in_its_order() {
    let platform = Scripted::start(Generation::Token, &image(5000));
    let (code, printed, _) = Program::new(&[], Linked::Static).update(plainly, &platform.url, 4096);
    assert_eq!(code, 0, "{printed}");
    let asked = platform.asked();
    let [Ask::Version(versions), Ask::Check(check), rest @ ..] = &asked[..] else { panic!("{asked:?}") };
    assert_eq!(
        (&versions.fota, versions.sota.as_ref().unwrap().as_str()),
        (&None, "1.0.0"),
        "of its type only"
    );
    assert_eq!((check.kind, check.hardware.cdn), (Kind::Sota, true));
    assert_eq!((&check.hardware.manuf, &check.hardware.model), (&None, &None), "as the vendor's client");
    let said: Vec<String> = rest
        .iter()
        .map(|ask| match ask {
            Ask::TaskCheck(_) => "check".into(),
            Ask::Download { range, .. } => format!("{range:?}"),
            Ask::Step { step, .. } => step.number().to_string(),
            other => format!("{other:?}"),
        })
        .collect();
    let piece = |first: u64, last: u64| format!("Some(From {{ first: {first}, last: Some({last}) }})");
    assert_eq!(said, ["check", &piece(0, 4095), "check", &piece(4096, 8191), "101", "201"]);
    let md5 = "target 2.0.0, size 5000, md5 ";
    assert!(printed.contains(md5) && printed.contains(", type 1\n"), "{printed}");
    assert!(printed.contains("answer 1: {\"errno\":0,\"error\":\"succ\",\"data\":{\"target\":"), "{printed}");
}

/// The vendor's example would go on to report 101 and 201 (onenet §9 items 6 and 13).
#[test]
fn what_is_not_the_piece_asked_for_never_reaches_a_onenet_program() {
    const FILE: &[u8] = b"this is no firmware";
    let answer = |status: &str, headers: &str, body: &[u8]| {
        let head = format!("HTTP/1.1 {status}\r\n{headers}\r\n");
        Some([head.as_bytes(), body].concat())
    };
    let length = "Content-Length: 19\r\n";
    let cases: [(&str, i32, Option<Vec<u8>>); 9] = [
        (
            "a message with 200",
            -1,
            answer("200 OK", &format!("Content-Type: application/json\r\n{length}"), FILE),
        ),
        (
            "the byte of an error",
            3,
            answer("200 OK", "Transfer-Encoding: chunked\r\n", b"1\r\n\x03\r\n0\r\n\r\n"),
        ),
        ("its digit", 51, answer("200 OK", "Transfer-Encoding: chunked\r\n", b"1\r\n3\r\n0\r\n\r\n")),
        ("another status", 410, answer("410 Gone", length, FILE)),
        ("the newer error", 5, answer("200 OK", &format!("Ota-Errno: 5\r\n{length}"), FILE)),
        ("another file", -3, answer("206 X", &format!("Content-Range: bytes 0-18/19\r\n{length}"), FILE)),
        ("another piece", -3, answer("206 X", &format!("Content-Range: bytes 5-23/5000\r\n{length}"), FILE)),
        (
            "a shorter piece",
            -3,
            answer("206 X", &format!("Content-Range: bytes 0-18/5000\r\n{length}"), FILE),
        ),
        (
            "a broken connection",
            -8,
            answer("206 X", "Content-Range: bytes 0-4095/5000\r\nContent-Length: 4096\r\n", FILE),
        ),
    ];
    let program = Program::new(&[], Linked::Static);
    for (what, code, mischief) in cases {
        let platform = Scripted::misbehaving(Generation::Token, &image(5000), move |ask, _| {
            mischief.clone().filter(|_| matches!(ask, Ask::Download { .. }))
        });
        let (exit, printed, file) = program.update(plainly, &platform.url, 4096);
        assert!(exit == 2 && file.is_empty(), "{what}: {exit}\n{printed}");
        assert_eq!(
            printed.matches(&format!("piece: {code}\n")).count(),
            3,
            "{what}, as often as retry says:\n{printed}"
        );
    }
}

#[test]
fn a_onenet_platform_without_ranges_is_refused_not_flashed() {
    let whole = image(50_000);
    let platform = Scripted::misbehaving(Generation::Tid, &whole.clone(), move |ask, _| {
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", whole.len());
        matches!(ask, Ask::Download { .. }).then(|| [head.as_bytes(), &whole].concat())
    });
    let (code, printed, file) = Program::new(TM, Linked::Static).update(plainly, &platform.url, 4096);
    assert!(code == 2 && file.is_empty() && printed.contains("piece: -3\n"), "{code}\n{printed}");
}

#[test]
fn success_of_a_wrong_onenet_package_is_not_reported() {
    let platform = Scripted::misbehaving(Generation::Token, &image(5000), |ask, right| {
        let mut wrong = right.to_vec();
        *wrong.last_mut().unwrap() ^= 1;
        matches!(ask, Ask::Download { .. }).then_some(wrong)
    });
    let (code, printed, _) = Program::new(&[], Linked::Static).update(plainly, &platform.url, 4096);
    assert!(code == 3 && printed.contains("downloaded: -3\n"), "{code}\n{printed}");
    assert!(!platform.asked().iter().any(|ask| matches!(ask, Ask::Step { .. })), "{:?}", platform.asked());
}

/// Source: onenet §7.1, the table of return values.
#[test]
fn every_kind_of_onenet_failure_has_its_number() {
    let silent = |ask: &Ask, _: &[u8]| matches!(ask, Ask::Check(_)).then(Vec::new);
    let text = |text: &'static str| {
        move |ask: &Ask, _: &[u8]| {
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{text}", text.len());
            matches!(ask, Ask::Check(_)).then(|| head.into_bytes())
        }
    };
    let status = |ask: &Ask, _: &[u8]| {
        let head = b"HTTP/1.1 401 X\r\nContent-Length: 2\r\n\r\nno";
        matches!(ask, Ask::Check(_)).then(|| head.to_vec())
    };
    type Mischief = Box<dyn Fn(&Ask, &[u8]) -> Option<Vec<u8>> + Send + Sync>;
    let cases: [(i32, bool, Mischief); 6] = [
        (-8, false, Box::new(silent)),
        (-1, true, Box::new(text("no JSON"))),
        (-1, true, Box::new(text("{\"error\":\"succ\"}"))),
        (11, true, Box::new(text("{\"errno\":11,\"error\":\"not exist\"}"))),
        (5116, true, Box::new(text("{\"errno\":5116}"))),
        (401, false, Box::new(status)),
    ];
    let program = Program::new(&[], Linked::Static);
    for (code, told, mischief) in cases {
        let platform = Scripted::misbehaving(Generation::Token, &image(10), mischief);
        let (exit, printed, _) = program.update(plainly, &platform.url, 4096);
        assert!(exit == 1 && printed.contains(&format!("task: {code}\n")), "{code}: {exit}\n{printed}");
        assert_eq!(printed.contains("answer 1:"), told, "the callback gets 2xx answers only:\n{printed}");
    }
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let (exit, printed, _) = program.update(plainly, &format!("http://{nobody}"), 4096);
    assert!(exit == 1 && printed.contains("version: -11\n"), "{exit}\n{printed}");
}

#[test]
#[ignore = "needs valgrind"]
fn a_onenet_program_that_misuses_the_library_is_told_so_and_survives() {
    for (generation, options, task) in
        [(Generation::Token, &[][..], TOKEN.to_owned()), (Generation::Tid, TM, TID.to_string())]
    {
        let folder = tempfile::tempdir().unwrap();
        let program = ONENET.program_with(folder.path(), "onenet_misuse", Linked::Static, options);
        let platform = Scripted::start(generation, &image(10));
        let mut command = under_valgrind(&program);
        command.env("OTARU_ONENET_URL", &platform.url).arg(task);
        succeeds(command);
        let steps = platform
            .asked()
            .into_iter()
            .filter(|ask| matches!(ask, Ask::Step { step: Step::Percent(5), .. }));
        assert_eq!(steps.count(), 41, "of the callback and of both threads");
    }
}

#[test]
fn a_onenet_platform_that_is_silent_is_left_in_time() {
    let (end, ended) = std::sync::mpsc::channel::<()>();
    let ended = std::sync::Mutex::new(ended);
    let platform = Scripted::misbehaving(Generation::Tid, &image(10), move |_, _| {
        let _ = ended.lock().unwrap().recv();
        None
    });
    let program = Program::new(&["-DCONFIG_TM", "-DTIMEOUT_MS=50"], Linked::Static);
    let (code, printed, _) = program.update(plainly, &platform.url, 4096);
    assert!(code == 1 && printed.contains("version: -13\n"), "{code}\n{printed}");
    drop(end);
}

/// An operator's view: the same programs, on `otaru serve`.
#[test]
fn a_onenet_program_of_every_generation_is_updated_by_otaru() {
    let dir = tempfile::tempdir().unwrap();
    let platform = Platform::start(&dir.path().join("data"));
    let product = platform.answer(&["product", "create", PRODUCT, "--dialect", "onenet"]);
    let product_key = product["product_secret"].as_str().unwrap();
    let package = |len: usize| {
        let file = dir.path().join(format!("{len}.bin"));
        std::fs::write(&file, image(len)).unwrap();
        let version = format!("2.0.{len}");
        let package = ["package", "create", "--product", PRODUCT, "--version", &version, "--digest", "md5"];
        platform.answer(&[&package[..], &[file.to_str().unwrap()]].concat())["id"].to_string()
    };
    let packages = [1, 4096, 4097].map(|len| (len, package(len)));
    for (generation, options, prefix) in GENERATIONS {
        let program = Program::new(options, Linked::Shared);
        for (len, package) in &packages {
            let device = format!("{}{len}", generation as u8 + 1);
            let made = platform.answer(&["device", "create", PRODUCT, &device]);
            let key = match generation {
                Generation::Fuse => made["device_secret"].as_str().unwrap(),
                Generation::Token | Generation::Tid => product_key,
            };
            let campaign = ["campaign", "create", "--package", package, "--devices", &device];
            let campaign = platform.answer(&campaign)["id"].to_string();
            let url = format!("http://{}{prefix}", platform.http);
            let (code, printed, file) = program.update_of(plainly, &url, 4096, &device, key);
            assert!(code == 0 && file == image(*len), "{generation:?}, {len}: {code}\n{printed}");
            let task = platform.answer(&["task", "list", "--campaign", &campaign]);
            assert_eq!(task["state"], "succeeded", "{task}");
        }
    }
}

#[test]
fn a_onenet_program_that_loses_its_power_fifty_times_ends_with_the_right_file() {
    let whole = image(120_001);
    let platform = Scripted::start(Generation::Token, &whole);
    let program = Program::new(&[], Linked::Shared);
    for cut in 0..50 {
        let mut command = program.command(plainly, &platform.url, 512, DEVICE, KEY);
        let mut running = command.stdout(std::process::Stdio::piped()).spawn().unwrap();
        let lines = std::io::BufReader::new(running.stdout.take().unwrap());
        let pieces =
            std::io::BufRead::lines(lines).filter(|line| line.as_ref().is_ok_and(|line| line == "piece: 0"));
        assert_eq!(pieces.take(1 + cut % 5).count(), 1 + cut % 5, "it was not at its end yet");
        running.kill().unwrap();
        running.wait().unwrap();
    }
    let before = std::fs::read(program.file()).unwrap();
    assert!(
        !before.is_empty() && whole.starts_with(&before) && before.len() < whole.len(),
        "{}",
        before.len()
    );
    let (code, printed) = finished(program.command(plainly, &platform.url, 512, DEVICE, KEY));
    assert!(code == 0 && std::fs::read(program.file()).unwrap() == whole, "{code}\n{printed}");
}
