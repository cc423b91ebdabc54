//! Every figure that the service and the store keep, by name.

use metrics::{Unit, describe_counter, describe_gauge, describe_histogram};

/// Logins that held.
pub const LOGINS: &str = "otaru_logins_total";
/// Logins that were refused.
pub const LOGINS_REFUSED: &str = "otaru_logins_refused_total";
/// Devices that registered themselves.
pub const REGISTRATIONS: &str = "otaru_registrations_total";
/// Registrations that were refused.
pub const REGISTRATIONS_REFUSED: &str = "otaru_registrations_refused_total";
/// Reports taken from devices, by `kind`.
pub const REPORTS: &str = "otaru_reports_total";
/// Messages of devices that could not be understood.
pub const REPORTS_MALFORMED: &str = "otaru_reports_malformed_total";
/// Questions of devices that ask over HTTP, by `ask`.
pub const CALLS: &str = "otaru_calls_total";
/// Questions over HTTP that were refused, by `why`.
pub const CALLS_REFUSED: &str = "otaru_calls_refused_total";
/// Reports that waited for the store to work again and were given up.
pub const REPORTS_LOST: &str = "otaru_reports_lost_total";
/// Reports that wait to be processed.
pub const REPORTS_QUEUED: &str = "otaru_reports_queued";
/// Notices that a device which is to reply to them did not.
pub const NOTICES_UNANSWERED: &str = "otaru_notices_unanswered_total";
/// Notices handed to devices.
pub const NOTICES: &str = "otaru_notices_total";
/// Configurations pushed to devices.
pub const CONFIGS_PUSHED: &str = "otaru_configs_pushed_total";
/// Bytes of files handed to devices in blocks over MQTT.
pub const BLOCK_BYTES: &str = "otaru_block_bytes_total";
/// Tasks that came to an end, by `state`.
pub const TASKS_ENDED: &str = "otaru_tasks_ended_total";
/// Attempts that failed and are followed by another.
pub const ATTEMPTS_FAILED: &str = "otaru_attempts_failed_total";
/// Writes that shared one flush of the disk.
pub const STORE_GROUP: &str = "otaru_store_group_size";

/// Tells the recorder what each figure means. Call it once, after the recorder is installed.
pub fn describe() {
    describe_counter!(LOGINS, Unit::Count, "Logins that held.");
    describe_counter!(LOGINS_REFUSED, Unit::Count, "Logins that were refused.");
    describe_counter!(REGISTRATIONS, Unit::Count, "Devices that registered themselves.");
    describe_counter!(REGISTRATIONS_REFUSED, Unit::Count, "Registrations that were refused.");
    describe_counter!(REPORTS, Unit::Count, "Reports taken from devices.");
    describe_counter!(REPORTS_MALFORMED, Unit::Count, "Messages of devices that could not be understood.");
    describe_counter!(CALLS, Unit::Count, "Questions of devices that ask over HTTP.");
    describe_counter!(CALLS_REFUSED, Unit::Count, "Questions over HTTP that were refused.");
    describe_counter!(REPORTS_LOST, Unit::Count, "Reports given up because the store did not work.");
    describe_gauge!(REPORTS_QUEUED, Unit::Count, "Reports that wait to be processed.");
    describe_counter!(NOTICES_UNANSWERED, Unit::Count, "Notices that were not replied to in time.");
    describe_counter!(NOTICES, Unit::Count, "Notices handed to devices.");
    describe_counter!(CONFIGS_PUSHED, Unit::Count, "Configurations pushed to devices.");
    describe_counter!(BLOCK_BYTES, Unit::Bytes, "Bytes of files handed to devices in blocks over MQTT.");
    describe_counter!(TASKS_ENDED, Unit::Count, "Tasks that came to an end.");
    describe_counter!(ATTEMPTS_FAILED, Unit::Count, "Attempts that failed and are followed by another.");
    describe_histogram!(STORE_GROUP, Unit::Count, "Writes that shared one flush of the disk.");
}
