//! Operators' tokens: made of random bytes, shown once, kept as a hash.

use std::fmt::Write as _;

use sha2::{Digest as _, Sha256};

use super::{Service, ServiceError};

/// The name of the token that the first start makes.
const FIRST: &str = "first";

impl Service {
    /// The first operator token, made if there is none at all. Shown once; only its hash is kept.
    ///
    /// # Errors
    /// The store's, or the system has no random bytes.
    pub async fn first_token(&self) -> Result<Option<String>, ServiceError> {
        match self.store().token_count().await? {
            0 => Ok(Some(self.create_token(FIRST).await?)),
            _ => Ok(None),
        }
    }

    /// One more operator token. The name is for people and must be new.
    ///
    /// # Errors
    /// The store's, or the system has no random bytes.
    pub async fn create_token(&self, name: &str) -> Result<String, ServiceError> {
        let token = format!("otaru_{}", random_hex::<32>()?);
        self.store().add_token(name, hash(&token), self.now()).await?;
        Ok(token)
    }

    /// The name of an operator's token, if it is one. Compared by its hash: how long it takes tells nothing.
    ///
    /// # Errors
    /// The store's.
    pub async fn operator(&self, token: &str) -> Result<Option<String>, ServiceError> {
        Ok(self.store().token(hash(token)).await?)
    }
}

fn hash(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}

/// `N` random bytes.
pub(super) fn random<const N: usize>() -> Result<[u8; N], ServiceError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|error| ServiceError::Random(error.to_string()))?;
    Ok(bytes)
}

/// `N` random bytes in lower-case hex.
pub(super) fn random_hex<const N: usize>() -> Result<String, ServiceError> {
    let bytes = random::<N>()?;
    let mut hex = String::with_capacity(2 * N);
    for byte in bytes {
        // Writing into a String cannot fail.
        let _ = write!(hex, "{byte:02x}");
    }
    Ok(hex)
}
