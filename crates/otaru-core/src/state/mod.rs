//! The states, one struct each. The enum only dispatches.

pub(crate) mod fetching;
pub(crate) mod head;
pub(crate) mod idle;
pub(crate) mod offered;
pub(crate) mod staged;
pub(crate) mod started;
pub(crate) mod trial;
pub(crate) mod verifying;

use alloc::string::{String, ToString};

use otaru_wire::{Failure, Module, Notice, Report, Source};

use crate::{
    Event, Protocol, SlotError, TaskSummary,
    context::{Context, Cue},
    record::Task,
};
use fetching::Fetching;
use idle::Idle;
use offered::Offered;
use staged::Staged;
use trial::Trial;
use verifying::Verifying;

/// Where the updater stands.
pub(crate) enum State {
    Idle(Idle),
    Offered(Offered),
    Fetching(Fetching),
    Verifying(Verifying),
    Staged(Staged),
    Trial(Trial),
}

impl State {
    pub(crate) fn handle(self, cx: &mut Context, cue: Cue) -> State {
        let cue = match cue {
            Cue::GiveUp(failure, reason) => return self.give_up(cx, failure, reason),
            Cue::Over(reason) => return self.over(cx, &reason),
            cue => cue,
        };
        match self {
            State::Idle(state) => state.handle(cx, cue),
            State::Offered(state) => state.handle(cx, cue),
            State::Fetching(state) => state.handle(cx, cue),
            State::Verifying(state) => state.handle(cx, cue),
            State::Staged(state) => state.handle(cx, cue),
            State::Trial(state) => state.handle(cx, cue),
        }
    }

    /// The user reports that the Task in hand failed.
    fn give_up(self, cx: &mut Context, failure: Failure, reason: String) -> State {
        let notice = match &self {
            State::Idle(_) => return self,
            State::Offered(state) => state.notice(),
            State::Fetching(state) => &state.task().notice,
            State::Verifying(state) => &state.task().notice,
            State::Staged(state) if state.activated() => {
                ignore(cx, "too late to report a failure: the new slot is activated".to_string());
                return self;
            }
            State::Staged(state) => &state.task().notice,
            State::Trial(_) => {
                let State::Trial(state) = self else { return self };
                return state.give_up(cx, reason);
            }
        };
        fail(cx, notice, failure, reason)
    }
}

impl State {
    /// The platform says that the Task in hand is over. What is activated goes on: the old slot may be gone.
    fn over(self, cx: &mut Context, reason: &str) -> State {
        match &self {
            State::Idle(_) | State::Trial(_) => return self,
            State::Staged(state) if state.activated() => return self,
            State::Offered(_) | State::Fetching(_) | State::Verifying(_) | State::Staged(_) => {}
        }
        drop_task(cx, reason);
        Idle::enter(cx)
    }

    /// The offer in hand; none in a Trial, whose Task is over for the platform or not.
    pub(crate) fn notice(&self) -> Option<&Notice> {
        match self {
            State::Idle(_) | State::Trial(_) => None,
            State::Offered(state) => Some(state.notice()),
            State::Fetching(state) => Some(&state.task().notice),
            State::Verifying(state) => Some(&state.task().notice),
            State::Staged(state) => Some(&state.task().notice),
        }
    }

    /// The module of a Task that the platform heard is in progress, and that is not on Trial yet.
    pub(crate) fn in_progress(&self) -> Option<&Module> {
        match self {
            State::Fetching(state) => Some(&state.task().notice.module),
            State::Verifying(state) => Some(&state.task().notice.module),
            State::Staged(state) => Some(&state.task().notice.module),
            State::Idle(_) | State::Offered(_) | State::Trial(_) => None,
        }
    }
}

/// What a notice means to a Task in hand that is not activated.
pub(crate) enum Meaning {
    /// The same offer: fresh links.
    Links(Notice),
    /// Another offer for the same module: it takes the Task's place.
    Newer(Notice),
    /// Nothing: it was put aside, refused or ignored.
    Nothing,
}

/// Compares a notice with the Task in hand.
pub(crate) fn weigh(cx: &mut Context, in_hand: &Notice, notice: Notice) -> Meaning {
    if in_hand.same_offer(&notice) {
        Meaning::Links(notice)
    } else if !suits(cx, &notice) {
        Meaning::Nothing
    } else if in_hand.module == notice.module {
        Meaning::Newer(notice)
    } else {
        cx.put_aside(notice.module);
        Meaning::Nothing
    }
}

