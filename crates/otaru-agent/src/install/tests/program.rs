//! The user's own program: what it gets, how it may end, and that it never runs twice at a time.

use std::{
    path::PathBuf,
    time::{Duration, Instant},
};

use super::*;

struct Rig {
    dir: tempfile::TempDir,
}

impl Rig {
    fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn programs(&self, script: &str) -> Programs {
        let shell = |script: &str| ["sh", "-c", script, "sh"].map(str::to_owned).to_vec();
        let log =
            format!("echo $OTARU_ACTION $OTARU_MODULE $OTARU_VERSION >> {}", self.path("log").display());
        Programs {
            device: DeviceId { product: "a1".parse().unwrap(), device: "d".parse().unwrap() },
            install: shell(script),
            confirm: Some(shell(&log)),
            revert: Some(shell(&log)),
            timeout: Duration::from_secs(60),
            accept_delta: false,
        }
    }

    fn program(&self, programs: Programs) -> Program {
        Program::open(&Folder::open(&self.path("state")).unwrap(), &Module::default(), programs).unwrap()
    }

    /// Two files, stored and proven.
    fn prepared(&self, programs: Programs) -> Program {
        let mut program = self.program(programs);
        program.prepare(Slot::B, &[5, 6], false).unwrap();
        program.store(0, 0, b"first").unwrap();
        program.store(1, 0, b"second").unwrap();
        program
    }

    fn install(&self, programs: Programs) -> Result<(), SlotError> {
        self.prepared(programs).install(Slot::B, &package("2.0.0", &[5, 6]))
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.path("log")).unwrap_or_default()
    }
}

#[test]
fn the_program_gets_the_files_as_arguments_and_all_it_needs_in_its_environment() {
    let rig = Rig::new();
    let log = rig.path("log").display().to_string();
    let script = format!(
        "cat \"$1\" \"$2\" > {log}; [ \"$1\" = \"$OTARU_FILE_0\" ] && [ \"$2\" = \"$OTARU_FILE_1\" ] && \
         echo \" $# $OTARU_ACTION $OTARU_MODULE $OTARU_VERSION $OTARU_FILES $OTARU_DELTA $OTARU_EXTRA\" >> {log}"
    );
    let mut programs = rig.programs(&script);
    programs.accept_delta = true;
    let mut program = rig.prepared(programs);
    assert!(program.accepts_delta());
    let package =
        TaskSummary { delta: true, extra: Some(r#"{"site":"osaka"}"#.into()), ..package("2.0.0", &[5, 6]) };
    program.install(Slot::B, &package).unwrap();
    assert_eq!(rig.log(), "firstsecond 2 install default 2.0.0 2 1 {\"site\":\"osaka\"}\n");
}

#[test]
fn a_program_that_fails_gives_its_last_line_as_the_reason_and_no_more_than_that() {
    let rig = Rig::new();
    let error = rig.install(rig.programs("echo one >&2; echo the chip is locked >&2; echo >&2; exit 3"));
    let error = error.unwrap_err().to_string();
    assert!(error.contains("exit status: 3: the chip is locked"), "{error}");
    // A megabyte on one line is bounded, and a control character does not get through.
    let loud = "head -c 1000000 /dev/zero | tr '\\0' x >&2; printf '\\033[31m' >&2; exit 1";
    let error = rig.install(rig.programs(loud)).unwrap_err().to_string();
    assert!(error.len() < 400 && !error.contains('\u{1b}'), "{error}");
    let mut programs = rig.programs("");
    programs.install = vec!["/nonexistent/installer".into()];
    let error = rig.install(programs).unwrap_err().to_string();
    assert!(error.contains("/nonexistent/installer cannot be started"), "{error}");
}

#[test]
fn a_program_that_hangs_is_ended_with_its_children() {
    let rig = Rig::new();
    let mut programs = rig.programs("sleep 1000 & wait");
    programs.timeout = Duration::from_millis(300);
    let started = Instant::now();
    let error = rig.install(programs).unwrap_err().to_string();
    assert!(error.contains("did not end in 0.3 seconds"), "{error}");
    assert!(started.elapsed() < Duration::from_secs(30));
    // A child that lived on would still hold the lock.
    rig.install(rig.programs("exit 0")).unwrap();
}

#[test]
fn a_run_that_an_earlier_agent_left_behind_is_waited_for() {
    let rig = Rig::new();
    let (pipe, log) = (rig.path("pipe"), rig.path("log").display().to_string());
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    // What an agent that was killed leaves: the program runs on, with the lock as its standard input.
    let busy = Folder::open(&rig.path("state/install/default")).unwrap().file("busy").unwrap().0;
    rustix::fs::flock(&busy, rustix::fs::FlockOperation::LockExclusive).unwrap();
    let script = format!("read line < {}; echo earlier >> {log}", pipe.display());
    let mut earlier = std::process::Command::new("sh").args(["-c", &script]).stdin(busy).spawn().unwrap();

    let mut hasty = rig.programs("exit 0");
    hasty.timeout = Duration::from_millis(200);
    let error = rig.install(hasty).unwrap_err().to_string();
    assert!(error.contains("an earlier run of sh did not end"), "{error}");

    let patient = rig.programs(&format!("echo later >> {log}"));
    let waiting = std::thread::scope(|scope| {
        let waiting = scope.spawn(|| rig.install(patient));
        std::fs::write(&pipe, b"go on\n").unwrap();
        waiting.join().unwrap()
    });
    waiting.unwrap();
    assert_eq!(rig.log(), "earlier\nlater\n");
    earlier.wait().unwrap();
}

#[test]
fn confirming_and_reverting_are_told_to_programs_of_their_own() {
    let rig = Rig::new();
    let mut program = rig.program(rig.programs("exit 0"));
    let mut running = Running {
        module: Module::default(),
        version: Version::new("2.0.0").unwrap(),
        slot: Slot::B,
        standing: Standing::Trial,
    };
    program.settle(&running).unwrap();
    program.confirm(&running).unwrap();
    running.standing = Standing::Confirmed;
    program.settle(&running).unwrap();
    running = Running { version: Version::new("1.0.0").unwrap(), standing: Standing::FellBack, ..running };
    program.settle(&running).unwrap();
    assert_eq!(rig.log(), "confirm default 2.0.0\nrevert default 1.0.0\n");
}
