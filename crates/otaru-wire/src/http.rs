//! HTTP as values: what a device asks and what a platform answers. A doer carries them out with its library.
//!
//! Every header that matters stands in the value. A server adds at most `Date` and `Connection`, a client `Host` and
//! `Content-Length`.

use alloc::{string::String, vec::Vec};
use core::fmt;

/// What is done with a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// It is read.
    Get,
    /// It is given the body.
    Post,
}

/// Headers in their order. Names are found in any case; they are written as they stand here, because vendors' clients look
/// for them in one case (onenet §9 item 1).
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Headers(pub Vec<(String, String)>);

impl Headers {
    /// The value of the first header of that name.
    pub fn value(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// Adds a header behind the others.
    pub fn add(&mut self, name: &str, value: impl Into<String>) {
        self.0.push((name.into(), value.into()));
    }
}

impl<N: Into<String>, V: Into<String>, const LEN: usize> From<[(N, V); LEN]> for Headers {
    fn from(headers: [(N, V); LEN]) -> Self {
        Self(headers.into_iter().map(|(name, value)| (name.into(), value.into())).collect())
    }
}

impl fmt::Debug for Headers {
    /// Names only: a value may prove who somebody is.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|(name, _)| name)).finish()
    }
}

/// What is asked for.
#[derive(Clone, PartialEq, Eq)]
pub struct Call {
    /// What is done.
    pub method: Method,
    /// Path and query, from the first slash. A platform may be given an absolute form, too.
    pub target: String,
    /// The headers.
    pub headers: Headers,
    /// The body; empty if there is none.
    pub body: Vec<u8>,
}

impl fmt::Debug for Call {
    /// Without target and body: both may hold a secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call")
            .field("method", &self.method)
            .field("headers", &self.headers)
            .field("body_len", &self.body.len())
            .finish_non_exhaustive()
    }
}

/// An answer without its body.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Head {
    /// The status, 100 to 599.
    pub status: u16,
    /// The headers.
    pub headers: Headers,
}

impl Head {
    /// `Content-Length`, if it is there and a number.
    pub fn content_length(&self) -> Option<u64> {
        self.headers.value("Content-Length")?.trim_ascii().parse().ok()
    }

    /// True for 200 to 299.
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }
}

/// A whole answer.
#[derive(Clone, PartialEq, Eq)]
pub struct Answer {
    /// Status and headers.
    pub head: Head,
    /// The body. It is sent as one chunk if the headers say `Transfer-Encoding: chunked`.
    pub body: Vec<u8>,
}

impl fmt::Debug for Answer {
    /// Without the body: it may hold a secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answer")
            .field("head", &self.head)
            .field("body_len", &self.body.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::format;

    use super::*;

    #[test]
    fn a_header_is_found_in_any_case_and_the_first_counts() {
        let mut headers = Headers::default();
        headers.add("Ota-Errno", "0");
        headers.add("ota-errno", "5");
        assert_eq!(headers.value("OTA-ERRNO"), Some("0"));
        assert_eq!(headers.value("Ota"), None);
    }

    #[test]
    fn no_secret_shows_in_a_debug_text() {
        let mut headers = Headers::default();
        headers.add("Authorization", "s3cret");
        let call = Call {
            method: Method::Get,
            target: "/s3cret".into(),
            headers: headers.clone(),
            body: b"s3cret".to_vec(),
        };
        let answer = Answer { head: Head { status: 200, headers }, body: b"s3cret".to_vec() };
        let shown = format!("{call:?} {answer:?}");
        assert!(!shown.contains("s3cret") && shown.contains("Authorization"), "{shown}");
    }
}
