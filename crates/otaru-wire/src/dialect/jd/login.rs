//! The login (jd-iot-engine §8): three texts made by patterns, because the real formula is not known.

use alloc::string::String;

use super::{
    super::sign::{self, Method, Proof},
    unpublished::LoginPatterns,
};
use crate::{
    DeviceId, DeviceName, ProductKey,
    dialect::{Credentials, Login, LoginError},
};

/// The login of a device.
pub(super) fn write(patterns: &LoginPatterns, credentials: &Credentials) -> Login {
    let DeviceId { product, device } = &credentials.id;
    let names = Names { product: product.as_str(), identifier: device.as_str() };
    let client_id = names.fill(&patterns.client_id);
    let signed = names.signed(patterns, &client_id);
    Login {
        user_name: names.fill(&patterns.user_name),
        password: sign::hmac_sha256(&credentials.secret, &signed).to_ascii_lowercase(),
        client_id,
    }
}

/// Who a login claims to be.
pub(super) fn read(patterns: &LoginPatterns, login: &Login) -> Result<DeviceId, LoginError> {
    let names = names(patterns, login)?;
    Ok(DeviceId { product: ProductKey::new(names.product)?, device: DeviceName::new(names.identifier)? })
}

/// Computes the signature again and compares in constant time.
pub(super) fn verify(patterns: &LoginPatterns, login: &Login, secret: &str) -> Result<(), LoginError> {
    let signed = names(patterns, login)?.signed(patterns, &login.client_id);
    let proof = Proof::from_hex(&login.password).ok_or(LoginError::WrongPassword)?;
    proof.holds(Method::Sha256, secret, &signed).then_some(()).ok_or(LoginError::WrongPassword)
}

/// The names in the user name, if the client id is the one that belongs to them.
fn names<'a>(patterns: &LoginPatterns, login: &'a Login) -> Result<Names<'a>, LoginError> {
    Names::take_from(&patterns.user_name, &login.user_name)
        .filter(|names| names.fill(&patterns.client_id) == login.client_id)
        .ok_or(LoginError::NotThisDialect)
}

/// True for a pattern from which both names can be taken again.
pub(super) fn tells_who(user_name: &str) -> bool {
    let names = Names { product: "p", identifier: "i" };
    Names::take_from(user_name, &names.fill(user_name)) == Some(names)
}

const PRODUCT: &str = "{productKey}";
const IDENTIFIER: &str = "{identifier}";
const CLIENT_ID: &str = "{clientId}";

/// A device's two names, nothing known of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Names<'a> {
    product: &'a str,
    identifier: &'a str,
}

impl<'a> Names<'a> {
    fn fill(&self, pattern: &str) -> String {
        pattern.replace(PRODUCT, self.product).replace(IDENTIFIER, self.identifier)
    }

    /// The client id goes in last: its own text may look like a pattern.
    fn signed(&self, patterns: &LoginPatterns, client_id: &str) -> String {
        let mut parts = patterns.signed.split(CLIENT_ID);
        let first = parts.next().map(|part| self.fill(part)).unwrap_or_default();
        parts.fold(first, |text, part| text + client_id + &self.fill(part))
    }

    /// The names in a text that was made by `pattern`; each ends where the text between the two first begins.
    fn take_from(pattern: &str, text: &'a str) -> Option<Self> {
        let (mut names, mut pattern, mut text) = (Self::default(), pattern, text);
        while let Some(open) = pattern.find('{') {
            let (before, rest) = pattern.split_at_checked(open)?;
            let (_, after) = rest.split_once('}')?;
            text = text.strip_prefix(before)?;
            let end = match after.split('{').next().unwrap_or_default() {
                "" if after.is_empty() => text.len(),
                between => text.find(between)?,
            };
            let (name, behind) = text.split_at_checked(end)?;
            match rest {
                rest if rest.starts_with(PRODUCT) => names.product = name,
                rest if rest.starts_with(IDENTIFIER) => names.identifier = name,
                _ => return None,
            }
            (text, pattern) = (behind, after);
        }
        (text == pattern).then_some(names)
    }
}

#[cfg(test)]
mod tests {
    use alloc::{borrow::Cow, string::ToString};

