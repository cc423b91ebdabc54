//! The progress report: a status and a percentage (jd-iot-engine §5, §6.1, §6.3).

use alloc::{format, string::String};

use super::{
    super::json::{self, Scalar},
    envelope::Fields,
    unpublished::Statuses,
};
use crate::{Failure, Module, Report, Step, dialect::ReadError};

/// The longest description sent or kept, in bytes.
const MAX_DESCRIPTION_BYTES: usize = 128;

/// `iot_ota_status_t` in words (jd-iot-engine §6.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// Bytes are fetched.
    Downloading,
    /// All bytes are there.
    Upgrading,
    /// The device believes that it is done; the version report decides.
    Success,
    /// It failed. [`Failure::Upgrade`] does not say where.
    Failed(Failure),
}

/// Every status, and its lower-case name.
const STATUSES: [(&str, Status); 7] = [
    ("downloading", Status::Downloading),
    ("upgrading", Status::Upgrading),
    ("success", Status::Success),
    ("failed", Status::Failed(Failure::Upgrade)),
    ("download_failed", Status::Failed(Failure::Download)),
    ("verify_failed", Status::Failed(Failure::Digest)),
    ("burn_failed", Status::Failed(Failure::Write)),
];

impl Status {
    /// Its number in that table.
    pub fn number(self, statuses: &Statuses) -> i64 {
        match self {
            Status::Downloading => statuses.downloading,
            Status::Upgrading => statuses.upgrading,
            Status::Success => statuses.success,
            Status::Failed(Failure::Upgrade) => statuses.failed,
            Status::Failed(Failure::Download) => statuses.download_failed,
            Status::Failed(Failure::Digest) => statuses.verify_failed,
            Status::Failed(Failure::Write) => statuses.burn_failed,
        }
    }

    /// The status of that number; none if there is none.
    pub fn from_number(statuses: &Statuses, number: i64) -> Option<Self> {
        STATUSES.into_iter().map(|(_, status)| status).find(|status| status.number(statuses) == number)
    }

    /// A neutral step's status and percentage. A failure has none.
    pub(super) fn of(step: Step) -> (Self, u8) {
        match step {
            Step::Percent(percent) if percent < 100 => (Status::Downloading, percent),
            Step::Percent(_) => (Status::Upgrading, 100),
            Step::Failed(failure) => (Status::Failed(failure), 0),
        }
    }

    /// A number, in quotes or not, or a lower-case name. An unknown number below 0 is a failure of unknown kind, any other
    /// only progress (jd-iot-engine §6.3).
    fn read(statuses: &Statuses, told: &Scalar) -> Result<Self, ReadError> {
        let (name, number) = (told.text(), told.number());
        let is = |status: Status| number == Some(i128::from(status.number(statuses)));
        let found = STATUSES.into_iter().find(|(known, status)| *known == name || is(*status));
        match (found, number) {
            (Some((_, status)), _) => Ok(status),
            (None, Some(number)) if number < 0 => Ok(Status::Failed(Failure::Upgrade)),
            (None, Some(_)) => Ok(Status::Downloading),
            (None, None) => Err(json::malformed("status is neither a number nor a known name")),
        }
    }
}

