//! Exit codes: scripts may rely on them.

use std::fmt;

/// All went well.
pub(crate) const SUCCESS: u8 = 0;
/// Something failed that has no code of its own. (2 is a wrong command line.)
pub(crate) const FAILURE: u8 = 1;
/// `agent`: the device is to be rebooted now; start the agent again to boot the new slot.
pub(crate) const AGENT_REBOOT: u8 = 10;
/// `campaign watch`: the campaign ended, and at least one of its tasks did not succeed.
pub(crate) const CAMPAIGN_NOT_ALL_SUCCEEDED: u8 = 20;
/// `demo`: a device did not end on the new version, or its slot differs from the image.
pub(crate) const DEMO_FAILED: u8 = 21;
/// What was named is not on this platform.
pub(crate) const NOT_FOUND: u8 = 66;
/// The platform cannot be reached, or says it cannot serve now.
pub(crate) const UNAVAILABLE: u8 = 69;
/// It is there already, or what there is does not allow it.
pub(crate) const CONFLICT: u8 = 73;
/// No token, or the platform refuses it.
pub(crate) const NOT_ALLOWED: u8 = 77;
/// The configuration cannot be used.
pub(crate) const CONFIG: u8 = 78;

/// Gives an error its exit code, wherever in a chain of contexts it stands.
#[derive(Debug)]
pub(crate) struct Coded {
    code: u8,
    message: String,
}

impl Coded {
    pub(crate) fn new(code: u8, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }
}

impl fmt::Display for Coded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Coded {}

/// The code for an error that ended the program.
pub(crate) fn code_of(error: &anyhow::Error) -> u8 {
    error.chain().find_map(|cause| cause.downcast_ref::<Coded>()).map_or(FAILURE, |coded| coded.code)
}

#[cfg(test)]
mod tests {
    use anyhow::Context;

    use super::*;

    #[test]
    fn every_code_is_on_the_operators_page() {
        let page = include_str!("../../../docs/operate.md");
        let codes = include_str!("exit.rs").lines().filter(|line| line.starts_with("pub(crate) const "));
        let codes: Vec<&str> = codes.filter_map(|line| line.split(" = ").nth(1)).collect();
        assert!(codes.len() >= 10, "{codes:?}");
        for code in codes {
            assert!(page.contains(&format!("\n| {} |", code.trim_end_matches(';'))), "{code}");
        }
    }

    #[test]
    fn a_code_is_found_below_added_context() {
        let error =
            Err::<(), _>(Coded::new(NOT_FOUND, "no package 7")).context("creating a campaign").unwrap_err();
        assert_eq!(code_of(&error), NOT_FOUND);
        assert_eq!(code_of(&anyhow::anyhow!("other")), FAILURE);
    }
}
