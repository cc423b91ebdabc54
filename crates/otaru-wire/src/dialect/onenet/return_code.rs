//! The one number by which the vendor's C reference tells how a call ended (onenet §7.1).
//!
//! | number | meaning |
//! | --- | --- |
//! | 0 | it is done |
//! | below 0 | it failed here: [`Local`] |
//! | 1 to 99 | the platform's `errno`, or the byte of a refused download |
//! | 100 to 599 | another HTTP status than 200 to 299 |
//! | 600 and above | a platform's code that breaks the convention (5116, 10403, 12012, 12013): it is passed on as it is |
//!
//! The last row is otaru's reading: the reference says of every number from 100 that it is an HTTP status.

use super::{AnswerError, DownloadError, DownloadRefusal, Generation, Reply};

/// Why a call failed before a platform answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(i32)]
pub enum Local {
    /// No memory; also an answer that cannot be read, or has no `errno`.
    NoMemory = -1,
    /// A wrong argument.
    InvalidParameter = -2,
    /// Wrong data.
    InvalidData = -3,
    /// Somebody else has it.
    Busy = -4,
    /// It was not started.
    Uninitialized = -5,
    /// It is being started.
    Initializing = -6,
    /// It was done before.
    Repetitive = -7,
    /// Input or output failed.
    Io = -8,
    /// It cannot be done here.
    NotSupported = -9,
    /// The system refuses.
    SystemControl = -10,
    /// The connection could not be made.
    Network = -11,
    /// The cloud failed.
    Cloud = -12,
    /// The time is over.
    Timeout = -13,
    /// The request could not be sent.
    RequestFailed = -14,
    /// A buffer is too small.
    Overflow = -15,
    /// Anything else.
    Others = -16,
}

impl Local {
    /// All of them, from −1 down.
    pub const ALL: [Local; 16] = [
        Local::NoMemory,
        Local::InvalidParameter,
        Local::InvalidData,
        Local::Busy,
        Local::Uninitialized,
        Local::Initializing,
        Local::Repetitive,
        Local::Io,
        Local::NotSupported,
        Local::SystemControl,
        Local::Network,
        Local::Cloud,
        Local::Timeout,
        Local::RequestFailed,
        Local::Overflow,
        Local::Others,
    ];
}

/// How a call ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ReturnCode {
    /// It is done.
    Done,
    /// It failed here.
    Local(Local),
    /// The platform refused with this number, never 0.
    Platform(u32),
    /// The platform answered with this HTTP status.
    Http(u16),
}

impl ReturnCode {
    /// The number that a C program is given. The platform's numbers beyond 2^31 − 1 are that.
    pub fn number(self) -> i32 {
        match self {
            ReturnCode::Done => 0,
            ReturnCode::Local(local) => local as i32,
            ReturnCode::Platform(number) => number.try_into().unwrap_or(i32::MAX),
            ReturnCode::Http(status) => status.into(),
        }
    }

    /// What a number means; none for one below −16.
    pub fn from_number(number: i32) -> Option<Self> {
        Some(match u32::try_from(number) {
            Ok(0) => ReturnCode::Done,
            Ok(status @ 100..=599) => ReturnCode::Http(status.try_into().ok()?),
            Ok(errno) => ReturnCode::Platform(errno),
            Err(_) => ReturnCode::Local(Local::ALL.into_iter().find(|local| *local as i32 == number)?),
        })
    }

    /// How a call ended whose answer was read. The reference says no memory of an answer that cannot be read.
    pub fn of(generation: Generation, read: &Result<Reply, AnswerError>) -> Self {
        match read {
            Ok(Reply::Refused(refusal)) => ReturnCode::Platform(refusal.number(generation)),
            Ok(_) => ReturnCode::Done,
            Err(AnswerError::Http { status }) => ReturnCode::Http(*status),
            Err(AnswerError::Unreadable(_)) => ReturnCode::Local(Local::NoMemory),
        }
    }

    /// How a download ended whose head gave no bytes. A refusal's `Ota-Errno` stands for the status beside it.
    pub fn of_download(error: &DownloadError) -> Self {
        match error {
            DownloadError::Refused(refusal) => ReturnCode::Platform(refusal.number(Generation::Fuse).into()),
            DownloadError::Http { status } => ReturnCode::Http(*status),
            DownloadError::Header { .. } | DownloadError::Message => ReturnCode::Local(Local::NoMemory),
        }
    }

    /// How a download of the first generation ended that gave one byte. The reference passes the byte on as it is: a digit
    /// is its ASCII number (onenet §4.3).
    pub fn of_byte(byte: u8) -> Option<Self> {
        DownloadRefusal::from_byte(byte).map(|_| ReturnCode::Platform(byte.into()))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::dialect::{ReadError, onenet::Refusal};

    /// Source: onenet §7.1.
    #[test]
    fn the_convention_of_the_c_reference_holds() {
        let of = |read| ReturnCode::of(Generation::Token, &read).number();
        assert_eq!(of(Ok(Reply::Done)), 0);
        assert_eq!(of(Ok(Reply::Refused(Refusal::NoTask))), 11);
        assert_eq!(of(Err(AnswerError::Http { status: 401 })), 401);
        assert_eq!(of(Err(AnswerError::Unreadable(ReadError::Malformed("x".into())))), -1);
        assert_eq!(ReturnCode::of_byte(3).unwrap().number(), 3);
        assert_eq!(ReturnCode::of_byte(b'3').unwrap().number(), 51);
        assert_eq!(ReturnCode::of_byte(0), None);
        assert_eq!(ReturnCode::of_download(&DownloadError::Http { status: 410 }).number(), 410);
        assert_eq!(ReturnCode::of_download(&DownloadError::Refused(DownloadRefusal::Over)).number(), 5);
        assert_eq!(Local::ALL.map(|local| local as i32), std::array::from_fn(|at| -(at as i32) - 1));
    }

    /// Source: onenet §7.1, the note on codes above 99.
    #[test]
    fn platform_codes_that_break_the_convention_are_passed_on_as_they_are() {
        for (generation, refusal, number) in [
            (Generation::Tid, Refusal::Quota, 5116),
            (Generation::Fuse, Refusal::NotAuthentic, 10403),
            (Generation::Fuse, Refusal::NoTask, 12012),
            (Generation::Fuse, Refusal::AlreadyThere, 12013),
        ] {
            let code = ReturnCode::of(generation, &Ok(Reply::Refused(refusal)));
            assert_eq!(code.number(), number);
            assert_eq!(ReturnCode::from_number(number), Some(code));
        }
        assert_eq!(ReturnCode::Platform(u32::MAX).number(), i32::MAX);
    }

    proptest! {
        #[test]
        fn every_number_means_what_comes_back_as_it(number in prop_oneof![-20..700_i32, any::<i32>()]) {
            match ReturnCode::from_number(number) {
                Some(code) => prop_assert_eq!(code.number(), number),
                None => prop_assert!(number < -16),
            }
        }
    }
}
