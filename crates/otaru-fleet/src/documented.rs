//! What each vendor documents of its own platform, as far as a campaign depends on it.

use std::time::Duration;

use crate::{Dialect, Patience};

impl Dialect {
    /// How long a device may say nothing about a notice unless the order says otherwise: 10 s for devices of JD, whose
    /// platform counts the push as failed then (jd-iot-engine §7.3). No other vendor documents such a rule, and
    /// Alibaba's devices say nothing before they begin.
    pub const fn patience(self) -> Patience {
        match self {
            Dialect::Jd => Patience::For(Duration::from_secs(10)),
            Dialect::Aliyun | Dialect::Onenet => Patience::Endless,
        }
    }

    /// Can devices register themselves with their product's secret? Of JD that is known and no more (jd-iot-engine §8): not
    /// its messages, nor where the identifier comes from. OneNET has no such thing here.
    pub const fn registers(self) -> bool {
        matches!(self, Dialect::Aliyun)
    }

    /// Can a device be told that it chooses the moment? Only JD has a word for that (jd-iot-engine §4.1).
    pub const fn says_silent(self) -> bool {
        matches!(self, Dialect::Jd)
    }

    /// Do its devices ask for their tasks by themselves, without a connection that is held (onenet §1)? They make their own
    /// links, too.
    pub const fn asks(self) -> bool {
        matches!(self, Dialect::Onenet)
    }
}
