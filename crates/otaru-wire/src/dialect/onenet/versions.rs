//! The versions a device runs: the report, and what the platform has heard (onenet §2.1, §2.4).

use alloc::{
    format,
    string::{String, ToString},
    vec::Vec,
};

use serde::Deserialize;

use super::{Kind, body};
use crate::{
    IdError, Report, Version,
    dialect::{ReadError, json},
};

/// What a device runs, as far as it is told.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Versions {
    /// `f_version`: the modem's firmware.
    pub fota: Option<Version>,
    /// `s_version`: the application.
    pub sota: Option<Version>,
}

#[derive(Deserialize)]
pub(super) struct Told {
    f_version: Option<String>,
    s_version: Option<String>,
}

impl Versions {
    /// One version.
    pub fn one(kind: Kind, version: Version) -> Self {
        match kind {
            Kind::Fota => Self { fota: Some(version), sota: None },
            Kind::Sota => Self { fota: None, sota: Some(version) },
        }
    }

    /// Each of them as a neutral report.
    pub fn reports(&self) -> Vec<Report> {
        let pairs = [(Kind::Fota, &self.fota), (Kind::Sota, &self.sota)];
        let told = pairs.into_iter().filter_map(|(kind, version)| Some((kind, version.clone()?)));
        told.map(|(kind, version)| Report::Version { module: kind.module(), version }).collect()
    }

    /// The object, both ways: a report's body and an answer's data.
    pub(super) fn write(&self) -> String {
        let field = |name: &str, version: &Option<Version>| {
            version.as_ref().map(|version| format!(r#""{name}":"{version}""#)).unwrap_or_default()
        };
        let (fota, sota) = (field("f_version", &self.fota), field("s_version", &self.sota));
        let comma = if fota.is_empty() || sota.is_empty() { "" } else { "," };
        format!("{{{fota}{comma}{sota}}}")
    }

    /// Reads a report. One that tells nothing is malformed.
    pub(super) fn read(text: &[u8]) -> Result<Self, ReadError> {
        let versions: Versions = body::read::<Told>(text)?.try_into()?;
        match versions == Versions::default() {
            true => Err(json::malformed("neither f_version nor s_version is told")),
            false => Ok(versions),
        }
    }
}

impl TryFrom<Told> for Versions {
    type Error = IdError;

    /// An empty text is no version: what a device has not, it may send so.
    fn try_from(told: Told) -> Result<Self, IdError> {
        let version = |text: Option<String>| {
            text.filter(|text| !text.is_empty()).map(|text| Version::new(text.to_string())).transpose()
        };
        Ok(Self { fota: version(told.f_version)?, sota: version(told.s_version)? })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn version(text: &str) -> Option<Version> {
        Some(text.parse().unwrap())
    }

    /// Source: onenet §2.1 row 1, §2.4.
    #[test]
    fn it_is_written_as_the_vendor_writes_it_and_read_in_every_spelling() {
        let both = Versions { fota: version("1.0.0"), sota: version("1.0.0") };
        assert_eq!(both.write(), r#"{"f_version":"1.0.0","s_version":"1.0.0"}"#);
        for text in [
            r#"{"s_version":"1.0.0","f_version":"1.0.0"}"#,
            r#" {"f_version":"1.0.0" ,"s_version":"1.0.0","x":{}}"#,
        ] {
            assert_eq!(Versions::read(text.as_bytes()), Ok(both.clone()), "{text}");
        }
        let one = Versions::one(Kind::Sota, "2".parse().unwrap());
        assert_eq!(one.write(), r#"{"s_version":"2"}"#);
        assert_eq!(Versions::read(br#"{"f_version":"","s_version":"2"}"#), Ok(one));
    }

    #[test]
    fn what_is_no_version_report_is_refused() {
        for text in ["", "{}", "[]", r#"{"f_version":""}"#, r#"{"f_version":1}"#, r#"{"s_version":"1""#] {
            assert!(matches!(Versions::read(text.as_bytes()), Err(ReadError::Malformed(_))), "{text}");
        }
        let long = format!(r#"{{"s_version":"{}"}}"#, "1".repeat(65));
        for text in [long.as_str(), r#"{"s_version":"1 2"}"#] {
            assert!(matches!(Versions::read(text.as_bytes()), Err(ReadError::Id(_))), "{text}");
        }
        let heavy = format!(r#"{{"x":"{}"}}"#, "x".repeat(body::MAX_BODY_BYTES));
        assert!(matches!(Versions::read(heavy.as_bytes()), Err(ReadError::TooLong { .. })));
        let deep = "[".repeat(4000);
        assert!(matches!(Versions::read(deep.as_bytes()), Err(ReadError::TooDeep { .. })));
    }

    #[test]
    fn each_version_is_a_report_of_its_module() {
        let both = Versions { fota: version("1"), sota: version("2") };
        let want = [(Kind::Fota, "1"), (Kind::Sota, "2")]
            .map(|(kind, text)| Report::Version { module: kind.module(), version: text.parse().unwrap() });
        assert_eq!(both.reports(), want);
        assert_eq!(Versions::one(Kind::Fota, "1".parse().unwrap()).reports(), want[..1]);
    }

    proptest! {
        #[test]
        fn every_report_comes_back_from_the_wire_as_it_went_in(
            fota in proptest::option::of("[A-Za-z0-9._-]{1,64}"), sota in "[A-Za-z0-9._-]{1,64}",
        ) {
            let versions = Versions { fota: fota.map(|text| text.parse().unwrap()), sota: version(&sota) };
            prop_assert_eq!(Versions::read(versions.write().as_bytes()), Ok(versions));
        }

        #[test]
        fn random_bytes_never_panic(bytes: Vec<u8>) {
            let _ = Versions::read(&bytes);
        }
    }
}
