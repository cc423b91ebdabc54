//! What JD never published: one table. Its default is a proposal (jd-iot-engine §5, §6.3, §8); once a genuine device is
//! seen, configuration replaces what differs.

use alloc::borrow::Cow;

use serde::Deserialize;

use super::{login, topics};

/// Everything of this dialect that no document states. A key that is left out keeps the proposal.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Unpublished {
    /// Where a device speaks.
    pub leaves: Leaves,
    /// The numbers of `iot_ota_status_t`.
    pub statuses: Statuses,
    /// What a login consists of.
    pub login: LoginPatterns,
}

/// The ends of the topics on which a device speaks, behind `/sys/{product key}/{identifier}/ota/firmware/`
/// (jd-iot-engine §5). A platform hears the device on every leaf and tells by content what it says, but for `get`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Leaves {
    /// The version that runs.
    pub version: Cow<'static, str>,
    /// How far a Task is.
    pub progress: Cow<'static, str>,
    /// The question for a firmware.
    pub get: Cow<'static, str>,
    /// The acknowledgement of a push.
    pub upgrade_reply: Cow<'static, str>,
}

/// The numbers of `iot_ota_status_t` (jd-iot-engine §6.3).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Statuses {
    /// Bytes are fetched.
    pub downloading: i64,
    /// All bytes are there.
    pub upgrading: i64,
    /// The device believes that it is done; the version report decides.
    pub success: i64,
    /// It failed, and nothing says where.
    pub failed: i64,
    /// The bytes could not be fetched.
    pub download_failed: i64,
    /// The MD5 does not match.
    pub verify_failed: i64,
    /// The bytes could not be written.
    pub burn_failed: i64,
}

/// The texts of a login (jd-iot-engine §8). `{productKey}` and `{identifier}` stand for the device's names, `{clientId}`
/// for the whole client id, in `signed` only.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LoginPatterns {
    /// The client id.
    pub client_id: Cow<'static, str>,
    /// The user name. It holds both names, with a text between them that neither may hold.
    pub user_name: Cow<'static, str>,
    /// What the password signs: HMAC-SHA256 with the device's secret, in lower-case hex.
    pub signed: Cow<'static, str>,
}

/// The proposal.
pub static PROPOSAL: Unpublished = Unpublished {
    leaves: Leaves {
        version: Cow::Borrowed("version"),
        progress: Cow::Borrowed("progress"),
        get: Cow::Borrowed("get"),
        upgrade_reply: Cow::Borrowed("upgrade_reply"),
    },
    statuses: Statuses {
        downloading: 0,
        upgrading: 1,
        success: 2,
        failed: -1,
        download_failed: -2,
        verify_failed: -3,
        burn_failed: -4,
    },
    login: LoginPatterns {
        client_id: Cow::Borrowed("{productKey}.{identifier}"),
        user_name: Cow::Borrowed("{identifier}&{productKey}"),
        signed: Cow::Borrowed("clientId{clientId}identifier{identifier}productKey{productKey}"),
    },
};

impl Unpublished {
    /// Checks that a device can be spoken of with this table.
    ///
    /// # Errors
    /// What is wrong, for people.
    pub fn check(&self) -> Result<(), &'static str> {
        let Leaves { version, progress, get, upgrade_reply } = &self.leaves;
        if ![version, progress, get, upgrade_reply].into_iter().all(|leaf| topics::is_leaf(leaf)) {
            return Err("a leaf is 1 to 64 letters, digits, _, - and /");
        }
        let LoginPatterns { client_id, user_name, .. } = &self.login;
        if !login::tells_who(user_name) {
            return Err("user_name holds {productKey} and {identifier}, with a text between them");
        }
        if client_id.is_empty() {
            return Err("client_id is empty");
        }
        let Statuses { downloading, upgrading, success, failed, download_failed, verify_failed, burn_failed } =
            self.statuses;
        let mut numbers =
            [downloading, upgrading, success, failed, download_failed, verify_failed, burn_failed];
        numbers.sort_unstable();
        match numbers.windows(2).any(|pair| pair.first() == pair.last()) {
            true => Err("two statuses have the same number"),
            false => Ok(()),
        }
    }
}

impl Default for Unpublished {
    fn default() -> Self {
        PROPOSAL.clone()
    }
}

impl Default for Leaves {
    fn default() -> Self {
        PROPOSAL.leaves.clone()
    }
}

impl Default for Statuses {
    fn default() -> Self {
        PROPOSAL.statuses.clone()
    }
}

impl Default for LoginPatterns {
    fn default() -> Self {
        PROPOSAL.login.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn configuration_replaces_what_it_names_and_nothing_else() {
        let told = r#"{"leaves":{"version":"inform"},"statuses":{"success":9}}"#;
        let table: Unpublished = serde_json::from_str(told).unwrap();
        assert_eq!((table.leaves.version.as_ref(), table.statuses.success), ("inform", 9));
        assert_eq!((table.leaves.get.as_ref(), table.statuses.burn_failed), ("get", -4));
        assert_eq!(table.login, PROPOSAL.login);
        assert_eq!(serde_json::from_str::<Unpublished>("{}").unwrap(), PROPOSAL);
        assert!(serde_json::from_str::<Unpublished>(r#"{"leaves":{"verison":"x"}}"#).is_err());
    }

    #[test]
    fn a_table_that_cannot_work_is_refused() {
        let check = |told: &str| serde_json::from_str::<Unpublished>(told).unwrap().check();
        assert_eq!(PROPOSAL.check(), Ok(()));
        assert_eq!(check(r#"{"login":{"user_name":"jd:{productKey}/{identifier}@v1"}}"#), Ok(()));
        for told in [
            r#"{"leaves":{"get":"+"}}"#,
            r#"{"leaves":{"version":""}}"#,
            r#"{"statuses":{"success":0}}"#,
            r#"{"login":{"client_id":""}}"#,
            r#"{"login":{"user_name":"{identifier}"}}"#,
            r#"{"login":{"user_name":"{identifier}{productKey}"}}"#,
            r#"{"login":{"user_name":"{identifier}&{productkey}"}}"#,
        ] {
            assert!(check(told).is_err(), "{told}");
        }
    }
}
