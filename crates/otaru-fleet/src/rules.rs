//! What a campaign holds each of its tasks to.

use std::time::Duration;

use crate::{CampaignError, Dialect, named::named};

const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

named! {
    /// Who chooses the moment of an update (jd-iot-engine §4.1).
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
    pub enum Policy {
        /// The platform: the device begins when it is told.
        #[default]
        Standard = "standard",
        /// The device, which is built for that.
        Silent = "silent",
    }
    /// A text that names no policy.
    else UnknownPolicy("no policy is named {0:?} (known: standard, silent)")
}

/// How long a device may say nothing about a notice; then the push failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Patience {
    /// As long as its vendor's platform waits: [`Dialect::patience`].
    #[default]
    AsDocumented,
    /// For ever.
    Endless,
    /// For this time.
    For(Duration),
}

impl Patience {
    /// The time that is given; none if it never ends, or if nobody has said yet whose device it is.
    pub fn limit(self) -> Option<Duration> {
        match self {
            Patience::For(limit) => Some(limit),
            Patience::AsDocumented | Patience::Endless => None,
        }
    }
}

/// What a campaign holds each of its tasks to: all the time that may pass, and what is tried again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rules {
    /// How long an attempt may take, counted from its first progress report (aliyun-link-sdk-v4 §7.3).
    pub timeout: Duration,
    /// How many more attempts follow one that failed; never after a timeout or a cancel (aliyun-link-sdk-v4 §7.3,
    /// jd-iot-engine §7.2).
    pub retries: u8,
    /// How long after a failure the next attempt begins; [`Rules::QUIET`] if this is shorter.
    pub retry_interval: Duration,
    /// How long the device may say nothing about a notice. A task's is never [`Patience::AsDocumented`].
    pub patience: Patience,
    /// How long after the campaign was made devices are told of it; what has not begun then fails (jd-iot-engine §7.2).
    /// None: for ever.
    pub valid_for: Option<Duration>,
    /// Who chooses the moment.
    pub policy: Policy,
}

impl Rules {
    /// How long an attempt may take unless the order says otherwise.
    pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(60 * 60);
    /// The shortest timeout.
    pub const MIN_TIMEOUT: Duration = Duration::from_secs(1);
    /// The longest timeout. The vendor's is one day (aliyun-link-sdk-v4 §7.3).
    pub const MAX_TIMEOUT: Duration = DAY.saturating_mul(30);
    /// The most retries (jd-iot-engine §7.2, aliyun-link-sdk-v4 §7.3).
    pub const MAX_RETRIES: u8 = 5;
    /// The longest interval (jd-iot-engine §7.2).
    pub const MAX_RETRY_INTERVAL: Duration = MINUTE.saturating_mul(4320);
    /// The least time between a failure and the next attempt. A report tells no attempt, so what repeats the failure has
    /// to come before the device is told again.
    pub const QUIET: Duration = Duration::from_secs(10);
    /// The shortest time for an answer.
    pub const MIN_ANSWER_TIMEOUT: Duration = Duration::from_secs(1);
    /// The longest time for an answer.
    pub const MAX_ANSWER_TIMEOUT: Duration = MINUTE.saturating_mul(60);
    /// The shortest validity.
    pub const MIN_VALIDITY: Duration = DAY;
    /// The longest validity (aliyun-link-sdk-v4 §7.5; jd-iot-engine §7.2 has 7 days).
    pub const MAX_VALIDITY: Duration = DAY.saturating_mul(30);

    /// The rules of a task whose device speaks this dialect.
    #[must_use]
    pub fn of(&self, dialect: Dialect) -> Self {
        let patience = match self.patience {
            Patience::AsDocumented => dialect.patience(),
            ordered => ordered,
        };
        Self { patience, ..self.clone() }
    }

    /// Is each within its limits?
    ///
    /// # Errors
    /// The first that is not.
    pub(crate) fn check(&self) -> Result<(), CampaignError> {
        if !(Self::MIN_TIMEOUT..=Self::MAX_TIMEOUT).contains(&self.timeout) {
            return Err(CampaignError::Timeout { seconds: self.timeout.as_secs() });
        }
        if self.retries > Self::MAX_RETRIES {
            return Err(CampaignError::Retries { retries: self.retries });
        }
        if self.retry_interval > Self::MAX_RETRY_INTERVAL {
            return Err(CampaignError::RetryInterval { minutes: self.retry_interval.as_secs() / 60 });
        }
        let answers = Self::MIN_ANSWER_TIMEOUT..=Self::MAX_ANSWER_TIMEOUT;
        if let Some(wrong) = self.patience.limit().filter(|time| !answers.contains(time)) {
            return Err(CampaignError::AnswerTimeout { seconds: wrong.as_secs() });
        }
        let validities = Self::MIN_VALIDITY..=Self::MAX_VALIDITY;
        if let Some(wrong) = self.valid_for.filter(|time| !validities.contains(time)) {
            return Err(CampaignError::Validity { days: wrong.as_secs() / DAY.as_secs() });
        }
        Ok(())
    }
}

impl Default for Rules {
    /// One attempt of an hour, silence allowed where the vendor allows it, valid for ever.
    fn default() -> Self {
        Self {
            timeout: Self::DEFAULT_TIMEOUT,
            retries: 0,
            retry_interval: Duration::ZERO,
            patience: Patience::default(),
            valid_for: None,
            policy: Policy::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_beyond_their_limits_are_refused_and_those_at_them_hold() {
        let most = Rules {
            timeout: Rules::MAX_TIMEOUT,
            retries: 5,
            retry_interval: MINUTE * 4320,
            patience: Patience::For(MINUTE * 60),
            valid_for: Some(DAY * 30),
            policy: Policy::Silent,
        };
        assert_eq!(most.check(), Ok(()));
        assert_eq!(Rules::default().check(), Ok(()));
        let refused = |rules: Rules| rules.check().unwrap_err();
        assert_eq!(
            refused(Rules { timeout: Duration::ZERO, ..most.clone() }),
            CampaignError::Timeout { seconds: 0 }
        );
        assert_eq!(refused(Rules { retries: 6, ..most.clone() }), CampaignError::Retries { retries: 6 });
        assert_eq!(
            refused(Rules { retry_interval: MINUTE * 4321, ..most.clone() }),
            CampaignError::RetryInterval { minutes: 4321 }
        );
        for seconds in [0, 3601] {
            let rules = Rules { patience: Patience::For(Duration::from_secs(seconds)), ..most.clone() };
            assert_eq!(refused(rules), CampaignError::AnswerTimeout { seconds });
        }
        for days in [0, 31] {
            let rules = Rules { valid_for: Some(DAY * days), ..most.clone() };
            assert_eq!(refused(rules), CampaignError::Validity { days: u64::from(days) });
        }
    }

    #[test]
    fn what_an_order_leaves_open_is_as_the_devices_vendor_documents_it() {
        let open = Rules { retries: 2, ..Rules::default() };
        let jd = open.of(Dialect::Jd);
        assert_eq!((jd.patience.limit(), jd.retries), (Some(Duration::from_secs(10)), 2));
        assert_eq!(open.of(Dialect::Aliyun).patience, Patience::Endless);
        for asked in [Patience::Endless, Patience::For(MINUTE)] {
            let rules = Rules { patience: asked, ..open.clone() };
            assert!(Dialect::ALL.into_iter().all(|dialect| rules.of(dialect) == rules), "{asked:?}");
        }
    }
}
