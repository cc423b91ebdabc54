//! `[policy]`: the core's policy with units in the names.

use otaru_core::Policy;
use serde::Deserialize;

use super::{Seconds, value};

/// Who decides about offers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PolicyMode {
    /// Nobody is asked: every offer is taken.
    #[default]
    Silent,
    /// The user: before fetching and before activating.
    Standard,
}

impl PolicyMode {
    fn policy(self) -> Policy {
        match self {
            Self::Silent => Policy::silent(),
            Self::Standard => Policy::standard(),
        }
    }
}

macro_rules! policy_config {
    ($($(#[$doc:meta])* $(@$check:literal)? $key:ident: $type:ty => |$policy:ident, $value:ident| $set:expr;)*) => {
        /// `[policy]`: what is not given stays as [`Policy::default`] has it.
        #[derive(Debug, Clone, Default, Deserialize)]
        #[serde(deny_unknown_fields, default)]
        pub struct PolicyConfig {
            /// Who decides about offers. Keys below it that are given count more.
            pub mode: Option<PolicyMode>,
            $($(#[$doc])* $(#[serde(deserialize_with = $check)])? pub $key: Option<$type>,)*
        }

        impl PolicyConfig {
            /// The core's policy.
            pub fn policy(&self) -> Policy {
                let mut policy = self.mode.unwrap_or_default().policy();
                $(if let Some($value) = self.$key {
                    let $policy = &mut policy;
                    $set;
                })*
                policy
            }
        }
    };
}

/// A bounded number as a smaller type; the bounds make it fit.
fn small<T: TryFrom<u64> + Default>(number: u64) -> T {
    T::try_from(number).unwrap_or_default()
}

policy_config! {
    /// Wait for a decision before fetching.
    ask_before_fetch: bool => |policy, value| policy.ask_before_fetch = value;
    /// Wait for a decision before activating.
    ask_before_activate: bool => |policy, value| policy.ask_before_activate = value;
    /// The most bytes asked for in one request.
    @"value::some_within::<_, 1024, { u64::MAX }>"
    range_bytes: u64 => |policy, value| policy.range_bytes = Some(value);
    /// Largest package accepted, in bytes.
    @"value::some_within::<_, 1, { u64::MAX }>"
    max_package_bytes: u64 => |policy, value| policy.max_package_bytes = Some(value);
    /// Bytes stored between two saves of the Record.
    @"value::some_within::<_, 4096, { u64::MAX }>"
    checkpoint_bytes: u64 => |policy, value| policy.checkpoint_bytes = value;
    /// Bytes per read when a slot is verified.
    @"value::some_within::<_, 4096, 4194304>"
    read_back_bytes: u64 => |policy, value| policy.read_back_bytes = small(value);
    /// Percent between two progress reports.
    @"value::some_within::<_, 1, 100>"
    report_percent: u64 => |policy, value| policy.report_percent = small(value);
    /// The least time between two progress reports.
    report_interval_s: Seconds => |policy, value| policy.report_interval = value.0;
    /// Silence within a fetch after which it counts as broken.
    stall_timeout_s: Seconds => |policy, value| policy.stall_timeout = value.0;
    /// Bytes asked for at once when a file comes in blocks over MQTT.
    @"value::some_within::<_, 1, { otaru_wire::MAX_BLOCK_BYTES as u64 }>"
    block_bytes: u64 => |policy, value| policy.block_bytes = small(value);
    /// How long a block over MQTT may take.
    block_timeout_s: Seconds => |policy, value| policy.block_timeout = value.0;
    /// The least time between two requests for blocks.
    block_interval_s: Seconds => |policy, value| policy.block_interval = value.0;
    /// The first pause after a failed fetch.
    retry_first_s: Seconds => |policy, value| policy.retry_first = value.0;
    /// The longest such pause.
    retry_longest_s: Seconds => |policy, value| policy.retry_longest = value.0;
    /// Failed fetches in a row after which the Task fails.
    @"value::some_within::<_, 0, 4294967295>"
    retry_attempts: u64 => |policy, value| policy.retry_attempts = small(value);
    /// Fresh links asked for in a row before the Task fails.
    @"value::some_within::<_, 0, 4294967295>"
    link_attempts: u64 => |policy, value| policy.link_attempts = small(value);
    /// How long the answer to a query for a fresh link may take.
    link_timeout_s: Seconds => |policy, value| policy.link_timeout = value.0;
    /// How often a platform that is asked by calls is asked for a Task while none is in hand.
    @"value::some_positive"
    poll_interval_s: Seconds => |policy, value| policy.poll_interval = value.0;
    /// How long the answer to a call may take.
    call_timeout_s: Seconds => |policy, value| policy.call_timeout = value.0;
    /// Downloads from zero after a digest that did not match.
    @"value::some_within::<_, 0, 4294967295>"
    digest_attempts: u64 => |policy, value| policy.digest_attempts = small(value);
    /// Downloads from zero because the server's file changed or cannot be had in ranges.
    @"value::some_within::<_, 0, 4294967295>"
    restart_attempts: u64 => |policy, value| policy.restart_attempts = small(value);
    /// The longest pause before an offer that failed is taken again.
    offer_longest_s: Seconds => |policy, value| policy.offer_longest = value.0;
    /// How long one fetch of a Config, or the program that takes it, may take.
    config_timeout_s: Seconds => |policy, value| policy.config_timeout = value.0;
    /// How long a slot may take to answer.
    slot_timeout_s: Seconds => |policy, value| policy.slot_timeout = value.0;
    /// How long a Trial may take until its health check passes.
    trial_timeout_s: Seconds => |policy, value| policy.trial_timeout = value.0;
    /// The pause between two health checks in a Trial.
    health_interval_s: Seconds => |policy, value| policy.health_interval = value.0;
}
