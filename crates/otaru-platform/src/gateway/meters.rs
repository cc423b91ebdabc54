//! Every figure that the gateway keeps, by name.

use metrics::{Counter, Unit, counter, describe_counter, describe_gauge};

/// Devices that are connected.
pub(super) const SESSIONS: &str = "otaru_mqtt_sessions";
/// Devices that are connected behind gateways.
pub(super) const BEHIND: &str = "otaru_mqtt_sub_devices";
/// Sessions opened.
pub(super) const OPENED: &str = "otaru_mqtt_sessions_opened_total";
/// Sessions ended, by `why`.
pub(super) const ENDED: &str = "otaru_mqtt_sessions_ended_total";
/// Devices admitted for a grant alone.
pub(super) const GRANTED: &str = "otaru_mqtt_grants_total";
/// Connections that never became a session, by `why`.
pub(super) const REFUSED: &str = "otaru_mqtt_connections_refused_total";
/// Messages taken from devices.
const RECEIVED: &str = "otaru_mqtt_messages_received_total";
/// Messages written to devices.
const SENT: &str = "otaru_mqtt_messages_sent_total";
/// Messages that a device does not take: too long for it.
pub(super) const UNDELIVERABLE: &str = "otaru_mqtt_messages_undeliverable_total";
/// Messages dropped because their topic is not the device's.
pub(super) const FOREIGN_PUBLISHES: &str = "otaru_mqtt_foreign_publishes_total";
/// Subscriptions refused because their filter is not the device's.
pub(super) const FOREIGN_SUBSCRIPTIONS: &str = "otaru_mqtt_foreign_subscriptions_total";

/// Counters that go up with every message, looked up once.
pub(super) struct Meters {
    pub(super) received: Counter,
    pub(super) sent: Counter,
}

impl Meters {
    /// Tells the recorder what each figure means, and finds the busy ones.
    pub(super) fn new() -> Self {
        describe_gauge!(SESSIONS, Unit::Count, "Devices that are connected.");
        describe_gauge!(BEHIND, Unit::Count, "Devices that are connected behind gateways.");
        describe_counter!(OPENED, Unit::Count, "Sessions opened.");
        describe_counter!(ENDED, Unit::Count, "Sessions ended.");
        describe_counter!(GRANTED, Unit::Count, "Devices admitted for a grant alone.");
        describe_counter!(REFUSED, Unit::Count, "Connections that never became a session.");
        describe_counter!(RECEIVED, Unit::Count, "Messages taken from devices.");
        describe_counter!(SENT, Unit::Count, "Messages written to devices.");
        describe_counter!(UNDELIVERABLE, Unit::Count, "Messages that a device does not take.");
        describe_counter!(FOREIGN_PUBLISHES, Unit::Count, "Messages dropped: the topic is not the device's.");
        describe_counter!(FOREIGN_SUBSCRIPTIONS, Unit::Count, "Subscriptions refused: not the device's.");
        Self { received: counter!(RECEIVED), sent: counter!(SENT) }
    }
}
