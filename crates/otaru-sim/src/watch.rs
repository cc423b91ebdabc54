//! Watches one device: every promise that can be checked from what its doer does.

use std::collections::{HashSet, VecDeque};

use otaru_core::{Event, Record};
use otaru_wire::{Module, Report, Step, dialect::onenet::Ask};

use crate::violation::Violation;

/// Requests in a minute that bring no new byte. Backing off from one second allows eight, five fresh links with the
/// request after each ten more.
const MOST_FRUITLESS: usize = 20;
/// The same where the platform is asked by calls: each question for a link is said again by itself until it is answered, and each
/// session that comes up asks once more.
const MOST_FRUITLESS_BY_CALLS: usize = 40;
const MINUTE_MS: u64 = 60_000;

/// Turns that devices' journeys took, added up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Lived {
    /// Downloads that went on behind bytes from before a power cut.
    pub resumed: u64,
    /// Fetches that were tried again.
    pub retried: u64,
    /// Links and blocks that were refused, so that a fresh notice was asked for.
    pub links_refused: u64,
    /// Downloads from zero because bytes could not be used.
    pub started_over: u64,
    /// Tasks that the device gave up.
    pub failed: u64,
    /// Trials that did not pass, so that the old slot came back.
    pub fell_back: u64,
    /// Tasks that made way for a newer version.
    pub dropped: u64,
    /// Trials that passed.
    pub updated: u64,
}

impl std::ops::AddAssign for Lived {
    fn add_assign(&mut self, other: Self) {
        self.resumed += other.resumed;
        self.retried += other.retried;
        self.links_refused += other.links_refused;
        self.started_over += other.started_over;
        self.failed += other.failed;
        self.fell_back += other.fell_back;
        self.dropped += other.dropped;
        self.updated += other.updated;
    }
}

impl Lived {
    fn count(&mut self, event: &Event) {
        match event {
            Event::Fetching { resumed: true, .. } => self.resumed += 1,
            Event::Retrying { .. } => self.retried += 1,
            Event::LinkRefused { .. } | Event::BlockRefused { .. } => self.links_refused += 1,
            Event::StartedOver { .. } => self.started_over += 1,
            Event::Failed { .. } => self.failed += 1,
            Event::FellBack { .. } => self.fell_back += 1,
            Event::Dropped { .. } => self.dropped += 1,
            Event::Updated { .. } => self.updated += 1,
            _ => {}
        }
    }
}

/// What one device did.
#[derive(Debug, Default)]
pub(crate) struct Watch {
    /// The first promise that did not hold.
    pub(crate) violation: Option<Violation>,
    /// Bytes of each file that the saved Record covers.
    covered: Vec<u64>,
    /// A Record without a Task was saved, and the event that says why may still be on its way.
    ending: bool,
    /// Modules whose prepared slot the decider proved.
    pub(crate) proven: HashSet<Module>,
    /// A healthy answer was given in this start.
    pub(crate) healthy: bool,
    /// Requests since the last stored byte, within the last minute.
    fruitless: VecDeque<u64>,
    most_fruitless: usize,
    refused: HashSet<String>,
    versions: (u32, u32),
    last_percent_at: Option<u64>,
    /// Generation of the server's file that the bytes of each file are from.
    generations: Vec<Option<u64>>,
    /// Why the device may start over: faults of the flash so far.
    pub(crate) causes: u32,
    /// What the device lived through.
    pub(crate) lived: Lived,
}

impl Watch {
    pub(crate) fn new(by_calls: bool) -> Self {
        let most_fruitless = if by_calls { MOST_FRUITLESS_BY_CALLS } else { MOST_FRUITLESS };
        Self { most_fruitless, ..Self::default() }
    }

    pub(crate) fn broken(&mut self, violation: Violation) {
        self.violation.get_or_insert(violation);
    }

    /// A new start.
    pub(crate) fn booted(&mut self) {
        if std::mem::take(&mut self.ending) {
            self.covered.clear(); // the power went between the Record and the event
        }
        self.healthy = false;
        self.refused.clear();
        self.fruitless.clear();
        self.versions = (0, 0);
        self.last_percent_at = None;
    }

    pub(crate) fn connected(&mut self, modules: u32) {
        self.versions.1 += modules;
        self.fruitless.clear();
    }

