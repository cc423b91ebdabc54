//! Whole updates on a virtual clock: otaru-core, otaru-fleet and otaru-wire as they are, everything else simulated.
//!
//! ```text
//!   Updater ── doer ── session: delays, losses, repeats ── platform half ── fleet's decisions
//!                │     or calls: refused, lost before or after they were done
//!                │
//!                ├──── HTTP: ranges, statuses, breaks, stalls, replaced files; or blocks over the session: lost, damaged,
//!                │     late, twice, out of order
//!                └──── flash with a cache, two Record copies, boot markers, power cuts
//! ```
//!
//! A journey is its seed: the same seed gives the same steps on every machine, and no journey waits for a clock.
//! At every step the promises of [`Violation`] are checked. Some doers can be given a fault ([`Planted`]) to see that
//! the promises find it.
//!
//! What it does not simulate: MQTT packets (messages are delivered whole; the sessions have tests of their own in
//! otaru-wire), TLS, the agent's and the platform's own I/O.
//!
//! ```
//! use otaru_sim::{Form, random};
//!
//! let outcome = random(Form::ThreeFiles, 4711, None).expect("every promise holds");
//! assert!(outcome.steps > 0);
//! ```

mod blocks;
mod boot;
mod device;
mod flash;
mod form;
mod journey;
mod outside;
mod planted;
mod platform;
mod rng;
mod server;
mod violation;
mod watch;
mod weather;
mod world;

pub use form::{Form, UnknownForm};
pub use journey::{Broken, Cuts, Outcome, cut_at, cut_everywhere, random};
pub use planted::Planted;
pub use violation::Violation;
pub use watch::Lived;
