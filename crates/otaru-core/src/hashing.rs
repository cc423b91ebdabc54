//! Hashes a file's bytes in one pass for each digest it must have: what the slot gives back is proven by all of them. While
//! bytes arrive, only the digest that the notice announces is computed, because each pass of another costs a download time.

use otaru_wire::{Digest, DigestMethod, File, Hasher};

/// The hashers of one file: one for its digest, and one for the second digest if the notice told one.
pub(crate) struct Hashing {
    first: Hasher,
    also: Option<Hasher>,
}

impl Hashing {
    /// No byte taken yet.
    pub(crate) fn new(file: &File) -> Self {
        let also = file.also.map(|digest| Hasher::new(digest.method()));
        Self { first: Hasher::new(file.digest.method()), also }
    }

    /// Takes the next bytes.
    pub(crate) fn update(&mut self, bytes: &[u8]) {
        self.first.update(bytes);
        if let Some(also) = &mut self.also {
            also.update(bytes);
        }
    }

    /// The first of the file's digests that its bytes do not hash to.
    pub(crate) fn mismatch(&self, file: &File) -> Option<Digest> {
        let pairs = [Some((&self.first, file.digest)), self.also.as_ref().zip(file.also)];
        let wrong = |(hasher, digest): &(&Hasher, Digest)| (*hasher).clone().finish() != *digest;
        pairs.into_iter().flatten().find(wrong).map(|(_, digest)| digest)
    }
}

/// A method's name, for people.
pub(crate) fn name(method: DigestMethod) -> &'static str {
    match method {
        DigestMethod::Md5 => "MD5",
        DigestMethod::Sha256 => "SHA-256",
    }
}

#[cfg(test)]
mod tests {
    use otaru_wire::Source;

    use super::*;

    // The digests of the nine bytes `123456789`, as the sheet prints them (aliyun-link-sdk-v4 §2.3).
    const MD5: &str = "25f9e794323b453885f5181f1b624d0b";
    const SHA256: &str = "15e2b0d3c33891ebb0f1ef609ec419420c20e320ce94c65fbc8c3312448eb225";

    fn file(also: Option<&str>) -> File {
        File {
            name: None,
            size: 9,
            digest: Digest::from_hex(DigestMethod::Sha256, SHA256).unwrap(),
            also: also.map(|hex| Digest::from_hex(DigestMethod::Md5, hex).unwrap()),
            source: Source::Http { url: "http://h/a".into() },
        }
    }

    fn mismatch(of: &File, bytes: &[u8]) -> Option<Digest> {
        let mut hashing = Hashing::new(of);
        bytes.chunks(4).for_each(|bytes| hashing.update(bytes));
        hashing.mismatch(of)
    }

    #[test]
    fn both_digests_are_proven_in_one_pass() {
        let both = file(Some(MD5));
        assert_eq!(mismatch(&both, b"123456789"), None);
        assert_eq!(mismatch(&both, b"12345678"), Some(both.digest));
        let wrong = file(Some(&MD5.replace('f', "0")));
        assert_eq!(mismatch(&wrong, b"123456789"), wrong.also, "the first digest fits, the second does not");
        assert_eq!(mismatch(&file(None), b"123456789"), None);
    }
}