    pub(crate) fn reported(&mut self, report: &Report, interval_ms: u64, now: u64) {
        match report {
            Report::Version { .. } => self.versions.0 += 1,
            Report::Query { .. } | Report::ConfigQuery => self.request(now),
            Report::Block(request) => {
                self.request(now);
                self.asks((request.file as usize).saturating_sub(1), request.offset);
            }
            Report::Progress { step: Step::Percent(1..=99), .. } => {
                if let Some(last) = self.last_percent_at.filter(|last| now - last < interval_ms) {
                    self.broken(Violation::ReportsTooClose(now - last));
                }
                self.last_percent_at = Some(now);
            }
            Report::Progress { .. }
            | Report::NoticeTaken { .. }
            | Report::TaskCheck { .. }
            | Report::Done { .. }
            | Report::ConfigTaken { .. }
            | Report::Gateway(_) => {}
        }
    }

    /// A call goes out. It may have waited its turn, so two percentages may be closer than they were decided.
    pub(crate) fn called(&mut self, ask: &Ask, now: u64) {
        match ask {
            Ask::Version(_) => self.versions.0 += 1,
            Ask::Check(_) => self.request(now),
            _ => {}
        }
    }

    /// A call comes to nothing: it may be said again, and what a session begins with, too.
    pub(crate) fn call_failed(&mut self, modules: u32) {
        self.versions.1 += 1 + modules;
    }

    /// All outputs are done: reports of a version must have had reasons.
    pub(crate) fn drained(&mut self) {
        self.ending = false;
        let (made, reasons) = self.versions;
        if made > reasons {
            self.broken(Violation::VersionRepeated(made, reasons));
        }
    }

    pub(crate) fn request(&mut self, now: u64) {
        while self.fruitless.front().is_some_and(|at| at + MINUTE_MS < now) {
            self.fruitless.pop_front();
        }
        self.fruitless.push_back(now);
        if self.fruitless.len() > self.most_fruitless {
            self.broken(Violation::Storm(self.fruitless.len()));
        }
    }

    pub(crate) fn fetches(&mut self, url: &str, file: usize, start: u64, now: u64) {
        self.request(now);
        self.asks(file, start);
        if self.refused.contains(url) {
            self.broken(Violation::RefusedLink(url.into()));
        }
    }

    /// Bytes of a file are asked for from there on.
    fn asks(&mut self, file: usize, start: u64) {
        if self.covered.get(file).is_some_and(|covered| start < *covered) {
            self.broken(Violation::FetchedTwice { file, byte: start });
        }
    }

    pub(crate) fn refused(&mut self, url: &str) {
        self.refused.insert(url.into());
    }

    pub(crate) fn stored(&mut self, file: usize, offset: u64, generation: u64) {
        self.fruitless.clear();
        if self.generations.len() <= file {
            self.generations.resize(file + 1, None);
        }
        let Some(before) = self.generations.get_mut(file) else { return };
        if offset > 0 && before.is_some_and(|before| before != generation) {
            self.broken(Violation::MixedFiles(offset));
        } else {
            *before = Some(generation);
        }
    }

    /// A Record is safe from now on. It never takes back what an earlier one covered: only an event does.
    pub(crate) fn saved(&mut self, record: &Record) {
        let stored = record.stored();
        self.ending = stored.is_empty();
        self.covered.resize(self.covered.len().max(stored.len()), 0);
        for (covered, stored) in self.covered.iter_mut().zip(stored) {
            *covered = stored.max(*covered);
        }
    }

    /// From some events on the bytes that a Record covered are given up. `causes` counts what may have spoiled them.
    pub(crate) fn event(&mut self, event: &Event, causes: u32) {
        self.lived.count(event);
        match event {
            Event::Updated { .. } => {
                self.versions.1 += 1;
                self.covered.clear();
            }
            Event::StartedOver { reason } => {
                if self.causes + causes == 0 {
                    self.broken(Violation::StartedOver(reason.clone()));
                }
                self.covered.clear();
                self.last_percent_at = None;
            }
            Event::Dropped { .. } | Event::Failed { .. } | Event::FellBack { .. } => {
                self.covered.clear();
                self.generations.clear();
                self.last_percent_at = None;
            }
            _ => {}
        }
    }
}
