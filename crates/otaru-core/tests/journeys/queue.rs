//! Fetches that wait for those of other devices.

use std::{collections::VecDeque, time::Duration};

use otaru_core::{Boot, Error, Event, Head, Input, Output, Policy, RequestId, Updater, UpdaterOptions};
use otaru_wire::{Instant, Module, Version, dialect::aliyun};

use crate::world::{package, platform};

struct Queued {
    updater: Updater,
    now: Instant,
    fetches: Vec<RequestId>,
    retries: usize,
}

impl Queued {
    /// A device that has just asked for its first bytes.
    fn new() -> Self {
        let options = UpdaterOptions {
            device: platform::device(),
            dialect: &aliyun::Device,
            policy: Policy::default(),
            seed: 1,
        };
        let mut queued =
            Self { updater: Updater::new(options, None), now: Instant(0), fetches: Vec::new(), retries: 0 };
        let running = vec![(Module::default(), Version::new("1.0.0").unwrap())];
        queued.give(Input::Booted(Boot { running, trial: None, fell_back: None }));
        queued.give(Input::Connected);
        let mut platform = platform::Platform::default();
        queued.give(platform.push(&package()));
        assert_eq!(queued.fetches.len(), 1);
        queued
    }

    fn give(&mut self, input: Input) {
        let mut inputs = VecDeque::from([input]);
        while let Some(input) = inputs.pop_front() {
            self.updater.handle(self.now, input).unwrap();
            while let Some(output) = self.updater.poll() {
                match output {
                    Output::Save(_) => inputs.push_back(Input::Saved(Ok(()))),
                    Output::Fetch { request, .. } => self.fetches.push(request),
                    Output::Event(Event::Retrying { .. }) => self.retries += 1,
                    _ => {}
                }
            }
        }
    }

    fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(due) = self.updater.poll_timeout().filter(|due| *due <= end) {
            self.now = self.now.max(due);
            self.give(Input::Timer);
        }
        self.now = end;
    }
}

#[test]
fn a_fetch_that_waits_its_turn_is_not_silent_and_one_that_has_begun_is() {
    let mut queued = Queued::new();
    let request = queued.fetches[0];
    queued.give(Input::FetchWaits(request));
    queued.pass(Duration::from_secs(24 * 3600));
    assert_eq!((queued.retries, queued.fetches.len()), (0, 1));

    queued.give(Input::FetchBegins(request));
    queued.pass(Duration::from_secs(29));
    assert_eq!(queued.retries, 0);
    queued.pass(Duration::from_secs(2));
    assert_eq!(queued.retries, 1, "a server that says nothing for 30 s is silent");
}

#[test]
fn the_turn_of_a_fetch_that_nobody_waits_for_any_more_changes_nothing() {
    let mut queued = Queued::new();
    let old = queued.fetches[0];
    queued.pass(Duration::from_secs(60));
    let new = *queued.fetches.last().unwrap();
    assert_ne!(old, new);
    queued.give(Input::Head(new, Head { status: 500, ..Head::default() }));
    let due = queued.updater.poll_timeout();
    queued.give(Input::FetchWaits(old));
    queued.give(Input::FetchBegins(old));
    assert_eq!(queued.updater.poll_timeout(), due);
    for input in [Input::FetchWaits(RequestId(99)), Input::FetchBegins(RequestId(99))] {
        assert!(matches!(queued.updater.handle(queued.now, input), Err(Error::Unexpected(_))));
    }
}
