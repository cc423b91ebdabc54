//! The device decides: a sans-IO updater.
//!
//! otaru-core opens no socket, writes no flash, reads no clock and never reboots. It tells you when to.
//!
//! ```text
//!            Input: connected, message, head, body, stored, saved, read back, health, decision, timer
//!   the doer ─────────────────────────────────────────────────────────────────────────▶ the decider
//!  (sockets,                                                                            ([`Updater`])
//!   flash,   ◀─────────────────────────────────────────────────────────────────────────
//!   clock)   Output: publish, fetch, store, save, read back, activate, reboot, confirm, event
//! ```
//!
//! A Task goes idle → offered → fetching → verifying → staged → trial → idle. Flash is input and output as well, so
//! a power cut is only an input that never comes: the [`Record`] last saved and the boot loader's word ([`Boot`])
//! say where to go on, and no byte that a saved Record covers is fetched again.
//!
//! What it promises:
//!
//! - Only bytes read back from the slot and hashed to the offered digests are activated: [`Output::Activate`] takes
//!   a [`Verified`], and nothing but that check can make one.
//! - Success is the report of the new version, after the new slot was confirmed by a health check. Without one the
//!   old slot comes back and the platform is told, once.
//! - No byte is stored before the answer's head was judged; a file that changed on the server is never mixed with
//!   what is stored.
//! - Every wait has an end, told by [`Updater::poll_timeout`]; only the user's decision and the platform's session
//!   are waited for without one. Retries are bounded, double their pauses and are spread by a seed.
//! - What a platform sends cannot make it panic, or grow by more than one notice for each module.
//!
//! # The loop
//!
//! Hand in what happened, do what comes out, in order, and come back when `poll_timeout` says so. Here is a whole
//! device in memory, updated by a platform that speaks the same dialect:
//!
//! ```
//! use std::collections::VecDeque;
//! use otaru_core::{Boot, Event, Head, HealthVerdict, Input, Output, Policy, Updater, UpdaterOptions};
//! use otaru_wire::{
//!     DeviceId, Digest, DigestMethod, File, Instant, Module, Notice, Source,
//!     dialect::{PlatformHalf, aliyun},
//! };
//!
//! let image = b"123456789";
//! let device = DeviceId { product: "a1Demo".parse()?, device: "pump-1".parse()? };
//! let notice = Notice {
//!     version: "2.0.0".parse()?,
//!     module: Module::default(),
//!     files: vec![File {
//!         name: None,
//!         size: 9,
//!         digest: Digest::from_hex(DigestMethod::Md5, "25f9e794323b453885f5181f1b624d0b")?,
//!         also: None,
//!         source: Source::Http { url: "http://files.example/a.bin".into() },
//!     }],
//!     delta: false,
//!     silent: false,
//!     extra: None,
//!     signature: None,
//!     terms: None,
//! };
//! let push = aliyun::Platform.write_notice(&device, 1_700_000_000_000, &notice)?;
//!
//! let options = UpdaterOptions { device, dialect: &aliyun::Device, policy: Policy::default(), seed: 7 };
//! let mut updater = Updater::new(options, None); // or the Record that was saved last
//! let (mut slot, mut next, mut updated) = (Vec::new(), None, None);
//! let running = vec![(Module::default(), "1.0.0".parse()?)];
//! let mut inputs = VecDeque::from([
//!     Input::Booted(Boot { running, trial: None, fell_back: None }),
//!     Input::Connected,
//!     Input::Message { topic: push.topic, payload: push.payload },
//! ]);
//! while let Some(input) = inputs.pop_front() {
//!     updater.handle(Instant(0), input)?;
//!     while let Some(output) = updater.poll() {
//!         match output {
//!             Output::Fetch { request, range, .. } => {
//!                 let (first, last) = (range.start, range.end - 1);
//!                 let headers = [("Content-Range", format!("bytes {first}-{last}/9"))].into();
//!                 inputs.push_back(Input::Head(request, Head { status: 206, headers }));
//!                 inputs.push_back(Input::Body(request, image[first as usize..=last as usize].to_vec()));
//!                 inputs.push_back(Input::FetchEnded(request, Ok(())));
//!             }
//!             Output::Prepare { .. } => slot.clear(),
//!             Output::Store { file, offset, bytes } => {
//!                 slot.extend_from_slice(&bytes);
//!                 inputs.push_back(Input::Stored { file, end: offset + bytes.len() as u64, result: Ok(()) });
//!             }
//!             Output::Save(_record) => inputs.push_back(Input::Saved(Ok(()))), // `_record.to_bytes()`, fsynced
//!             Output::ReadBack { file, range } => {
//!                 let bytes = slot[range.start as usize..range.end as usize].to_vec();
//!                 inputs.push_back(Input::ReadBack { file, offset: range.start, result: Ok(bytes) });
//!             }
//!             Output::Activate { module, version, .. } => {
//!                 next = Some((module, version));
//!                 inputs.push_back(Input::Activated(Ok(())));
//!             }
//!             Output::Reboot => {
//!                 let running: Vec<_> = next.take().into_iter().collect();
//!                 let trial = running.first().map(|(module, _): &(Module, _)| module.clone());
//!                 inputs.push_back(Input::Booted(Boot { running, trial, fell_back: None }));
//!             }
//!             Output::CheckHealth(_) => inputs.push_back(Input::Health(HealthVerdict::Healthy)),
//!             Output::Confirm(_) | Output::Revert(_) => inputs.push_back(Input::Settled(Ok(()))),
//!             Output::Event(Event::Updated { version, .. }) => updated = Some(version),
//!             Output::Event(event) => println!("{event:?}"),
//!             Output::Subscribe(_) | Output::Publish(_) => {} // to the platform
//!             Output::StopFetch(_) | Output::ForgetFallback(_) => {}
//!             Output::Call { .. } => {} // of dialects that are HTTP
//!             Output::DeliverConfig { request, .. } => {
//!                 inputs.push_back(Input::ConfigTaken(request, Err("nothing to configure".into())));
//!             }
//!         }
//!     }
//!     // A real doer waits here for the next input, at most until `updater.poll_timeout()`.
//! }
//! assert_eq!((updated, &slot[..]), (Some("2.0.0".parse()?), &image[..]));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![no_std]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod block_download;
mod config;
mod context;
mod download;
mod event;
mod gateway;
mod hashing;
mod io;
mod ledger;
mod policy;
mod progress;
mod record;
mod retry;
mod state;
mod state_code;
mod timers;
mod trouble;
mod updater;

pub use block_download::{BlockDownload, BlockDownloadError, BlockDownloadOptions, BlockDownloadOutput};
pub use download::{Download, DownloadError, DownloadInput, DownloadOptions, DownloadOutput};
pub use event::{ConfigSummary, Event, Protocol, TaskSummary};
pub use gateway::{Gateway, GatewayError, GatewayInput, GatewayOptions, GatewayOutput, GatewayPolicy};
pub use io::{Boot, FetchError, HealthVerdict, Input, Output, RequestId, SlotError};
pub use otaru_wire::http::Head;
pub use policy::{Decision, Policy};
pub use record::{Record, RecordError};
pub use retry::Spread;
pub use state::verifying::Verified;
pub use trouble::Trouble;
pub use updater::{Error, Updater, UpdaterOptions};
