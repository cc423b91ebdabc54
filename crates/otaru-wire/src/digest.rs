//! Digests of firmware files, and a hasher whose state survives a power cut.

use alloc::{string::String, vec::Vec};
use core::fmt;

use md5::Md5;
use serde::{Deserialize, Serialize};
use sha2::{
    Digest as _, Sha256,
    digest::common::hazmat::{SerializableState, SerializedState},
};

/// How a file's digest is computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DigestMethod {
    /// MD5, 16 bytes. Old devices know nothing else; it does not stop a forger.
    Md5,
    /// SHA-256, 32 bytes.
    Sha256,
}

impl DigestMethod {
    /// The digest's length in bytes.
    pub const fn digest_len(self) -> usize {
        match self {
            DigestMethod::Md5 => 16,
            DigestMethod::Sha256 => 32,
        }
    }
}

/// What a file's bytes must hash to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Digest {
    /// MD5.
    Md5([u8; 16]),
    /// SHA-256.
    Sha256([u8; 32]),
}

/// Why a text is not a digest.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DigestError {
    /// The hex text has the wrong length for its method.
    #[error("a {method:?} digest has {want} hex digits, not {found}")]
    Length {
        /// The method named beside it.
        method: DigestMethod,
        /// The right count of hex digits.
        want: usize,
        /// The count found.
        found: usize,
    },
    /// The text holds something that is not a hex digit.
    #[error("a digest holds {found:?}, which is not a hex digit")]
    Character {
        /// The first such character.
        found: char,
    },
    /// No known method has a digest of that length.
    #[error("no digest method is known by that name or length")]
    UnknownMethod,
}

impl Digest {
    /// Reads hex digits of either case.
    ///
    /// # Errors
    /// [`DigestError`] if the length is not the method's or a character is not a hex digit.
    pub fn from_hex(method: DigestMethod, hex: &str) -> Result<Self, DigestError> {
        let want = method.digest_len() * 2;
        if hex.len() != want {
            return Err(DigestError::Length { method, want, found: hex.len() });
        }
        let mut bytes = [0_u8; 32];
        for (at, found) in hex.chars().enumerate() {
            let digit = found.to_digit(16).ok_or(DigestError::Character { found })?;
            bytes[at / 2] = bytes[at / 2] << 4 | digit as u8;
        }
        Ok(match method {
            DigestMethod::Sha256 => Digest::Sha256(bytes),
            DigestMethod::Md5 => {
                let mut short = [0; 16];
                short.copy_from_slice(&bytes[..16]);
                Digest::Md5(short)
            }
        })
    }

    /// The method.
    pub fn method(&self) -> DigestMethod {
        match self {
            Digest::Md5(_) => DigestMethod::Md5,
            Digest::Sha256(_) => DigestMethod::Sha256,
        }
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        match self {
            Digest::Md5(bytes) => bytes,
            Digest::Sha256(bytes) => bytes,
        }
    }
}

impl fmt::Display for Digest {
    /// Lower-case hex.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_bytes().iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl TryFrom<String> for Digest {
    type Error = DigestError;

    fn try_from(hex: String) -> Result<Self, DigestError> {
        match hex.len() {
            32 => Digest::from_hex(DigestMethod::Md5, &hex),
            64 => Digest::from_hex(DigestMethod::Sha256, &hex),
            _ => Err(DigestError::UnknownMethod),
        }
    }
}

impl From<Digest> for String {
    fn from(digest: Digest) -> String {
        alloc::format!("{digest}")
    }
}

/// A digest in the making.
///
/// [`Hasher::save`] and [`Hasher::restore`] carry it over a power cut, so that bytes already stored are not
/// fetched or read again.
#[derive(Clone)]
pub enum Hasher {
    /// MD5.
    Md5(Md5),
    /// SHA-256.
    Sha256(Sha256),
}

/// A saved hasher state that cannot be restored: wrong length or damaged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a saved hash state of {len} bytes is damaged")]
pub struct HasherStateError {
    /// Its length in bytes.
    pub len: usize,
}

impl Hasher {
    /// An empty hasher.
    pub fn new(method: DigestMethod) -> Self {
        match method {
            DigestMethod::Md5 => Hasher::Md5(Md5::new()),
            DigestMethod::Sha256 => Hasher::Sha256(Sha256::new()),
        }
    }