/// The report. A description stands where the envelope has a failure's text. The proposal's `firmwareVersion` and `ts` are left
/// out: a report does not know them.
pub(super) fn write(statuses: &Statuses, id: u32, status: Status, percent: u8, description: &str) -> String {
    let (status, percent) = (status.number(statuses), percent.min(100));
    let message = match json::cut(description, MAX_DESCRIPTION_BYTES) {
        "" => String::new(),
        text => format!(r#","message":{}"#, json::quoted(text)),
    };
    format!(
        r#"{{"msgId":"{id}","version":"1.0","data":{{"status":{status},"progress":{percent}}}{message}}}"#
    )
}

/// True if that is what the data tells.
pub(super) fn is(data: &Fields) -> bool {
    data.has("status") || data.has("progress")
}

/// A report with status, percentage or both.
pub(super) fn read(statuses: &Statuses, message: &Fields, data: &Fields) -> Result<Report, ReadError> {
    let status = data.scalar("status")?.map(|status| Status::read(statuses, &status)).transpose()?;
    let step = match status {
        Some(Status::Failed(failure)) => Step::Failed(failure),
        Some(Status::Upgrading | Status::Success) => Step::Percent(percent(data)?.unwrap_or(100)),
        Some(Status::Downloading) | None => Step::Percent(percent(data)?.unwrap_or(0)),
    };
    let description: String = message.get("message")?.unwrap_or_default();
    let description = json::cut(&description, MAX_DESCRIPTION_BYTES).into();
    Ok(Report::Progress { module: Module::default(), task: None, step, description })
}

fn percent(data: &Fields) -> Result<Option<u8>, ReadError> {
    let Some(told) = data.scalar("progress")? else { return Ok(None) };
    let number = told.number().ok_or_else(|| json::malformed("progress is not a whole number"))?;
    match u8::try_from(number) {
        Ok(percent) if percent <= 100 => Ok(Some(percent)),
        _ => Err(ReadError::Step { found: i64::try_from(number).unwrap_or(i64::MAX) }),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::dialect::jd::{PROPOSAL, envelope};

    fn heard(text: &str) -> Result<Report, ReadError> {
        let fields = envelope::read(text.as_bytes())?;
        read(&PROPOSAL.statuses, &fields, &fields.data()?.unwrap())
    }

    fn written(statuses: &Statuses, id: u32, step: Step, description: &str) -> String {
        let (status, percent) = Status::of(step);
        write(statuses, id, status, percent, description)
    }

    fn report(step: Step, description: &str) -> Report {
        Report::Progress { module: Module::default(), task: None, step, description: description.into() }
    }

    /// Source: jd-iot-engine §5, §6.3.
    #[test]
    fn status_and_percentage_are_written_as_proposed() {
        let data = |step, text: &str| written(&PROPOSAL.statuses, 6, step, text);
        let golden = r#"{"msgId":"6","version":"1.0","data":{"status":0,"progress":45}}"#;
        assert_eq!(data(Step::Percent(45), ""), golden);
        let golden = r#"{"msgId":"6","version":"1.0","data":{"status":1,"progress":100}}"#;
        assert_eq!(data(Step::Percent(100), ""), golden);
        let golden = r#"{"msgId":"6","version":"1.0","data":{"status":-4,"progress":0},"message":"full"}"#;
        assert_eq!(data(Step::Failed(Failure::Write), "full"), golden);
        let golden = r#"{"msgId":"6","version":"1.0","data":{"status":2,"progress":100}}"#;
        assert_eq!(write(&PROPOSAL.statuses, 6, Status::Success, 100, ""), golden);
    }

    /// Source: jd-iot-engine §6.3.
    #[test]
    fn every_status_has_its_number_and_no_other_number_is_one() {
        for number in -10..10 {
            let status = Status::from_number(&PROPOSAL.statuses, number);
            assert_eq!(
                status.map(|status| status.number(&PROPOSAL.statuses)),
                (-4..3).contains(&number).then_some(number)
            );
        }
    }

    /// Source: jd-iot-engine §5 (the sample) and §6.3 (what a platform takes).
    #[test]
    fn every_spelling_of_a_status_is_read() {
        let sample = r#"{"msgId":"6","version":"1.0","data":{"status":0,"progress":45,"firmwareVersion":"2.3.0"},"ts":1735689660000}"#;
        assert_eq!(heard(sample), Ok(report(Step::Percent(45), "")));
        for (data, step) in [
            (r#""status":"-3","progress":70"#, Step::Failed(Failure::Digest)),
            (r#""status":"burn_failed""#, Step::Failed(Failure::Write)),
            (r#""status":-77"#, Step::Failed(Failure::Upgrade)),
            (r#""status":77,"progress":"8""#, Step::Percent(8)),
            (r#""status":77"#, Step::Percent(0)),
            (r#""progress":8"#, Step::Percent(8)),
            (r#""status":" success ""#, Step::Percent(100)),
            (r#""status":2,"progress":99"#, Step::Percent(99)),
        ] {
            assert_eq!(heard(&format!(r#"{{"data":{{{data}}}}}"#)), Ok(report(step, "")), "{data}");
        }
    }

    #[test]
    fn a_percentage_out_of_range_and_an_unknown_name_are_refused() {
        for found in [-1, 101, i64::MAX] {
            let text = format!(r#"{{"data":{{"progress":{found}}}}}"#);
            assert_eq!(heard(&text), Err(ReadError::Step { found }));
        }
        for data in [r#""status":"happy""#, r#""status":1.5"#, r#""status":[]"#, r#""progress":"half""#] {
            let text = format!(r#"{{"data":{{{data}}}}}"#);
            assert!(matches!(heard(&text), Err(ReadError::Malformed(_))), "{data}");
        }
    }

    #[test]
    fn other_numbers_come_from_the_table() {
        let statuses = Statuses { verify_failed: 7, ..PROPOSAL.statuses.clone() };
        let text = written(&statuses, 1, Step::Failed(Failure::Digest), "");
        let fields = envelope::read(text.as_bytes()).unwrap();
        let heard = read(&statuses, &fields, &fields.data().unwrap().unwrap());
        assert_eq!(heard, Ok(report(Step::Failed(Failure::Digest), "")));
    }

    proptest! {
        #[test]
        fn every_report_comes_back_from_the_wire_as_it_went_in(id: u32, code in -4_i64..=100, text in ".{0,32}") {
            let step = Step::from_code(code).unwrap();
            let told = written(&PROPOSAL.statuses, id, step, &text);
            prop_assert_eq!(heard(&told), Ok(report(step, &text)));
        }
    }
}
