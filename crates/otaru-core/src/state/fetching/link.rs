//! Fresh links: asked for when one does not work any more, a bounded number of times, with growing pauses.

use otaru_wire::{Failure, Notice};

use super::{Fetching, Next, Phase};
use crate::{context::Context, state::State, timers::Timer};

impl Fetching {
    /// The link does not work: asks for a fresh one, at once the first time, then after pauses.
    pub(super) fn ask_for_link(mut self, cx: &mut Context) -> State {
        self.links += 1;
        if self.links > cx.policy().link_attempts {
            return self.fail(cx, Failure::Download, "no link that works was to be had".into());
        }
        if self.links == 1 {
            return self.query_link(cx);
        }
        let pause = cx.pause(self.links - 1);
        cx.start_timer(Timer::Retry, pause);
        self.phase = Phase::Pausing(Next::FreshLink);
        State::Fetching(self)
    }

    /// No answer came. Without a session none can come, and that is not the link's fault.
    pub(super) fn on_link_timeout(self, cx: &mut Context) -> State {
        if cx.connected { self.ask_for_link(cx) } else { State::Fetching(self) }
    }

    /// Without a session nothing is lost and nothing counted: the question is put again when there is one.
    pub(super) fn query_link(mut self, cx: &mut Context) -> State {
        cx.timers.clear(Timer::Retry);
        self.phase = Phase::AwaitingLink;
        if cx.may_say() {
            let Notice { module, version, .. } = &self.task.notice;
            cx.query(module.clone(), Some(version.clone()));
        }
        State::Fetching(self)
    }

    /// Fresh links for the Task in hand. A download that runs goes on undisturbed.
    pub(super) fn on_links(mut self, cx: &mut Context, notice: Notice) -> State {
        let changed = self.task.notice != notice;
        let renamed = self.task.notice.task_name() != notice.task_name();
        // The Record gets them with its next save: a platform that pushes often must not wear out the flash.
        self.task.refresh_links(notice);
        if let Some(file) = self.task.notice.files.get(self.file) {
            self.wanted.clone_from(file);
        }
        let awaited = match self.phase {
            Phase::AwaitingLink => true,
            // The platform may push what it has before it is asked; the old link again would be refused again.
            Phase::Pausing(Next::FreshLink) => changed,
            // The answer to what is being asked names a Task that has another name now.
            Phase::Checking(_) => renamed,
            _ => false,
        };
        if !awaited {
            return State::Fetching(self);
        }
        cx.timers.clear(Timer::Link);
        cx.timers.clear(Timer::Retry);
        self.request(cx, true)
    }
}
