//! What the C libraries have in common: nothing here knows a vendor.
//!
//! A vendor's library is one crate beside this one (`otaru-capi-aiot` makes `libotaru_aiot`), because a crate has one
//! library. Each function of it does four things: check what came, convert it, call otaru, convert back.
//!
//! - [`guard`]: no panic crosses into C.
//! - [`Handles`]: what C holds is a number, looked up and never dereferenced, so an ended handle and a foreign pointer
//!   are refused.
//! - [`Calls`]: the end of an object waits for the calls under way on it.
//! - [`lock`]: what a call that panicked held locked stays usable.
//! - [`text`], [`out_text`]: C strings in and out, with bounds.
//! - [`Session`]: MQTT over TCP and TLS, driven by the program's own threads.
//!
//! Unsafe code is denied everywhere else in the workspace. Here each block says why it is sound.
#![allow(unsafe_code, reason = "C hands over pointers")]
#![deny(clippy::undocumented_unsafe_blocks, clippy::missing_safety_doc, unsafe_op_in_unsafe_fn)]

mod boundary;
mod calls;
mod handles;
mod lock;
mod session;
mod text;

pub use boundary::guard;
pub use calls::{Call, Calls};
pub use handles::Handles;
pub use lock::lock;
pub use session::{NoSession, OpenError, Session, Target};
pub use text::{TextError, bytes, out_text, text};
