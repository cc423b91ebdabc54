//! The bytes both ends of otaru agree on.
//!
//! Neutral words first ([`Notice`], [`Report`], [`File`], [`Digest`], [`ByteRange`], the ids); then each vendor's
//! spelling of them ([`dialect`]), both directions of a message in one file; then MQTT sessions of both roles
//! ([`mqtt`]) that own no socket and read no clock.
//!
//! This crate opens nothing, stores nothing and decides nothing. It is `no_std` with `alloc`.
#![no_std]

extern crate alloc;
#[cfg(test)]
extern crate std;

pub mod dialect;
mod digest;
pub mod http_range;
mod ids;
pub mod mqtt;
mod notice;
mod report;
mod time;

pub use digest::{Digest, DigestError, DigestMethod, Hasher, HasherStateError};
pub use http_range::ByteRange;
pub use ids::{DeviceId, DeviceName, IdError, MessageId, Module, ProductKey, Version};
pub use notice::{File, MAX_FILES, MAX_URL_BYTES, Notice, NoticeError, Source};
pub use report::{Failure, Report, Step};
pub use time::Instant;
