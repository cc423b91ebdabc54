//! OneNET of China Mobile IoT: device updates over HTTP, polled, with a notice over MQTT at most. Facts: the sheet onenet.
//!
//! Three generations of platforms share one flow and differ in paths, in how a Task is named and in the envelope of replies:
//! [`Generation`]. A device makes a [`crate::http::Call`] of an [`Ask`]; the platform reads it as a [`Request`], which tells
//! what is asked only for a proof ([`Signed::open`]), and answers with a [`Reply`] or, to a download, with a [`Download`],
//! which cannot hold a message; the device reads [`Reply`] and [`Heard`].
//!
//! What is written is what the vendor's own clients can take: compact JSON, at most 512 bytes with its head, title-case
//! header names, at most 10 headers (onenet §9). What is read is taken in every spelling that is known to be sent.

mod authorization;
mod body;
mod codes;
mod download;
mod generation;
pub mod inform;
mod percent;
mod range;
mod reply;
mod request;
mod return_code;
#[cfg(test)]
mod samples;
mod step;
mod task;
mod versions;

pub use authorization::{AccessKey, Authorization, AuthorizationError, Claim, Edition, Method, Resource};
pub use codes::Refusal;
pub use download::{Download, DownloadError, DownloadRefusal, Heard, Payload};
pub use generation::{Generation, Kind};
pub use range::Portion;
pub use reply::{AnswerError, Reply};
pub use request::{
    Ask, AskError, Bearer, Check, Hardware, Rejection, Request, RequestError, Signed, Who, read,
};
pub use return_code::{Local, ReturnCode};
pub use step::{DownloadFailure, Makes, Step, UpgradeFailure};
pub use task::{Handle, Limits, Status, Task, TaskError, Terms, Token};
pub use versions::Versions;
