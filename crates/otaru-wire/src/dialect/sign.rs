//! The HMAC by which everything is signed: three methods (aliyun-link-sdk-v4 §1.3, onenet §3.1).

use alloc::{format, string::String, vec::Vec};

use hmac::{Hmac, KeyInit, Mac};
use md5::Md5;
use sha1::Sha1;
use sha2::Sha256;

/// A hash to sign with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// 16 bytes.
    Md5,
    /// 20 bytes.
    Sha1,
    /// 32 bytes. Every SDK since v3 uses it.
    Sha256,
}

impl Method {
    /// The method of a `signmethod`.
    pub(super) fn from_name(name: &str) -> Option<Self> {
        [("hmacmd5", Method::Md5), ("hmacsha1", Method::Sha1), ("hmacsha256", Method::Sha256)]
            .into_iter()
            .find_map(|(known, method)| name.eq_ignore_ascii_case(known).then_some(method))
    }
}

/// HMAC-SHA256 as Aliyun's SDKs send it: 64 upper-case hex digits.
pub(super) fn hmac_sha256(secret: &str, signed: &str) -> String {
    hmac(Method::Sha256, secret.as_bytes(), signed).iter().map(|byte| format!("{byte:02X}")).collect()
}

/// The HMAC of `signed`: 16, 20 or 32 bytes.
pub(super) fn hmac(method: Method, key: &[u8], signed: &str) -> Vec<u8> {
    match method {
        Method::Md5 => mac::<Hmac<Md5>>(key, signed),
        Method::Sha1 => mac::<Hmac<Sha1>>(key, signed),
        Method::Sha256 => mac::<Hmac<Sha256>>(key, signed),
    }
}

fn mac<M: Mac + KeyInit>(key: &[u8], signed: &str) -> Vec<u8> {
    let Ok(mac) = M::new_from_slice(key) else {
        return Vec::new(); // cannot happen: HMAC takes keys of every length
    };
    mac.chain_update(signed).finalize().into_bytes().to_vec()
}

/// A signature that somebody sent, not yet checked.
pub(super) struct Proof {
    bytes: [u8; Proof::MAX_LEN],
    len: usize,
}

impl Proof {
    /// The longest signature, in bytes.
    const MAX_LEN: usize = 32;

    /// Reads hex digits of either case; none if they are not, or too many.
    pub(super) fn from_hex(hex: &str) -> Option<Self> {
        let (mut bytes, len) = ([0; Self::MAX_LEN], hex.len() / 2);
        if !hex.len().is_multiple_of(2) {
            return None;
        }
        for (byte, pair) in bytes.get_mut(..len)?.iter_mut().zip(hex.as_bytes().chunks_exact(2)) {
            for digit in pair {
                *byte = *byte << 4 | char::from(*digit).to_digit(16)? as u8;
            }
        }
        Some(Self { bytes, len })
    }

    /// Takes bytes as they are; none if they are too many.
    pub(super) fn from_bytes(signature: &[u8]) -> Option<Self> {
        let (mut bytes, len) = ([0; Self::MAX_LEN], signature.len());
        bytes.get_mut(..len)?.copy_from_slice(signature);
        Some(Self { bytes, len })
    }

    /// The method of a signature that names none: its length tells it.
    pub(super) fn likely_method(&self) -> Option<Method> {
        match self.len {
            16 => Some(Method::Md5),
            20 => Some(Method::Sha1),
            32 => Some(Method::Sha256),
            _ => None,
        }
    }

    /// True if it signs `signed` with `secret`. Takes the same time wherever a byte differs.
    pub(super) fn holds(&self, method: Method, secret: impl AsRef<[u8]>, signed: &str) -> bool {
        let secret = secret.as_ref();
        match method {
            Method::Md5 => self.verifies::<Hmac<Md5>>(secret, signed),
            Method::Sha1 => self.verifies::<Hmac<Sha1>>(secret, signed),
            Method::Sha256 => self.verifies::<Hmac<Sha256>>(secret, signed),
        }
    }

    fn verifies<M: Mac + KeyInit>(&self, secret: &[u8], signed: &str) -> bool {
        let Some(signature) = self.bytes.get(..self.len) else { return false };
        M::new_from_slice(secret).is_ok_and(|mac| mac.chain_update(signed).verify_slice(signature).is_ok())
    }
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use proptest::prelude::*;

    use super::*;

    /// Source: aliyun-link-sdk-v4 §1.6, the worked example of the registration's sign.
    #[test]
    fn it_signs_as_the_vendors_sdk_does() {
        let signed = "deviceNamedev-oneproductKeya1DemoPk001random123456789";
        let hex = hmac_sha256("ProdSecretDemo16", signed);
        assert_eq!(hex, "B4479F0F26A9D9FE4A8270758EC16A06F6B97964E8D658802F6527233A7A21B8");
        let proof = Proof::from_hex(&hex).unwrap();
        assert_eq!(proof.likely_method(), Some(Method::Sha256));
        assert!(proof.holds(Method::Sha256, "ProdSecretDemo16", signed));
        assert!(!proof.holds(Method::Sha1, "ProdSecretDemo16", signed));
        assert!(!proof.holds(Method::Sha256, "ProdSecretDemo17", signed));
    }

    #[test]
    fn a_part_of_a_signature_proves_nothing() {
        let hex = hmac_sha256("secret", "text");
        for len in 0..64 {
            let holds = |proof: Proof| proof.holds(Method::Sha256, "secret", "text");
            assert!(!Proof::from_hex(&hex[..len]).is_some_and(holds), "{len} digits");
        }
    }

    proptest! {
        #[test]
        fn hex_of_either_case_gives_the_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..=32)) {
            let hex: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            let hex = hex.concat();
            for hex in [hex.to_uppercase(), hex] {
                let proof = Proof::from_hex(&hex).unwrap();
                prop_assert_eq!(&proof.bytes[..proof.len], &bytes[..]);
            }
        }
    }
}
