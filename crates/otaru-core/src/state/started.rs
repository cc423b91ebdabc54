//! What a start finds: the saved Record and the boot marker, and what the two mean together.
//!
//! The Record and the marker are two things, saved one after the other, so a power cut can fall between them. The
//! order is: Record *activating*, marker *trial*, reboot; then marker *confirmed*, Record *empty*; or Record
//! *reverting*, marker *old slot*, reboot. Each pair that a cut can leave behind has one meaning:
//!
//! | Record's Task | marker: trial | marker: fell back | runs | what happened | what happens |
//! |---|---|---|---|---|---|
//! | none | – | – | any | nothing, or all was done | idle |
//! | fetching | – | – | old | cut while fetching, or before all was verified | go on at the saved byte |
//! | activating | – | – | old | cut before the marker was set | read back again, activate |
//! | activating | this module | – | new | the reboot into the Trial | Trial |
//! | reverting | this module | – | new | cut before the marker was set | Trial again |
//! | any | – | – | new | cut between confirming and clearing the Record | success: report, clear |
//! | activating, reverting | – | this module | old | the Trial failed | report −1 once, clear |
//! | reverting | – | – | old | the same, and the marker was forgotten | report −1 once, clear |
//! | none | – | some module | old | the same, cut before the report or the marker's clearing | report −1 once |
//! | none, or another module's | some module | – | new | the Record was lost | Trial; the other Task is asked for later |
//!
//! A Trial is never left without an end by a cut: unconfirmed, the boot loader brings the old slot back.

use alloc::{format, string::ToString};

use otaru_wire::{Failure, Module, TaskName};

use super::{State, drop_task, idle::Idle, resume, succeed, trial::Trial};
use crate::{
    Boot, Event,
    context::Context,
    record::{Owed, Stage, Task},
};

/// Why a Trial failed, if nobody was there to see it.
const NOT_CONFIRMED: &str = "the new slot did not confirm, the old slot is back";

/// Decides by Record and marker where to go on.
pub(crate) fn start(cx: &mut Context, boot: Boot) -> State {
    cx.reset();
    cx.connected |= cx.call_half().is_some(); // there is no session to wait for
    cx.running = boot.running;
    cx.fell_back = boot.fell_back.clone();
    cx.hold_failed_offer();
    let state = if let Some(module) = boot.trial {
        trial(cx, module)
    } else {
        if let Some(module) = boot.fell_back {
            fell_back(cx, module);
        }
        match cx.task().cloned() {
            Some(task) => in_hand(cx, task),
            None => Idle::enter(cx),
        }
    };
    if cx.connected {
        cx.report_owed();
        cx.report_versions(state.in_progress());
    }
    state
}

fn trial(cx: &mut Context, module: Module) -> State {
    if let Some(other) = cx.task().map(|task| task.notice.module.clone()).filter(|other| *other != module) {
        drop_task(cx, "another module's new version is on trial");
        cx.put_aside(other);
    }
    cx.on_trial = Some(module.clone());
    Trial::enter(cx, module)
}

/// The old slot is back. The Record forgets the Task and remembers to report it.
fn fell_back(cx: &mut Context, module: Module) {
    let tried = cx.take_task();
    let reason = match &tried {
        Some(Task { stage: Stage::Reverting(problem), notice, .. }) if notice.module == module => {
            format!("{NOT_CONFIRMED}: {problem}")
        }
        _ => NOT_CONFIRMED.to_string(),
    };
    let mut name: Option<TaskName> = None;
    let of_module = match tried {
        Some(task) if task.notice.module == module && task.stage != Stage::Fetching => {
            cx.count_failure(&task.notice);
            name = task.notice.task_name().cloned();
            true
        }
        other => {
            cx.put_back_task(other);
            false
        }
    };
    // Owed before the Record is saved without the Task: the marker may be told to forget right after.
    if !cx.owes(&module) {
        cx.report_failure(Owed::new(&module, name.as_ref(), Failure::Upgrade, &reason));
    }
    if of_module {
        cx.keep_task(None);
    }
    cx.event(Event::FellBack { module, reason });
}

/// No Trial runs and none failed.
fn in_hand(cx: &mut Context, task: Task) -> State {
    let module = task.notice.module.clone();
    match cx.running(&module) {
        None => {
            drop_task(cx, "the device has no such module any more");
            Idle::enter(cx)
        }
        Some(running) if *running == task.notice.version => succeed(cx, module),
        Some(_) if matches!(task.stage, Stage::Reverting(_)) => {
            fell_back(cx, module);
            Idle::enter(cx)
        }
        Some(_) => resume(cx, task),
    }
}
