//! OneNET of China Mobile IoT: device updates over HTTP, polled, with a notice over MQTT at most. Facts: the sheet onenet.
//!
//! Three generations of platforms share one flow and differ in paths, in how a Task is named and in the envelope of replies:
//! [`Generation`]. A device makes a [`crate::http::Call`] of an [`Ask`]; the platform reads it as a [`Request`], which tells
//! what is asked only for a proof ([`Signed::open`]), and answers with a [`Reply`] or, to a download, with a [`Download`],
//! which cannot hold a message; the device reads [`Reply`] and [`Heard`].
//!
//! What is written is what the vendor's own clients can take: compact JSON, at most 512 bytes with its head, title-case
//! header names, at most 10 headers (onenet §9). What is read is taken in every spelling that is known to be sent.
//!
//! A device asks for a Task, and there is none:
//!
//! ```
//! use otaru_wire::{
//!     DeviceId,
//!     dialect::onenet::{
//!         AccessKey, Ask, Check, Claim, Edition, Generation, Hardware, Kind, Method, Refusal, Reply, Request, Resource,
//!         read,
//!     },
//! };
//!
//! let device = DeviceId { product: "PrdTest001".parse()?, device: "meter-01".parse()? };
//! let key = AccessKey::from_base64("dGVzdC1rZXk=")?;
//! let resource = Resource::Device(device.clone());
//! let claim = Claim { edition: Edition::E2018, resource, expires_s: 2_524_579_200, method: Method::Sha256 };
//!
//! let check = Check { kind: Kind::Sota, running: "1.0.0".parse()?, hardware: Hardware::default() };
//! let call = Ask::Check(check.clone()).write(Generation::Fuse, &device, &claim.sign(&key))?;
//! assert_eq!(call.target, "/fuse-ota/PrdTest001/meter-01/check?type=2&version=1.0.0");
//!
//! let Some(Request::Signed(request)) = read(&call)? else { panic!("it is signed") };
//! let generation = request.generation;
//! let ask = request.open(&[key], 1_800_000_000)?;
//! assert_eq!(ask, Ask::Check(check));
//!
//! let answer = Reply::Refused(Refusal::NoTask).write(generation, "5b0f3a7c");
//! assert_eq!(answer.body, br#"{"code":12012,"msg":"not exist","request_id":"5b0f3a7c"}"#);
//! assert_eq!(Reply::read(generation, &ask, &answer)?, Reply::Refused(Refusal::NoTask));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod authorization;
mod body;
mod codes;
mod device;
mod download;
mod generation;
mod handle;
pub mod inform;
mod percent;
mod platform;
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
pub use body::MAX_BODY_BYTES;
pub use codes::Refusal;
pub use device::{DEVICE_FUSE, DEVICE_TID, DEVICE_TOKEN, Device, Expiry, Form, Signing};
pub use download::{Download, DownloadError, DownloadRefusal, Heard, Payload};
pub use generation::{Generation, Kind};
pub use handle::{Handle, Status, Token};
pub use platform::Platform;
pub use range::Portion;
pub use reply::{AnswerError, Reply};
pub use request::{
    Ask, AskError, Bearer, Check, Hardware, Rejection, Request, RequestError, Signed, Who, read, takes_body,
};
pub use return_code::{Local, ReturnCode};
pub use step::{DownloadFailure, Makes, Step, UpgradeFailure};
pub use task::{Task, TaskError, Terms};
pub use versions::Versions;

pub use crate::Limits;