    /// Takes the next bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        match self {
            Hasher::Md5(hasher) => hasher.update(bytes),
            Hasher::Sha256(hasher) => hasher.update(bytes),
        }
    }

    /// The digest of all bytes taken.
    pub fn finish(self) -> Digest {
        match self {
            Hasher::Md5(hasher) => Digest::Md5(hasher.finalize().into()),
            Hasher::Sha256(hasher) => Digest::Sha256(hasher.finalize().into()),
        }
    }

    /// The state as bytes (MD5: 80, SHA-256: 112).
    pub fn save(&self) -> Vec<u8> {
        match self {
            Hasher::Md5(hasher) => hasher.serialize().to_vec(),
            Hasher::Sha256(hasher) => hasher.serialize().to_vec(),
        }
    }

    /// The hasher that [`Hasher::save`] was called on.
    ///
    /// # Errors
    /// [`HasherStateError`] if the bytes are not such a state.
    pub fn restore(method: DigestMethod, state: &[u8]) -> Result<Self, HasherStateError> {
        let damaged = HasherStateError { len: state.len() };
        match method {
            DigestMethod::Md5 => SerializedState::<Md5>::try_from(state)
                .ok()
                .and_then(|state| Md5::deserialize(&state).ok())
                .map(Hasher::Md5),
            DigestMethod::Sha256 => SerializedState::<Sha256>::try_from(state)
                .ok()
                .and_then(|state| Sha256::deserialize(&state).ok())
                .map(Hasher::Sha256),
        }
        .ok_or(damaged)
    }
}

impl fmt::Debug for Hasher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Hasher::Md5(_) => "Hasher::Md5",
            Hasher::Sha256(_) => "Hasher::Sha256",
        })
    }
}

#[cfg(test)]
mod tests {
    use std::string::ToString;

    use super::*;

    // The digests of the nine bytes `123456789`, as the sheet prints them (aliyun-link-sdk-v4 §2.3).
    const MD5: &str = "25f9e794323b453885f5181f1b624d0b";
    const SHA256: &str = "15e2b0d3c33891ebb0f1ef609ec419420c20e320ce94c65fbc8c3312448eb225";

    #[test]
    fn digests_match_the_sheet_and_hex_is_read_in_either_case() {
        for (method, hex) in [(DigestMethod::Md5, MD5), (DigestMethod::Sha256, SHA256)] {
            let mut hasher = Hasher::new(method);
            hasher.update(b"123456789");
            let digest = hasher.finish();
            assert_eq!(digest.to_string(), hex);
            assert_eq!(Digest::from_hex(method, &hex.to_uppercase()), Ok(digest));
        }
    }

    #[test]
    fn a_hasher_continues_after_a_power_cut_at_any_byte() {
        for method in [DigestMethod::Md5, DigestMethod::Sha256] {
            let image: Vec<u8> = (0..300_u32).map(|n| n as u8).collect();
            let mut whole = Hasher::new(method);
            whole.update(&image);
            let whole = whole.finish();
            for cut in 0..image.len() {
                let mut before = Hasher::new(method);
                before.update(&image[..cut]);
                let mut after = Hasher::restore(method, &before.save()).unwrap();
                after.update(&image[cut..]);
                assert_eq!(after.finish(), whole, "cut at {cut}");
            }
        }
    }

    #[test]
    fn a_damaged_state_is_an_error_not_a_panic() {
        assert!(Hasher::restore(DigestMethod::Sha256, &[]).is_err());
        assert!(Hasher::restore(DigestMethod::Sha256, &[0xFF; 112]).is_err());
        assert!(Hasher::restore(DigestMethod::Md5, &[0; 112]).is_err());
    }

    #[test]
    fn a_digest_of_the_wrong_length_or_alphabet_is_refused() {
        assert_eq!(
            Digest::from_hex(DigestMethod::Md5, SHA256),
            Err(DigestError::Length { method: DigestMethod::Md5, want: 32, found: 64 })
        );
        assert_eq!(
            Digest::from_hex(DigestMethod::Md5, &MD5.replace('f', "g")),
            Err(DigestError::Character { found: 'g' })
        );
    }
}
