//! The bytes both ends of otaru agree on.
//!
//! Neutral words first ([`Notice`], [`Report`], [`File`], [`Digest`], [`ByteRange`], the ids); then each vendor's
//! spelling of them ([`dialect`]), both directions of a message in one file; then MQTT sessions of both roles
//! ([`mqtt`]) that own no socket and read no clock. Of HTTP there are words only ([`http`], [`http_range`]).
//!
//! This crate opens nothing, stores nothing and decides nothing. It is `no_std` with `alloc`.
//!
//! A device says what it runs, its platform hears it:
//!
//! ```
//! use otaru_wire::{
//!     DeviceId, Module, Report,
//!     dialect::{DeviceHalf, PlatformHalf, aliyun},
//! };
//!
//! let device = DeviceId { product: "a1DemoPk001".parse()?, device: "dev-one".parse()? };
//! let report = Report::Version { module: Module::default(), version: "1.0.0".parse()? };
//!
//! let message = aliyun::Device.write_report(&device, 1, &report).ok_or("no word for it")?;
//! assert_eq!(message.topic, "/ota/device/inform/a1DemoPk001/dev-one");
//! assert_eq!(message.payload, br#"{"id":1, "params":{"version":"1.0.0"}}"#);
//!
//! assert!(aliyun::Platform.may_publish(&device, &message.topic));
//! let heard = aliyun::Platform.read_report(&message.topic, &message.payload)?;
//! assert_eq!((heard.device, heard.report), (device, report));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![no_std]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod block;
mod config;
pub mod dialect;
mod digest;
mod gateway;
pub mod http;
pub mod http_range;
mod ids;
pub mod mqtt;
mod notice;
mod report;
mod task;
mod time;

pub use block::{Block, BlockError, BlockRequest, MAX_BLOCK_BYTES};
pub use config::{Config, NoConfig};
pub use digest::{Digest, DigestError, DigestMethod, Hasher, HasherStateError};
pub use gateway::{GatewayAnswer, GatewayRefusal, GatewayReport, MAX_SUB_DEVICES};
pub use http_range::ByteRange;
pub use ids::{DeviceId, DeviceName, IdError, MessageId, Module, ProductKey, Version};
pub use notice::{File, MAX_FILES, MAX_URL_BYTES, Notice, NoticeError, Source};
pub use report::{Failure, Report, Step};
pub use task::{Limits, TaskName, TaskTerms};
pub use time::Instant;