/// True if the device can follow the offer at all; otherwise it has been refused.
pub(crate) fn suits(cx: &mut Context, notice: &Notice) -> bool {
    let total = notice.total_size();
    let in_blocks = notice.files.iter().any(|file| matches!(file.source, Source::Mqtt { .. }));
    let (failure, reason) = if in_blocks && !cx.policy().accept_blocks {
        let reason = "refused: files over MQTT do not reach a device behind a gateway, only links do";
        (Failure::Download, reason.to_string())
    } else if notice.delta && !cx.policy().accept_delta {
        let reason = "refused: this device takes no differences, only whole images";
        (Failure::Upgrade, reason.to_string())
    } else if let Some(max) = cx.policy().max_package_bytes.filter(|max| total > *max) {
        (Failure::Upgrade, alloc::format!("refused: the package has {total} bytes, allowed are {max}"))
    } else {
        return true;
    };
    cx.report_failed_offer(notice, failure, &reason);
    ignore(cx, reason);
    false
}

pub(crate) fn ignore(cx: &mut Context, reason: String) {
    cx.event(Event::Ignored { reason });
}

/// The Task ends without success and without fault; the Record forgets it.
pub(crate) fn drop_task(cx: &mut Context, reason: &str) {
    cx.stop_fetch();
    cx.unsay_task();
    cx.abandon();
    cx.timers.clear_task();
    cx.event(Event::Dropped { reason: reason.to_string() });
    if cx.task().is_some() {
        cx.keep_task(None);
    }
}

/// The user does not want the Task: it ends and the platform is told.
pub(crate) fn decline(cx: &mut Context, notice: &Notice, reason: &str) -> State {
    drop_task(cx, reason);
    cx.report_failed_offer(notice, Failure::Upgrade, reason);
    Idle::enter(cx)
}

/// Another offer for the same module takes the place of the Task in hand.
pub(crate) fn replace(cx: &mut Context, newer: Notice) -> State {
    drop_task(cx, &alloc::format!("version {} is offered in its place", newer.version));
    cx.report_untold();
    idle::take(cx, newer)
}

/// The Task fails: the platform is told, the running slot stays as it is, the Record forgets the Task.
pub(crate) fn fail(cx: &mut Context, notice: &Notice, failure: Failure, reason: String) -> State {
    cx.stop_fetch();
    cx.unsay_task();
    cx.abandon();
    cx.timers.clear_task();
    cx.report_failed_offer(notice, failure, &reason);
    cx.event(Event::Failed { failure, reason });
    cx.count_failure(notice);
    cx.keep_task(None);
    Idle::enter(cx)
}

/// There is no place for the package: not even a byte is fetched.
pub(crate) fn not_prepared(cx: &mut Context, notice: &Notice, error: &SlotError) -> State {
    let failure = match error {
        SlotError::Refused(_) => Failure::Upgrade,
        SlotError::Full(_) | SlotError::NoSlot(_) | SlotError::Medium(_) => Failure::Write,
    };
    fail(cx, notice, failure, alloc::format!("the slot cannot be prepared: {error}"))
}

/// The Task succeeded: the new version is reported, the Record forgets the Task.
pub(crate) fn succeed(cx: &mut Context, module: Module) -> State {
    cx.timers.clear_task();
    let name = cx.task().filter(|task| task.notice.module == module);
    let name = name.and_then(|task| task.notice.task_name().cloned());
    cx.on_trial = None;
    cx.untold = None;
    cx.owe_nothing(&module);
    cx.forget_failures();
    cx.keep_task(None);
    if let Some(version) = cx.running(&module).cloned() {
        if let Some(task) = name {
            cx.publish(&Report::Done { task });
        }
        if cx.may_say() {
            cx.publish(&Report::Version { module: module.clone(), version: version.clone() });
        }
        cx.event(Event::Updated { module, version });
    }
    Idle::enter(cx)
}

/// The Task as the user sees it.
pub(crate) fn summary(notice: &Notice) -> TaskSummary {
    let streamed = notice.files.iter().any(|file| matches!(file.source, Source::Mqtt { .. }));
    let protocol = if streamed { Protocol::Mqtt } else { Protocol::Http };
    TaskSummary {
        version: notice.version.clone(),
        module: notice.module.clone(),
        files: notice.files.clone(),
        total_bytes: notice.total_size(),
        protocol,
        extra: notice.extra.clone(),
        signature: notice.signature.clone(),
        delta: notice.delta,
        silent: notice.silent,
        limits: notice.terms.as_ref().map(|terms| terms.limits).unwrap_or_default(),
    }
}

/// What to do with the Task in hand after a power cut.
pub(crate) fn resume(cx: &mut Context, task: Task) -> State {
    match task.next_file() {
        Some(_) => Fetching::resume(cx, task),
        None => Verifying::resume(cx, task),
    }
}
