//! Which answers of the doer are awaited. Outputs are done in order, so answers of one kind come in order too:
//! those to abandoned requests first.

/// What an answer answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Stored,
    Saved,
    ReadBack,
    Activated,
    Health,
    Settled,
}

const KINDS: usize = 6;

/// How an answer is to be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    /// Somebody waits for it.
    Awaited,
    /// Nobody waits for it any more.
    Late,
    /// It answers nothing.
    Unexpected,
}

#[derive(Debug, Clone, Copy, Default)]
struct Count {
    abandoned: u32,
    awaited: u32,
}

/// Counts of answers to come.
#[derive(Debug, Default)]
pub(crate) struct Ledger([Count; KINDS]);

impl Ledger {
    pub(crate) fn ask(&mut self, kind: Kind) {
        if let Some(count) = self.0.get_mut(kind as usize) {
            count.awaited += 1;
        }
    }

    pub(crate) fn answer(&mut self, kind: Kind) -> Standing {
        match self.0.get_mut(kind as usize) {
            Some(count) if count.abandoned > 0 => {
                count.abandoned -= 1;
                Standing::Late
            }
            Some(count) if count.awaited > 0 => {
                count.awaited -= 1;
                Standing::Awaited
            }
            _ => Standing::Unexpected,
        }
    }

    /// Nobody waits for answers to what was asked about the Task so far. The Record's saves go on.
    pub(crate) fn abandon_task(&mut self) {
        for kind in [Kind::Stored, Kind::ReadBack, Kind::Activated, Kind::Health, Kind::Settled] {
            if let Some(count) = self.0.get_mut(kind as usize) {
                count.abandoned += core::mem::take(&mut count.awaited);
            }
        }
    }

    /// No answer will come any more: the device rebooted, or the slot is silent.
    pub(crate) fn forget(&mut self) {
        *self = Self::default();
    }

    /// True if a slot or the Record's store owes an awaited answer. The health check has a clock of its own.
    pub(crate) fn awaits_slot(&self) -> bool {
        [Kind::Stored, Kind::Saved, Kind::ReadBack, Kind::Activated, Kind::Settled]
            .iter()
            .any(|kind| self.0.get(*kind as usize).is_some_and(|count| count.awaited > 0))
    }
}
