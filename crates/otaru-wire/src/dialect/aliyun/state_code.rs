//! The state codes of the vendor's OTA reference (aliyun-link-sdk-v4 §5.7): what a program that was written for its C SDK
//! expects to be told, or to find in a log.
//!
//! This table is the one place for each code; `docs/state-codes.md` prints it, and a test compares the two. What makes a
//! code of what happened stands beside what happened: here for reading and publishing, in otaru-core for downloads.

use core::fmt;

use crate::{DigestError, NoticeError, dialect::ReadError, mqtt::PublishError};

/// How otaru comes to a state code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// It yields the code, and from what.
    When(&'static str),
    /// It cannot, and why.
    Never(&'static str),
}

use Reach::{Never, When};

const NO_NULL: &str = "what is called exists: a value in Rust is never null";
const OPTION: &str = "an option has a type, and no type here has a null";
const NO_SESSION: &str = "a report is a value until there is a session; one that cannot be sent is −0x0902";
const ALWAYS_NAMED: &str = "a `DeviceId` has both names";

macro_rules! state_codes {
    ($($number:literal $code:ident $name:literal $meaning:literal $reach:expr;)*) => {
        /// A state code of the vendor's OTA reference. All are negative numbers, printed as the SDK prints them: `-0x0901`.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[repr(i32)]
        pub enum StateCode {
            $(#[doc = concat!("−", stringify!($number), ", `STATE_", $name, "`: ", $meaning, ".")]
            $code = -$number,)*
        }

        impl StateCode {
            /// Every code of the reference, in its order.
            pub const ALL: &[StateCode] = &[$(StateCode::$code),*];

            /// The vendor's name for it, with the `STATE_` that each has in front.
            pub fn name(self) -> &'static str {
                match self { $(StateCode::$code => concat!("STATE_", $name),)* }
            }

            /// What it tells.
            pub fn meaning(self) -> &'static str {
                match self { $(StateCode::$code => $meaning,)* }
            }

            /// From what otaru yields it, or why it cannot.
            pub fn reach(self) -> Reach {
                match self { $(StateCode::$code => $reach,)* }
            }
        }
    };
}