    use proptest::prelude::*;

    use super::*;
    use crate::dialect::jd::PROPOSAL;

    fn credentials(product: &str, identifier: &str) -> Credentials {
        let id = DeviceId { product: product.parse().unwrap(), device: identifier.parse().unwrap() };
        Credentials { id, secret: "s3cr3t-demo".into() }
    }

    /// Source: jd-iot-engine §8, the worked example.
    #[test]
    fn the_sheets_example_is_written_and_verified() {
        let login = write(&PROPOSAL.login, &credentials("pkDemo01", "idDemo0001"));
        assert_eq!(login.client_id, "pkDemo01.idDemo0001");
        assert_eq!(login.user_name, "idDemo0001&pkDemo01");
        let password = "a23f2f60c2981d4e04cd32c3012e6cba350d4a82f77d85365e68cd060ee7a8ec";
        assert_eq!(login.password, password);
        assert_eq!(read(&PROPOSAL.login, &login).unwrap().to_string(), "pkDemo01/idDemo0001");
        assert_eq!(verify(&PROPOSAL.login, &login, "s3cr3t-demo"), Ok(()));
        let forged = Login { password: password.replacen('a', "b", 1), ..login.clone() };
        assert_eq!(verify(&PROPOSAL.login, &forged, "s3cr3t-demo"), Err(LoginError::WrongPassword));
        assert_eq!(verify(&PROPOSAL.login, &login, "s3cr3t-dem0"), Err(LoginError::WrongPassword));
    }

    #[test]
    fn a_login_of_another_form_is_another_dialects() {
        let login = write(&PROPOSAL.login, &credentials("pkDemo01", "idDemo0001"));
        for (client_id, user_name) in [
            ("pkDemo01.idDemo0001|securemode=3|", "idDemo0001&pkDemo01"),
            ("pkDemo01.idDemo0001", "idDemo0002&pkDemo01"),
            ("pkDemo01.idDemo0001", "idDemo0001"),
            ("", ""),
        ] {
            let login = Login { client_id: client_id.into(), user_name: user_name.into(), ..login.clone() };
            assert_eq!(read(&PROPOSAL.login, &login), Err(LoginError::NotThisDialect), "{client_id}");
            assert_eq!(verify(&PROPOSAL.login, &login, "x"), Err(LoginError::NotThisDialect));
        }
        let odd = Login { client_id: "p/1.d".into(), user_name: "d&p/1".into(), ..login };
        assert!(matches!(read(&PROPOSAL.login, &odd), Err(LoginError::Id(_))));
    }

    #[test]
    fn other_patterns_make_other_logins_that_are_read_back() {
        for (client_id, user_name) in
            [("{identifier}", "jd:{productKey}/{identifier}@v1"), ("x", "{identifier}&{productKey}")]
        {
            let patterns = LoginPatterns {
                client_id: Cow::Borrowed(client_id),
                user_name: Cow::Borrowed(user_name),
                signed: Cow::Borrowed("{clientId}{productKey}"),
            };
            let credentials = credentials("pk", "id-1");
            let login = write(&patterns, &credentials);
            assert_eq!(read(&patterns, &login), Ok(credentials.id), "{user_name}");
            assert_eq!(verify(&patterns, &login, "s3cr3t-demo"), Ok(()));
        }
    }

    proptest! {
        #[test]
        fn every_login_is_read_back(product in "[A-Za-z0-9_-]{1,64}", identifier in "[A-Za-z0-9_.:@-]{1,64}") {
            let credentials = credentials(&product, &identifier);
            let login = write(&PROPOSAL.login, &credentials);
            prop_assert_eq!(read(&PROPOSAL.login, &login), Ok(credentials.id));
            prop_assert_eq!(verify(&PROPOSAL.login, &login, "s3cr3t-demo"), Ok(()));
        }

        #[test]
        fn any_pattern_and_any_text_are_read_or_refused(pattern in "[a{}&]{0,8}|[a{}&]{0,4}\\{(productKey|identifier)\\}[a{}é]{0,4}", text: String) {
            let _ = Names::take_from(&pattern, &text);
        }
    }
}
