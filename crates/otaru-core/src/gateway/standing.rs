//! How a device behind a gateway stands with the platform.

use otaru_wire::Instant;

/// How a device stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// Not logged in; when to ask for it.
    Out { ask_at: Instant },
    /// Asked for; which message of ours is to be answered, and when it counts as lost.
    Asked { question: Question, number: u32, until: Instant },
    /// Logged in.
    In,
}

/// What the platform is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Question {
    /// To log the device in.
    Login,
    /// To note that the device belongs to this gateway.
    Add,
    /// To log it in after that.
    LoginOnceAdded,
}

impl Standing {
    /// When something is to be done about it; what waits to be asked waits for `free` room as well.
    pub(super) fn due(self, free: bool) -> Option<Instant> {
        match self {
            Standing::Out { ask_at } => free.then_some(ask_at),
            Standing::Asked { until, .. } => Some(until),
            Standing::In => None,
        }
    }

    /// True if its answer is overdue.
    pub(super) fn is_over(self, now: Instant) -> bool {
        matches!(self, Standing::Asked { until, .. } if until <= now)
    }

    /// True if it is time to ask for it.
    pub(super) fn may_ask(self, now: Instant) -> bool {
        matches!(self, Standing::Out { ask_at } if ask_at <= now)
    }
}
