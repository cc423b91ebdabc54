//! The secrets of products and devices: brought along from a vendor's cloud, or made here. Each dialect has its form.

use otaru_fleet::{Dialect, Secret};
use otaru_wire::dialect::onenet::AccessKey;

use super::{
    ServiceError,
    tokens::{random, random_hex},
};

/// The longest secret that may be brought along, in bytes.
const MAX_SECRET_BYTES: usize = 128;

/// The secret that was brought along if it can be one, else a fresh one: 32 hex digits, or 32 bytes in base64 where secrets
/// are bytes.
///
/// # Errors
/// It cannot be one, or the system has no random bytes.
pub(super) fn brought_or_fresh(dialect: Dialect, brought: Option<Secret>) -> Result<Secret, ServiceError> {
    match brought {
        Some(secret) => check(dialect, secret),
        None => Ok(Secret::new(match dialect {
            Dialect::Onenet => AccessKey::from_random(random()?).to_base64(),
            _ => random_hex::<16>()?,
        })),
    }
}

fn check(dialect: Dialect, secret: Secret) -> Result<Secret, ServiceError> {
    let text = secret.expose();
    if text.is_empty() || text.len() > MAX_SECRET_BYTES || !text.bytes().all(|b| b.is_ascii_graphic()) {
        return Err(ServiceError::BadSecret);
    }
    if dialect == Dialect::Onenet {
        AccessKey::from_base64(text).map_err(ServiceError::BadAccessKey)?;
    }
    Ok(secret)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fresh_secret_of_each_dialect_is_one_that_could_be_brought_along() {
        for dialect in Dialect::ALL {
            let (fresh, other) = (brought_or_fresh(dialect, None), brought_or_fresh(dialect, None));
            let fresh = fresh.unwrap();
            assert_eq!(check(dialect, fresh.clone()).unwrap(), fresh, "{dialect}");
            assert_ne!(fresh, other.unwrap(), "{dialect}");
        }
    }

    /// Source: onenet §3.1: the key is what the printed text decodes to.
    #[test]
    fn an_access_key_that_is_no_base64_is_refused_and_others_stay_as_they_were_printed() {
        let brought = |dialect, text: &str| brought_or_fresh(dialect, Some(Secret::new(text)));
        let printed = "S2V5T2ZUaGVGYWN0U2hlZXRTZXJ2ZXJUZXN0MDAwMQ==";
        assert_eq!(brought(Dialect::Onenet, printed).unwrap().expose(), printed);
        for text in ["8f0d3c5e-7a9b", "a b", ""] {
            assert!(brought(Dialect::Onenet, text).is_err(), "{text:?}");
        }
        assert!(matches!(brought(Dialect::Onenet, "%"), Err(ServiceError::BadAccessKey(_))));
        assert_eq!(brought(Dialect::Aliyun, "%").unwrap().expose(), "%");
    }
}
