//! Hashes a file's bytes in one pass for each digest it must have.

use alloc::vec::Vec;

use otaru_wire::{Digest, DigestMethod, File, Hasher};

/// The hashers of one file: one for its digest, and one for the second digest if the notice told one.
#[derive(Clone)]
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

    /// The hashing whose states those are; none if they are of another method. A file whose second digest was not
    /// known when its first bytes came is hashed by it only when the slot is read back.
    pub(crate) fn restore(file: &File, state: &HashState) -> Option<Self> {
        let first = Hasher::restore(file.digest.method(), &state.first).ok()?;
        let also = match (&state.also, &file.also) {
            (Some(state), Some(digest)) => Some(Hasher::restore(digest.method(), state).ok()?),
            (Some(_), None) => return None,
            (None, _) => None,
        };
        Some(Self { first, also })
    }

    /// What [`Hashing::restore`] takes.
    pub(crate) fn save(&self) -> HashState {
        HashState { first: self.first.save(), also: self.also.as_ref().map(Hasher::save) }
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
        let second = self.also.as_ref().zip(file.also);
        let pairs = [Some((&self.first, file.digest)), second];
        let wrong = |(hasher, digest): &(&Hasher, Digest)| (*hasher).clone().finish() != *digest;
        pairs.into_iter().flatten().find(wrong).map(|(_, digest)| digest)
    }
}

/// The states of a file's hashers, for the Record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HashState {
    pub(crate) first: Vec<u8>,
    pub(crate) also: Option<Vec<u8>>,
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

    #[test]
    fn both_digests_are_computed_in_one_pass_that_a_power_cut_may_split() {
        let both = file(Some(MD5));
        let mut hashing = Hashing::new(&both);
        hashing.update(b"1234");
        let mut hashing = Hashing::restore(&both, &hashing.save()).unwrap();
        assert_eq!(hashing.mismatch(&both), Some(both.digest));
        hashing.update(b"56789");
        assert_eq!(hashing.mismatch(&both), None);
        let wrong = file(Some(&MD5.replace('f', "0")));
        assert_eq!(hashing.mismatch(&wrong), wrong.also, "the first digest fits, the second does not");
    }

    #[test]
    fn a_second_digest_that_comes_later_waits_for_the_next_whole_pass() {
        let mut hashing = Hashing::new(&file(None));
        hashing.update(b"123456789");
        let restored = Hashing::restore(&file(Some(MD5)), &hashing.save()).unwrap();
        assert_eq!(restored.mismatch(&file(Some(MD5))), None);
        let both = Hashing::new(&file(Some(MD5))).save();
        assert!(Hashing::restore(&file(None), &both).is_none(), "a state of more than the file has");
    }
}
