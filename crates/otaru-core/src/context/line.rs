//! The line to the file servers: one fetch at a time, the Task's or a Config's.
//!
//! A Config is small and a firmware may take hours, so a Config does not wait for the Task: the Task's fetch is
//! stopped, keeps every byte that came, and goes on after it. Then it is the Task's turn: the next Config waits until
//! the Task's fetch has brought bytes, or is over. So neither starves, whatever the platform pushes.

use alloc::string::String;

use otaru_wire::ByteRange;

use super::Context;
use crate::{Output, RequestId, timers::Timer};

/// Who has the line, and who waits.
#[derive(Debug)]
pub(super) struct Line {
    last: u32,
    /// The Config's fetch whose answers are awaited.
    config: Option<RequestId>,
    /// The Task wants to fetch while a Config does.
    task_waits: bool,
    /// The Task's fetch has brought bytes since a Config had the line.
    task_had_turn: bool,
}

impl Default for Line {
    fn default() -> Self {
        Self { last: 0, config: None, task_waits: false, task_had_turn: true }
    }
}

impl Line {
    /// Forgets every fetch; their numbers are not used again.
    pub(super) fn reset(&mut self) {
        *self = Self { last: self.last, ..Self::default() };
    }

    fn number(&mut self) -> u32 {
        self.last = self.last.wrapping_add(1);
        self.last
    }
}

/// The Task's fetch.
impl Context {
    /// Fetches for the Task; while a Config is fetched it only waits for [`super::Cue::LineFree`].
    pub(crate) fn fetch(&mut self, url: String, range: ByteRange, etag: Option<String>) {
        if self.line.config.is_some() {
            self.line.task_waits = true;
            return;
        }
        let request = RequestId(self.next_request());
        self.fetch = Some(request);
        self.emit(Output::Fetch { request, url, range, etag });
        self.start_timer(Timer::Stall, self.policy().stall_timeout);
    }

    /// A number that no fetch and no other file's blocks have had since the start.
    pub(crate) fn next_request(&mut self) -> u32 {
        self.line.number()
    }

    pub(crate) fn stop_fetch(&mut self) {
        self.line.task_waits = false;
        if let Some(request) = self.fetch.take() {
            self.emit(Output::StopFetch(request));
        }
    }

    /// The Task's fetch brings bytes.
    pub(crate) fn task_has_turn(&mut self) {
        self.line.task_had_turn = true;
    }

    /// True, once, if the Task waited for the line and can have it.
    pub(crate) fn frees_line(&mut self) -> bool {
        self.line.config.is_none() && core::mem::take(&mut self.line.task_waits)
    }

    /// True if that fetch was ever asked for.
    pub(crate) fn knows_fetch(&self, request: RequestId) -> bool {
        (1..=self.line.last).contains(&request.0)
    }
}

/// A Config's fetch.
impl Context {
    /// Fetches for a Config, if it is its turn.
    pub(crate) fn fetch_config(&mut self, url: String, range: ByteRange) -> Option<RequestId> {
        if self.fetch.is_some() {
            if !self.line.task_had_turn {
                return None;
            }
            self.stop_fetch();
            self.timers.clear(Timer::Stall);
            self.line.task_waits = true;
        }
        let request = RequestId(self.next_request());
        self.line.config = Some(request);
        self.line.task_had_turn = false;
        self.emit(Output::Fetch { request, url, range, etag: None });
        Some(request)
    }

    /// True if answers to this fetch of a Config are awaited.
    pub(crate) fn fetches_config(&self, request: RequestId) -> bool {
        self.line.config == Some(request)
    }

    /// The Config's fetch ended by itself.
    pub(crate) fn config_fetch_ended(&mut self) {
        self.line.config = None;
    }

    pub(crate) fn stop_config_fetch(&mut self) {
        if let Some(request) = self.line.config.take() {
            self.emit(Output::StopFetch(request));
        }
    }
}