state_codes! {
    0x0900 OtaBase "OTA_BASE" "where the group begins" Never("it marks the group and tells nothing");
    0x0901 OtaDigestMatch "OTA_DIGEST_MATCH" "a file is complete and its digest is right"
        When("`Event::Verified`: every file, read back from its slot, hashes to its digest");
    0x0902 OtaReportFailed "OTA_REPORT_FAILED" "a report or a query could not be published"
        When("`PublishError`: no session, or a message that cannot be sent");
    0x0903 DownloadRecvError "DOWNLOAD_RECV_ERROR" "bytes could not be received; a new request follows"
        When("`Event::Retrying`: the connection broke, went silent or ended early");
    0x0904 OtaDigestMismatch "OTA_DIGEST_MISMATCH" "a file is complete and its digest is wrong"
        When("`Event::Failed` with `Failure::Digest`, after one more try from zero");
    0x0905 OtaParseJsonError "OTA_PARSE_JSON_ERROR" "a key is missing in a message, or the message cannot be read"
        When("`ReadError`: no JSON, a field that is missing or of the wrong kind, a rule broken");
    0x0906 DownloadSendRequestFailed "DOWNLOAD_SEND_REQUEST_FAILED" "the request for a file could not be sent"
        When("`FetchError::Unreachable`: no address, no connection");
    0x0907 DownloadRangeFinished "DOWNLOAD_RANGE_FINISHED" "a range is complete and its file is not"
        When("`Event::Fetched` before the file's end, if the policy bounds ranges");
    0x0908 OtaParseJsonMallocFailed "OTA_PARSE_JSON_MALLOC_FAILED" "no memory to read a message"
        Never("a message is bounded before it is read; a device without that much memory ends in its allocator");
    0x0909 OtaDeinitHandleIsNull "OTA_DEINIT_HANDLE_IS_NULL" "an OTA handle that is null was ended" Never(NO_NULL);
    0x090A OtaSetoptHandleIsNull "OTA_SETOPT_HANDLE_IS_NULL" "an option was set on no OTA handle" Never(NO_NULL);
    0x090B OtaSetoptDataIsNull "OTA_SETOPT_DATA_IS_NULL" "an OTA option was set to null" Never(OPTION);
    0x090C DownloadDeinitHandleIsNull "DOWNLOAD_DEINIT_HANDLE_IS_NULL" "a download handle that is null was ended" Never(NO_NULL);
    0x090D DownloadSetoptHandleIsNull "DOWNLOAD_SETOPT_HANDLE_IS_NULL" "an option was set on no download handle" Never(NO_NULL);
    0x090E DownloadSetoptDataIsNull "DOWNLOAD_SETOPT_DATA_IS_NULL" "a download option was set to null" Never(OPTION);
    0x090F DownloadSetoptCopiedDataIsNull "DOWNLOAD_SETOPT_COPIED_DATA_IS_NULL" "a download option could not be copied" Never(OPTION);
    0x0910 OtaReportHandleIsNull "OTA_REPORT_HANDLE_IS_NULL" "a version was reported by no OTA handle" Never(NO_NULL);
    0x0911 OtaReportVersionIsNull "OTA_REPORT_VERSION_IS_NULL" "no version was reported"
        Never("a `Version` has 1 to 64 characters");
    0x0912 OtaReportMqttHandleIsNull "OTA_REPORT_MQTT_HANDLE_IS_NULL" "a version was reported without a session" Never(NO_SESSION);
    0x0913 OtaReportExtHandleIsNull "OTA_REPORT_EXT_HANELD_IS_NULL" "a sub-device's version was reported by no OTA handle (the vendor spells it so)" Never(NO_NULL);
    0x0914 OtaReportExtVersionNull "OTA_REPORT_EXT_VERSION_NULL" "no version of a sub-device was reported"
        Never("a `Version` has 1 to 64 characters");
    0x0915 OtaReportExtProductKeyIsNull "OTA_REPORT_EXT_PRODUCT_KEY_IS_NULL" "a sub-device without a product key" Never(ALWAYS_NAMED);
    0x0916 OtaReportExtDeviceNameIsNull "OTA_REPORT_EXT_DEVICE_NAME_IS_NULL" "a sub-device without a name" Never(ALWAYS_NAMED);
    0x0917 OtaReportExtMqttHandleIsNull "OTA_REPORT_EXT_MQTT_HANDLE_IS_NULL" "a sub-device's version was reported without a session" Never(NO_SESSION);
    0x0918 DownloadReportHandleIsNull "DOWNLOAD_REPORT_HANDLE_IS_NULL" "progress was reported by no download handle" Never(NO_NULL);
    0x0919 DownloadReportTaskDescIsNull "DOWNLOAD_REPORT_TASK_DESC_IS_NULL" "progress was reported of no task"
        Never("only a state that holds its Task reports progress");
    0x091A DownloadRecvHandleIsNull "DOWNLOAD_RECV_HANDLE_IS_NULL" "bytes were received by no download handle" Never(NO_NULL);
    0x091B DownloadRequestHandleIsNull "DOWNLOAD_REQUEST_HANDLE_IS_NULL" "a file was asked for by no download handle" Never(NO_NULL);
    0x091C DownloadRequestTaskDescIsNull "DOWNLOAD_REQUEST_TASK_DESC_IS_NULL" "a file of no task was asked for"
        Never("only a state that holds its Task fetches");
    0x091D DownloadRequestUrlIsNull "DOWNLOAD_REQUEST_URL_IS_NULL" "a file without a link was asked for"
        Never("a file without a source is refused when its notice is read: −0x0905");
    0x091E OtaUnknownDigestMethod "OTA_UNKNOWN_DIGEST_METHOD" "a file's digest has a method that is not known"
        When("`ReadError::Digest` with `DigestError::UnknownMethod`, before a byte is fetched");
    0x091F DownloadFinished "DOWNLOAD_FINISHED" "all bytes of a file are here, right or wrong"
        When("`Event::Fetched` at the file's end");
    0x0920 DownloadHttprspCodeError "DOWNLOAD_HTTPRSP_CODE_ERROR" "the server answered with another status than 200 or 206"
        When("`Event::LinkRefused`, or `Event::Retrying` with the status; redirects are followed first");
    0x0921 DownloadHttprspHeaderError "DOWNLOAD_HTTPRSP_HEADER_ERROR" "the server's answer lacks its length"
        When("`Event::Retrying`: no `Content-Length`, or a range that was not asked for");
    0x0922 DownloadRenewalRequestSent "DOWNLOAD_RENEWAL_REQUEST_SENT" "a new request goes on where the bytes ended"
        When("`Event::Fetching` with an offset above 0");
    0x0923 DownloadSetoptMallocSha256CtxFailed "DOWNLOAD_SETOPT_MALLOC_SHA256_CTX_FAILED" "no memory for a SHA-256"
        Never("a hasher is a value within its state: nothing is allocated");
    0x0924 DownloadSetoptMallocMd5CtxFailed "DOWNLOAD_SETOPT_MALLOC_MD5_CTX_FAILED" "no memory for an MD5"
        Never("a hasher is a value within its state: nothing is allocated");
    0x0925 OtaParseUrlHostIsNull "OTA_PARSE_URL_HOST_IS_NULL" "the link has no host"
        When("`FetchError::BadUrl`: not an http or https link with a host");
    0x0926 OtaParseUrlPathIsNull "OTA_PARSE_URL_PATH_IS_NULL" "the link has no path"
        Never("a link without a path asks for `/`, as HTTP says");
    0x0927 DownloadFetchTooMany "DOWNLOAD_FETCH_TOO_MANY" "more bytes came than were announced"
        When("`Event::Retrying`; none of them is stored");
    0x0928 OtaQueryFirmwareHandleIsNull "OTA_QUERY_FIRMWARE_HANDLE_IS_NULL" "a query by no OTA handle" Never(NO_NULL);
    0x0929 OtaHostStringOverflow "OTA_HOST_STRING_OVERFLOW" "the link's host is too long"
        Never("only the whole link is bounded; a host too long for any resolver is −0x0906");
    0x092A OtaPathStringOverflow "OTA_PATH_STRING_OVERFLOW" "the link's path is too long"
        When("`NoticeError::UrlTooLong`: a link over 8 KiB");
}

