//! What goes wrong, how often and until when.

use crate::rng::Rng;

/// Chances of faults, in a thousand, and the time at which all of them stop. The default is a clear sky.
#[derive(Debug, Clone, Default)]
pub(crate) struct Weather {
    /// From here on nothing goes wrong any more, in milliseconds.
    pub(crate) until_ms: u64,
    /// A message breaks the session.
    pub(crate) session_lost: u32,
    /// A request gets a status of 401, 403, 404, 410, 416, 500, 503.
    pub(crate) status: u32,
    /// The file server answers 503 to everything.
    pub(crate) outage: bool,
    /// A body breaks.
    pub(crate) breaks: u32,
    /// A body stops and nothing more comes.
    pub(crate) stalls: u32,
    /// A body trickles: seconds between its pieces.
    pub(crate) slow: u32,
    /// 200 and the whole file, whatever was asked for.
    pub(crate) whole: u32,
    /// The body ends early, as if all was well.
    pub(crate) short: u32,
    /// More bytes than announced.
    pub(crate) long: u32,
    /// A byte on its way changes.
    pub(crate) flips: u32,
    /// Before a request the file is replaced by another.
    pub(crate) replaced: u32,
    /// The power goes, at a step.
    pub(crate) power: u32,
    /// A write of slot or Record fails.
    pub(crate) write_fails: u32,
    /// The flash keeps another bit than it was given, and says nothing.
    pub(crate) lies: u32,
    /// The slot holds only half of the package.
    pub(crate) full: bool,
    /// The health check says no.
    pub(crate) sick: u32,
    /// The operator cancels the campaign and orders a newer version.
    pub(crate) newer: bool,
}

impl Weather {
    /// Some faults of all kinds: each kind in about every third journey.
    pub(crate) fn of(rng: &mut Rng) -> Self {
        let mut some = |most: u64| {
            let (strikes, chance) = (rng.next().is_multiple_of(3), rng.between(1, most));
            if strikes { chance as u32 } else { 0 }
        };
        Self {
            session_lost: some(300),
            status: some(1000),
            outage: some(3) == 1,
            breaks: some(900),
            stalls: some(200),
            slow: some(300),
            whole: some(300),
            short: some(200),
            long: some(200),
            flips: some(100),
            replaced: some(300),
            power: some(20),
            write_fails: some(50),
            lies: some(40),
            full: some(4) == 1,
            sick: some(900),
            newer: some(2) == 1,
            until_ms: rng.between(1, 60) * 60_000,
        }
    }
}
