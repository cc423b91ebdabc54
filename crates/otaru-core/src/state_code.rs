//! What happened as a state code of the aliyun dialect, for programs that know the vendor's SDK by its numbers.

use otaru_wire::{Failure, dialect::aliyun::StateCode};

use crate::{Event, FetchError, Trouble};

impl Event {
    /// The vendor's code for it (aliyun-link-sdk-v4 §5.7), where the vendor has one.
    pub fn state_code(&self) -> Option<StateCode> {
        Some(match self {
            Event::Verified => StateCode::OtaDigestMatch,
            Event::Failed { failure: Failure::Digest, .. } => StateCode::OtaDigestMismatch,
            Event::Fetching { offset: 1.., .. } => StateCode::DownloadRenewalRequestSent,
            Event::Fetched { end, size, .. } if end < size => StateCode::DownloadRangeFinished,
            Event::Fetched { .. } => StateCode::DownloadFinished,
            Event::LinkRefused { .. } => StateCode::DownloadHttprspCodeError,
            Event::Retrying { reason, .. } => return reason.state_code(),
            _ => return None,
        })
    }
}

impl Trouble {
    /// The vendor's code for it (aliyun-link-sdk-v4 §5.7), where the vendor has one.
    pub fn state_code(&self) -> Option<StateCode> {
        Some(match self {
            Trouble::Fetch(error) => return error.state_code(),
            Trouble::Silent | Trouble::EndedEarly => StateCode::DownloadRecvError,
            Trouble::Status(_) => StateCode::DownloadHttprspCodeError,
            Trouble::NoLength | Trouble::OtherRange(_) | Trouble::RangeIgnored => {
                StateCode::DownloadHttprspHeaderError
            }
            Trouble::TooMany => StateCode::DownloadFetchTooMany,
            // Blocks over MQTT have codes in a group of their own.
            Trouble::Block(_) | Trouble::NoBlock(_) | Trouble::NoHead | Trouble::FailedBefore(_) => {
                return None;
            }
            // Of other dialects.
            Trouble::Answer(_) | Trouble::File(_) | Trouble::Paused => return None,
        })
    }
}

impl FetchError {
    /// The vendor's code for it (aliyun-link-sdk-v4 §5.7), where this group of them has one: TLS has a group of its own.
    pub fn state_code(&self) -> Option<StateCode> {
        Some(match self {
            FetchError::BadUrl(_) => StateCode::OtaParseUrlHostIsNull,
            FetchError::Redirected => StateCode::DownloadHttprspCodeError,
            FetchError::Unreachable(_) => StateCode::DownloadSendRequestFailed,
            FetchError::Broken(_) => StateCode::DownloadRecvError,
            FetchError::NotTrusted(_) => return None,
        })
    }
}