impl StateCode {
    /// Its number: −0x0900 to −0x092A.
    pub fn number(self) -> i32 {
        self as i32
    }

    /// The code of that number; none if there is no such code in this group.
    pub fn from_number(number: i32) -> Option<Self> {
        Self::ALL.iter().copied().find(|code| code.number() == number)
    }

    /// What the SDK would say of a message that cannot be read. None where it has no code: a block, a step, a topic.
    pub fn of_reading(error: &ReadError) -> Option<Self> {
        Some(match error {
            ReadError::Digest(DigestError::UnknownMethod) => Self::OtaUnknownDigestMethod,
            ReadError::Notice(NoticeError::UrlTooLong { .. }) => Self::OtaPathStringOverflow,
            ReadError::TooLong { .. }
            | ReadError::TooDeep { .. }
            | ReadError::Malformed(_)
            | ReadError::Id(_)
            | ReadError::Digest(_)
            | ReadError::Notice(_) => Self::OtaParseJsonError,
            ReadError::Step { .. } | ReadError::UnknownTopic | ReadError::Block(_) => return None,
        })
    }

    /// What the SDK logs of a report that cannot be published, whatever the reason.
    pub fn of_publishing(_error: &PublishError) -> Self {
        Self::OtaReportFailed
    }
}

impl fmt::Display for StateCode {
    /// As the SDK prints it: `-0x0901`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "-{:#06x}", self.number().unsigned_abs())
    }
}

#[cfg(test)]
mod tests;
