//! The device decides: a sans-IO updater.
//!
//! otaru-core opens no socket, writes no flash, reads no clock and never reboots. It tells you when to.
//!
//! ```text
//! updater.handle(now, input)?;
//! while let Some(output) = updater.poll() { world.perform(output); }   // publish, fetch, store, save, activate…
//! world.wait_until(updater.poll_timeout());
//! ```
#![no_std]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod context;
mod io;
mod ledger;
mod policy;
mod progress;
mod record;
mod retry;
mod state;
mod timers;
mod updater;

pub use io::{
    Boot, Event, FetchError, Head, HealthVerdict, Input, Output, RequestId, SlotError, TaskSummary,
};
pub use policy::{Decision, Policy};
pub use record::{Record, RecordError};
pub use state::verifying::Verified;
pub use updater::{Error, Updater, UpdaterOptions};
