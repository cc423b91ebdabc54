//! `libotaru_onenet`: programs written against `ota_api.h` of OneNET's all-in-one C SDK are rebuilt against otaru.
//! Facts: the sheet onenet, §7.1 unless another section is named. Its headers are in `include`.
//!
//! Both generations of the interface are here: `token.rs` has the first, `tid.rs` what a program gets that is built with
//! `CONFIG_TM`. They differ in their arguments only, so each has its own names for the linker, and `ota_api.h` chooses. What
//! they do is `session.rs`; nothing of the protocol is in this crate.
#![allow(unsafe_code, reason = "C hands over pointers")]
#![allow(unreachable_pub, reason = "C reaches what is exported by its name")]
#![deny(clippy::undocumented_unsafe_blocks, clippy::missing_safety_doc, unsafe_op_in_unsafe_fn)]

mod arguments;
mod dev_token;
mod fetched;
mod platform;
mod session;
mod tid;
mod token;
