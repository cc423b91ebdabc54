//! How requests name a Task, and the number of its state.

use alloc::{format, string::String};
use core::fmt;

use super::Generation;
use crate::{
    IdError, TaskName,
    dialect::{
        ReadError,
        json::{self, Scalar},
    },
};

/// A Task's token: who has it may fetch the Task's file. Lives for [`Token::LIFE_S`].
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Token(String);

impl Token {
    /// How long a token is good after it was given: 2 days, in seconds (§1, §6).
    pub const LIFE_S: u64 = 48 * 60 * 60;

    /// The longest one read, in bytes. The vendor's own C client has room for 27 (§9 item 8).
    const MAX_BYTES: usize = 64;

    /// `ota_` and 20 letters and digits, as the vendor's platform gives them. `random` must not be guessable.
    pub fn from_random(random: [u8; 20]) -> Self {
        const LETTERS: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
        let letters = random.iter().filter_map(|byte| LETTERS.get(usize::from(*byte) % LETTERS.len()));
        Self("ota_".chars().chain(letters.map(|letter| char::from(*letter))).collect())
    }

    /// Takes a text of 1 to 64 letters, digits and `_`.
    ///
    /// # Errors
    /// [`IdError`] if it is none; its text is not told.
    pub fn new(text: impl Into<String>) -> Result<Self, IdError> {
        let (text, what) = (text.into(), "token");
        if text.is_empty() {
            return Err(IdError::Empty { what });
        }
        if text.len() > Self::MAX_BYTES {
            return Err(IdError::TooLong { what, len: text.len(), max: Self::MAX_BYTES });
        }
        match text.chars().find(|c| !c.is_ascii_alphanumeric() && *c != '_') {
            Some(found) => Err(IdError::Character { what, found, allowed: "_" }),
            None => Ok(Self(text)),
        }
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token")
    }
}

/// How a Task is named in requests.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Handle {
    /// By its token, in the first generation.
    Token(Token),
    /// By its number, in the others.
    Tid(u32),
}

impl Handle {
    /// The neutral name of the Task.
    ///
    /// # Errors
    /// [`IdError`] never, for every token and tid is a name; their types do not know.
    pub fn name(&self) -> Result<TaskName, IdError> {
        match self {
            Handle::Token(token) => TaskName::new(token.as_str()),
            Handle::Tid(tid) => TaskName::new(format!("{tid}")),
        }
    }

    /// The Task of that name in that generation; none if it has no such names.
    pub fn of(name: &TaskName, generation: Generation) -> Option<Self> {
        match generation {
            Generation::Token => Token::new(name.as_str()).ok().map(Handle::Token),
            Generation::Tid | Generation::Fuse => name.as_str().parse().ok().map(Handle::Tid),
        }
    }
}

/// A Task's state, as the second and third generation number it (§6).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Status {
    /// It waits for its device.
    Waiting = 1,
    /// Its device fetches.
    Downloading = 2,
    /// Its device installs.
    Upgrading = 3,
    /// It is done.
    Succeeded = 4,
    /// It failed.
    Failed = 5,
    /// It was canceled.
    Canceled = 6,
}

impl Status {
    /// All of them, by number.
    pub const ALL: [Status; 6] = [
        Status::Waiting,
        Status::Downloading,
        Status::Upgrading,
        Status::Succeeded,
        Status::Failed,
        Status::Canceled,
    ];

    /// Its number: 1 to 6.
    pub fn number(self) -> u8 {
        self as u8
    }

    pub(super) fn read(number: &Scalar) -> Result<Self, ReadError> {
        let known = Self::ALL.into_iter().find(|status| Some(status.number().into()) == number.number());
        known.ok_or_else(|| json::malformed("status is not 1 to 6"))
    }
}

#[cfg(test)]
mod tests {
    use std::format;

    use super::*;

    /// Source: onenet §9 item 8: a longer token overflows the vendor's C client.
    #[test]
    fn a_token_has_24_characters_is_not_shown_and_cannot_break_out_of_a_path() {
        let token = Token::from_random(std::array::from_fn(|at| at as u8 * 13));
        assert!(token.as_str().starts_with("ota_") && token.as_str().len() == 24, "{}", token.as_str());
        assert_eq!(Token::new(token.as_str()), Ok(token.clone()));
        assert!(!format!("{:?}", Handle::Token(token)).contains("ota_"));
        for text in ["", "ota_/../x", "ota_%2F", "ota x", &"a".repeat(65)] {
            assert!(Token::new(text).is_err(), "{text}");
        }
    }

    #[test]
    fn every_handle_comes_back_from_its_neutral_name() {
        let token = Handle::Token(Token::from_random([61; 20]));
        assert_eq!(Handle::of(&token.name().unwrap(), Generation::Token), Some(token));
        for tid in [0, 900_017, u32::MAX] {
            let handle = Handle::Tid(tid);
            assert_eq!(Handle::of(&handle.name().unwrap(), Generation::Fuse), Some(handle));
        }
        let name = |text: &str| TaskName::new(text).unwrap();
        assert_eq!(Handle::of(&name("4294967296"), Generation::Tid), None);
        assert_eq!(Handle::of(&name("ota-1"), Generation::Token), None);
    }

    /// Source: onenet §6.
    #[test]
    fn a_state_is_one_of_six_numbers_quoted_or_not() {
        for (at, status) in Status::ALL.into_iter().enumerate() {
            assert_eq!(usize::from(status.number()), at + 1);
            assert_eq!(Status::read(&Scalar::Unsigned(status.number().into())), Ok(status));
            assert_eq!(Status::read(&Scalar::Text(format!("{}", at + 1))), Ok(status));
        }
        for other in
            [Scalar::Unsigned(0), Scalar::Unsigned(7), Scalar::Negative(-1), Scalar::Text("x".into())]
        {
            assert!(Status::read(&other).is_err(), "{other:?}");
        }
    }
}
