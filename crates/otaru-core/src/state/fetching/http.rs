//! A file by HTTP: one request for a range, judged by its head before a byte of its body is taken.

use alloc::{
    format,
    string::{String, ToString},
    vec::Vec,
};

use otaru_wire::{ByteRange, Failure, dialect::FileHead, http_range::strong_etag};

use super::{Fetching, Phase, Via};
use crate::{
    Event, FetchError, Head, Trouble,
    context::Context,
    state::{
        State,
        head::{Asked, Judgement, judge},
    },
    timers::Timer,
};

/// Whole files in a row, though their ends were asked for, before fetching starts over at zero.
const IGNORED_RANGES: u32 = 3;

/// The longest ETag kept, in bytes; with a longer one a replaced file shows only by its digest.
const MAX_ETAG_BYTES: usize = 256;

impl Fetching {
    /// Asks for the next bytes, as many as the policy lets.
    pub(super) fn request_range(mut self, cx: &mut Context, url: String) -> State {
        let usual = cx.call_half().map(|half| half.piece_bytes());
        let longest = cx.policy().range_bytes.or(usual).unwrap_or(u64::MAX).max(1);
        let end = self.taken.saturating_add(longest).min(self.wanted.size);
        let range = ByteRange { start: self.taken, end };
        cx.fetch(url, range, self.if_range());
        self.phase = Phase::Requested(Via::Http { range, end: None });
        State::Fetching(self)
    }

    /// `If-Range` takes strong validators only, and none is needed for a first byte.
    fn if_range(&self) -> Option<String> {
        let etag = strong_etag(self.etag.as_deref()?)?;
        (self.taken > 0).then(|| etag.to_string())
    }

    pub(super) fn on_head(mut self, cx: &mut Context, head: &Head) -> State {
        let Phase::Requested(Via::Http { range, end: None }) = self.phase else {
            return State::Fetching(self);
        };
        match cx.call_half().map(|half| half.read_file_head(head)) {
            None | Some(Ok(FileHead::Bytes)) => {}
            Some(Ok(FileHead::Reason)) => {
                self.phase = Phase::Requested(Via::Reason(Vec::new()));
                cx.start_timer(Timer::Stall, cx.policy().stall_timeout);
                return State::Fetching(self);
            }
            Some(Err(error)) => return self.on_file_error(cx, error),
        }
        let asked = Asked { range, size: self.wanted.size, etag: self.etag.as_deref() };
        match judge(head, &asked) {
            Judgement::Usable { end } => {
                if self.etag.is_none() {
                    let etag = head.headers.value("ETag").filter(|etag| etag.len() <= MAX_ETAG_BYTES);
                    self.etag = etag.map(ToString::to_string);
                }
                self.phase = Phase::Requested(Via::Http { range, end: Some(end) });
                cx.start_timer(Timer::Stall, cx.policy().stall_timeout);
                State::Fetching(self)
            }
            Judgement::LinkRefused { status } => {
                self.break_off(cx);
                cx.event(Event::LinkRefused { status });
                self.ask_for_link(cx)
            }
            Judgement::Changed { reason } => self.start_over_elsewhere(cx, reason),
            Judgement::RangeIgnored => {
                self.ignored_ranges += 1;
                if self.ignored_ranges < IGNORED_RANGES {
                    return self.retry(cx, Trouble::RangeIgnored);
                }
                self.start_over_elsewhere(cx, "the server cannot send the end of the file".into())
            }
            Judgement::Unusable { trouble } => self.retry(cx, trouble),
        }
    }

    pub(super) fn on_body(mut self, cx: &mut Context, bytes: Vec<u8>) -> State {
        if let Phase::Requested(Via::Reason(_)) = self.phase {
            return self.on_reason(&bytes);
        }
        let Phase::Requested(Via::Http { end, .. }) = self.phase else {
            return State::Fetching(self);
        };
        let Some(end) = end else {
            return self.retry(cx, Trouble::NoHead);
        };
        if bytes.is_empty() {
            return State::Fetching(self);
        }
        let len = bytes.len() as u64;
        let until = self.taken.saturating_add(len);
        if until > end {
            if self.taken < self.wanted.size {
                return self.retry(cx, Trouble::TooMany);
            }
            return self.fetch_over(cx, Trouble::TooMany);
        }
        self.take(cx, bytes);
        cx.start_timer(Timer::Stall, cx.policy().stall_timeout);
        State::Fetching(self)
    }

    pub(super) fn on_fetch_ended(self, cx: &mut Context, result: Result<(), FetchError>) -> State {
        let (range, end) = match self.phase {
            Phase::Requested(Via::Http { range, end }) => (range, end),
            Phase::Requested(Via::Reason(ref reason)) if result.is_ok() => {
                let reason = reason.clone();
                return self.on_reason_ended(cx, &reason);
            }
            Phase::Requested(Via::Reason(_)) => return self.retry_broken(cx, Trouble::EndedEarly),
            _ => return State::Fetching(self),
        };
        match result {
            Ok(())
                if end == Some(self.taken) && self.taken > range.start && self.taken < self.wanted.size =>
            {
                self.tell_fetched(cx);
                self.request(cx, false)
            }
            Ok(()) => self.fetch_over(cx, Trouble::EndedEarly),
            Err(error @ (FetchError::NotTrusted(_) | FetchError::BadUrl(_) | FetchError::Redirected))
                if self.taken < self.wanted.size =>
            {
                self.fail(cx, Failure::Download, format!("{error}"))
            }
            Err(error) => self.fetch_over(cx, error.into()),
        }
    }

    /// No more bytes will come of this fetch: either all are here, or what came is kept and the rest tried again.
    fn fetch_over(mut self, cx: &mut Context, trouble: Trouble) -> State {
        if self.taken < self.wanted.size {
            return self.retry_broken(cx, trouble);
        }
        self.break_off(cx);
        self.drain(cx)
    }

    /// The server cannot be heard. While the platform cannot be heard either, the device has no network: its Task
    /// is interrupted, not failing, and the try does not count.
    pub(super) fn retry_broken(mut self, cx: &mut Context, trouble: Trouble) -> State {
        if cx.connected {
            return self.retry(cx, trouble);
        }
        self.break_off(cx);
        self.without_network = self.without_network.saturating_add(1);
        let failures = self.retries.saturating_add(self.without_network);
        self.pause(cx, trouble, failures)
    }
}
