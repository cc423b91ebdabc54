//! A file in blocks over the session with the platform: one in flight, the next when the slot has taken it
//! (aliyun-link-sdk-v4 §3).
//!
//! A block is known by its offset and by the token that names this download of this file, not by its request: an answer
//! that comes late is as good as one in time. What other downloads were answered is passed over.

use alloc::{format, string::String};

use otaru_wire::{Block, BlockError, BlockRequest, Failure, MAX_BLOCK_BYTES, Report, Source};

use super::{Fetching, Next, Phase, Via};
use crate::{Event, Trouble, context::Context, record::Task, state::State, timers::Timer};

/// Requests in a row without an answer, after which smaller blocks are asked for: brokers drop what is too long for them
/// without a word.
const UNANSWERED: u32 = 3;

/// Blocks are not made smaller than this: what small clients ask for (aliyun-link-sdk-v4 §3.1).
const SMALLEST: u32 = 256;

/// How this file's blocks are asked for.
pub(super) struct Blocks {
    /// Names this download of this file.
    token: String,
    /// Bytes asked for at once.
    bytes: u32,
    /// Requests for so many bytes in a row without an answer.
    unanswered: u32,
}

impl Blocks {
    pub(super) fn new(cx: &mut Context, task: &Task) -> Self {
        let most = cx.policy().block_bytes.clamp(1, MAX_BLOCK_BYTES as u32);
        let bytes = task.block_bytes.map_or(most, |known| known.clamp(1, most));
        Self { token: format!("{:x}", cx.next_request()), bytes, unanswered: 0 }
    }

    fn are_of(&self, block: &Block) -> bool {
        block.token.as_ref().is_none_or(|token| *token == self.token)
    }

    fn unanswered(&mut self) {
        self.unanswered += 1;
        if self.unanswered >= UNANSWERED && self.bytes > SMALLEST {
            self.bytes = (self.bytes / 2).max(SMALLEST);
            self.unanswered = 0;
        }
    }
}

impl Fetching {
    /// Asks for the next block, if the policy's distance to the last one is kept; else when it is.
    pub(super) fn request_block(mut self, cx: &mut Context, stream: u64, file: u32) -> State {
        let early = cx.last_block.map(|last| cx.policy().block_interval.saturating_sub(cx.now.since(last)));
        if let Some(wait) = early.filter(|wait| !wait.is_zero()) {
            cx.start_timer(Timer::Retry, wait);
            self.phase = Phase::Pausing(Next::Block);
            return State::Fetching(self);
        }
        let left = self.wanted.size - self.taken;
        let len = u64::from(self.blocks.bytes).min(left) as u32;
        let token = Some(self.blocks.token.clone());
        cx.publish(&Report::Block(BlockRequest { stream, file, offset: self.taken, len, token }));
        cx.last_block = Some(cx.now);
        cx.start_timer(Timer::Stall, cx.policy().block_timeout);
        self.phase = Phase::Requested(Via::Mqtt);
        State::Fetching(self)
    }

    /// True if a block is in flight.
    pub(crate) fn awaits_block(&self) -> bool {
        matches!(self.phase, Phase::Requested(Via::Mqtt))
    }

    /// One that was given up for lost is still good if it comes before it is asked for again.
    fn may_take_block(&self) -> bool {
        let streamed = matches!(self.wanted.source, Source::Mqtt { .. });
        self.awaits_block() || streamed && matches!(self.phase, Phase::Pausing(Next::Fetch))
    }

    pub(super) fn on_block(mut self, cx: &mut Context, block: Block) -> State {
        if !self.may_take_block() || !self.blocks.are_of(&block) || block.offset != self.taken {
            return State::Fetching(self);
        }
        if block.file_size != self.wanted.size {
            let reason = format!("the file has {} bytes, offered were {}", block.file_size, self.wanted.size);
            return self.start_over_elsewhere(cx, reason);
        }
        cx.timers.clear(Timer::Stall);
        cx.timers.clear(Timer::Retry);
        self.blocks.unanswered = 0;
        if self.blocks.bytes < cx.policy().block_bytes {
            self.task.block_bytes = Some(self.blocks.bytes);
        }
        self.take(cx, block.bytes);
        self.phase = Phase::Storing;
        State::Fetching(self)
    }

    /// A block came that cannot be used: lost, or refused for good.
    pub(super) fn on_bad_block(mut self, cx: &mut Context, error: BlockError) -> State {
        match error {
            BlockError::Refused { code, reason } => {
                self.break_off(cx);
                cx.event(Event::BlockRefused { code, reason });
                self.ask_for_link(cx)
            }
            lost => self.retry(cx, lost.into()),
        }
    }

    pub(super) fn on_block_timeout(mut self, cx: &mut Context) -> State {
        let trouble = Trouble::NoBlock(self.blocks.bytes);
        self.blocks.unanswered();
        self.retries += 1;
        if self.retries > cx.policy().retry_attempts {
            return self.fail(cx, Failure::Download, format!("{trouble}"));
        }
        // Smaller blocks begin with a short pause: the size may have been all that was wrong.
        let failures = self.blocks.unanswered.max(1);
        self.pause(cx, trouble, failures)
    }

    /// Without a session nothing can be asked and nothing is failing. A broker may also end a session over a block that is
    /// too long for it, so the size is suspected all the same.
    pub(super) fn on_disconnected(mut self, cx: &mut Context) -> State {
        match self.phase {
            Phase::Requested(Via::Mqtt) => {
                self.blocks.unanswered();
                cx.timers.clear(Timer::Stall);
                self.phase = Phase::AwaitingSession;
            }
            Phase::Pausing(Next::Block) => {
                cx.timers.clear(Timer::Retry);
                self.phase = Phase::AwaitingSession;
            }
            _ => {}
        }
        State::Fetching(self)
    }
}
